//! JSON Web Tokens that others have signed: whose key, whose claims, and whether both fit. Source: RFC 7515 (JWS), RFC
//! 7519 (JWT), RFC 8725 (best current practices).
//!
//! Nothing here knows what a token is for. Whoever takes one says whose it has to be, by its [`IssuerKeys`], and judges
//! its [`Claims`].

mod bearer;
mod claims;
mod error;
mod fetch;
mod issuer;
mod issuer_keys;
mod keys;
mod token;

pub use self::bearer::{MAX_TOKEN_BYTES, bearer_token};
pub use self::claims::Claims;
pub use self::error::{KeysUnavailable, NotVerified, TokenError};
pub use self::fetch::{FetchError, FetchKeys, HttpKeys};
pub use self::issuer::{Issuer, KeysAt, secure_url};
pub use self::issuer_keys::IssuerKeys;
pub use self::keys::{KeySet, SigningAlgorithm};
pub use self::token::Unverified;

//! A signed token, taken apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::keys::Wanted;
use super::{Claims, SigningAlgorithm, TokenError};

/// A token as it came: nothing in it is to be believed. Has no `Debug`, so that no token gets into a log.
pub struct Unverified<'a> {
    algorithm: SigningAlgorithm,
    key_id: Option<String>,
    claims: Claims,
    /// What is signed.
    message: &'a str,
    signature: &'a str,
}

/// What of the header matters. Keys, and addresses of keys, that a token brings along are not looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// Takes it apart.
    pub fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::NoJwt)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::NoJwt)?;
        let header: Header = decode(header)?;
        let algorithm = SigningAlgorithm::from_name(&header.alg).ok_or(TokenError::Algorithm)?;
        if header.crit.is_some() {
            return Err(TokenError::CriticalExtension);
        }
        Ok(Self { algorithm, key_id: header.kid, claims: Claims::new(decode(claims)?), message, signature })
    }

    /// The issuer that it says it has.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.issuer()
    }

    /// How it says it is signed.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The key that it says it is signed with.
    pub(super) fn key(&self) -> Wanted<'_> {
        Wanted { id: self.key_id.as_deref(), algorithm: self.algorithm }
    }

    /// Its claims, if it is signed with the key.
    pub(super) fn verify(self, key: &DecodingKey) -> Result<Claims, TokenError> {
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm.library()) {
            Ok(true) => Ok(self.claims),
            // An error is a signature or a key that cannot even be read.
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::NoJwt)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::NoJwt)
}

//! Why a token is not accepted.

use domain::problem::ProblemType;
use lambda::jwt::{MAX_TOKEN_BYTES, TokenError};

use crate::claims::{MAX_GROUP_BYTES, MAX_GROUPS};

/// Why a token is not accepted, and what to do about it. Says nothing that is in the token: it gets into answers and
/// logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("send one bearer token in the header Authorization")]
    Missing,
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes; ask for one with fewer claims")]
    TooLong,
    #[error("the token is no signed JWT; send the token as your identity provider issued it")]
    NoJwt,
    #[error("the token is signed in a way that is not accepted; RS256, ES256 and EdDSA are")]
    Algorithm,
    #[error("the token insists on an extension (`crit`) that is not known here; ask for one without")]
    CriticalExtension,
    #[error("the token is not from an issuer that is trusted here; sign in with your organisation's identity provider")]
    Issuer,
    #[error(
        "the token is signed with a key that its issuer does not publish; sign in again, and if that does not help, in a minute"
    )]
    UnknownKey,
    #[error("the token's algorithm does not fit the key that it names; sign in again")]
    KeyType,
    #[error("the token's signature does not fit its content; sign in again")]
    Signature,
    #[error("the token has expired; sign in again")]
    Expired,
    #[error("the token is not valid yet; wait, or have the clock of its issuer checked")]
    NotYetValid,
    #[error("the token is for somebody else; ask for one with the audience `{expected}`")]
    Audience { expected: String },
    #[error("the token lacks the claim `{claim}`, or it cannot be used; have the identity provider put it in")]
    Claim { claim: String },
    #[error("the token's e-mail address is not verified; verify it with the identity provider and sign in again")]
    EmailNotVerified,
    #[error(
        "the token's claim `{claim}` has to be a list of at most {MAX_GROUPS} texts of at most {MAX_GROUP_BYTES} bytes; have the identity provider put in only the groups that matter here"
    )]
    Groups { claim: String },
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Missing => Self::Missing,
            TokenError::TooLong => Self::TooLong,
            TokenError::NoJwt => Self::NoJwt,
            TokenError::Algorithm => Self::Algorithm,
            TokenError::CriticalExtension => Self::CriticalExtension,
            TokenError::UnknownKey => Self::UnknownKey,
            TokenError::KeyType => Self::KeyType,
            TokenError::Signature => Self::Signature,
            TokenError::Expired => Self::Expired,
            TokenError::NotYetValid => Self::NotYetValid,
            TokenError::Claim { claim } => Self::Claim { claim },
        }
    }
}

impl Refusal {
    /// The problem that it is to the caller.
    pub(crate) const fn problem_type(&self) -> ProblemType {
        match self {
            Self::Missing => ProblemType::TokenMissing,
            Self::Expired => ProblemType::TokenExpired,
            Self::TooLong
            | Self::NoJwt
            | Self::Algorithm
            | Self::CriticalExtension
            | Self::Issuer
            | Self::UnknownKey
            | Self::KeyType
            | Self::Signature
            | Self::NotYetValid
            | Self::Audience { .. }
            | Self::Claim { .. }
            | Self::EmailNotVerified
            | Self::Groups { .. } => ProblemType::TokenInvalid,
        }
    }
}

//! Why a token is not accepted.

use super::MAX_TOKEN_BYTES;

/// What is wrong with a token. Says nothing that is in the token: it gets into answers and logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("there is no bearer token")]
    Missing,
    /// It has too many bytes.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// It cannot be taken apart.
    #[error("the token is no signed JWT")]
    NoJwt,
    /// Its algorithm is none of [`SigningAlgorithm`](super::SigningAlgorithm).
    #[error("the token is signed in a way that is not accepted")]
    Algorithm,
    /// It insists on something that is not known here.
    #[error("the token insists on an extension (`crit`) that is not known here")]
    CriticalExtension,
    /// Its issuer has no such key.
    #[error("the token is signed with a key that its issuer does not publish")]
    UnknownKey,
    /// The key is for another algorithm.
    #[error("the token's algorithm does not fit the key that it names")]
    KeyType,
    /// It was changed, or somebody else has signed it.
    #[error("the token's signature does not fit its content")]
    Signature,
    /// Its time has passed.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim is missing or cannot be used.
    #[error("the token lacks the claim `{claim}`, or it cannot be used")]
    Claim {
        /// Which.
        claim: String,
    },
}

/// The issuer has not said its keys for longer than is tolerable, so that no token of it can be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to get the keys of {issuer}")]
pub struct KeysUnavailable {
    /// The issuer's name.
    pub issuer: String,
}

/// Why there are no claims.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The token is not accepted.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// The token cannot be judged.
    #[error(transparent)]
    KeysUnavailable(#[from] KeysUnavailable),
}

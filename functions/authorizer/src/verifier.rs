//! Verifying a call's token.

use domain::person::Principal;
use domain::ports::Clock;
use lambda::jwt::{self, FetchKeys, IssuerKeys, KeysUnavailable, TokenError, Unverified};

use crate::bearer::AuthorizerEvent;
use crate::claims::caller;
use crate::issuer::TrustedIssuer;
use crate::refusal::Refusal;

/// Verifies tokens against the trusted issuers.
pub(crate) struct Verifier<F, C> {
    issuers: Vec<(TrustedIssuer, IssuerKeys)>,
    fetch: F,
    clock: C,
}

/// Why nobody is vouched for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVerified {
    /// The token is not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The token cannot be judged.
    #[error(transparent)]
    KeysUnavailable(#[from] KeysUnavailable),
}

impl From<TokenError> for NotVerified {
    fn from(error: TokenError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<jwt::NotVerified> for NotVerified {
    fn from(error: jwt::NotVerified) -> Self {
        match error {
            jwt::NotVerified::Refused(error) => error.into(),
            jwt::NotVerified::KeysUnavailable(error) => error.into(),
        }
    }
}

impl<F: FetchKeys, C: Clock> Verifier<F, C> {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>, fetch: F, clock: C) -> Self {
        let issuers = issuers.into_iter().map(|trusted| {
            let keys = IssuerKeys::new(trusted.issuer.clone());
            (trusted, keys)
        });
        Self { issuers: issuers.collect(), fetch, clock }
    }

    /// The caller.
    pub(crate) async fn verify(&self, event: &AuthorizerEvent) -> Result<Principal, NotVerified> {
        let token = Unverified::parse(event.token()?)?;
        // The issuer that the token names decides only whose keys it is held to.
        let (trusted, keys) = token
            .issuer()
            .and_then(|name| self.issuers.iter().find(|(trusted, _)| trusted.issuer.name == name))
            .ok_or(Refusal::Issuer)?;
        let claims = keys.verify(token, &self.fetch, &self.clock).await?;
        Ok(caller(&claims, trusted, self.clock.now())?)
    }
}

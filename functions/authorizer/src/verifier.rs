//! Verifying a call's token.

use domain::person::Principal;
use domain::ports::Clock;

use crate::bearer::AuthorizerEvent;
use crate::issuer::TrustedIssuer;
use crate::key_cache::{KeyCache, KeysUnavailable};
use crate::key_fetch::FetchKeys;
use crate::keys::Lookup;
use crate::refusal::Refusal;
use crate::token::Unverified;

/// Verifies tokens against the trusted issuers.
pub(crate) struct Verifier<F, C> {
    issuers: Vec<(TrustedIssuer, KeyCache)>,
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

impl<F: FetchKeys, C: Clock> Verifier<F, C> {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>, fetch: F, clock: C) -> Self {
        let issuers = issuers.into_iter().map(|issuer| (issuer, KeyCache::default())).collect();
        Self { issuers, fetch, clock }
    }

    /// The caller.
    pub(crate) async fn verify(&self, event: &AuthorizerEvent) -> Result<Principal, NotVerified> {
        let token = Unverified::parse(event.token()?)?;
        // The issuer that the token names decides only whose keys it is held to.
        let (issuer, keys) = token
            .issuer()
            .and_then(|name| self.issuers.iter().find(|(issuer, _)| issuer.name == name))
            .ok_or(Refusal::Issuer)?;
        let key = match keys.find(issuer, token.key(), &self.fetch, &self.clock).await? {
            Lookup::Key(key) => key,
            Lookup::OtherAlgorithm => return Err(Refusal::KeyType.into()),
            Lookup::Unknown => return Err(Refusal::UnknownKey.into()),
        };
        Ok(token.verify(&key)?.caller(issuer, self.clock.now())?)
    }
}

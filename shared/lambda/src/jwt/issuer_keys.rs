//! An issuer's keys, remembered.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use domain::ports::Clock;
use domain::time::Timestamp;
use tokio::sync::Mutex;

use super::keys::{Lookup, Wanted};
use super::{Claims, FetchKeys, Issuer, KeySet, KeysUnavailable, NotVerified, TokenError, Unverified};

/// How long keys are used without asking the issuer again.
const FRESH: Duration = Duration::from_hours(1);
/// How long keys are used while the issuer does not answer.
const USABLE: Duration = Duration::from_hours(24);
/// Least time between two askings while there are keys: whoever makes up names of keys cannot make this ask more often.
const PAUSE: Duration = Duration::from_mins(1);
/// Least time between two askings while there are none: nobody can sign in.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// An issuer, and its keys as last heard.
pub struct IssuerKeys {
    issuer: Issuer,
    state: SyncMutex<State>,
    /// Held while the issuer is asked, so that it is asked once.
    asking: Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    known: Option<Known>,
    /// When the last answer came, or failed to.
    asked_at: Option<Timestamp>,
}

#[derive(Clone)]
struct Known {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
}

impl IssuerKeys {
    /// The keys of `issuer`, none of which is known yet.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, state: SyncMutex::default(), asking: Mutex::default() }
    }

    /// Whose they are.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The token's claims, if the issuer has signed it. Its times are not looked at.
    ///
    /// That the token names this issuer is the caller's matter: it decides only whose keys the token is held to.
    pub async fn verify<F: FetchKeys, C: Clock>(
        &self,
        token: Unverified<'_>,
        fetch: &F,
        clock: &C,
    ) -> Result<Claims, NotVerified> {
        let key = match self.find(token.key(), fetch, clock).await? {
            Lookup::Key(key) => key,
            Lookup::OtherAlgorithm => return Err(TokenError::KeyType.into()),
            Lookup::Unknown => return Err(TokenError::UnknownKey.into()),
        };
        Ok(token.verify(&key)?)
    }

    /// The key that a token asks for; asks the issuer if that may change the answer.
    async fn find<F: FetchKeys, C: Clock>(
        &self,
        wanted: Wanted<'_>,
        fetch: &F,
        clock: &C,
    ) -> Result<Lookup, KeysUnavailable> {
        let state = self.state();
        let now = clock.now();
        let known = match state.find(wanted, now) {
            Some(found @ (Lookup::Key(_) | Lookup::OtherAlgorithm)) if state.is_fresh(now) => return Ok(found),
            Some(found @ (Lookup::Key(_) | Lookup::OtherAlgorithm)) => Some(found),
            Some(Lookup::Unknown) | None => None,
        };
        let asking = match (self.asking.try_lock(), known) {
            (Ok(asking), _) => asking,
            // Who has an answer that is good for hours does not wait for somebody else's asking.
            (Err(_), Some(known)) => return Ok(known),
            (Err(_), None) => self.asking.lock().await,
        };
        if self.state().may_ask(clock.now()) {
            self.ask(fetch, clock).await;
        }
        drop(asking);
        self.state().find(wanted, clock.now()).ok_or_else(|| KeysUnavailable { issuer: self.issuer.name.clone() })
    }

    async fn ask<F: FetchKeys, C: Clock>(&self, fetch: &F, clock: &C) {
        let issuer = &self.issuer;
        let answer = fetch.fetch_keys(issuer).await;
        let now = clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked_at = Some(now);
        match answer {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!(issuer = issuer.name, "the issuer publishes no key that can be used");
                }
                state.known = Some(Known { keys: Arc::new(keys), fetched_at: now });
            }
            Err(error) => tracing::warn!(issuer = issuer.name, %error, "failed to fetch the issuer's keys"),
        }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    /// What the keys that may still be used have of it; nothing if there are none.
    fn find(&self, wanted: Wanted<'_>, now: Timestamp) -> Option<Lookup> {
        self.usable(now).map(|known| known.keys.find(wanted))
    }

    fn usable(&self, now: Timestamp) -> Option<&Known> {
        self.known.as_ref().filter(|known| now.since(known.fetched_at) < USABLE)
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.known.as_ref().is_some_and(|known| now.since(known.fetched_at) < FRESH)
    }

    fn may_ask(&self, now: Timestamp) -> bool {
        let pause = if self.usable(now).is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        self.asked_at.is_none_or(|asked_at| now.since(asked_at) >= pause)
    }
}

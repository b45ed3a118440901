//! An issuer's keys, remembered.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use domain::ports::Clock;
use domain::time::Timestamp;
use tokio::sync::Mutex;

use crate::issuer::TrustedIssuer;
use crate::key_fetch::FetchKeys;
use crate::keys::{KeySet, Lookup, Wanted};

/// How long keys are used without asking the issuer again.
const FRESH: Duration = Duration::from_hours(1);
/// How long keys are used while the issuer does not answer.
const USABLE: Duration = Duration::from_hours(24);
/// Least time between two askings while there are keys: whoever makes up names of keys cannot make this ask more often.
const PAUSE: Duration = Duration::from_mins(1);
/// Least time between two askings while there are none: nobody can sign in.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// The keys of one issuer as last heard.
#[derive(Default)]
pub(crate) struct KeyCache {
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

/// The issuer has not said its keys for longer than is tolerable, so that no token of it can be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to get the keys of {issuer}")]
pub(crate) struct KeysUnavailable {
    issuer: String,
}

impl KeyCache {
    /// The key that a token asks for; asks the issuer if that may change the answer.
    pub(crate) async fn find<F: FetchKeys, C: Clock>(
        &self,
        issuer: &TrustedIssuer,
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
            self.ask(issuer, fetch, clock).await;
        }
        drop(asking);
        self.state().find(wanted, clock.now()).ok_or_else(|| KeysUnavailable { issuer: issuer.name.clone() })
    }

    async fn ask<F: FetchKeys, C: Clock>(&self, issuer: &TrustedIssuer, fetch: &F, clock: &C) {
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

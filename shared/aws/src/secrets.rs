//! Secrets, on Secrets Manager, remembered for a minute.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use domain::ports::{PortError, ReadSecret};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::configuration::Configuration;
use crate::error::port_error;

/// How much longer a value is served while asking fails.
const STALE: Duration = Duration::from_mins(10);
/// How long nobody asks again after asking failed.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// How old a value may be for who wants it anew: however many want that, somebody asks once in this time.
const ANEW: Duration = Duration::from_secs(10);
/// Most secrets that are remembered.
const MAX_SECRETS: usize = 16;

const READ: &str = "read a secret";

/// Reads secrets and remembers them. Has no `Debug`, so that no value gets into a log.
pub struct Secrets {
    client: Client,
    /// How long a value is served without asking.
    fresh: Duration,
    /// By id, the one that was read last at the end.
    slots: SyncMutex<Vec<(String, Arc<Slot>)>>,
}

/// Locked while somebody asks, so that the others wait for the answer instead of asking too.
type Slot = Mutex<Option<Held>>;

struct Held {
    value: String,
    /// When somebody asked last, whatever came of it.
    asked_at: Instant,
    fresh_until: Instant,
    usable_until: Instant,
}

/// An answer that is no secret's text.
#[derive(Debug, thiserror::Error)]
#[error("it is not a text; store it as SecretString")]
struct NotText;

impl Secrets {
    /// Reads from Secrets Manager.
    #[must_use]
    pub fn new(configuration: &Configuration) -> Self {
        Self {
            client: Client::new(configuration.sdk()),
            fresh: configuration.secrets_kept_for(),
            slots: SyncMutex::default(),
        }
    }

    fn slot(&self, id: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match slots.iter().position(|(held, _)| held == id) {
            Some(place) => slots.remove(place).1,
            None => Arc::default(),
        };
        if slots.len() >= MAX_SECRETS {
            slots.remove(0);
        }
        slots.push((id.to_owned(), Arc::clone(&slot)));
        slot
    }

    async fn fetch(&self, id: &str) -> Result<String, PortError> {
        let output =
            self.client.get_secret_value().secret_id(id).send().await.map_err(|error| port_error(READ, error))?;
        output.secret_string.ok_or_else(|| PortError { operation: READ, retryable: false, source: Box::new(NotText) })
    }
}

impl ReadSecret for Secrets {
    /// While asking fails, the last value is served for ten more minutes.
    async fn read_secret(&self, id: &str) -> Result<String, PortError> {
        self.read(id, |held, now| now < held.fresh_until).await
    }

    /// While asking fails, the last value is served as by [`Self::read_secret`].
    async fn read_secret_anew(&self, id: &str) -> Result<String, PortError> {
        self.read(id, |held, now| now < held.asked_at + ANEW).await
    }
}

impl Secrets {
    /// The value that is held if it `will_do`, or else the one that is fetched.
    async fn read(&self, id: &str, will_do: impl Fn(&Held, Instant) -> bool + Send) -> Result<String, PortError> {
        let slot = self.slot(id);
        let mut held = slot.lock().await;
        let asked_at = Instant::now();
        if let Some(held) = held.as_ref().filter(|held| will_do(held, asked_at)) {
            return Ok(held.value.clone());
        }
        match self.fetch(id).await {
            Ok(value) => {
                let fresh_until = asked_at + self.fresh;
                *held = Some(Held { value: value.clone(), asked_at, fresh_until, usable_until: fresh_until + STALE });
                Ok(value)
            }
            Err(error) => {
                let now = Instant::now();
                let Some(old) = held.as_mut().filter(|held| now < held.usable_until) else {
                    *held = None;
                    return Err(error);
                };
                old.asked_at = asked_at;
                tracing::warn!(secret = id, error = %error.source, "failed to {READ}; its last value is used on");
                old.fresh_until = old.fresh_until.max(now + RETRY_AFTER).min(old.usable_until);
                Ok(old.value.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::loopback::{Loopback, Reply};

    /// How long a value is served without asking, unless the configuration says otherwise.
    const FRESH: Duration = Duration::from_mins(1);

    fn value(text: &str) -> Reply {
        Reply::json(&json!({"Name": "token", "SecretString": text}))
    }

    /// Lets time pass. Only while nobody waits for an answer: the clock jumps when everybody waits.
    async fn pass(duration: Duration) {
        tokio::time::pause();
        tokio::time::advance(duration).await;
        tokio::time::resume();
    }

    #[tokio::test]
    async fn a_value_is_fetched_once_a_minute() {
        let server = Loopback::start(|number, _| value(&format!("value {number}"))).await;
        let secrets = Secrets::new(&server.configuration());
        assert_eq!(secrets.read_secret("token").await.unwrap(), "value 0");
        pass(FRESH / 2).await;
        assert_eq!(secrets.read_secret("token").await.unwrap(), "value 0");
        pass(FRESH / 2).await;
        assert_eq!(secrets.read_secret("token").await.unwrap(), "value 1");
        let call = server.received().remove(0);
        assert_eq!(call.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
        assert_eq!(call.json(), json!({"SecretId": "token"}));
    }

    #[tokio::test]
    async fn many_readers_ask_once() {
        let server = Loopback::start(|_, _| value("one")).await;
        let secrets = Secrets::new(&server.configuration());
        let reads = tokio::join!(
            secrets.read_secret("token"),
            secrets.read_secret("token"),
            secrets.read_secret("token"),
            secrets.read_secret("other")
        );
        assert_eq!((reads.0.unwrap(), reads.1.unwrap(), reads.2.unwrap()), ("one".into(), "one".into(), "one".into()));
        assert_eq!(server.received().len(), 2, "one call a secret");
    }

    #[tokio::test]
    async fn the_last_value_outlives_a_failure_by_ten_minutes() {
        let server = Loopback::start(|number, _| match number {
            0 => value("old"),
            _ => Reply::error(400, "AccessDeniedException"),
        })
        .await;
        let secrets = Secrets::new(&server.configuration());
        secrets.read_secret("token").await.unwrap();
        pass(FRESH).await;
        assert_eq!(secrets.read_secret("token").await.unwrap(), "old");
        assert_eq!(secrets.read_secret("token").await.unwrap(), "old");
        assert_eq!(server.received().len(), 2, "a failure is not repeated by every reader");
        pass(STALE).await;
        let error = secrets.read_secret("token").await.unwrap_err();
        assert!(!error.retryable);
        assert!(error.source.to_string().contains("AccessDeniedException"), "{}", error.source);
    }

    #[tokio::test]
    async fn a_refresh_that_succeeds_after_a_failure_brings_the_new_value() {
        let server = Loopback::start(|number, _| match number {
            0 => value("old"),
            1 => Reply::error(400, "AccessDeniedException"),
            _ => value("new"),
        })
        .await;
        let secrets = Secrets::new(&server.configuration());
        secrets.read_secret("token").await.unwrap();
        pass(FRESH).await;
        assert_eq!(secrets.read_secret("token").await.unwrap(), "old");
        pass(RETRY_AFTER).await;
        assert_eq!(secrets.read_secret("token").await.unwrap(), "new");
    }

    #[tokio::test]
    async fn whoever_wants_it_anew_gets_what_is_at_most_ten_seconds_old() {
        let server = Loopback::start(|number, _| value(&format!("value {number}"))).await;
        let secrets = Secrets::new(&server.configuration());
        assert_eq!(secrets.read_secret("token").await.unwrap(), "value 0");
        assert_eq!(secrets.read_secret_anew("token").await.unwrap(), "value 0", "it has just been read");
        pass(ANEW).await;
        assert_eq!(secrets.read_secret_anew("token").await.unwrap(), "value 1");
        for _ in 0..100 {
            assert_eq!(secrets.read_secret_anew("token").await.unwrap(), "value 1");
        }
        assert_eq!(secrets.read_secret("token").await.unwrap(), "value 1");
        assert_eq!(server.received().len(), 2);
    }

    #[tokio::test]
    async fn asking_anew_in_vain_is_bounded_and_costs_nobody_the_value_that_is_there() {
        let server = Loopback::start(|number, _| match number {
            0 => value("old"),
            _ => Reply::error(400, "AccessDeniedException"),
        })
        .await;
        let secrets = Secrets::new(&server.configuration());
        secrets.read_secret("token").await.unwrap();
        pass(ANEW).await;
        for _ in 0..100 {
            assert_eq!(secrets.read_secret_anew("token").await.unwrap(), "old");
        }
        assert_eq!(server.received().len(), 2);
        pass(RETRY_AFTER).await;
        assert_eq!(secrets.read_secret("token").await.unwrap(), "old");
        assert_eq!(server.received().len(), 2, "fresh for a minute still");
    }

    #[tokio::test]
    async fn a_binary_secret_is_refused() {
        let server =
            Loopback::start(|_, _| Reply::json(&json!({"Name": "token", "SecretBinary": "aHVudGVyMg=="}))).await;
        let error = Secrets::new(&server.configuration()).read_secret("token").await.unwrap_err();
        assert!(!error.retryable);
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn no_error_shows_a_secret() {
        let server = Loopback::start(|_, _| Reply::Status(200, r#"{"SecretString": "hunter2", "#.to_owned())).await;
        let error = Secrets::new(&server.configuration()).read_secret("token").await.unwrap_err();
        assert!(!format!("{error:?} {error} {}", error.source).contains("hunter2"));
    }

    #[tokio::test]
    async fn at_most_sixteen_are_remembered_and_the_one_read_longest_ago_goes_first() {
        let server = Loopback::start(|_, _| value("one")).await;
        let secrets = Secrets::new(&server.configuration());
        for id in 0..MAX_SECRETS {
            secrets.read_secret(&format!("secret {id}")).await.unwrap();
        }
        secrets.read_secret("secret 0").await.unwrap();
        secrets.read_secret("one more").await.unwrap();
        assert_eq!(server.received().len(), MAX_SECRETS + 1);
        secrets.read_secret("secret 0").await.unwrap();
        assert_eq!(server.received().len(), MAX_SECRETS + 1, "still remembered");
        secrets.read_secret("secret 1").await.unwrap();
        assert_eq!(server.received().len(), MAX_SECRETS + 2, "forgotten");
    }
}

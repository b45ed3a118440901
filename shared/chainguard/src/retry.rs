//! Trying again: while Chainguard is unavailable, a few times, and never after any other error.

use std::time::Duration;

use domain::ports::ChainguardError;

/// The pauses between the attempts at a call; there is one attempt more than there are pauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff(Vec<Duration>);

impl Default for Backoff {
    /// Three retries, after one, two and four seconds.
    fn default() -> Self {
        Self([1, 2, 4].map(Duration::from_secs).to_vec())
    }
}

impl Backoff {
    /// A retry after each of these pauses.
    #[must_use]
    pub fn new(pauses: impl IntoIterator<Item = Duration>) -> Self {
        Self(pauses.into_iter().collect())
    }

    /// Repeats `attempt` while it says [`ChainguardError::Unavailable`] and there is a pause left.
    ///
    /// `operation` completes "failed to …".
    pub(crate) async fn retry<T, F>(
        &self,
        operation: &'static str,
        attempt: impl Fn() -> F,
    ) -> Result<T, ChainguardError>
    where
        F: Future<Output = Result<T, ChainguardError>>,
    {
        for (made, pause) in (1_u32..).zip(&self.0) {
            match attempt().await {
                Err(error @ ChainguardError::Unavailable(_)) => {
                    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                    tracing::warn!(operation, attempt = made, pause_ms, %error, "failed to {operation}; trying again");
                    tokio::time::sleep(*pause).await;
                }
                settled => return settled,
            }
        }
        attempt().await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn attempts(error: ChainguardError, failures: u32) -> (Result<(), ChainguardError>, u32) {
        let made = Cell::new(0);
        let backoff = Backoff::new([Duration::ZERO; 3]);
        let outcome = backoff
            .retry("try", || {
                made.set(made.get() + 1);
                let outcome = if made.get() > failures { Ok(()) } else { Err(error.clone()) };
                async { outcome }
            })
            .await;
        (outcome, made.get())
    }

    #[test]
    fn the_pauses_are_one_two_and_four_seconds() {
        assert_eq!(Backoff::default(), Backoff::new([1, 2, 4].map(Duration::from_secs)));
    }

    #[tokio::test]
    async fn unavailability_is_tried_four_times_and_then_told() {
        let down = ChainguardError::Unavailable("down".to_owned());
        assert_eq!(attempts(down.clone(), 0).await, (Ok(()), 1));
        assert_eq!(attempts(down.clone(), 3).await, (Ok(()), 4));
        assert_eq!(attempts(down.clone(), 4).await, (Err(down), 4));
    }

    #[tokio::test]
    async fn every_other_error_is_told_at_once() {
        use ChainguardError as E;
        for error in
            [E::Unauthenticated, E::Denied, E::AlreadyExists, E::QuotaExceeded, E::NotFound, E::Refused, E::Credential]
                .map(|variant| variant("no".to_owned()))
        {
            assert_eq!(attempts(error.clone(), 9).await, (Err(error), 1));
        }
    }
}

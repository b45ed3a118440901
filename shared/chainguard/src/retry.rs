//! Trying again: while Chainguard is unavailable, a few times, while there is time, and never after any other error.

use std::time::Duration;

use domain::ports::ChainguardError;

use crate::deadline::{leaves_room_for, until_deadline};
use crate::statistics::Counters;

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

    /// Repeats `attempt` while it says [`ChainguardError::Unavailable`] and there is a pause left that ends before the
    /// deadline.
    ///
    /// `operation` completes "failed to …".
    pub(crate) async fn retry<T, F>(
        &self,
        operation: &'static str,
        counters: &Counters,
        attempt: impl Fn() -> F,
    ) -> Result<T, ChainguardError>
    where
        F: Future<Output = Result<T, ChainguardError>>,
    {
        for (made, pause) in (1_u32..).zip(&self.0) {
            // On the heap, or every caller's future would hold two attempts.
            let error = match until_deadline(Box::pin(attempt())).await {
                Err(error @ ChainguardError::Unavailable(_)) => error,
                settled => return settled,
            };
            if !leaves_room_for(*pause) {
                tracing::warn!(operation, attempt = made, %error, "failed to {operation}; no time is left to try again");
                return Err(error);
            }
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(operation, attempt = made, pause_ms, %error, "failed to {operation}; trying again");
            tokio::time::sleep(*pause).await;
            counters.count_retry();
        }
        until_deadline(Box::pin(attempt())).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::Instant;

    use super::*;
    use crate::with_deadline;

    const SECOND: Duration = Duration::from_secs(1);

    /// What an operation comes to whose first attempts fail with `error`, after how many seconds each of its attempts
    /// was made, and how many of them were counted as retries.
    async fn attempts(error: ChainguardError, failures: usize) -> (Result<(), ChainguardError>, Vec<u64>, u64) {
        let start = Instant::now();
        let made = RefCell::new(Vec::new());
        let counters = Counters::default();
        let outcome = Backoff::default()
            .retry("try", &counters, || async {
                made.borrow_mut().push(start.elapsed().as_secs());
                if made.borrow().len() > failures { Ok(()) } else { Err(error.clone()) }
            })
            .await;
        (outcome, made.into_inner(), counters.read().retries)
    }

    fn down() -> ChainguardError {
        ChainguardError::Unavailable("down".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn unavailability_is_tried_again_after_one_two_and_four_seconds_and_then_told() {
        assert_eq!(attempts(down(), 0).await, (Ok(()), vec![0], 0));
        assert_eq!(attempts(down(), 1).await, (Ok(()), vec![0, 1], 1));
        assert_eq!(attempts(down(), 3).await, (Ok(()), vec![0, 1, 3, 7], 3));
        assert_eq!(attempts(down(), 4).await, (Err(down()), vec![0, 1, 3, 7], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_begun_that_would_end_after_the_deadline() {
        for (seconds_left, expected) in
            [(0, vec![]), (1, vec![0]), (2, vec![0, 1]), (3, vec![0, 1]), (4, vec![0, 1, 3]), (8, vec![0, 1, 3, 7])]
        {
            let start = Instant::now();
            let (outcome, made, retries) = with_deadline(start + seconds_left * SECOND, attempts(down(), 9)).await;
            assert!(matches!(outcome, Err(ChainguardError::Unavailable(_))), "{outcome:?}");
            assert_eq!(made, expected, "{seconds_left}");
            assert_eq!(retries, expected.len().saturating_sub(1) as u64, "{seconds_left}");
            assert_eq!(start.elapsed(), SECOND * u32::try_from(expected.last().copied().unwrap_or(0)).unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_never_ends_ends_with_the_deadline() {
        let start = Instant::now();
        let endless = async {
            Backoff::default().retry("try", &Counters::default(), std::future::pending::<Result<(), _>>).await
        };
        let outcome = with_deadline(start + 9 * SECOND, endless).await;
        assert!(matches!(outcome, Err(ChainguardError::Unavailable(_))), "{outcome:?}");
        assert_eq!(start.elapsed(), 9 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn every_other_error_is_told_at_once() {
        use ChainguardError as E;
        for error in
            [E::Unauthenticated, E::Denied, E::AlreadyExists, E::QuotaExceeded, E::NotFound, E::Refused, E::Credential]
                .map(|variant| variant("no".to_owned()))
        {
            assert_eq!(attempts(error.clone(), 9).await, (Err(error), vec![0], 0));
        }
    }
}

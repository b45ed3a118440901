//! One attempt at a time at what many want.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::ports::ChainguardError;
use tokio::sync::Mutex;

/// A value that is fetched by one caller at a time. Those who come meanwhile wait for that attempt and share its
/// outcome, a failure too: otherwise each of them would try in turn, and the last would wait for all timeouts in a row.
#[derive(Debug)]
pub(crate) struct SingleFlight<T> {
    /// How many attempts have ended.
    ended: AtomicU64,
    last: Mutex<Option<Result<T, ChainguardError>>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { ended: AtomicU64::new(0), last: Mutex::new(None) }
    }
}

impl<T: Clone> SingleFlight<T> {
    /// What the attempt under way comes to; if there is none, the last value if it is `usable`, or else what `attempt`
    /// comes to. A caller that goes away in the middle of its attempt leaves it to the next one.
    pub(crate) async fn get(
        &self,
        usable: impl Fn(&T) -> bool,
        attempt: impl Future<Output = Result<T, ChainguardError>>,
    ) -> Result<T, ChainguardError> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        let ended_meanwhile = self.ended.load(Ordering::Acquire) != ended_before;
        match last.as_ref() {
            Some(outcome) if ended_meanwhile => return outcome.clone(),
            Some(Ok(value)) if usable(value) => return Ok(value.clone()),
            Some(Ok(_) | Err(_)) | None => {}
        }
        let outcome = attempt.await;
        *last = Some(outcome.clone());
        self.ended.fetch_add(1, Ordering::Release);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn down() -> ChainguardError {
        ChainguardError::Unavailable("down".to_owned())
    }

    #[tokio::test]
    async fn those_who_wait_share_a_failure_and_those_who_come_later_try_again() {
        let flight = Arc::new(SingleFlight::<u32>::default());
        let (fail, failed) = oneshot::channel();
        let first = tokio::spawn({
            let flight = Arc::clone(&flight);
            async move { flight.get(|_| true, async { failed.await.unwrap() }).await }
        });
        yield_now().await;
        let second = tokio::spawn({
            let flight = Arc::clone(&flight);
            async move { flight.get(|_| true, async { Ok(2) }).await }
        });
        yield_now().await;
        fail.send(Err(down())).unwrap();
        assert_eq!(first.await.unwrap(), Err(down()));
        assert_eq!(second.await.unwrap(), Err(down()));
        assert_eq!(flight.get(|_| true, async { Ok(3) }).await, Ok(3));
    }

    #[tokio::test]
    async fn an_attempt_that_is_given_up_is_left_to_the_next_caller() {
        let flight = Arc::new(SingleFlight::<u32>::default());
        let given_up = tokio::spawn({
            let flight = Arc::clone(&flight);
            async move { flight.get(|_| true, std::future::pending()).await }
        });
        yield_now().await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        assert_eq!(flight.get(|_| true, async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_value_is_kept_while_it_is_usable() {
        let flight = SingleFlight::default();
        assert_eq!(flight.get(|_| true, async { Ok(1) }).await, Ok(1));
        assert_eq!(flight.get(|value| *value == 1, async { Ok(2) }).await, Ok(1));
        assert_eq!(flight.get(|value| *value != 1, async { Ok(2) }).await, Ok(2));
    }
}

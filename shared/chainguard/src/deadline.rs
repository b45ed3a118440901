//! The end of the time that a caller has.

use std::time::Duration;

use domain::ports::ChainguardError;
use tokio::time::{Instant, timeout_at};

tokio::task_local! {
    /// Of the task's, not a parameter: the ports' methods have no room for one.
    static DEADLINE: Instant;
}

/// Runs `future`, in which no call to Chainguard goes on after `deadline`: no pause is begun that would end after it, an
/// attempt is given up at it, and the call is then `Unavailable`. Of two deadlines the earlier one counts.
///
/// A Lambda function passes the end of its invocation, less what it needs to say how things went. The deadline does not
/// reach tasks that `future` spawns.
pub async fn with_deadline<F: Future>(deadline: Instant, future: F) -> F::Output {
    let deadline = current().map_or(deadline, |outer| outer.min(deadline));
    DEADLINE.scope(deadline, future).await
}

fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// Whether a pause of this length that starts now ends in time.
pub(crate) fn leaves_room_for(pause: Duration) -> bool {
    current().is_none_or(|deadline| Instant::now().checked_add(pause).is_some_and(|end| end < deadline))
}

/// One attempt, given up at the deadline. Whether it acted is then not known.
pub(crate) async fn until_deadline<T>(
    attempt: impl Future<Output = Result<T, ChainguardError>>,
) -> Result<T, ChainguardError> {
    let Some(deadline) = current() else { return attempt.await };
    let out_of_time = || ChainguardError::Unavailable("no answer came in the time that was left".to_owned());
    if Instant::now() >= deadline {
        return Err(out_of_time());
    }
    timeout_at(deadline, attempt).await.unwrap_or_else(|_elapsed| Err(out_of_time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn attempt(takes: Duration) -> Result<(), ChainguardError> {
        tokio::time::sleep(takes).await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_given_up_at_the_deadline_and_none_is_begun_after_it() {
        let start = Instant::now();
        with_deadline(start + 3 * SECOND, async {
            assert_eq!(until_deadline(attempt(2 * SECOND)).await, Ok(()));
            assert!(until_deadline(attempt(2 * SECOND)).await.is_err());
            assert_eq!(start.elapsed(), 3 * SECOND);
            assert!(until_deadline(async { Ok(()) }).await.is_err());
        })
        .await;
        assert_eq!(until_deadline(attempt(100 * SECOND)).await, Ok(()), "outside there is none");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_has_to_end_before_the_deadline() {
        assert!(leaves_room_for(Duration::MAX));
        with_deadline(Instant::now() + 4 * SECOND, async {
            assert!(leaves_room_for(2 * SECOND));
            assert!(!leaves_room_for(4 * SECOND));
            assert!(!leaves_room_for(Duration::MAX));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_deadlines_counts() {
        let start = Instant::now();
        for (outer, inner) in [(1, 9), (9, 1)] {
            let ends =
                with_deadline(start + outer * SECOND, with_deadline(start + inner * SECOND, async { current() }));
            assert_eq!(ends.await, Some(start + SECOND));
        }
    }
}

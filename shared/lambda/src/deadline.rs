//! The end of an invocation.

use std::future::Future;
use std::time::Duration;

use domain::ports::Clock;
use tokio::time::Instant;

tokio::task_local! {
    /// Of the task's, not a parameter: few functions ask for it, and those do far below `handle`.
    static END: Instant;
}

/// Runs `future` as an invocation that ends at `end`: what is not done by then is never done. The end does not reach
/// tasks that `future` spawns.
pub async fn within<F: Future>(end: Instant, future: F) -> F::Output {
    END.scope(end, future).await
}

/// When the invocation ends that this is called in; `None` outside of any.
#[must_use]
pub fn end() -> Option<Instant> {
    END.try_with(|end| *end).ok()
}

/// When the wall clock shows so many milliseconds since 1970, which is how Lambda tells the end; a time that has passed
/// is this moment.
pub(crate) fn at(milliseconds: u64, clock: &impl Clock) -> Instant {
    let now = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
    let left = Duration::from_millis(milliseconds.saturating_sub(now));
    let now = Instant::now();
    now.checked_add(left).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_knows_its_own_end() {
        let now = Instant::now();
        let ends = |seconds: u32| within(now + seconds * SECOND, async { end() });
        assert_eq!(tokio::join!(ends(1), ends(2)), (Some(now + SECOND), Some(now + 2 * SECOND)));
        assert_eq!(end(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_that_lambda_tells_is_as_far_away_as_on_its_clock() {
        let now = Instant::now();
        assert_eq!(at(61_000, &At(1_000)), now + 60 * SECOND);
        assert_eq!(at(1_000, &At(61_000)), now);
        assert_eq!(at(0, &At(-1)), now);
        assert!(at(u64::MAX, &At(0)) >= now);
    }
}

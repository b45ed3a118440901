//! Points in time as people read them.

use std::fmt;
use std::time::Duration;

use domain::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A point in time, and how far it is from the present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339 in UTC, for `<time datetime>`.
    pub(crate) machine: String,
    /// `Tue 24 Nov 2026, 18:51 UTC`.
    pub(crate) absolute: String,
    /// `in 5 hours`, `3 minutes ago`.
    pub(crate) relative: String,
}

impl Moment {
    /// `at` as it is told at `now`.
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        let relative = match (at.since(now), now.since(at)) {
            (ahead, Duration::ZERO) if ahead.as_secs() >= MINUTE => format!("in {}", Rough(ahead)),
            (Duration::ZERO, past) if past.as_secs() >= MINUTE => format!("{} ago", Rough(past)),
            (Duration::ZERO, _) => "just now".to_owned(),
            (_, _) => "in a moment".to_owned(),
        };
        Self { machine: at.to_string(), absolute: absolute(at), relative }
    }
}

fn absolute(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millisecond())
        .map_or_else(|_| at.to_string(), |instant| instant.strftime("%a %-d %b %Y, %H:%M UTC").to_string())
}

/// A span in its largest whole unit, rounded down: a deadline is never farther away than it is said to be.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (count, unit) = match seconds {
            s if s < HOUR => (s / MINUTE, "minute"),
            s if s < 2 * DAY => (s / HOUR, "hour"),
            s => (s / DAY, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_says_when_and_how_far_that_is() {
        let now: Timestamp = "2026-11-23T18:51:45.123Z".parse().unwrap();
        let second = Duration::from_secs;
        for (at, relative) in [
            (now, "just now"),
            (now.plus(second(59)), "in a moment"),
            (now.minus(second(59)), "just now"),
            (now.plus(second(60)), "in 1 minute"),
            (now.minus(second(119)), "1 minute ago"),
            (now.plus(second(3_600)), "in 1 hour"),
            (now.plus(second(2 * 86_400 - 1)), "in 47 hours"),
            (now.minus(second(14 * 86_400)), "14 days ago"),
        ] {
            assert_eq!(Moment::new(at, now).relative, relative);
        }
        let moment = Moment::new(now, now);
        assert_eq!(moment.absolute, "Mon 23 Nov 2026, 18:51 UTC");
        assert_eq!(moment.machine, "2026-11-23T18:51:45.123Z");
    }
}

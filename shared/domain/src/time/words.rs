//! Points in time and spans as people read them.

use std::time::Duration;

use super::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `Tue 24 Nov 2026, 18:51 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.0.strftime("%a %-d %b %Y, %H:%M UTC").to_string()
}

/// `7 days`, `36 hours`, `1 minute`: in the largest unit of which there are at least two, or exactly one hour. Rounded
/// down, so that a deadline is never farther away than it is said to be.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        s if s >= 2 * DAY => (s / DAY, "day"),
        s if s >= 2 * HOUR || s == HOUR => (s / HOUR, "hour"),
        s if s >= MINUTE => (s / MINUTE, "minute"),
        s => (s, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// `in 5 hours`, `3 minutes ago`: how far `at` is from `now`. What is less than a minute away is not counted.
#[must_use]
pub fn distance(at: Timestamp, now: Timestamp) -> String {
    match (at.since(now), now.since(at)) {
        (ahead, Duration::ZERO) if ahead.as_secs() >= MINUTE => format!("in {}", span(ahead)),
        (Duration::ZERO, past) if past.as_secs() >= MINUTE => format!("{} ago", span(past)),
        (Duration::ZERO, _) => "just now".to_owned(),
        (_, _) => "in a moment".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_names_the_day_and_utc() {
        assert_eq!(moment("2026-11-24T18:51:45.123Z".parse().unwrap()), "Tue 24 Nov 2026, 18:51 UTC");
        assert_eq!(moment("2026-11-03T08:05:00Z".parse().unwrap()), "Tue 3 Nov 2026, 08:05 UTC");
    }

    #[test]
    fn a_span_reads_like_this() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (3_599, "59 minutes"),
            (3_600, "1 hour"),
            (5_400, "90 minutes"),
            (8 * 3_600, "8 hours"),
            (86_400, "24 hours"),
            (47 * 3_600 + 3_599, "47 hours"),
            (2 * 86_400, "2 days"),
            (7 * 86_400, "7 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_distance_says_which_way_and_how_far() {
        let now: Timestamp = "2026-11-23T18:51:45.123Z".parse().unwrap();
        let second = Duration::from_secs;
        for (at, text) in [
            (now, "just now"),
            (now.plus(second(59)), "in a moment"),
            (now.minus(second(59)), "just now"),
            (now.plus(second(60)), "in 1 minute"),
            (now.minus(second(119)), "1 minute ago"),
            (now.plus(second(3_600)), "in 1 hour"),
            (now.plus(second(2 * 86_400 - 1)), "in 47 hours"),
            (now.minus(second(14 * 86_400)), "14 days ago"),
        ] {
            assert_eq!(distance(at, now), text);
        }
    }
}

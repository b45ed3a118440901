//! Points in time and spans as people read them.

use std::time::Duration;

use domain::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `Tue 24 Nov 2026, 18:51 UTC`.
#[must_use]
pub fn moment(timestamp: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(timestamp.as_millisecond())
        .map_or_else(|_| timestamp.to_string(), |instant| instant.strftime("%a %-d %b %Y, %H:%M UTC").to_string())
}

/// `7 days`, `36 hours`, `1 minute`: in the largest unit of which there are at least two, rounded down.
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_moment_names_the_day_and_utc() {
        assert_eq!(moment("2026-11-24T18:51:45.123Z".parse().unwrap()), "Tue 24 Nov 2026, 18:51 UTC");
    }
}

//! Points in time and spans between them.

pub mod words;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time, to the millisecond, written as RFC 3339 in UTC with exactly three decimals.
///
/// One precision everywhere keeps the text sortable as a table key and the same in record, event and log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// A text that is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 date and time such as 2026-11-23T18:51:45.000Z")]
pub struct TimestampError(String);

impl Timestamp {
    /// The start of 1970, UTC.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// From milliseconds since 1970, clamped to the years -9999 to 9999.
    #[must_use]
    pub fn from_millisecond(millisecond: i64) -> Self {
        let clamped = millisecond.clamp(jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        Self(jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Whole seconds since 1970, as DynamoDB's time to live wants them.
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.0.as_second()
    }

    /// This point plus `span`; saturates at the end of the year 9999.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millisecond(self.as_millisecond().saturating_add(millis))
    }

    /// This point minus `span`; saturates.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millisecond(self.as_millisecond().saturating_sub(millis))
    }

    /// The span from `earlier` to this point, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.as_millisecond().saturating_sub(earlier.as_millisecond());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The calendar day in UTC, `2026-11-23`.
    #[must_use]
    pub fn day(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        Self::from_millisecond(instant.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(|_| TimestampError(text.chars().take(40).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A text that is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span such as 30m, 24h or 14d")]
pub struct SpanError(String);

/// A span of time as an operator writes it: a whole number and `s`, `m`, `h` or `d`, at most 3 650 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// From a standard duration.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// As a standard duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            s if s % 86_400 == 0 && s > 172_800 => write!(f, "{}d", s / 86_400),
            s if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpanError(text.chars().take(40).collect());
        let unit = text.chars().next_back().ok_or_else(error)?;
        let seconds_per_unit: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(error()),
        };
        let count: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| error())?;
        let seconds = count.checked_mul(seconds_per_unit).ok_or_else(error)?;
        if seconds > 3_650 * 86_400 {
            return Err(error());
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_with_exactly_three_decimals_and_reads_back() {
        for (text, written) in [
            ("2026-11-23T18:51:45Z", "2026-11-23T18:51:45.000Z"),
            ("2026-11-23T18:51:45.1239Z", "2026-11-23T18:51:45.123Z"),
            ("2026-11-23T19:51:45.5+01:00", "2026-11-23T18:51:45.500Z"),
        ] {
            let parsed: Timestamp = text.parse().unwrap();
            assert_eq!(parsed.to_string(), written);
            assert_eq!(written.parse::<Timestamp>().unwrap(), parsed);
        }
    }

    #[test]
    fn a_timestamp_saturates_instead_of_overflowing() {
        let end = Timestamp::from_millisecond(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Timestamp::UNIX_EPOCH.since(end), Duration::ZERO);
    }

    #[test]
    fn spans_read_back_as_written() {
        for text in ["30s", "5m", "24h", "48h", "14d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for bad in ["", "h", "-1h", "24", "1w", "99999999999999999999d", "4000d", "1é"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}

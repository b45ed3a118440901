//! Timestamps as the API writes them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A timestamp on the wire: RFC 3339, UTC, with a fraction (FACTS §2.0).
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireTime(pub(crate) Timestamp);

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// The time of the machine that the fake stands for.
#[expect(
    clippy::disallowed_methods,
    reason = "Chainguard's clock is not the product's: the fake must not follow a Clock that a test moves, nor depend on the domain"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// `duration` after `start`, or the end of time when that is out of range.
pub(crate) fn after(start: Timestamp, duration: std::time::Duration) -> Timestamp {
    start.checked_add(duration).unwrap_or(Timestamp::MAX)
}

//! Points in time as the pages show them.

use domain::time::{Timestamp, words};

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
        Self { machine: at.to_string(), absolute: words::moment(at), relative: words::distance(at, now) }
    }
}

//! The client as its callers meet it, over HTTP: against the fake Chainguard, and against answers that it never gives.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod aws;
mod calls;
mod credential;
mod faults;
mod logs;
mod oddities;
mod operations;
mod samples;
mod scripted;
mod support;

//! The fake as its callers meet it: over a socket, and through its control surface.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod accounts;
mod assumption;
mod catalog;
mod client;
mod events;
mod faults;
mod limits;
mod lists;
mod persistence;
mod readiness;
mod samples;
mod sink;
mod writes;

//! What `infra/template.yaml` has to hold, whatever else it says.
//!
//! Each test is a property and collects everything that breaks it: which resource, and what to do.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this crate is for tests: whatever is unexpected ends the test"
)]

mod api;
mod break_glass;
mod delivery;
mod deployed;
mod environment;
mod events;
mod functions;
mod outputs;
mod rights;
mod storage;
mod yaml;

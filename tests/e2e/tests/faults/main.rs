//! Everything that goes wrong between the provisioner and Chainguard, and what becomes of the request.
//!
//! The provisioner, its store and its client are the real ones; DynamoDB and Chainguard are stand-ins behind real HTTP.
//! The clock is the test's. What is expected is told in one place, the tables of `docs/failures.md`.

#![recursion_limit = "256"]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test, whatever is unexpected ends it"
)]

mod document;
mod limit;
mod matrix;
mod world;

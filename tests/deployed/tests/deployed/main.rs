//! The deployed system, as the people on it and its operators see it. One binary, so that everything runs at once.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

mod archive;
mod chainguard_events;
mod dead_letters;
mod life;
mod rights;
mod rotation;
mod routes;
mod schedules;

//! The request domain: what a request is, who may decide it, what happened to it.
//!
//! Pure and total. Nothing here reads a clock, draws a random number, or does I/O: time, ids and look-ups come in
//! as arguments, results go out as values. [`lifecycle::decide`] and [`lifecycle::evolve`] are the only places
//! where a request's state changes; every function calls them through [`execute::execute`] or, for a new request,
//! directly.

pub mod api;
pub mod capacity;
pub mod catalog;
pub mod drift;
pub mod entitlement;
pub mod envelope;
pub mod environment;
pub mod event;
pub mod execute;
pub mod id;
pub mod image;
pub mod journal;
pub mod lifecycle;
pub mod link;
pub mod listing;
pub mod person;
pub mod policy;
pub mod ports;
pub mod problem;
pub mod registry;
pub mod request;
pub mod text;
pub mod time;

#[cfg(test)]
mod fixtures;

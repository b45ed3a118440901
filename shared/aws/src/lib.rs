//! Adapters of the domain's ports to AWS.

pub mod archive;
pub mod configuration;
mod error;
pub mod events;
#[cfg(test)]
mod loopback;
pub mod mail;
pub mod secrets;
pub mod store;

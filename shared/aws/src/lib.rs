//! Adapters of the domain's ports to AWS.

pub mod archive;
pub mod configuration;
mod error;
pub mod events;
pub mod identity;
#[cfg(test)]
mod loopback;
pub mod mail;
pub mod rotation;
pub mod secrets;
pub mod store;

//! Adapters of the domain's ports to AWS.

pub mod configuration;

//! What every function's `main` needs, so that it is a line: environment, logging, the HTTP edge, batch responses.

pub mod batch;
mod body;
pub mod catalog;
pub mod clock;
pub mod deadline;
pub mod environment;
pub mod function;
pub mod http;
pub mod http_client;
pub mod jwt;
pub mod links;
pub mod logging;
pub mod metrics;
pub mod policy;
pub mod problem;
pub mod random;
pub mod settings;
pub mod visible;

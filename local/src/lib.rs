//! The whole system in one process.
//!
//! The functions are the ones that are deployed, with their real adapters and the real AWS SDK. The template that is
//! deployed says how they are wired. This crate stands for AWS: an embedded DynamoDB, a bus, queues, streams,
//! schedules and an HTTP gateway, all of which remember over a crash what they have answered for.

// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

pub mod bus;
pub mod calls;
pub mod command;
mod data_folder;
pub mod endpoint;
mod files;
pub mod functions;
pub mod gateway;
pub mod options;
pub mod pages;
pub mod pattern;
pub mod people;
pub mod queues;
mod refusal;
pub mod runtime;
pub mod schedules;
mod secrets;
mod stand_in;
pub mod state;
pub mod streams;
mod tables;
pub mod template;

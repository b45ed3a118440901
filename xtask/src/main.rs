//! Tasks of the repository: `cargo xtask <task>`.
// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "people run it in a terminal and read what it says")]

mod bench;
mod chainguard;
mod generate;
mod policy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Tasks of this repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes what is made from the code and checked in: docs/openapi.json, docs/asyncapi.json, events/**.json
    Generate {
        /// Writes nothing; fails if a file is missing, different or superfluous
        #[arg(long)]
        check: bool,
    },
    /// Measures the whole system on this machine; `cargo run --profile quick --package xtask -- bench` does it optimised
    Bench(bench::Options),
    /// Looks at a policy file: is it good, and what does it make of a request
    #[command(subcommand)]
    Policy(policy::Task),
    /// Asks Chainguard about a token, and subscribes to the organisation's events
    #[command(subcommand)]
    Chainguard(chainguard::Task),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().task {
        Task::Generate { check: false } => generate::write(),
        Task::Generate { check: true } => generate::check(),
        Task::Bench(options) => bench::run(&options),
        Task::Policy(task) => policy::run(&task),
        Task::Chainguard(task) => chainguard::run(&task),
    }
}

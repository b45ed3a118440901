//! `cargo xtask bench`: figures of the whole system on one machine, as ratios with the raw figures beside them.
//!
//! Nothing here passes or fails by time. Everything is bounded in count and in time, and stays on the loopback
//! interface. What the figures were is in `docs/performance.md`.

mod available;
mod calls;
mod commits;
mod figures;
mod links;
mod lists;
mod machine;
mod memory;
mod submit;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

/// The longest that one benchmark may take.
const LONGEST: Duration = Duration::from_mins(45);

/// Requests of the memory benchmark: so many times `--requests`.
const MEMORY_FACTOR: usize = 5;

/// What is measured, and how often.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Only this
    #[arg(long, value_enum)]
    only: Option<Benchmark>,

    /// Rounds, each of which measures everything once; the medians over the rounds are printed
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = count::<1, 100>)]
    rounds: usize,

    /// Requests of one measurement
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = count::<10, 10_000>)]
    requests: usize,

    /// How many requests are in the table when lists are measured
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "1000,100000,1000000", value_parser = count::<200, 2_000_000>)]
    list_sizes: Vec<usize>,

    /// Only serves, for the memory benchmark: the process that is measured
    #[arg(long, hide = true)]
    serve: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// `POST /request` against the bare write
    Submit,
    /// From submit to available
    Available,
    /// Calls to AWS per request
    Calls,
    /// Lists of requests
    Lists,
    /// Memory, idle and loaded
    Memory,
    /// Verifying a signed link
    Links,
}

impl Benchmark {
    /// In the order in which they are printed.
    const ALL: [Self; 6] = [Self::Submit, Self::Available, Self::Calls, Self::Lists, Self::Memory, Self::Links];
}

/// A count within bounds.
fn count<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (LEAST..=MOST).contains(&count) => Ok(count),
        _ => Err(format!("a whole number from {LEAST} to {MOST}")),
    }
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if options.serve {
            return memory::serve().await;
        }
        if cfg!(debug_assertions) {
            println!("These are figures of a debug build: cargo run --profile quick --package xtask -- bench");
        }
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        println!("{cores} cores; the client, the functions and the store share them.\n");
        for benchmark in Benchmark::ALL {
            if options.only.is_none_or(|only| only == benchmark) {
                let before = machine::CpuTime::read()?;
                let measured = tokio::time::timeout(LONGEST, measure(benchmark, options)).await;
                measured.with_context(|| format!("{benchmark:?} took longer than {LONGEST:?}"))??;
                let others = machine::CpuTime::read()?.used_by_others_since(before);
                println!("   Meanwhile other processes used {others:.0} % of the machine.\n");
            }
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(benchmark: Benchmark, options: &Options) -> anyhow::Result<()> {
    match benchmark {
        Benchmark::Submit => submit::run(options.rounds, options.requests).await,
        Benchmark::Available => available::run(options.rounds, options.requests).await,
        Benchmark::Calls => calls::run(options.requests).await,
        Benchmark::Lists => lists::run(options.rounds, &options.list_sizes).await,
        Benchmark::Memory => memory::run(options.rounds, options.requests.saturating_mul(MEMORY_FACTOR)).await,
        Benchmark::Links => links::run(options.rounds),
    }
}

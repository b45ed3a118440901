//! `cargo run`: the whole system in one process.

// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Box::pin(local::command::run()).await
}

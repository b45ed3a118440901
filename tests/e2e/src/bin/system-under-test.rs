//! The command of the embedded runtime, as a process that a test can kill.

// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(Box::pin(local::command::run()).await?)
}

//! `rotator` on Lambda.
// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

#[tokio::main]
async fn main() -> Result<(), lambda::function::Error> {
    Box::pin(lambda::function::run::<rotator::Rotator>()).await
}

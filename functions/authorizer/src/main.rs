//! The authorizer function.

#[tokio::main]
async fn main() -> Result<(), lambda::function::Error> {
    lambda::function::run::<authorizer::Authorizer>().await
}

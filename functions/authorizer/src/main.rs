//! The authorizer function.

#[tokio::main]
async fn main() -> Result<(), lambda::function::Error> {
    Box::pin(lambda::function::run::<authorizer::Authorizer>()).await
}

//! The auditor function.

#[tokio::main]
async fn main() -> Result<(), lambda::function::Error> {
    Box::pin(lambda::function::run::<auditor::Auditor>()).await
}

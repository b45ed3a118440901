//! The auditor function.

#[tokio::main]
async fn main() -> Result<(), lambda::function::Error> {
    lambda::function::run::<auditor::Auditor>().await
}

//! Placeholder.
use utoipa::OpenApi;
#[derive(OpenApi)]
#[openapi(paths(intake::submit::submit, approval::decide::approve, approval::decide::reject, approval::decide::cancel, approval::decide::retry, query::read::show_request, query::read::list_events, query::read::list_requests, query::read::search_catalog, query::read::openapi))]
struct Api;
fn main() {
    println!("{}", Api::openapi().to_pretty_json().unwrap());
}

//! The HTTP client for everything that is not AWS.

use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client that gives up after `timeout`, follows no redirect, and says who it is.
///
/// Redirects are refused because bearer tokens and signed bodies go out with it.
pub fn build(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("cgr-request/", env!("CARGO_PKG_VERSION")))
        .build()
}

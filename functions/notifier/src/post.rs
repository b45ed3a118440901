//! Posts to the receivers that an operator has named.

use std::future::Future;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::sync::OnceCell;

use crate::settings::Endpoint;

/// How long a receiver may take: the function has thirty seconds, for reading the secret and claiming as well.
const TIMEOUT: Duration = Duration::from_secs(8);

/// What is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Where to.
    pub to: Endpoint,
    /// Headers besides `Content-Type: application/json`.
    pub headers: Vec<(&'static str, String)>,
    /// The body, exactly as sent: signatures cover it.
    pub body: String,
}

/// A receiver did not take a posting.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// No client could be made.
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// It did not answer.
    #[error("failed to post")]
    NoAnswer(#[source] reqwest::Error),
    /// It answered that it may take it later.
    #[error("the receiver answered {0}")]
    Busy(StatusCode),
    /// It answered that it will not take it.
    #[error("the receiver refused it with {0}")]
    Refused(StatusCode),
}

impl PostError {
    /// Whether posting the same again may succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Client(_) | Self::NoAnswer(_) | Self::Busy(_) => true,
            Self::Refused(_) => false,
        }
    }
}

/// Posts JSON.
pub trait Post {
    /// The receiver's answer.
    fn post(&self, posting: &Posting) -> impl Future<Output = Result<StatusCode, PostError>> + Send;
}

/// Posts, and takes every answer but 2xx for an error. A redirect is one, too: it is not followed, for what is posted
/// is meant for one receiver.
pub async fn deliver(http: &impl Post, posting: &Posting) -> Result<(), PostError> {
    let status = http.post(posting).await?;
    if status.is_success() {
        Ok(())
    } else if status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
    {
        Err(PostError::Busy(status))
    } else {
        Err(PostError::Refused(status))
    }
}

/// Posts over HTTP. The client is made by the first posting, so that who uses mail alone does not wait for it.
#[derive(Debug, Default)]
pub struct HttpPost {
    client: OnceCell<reqwest::Client>,
}

impl Post for HttpPost {
    async fn post(&self, posting: &Posting) -> Result<StatusCode, PostError> {
        let client = self
            .client
            .get_or_try_init(|| async { lambda::http_client::build(TIMEOUT) })
            .await
            .map_err(PostError::Client)?;
        let mut request =
            client.post(posting.to.url().clone()).header(reqwest::header::CONTENT_TYPE, "application/json");
        for (name, value) in &posting.headers {
            request = request.header(*name, value);
        }
        let response = request.body(posting.body.clone()).send().await;
        // Without the address, which may be a secret.
        response.map(|response| response.status()).map_err(|error| PostError::NoAnswer(error.without_url()))
    }
}

#[cfg(test)]
mod tests;

//! One call: sent, logged, bounded, classified, decoded.

use std::time::Instant;

use domain::ports::{ChainguardError, ReadSecret};
use reqwest::header::{DATE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::Chainguard;
use crate::error::{Status, malformed, transport};
use crate::statistics::Counters;
use crate::token::Token;

/// The largest body that is read, in bytes. v1's lists have no pages, so something must end them.
const MAX_BODY_BYTES: usize = 8 << 20;

/// A call, described so that it can be sent more than once.
#[derive(Debug)]
pub(crate) struct Call {
    /// What it does, completing "failed to …".
    operation: &'static str,
    method: Method,
    url: Url,
    body: Option<Value>,
}

impl Call {
    /// Reads what is at `url`, which carries its query.
    pub(crate) const fn get(operation: &'static str, url: Url) -> Self {
        Self { operation, method: Method::GET, url, body: None }
    }

    /// Sends `body` to `url`, which carries its query.
    pub(crate) const fn post(operation: &'static str, url: Url, body: Value) -> Self {
        Self { operation, method: Method::POST, url, body: Some(body) }
    }

    /// Deletes what is at `url`.
    pub(crate) const fn delete(operation: &'static str, url: Url) -> Self {
        Self { operation, method: Method::DELETE, url, body: None }
    }
}

/// What came back with a success.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Vec<u8>,
    /// When it was sent, by the sender's clock.
    pub(crate) date: Option<jiff::Timestamp>,
}

impl Answer {
    /// The body as the JSON that was asked for.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, ChainguardError> {
        serde_json::from_slice(&self.body).map_err(|error| malformed(&error))
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// Makes the call with the organisation's token, and again while Chainguard is unavailable.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ChainguardError> {
        self.backoff.retry(call.operation, &self.counters, || self.attempt(call)).await
    }

    /// As `call`, for a call whose answer says nothing: the documentation has it empty, the gateway writes `{}`.
    pub(crate) async fn call_for_nothing(&self, call: &Call) -> Result<(), ChainguardError> {
        let attempt = || async { self.send_authorized(call).await.map(drop) };
        self.backoff.retry(call.operation, &self.counters, attempt).await
    }

    /// One attempt at the call, for those who repeat it themselves.
    pub(crate) async fn attempt<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ChainguardError> {
        self.send_authorized(call).await?.decode()
    }

    /// One attempt; a refused token is replaced once.
    async fn send_authorized(&self, call: &Call) -> Result<Answer, ChainguardError> {
        let mut token = self.tokens.get(None).await?;
        let mut outcome = self.send_with(call, &token).await;
        if matches!(outcome, Err(ChainguardError::Unauthenticated(_))) {
            self.counters.count_refused_token();
            token = self.tokens.get(Some(&token)).await?;
            outcome = self.send_with(call, &token).await;
        }
        if matches!(outcome, Err(ChainguardError::Denied(_))) {
            token.retire();
        }
        outcome
    }

    async fn send_with(&self, call: &Call, token: &Token) -> Result<Answer, ChainguardError> {
        send(call.operation, self.request(call).bearer_auth(token.expose()), &self.counters).await
    }
}

impl<S> Chainguard<S> {
    /// Makes the call without a token, and again while Chainguard is unavailable.
    pub(crate) async fn call_anonymously<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ChainguardError> {
        let attempt = || async { send(call.operation, self.request(call), &self.counters).await?.decode() };
        self.backoff.retry(call.operation, &self.counters, attempt).await
    }

    fn request(&self, call: &Call) -> RequestBuilder {
        let request = self.http.request(call.method.clone(), call.url.clone());
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// An address of the platform API.
    pub(crate) fn api(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = under(&self.endpoints.api, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

/// `path`, which starts with a slash, below what `base` names.
pub(crate) fn under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// Sends a request and reads the answer. Writes the one log line of the call, with nothing of what was sent or received.
pub(crate) async fn send(
    operation: &'static str,
    request: RequestBuilder,
    counters: &Counters,
) -> Result<Answer, ChainguardError> {
    counters.count_call();
    let started = Instant::now();
    let received = receive(request).await;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (http_status, grpc_code, outcome) = match received {
        Err(error) => (None, None, Err(error)),
        Ok((http, answer)) if http.is_success() => (Some(http.as_u16()), None, Ok(answer)),
        Ok((http, answer)) => {
            let status = Status::of(&answer.body);
            (Some(http.as_u16()), status.code, Err(status.classify(http)))
        }
    };
    tracing::debug!(operation, http_status, grpc_code, duration_ms, "called Chainguard to {operation}");
    outcome
}

async fn receive(request: RequestBuilder) -> Result<(StatusCode, Answer), ChainguardError> {
    let response = request.send().await.map_err(transport)?;
    let http = response.status();
    let date = date(response.headers());
    let body = read_bounded(response).await?;
    Ok((http, Answer { body, date }))
}

/// A body that does not fit would not fit the next time either: no reason to try again.
async fn read_bounded(mut response: Response) -> Result<Vec<u8>, ChainguardError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(ChainguardError::Refused(format!("the answer has more than {MAX_BODY_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn date(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_raw_slashes_and_go_below_the_base() {
        for (base, expected) in [
            ("https://api.example", "https://api.example/v1/a/b:effective"),
            ("https://api.example/", "https://api.example/v1/a/b:effective"),
            ("https://api.example/below/", "https://api.example/below/v1/a/b:effective"),
        ] {
            assert_eq!(under(&base.parse().unwrap(), "/v1/a/b:effective").as_str(), expected);
        }
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let headers = HeaderMap::from_iter([(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap())]);
        assert_eq!(date(&headers), Some("1994-11-06T08:49:37Z".parse().unwrap()));
        assert_eq!(date(&HeaderMap::new()), None);
    }
}

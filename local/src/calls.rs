//! Counts calls to AWS, by function, service and operation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde::Serialize;

/// Who called what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Call {
    /// The function.
    pub function: String,
    /// `DynamoDB.TransactWriteItems`, `AWSEvents.PutEvents`, `PUT` for S3 …
    pub operation: String,
}

/// The count of every call.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<Call, u64>>>);

impl Calls {
    /// The counts.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Call, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An HTTP client that counts what `function` calls through it.
    #[must_use]
    pub fn client_of(&self, function: &str, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(CountingClient { calls: self.clone(), function: function.to_owned(), inner })
    }

    fn count(&self, function: &str, request: &HttpRequest) {
        let operation = match request.headers().get("x-amz-target") {
            // DynamoDB's target carries the API's date: `DynamoDB_20120810.GetItem`.
            Some(target) => target.replace("DynamoDB_20120810", "DynamoDB"),
            None if request.uri().contains("/v2/email/") => "SES.SendEmail".to_owned(),
            None => format!("S3.{}", request.method()),
        };
        let call = Call { function: function.to_owned(), operation };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default() += 1;
    }
}

#[derive(Debug)]
struct CountingClient {
    calls: Calls,
    function: String,
    inner: SharedHttpClient,
}

impl HttpClient for CountingClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(CountingConnector {
            calls: self.calls.clone(),
            function: self.function.clone(),
            inner: self.inner.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct CountingConnector {
    calls: Calls,
    function: String,
    inner: SharedHttpConnector,
}

impl HttpConnector for CountingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.calls.count(&self.function, &request);
        self.inner.call(request)
    }
}

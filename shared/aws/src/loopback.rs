//! A loopback HTTP server for tests: it answers what the test says and remembers what it was asked.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::configuration::Configuration;

/// A call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the server does with a call.
pub(crate) enum Reply {
    Status(u16, String),
    Never,
}

impl Reply {
    pub(crate) fn json(body: &serde_json::Value) -> Self {
        Self::Status(200, body.to_string())
    }

    /// An error as the services with a JSON protocol write it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Status(status, serde_json::json!({"__type": code, "message": "as the test says"}).to_string())
    }
}

pub(crate) struct Loopback {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
    server: JoinHandle<()>,
}

impl Loopback {
    /// Starts it; `answer` gets every call with its number, from 0.
    pub(crate) async fn start(answer: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&received), Arc::new(answer));
        let router = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let call = Received {
                    target: format!("{} {}", parts.method, parts.uri),
                    headers: parts.headers,
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(call.clone());
                    log.len() - 1
                };
                match answer(number, &call) {
                    Reply::Status(status, body) => (StatusCode::from_u16(status).unwrap(), body),
                    Reply::Never => std::future::pending().await,
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, received, server }
    }

    /// A configuration whose every service is this server.
    pub(crate) fn configuration(&self) -> Configuration {
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("test", "test", None)))
            .endpoint_url(&self.url)
            .build();
        Configuration::with(sdk, None)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A record that verifies.
pub(crate) fn record(sequence: u64) -> domain::journal::Record {
    let mut record: domain::journal::Record = serde_json::from_value(serde_json::json!({
        "timestamp": "2026-11-23T18:51:45.123Z",
        "eventType": "image.request.submitted",
        "requestId": "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
        "sequence": sequence,
        "requester": "jane@acme.example",
        "image": "python:latest-dev",
        "team": "data-engineering",
        "environment": "production",
        "approvalTier": "manager-approval",
        "policyVersion": "1",
        "policyRule": "production",
        "hash": "0".repeat(64),
    }))
    .unwrap();
    record.hash = record.expected_hash();
    record
}

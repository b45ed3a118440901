//! A server that answers what a test tells it to, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use chainguard::Chainguard;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{ORG, STORED_TOKEN, Secrets, client};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Decoded, in the order in which the pairs came.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap())
    }
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Answers each request with the status and the body that `script` says. The body of a redirect is where it leads.
    pub(crate) async fn start(script: impl Fn(&Seen) -> (u16, String) + Clone + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let router = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
            let request = Seen {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: query.into_owned().collect(),
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let (status, answer) = script(&request);
            log.lock().unwrap().push(request);
            let status = StatusCode::from_u16(status).unwrap();
            if status.is_redirection() && !answer.is_empty() {
                return (status, [(header::LOCATION, answer)]).into_response();
            }
            (status, answer).into_response()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// Answers the look-up of the organisation `acme`, and everything else with this.
    pub(crate) async fn answering(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::start(move |seen| if seen.path == "/iam/v1/groups" { acme() } else { (status, body.clone()) }).await
    }

    pub(crate) fn client(&self) -> Chainguard<Secrets> {
        client(self.address, "acme", Secrets::with(STORED_TOKEN))
    }

    /// The requests so far, without look-ups of the organisation.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.path != "/iam/v1/groups").cloned().collect()
    }
}

/// The look-up's answer for `acme`.
pub(crate) fn acme() -> (u16, String) {
    (200, groups(&[("acme", true)]).to_string())
}

/// A list of groups, the first with the organisation's id.
pub(crate) fn groups(names: &[(&str, bool)]) -> Value {
    let group = |(index, (name, verified)): (usize, &(&str, bool))| {
        let id = if index == 0 { ORG.to_owned() } else { format!("{index:040x}") };
        json!({"id": id, "name": name, "verified": verified})
    };
    json!({"items": names.iter().enumerate().map(group).collect::<Vec<_>>()})
}

//! Drives the system as people do: over HTTP, with signed tokens.

#![recursion_limit = "256"]
#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this crate is for tests: whatever is unexpected ends the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::journal::{self, Record};
use domain::policy::DEFAULT_POLICY;
use local::options::Options;
use local::runtime::Runtime;
use reqwest::Method;
use serde_json::{Value, json};

/// How long something may take that is bound to happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, or text that is none.
    pub body: Value,
}

impl Reply {
    /// The end of the problem's `type`.
    #[must_use]
    pub fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|uri| uri.strip_prefix("urn:cgr-request:problem:")).unwrap_or_default()
    }

    /// A member of the body that is text.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }
}

/// A client of one address.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    /// Of this address.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let http =
            reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base: base.to_owned(), http }
    }

    /// A fresh token of a sample person, by the local part of the e-mail address.
    pub async fn token(&self, name: &str) -> String {
        self.http.get(format!("{}/_local/tokens/{name}", self.base)).send().await.unwrap().text().await.unwrap()
    }

    /// A call as it is.
    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Reply { status, headers, body }
    }

    /// A call with a token and a JSON body.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.call(method, path, &[("authorization", &bearer), ("content-type", "application/json")], body).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(Method::GET, path, token, &Value::Null).await
    }

    /// `POST /request`.
    pub async fn submit(&self, token: &str, body: &Value) -> Reply {
        self.send(Method::POST, "/request", token, body).await
    }

    /// `POST /request` with an idempotency key; nothing if the connection breaks.
    pub async fn try_submit(&self, token: &str, body: &Value, key: &str) -> Option<Reply> {
        let response = self
            .http
            .post(format!("{}/request", self.base))
            .bearer_auth(token)
            .header("idempotency-key", key)
            .body(body.to_string())
            .send()
            .await
            .ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Reply { status, headers: BTreeMap::new(), body })
    }

    /// `PATCH /request/{id}/{verb}`.
    pub async fn decide(&self, id: &str, verb: &str, token: &str, body: &Value) -> Reply {
        self.send(Method::PATCH, &format!("/request/{id}/{verb}"), token, body).await
    }

    /// Waits until a request has a status; returns it.
    pub async fn until_status(&self, id: &str, status: &str, token: &str) -> Value {
        let path = format!("/request/{id}");
        until(&format!("{id} is {status}"), || async {
            let reply = self.get(&path, token).await;
            (reply.text("status") == status).then_some(reply.body)
        })
        .await
    }

    /// What people were told: of an event, through a channel.
    pub async fn outbox(&self) -> Vec<Value> {
        let reply = self.call(Method::GET, "/_local/outbox", &[("accept", "application/json")], Vec::new()).await;
        reply.body.as_array().cloned().unwrap()
    }
}

/// Looks again and again until there is something, for at most a minute.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    until_within(PATIENCE, what, look).await
}

/// Looks again and again until there is something, within a time.
pub async fn until_within<T, F: Future<Output = Option<T>>>(patience: Duration, what: &str, look: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < patience, "in {patience:?} it did not come to this: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The running system and a client of it.
pub struct World {
    /// The system.
    pub runtime: Runtime,
    /// A client.
    pub client: Client,
}

impl World {
    /// A fresh system that keeps nothing.
    pub async fn start() -> Self {
        Self::start_with(&Options::default()).await
    }

    /// A system with these options.
    pub async fn start_with(options: &Options) -> Self {
        let runtime = Runtime::start(options, |_| {}).await.unwrap();
        let client = Client::new(runtime.base_url());
        Self { runtime, client }
    }

    /// Waits until every message has been dealt with.
    pub async fn until_settled(&self) {
        until_within(Duration::from_mins(5), "every message has been dealt with", || async {
            self.runtime.is_settled().unwrap().then_some(())
        })
        .await;
    }
}

/// The links to a request in the mails to somebody, oldest first: path and query.
#[must_use]
pub fn links(mails: &[Value], id: &str, address: &str) -> Vec<String> {
    let to_them = mails.iter().filter(|mail| mail["to"].as_array().is_some_and(|to| to.contains(&address.into())));
    let texts = to_them.filter_map(|mail| mail["text"].as_str());
    let start = format!("/approval/{id}?");
    let links =
        texts.flat_map(|text| text.split_whitespace()).filter_map(|word| word.find(&start).map(|at| &word[at..]));
    links.map(str::to_owned).collect()
}

/// The first of [`links`].
#[must_use]
pub fn find_link(mails: &[Value], id: &str, address: &str) -> Option<String> {
    links(mails, id, address).into_iter().next()
}

/// Waits for the mail that asks somebody to decide a request; returns its link.
pub async fn link_in(client: &Client, id: &str, address: &str) -> String {
    until(&format!("{address} gets a link"), || async { find_link(&client.outbox().await, id, address) }).await
}

/// The default policy without its rate limit, as a file in `folder`.
#[must_use]
pub fn policy_without_rate_limit(folder: &Path) -> std::path::PathBuf {
    policy_with(folder, &[("    rateLimit: { requests: 20, per: 1h }\n", "    {}\n")])
}

/// The default policy with parts of its text replaced, as a file in `folder`.
#[must_use]
pub fn policy_with(folder: &Path, changes: &[(&str, &str)]) -> std::path::PathBuf {
    let mut text = DEFAULT_POLICY.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the default policy has no `{from}`");
        text = text.replace(from, to);
    }
    let path = folder.join("policy.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The body of the `index`th of many requests: each for a repository of its own.
#[must_use]
pub fn nth_request(index: usize) -> Value {
    json!({
        "image": "python:latest",
        "customName": format!("python-{index}"),
        "justification": format!("load {index}"),
        "team": "data-engineering",
        "environment": "dev",
    })
}

/// What has to hold when the dust has settled: for every request a contiguous journal with an intact chain that ends
/// in `available`, exactly one repository, and the same records in the archive.
pub async fn check_everything(
    client: &Client,
    token: &str,
    ids: &BTreeSet<String>,
    repositories: &[String],
    archive: &Path,
) {
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for id in ids {
        let reply = client.get(&format!("/request/{id}/events"), token).await;
        assert_eq!(reply.status, 200, "{id}: {reply:?}");
        let records: Vec<Record> = serde_json::from_value(reply.body["events"].clone()).unwrap();
        let head = journal::verify(&records).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(usize::try_from(head.sequence).unwrap(), records.len());
        let types: Vec<&str> = records.iter().map(|record| record.event_type.as_str()).collect();
        assert_eq!(types.first(), Some(&"image.request.submitted"), "{id}");
        assert_eq!(types.last(), Some(&"image.request.available"), "{id}");
        for once in ["submitted", "approved", "provisioned", "available"] {
            let name = format!("image.request.{once}");
            assert_eq!(types.iter().filter(|kind| **kind == name).count(), 1, "{id} {once}: {types:?}");
        }
        for record in &records {
            wanted.insert(record.event_id().to_string(), journal::canonical_json(record));
        }
    }
    let distinct: BTreeSet<&String> = repositories.iter().collect();
    assert_eq!(distinct.len(), repositories.len(), "no repository twice");
    assert_eq!(repositories.len(), ids.len(), "one repository a request");
    let archived = archived_records(archive);
    assert_eq!(archived, wanted, "the archive holds exactly the journal's records");
}

/// The archive's records by event id, as canonical JSON.
#[must_use]
pub fn archived_records(archive: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![archive.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let record: Record = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let twice = found.insert(record.event_id().to_string(), journal::canonical_json(&record));
                assert!(twice.is_none(), "{} is archived twice", path.display());
            }
        }
    }
    found
}

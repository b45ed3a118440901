//! Drives a deployment of the system as people and operators do, over HTTP alone: see README.md.

#![cfg(feature = "deployed")]
#![recursion_limit = "256"]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "this crate is for tests: whatever is unexpected ends the test"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long something may take that is bound to happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What was deployed: `run` writes it, and names the file in `DEPLOYMENT`.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployment {
    /// The stack's outputs.
    pub outputs: BTreeMap<String, String>,
    /// Physical names by the template's names.
    pub resources: BTreeMap<String, String>,
    /// The stack's parameters.
    pub parameters: BTreeMap<String, Value>,
    /// The template's routes.
    pub routes: Vec<Route>,
    /// Where the stand-in for Chainguard is, without TLS.
    pub chainguard: String,
    /// Where the issuer of people's tokens is, without TLS.
    pub people: String,
    /// Who the functions are at Chainguard.
    pub identity: String,
}

/// A route of the template.
#[derive(Clone, Debug, Deserialize)]
pub struct Route {
    /// `GET`, …
    pub method: String,
    /// With parameters in braces.
    pub path: String,
    /// Whether the authorizer is asked.
    pub authorized: bool,
}

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
    async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    /// The end of the problem's `type`.
    #[must_use]
    pub fn problem(&self) -> &str {
        self.text("type").strip_prefix("urn:cgr-request:problem:").unwrap_or_default()
    }

    /// A member of the body that is text.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// The page that the body is.
    #[must_use]
    pub fn page(&self) -> &str {
        assert!(self.headers["content-type"].starts_with("text/html"), "{self:?}");
        self.body.as_str().unwrap_or_default()
    }
}

/// The deployment, and who looks at it.
pub struct World {
    /// What was deployed.
    pub deployment: Deployment,
    /// The SDK's configuration for the emulator: an operator with all rights.
    pub aws: SdkConfig,
    http: reqwest::Client,
    emulator: String,
    api: String,
}

impl World {
    /// The deployment that `run` made, once people can use it: that is when a schedule has fetched the catalog.
    pub async fn open() -> Self {
        let world = Self::closed().await;
        let jane = world.token("jane").await;
        until("the catalog has been fetched", || async {
            (world.get("/catalog", &jane).await.status == 200).then_some(())
        })
        .await;
        world
    }

    /// The deployment that `run` made, as it is.
    pub async fn closed() -> Self {
        let file = std::env::var("DEPLOYMENT").expect("run these tests with tests/deployed/run");
        let deployment: Deployment = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let emulator = aws.endpoint_url().unwrap().to_owned();
        let api = deployment.outputs["ApiUrl"].clone();
        let host = Url::parse(&api).unwrap().host_str().unwrap().to_owned();
        let address: SocketAddr = Url::parse(&emulator).unwrap().socket_addrs(|| None).unwrap()[0];
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            // Not every machine knows the names below `localhost`.
            .resolve(&host, address)
            .build()
            .unwrap();
        Self { deployment, aws, http, emulator, api }
    }

    /// A fresh token of a sample person, by the local part of the e-mail address.
    pub async fn token(&self, login: &str) -> String {
        let url = format!("{}/tokens/{login}", self.deployment.people);
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// A token with any claims, signed by the issuer of people's tokens.
    pub async fn sign(&self, claims: &Value) -> String {
        let url = format!("{}/sign", self.deployment.people);
        self.http.post(url).json(claims).send().await.unwrap().text().await.unwrap()
    }

    /// A call of the API, as it is.
    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.api)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(request.send().await.unwrap()).await
    }

    /// A call of the API with a token and a JSON body.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.call(method, path, &[("authorization", &bearer), ("content-type", "application/json")], body).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.send(Method::GET, path, token, &Value::Null).await
    }

    /// Asks for an image in a repository of this name; the request's id.
    pub async fn submit(&self, token: &str, name: &str, environment: &str) -> String {
        let body = json!({
            "image": "python:latest-dev",
            "customName": name,
            "justification": format!("to see whether {name} arrives"),
            "team": "data-engineering",
            "environment": environment,
        });
        let reply = self.send(Method::POST, "/request", token, &body).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        reply.text("requestId").to_owned()
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

    /// A request's journal. Its chain has to be intact.
    pub async fn journal(&self, id: &str, token: &str) -> Vec<Value> {
        let reply = self.get(&format!("/request/{id}/events"), token).await;
        assert_eq!(reply.body["chainIntact"], true, "{reply:?}");
        reply.body["events"].as_array().cloned().unwrap()
    }

    /// The mails that SES was given, oldest first.
    pub async fn mails(&self) -> Vec<Mail> {
        #[derive(Deserialize)]
        struct Everything {
            messages: BTreeMap<String, Vec<Mail>>,
        }
        let url = format!("{}/_ministack/ses/messages", self.emulator);
        let everything: Everything = self.http.get(url).send().await.unwrap().json().await.unwrap();
        everything.messages.into_values().flatten().collect()
    }

    /// Waits for the mail that asks somebody to decide a request; returns its link, from the path on.
    pub async fn link_in_mail(&self, id: &str, address: &str) -> String {
        let start = format!("{}/approval/{id}?", self.api);
        let link = until(&format!("{address} gets a link to {id}"), || async {
            let mails = self.mails().await;
            let words = mails.iter().filter(|mail| mail.to.iter().any(|to| to == address)).map(|mail| &mail.text);
            words.flat_map(|text| text.split_whitespace()).find(|word| word.starts_with(&start)).map(str::to_owned)
        })
        .await;
        link[self.api.len()..].to_owned()
    }

    /// Decides as the page behind a signed link does.
    pub async fn decide_by_link(&self, link: &str, form: &str) -> Reply {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.call(Method::POST, link, &headers, form.as_bytes().to_vec()).await
    }

    /// What the stand-in for Chainguard knows.
    async fn chainguard_state(&self) -> Value {
        let url = format!("{}/_fake/state", self.deployment.chainguard);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The descriptions of Chainguard's repositories of this name.
    pub async fn repositories(&self, name: &str) -> Vec<String> {
        let state = self.chainguard_state().await;
        let named = state["repositories"].as_array().unwrap().iter().filter(|repository| repository["name"] == name);
        named.map(|repository| repository["description"].as_str().unwrap().to_owned()).collect()
    }

    /// How often Chainguard was last asked for this; of all calls, the last thousand count.
    pub async fn count_calls(&self, route: &str) -> usize {
        let state = self.chainguard_state().await;
        state["calls"].as_array().unwrap().iter().filter(|call| call["route"] == route).count()
    }

    /// A call of the stand-in for Chainguard.
    pub async fn chainguard(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        let request = self.http.request(method, format!("{}{path}", self.deployment.chainguard));
        Reply::of(request.bearer_auth(token).json(body).send().await.unwrap()).await
    }

    /// A token in which AWS vouches to Chainguard for the functions' role.
    pub async fn web_identity_token(&self) -> String {
        let audience = self.deployment.parameters["ChainguardIssuerUrl"].as_str().unwrap();
        let url = format!("{}/aws/web-identity-token", self.deployment.people);
        let request = self.http.get(url).query(&[("audience", audience), ("seconds", "300")]);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// What lies in the template's queue, in flight or not; nobody receives it by that.
    pub async fn queued(&self, queue: &str) -> Vec<Message> {
        #[derive(Deserialize)]
        struct Everything {
            messages: BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<Message>>>>,
        }
        let url = format!("{}/_ministack/sqs/messages", self.emulator);
        let request = self.http.get(url).query(&[("QueueUrl", &self.deployment.resources[queue])]);
        let everything: Everything = request.send().await.unwrap().json().await.unwrap();
        everything
            .messages
            .into_values()
            .flat_map(BTreeMap::into_values)
            .flat_map(BTreeMap::into_values)
            .flatten()
            .collect()
    }

    /// The address of the API where names below `localhost` are not known.
    #[must_use]
    pub fn api_by_path(&self) -> String {
        let host = Url::parse(&self.api).unwrap().host_str().unwrap().to_owned();
        let (id, _) = host.split_once('.').unwrap();
        format!("{}/_aws/execute-api/{id}/$default", self.emulator)
    }
}

/// A mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mail {
    /// The sender.
    pub source: String,
    /// To whom.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text without markup.
    #[serde(rename = "BodyText")]
    pub text: String,
}

/// A message of a queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// What was sent.
    pub body: String,
    /// How often it has been received.
    pub receive_count: u32,
}

/// Looks again and again until there is something, for at most a minute.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "in {PATIENCE:?} it did not come to this: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

//! A fake behind a socket of its own, and a client small enough to send what no careful client would.

use std::net::SocketAddr;

use fake_chainguard::{FakeChainguard, Options, Route};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};

/// The default organization.
pub(crate) const ORG: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

pub(crate) struct Running {
    pub(crate) fake: FakeChainguard,
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// HTTP status and gRPC code.
    pub(crate) fn error(&self) -> (u16, i64) {
        (self.status, self.json()["code"].as_i64().expect("an error has a code"))
    }

    /// The names in a list.
    pub(crate) fn names(&self, list: &str) -> Vec<String> {
        let mut names: Vec<_> = self.json()[list]
            .as_array()
            .unwrap_or_else(|| panic!("no list {list}: {}", self.text))
            .iter()
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect();
        names.sort();
        names
    }
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        Self::serve(FakeChainguard::new(options)).await
    }

    pub(crate) async fn serve(fake: FakeChainguard) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = fake.clone();
        // Ends with the test's runtime.
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { fake, address, client }
    }

    /// A request without a token or a body.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path).header(AUTHORIZATION, "Bearer anyone");
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// A v1 create that refuses to touch what exists.
    pub(crate) async fn create(&self, body: Value) -> Answer {
        self.call(Method::POST, &format!("/registry/v1/repos/{ORG}?preventExisting=true"), Some(body)).await
    }

    /// The id of a repository that syncs `source`, made for this call.
    pub(crate) async fn created(&self, name: &str, source: &str) -> String {
        let answer = self.create(json!({"name": name, "sync_config": {"source": source}})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The id of a subscription, made for this call.
    pub(crate) async fn subscribe(&self, sink: &str) -> String {
        let path = format!("/events/v1/subscriptions/{ORG}");
        let answer = self.call(Method::POST, &path, Some(json!({"sink": sink}))).await;
        assert_eq!((answer.status, &answer.json()["sink"]), (200, &json!(sink)), "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The claims of a token that the issuer has signed, with keys that are found as a stranger finds them. Who it is
    /// for and whether it has expired is not looked at.
    pub(crate) async fn claims(&self, token: &str) -> Value {
        self.verified(token).await.unwrap()
    }

    pub(crate) async fn verified(&self, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
        let found = self.send(self.request(Method::GET, "/.well-known/openid-configuration")).await.json();
        let issuer = found["issuer"].as_str().unwrap();
        assert_eq!(issuer, format!("http://{}", self.address));
        let keys = found["jwks_uri"].as_str().unwrap().strip_prefix(issuer).unwrap();
        let keys: JwkSet = serde_json::from_str(&self.send(self.request(Method::GET, keys)).await.text).unwrap();
        let kid = jsonwebtoken::decode_header(token)?.kid.unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation.set_issuer(&[issuer]);
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap())?;
        Ok(jsonwebtoken::decode::<Value>(token, &key, &validation)?.claims)
    }

    pub(crate) fn creates(&self) -> u64 {
        self.fake.count_calls(Route::CreateRepo)
    }
}

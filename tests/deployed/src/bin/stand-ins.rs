//! The parties that a deployment talks to and that are not AWS: Chainguard, and the issuer that vouches for people.
//!
//! `stand-ins <folder> <Chainguard's port> <its https address> <the issuer's port> <its https address>`. Both listen to
//! plain HTTP on the loopback interface; whoever starts this puts TLS before them. The credential that Chainguard takes
//! is written to `credential.json` in the folder.

#![expect(clippy::unwrap_used, reason = "it is for tests: whatever is unexpected ends them")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::ports::Clock as _;
use fake_chainguard::{AwsRole, FakeChainguard, Identity, Options, TokenCheck, Trust};
use local::people::Issuer;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a custom role at Chainguard needs for adding images, and for subscribing to events.
const CAPABILITIES: [&str; 6] =
    ["groups.list", "repo.create", "repo.list", "registry.entitlements.list", "tag.list", "subscriptions.create"];

/// Longer than the tests take.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

struct People {
    issuer: Issuer,
    chainguard: FakeChainguard,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, chainguard_port, chainguard_url, people_port, people_url] = arguments.try_into().unwrap();
    let folder = Path::new(&folder);

    let role = AwsRole::example();
    let organization = Options::default().organization_id;
    let identity = format!("{organization}/1111111111111111");
    let chainguard = FakeChainguard::new(Options {
        issuer: Some(chainguard_url),
        token: TokenCheck::Issued { lifetime: TOKEN_LIFETIME },
        identities: vec![Identity {
            id: identity.clone(),
            trusts: Trust::AwsWebIdentity { subject: role.role_arn() },
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        }],
        aws: Some(role),
        ..Options::default()
    });
    let credential = json!({"kind": "aws-web-identity", "identity": identity});
    std::fs::write(folder.join("credential.json"), credential.to_string()).unwrap();

    let issuer = Issuer::open(&folder.join("issuer-key.der"), people_url).unwrap();
    let people = Arc::new(People { issuer, chainguard: chainguard.clone() });
    let routes = Router::new()
        .route("/jwks.json", get(jwks))
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/tokens/{login}", get(token))
        .route("/sign", post(sign))
        .route("/aws/web-identity-token", get(web_identity_token))
        .with_state(people);
    let (one, other) = tokio::join!(serve(&chainguard_port, chainguard.router()), serve(&people_port, routes),);
    one.and(other).unwrap();
}

async fn serve(port: &str, routes: Router) -> std::io::Result<()> {
    axum::serve(TcpListener::bind(format!("127.0.0.1:{port}")).await?, routes).await
}

async fn jwks(State(people): State<Arc<People>>) -> Json<Value> {
    Json(serde_json::to_value(people.issuer.jwks()).unwrap())
}

async fn configuration(State(people): State<Arc<People>>) -> Json<Value> {
    Json(people.issuer.configuration())
}

/// A fresh token of a sample person, by the local part of the e-mail address.
async fn token(State(people): State<Arc<People>>, UrlPath(login): UrlPath<String>) -> Result<String, StatusCode> {
    let tokens = people.issuer.tokens(lambda::clock::SystemClock.now()).unwrap();
    let found = tokens.into_iter().find(|token| token.login() == login);
    found.map(|token| token.token).ok_or(StatusCode::NOT_FOUND)
}

/// Any claims, signed by the issuer.
async fn sign(State(people): State<Arc<People>>, Json(claims): Json<Value>) -> String {
    people.issuer.sign(&claims).unwrap()
}

#[derive(Deserialize)]
struct Wanted {
    audience: String,
    seconds: u64,
}

/// What STS answers to `GetWebIdentityToken`: the emulator asks here, for Chainguard has the key that it trusts.
async fn web_identity_token(
    State(people): State<Arc<People>>,
    Query(wanted): Query<Wanted>,
) -> Result<String, StatusCode> {
    let lifetime = Duration::from_secs(wanted.seconds);
    people.chainguard.aws_web_identity_token(&wanted.audience, lifetime).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
}

use aws::configuration::Configuration;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::routing::get;
use lambda::environment::Environment;
use lambda::function::{Function, Invoke as _};
use lambda::jwt::HttpKeys;
use tokio::net::TcpListener;

use super::*;
use crate::Authorizer;
use crate::issuer::TRUSTED_ISSUERS;

/// 2100: these tests ask the machine's clock.
const FAR_AWAY: i64 = 4_102_444_800;

/// Serves this at a port of its own until the test ends; returns its base URL.
async fn serve(router: impl FnOnce(&str) -> Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(&url);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

fn discovery(issuer: &str, jwks_uri: &str) -> Router {
    let document = json!({"issuer": issuer, "jwks_uri": jwks_uri, "authorization_endpoint": "x"}).to_string();
    Router::new().route("/.well-known/openid-configuration", get(async || document))
}

fn authorizer(issuers: &Value) -> Authorizer {
    let environment = Environment::of([(TRUSTED_ISSUERS.to_owned(), issuers.to_string())].into());
    let aws = Configuration::with(aws_config::SdkConfig::builder().build(), None);
    Authorizer::from_environment(&environment, &aws).unwrap()
}

fn lasting(issuer: &str) -> Value {
    let mut claims = claims_with("exp", json!(FAR_AWAY));
    claims["iss"] = json!(issuer);
    claims
}

async fn invoke(authorizer: &Authorizer, token: &str) -> Value {
    authorizer.invoke(json!({"headers": {"authorization": format!("bearer {token}")}})).await.unwrap()
}

#[tokio::test]
async fn keys_are_discovered_from_the_issuer() {
    let signer = Signer::rsa();
    let keys = json!({"keys": [signer.jwk("k1")]}).to_string();
    let url = serve(|url| discovery(url, &format!("{url}/keys")).route("/keys", get(async || keys))).await;
    let authorizer = authorizer(&json!([{"issuer": url, "audience": AUDIENCE}]));
    let verdict = invoke(&authorizer, &signer.token("k1", &lasting(&url))).await;
    assert_eq!(verdict["context"]["email"], "jane@acme.example", "{verdict}");
    assert_eq!(verdict["isAuthorized"], true);
}

#[tokio::test]
async fn keys_are_read_where_the_operator_says() {
    let signer = Signer::ec();
    let keys = json!({"keys": [signer.jwk("k1")]}).to_string();
    let url = serve(|_| Router::new().route("/keys", get(async || keys))).await;
    let authorizer = authorizer(&json!([{"issuer": ACME, "audience": AUDIENCE, "jwksUri": format!("{url}/keys")}]));
    let verdict = invoke(&authorizer, &signer.token("k1", &lasting(ACME))).await;
    assert_eq!(verdict["context"]["subject"], format!("{ACME}|u-1"), "{verdict}");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_an_error_of_the_function() {
    let authorizer = authorizer(&json!([{"issuer": ACME, "audience": AUDIENCE, "jwksUri": "http://127.0.0.1:9/keys"}]));
    let token = Signer::ed().token("k1", &lasting(ACME));
    let call = json!({"headers": {"authorization": format!("Bearer {token}")}});
    let error = authorizer.invoke(call).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to get the keys of {ACME}"));
}

/// What fetching the keys of an issuer at `url` fails with.
async fn failure(url: &str, path: Option<&str>) -> String {
    let issuer = match path {
        Some(path) => Issuer { name: url.to_owned(), keys_at: KeysAt::Jwks(format!("{url}{path}").parse().unwrap()) },
        None => Issuer::discovered(url).unwrap(),
    };
    HttpKeys::new().unwrap().fetch_keys(&issuer).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_and_over_a_safe_connection() {
    let url = serve(|url| discovery("https://evil.example", &format!("{url}/keys"))).await;
    assert!(failure(&url, None).await.contains("it describes another issuer"));
    let url = serve(|url| discovery(url, "http://keys.acme.example/keys")).await;
    assert!(failure(&url, None).await.contains("jwks_uri is not https"));
}

#[tokio::test]
async fn answers_that_are_no_keys_are_failures() {
    let url = serve(|_| {
        Router::new()
            .route("/error", get(async || StatusCode::INTERNAL_SERVER_ERROR))
            .route("/moved", get(async || (StatusCode::FOUND, [(LOCATION, "/keys")])))
            .route("/page", get(async || "<html>"))
            .route("/huge", get(async || " ".repeat(300_000)))
            .route("/keys", get(async || r#"{"keys": []}"#))
    })
    .await;
    for (path, expected) in [
        ("/error", "answered 500"),
        ("/moved", "answered 302"),
        ("/page", "is not what it should be"),
        ("/huge", "has more than 262144 bytes"),
    ] {
        let failure = failure(&url, Some(path)).await;
        assert!(failure.contains(expected), "{path}: {failure}");
    }
}

// Paused, the clock jumps to the next timer whenever everybody waits: the client's timeout passes at once.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_does_not_answer_is_not_waited_for() {
    let url = serve(|_| Router::new().route("/keys", get(async || std::future::pending::<String>().await))).await;
    assert!(failure(&url, Some("/keys")).await.contains("failed to read"));
}

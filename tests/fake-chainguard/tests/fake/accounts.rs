//! Tokens and who they stand for.

use std::time::Duration;

use fake_chainguard::{Options, Route, TokenCheck};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use serde_json::json;

use crate::client::{Answer, Running};

const EXCHANGE: &str = "/sts/exchange?aud=https://console-api.enforce.dev&identity=somebody";

async fn list_with(running: &Running, token: &str) -> Answer {
    let request = running.request(Method::GET, "/registry/v1/repos");
    running.send(request.header(AUTHORIZATION, format!("Bearer {token}"))).await
}

async fn exchanged(running: &Running) -> String {
    running.get(EXCHANGE).await.json()["token"].as_str().unwrap().to_owned()
}

fn refused(answer: &Answer) -> bool {
    assert_eq!(answer.headers.contains_key(WWW_AUTHENTICATE), answer.status == 401);
    answer.status == 401 && answer.error() == (401, 16)
}

#[tokio::test]
async fn a_call_without_a_token_is_unauthenticated_and_has_no_effect() {
    let running = Running::start(Options::default()).await;
    let path = "/registry/v1/repos/a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
    for path in [path, "/sts/exchange"] {
        let answer = running.send(running.request(Method::POST, path).body(r#"{"name":"a"}"#)).await;
        assert!(refused(&answer), "{path}");
    }
    assert_eq!(running.fake.repositories(), []);
}

#[tokio::test]
async fn only_the_tokens_asked_for_are_let_in() {
    let token = TokenCheck::Exact(vec!["right".to_owned()]);
    let running = Running::start(Options { token, ..Options::default() }).await;
    assert_eq!(list_with(&running, "right").await.status, 200);
    assert!(refused(&list_with(&running, "wrong").await));
    let issued = exchanged(&running).await;
    assert_eq!(list_with(&running, &issued).await.status, 200);
}

#[tokio::test]
async fn an_issued_token_works_until_it_is_revoked_and_a_second_exchange_helps() {
    for token in [TokenCheck::Any, TokenCheck::Issued { lifetime: Duration::from_hours(1) }] {
        let running = Running::start(Options { token: token.clone(), ..Options::default() }).await;
        let first = exchanged(&running).await;
        assert_eq!(list_with(&running, &first).await.status, 200, "{token:?}");
        running.fake.revoke_tokens();
        assert!(refused(&list_with(&running, &first).await), "{token:?}");
        let second = exchanged(&running).await;
        assert_eq!(list_with(&running, &second).await.status, 200, "{token:?}");
        assert_eq!(running.fake.count_calls(Route::StsExchange), 2);
    }
}

#[tokio::test]
async fn an_expired_token_is_unauthenticated() {
    let token = TokenCheck::Issued { lifetime: Duration::ZERO };
    let running = Running::start(Options { token, ..Options::default() }).await;
    let expired = exchanged(&running).await;
    assert!(refused(&list_with(&running, &expired).await));
    assert!(refused(&list_with(&running, "never-issued").await));
}

#[tokio::test]
async fn the_exchange_takes_query_and_form_and_ignores_a_json_body() {
    let running = Running::start(Options::default()).await;
    let post = |path: &str, kind: &str, body: &str| {
        let request = running.request(Method::POST, path).header(AUTHORIZATION, "Bearer upstream");
        running.send(request.header(CONTENT_TYPE, kind).body(body.to_owned()))
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(post("/sts/exchange", form, "aud=a&aud=b&identity=x").await.status, 200);
    assert_eq!(post("/sts/exchange", &format!("{form}; charset=utf-8"), "aud=a").await.status, 200);
    assert_eq!(post(EXCHANGE, "application/json", "{}").await.status, 200);
    for body in [r#"{"aud":["a"]}"#, "aud=a"] {
        let ignored = post("/sts/exchange", "application/json", body).await;
        assert_eq!(ignored.error(), (400, 3), "{body}");
        assert_eq!(ignored.json()["message"], "Audience must be specified");
    }
    let calls = running.fake.calls();
    assert!(calls.iter().all(|call| !call.query.contains("upstream")), "{calls:?}");
}

#[tokio::test]
async fn a_token_says_who_it_stands_for() {
    let running = Running::start(Options::default()).await;
    let token = exchanged(&running).await;
    let request = running.request(Method::GET, "/auth/v1/ok").header(AUTHORIZATION, format!("Bearer {token}"));
    let who = running.send(request).await.json();
    assert_eq!(who["subject"], "somebody");
    assert_eq!(who["audience"], json!(["https://console-api.enforce.dev"]));
    assert_eq!(who["capabilities"][0]["group"]["name"], "acme");
    assert!(who["expiry"].as_str() > who["issuedAt"].as_str());
    assert!(refused(&running.send(running.request(Method::GET, "/auth/v1/ok")).await));
}

#[tokio::test]
async fn a_ping_needs_no_token() {
    let running = Running::start(Options::default()).await;
    let answer = running.send(running.request(Method::GET, "/ping/v1/ping")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.json()["response"].is_string());
}

#[tokio::test]
async fn groups_are_found_by_their_exact_name_and_another_organization_once_it_shows() {
    let running = Running::start(Options::default()).await;
    assert_eq!(running.get("/iam/v1/groups?name=acme").await.names("items"), ["acme"]);
    assert_eq!(running.get("/iam/v1/groups?name=acm").await.names("items"), [""; 0]);
    assert_eq!(running.get("/iam/v1/groups?uidp.inRoot=true").await.names("items"), ["acme"]);
    running.fake.seed_repository_of_another_organization("theirs").unwrap();
    assert_eq!(running.get("/iam/v1/groups?organization=acme").await.names("items"), ["acme", "other.example"]);
}

#[tokio::test]
async fn tokens_are_signed_by_a_key_that_discovery_leads_to() {
    let running = Running::start(Options::default()).await;
    let token = exchanged(&running).await;
    let claims = running.claims(&token).await;
    assert_eq!(claims["sub"], "somebody");
    assert_eq!(claims["aud"], json!(["https://console-api.enforce.dev"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{rest}.{}", signature.chars().rev().collect::<String>());
    assert!(running.verified(&forged).await.is_err());
    assert!(refused(&list_with(&running, &forged).await), "also where foreign tokens are let in");
}

#[tokio::test]
async fn a_token_is_good_for_its_audience_only() {
    let running = Running::start(Options::default()).await;
    for (audience, status) in [
        ("https://console-api.enforce.dev", 200),
        (&format!("http://{}", running.address), 200),
        ("cgr.dev&aud=https://console-api.enforce.dev", 200),
        ("cgr.dev", 401),
        ("https://issuer.enforce.dev", 401),
    ] {
        let answer = running.get(&format!("/sts/exchange?aud={audience}&identity=somebody")).await.json();
        assert_eq!(list_with(&running, answer["token"].as_str().unwrap()).await.status, status, "{audience}");
    }
}

#[tokio::test]
async fn a_token_does_what_its_capabilities_allow_and_no_more() {
    let running = Running::start(Options::default()).await;
    let id = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978";
    let org = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
    for (method, path, capability) in [
        (Method::POST, format!("/registry/v1/repos/{org}"), "repo.create"),
        (Method::PUT, format!("/registry/v1/repos/{id}"), "repo.update"),
        (Method::DELETE, format!("/registry/v1/repos/{id}"), "repo.delete"),
        (Method::GET, "/registry/v1/repos".to_owned(), "repo.list"),
        (Method::GET, format!("/registry/v1/repos/{id}:syncstatus"), "repo.list"),
        (Method::GET, "/registry/v2/repos".to_owned(), "repo.list"),
        (Method::GET, format!("/registry/v2/repos/{id}"), "repo.list"),
        (Method::GET, "/registry/v1/tags".to_owned(), "tag.list"),
        (Method::GET, format!("/registry/v1/repotagssummary/{id}"), "tag.list"),
        (Method::GET, format!("/registry/v1/entitlements/{org}"), "registry.entitlements.list"),
        (Method::GET, format!("/registry/v1/entitlements/{org}:effective"), "registry.entitlements.list"),
        (Method::GET, format!("/registry/v1/entitlements/{org}:summary"), "registry.entitlements.list"),
        (Method::GET, format!("/registry/v1/entitlements/{org}/images"), "registry.entitlements.list"),
        (Method::GET, format!("/registry/v1/entitlements/{org}/catalog-images"), "registry.entitlements.list"),
        (Method::POST, format!("/registry/v1/entitlements/{org}:addImages"), "registry.entitlements.images.add"),
        (Method::GET, "/iam/v1/groups".to_owned(), "groups.list"),
        (Method::GET, "/events/v1/subscriptions".to_owned(), "subscriptions.list"),
        (Method::POST, format!("/events/v1/subscriptions/{org}"), "subscriptions.create"),
        (Method::DELETE, format!("/events/v1/subscriptions/{id}"), "subscriptions.delete"),
    ] {
        let call = async |cap: &str| {
            let token = running.get(&format!("{EXCHANGE}&cap={cap}")).await.json()["token"].take();
            let request = running.request(method.clone(), &path).body("{}");
            running.send(request.bearer_auth(token.as_str().unwrap())).await.status
        };
        assert_ne!(call(capability).await, 403, "{method} {path} with {capability}");
        let other = if capability == "repo.list" { "tag.list" } else { "repo.list" };
        assert_eq!(call(&format!("{other}&cap=no.such")).await, 403, "{method} {path} with {other}");
    }
}

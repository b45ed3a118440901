//! Where the token comes from, how long it is used, and what happens when it is refused.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::{ChainguardError, FindRepository as _, ListRepositories as _};
use fake_chainguard::{Fault, Options, Route, TokenCheck};
use serde_json::json;
use tokio::task::JoinSet;

use crate::scripted::{Scripted, acme};
use crate::support::{EXCHANGE, MinuteOld, ORG, Running, STORED_TOKEN, Secrets, client, name, pass};

fn issued(lifetime: Duration) -> Options {
    Options { token: TokenCheck::Issued { lifetime }, ..Options::default() }
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn an_exchanged_token_serves_until_five_minutes_before_its_end() {
    for (lifetime, exchanges) in [(HOUR, 1), (Duration::from_secs(330), 1), (Duration::from_secs(299), 3)] {
        let running = Running::start(issued(lifetime)).await;
        let client = running.client(EXCHANGE);
        client.find_repository(&name("nginx")).await.unwrap();
        client.find_repository(&name("nginx")).await.unwrap();
        let calls = running.count(Route::Groups) + running.count(Route::ListRepos);
        assert_eq!((calls, running.count(Route::StsExchange)), (3, exchanges), "{lifetime:?}");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_from_a_secret_that_is_read_again() {
    let running = Running::start(issued(HOUR)).await;
    let secrets = Secrets::with(EXCHANGE);
    let client = running.client_of(secrets.clone());
    client.list_repositories().await.unwrap();
    let reads = secrets.reads();
    assert_eq!(running.count(Route::StsExchange), 1);
    running.fake.revoke_tokens();
    client.list_repositories().await.unwrap();
    assert_eq!((running.count(Route::StsExchange), secrets.reads()), (2, reads + 2));
    let statuses: Vec<_> = running.fake.calls().iter().filter_map(|call| call.status).collect();
    assert_eq!(statuses, [200, 200, 200, 401, 200, 200]);
}

#[tokio::test]
async fn a_stored_token_that_was_changed_is_used_at_once() {
    let token = TokenCheck::Exact(vec!["new".to_owned()]);
    let running = Running::start(Options { token, ..Options::default() }).await;
    let stored = |token| Ok(json!({"kind": "token", "token": token}).to_string());
    let client = running.client_of(Secrets::versions([stored("old"), stored("new")]));
    client.list_repositories().await.unwrap();
    assert_eq!(running.count(Route::Groups), 2);
}

#[tokio::test]
async fn a_credential_that_is_refused_twice_is_refused() {
    let running = Running::start(issued(HOUR)).await;
    let secrets = Secrets::with(STORED_TOKEN);
    let listed = running.client_of(secrets.clone()).list_repositories().await;
    assert!(matches!(listed, Err(ChainguardError::Unauthenticated(_))), "{listed:?}");
    assert_eq!((running.count(Route::Groups), secrets.reads()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_calls_at_once_share_one_exchange_one_look_up_and_one_refresh() {
    let running = Running::start(issued(HOUR)).await;
    let client = Arc::new(running.client(EXCHANGE));
    for exchanges in [1, 2] {
        let mut calls = JoinSet::new();
        for _ in 0..20 {
            let client = Arc::clone(&client);
            calls.spawn(async move { client.find_repository(&name("nginx")).await });
        }
        for found in calls.join_all().await {
            assert_eq!(found, Ok(None));
        }
        assert_eq!(running.count(Route::StsExchange), exchanges);
        assert_eq!(running.count(Route::Groups), 1);
        running.fake.revoke_tokens();
    }
}

/// The secret for an identity of the organisation.
fn exchange_as(part: &str) -> String {
    json!({"kind": "exchange", "identity": format!("{ORG}/{part}"), "token": "upstream-token"}).to_string()
}

#[tokio::test]
async fn a_changed_secret_is_used_within_a_minute_and_costs_one_look_a_minute() {
    let running = Running::start(issued(HOUR)).await;
    let secrets = MinuteOld::with(&exchange_as("1111111111111111"));
    let client = running.client_of(secrets.clone());
    let subject = async || client.who_am_i().await.unwrap().subject;
    assert_eq!(subject().await, format!("{ORG}/1111111111111111"));
    pass(Duration::from_secs(1)).await;
    secrets.store(&exchange_as("2222222222222222"));
    let mut seconds = 0;
    while subject().await.ends_with("1111111111111111") {
        assert!(seconds < 60, "the old identity is used on");
        pass(Duration::from_secs(1)).await;
        seconds += 1;
    }
    assert_eq!((secrets.fetches(), running.count(Route::StsExchange)), (2, 2));
    assert_eq!(running.count(Route::AuthOk), seconds + 2, "no call was refused");

    secrets.store("{}");
    pass(Duration::from_mins(1)).await;
    let broken = client.who_am_i().await;
    assert!(matches!(broken, Err(ChainguardError::Credential(_))), "{broken:?}");
}

#[tokio::test]
async fn a_token_serves_on_while_the_secret_cannot_be_read() {
    let running = Running::start(issued(HOUR)).await;
    let client = running.client_of(Secrets::versions([Ok(EXCHANGE.to_owned()), Err(true)]));
    for _ in 0..3 {
        client.list_repositories().await.unwrap();
    }
    assert_eq!(running.count(Route::StsExchange), 1);
    running.fake.revoke_tokens();
    let refused = client.list_repositories().await;
    assert!(matches!(refused, Err(ChainguardError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_of_a_batch_costs_one_refresh() {
    let running = Running::start(issued(HOUR)).await;
    let client = Arc::new(running.client(EXCHANGE));
    for exchanges in [1, 1, 2, 2] {
        let mut calls = JoinSet::new();
        for _ in 0..10 {
            let client = Arc::clone(&client);
            calls.spawn(async move { client.find_repository(&name("nginx")).await });
        }
        assert!(calls.join_all().await.into_iter().all(|found| found == Ok(None)));
        assert_eq!(running.count(Route::StsExchange), exchanges);
        pass(Duration::from_mins(28)).await;
    }
    let refused = running.fake.calls().iter().filter(|call| call.status == Some(401)).count();
    assert_eq!(refused, 0, "it is replaced before it ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_in_the_middle_of_a_batch_costs_one_refresh() {
    let running = Running::start(issued(HOUR)).await;
    let client = Arc::new(running.client(EXCHANGE));
    let mut batch = JoinSet::new();
    for message in 0..20 {
        let (client, fake) = (Arc::clone(&client), running.fake.clone());
        batch.spawn(async move {
            for call in 0..5 {
                if (message, call) == (10, 2) {
                    fake.revoke_tokens();
                }
                assert_eq!(client.find_repository(&name("nginx")).await, Ok(None));
            }
        });
    }
    batch.join_all().await;
    assert_eq!((running.count(Route::StsExchange), running.count(Route::Groups)), (2, 1));
}

/// FACTS §8: what was granted a moment ago is refused for a while.
#[tokio::test]
async fn a_right_that_was_granted_meanwhile_counts_with_the_next_call() {
    let running = Running::start(issued(HOUR)).await;
    let client = running.client(EXCHANGE);
    for (waits, exchanges) in [(Duration::ZERO, 1), (Duration::from_mins(1), 2), (Duration::ZERO, 2)] {
        pass(waits).await;
        let refusal = Fault::Status { http: 403, grpc_code: 7, message: "not yet".to_owned() };
        running.fake.faults().push(Route::ListRepos, refusal, 1);
        let found = client.find_repository(&name("nginx")).await;
        assert!(matches!(found, Err(ChainguardError::Denied(_))), "{found:?}");
        assert_eq!(client.find_repository(&name("nginx")).await, Ok(None));
        assert_eq!(running.count(Route::StsExchange), exchanges, "{waits:?}");
    }
}

#[tokio::test]
async fn the_issuer_leads_nobody_elsewhere() {
    let server = Scripted::start(|seen| match seen.path.as_str() {
        "/sts/exchange" => (307, "https://elsewhere.invalid/sts/exchange".to_owned()),
        _ => (200, "{}".to_owned()),
    })
    .await;
    let error = client(server.address, "acme", Secrets::with(EXCHANGE)).who_am_i().await.unwrap_err();
    assert!(matches!(error, ChainguardError::Unauthenticated(_)), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_unconfigured_secret_says_what_to_do_and_calls_nobody() {
    let running = Running::start(Options::default()).await;
    let secrets = Secrets::with(r#"{"kind":"unconfigured"}"#);
    let error = running.client_of(secrets.clone()).list_repositories().await.unwrap_err();
    assert!(matches!(&error, ChainguardError::Credential(text) if text.contains(r#""kind":"token""#)), "{error}");
    assert_eq!((running.fake.calls().len(), secrets.reads()), (0, 1));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_yet_is_read_again() {
    let running = Running::start(Options::default()).await;
    let secrets = Secrets::versions([Err(true), Err(true), Ok(STORED_TOKEN.to_owned())]);
    running.client_of(secrets).list_repositories().await.unwrap();
    let secrets = Secrets::versions([Err(false)]);
    let error = running.client_of(secrets.clone()).list_repositories().await.unwrap_err();
    assert_eq!(error, ChainguardError::Credential("failed to read the secret: no luck".to_owned()));
    assert_eq!(secrets.reads(), 1);
}

#[tokio::test]
async fn an_exchange_that_fails_is_tried_again_only_if_the_issuer_is_unavailable() {
    let running = Running::start(issued(HOUR)).await;
    running.fake.faults().push(Route::StsExchange, Fault::HtmlBadGateway, 2);
    running.fake.faults().push(Route::StsExchange, Fault::MalformedJson, 1);
    running.client(EXCHANGE).list_repositories().await.unwrap();
    assert_eq!(running.count(Route::StsExchange), 4);
    for code in [3, 5, 7, 8, 16] {
        let running = Running::start(issued(HOUR)).await;
        let refusal = Fault::Status { http: 400, grpc_code: code, message: "no such identity".to_owned() };
        running.fake.faults().push(Route::StsExchange, refusal, 9);
        let error = running.client(EXCHANGE).list_repositories().await.unwrap_err();
        assert!(matches!(error, ChainguardError::Unauthenticated(_)), "code {code}: {error}");
        assert_eq!(running.count(Route::StsExchange), 1, "code {code}");
    }
}

#[tokio::test]
async fn the_exchange_asks_for_the_api_and_for_no_more_than_the_broker_needs() {
    let server = Scripted::start(|seen| match seen.path.as_str() {
        "/iam/v1/groups" => acme(),
        "/sts/exchange" => (200, json!({"token": "access-token", "expiry": null}).to_string()),
        _ => (200, "{}".to_owned()),
    })
    .await;
    let listing = client(server.address, "acme", Secrets::with(EXCHANGE));
    listing.list_repositories().await.unwrap();
    let seen = server.seen();
    let exchange = seen.first().unwrap();
    assert_eq!((exchange.method.as_str(), exchange.authorization()), ("POST", Some("Bearer upstream-token")));
    assert_eq!(exchange.headers["content-type"], "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(exchange.body.as_bytes()).into_owned().collect();
    let expected = [
        ("aud", format!("http://{}", server.address)),
        ("identity", "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666".to_owned()),
        ("cap", "repo.list".to_owned()),
        ("cap", "repo.create".to_owned()),
        ("cap", "groups.list".to_owned()),
        ("cap", "registry.entitlements.list".to_owned()),
        ("cap", "tag.list".to_owned()),
    ];
    assert_eq!(form, expected.map(|(key, value)| (key.to_owned(), value)));
    assert_eq!(seen.last().unwrap().authorization(), Some("Bearer access-token"));
}

#[tokio::test]
async fn an_exchange_without_a_token_in_its_answer_is_tried_again() {
    for answer in ["{}", r#"{"token": ""}"#, r#"{"token": null, "expiry": null}"#, r#"{"token": "two words"}"#] {
        let server = Scripted::answering(200, answer).await;
        let error = client(server.address, "acme", Secrets::with(EXCHANGE)).list_repositories().await.unwrap_err();
        assert!(matches!(error, ChainguardError::Unavailable(_)), "{answer}: {error}");
        assert!(!error.to_string().contains("two words"), "{error}");
        assert_eq!(server.seen().len(), 4, "{answer}");
    }
}

//! Who may assume an identity. How a signed request is checked is tested where it is checked.

use std::time::Duration;

use fake_chainguard::{AwsRole, Identity, Options, Route, Trust};
use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, ORG, Running};

const HOUR: Duration = Duration::from_hours(1);

fn identity(part: &str, trusts: Trust) -> Identity {
    let capabilities = ["repo.list", "groups.list"].map(ToOwned::to_owned).to_vec();
    Identity { id: format!("{ORG}/{part}"), trusts, capabilities }
}

/// A fake with an identity for a token, and one for the example role.
async fn strict() -> Running {
    let role = AwsRole::example();
    let identities = vec![
        identity("1111111111111111", Trust::Token("upstream".to_owned())),
        identity("2222222222222222", Trust::AwsWebIdentity { subject: role.role_arn() }),
        identity("3333333333333333", Trust::AwsSignedRequest { arn: role.assumed_role_arn(), user_id: role.user_id() }),
        identity("4444444444444444", Trust::AwsWebIdentity { subject: role.assumed_role_arn() }),
    ];
    Running::start(Options { identities, aws: Some(role), ..Options::default() }).await
}

async fn exchange(running: &Running, part: &str, upstream: &str, more: &str) -> Answer {
    let path = format!("/sts/exchange?aud=https://console-api.enforce.dev&identity={ORG}/{part}{more}");
    running.send(running.request(Method::GET, &path).bearer_auth(upstream)).await
}

#[tokio::test]
async fn an_identity_is_assumed_by_whom_it_trusts_and_nobody_else() {
    let running = strict().await;
    let issuer = format!("http://{}", running.address);
    let vouched = |audience: &str, lifetime| running.fake.aws_web_identity_token(audience, lifetime).unwrap();
    let good = vouched("https://issuer.enforce.dev", HOUR);
    for (part, upstream, expected) in [
        ("1111111111111111", "upstream", 200),
        ("1111111111111111", "downstream", 401),
        ("5555555555555555", "upstream", 403),
        ("2222222222222222", &good, 200),
        ("2222222222222222", &vouched(&issuer, HOUR), 200),
        ("2222222222222222", &vouched("https://console-api.enforce.dev", HOUR), 401),
        ("2222222222222222", &vouched(&issuer, Duration::ZERO), 401),
        ("2222222222222222", &good[1..], 401),
        ("2222222222222222", "upstream", 401),
        ("4444444444444444", &good, 403),
        ("3333333333333333", &good, 401),
    ] {
        let answer = exchange(&running, part, upstream, "").await;
        assert_eq!(answer.status, expected, "{part}: {}", answer.text);
    }
    let another = strict().await;
    let foreign = another.fake.aws_web_identity_token("https://issuer.enforce.dev", HOUR).unwrap();
    assert_eq!(exchange(&running, "2222222222222222", &foreign, "").await.status, 401);
    assert_eq!(running.fake.count_calls(Route::StsExchange), 12);
}

#[tokio::test]
async fn a_token_has_what_the_identity_has_of_what_was_asked_for() {
    let running = strict().await;
    for (cap, expected) in [
        ("", json!(["repo.list", "groups.list"])),
        ("&cap=", json!(["repo.list", "groups.list"])),
        ("&cap=repo.list&cap=repo.create", json!(["repo.list"])),
        ("&cap=repo.create", json!([])),
    ] {
        let token = exchange(&running, "1111111111111111", "upstream", cap).await.json()["token"].take();
        let request = running.request(Method::GET, "/auth/v1/ok").bearer_auth(token.as_str().unwrap());
        let who = running.send(request).await.json();
        assert_eq!(who["subject"], json!(format!("{ORG}/1111111111111111")));
        assert_eq!(who["capabilities"][0]["role"]["capabilities"], expected, "{cap}");
    }
}

#[tokio::test]
async fn an_exchange_that_names_nobody_is_refused_where_identities_are_known() {
    let running = strict().await;
    let path = "/sts/exchange?aud=https://console-api.enforce.dev";
    let answer = running.send(running.request(Method::GET, path).bearer_auth("upstream")).await;
    assert_eq!(answer.error(), (400, 3));
}

//! What is written about calls, and what never is.

use std::time::Duration;

use domain::ports::{CreateRepository as _, ListRepositories as _};
use fake_chainguard::{AwsRole, Fault, Options, Route, TokenCheck};
use serde_json::json;

use crate::support::{EXCHANGE, Fast, ORG, Role, Running, name};

#[tokio::test]
async fn each_call_is_one_line_without_tokens_or_bodies_and_each_retry_a_warning() {
    let log = captured_log::listen();
    let token = TokenCheck::Issued { lifetime: Duration::from_hours(1) };
    let running = Running::start(Options { token, ..Options::default() }).await;
    let client = running.client(EXCHANGE);
    running.fake.faults().push(Route::CreateRepo, Fault::DropBefore, 1);
    client.create_repository(&name("web"), &name("nginx"), "why-we-need-it").await.unwrap();
    running.fake.revoke_tokens();
    client.list_repositories().await.unwrap();

    let statistics = client.statistics();
    assert_eq!((statistics.retries, statistics.exchanges, statistics.refused_tokens), (1, 2, 1));
    assert_eq!(statistics.calls, running.fake.calls().len() as u64);
    let lines = log.lines();
    let calls: Vec<_> = lines.iter().filter(|line| line["target"] == "chainguard::call").collect();
    assert_eq!(calls.len(), running.fake.calls().len(), "{calls:#?}");
    for call in &calls {
        assert_eq!(call["level"], "DEBUG", "{call}");
        assert!(call["operation"].is_string() && call["duration_ms"].is_u64(), "{call}");
    }
    assert!(calls.iter().any(|call| call["http_status"] == 401 && call["grpc_code"] == 16), "{calls:#?}");
    let warnings: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    let warning = warnings[0];
    assert_eq!((&warning["attempt"], &warning["pause_ms"]), (&json!(1), &json!(0)));
    assert_eq!(warning["operation"], "create the repository");
    assert!(warning["error"].as_str().unwrap().starts_with("Chainguard is unavailable"), "{warning}");
    for hush in ["upstream-token", "eyJ", "why-we-need-it"] {
        assert_eq!(log.lines_with(hush), Vec::<String>::new(), "{hush}");
    }
}

#[tokio::test]
async fn nothing_that_proves_a_role_is_logged() {
    let log = captured_log::listen();
    let aws = Some(AwsRole::example());
    let running = Running::start(Options { aws, ..Options::default() }).await;
    for kind in ["aws-web-identity", "aws-signed-request"] {
        let secret = json!({"kind": kind, "identity": format!("{ORG}/1111111111111111")});
        let client = running.client(&secret.to_string()).with_aws_identity(Role::of(&running.fake), Fast(0));
        client.list_repositories().await.unwrap();
    }
    assert_eq!(log.lines_with("called Chainguard to exchange the token").len(), 2);
    // Key, session token, tokens, and how the serialised request begins in base64.
    for hush in ["not-a-secret", "not-a-session-token", "eyJ", "UE9TVC"] {
        assert_eq!(log.lines_with(hush), Vec::<String>::new(), "{hush}");
    }
}

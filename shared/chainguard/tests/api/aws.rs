//! Tokens by the AWS role that the process runs as: both ways, against a fake that trusts that role only.

use crate::support::names;
use std::sync::Arc;
use std::time::Duration;

use chainguard::{Capability, Chainguard};
use domain::ports::{AwsCredentials, ChainguardError, ListRepositories as _};
use fake_chainguard::{AwsRole, Fault, Identity, Options, Route, TokenCheck, Trust};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Fast, ORG, Role, Running, Secrets};

const KINDS: [&str; 2] = ["aws-web-identity", "aws-signed-request"];

/// A fake with an identity for each of the ways, and with all capabilities that a client could want but one.
async fn strict() -> Running {
    let role = AwsRole::example();
    let trusts = [
        Trust::AwsWebIdentity { subject: role.role_arn() },
        Trust::AwsSignedRequest { arn: role.assumed_role_arn(), user_id: role.user_id() },
    ];
    let capabilities = ["groups.list", "repo.list", "repo.create", "repo.delete", "registry.entitlements.list"];
    let identities = KINDS.iter().zip(trusts).map(|(kind, trusts)| Identity {
        id: identity(kind),
        trusts,
        capabilities: capabilities.map(ToOwned::to_owned).to_vec(),
    });
    let token = TokenCheck::Issued { lifetime: Duration::from_hours(1) };
    Running::start(Options { token, identities: identities.collect(), aws: Some(role), ..Options::default() }).await
}

fn identity(kind: &str) -> String {
    let part = if kind == KINDS[0] { "1111111111111111" } else { "2222222222222222" };
    format!("{ORG}/{part}")
}

fn secret(kind: &str) -> String {
    json!({"kind": kind, "identity": identity(kind)}).to_string()
}

fn client(running: &Running, kind: &str) -> Chainguard<Secrets> {
    running.client(&secret(kind)).with_aws_identity(Role::of(&running.fake), Fast(0))
}

#[tokio::test]
async fn the_role_is_proved_and_the_identity_assumed_with_no_secret_stored() {
    for kind in KINDS {
        let running = strict().await;
        let client = client(&running, kind);
        assert_eq!(names(client.list_repositories().await.unwrap()), Vec::<String>::new(), "{kind}");
        let who = client.who_am_i().await.unwrap();
        assert_eq!(who.subject, identity(kind));
        assert_eq!(who.lacks(&[Capability::RepoCreate, Capability::RepoDelete]), [Capability::RepoDelete], "{kind}");
        assert_eq!(running.count(Route::StsExchange), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_client_asks_for_no_more_than_its_capabilities() {
    for kind in KINDS {
        let running = strict().await;
        let client = client(&running, kind).with_capabilities([Capability::GroupsList, Capability::RepoList]);
        client.list_repositories().await.unwrap();
        let denied = client.effective_entitlement().await;
        assert!(matches!(denied, Err(ChainguardError::Denied(_))), "{kind}: {denied:?}");
    }
}

#[tokio::test]
async fn a_secret_may_name_capabilities_itself() {
    for kind in KINDS {
        let running = strict().await;
        for (cap, lacks) in [(json!([]), vec![]), (json!(["groups.list"]), vec![Capability::RepoDelete])] {
            let secret = json!({"kind": kind, "identity": identity(kind), "cap": cap}).to_string();
            let client = running.client(&secret).with_aws_identity(Role::of(&running.fake), Fast(0));
            let who = client.who_am_i().await.unwrap();
            assert_eq!(who.lacks(&[Capability::GroupsList, Capability::RepoDelete]), lacks, "{kind} {cap}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_starts_at_once_prove_the_role_once() {
    for kind in KINDS {
        let running = strict().await;
        let role = Role::of(&running.fake);
        let client = Arc::new(running.client(&secret(kind)).with_aws_identity(role.clone(), Fast(0)));
        let mut starts = JoinSet::new();
        for _ in 0..20 {
            let client = Arc::clone(&client);
            starts.spawn(async move { client.list_repositories().await });
        }
        assert!(starts.join_all().await.into_iter().all(|listed| listed == Ok(Vec::new())));
        assert_eq!((role.proofs(), running.count(Route::StsExchange)), (1, 1), "{kind}");
        running.fake.revoke_tokens();
        client.list_repositories().await.unwrap();
        assert_eq!((role.proofs(), running.count(Route::StsExchange)), (2, 2), "{kind}: a proof is good once");
    }
}

#[tokio::test]
async fn a_role_that_is_not_trusted_is_a_refused_credential() {
    let running = strict().await;
    for (kind, other) in [(KINDS[0], KINDS[1]), (KINDS[1], KINDS[0])] {
        let secret = json!({"kind": kind, "identity": identity(other)}).to_string();
        let client = running.client(&secret).with_aws_identity(Role::of(&running.fake), Fast(0));
        let error = client.list_repositories().await.unwrap_err();
        assert!(matches!(error, ChainguardError::Unauthenticated(_)), "{kind}: {error}");
    }
    assert_eq!(running.count(Route::StsExchange), 2, "it is not tried again");
}

#[tokio::test]
async fn a_clock_that_is_a_quarter_of_an_hour_off_signs_nothing_that_is_believed() {
    for (seconds, is_believed) in [(-14 * 60, true), (-16 * 60, false), (4 * 60, true), (6 * 60, false)] {
        let running = strict().await;
        let client = running.client(&secret(KINDS[1])).with_aws_identity(Role::of(&running.fake), Fast(seconds));
        assert_eq!(client.who_am_i().await.is_ok(), is_believed, "{seconds}");
    }
}

#[tokio::test]
async fn aws_is_asked_again_only_if_it_may_answer_later() {
    for kind in KINDS {
        for (retryable, proofs) in [(true, 4), (false, 1)] {
            let running = strict().await;
            let role = Role::failing(&running.fake, retryable);
            let client = running.client(&secret(kind)).with_aws_identity(role.clone(), Fast(0));
            let error = client.list_repositories().await.unwrap_err();
            assert_eq!(matches!(error, ChainguardError::Unavailable(_)), retryable, "{kind}: {error}");
            assert_eq!(matches!(error, ChainguardError::Credential(_)), !retryable, "{kind}: {error}");
            assert!(error.to_string().contains("failed to ask AWS: no luck"), "{error}");
            assert_eq!((role.proofs(), running.fake.calls().len()), (proofs, 0), "{kind}");
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_gets_another_proof_each_time() {
    for kind in KINDS {
        let running = strict().await;
        let role = Role::of(&running.fake);
        running.fake.faults().push(Route::StsExchange, Fault::HtmlBadGateway, 3);
        let client = running.client(&secret(kind)).with_aws_identity(role.clone(), Fast(0));
        client.who_am_i().await.unwrap();
        assert_eq!((role.proofs(), running.count(Route::StsExchange)), (4, 4), "{kind}");
    }
}

#[tokio::test]
async fn a_process_that_does_not_know_its_role_says_so_and_calls_nobody() {
    for kind in KINDS {
        let running = strict().await;
        let error = running.client(&secret(kind)).list_repositories().await.unwrap_err();
        assert!(matches!(&error, ChainguardError::Credential(text) if text.contains(kind)), "{error}");
        assert_eq!(running.fake.calls().len(), 0);
    }
}

#[test]
fn credentials_are_not_shown() {
    let credentials = AwsCredentials {
        access_key_id: "AKIA".to_owned(),
        secret_access_key: "hush".to_owned(),
        session_token: Some("hush".to_owned()),
    };
    assert_eq!(format!("{credentials:?}"), "AwsCredentials(AKIA, …)");
}

//! The ways to sign in to Chainguard, as an operator changes between them: by what is in the secret's file.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::path::Path;
use std::time::Duration;

use e2e::{World, nth_request, until};
use fake_chainguard::Route;
use local::options::Options;
use serde_json::{Value, json};

const ORGANIZATION: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

/// A secret that names the stand-in's identity whose id ends so.
fn with_identity(kind: &str, digit: char) -> Value {
    let part: String = std::iter::repeat_n(digit, 16).collect();
    json!({"kind": kind, "identity": format!("{ORGANIZATION}/{part}")})
}

/// Replaces the secret as a whole, as Secrets Manager does.
fn store(data_dir: &Path, secret: &Value) {
    let secrets = data_dir.join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::write(secrets.join("another"), secret.to_string()).unwrap();
    std::fs::rename(secrets.join("another"), secrets.join("cgr-request-ChainguardSecret.json")).unwrap();
}

/// Asks for a repository; says what becomes of it: `available`, or the type of its failure.
async fn outcome(world: &World, index: usize) -> (String, String) {
    let jane = world.client.token("jane").await;
    let reply = world.client.submit(&jane, &nth_request(index)).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let id = reply.text("requestId").to_owned();
    let path = format!("/request/{id}");
    let outcome = until("the request comes to an end", || async {
        let reply = world.client.get(&path, &jane).await;
        match reply.text("status") {
            "available" => Some("available".to_owned()),
            "failed" => Some(reply.body["failure"]["type"].as_str().unwrap_or_default().to_owned()),
            _ => None,
        }
    })
    .await;
    (id, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_added_with_each_kind_of_secret() {
    let mut exchange = with_identity("exchange", '3');
    exchange["token"] = "stand-in".into();
    for (secret, exchanges) in [
        (json!({"kind": "token", "token": "stored"}), false),
        (exchange, true),
        (with_identity("aws-web-identity", '1'), true),
        (with_identity("aws-signed-request", '2'), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), &secret);
        let data_dir = folder.path().to_owned();
        let world = World::start_with(&Options { data_dir, ephemeral: false, ..Options::default() }).await;
        let (_, outcome) = outcome(&world, 0).await;
        assert_eq!(outcome, "available", "{secret}");
        let fake = world.runtime.fake_chainguard().unwrap();
        assert_eq!(fake.repositories().len(), 1, "{secret}");
        assert_eq!(fake.count_calls(Route::StsExchange) > 0, exchanges, "{secret}");
        world.runtime.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_runtime_signs_in_by_its_aws_role_unless_told_otherwise() {
    let world = World::start().await;
    let secret = std::fs::read_to_string(world.runtime.data_dir().join("secrets/cgr-request-ChainguardSecret.json"));
    assert_eq!(
        serde_json::from_str::<Value>(&secret.unwrap()).unwrap(),
        with_identity("aws-web-identity", '1'),
        "it holds nothing secret"
    );
    assert!(world.runtime.fake_chainguard().unwrap().count_calls(Route::StsExchange) > 0);
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_used_without_a_restart_and_a_bad_one_is_mended_by_a_good_one() {
    let secrets_kept_for = Duration::from_millis(100);
    let world = World::start_with(&Options { secrets_kept_for, ..Options::default() }).await;
    let data_dir = world.runtime.data_dir().to_owned();
    let index = std::sync::atomic::AtomicUsize::new(0);
    let next = || index.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(outcome(&world, next()).await.1, "available");

    // A role that the identity does not trust.
    store(&data_dir, &with_identity("aws-web-identity", '2'));
    let failed = until("the bad secret is used", || async {
        let (id, outcome) = outcome(&world, next()).await;
        (outcome == "authentication-failed").then_some(id)
    })
    .await;

    store(&data_dir, &with_identity("aws-signed-request", '2'));
    until("the good secret is used", || async { (outcome(&world, next()).await.1 == "available").then_some(()) }).await;
    let alex = world.client.token("alex").await;
    let reply = world.client.decide(&failed, "retry", &alex, &Value::Null).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    world.client.until_status(&failed, "available", &alex).await;
    world.runtime.stop().await;
}

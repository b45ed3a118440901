//! What Chainguard announces.

use deployed_tests::World;
use reqwest::Method;
use serde_json::{Value, json};

/// A subscription as an administrator makes it, with a token of Chainguard's own.
async fn subscribe(world: &World) {
    let proof = world.web_identity_token().await;
    let audience = &world.deployment.chainguard;
    let identity = &world.deployment.identity;
    let exchange = format!("/sts/exchange?aud={audience}&identity={identity}");
    let token = world.chainguard(Method::POST, &exchange, &proof, &Value::Null).await;
    assert_eq!(token.status, 200, "{token:?}");
    let (organization, _) = identity.split_once('/').unwrap();
    let sink = format!("{}/chainguard/events", world.api_by_path());
    let path = format!("/events/v1/subscriptions/{organization}");
    let subscribed = world.chainguard(Method::POST, &path, token.text("token"), &json!({"sink": sink})).await;
    assert_eq!(subscribed.status, 200, "{subscribed:?}");
}

#[tokio::test]
async fn an_event_of_chainguards_is_believed_and_one_that_anybody_sends_is_not() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let id = world.submit(&jane, "announced", "dev").await;
    world.until_status(&id, "available", &jane).await;
    subscribe(&world).await;
    let event = json!({"kind": "tag.created.v1", "repository": "announced"});
    let delivered = world.chainguard(Method::POST, "/_fake/events", "", &event).await;
    assert_eq!(delivered.status, 200, "{delivered:?}");
    let deliveries = delivered.body.as_array().unwrap();
    assert_eq!(deliveries[0]["status"], 204, "{delivered:?}");

    let unsigned = world.call(Method::POST, "/chainguard/events", &[], b"{}".to_vec()).await;
    assert_eq!(unsigned.status, 401, "{unsigned:?}");
    let forged = world.send(Method::POST, "/chainguard/events", &jane, &json!({})).await;
    assert_eq!((forged.status, forged.problem()), (403, "delivery-refused"), "{forged:?}");
}

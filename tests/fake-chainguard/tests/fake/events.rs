//! Subscriptions, and what is delivered to them.

use std::fmt::Write as _;

use fake_chainguard::{Dialect, Event, EventKind, FakeChainguard, Forgery, Options};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    client::{ORG, Running},
    sink::{Received, Sink},
};

fn digest(body: &str) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(body.as_bytes()) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// What a careful receiver finds wrong with a delivery (FACTS §5).
async fn verdict(running: &Running, received: &Received) -> Result<Value, &'static str> {
    let token = received.header("authorization");
    let token = token.strip_prefix("Bearer ").ok_or("no token")?;
    let claims = running.verified(token).await.map_err(|_| "not signed by the issuer")?;
    let now = jiff::Timestamp::from_second(claims["iat"].as_i64().unwrap()).unwrap();
    if claims["aud"] != "customer" {
        return Err("not for customers");
    }
    if claims["sub"] != format!("webhook:{ORG}") {
        return Err("of another group");
    }
    if now < "2000-01-01T00:00:00Z".parse().unwrap() {
        return Err("expired");
    }
    if claims["webhook"]["digest"] != digest(&received.body) {
        return Err("another body");
    }
    Ok(serde_json::from_str(&received.body).unwrap())
}

#[tokio::test]
async fn subscriptions_are_made_listed_and_ended() {
    let running = Running::start(Options::default()).await;
    let list = format!("/events/v1/subscriptions?uidp.childrenOf={ORG}");
    assert_eq!(running.get(&list).await.json(), json!({"items": []}));
    let first = running.subscribe("https://one.example/events").await;
    let second = running.subscribe("https://one.example/events").await;
    assert!(first != second && first.starts_with(&format!("{ORG}/")), "the same sink gets two");
    assert_eq!(running.get(&list).await.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(running.fake.subscriptions().len(), 2);
    let path = format!("/events/v1/subscriptions/{first}");
    let ended = running.call(Method::DELETE, &path, None).await;
    assert_eq!((ended.status, ended.text.as_str()), (200, "{}"));
    assert_eq!(running.call(Method::DELETE, &path, None).await.error(), (404, 5));
    assert_eq!(running.get(&list).await.json()["items"][0]["id"], json!(second));
}

#[tokio::test]
async fn a_subscription_needs_an_address_and_the_organization() {
    let running = Running::start(Options::default()).await;
    for body in
        [json!({}), json!({"sink": ""}), json!({"sink": "ftp://x"}), json!({"sink": 1}), json!({"url": "https://x"})]
    {
        let answer = running.call(Method::POST, &format!("/events/v1/subscriptions/{ORG}"), Some(body.clone())).await;
        assert_eq!(answer.error(), (400, 3), "{body}");
    }
    let other = "/events/v1/subscriptions/f0e1d2c3b4a5968778695a4b3c2d1e0f00112233";
    assert_eq!(running.call(Method::POST, other, Some(json!({"sink": "https://x"}))).await.error(), (403, 7));
    assert_eq!(running.fake.subscriptions(), []);
}

#[tokio::test]
async fn subscriptions_survive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chainguard.jsonl");
    let open = || FakeChainguard::open(Options::default(), path.clone()).unwrap();
    let running = Running::serve(open()).await;
    let first = running.subscribe("https://one.example/").await;
    running.subscribe("https://two.example/").await;
    running.call(Method::DELETE, &format!("/events/v1/subscriptions/{first}"), None).await;
    assert_eq!(open().subscriptions(), running.fake.subscriptions());
    assert_eq!(open().subscriptions()[0].sink, "https://two.example/");
}

#[tokio::test]
async fn an_event_reaches_every_subscription_signed_for_it() {
    let running = Running::start(Options::default()).await;
    let sinks = [Sink::start(202).await, Sink::start(500).await];
    for sink in &sinks {
        running.subscribe(&sink.url).await;
    }
    let id = running.created("nginx", "nginx").await;
    let deliveries = running.fake.deliver(Event::new(EventKind::RepoCreated, "nginx")).await.unwrap();
    let mut statuses: Vec<_> = deliveries.iter().map(|delivery| delivery.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [Some(202), Some(500)]);
    for sink in &sinks {
        let received = sink.received().remove(0);
        let event = verdict(&running, &received).await.unwrap();
        assert_eq!((&event["body"]["id"], &event["body"]["name"]), (&json!(id), &json!("nginx")));
        assert_eq!(received.header("ce-type"), "dev.chainguard.api.platform.registry.repo.created.v1");
        assert_eq!((received.header("ce-subject"), received.header("ce-group")), (id.clone(), ORG.to_owned()));
        assert_eq!(received.header("ce-id"), deliveries[0].event_id);
    }
}

#[tokio::test]
async fn a_tag_and_a_deletion_are_told_by_their_ids() {
    let running = Running::start(Options { polls_until_tags: 0, ..Options::default() }).await;
    let sink = Sink::start(200).await;
    running.subscribe(&sink.url).await;
    let id = running.created("nginx", "nginx").await;
    let tags = running.get(&format!("/registry/v1/tags?uidp.childrenOf={id}&name=latest-dev")).await.json();
    let tag = Event { tag: "latest-dev".to_owned(), ..Event::new(EventKind::TagCreated, "nginx") };
    running.fake.deliver(tag).await.unwrap();
    running.call(Method::DELETE, &format!("/registry/v1/repos/{id}"), None).await;
    assert!(running.fake.deliver(Event::new(EventKind::RepoDeleted, "nginx")).await.is_err(), "the name is gone");
    running.fake.deliver(Event::new(EventKind::RepoDeleted, &id)).await.unwrap();
    let received = sink.received();
    let tag = verdict(&running, &received[0]).await.unwrap();
    for member in ["id", "name", "digest"] {
        assert_eq!(tag["body"][member], tags["items"][0][member], "{member}");
    }
    assert_eq!(received[0].header("ce-group"), id);
    let deleted = verdict(&running, &received[1]).await.unwrap();
    assert_eq!(deleted["body"], json!({"id": id}));
}

#[tokio::test]
async fn an_event_is_written_in_each_of_the_ways_that_a_receiver_has_to_take() {
    let running = Running::start(Options::default()).await;
    let sink = Sink::start(200).await;
    running.subscribe(&sink.url).await;
    let id = running.created("nginx", "nginx").await;
    for dialect in [Dialect::Documented, Dialect::V2, Dialect::Protojson] {
        running.fake.deliver(Event { dialect, ..Event::new(EventKind::RepoCreated, "nginx") }).await.unwrap();
    }
    let bodies: Vec<Value> =
        sink.received().iter().map(|one| serde_json::from_str::<Value>(&one.body).unwrap()["body"].take()).collect();
    assert_eq!((&bodies[0]["id"], &bodies[0]["catalog_tier"]), (&json!(id), &json!(4)));
    assert!(bodies[0]["create_time"]["seconds"].is_i64());
    assert_eq!((&bodies[1]["uid"], bodies[1].get("id")), (&json!(id), None));
    assert_eq!(bodies[2]["catalog_tier"], "APPLICATION");
    assert!(bodies[2]["sync_config"]["expiration"].is_string());
}

#[tokio::test]
async fn an_event_can_come_twice() {
    let running = Running::start(Options::default()).await;
    let sink = Sink::start(200).await;
    running.subscribe(&sink.url).await;
    running.created("nginx", "nginx").await;
    let event = Event { id: Some("event-1".to_owned()), ..Event::new(EventKind::RepoCreated, "nginx") };
    for _ in 0..2 {
        running.fake.deliver(event.clone()).await.unwrap();
    }
    let received = sink.received();
    assert_eq!(received.iter().map(|one| one.header("ce-id")).collect::<Vec<_>>(), ["event-1", "event-1"]);
    assert_eq!(received[0].body, received[1].body);
}

#[tokio::test]
async fn every_forgery_is_found_by_a_careful_receiver() {
    let running = Running::start(Options::default()).await;
    let sink = Sink::start(403).await;
    running.subscribe(&sink.url).await;
    running.created("nginx", "nginx").await;
    let signed = "not signed by the issuer";
    for (forgery, expected) in [
        (Forgery::NoToken, "no token"),
        (Forgery::Signature, signed),
        (Forgery::Issuer, signed),
        (Forgery::Audience, "not for customers"),
        (Forgery::Subject, "of another group"),
        (Forgery::Expired, "expired"),
        (Forgery::Body, "another body"),
    ] {
        let event = Event { forgery: Some(forgery), ..Event::new(EventKind::RepoCreated, "nginx") };
        running.fake.deliver(event).await.unwrap();
        let received = sink.received().pop().unwrap();
        assert_eq!(verdict(&running, &received).await, Err(expected), "{forgery:?}");
        assert!(serde_json::from_str::<Value>(&received.body).is_ok(), "{forgery:?}");
    }
}

#[tokio::test]
async fn events_can_be_asked_for_over_http() {
    let running = Running::start(Options::default()).await;
    let sink = Sink::start(202).await;
    let ask = |body: Value| running.send(running.request(Method::POST, "/_fake/events").json(&body));
    running.created("nginx", "nginx").await;
    let created = json!({"kind": "repo.created.v1", "repository": "nginx"});
    assert_eq!(ask(created.clone()).await.json(), json!([]), "nobody has subscribed");
    let subscription = running.subscribe(&sink.url).await;
    let answer = ask(created).await;
    let delivery = &answer.json()[0];
    assert_eq!((&delivery["status"], &delivery["subscription"]), (&json!(202), &json!(subscription)));
    let whole = json!({
        "kind": "tag.created.v1", "repository": "nginx", "tag": "1.27", "id": "again", "dialect": "protojson", "forgery": "no-token",
    });
    assert_eq!(ask(whole).await.status, 200);
    assert_eq!(sink.received().len(), 2);
    assert_eq!(ask(json!({"kind": "repo.created.v1", "repository": "absent"})).await.error(), (404, 5));
    assert_eq!(ask(json!({"kind": "repo.updated.v1", "repository": "nginx"})).await.status, 422);
    let state = running.send(running.request(Method::GET, "/_fake/state")).await.json();
    assert_eq!(state["subscriptions"][0]["sink"], json!(sink.url));
}

#[tokio::test]
async fn a_sink_that_does_not_answer_is_told() {
    let running = Running::start(Options::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    running.subscribe(&format!("http://{}/", listener.local_addr().unwrap())).await;
    drop(listener);
    running.created("nginx", "nginx").await;
    let deliveries = running.fake.deliver(Event::new(EventKind::RepoCreated, "nginx")).await.unwrap();
    assert_eq!(deliveries[0].status, None);
}

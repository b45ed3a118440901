//! What Chainguard announces, delivered by the stand-in as Chainguard would, and what comes of it.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::time::Duration;

use aws::store::Store;
use domain::ports::{Delivery, FindRequestOfRepository as _, RememberDelivery as _};
use domain::time::Timestamp;
use e2e::{Client, World};
use fake_chainguard::{Dialect, Event, EventKind, FakeChainguard, Forgery};
use local::options::Options;
use reqwest::Method;
use serde_json::{Value, json};

const ORGANIZATION: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

/// The system with a subscription, and no steward who would see what events announce.
struct Subscribed {
    world: World,
    fake: FakeChainguard,
    jane: String,
}

impl Subscribed {
    async fn start() -> Self {
        let options = Options { schedules_every: Duration::from_hours(1), ..Options::default() };
        let world = World::start_with(&options).await;
        let fake = world.runtime.fake_chainguard().unwrap().clone();
        let sink = format!("{}/chainguard/events", world.runtime.base_url());
        let chainguard = Client::new(world.runtime.chainguard_url());
        let path = format!("/events/v1/subscriptions/{ORGANIZATION}");
        let subscribed = chainguard.send(Method::POST, &path, "administrator", &json!({"sink": sink})).await;
        assert_eq!(subscribed.status, 200, "{subscribed:?}");
        let jane = world.client.token("jane").await;
        Self { world, fake, jane }
    }

    /// A request whose repository exists; its tags show at the third look.
    async fn provisioned(&self, name: &str) -> String {
        let body = json!({
            "image": "python:latest-dev", "customName": name, "team": "data-engineering", "environment": "dev",
        });
        let reply = self.world.client.submit(&self.jane, &body).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        let id = reply.text("requestId").to_owned();
        self.world.client.until_status(&id, "provisioned", &self.jane).await;
        id
    }

    async fn status(&self, id: &str) -> String {
        self.world.client.get(&format!("/request/{id}"), &self.jane).await.text("status").to_owned()
    }

    /// Delivers an event; the HTTP status of the one answer.
    async fn deliver(&self, event: Event) -> u16 {
        let deliveries = self.fake.deliver(event).await.unwrap();
        assert_eq!(deliveries.len(), 1);
        deliveries[0].status.unwrap()
    }

    /// Everything on the bus of this source.
    fn bus(&self, source: &str) -> Vec<Value> {
        let events = self.world.runtime.state().events_after(0, 10_000).unwrap();
        let events = events.into_iter().map(|event| event.event);
        events.filter(|event| event["source"] == source).collect()
    }

    fn drifts(&self) -> Vec<Value> {
        let is_drift = |event: &Value| event["detail-type"] == "image.repository.drift";
        self.bus("image-requests").into_iter().filter(is_drift).map(|mut event| event["detail"].take()).collect()
    }
}

fn tag_created(repository: &str) -> Event {
    Event { tag: "latest-dev".to_owned(), ..Event::new(EventKind::TagCreated, repository) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_tag_makes_a_request_available_once_it_can_be_seen() {
    let system = Subscribed::start().await;
    for dialect in [Dialect::Documented, Dialect::Protojson, Dialect::V2] {
        let name = format!("python-{dialect:?}").to_lowercase();
        let id = system.provisioned(&name).await;
        let event = Event { dialect, ..tag_created(&name) };
        for _ in 0..2 {
            assert_eq!(system.deliver(event.clone()).await, 204);
            assert_eq!(system.status(&id).await, "provisioned", "{dialect:?}: an event is no tag");
        }
        let created = Event { dialect, ..Event::new(EventKind::RepoCreated, &name) };
        let last = if dialect == Dialect::V2 { created } else { event };
        assert_eq!(system.deliver(last).await, 204);
        assert_eq!(system.status(&id).await, "available", "{dialect:?}");
    }
    let published = system.bus("chainguard");
    assert_eq!(published.len(), 9);
    let first = &published[0];
    assert_eq!(first["detail-type"], "dev.chainguard.api.platform.registry.tag.created.v1");
    assert_eq!(first["detail"]["metadata"]["type"], first["detail-type"]);
    assert_eq!(first["detail"]["data"]["body"]["name"], "latest-dev");
    assert!(system.drifts().is_empty());
    system.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_chainguard_has_not_sent_is_refused_and_changes_nothing() {
    let system = Subscribed::start().await;
    let id = system.provisioned("python").await;
    for (forgery, expected) in [
        (Forgery::NoToken, 401),
        (Forgery::Signature, 403),
        (Forgery::Issuer, 403),
        (Forgery::Audience, 403),
        (Forgery::Subject, 403),
        (Forgery::Expired, 403),
        (Forgery::Body, 403),
    ] {
        // More often than it takes for the tag to show.
        for _ in 0..4 {
            let forged = Event { forgery: Some(forgery), ..tag_created("python") };
            assert_eq!(system.deliver(forged).await, expected, "{forgery:?}");
        }
    }
    let anybody = [("ce-id", "1"), ("content-type", "application/json")];
    let refused = system.world.client.call(Method::POST, "/chainguard/events", &anybody, b"{}".to_vec()).await;
    assert_eq!((refused.status, refused.problem()), (401, "token-missing"));
    let bearer = format!("Bearer {}", system.jane);
    let signed_in = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let refused = system.world.client.call(Method::POST, "/chainguard/events", &signed_in, b"{}".to_vec()).await;
    assert_eq!((refused.status, refused.problem()), (403, "delivery-refused"), "our own issuer is not Chainguard's");
    assert_eq!(system.status(&id).await, "provisioned");
    assert!(system.bus("chainguard").is_empty());
    system.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_twice_or_out_of_order_do_no_harm() {
    let system = Subscribed::start().await;
    let id = system.provisioned("python").await;
    let once = Event { id: Some("the-same".to_owned()), ..tag_created("python") };
    for _ in 0..4 {
        assert_eq!(system.deliver(once.clone()).await, 204);
    }
    assert_eq!((system.status(&id).await.as_str(), system.bus("chainguard").len()), ("provisioned", 1), "one look");

    // The deletion of something that is there, then its creation, long after its tags.
    for kind in [EventKind::RepoDeleted, EventKind::TagCreated, EventKind::TagCreated, EventKind::RepoCreated] {
        assert_eq!(system.deliver(Event { kind, ..tag_created("python") }).await, 204);
    }
    assert_eq!(system.status(&id).await, "available");
    assert!(system.drifts().is_empty(), "{:?}", system.drifts());
    let events = system.world.client.get(&format!("/request/{id}/events"), &system.jane).await;
    assert_eq!(events.body["chainIntact"], true);
    system.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_behind_the_requests_backs_is_told_once() {
    let system = Subscribed::start().await;
    let id = system.provisioned("python").await;
    let ours = system.fake.repositories().into_iter().find(|repository| repository.name == "python").unwrap();
    system.fake.delete_repository("python").unwrap();
    let stranger = system.fake.seed_repository("nginx", "made by hand").unwrap();
    let deleted = Event { id: Some("1".to_owned()), ..Event::new(EventKind::RepoDeleted, &ours.id) };
    let created = Event { id: Some("2".to_owned()), ..Event::new(EventKind::RepoCreated, "nginx") };
    for event in [&deleted, &created, &deleted, &created] {
        assert_eq!(system.deliver(event.clone()).await, 204);
    }
    let drifts = system.drifts();
    let about = |drift: &Value| {
        let data = &drift["data"];
        [&data["kind"], &data["repositoryId"], &data["repository"], &data["requestId"]].map(Value::clone)
    };
    assert_eq!(drifts.len(), 2, "{drifts:?}");
    assert_eq!(about(&drifts[0]), [json!("deleted"), json!(ours.id), json!("python"), json!(id)]);
    assert_eq!(about(&drifts[1]), [json!("created"), json!(stranger.id), json!("nginx"), Value::Null]);
    assert_eq!(system.status(&id).await, "provisioned");
    system.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_knows_whose_a_repository_is_and_forgets_deliveries_after_a_month() {
    let system = Subscribed::start().await;
    let id = system.provisioned("python").await;
    let tables = &system.world.runtime.system().tables;
    let table = |id: &str| tables.iter().find(|table| table.logical_id == id).unwrap().name.clone();
    let configuration = system.world.runtime.configuration("suite");
    let store = Store::new(&configuration, table("RequestsTable"), None);
    let ours = system.fake.repositories().into_iter().find(|repository| repository.name == "python").unwrap();
    assert_eq!(store.find_request_of_repository(&ours.id).await.unwrap(), Some(id.parse().unwrap()));
    for other in [ORGANIZATION, "", "python"] {
        assert_eq!(store.find_request_of_repository(other).await.unwrap(), None, "{other}");
    }

    let now: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
    let later = now.plus(Duration::from_hours(31 * 24));
    let delivery = Delivery { source: "a".to_owned(), id: "b".to_owned() };
    assert!(!store.is_remembered(&delivery, now).await.unwrap());
    assert!(store.remember_delivery(&delivery, now).await.unwrap());
    assert!(!store.remember_delivery(&delivery, now).await.unwrap(), "somebody was faster");
    assert!(store.is_remembered(&delivery, now).await.unwrap());
    let other = Delivery { source: "ab".to_owned(), id: String::new() };
    assert!(!store.is_remembered(&other, now).await.unwrap());
    assert!(!store.is_remembered(&delivery, later).await.unwrap());
    assert!(store.remember_delivery(&delivery, later).await.unwrap());
    system.world.runtime.stop().await;
}

//! What is asked of Chainguard besides the ports, against the fake.

use chainguard::{Allowance, Capability, SyncState, TierQuota};
use domain::ports::CountRepositories as _;
use domain::ports::{ChainguardError, CreateRepository as _};
use fake_chainguard::{Entitlement, Options, Route, Tier, TokenCheck};
use serde_json::json;
use std::time::Duration;

use crate::scripted::Scripted;
use crate::support::{EXCHANGE, ORG, Running, STORED_TOKEN, name};

#[tokio::test]
async fn repositories_are_counted_with_one_small_call() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    assert_eq!(client.count_repositories().await, Ok(0));
    for number in 0..120 {
        running.fake.seed_repository(&format!("image-{number}"), "").unwrap();
    }
    running.fake.seed_repository_of_another_organization("foreign").unwrap();
    assert_eq!(client.count_repositories().await, Ok(120));
    assert_eq!(running.count(Route::ListReposV2), 2);
}

#[tokio::test]
async fn a_count_of_something_else_is_not_believed() {
    let foreign = json!({"uid": "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233/7777777777777777", "name": "x"});
    let own = json!({"uid": format!("{ORG}/7777777777777777"), "name": "x"});
    for (answer, expected) in [
        (json!({"repos": [foreign], "totalCount": "7"}), None),
        (json!({"repos": [own]}), None),
        (json!({"repos": [own], "totalCount": "many"}), None),
        (json!({"repos": [own], "totalCount": "7"}), Some(7)),
        (json!({"repos": [own], "totalCount": 7}), Some(7)),
        (json!({"repos": [], "totalCount": "0"}), Some(0)),
        (json!({}), Some(0)),
    ] {
        let server = Scripted::answering(200, &answer.to_string()).await;
        assert_eq!(server.client().count_repositories().await.ok(), expected, "{answer}");
    }
}

#[tokio::test]
async fn a_repository_is_deleted_and_gone_is_as_good() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    let id = client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap().id;
    for _ in 0..2 {
        client.delete_repository(&id).await.unwrap();
    }
    assert_eq!(running.fake.repositories(), []);
}

#[tokio::test]
async fn tags_and_sync_status_follow_a_repository_until_it_can_be_pulled_from() {
    let running = Running::start(Options { polls_until_tags: 2, ..Options::default() }).await;
    let client = running.client(STORED_TOKEN);
    let id = client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap().id;
    let status = client.sync_status(&id).await.unwrap();
    assert!(status.state == SyncState::Queued && status.created_at.is_some());
    assert_eq!(client.tag_summary(&id).await.unwrap().tag_count, 0);
    assert_eq!(client.list_tags(&id).await.unwrap(), []);
    let summary = client.tag_summary(&id).await.unwrap();
    assert_eq!((summary.tag_count, summary.latest_tag.as_str()), (2, "latest"));
    assert!(summary.updated_at.is_some());
    let tags = client.list_tags(&id).await.unwrap();
    assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["latest", "latest-dev"]);
    assert!(tags.iter().all(|tag| tag.digest.starts_with("sha256:") && !tag.is_deprecated));
    assert_eq!(client.sync_status(&id).await.unwrap().state, SyncState::Unknown, "there is no value for done");
    let absent = format!("{ORG}/0f1e2d3c4b5a6978");
    assert!(matches!(client.tag_summary(&absent).await, Err(ChainguardError::NotFound(_))));
    assert!(matches!(client.sync_status("nginx").await, Err(ChainguardError::Refused(_))));
}

#[tokio::test]
async fn entitlements_tell_what_a_plan_has_room_for() {
    let entitlement =
        Entitlement::PerImage { images: vec!["nginx".to_owned()], quota: [(Tier::Application, 2)].into() };
    let running = Running::start(Options { entitlement, ..Options::default() }).await;
    let client = running.client(STORED_TOKEN);
    let quota = |current| [("APPLICATION".to_owned(), TierQuota { current, max: 2 })].into();

    let effective = client.effective_entitlement().await.unwrap();
    assert_eq!((effective.plan.as_str(), &effective.quota), ("PER_IMAGE", &quota(1)));
    assert_eq!((effective.images[0].name.as_str(), effective.images[0].tier.as_str()), ("nginx", "APPLICATION"));
    assert_eq!(effective.swap_allowance, Allowance::Unlimited);

    let added = client.add_entitlement_images(&["nginx", "redis"]).await.unwrap();
    assert_eq!(added.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["redis"]);
    assert_eq!(client.entitlement_summary().await.unwrap().quota, quota(2));
    let full = client.add_entitlement_images(&["postgres"]).await;
    assert!(matches!(full, Err(ChainguardError::QuotaExceeded(_))), "{full:?}");
    let records = client.list_entitlements().await.unwrap();
    assert_eq!((records.len(), records[0].kind.as_str(), &records[0].quota), (1, "PRODUCTION", &quota(2)));

    client.create_repository(&name("web"), &name("redis"), "").await.unwrap();
    let images = client.entitlement_images().await.unwrap();
    assert_eq!((images[0].name.as_str(), images[0].tier.as_str()), ("web", "APPLICATION"));
}

#[tokio::test]
async fn the_health_check_says_who_we_are_and_what_we_may() {
    let token = TokenCheck::Issued { lifetime: Duration::from_hours(1) };
    let running = Running::start(Options { token, ..Options::default() }).await;
    let steward = [Capability::RepoList, Capability::GroupsList, Capability::EntitlementsList, Capability::TagList];
    let client = running.client(EXCHANGE).with_capabilities(steward);
    let who = client.who_am_i().await.unwrap();
    assert_eq!(who.issuer, format!("http://{}", running.address));
    assert_eq!((who.subject, who.audience), (format!("{ORG}/6666666666666666"), vec![who.issuer.clone()]));
    assert_eq!(who.expires_at.unwrap().duration_since(who.issued_at.unwrap()), jiff::SignedDuration::from_hours(1));
    assert_eq!(who.roles[0].group_id, ORG);
    let who = client.who_am_i().await.unwrap();
    assert_eq!(who.lacks(&steward), []);
    assert_eq!(who.lacks(&[Capability::RepoList, Capability::RepoCreate]), [Capability::RepoCreate]);
    let group = client.organization().await.unwrap();
    assert_eq!((group.id.as_str(), group.name.as_str(), group.is_verified), (ORG, "acme", true));
    let denied = client.create_repository(&name("nginx"), &name("nginx"), "").await;
    assert!(matches!(denied, Err(ChainguardError::Denied(_))), "{denied:?}");
}

#[tokio::test]
async fn a_client_without_capabilities_of_its_own_has_all_of_its_identity() {
    let running = Running::start(Options::default()).await;
    let client = running.client(EXCHANGE).with_capabilities([]);
    assert_eq!(client.who_am_i().await.unwrap().lacks(&[Capability::SubscriptionsCreate, Capability::RepoDelete]), []);
}

#[tokio::test]
async fn a_sink_is_subscribed_once_however_often_it_is_asked_for() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    let sink = "https://sink.example".parse().unwrap();
    assert_eq!(client.list_subscriptions().await.unwrap(), []);
    let first = client.create_subscription(&sink).await.unwrap();
    assert_eq!(client.create_subscription(&sink).await.unwrap(), first);
    assert!(first.goes_to(&sink) && !first.goes_to(&"https://sink.example/other".parse().unwrap()));
    let other = client.create_subscription(&"https://sink.example/other".parse().unwrap()).await.unwrap();
    assert_ne!(other.id, first.id);
    assert_eq!(running.count(Route::CreateSubscription), 2);
    for _ in 0..2 {
        client.delete_subscription(&first.id).await.unwrap();
    }
    assert_eq!(client.list_subscriptions().await.unwrap(), [other]);
}

#[tokio::test]
async fn subscriptions_of_others_are_neither_shown_nor_taken_for_ours() {
    let sink = "https://sink.example/";
    let foreign = json!({"id": "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233/7777777777777777", "sink": sink});
    let own = json!({"id": format!("{ORG}/7777777777777777"), "sink": sink});
    for (created, expected) in [(own.clone(), true), (foreign.clone(), false), (json!({}), false)] {
        let list = json!({"items": [foreign]}).to_string();
        let created = created.to_string();
        let server = Scripted::start(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
            (_, "/iam/v1/groups") => crate::scripted::acme(),
            ("GET", _) => (200, list.clone()),
            _ => (200, created.clone()),
        })
        .await;
        let client = server.client();
        assert_eq!(client.list_subscriptions().await.unwrap(), []);
        assert_eq!(client.create_subscription(&sink.parse().unwrap()).await.is_ok(), expected);
    }
}

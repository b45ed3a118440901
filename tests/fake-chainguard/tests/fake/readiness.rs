//! How a repository becomes one that can be pulled from.

use fake_chainguard::{Options, Route};
use serde_json::Value;

use crate::client::{ORG, Running};

#[tokio::test]
async fn tags_come_after_the_given_number_of_reads_of_either_kind() {
    let running = Running::start(Options { polls_until_tags: 3, ..Options::default() }).await;
    let id = running.created("web", "nginx").await;
    let list = format!("/registry/v1/tags?uidp.childrenOf={id}");
    let summary = format!("/registry/v1/repotagssummary/{id}");

    assert_eq!(running.get(&list).await.names("items"), [""; 0]);
    assert_eq!(running.get(&summary).await.json()["tagCount"], "0");
    assert_eq!(running.get(&list).await.names("items"), [""; 0]);

    assert_eq!(running.get(&list).await.names("items"), ["latest", "latest-dev"]);
    let ready = running.get(&summary).await.json();
    assert_eq!(ready["tagCount"], "2");
    assert_eq!(ready["latestTag"]["name"], "latest");
    assert!(ready["lastUpdated"].is_string());
    assert_eq!(running.fake.count_calls(Route::ListTags), 3);
    assert_eq!(running.fake.count_calls(Route::TagSummary), 2);
}

#[tokio::test]
async fn a_read_counts_only_for_the_repositories_that_it_asks_for() {
    let running = Running::start(Options { polls_until_tags: 1, ..Options::default() }).await;
    let web = running.created("web", "nginx").await;
    let cache = running.created("cache", "redis").await;
    running.get(&format!("/registry/v1/tags?uidp.childrenOf={web}")).await;
    running.get(&format!("/registry/v1/tags?uidp.childrenOf={cache}&name=no-such-tag")).await;
    let tags = running.get(&format!("/registry/v1/tags?uidp.descendantsOf={ORG}")).await.json();
    let ids: Vec<_> = tags["items"].as_array().unwrap().iter().map(|tag| tag["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|id| id.starts_with(&web)), "{ids:?}");
}

#[tokio::test]
async fn a_patience_of_zero_is_ready_at_once_and_the_largest_never() {
    for (polls_until_tags, expected) in [(0, "2"), (u32::MAX, "0")] {
        let running = Running::start(Options { polls_until_tags, ..Options::default() }).await;
        let id = running.created("web", "nginx").await;
        for _ in 0..10 {
            let summary = running.get(&format!("/registry/v1/repotagssummary/{id}")).await.json();
            assert_eq!(summary["tagCount"], expected);
        }
    }
}

#[tokio::test]
async fn the_sync_status_goes_from_queued_over_in_progress_to_unknown() {
    let running = Running::start(Options::default()).await;
    let id = running.created("web", "nginx").await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let status = running.get(&format!("/registry/v1/repos/{id}:syncstatus")).await.json();
        assert!(status["createTime"].is_string());
        seen.push(status["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["QUEUED", "IN_PROGRESS", "UNKNOWN", "UNKNOWN"]);
    let summary = running.get(&format!("/registry/v1/repotagssummary/{id}")).await.json();
    assert_eq!(summary["tagCount"], "0", "asking for the status does not bring the tags");
}

#[tokio::test]
async fn a_repository_with_its_tags_or_without_a_source_has_the_sync_status_unknown() {
    let running = Running::start(Options { polls_until_tags: 0, ..Options::default() }).await;
    let ready = running.created("web", "nginx").await;
    let bare = running.fake.seed_repository("bare", "").unwrap().id;
    for (id, time_is_known) in [(ready, true), (bare, false)] {
        let status = running.get(&format!("/registry/v1/repos/{id}:syncstatus")).await.json();
        assert_eq!(status["status"], "UNKNOWN");
        assert_eq!(status["createTime"] != Value::Null, time_is_known);
    }
}

#[tokio::test]
async fn another_source_has_its_tags_still_to_come() {
    let running = Running::start(Options { polls_until_tags: 1, ..Options::default() }).await;
    let id = running.created("web", "nginx").await;
    let summary = format!("/registry/v1/repotagssummary/{id}");
    running.get(&summary).await;
    assert_eq!(running.get(&summary).await.json()["tagCount"], "2");
    let body = serde_json::json!({"name": "web", "sync_config": {"source": "redis"}});
    running.call(reqwest::Method::PUT, &format!("/registry/v1/repos/{id}"), Some(body)).await;
    assert_eq!(running.get(&summary).await.json()["tagCount"], "0");
}

#[tokio::test]
async fn tag_filters_are_honoured_and_wrong_ones_refused() {
    let running = Running::start(Options { polls_until_tags: 0, ..Options::default() }).await;
    let id = running.created("web", "nginx").await;
    let base = format!("/registry/v1/tags?uidp.childrenOf={id}");
    let all = running.get(&base).await.json();
    let (tag, digest) = (all["items"][0]["id"].as_str().unwrap(), all["items"][0]["digest"].as_str().unwrap());
    for (query, expected) in [
        ("name=latest-dev".to_owned(), vec!["latest-dev"]),
        (format!("id={tag}"), vec!["latest"]),
        (format!("digest={digest}"), vec!["latest"]),
        ("updatedSince=2000-01-01T00:00:00Z".to_owned(), vec!["latest", "latest-dev"]),
        ("updated_since=2999-01-01T00:00:00Z".to_owned(), vec![]),
        ("excludeReferrers=true&exclude_dates=1&excludeEpochs=T".to_owned(), vec!["latest", "latest-dev"]),
    ] {
        assert_eq!(running.get(&format!("{base}&{query}")).await.names("items"), expected, "{query}");
    }
    for query in ["excludeDates=perhaps", "updatedSince=yesterday"] {
        assert_eq!(running.get(&format!("{base}&{query}")).await.error(), (400, 3), "{query}");
    }
}

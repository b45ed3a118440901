//! Creating, updating and deleting repositories.

use fake_chainguard::Options;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{ORG, Running};

#[tokio::test]
async fn a_create_answers_the_source_as_the_uidp_of_the_catalog_image() {
    let options = Options::default();
    let uidp = options.catalog.image("nginx").unwrap().uidp();
    let running = Running::start(options).await;
    for (name, source) in [("by-name", "nginx"), ("by-uidp", uidp.as_str())] {
        let answer = running.create(json!({"name": name, "sync_config": {"source": source}})).await.json();
        assert_eq!(answer["sync_config"]["source"], json!(uidp));
        assert_eq!(answer["catalogTier"], "APPLICATION");
        assert_eq!(answer["aliases"], json!(["docker.io/library/nginx:latest"]));
        assert_eq!(answer["activeTags"], json!(["latest", "latest-dev"]));
    }
    assert!(uidp.starts_with("ce2d1984a010471142503340d670612d63ffb9f6/"));
}

#[tokio::test]
async fn sync_config_in_camel_case_is_dropped_and_the_repository_syncs_nothing() {
    let running = Running::start(Options { polls_until_tags: 0, ..Options::default() }).await;
    let answer = running.create(json!({"name": "nginx", "syncConfig": {"source": "nginx"}})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["sync_config"], Value::Null);
    assert_eq!(running.fake.repositories()[0].source, None);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        let summary = running.get(&format!("/registry/v1/repotagssummary/{id}")).await.json();
        assert_eq!(summary["tagCount"], "0");
    }
}

#[tokio::test]
async fn an_existing_name_is_refused_with_prevent_existing_in_either_spelling_and_updated_without() {
    let running = Running::start(Options::default()).await;
    let id = running.created("web", "nginx").await;
    let body = json!({"name": "web", "description": "second", "sync_config": {"source": "redis"}});
    for flag in ["preventExisting=true", "prevent_existing=1"] {
        let answer = running.call(Method::POST, &format!("/registry/v1/repos/{ORG}?{flag}"), Some(body.clone())).await;
        assert_eq!(answer.error(), (409, 6), "{flag}");
        assert_eq!(running.fake.repositories()[0].description, "");
    }
    for query in ["", "?preventExisting=false", "?prevent-existing=true"] {
        let answer = running.call(Method::POST, &format!("/registry/v1/repos/{ORG}{query}"), Some(body.clone())).await;
        assert_eq!((answer.status, answer.json()["id"].as_str()), (200, Some(id.as_str())), "{query}");
    }
    let repositories = running.fake.repositories();
    assert_eq!(repositories.len(), 1);
    assert_eq!(repositories[0].description, "second");
    assert_eq!(repositories[0].source.as_ref().unwrap().image, "redis");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_creates_of_one_name_at_once_are_one_success_and_one_conflict() {
    let running = Running::start(Options::default()).await;
    for round in 0..20 {
        let body = json!({"name": format!("web-{round}"), "sync_config": {"source": "nginx"}});
        let (left, right) = tokio::join!(running.create(body.clone()), running.create(body));
        let mut statuses = [left.status, right.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
    assert_eq!(running.fake.repositories().len(), 20);
}

#[tokio::test]
async fn what_the_platform_would_refuse_is_refused_and_changes_nothing() {
    let running = Running::start(Options::default()).await;
    for (body, expected) in [
        (json!({}), (400, 3)),
        (json!({"name": "nginx:latest"}), (400, 3)),
        (json!({"name": "Nginx"}), (400, 3)),
        (json!({"name": "a", "description": "x".repeat(513)}), (400, 3)),
        (json!({"name": "a", "description": "one\ntwo"}), (400, 3)),
        (json!({"name": "a", "sync_config": {}}), (400, 3)),
        (json!({"name": "a", "sync_config": {"source": "nginx"}, "catalogTier": "BASE"}), (400, 3)),
        (json!({"name": "a", "sync_config": {"source": "nginx"}, "aliases": ["x:y"]}), (400, 3)),
        (json!({"name": "a", "sync_config": {"source": "no-such-image"}}), (404, 5)),
        (json!({"name": "a", "sync_config": {"source": "nginx:latest"}}), (404, 5)),
    ] {
        let answer = running.create(body.clone()).await;
        assert_eq!(answer.error(), expected, "{body}");
    }
    let other = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233";
    for (parent, expected) in [(other, (403, 7)), ("acme", (400, 3)), ("", (400, 3))] {
        let answer =
            running.call(Method::POST, &format!("/registry/v1/repos/{parent}"), Some(json!({"name": "a"}))).await;
        assert_eq!(answer.error(), expected, "{parent}");
    }
    let flag = format!("/registry/v1/repos/{ORG}?preventExisting=maybe");
    assert_eq!(running.call(Method::POST, &flag, Some(json!({"name": "a"}))).await.error(), (400, 3));
    assert_eq!(running.fake.repositories(), []);
}

#[tokio::test]
async fn inherited_members_may_be_repeated_but_not_changed() {
    let running = Running::start(Options::default()).await;
    let created = running.create(json!({"name": "web", "sync_config": {"source": "nginx"}})).await.json();
    let id = created["id"].as_str().unwrap().to_owned();
    let path = format!("/registry/v1/repos/{id}");
    assert_eq!(running.call(Method::PUT, &path, Some(created.clone())).await.status, 200);
    let mut changed = created;
    changed["activeTags"] = json!(["1.27"]);
    assert_eq!(running.call(Method::PUT, &path, Some(changed)).await.error(), (400, 3));
}

#[tokio::test]
async fn an_update_replaces_the_whole_and_does_not_answer_the_creation_time() {
    let running = Running::start(Options::default()).await;
    let id = running.created("web", "nginx").await;
    let path = format!("/registry/v1/repos/{id}");
    let answer = running.call(Method::PUT, &path, Some(json!({"name": "site"}))).await.json();
    assert_eq!(
        (&answer["name"], &answer["createTime"], &answer["sync_config"]),
        (&json!("site"), &Value::Null, &Value::Null)
    );
    let listed = running.get("/registry/v1/repos?name=site").await.json();
    assert!(listed["items"][0]["createTime"].is_string());
    assert_eq!(running.get("/registry/v1/repos?name=web").await.names("items"), [""; 0]);
}

#[tokio::test]
async fn a_rename_to_a_taken_name_is_a_conflict() {
    let running = Running::start(Options::default()).await;
    running.created("web", "nginx").await;
    let id = running.created("site", "nginx").await;
    let answer = running.call(Method::PUT, &format!("/registry/v1/repos/{id}"), Some(json!({"name": "web"}))).await;
    assert_eq!(answer.error(), (409, 6));
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_what_is_not_there_is_not_found() {
    let running = Running::start(Options::default()).await;
    let id = running.created("web", "nginx").await;
    let path = format!("/registry/v1/repos/{id}");
    let answer = running.call(Method::DELETE, &path, None).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    for (method, path, body) in [
        (Method::DELETE, path.clone(), None),
        (Method::PUT, path.clone(), Some(json!({"name": "web"}))),
        (Method::GET, format!("{path}:syncstatus"), None),
        (Method::GET, format!("/registry/v1/repotagssummary/{id}"), None),
        (Method::GET, format!("/registry/v2/repos/{id}"), None),
    ] {
        assert_eq!(running.call(method.clone(), &path, body).await.error(), (404, 5), "{method} {path}");
    }
}

#[tokio::test]
async fn another_organizations_repository_can_be_seen_and_not_touched() {
    let running = Running::start(Options::default()).await;
    let id = running.fake.seed_repository_of_another_organization("theirs").unwrap().id;
    let path = format!("/registry/v1/repos/{id}");
    assert_eq!(running.call(Method::DELETE, &path, None).await.error(), (403, 7));
    assert_eq!(running.call(Method::PUT, &path, Some(json!({"name": "ours"}))).await.error(), (403, 7));
}

#[tokio::test]
async fn a_slash_of_an_id_must_not_be_escaped() {
    let running = Running::start(Options::default()).await;
    let id = running.created("web", "nginx").await;
    let path = format!("/registry/v1/repos/{}", id.replace('/', "%2F"));
    assert_eq!(running.call(Method::DELETE, &path, None).await.error(), (400, 3));
}

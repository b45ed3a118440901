//! The catalog: its file, and its listing over GraphQL.

use std::fs;

use fake_chainguard::{Catalog, CatalogError, Options, Tier};
use reqwest::{Method, header::AUTHORIZATION};
use serde_json::{Value, json};

use crate::client::{ORG, Running};

const CATALOG_GROUP: &str = "ce2d1984a010471142503340d670612d63ffb9f6";

/// The query of platform-examples/image-mapper, with its variables.
fn mapper_query(group: &str) -> Value {
    json!({
        "query": "query OrganizationImageCatalog($organization: ID!) {\n  repos(filter: {uidp: {childrenOf: $organization}}) {\n    name\n    aliases\n  catalogTier\n  }\n}",
        "variables": {"excludeDates": true, "excludeEpochs": true, "organization": group},
    })
}

async fn ask(running: &Running, body: &Value) -> Value {
    let answer =
        running.send(running.request(Method::POST, "/query?id=PrivateImageCatalog").body(body.to_string())).await;
    assert_eq!(answer.status, 200, "GraphQL answers errors under 200 as well");
    answer.json()
}

#[tokio::test]
async fn the_whole_catalog_is_listed_without_a_token_with_the_fields_selected() {
    let options = Options::default();
    let size = options.catalog.images().count();
    let running = Running::start(options).await;
    let answer = ask(&running, &mapper_query(CATALOG_GROUP)).await;
    let repos = answer["data"]["repos"].as_array().unwrap();
    assert_eq!(repos.len(), size);
    let nginx = repos.iter().find(|repo| repo["name"] == "nginx").unwrap();
    assert_eq!(
        nginx,
        &json!({"name": "nginx", "aliases": ["docker.io/library/nginx:latest"], "catalogTier": "APPLICATION"})
    );
}

#[tokio::test]
async fn an_organizations_repositories_are_listed_with_a_token_only() {
    let running = Running::start(Options { polls_until_tags: 0, ..Options::default() }).await;
    running.created("web", "nginx").await;
    assert!(ask(&running, &mapper_query(ORG)).await["errors"][0]["message"].is_string());
    let body = json!({"query": format!(
        "{{ repos(filter: {{uidp: {{childrenOf: \"{ORG}\"}}}}) {{ name tags(filter: {{excludeDates: true}}) {{ name }} }} }}"
    )});
    let request = running.request(Method::POST, "/query").header(AUTHORIZATION, "Bearer anyone").body(body.to_string());
    assert_eq!(
        running.send(request).await.json(),
        json!({"data": {"repos": [{"name": "web", "tags": [{"name": "latest"}, {"name": "latest-dev"}]}]}})
    );
}

#[tokio::test]
async fn what_is_not_understood_is_an_error_under_200() {
    let running = Running::start(Options::default()).await;
    let filter = format!("(filter: {{uidp: {{childrenOf: \"{CATALOG_GROUP}\"}}}})");
    for query in [
        json!({}),
        json!({"query": ""}),
        json!({"query": "{ repos { name } }"}),
        json!({"query": format!("{{ repos{filter} }}")}),
        json!({"query": format!("{{ repos{filter} {{ price }} }}")}),
        json!({"query": format!("{{ images{filter} {{ name }} }}")}),
        json!({"query": format!("{{ repos{filter} {{ tags {{ digest }} }} }}")}),
        json!({"query": "query ($a: ID!) { repos(filter: {uidp: {childrenOf: $b}}) { name } }", "variables": {"a": ""}}),
        json!("text"),
    ] {
        let answer = ask(&running, &query).await;
        assert!(answer["errors"][0]["message"].is_string() && answer.get("data").is_none(), "{query}: {answer}");
    }
}

#[test]
fn a_catalog_file_is_read_with_its_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.json");
    let text = r#"{"source": "me", "images": [
        {"name": "a", "tier": "BASE", "keywords": ["base"], "endOfLife": true},
        {"name": "b", "tier": "FIPS", "aliases": ["x/b:latest"], "activeTags": ["1"]}]}"#;
    fs::write(&path, text).unwrap();
    let catalog = Catalog::from_file(&path).unwrap();
    let a = catalog.image("a").unwrap();
    assert_eq!((a.tier, a.aliases.len()), (Tier::Base, 0));
    assert_eq!(a.active_tags, ["latest", "latest-dev"]);
    let b = catalog.image("b").unwrap();
    assert_eq!((b.tier, b.aliases[0].as_str(), b.active_tags[0].as_str()), (Tier::Fips, "x/b:latest", "1"));
}

#[test]
fn a_catalog_file_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.json");
    assert!(matches!(Catalog::from_file(&path), Err(CatalogError::Read { .. })));
    for text in ["", "{}", r#"{"images": [{"name": "a", "tier": "GOLD"}]}"#] {
        fs::write(&path, text).unwrap();
        assert!(matches!(Catalog::from_file(&path), Err(CatalogError::Parse { .. })), "{text}");
    }
    fs::write(&path, r#"{"images": [{"name": "a", "tier": "BASE"}, {"name": "a", "tier": "AI"}]}"#).unwrap();
    assert!(matches!(Catalog::from_file(&path), Err(CatalogError::DuplicateName { name, .. }) if name == "a"));
}

#[test]
fn a_large_catalog_file_can_be_used() {
    // The real list is not part of the project; where it lies beside the project's folder, it is tried.
    let real = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/chainguard/catalog.json");
    if real.exists() {
        assert!(Catalog::from_file(&real).unwrap().images().count() > 100);
    }
    let images: Vec<_> = (0..2000).map(|index| json!({"name": format!("image-{index}"), "tier": "AI"})).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), json!({"images": images}).to_string()).unwrap();
    assert_eq!(Catalog::from_file(file.path()).unwrap().images().count(), 2000);
}

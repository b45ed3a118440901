//! Lists, cursors and the catalog.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::collections::BTreeSet;

use e2e::{World, nth_request, policy_without_rate_limit};
use local::options::Options;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_through_everything_once_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        ephemeral: false,
        data_dir: folder.path().join("data"),
        policy: Some(policy_without_rate_limit(folder.path())),
        ..Options::default()
    };
    let world = World::start_with(&options).await;
    let jane = world.client.token("jane").await;
    for index in 0..7 {
        let mut body = nth_request(index);
        body["environment"] = "production".into();
        body["team"] = if index < 5 { "data-engineering" } else { "payments" }.into();
        assert_eq!(world.client.submit(&jane, &body).await.status, 202);
    }
    for (query, expected) in [
        ("status=pending", 7),
        ("team=data-engineering", 5),
        ("team=payments", 2),
        ("requester=jane@acme.example", 7),
        ("requester=JANE@acme.example", 7),
        ("requester=me", 7),
        ("requester=dana@acme.example", 0),
        ("image=python", 7),
        ("image=node", 0),
        ("image=python&team=payments", 2),
        ("image=python&status=available", 0),
        ("image=python&requester=dana@acme.example", 0),
        ("status=pending&team=payments", 2),
        ("status=available&team=payments", 0),
        ("status=rejected", 0),
    ] {
        let reply = world.client.get(&format!("/requests?{query}"), &jane).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        assert_eq!(reply.body["requests"].as_array().unwrap().len(), expected, "{query}");
    }

    let first = world.client.get("/requests?status=pending&limit=3", &jane).await;
    let cursor = first.text("cursor").to_owned();
    let mut ids: Vec<String> = ids_of(&first.body);
    world.runtime.stop().await;

    let world = World::start_with(&options).await;
    let jane = world.client.token("jane").await;
    let mut cursor = Some(cursor);
    let mut pages = 1;
    while let Some(position) = cursor {
        let page = world.client.get(&format!("/requests?status=pending&limit=3&cursor={position}"), &jane).await;
        assert_eq!(page.status, 200, "{page:?}");
        ids.extend(ids_of(&page.body));
        cursor = page.body["cursor"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((ids.len(), pages), (7, 3));
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 7, "none twice");
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
    world.runtime.stop().await;
}

fn ids_of(body: &serde_json::Value) -> Vec<String> {
    body["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["requestId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_cursors_and_unknown_parameters_are_refused() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    for index in 0..3 {
        let mut body = nth_request(index);
        body["environment"] = "production".into();
        world.client.submit(&jane, &body).await;
    }
    let page = world.client.get("/requests?status=pending&limit=1", &jane).await;
    let cursor = page.text("cursor");
    let other = format!("/requests?status=approved&cursor={cursor}");
    for path in ["/requests?cursor=abc", "/requests?status=pending&cursor=e30", &other] {
        let reply = world.client.get(path, &jane).await;
        assert_eq!((reply.status, reply.problem()), (400, "invalid-cursor"), "{path}");
    }
    for path in [
        "/requests?status=open",
        "/requests?limit=0",
        "/requests?limit=101",
        "/requests?team=A B",
        "/requests?state=pending",
        "/requests?image=python:latest",
        "/requests?image=Python",
        "/catalog?limit=x",
        "/catalog?query=x",
    ] {
        let reply = world.client.get(path, &jane).await;
        assert_eq!((reply.status, reply.problem()), (400, "invalid-parameter"), "{path}");
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_catalog_is_searched_and_asked_from() {
    let catalog = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/chainguard/catalog.json");
    let catalog = if catalog.exists() { Some(catalog) } else { None };
    let world = World::start_with(&Options { catalog: catalog.clone(), ..Options::default() }).await;
    let jane = world.client.token("jane").await;
    let all = world.client.get("/catalog?limit=100", &jane).await;
    assert_eq!(all.status, 200);
    if catalog.is_some() {
        assert_eq!(all.body["total"], 340);
    }
    for (query, expected) in [("postgres", "postgres"), ("docker.io/library/nginx", "nginx"), ("node:20", "node")] {
        let reply = world.client.get(&format!("/catalog?q={query}"), &jane).await;
        assert_eq!(reply.body["images"][0]["name"], expected, "{query}");
    }
    let miss = world
        .client
        .submit(&jane, &json!({"image": "pyton:3.9-alpine", "team": "data-engineering", "environment": "dev"}))
        .await;
    assert_eq!((miss.status, miss.problem()), (422, "image-not-in-catalog"));
    assert_eq!(miss.body["suggestions"][0], "python");
    world.runtime.stop().await;
}

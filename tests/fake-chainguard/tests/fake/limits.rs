//! What the plan covers, how much fits, and what is no call at all.

use std::collections::BTreeMap;

use fake_chainguard::{Entitlement, Options, Tier};
use reqwest::Method;
use serde_json::json;

use crate::client::{ORG, Running};

#[tokio::test]
async fn a_tier_that_the_plan_does_not_cover_is_denied_by_name_and_by_upsert() {
    let entitlement = Entitlement::Catalog { tiers: vec![Tier::Application] };
    let running = Running::start(Options { entitlement, ..Options::default() }).await;
    running.created("web", "nginx").await;
    for name in ["web-fips", "web"] {
        let body = json!({"name": name, "sync_config": {"source": "nginx-fips"}});
        let answer = running.call(Method::POST, &format!("/registry/v1/repos/{ORG}"), Some(body)).await;
        assert_eq!(answer.error(), (403, 7), "{name}");
    }
    running.fake.set_entitlement(Entitlement::default());
    running.created("web-fips", "nginx-fips").await;
}

#[tokio::test]
async fn a_plan_by_image_covers_the_images_chosen() {
    let quota = BTreeMap::from([(Tier::Application, 3)]);
    let entitlement = Entitlement::PerImage { images: vec!["nginx".to_owned()], quota };
    let running = Running::start(Options { entitlement, ..Options::default() }).await;
    running.created("web", "nginx").await;
    let denied = running.create(json!({"name": "redis", "sync_config": {"source": "redis"}})).await;
    assert_eq!(denied.error(), (403, 7));

    let effective = running.get(&format!("/registry/v1/entitlements/{ORG}:effective")).await.json();
    assert_eq!(effective["plan"], "PER_IMAGE");
    assert_eq!(effective["activeTiers"], json!([]));
    assert_eq!(effective["activeImages"][0]["name"], "nginx");
    assert_eq!(effective["activeImages"][0]["catalogTier"], "APPLICATION");
    assert_eq!(effective["quota"], json!({"APPLICATION": {"current": 1, "max": 3}}));
    let summary = running.get(&format!("/registry/v1/entitlements/{ORG}:summary")).await.json();
    assert_eq!(summary["quota"], effective["quota"]);
    let images = running.get(&format!("/registry/v1/entitlements/{ORG}/catalog-images")).await;
    assert_eq!(images.names("images"), ["nginx"]);
}

#[tokio::test]
async fn a_catalog_plan_is_unlimited_and_lists_no_images_of_its_own() {
    let running = Running::start(Options::default()).await;
    running.created("web", "nginx").await;
    let effective = running.get(&format!("/registry/v1/entitlements/{ORG}:effective")).await.json();
    assert_eq!(effective["plan"], "CATALOG");
    assert_eq!(effective["activeTiers"], json!(["APPLICATION", "BASE", "FIPS", "AI", "DEVTOOLS"]));
    assert_eq!((&effective["maxTotalImages"], &effective["swapQuota"]), (&json!(-1), &json!(-1)));
    let images = running.get(&format!("/registry/v1/entitlements/{ORG}/catalog-images")).await;
    assert_eq!(images.json(), json!({"images": []}));
    assert_eq!(running.get(&format!("/registry/v1/entitlements/{ORG}/images")).await.names("images"), ["web"]);
}

#[tokio::test]
async fn the_starter_plan_has_five_images_and_no_swaps_and_no_plan_has_nothing() {
    let running = Running::start(Options::default()).await;
    let effective = format!("/registry/v1/entitlements/{ORG}:effective");
    let list = format!("/registry/v1/entitlements/{ORG}");

    running.fake.set_entitlement(Entitlement::Starter { images: vec!["nginx".to_owned()] });
    let starter = running.get(&effective).await.json();
    assert_eq!((&starter["plan"], &starter["maxTotalImages"]), (&json!("STARTER"), &json!(5)));
    assert_eq!(running.get(&list).await.json()["items"][0]["type"], "STARTER");

    running.fake.set_entitlement(Entitlement::Absent);
    assert_eq!(running.get(&effective).await.json()["plan"], "PLAN_UNSPECIFIED");
    assert_eq!(running.get(&list).await.json(), json!({"items": []}));
    let denied = running.create(json!({"name": "web", "sync_config": {"source": "nginx"}})).await;
    assert_eq!(denied.error(), (403, 7));
}

#[tokio::test]
async fn entitlements_of_another_organization_are_denied() {
    let running = Running::start(Options::default()).await;
    let other = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233";
    for suffix in ["", "/images", "/catalog-images", ":summary", ":effective"] {
        assert_eq!(running.get(&format!("/registry/v1/entitlements/{other}{suffix}")).await.error(), (403, 7));
        assert_eq!(running.get(&format!("/registry/v1/entitlements/acme{suffix}")).await.error(), (400, 3));
    }
}

#[tokio::test]
async fn the_limit_counts_the_organizations_repositories_and_an_upsert_needs_no_room() {
    let running = Running::start(Options { repository_limit: 2, ..Options::default() }).await;
    running.fake.seed_repository_of_another_organization("theirs").unwrap();
    running.created("one", "nginx").await;
    running.created("two", "nginx").await;
    let third = json!({"name": "three", "sync_config": {"source": "nginx"}});
    assert_eq!(running.create(third.clone()).await.error(), (429, 8));
    let again = running.call(Method::POST, &format!("/registry/v1/repos/{ORG}"), Some(json!({"name": "two"}))).await;
    assert_eq!(again.status, 200);
    assert!(running.fake.delete_repository("one").unwrap());
    assert!(!running.fake.delete_repository("one").unwrap());
    assert_eq!(running.create(third).await.status, 200);
}

#[tokio::test]
async fn a_wrong_method_is_501_an_unknown_route_404_and_a_call_not_served_says_so() {
    let running = Running::start(Options::default()).await;
    for (method, path, expected, message) in [
        (Method::GET, format!("/registry/v1/repos/{ORG}/0f1e2d3c4b5a6978"), (501, 12), "Method Not Allowed"),
        (Method::PATCH, format!("/registry/v1/repos/{ORG}"), (501, 12), "Method Not Allowed"),
        (Method::POST, "/iam/v1/groups".to_owned(), (501, 12), "Method Not Allowed"),
        (Method::GET, "/repos".to_owned(), (404, 5), "Not Found"),
        (Method::POST, "/registry/v1/repositories".to_owned(), (404, 5), "Not Found"),
        (Method::POST, format!("/registry/v2/repos/{ORG}"), (501, 12), "fake-chainguard does not serve this call"),
    ] {
        let answer = running.call(method.clone(), &path, None).await;
        assert_eq!(answer.error(), expected, "{method} {path}");
        let body = answer.json();
        assert_eq!((&body["message"], &body["details"]), (&json!(message), &json!([])), "{method} {path}");
    }
}

#[tokio::test]
async fn images_are_added_to_a_plan_that_counts_them_while_there_is_room() {
    let quota = BTreeMap::from([(Tier::Application, 2)]);
    let entitlement = Entitlement::PerImage { images: vec!["nginx".to_owned()], quota };
    let running = Running::start(Options { entitlement, ..Options::default() }).await;
    let add = |body: serde_json::Value| {
        let running = &running;
        async move { running.call(Method::POST, &format!("/registry/v1/entitlements/{ORG}:addImages"), Some(body)).await }
    };
    let added = add(json!({"imageNames": ["nginx", "redis"]})).await;
    assert_eq!((added.names("images"), &added.json()["parent"]), (vec!["redis".to_owned()], &json!(ORG)));
    running.created("redis", "redis").await;
    assert_eq!(add(json!({"image_names": ["redis"]})).await.names("images"), [""; 0], "once is enough");
    assert_eq!(add(json!({"imageNames": ["postgres"]})).await.error(), (429, 8), "the tier is full");
    assert_eq!(add(json!({"imageNames": ["nginx-fips"]})).await.error(), (429, 8), "the tier has no quota");
    assert_eq!(add(json!({"imageNames": ["no-such-image"]})).await.error(), (404, 5));
    for nothing in [json!({}), json!({"imageNames": []}), json!({"images": ["redis"]})] {
        assert_eq!(add(nothing).await.error(), (400, 3));
    }
    let images = running.get(&format!("/registry/v1/entitlements/{ORG}/catalog-images")).await;
    assert_eq!(images.names("images"), ["nginx", "redis"], "what was refused changed nothing");

    running.fake.set_entitlement(Entitlement::default());
    assert_eq!(add(json!({"imageNames": ["redis"]})).await.error(), (400, 9));
}

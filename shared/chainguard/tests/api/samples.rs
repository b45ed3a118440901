//! The samples of the project's fact sheet, as far as they are calls of this client: each is asked for as the sample says,
//! and its answer is read.

use crate::support::names;
use domain::entitlement::PlanKind;
use domain::ports::CountRepositories as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chainguard::{Allowance, Chainguard, SyncState, TierQuota};
use domain::catalog::CatalogTier;
use domain::ports::{
    ChainguardError, CreateRepository as _, FetchCatalog as _, FindRepository as _, FindTag as _,
    ListRepositories as _, ReadEntitlement as _, Repository,
};
use serde_json::{Value, json};

use crate::scripted::{Scripted, Seen};
use crate::support::{EXCHANGE, ORG, STORED_TOKEN, Secrets, client, name};

const SOURCE: &str = "ce2d1984a010471142503340d670612d63ffb9f6/00112233445566aa";

fn sample(name: &str) -> Value {
    // The stand-in is held to the same exchanges.
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fake-chainguard/tests/samples");
    let folder = if name == "graphql-catalog" { samples } else { samples.join("rest") };
    let path = folder.join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A server that answers with the samples, each on its own path: the organisation's look-up always, and this one.
async fn replay(sample_name: &str) -> Scripted {
    let response = sample(sample_name)["response"].take();
    let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
    let body = response["body"].to_string();
    let found = sample("groups-by-name")["response"]["body"].to_string();
    Scripted::start(move |seen| match seen.path.as_str() {
        "/iam/v1/groups" => (200, found.clone()),
        _ => (status, body.clone()),
    })
    .await
}

/// A client of the samples' organisation.
fn client_of(server: &Scripted) -> Chainguard<Secrets> {
    client(server.address, "example.com", Secrets::with(STORED_TOKEN))
}

/// A sample's method, path and query.
fn asked(sample: &Value) -> (String, String, Vec<(String, String)>) {
    let request = &sample["request"];
    let url: url::Url = format!("http://host{}", request["path"].as_str().unwrap()).parse().unwrap();
    let query = url.query_pairs().into_owned().collect();
    (request["method"].as_str().unwrap().to_owned(), url.path().to_owned(), query)
}

fn as_asked(seen: &Seen) -> (String, String, Vec<(String, String)>) {
    (seen.method.clone(), seen.path.clone(), seen.query.clone())
}

#[tokio::test]
async fn the_create_is_sent_and_read_as_in_the_samples() {
    for (sample_name, repository) in [("v1-create-sync_config", "nginx"), ("v1-create-custom-name", "nginx-frontend")] {
        let server = replay(sample_name).await;
        let created = client_of(&server).create_repository(&name(repository), &name("nginx"), "x").await.unwrap();
        let expected = Repository {
            id: format!("{ORG}/0f1e2d3c4b5a6978"),
            name: repository.to_owned(),
            description: "x".to_owned(),
            source: SOURCE.to_owned(),
        };
        assert_eq!(created, expected);
        let seen = &server.seen()[0];
        let sample = sample(sample_name);
        assert_eq!(as_asked(seen), asked(&sample));
        let mut body = sample["request"]["body"].clone();
        body["description"] = json!("x");
        assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), body);
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!(seen.authorization(), Some("Bearer stored-token"));
    }
}

#[tokio::test]
async fn the_answers_to_a_create_are_told_apart() {
    type Check = fn(&ChainguardError) -> bool;
    let cases: [(&str, &str, Check, usize); 6] = [
        ("v1-create-denied", "denied", |error| matches!(error, ChainguardError::Denied(_)), 1),
        ("v1-create-dup-prevent", "dup", |error| matches!(error, ChainguardError::AlreadyExists(_)), 1),
        ("v1-create-unavailable", "down", |error| matches!(error, ChainguardError::Unavailable(_)), 4),
        ("v1-create-dup-upsert", "dup", |error| matches!(error, ChainguardError::Refused(_)), 1),
        ("v1-create-syncConfig-wrong-case", "nginx", |error| matches!(error, ChainguardError::Refused(_)), 1),
        ("route-guide-repos", "nginx", |error| matches!(error, ChainguardError::NotFound(_)), 1),
    ];
    for (sample_name, repository, check, attempts) in cases {
        let server = replay(sample_name).await;
        let created = client_of(&server).create_repository(&name(repository), &name("nginx"), "").await;
        assert!(created.as_ref().is_err_and(check), "{sample_name}: {created:?}");
        assert_eq!(server.seen().len(), attempts, "{sample_name}");
    }
}

#[tokio::test]
async fn the_lists_of_repositories_are_searched() {
    for (sample_name, repository, source) in [
        ("v1-list-childrenOf-camel", "nginx", Some(SOURCE)),
        ("v1-list-childrenOf-camel", "bare", Some("")),
        ("v1-list-childrenOf-camel", "python", None),
        ("v1-list-unknown-param", "repo-of-another-visible-org", None),
        ("v1-list-empty", "absent", None),
    ] {
        let server = replay(sample_name).await;
        let found = client_of(&server).find_repository(&name(repository)).await.unwrap();
        assert_eq!(found.map(|found| found.source).as_deref(), source, "{sample_name}: {repository}");
        let (_, path, mut query) = asked(&sample("v1-list-childrenOf-camel"));
        query.push(("name".to_owned(), repository.to_owned()));
        assert_eq!(as_asked(&server.seen()[0]), ("GET".to_owned(), path, query));
    }
}

#[tokio::test]
async fn a_missing_token_is_a_refused_credential() {
    let server = replay("v1-list-noauth").await;
    let error = client_of(&server).find_repository(&name("nginx")).await.unwrap_err();
    assert_eq!(error, ChainguardError::Unauthenticated("<server text> (code 16)".to_owned()));
}

#[tokio::test]
async fn the_pages_of_the_v2_list_are_followed() {
    let found = sample("groups-by-name")["response"]["body"].to_string();
    let pages = ["v2-list-p1", "v2-list-p2"].map(|page| sample(page)["response"]["body"].to_string());
    let server = Scripted::start(move |seen| match (seen.path.as_str(), seen.query("page_token")) {
        ("/iam/v1/groups", _) => (200, found.clone()),
        ("/registry/v2/repos", None) => (200, pages[0].clone()),
        ("/registry/v2/repos", Some("CqQBV3lKbE16")) => (200, pages[1].clone()),
        _ => (404, String::new()),
    })
    .await;
    assert_eq!(names(client_of(&server).list_repositories().await.unwrap()), ["nginx", "python", "redis"]);
    for seen in server.seen() {
        assert_eq!(seen.query("uidp.childrenOf"), Some(ORG));
        assert_eq!((seen.query("page_size"), seen.query("order_by")), (Some("200"), Some("name")));
    }
}

#[tokio::test]
async fn the_tag_is_found() {
    let server = replay("v1-tags").await;
    let client = client_of(&server);
    let repository = format!("{ORG}/0f1e2d3c4b5a6978");
    assert!(client.has_tag(&repository, "latest").await.unwrap());
    assert!(!client.has_tag(&repository, "latest-dev").await.unwrap());
    let (method, path, query) = as_asked(&server.seen()[0]);
    let without_name: Vec<_> = query.into_iter().filter(|(key, _)| key != "name").collect();
    assert_eq!((method, path, without_name), asked(&sample("v1-tags")));
}

#[tokio::test]
async fn the_entitlement_is_read() {
    let server = replay("ent-effective-catalog").await;
    let entitlement = client_of(&server).read_entitlement().await.unwrap();
    assert_eq!((entitlement.plan.as_str(), entitlement.by), ("CATALOG", PlanKind::Tiers));
    assert_eq!(entitlement.tiers, [CatalogTier::Application, CatalogTier::Base]);
    assert_eq!(as_asked(&server.seen()[0]), asked(&sample("ent-effective-catalog")));
}

#[tokio::test]
async fn the_organisation_is_read() {
    let server = replay("groups-absent").await;
    let group = client_of(&server).organization().await.unwrap();
    assert_eq!((group.id.as_str(), group.name.as_str(), group.is_verified), (ORG, "example.com", true));
    assert_eq!((group.kind.as_str(), group.status.as_str()), ("ORG_KIND_CUSTOMER", "ORG_STATUS_READY"));
}

#[tokio::test]
async fn the_repositories_are_counted_by_the_total_of_a_page() {
    let server = replay("v2-list-p1").await;
    assert_eq!(client_of(&server).count_repositories().await, Ok(3));
    let seen = &server.seen()[0];
    assert_eq!((seen.path.as_str(), seen.query("page_size")), ("/registry/v2/repos", Some("1")));
    assert_eq!(seen.query("uidp.descendants_of"), Some(ORG));
}

#[tokio::test]
async fn the_deletion_is_sent_as_in_the_sample_and_needs_no_body_in_its_answer() {
    let deletion = sample("v1-delete");
    for body in ["", "{}", "null"] {
        let found = sample("groups-by-name")["response"]["body"].to_string();
        let server = Scripted::start(move |seen| match seen.path.as_str() {
            "/iam/v1/groups" => (200, found.clone()),
            _ => (200, body.to_owned()),
        })
        .await;
        client_of(&server).delete_repository(&format!("{ORG}/0f1e2d3c4b5a6978")).await.unwrap();
        assert_eq!(as_asked(&server.seen()[0]), asked(&deletion));
    }
}

#[tokio::test]
async fn the_tags_the_summary_and_the_sync_status_are_read() {
    let repository = format!("{ORG}/0f1e2d3c4b5a6978");
    let server = replay("v1-tags").await;
    let tags = client_of(&server).list_tags(&repository).await.unwrap();
    assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["latest"]);
    assert!(tags[0].digest.starts_with("sha256:abab") && tags[0].updated_at.is_some());
    assert_eq!(as_asked(&server.seen()[0]), asked(&sample("v1-tags")));

    let server = replay("v1-tags-summary-zero").await;
    let summary = client_of(&server).tag_summary(&repository).await.unwrap();
    assert_eq!((summary.tag_count, summary.latest_tag.as_str()), (0, ""));
    assert_eq!(as_asked(&server.seen()[0]), asked(&sample("v1-tags-summary-zero")));

    let server = replay("v1-syncstatus").await;
    let status = client_of(&server).sync_status(&repository).await.unwrap();
    assert_eq!(status.state, SyncState::Queued);
    assert_eq!(status.created_at, Some("2026-09-01T12:00:00.123Z".parse().unwrap()));
    assert_eq!(as_asked(&server.seen()[0]), asked(&sample("v1-syncstatus")));
}

#[tokio::test]
async fn the_entitlements_and_their_images_are_read() {
    let server = replay("ent-list").await;
    let records = client_of(&server).list_entitlements().await.unwrap();
    assert_eq!(records.iter().map(|record| record.kind.as_str()).collect::<Vec<_>>(), ["PRODUCTION", "TRIAL"]);
    assert_eq!(records[0].tiers, ["APPLICATION", "BASE"]);
    assert_eq!(records[1].quota["FIPS"], TierQuota { current: 2, max: 3 });
    assert!(records[0].expires_at.is_some() && records[1].expires_at.is_none());
    assert_eq!(as_asked(&server.seen()[0]), asked(&sample("ent-list")));

    let server = replay("ent-images").await;
    let images = client_of(&server).entitlement_images().await.unwrap();
    assert_eq!((images[0].name.as_str(), images[0].tier.as_str()), ("nginx", "APPLICATION"));
    assert_eq!(as_asked(&server.seen()[0]), asked(&sample("ent-images")));

    let server = replay("ent-effective-catalog").await;
    let effective = client_of(&server).effective_entitlement().await.unwrap();
    assert_eq!((effective.image_allowance, effective.swaps_used), (Allowance::Unlimited, 0));
}

#[tokio::test]
async fn an_absent_organisation_is_told() {
    let absent = sample("groups-absent")["response"]["body"].to_string();
    let server = Scripted::start(move |_| (200, absent.clone())).await;
    let error = client_of(&server).list_repositories().await.unwrap_err();
    assert!(matches!(error, ChainguardError::Credential(_)), "{error}");
}

#[tokio::test]
async fn the_exchange_is_read() {
    let exchanged = sample("sts-post-form")["response"]["body"].to_string();
    let found = sample("groups-by-name")["response"]["body"].to_string();
    let server = Scripted::start(move |seen| match seen.path.as_str() {
        "/sts/exchange" => (200, exchanged.clone()),
        "/iam/v1/groups" => (200, found.clone()),
        _ => (200, "{}".to_owned()),
    })
    .await;
    let client = client(server.address, "example.com", Secrets::with(EXCHANGE));
    client.list_repositories().await.unwrap();
    assert_eq!(server.seen().last().unwrap().authorization(), Some("Bearer eyJhbGciOiJSUzI1NiJ9.e30.sig"));
}

#[tokio::test]
async fn the_catalog_is_asked_for_and_read() {
    let graphql = sample("graphql-catalog");
    let answer = graphql["response"]["body"].to_string();
    let server = Scripted::answering(200, &answer).await;
    let images = client_of(&server).fetch_catalog().await.unwrap();
    let read: Vec<_> = images.iter().map(|image| (image.name.as_str(), image.catalog_tier)).collect();
    assert_eq!(read, [("nginx", CatalogTier::Application), ("nginx-fips", CatalogTier::Fips)]);
    assert_eq!(images[0].aliases, ["docker.io/library/nginx:latest"]);
    assert_eq!(images[0].active_tags, ["latest", "latest-dev"]);
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/query"));
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), graphql["request"]["body"]);

    let server = Scripted::answering(200, &graphql["response_error"]["body"].to_string()).await;
    assert_eq!(client_of(&server).fetch_catalog().await, Err(ChainguardError::Refused("<text>".to_owned())));
}

/// Every body that differs from `body` in one member: gone, `null`, or beside one that nobody knows; and where it is the
/// name of an enum's value, another name or a number.
fn variations(body: &Value) -> Vec<Value> {
    let mut variations = Vec::new();
    match body {
        Value::Object(members) => {
            let mut wider = members.clone();
            wider.insert("ofTomorrow".to_owned(), json!({"x": [1, null]}));
            variations.push(Value::Object(wider));
            for (key, member) in members {
                let mut without = members.clone();
                without.remove(key);
                variations.push(Value::Object(without));
                let mut replacements = vec![Value::Null];
                replacements.extend(self::variations(member));
                if matches!(key.as_str(), "plan" | "catalogTier" | "tier" | "type" | "status") {
                    replacements.extend([json!("OF_TOMORROW"), json!(42), json!("")]);
                }
                for replacement in replacements {
                    let mut replaced = members.clone();
                    replaced.insert(key.clone(), replacement);
                    variations.push(Value::Object(replaced));
                }
            }
        }
        Value::Array(items) => {
            variations.push(json!([]));
            for (index, item) in items.iter().enumerate() {
                for variation in self::variations(item) {
                    let mut replaced = items.clone();
                    replaced[index] = variation;
                    variations.push(Value::Array(replaced));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    variations
}

#[tokio::test]
async fn no_member_that_is_missing_null_or_new_makes_an_answer_unreadable() {
    let answer = Arc::new(Mutex::new(String::new()));
    let found = sample("groups-by-name")["response"]["body"].to_string();
    let script = Arc::clone(&answer);
    let server = Scripted::start(move |seen| match seen.path.as_str() {
        "/iam/v1/groups" => (200, found.clone()),
        _ => (200, script.lock().unwrap().clone()),
    })
    .await;
    let client = client_of(&server);
    let mut read = 0;
    let repository = format!("{ORG}/0f1e2d3c4b5a6978");
    for sample_name in [
        "v1-create-sync_config",
        "v1-list-childrenOf-camel",
        "v1-tags",
        "v1-tags-summary-zero",
        "v1-syncstatus",
        "ent-effective-catalog",
        "ent-list",
        "ent-images",
        "v2-list-p1",
        "v2-list-p2",
        "graphql-catalog",
    ] {
        for body in variations(&sample(sample_name)["response"]["body"]) {
            *answer.lock().unwrap() = body.to_string();
            let outcome = match sample_name {
                "v1-create-sync_config" => client.create_repository(&name("nginx"), &name("nginx"), "").await.err(),
                "v1-list-childrenOf-camel" => client.find_repository(&name("nginx")).await.err(),
                "v1-tags" => client.list_tags(&repository).await.err(),
                "v1-tags-summary-zero" => client.tag_summary(&repository).await.err(),
                "v1-syncstatus" => client.sync_status(&repository).await.err(),
                "ent-effective-catalog" => client.read_entitlement().await.err(),
                "ent-list" => client.list_entitlements().await.err(),
                "ent-images" => client.entitlement_images().await.err(),
                "v2-list-p1" => client.count_repositories().await.err(),
                "v2-list-p2" => client.list_repositories().await.err(),
                _ => client.fetch_catalog().await.err(),
            };
            let text = outcome.map(|error| error.to_string()).unwrap_or_default();
            assert!(!text.contains("malformed"), "{sample_name}: {text}: {body}");
            read += 1;
        }
    }
    assert!(read > 200, "{read}");
}

//! What exists on one machine only: the data folder, the local pages, a start that does not get everything.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use e2e::{Client, World, nth_request, until};
use local::options::Options;
use local::runtime::Runtime;
use reqwest::Method;

fn kept_in(folder: &Path) -> Options {
    Options { ephemeral: false, data_dir: folder.to_owned(), ..Options::default() }
}

/// Everything below a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(path) = found.get(next).cloned() {
        if path.is_dir() {
            found.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
        next += 1;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_data_folder_is_readable_by_others() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let world = World::start_with(&kept_in(&folder)).await;
    let jane = world.client.token("jane").await;
    let reply = world.client.submit(&jane, &nth_request(0)).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    world.client.until_status(reply.text("requestId"), "available", &jane).await;
    let archive = folder.join("archive");
    until("records are archived", || async { (!e2e::archived_records(&archive).is_empty()).then_some(()) }).await;
    // Before the end: the store's journals are there while it is open.
    let paths = entries(&folder);
    for name in ["dynamodb.sqlite-wal", "runtime.sqlite-wal", "chainguard.jsonl", "issuer.pk8", "lock"] {
        assert!(paths.contains(&folder.join(name)), "{name} in {paths:?}");
    }
    for path in paths {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_outlives_the_stand_ins_address_and_takes_no_other_chainguard() {
    let temporary = tempfile::tempdir().unwrap();
    let options = kept_in(temporary.path());
    let first = Runtime::start(&options, |_| {}).await.unwrap();
    let address = first.chainguard_url().to_owned();
    first.stop().await;
    let again = Runtime::start(&options, |_| {}).await.unwrap();
    assert_ne!(again.chainguard_url(), address);
    again.stop().await;
    let other = Options { chainguard_url: Some("https://console-api.enforce.dev".parse().unwrap()), ..options };
    let error = Runtime::start(&other, |_| {}).await.err().unwrap().to_string();
    for part in ["the stand-in", "https://console-api.enforce.dev", "--data-dir", "remove"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_catalog_the_rest_is_served_and_the_start_says_so() {
    let temporary = tempfile::tempdir().unwrap();
    let catalog = temporary.path().join("catalog.json");
    std::fs::write(&catalog, r#"{"images": []}"#).unwrap();
    let options = Options { catalog: Some(catalog), ..Options::default() };
    let steps = Mutex::new(Vec::new());
    let runtime = Runtime::start(&options, |step| steps.lock().unwrap().push(step.to_owned())).await.unwrap();
    let steps = steps.into_inner().unwrap();
    let waited = steps.iter().position(|step| step.starts_with("fetching the catalog from http://127.0.0.1:"));
    let failed = steps.iter().position(|step| step.starts_with("going on without") && step.contains("without images"));
    assert!(waited.is_some() && waited < failed, "{steps:?}");

    let client = Client::new(runtime.base_url());
    let jane = client.token("jane").await;
    let reply = client.get("/catalog", &jane).await;
    assert_eq!((reply.status, reply.problem()), (503, "catalog-unavailable"), "{reply:?}");
    let reply = client.get("/requests", &jane).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_pages_are_found_and_say_what_there_is() {
    let world = World::start().await;
    let get = async |path: &str| world.client.call(Method::GET, path, &[], Vec::new()).await;
    let home = get("/_local").await;
    assert_eq!((home.status, home.body.as_str().unwrap().contains("/_local/outbox")), (200, true));
    assert_eq!(get("/_local/").await.body, home.body);
    let root = get("/").await;
    assert_eq!((root.status, root.headers.get("location").map(String::as_str)), (303, Some("/_local")));

    let nobody = get("/_local/tokens/nobody").await;
    assert_eq!((nobody.status, nobody.problem()), (404, "route-not-found"), "{nobody:?}");
    assert!(nobody.text("detail").contains("`nobody`; there are jane, dana, dmitri, sasha, alex, ivy."), "{nobody:?}");
    for path in ["/nothing", "/_local/nothing", "/_local/tokens/nobody"] {
        let reply = get(path).await;
        assert_eq!((reply.status, reply.problem()), (404, "route-not-found"), "{path}: {reply:?}");
        assert!(!reply.text("instance").is_empty(), "{path}: {reply:?}");
        assert_eq!(reply.headers.get("content-type").map(String::as_str), Some("application/problem+json"));
    }
    world.runtime.stop().await;
}

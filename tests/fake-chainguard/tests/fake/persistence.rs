//! Repositories outlive the process. A second fake on the same file, while the first still lives, sees what a new
//! process would after a `kill -9`: nothing that only a destructor would have written.

use std::{fs, io::Write as _, path::Path};

use fake_chainguard::{FakeChainguard, OpenError, Options, Reads, Repository};
use reqwest::Method;
use serde_json::json;

use crate::client::Running;

fn open(path: &Path) -> FakeChainguard {
    FakeChainguard::open(Options::default(), path.to_owned()).unwrap()
}

fn append(path: &Path, text: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text).unwrap();
}

#[tokio::test]
async fn every_answered_change_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chainguard.jsonl");
    let running = Running::serve(open(&path)).await;
    let web = running.created("web", "nginx").await;
    assert_eq!(open(&path).repositories(), running.fake.repositories());

    running.created("cache", "redis").await;
    running
        .call(Method::PUT, &format!("/registry/v1/repos/{web}"), Some(json!({"name": "site", "description": "d"})))
        .await;
    assert_eq!(open(&path).repositories(), running.fake.repositories());

    running.call(Method::DELETE, &format!("/registry/v1/repos/{web}"), None).await;
    running.fake.seed_repository("theirs", "").unwrap();
    running.fake.delete_repository("theirs").unwrap();
    let after = open(&path).repositories();
    assert_eq!(after, running.fake.repositories());
    assert_eq!(after.iter().map(|repository| repository.name.as_str()).collect::<Vec<_>>(), ["cache"]);
}

#[tokio::test]
async fn tags_that_have_come_do_not_go_away_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chainguard.jsonl");
    let running = Running::serve(open(&path)).await;
    let id = running.created("web", "nginx").await;
    let summary = format!("/registry/v1/repotagssummary/{id}");
    for _ in 0..5 {
        running.get(&summary).await;
    }
    running.get(&format!("/registry/v1/repos/{id}:syncstatus")).await;
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    assert_eq!(lines, 4, "the opening, the create and one line for each of the two reads that change something");
    let again = Running::serve(open(&path)).await;
    assert_eq!(again.fake.repositories()[0].reads, Reads { tags: 2, status: 0 });
    assert_eq!(again.get(&summary).await.json()["tagCount"], "2");
}

#[test]
fn a_torn_last_line_is_dropped_and_the_next_change_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chainguard.jsonl");
    open(&path).seed_repository("web", "").unwrap();
    let whole = fs::read(&path).unwrap();
    let line = whole.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().to_vec();
    for length in [1, line.len() / 2, line.len() - 1] {
        fs::write(&path, &whole).unwrap();
        append(&path, &line[..length]);
        let fake = open(&path);
        assert_eq!(names(&fake.repositories()), ["web"], "{length}");
        fake.seed_repository("site", "").unwrap();
        let mut after = names(&open(&path).repositories());
        after.sort();
        assert_eq!(after, ["site", "web"], "{length}");
    }
}

#[test]
fn a_corrupt_line_is_an_error_that_names_it_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chainguard.jsonl");
    open(&path).seed_repository("web", "").unwrap();
    append(&path, b"{\"change\":\"created\"}\n");
    let before = fs::read(&path).unwrap();
    let error = FakeChainguard::open(Options::default(), path.clone()).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { line: 3, .. }), "{error:?}");
    assert!(error.to_string().contains("line 3 is corrupt"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_not_of_this_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chainguard.jsonl");
    for text in ["{\"change\":\"opened\",\"schemaVersion\":2}\n", "{\"change\":\"deleted\",\"id\":\"x\"}\n"] {
        fs::write(&path, text).unwrap();
        let error = FakeChainguard::open(Options::default(), path.clone()).unwrap_err();
        assert!(matches!(error, OpenError::Version { .. }), "{error:?}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent/chainguard.jsonl");
    assert!(matches!(FakeChainguard::open(Options::default(), path), Err(OpenError::File { .. })));
}

#[test]
fn a_repository_is_seeded_once_and_syncs_where_the_catalog_has_its_name() {
    let fake = FakeChainguard::new(Options::default());
    let nginx = fake.seed_repository("nginx", "somebody's").unwrap();
    assert_eq!((nginx.description.as_str(), nginx.source.unwrap().image.as_str()), ("somebody's", "nginx"));
    assert_eq!(fake.seed_repository("tools", "").unwrap().source, None);
    assert!(fake.seed_repository("nginx", "").is_err());
}

fn names(repositories: &[Repository]) -> Vec<String> {
    repositories.iter().map(|repository| repository.name.clone()).collect()
}

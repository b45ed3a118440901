//! Answers that look right and are not.

use crate::support::names;
use domain::ports::{
    ChainguardError, CreateRepository as _, FetchCatalog as _, FindRepository as _, FindTag as _, ListRepositories as _,
};
use serde_json::json;

use crate::scripted::{Scripted, acme, groups};
use crate::support::{ORG, STORED_TOKEN, Secrets, client, endpoints, name};

const OTHER_ORG: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233";

#[tokio::test]
async fn a_repository_that_syncs_nothing_is_no_success() {
    for sync_config in [json!(null), json!({}), json!({"source": ""}), json!({"source": null})] {
        let repo = json!({"id": format!("{ORG}/0f1e2d3c4b5a6978"), "name": "web", "sync_config": sync_config});
        let server = Scripted::answering(200, &repo.to_string()).await;
        let error = server.client().create_repository(&name("web"), &name("nginx"), "").await.unwrap_err();
        assert!(matches!(&error, ChainguardError::Refused(text) if text.contains("without a source")), "{error}");
        assert_eq!(server.seen().len(), 1, "creating it again would find it there");
    }
}

#[tokio::test]
async fn a_create_that_answers_with_another_repository_is_not_believed() {
    let sync_config = json!({"source": "x"});
    for repo in [
        json!({}),
        json!({"id": format!("{ORG}/0f1e2d3c4b5a6978"), "name": "other", "sync_config": sync_config}),
        json!({"id": format!("{OTHER_ORG}/0f1e2d3c4b5a6978"), "name": "web", "sync_config": sync_config}),
        json!({"id": "", "name": "web", "sync_config": sync_config}),
    ] {
        let server = Scripted::answering(200, &repo.to_string()).await;
        let error = server.client().create_repository(&name("web"), &name("nginx"), "").await.unwrap_err();
        assert!(matches!(error, ChainguardError::Unavailable(_)), "{repo}: {error}");
    }
}

#[tokio::test]
async fn a_list_that_ignores_its_filters_fools_neither_find_nor_list_nor_tag() {
    let own =
        |part: &str, name: &str| json!({"id": format!("{ORG}/{part}"), "uid": format!("{ORG}/{part}"), "name": name});
    let foreign = format!("{OTHER_ORG}/7777777777777777");
    let below = format!("{ORG}/0f1e2d3c4b5a6978/2222222222222222");
    let all = json!([
        own("0f1e2d3c4b5a6978", "nginx"),
        {"id": foreign, "uid": foreign, "name": "web"},
        {"id": below, "uid": below, "name": "web"},
        {"name": "web"},
        own("1111111111111111", "python"),
    ]);
    let server = Scripted::answering(200, &json!({"items": all, "repos": all}).to_string()).await;
    let client = server.client();
    assert_eq!(client.find_repository(&name("web")).await.unwrap(), None);
    let python = client.find_repository(&name("python")).await.unwrap().unwrap();
    assert_eq!(python.id, format!("{ORG}/1111111111111111"));
    assert_eq!(names(client.list_repositories().await.unwrap()), ["nginx", "python"]);
    // As tags: the one below the repository counts, of the others neither name nor place.
    assert!(client.has_tag(&format!("{ORG}/0f1e2d3c4b5a6978"), "web").await.unwrap());
    assert!(!client.has_tag(&format!("{ORG}/1111111111111111"), "web").await.unwrap());
    assert!(!client.has_tag(&format!("{ORG}/0f1e2d3c4b5a6978"), "nginx").await.unwrap());
}

#[tokio::test]
async fn a_repository_id_that_is_none_is_not_looked_up() {
    let server = Scripted::answering(200, "{}").await;
    for id in ["", "acme/web", "*"] {
        let error = server.client().has_tag(id, "latest").await.unwrap_err();
        assert!(matches!(error, ChainguardError::Refused(_)), "{error}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_that_does_not_end_is_given_up() {
    let stuck = Scripted::answering(200, r#"{"repos": [], "nextPageToken": "again"}"#).await;
    let error = stuck.client().list_repositories().await.unwrap_err();
    assert!(matches!(error, ChainguardError::Refused(_)), "{error}");
    assert_eq!(stuck.seen().len(), 2);

    let endless = Scripted::start(|seen| match seen.path.as_str() {
        "/iam/v1/groups" => acme(),
        _ => (
            200,
            json!({"repos": [], "nextPageToken": format!("{}x", seen.query("page_token").unwrap_or_default())})
                .to_string(),
        ),
    })
    .await;
    let error = endless.client().list_repositories().await.unwrap_err();
    assert!(matches!(error, ChainguardError::Refused(_)), "{error}");
    assert_eq!(endless.seen().len(), 1000);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_read_to_the_end() {
    let server = Scripted::answering(200, &" ".repeat((8 << 20) + 1)).await;
    let error = server.client().find_repository(&name("nginx")).await.unwrap_err();
    assert!(matches!(&error, ChainguardError::Refused(text) if text.contains("8388608 bytes")), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_organisation_that_cannot_be_told_is_the_credentials_fault_and_asked_for_again_next_time() {
    for (found, text) in [
        (groups(&[]), "no organisation `acme`"),
        (groups(&[("acme.example", true)]), "no organisation `acme`"),
        (groups(&[("acme", true), ("acme", true)]), "2 organisations `acme`"),
        (groups(&[("acme", false), ("acme", false), ("acme", false)]), "3 organisations `acme`"),
    ] {
        let answer = found.to_string();
        let server = Scripted::start(move |_| (200, answer.clone())).await;
        let client = client(server.address, "acme", Secrets::with(STORED_TOKEN));
        for _ in 0..2 {
            let error = client.list_repositories().await.unwrap_err();
            assert!(matches!(&error, ChainguardError::Credential(what) if what.contains(text)), "{error}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Scripted::answering(302, "").await;
    let error = server.client().find_repository(&name("nginx")).await.unwrap_err();
    assert_eq!(error, ChainguardError::Refused("HTTP 302 without a status of the platform".to_owned()));
}

#[tokio::test]
async fn errors_of_graphql_come_under_a_success_and_are_errors() {
    let answer = json!({"data": {"repos": [{"name": "go"}]}, "errors": [{"message": "internal system error"}]});
    let server = Scripted::answering(200, &answer.to_string()).await;
    let error = server.client().fetch_catalog().await.unwrap_err();
    assert_eq!(error, ChainguardError::Refused("internal system error".to_owned()));
    assert_eq!(server.seen()[0].authorization(), None);
}

#[tokio::test]
async fn whoever_has_no_address_of_the_catalog_cannot_fetch_it() {
    let endpoints = chainguard::Endpoints { catalog: None, ..endpoints("127.0.0.1:1".parse().unwrap()) };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let secrets = Secrets::with(STORED_TOKEN);
    let client =
        chainguard::Chainguard::new(http, endpoints, "acme".parse().unwrap(), secrets, "chainguard".to_owned());
    assert!(matches!(client.fetch_catalog().await, Err(ChainguardError::Refused(_))));
}

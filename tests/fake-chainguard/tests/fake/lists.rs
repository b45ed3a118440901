//! What lists show, in v1 and in v2.

use fake_chainguard::Options;
use serde_json::{Value, json};

use crate::client::{ORG, Running};

async fn three_and_another() -> Running {
    let running = Running::start(Options::default()).await;
    for image in ["nginx", "python", "redis"] {
        running.created(image, image).await;
    }
    running.fake.seed_repository_of_another_organization("theirs").unwrap();
    running
}

#[tokio::test]
async fn a_key_that_is_no_filter_narrows_nothing() {
    let running = three_and_another().await;
    for query in [format!("parent={ORG}"), format!("uidp.parent={ORG}"), "Name=nginx".to_owned(), String::new()] {
        let answer = running.get(&format!("/registry/v1/repos?{query}")).await;
        assert_eq!(answer.names("items"), ["nginx", "python", "redis", "theirs"], "{query}");
        let answer = running.get(&format!("/registry/v2/repos?{query}")).await;
        assert_eq!(answer.json()["totalCount"], "4", "{query}");
    }
}

#[tokio::test]
async fn filters_count_in_both_spellings() {
    let running = three_and_another().await;
    let id = running.fake.repositories().into_iter().find(|repository| repository.name == "redis").unwrap().id;
    for (query, expected) in [
        (format!("uidp.childrenOf={ORG}"), vec!["nginx", "python", "redis"]),
        (format!("uidp.children_of={ORG}"), vec!["nginx", "python", "redis"]),
        (format!("uidp.descendantsOf={ORG}"), vec!["nginx", "python", "redis"]),
        (format!("uidp.descendants_of={ORG}&name=python"), vec!["python"]),
        (format!("uidp.ids={id}"), vec!["redis"]),
        ("name=ngin".to_owned(), vec![]),
        ("name=".to_owned(), vec!["nginx", "python", "redis", "theirs"]),
    ] {
        assert_eq!(running.get(&format!("/registry/v1/repos?{query}")).await.names("items"), expected, "{query}");
        assert_eq!(running.get(&format!("/registry/v2/repos?{query}")).await.names("repos"), expected, "{query}");
    }
    assert_eq!(running.get(&format!("/registry/v1/repos?id={id}")).await.names("items"), ["redis"]);
    assert_eq!(running.get("/registry/v1/repos?name=a&name=b").await.error(), (400, 3));
}

#[tokio::test]
async fn pages_join_up_to_the_whole_list_in_order() {
    let running = Running::start(Options::default()).await;
    for number in 0..120 {
        running.fake.seed_repository(&format!("repo-{number:03}"), "").unwrap();
    }
    for (order, size, pages) in [("name", 50, 3), ("name desc", 7, 18), ("uid", 200, 1), ("created_at desc", 119, 2)] {
        let mut names = Vec::new();
        let mut token = String::new();
        let mut turned = 0;
        loop {
            let order = order.replace(' ', "%20");
            let query = format!("uidp.descendantsOf={ORG}&pageSize={size}&orderBy={order}&pageToken={token}");
            let page = running.get(&format!("/registry/v2/repos?{query}")).await.json();
            assert_eq!(page["totalCount"], "120");
            let items = page["repos"].as_array().unwrap();
            assert!(items.len() <= size);
            names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            turned += 1;
            assert!(turned <= pages, "the pages by {order} do not end");
            page["nextPageToken"].as_str().unwrap().clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(turned, pages, "{order}");
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 120, "{order}");
        match order {
            "name" => assert_eq!(names, sorted),
            "name desc" => assert!(names.iter().eq(sorted.iter().rev())),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_page_has_50_entries_unless_asked_and_never_more_than_200() {
    let running = Running::start(Options::default()).await;
    for number in 0..201 {
        running.fake.seed_repository(&format!("repo-{number}"), "").unwrap();
    }
    for (query, expected) in [("", 50), ("?page_size=0", 50), ("?page_size=1", 1), ("?page_size=1000", 200)] {
        let page = running.get(&format!("/registry/v2/repos{query}")).await.json();
        assert_eq!(page["repos"].as_array().unwrap().len(), expected, "{query}");
        assert_eq!(page["totalCount"], "201");
    }
    let all = running.get("/registry/v1/repos?page_size=1").await;
    assert_eq!(all.names("items").len(), 201, "v1 has no pages");
}

#[tokio::test]
async fn v2_has_tiers_with_a_prefix_and_an_update_time() {
    let running = three_and_another().await;
    let list = running.get("/registry/v2/repos?name=python").await.json();
    let repo = &list["repos"][0];
    assert_eq!(repo["catalogTier"], "CATALOG_TIER_BASE");
    assert!(repo["updateTime"].is_string());
    assert_eq!(repo.get("readme"), None);
    let uid = repo["uid"].as_str().unwrap();
    assert_eq!(&running.get(&format!("/registry/v2/repos/{uid}")).await.json(), repo);
    let theirs = running.get("/registry/v2/repos?name=theirs").await.json();
    assert_eq!(theirs["repos"][0]["catalogTier"], "CATALOG_TIER_UNSPECIFIED");
    assert_eq!(theirs["repos"][0]["sync_config"], Value::Null);
}

#[tokio::test]
async fn empty_values_are_written_and_counts_are_text() {
    let running = Running::start(Options::default()).await;
    assert_eq!(running.get("/registry/v1/repos").await.json(), json!({"items": []}));
    assert_eq!(
        running.get("/registry/v2/repos").await.json(),
        json!({"repos": [], "nextPageToken": "", "totalCount": "0", "skipped": 0})
    );
}

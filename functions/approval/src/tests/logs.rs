//! What gets into the log.

use captured_log::listen;
use serde_json::json;

use super::world::{DANA, Fault, World, draft, form, id, principal};

#[tokio::test]
async fn no_link_no_address_and_no_comment_is_logged() {
    let log = listen();
    let world = World::new();
    world.submit(1, draft()).await;
    let query = world.query(id(1), DANA);
    let forged = format!("{}0", &query[..query.len() - 1]);
    world.get(id(1), &query).await;
    world.get(id(1), &forged).await;
    world.post(id(1), &query, &form("reject", "")).await;
    world.post(id(1), &query, "decision=secretive").await;
    world.post(id(1), &query, &form("approve", "very secret reasons")).await;
    world.post(id(1), &query, &form("reject", "more secret reasons")).await;
    world.patch(id(1), "reject", &principal("eve@acme.example", &[]), &json!({ "comment": "secret" })).await;
    for fault in [Fault::Load, Fault::Secret, Fault::Catalog, Fault::List, Fault::Commit, Fault::Conflict] {
        let world = World::new();
        world.submit(1, draft()).await;
        world.set(fault);
        world.get(id(1), &query).await;
        world.post(id(1), &query, &form("approve", "very secret reasons")).await;
    }
    let text = log.text();
    let signature = query.rsplit_once('=').unwrap().1;
    let approver = query.split(['=', '&']).nth(1).unwrap();
    for secret in [signature, approver, "acme.example", "secret", "approver=", "0123456789abcdef"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn each_call_is_one_line_and_each_decision_one_more() {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = world.query(id(1), DANA);
    let log = listen();
    world.get(id(1), &query).await;
    world.post(id(1), &query, &form("reject", "")).await;
    world.post(id(1), &query, &form("approve", "")).await;
    let lines = log.lines();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (line["route"].as_str(), line["channel"].as_str(), line["status"].clone(), line["problem"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("GET /approval/{id}"), None, json!(200), None),
            (None, Some("link"), json!(null), Some("urn:cgr-request:problem:reason-required")),
            (Some("POST /approval/{id}"), None, json!(422), None),
            (None, Some("link"), json!("approved"), None),
            (Some("POST /approval/{id}"), None, json!(303), None),
        ]
    );
    for line in lines.iter().filter(|line| line["channel"].is_string()) {
        assert_eq!(line["request_id"], id(1).to_string());
    }
}

//! Decisions with a token.

use domain::event::EventType;
use domain::journal;
use serde_json::json;

use super::world::{DANA, JANE, World, base_image, draft, id, principal};

#[tokio::test]
async fn breaking_the_glass_approves_alone_and_says_so_loudly() {
    let world = World::new();
    world.submit(1, base_image()).await;
    let commander = principal("cleo@acme.example", &["incident-commanders"]);
    let answered = world.patch(id(1), "break-glass", &commander, &json!({ "comment": "CVE in production" })).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    assert_eq!((&answered.json()["status"], &answered.json()["breakGlass"]), (&json!("approved"), &json!(true)));
    assert_eq!(world.commits(), 1, "both records are one change");
    let journal = world.journal(id(1));
    let types: Vec<EventType> = journal.iter().map(|record| record.event_type).collect();
    assert_eq!(types, [EventType::Submitted, EventType::BreakGlassUsed, EventType::Approved]);
    for record in &journal[1..] {
        assert_eq!(record.approver.as_deref(), Some("cleo@acme.example"));
        assert_eq!(record.comment.as_ref().unwrap().as_str(), "CVE in production");
    }
    assert!(journal::verify(&journal).is_ok());
}

#[tokio::test]
async fn the_glass_is_broken_only_by_who_may_and_with_a_reason() {
    let commanders: &[&str] = &["incident-commanders"];
    for (who, groups, body, status, problem) in [
        ("cleo@acme.example", commanders, json!({}), 422, "reason-required"),
        ("cleo@acme.example", commanders, json!({ "comment": " \n" }), 422, "reason-required"),
        ("cleo@acme.example", commanders, json!({ "comment": "x".repeat(2_001) }), 400, "invalid-field"),
        ("cleo@acme.example", commanders, json!({ "comment": "x", "digest": "0".repeat(64) }), 409, "content-changed"),
        ("cleo@acme.example", commanders, json!({ "comment": "x", "digest": "0" }), 400, "invalid-field"),
        (JANE, commanders, json!({ "comment": "mine" }), 403, "own-request"),
        ("JANE+x@Acme.Example", commanders, json!({ "comment": "mine" }), 403, "own-request"),
        ("sasha@acme.example", &["security-reviewers"], json!({ "comment": "x" }), 403, "may-not-break-glass"),
        ("eve@acme.example", &[], json!({ "comment": "x" }), 403, "may-not-break-glass"),
    ] {
        let world = World::new();
        world.submit(1, base_image()).await;
        let answered = world.patch(id(1), "break-glass", &principal(who, groups), &body).await;
        assert_eq!(answered.status, status, "{who}: {}", answered.body);
        assert_eq!(answered.json()["type"], format!("urn:cgr-request:problem:{problem}"), "{who}");
        assert_eq!(world.commits(), 0);
    }
}

#[tokio::test]
async fn what_was_decided_is_not_decided_again_by_breaking_the_glass() {
    let world = World::new();
    world.submit(1, draft()).await;
    let dana = principal(DANA, &["data-engineering-leads"]);
    world.patch(id(1), "reject", &dana, &json!({ "comment": "no" })).await;
    let commander = principal("cleo@acme.example", &["incident-commanders"]);
    let answered = world.patch(id(1), "break-glass", &commander, &json!({ "comment": "yes" })).await;
    assert_eq!((answered.status, &answered.json()["type"]), (409, &json!("urn:cgr-request:problem:already-decided")));
}

#[tokio::test]
async fn a_decision_binds_to_the_digest_that_was_seen() {
    for action in ["approve", "reject"] {
        let world = World::new();
        world.submit(1, draft()).await;
        let dana = principal(DANA, &["data-engineering-leads"]);
        let body = |digest: &str| json!({ "comment": "seen", "digest": digest });
        let answered = world.patch(id(1), action, &dana, &body(&"0".repeat(64))).await;
        assert_eq!(answered.json()["type"], "urn:cgr-request:problem:content-changed");
        assert_eq!(world.commits(), 0);
        let digest = world.request(id(1)).digest().to_string();
        assert_eq!(world.patch(id(1), action, &dana, &body(&digest)).await.status, 200);
    }
}

#[tokio::test]
async fn cancelling_and_sending_round_again_take_who_may() {
    let world = World::new();
    world.submit(1, draft()).await;
    let dana = principal(DANA, &["data-engineering-leads"]);
    assert_eq!(world.patch(id(1), "cancel", &dana, &json!({})).await.status, 403);
    world.patch(id(1), "approve", &dana, &json!({})).await;
    world.fail(id(1)).await;
    assert_eq!(world.patch(id(1), "retry", &dana, &json!({})).await.status, 403);
    let alex = principal("alex@acme.example", &["cgr-request-admins"]);
    let answered = world.patch(id(1), "retry", &alex, &json!({})).await;
    assert_eq!((answered.status, &answered.json()["status"]), (200, &json!("pending")));
    let jane = principal(JANE, &[]);
    let answered = world.patch(id(1), "cancel", &jane, &json!({})).await;
    assert_eq!((answered.status, &answered.json()["status"]), (200, &json!("cancelled")));
}

#[tokio::test]
async fn an_unknown_action_is_no_route() {
    let world = World::new();
    world.submit(1, draft()).await;
    let answered = world.patch(id(1), "delete", &principal(DANA, &[]), &json!({})).await;
    assert_eq!(answered.json()["type"], "urn:cgr-request:problem:route-not-found");
}

//! A request's way.

use deployed_tests::{World, until};
use reqwest::Method;
use serde_json::{Value, json};

fn types(journal: &[Value]) -> Vec<&str> {
    journal.iter().map(|record| record["eventType"].as_str().unwrap()).collect()
}

/// Chainguard has it once, and knows for which request.
async fn assert_added_once(world: &World, name: &str, id: &str) {
    let descriptions = world.repositories(name).await;
    assert_eq!(descriptions.len(), 1, "{descriptions:?}");
    assert!(descriptions[0].contains(id), "{descriptions:?}");
}

async fn until_told(world: &World, address: &str, what: &str) {
    until(&format!("{address} is told {what}"), || async {
        let mails = world.mails().await;
        mails.into_iter().find(|mail| mail.to.iter().any(|to| to == address) && mail.text.contains(what))
    })
    .await;
}

#[tokio::test]
async fn a_request_for_dev_goes_to_available_by_itself() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let id = world.submit(&jane, "for-dev", "dev").await;
    let request = world.until_status(&id, "available", &jane).await;
    let pull = "docker pull cgr.dev/acme/for-dev:latest-dev";
    assert_eq!(request["pullCommand"], pull);
    assert_eq!(request["approvalTier"], "auto-approve");
    let journal = world.journal(&id, &jane).await;
    assert_eq!(
        types(&journal),
        [
            "image.request.submitted",
            "image.request.approved",
            "image.request.provisioning-started",
            "image.request.provisioned",
            "image.request.available"
        ]
    );
    assert_added_once(&world, "for-dev", &id).await;
    until_told(&world, "jane@acme.example", pull).await;
}

#[tokio::test]
async fn a_request_for_production_is_approved_by_the_link_in_the_mail() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let id = world.submit(&jane, "for-production", "production").await;
    let link = world.link_in_mail(&id, "dana@acme.example").await;
    let mails = world.mails().await;
    let sender = world.deployment.parameters["MailFrom"].as_str().unwrap();
    assert!(mails.iter().all(|mail| mail.source.contains(sender)), "{mails:?}");

    let shown = world.call(Method::GET, &link, &[], Vec::new()).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    for part in ["jane@acme.example", "for-production", "<form"] {
        assert!(shown.page().contains(part), "{part}");
    }
    let probed = world.call(Method::HEAD, &link, &[], Vec::new()).await;
    assert_eq!(probed.status, 200, "{probed:?}");
    assert_eq!(world.get(&format!("/request/{id}"), &jane).await.text("status"), "pending");
    assert!(world.repositories("for-production").await.is_empty());

    let decided = world.decide_by_link(&link, "decision=approve&comment=go+ahead").await;
    assert_eq!(decided.status, 303, "{decided:?}");
    let again = world.decide_by_link(&link, "decision=reject&comment=changed+my+mind").await;
    assert_eq!(again.status, 409, "{again:?}");
    let request = world.until_status(&id, "available", &jane).await;
    assert_eq!(request["approvals"][0]["approver"], "dana@acme.example");
    assert_eq!(request["approvals"][0]["channel"], "link");
    assert_added_once(&world, "for-production", &id).await;
}

#[tokio::test]
async fn a_request_that_is_rejected_with_a_token_adds_nothing_and_frees_its_name() {
    let world = World::open().await;
    let (jane, dana) = (world.token("jane").await, world.token("dana").await);
    let id = world.submit(&jane, "rejected", "production").await;
    let path = format!("/request/{id}/reject");
    let refused = world.send(Method::PATCH, &path, &jane, &json!({"comment": "no"})).await;
    assert_eq!((refused.status, refused.problem()), (403, "own-request"), "{refused:?}");
    let rejected = world.send(Method::PATCH, &path, &dana, &json!({"comment": "use the other one"})).await;
    assert_eq!((rejected.status, rejected.text("status")), (200, "rejected"), "{rejected:?}");
    until_told(&world, "jane@acme.example", "use the other one").await;
    assert_eq!(types(&world.journal(&id, &jane).await), ["image.request.submitted", "image.request.rejected"]);
    assert!(world.repositories("rejected").await.is_empty());
    let again = world.submit(&jane, "rejected", "production").await;
    assert_ne!(again, id);
}

#[tokio::test]
async fn a_request_that_is_rejected_by_link_adds_nothing() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let id = world.submit(&jane, "rejected-by-link", "production").await;
    let link = world.link_in_mail(&id, "dmitri@acme.example").await;
    let decided = world.decide_by_link(&link, "decision=reject&comment=not+needed").await;
    assert_eq!(decided.status, 303, "{decided:?}");
    let request = world.until_status(&id, "rejected", &jane).await;
    assert_eq!(request["requestId"], id.as_str());
    assert!(world.repositories("rejected-by-link").await.is_empty());
}

#[tokio::test]
async fn two_leads_who_decide_at_once_decide_once() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let (dana, dmitri) = (world.token("dana").await, world.token("dmitri").await);
    let id = world.submit(&jane, "decided-at-once", "production").await;
    let (approve, reject) = (format!("/request/{id}/approve"), format!("/request/{id}/reject"));
    let comment = json!({"comment": "no"});
    let (yes, no) = tokio::join!(
        world.send(Method::PATCH, &approve, &dana, &Value::Null),
        world.send(Method::PATCH, &reject, &dmitri, &comment),
    );
    let mut statuses = [yes.status, no.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{yes:?} {no:?}");
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_and_one_request() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let body = json!({
        "image": "python", "customName": "asked-twice", "justification": "x", "team": "data-engineering",
    });
    let bearer = format!("Bearer {jane}");
    let headers =
        [("authorization", bearer.as_str()), ("idempotency-key", "asked-twice"), ("content-type", "application/json")];
    let send = async || world.call(Method::POST, "/request", &headers, body.to_string().into_bytes()).await;
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status, second.status), (202, 202), "{first:?} {second:?}");
    assert_eq!(first.body, second.body);
    let records = world.journal(first.text("requestId"), &jane).await;
    assert_eq!(types(&records), ["image.request.submitted"]);
}

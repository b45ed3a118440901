//! A request's way, as the people on it see it.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, reason = "in a test, whatever is unexpected ends it")]

use e2e::{World, until};
use reqwest::Method;
use serde_json::{Value, json};

fn request(image: &str) -> Value {
    json!({"image": image, "justification": "ML pipeline", "team": "data-engineering"})
}

fn dev_request(image: &str) -> Value {
    let mut body = request(image);
    body["environment"] = "dev".into();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_dev_goes_to_available_by_itself() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let reply = world.client.submit(&jane, &dev_request("python:latest-dev")).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(reply.text("status"), "approved");
    assert_eq!(reply.text("approvalTier"), "auto-approve");
    let id = reply.text("requestId").to_owned();
    assert!(reply.headers["location"].ends_with(&format!("/request/{id}")), "{reply:?}");

    let request = world.client.until_status(&id, "available", &jane).await;
    assert_eq!(request["pullCommand"], "docker pull cgr.dev/acme/python:latest-dev");
    assert_eq!(request["requester"], "jane@acme.example");
    assert!(request["secondsToAvailability"].is_u64(), "{request}");

    let events = world.client.get(&format!("/request/{id}/events"), &jane).await;
    assert_eq!(events.body["chainIntact"], true);
    let types: Vec<&str> =
        events.body["events"].as_array().unwrap().iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "image.request.submitted",
            "image.request.approved",
            "image.request.provisioning-started",
            "image.request.provisioned",
            "image.request.available"
        ]
    );
    assert_eq!(events.body["events"][1]["approver"], "policy:non-production");

    let mails = until("Jane is told the pull line", || async {
        let mails = world.client.outbox().await;
        let says = ["docker pull cgr.dev/acme/python:latest-dev", "Available after"];
        let told = |mail: &Value| says.iter().all(|part| mail["text"].as_str().unwrap().contains(part));
        mails.iter().any(told).then_some(mails)
    })
    .await;
    assert!(mails.iter().all(|mail| mail["eventId"].as_str().unwrap().starts_with("req-")), "{mails:#?}");
    world.until_settled().await;
    assert_eq!(world.runtime.fake_chainguard().unwrap().repositories().len(), 1);
    assert!(world.runtime.dead_letters().unwrap().is_empty());
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_production_waits_for_a_lead() {
    let world = World::start().await;
    let (jane, dana) = (world.client.token("jane").await, world.client.token("dana").await);
    let reply = world.client.submit(&jane, &request("python:latest-dev")).await;
    assert_eq!((reply.status, reply.text("status")), (202, "pending"));
    assert_eq!(reply.text("approvalTier"), "manager-approval");
    assert_eq!(reply.body["approvers"][0]["name"], "data-engineering-leads");
    let id = reply.text("requestId").to_owned();

    until("Dana is asked", || async {
        let mails = world.client.outbox().await;
        mails.into_iter().find(|mail| {
            mail["channel"] == "mail" && mail["to"].as_array().unwrap().contains(&"dana@acme.example".into())
        })
    })
    .await;

    let refused = world.client.decide(&id, "reject", &dana, &json!({})).await;
    assert_eq!((refused.status, refused.problem()), (422, "reason-required"));
    let refused = world.client.decide(&id, "approve", &jane, &Value::Null).await;
    assert_eq!((refused.status, refused.problem()), (403, "own-request"));
    let stranger = world.client.token("sasha").await;
    let refused = world.client.decide(&id, "approve", &stranger, &Value::Null).await;
    assert_eq!((refused.status, refused.problem()), (403, "not-an-approver"));
    assert!(refused.text("detail").contains("data-engineering-leads"), "{refused:?}");

    let approved = world.client.decide(&id, "approve", &dana, &json!({"comment": "go ahead"})).await;
    assert_eq!((approved.status, approved.text("status")), (200, "approved"), "{approved:?}");
    let request = world.client.until_status(&id, "available", &jane).await;
    assert_eq!(request["approvals"][0]["approver"], "dana@acme.example");
    assert_eq!(request["approvals"][0]["comment"], "go ahead");

    let dmitri = world.client.token("dmitri").await;
    let late = world.client.decide(&id, "approve", &dmitri, &Value::Null).await;
    assert_eq!((late.status, late.problem()), (409, "already-decided"));
    assert!(late.text("detail").contains("approved by dana@acme.example"), "{late:?}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_cannot_approve_an_own_request() {
    let world = World::start().await;
    let dana = world.client.token("dana").await;
    let reply = world.client.submit(&dana, &request("node")).await;
    let id = reply.text("requestId").to_owned();
    for verb in ["approve", "reject"] {
        let refused = world.client.decide(&id, verb, &dana, &json!({"comment": "mine"})).await;
        assert_eq!((refused.status, refused.problem()), (403, "own-request"), "{verb}");
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_leads_who_click_at_once_decide_once() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let (dana, dmitri) = (world.client.token("dana").await, world.client.token("dmitri").await);
    for index in 0..20 {
        let mut body = request("node");
        body["customName"] = format!("node-{index}").into();
        let id = world.client.submit(&jane, &body).await.text("requestId").to_owned();
        let no = json!({"comment": "no"});
        let (yes, no) = tokio::join!(
            world.client.decide(&id, "approve", &dana, &Value::Null),
            world.client.decide(&id, "reject", &dmitri, &no),
        );
        let mut statuses = [yes.status, no.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{yes:?} {no:?}");
        let (loser, winner) = if yes.status == 409 { (yes, "dmitri") } else { (no, "dana") };
        assert_eq!(loser.problem(), "already-decided");
        assert!(loser.text("detail").contains(winner), "{loser:?}");
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_can_be_cancelled_by_its_requester_alone_and_then_asked_again() {
    let world = World::start().await;
    let (jane, dana) = (world.client.token("jane").await, world.client.token("dana").await);
    let id = world.client.submit(&jane, &request("redis")).await.text("requestId").to_owned();

    let duplicate = world.client.submit(&dana, &request("redis")).await;
    assert_eq!((duplicate.status, duplicate.problem()), (409, "duplicate-request"));
    assert_eq!(duplicate.text("requestId"), id);

    let refused = world.client.decide(&id, "cancel", &dana, &Value::Null).await;
    assert_eq!((refused.status, refused.problem()), (403, "not-the-requester"));
    let cancelled = world.client.decide(&id, "cancel", &jane, &Value::Null).await;
    assert_eq!((cancelled.status, cancelled.text("status")), (200, "cancelled"));
    let again = world.client.submit(&dana, &request("redis")).await;
    assert_eq!(again.status, 202, "{again:?}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_answer_and_one_request() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let bearer = format!("Bearer {jane}");
    let send = async |body: Value| {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "key-1")];
        world.client.call(Method::POST, "/request", &headers, body.to_string().into_bytes()).await
    };
    let first = send(dev_request("nginx")).await;
    let second = send(dev_request("nginx")).await;
    assert_eq!((first.status, second.status), (202, 202), "{second:?}");
    assert_eq!(first.body, second.body);
    let id = first.text("requestId").to_owned();
    world.client.until_status(&id, "available", &jane).await;
    let third = send(dev_request("nginx")).await;
    assert_eq!(first.body, third.body, "also when it has come far");
    let other = send(dev_request("redis")).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency-key-reused"));
    let without = world.client.submit(&jane, &dev_request("nginx")).await;
    assert_eq!((without.status, without.problem()), (409, "duplicate-image"));
    assert!(without.text("detail").contains("docker pull cgr.dev/acme/nginx:latest"), "{without:?}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_chainguard_refuses_is_explained_and_can_be_retried() {
    use fake_chainguard::{Fault, Route};
    let world = World::start().await;
    let fake = world.runtime.fake_chainguard().unwrap().clone();
    let (jane, alex) = (world.client.token("jane").await, world.client.token("alex").await);
    let denied = Fault::Status { http: 401, grpc_code: 16, message: "no".into() };
    fake.faults().push(Route::CreateRepo, denied, 10);
    let id = world.client.submit(&jane, &dev_request("nginx")).await.text("requestId").to_owned();
    let failed = world.client.until_status(&id, "failed", &jane).await;
    assert_eq!(failed["failure"]["type"], "authentication-failed");
    assert!(failed["failure"]["remedy"].as_str().unwrap().contains("administrator"));

    fake.faults().clear();
    let refused = world.client.decide(&id, "retry", &jane, &Value::Null).await;
    assert_eq!((refused.status, refused.problem()), (403, "not-an-administrator"));
    let retried = world.client.decide(&id, "retry", &alex, &Value::Null).await;
    assert_eq!((retried.status, retried.text("status")), (200, "approved"), "{retried:?}");
    world.client.until_status(&id, "available", &jane).await;
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_a_dead_attempt_left_is_adopted_and_a_foreign_one_is_not_touched() {
    use fake_chainguard::{Fault, Route};
    let world = World::start().await;
    let fake = world.runtime.fake_chainguard().unwrap().clone();
    let jane = world.client.token("jane").await;
    // It acts, and the answer is lost: the next attempt finds the repository and knows it for its own.
    fake.faults().push(Route::CreateRepo, Fault::DropAfter, 1);
    let id = world.client.submit(&jane, &dev_request("nginx")).await.text("requestId").to_owned();
    world.client.until_status(&id, "available", &jane).await;
    assert_eq!(fake.repositories().len(), 1);

    fake.seed_repository("redis", "made by hand").unwrap();
    let id = world.client.submit(&jane, &dev_request("redis")).await.text("requestId").to_owned();
    let failed = world.client.until_status(&id, "failed", &jane).await;
    assert_eq!(failed["failure"]["type"], "duplicate-image");
    let redis: Vec<_> = fake.repositories().into_iter().filter(|repository| repository.name == "redis").collect();
    assert_eq!(redis.len(), 1);
    assert_eq!(redis[0].description, "made by hand");
    world.runtime.stop().await;
}

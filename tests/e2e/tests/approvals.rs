//! Decisions by signed link, over HTTP, with the mails that people get.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, reason = "in a test, whatever is unexpected ends it")]

use e2e::{Client, Reply, World, link_in, policy_with, until};
use futures_util::StreamExt as _;
use local::options::Options;
use reqwest::Method;
use serde_json::{Value, json};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn request(image: &str, repository: &str) -> Value {
    json!({
        "image": image,
        "customName": repository,
        "justification": "ML pipeline",
        "team": "data-engineering",
    })
}

async fn submitted(client: &Client, token: &str, body: &Value) -> String {
    let reply = client.submit(token, body).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.text("requestId").to_owned()
}

async fn look(client: &Client, method: Method, link: &str) -> Reply {
    client.call(method, link, &[], Vec::new()).await
}

async fn decide(client: &Client, link: &str, form: &str) -> Reply {
    client.call(Method::POST, link, &[FORM], form.as_bytes().to_vec()).await
}

/// How many records the request's journal has.
async fn records(client: &Client, id: &str, token: &str) -> Vec<Value> {
    let reply = client.get(&format!("/request/{id}/events"), token).await;
    assert_eq!(reply.body["chainIntact"], true, "{reply:?}");
    reply.body["events"].as_array().cloned().unwrap_or_default()
}

fn page(reply: &Reply) -> &str {
    assert!(reply.headers["content-type"].starts_with("text/html"), "{reply:?}");
    reply.body.as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_the_mail_shows_the_request_and_decides_it_once() {
    let world = World::start().await;
    let client = &world.client;
    let jane = client.token("jane").await;
    let id = submitted(client, &jane, &request("python:latest-dev", "python")).await;
    let link = link_in(client, &id, "dana@acme.example").await;

    let shown = look(client, Method::GET, &link).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    for part in ["jane@acme.example", "python:latest-dev", "data-engineering", "ML pipeline", "<form"] {
        assert!(page(&shown).contains(part), "{part}");
    }
    let head = look(client, Method::HEAD, &link).await;
    assert_eq!((head.status, page(&head)), (200, ""));

    let answered = decide(client, &link, "decision=approve&comment=go+ahead").await;
    assert_eq!(answered.status, 303, "{answered:?}");
    let after = look(client, Method::GET, &link).await;
    assert!(!page(&after).contains("<form"), "{after:?}");
    assert!(page(&after).contains("go ahead"), "{after:?}");
    let again = decide(client, &link, "decision=reject&comment=changed+my+mind").await;
    assert_eq!(again.status, 409, "{again:?}");

    let request = client.until_status(&id, "available", &jane).await;
    assert_eq!(request["approvals"][0]["approver"], "dana@acme.example");
    assert_eq!(request["approvals"][0]["channel"], "link");
    let late = decide(client, &link_in(client, &id, "dmitri@acme.example").await, "decision=approve").await;
    assert_eq!(late.status, 409);
    assert!(page(&late).contains("dana@acme.example"), "{late:?}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_link_however_often_decides_nothing() {
    let world = World::start().await;
    let client = &world.client;
    let jane = client.token("jane").await;
    let id = submitted(client, &jane, &request("python", "python")).await;
    let link = link_in(client, &id, "dana@acme.example").await;
    let other = link_in(client, &id, "dmitri@acme.example").await;
    for link in [&link, &other] {
        for _ in 0..100 {
            let prefetch = [("purpose", "prefetch"), ("sec-purpose", "prefetch;prerender")];
            let (get, twice, head, options, ahead) = tokio::join!(
                look(client, Method::GET, link),
                look(client, Method::GET, link),
                look(client, Method::HEAD, link),
                look(client, Method::OPTIONS, link),
                client.call(Method::GET, link, &prefetch, Vec::new()),
            );
            assert_eq!([get.status, twice.status, head.status, ahead.status], [200; 4]);
            assert_eq!(options.status, 404, "{options:?}");
        }
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        assert_eq!(look(client, method, &link).await.status, 404);
    }
    let records = records(client, &id, &jane).await;
    assert_eq!(records.len(), 1, "{records:#?}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_approvers_who_follow_their_links_at_once_decide_once_and_the_other_is_told() {
    const TIMES: usize = 200;
    let world = World::start().await;
    let client = &world.client;
    let jane = client.token("jane").await;
    let ids: Vec<String> = futures_util::stream::iter(0..TIMES)
        .map(|index| {
            let body = request("node", &format!("node-{index}"));
            let jane = &jane;
            async move { submitted(client, jane, &body).await }
        })
        .buffered(8)
        .collect()
        .await;
    world.until_settled().await;
    let mails = client.outbox().await;
    for (index, id) in ids.iter().enumerate() {
        let link = |who: &str| e2e::find_link(&mails, id, who).unwrap_or_else(|| panic!("{who} has no link to {id}"));
        let (dana, dmitri) = (link("dana@acme.example"), link("dmitri@acme.example"));
        let second = if index % 2 == 0 { "decision=approve" } else { "decision=reject&comment=no" };
        let (one, other) = tokio::join!(decide(client, &dana, "decision=approve"), decide(client, &dmitri, second));
        let (winner, loser) = if one.status == 303 { ("dana", other) } else { ("dmitri", one) };
        assert_eq!(loser.status, 409, "{loser:?}");
        assert!(page(&loser).contains(&format!("{winner}@acme.example")), "{winner}: {loser:?}");
        let decided: Vec<Value> = records(client, id, &jane).await;
        let decisions = decided.iter().filter(|record| record["decision"].is_string()).count();
        assert_eq!(decisions, 1, "{decided:#?}");
    }
    world.runtime.stop().await;
}

/// Every way of tampering that the unit tests try on the verifier stays refused behind a real HTTP server, which might
/// have decoded, sorted or merged parameters.
#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_link_is_refused_over_http() {
    let world = World::start().await;
    let client = &world.client;
    let jane = client.token("jane").await;
    let id = submitted(client, &jane, &request("python", "python")).await;
    let other = submitted(client, &jane, &request("node", "node")).await;
    let link = link_in(client, &id, "dana@acme.example").await;
    let (path, query) = link.split_once('?').unwrap();
    let pairs: Vec<&str> = query.split('&').collect();
    let mut tampered =
        vec![format!("/approval/{other}?{query}"), path.to_owned(), format!("{path}?"), format!("{link}&x=1")];
    for index in 0..pairs.len() {
        let mut dropped = pairs.clone();
        dropped.remove(index);
        let mut doubled = pairs.clone();
        doubled.insert(index, pairs[index]);
        let mut swapped = pairs.clone();
        swapped.swap(index, (index + 1) % pairs.len());
        let (name, value) = pairs[index].split_once('=').unwrap();
        let first = value.as_bytes()[0];
        let encoded = format!("{name}=%{first:02X}{}", &value[1..]);
        let mut escaped = pairs.clone();
        escaped[index] = &encoded;
        let changed = if first == b'1' { "2" } else { "1" };
        let altered = format!("{name}={changed}{}", &value[1..]);
        let mut edited = pairs.clone();
        edited[index] = &altered;
        tampered
            .extend([dropped, doubled, swapped, escaped, edited].map(|pairs| format!("{path}?{}", pairs.join("&"))));
    }
    for link in &tampered {
        for reply in [look(client, Method::GET, link).await, decide(client, link, "decision=approve").await] {
            assert!((400..500).contains(&reply.status), "{link}: {reply:?}");
            assert!(!page(&reply).contains("ML pipeline"), "{link} shows what is asked");
        }
    }
    assert_eq!(records(client, &id, &jane).await.len(), 1);
    assert_eq!(records(client, &other, &jane).await.len(), 1);
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_removed_from_the_policy_cannot_use_the_link_in_the_mail() {
    let folder = tempfile::tempdir().unwrap();
    let options = |policy: Option<std::path::PathBuf>| Options {
        ephemeral: false,
        data_dir: folder.path().join("data"),
        policy,
        ..Options::default()
    };
    let world = World::start_with(&options(None)).await;
    let jane = world.client.token("jane").await;
    let id = submitted(&world.client, &jane, &request("python", "python")).await;
    let link = link_in(&world.client, &id, "dana@acme.example").await;
    world.runtime.stop().await;

    let members = "members: [dana@acme.example, dmitri@acme.example]";
    let policy = policy_with(folder.path(), &[(members, "members: [dmitri@acme.example]")]);
    let world = World::start_with(&options(Some(policy))).await;
    let client = &world.client;
    for reply in [look(client, Method::GET, &link).await, decide(client, &link, "decision=approve").await] {
        assert_eq!(reply.status, 403, "{reply:?}");
        assert!(!page(&reply).contains("<form"));
    }
    let dmitri = link_in(client, &id, "dmitri@acme.example").await;
    assert_eq!(decide(client, &dmitri, "decision=approve").await.status, 303, "also after a restart");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_retried_after_an_approval_needs_a_new_one_and_the_old_link_is_void() {
    use fake_chainguard::{Fault, Route};
    let world = World::start().await;
    let client = &world.client;
    let fake = world.runtime.fake_chainguard().unwrap().clone();
    let (jane, alex) = (client.token("jane").await, client.token("alex").await);
    fake.faults().push(Route::CreateRepo, Fault::Status { http: 401, grpc_code: 16, message: "no".into() }, 10);
    let id = submitted(client, &jane, &request("nginx", "nginx")).await;
    let dana = link_in(client, &id, "dana@acme.example").await;
    let dmitri = link_in(client, &id, "dmitri@acme.example").await;
    assert_eq!(decide(client, &dana, "decision=approve").await.status, 303);
    client.until_status(&id, "failed", &jane).await;
    fake.faults().clear();

    let retried = client.decide(&id, "retry", &alex, &Value::Null).await;
    assert_eq!((retried.status, retried.text("status")), (200, "pending"), "{retried:?}");
    for old in [&dana, &dmitri] {
        let refused = decide(client, old, "decision=approve").await;
        assert_eq!(refused.status, 410, "{refused:?}");
    }
    let fresh = until("Dana is asked again", || async {
        let mails = client.outbox().await;
        e2e::links(&mails, &id, "dana@acme.example").into_iter().find(|link| *link != dana)
    })
    .await;
    assert_eq!(decide(client, &fresh, "decision=approve").await.status, 303);
    client.until_status(&id, "available", &jane).await;
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_security_review_is_shown_by_link_and_decided_with_a_token() {
    let world = World::start().await;
    let client = &world.client;
    let jane = client.token("jane").await;
    let body = json!({
        "image": "base-image/wolfi-base",
        "justification": "base of our services",
        "riskAssessment": "contained",
        "team": "data-engineering",
    });
    let id = submitted(client, &jane, &body).await;
    let link = link_in(client, &id, "sasha@acme.example").await;
    let shown = look(client, Method::GET, &link).await;
    assert_eq!(shown.status, 200);
    assert!(page(&shown).contains("contained") && !page(&shown).contains("<form"), "{shown:?}");
    let refused = decide(client, &link, "decision=approve").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let sasha = client.token("sasha").await;
    let approved = client.decide(&id, "approve", &sasha, &json!({"comment": "fine"})).await;
    assert_eq!((approved.status, approved.text("status")), (200, "approved"), "{approved:?}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_who_asks_gets_no_link_and_the_other_lead_does() {
    let world = World::start().await;
    let client = &world.client;
    let dana = client.token("dana").await;
    let id = submitted(client, &dana, &request("python", "python")).await;
    let link = link_in(client, &id, "dmitri@acme.example").await;
    world.until_settled().await;
    let mails = client.outbox().await;
    assert!(e2e::links(&mails, &id, "dana@acme.example").is_empty(), "{mails:#?}");
    assert_eq!(decide(client, &link, "decision=approve").await.status, 303);
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breaking_the_glass_approves_alone_and_everybody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let one = r#"      - { count: 1, groups: ["{team}-leads"] }"#;
    let two = "      - { count: 1, groups: [\"{team}-leads\"] }\n      - { count: 1, groups: [security-reviewers] }";
    let policy = policy_with(folder.path(), &[(one, two)]);
    let world = World::start_with(&Options { policy: Some(policy), ..Options::default() }).await;
    let client = &world.client;
    let (jane, ivy, dana) = (client.token("jane").await, client.token("ivy").await, client.token("dana").await);
    let id = submitted(client, &jane, &request("python", "python")).await;
    let refused = client.decide(&id, "break-glass", &dana, &json!({"comment": "hurry"})).await;
    assert_eq!((refused.status, refused.problem()), (403, "may-not-break-glass"), "{refused:?}");
    let refused = client.decide(&id, "break-glass", &ivy, &Value::Null).await;
    assert_eq!((refused.status, refused.problem()), (422, "reason-required"), "{refused:?}");
    let approved = client.decide(&id, "break-glass", &ivy, &json!({"comment": "outage 4711"})).await;
    assert_eq!((approved.status, approved.text("status")), (200, "approved"), "{approved:?}");
    client.until_status(&id, "available", &jane).await;
    let types: Vec<Value> =
        records(client, &id, &jane).await.into_iter().map(|record| record["eventType"].clone()).collect();
    assert_eq!(types[1..3], ["image.request.break-glass-used", "image.request.approved"]);
    world.until_settled().await;
    let mails = client.outbox().await;
    for address in
        ["dana@acme.example", "dmitri@acme.example", "sasha@acme.example", "alex@acme.example", "jane@acme.example"]
    {
        let told = mails.iter().any(|mail| {
            mail["to"].as_array().is_some_and(|to| to.contains(&address.into()))
                && mail["text"].as_str().is_some_and(|text| text.contains("outage 4711"))
        });
        assert!(told, "{address} is not told");
    }
    world.runtime.stop().await;
}

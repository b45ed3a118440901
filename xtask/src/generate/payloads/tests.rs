use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::api::SubmitRequest;
use domain::person::Principal;
use domain::ports::{PortError, PublishEvents};
use domain::text::Text;
use domain::time::Timestamp;
use lambda::function::Function;
use lambda::http::{Answer, answer};
use notifier::audience::Occasion;
use serde::de::DeserializeOwned;

use super::*;

const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");

fn samples() -> Samples {
    Samples::tell().unwrap()
}

/// The payloads' texts by the file's name without its ending.
fn payloads() -> BTreeMap<String, String> {
    let files = files(&samples()).unwrap();
    files
        .into_iter()
        .map(|file| (file.path.strip_prefix("events/").unwrap().strip_suffix(".json").unwrap().to_owned(), file.text))
        .collect()
}

fn payload<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&payloads()[name]).unwrap()
}

fn reads<F: Function>(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<F::Event>(text).map(drop)
}

type Reads = fn(&str) -> Result<(), serde_json::Error>;

const FUNCTIONS: [(&str, Reads); 11] = [
    (::authorizer::Authorizer::NAME, reads::<::authorizer::Authorizer>),
    (intake::Intake::NAME, reads::<intake::Intake>),
    (query::Query::NAME, reads::<query::Query>),
    (approval::Approval::NAME, reads::<approval::Approval>),
    (router::Router::NAME, reads::<router::Router>),
    (provisioner::Provisioner::NAME, reads::<provisioner::Provisioner>),
    (notifier::Notifier::NAME, reads::<notifier::Notifier>),
    (auditor::Auditor::NAME, reads::<auditor::Auditor>),
    (steward::Steward::NAME, reads::<steward::Steward>),
    (chainguard_events::ChainguardEvents::NAME, reads::<chainguard_events::ChainguardEvents>),
    (rotator::Rotator::NAME, reads::<rotator::Rotator>),
];

#[test]
fn every_function_reads_its_payloads_and_has_one() {
    let mut count = BTreeMap::new();
    for (name, text) in payloads() {
        let is_of = |function: &str| name.strip_prefix(function).is_some_and(|rest| rest.starts_with('-'));
        let (function, reads) = FUNCTIONS.iter().find(|(known, _)| is_of(known)).unwrap();
        reads(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        *count.entry((*function).to_owned()).or_insert(0) += 1;
    }
    assert!(FUNCTIONS.iter().all(|(name, _)| count.contains_key(*name)), "{count:?}");
}

/// What a handler finds in a call.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    route: String,
    caller: Option<Principal>,
    id: Option<String>,
    submission: Option<SubmitRequest>,
    decision: Option<DecisionRequest>,
    query: Option<String>,
    idempotency_key: Option<String>,
}

async fn seen(name: &str) -> Seen {
    let seen = Mutex::new(None);
    let response = answer("test", payload(name), |call| {
        let found = Seen {
            route: call.route().to_owned(),
            caller: call.principal().ok(),
            id: call.request_id().ok().map(|id| id.to_string()),
            submission: call.json().ok(),
            decision: call.json_or_default().ok(),
            query: ["q", "status", "image"].into_iter().find_map(|name| call.query(name)).map(str::to_owned),
            idempotency_key: call.header("idempotency-key").map(str::to_owned),
        };
        *seen.lock().unwrap() = Some(found);
        async { Ok(Answer::json(200, &())) }
    });
    assert_eq!(response.await.status_code, 200);
    seen.into_inner().unwrap().unwrap()
}

#[tokio::test]
async fn a_handler_finds_the_call_that_was_meant() {
    let samples = samples();
    let submitted: [(&str, &Story); 3] = [
        ("intake-submit", &samples.automatic),
        ("intake-submit-production", &samples.approved),
        ("intake-submit-base-image", &samples.retried),
    ];
    for (name, story) in submitted {
        let seen = seen(name).await;
        assert_eq!(seen.route, "POST /request");
        assert_eq!(seen.caller.as_ref(), Some(&story.requester));
        assert_eq!(seen.submission, Some(story.body.clone()), "{name}");
        assert!(seen.idempotency_key.is_some());
    }
    let decided = [
        ("approval-approve", "PATCH /request/{id}/approve", dana(), &samples.approved, EventType::Approved),
        ("approval-reject", "PATCH /request/{id}/reject", dana(), &samples.rejected, EventType::Rejected),
        ("approval-cancel", "PATCH /request/{id}/cancel", jane(), &samples.cancelled, EventType::Cancelled),
        ("approval-retry", "PATCH /request/{id}/retry", alex(), &samples.retried, EventType::Retried),
        (
            "approval-break-glass",
            "PATCH /request/{id}/break-glass",
            ivy(),
            &samples.emergency,
            EventType::BreakGlassUsed,
        ),
    ];
    for (name, route, caller, story, event_type) in decided {
        let record = story.event(event_type).unwrap().data;
        let seen = seen(name).await;
        assert_eq!((seen.route.as_str(), seen.caller.as_ref()), (route, Some(&caller)));
        assert_eq!(seen.id, Some(story.id.to_string()));
        assert_eq!(seen.decision.unwrap().comment.as_deref(), record.comment.as_ref().map(Text::as_str));
        // Who calls is who did it in the story.
        assert_eq!(caller.person.email, record.approver.unwrap_or(record.requester));
    }
    let asked = [
        ("query-request", "GET /request/{id}", Some(samples.approved.id), None),
        ("query-request-events", "GET /request/{id}/events", Some(samples.approved.id), None),
        ("query-requests", "GET /requests", None, Some("pending")),
        ("query-requests-of-image", "GET /requests", None, Some("python")),
        ("query-catalog", "GET /catalog", None, Some("postgres")),
    ];
    for (name, route, id, query) in asked {
        let seen = seen(name).await;
        assert_eq!((seen.route.as_str(), seen.caller), (route, Some(jane())));
        assert_eq!(seen.id, id.map(|id| id.to_string()));
        assert_eq!(seen.query.as_deref(), query);
    }
}

#[tokio::test]
async fn a_link_is_followed_without_a_token_and_its_signature_holds() {
    let story = samples().by_link;
    let link = story.link.clone().unwrap();
    let decided = story.event(EventType::Approved).unwrap().data;
    for (name, method) in
        [("approval-link-probe", "HEAD"), ("approval-link-show", "GET"), ("approval-link-decide", "POST")]
    {
        let seen = seen(name).await;
        assert_eq!((seen.route, seen.caller), (format!("{method} /approval/{{id}}"), None));
        assert_eq!(seen.id, Some(story.id.to_string()));
        let payload: Value = payload(name);
        assert_eq!(payload["requestContext"]["http"]["method"], method);
        let query = payload["rawQueryString"].as_str().unwrap();
        let verified = KeyRing::from_json(LINK_KEYS).unwrap().verify(story.id, query, decided.timestamp);
        assert_eq!(verified.as_ref(), Ok(&link), "{name}");
    }
    assert_eq!(Some(&link.approver), decided.approver.as_ref());
}

#[test]
fn the_form_of_a_link_says_what_the_approver_said() {
    let payload: Value = payload("approval-link-decide");
    assert_eq!(payload["headers"]["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(payload["isBase64Encoded"], true);
    let form = STANDARD.decode(payload["body"].as_str().unwrap()).unwrap();
    let fields: BTreeMap<String, String> = form_urlencoded::parse(&form).into_owned().collect();
    let said = samples().by_link.event(EventType::Approved).unwrap().data.comment.unwrap();
    let expected = [("comment", said.as_str()), ("decision", "approve")];
    assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

/// The events that a function behind a queue handles.
async fn handled(name: &str) -> Vec<Detail> {
    let handled = Mutex::new(Vec::new());
    let response = lambda::batch::each_event("test", payload(name), |event| {
        handled.lock().unwrap().push(event);
        async { Ok(()) }
    })
    .await;
    assert!(response.batch_item_failures.is_empty(), "{name}");
    handled.into_inner().unwrap()
}

#[tokio::test]
async fn a_queues_messages_carry_the_samples_events() {
    let samples = samples();
    assert_eq!(handled("provisioner-approved").await, [samples.approved.event(EventType::Approved).unwrap()]);
    assert_eq!(handled("provisioner-retried").await, [samples.retried.event(EventType::Retried).unwrap()]);
    let journal: Vec<Detail> = samples.approved.records.iter().cloned().map(Detail::announcing).collect();
    assert_eq!(handled("auditor-journal").await, journal);
    assert_eq!(handled("auditor-submitted").await, [samples.approved.event(EventType::Submitted).unwrap()]);
    for event_type in EventType::ALL {
        if let Some(name) = for_people(event_type) {
            assert_eq!(handled(&format!("notifier-{name}")).await, [samples.example(event_type).unwrap()]);
        }
    }
}

#[test]
fn a_messages_body_is_the_event_as_eventbridge_writes_it() {
    for name in
        payloads().into_keys().filter(|name| ["provisioner", "notifier", "auditor"].iter().any(|f| name.starts_with(f)))
    {
        let batch: Value = payload(&name);
        for message in batch["Records"].as_array().unwrap() {
            let event: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
            assert_eq!(event["source"], "image-requests");
            assert_eq!(event["detail-type"], event["detail"]["data"]["eventType"]);
            assert_eq!((&event["account"], &event["region"]), (&ACCOUNT.into(), &REGION.into()));
            assert_eq!(event["time"].as_str().unwrap().len(), "2026-11-23T08:15:00Z".len());
            assert_ne!(event["id"], message["messageId"]);
            let members: Vec<&String> = event.as_object().unwrap().keys().collect();
            assert_eq!(members.len(), 9, "{members:?}");
        }
    }
}

#[test]
fn the_notifier_has_a_payload_for_all_that_people_should_know() {
    let samples = samples();
    for event_type in EventType::ALL {
        let tier = samples.example(event_type).unwrap().data.approval_tier;
        assert_eq!(for_people(event_type).is_some(), Occasion::of(event_type, tier).is_some(), "{event_type:?}");
    }
}

#[derive(Default)]
struct Published(Mutex<Vec<Detail>>);

impl PublishEvents for Published {
    async fn publish_events(&self, events: &[Detail]) -> Result<usize, PortError> {
        self.0.lock().unwrap().extend_from_slice(events);
        Ok(events.len())
    }
}

#[tokio::test]
async fn the_router_publishes_the_records_of_its_payload_in_order() {
    let bus = Published::default();
    let response = router::route(&bus, payload("router-journal")).await;
    assert!(response.batch_item_failures.is_empty());
    let samples = samples();
    let records: Vec<_> = bus.0.into_inner().unwrap().into_iter().map(|event| event.data).collect();
    assert_eq!(records, samples.automatic.records[..2]);
    assert_eq!(
        records.iter().map(|record| record.event_type).collect::<Vec<_>>(),
        [EventType::Submitted, EventType::Approved]
    );
}

#[test]
fn the_sample_token_has_expired_and_nobody_has_signed_it() {
    let payload: Value = payload("authorizer-token");
    let token = payload["headers"]["authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let [header, claims, signature] = &parts[..] else { panic!("{token}") };
    let header: Value = serde_json::from_slice(header).unwrap();
    let claims: Value = serde_json::from_slice(claims).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&"ES256".into(), &"sample".into()));
    assert_eq!(claims["sub"], jane().person.subject);
    let expired = Timestamp::from_millisecond(claims["exp"].as_i64().unwrap() * 1000);
    assert_eq!(expired.to_string(), "2020-01-01T01:00:00.000Z");
    assert_eq!(signature.len(), 64);
    assert!(String::from_utf8(signature.clone()).unwrap().contains("nobody has signed"));

    let without: Value = self::payload("authorizer-no-token");
    assert!(without["headers"].get("authorization").is_none());
}

#[test]
fn what_chainguard_delivers_has_its_bodys_digest_in_a_token_that_nobody_has_signed() {
    for name in ["chainguard-events-tag-created", "chainguard-events-repository-deleted"] {
        let payload: Value = payload(name);
        let header = |name: &str| payload["headers"][name].as_str().unwrap();
        let token = header("authorization").strip_prefix("Bearer ").unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let body = payload["body"].as_str().unwrap();
        assert_eq!(claims["webhook"]["digest"], format!("sha256:{}", domain::journal::Digest::of(body.as_bytes())));
        assert_eq!((header("ce-specversion"), payload["isBase64Encoded"].as_bool()), ("1.0", Some(false)));
        let inner: Value = serde_json::from_str(body).unwrap();
        assert_eq!(inner["body"]["id"], header("ce-subject"));
        assert_eq!(claims["sub"], format!("webhook:{}", header("ce-subject").split('/').next().unwrap()));
    }
}

#[test]
fn queues_and_tasks_are_those_of_the_template() {
    for name in ["ProvisioningQueue", "NotificationQueue", "AuditQueue"] {
        assert!(TEMPLATE.contains(&format!("\n  {name}:\n    Type: AWS::SQS::Queue\n")), "{name}");
        let arn = format!(":{name}\"");
        assert!(payloads().values().any(|text| text.contains(&arn)), "{name}");
    }
    for name in ["steward-sweep", "steward-refresh-catalog"] {
        let input: Value = payload(name);
        assert!(TEMPLATE.contains(&format!("Input: '{input}'")), "{name}");
    }
}

#[test]
fn a_call_is_made_at_one_moment() {
    let context = payload::<Value>("query-request")["requestContext"].take();
    let at = Timestamp::from_millisecond(context["timeEpoch"].as_i64().unwrap());
    assert_eq!(at.to_string(), "2026-11-23T08:15:00.000Z");
    assert_eq!(context["time"], "23/Nov/2026:08:15:00 +0000");
}

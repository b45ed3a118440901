use expect_test::expect;

use super::*;
use crate::environment::Environment;
use crate::fixtures::{at, person, submission};

fn chain() -> Vec<Record> {
    let submission = submission(Environment::Production);
    let events = [
        EventKind::Submitted(Box::new(submission.clone())),
        EventKind::Approved(Approval::ByPerson(Decision {
            on_behalf_of: None,
            capacities: Vec::new(),
            policy_version: "1".into(),
            approver: person("dana@acme.example"),
            at: at(60),
            comment: Some(Comment::new("fine").unwrap()),
            channel: Channel::Api,
        })),
        EventKind::ProvisioningStarted(crate::request::Lease::new("l".into(), at(100))),
        EventKind::Expired,
    ];
    let mut head = Head::START;
    let mut records = Vec::new();
    for (index, kind) in events.into_iter().enumerate() {
        let event = Event { at: at(i64::try_from(index).unwrap() * 60), kind };
        let (record, next) = head.append(&submission, &event);
        records.push(record);
        head = next;
    }
    records
}

#[test]
fn a_record_has_exactly_the_fields_of_the_design_and_leaves_absent_ones_out() {
    let chain = chain();
    expect![[r#"{"approvalTier":"manager-approval","approver":"dana@acme.example","channel":"api","comment":"fine","decision":"approved","environment":"production","eventType":"image.request.approved","hash":"371323182794940a157775263a5e2cc984aba65ebac41afb6ea9d54a49ca1fe4","image":"python:latest-dev","justification":"ML pipeline","policyRule":"default","policyVersion":"1","previousHash":"22d35740fd2d41ab67b27bbd2498243b9819575a4edd57345da24c0984eaaa31","requestId":"req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f","requester":"jane@acme.example","sequence":2,"team":"data-engineering","timestamp":"2023-11-14T22:14:20.000Z"}"#]]
    .assert_eq(&canonical_json(&chain[1]));
    for record in &chain {
        let text = serde_json::to_string(record).unwrap();
        assert!(!text.contains("null"), "{text}");
        assert_eq!(&serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}

#[test]
fn an_intact_chain_verifies_and_every_tampering_is_found_where_it_is() {
    let intact = chain();
    assert_eq!(verify(&intact).unwrap().sequence, 4);
    assert_eq!(verify(&[]).unwrap(), Head::START);

    let mut changed = intact.clone();
    changed[1].comment = Some(Comment::new("Fine").unwrap());
    assert_eq!(verify(&changed), Err(ChainError::Hash(2)));

    let mut rehashed = changed;
    rehashed[1].hash = rehashed[1].expected_hash();
    assert_eq!(verify(&rehashed), Err(ChainError::Link(3)));

    let mut removed = intact.clone();
    removed.remove(2);
    assert_eq!(verify(&removed), Err(ChainError::Sequence { expected: 3, found: 4 }));

    let mut swapped = intact.clone();
    swapped.swap(1, 2);
    assert_eq!(verify(&swapped), Err(ChainError::Sequence { expected: 2, found: 3 }));

    let mut doubled = intact.clone();
    doubled.insert(1, intact[0].clone());
    assert_eq!(verify(&doubled), Err(ChainError::Sequence { expected: 2, found: 1 }));

    let mut foreign = intact;
    foreign[3].request_id = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e10".parse().unwrap();
    assert_eq!(verify(&foreign), Err(ChainError::Request(4)));
}

#[test]
fn canonical_json_sorts_members_and_escapes_like_json() {
    let value = serde_json::json!({"b": [1, {"z": null, "a": "\u{0001}\"ä"}], "a": true});
    assert_eq!(canonical_json(&value), "{\"a\":true,\"b\":[1,{\"a\":\"\\u0001\\\"ä\",\"z\":null}]}");
}

#[test]
fn digests_read_back() {
    let digest = Digest::of(b"x");
    assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
    for bad in ["", "zz", &"0".repeat(63), &"0".repeat(65), &"G".repeat(64), &"A".repeat(64)] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
}

use jsonschema::Validator;

use super::*;

fn validator(event_type: EventType) -> Validator {
    let schema = schema(event_type).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

fn samples() -> Samples {
    Samples::tell().unwrap()
}

fn example(event_type: EventType) -> Value {
    serde_json::to_value(samples().example(event_type).unwrap()).unwrap()
}

/// The schema of a drift.
fn validator_of_drift() -> Validator {
    let schema = schema_of_drift().unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

/// Every event of every story.
fn events() -> Vec<(EventType, Value)> {
    let samples = samples();
    let records = samples.stories().into_iter().flat_map(|story| story.records.clone());
    records.map(|record| (record.event_type, serde_json::to_value(Detail::announcing(record)).unwrap())).collect()
}

#[test]
fn every_event_of_every_story_fits_its_schema_and_no_other() {
    for event_type in EventType::ALL {
        let validator = validator(event_type);
        for (of, event) in events() {
            let errors: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
            assert_eq!(errors.is_empty(), of == event_type, "{} {errors:?}", event_type.as_str());
        }
    }
}

#[test]
fn examples_as_written_are_read_back_as_events() {
    for file in files(&samples()).unwrap() {
        if file.path == example_path(drift::DETAIL_TYPE) {
            assert_eq!(serde_json::from_str::<DriftDetail>(&file.text).unwrap(), samples().drift().unwrap());
        } else if file.path.ends_with(".example.json") {
            let event: Detail = serde_json::from_str(&file.text).unwrap();
            assert_eq!(event.data.hash, event.data.expected_hash(), "{}", file.path);
            assert_eq!(file.path, example_path(event.metadata.event_type.as_str()));
        }
    }
}

#[test]
fn a_drift_fits_its_schema_and_nothing_else_does() {
    type Change = fn(&mut Value);
    let drift = serde_json::to_value(samples().drift().unwrap()).unwrap();
    let validator = validator_of_drift();
    assert!(validator.is_valid(&drift));
    assert!(events().iter().all(|(_, event)| !validator.is_valid(event)));
    let kept: [Change; 3] = [
        |drift| drop(drift["data"].as_object_mut().unwrap().remove("requestId")),
        |drift| drop(drift["data"].as_object_mut().unwrap().remove("repository")),
        |drift| drift["data"]["kind"] = json!("created"),
    ];
    let broken: [Change; 8] = [
        |drift| drop(drift["data"].as_object_mut().unwrap().remove("repositoryId")),
        |drift| drop(drift["data"].as_object_mut().unwrap().remove("observedAt")),
        |drift| drop(drift["data"].as_object_mut().unwrap().remove("chainguardEventId")),
        |drift| drift["data"]["kind"] = json!("moved"),
        |drift| drift["data"]["unknown"] = json!(1),
        |drift| drift["data"]["requestId"] = json!(null),
        |drift| drift["metadata"]["type"] = json!("image.request.available"),
        |drift| drift["metadata"]["source"] = json!("chainguard"),
    ];
    for (changes, is_valid) in [(&kept[..], true), (&broken[..], false)] {
        for (index, change) in changes.iter().enumerate() {
            let mut changed = drift.clone();
            change(&mut changed);
            assert_eq!(validator.is_valid(&changed), is_valid, "{index} {changed}");
        }
    }
}

/// What every schema requires of `data`, by type of event. Written out, so that a promise is not dropped unseen.
#[test]
fn what_a_type_always_carries_is_required() {
    let wanted: [(EventType, &[&str]); 14] = [
        (EventType::Submitted, &["channel"]),
        (EventType::ApprovalRecorded, &["approver", "channel", "decision", "previousHash"]),
        (EventType::BreakGlassUsed, &["approver", "channel", "comment", "decision", "previousHash"]),
        (EventType::Approved, &["approver", "decision", "previousHash"]),
        (EventType::Rejected, &["approver", "channel", "comment", "decision", "previousHash"]),
        (EventType::Cancelled, &["channel", "previousHash"]),
        (EventType::Reminded, &["previousHash"]),
        (EventType::Escalated, &["previousHash"]),
        (EventType::Expired, &["previousHash"]),
        (EventType::ProvisioningStarted, &["previousHash"]),
        (EventType::Provisioned, &["chainguardRepoId", "previousHash", "provisioningResult"]),
        (EventType::Failed, &["error", "previousHash", "provisioningResult"]),
        (EventType::Available, &["chainguardRepoId", "previousHash", "provisioningResult"]),
        (EventType::Retried, &["approver", "channel", "previousHash"]),
    ];
    let of_every_record = [
        "timestamp",
        "eventType",
        "requestId",
        "sequence",
        "requester",
        "image",
        "team",
        "environment",
        "approvalTier",
        "policyVersion",
        "policyRule",
        "hash",
    ];
    for (event_type, wanted) in wanted {
        let schema = schema(event_type).unwrap();
        let required: Vec<&str> = schema["$defs"]["Record"]["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        let mut own: Vec<&str> = required.iter().filter(|name| !of_every_record.contains(name)).copied().collect();
        own.sort_unstable();
        assert_eq!(own, wanted, "{}", event_type.as_str());
        assert!(of_every_record.iter().all(|name| required.contains(name)), "{}", event_type.as_str());
    }
}

#[test]
fn an_event_without_a_required_member_does_not_fit() {
    for event_type in EventType::ALL {
        let validator = validator(event_type);
        let schema = schema(event_type).unwrap();
        for (part, definition) in [("data", "Record"), ("metadata", "Metadata")] {
            for name in schema["$defs"][definition]["required"].as_array().unwrap() {
                let mut event = example(event_type);
                let removed = event[part].as_object_mut().unwrap().remove(name.as_str().unwrap());
                assert!(removed.is_some(), "{} {part}.{name}", event_type.as_str());
                assert!(!validator.is_valid(&event), "{} {part}.{name}", event_type.as_str());
            }
        }
    }
}

#[test]
fn a_changed_event_does_not_fit() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 11] = [
        ("an unknown member", |event| event["data"]["unknown"] = json!("x")),
        ("null instead of nothing", |event| event["data"]["customName"] = json!(null)),
        ("another type's member", |event| event["data"]["sequence"] = json!("1")),
        ("no record", |event| event["data"] = json!({})),
        ("a sequence before the first", |event| event["data"]["sequence"] = json!(0)),
        ("another type of event", |event| event["data"]["eventType"] = json!("image.request.unknown")),
        ("another type in the metadata", |event| event["metadata"]["type"] = json!("image.request.unknown")),
        ("another shape", |event| event["metadata"]["dataschema"] = json!("urn:cgr-request:schema:x:1")),
        ("another source", |event| event["metadata"]["source"] = json!("chainguard")),
        ("a hash that is none", |event| event["data"]["hash"] = json!("ABC")),
        ("a time that is none", |event| event["data"]["timestamp"] = json!("yesterday")),
    ];
    for event_type in EventType::ALL {
        let validator = validator(event_type);
        for (what, change) in changes {
            let mut event = example(event_type);
            assert!(validator.is_valid(&event));
            change(&mut event);
            assert!(!validator.is_valid(&event), "{}: {what}", event_type.as_str());
        }
    }
}

#[test]
fn members_of_other_types_of_event_do_not_fit() {
    let failure = json!({ "type": "not-entitled", "message": "m", "remedy": "r" });
    for (event_type, member, value) in [
        (EventType::Submitted, "error", failure.clone()),
        (EventType::Submitted, "previousHash", json!("0".repeat(64))),
        (EventType::Approved, "chainguardRepoId", json!("x")),
        (EventType::Provisioned, "error", failure),
        (EventType::Reminded, "approver", json!("dana@acme.example")),
        // Nobody breaks the glass for somebody else.
        (EventType::BreakGlassUsed, "onBehalfOf", json!("dana@acme.example")),
    ] {
        let mut event = example(event_type);
        event["data"][member] = value;
        assert!(!validator(event_type).is_valid(&event), "{} {member}", event_type.as_str());
    }
    for (event_type, member, value) in
        [(EventType::Rejected, "decision", "approved"), (EventType::Failed, "provisioningResult", "success")]
    {
        let mut event = example(event_type);
        event["data"][member] = value.into();
        assert!(!validator(event_type).is_valid(&event), "{} {member}", event_type.as_str());
    }
}

#[test]
fn a_schema_stands_alone() {
    for Announcement { name, schema, .. } in announcements(&samples()).unwrap() {
        let definitions = schema["$defs"].as_object().unwrap();
        let reached = references(&schema);
        for reference in &reached {
            assert!(definitions.contains_key(reference), "{name} {reference}");
        }
        assert!(definitions.keys().all(|definition| reached.contains(definition)), "{name}");
        let text = schema.to_string();
        assert_eq!(text.matches("\"$ref\"").count(), reached.len());
        assert!(!text.contains("components/schemas") && !text.contains("int64") && !text.contains("\"null\""));
    }
}

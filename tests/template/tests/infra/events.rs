//! Which event goes to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::drift;
use domain::envelope::{CHAINGUARD_SOURCE, Detail, SOURCE};
use domain::event::EventType;
use domain::policy::ApprovalTier;
use local::pattern::Pattern;
use local::template::{Rule, TargetKind};
use notifier::audience::Occasion;
use serde_json::{Value, json};

use crate::deployed::{Deployed, ROOT, deployed, entries, listed, nothing_wrong, read};

/// The rule that is there to be copied.
const EXAMPLE: &str = "ExampleDownstreamRule";

/// The checked-in example of every type of event, as it is on the bus.
fn examples() -> BTreeMap<EventType, Value> {
    let mut examples = BTreeMap::new();
    for path in entries(&Path::new(ROOT).join("events/schemas")) {
        let file = path.file_name().unwrap().to_str().unwrap();
        let Some(type_name) = file.strip_suffix(".example.json") else { continue };
        // Of no request, and so no record.
        if type_name == drift::DETAIL_TYPE {
            continue;
        }
        let detail: Value = serde_json::from_str(&read(&path)).unwrap();
        let typed: Detail = serde_json::from_value(detail.clone()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(typed.metadata.event_type.as_str(), type_name, "{file} is not what its name says");
        assert_eq!(typed.data.event_type.as_str(), type_name, "{file} is not what its name says");
        examples.insert(typed.metadata.event_type, on_the_bus(SOURCE, type_name, &detail));
    }
    for event_type in EventType::ALL {
        let name = event_type.as_str();
        assert!(examples.contains_key(&event_type), "events/schemas/{name}.example.json is missing: generate it");
    }
    examples
}

/// An event as `EventBridge` hands it to rules. Source: EventBridge user guide, "AWS service event structure".
fn on_the_bus(source: &str, type_name: &str, detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": type_name,
        "source": source,
        "account": "111122223333",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    })
}

/// The enabled rules whose events a function gets.
fn rules_to<'a>(deployed: &'a Deployed, function: &str) -> Vec<&'a Rule> {
    let queues: Vec<_> =
        deployed.system.queue_sources.iter().filter(|source| deployed.crate_of(&source.function) == function).collect();
    let is_to = |kind: &TargetKind| match kind {
        TargetKind::Queue(queue) => queues.iter().any(|source| source.queue == *queue),
        TargetKind::Function(id) => deployed.crate_of(id) == function,
        TargetKind::LogGroup(_) => false,
    };
    let rules = deployed.system.rules.iter().filter(|rule| rule.enabled);
    rules.filter(|rule| rule.targets.iter().any(|target| is_to(&target.kind))).collect()
}

/// What a function gets and what it should get, compared.
fn gets_exactly(function: &str, expected: &BTreeSet<EventType>) {
    let deployed = deployed();
    let rules = rules_to(&deployed, function);
    let mut problems = Vec::new();
    for (event_type, event) in examples() {
        let (name, times) = (event_type.as_str(), rules.iter().filter(|rule| rule.pattern.matches(&event)).count());
        match (expected.contains(&event_type), times) {
            (true, 1) | (false, 0) => {}
            (true, 0) => problems
                .push(format!("{function} handles {name} and no rule brings it: add it to its rule's detail-type")),
            (true, _) => problems.push(format!("{function} gets {name} from {times} rules: leave it in one")),
            (false, _) => problems
                .push(format!("{function} gets {name} and does not handle it: take it from its rule's detail-type")),
        }
    }
    for queue in deployed.system.queue_sources.iter().filter(|source| deployed.crate_of(&source.function) == function) {
        if !queue.filters.is_empty() {
            problems.push(format!("{function}: its queue filters once more: let the rule say what it gets"));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn what_is_of_no_request_reaches_nobody_who_reads_audit_records() {
    let deployed = deployed();
    let path = Path::new(ROOT).join(format!("events/schemas/{}.example.json", drift::DETAIL_TYPE));
    let drift: Value = serde_json::from_str(&read(&path)).unwrap();
    let of_chainguard = json!({"metadata": {"id": "1"}, "data": {"body": {}}});
    let mut problems = Vec::new();
    for event in [
        on_the_bus(SOURCE, drift::DETAIL_TYPE, &drift),
        on_the_bus(CHAINGUARD_SOURCE, "dev.chainguard.api.platform.registry.tag.created.v1", &of_chainguard),
        on_the_bus(CHAINGUARD_SOURCE, "image.request.approved", &of_chainguard),
    ] {
        for rule in deployed.system.rules.iter().filter(|rule| rule.pattern.matches(&event)) {
            problems.push(format!(
                "{}: it takes {}, which its function cannot read",
                rule.logical_id, event["detail-type"]
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_type_that_a_rule_names_exists() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for rule in &deployed.system.rules {
        let named = listed(&rule.raw_pattern["detail-type"]);
        if named.is_empty() {
            problems.push(format!("{}: say which events it takes, by detail-type", rule.logical_id));
        }
        for alternative in named {
            let pattern = Pattern::parse(&json!({"detail-type": [alternative]})).unwrap();
            let exists = |event_type: &EventType| pattern.matches(&json!({"detail-type": event_type.as_str()}));
            if !EventType::ALL.iter().any(exists) {
                problems.push(format!(
                    "{}: no type of event is {alternative}; the types are in domain::event",
                    rule.logical_id
                ));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_rule_listens_on_our_bus_to_what_we_publish() {
    let deployed = deployed();
    let buses: Vec<&str> = deployed.system.buses.iter().map(|bus| bus.name.as_str()).collect();
    let mut problems = Vec::new();
    for rule in &deployed.system.rules {
        if buses != [rule.bus.as_str()] {
            problems.push(format!("{}: set its EventBusName to !Ref EventBus", rule.logical_id));
        }
        if rule.raw_pattern["source"] != json!([SOURCE]) {
            problems.push(format!("{}: set its source to [{SOURCE}]", rule.logical_id));
        }
        if rule.enabled != (rule.logical_id != EXAMPLE) {
            problems.push(format!("{}: only {EXAMPLE} is off, since nothing reads its queue", rule.logical_id));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_rule_takes_at_least_one_of_the_example_events() {
    let deployed = deployed();
    let examples = examples();
    let idle = deployed.system.rules.iter().filter(|rule| !examples.values().any(|event| rule.pattern.matches(event)));
    let problems: Vec<_> = idle
        .map(|rule| format!("{}: it takes none of events/schemas/*.example.json: correct its pattern", rule.logical_id))
        .collect();
    nothing_wrong(&problems);
}

#[test]
fn no_rule_takes_events_of_others() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (event_type, mut event) in examples() {
        event["source"] = "chainguard".into();
        for rule in deployed.system.rules.iter().filter(|rule| rule.pattern.matches(&event)) {
            problems.push(format!("{} takes {} from another source", rule.logical_id, event_type.as_str()));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn a_rule_of_a_function_chooses_by_type_alone() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for function in deployed.functions().into_keys() {
        for rule in rules_to(&deployed, function) {
            for key in rule
                .raw_pattern
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| !["source", "detail-type"].contains(&key.as_str()))
            {
                problems.push(format!(
                    "{}: it chooses by {key}, so {function} misses events of types that it handles",
                    rule.logical_id
                ));
            }
            if rule.targets.iter().any(|target| target.input.is_some()) {
                problems.push(format!("{}: {function} reads whole events; drop the target's input", rule.logical_id));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn only_known_functions_get_events() {
    let deployed = deployed();
    let receivers: Vec<&str> =
        deployed.functions().into_keys().filter(|function| !rules_to(&deployed, function).is_empty()).collect();
    assert_eq!(
        receivers,
        ["auditor", "notifier", "provisioner"],
        "hold a further one to what it handles, in a test of its own"
    );
}

#[test]
fn the_provisioner_gets_what_is_approved_or_retried() {
    gets_exactly("provisioner", &BTreeSet::from([EventType::Approved, EventType::Retried]));
}

#[test]
fn the_notifier_gets_what_people_should_know() {
    let tiers = [ApprovalTier::AutoApprove, ApprovalTier::ManagerApproval, ApprovalTier::SecurityReview];
    let should_know = |event_type: &EventType| tiers.iter().any(|tier| Occasion::of(*event_type, *tier).is_some());
    gets_exactly("notifier", &EventType::ALL.into_iter().filter(should_know).collect());
}

#[test]
fn the_auditor_gets_everything() {
    gets_exactly("auditor", &EventType::ALL.into());
}

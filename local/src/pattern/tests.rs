//! The evaluator against the semantics of the EventBridge user guide and of event-ruler.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Pattern, PatternProblem};

/// One event, patterns that let it through or not, and patterns that are refused.
fn data() -> Value {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/event-patterns.json"))).unwrap()
}

#[test]
fn patterns_let_through_what_eventbridge_lets_through() {
    let data = data();
    let cases = data["cases"].as_array().unwrap();
    assert!(cases.len() >= 40);
    let wrong: Vec<_> = cases
        .iter()
        .filter(|case| Pattern::parse(&case["pattern"]).unwrap().matches(&data["event"]) != case["matches"])
        .map(|case| &case["name"])
        .collect();
    assert!(wrong.is_empty(), "decided wrongly: {wrong:#?}");
}

#[test]
fn what_eventbridge_would_not_save_is_refused_by_path_and_name() {
    for case in data()["refused"].as_array().unwrap() {
        let error = Pattern::parse(&case["pattern"]).expect_err(&case.to_string());
        assert_eq!(error.path, case["path"], "{case}: {error}");
        assert!(error.to_string().contains(case["names"].as_str().unwrap()), "{case}: {error}");
    }
}

#[test]
fn case_names_are_distinct() {
    let data = data();
    let cases = data["cases"].as_array().unwrap();
    let names: BTreeSet<_> = cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), cases.len());
}

#[test]
fn stream_records_are_filtered_by_attribute_type() {
    let record = json!({
        "eventName": "INSERT",
        "dynamodb": { "NewImage": { "sequence": { "N": "3" }, "eventType": { "S": "image.request.approved" } } }
    });
    let image = |image: Value| parse(&json!({ "dynamodb": { "NewImage": image } })).matches(&record);
    assert!(parse(&json!({ "eventName": ["INSERT"] })).matches(&record));
    assert!(!parse(&json!({ "eventName": ["REMOVE"] })).matches(&record));
    assert!(image(json!({ "eventType": { "S": [{ "prefix": "image.request." }] } })));
    assert!(image(json!({ "sequence": { "N": ["3"] } })));
    assert!(!image(json!({ "sequence": { "N": [{ "numeric": [">", 0] }] } })));
}

#[test]
fn arrays_in_arrays_stay_consistent() {
    let event = json!({ "a": [
        { "b": [{ "c": 1, "d": 2 }, { "c": 3, "d": 4 }], "e": 5 },
        { "b": [{ "c": 6, "d": 7 }], "e": 8 }
    ] });
    let matches = |pattern: Value| parse(&json!({ "a": pattern })).matches(&event);
    assert!(matches(json!({ "b": { "c": [3], "d": [4] }, "e": [5] })));
    assert!(!matches(json!({ "b": { "c": [1], "d": [4] } })));
    assert!(!matches(json!({ "b": { "c": [6] }, "e": [5] })));
    // Only objects and lists have fields that belong together: a value beside them belongs to all.
    assert!(parse(&json!({ "a": [1], "a.b": [2] })).matches(&json!({ "a": [1, { "b": 2 }] })));
}

#[test]
fn only_objects_match() {
    let anything = parse(&json!({ "a": [{ "exists": false }] }));
    assert!(anything.matches(&json!({})));
    for event in [json!([]), json!("text"), json!(null), json!(1)] {
        assert!(!anything.matches(&event), "{event}");
    }
}

#[test]
fn or_cannot_multiply_without_end() {
    let ten: Value = (0..10).map(|number| json!({ "field": [number] })).collect();
    let pattern = |depth: usize| -> Value {
        let levels = (0..depth).map(|level| (format!("level{level}"), json!({ "$or": ten })));
        Value::Object(levels.collect())
    };
    assert!(Pattern::parse(&pattern(3)).is_ok());
    let error = Pattern::parse(&pattern(4)).unwrap_err();
    assert_eq!(error.problem, PatternProblem::TooManyCombinations);
}

fn parse(pattern: &Value) -> Pattern {
    Pattern::parse(pattern).unwrap()
}

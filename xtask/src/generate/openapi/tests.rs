use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");

fn document() -> Value {
    serde_json::from_str(&file().unwrap().text).unwrap()
}

/// Operations by method and path, `GET /catalog`.
fn operations(document: &Value) -> BTreeMap<String, &Value> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |path: &String, operations: &'_ Value| -> Vec<String> {
        operations.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths
        .iter()
        .flat_map(|(path, operations)| {
            of_path(path, operations).into_iter().zip(operations.as_object().unwrap().values())
        })
        .collect()
}

/// Whether a browser is answered, with a page whatever happens.
fn is_for_browsers(operation: &Value) -> bool {
    operation["tags"] == serde_json::json!(["links"])
}

/// Every answer with a problem: the operation, its status, the kinds that are named.
fn refusals(document: &Value) -> Vec<(String, u16, Vec<String>)> {
    let mut refusals = Vec::new();
    for (name, operation) in operations(document).into_iter().filter(|(_, operation)| !is_for_browsers(operation)) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let description = response["description"].as_str().unwrap();
            let kinds = description.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let status: u16 = status.parse().unwrap();
            if status >= 300 {
                refusals.push((name.clone(), status, kinds));
            }
        }
    }
    refusals
}

fn every<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name));
            members.values().for_each(|value| every(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| every(value, name, found)),
        _ => {}
    }
}

#[test]
fn it_has_the_routes_of_the_template() {
    let lines: Vec<&str> = TEMPLATE.lines().map(str::trim).collect();
    let routes: BTreeSet<String> = lines
        .windows(2)
        .filter_map(|pair| {
            let (method, path) = (pair[0].strip_prefix("Method: ")?, pair[1].strip_prefix("Path: ")?);
            Some(format!("{method} {path}"))
        })
        .collect();
    assert_eq!(routes.len(), 15);
    assert_eq!(operations(&document()).into_keys().collect::<BTreeSet<_>>(), routes);
}

#[test]
fn every_kind_of_problem_is_described_and_answered_by_some_operation() {
    let document = document();
    let described = document["components"]["schemas"][PROBLEM_TYPE]["oneOf"].as_array().unwrap();
    assert_eq!(described.len(), ProblemType::ALL.len());
    let refusals = refusals(&document);
    for (kind, described) in ProblemType::ALL.iter().zip(described) {
        assert_eq!(described["enum"], serde_json::json!([kind.uri()]));
        assert_eq!(described["title"], kind.title());
        assert_eq!(described["x-http-status"], kind.status());
        assert!(described["description"].as_str().unwrap().starts_with(kind.meaning().trim()));
        assert!(refusals.iter().any(|(_, _, kinds)| kinds.iter().any(|named| named == kind.slug())), "{}", kind.slug());
    }
    let reference = &document["components"]["schemas"]["Problem"]["properties"]["type"]["$ref"];
    assert_eq!(reference, "#/components/schemas/ProblemType");
}

#[test]
fn every_kind_of_problem_that_an_answer_names_has_that_answers_status() {
    for (operation, status, kinds) in refusals(&document()) {
        assert!(!kinds.is_empty(), "{operation} {status} names no kind");
        for named in kinds {
            let kind = ProblemType::ALL.iter().find(|kind| kind.slug() == named);
            assert_eq!(kind.map(|kind| kind.status()), Some(status), "{operation} {status} {named}");
        }
    }
}

#[test]
fn an_operation_that_needs_a_service_behind_it_says_so_whether_or_not_it_helps_to_try_again() {
    let refusals = refusals(&document());
    let naming = |named: &str| -> BTreeSet<&str> {
        let of_kind = refusals.iter().filter(|(_, _, kinds)| kinds.iter().any(|kind| kind == named));
        of_kind.map(|(operation, _, _)| operation.as_str()).collect()
    };
    assert!(!naming("internal-error").is_empty());
    assert_eq!(naming("internal-error"), naming("service-unavailable"));
}

#[test]
fn every_answer_but_success_is_a_problem_except_to_browsers() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &response["content"];
            if is_for_browsers(operation) {
                let has_body = !name.starts_with("HEAD ") && !status.starts_with('3');
                assert_eq!(content["text/html"].is_object(), has_body, "{name} {status}");
                assert!(content["application/problem+json"].is_null(), "{name} {status}");
                continue;
            }
            let problem = &content["application/problem+json"]["schema"]["$ref"];
            assert_eq!(*problem == "#/components/schemas/Problem", !status.starts_with('2'), "{name} {status}");
        }
    }
}

#[test]
fn every_operation_needs_a_token_but_the_description_itself_and_signed_links() {
    let document = document();
    for scheme in ["bearer", "chainguard"] {
        assert_eq!(document["components"]["securitySchemes"][scheme]["scheme"], "bearer");
    }
    for (name, operation) in operations(&document) {
        let needs_token = name != "GET /openapi.json" && !is_for_browsers(operation);
        assert_eq!(operation["responses"].get("401").is_some(), needs_token, "{name}");
        let scheme = if operation["tags"] == serde_json::json!(["chainguard"]) { "chainguard" } else { "bearer" };
        let security = if needs_token { serde_json::json!([{ scheme: [] }]) } else { serde_json::json!([]) };
        assert_eq!(operation["security"], security, "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    every(&document, "$ref", &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_described_tag() {
    let document = document();
    let described: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut used = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (operation, value) in operations(&document) {
        used.extend(value["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()));
        assert!(names.insert(value["operationId"].as_str().unwrap()), "{operation}");
        assert!(value["summary"].is_string(), "{operation}");
    }
    assert_eq!(used, described);
}

#[test]
fn every_schema_is_one_and_none_allows_null() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(!document.to_string().contains("\"null\""));
}

#[test]
fn it_says_what_it_is() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "cgr-request");
    assert_eq!(document["info"]["license"]["identifier"], "Apache-2.0");
    assert_eq!(document["servers"][0]["url"], "/");
}

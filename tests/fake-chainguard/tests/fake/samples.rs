//! Every sample beside the fact sheet, replayed: same status, same shape.

use std::{fs, path::PathBuf};

use fake_chainguard::{Entitlement, Event, EventKind, Fault, Options, Route, Tier};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    client::{ORG, Running},
    sink::Sink,
};

#[derive(Deserialize)]
struct Sample {
    name: String,
    request: SampleRequest,
    response: SampleResponse,
}

#[derive(Deserialize)]
struct SampleRequest {
    method: String,
    path: String,
    headers: Map<String, Value>,
    body: Option<Value>,
    body_raw: Option<String>,
}

#[derive(Deserialize)]
struct SampleResponse {
    status: u16,
    headers: Map<String, Value>,
    body: Value,
}

/// The last part of the repository's id in the samples.
const SAMPLE_PART: &str = "0f1e2d3c4b5a6978";

/// The project's samples, and those beside the project where they lie there.
fn samples(path: &str) -> Vec<PathBuf> {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let own = project.join("tests/samples").join(path);
    let beside = project.join("../../../shared/chainguard/samples").join(path);
    assert!(own.exists(), "there are no samples");
    [own, beside].into_iter().filter(|path| path.exists()).collect()
}

#[tokio::test]
async fn every_rest_sample_is_answered_with_its_status_and_shape() {
    let folders = samples("rest").into_iter();
    let mut files: Vec<_> =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 27, "{} samples", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let sample: Sample = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let name = sample.name.clone();
        if let Err(difference) = replay(sample).await {
            wrong.push(format!("{name}: {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_graphql_sample_is_answered_with_its_shape() {
    let running = Running::start(Options::default()).await;
    let ask = |body: String| running.send(running.request(Method::POST, "/query").body(body));
    for file in samples("graphql-catalog.json") {
        let sample: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let answer = ask(sample["request"]["body"].to_string()).await;
        assert_eq!(json!(answer.status), sample["response"]["status"]);
        same_shape(&sample["response"]["body"], &answer.json(), "body").unwrap();

        let answer = ask(json!({"query": "{ nothing { name } }"}).to_string()).await;
        assert_eq!(json!(answer.status), sample["response_error"]["status"]);
        same_shape(&sample["response_error"]["body"], &answer.json(), "body").unwrap();
    }
}

/// They are no part of the project, so this holds only where they lie beside it.
#[tokio::test]
async fn the_event_samples_are_delivered_in_their_shape() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/chainguard/samples/events");
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files {
        let sample: Value = serde_json::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        let kind = match sample["name"].as_str().unwrap() {
            "repo.created-v1" => EventKind::RepoCreated,
            "tag.created-v1" => EventKind::TagCreated,
            unknown => panic!("no event is known for the sample {unknown}: add it"),
        };
        let running = Running::start(Options::default()).await;
        let sink = Sink::start(202).await;
        running.subscribe(&sink.url).await;
        running.created("nginx", "nginx").await;
        running.fake.deliver(Event::new(kind, "nginx")).await.unwrap();
        let received = sink.received().remove(0);
        for (header, value) in sample["headers"].as_object().unwrap() {
            let found = received.header(header);
            match header.as_str() {
                "ce-id" | "ce-time" | "ce-subject" | "ce-group" => assert!(!found.is_empty(), "{header}"),
                "authorization" => assert!(found.starts_with("Bearer ey"), "{found}"),
                _ => assert_eq!(found, value.as_str().unwrap(), "{header}"),
            }
        }
        let depth = |id: &str| id.split('/').count();
        for header in ["ce-subject", "ce-group"] {
            let sample = sample["headers"][header].as_str().unwrap();
            assert_eq!(depth(&received.header(header)), depth(sample), "{header}");
        }
        let body: Value = serde_json::from_str(sample["raw_body"].as_str().unwrap()).unwrap();
        same_shape(&body, &serde_json::from_str(&received.body).unwrap(), "body").unwrap();
        same_shape(&sample["jwt_claims"], &running.claims(received.bearer()).await, "claims").unwrap();
    }
}

async fn replay(sample: Sample) -> Result<(), String> {
    let Sample { name, request, response } = sample;
    let running = Running::start(Options {
        organization_name: "example.com".to_owned(),
        entitlement: Entitlement::Catalog { tiers: vec![Tier::Application, Tier::Base] },
        polls_until_tags: if name == "v1-tags" { 0 } else { 2 },
        ..Options::default()
    })
    .await;
    let mut path = request.path.clone();
    match name.as_str() {
        "v1-create-denied" => refuse(&running, 403, 7),
        "v1-create-unavailable" => refuse(&running, 503, 14),
        "v1-create-dup-prevent" | "v1-create-dup-upsert" => {
            running.fake.seed_repository("dup", "").unwrap();
        }
        "ent-images" | "v1-list-childrenOf-camel" => {
            running.created("nginx", "nginx").await;
        }
        "v1-list-unknown-param" => {
            running.created("nginx", "nginx").await;
            running.fake.seed_repository_of_another_organization("repo-of-another-visible-org").unwrap();
        }
        "v1-delete" | "v1-get-by-path" | "v1-syncstatus" | "v1-tags" | "v1-tags-summary-zero" | "v1-update-put" => {
            let id = running.created("nginx", "nginx").await;
            path = path.replace(&format!("{ORG}/{SAMPLE_PART}"), &id);
        }
        "v2-list-p1" | "v2-list-p2" => {
            for image in ["nginx", "python", "redis"] {
                running.created(image, image).await;
            }
            let first = format!("/registry/v2/repos?uidp.descendants_of={ORG}&page_size=2&order_by=name");
            let token = running.get(&first).await.json()["nextPageToken"].as_str().unwrap().to_owned();
            path = path.replace("CqQBV3lKbE16", &token);
        }
        "ent-effective-catalog"
        | "ent-list"
        | "groups-absent"
        | "groups-by-name"
        | "route-guide-repos"
        | "sts-get"
        | "sts-post-form"
        | "v1-create-custom-name"
        | "v1-create-sync_config"
        | "v1-create-syncConfig-wrong-case"
        | "v1-list-empty"
        | "v1-list-noauth" => {}
        unknown => return Err(format!("no state is set up for the sample {unknown}: add it")),
    }

    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut call = running.request(method, &path);
    for (header, value) in &request.headers {
        call = call.header(header, value.as_str().unwrap());
    }
    if let Some(body) = request.body.map(|body| body.to_string()).or(request.body_raw) {
        call = call.body(body);
    }
    let answer = running.send(call).await;

    if answer.status != response.status {
        return Err(format!("status {} instead of {}: {}", answer.status, response.status, answer.text));
    }
    for (header, value) in &response.headers {
        let found = answer.headers.get(header).ok_or_else(|| format!("no header {header}"))?;
        if header == "Content-Type" && found != value.as_str().unwrap() {
            return Err(format!("{header} is {found:?} instead of {value}"));
        }
    }
    let body = answer.json();
    if response.body.get("code") != body.get("code") {
        return Err(format!("code {:?} instead of {:?}", body.get("code"), response.body.get("code")));
    }
    same_shape(&response.body, &body, "body")
}

fn refuse(running: &Running, http: u16, grpc_code: i32) {
    running.fake.faults().push(Route::CreateRepo, Fault::Status { http, grpc_code, message: "no".to_owned() }, 1);
}

/// The same keys with values of the same types, down to the first element of each list (or the one of the same name).
/// An empty list in the sample is any list.
fn same_shape(expected: &Value, actual: &Value, at: &str) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let (left, right): (Vec<_>, Vec<_>) = (expected.keys().collect(), actual.keys().collect());
            if left != right {
                return Err(format!("{at} has the keys {right:?} instead of {left:?}"));
            }
            expected.iter().try_for_each(|(key, value)| same_shape(value, &actual[key], &format!("{at}.{key}")))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            let Some(first) = expected.first() else { return Ok(()) };
            let same_name =
                first.get("name").and_then(|name| actual.iter().find(|item| item.get("name") == Some(name)));
            let other = same_name.or(actual.first()).ok_or_else(|| format!("{at} is empty"))?;
            same_shape(first, other, &format!("{at}[0]"))
        }
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => Ok(()),
        (expected, actual) => Err(format!("{at} is {actual} where the sample has {expected}")),
    }
}

#[test]
fn the_comparison_sees_what_differs() {
    let sample = json!({"a": "1", "b": [{"name": "x", "n": 1}], "c": null});
    for other in [
        json!({"a": 1, "b": [{"name": "x", "n": 1}], "c": null}),
        json!({"a": "", "b": [], "c": null}),
        json!({"a": "", "b": [{"name": "y", "n": "1"}], "c": null}),
        json!({"a": "", "b": [{"name": "x", "n": 1, "m": 2}], "c": null}),
        json!({"a": "", "b": [{"name": "x", "n": 1}], "c": {}}),
        json!({"a": "", "b": [{"name": "x", "n": 1}]}),
    ] {
        assert!(same_shape(&sample, &other, "body").is_err(), "{other}");
    }
    assert!(same_shape(&sample, &json!({"a": "", "b": [{"name": "y", "n": 7}], "c": null}), "body").is_ok());
}

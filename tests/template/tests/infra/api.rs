//! The routes, and who guards them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::deployed::{ROOT, deployed, nothing_wrong, read};

/// The routes of the design, and the function that answers each.
const ROUTES: &[(&str, &str)] = &[
    ("POST /request", "intake"),
    ("GET /request/{id}", "query"),
    ("GET /request/{id}/events", "query"),
    ("GET /requests", "query"),
    ("GET /catalog", "query"),
    ("GET /openapi.json", "query"),
    ("PATCH /request/{id}/approve", "approval"),
    ("PATCH /request/{id}/reject", "approval"),
    ("PATCH /request/{id}/cancel", "approval"),
    ("PATCH /request/{id}/retry", "approval"),
    ("PATCH /request/{id}/break-glass", "approval"),
    ("GET /approval/{id}", "approval"),
    ("HEAD /approval/{id}", "approval"),
    ("POST /approval/{id}", "approval"),
    ("POST /chainguard/events", "chainguard-events"),
];

/// Routes that anybody may call, and why.
const OPEN: &[(&str, &str)] = &[
    ("GET /openapi.json", "it holds no secret, and tools read it before they have a token"),
    ("GET /approval/{id}", SIGNED),
    ("HEAD /approval/{id}", SIGNED),
    ("POST /approval/{id}", SIGNED),
    ("POST /chainguard/events", BY_CHAINGUARD),
];

const SIGNED: &str =
    "who follows a link has no token; the function verifies the link's signature, and shows nothing without";

const BY_CHAINGUARD: &str =
    "Chainguard's token is of its own issuer and good for one body; the function verifies both, or does nothing";

/// What the access log says of a call. All of it comes from API Gateway and none of it from the caller: the query of a
/// signed link, which is as good as a password, is in no log.
const LOGGED: &[&str] = &[
    "authorizer.latency",
    "authorizer.status",
    "error.responseType",
    "identity.sourceIp",
    "integration.integrationStatus",
    "integrationLatency",
    "integrationStatus",
    "protocol",
    "requestId",
    "requestTime",
    "responseLatency",
    "responseLength",
    "routeKey",
    "status",
];

#[test]
fn every_route_of_the_design_is_there_and_answered_by_its_function() {
    let deployed = deployed();
    let routes: BTreeMap<String, &str> = deployed
        .system
        .routes
        .iter()
        .map(|route| (format!("{} {}", route.method, route.path), deployed.crate_of(&route.function)))
        .collect();
    let mut problems = Vec::new();
    for (route, function) in ROUTES {
        if routes.get(*route) != Some(function) {
            problems.push(format!("{route} has to be answered by {function}"));
        }
    }
    for (route, function) in &routes {
        if !ROUTES.contains(&(route.as_str(), *function)) {
            problems.push(format!(
                "{route} of {function} is not in the design: add it there and to ROUTES, or take it out"
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_route_asks_the_authorizer_first() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for route in &deployed.system.routes {
        let name = format!("{} {}", route.method, route.path);
        let is_open = OPEN.iter().any(|(open, _)| *open == name);
        let guard = route.authorizer.as_deref().map(|function| deployed.crate_of(function));
        match guard {
            Some("authorizer") if !is_open => {}
            None if is_open => {}
            Some("authorizer") => problems.push(format!("{name}: set its Authorizer to NONE, or take it from OPEN")),
            Some(other) => problems.push(format!("{name} asks {other} who may call it: take RequestAuthorizer")),
            None => {
                problems
                    .push(format!("{name} is open to anybody: drop its `Auth`, or list it in OPEN with the reason"));
            }
        }
    }
    let default = deployed.system.api.as_ref().and_then(|api| api.default_authorizer.as_deref());
    if default != Some("RequestAuthorizer") {
        problems.push(
            "Api: its DefaultAuthorizer has to be RequestAuthorizer, so that no route is open by omission".to_owned(),
        );
    }
    nothing_wrong(&problems);
}

#[test]
fn the_routes_are_those_of_the_api_description() {
    let deployed = deployed();
    let described: serde_json::Value = serde_json::from_str(&read(&Path::new(ROOT).join("docs/openapi.json"))).unwrap();
    let mut operations = BTreeSet::new();
    for (path, item) in described["paths"].as_object().into_iter().flatten() {
        let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        operations.extend(
            methods
                .into_iter()
                .filter(|method| !item[method].is_null())
                .map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    let routes: BTreeSet<String> =
        deployed.system.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let undescribed = routes
        .difference(&operations)
        .map(|route| format!("{route} is not in docs/openapi.json: describe it and generate the file"));
    let unrouted = operations
        .difference(&routes)
        .map(|route| format!("{route} is in docs/openapi.json and has no route: add an HttpApi event"));
    nothing_wrong(&undescribed.chain(unrouted).collect::<Vec<_>>());
}

#[test]
fn the_api_is_throttled_and_logs_who_asked_what() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (id, api) in deployed.of_type("AWS::Serverless::HttpApi") {
        let settings = &api["Properties"]["DefaultRouteSettings"];
        for limit in ["ThrottlingBurstLimit", "ThrottlingRateLimit"] {
            if settings[limit].as_u64().is_none_or(|limit| limit == 0 || limit > 10_000) {
                problems.push(format!(
                    "{id}: set {limit} in its DefaultRouteSettings, to something below the account's 10000"
                ));
            }
        }
        let log = &api["Properties"]["AccessLogSettings"];
        let group = log["DestinationArn"]["Fn::GetAtt"][0].as_str().unwrap_or_default();
        if deployed.properties("AWS::Logs::LogGroup", group).is_null() {
            problems.push(format!("{id}: let its AccessLogSettings name a log group of this template"));
        }
        let format = log["Format"].as_str().unwrap_or_default();
        if !format.contains("$context.requestId") || !format.contains("$context.routeKey") {
            problems.push(format!("{id}: its access log has to say $context.requestId and $context.routeKey"));
        }
        // What a caller writes could forge a line of this JSON, or be a secret.
        for written in ["$context.path", "$context.identity.userAgent", "$context.authorizer.claims", "$request."] {
            if format.contains(written) {
                problems.push(format!("{id}: its access log has {written}, which callers write: take it out"));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn nothing_that_a_caller_writes_gets_into_the_access_log() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (id, api) in deployed.of_type("AWS::Serverless::HttpApi") {
        let format = api["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap_or_default();
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '.' || character == '_';
        for written in format.split('$').skip(1) {
            let name = written.split(|character| !is_part(character)).next().unwrap_or_default();
            let is_known = name.strip_prefix("context.").is_some_and(|name| LOGGED.contains(&name));
            if !is_known {
                problems.push(format!(
                    "{id}: its access log has ${name}: take it out, or list it in LOGGED if it is never the caller's"
                ));
            }
        }
    }
    nothing_wrong(&problems);
}

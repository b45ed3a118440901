//! A call of the HTTP API as API Gateway hands it to a function: payload format 2.0.

use std::collections::BTreeMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::RequestId;
use domain::person::Principal;
use lambda::http::verdict::{EMAIL, GROUPS, SUBJECT};
use serde::Serialize;
use serde_json::{Value, json};

use super::ACCOUNT;

/// The API's id and, before `.execute-api`, the first part of its host name.
pub(super) const API: &str = "sampleapi0";
/// The API's host name.
pub(super) const HOST: &str = "sampleapi0.execute-api.eu-central-1.amazonaws.com";
/// Where all calls come from: an address for documentation (RFC 5737).
const CALLER_ADDRESS: &str = "192.0.2.10";
const USER_AGENT: &str = "sample";
/// When all calls are made, as API Gateway writes it.
const TIME: &str = "23/Nov/2026:08:15:00 +0000";
/// The same moment in milliseconds since 1970.
const TIME_EPOCH: i64 = 1_795_421_700_000;

/// A call.
pub(super) struct Call<'a> {
    method: &'static str,
    route: &'static str,
    caller: Option<&'a Principal>,
    id: Option<RequestId>,
    query: String,
    headers: BTreeMap<&'static str, String>,
    body: Option<Body>,
}

/// A body as a payload carries it.
enum Body {
    Text(String),
    Base64(String),
}

impl<'a> Call<'a> {
    /// Of a route of the template, `/request/{id}`, by somebody whom the authorizer vouches for.
    pub(super) fn of(method: &'static str, route: &'static str, caller: &'a Principal) -> Self {
        Self { caller: Some(caller), ..Self::without_token(method, route) }
    }

    /// Of a route that asks nobody who calls it.
    pub(super) fn without_token(method: &'static str, route: &'static str) -> Self {
        Self { method, route, caller: None, id: None, query: String::new(), headers: common_headers(), body: None }
    }

    /// About this request: `{id}` of the route.
    pub(super) fn about(self, id: RequestId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// With these query parameters, whose values need no escaping.
    pub(super) fn with_query(self, query: &[(&str, &str)]) -> Self {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.with_raw_query(query.join("&"))
    }

    /// With this query, whose values need no unescaping.
    pub(super) fn with_raw_query(self, query: String) -> Self {
        Self { query, ..self }
    }

    /// With one more header; the name in lower case, as API Gateway writes it.
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With this JSON body.
    pub(super) fn with_body(self, body: &impl Serialize) -> anyhow::Result<Self> {
        Ok(self.with_json(serde_json::to_string(body).context("failed to write a body")?))
    }

    /// With this text, which is JSON, to the byte.
    pub(super) fn with_json(self, text: String) -> Self {
        let call = self.with_header("content-type", "application/json".to_owned());
        Self { body: Some(Body::Text(text)), ..call }
    }

    /// With this form. API Gateway hands on everything that is neither text nor JSON, XML or JavaScript as base64.
    pub(super) fn with_form(self, form: &str) -> Self {
        let call = self.with_header("content-type", "application/x-www-form-urlencoded".to_owned());
        Self { body: Some(Body::Base64(STANDARD.encode(form))), ..call }
    }

    /// The payload.
    pub(super) fn event(self) -> anyhow::Result<Value> {
        let path = match self.id {
            Some(id) => self.route.replace("{id}", &id.to_string()),
            None => self.route.to_owned(),
        };
        let mut context = request_context(self.method, self.route, &path);
        let mut event = json!({
            "version": "2.0",
            "routeKey": format!("{} {}", self.method, self.route),
            "rawPath": path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "isBase64Encoded": matches!(self.body, Some(Body::Base64(_))),
        });
        if let Some(caller) = self.caller {
            let groups: Value = caller.groups.iter().map(String::as_str).collect();
            let verdict = json!({
                SUBJECT: caller.person.subject,
                EMAIL: caller.person.email,
                GROUPS: groups.to_string(),
            });
            insert(&mut context, "authorizer", json!({ "lambda": verdict }))?;
        }
        insert(&mut event, "requestContext", context)?;
        if !self.query.is_empty() {
            let parameters: BTreeMap<_, _> = self.query.split('&').filter_map(|pair| pair.split_once('=')).collect();
            insert(&mut event, "queryStringParameters", json!(parameters))?;
        }
        if let Some(id) = self.id {
            insert(&mut event, "pathParameters", json!({ "id": id }))?;
        }
        if let Some(Body::Text(body) | Body::Base64(body)) = self.body {
            insert(&mut event, "body", body.into())?;
        }
        Ok(event)
    }
}

/// Headers that every call has.
pub(super) fn common_headers() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("accept", "application/json".to_owned()),
        ("host", HOST.to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("x-forwarded-for", CALLER_ADDRESS.to_owned()),
        ("x-forwarded-port", "443".to_owned()),
        ("x-forwarded-proto", "https".to_owned()),
    ])
}

/// What API Gateway says about a call, but for the authorizer's verdict.
pub(super) fn request_context(method: &str, route: &str, path: &str) -> Value {
    json!({
        "accountId": ACCOUNT,
        "apiId": API,
        "domainName": HOST,
        "domainPrefix": API,
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": CALLER_ADDRESS,
            "userAgent": USER_AGENT,
        },
        "requestId": "sample-call",
        "routeKey": format!("{method} {route}"),
        "stage": "$default",
        "time": TIME,
        "timeEpoch": TIME_EPOCH,
    })
}

fn insert(object: &mut Value, name: &str, value: Value) -> anyhow::Result<()> {
    object.as_object_mut().context("a payload is no object")?.insert(name.to_owned(), value);
    Ok(())
}

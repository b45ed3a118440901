//! The HTTP API as API Gateway would serve it: the template's routes, its authorizer, payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Extension};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::ports::Clock as _;
use domain::problem::ProblemType;
use lambda::clock::SystemClock;
use serde_json::{Map, Value, json};

use crate::functions::Functions;
use crate::pages;
use crate::refusal::refuse;
use crate::template::Route;

/// The largest body that an HTTP API takes. Source: quotas of API Gateway.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// What the gateway works on.
pub struct Gateway {
    /// Which function answers what.
    pub routes: Vec<Route>,
    /// The functions.
    pub functions: Arc<Functions>,
}

/// Answers any call.
pub async fn serve(
    Extension(gateway): Extension<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let Some((route, parameters)) = gateway.route(&head.method, head.uri.path()) else {
        // Who opens the bare address in a browser wants to look around.
        if head.method == Method::GET && head.uri.path() == "/" {
            return Redirect::to(pages::HOME).into_response();
        }
        let detail = format!("There is nothing at {} {}.", head.method, head.uri.path());
        return refuse(ProblemType::RouteNotFound, detail);
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return refuse(ProblemType::BodyTooLarge, "The body is too large, or was cut off.".to_owned());
    };
    let mut event = event(route, &parameters, &head.method, &head.uri, &head.headers, &body, peer);
    if let Some(authorizer) = &route.authorizer {
        match gateway.functions.invoke(authorizer, authorizer_event(&event)).await {
            Ok(verdict) if verdict.get("isAuthorized") == Some(&Value::Bool(true)) => {
                let context = verdict.get("context").cloned().unwrap_or_else(|| json!({}));
                if let Some(Value::Object(request_context)) = event.get_mut("requestContext") {
                    request_context.insert("authorizer".to_owned(), json!({"lambda": context}));
                }
            }
            Ok(_) => return message(StatusCode::FORBIDDEN, "Forbidden"),
            Err(error) => {
                tracing::error!(function = authorizer, %error, "the authorizer failed");
                return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            }
        }
    }
    match tokio::time::timeout(
        route.timeout.max(Duration::from_secs(1)),
        gateway.functions.invoke(&route.function, event),
    )
    .await
    {
        Ok(Ok(answer)) => {
            let response = response(&answer);
            // Whatever the function says.
            if head.method == Method::HEAD { response.map(|_| Body::empty()) } else { response }
        }
        Ok(Err(error)) => {
            tracing::error!(function = route.function, %error, "a function failed");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// What API Gateway itself says.
fn message(status: StatusCode, text: &str) -> Response {
    (status, [("content-type", "application/json")], json!({"message": text}).to_string()).into_response()
}

impl Gateway {
    /// The route of a call and the values of its path parameters.
    fn route(&self, method: &Method, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let fits = |route: &&Route| route.method == "ANY" || route.method == method.as_str();
        // A route without parameters is more specific than one with.
        let mut candidates: Vec<&Route> = self.routes.iter().filter(fits).collect();
        candidates.sort_by_key(|route| route.path.matches('{').count());
        candidates.into_iter().find_map(|route| Some((route, match_path(&route.path, path)?)))
    }
}

fn match_path(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut parts = path.split('/');
    for expected in pattern.split('/') {
        let part = parts.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => {
                parameters.insert(name.to_owned(), percent_decode(part));
            }
            Some(_) => return None,
            None if part == expected => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(parameters)
}

fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The call as payload format 2.0.
fn event(
    route: &Route,
    parameters: &BTreeMap<String, String>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
    peer: SocketAddr,
) -> Value {
    let now = SystemClock.now();
    let query = uri.query().unwrap_or_default();
    let mut query_parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        // API Gateway joins what comes twice.
        query_parameters
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let header = |name: &str| joined.get(name).cloned().unwrap_or_default();
    let route_key = format!("{method} {}", route.path);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": uri.path(),
        "rawQueryString": query,
        "headers": joined,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": header("host"),
            "domainPrefix": "local",
            "http": {
                "method": method.as_str(),
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": peer.ip().to_string(),
                "userAgent": header("user-agent"),
            },
            "requestId": uuid::Uuid::now_v7().to_string(),
            "routeKey": route_key,
            "stage": "$default",
            "time": now.to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let mut put = |name: &str, value: Value| {
        if let Some(members) = event.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if !query_parameters.is_empty() {
        put("queryStringParameters", json!(query_parameters));
    }
    if !parameters.is_empty() {
        put("pathParameters", json!(parameters));
    }
    match std::str::from_utf8(body) {
        Ok("") => {}
        Ok(text) if is_handed_on_as_text(&header("content-type")) => put("body", text.into()),
        _ => {
            put("body", STANDARD.encode(body).into());
            put("isBase64Encoded", true.into());
        }
    }
    event
}

/// Whether a function gets a body of this media type as it is; it gets every other one, also one without a type and the
/// form of a browser, as base64. AWS documents no more than that binary types are encoded; this is what HTTP APIs do.
fn is_handed_on_as_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&essence.as_str())
}

/// What a Lambda authorizer of format 2.0 gets: the call without its body.
fn authorizer_event(event: &Value) -> Value {
    let mut authorizer: Map<String, Value> = event.as_object().cloned().unwrap_or_default();
    authorizer.remove("body");
    authorizer.remove("isBase64Encoded");
    authorizer.insert("type".to_owned(), "REQUEST".into());
    authorizer.insert("routeArn".to_owned(), "arn:aws:execute-api:local:000000000000:local/$default".into());
    authorizer.insert("identitySource".to_owned(), Value::Null);
    Value::Object(authorizer)
}

/// A function's answer as an HTTP response.
fn response(answer: &Value) -> Response {
    let status = answer.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) else {
        return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let text = answer.get("body").and_then(Value::as_str).unwrap_or_default();
    let is_base64 = answer.get("isBase64Encoded") == Some(&Value::Bool(true));
    let body = if is_base64 { STANDARD.decode(text).unwrap_or_default() } else { text.as_bytes().to_vec() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in answer.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_of(method: &str, path_and_query: &str, media_type: Option<&'static str>, body: &'static [u8]) -> Value {
        let route = Route {
            method: method.to_owned(),
            path: "/approval/{id}".to_owned(),
            function: "ApprovalFunction".to_owned(),
            authorizer: None,
            timeout: Duration::from_secs(30),
        };
        let uri: Uri = path_and_query.parse().unwrap();
        let parameters = match_path(&route.path, uri.path()).unwrap();
        let mut headers = HeaderMap::new();
        if let Some(media_type) = media_type {
            headers.insert("content-type", HeaderValue::from_static(media_type));
        }
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        event(&route, &parameters, &method, &uri, &headers, &Bytes::from_static(body), peer)
    }

    #[test]
    fn the_query_is_handed_on_to_the_byte() {
        for query in [
            "",
            "approver=ZGFuYQ&digest=00&expires=1&key=a-b_c&signature=ff",
            "b=2&a=1&a=0",
            "a=%41%2b%2B+%20~!*'()",
            "a==b=&&c&=d",
            "%zz=%",
            "a=\u{e4}",
            "?a=/?:@",
        ] {
            let event = event_of("GET", &format!("/approval/x?{query}"), None, b"");
            assert_eq!(event["rawQueryString"], query);
        }
        assert_eq!(event_of("GET", "/approval/x", None, b"")["rawQueryString"], "");
    }

    #[test]
    fn a_call_of_head_is_one_of_the_route_of_head() {
        let event = event_of("HEAD", "/approval/x?a=b", None, b"");
        assert_eq!(event["routeKey"], "HEAD /approval/{id}");
        assert_eq!(event["requestContext"]["routeKey"], "HEAD /approval/{id}");
        assert_eq!(event["requestContext"]["http"]["method"], "HEAD");
        assert_eq!(event["pathParameters"], json!({"id": "x"}));
    }

    #[test]
    fn a_body_is_text_or_base64_as_its_media_type_says() {
        for (media_type, is_text) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("text/plain"), true),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("application/problem+json"), false),
            (Some("multipart/form-data; boundary=text/plain"), false),
            (Some(""), false),
            (None, false),
        ] {
            let event = event_of("POST", "/approval/x", media_type, b"decision=approve");
            let body = if is_text { "decision=approve" } else { "ZGVjaXNpb249YXBwcm92ZQ==" };
            assert_eq!((event["body"].as_str(), &event["isBase64Encoded"]), (Some(body), &json!(!is_text)));
        }
        let no_text = event_of("POST", "/approval/x", Some("text/plain"), b"\xff");
        assert_eq!((&no_text["body"], &no_text["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
        let nothing = event_of("POST", "/approval/x", None, b"");
        assert_eq!((nothing.get("body"), &nothing["isBase64Encoded"]), (None, &json!(false)));
    }

    #[test]
    fn paths_match_whole_and_parameters_are_decoded() {
        let matched = match_path("/request/{id}/events", "/request/a%20b+c&d=e/events").unwrap();
        assert_eq!(matched.get("id").map(String::as_str), Some("a b+c&d=e"));
        for path in ["/request//events", "/request/a/events/", "/request/a", "/requests/a/events"] {
            assert!(match_path("/request/{id}/events", path).is_none(), "{path}");
        }
    }
}

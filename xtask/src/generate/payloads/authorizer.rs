//! What API Gateway asks the authorizer: the call without its body.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::http::{API, common_headers, request_context};
use super::{ACCOUNT, REGION};
use crate::generate::samples::jane;

/// Stands where a signature would: as long as one of ES256, and none.
const NO_SIGNATURE: &[u8; 64] = b"this is a sample that nobody has signed and that opens no doors.";

/// A token with the form of a real one, that expired years ago and that nobody has signed.
pub(super) fn token() -> String {
    let jane = jane();
    let groups: Value = jane.groups.iter().map(String::as_str).collect();
    unsigned(&json!({
        "iss": "https://login.acme.example/",
        "aud": "cgr-request",
        "sub": jane.person.subject,
        "email": jane.person.email,
        "groups": groups,
        // The first hour of 2020.
        "iat": 1_577_836_800,
        "exp": 1_577_840_400,
    }))
}

/// A token with these claims that nobody has signed.
pub(super) fn unsigned(claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": "sample", "typ": "JWT" });
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    // Canonical, so that the text does not depend on what serde_json was compiled with.
    let json = |value: &Value| part(domain::journal::canonical_json(value).as_bytes());
    format!("{}.{}.{}", json(&header), json(claims), part(NO_SIGNATURE))
}

/// A call with this bearer token.
pub(super) fn call_with_token(token: &str) -> Value {
    call(Some(token))
}

/// A call without one.
pub(super) fn call_without_token() -> Value {
    call(None)
}

fn call(token: Option<&str>) -> Value {
    let mut headers = common_headers();
    if let Some(token) = token {
        headers.insert("authorization", format!("Bearer {token}"));
    }
    let (method, path) = ("GET", "/requests");
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/$default/{method}{path}"),
        // The template names no identity source, so that calls without a token come here, too.
        "identitySource": null,
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": request_context(method, path, path),
    })
}

//! The issuer's token exchange, and what the API says about a token (FACTS §2.7, §4.2).

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    fake::Inner,
    groups::group_json,
    query::Query,
    status::Status,
    time::{WireTime, now},
    tokens::{Grant, bearer, subject_of},
};

const ISSUER: &str = "https://issuer.enforce.dev";

/// What the broker's role needs (FACTS §4.6).
const CAPABILITIES: [&str; 7] =
    ["groups.list", "repo.list", "repo.create", "repo.update", "repo.delete", "registry.entitlements.list", "tag.list"];

/// Exchanges any upstream token for one of the fake's own. Parameters count in the query and in a form body; a JSON
/// body is ignored, as the gateway does, so that the audience is then missing. `scopes` and `cap` are taken and narrow
/// nothing.
pub(crate) fn exchange(fake: &Inner, headers: &HeaderMap, query: Query, body: &[u8]) -> Result<Response, Status> {
    let upstream = bearer(headers)?;
    let parameters = if is_form(headers) { query.and(form(body)) } else { query };
    let audience = parameters.list("aud");
    if audience.iter().all(String::is_empty) {
        return Err(Status::invalid_argument("Audience must be specified"));
    }
    let identity = parameters.text("identity")?.unwrap_or_else(|| subject_of(upstream));
    let (token, expiry) = fake.tokens.issue(identity, audience, now())?;
    // Refresh tokens do not go with assumable identities (FACTS §4.2).
    Ok(Json(json!({"token": token, "refreshToken": "", "expiry": WireTime(expiry)})).into_response())
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn form(body: &[u8]) -> Query {
    Query::parse(&String::from_utf8_lossy(body))
}

/// Who the token says the caller is.
pub(crate) fn who_am_i(fake: &Inner, grant: &Grant) -> Response {
    let group = group_json(&fake.options.organization_id, &fake.options.organization_name);
    let role = json!({"id": "", "name": "fake-broker", "description": "", "capabilities": CAPABILITIES});
    Json(json!({
        "issuer": ISSUER,
        "subject": grant.subject,
        "audience": grant.audience,
        "expiry": WireTime(grant.expiry),
        "issuedAt": WireTime(grant.issued),
        "capabilities": [{"group": group, "role": role, "capabilities": CAPABILITIES}],
        "email": "",
    }))
    .into_response()
}

/// Says that the service is there; the only call that needs no token besides the catalog's.
pub(crate) fn ping() -> Response {
    Json(json!({"response": "pong"})).into_response()
}

//! The issuer: token exchange, its keys, and what the API says about a token (FACTS §2.7, §4.2).

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    capabilities::{self, narrowed},
    fake::{Inner, issuer_key},
    groups::group_json,
    identities::assume,
    query::Query,
    status::Status,
    time::{WireTime, now},
    tokens::{Grant, Wanted, bearer, subject_of},
};

/// Where the keys are. The real path is whatever discovery says; this one is the fake's own.
pub(crate) const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Exchanges an upstream token for one of the fake's own, of the identity that is named. Parameters count in the query
/// and in a form body; a JSON body is ignored, as the gateway does, so that the audience is then missing. `cap` narrows
/// what the token may do; `scopes` are taken and narrow nothing, for there is one organization.
pub(crate) fn exchange(fake: &Inner, headers: &HeaderMap, query: Query, body: &[u8]) -> Result<Response, Status> {
    let upstream = bearer(headers)?;
    let parameters = if is_form(headers) { query.and(form(body)) } else { query };
    let audience = parameters.list("aud");
    if audience.iter().all(String::is_empty) {
        return Err(Status::invalid_argument("Audience must be specified"));
    }
    let named = parameters.text("identity")?;
    let identity = assume(fake, named.as_deref(), upstream, now())?;
    let granted = identity.map_or_else(capabilities::all, |identity| identity.capabilities.clone());
    let wanted = Wanted {
        issuer: fake.issuer(),
        subject: named.unwrap_or_else(|| subject_of(upstream)),
        audience,
        group: fake.options.organization_id.clone(),
        capabilities: narrowed(granted, &parameters.list("cap")),
    };
    let (token, expiry) = fake.tokens.issue(issuer_key()?, wanted, now())?;
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

/// What `OpenID` discovery says of the issuer.
pub(crate) fn configuration(fake: &Inner) -> Result<Response, Status> {
    let issuer = fake.issuer();
    Ok(Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}{JWKS_PATH}"),
        "id_token_signing_alg_values_supported": [issuer_key()?.algorithm_name()],
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
    }))
    .into_response())
}

/// The issuer's public keys.
pub(crate) fn jwks() -> Result<Response, Status> {
    Ok(Json(issuer_key()?.jwks()).into_response())
}

/// Who the token says the caller is.
pub(crate) fn who_am_i(fake: &Inner, grant: &Grant) -> Response {
    let group = group_json(&fake.options.organization_id, &fake.options.organization_name);
    let role = json!({"id": "", "name": "fake-broker", "description": "", "capabilities": grant.capabilities});
    Json(json!({
        "issuer": grant.issuer,
        "subject": grant.subject,
        "audience": grant.audience.clone().unwrap_or_default(),
        "expiry": WireTime(grant.expiry),
        "issuedAt": WireTime(grant.issued),
        "capabilities": [{"group": group, "role": role, "capabilities": grant.capabilities}],
        "email": "",
    }))
    .into_response()
}

/// Says that the service is there; a call that needs no token.
pub(crate) fn ping() -> Response {
    Json(json!({"response": "pong"})).into_response()
}

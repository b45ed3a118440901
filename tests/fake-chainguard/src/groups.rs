//! The groups that the token can see (FACTS §2.7).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{fake::Inner, query::Query, status::Status, uidp::UidpFilter};

/// An organization that is not the caller's but can be seen by its token, once it has a repository.
pub(crate) const OTHER_ORGANIZATION: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233";
const OTHER_ORGANIZATION_NAME: &str = "other.example";

/// The groups that the known filters let through; `name` is exact.
pub(crate) fn list(fake: &Inner, query: &Query) -> Result<Response, Status> {
    let uidp = UidpFilter::from_query(query)?;
    let name = query.text("name")?;
    let id = query.text("id")?;
    let mut visible = vec![(fake.options.organization_id.as_str(), fake.options.organization_name.as_str())];
    if fake.state().count(OTHER_ORGANIZATION) > 0 {
        visible.push((OTHER_ORGANIZATION, OTHER_ORGANIZATION_NAME));
    }
    let items: Vec<Value> = visible
        .into_iter()
        .filter(|(group, _)| uidp.lets_through(group) && id.as_ref().is_none_or(|id| group == id))
        .filter(|(_, called)| name.as_ref().is_none_or(|name| called == name))
        .map(|(group, called)| group_json(group, called))
        .collect();
    Ok(Json(json!({"items": items})).into_response())
}

/// A group as the API writes it.
pub(crate) fn group_json(id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "name": name,
        "description": "",
        "resourceLimits": {"idps": 1},
        "verified": true,
        "kind": "ORG_KIND_CUSTOMER",
        "status": "ORG_STATUS_READY",
    })
}

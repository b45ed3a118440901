//! Subscriptions to events (FACTS §5).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::{
    body::json as decoded,
    fake::Inner,
    journal::Change,
    query::Query,
    state::StateError,
    status::Status,
    uidp::{self, UidpFilter},
};

/// A subscription: every event of its group is posted to its sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its UIDP: the group's and one part.
    pub id: String,
    /// Where events are posted to.
    pub sink: String,
}

impl Subscription {
    /// The group whose events it gets.
    pub(crate) fn group(&self) -> &str {
        uidp::parent(&self.id).unwrap_or_default()
    }
}

/// Makes a subscription. A sink that has one already gets a second: nothing in the documentation says otherwise.
pub(crate) fn create(fake: &Inner, parent: &str, body: &[u8]) -> Result<Response, Status> {
    let parent = uidp::from_path("parent_id", parent)?;
    if parent != fake.options.organization_id {
        return Err(Status::permission_denied(format!("subscriptions.create is not granted on {parent}")));
    }
    let body = if body.is_empty() { json!({}) } else { decoded(body)? };
    let sink = body.get("sink").and_then(Value::as_str).unwrap_or_default();
    // v2 takes https only. Of v1 that is not said, and a test's sink has no certificate.
    if !sink.parse::<Url>().is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Err(Status::invalid_argument(format!("sink {sink:?} is not an address")));
    }
    let id = uidp::random_child(&parent).map_err(StateError::from)?;
    let subscription = Subscription { id, sink: sink.to_owned() };
    fake.state().commit(Change::Subscribed { subscription: subscription.clone() })?;
    Ok(Json(subscription).into_response())
}

/// All that the filters let through.
pub(crate) fn list(fake: &Inner, query: &Query) -> Result<Response, Status> {
    let uidp = UidpFilter::from_query(query)?;
    let id = query.text("id")?;
    let state = fake.state();
    let items: Vec<&Subscription> = state
        .subscriptions()
        .filter(|subscription| uidp.lets_through(&subscription.id))
        .filter(|subscription| id.as_ref().is_none_or(|id| subscription.id == *id))
        .collect();
    Ok(Json(json!({"items": items})).into_response())
}

/// Ends a subscription; the reply is an empty object.
pub(crate) fn delete(fake: &Inner, id: &str) -> Result<Response, Status> {
    let id = uidp::from_path("id", id)?;
    let mut state = fake.state();
    if !state.subscriptions().any(|subscription| subscription.id == id) {
        return Err(Status::not_found(format!("subscription {id} not found")));
    }
    state.commit(Change::Unsubscribed { id })?;
    Ok(Json(json!({})).into_response())
}

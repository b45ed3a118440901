//! The published event: one function builds it, for the router, for a replay and for the schemas.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::EventType;
use crate::id::{EventId, RequestId};
use crate::journal::Record;
use crate::time::Timestamp;

/// `source` of everything that is published.
pub const SOURCE: &str = "image-requests";

/// `source` of what Chainguard has announced and is published again.
pub const CHAINGUARD_SOURCE: &str = "chainguard";

/// Version of the shape of `data`; part of `dataschema`.
pub const DATA_VERSION: u32 = 1;

/// The `detail` of an event on the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// What it takes to route, deduplicate and correlate.
    pub metadata: Metadata,
    /// The audit record.
    pub data: Record,
}

/// `CloudEvents` attributes. Source: `CloudEvents` 1.0.2, context attributes and the distributed tracing extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Metadata {
    /// `<requestId>.<sequence>`: the same at every delivery.
    #[schema(value_type = String, example = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.1")]
    pub id: EventId,
    /// Always `image-requests`.
    pub source: String,
    /// Equal to `detail-type`.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The request.
    #[schema(value_type = String)]
    pub subject: RequestId,
    /// Names the shape of `data`.
    #[schema(example = "urn:cgr-request:schema:image.request.submitted:1")]
    pub dataschema: String,
    /// Equal for everything that belongs together: the request.
    #[schema(value_type = String)]
    pub correlationid: RequestId,
    /// W3C trace context of the call that caused it, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The name of the shape of `data` for a type of event.
#[must_use]
pub fn data_schema(event_type: EventType) -> String {
    format!("urn:cgr-request:schema:{}:{DATA_VERSION}", event_type.as_str())
}

/// An event as the bus takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEvent {
    /// Names it in log lines: the same at every delivery.
    pub id: String,
    /// Who says so: [`SOURCE`] or [`CHAINGUARD_SOURCE`].
    pub source: &'static str,
    /// What has happened, by which rules choose: at most 128 characters.
    pub detail_type: String,
    /// When.
    pub time: Timestamp,
    /// A JSON object.
    pub detail: String,
}

impl TryFrom<&Detail> for BusEvent {
    type Error = serde_json::Error;

    fn try_from(event: &Detail) -> Result<Self, Self::Error> {
        let Metadata { id, event_type, time, .. } = &event.metadata;
        Ok(Self {
            id: id.to_string(),
            source: SOURCE,
            detail_type: event_type.as_str().to_owned(),
            time: *time,
            detail: serde_json::to_string(event)?,
        })
    }
}

impl Detail {
    /// The event that announces `record`.
    #[must_use]
    pub fn announcing(record: Record) -> Self {
        Self {
            metadata: Metadata {
                id: record.event_id(),
                source: SOURCE.to_owned(),
                event_type: record.event_type,
                time: record.timestamp,
                subject: record.request_id,
                dataschema: data_schema(record.event_type),
                correlationid: record.request_id,
                traceparent: None,
            },
            data: record,
        }
    }
}

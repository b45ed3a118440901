//! Drift: the organisation's repositories are no longer what the requests have made them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{BusEvent, DATA_VERSION, SOURCE};
use crate::id::RequestId;
use crate::journal::Digest;
use crate::ports::Delivery;
use crate::time::Timestamp;

/// `detail-type` of the event that says so.
pub const DETAIL_TYPE: &str = "image.repository.drift";

/// The `detail` of the event that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftDetail {
    /// What it takes to route, deduplicate and correlate.
    pub metadata: DriftMetadata,
    /// What was found.
    pub data: RepositoryDrift,
}

/// `CloudEvents` attributes. Source: `CloudEvents` 1.0.2, context attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftMetadata {
    /// The same at every delivery.
    #[schema(example = "drift-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub id: String,
    /// Always `image-requests`.
    pub source: String,
    /// Equal to `detail-type`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The repository's UIDP.
    pub subject: String,
    /// Names the shape of `data`.
    pub dataschema: String,
    /// The request that the repository was made for, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub correlationid: Option<RequestId>,
}

/// A repository that is not what the requests say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepositoryDrift {
    /// The repository's UIDP.
    #[schema(example = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978")]
    pub repository_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "python")]
    pub repository: Option<String>,
    /// What is wrong.
    pub kind: DriftKind,
    /// The request that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub request_id: Option<RequestId>,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub observed_at: Timestamp,
    /// `ce-id` of the event of Chainguard's that led to it.
    pub chainguard_event_id: String,
}

/// What is wrong with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriftKind {
    /// A request has it, and it is gone.
    Deleted,
    /// It was made, and by no request.
    Created,
}

impl DriftKind {
    /// As written in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Created => "created",
        }
    }
}

/// The name of the shape of `data`.
#[must_use]
pub fn data_schema() -> String {
    format!("urn:cgr-request:schema:{DETAIL_TYPE}:{DATA_VERSION}")
}

impl DriftDetail {
    /// The event that announces `drift`, which `delivery` led to.
    #[must_use]
    pub fn announcing(drift: RepositoryDrift, delivery: &Delivery) -> Self {
        let Delivery { source, id } = delivery;
        Self {
            metadata: DriftMetadata {
                id: format!("drift-{}", Digest::of_json(&[source, id])),
                source: SOURCE.to_owned(),
                event_type: DETAIL_TYPE.to_owned(),
                time: drift.observed_at,
                subject: drift.repository_id.clone(),
                dataschema: data_schema(),
                correlationid: drift.request_id,
            },
            data: drift,
        }
    }
}

impl TryFrom<&DriftDetail> for BusEvent {
    type Error = serde_json::Error;

    fn try_from(event: &DriftDetail) -> Result<Self, Self::Error> {
        Ok(Self {
            id: event.metadata.id.clone(),
            source: SOURCE,
            detail_type: DETAIL_TYPE.to_owned(),
            time: event.metadata.time,
            detail: serde_json::to_string(event)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> RepositoryDrift {
        RepositoryDrift {
            repository_id: "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978".to_owned(),
            repository: None,
            kind: DriftKind::Created,
            request_id: None,
            observed_at: "2026-11-23T18:51:45.123Z".parse().unwrap(),
            chainguard_event_id: "1".to_owned(),
        }
    }

    #[test]
    fn an_event_of_chainguards_leads_to_one_event_however_often_it_comes() {
        let delivery = |source: &str, id: &str| Delivery { source: source.to_owned(), id: id.to_owned() };
        let id = |delivery: &Delivery| DriftDetail::announcing(found(), delivery).metadata.id;
        assert_eq!(id(&delivery("a", "b")), id(&delivery("a", "b")));
        assert_ne!(id(&delivery("a", "bc")), id(&delivery("ab", "c")));
    }

    #[test]
    fn what_is_not_known_is_left_out_and_a_kind_is_written_by_its_name() {
        let detail = DriftDetail::announcing(found(), &Delivery { source: "s".to_owned(), id: "1".to_owned() });
        let event = BusEvent::try_from(&detail).unwrap();
        assert_eq!(serde_json::from_str::<DriftDetail>(&event.detail).unwrap(), detail);
        assert!(!event.detail.contains("requestId") && !event.detail.contains("null"), "{}", event.detail);
        for kind in [DriftKind::Deleted, DriftKind::Created] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}

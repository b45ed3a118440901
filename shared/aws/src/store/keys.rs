//! The keys of the table `Requests`: every key is made here and nowhere else.

use domain::id::{EventId, RequestId};
use domain::image::RepositoryName;
use domain::journal::Digest;
use domain::listing::{Index, Position};
use domain::ports::Delivery;
use domain::request::Status;
use domain::text::TeamName;
use domain::time::Timestamp;

/// The item key of the partition key.
pub(super) const PK: &str = "pk";
/// The item key of the sort key.
pub(super) const SK: &str = "sk";
/// The sort key of the list indexes: [`Position`] as text.
pub(super) const LIST_KEY: &str = "listKey";
/// The partition key of the index `due`.
pub(super) const DUE_KEY: &str = "dueKey";
/// The sort key of the index `due`.
pub(super) const DUE_AT: &str = "dueAt";
/// The index of what the steward has to look at.
pub(super) const DUE_INDEX: &str = "due";
/// The one partition of the index `due`: what is open is little, whatever the table holds.
pub(super) const DUE_PARTITION: &str = "DUE";

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: String, sk: &str) -> Self {
        Self { pk, sk: sk.to_owned() }
    }

    pub(super) fn request(id: RequestId) -> Self {
        Self::new(format!("REQUEST#{id}"), "REQUEST")
    }

    pub(super) fn active_image(name: &RepositoryName) -> Self {
        Self::new(format!("IMAGE#{name}"), "ACTIVE")
    }

    /// Subject and key are what a token and a header say: hashed together, so that no pair can pose as another and
    /// none is too long.
    pub(super) fn idempotency(subject: &str, key: &str) -> Self {
        Self::new(format!("IDEMPOTENCY#{}", Digest::of_json(&[subject, key])), "IDEMPOTENCY")
    }

    pub(super) fn quota(subject: &str, window: Timestamp) -> Self {
        Self::new(format!("QUOTA#{}#{window}", Digest::of(subject.as_bytes())), "QUOTA")
    }

    pub(super) fn catalog() -> Self {
        Self::new("CATALOG#current".to_owned(), "SNAPSHOT")
    }

    /// One item for all: the organisation's places are few, and are counted together.
    pub(super) fn places() -> Self {
        Self::new("PLACES".to_owned(), "PLACES")
    }

    pub(super) fn notification(event: EventId, channel: &str) -> Self {
        Self::new(format!("NOTIFICATION#{event}"), channel)
    }

    /// By the repository's UIDP.
    pub(super) fn repository(id: &str) -> Self {
        Self::new(format!("REPOSITORY#{id}"), "REQUEST")
    }

    /// Source and id are what somebody else says: hashed together, as for idempotency keys.
    pub(super) fn delivery(Delivery { source, id }: &Delivery) -> Self {
        Self::new(format!("DELIVERY#{}", Digest::of_json(&[source, id])), "DELIVERY")
    }
}

/// The request id in the primary key of a request item.
pub(super) fn request_id_of(pk: &str) -> Option<RequestId> {
    pk.strip_prefix("REQUEST#")?.parse().ok()
}

pub(super) const STATUS_KEY: &str = "statusKey";
pub(super) const TEAM_KEY: &str = "teamKey";
pub(super) const REQUESTER_KEY: &str = "requesterKey";
pub(super) const IMAGE_KEY: &str = "imageKey";

pub(super) fn status_key(status: Status) -> String {
    format!("STATUS#{}", status.as_str())
}

pub(super) fn team_key(team: &TeamName) -> String {
    format!("TEAM#{team}")
}

pub(super) fn requester_key(email: &str) -> String {
    format!("REQUESTER#{}", email.to_lowercase())
}

/// Of the image that the catalog lists, not of the repository that is to be made of it.
pub(super) fn image_key(image: &RepositoryName) -> String {
    format!("IMAGE#{image}")
}

/// Name, key attribute and key value of the index that answers a list.
pub(super) fn index_key(index: Index<'_>) -> (&'static str, &'static str, String) {
    match index {
        Index::Status(status) => ("by-status", STATUS_KEY, status_key(status)),
        Index::Team(team) => ("by-team", TEAM_KEY, team_key(team)),
        Index::Requester(email) => ("by-requester", REQUESTER_KEY, requester_key(email)),
        Index::Image(image) => ("by-image", IMAGE_KEY, image_key(image)),
    }
}

pub(super) fn list_key(submitted_at: Timestamp, id: RequestId) -> String {
    Position { submitted_at, id }.to_string()
}

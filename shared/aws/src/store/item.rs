//! A request as an item of the table and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::journal::Head;
use domain::ports::{PortError, StoredRequest};
use domain::request::Request;

use super::keys::{self, Key};
use super::version_1;

/// The version of the shape of items.
const SCHEMA_VERSION: u64 = 1;
/// The version of the shape of request items.
const REQUEST_SCHEMA_VERSION: u64 = 2;

pub(super) type Item = HashMap<String, AttributeValue>;

/// Attribute names.
pub(super) const VERSION: &str = "version";
const HEAD_HASH: &str = "headHash";
const DOCUMENT: &str = "document";
const SCHEMA: &str = "schemaVersion";

/// An item that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the item's attribute `{attribute}` is missing or not what this version understands")]
pub(super) struct ItemError {
    pub(super) attribute: &'static str,
    #[source]
    pub(super) source: Option<serde_json::Error>,
}

impl ItemError {
    pub(super) const fn of(attribute: &'static str) -> Self {
        Self { attribute, source: None }
    }

    pub(super) fn into_port_error(self, operation: &'static str) -> PortError {
        PortError { operation, retryable: false, source: Box::new(self) }
    }
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The primary key as attributes.
pub(super) fn key_attributes(key: &Key) -> Item {
    HashMap::from([(keys::PK.to_owned(), text(&key.pk)), (keys::SK.to_owned(), text(&key.sk))])
}

/// An item of an entity, with its key.
pub(super) fn entity(key: &Key, entity: &str) -> Item {
    let mut item = key_attributes(key);
    item.insert("entity".to_owned(), text(entity));
    item.insert(SCHEMA.to_owned(), number(SCHEMA_VERSION));
    item
}

pub(super) fn text_of<'a>(item: &'a Item, attribute: &'static str) -> Result<&'a str, ItemError> {
    item.get(attribute).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(ItemError::of(attribute))
}

fn number_of(item: &Item, attribute: &'static str) -> Result<u64, ItemError> {
    item.get(attribute)
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or(ItemError::of(attribute))
}

/// The item of a request: the state as one JSON document, and beside it what indexes and people in the console need.
pub(super) fn from_request(stored: &StoredRequest) -> Result<Item, ItemError> {
    let request = &stored.request;
    let submission = &request.submission;
    let document =
        serde_json::to_string(request).map_err(|source| ItemError { attribute: DOCUMENT, source: Some(source) })?;
    let status = request.status();
    let mut item = entity(&Key::request(submission.id), "request");
    let mut put = |name: &str, value: AttributeValue| {
        item.insert(name.to_owned(), value);
    };
    put(SCHEMA, number(REQUEST_SCHEMA_VERSION));
    put(VERSION, number(stored.head.sequence));
    if let Some(hash) = stored.head.hash {
        put(HEAD_HASH, text(hash.to_string()));
    }
    put(DOCUMENT, text(document));
    put("status", text(status.as_str()));
    put("image", text(submission.image.to_string()));
    put(keys::STATUS_KEY, text(keys::status_key(status)));
    put(keys::TEAM_KEY, text(keys::team_key(&submission.team)));
    put(keys::REQUESTER_KEY, text(keys::requester_key(&submission.requester.email)));
    put(keys::IMAGE_KEY, text(keys::image_key(&submission.image.name)));
    put(keys::LIST_KEY, text(keys::list_key(submission.submitted_at, submission.id)));
    if let Some(due_at) = request.due_at() {
        put(keys::DUE_KEY, text(keys::DUE_PARTITION));
        put(keys::DUE_AT, text(due_at.to_string()));
    }
    Ok(item)
}

/// The request of an item.
pub(super) fn to_request(item: &Item) -> Result<StoredRequest, ItemError> {
    let document = text_of(item, DOCUMENT)?;
    let unreadable = |source| ItemError { attribute: DOCUMENT, source: Some(source) };
    let request: Request = match number_of(item, SCHEMA)? {
        REQUEST_SCHEMA_VERSION => serde_json::from_str(document).map_err(unreadable)?,
        version_1::VERSION => {
            let document = serde_json::from_str(document).map_err(unreadable)?;
            let upgraded = version_1::upgrade(document).ok_or(ItemError::of(DOCUMENT))?;
            serde_json::from_value(upgraded).map_err(unreadable)?
        }
        _ => return Err(ItemError::of(SCHEMA)),
    };
    let hash = text_of(item, HEAD_HASH)?.parse().map_err(|_| ItemError::of(HEAD_HASH))?;
    let head = Head { sequence: number_of(item, VERSION)?, hash: Some(hash) };
    Ok(StoredRequest { request, head })
}

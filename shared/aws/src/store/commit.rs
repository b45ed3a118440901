//! The one write of the pipeline: state, records, name, key and count in one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::capacity::Vacancy;
use domain::event::EventType;
use domain::id::RequestId;
use domain::journal::Digest;
use domain::ports::{
    Commit, CommitError, CommitRequest, FindIdempotency, Idempotency, NameHold, PlaceHold, PortError, Quota,
};
use domain::time::Timestamp;

use super::Store;
use super::item::{self, Item, ItemError, VERSION, entity, key_attributes, number, text, text_of};
use super::keys::Key;
use crate::error::{port_error, request_error};

const OPERATION: &str = "commit the request";

/// Why a transaction may be cancelled that would pass a moment later: it met another one, or too many. Source: the
/// DynamoDB API reference, `TransactWriteItems`.
const PASSING_REASONS: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// How often a transaction is tried that was cancelled for such a reason, the first time included.
const MAX_ATTEMPTS: u32 = 5;
/// The wait before the second attempt; doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(25);

pub(super) const REQUEST_ID: &str = "requestId";
const BODY: &str = "bodyDigest";
/// The table's time to live attribute, in seconds since 1970.
pub(super) const EXPIRES_AT: &str = "expiresAt";

/// Whether the item's time has passed: DynamoDB deletes it some time later.
pub(super) fn has_expired(item: &Item, now: Timestamp) -> bool {
    let end = item.get(EXPIRES_AT).and_then(|end| end.as_n().ok()?.parse::<i64>().ok());
    end.is_none_or(|end| end <= now.as_second())
}

/// What an item of the transaction stands for, so that its failure can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Idempotency,
    Version,
    Name,
    Place,
    Quota,
}

impl CommitRequest for Store {
    async fn commit_request(&self, commit: &Commit) -> Result<(), CommitError> {
        let (parts, items) = self.transaction(commit)?;
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let sent = self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            let Err(error) = sent else { return Ok(()) };
            let reasons = cancellation_reasons(&error);
            if let Some(failure) = condition_failure(&parts, reasons)? {
                return Err(failure);
            }
            let passing = reasons.iter().filter_map(|reason| reason.code()).any(|code| PASSING_REASONS.contains(&code));
            if !passing {
                return Err(port_error(OPERATION, error).into());
            }
            if attempt >= MAX_ATTEMPTS {
                return Err(PortError { retryable: true, ..port_error(OPERATION, error) }.into());
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
        Err(CommitError::VersionConflict)
    }
}

impl FindIdempotency for Store {
    async fn find_idempotency(
        &self,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<(RequestId, Digest)>, PortError> {
        let key = Key::idempotency(&idempotency.subject, &idempotency.key);
        let found = self
            .client
            .get_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| port_error("look the idempotency key up", error))?;
        let remembered = found.item.as_ref().filter(|item| !has_expired(item, now));
        remembered.map(|item| Ok((request_of(Some(item))?, body_of(Some(item))?))).transpose()
    }
}

impl Store {
    fn transaction(&self, commit: &Commit) -> Result<(Vec<Part>, Vec<TransactWriteItem>), PortError> {
        let now = commit.records.first().map_or(Timestamp::UNIX_EPOCH, |record| record.timestamp);
        let mut parts = Vec::with_capacity(4 + commit.records.len());
        let mut items = Vec::with_capacity(4 + commit.records.len());
        let mut add = |part: Part, item: TransactWriteItem| {
            parts.push(part);
            items.push(item);
        };
        if let Some(idempotency) = &commit.idempotency {
            let id = commit.stored.request.submission.id;
            add(Part::Idempotency, put(self.idempotency(idempotency, id, now))?);
        }
        add(Part::Version, put(self.request(commit)?)?);
        if let Some(item) = self.name(commit)? {
            add(Part::Name, item);
        }
        if let Some(item) = Self::place(&self.requests_table, commit)? {
            add(Part::Place, item);
        }
        if let Some(quota) = &commit.quota {
            add(Part::Quota, self.quota(quota)?);
        }
        for repository in self.repositories(commit) {
            add(Part::Version, put(repository)?);
        }
        for record in &commit.records {
            let item: Item = serde_dynamo::to_item(record).map_err(|error| PortError {
                operation: OPERATION,
                retryable: false,
                source: Box::new(error),
            })?;
            // The one guard that a record is never overwritten: no role may update or delete, but PutItem replaces.
            let record = Put::builder()
                .table_name(self.journal_table())
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(requestId)");
            add(Part::Version, put(record)?);
        }
        Ok((parts, items))
    }

    fn request(&self, commit: &Commit) -> Result<aws_sdk_dynamodb::types::builders::PutBuilder, PortError> {
        let item = item::from_request(&commit.stored).map_err(|error| error.into_port_error(OPERATION))?;
        let put = Put::builder().table_name(&self.requests_table).set_item(Some(item));
        Ok(if commit.expected_version == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("#version = :expected")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":expected", number(commit.expected_version))
        })
    }

    fn name(&self, commit: &Commit) -> Result<Option<TransactWriteItem>, PortError> {
        let submission = &commit.stored.request.submission;
        let key = Key::active_image(submission.repository_name());
        let take = || {
            let mut item = entity(&key, "active-image");
            item.insert(REQUEST_ID.to_owned(), text(submission.id.to_string()));
            Put::builder()
                .table_name(&self.requests_table)
                .set_item(Some(item))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        };
        Ok(match commit.name {
            NameHold::Keep => None,
            NameHold::Take => Some(put(take().condition_expression("attribute_not_exists(pk)"))?),
            NameHold::TakeOver(holder) => Some(put(take()
                .condition_expression("attribute_not_exists(pk) OR requestId = :holder")
                .expression_attribute_values(":holder", text(holder.to_string())))?),
            NameHold::Release => {
                let delete = Delete::builder()
                    .table_name(&self.requests_table)
                    .set_key(Some(key_attributes(&key)))
                    .condition_expression("attribute_not_exists(pk) OR requestId = :holder")
                    .expression_attribute_values(":holder", text(submission.id.to_string()))
                    .build()
                    .map_err(|error| request_error(OPERATION, error))?;
                Some(TransactWriteItem::builder().delete(delete).build())
            }
        })
    }

    /// Whoever gives a place back says so in the same step: a count that was made before is not good after.
    fn place(table: &str, commit: &Commit) -> Result<Option<TransactWriteItem>, PortError> {
        let id = commit.stored.request.submission.id.to_string();
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key_attributes(&Key::places())))
            .expression_attribute_values(":id", AttributeValue::Ss(vec![id]))
            .expression_attribute_values(":entity", text("places"))
            .expression_attribute_values(":schema", number(1));
        let update = match commit.place {
            PlaceHold::Keep => return Ok(None),
            PlaceHold::Take(Vacancy { releases, free }) => update
                .update_expression("ADD places :id SET entity = :entity, schemaVersion = :schema")
                // Before the first release there is no number.
                .condition_expression(
                    "(releases = :releases OR attribute_not_exists(releases) AND :releases = :none) AND (attribute_not_exists(places) OR size(places) < :free)",
                )
                .expression_attribute_values(":releases", number(releases))
                .expression_attribute_values(":none", number(0))
                .expression_attribute_values(":free", number(free)),
            PlaceHold::Release => update
                .update_expression("DELETE places :id ADD releases :one SET entity = :entity, schemaVersion = :schema")
                .expression_attribute_values(":one", number(1)),
        };
        let update = update.build().map_err(|error| request_error(OPERATION, error))?;
        Ok(Some(TransactWriteItem::builder().update(update).build()))
    }

    /// For whom a repository was made, so that it is known when Chainguard tells of nothing but its id: also when it is
    /// gone, and nobody can be asked for its name. Never changes: a repository that is made anew has another id.
    fn repositories(&self, commit: &Commit) -> impl Iterator<Item = aws_sdk_dynamodb::types::builders::PutBuilder> {
        let id = commit.stored.request.submission.id;
        let provisioned = commit.records.iter().filter(|record| record.event_type == EventType::Provisioned);
        provisioned.filter_map(|record| record.chainguard_repo_id.as_deref()).map(move |repository| {
            let mut item = entity(&Key::repository(repository), "repository");
            item.insert(REQUEST_ID.to_owned(), text(id.to_string()));
            Put::builder().table_name(&self.requests_table).set_item(Some(item))
        })
    }

    fn idempotency(
        &self,
        idempotency: &Idempotency,
        id: RequestId,
        now: Timestamp,
    ) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        let mut item = entity(&Key::idempotency(&idempotency.subject, &idempotency.key), "idempotency");
        item.insert(REQUEST_ID.to_owned(), text(id.to_string()));
        item.insert(BODY.to_owned(), text(idempotency.body.to_string()));
        item.insert(EXPIRES_AT.to_owned(), number(idempotency.expires_at.as_second()));
        Put::builder()
            .table_name(&self.requests_table)
            .set_item(Some(item))
            // DynamoDB deletes what has expired some time later.
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn quota(&self, quota: &Quota) -> Result<TransactWriteItem, PortError> {
        let end = quota.window.plus(quota.limit.per.duration());
        let update = Update::builder()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::quota(&quota.subject, quota.window))))
            .update_expression("ADD #used :one SET expiresAt = :end, entity = :entity, schemaVersion = :schema")
            .condition_expression("attribute_not_exists(#used) OR #used < :limit")
            .expression_attribute_names("#used", "used")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":end", number(end.as_second()))
            .expression_attribute_values(":entity", text("quota"))
            .expression_attribute_values(":schema", number(1))
            .expression_attribute_values(":limit", number(quota.limit.requests))
            .build()
            .map_err(|error| request_error(OPERATION, error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn put(builder: aws_sdk_dynamodb::types::builders::PutBuilder) -> Result<TransactWriteItem, PortError> {
    let put = builder.build().map_err(|error| request_error(OPERATION, error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn cancellation_reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
        _ => &[],
    }
}

/// What the failed condition means. Several may have failed at once, as for a request that is sent twice: its key is
/// used and its name is taken by itself. The parts are in the order in which they tell the caller most.
fn condition_failure(parts: &[Part], reasons: &[CancellationReason]) -> Result<Option<CommitError>, PortError> {
    let failed = parts.iter().zip(reasons).find(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    let Some((part, reason)) = failed else { return Ok(None) };
    Ok(Some(match part {
        Part::Version => CommitError::VersionConflict,
        Part::Quota => CommitError::QuotaExceeded,
        Part::Place => CommitError::PlaceTaken,
        Part::Name => CommitError::NameTaken { holder: request_of(reason.item())? },
        Part::Idempotency => {
            CommitError::KeyUsed { request: request_of(reason.item())?, body: body_of(reason.item())? }
        }
    }))
}

fn request_of(item: Option<&Item>) -> Result<RequestId, PortError> {
    attribute(item, REQUEST_ID)?.parse().map_err(|_| unreadable(REQUEST_ID))
}

fn body_of(item: Option<&Item>) -> Result<Digest, PortError> {
    attribute(item, BODY)?.parse().map_err(|_| unreadable(BODY))
}

fn attribute<'a>(item: Option<&'a Item>, name: &'static str) -> Result<&'a str, PortError> {
    item.ok_or(ItemError::of(name))
        .and_then(|item| text_of(item, name))
        .map_err(|error| error.into_port_error(OPERATION))
}

fn unreadable(attribute: &'static str) -> PortError {
    ItemError::of(attribute).into_port_error(OPERATION)
}

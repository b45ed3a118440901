//! Reading requests: one, a page, what is due.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::RequestId;
use domain::listing::{ListFilter, Page, PageSize, Position};
use domain::ports::{Due, FindDue, ListRequests, LoadRequest, PortError, Postpone, StoredRequest};
use domain::time::Timestamp;

use super::Store;
use super::item::{Item, ItemError, key_attributes, text, text_of, to_request};
use super::keys::{self, Key, index_key};
use crate::error::port_error;

const LOAD: &str = "read the request";
const LIST: &str = "list requests";
const FIND_DUE: &str = "find what is due";
const POSTPONE: &str = "postpone the request";

/// Queries for one page, at most: a filter that fits little then answers a short page with a cursor.
const MAX_QUERIES_PER_PAGE: u32 = 4;

impl LoadRequest for Store {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::request(id))))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| port_error(LOAD, error))?;
        found.item.as_ref().map(to_request).transpose().map_err(|error| error.into_port_error(LOAD))
    }
}

impl ListRequests for Store {
    async fn list_requests(
        &self,
        filter: &ListFilter,
        size: PageSize,
        after: Option<Position>,
    ) -> Result<Page, PortError> {
        let Some(index) = filter.index() else {
            return Ok(Page { requests: Vec::new(), next: None });
        };
        let (index_name, key_name, key) = index_key(index);
        let wanted = usize::try_from(size.get()).unwrap_or(usize::MAX);
        let mut requests: Vec<StoredRequest> = Vec::with_capacity(wanted);
        let mut start = after.map(|position| start_key(position, key_name, &key));
        for _ in 0..MAX_QUERIES_PER_PAGE {
            let found = self
                .client
                .query()
                .table_name(&self.requests_table)
                .index_name(index_name)
                .key_condition_expression("#key = :key")
                .expression_attribute_names("#key", key_name)
                .expression_attribute_values(":key", text(&key))
                .scan_index_forward(false)
                .limit(i32::try_from(size.get()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(|error| port_error(LIST, error))?;
            for item in found.items() {
                let stored = to_request(item).map_err(|error| error.into_port_error(LIST))?;
                if filter.fits(&stored) {
                    requests.push(stored);
                }
                if requests.len() == wanted {
                    let next = position(item).map_err(|error| error.into_port_error(LIST))?;
                    let is_last = found.last_evaluated_key().is_none() && found.items().last() == Some(item);
                    return Ok(Page { requests, next: (!is_last).then_some(next) });
                }
            }
            start = found.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        let next = start.as_ref().map(position).transpose().map_err(|error| error.into_port_error(LIST))?;
        Ok(Page { requests, next })
    }
}

/// The index key of a position, as DynamoDB wants it to go on from.
fn start_key(position: Position, key_name: &str, key: &str) -> Item {
    let mut start = key_attributes(&Key::request(position.id));
    start.insert(key_name.to_owned(), text(key));
    start.insert(keys::LIST_KEY.to_owned(), text(position.to_string()));
    start
}

fn position(item: &HashMap<String, AttributeValue>) -> Result<Position, ItemError> {
    let list_key = text_of(item, keys::LIST_KEY)?;
    let (submitted_at, id) = list_key.split_once('#').ok_or(ItemError::of(keys::LIST_KEY))?;
    Ok(Position {
        submitted_at: submitted_at.parse().map_err(|_| ItemError::of(keys::LIST_KEY))?,
        id: id.parse().map_err(|_| ItemError::of(keys::LIST_KEY))?,
    })
}

impl FindDue for Store {
    async fn find_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>, PortError> {
        let found = self
            .client
            .query()
            .table_name(&self.requests_table)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("#due = :due AND #at <= :now")
            .expression_attribute_names("#due", keys::DUE_KEY)
            .expression_attribute_names("#at", keys::DUE_AT)
            .expression_attribute_values(":due", text(keys::DUE_PARTITION))
            .expression_attribute_values(":now", text(now.to_string()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| port_error(FIND_DUE, error))?;
        found.items().iter().map(due).collect::<Result<_, _>>().map_err(|error| error.into_port_error(FIND_DUE))
    }
}

fn due(item: &HashMap<String, AttributeValue>) -> Result<Due, ItemError> {
    let id = keys::request_id_of(text_of(item, keys::PK)?).ok_or(ItemError::of(keys::PK))?;
    let since = text_of(item, keys::DUE_AT)?.parse().map_err(|_| ItemError::of(keys::DUE_AT))?;
    Ok(Due { id, since })
}

impl Postpone for Store {
    async fn postpone(&self, due: Due, until: Timestamp) -> Result<bool, PortError> {
        let outcome = self
            .client
            .update_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::request(due.id))))
            .update_expression("SET #at = :until")
            // Whatever changes the request writes this attribute anew, so an unchanged one means an unchanged request.
            .condition_expression("#at = :since")
            .expression_attribute_names("#at", keys::DUE_AT)
            .expression_attribute_values(":until", text(until.to_string()))
            .expression_attribute_values(":since", text(due.since.to_string()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(port_error(POSTPONE, error)),
        }
    }
}

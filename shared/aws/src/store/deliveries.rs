//! Which events of Chainguard's have been dealt with.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use domain::ports::{Delivery, PortError, RememberDelivery};
use domain::time::Timestamp;

use super::Store;
use super::commit::{EXPIRES_AT, has_expired};
use super::item::{entity, key_attributes, number, text};
use super::keys::Key;
use crate::error::port_error;

const LOOK_UP: &str = "look the delivery up";
const REMEMBER: &str = "remember the delivery";

/// How long it is remembered. For how long Chainguard delivers again is not documented; an event that comes later than
/// this is dealt with anew, and changes nothing that has not changed.
const REMEMBERED: Duration = Duration::from_hours(31 * 24);

impl RememberDelivery for Store {
    async fn is_remembered(&self, delivery: &Delivery, now: Timestamp) -> Result<bool, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::delivery(delivery))))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| port_error(LOOK_UP, error))?;
        Ok(found.item.is_some_and(|item| !has_expired(&item, now)))
    }

    async fn remember_delivery(&self, delivery: &Delivery, now: Timestamp) -> Result<bool, PortError> {
        let mut item = entity(&Key::delivery(delivery), "delivery");
        item.insert("deliveredAt".to_owned(), text(now.to_string()));
        item.insert(EXPIRES_AT.to_owned(), number(now.plus(REMEMBERED).as_second()));
        let outcome = self
            .client
            .put_item()
            .table_name(&self.requests_table)
            .set_item(Some(item))
            // DynamoDB deletes what has expired some time later.
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", number(now.as_second()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(port_error(REMEMBER, error)),
        }
    }
}

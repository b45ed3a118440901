//! Who has been told what: a message of an event goes out through a channel once.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use domain::id::EventId;
use domain::ports::{ClaimNotification, NotificationClaim, PortError};
use domain::time::Timestamp;

use super::Store;
use super::commit::EXPIRES_AT;
use super::item::{entity, key_attributes, number, text};
use super::keys::Key;
use crate::error::port_error;

const CLAIM: &str = "claim the notification";
const RELEASE: &str = "give the notification back";
const FINISH: &str = "remember that the notification was sent";
const STATE: &str = "state";
const SENT: &str = "sent";
const SENDING: &str = "sending";

/// How long it is remembered: as long as a dead letter may lie in its queue before somebody sends it round again.
const REMEMBERED: std::time::Duration = std::time::Duration::from_hours(15 * 24);

impl ClaimNotification for Store {
    async fn claim_notification(
        &self,
        event: EventId,
        channel: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<NotificationClaim, PortError> {
        let key = Key::notification(event, channel);
        let mut item = entity(&key, "notification");
        item.insert(STATE.to_owned(), text(SENDING));
        item.insert("leaseUntil".to_owned(), text(lease_until.to_string()));
        item.insert(EXPIRES_AT.to_owned(), number(now.plus(REMEMBERED).as_second()));
        let outcome = self
            .client
            .put_item()
            .table_name(&self.requests_table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR (#state = :sending AND leaseUntil <= :now)")
            .expression_attribute_names("#state", STATE)
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":now", text(now.to_string()))
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            )
            .send()
            .await;
        let Err(error) = outcome else { return Ok(NotificationClaim::Send) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let state = failed.item().and_then(|item| item.get(STATE)?.as_s().ok());
                Ok(if state.is_some_and(|state| state == SENT) {
                    NotificationClaim::Sent
                } else {
                    NotificationClaim::Busy
                })
            }
            _ => Err(port_error(CLAIM, error)),
        }
    }

    async fn release_notification(&self, event: EventId, channel: &str, now: Timestamp) -> Result<(), PortError> {
        self.client
            .update_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::notification(event, channel))))
            .update_expression("SET leaseUntil = :now")
            .expression_attribute_values(":now", text(now.to_string()))
            .send()
            .await
            .map_err(|error| port_error(RELEASE, error))?;
        Ok(())
    }

    async fn finish_notification(&self, event: EventId, channel: &str, now: Timestamp) -> Result<(), PortError> {
        self.client
            .update_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::notification(event, channel))))
            .update_expression("SET #state = :sent, sentAt = :now REMOVE leaseUntil")
            .expression_attribute_names("#state", STATE)
            .expression_attribute_values(":sent", text(SENT))
            .expression_attribute_values(":now", text(now.to_string()))
            .send()
            .await
            .map_err(|error| port_error(FINISH, error))?;
        Ok(())
    }
}

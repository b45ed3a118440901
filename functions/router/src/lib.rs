//! Puts the journal's new records on the bus, in order. Decides nothing.

use aws::configuration::Configuration;
use aws::events::Bus;
use aws_lambda_events::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::envelope::Detail;
use domain::journal::Record;
use domain::ports::PublishEvents;
use lambda::batch::chain;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};

/// The function.
#[derive(Debug)]
pub struct Router {
    bus: Bus,
}

impl Function for Router {
    type Event = StreamEvent;
    type Output = DynamoDbEventResponse;
    const NAME: &'static str = "router";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        Ok(Self { bus: Bus::new(aws, environment.required("EVENT_BUS_NAME")?.to_owned()) })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        Ok(route(&self.bus, event).await)
    }
}

/// Publishes the batch up to the first record that cannot be published, and reports that one: the stream comes back
/// to it, so that nothing overtakes it.
pub async fn route<P: PublishEvents + Sync>(bus: &P, batch: StreamEvent) -> DynamoDbEventResponse {
    let mut events = Vec::with_capacity(batch.records.len());
    let mut sequence_numbers = Vec::with_capacity(batch.records.len());
    let mut unreadable = None;
    for stream_record in batch.records {
        let sequence_number = stream_record.change.sequence_number.clone();
        match announced(stream_record) {
            Ok(Some(event)) => {
                events.push(event);
                sequence_numbers.push(sequence_number);
            }
            // Nothing but inserts is ever announced; the event source's filter leaves the rest out already.
            Ok(None) => {}
            Err(error) => {
                tracing::error!(function = "router", sequence_number, error = %chain(&error), "failed to read a journal record");
                unreadable = Some(sequence_number);
                break;
            }
        }
    }
    let published = match bus.publish_events(&events).await {
        Ok(published) => published,
        Err(error) => {
            tracing::warn!(function = "router", error = %chain(&error), "failed to publish {} events", events.len());
            0
        }
    };
    tracing::info!(function = "router", published, received = events.len(), "published {published} events");
    let first_failed = sequence_numbers.into_iter().nth(published).or(unreadable).flatten();
    let mut response = DynamoDbEventResponse::default();
    if first_failed.is_some() {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = first_failed;
        response.batch_item_failures.push(failure);
    }
    response
}

fn announced(stream_record: EventRecord) -> Result<Option<Detail>, serde_dynamo::Error> {
    if stream_record.event_name != "INSERT" {
        return Ok(None);
    }
    let record: Record = serde_dynamo::from_item(stream_record.change.new_image)?;
    Ok(Some(Detail::announcing(record)))
}

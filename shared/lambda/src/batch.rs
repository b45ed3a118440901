//! Batches from queues and streams: every record is looked at, and what failed is said by name.

use std::future::Future;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::envelope::Detail;
use serde::Deserialize;

use crate::function::Error;

/// What EventBridge puts into a queue: the event, of which the detail is ours.
#[derive(Deserialize)]
struct BusEvent {
    detail: Detail,
}

/// Reads every message of a queue behind the bus and hands its event to `handle`, in order. Whatever fails – a body
/// that is no event of ours included – is reported as that message's failure, so that only it comes again and in the
/// end lands in the dead-letter queue, seen and not lost.
pub async fn each_event<H, F>(function: &'static str, batch: SqsEvent, handle: H) -> SqsBatchResponse
where
    H: Fn(Detail) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let mut response = SqsBatchResponse::default();
    for message in batch.records {
        let outcome = match serde_json::from_str::<BusEvent>(message.body.as_deref().unwrap_or_default()) {
            Ok(event) => {
                let id = event.detail.metadata.id;
                handle(event.detail).await.map_err(|error| {
                    tracing::warn!(function, event.id = %id, error = %chain(&*error), "failed to handle event {id}");
                })
            }
            Err(error) => {
                tracing::error!(function, %error, "failed to read a message: it is no event of ours");
                Err(())
            }
        };
        if outcome.is_err() {
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    response
}

/// An error with everything that caused it, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

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

/// Reads every message of a queue behind the bus and hands its event to `handle`, all at once: the order of events in
/// a queue means nothing, and one that is slow must not use up the others' time. Whatever fails – a body that is no
/// event of ours included – is reported as that message's failure, so that only it comes again and in the end lands
/// in the dead-letter queue, seen and not lost.
pub async fn each_event<H, F>(function: &'static str, batch: SqsEvent, handle: H) -> SqsBatchResponse
where
    H: Fn(Detail) -> F,
    F: Future<Output = Result<(), Error>>,
{
    let handle = &handle;
    let handled = batch.records.into_iter().map(|message| async move {
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
        (message.message_id.unwrap_or_default(), outcome)
    });
    let mut response = SqsBatchResponse::default();
    for (message_id, outcome) in futures_util::future::join_all(handled).await {
        if outcome.is_err() {
            response.add_failure(message_id);
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

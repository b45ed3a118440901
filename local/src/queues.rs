//! Event sources of queues: receive a batch, invoke the function, settle.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::Clock as _;
use lambda::clock::SystemClock;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::functions::Functions;
use crate::state::{Message, State};
use crate::template::{Queue, QueueSource};

/// Invocations at once for a queue that sets no bound: enough for two cores.
const DEFAULT_CONCURRENCY: u32 = 4;
/// When a failed message comes again: after this, doubled with every attempt, but never later than its queue's
/// visibility timeout. On AWS it is the visibility timeout, minutes that nobody at a terminal wants to wait for.
const FIRST_RETRY: Duration = Duration::from_secs(3);
/// The longest sleep while a queue is empty: everything that comes in wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// What one event source needs.
#[derive(Clone)]
pub struct Source {
    /// As the template says.
    pub source: QueueSource,
    /// Its queue.
    pub queue: Queue,
    /// The functions.
    pub functions: Arc<Functions>,
    /// The messages.
    pub state: Arc<State>,
    /// Told whenever a message has come.
    pub arrival: Arc<Notify>,
}

/// Reads the queue until `stop`; returns when the last invocation has ended.
pub async fn run(source: Source, stop: CancellationToken) {
    let concurrency = source.source.maximum_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
    let permits = Arc::new(Semaphore::new(usize::try_from(concurrency).unwrap_or(1)));
    let source = Arc::new(source);
    while !stop.is_cancelled() {
        let arrival = source.arrival.notified();
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        match source.receive() {
            Ok(Next::Batch(messages)) => {
                let source = Arc::clone(&source);
                tokio::spawn(async move {
                    source.deal_with(messages).await;
                    drop(permit);
                });
            }
            Ok(Next::Wait(wait)) => {
                drop(permit);
                tokio::select! {
                    () = arrival => {}
                    () = tokio::time::sleep(wait.min(IDLE)) => {}
                    () = stop.cancelled() => {}
                }
            }
            Err(error) => {
                drop(permit);
                tracing::error!(queue = source.queue.name, %error, "failed to receive");
                tokio::time::sleep(IDLE).await;
            }
        }
    }
    // All permits back means that no invocation is under way.
    let all = permits.acquire_many(concurrency).await;
    drop(all);
}

enum Next {
    Batch(Vec<Message>),
    Wait(Duration),
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl Source {
    fn receive(&self) -> rusqlite::Result<Next> {
        let now = SystemClock.now().as_millisecond();
        let (ready, oldest) = self.state.waiting(&self.queue.name, now)?;
        let until = |at: i64| Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0));
        if ready == 0 {
            return Ok(Next::Wait(oldest.map_or(IDLE, until)));
        }
        let window_end = oldest.unwrap_or(now).saturating_add(millis(self.source.batching_window));
        if ready < self.source.batch_size && window_end > now {
            return Ok(Next::Wait(until(window_end)));
        }
        let hidden_until = now.saturating_add(millis(self.queue.visibility_timeout));
        let messages = self.state.receive(&self.queue.name, self.source.batch_size, now, hidden_until)?;
        Ok(if messages.is_empty() { Next::Wait(Duration::ZERO) } else { Next::Batch(messages) })
    }

    async fn deal_with(&self, messages: Vec<Message>) {
        let (wanted, unwanted): (Vec<Message>, Vec<Message>) =
            messages.into_iter().partition(|message| self.passes_filters(message));
        let mut done: Vec<i64> = unwanted.iter().map(|message| message.row).collect();
        let failed = if wanted.is_empty() { Vec::new() } else { self.invoke(&wanted).await };
        let now = SystemClock.now().as_millisecond();
        let mut again = Vec::new();
        let mut dead = Vec::new();
        for message in &wanted {
            if !failed.contains(&message.id) {
                done.push(message.row);
                continue;
            }
            match &self.queue.redrive {
                Some(redrive) if message.receive_count >= redrive.max_receive_count => {
                    tracing::error!(queue = self.queue.name, message = message.id, "a message became a dead letter");
                    dead.push((message.row, redrive.dead_letter_queue.as_str()));
                }
                _ => {
                    let doublings = message.receive_count.saturating_sub(1).min(16);
                    let wait = FIRST_RETRY.saturating_mul(1 << doublings).min(self.queue.visibility_timeout);
                    again.push((message.row, now.saturating_add(millis(wait))));
                }
            }
        }
        if let Err(error) = self.state.settle(&done, &again, &dead, now) {
            // The messages come again when their time is up.
            tracing::error!(queue = self.queue.name, %error, "failed to settle a batch");
        }
    }

    fn passes_filters(&self, message: &Message) -> bool {
        if self.source.filters.is_empty() {
            return true;
        }
        let body = serde_json::from_str(&message.body).unwrap_or(Value::Null);
        let event = json!({"body": body});
        self.source.filters.iter().any(|filter| filter.matches(&event))
    }

    /// Ids of the messages that failed.
    async fn invoke(&self, messages: &[Message]) -> Vec<String> {
        let records: Vec<Value> = messages.iter().map(|message| sqs_record(message, &self.queue)).collect();
        let everything = || messages.iter().map(|message| message.id.clone()).collect();
        match self.functions.invoke(&self.source.function, json!({"Records": records})).await {
            Ok(response) if self.source.report_batch_item_failures => {
                let failures = response.get("batchItemFailures").and_then(Value::as_array);
                let named: Option<Vec<String>> = failures
                    .into_iter()
                    .flatten()
                    .map(|failure| failure.get("itemIdentifier")?.as_str().map(str::to_owned))
                    .collect();
                // As on AWS: who names a message that is not in the batch, or none, has failed with all of them.
                match named {
                    Some(named) if named.iter().all(|id| messages.iter().any(|message| message.id == *id)) => named,
                    _ => everything(),
                }
            }
            Ok(_) => Vec::new(),
            Err(error) => {
                tracing::warn!(function = self.source.function, %error, "an invocation failed");
                everything()
            }
        }
    }
}

fn sqs_record(message: &Message, queue: &Queue) -> Value {
    json!({
        "messageId": message.id,
        "receiptHandle": message.row.to_string(),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(),
            "SentTimestamp": message.sent_at.to_string(),
            "SenderId": "local",
            "ApproximateFirstReceiveTimestamp": message.sent_at.to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": "local",
    })
}

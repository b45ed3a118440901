//! Event sources of table streams: read a batch, invoke the function, move the checkpoint.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::Clock as _;
use dynoxide::Database;
use lambda::clock::SystemClock;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::functions::Functions;
use crate::state::{NewMessage, State};
use crate::template::{StartingPosition, StreamSource};

/// The pause between two looks at a stream that has nothing more. AWS looks four times a second.
const IDLE: Duration = Duration::from_millis(10);
/// The pause after a failed batch; doubles up to a second.
const FIRST_RETRY: Duration = Duration::from_millis(50);

/// What one event source needs.
pub struct Source {
    /// As the template says.
    pub source: StreamSource,
    /// The functions.
    pub functions: Arc<Functions>,
    /// The tables.
    pub database: Database,
    /// Checkpoints and queues.
    pub state: Arc<State>,
}

/// A stream that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The store says no.
    #[error("the store refused: {0}")]
    Store(#[from] dynoxide::DynoxideError),
    /// The store answered something that is not understood.
    #[error("the store's answer cannot be read")]
    Answer(#[from] serde_json::Error),
    /// The table has no stream.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// The checkpoint cannot be read or written.
    #[error("failed to keep the checkpoint")]
    Checkpoint(#[from] rusqlite::Error),
}

/// A request for the store: its types are built from JSON, as its HTTP server does.
fn request<T: DeserializeOwned>(body: Value) -> Result<T, StreamError> {
    Ok(serde_json::from_value(body)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    stream_description: Description,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    shards: Vec<Shard>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shard {
    shard_id: String,
}

/// Reads the stream until `stop`.
pub async fn run(source: Source, stop: CancellationToken) {
    let mut retry = FIRST_RETRY;
    while !stop.is_cancelled() {
        match source.follow(&stop).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(table = source.source.table, %error, "failed to read the stream");
                tokio::time::sleep(retry).await;
                retry = retry.saturating_mul(2).min(Duration::from_secs(1));
            }
        }
    }
}

impl Source {
    async fn follow(&self, stop: &CancellationToken) -> Result<(), StreamError> {
        let table = self.database.describe_table(request(json!({"TableName": self.source.table}))?)?;
        let arn = table.table.latest_stream_arn.ok_or_else(|| StreamError::NoStream(self.source.table.clone()))?;
        let described = self.database.describe_stream(request(json!({"StreamArn": arn}))?)?;
        let described: Described = serde_json::from_value(serde_json::to_value(described)?)?;
        let shard = described.stream_description.shards.into_iter().next();
        let shard = shard.ok_or_else(|| StreamError::NoStream(self.source.table.clone()))?.shard_id;
        let mut iterator = self.iterator(&arn, &shard)?;
        let mut attempts = 0;
        let mut retry = FIRST_RETRY;
        let mut most = self.source.batch_size;
        loop {
            if stop.is_cancelled() {
                return Ok(());
            }
            let answer = self.database.get_records(request(json!({"ShardIterator": iterator, "Limit": most}))?)?;
            let next = answer.next_shard_iterator.clone();
            let records: Vec<Value> = answer.records.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
            let Some(last) = records.last().map(sequence_number) else {
                tokio::select! {
                    () = tokio::time::sleep(IDLE) => {}
                    () = stop.cancelled() => {}
                }
                continue;
            };
            match self.deliver(&records, &arn).await {
                None => {
                    self.state.set_checkpoint(&arn, &last)?;
                    (attempts, retry, most) = (0, FIRST_RETRY, self.source.batch_size);
                    match next {
                        Some(next) => iterator = next,
                        None => return Ok(()),
                    }
                }
                Some(failed_from) => {
                    let first = records.first().map(sequence_number).unwrap_or_default();
                    if failed_from == first {
                        attempts += 1;
                        if self.source.bisect {
                            most = (most / 2).max(1);
                        }
                    } else {
                        attempts = 0;
                        self.advance_to(&records, &failed_from, &arn)?;
                    }
                    if self.source.maximum_retry_attempts.is_some_and(|most| attempts > most) {
                        self.give_up(&records, &arn)?;
                        self.state.set_checkpoint(&arn, &last)?;
                        attempts = 0;
                    }
                    iterator = self.iterator(&arn, &shard)?;
                    tokio::time::sleep(retry).await;
                    retry = retry.saturating_mul(2).min(Duration::from_secs(1));
                }
            }
        }
    }

    /// Where to go on: after the checkpoint, or where the source starts.
    fn iterator(&self, arn: &str, shard: &str) -> Result<String, StreamError> {
        let body = match (self.state.checkpoint(arn)?, self.source.starting_position) {
            (Some(sequence_number), _) => json!({
                "StreamArn": arn,
                "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": sequence_number,
            }),
            (None, StartingPosition::TrimHorizon) => {
                json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"})
            }
            (None, StartingPosition::Latest) => {
                json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"})
            }
        };
        let answer = self.database.get_shard_iterator(request(body)?)?;
        answer.shard_iterator.ok_or_else(|| StreamError::NoStream(self.source.table.clone()))
    }

    /// The sequence number from which on the batch failed; nothing if it did not.
    async fn deliver(&self, records: &[Value], arn: &str) -> Option<String> {
        let wanted: Vec<Value> = records
            .iter()
            .filter(|record| {
                self.source.filters.is_empty() || self.source.filters.iter().any(|filter| filter.matches(record))
            })
            .map(|record| {
                let mut record = record.clone();
                if let Some(members) = record.as_object_mut() {
                    members.insert("eventSourceARN".to_owned(), arn.into());
                }
                record
            })
            .collect();
        let wanted_numbers: Vec<String> = wanted.iter().map(sequence_number).collect();
        let first = wanted_numbers.first().cloned()?;
        match self.functions.invoke(&self.source.function, json!({"Records": wanted})).await {
            Ok(response) if self.source.report_batch_item_failures => {
                let failures = response.get("batchItemFailures").and_then(Value::as_array)?;
                let named: Option<Vec<String>> =
                    failures.iter().map(|failure| failure.get("itemIdentifier")?.as_str().map(str::to_owned)).collect();
                // As on AWS: who names a record that is not in the batch, or none, has failed with all of them.
                match named {
                    Some(named) if named.iter().all(|id| wanted_numbers.contains(id)) => named.into_iter().min(),
                    _ => Some(first),
                }
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(function = self.source.function, %error, "an invocation failed");
                Some(first)
            }
        }
    }

    /// Moves the checkpoint to just before the first record that failed.
    fn advance_to(&self, records: &[Value], failed_from: &str, arn: &str) -> Result<(), StreamError> {
        let before = records.iter().map(sequence_number).take_while(|number| number != failed_from).last();
        if let Some(before) = before {
            self.state.set_checkpoint(arn, &before)?;
        }
        Ok(())
    }

    fn give_up(&self, records: &[Value], arn: &str) -> Result<(), StreamError> {
        tracing::error!(table = self.source.table, "records of the stream were given up after too many attempts");
        let Some(queue) = &self.source.on_failure else { return Ok(()) };
        let now = SystemClock.now();
        let body = json!({
            "timestamp": now.to_string(),
            "version": "1.0",
            "DDBStreamBatchInfo": {
                "streamArn": arn,
                "startSequenceNumber": records.first().map(sequence_number),
                "endSequenceNumber": records.last().map(sequence_number),
                "batchSize": records.len(),
            },
        });
        let millis = now.as_millisecond();
        self.state.send(&NewMessage { queue, body: &body.to_string(), visible_at: millis }, millis)?;
        Ok(())
    }
}

fn sequence_number(record: &Value) -> String {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default().to_owned()
}

//! A batch from a queue behind the bus: SQS messages whose bodies are EventBridge events.

use anyhow::Context as _;
use domain::envelope::{Detail, SOURCE};
use domain::journal::Record;
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ACCOUNT, REGION};

/// How long the bus takes to fill a queue, and the queue to be read, in milliseconds.
const ON_THE_WAY: i64 = 250;

/// An event as EventBridge puts it into a queue. Source: EventBridge user guide, "Events".
#[derive(Serialize)]
struct BusEvent<'a> {
    version: &'static str,
    id: Uuid,
    #[serde(rename = "detail-type")]
    detail_type: &'static str,
    source: &'static str,
    account: &'static str,
    time: String,
    region: &'static str,
    resources: [&'static str; 0],
    detail: &'a Detail,
}

/// The batch of these events from the queue of this name.
pub(super) fn batch(queue: &str, events: impl IntoIterator<Item = Detail>) -> anyhow::Result<Value> {
    let records: Vec<Value> = events.into_iter().map(|event| message(queue, &event)).collect::<anyhow::Result<_>>()?;
    Ok(json!({ "Records": records }))
}

fn message(queue: &str, event: &Detail) -> anyhow::Result<Value> {
    let record = &event.data;
    let sent = record.timestamp.as_millisecond().saturating_add(ON_THE_WAY).to_string();
    Ok(json!({
        "messageId": id(record, Half::Second)?,
        "receiptHandle": format!("sample-{}", record.event_id()),
        "body": serde_json::to_string(&bus_event(event)?).context("failed to write an event")?,
        "attributes": {
            "ApproximateFirstReceiveTimestamp": sent,
            "ApproximateReceiveCount": "1",
            "SenderId": "sample",
            "SentTimestamp": sent,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
        "awsRegion": REGION,
    }))
}

fn bus_event(event: &Detail) -> anyhow::Result<BusEvent<'_>> {
    Ok(BusEvent {
        version: "0",
        id: id(&event.data, Half::First)?,
        detail_type: event.metadata.event_type.as_str(),
        source: SOURCE,
        account: ACCOUNT,
        time: to_the_second(event.metadata.time),
        region: REGION,
        resources: [],
        detail: event,
    })
}

/// A half of a record's hash.
#[derive(Clone, Copy)]
enum Half {
    First,
    Second,
}

/// An id as AWS gives it at random, but for a record always the same: made from a half of its hash.
fn id(record: &Record, half: Half) -> anyhow::Result<Uuid> {
    let hash = record.hash.to_string();
    let (first, second) = hash.split_at_checked(32).context("a hash is too short")?;
    let digits = match half {
        Half::First => first,
        Half::Second => second,
    };
    let bytes = u128::from_str_radix(digits, 16).context("a hash is not hexadecimal")?.to_be_bytes();
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// EventBridge writes no milliseconds.
fn to_the_second(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or_else(|| text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

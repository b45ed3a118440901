//! A batch of the Journal's stream.

use anyhow::Context as _;
use domain::journal::{Record, canonical_json};
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION};

/// The batch in which these records appear.
pub(super) fn batch<'a>(records: impl IntoIterator<Item = &'a Record>) -> anyhow::Result<Value> {
    let records: Vec<Value> =
        records.into_iter().enumerate().map(|(place, record)| insert(place, record)).collect::<anyhow::Result<_>>()?;
    Ok(json!({ "Records": records }))
}

fn insert(place: usize, record: &Record) -> anyhow::Result<Value> {
    let image: serde_dynamo::Item = serde_dynamo::to_item(record).context("failed to write a journal item")?;
    let event_id: String = record.hash.to_string().chars().take(32).collect();
    Ok(json!({
        "eventID": event_id,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            // Seconds since 1970.
            "ApproximateCreationDateTime": record.timestamp.as_second(),
            "Keys": {
                "requestId": AttributeValue::S(record.request_id.to_string()),
                "sequence": AttributeValue::N(record.sequence.to_string()),
            },
            "NewImage": image,
            "SequenceNumber": format!("{}", 100_000_000_000_000_000_001_u128 + u128::try_from(place)?),
            // About: DynamoDB counts names and values, not JSON.
            "SizeBytes": canonical_json(record).len(),
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN":
            format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Journal/stream/sample"),
    }))
}

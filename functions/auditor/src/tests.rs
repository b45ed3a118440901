use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_lambda_events::sqs::SqsMessage;
use captured_log::{Log, listen};
use domain::journal::Record;
use domain::ports::PortError;
use serde_json::{Value, json};

use super::*;

/// An archive in memory that fails on the records that the test says.
#[derive(Default)]
struct Memory {
    records: Mutex<Vec<Record>>,
    failing: Vec<u64>,
}

impl ArchiveRecord for Memory {
    async fn archive_record(&self, record: &Record) -> Result<Archived, PortError> {
        if self.failing.contains(&record.sequence) {
            return Err(PortError { operation: "archive a record", retryable: true, source: "not now".into() });
        }
        let mut records = self.records.lock().unwrap();
        if records.iter().any(|known| known.event_id() == record.event_id()) {
            return Ok(Archived::AlreadyThere);
        }
        records.push(record.clone());
        Ok(Archived::Stored)
    }
}

impl Memory {
    fn sequences(&self) -> Vec<u64> {
        self.records.lock().unwrap().iter().map(|record| record.sequence).collect()
    }
}

/// The audit lines among those of a test.
fn audit_lines(log: &Log) -> Vec<Value> {
    log.lines().into_iter().filter(|line| line["target"] == AUDIT_TARGET).collect()
}

fn record(sequence: u64) -> Record {
    let mut record: Record = serde_json::from_value(json!({
        "timestamp": "2026-11-23T18:51:45.123Z",
        "eventType": "image.request.submitted",
        "requestId": "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
        "sequence": sequence,
        "requester": "jane@acme.example",
        "image": "python:latest-dev",
        "team": "data-engineering",
        "environment": "production",
        "approvalTier": "manager-approval",
        "policyVersion": "1",
        "policyRule": "production",
        "hash": "0".repeat(64),
    }))
    .unwrap();
    record.hash = record.expected_hash();
    record
}

fn event(sequence: u64) -> Detail {
    Detail::announcing(record(sequence))
}

fn message(event: &Detail) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(format!("message-{}", event.data.sequence));
    message.body = Some(json!({"detail-type": event.metadata.event_type, "detail": event}).to_string());
    message
}

async fn batch(archive: &Memory, events: &[Detail]) -> Vec<String> {
    let mut batch = SqsEvent::default();
    batch.records = events.iter().map(message).collect();
    let response = each_event(Auditor::NAME, batch, |detail| audit(archive, detail)).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn a_record_is_archived_and_logged_once_however_often_it_arrives() {
    let log = listen();
    let archive = Memory::default();
    assert!(batch(&archive, &[event(1), event(2), event(1)]).await.is_empty());
    assert!(batch(&archive, &[event(2)]).await.is_empty());
    assert_eq!(archive.sequences(), [1, 2]);
    let logged: Vec<Record> =
        audit_lines(&log).iter().map(|line| serde_json::from_str(line["record"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(logged, [record(1), record(2)]);
    // What the alarm on breaking the glass goes by.
    assert!(audit_lines(&log).iter().all(|line| line["event_type"] == "image.request.submitted"));
}

#[tokio::test]
async fn only_the_message_that_could_not_be_archived_fails_and_it_is_not_logged() {
    let log = listen();
    let archive = Memory { failing: vec![2], ..Memory::default() };
    assert_eq!(batch(&archive, &[event(1), event(2), event(3)]).await, ["message-2"]);
    assert_eq!(archive.sequences(), [1, 3]);
    assert_eq!(audit_lines(&log).len(), 2);
}

#[tokio::test]
async fn a_record_that_does_not_verify_never_reaches_the_archive() {
    let log = listen();
    let archive = Memory::default();
    let mut forged = event(1);
    forged.data.requester = "mallory@acme.example".to_owned();
    let error = audit(&archive, forged.clone()).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&AuditError::NotVerified(forged.data.event_id())));
    assert_eq!(batch(&archive, &[forged, event(2)]).await, ["message-1"]);
    assert_eq!(archive.sequences(), [2]);
    assert_eq!(audit_lines(&log).len(), 1);
}

#[test]
fn the_environment_is_checked_when_the_function_starts() {
    let aws = Configuration::with(aws_config::SdkConfig::builder().build(), None);
    let made = |bucket: &str, days: &str| {
        let variables = [(ARCHIVE_BUCKET, bucket), (ARCHIVE_RETENTION_DAYS, days)];
        let variables: BTreeMap<_, _> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Auditor::from_environment(&Environment::of(variables), &aws).map(|_| ())
    };
    assert_eq!(made("", "731"), Err(ConfigurationError::Missing(ARCHIVE_BUCKET)));
    assert_eq!(made("audit", ""), Err(ConfigurationError::Missing(ARCHIVE_RETENTION_DAYS)));
    for days in ["0", "36501", "-1", "two years"] {
        let error = made("audit", days).unwrap_err();
        assert!(matches!(error, ConfigurationError::Invalid { variable: ARCHIVE_RETENTION_DAYS, .. }), "{error}");
    }
}

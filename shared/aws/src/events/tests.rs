use serde_json::{Value, json};

use super::*;
use crate::loopback::{Loopback, Received, Reply, record};

fn events(count: u64) -> Vec<Detail> {
    (1..=count).map(|sequence| Detail::announcing(record(sequence))).collect()
}

fn large(sequence: u64, bytes: usize) -> Detail {
    let mut record = record(sequence);
    record.requester = "x".repeat(bytes);
    Detail::announcing(record)
}

/// The sequences of the entries of a call.
fn sequences(call: &Received) -> Vec<u64> {
    let detail = |entry: &Value| serde_json::from_str::<Detail>(entry["Detail"].as_str().unwrap()).unwrap();
    call.json()["Entries"].as_array().unwrap().iter().map(|entry| detail(entry).data.sequence).collect()
}

/// Takes all entries but those of these sequences.
fn refusing(call: &Received, refused: &[u64]) -> Reply {
    let entries: Vec<Value> = sequences(call)
        .iter()
        .map(|sequence| {
            if refused.contains(sequence) {
                json!({"ErrorCode": "InternalFailure", "ErrorMessage": "not now"})
            } else {
                json!({"EventId": format!("id-{sequence}")})
            }
        })
        .collect();
    let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
    Reply::json(&json!({"FailedEntryCount": failed, "Entries": entries}))
}

fn calls(server: &Loopback) -> Vec<Vec<u64>> {
    server.received().iter().map(sequences).collect()
}

fn bus(server: &Loopback) -> Bus {
    Bus::new(&server.configuration(), "image-requests-test".to_owned())
}

#[tokio::test]
async fn events_go_out_in_order_ten_a_call() {
    let server = Loopback::start(|_, call| refusing(call, &[])).await;
    assert_eq!(bus(&server).publish_events(&events(23)).await.unwrap(), 23);
    let expected: Vec<Vec<u64>> = vec![(1..=10).collect(), (11..=20).collect(), (21..=23).collect()];
    assert_eq!(calls(&server), expected);
}

#[tokio::test]
async fn nothing_to_publish_makes_no_call() {
    let server = Loopback::start(|_, call| refusing(call, &[])).await;
    assert_eq!(bus(&server).publish_events(&[]).await.unwrap(), 0);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn an_entry_says_what_rules_match_on() {
    let server = Loopback::start(|_, call| refusing(call, &[])).await;
    let event = events(1);
    bus(&server).publish_events(&event).await.unwrap();
    let call = server.received().remove(0);
    assert_eq!(call.header("x-amz-target"), Some("AWSEvents.PutEvents"));
    let entry = &call.json()["Entries"][0];
    assert_eq!(entry["EventBusName"], "image-requests-test");
    assert_eq!(entry["Source"], "image-requests");
    assert_eq!(entry["DetailType"], "image.request.submitted");
    assert_eq!(entry["Time"], 1_795_459_905.123);
    assert_eq!(serde_json::from_str::<Detail>(entry["Detail"].as_str().unwrap()).unwrap(), event[0]);
}

#[tokio::test]
async fn a_call_stays_below_the_size_limit() {
    let server = Loopback::start(|_, call| refusing(call, &[])).await;
    let events: Vec<Detail> = (1..=4).map(|sequence| large(sequence, 100_000)).collect();
    assert_eq!(bus(&server).publish_events(&events).await.unwrap(), 4);
    assert_eq!(calls(&server), [[1, 2], [3, 4]]);
}

#[tokio::test]
async fn only_entries_that_failed_are_sent_again() {
    let server = Loopback::start(|number, call| match number {
        0 => refusing(call, &[2, 4]),
        1 => refusing(call, &[4]),
        _ => refusing(call, &[]),
    })
    .await;
    assert_eq!(bus(&server).publish_events(&events(5)).await.unwrap(), 5);
    assert_eq!(calls(&server), [vec![1, 2, 3, 4, 5], vec![2, 4], vec![4]]);
}

#[tokio::test]
async fn an_entry_that_keeps_failing_ends_the_prefix_after_three_rounds() {
    let server = Loopback::start(|_, call| refusing(call, &[13])).await;
    assert_eq!(bus(&server).publish_events(&events(25)).await.unwrap(), 12);
    let expected = [(1..=10).collect(), (11..=20).collect(), vec![13], vec![13], vec![13]];
    assert_eq!(calls(&server), expected, "what comes after it is left to the next attempt");
}

#[tokio::test]
async fn a_failing_call_after_a_partial_success_keeps_the_prefix() {
    let server = Loopback::start(|number, call| match number {
        0 => refusing(call, &[3]),
        _ => Reply::error(400, "ValidationException"),
    })
    .await;
    assert_eq!(bus(&server).publish_events(&events(5)).await.unwrap(), 2);
    assert_eq!(calls(&server), [vec![1, 2, 3, 4, 5], vec![3]]);
}

#[tokio::test]
async fn an_event_that_can_never_fit_is_named() {
    let server = Loopback::start(|_, call| refusing(call, &[])).await;
    let events = [large(1, MAX_BYTES)];
    let error = bus(&server).publish_events(&events).await.unwrap_err();
    assert!(!error.retryable);
    assert!(error.source.to_string().contains(&events[0].metadata.id.to_string()), "{}", error.source);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn events_before_one_that_can_never_fit_are_published() {
    let server = Loopback::start(|_, call| refusing(call, &[])).await;
    let events = [large(1, 10), large(2, MAX_BYTES), large(3, 10)];
    assert_eq!(bus(&server).publish_events(&events).await.unwrap(), 1);
    assert_eq!(calls(&server), [[1]]);
}

#[tokio::test]
async fn an_answer_that_leaves_entries_out_does_not_count_for_them() {
    let server =
        Loopback::start(|_, _| Reply::json(&json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))).await;
    let published = bus(&server).publish_events(&events(3)).await.unwrap();
    // Each round takes one more: the first, then the second, then the third.
    assert_eq!(published, 3);
    assert_eq!(calls(&server), [vec![1, 2, 3], vec![2, 3], vec![3]]);
}

#[tokio::test]
async fn throttling_and_errors_of_the_service_are_retryable_and_refusals_are_not() {
    for (status, code, retryable) in
        [(400, "ThrottlingException", true), (500, "InternalException", true), (400, "AccessDeniedException", false)]
    {
        let server = Loopback::start(move |_, _| Reply::error(status, code)).await;
        let error = bus(&server).publish_events(&events(1)).await.unwrap_err();
        assert_eq!(error.retryable, retryable, "{code}");
        assert!(error.source.to_string().contains(code), "{}", error.source);
    }
}

// Paused, the clock jumps to the next timer whenever everybody waits: the attempts' timeouts pass at once.
#[tokio::test(start_paused = true)]
async fn a_bus_that_does_not_answer_is_retryable() {
    let server = Loopback::start(|_, _| Reply::Never).await;
    assert!(bus(&server).publish_events(&events(1)).await.unwrap_err().retryable);
}

#[tokio::test]
async fn a_bus_that_cannot_be_reached_is_retryable() {
    let server = Loopback::start(|_, _| Reply::Never).await;
    let unreachable = bus(&server);
    drop(server);
    assert!(unreachable.publish_events(&events(1)).await.unwrap_err().retryable);
}

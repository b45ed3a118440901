use std::time::Duration;

use serde_json::json;

use super::super::StartingPosition;
use super::{function, refusal, system};

const RESOURCES: &str = "
  Journal:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Work:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60}
  Dead: {Type: AWS::SQS::Queue}
";

fn with_event(event_type: &str, properties: &str) -> String {
    let events = format!("      Events:\n        E: {{Type: {event_type}, Properties: {{{properties}}}}}\n");
    format!("Resources:{RESOURCES}{}", function(&events))
}

fn stream(properties: &str) -> String {
    with_event("DynamoDB", &format!("Stream: !GetAtt Journal.StreamArn, {properties}"))
}

fn queue(properties: &str) -> String {
    with_event("SQS", &format!("Queue: !GetAtt Work.Arn, {properties}"))
}

#[test]
fn a_stream_source_has_the_defaults_of_lambda() {
    let system = system(&stream("StartingPosition: LATEST"));
    let source = &system.streams[0];
    assert_eq!((source.table.as_str(), source.function.as_str()), ("cgr-request-Journal", "Worker"));
    assert_eq!(source.starting_position, StartingPosition::Latest);
    assert_eq!(source.batch_size, 100);
    assert_eq!(source.batching_window, Duration::ZERO);
    assert_eq!((source.maximum_retry_attempts, source.maximum_record_age), (None, None));
    assert!(!source.bisect && !source.report_batch_item_failures);
    assert!(source.filters.is_empty() && source.on_failure.is_none());
}

#[test]
fn a_stream_source_is_read_in_full() {
    let system = system(&stream(
        "StartingPosition: TRIM_HORIZON, BatchSize: 50, MaximumBatchingWindowInSeconds: 2, ParallelizationFactor: 1,
          BisectBatchOnFunctionError: true, FunctionResponseTypes: [ReportBatchItemFailures], MaximumRetryAttempts: 9,
          MaximumRecordAgeInSeconds: 3600, TumblingWindowInSeconds: 0, MetricsConfig: {Metrics: [EventCount]},
          DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}},
          FilterCriteria: {Filters: [{Pattern: '{\"eventName\":[\"INSERT\"]}'}, {Pattern: '{\"eventName\":[\"REMOVE\"]}'}]}",
    ));
    let source = &system.streams[0];
    assert_eq!(source.starting_position, StartingPosition::TrimHorizon);
    assert_eq!(source.batch_size, 50);
    assert_eq!(source.batching_window, Duration::from_secs(2));
    assert_eq!(source.maximum_retry_attempts, Some(9));
    assert_eq!(source.maximum_record_age, Some(Duration::from_hours(1)));
    assert!(source.bisect && source.report_batch_item_failures);
    assert_eq!(source.on_failure.as_deref(), Some("cgr-request-Dead"));
    let passes = |name: &str| source.filters.iter().any(|filter| filter.matches(&json!({ "eventName": name })));
    assert!(passes("INSERT") && passes("REMOVE") && !passes("MODIFY"));
    assert!(system.ignored.iter().any(|ignored| ignored.path.ends_with("Events.E.Properties.MetricsConfig")));
}

#[test]
fn minus_one_is_no_limit() {
    let system = system(&stream("StartingPosition: LATEST, MaximumRetryAttempts: -1, MaximumRecordAgeInSeconds: -1"));
    assert_eq!(system.streams[0].maximum_retry_attempts, None);
    assert_eq!(system.streams[0].maximum_record_age, None);
}

#[test]
fn a_queue_source_is_read_in_full() {
    let plain = system(&queue("BatchSize: 1"));
    assert_eq!(plain.queue_sources[0].maximum_concurrency, None);
    let full = system(&queue(
        "BatchSize: 25, MaximumBatchingWindowInSeconds: 5, ScalingConfig: {MaximumConcurrency: 3},
          FunctionResponseTypes: [ReportBatchItemFailures],
          FilterCriteria: {Filters: [{Pattern: '{\"body\":{\"kind\":[\"a\"]}}'}]}",
    ));
    let source = &full.queue_sources[0];
    assert_eq!((source.queue.as_str(), source.function.as_str()), ("cgr-request-Work", "Worker"));
    assert_eq!(source.batch_size, 25);
    assert_eq!(source.batching_window, Duration::from_secs(5));
    assert_eq!(source.maximum_concurrency, Some(3));
    assert!(source.report_batch_item_failures);
    assert!(source.filters[0].matches(&json!({ "body": { "kind": "a" } })));
}

#[test]
fn a_source_that_is_not_enabled_is_left_out_and_reported() {
    let system = system(&queue("Enabled: false"));
    assert!(system.queue_sources.is_empty());
    assert!(system.ignored.iter().any(|ignored| ignored.reason.contains("not enabled")));
}

#[test]
fn what_lambda_or_the_runtime_does_not_do_is_refused() {
    let cases = [
        (stream("BatchSize: 1"), "Events.E.Properties", "`StartingPosition` is missing"),
        (stream("StartingPosition: AT_TIMESTAMP"), "StartingPosition", "not one of TRIM_HORIZON, LATEST"),
        (stream("StartingPosition: LATEST, ParallelizationFactor: 2"), "ParallelizationFactor", "one order"),
        (stream("StartingPosition: LATEST, TumblingWindowInSeconds: 5"), "TumblingWindowInSeconds", "windows"),
        (stream("StartingPosition: LATEST, BatchSize: 0"), "BatchSize", "from 1 to 10000"),
        (stream("StartingPosition: LATEST, FunctionResponseTypes: [Other]"), "FunctionResponseTypes[0]", "`Other`"),
        (stream("StartingPosition: LATEST, Colour: blue"), "Events.E.Properties.Colour", "does not know this property"),
        (
            stream("StartingPosition: LATEST, DestinationConfig: {OnFailure: {Type: SNS, Destination: x}}"),
            "OnFailure.Type",
            "only queues",
        ),
        (
            stream("StartingPosition: LATEST, DestinationConfig: {OnSuccess: {Destination: x}}"),
            "OnSuccess",
            "only failures",
        ),
        (
            stream("StartingPosition: LATEST, FilterCriteria: {Filters: [{Pattern: '{'}]}"),
            "Filters[0].Pattern",
            "not JSON",
        ),
        (
            stream("StartingPosition: LATEST, FilterCriteria: {Filters: [{Pattern: '{\"a\":[{\"regex\":\"x\"}]}'}]}"),
            "Filters[0].Pattern",
            "event pattern at $.a[0].regex: `regex` is not an operator",
        ),
        (
            with_event("DynamoDB", "Stream: arn:other, StartingPosition: LATEST"),
            "Stream",
            "no table stream of this template",
        ),
        (with_event("SQS", "Queue: arn:other"), "Queue", "no queue of this template"),
        (queue("BatchSize: 11"), "Events.E.Properties", "MaximumBatchingWindowInSeconds of at least 1"),
        (queue("ScalingConfig: {MaximumConcurrency: 1}"), "MaximumConcurrency", "from 2 to 1000"),
    ];
    for (sections, place, named) in cases {
        let message = refusal(&sections);
        assert!(message.contains(place) && message.contains(named), "{place}: {message}");
    }
}

#[test]
fn a_message_stays_hidden_while_the_function_works_on_it() {
    let sections = |timeout: u32| {
        let events = format!(
            "
      Timeout: {timeout}
      Events: {{E: {{Type: SQS, Properties: {{Queue: !GetAtt Work.Arn}}}}}}
"
        );
        format!("Resources:{RESOURCES}{}", function(&events))
    };
    assert_eq!(system(&sections(60)).queue_sources.len(), 1);
    let message = refusal(&sections(61));
    assert!(message.contains("Resources.Work (line"), "{message}");
    assert!(
        message.contains("VisibilityTimeout is 60 s, less than the Timeout of `Worker`, which is 61 s"),
        "{message}"
    );
}

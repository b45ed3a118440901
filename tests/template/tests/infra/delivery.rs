//! Nothing that was taken is lost: batches, retries, dead letters and the alarms about them.

use std::collections::BTreeSet;
use std::time::Duration;

use local::template::TargetKind;
use serde_json::{Value, json};

use crate::deployed::{Deployed, deployed, listed, name, nothing_wrong};

/// The most that SQS keeps a message.
const FOURTEEN_DAYS: Duration = Duration::from_hours(14 * 24);
/// The most that a stream of DynamoDB keeps a record.
const STREAM_RETENTION: Duration = Duration::from_hours(24);
/// As Lambda asks, so that a batch that is throttled or retried is not seen twice.
const TIMEOUTS_IN_VISIBILITY: u32 = 6;
/// As Lambda asks, so that throttling alone does not make a message a dead letter.
const LEAST_RECEIVES: u32 = 5;

#[test]
fn every_asynchronous_trigger_has_somewhere_for_what_fails_for_good() {
    let deployed = deployed();
    let system = &deployed.system;
    let on_failure = |logical_id: &str| {
        system.functions.iter().find(|function| function.logical_id == logical_id).unwrap().on_failure.as_ref()
    };
    let mut problems = Vec::new();
    for source in &system.queue_sources {
        match &deployed.queue(&source.queue).redrive {
            None => problems.push(format!("{}, which {} reads, needs a RedrivePolicy", source.queue, source.function)),
            Some(redrive) if redrive.max_receive_count < LEAST_RECEIVES => {
                problems.push(format!("{}: its maxReceiveCount has to be at least {LEAST_RECEIVES}", source.queue));
            }
            Some(_) => {}
        }
    }
    for source in &system.streams {
        let function = &source.function;
        if source.on_failure.is_none() {
            problems.push(format!("{function}: its stream needs a DestinationConfig with OnFailure"));
        }
        // A record that the stream has forgotten goes nowhere.
        if source.maximum_record_age.is_none_or(|age| age >= STREAM_RETENTION) {
            problems.push(format!("{function}: its stream needs a MaximumRecordAgeInSeconds below a day"));
        }
    }
    for schedule in &system.schedules {
        if schedule.dead_letter_queue.is_none() {
            problems.push(format!("the schedule {} needs a DeadLetterConfig", schedule.name));
        }
        if on_failure(&schedule.function).is_none() {
            problems.push(format!(
                "{}, which is called by schedule, needs an EventInvokeConfig with OnFailure",
                schedule.function
            ));
        }
    }
    for rule in &system.rules {
        for target in &rule.targets {
            if target.dead_letter_queue.is_none() {
                problems.push(format!("{}: its target {} needs a DeadLetterConfig", rule.logical_id, target.id));
            }
            if let TargetKind::Function(function) = &target.kind
                && on_failure(function).is_none()
            {
                problems.push(format!(
                    "{function}, which {} calls, needs an EventInvokeConfig with OnFailure",
                    rule.logical_id
                ));
            }
        }
    }
    let has_triggers = [system.queue_sources.len(), system.streams.len(), system.schedules.len(), system.rules.len()];
    assert!(!has_triggers.contains(&0), "queues, streams, schedules, rules: {has_triggers:?}");
    nothing_wrong(&problems);
}

#[test]
fn dead_letters_are_kept_as_long_as_can_be() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for queue in
        deployed.system.queues.iter().filter(|queue| deployed.dead_letters().contains_key(queue.logical_id.as_str()))
    {
        if queue.retention != FOURTEEN_DAYS {
            problems.push(format!("{}: its MessageRetentionPeriod has to be 1209600, 14 days", queue.logical_id));
        }
        if queue.redrive.is_some() || deployed.system.queue_sources.iter().any(|source| source.queue == queue.name) {
            problems.push(format!("{} is for people to look at: let nothing read it", queue.logical_id));
        }
    }
    // SQS counts from the first sending on: what waited long in the queue has that much less time as a dead letter.
    for queue in deployed.system.queues.iter().filter(|queue| queue.redrive.is_some()) {
        if queue.retention >= FOURTEEN_DAYS {
            problems
                .push(format!("{}: keep its messages for less than the 14 days of its dead letters", queue.logical_id));
        }
    }
    nothing_wrong(&problems);
}

/// An alarm that fires at the first message, with somewhere to go.
fn is_about(alarm: &Value, queue: &str) -> bool {
    let properties = &alarm["Properties"];
    let threshold = (properties["ComparisonOperator"].as_str(), properties["Threshold"].as_i64());
    properties["Namespace"] == "AWS/SQS"
        && properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
        && properties["Dimensions"] == json!([{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}])
        && properties["Statistic"] == "Maximum"
        && properties["EvaluationPeriods"] == 1
        && matches!(
            threshold,
            (Some("GreaterThanThreshold"), Some(0)) | (Some("GreaterThanOrEqualToThreshold"), Some(1))
        )
        && properties["ActionsEnabled"] != false
        && properties["AlarmActions"] == json!([{"Ref": "AlarmTopic"}])
        && alarm["Condition"].is_null()
}

#[test]
fn every_dead_letter_queue_has_an_alarm_at_its_first_message() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (queue, from) in deployed.dead_letters() {
        if !deployed.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| is_about(alarm, queue)) {
            problems.push(format!(
                "{queue}, the dead letters of {from:?}, needs an alarm to AlarmTopic: Maximum of its ApproximateNumberOfMessagesVisible above 0 in one period"
            ));
        }
    }
    if deployed.properties("AWS::SNS::Topic", "AlarmTopic").is_null() {
        problems.push("AlarmTopic is missing".to_owned());
    }
    nothing_wrong(&problems);
}

#[test]
fn every_queue_that_nobody_reads_is_for_dead_letters_or_an_example() {
    let deployed = deployed();
    let dead_letters = deployed.dead_letters();
    let mut problems = Vec::new();
    for queue in &deployed.system.queues {
        let is_read = deployed.system.queue_sources.iter().any(|source| source.queue == queue.name);
        let is_used = is_read || dead_letters.contains_key(queue.logical_id.as_str());
        if !is_used && queue.logical_id != "ExampleDownstreamQueue" {
            problems.push(format!("{}: nothing reads it and nothing gives up into it", queue.logical_id));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn a_message_stays_hidden_six_times_as_long_as_its_function_may_run() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for source in &deployed.system.queue_sources {
        let function = deployed.functions()[deployed.crate_of(&source.function)];
        let least = function.timeout * TIMEOUTS_IN_VISIBILITY + source.batching_window;
        if deployed.queue(&source.queue).visibility_timeout < least {
            problems.push(format!(
                "{}: its VisibilityTimeout has to be at least {}, six times the timeout of {} and the batching window",
                deployed.queue(&source.queue).logical_id,
                least.as_secs(),
                source.function
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn one_bad_message_does_not_repeat_a_batch() {
    let deployed = deployed();
    let queues =
        deployed.system.queue_sources.iter().map(|source| (&source.function, source.report_batch_item_failures));
    let streams = deployed.system.streams.iter().map(|source| (&source.function, source.report_batch_item_failures));
    let silent = queues.chain(streams).filter(|(_, reports)| !reports);
    let problems: Vec<_> = silent
        .map(|(function, _)| format!("{function}: its source needs `FunctionResponseTypes: [ReportBatchItemFailures]`"))
        .collect();
    nothing_wrong(&problems);
}

#[test]
fn the_stream_hands_on_new_records_only_and_all_of_them() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for source in &deployed.system.streams {
        let takes = |event: &str| source.filters.iter().any(|filter| filter.matches(&json!({"eventName": event})));
        if !takes("INSERT") || takes("MODIFY") || takes("REMOVE") {
            problems.push(format!("{}: filter its stream with {{\"eventName\":[\"INSERT\"]}}", source.function));
        }
        if source.starting_position != local::template::StartingPosition::TrimHorizon {
            problems.push(format!(
                "{}: start at TRIM_HORIZON, or records from before the deployment are lost",
                source.function
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_source_is_on() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (id, function) in deployed.of_type("AWS::Serverless::Function") {
        for (event, source) in function["Properties"]["Events"].as_object().into_iter().flatten() {
            let state = (&source["Properties"]["Enabled"], &source["Properties"]["State"]);
            if *state.0 != Value::Null && *state.0 != true || *state.1 != Value::Null && state.1 != "ENABLED" {
                problems.push(format!("{id}: its event {event} is switched off"));
            }
        }
    }
    nothing_wrong(&problems);
}

/// The rules from which `EventBridge` may send to a queue, by the queue's policies.
fn senders(deployed: &Deployed, queue: &str) -> BTreeSet<String> {
    let arn = format!("${{{queue}.Arn}}");
    let mut senders = BTreeSet::new();
    for (_, policy) in deployed.of_type("AWS::SQS::QueuePolicy") {
        let is_for = listed(&policy["Properties"]["Queues"]).into_iter().any(|named| named["Ref"] == queue);
        for statement in listed(&policy["Properties"]["PolicyDocument"]["Statement"]).into_iter().filter(|_| is_for) {
            if statement["Resource"].is_object() && name(&statement["Resource"]) == arn {
                senders.extend(listed(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]).into_iter().map(name));
            }
        }
    }
    senders
}

#[test]
fn the_bus_may_send_to_the_queues_of_its_rules() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for rule in &deployed.system.rules {
        for target in &rule.targets {
            let queue = match &target.kind {
                TargetKind::Queue(queue) => Some(queue),
                TargetKind::Function(_) | TargetKind::LogGroup(_) => None,
            };
            for queue in queue.into_iter().chain(&target.dead_letter_queue) {
                let queue = &deployed.queue(queue).logical_id;
                if !senders(&deployed, queue).contains(&format!("${{{}.Arn}}", rule.logical_id)) {
                    problems
                        .push(format!("{queue}: its queue policy has to allow {}, by aws:SourceArn", rule.logical_id));
                }
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn a_queue_takes_messages_from_the_rules_of_this_stack_alone() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (id, policy) in deployed.of_type("AWS::SQS::QueuePolicy") {
        for statement in listed(&policy["Properties"]["PolicyDocument"]["Statement"]) {
            let sources = listed(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]);
            let are_rules = !sources.is_empty()
                && sources.iter().all(|source| {
                    let rule = source["Fn::GetAtt"][0].as_str().unwrap_or_default();
                    !deployed.properties("AWS::Events::Rule", rule).is_null()
                });
            let is_narrow = statement["Principal"] == json!({"Service": "events.amazonaws.com"})
                && statement["Action"] == "sqs:SendMessage"
                && are_rules;
            if statement["Effect"] != "Deny" && !is_narrow {
                problems.push(format!("{id}: allow events.amazonaws.com sqs:SendMessage, from this stack's rules by aws:SourceArn, and nothing else"));
            }
        }
    }
    nothing_wrong(&problems);
}

use std::time::Duration;

use serde_json::json;

use super::super::{TargetInput, TargetKind};
use super::{function, refusal, system};

const RESOURCES: &str = "
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: events, Description: x}
  Work: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Logs: {Type: AWS::Logs::LogGroup}
";

fn rule(properties: &str) -> String {
    format!(
        "Resources:{RESOURCES}{}
  Rule:
    Type: AWS::Events::Rule
    Properties: {{{properties}}}
",
        function("")
    )
}

fn target(properties: &str) -> String {
    rule(&format!("EventPattern: {{source: [x]}}, Targets: [{{Id: t, {properties}}}]"))
}

fn event(properties: &str) -> String {
    let events = format!("      Events:\n        E: {{Type: EventBridgeRule, Properties: {{{properties}}}}}\n");
    format!("Resources:{RESOURCES}{}", function(&events))
}

#[test]
fn a_rule_takes_events_of_its_bus_that_match() {
    let of_bus = |bus: &str| {
        let system =
            system(&rule(&format!("{bus} EventPattern: {{source: [x], detail: {{n: [{{numeric: ['>', 3]}}]}}}}")));
        system.rules[0].clone()
    };
    assert_eq!(of_bus("").bus, "default");
    assert_eq!(of_bus("EventBusName: default,").bus, "default");
    assert_eq!(of_bus("EventBusName: !Ref Bus,").bus, "events");
    let rule = of_bus("EventBusName: !GetAtt Bus.Arn,");
    assert_eq!(
        (rule.bus.as_str(), rule.logical_id.as_str(), rule.name.as_str()),
        ("events", "Rule", "cgr-request-Rule")
    );
    assert_eq!(rule.raw_pattern, json!({ "source": ["x"], "detail": { "n": [{ "numeric": [">", 3] }] } }));
    assert!(rule.pattern.matches(&json!({ "source": "x", "detail": { "n": 4 } })));
    assert!(!rule.pattern.matches(&json!({ "source": "x", "detail": { "n": 3 } })));
}

#[test]
fn patterns_are_evaluated() {
    let system = system(&rule(
        "EventPattern: {account: [!Ref AWS::AccountId], resources: [!Ref AWS::NoValue, !GetAtt Work.Arn]}",
    ));
    assert_eq!(
        system.rules[0].raw_pattern,
        json!({ "account": ["000000000000"], "resources": ["arn:aws:sqs:local:000000000000:cgr-request-Work"] })
    );
}

#[test]
fn a_rule_is_enabled_unless_it_says_otherwise() {
    let enabled = |state: &str| system(&rule(&format!("{state} EventPattern: {{source: [x]}}"))).rules[0].enabled;
    assert!(enabled(""));
    assert!(enabled("State: ENABLED,"));
    assert!(!enabled("State: DISABLED,"));
}

#[test]
fn targets_are_queues_functions_and_log_groups_of_the_template() {
    let kind = |arn: &str| system(&target(&format!("Arn: {arn}"))).rules[0].targets[0].kind.clone();
    assert_eq!(kind("!GetAtt Work.Arn"), TargetKind::Queue("cgr-request-Work".to_owned()));
    assert_eq!(kind("!GetAtt Worker.Arn"), TargetKind::Function("Worker".to_owned()));
    assert_eq!(kind("!GetAtt Logs.Arn"), TargetKind::LogGroup("cgr-request-Logs".to_owned()));
    let short = "!Sub 'arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Logs}'";
    assert_eq!(kind(short), TargetKind::LogGroup("cgr-request-Logs".to_owned()));
}

#[test]
fn a_target_has_its_input_dead_letters_and_retries() {
    let read = |properties: &str| {
        let system = system(&target(&format!("Arn: !GetAtt Work.Arn, {properties}")));
        system.rules[0].targets[0].clone()
    };
    let plain = read("RoleArn: x");
    assert_eq!((plain.id.as_str(), plain.input, plain.dead_letter_queue), ("t", None, None));
    assert_eq!((plain.retry.maximum_attempts, plain.retry.maximum_age), (185, Duration::from_hours(24)));
    let full = read(
        "DeadLetterConfig: {Arn: !GetAtt Dead.Arn}, RetryPolicy: {MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60}",
    );
    assert_eq!(full.dead_letter_queue.as_deref(), Some("cgr-request-Dead"));
    assert_eq!((full.retry.maximum_attempts, full.retry.maximum_age), (0, Duration::from_mins(1)));
    assert_eq!(read("Input: '{\"a\":1}'").input, Some(TargetInput::Constant(json!({ "a": 1 }))));
    assert_eq!(read("InputPath: $").input, Some(TargetInput::Part(Vec::new())));
    let part = TargetInput::Part(vec!["detail".to_owned(), "data".to_owned()]);
    assert_eq!(read("InputPath: $.detail.data").input, Some(part));
}

#[test]
fn an_event_of_a_function_is_a_rule() {
    let system = system(&event(
        "EventBusName: !Ref Bus, Pattern: {source: [x]}, State: DISABLED, DeadLetterConfig: {Type: SQS, Arn: !GetAtt Dead.Arn}",
    ));
    let rule = &system.rules[0];
    assert_eq!((rule.logical_id.as_str(), rule.bus.as_str(), rule.enabled), ("WorkerE", "events", false));
    assert_eq!(rule.targets[0].id, "WorkerELambdaTarget");
    assert_eq!(rule.targets[0].kind, TargetKind::Function("Worker".to_owned()));
    assert_eq!(rule.targets[0].dead_letter_queue.as_deref(), Some("cgr-request-Dead"));
}

#[test]
fn what_does_not_exist_or_is_not_done_is_refused() {
    let cases = [
        (
            target("Arn: arn:aws:sqs:us-east-1:123456789012:other"),
            "Targets[0].Arn",
            "has the ARN arn:aws:sqs:us-east-1:123456789012:other",
        ),
        (target("Arn: !Ref Work"), "Targets[0].Arn", "https://sqs.local"),
        (
            target("Arn: !GetAtt Work.Arn, DeadLetterConfig: {Arn: arn:x}"),
            "DeadLetterConfig.Arn",
            "no queue of this template",
        ),
        (target("Arn: !GetAtt Work.Arn, InputTransformer: {InputTemplate: x}"), "InputTransformer", "as they are"),
        (target("Arn: !GetAtt Work.Arn, InputPath: '$.detail.list[0]'"), "InputPath", "field names"),
        (target("Arn: !GetAtt Work.Arn, Input: '1', InputPath: $"), "InputPath", "not both"),
        (target("Arn: !GetAtt Work.Arn, Input: text"), "Input", "not JSON"),
        (target("Arn: !GetAtt Work.Arn, SqsParameters: {MessageGroupId: x}"), "SqsParameters", "further settings"),
        (target("Arn: !GetAtt Work.Arn, Weight: 1"), "Targets[0].Weight", "does not know"),
        (rule("EventPattern: {source: x}"), "EventPattern", "at $.source"),
        (rule("Targets: []"), "Rule.Properties", "`EventPattern` is missing"),
        (rule("ScheduleExpression: rate(1 day)"), "ScheduleExpression", "ScheduleV2"),
        (
            rule("EventBusName: other, EventPattern: {source: [x]}"),
            "EventBusName",
            "no event bus of this template is called other",
        ),
        (
            event("Pattern: {source: [x]}, DeadLetterConfig: {Type: SQS, QueueLogicalId: Mine}"),
            "QueueLogicalId",
            "write the queue",
        ),
    ];
    for (sections, place, named) in cases {
        let message = refusal(&sections);
        assert!(message.contains(place) && message.contains(named), "{place}: {message}");
    }
}

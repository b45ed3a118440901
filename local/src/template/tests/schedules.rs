use std::time::Duration;

use serde_json::json;

use super::super::Schedule;
use super::{function, refusal, system};

const RESOURCES: &str = "\n  Dead: {Type: AWS::SQS::Queue}\n";

fn event(event_type: &str, properties: &str) -> String {
    let events = format!("      Events:\n        E: {{Type: {event_type}, Properties: {{{properties}}}}}\n");
    format!("Resources:{RESOURCES}{}", function(&events))
}

fn only(sections: &str) -> Schedule {
    let mut schedules = system(sections).schedules;
    assert_eq!(schedules.len(), 1);
    schedules.remove(0)
}

#[test]
fn rates_are_intervals() {
    let cases = [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(1 hour)", 3600),
        ("rate(12 hours)", 43_200),
        ("rate(1 day)", 86_400),
        ("rate(7 days)", 604_800),
    ];
    for (expression, seconds) in cases {
        let schedule = only(&event("ScheduleV2", &format!("ScheduleExpression: {expression}")));
        assert_eq!(schedule.every, Duration::from_secs(seconds), "{expression}");
    }
}

#[test]
fn what_depends_on_the_time_of_day_or_is_no_rate_is_refused() {
    let cases = [
        ("cron(0 12 * * ? *)", "cannot be honoured on one machine: cron(0 12 * * ? *)"),
        ("at(2030-01-01T00:00:00)", "cannot be honoured"),
        ("rate(1 minutes)", "`rate(1 minutes)` is not"),
        ("rate(5 minute)", "`rate(5 minute)` is not"),
        ("rate(1 hours)", "is not an expression"),
        ("rate(0 minutes)", "is not an expression"),
        ("rate(5 weeks)", "is not an expression"),
        ("rate(4294967295 days)", "is not an expression"),
        ("hourly", "is not an expression"),
    ];
    for (expression, named) in cases {
        let message = refusal(&event("ScheduleV2", &format!("ScheduleExpression: '{expression}'")));
        assert!(message.contains("Events.E.Properties.ScheduleExpression") && message.contains(named), "{message}");
    }
}

#[test]
fn the_three_ways_to_write_a_schedule_are_read() {
    let v2 = only(&event(
        "ScheduleV2",
        "ScheduleExpression: rate(1 hour), Input: '{\"task\":\"sweep\"}', State: DISABLED, OmitName: true,
          RetryPolicy: {MaximumRetryAttempts: 3}, DeadLetterConfig: {Type: SQS, Arn: !GetAtt Dead.Arn}",
    ));
    assert_eq!((v2.name.as_str(), v2.function.as_str(), v2.enabled), ("WorkerE", "Worker", false));
    assert_eq!(v2.input, Some(json!({ "task": "sweep" })));
    assert_eq!((v2.retry.maximum_attempts, v2.retry.maximum_age), (3, Duration::from_hours(24)));
    assert_eq!(v2.dead_letter_queue.as_deref(), Some("cgr-request-Dead"));

    let rule = only(&event("Schedule", "Schedule: rate(1 hour), Name: hourly, Enabled: false"));
    assert_eq!((rule.name.as_str(), rule.enabled, rule.input), ("hourly", false, None));
    assert!(only(&event("Schedule", "Schedule: rate(1 hour)")).enabled);

    let resource = only(&format!(
        "Resources:{RESOURCES}{}
  Hourly:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 hour)
      FlexibleTimeWindow: {{Mode: 'OFF'}}
      Target: {{Arn: !GetAtt Worker.Arn, RoleArn: x, Input: '{{}}'}}
",
        function("")
    ));
    assert_eq!((resource.name.as_str(), resource.function.as_str()), ("cgr-request-Hourly", "Worker"));
    assert_eq!(resource.input, Some(json!({})));
}

#[test]
fn what_a_schedule_cannot_do_here_is_refused() {
    let cases = [
        (event("ScheduleV2", "ScheduleExpression: rate(1 day), EndDate: '2030-01-01T00:00:00Z'"), "EndDate"),
        (
            event(
                "ScheduleV2",
                "ScheduleExpression: rate(1 day), Input: '{\"at\":\"<aws.scheduler.scheduled-time>\"}'",
            ),
            "placeholders",
        ),
        (event("ScheduleV2", "ScheduleExpression: rate(1 day), Input: text"), "not JSON"),
        (
            format!(
                "Resources:{RESOURCES}\n  S:\n    Type: AWS::Scheduler::Schedule\n    Properties: {{ScheduleExpression: rate(1 day), Target: {{Arn: !GetAtt Dead.Arn}}}}\n"
            ),
            "a schedule calls a function",
        ),
    ];
    for (sections, named) in cases {
        let message = refusal(&sections);
        assert!(message.contains(named), "{message}");
    }
}

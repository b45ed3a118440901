//! Nothing is silently left out: each case names the place and the reason.

use super::super::{kinds, meaningless};
use super::{function, refusal, system, template};

#[test]
fn resource_types_that_are_not_known_are_refused_by_name() {
    for (resource_type, reason) in [
        ("AWS::EC2::Instance", "is not a resource type that the embedded runtime knows"),
        ("AWS::Serverless::StateMachine", "is not a resource type"),
        ("AWS::Lambda::Function", "is written as AWS::Serverless::Function"),
        ("AWS::Lambda::EventSourceMapping", "is written as an event"),
        ("AWS::Serverless::Api", "REST API"),
        ("AWS::ApiGatewayV2::Route", "HttpApi event"),
    ] {
        let message = refusal(&format!("\nResources:\n  It:\n    Type: {resource_type}\n"));
        assert!(message.contains("Resources.It.Type (line 6)"), "{message}");
        assert!(message.contains(resource_type) && message.contains(reason), "{message}");
    }
}

#[test]
fn event_types_that_do_not_happen_are_refused_by_name() {
    for event_type in ["S3", "SNS", "Kinesis", "Api", "MSK", "IoTRule", "Cognito"] {
        let events = format!("      Events: {{E: {{Type: {event_type}, Properties: {{A: b}}}}}}\n");
        let message = refusal(&format!("Resources:{}", function(&events)));
        assert!(message.contains("Resources.Worker.Properties.Events.E.Type (line"), "{message}");
    }
}

#[test]
fn properties_of_a_function_that_change_it_are_refused_by_name() {
    let cases = [
        ("InlineCode: x", "InlineCode", "crate"),
        ("PackageType: Image", "PackageType", "containers"),
        ("ImageUri: x", "ImageUri", "containers"),
        ("FunctionUrlConfig: {AuthType: NONE}", "FunctionUrlConfig", "HttpApi"),
        ("FileSystemConfigs: []", "FileSystemConfigs", "mount"),
        ("Layers: [arn:aws:lambda:x]", "Layers", "layer"),
        ("Runtime: nodejs22.x", "Runtime", "nodejs22.x does not run Rust"),
        ("Timeout: 901", "Timeout", "from 1 to 900"),
        ("Timeout: soon", "Timeout", "whole number"),
        ("Environment: {Variables: {A: {b: c}}}", "Environment.Variables.A", "text"),
        ("Environment: {Secrets: {}}", "Environment.Secrets", "does not know"),
        ("EventInvokeConfig: {MaximumRetryAttempts: 3}", "MaximumRetryAttempts", "from 0 to 2"),
        ("EventInvokeConfig: {DestinationConfig: {OnSuccess: {}}}", "OnSuccess", "failures"),
        ("DeadLetterQueue: {Type: SNS, TargetArn: x}", "DeadLetterQueue.Type", "only queues"),
        ("DurableConfig: {}", "Worker.Properties.DurableConfig", "does not know this property"),
        ("Evnironment: {}", "Worker.Properties.Evnironment", "does not know this property"),
    ];
    for (property, place, named) in cases {
        let (name, _) = property.split_once(':').unwrap();
        let properties = function(&format!("      {property}\n"));
        // A property that the helper writes, too, is replaced.
        let properties = match name {
            "Runtime" => properties.replace("      Runtime: provided.al2023\n", ""),
            _ => properties,
        };
        let message = refusal(&format!("Resources:{properties}"));
        assert!(
            message.contains(place) && message.contains(named) && message.contains("(line"),
            "{property}: {message}"
        );
    }
}

#[test]
fn properties_without_meaning_are_reported_with_their_reason() {
    let all: Vec<_> = meaningless::FUNCTION.iter().map(|(name, _)| format!("      {name}: {{a: b}}\n")).collect();
    let system = system(&format!("Resources:{}", function(&all.concat())));
    assert_eq!(system.ignored.len(), meaningless::FUNCTION.len());
    for (name, reason) in meaningless::FUNCTION {
        let path = format!("Resources.Worker.Properties.{name}");
        let found = system.ignored.iter().find(|ignored| ignored.path == path);
        assert_eq!(found.map(|ignored| ignored.reason), Some(*reason), "{name}");
        assert!(!reason.is_empty());
    }
}

#[test]
fn resources_without_meaning_are_reported_with_their_reason() {
    let system = system(
        "\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n  Role:\n    Type: AWS::IAM::Role\n    Properties: {Anything: {at: all}}\n",
    );
    let [role] = &system.ignored[..] else {
        panic!("one resource is ignored: {:?}", system.ignored);
    };
    assert_eq!(role.path, "Resources.Role");
    assert_eq!(kinds::Kind::WithoutMeaning(role.reason), kinds::of("AWS::IAM::Role"));
}

#[test]
fn sections_attributes_and_transforms_that_are_not_read_are_refused() {
    let queue = "Resources:\n  Queue: {Type: AWS::SQS::Queue}\n";
    let cases = [
        (format!("Hooks: {{}}\n{queue}"), "Hooks (line"),
        (format!("Globals: {{Api: {{Name: x}}}}\n{queue}"), "Globals.Api (line"),
        (format!("Globals: {{Function: {{Role: x}}}}\n{queue}"), "Globals.Function.Role (line"),
        (
            "Resources:\n  Queue: {Type: AWS::SQS::Queue, CreationPolicy: {}}\n".to_owned(),
            "Resources.Queue.CreationPolicy (line",
        ),
        ("Resources:\n  Queue: {Properties: {}}\n".to_owned(), "a resource has a Type"),
        ("Resources:\n  Queue: text\n".to_owned(), "Resources.Queue (line 4): a mapping belongs here"),
        ("Resources: {}\n".to_owned(), "at least one resource"),
    ];
    for (sections, named) in cases {
        let message = refusal(&sections);
        assert!(message.contains(named), "{sections}: {message}");
    }
    for header in ["", "Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]\n"] {
        let error = super::Template::parse(&format!("{header}{queue}")).unwrap_err().to_string();
        assert!(error.contains("no other transform"), "{error}");
    }
    assert!(template("AWSTemplateFormatVersion: 1\n").is_err());
}

#[test]
fn everything_wrong_is_said_at_once() {
    let message = refusal(
        "
Resources:
  One: {Type: AWS::EC2::VPC}
  Two: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  Three: {Type: AWS::S3::Bucket, Properties: {WebsiteConfiguration: {}}}
",
    );
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines.len(), 3, "{message}");
    assert!(lines[0].starts_with("Resources.One.Type (line 5)"), "{message}");
}

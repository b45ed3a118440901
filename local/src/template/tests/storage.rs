use std::time::Duration;

use serde_json::{Value, json};

use super::super::{InitialValue, Redrive, Retention};
use super::{refusal, system};

fn resource(resource_type: &str, properties: &str) -> String {
    format!(
        "\nResources:\n  It:\n    Type: {resource_type}\n    Properties: {{{properties}}}\n  Dead: {{Type: AWS::SQS::Queue}}\n"
    )
}

const KEYS: &str =
    "AttributeDefinitions: [{AttributeName: pk, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: HASH}]";

fn create_table(more: &str) -> Value {
    system(&resource("AWS::DynamoDB::Table", &format!("{KEYS}, {more}"))).tables[0].create_table.clone()
}

#[test]
fn a_table_is_the_request_that_creates_it() {
    let system = system(&resource(
        "AWS::DynamoDB::Table",
        "TableName: requests, BillingMode: PAY_PER_REQUEST,
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: sk, AttributeType: N}, {AttributeName: due, AttributeType: B}],
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}],
      GlobalSecondaryIndexes: [{IndexName: due, KeySchema: [{AttributeName: due, KeyType: HASH}], Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [a]}}],
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES},
      TimeToLiveSpecification: {AttributeName: expiresAt, Enabled: true},
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}",
    ));
    let table = &system.tables[0];
    assert_eq!((table.logical_id.as_str(), table.name.as_str()), ("It", "requests"));
    assert_eq!(table.time_to_live_attribute.as_deref(), Some("expiresAt"));
    assert_eq!(
        table.create_table,
        json!({
            "TableName": "requests",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "N" },
                { "AttributeName": "due", "AttributeType": "B" }
            ],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
            "GlobalSecondaryIndexes": [{
                "IndexName": "due",
                "KeySchema": [{ "AttributeName": "due", "KeyType": "HASH" }],
                "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"] }
            }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" }
        })
    );
}

#[test]
fn numbers_of_a_table_may_be_texts() {
    let request = create_table("ProvisionedThroughput: {ReadCapacityUnits: '5', WriteCapacityUnits: 6}");
    assert_eq!(request["ProvisionedThroughput"], json!({ "ReadCapacityUnits": 5, "WriteCapacityUnits": 6 }));
}

#[test]
fn a_time_to_live_that_is_off_is_none() {
    let properties = format!("{KEYS}, TimeToLiveSpecification: {{AttributeName: e, Enabled: false}}");
    let system = system(&resource("AWS::DynamoDB::Table", &properties));
    assert_eq!(system.tables[0].time_to_live_attribute, None);
}

#[test]
fn a_queue_has_the_defaults_of_sqs() {
    let system = system(&resource("AWS::SQS::Queue", "QueueName: work"));
    let queue = system.queues.iter().find(|queue| queue.logical_id == "It").unwrap();
    assert_eq!(queue.name, "work");
    assert_eq!(queue.arn, "arn:aws:sqs:local:000000000000:work");
    assert_eq!(queue.url, "https://sqs.local/work");
    assert_eq!(queue.visibility_timeout, Duration::from_secs(30));
    assert_eq!(queue.delay, Duration::ZERO);
    assert_eq!(queue.retention, Duration::from_hours(96));
    assert_eq!(queue.redrive, None);
}

#[test]
fn a_queue_is_read_in_full() {
    let system = system(&resource(
        "AWS::SQS::Queue",
        "VisibilityTimeout: 90, DelaySeconds: 3, MessageRetentionPeriod: 600, SqsManagedSseEnabled: true,
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 4}",
    ));
    let queue = system.queues.iter().find(|queue| queue.logical_id == "It").unwrap();
    assert_eq!(queue.visibility_timeout, Duration::from_secs(90));
    assert_eq!(queue.delay, Duration::from_secs(3));
    assert_eq!(queue.retention, Duration::from_mins(10));
    let redrive = Redrive { max_receive_count: 4, dead_letter_queue: "cgr-request-Dead".to_owned() };
    assert_eq!(queue.redrive, Some(redrive));
}

#[test]
fn a_bucket_says_whether_and_how_long_objects_are_locked() {
    let bucket = |properties: &str| system(&resource("AWS::S3::Bucket", properties)).buckets[0].clone();
    let plain = bucket("BucketEncryption: {}");
    assert_eq!((plain.name.as_str(), plain.object_lock, plain.default_retention), ("cgr-request-it", false, None));
    let locked = bucket(
        "BucketName: archive, ObjectLockEnabled: true,
      ObjectLockConfiguration: {ObjectLockEnabled: Enabled, Rule: {DefaultRetention: {Mode: COMPLIANCE, Years: 2}}}",
    );
    let retention = Retention { compliance: true, period: Duration::from_hours(24 * 730) };
    assert_eq!((locked.name.as_str(), locked.object_lock), ("archive", true));
    assert_eq!(locked.default_retention, Some(retention));
}

#[test]
fn a_secret_starts_with_what_the_template_says() {
    let initial = |properties: &str| {
        system(&resource("AWS::SecretsManager::Secret", properties)).secrets[0].initial_value.clone()
    };
    assert_eq!(initial("Description: x"), InitialValue::Nothing);
    assert_eq!(initial("SecretString: '{}'"), InitialValue::Given("{}".to_owned()));
    let generated = InitialValue::Generated { length: 32, member_of: None };
    assert_eq!(initial("GenerateSecretString: {ExcludePunctuation: true}"), generated);
    let members = json!({ "user": "x" }).as_object().unwrap().clone();
    let member = InitialValue::Generated { length: 64, member_of: Some((members, "password".to_owned())) };
    let template = "GenerateSecretString: {PasswordLength: 64, SecretStringTemplate: '{\"user\":\"x\"}', GenerateStringKey: password}";
    assert_eq!(initial(template), member);
    let named = system(&resource("AWS::SecretsManager::Secret", "Name: keys"));
    assert_eq!(named.secrets[0].arn, "arn:aws:secretsmanager:local:000000000000:secret:keys");
}

#[test]
fn what_is_stored_otherwise_is_refused() {
    let table = |more: &str| resource("AWS::DynamoDB::Table", &format!("{KEYS}, {more}"));
    let cases = [
        (table("KinesisStreamSpecification: {StreamArn: x}"), "KinesisStreamSpecification", "does not do this"),
        (table("StreamSpecification: {StreamViewType: ALL}"), "StreamViewType", "`ALL`"),
        (table("BillingMode: FREE"), "BillingMode", "`FREE`"),
        (table("Shape: round"), "It.Properties.Shape", "does not know"),
        (
            table(
                "LocalSecondaryIndexes: [{IndexName: l, KeySchema: [{AttributeName: other, KeyType: HASH}], Projection: {ProjectionType: ALL}}]",
            ),
            "It.Properties",
            "`other` is not both",
        ),
        (
            resource(
                "AWS::DynamoDB::Table",
                "AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: more, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: HASH}]",
            ),
            "It.Properties",
            "`more` is not both",
        ),
        (resource("AWS::SQS::Queue", "FifoQueue: true"), "FifoQueue", "first in"),
        (resource("AWS::SQS::Queue", "MaximumMessageSize: 1024"), "MaximumMessageSize", "measured"),
        (resource("AWS::SQS::Queue", "VisibilityTimeout: 99999"), "VisibilityTimeout", "43200"),
        (
            resource("AWS::SQS::Queue", "RedrivePolicy: {deadLetterTargetArn: arn:x, maxReceiveCount: 1}"),
            "deadLetterTargetArn",
            "no queue",
        ),
        (resource("AWS::S3::Bucket", "NotificationConfiguration: {}"), "NotificationConfiguration", "nothing else"),
        (
            resource("AWS::SecretsManager::Secret", "SecretString: a, GenerateSecretString: {}"),
            "It.Properties",
            "`SecretString` or",
        ),
        (resource("AWS::Events::EventBus", "Name: b, EventSourceName: aws.partner/x"), "EventSourceName", "partner"),
        (resource("AWS::Events::EventBus", "Description: b"), "It.Properties", "`Name` is missing"),
    ];
    for (sections, place, named) in cases {
        let message = refusal(&sections);
        assert!(message.contains(place) && message.contains(named), "{place}: {message}");
    }
}

#[test]
fn names_are_given_once_and_dead_letters_do_not_come_back() {
    let twice = "
Resources:
  One: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  Two: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
";
    assert!(refusal(twice).contains("the queue `One` is called q, too"));
    let round = "
Resources:
  One:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Two.Arn, maxReceiveCount: 1}}
  Two:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt One.Arn, maxReceiveCount: 1}}
";
    let message = refusal(round);
    assert!(message.contains("Resources.One (line 5): its dead letters come back to it"), "{message}");
}

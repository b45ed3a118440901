//! What is kept: tables, the archive, queues, secrets.

use domain::link::KeyRing;
use serde_json::{Value, json};

use crate::deployed::{deployed, listed, nothing_wrong};

/// The indexes of `Requests`: name, partition key, sort key.
const INDEXES: &[(&str, &str, &str)] = &[
    ("by-status", "statusKey", "listKey"),
    ("by-team", "teamKey", "listKey"),
    ("by-requester", "requesterKey", "listKey"),
    ("by-image", "imageKey", "listKey"),
    ("due", "dueKey", "dueAt"),
];

fn key_schema(partition: &str, sort: &str) -> Value {
    json!([{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}])
}

#[test]
fn deleting_the_stack_keeps_the_tables_and_the_archive() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for type_name in ["AWS::DynamoDB::Table", "AWS::S3::Bucket"] {
        for (id, resource) in deployed.of_type(type_name) {
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                if resource[policy] != "Retain" {
                    problems.push(format!("{id}: set its {policy} to Retain"));
                }
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn tables_can_be_taken_back_to_any_second_and_are_encrypted() {
    let deployed = deployed();
    let mut problems = Vec::new();
    let mut tables = Vec::new();
    for (id, table) in deployed.of_type("AWS::DynamoDB::Table") {
        tables.push(id);
        let properties = &table["Properties"];
        if properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
            problems.push(format!("{id}: enable its point-in-time recovery"));
        }
        if properties["SSESpecification"]["SSEEnabled"] != true {
            problems.push(format!("{id}: set SSEEnabled"));
        }
        if properties["BillingMode"] != "PAY_PER_REQUEST" {
            problems.push(format!("{id}: bill it per request, or a burst is throttled"));
        }
        if !properties["ResourcePolicy"].is_null() {
            problems.push(format!("{id}: rights are in the functions' roles; drop its ResourcePolicy"));
        }
    }
    assert_eq!(tables, ["JournalTable", "RequestsTable"]);
    nothing_wrong(&problems);
}

#[test]
fn the_journal_is_protected_streamed_and_keyed_by_request_and_sequence() {
    let deployed = deployed();
    let journal = deployed.properties("AWS::DynamoDB::Table", "JournalTable");
    let mut problems = Vec::new();
    if journal["DeletionProtectionEnabled"] != true {
        problems.push("JournalTable: set DeletionProtectionEnabled, whatever the stage".to_owned());
    }
    if journal["StreamSpecification"]["StreamViewType"] != "NEW_IMAGE" {
        problems.push("JournalTable: its stream has to carry NEW_IMAGE, which the router publishes".to_owned());
    }
    if journal["KeySchema"] != key_schema("requestId", "sequence") {
        problems.push("JournalTable: its key has to be requestId and sequence".to_owned());
    }
    let attributes = json!([
        {"AttributeName": "requestId", "AttributeType": "S"},
        {"AttributeName": "sequence", "AttributeType": "N"},
    ]);
    if journal["AttributeDefinitions"] != attributes {
        problems.push(
            "JournalTable: requestId is text, sequence a number, and no other attribute is part of a key".to_owned(),
        );
    }
    for other in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes", "TimeToLiveSpecification"] {
        if !journal[other].is_null() {
            problems.push(format!("JournalTable: drop {other}; a record is found by its key and stays"));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn the_requests_table_has_its_indexes_and_forgets_by_expires_at() {
    let deployed = deployed();
    let requests = deployed.properties("AWS::DynamoDB::Table", "RequestsTable");
    let mut problems = Vec::new();
    if requests["KeySchema"] != key_schema("pk", "sk") {
        problems.push("RequestsTable: its key has to be pk and sk".to_owned());
    }
    if requests["TimeToLiveSpecification"] != json!({"AttributeName": "expiresAt", "Enabled": true}) {
        problems.push("RequestsTable: its time to live has to be expiresAt".to_owned());
    }
    if deployed.written["Resources"]["RequestsTable"]["Properties"]["DeletionProtectionEnabled"]
        != json!({"Fn::If": ["IsProduction", true, false]})
    {
        problems.push("RequestsTable: protect it from deletion in production".to_owned());
    }
    if !requests["StreamSpecification"].is_null() {
        problems.push("RequestsTable: it needs no stream; events are in the journal".to_owned());
    }
    let indexes = listed(&requests["GlobalSecondaryIndexes"]);
    for (name, partition, sort) in INDEXES {
        let index = indexes.iter().find(|index| index["IndexName"] == *name);
        let is_right = index.is_some_and(|index| {
            index["KeySchema"] == key_schema(partition, sort) && index["Projection"]["ProjectionType"] == "ALL"
        });
        if !is_right {
            problems
                .push(format!("RequestsTable: its index {name} has to be by {partition} and {sort}, with whole items"));
        }
    }
    if indexes.len() != INDEXES.len() {
        problems.push(
            "RequestsTable: an index without an access pattern; name its pattern in INDEXES or drop it".to_owned(),
        );
    }
    nothing_wrong(&problems);
}

#[test]
fn what_is_archived_cannot_be_changed_or_seen() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (id, bucket) in deployed.of_type("AWS::S3::Bucket") {
        let properties = &bucket["Properties"];
        let lock = &properties["ObjectLockConfiguration"];
        let retention = &lock["Rule"]["DefaultRetention"];
        if properties["ObjectLockEnabled"] != true || lock["ObjectLockEnabled"] != "Enabled" {
            problems.push(format!("{id}: enable Object Lock"));
        }
        if retention["Mode"] != "COMPLIANCE" || retention["Days"] != json!({"Ref": "ArchiveRetentionDays"}) {
            problems.push(format!("{id}: lock by default, in mode COMPLIANCE, for ArchiveRetentionDays"));
        }
        if properties["VersioningConfiguration"]["Status"] != "Enabled" {
            problems.push(format!("{id}: enable versioning, which Object Lock needs"));
        }
        for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"] {
            if properties["PublicAccessBlockConfiguration"][block] != true {
                problems.push(format!("{id}: set {block}"));
            }
        }
        if properties["OwnershipControls"]["Rules"] != json!([{"ObjectOwnership": "BucketOwnerEnforced"}]) {
            problems.push(format!("{id}: let the bucket own its objects, without ACLs"));
        }
        if properties["BucketEncryption"]["ServerSideEncryptionConfiguration"].is_null() {
            problems.push(format!("{id}: give it a BucketEncryption"));
        }
        if !properties["LifecycleConfiguration"].is_null() {
            problems.push(format!("{id}: nothing in it expires; drop its LifecycleConfiguration"));
        }
        let tls_only = json!({
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [{"Fn::GetAtt": [id, "Arn"]}, {"Fn::Sub": format!("${{{id}.Arn}}/*")}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        });
        let is_tls_only = deployed.of_type("AWS::S3::BucketPolicy").any(|(_, policy)| {
            policy["Properties"]["Bucket"]["Ref"] == id
                && listed(&policy["Properties"]["PolicyDocument"]["Statement"]).into_iter().any(|statement| {
                    let mut statement = statement.clone();
                    statement.as_object_mut().unwrap().remove("Sid");
                    statement == tls_only
                })
        });
        if !is_tls_only {
            problems.push(format!(
                "{id}: deny everything to everybody without TLS, on it and its objects, in its bucket policy"
            ));
        }
    }
    assert_eq!(deployed.system.buckets.len(), 1);
    nothing_wrong(&problems);
}

#[test]
fn records_stay_for_two_years_unless_the_operator_says_otherwise() {
    let deployed = deployed();
    let days = deployed.raw["Parameters"]["ArchiveRetentionDays"]["Default"].as_u64();
    assert!(days.is_some_and(|days| days >= 731), "ArchiveRetentionDays: its default has to be two years, 731 days");
}

#[test]
fn every_queue_is_encrypted() {
    let deployed = deployed();
    let open =
        deployed.of_type("AWS::SQS::Queue").filter(|(_, queue)| queue["Properties"]["SqsManagedSseEnabled"] != true);
    nothing_wrong(&open.map(|(id, _)| format!("{id}: set SqsManagedSseEnabled")).collect::<Vec<_>>());
}

#[test]
fn no_secret_is_in_the_template() {
    let deployed = deployed();
    let first_values = [("ChainguardSecret", r#"{"kind":"unconfigured"}"#), ("NotificationSecret", "{}")];
    let mut problems = Vec::new();
    for (id, secret) in deployed.of_type("AWS::SecretsManager::Secret") {
        let value = &secret["Properties"]["SecretString"];
        if value.is_null() && secret["Properties"]["GenerateSecretString"].is_object() {
            continue;
        }
        if !first_values.iter().any(|(known, first)| *known == id && value == first) {
            problems.push(format!(
                "{id}: its value is for an operator to fill in; write a first value without a secret, and name it here"
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn the_first_link_keys_are_made_by_the_deployment_and_work_as_they_are() {
    let deployed = deployed();
    let made = &deployed.properties("AWS::SecretsManager::Secret", "LinkKeys")["GenerateSecretString"];
    let mut secret: Value = serde_json::from_str(made["SecretStringTemplate"].as_str().unwrap()).unwrap();
    // As Secrets Manager does it; letters and digits have six bits each, so that 64 of them are more than the key needs.
    assert_eq!(made["ExcludePunctuation"], true);
    let length = usize::try_from(made["PasswordLength"].as_u64().unwrap()).unwrap();
    assert!(length >= 64, "{length}");
    secret[made["GenerateStringKey"].as_str().unwrap()] = "x".repeat(length).into();
    KeyRing::from_json(&secret.to_string()).unwrap();
}

//! What an operator and other stacks are told.

use crate::deployed::{deployed, nothing_wrong, references};

/// Outputs and the resource that each is about.
const OUTPUTS: &[(&str, &str)] = &[
    ("ApiUrl", "Api"),
    ("ChainguardEventsUrl", "Api"),
    ("EventBusName", "EventBus"),
    ("EventBusArn", "EventBus"),
    ("RequestsTableName", "RequestsTable"),
    ("JournalTableName", "JournalTable"),
    ("ArchiveBucketName", "ArchiveBucket"),
    ("ChainguardSecretArn", "ChainguardSecret"),
    ("ProvisionerRoleArn", "ProvisionerRole"),
    ("StewardRoleArn", "StewardRole"),
    ("ChainguardEventsRoleArn", "ChainguardEventsRole"),
    ("NotificationSecretArn", "NotificationSecret"),
    ("LinkKeysArn", "LinkKeys"),
    ("AlarmTopicArn", "AlarmTopic"),
];

#[test]
fn whoever_deploys_is_told_what_there_is() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (output, resource) in OUTPUTS {
        let value = &deployed.raw["Outputs"][output]["Value"];
        if !references(value).contains(*resource) {
            problems.push(format!("Outputs.{output}: its value has to be of {resource}"));
        }
        if deployed.raw["Outputs"][output]["Description"].as_str().is_none_or(str::is_empty) {
            problems.push(format!("Outputs.{output}: describe it"));
        }
    }
    nothing_wrong(&problems);
}

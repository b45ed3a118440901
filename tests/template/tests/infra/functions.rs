//! Every crate is a function, every function logs to its own place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::deployed::{ROOT, deployed, entries, name, nothing_wrong};
use crate::rights::grants;

#[test]
fn every_crate_under_functions_is_deployed_and_nothing_else() {
    let deployed = deployed();
    let crates: BTreeSet<String> = entries(&Path::new(ROOT).join("functions"))
        .into_iter()
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let functions: BTreeSet<String> = deployed.functions().into_keys().map(str::to_owned).collect();
    let mut problems = Vec::new();
    for missing in crates.difference(&functions) {
        problems.push(format!(
            "functions/{missing} is not deployed: add a function with `CodeUri: ../functions/{missing}`"
        ));
    }
    for unknown in functions.difference(&crates) {
        problems.push(format!("the function of the crate {unknown} has no code: there is no functions/{unknown}"));
    }
    if functions.len() != deployed.system.functions.len() {
        problems.push("a crate is deployed as two functions".to_owned());
    }
    for (id, function) in deployed.of_type("AWS::Serverless::Function") {
        let expected = format!("../functions/{}", deployed.crate_of(id));
        if function["Properties"]["CodeUri"] != *expected || function["Metadata"]["BuildMethod"] != "rust-cargolambda" {
            problems.push(format!("{id}: build it with rust-cargolambda from {expected}"));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_function_logs_to_a_group_of_its_own_and_may_write_to_no_other() {
    let deployed = deployed();
    let grants = grants(&deployed);
    let mut problems = Vec::new();
    let mut functions_of: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, function) in deployed.of_type("AWS::Serverless::Function") {
        let group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"].as_str();
        let Some(group) = group.filter(|group| !deployed.properties("AWS::Logs::LogGroup", group).is_null()) else {
            problems.push(format!("{id}: give it `LoggingConfig: LogGroup: !Ref <a log group of this template>`"));
            continue;
        };
        if let Some(other) = functions_of.insert(group, id) {
            problems.push(format!("{other} and {id} log to {group}: give each its own"));
        }
        let function = deployed.crate_of(id);
        let logging: BTreeSet<(&str, &str)> = grants
            .iter()
            .filter(|grant| grant.function == function && grant.action.starts_with("logs:"))
            .map(|grant| (grant.action.as_str(), grant.resource.as_str()))
            .collect();
        let own = format!("${{{group}.Arn}}");
        if logging != BTreeSet::from([("logs:createlogstream", own.as_str()), ("logs:putlogevents", own.as_str())]) {
            problems.push(format!("{function}: allow logs:CreateLogStream and logs:PutLogEvents on {own}, and no other logs action: {logging:?}"));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn no_log_is_kept_forever() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (id, group) in deployed.of_type("AWS::Logs::LogGroup") {
        let retention = &group["Properties"]["RetentionInDays"];
        if retention.is_null() || retention["Ref"] == "AWS::NoValue" {
            problems.push(format!("{id}: give it RetentionInDays"));
        } else if retention.is_object() && name(retention) != "${LogRetentionDays}" {
            problems.push(format!("{id}: take its retention from the parameter LogRetentionDays"));
        }
    }
    nothing_wrong(&problems);
}

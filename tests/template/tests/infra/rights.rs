//! Who may do what: roles, their statements, and the few things that only one function may do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::deployed::{Deployed, deployed, listed, mentioned, name, nothing_wrong};

/// Managed policies that a role may have, and why.
const MANAGED: &[(&str, &str)] = &[(
    "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess",
    "X-Ray's write actions know no resources, so a statement of our own would say no less than this one",
)];

/// Resources of statements that are not in the template, and why.
const ELSEWHERE: &[(&str, &str, &str)] = &[(
    "notifier",
    "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*",
    "which identity is verified, the sender's address or its domain, is not known here; the condition pins the sender",
)];

/// Has AWS vouch for the function to somebody else.
const VOUCH: &str = "sts:getwebidentitytoken";

/// Actions that know no resources, and why a function may have them. What they may do is said by conditions alone, and a
/// test of their own says by which.
const WITHOUT_RESOURCES: &[(&str, &str)] =
    &[(VOUCH, "the caller itself is vouched for; the conditions pin to whom and for how long")];

/// Types that give rights besides the functions' roles.
const OTHER_GRANTS: &[&str] = &[
    "AWS::IAM::Group",
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::Serverless::Connector",
];

/// What may be done to a journal record: write it once, and read it.
const JOURNAL_ACTIONS: &[&str] = &["dynamodb:getitem", "dynamodb:putitem", "dynamodb:query"];
/// Reading its stream.
const STREAM_ACTIONS: &[&str] =
    &["dynamodb:describestream", "dynamodb:getrecords", "dynamodb:getsharditerator", "dynamodb:liststreams"];
/// What it takes to rotate a secret, besides reading it.
const ROTATION_ACTIONS: &[&str] =
    &["secretsmanager:describesecret", "secretsmanager:putsecretvalue", "secretsmanager:updatesecretversionstage"];
const QUEUE_ACTIONS: &[&str] = &["sqs:deletemessage", "sqs:getqueueattributes", "sqs:receivemessage"];

/// One action that one function may do to one resource.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The function's crate.
    pub(crate) function: String,
    /// The action, in lower case: IAM does not tell cases apart.
    pub(crate) action: String,
    /// The resource, in the form of `Fn::Sub`.
    pub(crate) resource: String,
    condition: Value,
}

impl Grant {
    /// Whether it is about this resource of the template or a part of it.
    pub(crate) fn is_on(&self, logical_id: &str) -> bool {
        mentioned(&self.resource).iter().any(|named| named == logical_id)
    }
}

/// The role of a function, by the function's crate: its logical id.
fn roles(deployed: &Deployed) -> BTreeMap<&str, &str> {
    let functions = deployed.of_type("AWS::Serverless::Function");
    functions
        .map(|(id, function)| {
            let role = function["Properties"]["Role"]["Fn::GetAtt"][0].as_str();
            (deployed.crate_of(id), role.unwrap_or_else(|| panic!("{id}: give it `Role: !GetAtt <its role>.Arn`")))
        })
        .collect()
}

/// Every right of every function.
pub(crate) fn grants(deployed: &Deployed) -> Vec<Grant> {
    let mut grants = Vec::new();
    for (function, role) in roles(deployed) {
        for policy in listed(&deployed.properties("AWS::IAM::Role", role)["Policies"]) {
            for statement in listed(&policy["PolicyDocument"]["Statement"]) {
                for action in listed(&statement["Action"]) {
                    for resource in listed(&statement["Resource"]) {
                        grants.push(Grant {
                            function: function.to_owned(),
                            action: action.as_str().unwrap().to_lowercase(),
                            resource: name(resource),
                            condition: statement["Condition"].clone(),
                        });
                    }
                }
            }
        }
    }
    assert!(!grants.is_empty(), "no statement was found in any role");
    grants
}

/// Who has a right on this resource, and which.
fn rights_on(deployed: &Deployed, logical_id: &str) -> Vec<Grant> {
    assert!(!deployed.raw["Resources"][logical_id].is_null(), "there is no {logical_id}: these tests go by its name");
    grants(deployed).into_iter().filter(|grant| grant.is_on(logical_id)).collect()
}

/// Only these functions have these actions on a resource; each of them has them all.
fn only(deployed: &Deployed, logical_id: &str, actions: &[&str], functions: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    let rights = rights_on(deployed, logical_id);
    for Grant { function, action, .. } in &rights {
        if actions.contains(&action.as_str()) && !functions.contains(&function.as_str()) {
            problems.push(format!("{function} has {action} on {logical_id}: take it from its role"));
        }
    }
    for function in functions {
        for action in actions {
            if !rights.iter().any(|right| right.function == *function && right.action == *action) {
                problems.push(format!("{function} needs {action} on {logical_id}: add it to its role"));
            }
        }
    }
    problems
}

/// Nobody has any other action on a resource than these.
fn nothing_but(deployed: &Deployed, logical_id: &str, actions: &[&str]) -> Vec<String> {
    let others = rights_on(deployed, logical_id).into_iter().filter(|right| !actions.contains(&right.action.as_str()));
    others
        .map(|right| {
            format!("{} has {} on {logical_id}: nobody may; take it from its role", right.function, right.action)
        })
        .collect()
}

#[test]
fn every_function_has_a_role_of_its_own_that_only_lambda_assumes() {
    let deployed = deployed();
    let mut problems = Vec::new();
    let roles = roles(&deployed);
    let mut functions_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (function, role) in &roles {
        functions_of.entry(role).or_default().push(function);
    }
    for (role, functions) in &functions_of {
        if functions.len() > 1 {
            problems.push(format!("{role} is the role of {}: give each its own", functions.join(" and ")));
        }
        let properties = deployed.properties("AWS::IAM::Role", role);
        let trust = &properties["AssumeRolePolicyDocument"]["Statement"];
        let trusted: Vec<_> = listed(trust).into_iter().map(|statement| &statement["Principal"]).collect();
        if trusted != [&serde_json::json!({"Service": "lambda.amazonaws.com"})] {
            problems.push(format!("{role}: let lambda.amazonaws.com assume it, and nobody else"));
        }
    }
    for (role, _) in deployed.of_type("AWS::IAM::Role") {
        if !functions_of.contains_key(role) {
            problems.push(format!("{role} is no function's role: delete it"));
        }
    }
    for (id, function) in deployed.of_type("AWS::Serverless::Function") {
        if !function["Properties"]["Policies"].is_null() {
            problems.push(format!("{id}: write its statements into its role, not into `Policies`"));
        }
    }
    for type_name in OTHER_GRANTS {
        for (id, _) in deployed.of_type(type_name) {
            problems.push(format!(
                "{id} is a {type_name}: write its statements into the role of the function, where these tests see them"
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn every_statement_says_what_may_be_done_to_what() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (function, role) in roles(&deployed) {
        for policy in listed(&deployed.properties("AWS::IAM::Role", role)["Policies"]) {
            for statement in listed(&policy["PolicyDocument"]["Statement"]) {
                for part in ["NotAction", "NotResource"] {
                    if !statement[part].is_null() {
                        problems.push(format!("{role} allows by `{part}`: name what it may do"));
                    }
                }
                if statement["Effect"] != "Allow" || statement["Action"].is_null() || statement["Resource"].is_null() {
                    problems.push(format!(
                        "{role}: a statement needs `Effect: Allow`, `Action` and `Resource`: {statement}"
                    ));
                }
            }
        }
        if deployed.properties("AWS::IAM::Role", role)["Policies"].is_null() {
            problems.push(format!("{role} has no statements of its own: {function} cannot even log"));
        }
    }
    for Grant { function, action, resource, .. } in grants(&deployed) {
        if action.contains(['*', '?']) || !action.contains(':') {
            problems.push(format!("{function} may {action}: name the actions that its code calls"));
        }
        let is_elsewhere = ELSEWHERE.iter().any(|(who, what, _)| *who == function && *what == resource);
        let has_no_resource = resource == "*" && WITHOUT_RESOURCES.iter().any(|(what, _)| *what == action);
        if is_elsewhere || has_no_resource {
            continue;
        }
        let what = mentioned(&resource).first().map(|id| &deployed.raw["Resources"][id]);
        let Some(what) = what.filter(|what| !what.is_null() && resource.starts_with("${")) else {
            problems.push(format!(
                "{function} has {action} on {resource}: name a resource of this template, or list it in ELSEWHERE or WITHOUT_RESOURCES with its reason"
            ));
            continue;
        };
        // `Ref` gives a secret's ARN, but a table's, queue's or bucket's name, which matches nothing in a statement.
        if !resource.contains('.') && what["Type"] != "AWS::SecretsManager::Secret" {
            problems
                .push(format!("{function} has {action} on {resource}, which is a name: write `!GetAtt`, for the ARN"));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn aws_vouches_for_a_function_to_chainguards_issuer_alone_and_for_five_minutes() {
    let deployed = deployed();
    let rights: Vec<_> = grants(&deployed).into_iter().filter(|right| right.action == VOUCH).collect();
    let who = |rights: &[Grant]| rights.iter().map(|right| right.function.clone()).collect::<BTreeSet<String>>();
    // The rotator checks what is stored in the secret, and is no identity of Chainguard's.
    let sign_in: Vec<_> =
        rights_on(&deployed, "ChainguardSecret").into_iter().filter(|right| right.function != "rotator").collect();
    assert_eq!(who(&rights), who(&sign_in), "who signs in to Chainguard, and nobody else, needs {VOUCH}");
    for Grant { function, condition, .. } in &rights {
        let expected = serde_json::json!({
            "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": [{"Ref": "ChainguardIssuerUrl"}]},
            // `ForAllValues` holds of no values at all, too.
            "Null": {"sts:IdentityTokenAudience": "false"},
            "NumericLessThanEquals": {"sts:DurationSeconds": "300"},
        });
        assert_eq!(*condition, expected, "{function}");
    }
}

#[test]
fn a_managed_policy_needs_a_reason() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for (role, resource) in deployed.of_type("AWS::IAM::Role") {
        for policy in listed(&resource["Properties"]["ManagedPolicyArns"]) {
            let policy = name(policy);
            if !MANAGED.iter().any(|(allowed, _)| *allowed == policy) {
                problems.push(format!(
                    "{role} has {policy}: write statements instead, or list it in MANAGED with its reason"
                ));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn a_function_may_use_what_it_is_configured_with_and_nothing_else() {
    let deployed = deployed();
    let kinds = ["AWS::DynamoDB::Table", "AWS::Events::EventBus", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"];
    let grants = grants(&deployed);
    let mut problems = Vec::new();
    for (id, function) in deployed.of_type("AWS::Serverless::Function") {
        let function_name = deployed.crate_of(id);
        let configured = crate::deployed::references(&function["Properties"]["Environment"]);
        for (resource, _) in kinds.iter().flat_map(|kind| deployed.of_type(kind)) {
            let is_configured = configured.contains(resource);
            let is_allowed = grants.iter().any(|grant| {
                let is_stream = STREAM_ACTIONS.contains(&grant.action.as_str());
                grant.function == function_name && grant.is_on(resource) && !is_stream
            });
            if is_configured && !is_allowed {
                problems.push(format!("{function_name} is given {resource} in a variable but no right: add a statement or drop the variable"));
            }
            if is_allowed && !is_configured {
                problems.push(format!(
                    "{function_name} has rights on {resource} but no variable with its name: drop the statement"
                ));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn nobody_changes_or_deletes_a_journal_record() {
    let deployed = deployed();
    nothing_wrong(&nothing_but(&deployed, "JournalTable", &[JOURNAL_ACTIONS, STREAM_ACTIONS].concat()));
}

#[test]
fn only_those_who_change_a_request_write_to_the_journal() {
    let deployed = deployed();
    let writers = ["intake", "approval", "provisioner", "steward", "chainguard-events"];
    nothing_wrong(&only(&deployed, "JournalTable", &["dynamodb:putitem"], &writers));
}

#[test]
fn only_query_and_steward_read_the_journal_and_only_the_router_its_stream() {
    let deployed = deployed();
    let mut problems = only(&deployed, "JournalTable", &["dynamodb:query"], &["query", "steward"]);
    problems.extend(only(&deployed, "JournalTable", STREAM_ACTIONS, &["router"]));
    let gets = rights_on(&deployed, "JournalTable").into_iter().filter(|right| right.action == "dynamodb:getitem");
    for right in gets.filter(|right| !["query", "steward"].contains(&right.function.as_str())) {
        problems.push(format!("{} may read the journal: take it from its role", right.function));
    }
    nothing_wrong(&problems);
}

#[test]
fn requests_are_written_by_those_who_change_them_and_read_without_a_scan() {
    let deployed = deployed();
    let read = ["dynamodb:getitem", "dynamodb:query"];
    let write = ["dynamodb:putitem", "dynamodb:updateitem", "dynamodb:deleteitem"];
    let mut problems = nothing_but(&deployed, "RequestsTable", &[&read[..], &write[..]].concat());
    for right in rights_on(&deployed, "RequestsTable") {
        let writes = write.contains(&right.action.as_str());
        let may = match right.function.as_str() {
            "intake" | "approval" | "provisioner" | "steward" => true,
            // Markers of what was sent are its own items; a request is never one.
            "notifier" => {
                right.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                    == serde_json::json!(["NOTIFICATION#*"])
            }
            // It changes requests and nothing about them: no name, no key, no count.
            "chainguard-events" => {
                right.action == "dynamodb:putitem"
                    && right.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                        == serde_json::json!(["REQUEST#*", "DELIVERY#*"])
            }
            _ => false,
        };
        if writes && !may {
            problems.push(format!(
                "{} has {} on every item of RequestsTable: take it away or limit it by dynamodb:LeadingKeys",
                right.function, right.action
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn an_index_is_read_by_those_who_look_there_and_the_table_by_its_keys_alone() {
    let deployed = deployed();
    let mut queried: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for right in rights_on(&deployed, "RequestsTable").into_iter().filter(|right| right.action == "dynamodb:query") {
        queried.entry(right.function).or_default().insert(right.resource);
    }
    let index = |name: &str| format!("${{RequestsTable.Arn}}/index/{name}");
    let expected = BTreeMap::from([
        ("approval".to_owned(), BTreeSet::from(["by-image"].map(index))),
        ("query".to_owned(), BTreeSet::from(["by-image", "by-requester", "by-status", "by-team"].map(index))),
        ("steward".to_owned(), BTreeSet::from(["due"].map(index))),
    ]);
    assert_eq!(queried, expected);
}

#[test]
fn the_router_may_publish_and_read_the_stream_and_nothing_else() {
    let deployed = deployed();
    let mut problems = only(&deployed, "EventBus", &["events:putevents"], &["router", "steward", "chainguard-events"]);
    problems.extend(nothing_but(&deployed, "EventBus", &["events:putevents"]));
    for right in grants(&deployed).into_iter().filter(|right| right.function == "router") {
        let action = right.action.as_str();
        let may = action.starts_with("logs:")
            || action == "events:putevents" && right.resource == "${EventBus.Arn}"
            || STREAM_ACTIONS.contains(&action)
                && (right.resource.starts_with("${JournalTable.StreamArn}")
                    || right.resource == "${JournalTable.Arn}/stream/*")
            || action == "sqs:sendmessage" && right.resource == "${RouterDeadLetters.Arn}";
        if !may {
            problems.push(format!(
                "the router has {action} on {}: it decides nothing and needs nothing else",
                right.resource
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn a_secret_is_read_by_those_it_is_for() {
    let deployed = deployed();
    let read = ["secretsmanager:getsecretvalue"];
    let askers = ["chainguard-events", "provisioner", "rotator", "steward"];
    let mut problems = only(&deployed, "ChainguardSecret", &read, &askers);
    problems.extend(only(&deployed, "NotificationSecret", &read, &["notifier"]));
    problems.extend(only(&deployed, "LinkKeys", &read, &["approval", "notifier", "rotator"]));
    for rotated in ["ChainguardSecret", "LinkKeys"] {
        problems.extend(only(&deployed, rotated, ROTATION_ACTIONS, &["rotator"]));
    }
    for (secret, _) in deployed.of_type("AWS::SecretsManager::Secret") {
        problems.extend(nothing_but(&deployed, secret, &[&read, ROTATION_ACTIONS].concat()));
        if !["ChainguardSecret", "NotificationSecret", "LinkKeys"].contains(&secret) {
            problems.push(format!("{secret}: say in this test who reads it"));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn the_link_keys_are_rotated_every_month_by_the_rotator_which_secrets_manager_alone_invokes() {
    let deployed = deployed();
    let mut problems = Vec::new();
    let schedules: Vec<_> = deployed.of_type("AWS::SecretsManager::RotationSchedule").collect();
    let [(id, schedule)] = schedules[..] else { panic!("there has to be one rotation, of the link keys") };
    let properties = &schedule["Properties"];
    let of_rotator = serde_json::json!({"Fn::GetAtt": ["RotatorFunction", "Arn"]});
    if properties["SecretId"]["Ref"] != "LinkKeys" || properties["RotationLambdaARN"] != of_rotator {
        problems.push(format!("{id}: let the rotator rotate LinkKeys"));
    }
    if properties["RotationRules"]["AutomaticallyAfterDays"] != 30 || properties["RotateImmediatelyOnUpdate"] != false {
        problems.push(format!("{id}: rotate every 30 days, and not with every update of the stack"));
    }
    let permissions: Vec<_> = deployed.of_type("AWS::Lambda::Permission").collect();
    let [(permission, resource)] = permissions[..] else { panic!("there has to be one permission, for the rotator") };
    let expected = serde_json::json!({
        "FunctionName": of_rotator,
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
        // A service acts for every account.
        "SourceAccount": {"Ref": "AWS::AccountId"},
    });
    if resource["Properties"] != expected || schedule["DependsOn"] != permission {
        problems.push(format!("{permission}: let Secrets Manager invoke the rotator for this account, before {id}"));
    }
    nothing_wrong(&problems);
}

#[test]
fn only_the_auditor_writes_to_the_archive_and_nobody_reads_or_deletes_there() {
    let deployed = deployed();
    let write = ["s3:putobject", "s3:putobjectretention"];
    let mut problems = only(&deployed, "ArchiveBucket", &write, &["auditor"]);
    problems.extend(nothing_but(&deployed, "ArchiveBucket", &write));
    for (id, policy) in deployed.of_type("AWS::S3::BucketPolicy") {
        for statement in listed(&policy["Properties"]["PolicyDocument"]["Statement"]) {
            if statement["Effect"] != "Deny" {
                problems.push(format!("{id} allows something: rights on the archive are the auditor's role's alone"));
            }
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn mail_is_sent_by_the_notifier_from_its_one_address() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for right in grants(&deployed).into_iter().filter(|right| right.action.starts_with("ses:")) {
        let is_pinned = right.condition["StringEquals"]["ses:FromAddress"]["Ref"] == "MailFrom";
        if right.function != "notifier" || right.action != "ses:sendemail" || !is_pinned {
            problems.push(format!(
                "{} has {}: only the notifier sends, and only as MailFrom",
                right.function, right.action
            ));
        }
    }
    nothing_wrong(&problems);
}

#[test]
fn a_role_has_the_queues_and_streams_that_its_function_reads_or_gives_up_to() {
    let deployed = deployed();
    let system = &deployed.system;
    let table = |name: &str| system.tables.iter().find(|table| table.name == name).unwrap().logical_id.as_str();
    let mut needed: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut need = |function: &str, actions: &[&str], resource: &str| {
        let function = deployed.crate_of(function).to_owned();
        needed.extend(actions.iter().map(|action| (function.clone(), (*action).to_owned(), resource.to_owned())));
    };
    for source in &system.queue_sources {
        need(&source.function, QUEUE_ACTIONS, &deployed.queue(&source.queue).logical_id);
    }
    for source in &system.streams {
        need(&source.function, STREAM_ACTIONS, table(&source.table));
        if let Some(queue) = &source.on_failure {
            need(&source.function, &["sqs:sendmessage"], &deployed.queue(queue).logical_id);
        }
    }
    for function in &system.functions {
        if let Some(queue) = &function.on_failure {
            need(&function.logical_id, &["sqs:sendmessage"], &deployed.queue(queue).logical_id);
        }
    }
    let has: BTreeSet<(String, String, String)> = grants(&deployed)
        .into_iter()
        .filter(|grant| grant.action.starts_with("sqs:") || STREAM_ACTIONS.contains(&grant.action.as_str()))
        .map(|grant| (grant.function, grant.action, mentioned(&grant.resource).remove(0)))
        .collect();
    let missing = needed
        .difference(&has)
        .map(|(function, action, on)| format!("{function} needs {action} on {on}: add it to its role"));
    let spare = has
        .difference(&needed)
        .map(|(function, action, on)| format!("{function} has {action} on {on} for nothing: take it from its role"));
    nothing_wrong(&missing.chain(spare).collect::<Vec<_>>());
}

#[test]
fn what_a_statement_says_of_an_index_exists() {
    let deployed = deployed();
    let mut problems = Vec::new();
    for grant in grants(&deployed) {
        let Some((table, index)) = grant.resource.split_once("/index/") else { continue };
        let table = mentioned(table).remove(0);
        let indexes = &deployed.properties("AWS::DynamoDB::Table", &table)["GlobalSecondaryIndexes"];
        if !listed(indexes).iter().any(|existing| existing["IndexName"] == index) {
            problems
                .push(format!("{} may use the index {index} of {table}, which has none of that name", grant.function));
        }
    }
    nothing_wrong(&problems);
}

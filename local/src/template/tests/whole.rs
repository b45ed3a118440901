//! Whole templates: one that has everything, and the one that is deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::super::{System, TargetKind, Template};
use super::system;

const WHOLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/template.yaml"));

fn whole(stage: &str) -> System {
    let parameters = BTreeMap::from([("Stage".to_owned(), stage.to_owned())]);
    Template::parse(WHOLE).unwrap().resolve(&parameters).unwrap()
}

#[test]
fn a_template_with_everything_is_one_system() {
    let system = whole("dev");
    let functions: Vec<_> = system.functions.iter().map(|function| function.binary.as_str()).collect();
    assert_eq!(functions, ["gate", "intake", "steward", "worker"]);
    let intake = &system.functions[1];
    assert_eq!(intake.environment["TABLE"], "shop-dev");
    assert_eq!(intake.environment["QUEUE"], "https://sqs.local/cgr-request-Work");
    assert_eq!(intake.environment["LOG_LEVEL"], "info");
    assert!(!intake.environment.contains_key("ONLY_IN_PROD"));
    assert_eq!(intake.timeout, Duration::from_secs(15));

    let routes: Vec<_> = system
        .routes
        .iter()
        .map(|route| (route.method.as_str(), route.path.as_str(), route.function.as_str(), route.authorizer.as_deref()))
        .collect();
    assert_eq!(
        routes,
        [("GET", "/health", "IntakeFunction", None), ("POST", "/orders/{id}", "IntakeFunction", Some("GateFunction")),]
    );

    assert_eq!(system.tables[0].create_table["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
    assert_eq!(system.streams[0].function, "WorkerFunction");
    assert!(system.streams[0].filters[0].matches(&json!({ "eventName": "INSERT" })));
    assert_eq!(system.queue_sources[0].queue, "cgr-request-Work");
    assert_eq!(system.queues.len(), 2);
    assert_eq!(system.buses[0].name, "shop-dev");
    let [rule] = &system.rules[..] else { panic!("one rule: {:?}", system.rules) };
    assert!(rule.pattern.matches(&json!({ "source": "shop", "detail": { "amount": 11 } })));
    assert!(!rule.pattern.matches(&json!({ "source": "shop", "detail": { "amount": 10 } })));
    assert_eq!(rule.targets[0].kind, TargetKind::Queue("cgr-request-Work".to_owned()));
    assert_eq!(system.schedules[0].every, Duration::from_mins(1));
    assert_eq!(system.buckets[0].name, "cgr-request-archive");
    assert_eq!(system.secrets[0].name, "cgr-request-Keys");
    let ignored: BTreeSet<_> = system.ignored.iter().map(|ignored| ignored.path.as_str()).collect();
    for path in [
        "Resources.Alarm",
        "Resources.WorkPolicy",
        "Globals.Function.Tracing",
        "Resources.Work.Properties.SqsManagedSseEnabled",
    ] {
        assert!(ignored.contains(path), "{path}");
    }
}

#[test]
fn parameters_decide_what_there_is() {
    let production = whole("prod");
    assert_eq!(production.functions[1].environment["TABLE"], "shop-prod");
    assert_eq!(production.functions[1].environment["ONLY_IN_PROD"], "yes, it is");
    assert!(production.functions[1].environment["URL"].ends_with(".amazonaws.com/orders"));
    assert_eq!(production.rules.len(), 2);
}

#[test]
fn reading_twice_gives_the_same() {
    assert_eq!(whole("dev"), whole("dev"));
}

#[test]
fn resources_may_be_written_in_any_order() {
    let (head, resources) = WHOLE.split_once("Resources:\n").unwrap();
    let mut blocks: Vec<String> = Vec::new();
    for line in resources.lines() {
        let begins = line.starts_with("  ") && !line.starts_with("   ");
        match blocks.last_mut() {
            Some(block) if !begins => block.extend([line, "\n"]),
            _ => blocks.push(format!("{line}\n")),
        }
    }
    blocks.reverse();
    let reversed = Template::parse(&format!("{head}Resources:\n{}", blocks.concat())).unwrap();
    let parameters = BTreeMap::from([("Stage".to_owned(), "dev".to_owned())]);
    assert_eq!(reversed.resolve(&parameters).unwrap(), whole("dev"));
}

#[test]
fn the_deployed_template_is_honoured() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let issuers =
        r#"[{"issuer":"https://idp.example.com","audience":"cgr-request","jwksUri":"https://idp.example.com/keys"}]"#;
    let parameters = [("Organization", "acme"), ("MailFrom", "cgr@example.com"), ("TrustedIssuers", issuers)];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let system = Template::parse(&text).unwrap().resolve(&parameters).unwrap();
    let routes: BTreeSet<_> = system.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert!(routes.contains("POST /request") && routes.contains("PATCH /request/{id}/approve"), "{routes:?}");
    let binaries: BTreeSet<_> = system.functions.iter().map(|function| function.binary.as_str()).collect();
    assert!(binaries.contains("intake") && binaries.contains("router") && binaries.contains("provisioner"));
    assert!(!system.streams.is_empty() && !system.rules.is_empty() && !system.schedules.is_empty());
}

#[test]
fn a_template_needs_no_api_bus_or_function() {
    let system = system("\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n");
    assert_eq!(system.queues.len(), 1);
    assert_eq!((system.api, system.routes.len(), system.functions.len()), (None, 0, 0));
}

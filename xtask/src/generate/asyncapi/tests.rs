use std::collections::BTreeSet;

use domain::drift;
use domain::event::EventType;

use super::*;
use crate::generate::files::GeneratedFile;
use crate::generate::schemas;

fn samples() -> Samples {
    Samples::tell().unwrap()
}

fn document() -> Value {
    serde_json::from_str(&file(&samples()).unwrap().text).unwrap()
}

#[test]
fn every_type_of_event_is_a_message_of_the_one_channel() {
    let document = document();
    let channels = document["channels"].as_object().unwrap();
    assert_eq!(channels.keys().collect::<Vec<_>>(), [SOURCE]);
    for messages in [&channels[SOURCE]["messages"], &document["components"]["messages"]] {
        let names: BTreeSet<&str> = messages.as_object().unwrap().keys().map(String::as_str).collect();
        let types = EventType::ALL.iter().map(|event_type| event_type.as_str());
        assert_eq!(names, types.chain([drift::DETAIL_TYPE]).collect());
    }
}

#[test]
fn every_payload_is_a_schema_that_is_generated_and_that_its_example_fits() {
    let generated: Vec<GeneratedFile> = schemas::files(&samples()).unwrap();
    for (name, message) in document()["components"]["messages"].as_object().unwrap() {
        let path = message["payload"]["$ref"].as_str().unwrap().strip_prefix("../").unwrap();
        let schema = generated.iter().find(|file| file.path == path).unwrap();
        let schema: Value = serde_json::from_str(&schema.text).unwrap();
        assert_eq!(schema["title"], name.as_str());
        let example = &message["examples"][0]["payload"];
        jsonschema::validate(&schema, example).unwrap();
        assert_eq!(example["metadata"]["correlationid"], example["data"]["requestId"], "{name}");
    }
}

#[test]
fn every_reference_within_leads_somewhere() {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(pointer) = members.get("$ref").and_then(|at| at.as_str()?.strip_prefix('#')) {
                    assert!(document.pointer(pointer).is_some(), "{pointer}");
                }
                members.values().for_each(|value| check(document, value));
            }
            Value::Array(items) => items.iter().for_each(|value| check(document, value)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[test]
fn the_bus_has_the_name_that_the_template_gives_it() {
    let template = include_str!("../../../../infra/template.yaml");
    let address =
        document()["channels"][SOURCE]["address"].as_str().unwrap().replace("{environment}", "${Environment}");
    assert!(template.contains(&format!("Name: !Sub {address}\n")), "{address}");
    assert!(template.contains("AllowedValues: [dev, staging, prod]\n"));
}

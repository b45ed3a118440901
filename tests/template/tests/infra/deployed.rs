//! The template, read in both ways, and what the tests ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use local::template::{Function, Queue, System, Template};
use serde_json::Value;

use crate::yaml;

/// The repository, from the package's folder, where Cargo runs tests.
pub(crate) const ROOT: &str = "../..";

/// `infra/template.yaml`.
pub(crate) struct Deployed {
    /// As written, with intrinsic functions in their long form.
    pub(crate) written: Value,
    /// The same, and of each `Fn::If` what counts for `system`.
    pub(crate) raw: Value,
    /// As the embedded runtime understands it, with a value for the parameters that have no default and none else.
    pub(crate) system: System,
}

/// Reads the template.
pub(crate) fn deployed() -> Deployed {
    let text = read(&Path::new(ROOT).join("infra/template.yaml"));
    let issuers =
        r#"[{"issuer":"https://idp.acme.example","audience":"cgr-request","jwksUri":"https://idp.acme.example/keys"}]"#;
    let parameters = [("Organization", "acme"), ("MailFrom", "images@acme.example"), ("TrustedIssuers", issuers)];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let template = Template::parse(&text).unwrap_or_else(|error| panic!("infra/template.yaml: {error}"));
    let system = template.resolve(&parameters).unwrap_or_else(|error| panic!("infra/template.yaml: {error}"));
    let written = yaml::parse(&text);
    let raw = settled(&written, &written);
    Deployed { written, raw, system }
}

/// `value` without its `Fn::If`s: each is what its condition makes of it while the parameters have their defaults.
fn settled(template: &Value, value: &Value) -> Value {
    let is_nothing = |value: &Value| value["Ref"] == "AWS::NoValue";
    match value {
        Value::Object(members) => {
            if let Some([condition, yes, no]) = members.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice) {
                let holds = holds(template, &template["Conditions"][condition.as_str().unwrap()]);
                return settled(template, if holds { yes } else { no });
            }
            let members = members.iter().map(|(name, member)| (name.clone(), settled(template, member)));
            Value::Object(members.filter(|(_, member)| !is_nothing(member)).collect())
        }
        Value::Array(elements) => {
            elements.iter().map(|element| settled(template, element)).filter(|element| !is_nothing(element)).collect()
        }
        other => other.clone(),
    }
}

/// Whether a condition holds while the parameters have their defaults.
fn holds(template: &Value, condition: &Value) -> bool {
    let text = |value: &Value| match value["Ref"].as_str() {
        Some(parameter) => template["Parameters"][parameter]["Default"].clone(),
        None => value.clone(),
    };
    let (function, arguments) = condition.as_object().and_then(|call| call.iter().next()).unwrap();
    match (function.as_str(), arguments) {
        ("Condition", Value::String(name)) => holds(template, &template["Conditions"][name]),
        ("Fn::Equals", Value::Array(sides)) => text(&sides[0]) == text(&sides[1]),
        ("Fn::Not", Value::Array(of)) => !holds(template, &of[0]),
        ("Fn::Or", Value::Array(any)) => any.iter().any(|one| holds(template, one)),
        ("Fn::And", Value::Array(all)) => all.iter().all(|one| holds(template, one)),
        _ => panic!("not a condition: {condition}"),
    }
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()))
}

/// What is in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("failed to read {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Ends the test if anything breaks its property.
#[track_caller]
pub(crate) fn nothing_wrong(problems: &[String]) {
    assert!(problems.is_empty(), "infra/template.yaml:\n  - {}\n", problems.join("\n  - "));
}

impl Deployed {
    /// The resources of a type, by logical id.
    pub(crate) fn of_type<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.raw["Resources"].as_object().unwrap();
        resources.iter().filter(move |(_, resource)| resource["Type"] == type_name).map(|(id, of)| (id.as_str(), of))
    }

    /// The properties of a resource, `Null` if there is no such resource of this type.
    pub(crate) fn properties(&self, type_name: &str, logical_id: &str) -> &Value {
        let resource = &self.raw["Resources"][logical_id];
        if resource["Type"] == type_name { &resource["Properties"] } else { &Value::Null }
    }

    /// The functions, by their crates' names.
    pub(crate) fn functions(&self) -> BTreeMap<&str, &Function> {
        self.system.functions.iter().map(|function| (function.binary.as_str(), function)).collect()
    }

    /// The crate of a function.
    pub(crate) fn crate_of(&self, logical_id: &str) -> &str {
        let function = self.system.functions.iter().find(|function| function.logical_id == logical_id);
        function.map_or_else(|| panic!("{logical_id} is not a function"), |function| &function.binary)
    }

    /// A queue by its name.
    pub(crate) fn queue(&self, name: &str) -> &Queue {
        self.system.queues.iter().find(|queue| queue.name == name).unwrap_or_else(|| panic!("no queue {name}"))
    }

    /// Every way into a dead-letter queue: its logical id, and from where.
    pub(crate) fn dead_letters(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let system = &self.system;
        let redrives = system.queues.iter().filter_map(|queue| {
            queue.redrive.as_ref().map(|redrive| (redrive.dead_letter_queue.as_str(), queue.logical_id.clone()))
        });
        let streams =
            system.streams.iter().filter_map(|stream| Some((stream.on_failure.as_deref()?, stream.function.clone())));
        let calls = system
            .functions
            .iter()
            .filter_map(|function| Some((function.on_failure.as_deref()?, function.logical_id.clone())));
        let schedules = system
            .schedules
            .iter()
            .filter_map(|schedule| Some((schedule.dead_letter_queue.as_deref()?, schedule.name.clone())));
        let rules = system.rules.iter().flat_map(|rule| {
            rule.targets
                .iter()
                .filter_map(|target| Some((target.dead_letter_queue.as_deref()?, rule.logical_id.clone())))
        });
        let mut into: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (queue, from) in redrives.chain(streams).chain(calls).chain(schedules).chain(rules) {
            into.entry(&self.queue(queue).logical_id).or_default().insert(from);
        }
        into
    }
}

/// A list, or the one thing that stands for a list of one.
pub(crate) fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements.iter().collect(),
        one => vec![one],
    }
}

/// A name in the form of `Fn::Sub`: `${Queue.Arn}`, `${Table.Arn}/index/*`, `${Secret}`.
pub(crate) fn name(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(call) => match call.iter().next() {
            Some((function, Value::String(text))) if function == "Ref" => format!("${{{text}}}"),
            Some((function, Value::String(text))) if function == "Fn::Sub" => text.clone(),
            Some((function, Value::Array(parts))) if function == "Fn::GetAtt" && parts.len() == 2 => {
                format!("${{{}.{}}}", parts[0].as_str().unwrap(), parts[1].as_str().unwrap())
            }
            _ => panic!("write Ref, GetAtt or Sub, which can be judged, and not {value}"),
        },
        _ => panic!("not a name: {value}"),
    }
}

/// The names in `${…}` anywhere in a value, without their attributes.
pub(crate) fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match value {
        Value::Array(elements) => found.extend(elements.iter().flat_map(references)),
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("Ref" | "Fn::Sub", Value::String(_)) | ("Fn::GetAtt", Value::Array(_)) => {
                        found.extend(mentioned(&name(value)));
                    }
                    _ => found.extend(references(member)),
                }
            }
        }
        _ => {}
    }
    found
}

/// The names in `${…}` of a text in the form of `Fn::Sub`, without their attributes.
pub(crate) fn mentioned(text: &str) -> Vec<String> {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    names.filter_map(|(name, _)| name.split('.').next()).map(str::to_owned).collect()
}

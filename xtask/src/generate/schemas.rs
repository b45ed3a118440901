//! `events/schemas/`: a JSON Schema and an example of the EventBridge `detail` of every type of event.

use anyhow::Context as _;
use domain::drift::{self, DriftDetail};
use domain::envelope::{DATA_VERSION, Detail, SOURCE, data_schema};
use domain::event::EventType;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::contracts::{self, OF_THE_REQUEST};
use super::files::GeneratedFile;
use super::openapi::forbid_null;
use super::samples::Samples;

/// Where a reference between utoipa's schemas leads.
const COMPONENTS: &str = "#/components/schemas/";
/// Where it leads in a schema that stands alone.
const DEFINITIONS: &str = "#/$defs/";
/// Formats that OpenAPI knows and JSON Schema does not.
const OPENAPI_FORMATS: [&str; 2] = ["int32", "int64"];

/// What a drift is, in a sentence.
const OF_DRIFT: &str =
    "Chainguard has announced that the organisation's repositories are not what the requests have made them.";

/// A type of event that is announced on the bus.
#[derive(Debug)]
pub(super) struct Announcement {
    /// `detail-type`.
    pub(super) name: &'static str,
    /// What has happened, in a sentence.
    pub(super) summary: &'static str,
    /// The JSON Schema of its `detail`.
    pub(super) schema: Value,
    /// A `detail`.
    pub(super) example: Example,
}

/// A `detail` of some type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Example {
    /// Of what has happened to a request.
    OfRequest(Box<Detail>),
    /// Of a drift.
    OfDrift(Box<DriftDetail>),
}

impl Serialize for Example {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OfRequest(detail) => detail.serialize(serializer),
            Self::OfDrift(detail) => detail.serialize(serializer),
        }
    }
}

/// Everything that is announced.
pub(super) fn announcements(samples: &Samples) -> anyhow::Result<Vec<Announcement>> {
    let of_requests = EventType::ALL.into_iter().map(|event_type| {
        let name = event_type.as_str();
        let schema = schema(event_type).with_context(|| format!("failed to derive the schema of {name}"))?;
        let example = Example::OfRequest(Box::new(samples.example(event_type)?));
        Ok(Announcement { name, summary: contracts::of(event_type).summary, schema, example })
    });
    let of_drift = std::iter::once_with(|| {
        let name = drift::DETAIL_TYPE;
        let schema = schema_of_drift().with_context(|| format!("failed to derive the schema of {name}"))?;
        let example = Example::OfDrift(Box::new(samples.drift()?));
        Ok(Announcement { name, summary: OF_DRIFT, schema, example })
    });
    of_requests.chain(of_drift).collect()
}

/// Where the schema of a type of event is.
pub(super) fn schema_path(name: &str) -> String {
    format!("events/schemas/{name}.schema.json")
}

/// Where the example of a type of event is.
pub(super) fn example_path(name: &str) -> String {
    format!("events/schemas/{name}.example.json")
}

/// Schemas and examples of all types of event.
pub(super) fn files(samples: &Samples) -> anyhow::Result<Vec<GeneratedFile>> {
    let mut files = Vec::new();
    for Announcement { name, schema, example, .. } in announcements(samples)? {
        files.push(GeneratedFile::sorted(schema_path(name), schema)?);
        files.push(GeneratedFile::in_declared_order(example_path(name), &example)?);
    }
    Ok(files)
}

/// The JSON Schema of the `detail` of what has happened to a request.
fn schema(event_type: EventType) -> anyhow::Result<Value> {
    let name = event_type.as_str();
    let mut definitions = definitions::<Detail>()?;
    narrow_metadata(member(&mut definitions, "Metadata")?, name, &data_schema(event_type))?;
    narrow_record(member(&mut definitions, "Record")?, event_type)?;
    let summary = contracts::of(event_type).summary;
    detail::<Detail>(
        name,
        &format!("{summary} This is `detail` of the event on the bus; `data` is the audit record."),
        definitions,
    )
}

/// The JSON Schema of the `detail` of a drift.
fn schema_of_drift() -> anyhow::Result<Value> {
    let name = drift::DETAIL_TYPE;
    let mut definitions = definitions::<DriftDetail>()?;
    narrow_metadata(member(&mut definitions, "DriftMetadata")?, name, &drift::data_schema())?;
    detail::<DriftDetail>(name, &format!("{OF_DRIFT} This is `detail` of the event on the bus."), definitions)
}

/// The schema of a `detail` that is made of these definitions.
fn detail<T: ToSchema>(name: &str, description: &str, mut definitions: Map<String, Value>) -> anyhow::Result<Value> {
    let mut schema = in_json_schema(T::schema())?;
    retain_referenced(&mut definitions, &schema);
    let members = schema.as_object_mut().context("the detail is no object")?;
    members.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    // `dataschema` names the shape of `data` alone, so this is another name.
    members.insert("$id".to_owned(), format!("urn:cgr-request:schema:{name}:detail:{DATA_VERSION}").into());
    members.insert("title".to_owned(), name.into());
    members.insert("description".to_owned(), description.into());
    members.insert("$defs".to_owned(), Value::Object(definitions));
    Ok(schema)
}

/// Everything that a `detail` is made of, by name.
fn definitions<T: ToSchema>() -> anyhow::Result<Map<String, Value>> {
    let mut found = Vec::new();
    T::schemas(&mut found);
    found.into_iter().map(|(name, schema)| Ok((name, in_json_schema(schema)?))).collect()
}

/// What OpenAPI says in words of its own, said in those of JSON Schema.
fn in_json_schema(mut schema: RefOr<Schema>) -> anyhow::Result<Value> {
    forbid_null(&mut schema);
    let mut schema = serde_json::to_value(schema).context("failed to write a schema")?;
    translate(&mut schema);
    Ok(schema)
}

fn translate(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                *reference = reference.replacen(COMPONENTS, DEFINITIONS, 1);
            }
            if members.get("format").and_then(Value::as_str).is_some_and(|format| OPENAPI_FORMATS.contains(&format)) {
                members.remove("format");
            }
            // A member named `example` would be a schema; the annotation is a value.
            if let Some(example) = members.remove("example") {
                members.insert("examples".to_owned(), json!([example]));
            }
            members.values_mut().for_each(translate);
        }
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn narrow_metadata(metadata: &mut Value, name: &str, data_schema: &str) -> anyhow::Result<()> {
    let properties = object(member(object(metadata)?, "properties")?)?;
    fix(properties, "source", SOURCE)?;
    fix(properties, "type", name)?;
    fix(properties, "dataschema", data_schema)
}

/// Leaves a record the members that this type of event may have, and requires those that it always has.
fn narrow_record(record: &mut Value, event_type: EventType) -> anyhow::Result<()> {
    let contract = contracts::of(event_type);
    let record = object(record)?;
    let required = member(record, "required")?.as_array_mut().context("`required` is no list")?;
    required.extend(contract.always.iter().map(|name| Value::from(*name)));
    let required: Vec<String> = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();

    let properties = object(member(record, "properties")?)?;
    for name in contract.always.iter().chain(contract.maybe).chain(&OF_THE_REQUEST) {
        member(properties, name)?;
    }
    properties.retain(|name, _| {
        let name = name.as_str();
        required.iter().any(|required| required == name)
            || contract.maybe.contains(&name)
            || OF_THE_REQUEST.contains(&name)
    });
    for (name, value) in contract.fixed {
        fix(properties, name, value)?;
    }
    fix(properties, "eventType", event_type.as_str())
}

/// Allows a property this value only.
fn fix(properties: &mut Map<String, Value>, name: &str, value: &str) -> anyhow::Result<()> {
    let property = member(properties, name)?;
    let mut fixed = json!({ "type": "string", "const": value });
    if let (Some(description), Some(fixed)) = (property.get("description"), fixed.as_object_mut()) {
        fixed.insert("description".to_owned(), description.clone());
    }
    *property = fixed;
    Ok(())
}

/// Drops the definitions that nothing leads to any more.
fn retain_referenced(definitions: &mut Map<String, Value>, schema: &Value) {
    let mut reached: Vec<String> = Vec::new();
    let mut unvisited = references(schema);
    while let Some(name) = unvisited.pop() {
        if !reached.contains(&name) {
            unvisited.extend(definitions.get(&name).map(references).unwrap_or_default());
            reached.push(name);
        }
    }
    definitions.retain(|name, _| reached.contains(name));
}

/// Names of the definitions that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(DEFINITIONS));
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn object(value: &mut Value) -> anyhow::Result<&mut Map<String, Value>> {
    value.as_object_mut().context("a schema is no object")
}

fn member<'a>(members: &'a mut Map<String, Value>, name: &str) -> anyhow::Result<&'a mut Value> {
    members.get_mut(name).with_context(|| format!("there is no `{name}`"))
}

#[cfg(test)]
mod tests;

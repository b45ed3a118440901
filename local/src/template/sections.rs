//! The sections of a template and the attributes of a resource.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{self, TemplateError};
use super::yaml::{Lines, key};
use super::{Resource, Template, globals, kinds};

const VERSION: &str = "2010-09-09";
const TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// Reads every section and refuses what is not one.
pub(super) fn read(root: &Value, lines: Lines) -> Result<Template, TemplateError> {
    let mut template = Template {
        lines,
        parameters: BTreeMap::new(),
        mappings: Value::Null,
        conditions: BTreeMap::new(),
        globals: BTreeMap::new(),
        resources: BTreeMap::new(),
    };
    let mut errors = Vec::new();
    let mut transform = None;
    for (name, section) in object(&template, "", root)? {
        let result = match name.as_str() {
            "AWSTemplateFormatVersion" if section == VERSION => Ok(()),
            "AWSTemplateFormatVersion" => Err(malformed(&template, name, &format!("must be {VERSION}"))),
            "Transform" => {
                transform = Some(section);
                Ok(())
            }
            // Rules say which parameters go together, which somebody who deploys has to be told.
            "Description" | "Metadata" | "Outputs" | "Rules" => Ok(()),
            "Parameters" => objects(&template, name, section).map(|read| template.parameters = read),
            "Globals" => objects(&template, name, section).map(|read| template.globals = read),
            "Mappings" => object(&template, name, section).map(|_| template.mappings = section.clone()),
            "Conditions" => {
                object(&template, name, section).map(|read| template.conditions = read.clone().into_iter().collect())
            }
            "Resources" => resources(&template, section).map(|read| template.resources = read),
            other => Err(refused(&template, other, "this section is not read")),
        };
        errors.extend(result.err());
    }
    if transform.is_none_or(|transform| transform != TRANSFORM) {
        let reason = format!("the template must have `Transform: {TRANSFORM}` and no other transform");
        errors.push(refused(&template, "Transform", &reason));
    }
    if template.resources.is_empty() && errors.is_empty() {
        errors.push(malformed(&template, "Resources", "a template has at least one resource"));
    }
    errors.extend(globals::check(&template).err());
    error::all(errors)?;
    Ok(template)
}

fn resources(template: &Template, section: &Value) -> Result<BTreeMap<String, Resource>, TemplateError> {
    let mut errors = Vec::new();
    let mut resources = BTreeMap::new();
    for (logical_id, written) in object(template, "Resources", section)? {
        match resource(template, &key("Resources", logical_id), written) {
            Ok(resource) => _ = resources.insert(logical_id.clone(), resource),
            Err(error) => errors.push(error),
        }
    }
    error::all(errors)?;
    Ok(resources)
}

fn resource(template: &Template, path: &str, written: &Value) -> Result<Resource, TemplateError> {
    let mut type_name = None;
    let mut condition = None;
    let mut properties = Map::new();
    let mut binary = None;
    let mut ignore_globals = None;
    for (name, value) in object(template, path, written)? {
        let path = key(path, name);
        match name.as_str() {
            "Type" => type_name = Some(string(template, &path, value)?),
            "Condition" => condition = Some(string(template, &path, value)?),
            "Properties" => properties.clone_from(object(template, &path, value)?),
            "Metadata" => binary = binary_name(template, &path, value)?,
            "IgnoreGlobals" => ignore_globals = Some(value.clone()),
            // When and how the cloud changes and removes resources, and rights.
            "DependsOn" | "DeletionPolicy" | "UpdateReplacePolicy" | "UpdatePolicy" | "Connectors" => {}
            _ => {
                return Err(refused(template, &path, "this attribute of a resource is not read"));
            }
        }
    }
    let type_name = type_name.ok_or_else(|| malformed(template, path, "a resource has a Type"))?;
    Ok(Resource { kind: kinds::of(&type_name), type_name, condition, properties, binary, ignore_globals })
}

fn binary_name(template: &Template, path: &str, metadata: &Value) -> Result<Option<String>, TemplateError> {
    metadata
        .pointer("/BuildProperties/Binary")
        .map(|binary| string(template, &format!("{path}.BuildProperties.Binary"), binary))
        .transpose()
}

/// A mapping of mappings.
fn objects(
    template: &Template,
    path: &str,
    section: &Value,
) -> Result<BTreeMap<String, Map<String, Value>>, TemplateError> {
    object(template, path, section)?
        .iter()
        .map(|(name, value)| Ok((name.clone(), object(template, &key(path, name), value)?.clone())))
        .collect()
}

fn object<'v>(template: &Template, path: &str, value: &'v Value) -> Result<&'v Map<String, Value>, TemplateError> {
    value.as_object().ok_or_else(|| malformed(template, path, "a mapping belongs here"))
}

fn string(template: &Template, path: &str, value: &Value) -> Result<String, TemplateError> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| malformed(template, path, "plain text belongs here"))
}

fn malformed(template: &Template, path: &str, problem: &str) -> TemplateError {
    TemplateError::Malformed { at: template.locate(path), problem: problem.to_owned() }
}

fn refused(template: &Template, path: &str, reason: &str) -> TemplateError {
    TemplateError::Refused { at: template.locate(path), reason: reason.to_owned() }
}

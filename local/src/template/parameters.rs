//! The values of the template's parameters.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::Template;
use super::error::{self, TemplateError};
use super::evaluate::text;

/// Given values and defaults, checked as `CloudFormation` checks them before it starts a deployment.
pub(super) fn values(
    template: &Template,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, TemplateError> {
    let mut errors: Vec<_> = given
        .keys()
        .filter(|name| !template.parameters.contains_key(*name))
        .map(|name| wrong(name, "the template has no such parameter".to_owned()))
        .collect();
    let mut values = BTreeMap::new();
    for (name, definition) in &template.parameters {
        match value(definition, given.get(name)) {
            Ok(value) => _ = values.insert(name.clone(), value),
            Err(problem) => errors.push(wrong(name, problem)),
        }
    }
    error::all(errors)?;
    Ok(values)
}

fn wrong(name: &str, problem: String) -> TemplateError {
    TemplateError::Parameter { name: name.to_owned(), problem }
}

/// How the text of a value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    Texts,
    Numbers,
}

fn value(definition: &Map<String, Value>, given: Option<&String>) -> Result<Value, String> {
    for attribute in definition.keys() {
        match attribute.as_str() {
            "Type"
            | "Default"
            | "Description"
            | "ConstraintDescription"
            | "NoEcho"
            | "AllowedValues"
            | "AllowedPattern"
            | "MinLength"
            | "MaxLength"
            | "MinValue"
            | "MaxValue" => {}
            other => return Err(format!("`{other}` is not an attribute of a parameter")),
        }
    }
    let shape = shape(definition.get("Type").and_then(Value::as_str).unwrap_or_default())?;
    let value = match (given, definition.get("Default").and_then(text)) {
        (Some(given), _) => given.clone(),
        (None, Some(default)) => default,
        (None, None) => return Err("it has no default and no value was given".to_owned()),
    };
    let elements: Vec<&str> = match shape {
        Shape::Text | Shape::Number => vec![value.as_str()],
        Shape::Texts | Shape::Numbers => value.split(',').map(str::trim).collect(),
    };
    for element in &elements {
        check(definition, shape, element).map_err(|problem| {
            let hint = definition.get("ConstraintDescription").and_then(Value::as_str);
            hint.map_or(problem.clone(), |hint| format!("{problem} ({hint})"))
        })?;
    }
    Ok(match shape {
        Shape::Text | Shape::Number => value.into(),
        Shape::Texts | Shape::Numbers => elements.into_iter().map(Value::from).collect(),
    })
}

fn shape(type_name: &str) -> Result<Shape, String> {
    match type_name {
        "String" => Ok(Shape::Text),
        "Number" => Ok(Shape::Number),
        "CommaDelimitedList" => Ok(Shape::Texts),
        "List<Number>" => Ok(Shape::Numbers),
        stored if stored.starts_with("AWS::SSM::Parameter::Value<") => {
            Err(format!("the type {stored} takes its value from the Parameter Store, which is not here"))
        }
        identifier if identifier.starts_with("AWS::") => Ok(Shape::Text),
        list if list.starts_with("List<AWS::") => Ok(Shape::Texts),
        other => Err(format!("`{other}` is not a type of parameters")),
    }
}

/// The value itself is not repeated in a message: it may be one that should not be seen.
fn check(definition: &Map<String, Value>, shape: Shape, value: &str) -> Result<(), String> {
    let is_number = matches!(shape, Shape::Number | Shape::Numbers);
    let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
    if is_number && number.is_none() {
        return Err("the value is not a number".to_owned());
    }
    if let Some(allowed) = definition.get("AllowedValues").and_then(Value::as_array) {
        let allowed: Vec<_> = allowed.iter().filter_map(text).collect();
        if !allowed.iter().any(|allowed| allowed == value) {
            return Err(format!("the value is not one of {}", allowed.join(", ")));
        }
    }
    if let Some(pattern) = definition.get("AllowedPattern").and_then(Value::as_str) {
        let whole =
            Regex::new(&format!("^(?:{pattern})$")).map_err(|error| format!("AllowedPattern is not read: {error}"))?;
        if !whole.is_match(value) {
            return Err(format!("the value does not match {pattern}"));
        }
    }
    let limit = |name| match definition.get(name).and_then(text) {
        Some(limit) => limit.parse::<f64>().map(Some).map_err(|_| format!("{name} is not a number")),
        None => Ok(None),
    };
    #[expect(clippy::cast_precision_loss, reason = "a parameter has at most 4096 characters")]
    let length = value.chars().count() as f64;
    for (name, size) in [("MinLength", Some(length)), ("MinValue", number)] {
        if limit(name)?.zip(size).is_some_and(|(least, size)| size < least) {
            return Err(format!("the value is below {name}"));
        }
    }
    for (name, size) in [("MaxLength", Some(length)), ("MaxValue", number)] {
        if limit(name)?.zip(size).is_some_and(|(most, size)| size > most) {
            return Err(format!("the value is above {name}"));
        }
    }
    Ok(())
}

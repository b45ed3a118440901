//! Every name in the template stands for something, also in the parts that have no meaning here.

use serde_json::Value;

use super::error::{self, TemplateError};
use super::evaluate::{Piece, intrinsic, pieces, pseudo_parameter};
use super::yaml::{index, key};
use super::{Template, names};

/// Checks the names in all sections.
pub(super) fn check(template: &Template, root: &Value) -> Result<(), TemplateError> {
    let mut check = Check { template, in_conditions: false, errors: Vec::new() };
    for section in ["Globals", "Resources", "Outputs"] {
        if let Some(value) = root.get(section) {
            check.value(section, value);
        }
    }
    for (logical_id, resource) in root.get("Resources").and_then(Value::as_object).into_iter().flatten() {
        check.attributes(&key("Resources", logical_id), resource);
    }
    for (name, output) in root.get("Outputs").and_then(Value::as_object).into_iter().flatten() {
        check.attributes(&key("Outputs", name), output);
    }
    check.in_conditions = true;
    if let Some(conditions) = root.get("Conditions") {
        check.value("Conditions", conditions);
    }
    error::all(check.errors)
}

struct Check<'t> {
    template: &'t Template,
    /// In conditions only parameters have values.
    in_conditions: bool,
    errors: Vec<TemplateError>,
}

impl Check<'_> {
    /// `Condition` and `DependsOn` of a resource or an output.
    fn attributes(&mut self, path: &str, holder: &Value) {
        if let Some(Value::String(condition)) = holder.get("Condition") {
            self.condition(&key(path, "Condition"), condition);
        }
        let depends_on = match holder.get("DependsOn") {
            Some(Value::Array(names)) => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => &[],
        };
        for name in depends_on.iter().filter_map(Value::as_str) {
            self.resource(&key(path, "DependsOn"), name);
        }
    }

    fn value(&mut self, path: &str, value: &Value) {
        if let Some((function, argument)) = intrinsic(value) {
            let path = key(path, function);
            match (function, argument) {
                ("Ref", Value::String(name)) => self.name(&path, name),
                ("Fn::GetAtt", Value::Array(names)) => {
                    if let Some(Value::String(name)) = names.first() {
                        self.resource(&path, name);
                    }
                }
                ("Fn::GetAtt", Value::String(dotted)) => {
                    self.resource(&path, dotted.split('.').next().unwrap_or_default());
                }
                ("Fn::If", Value::Array(arguments)) => {
                    if let Some(Value::String(name)) = arguments.first() {
                        self.condition(&path, name);
                    }
                }
                ("Fn::Sub", Value::String(text)) => self.substitution(&path, text, None),
                ("Fn::Sub", Value::Array(arguments)) => {
                    if let Some(Value::String(text)) = arguments.first() {
                        self.substitution(&path, text, arguments.get(1));
                    }
                }
                _ => {}
            }
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = key(path, name);
                    match member {
                        Value::String(condition) if self.in_conditions && name == "Condition" => {
                            self.condition(&path, condition);
                        }
                        member => self.value(&path, member),
                    }
                }
            }
            Value::Array(elements) => {
                for (position, element) in elements.iter().enumerate() {
                    self.value(&index(path, position), element);
                }
            }
            _ => {}
        }
    }

    fn substitution(&mut self, path: &str, text: &str, variables: Option<&Value>) {
        match pieces(text) {
            Ok(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Name(name) if variables.is_some_and(|variables| variables.get(name).is_some()) => {}
                        Piece::Name(name) => match name.split_once('.') {
                            Some((resource, _)) => self.resource(path, resource),
                            None => self.name(path, name),
                        },
                        Piece::Text(_) | Piece::Literal(_) => {}
                    }
                }
            }
            Err(problem) => self
                .errors
                .push(TemplateError::Malformed { at: self.template.locate(path), problem: problem.to_owned() }),
        }
    }

    fn name(&mut self, path: &str, name: &str) {
        let is_pseudo = pseudo_parameter(name).is_some() || matches!(name, "AWS::NoValue" | "AWS::NotificationARNs");
        if is_pseudo || self.template.parameters.contains_key(name) {
            return;
        }
        // How SAM has the stage named that it makes for an API.
        if let Some((resource, "Stage")) = name.split_once('.')
            && self.is_resource(resource)
        {
            return;
        }
        if self.in_conditions {
            self.unknown(path, "parameter", name);
        } else if !self.is_resource(name) {
            self.unknown(path, "resource or parameter", name);
        }
    }

    fn resource(&mut self, path: &str, name: &str) {
        if !self.is_resource(name) {
            self.unknown(path, "resource", name);
        }
    }

    fn is_resource(&self, name: &str) -> bool {
        self.template.resources.contains_key(name) || names::made_by_sam(self.template, name)
    }

    fn condition(&mut self, path: &str, name: &str) {
        if !self.template.conditions.contains_key(name) {
            self.unknown(path, "condition", name);
        }
    }

    fn unknown(&mut self, path: &str, what: &'static str, name: &str) {
        self.errors.push(TemplateError::Unknown { at: self.template.locate(path), what, name: name.to_owned() });
    }
}

//! Conditions, and which resources exist because of them.

use serde_json::Value;

use super::Resource;
use super::error::TemplateError;
use super::evaluate::{Scope, text};
use super::yaml::{index, key};

impl Scope<'_> {
    /// Whether a resource's condition, if it has one, holds.
    pub(super) fn exists(self, logical_id: &str, resource: &Resource) -> Result<bool, TemplateError> {
        resource
            .condition
            .as_ref()
            .map_or(Ok(true), |condition| self.condition(&format!("Resources.{logical_id}.Condition"), condition))
    }

    /// Whether the named condition holds.
    pub(super) fn condition(self, path: &str, name: &str) -> Result<bool, TemplateError> {
        let definition = self.template.conditions.get(name).ok_or_else(|| self.unknown(path, "condition", name))?;
        self.within(path, "condition", name, |scope| scope.holds(&key("Conditions", name), definition))
    }

    fn holds(self, path: &str, raw: &Value) -> Result<bool, TemplateError> {
        let call = raw.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
        let Some((name, argument)) = call else {
            return Err(self.malformed(path, "a condition is one function"));
        };
        let path = key(path, name);
        let arguments = argument.as_array().map_or(&[][..], Vec::as_slice);
        match (name.as_str(), arguments) {
            ("Condition", _) => match argument.as_str() {
                Some(other) => self.condition(&path, other),
                None => Err(self.malformed(&path, "takes the name of a condition")),
            },
            ("Fn::Equals", [one, other]) => {
                Ok(self.comparable(&index(&path, 0), one)? == self.comparable(&index(&path, 1), other)?)
            }
            ("Fn::Not", [only]) => Ok(!self.holds(&index(&path, 0), only)?),
            ("Fn::And", [_, _, ..]) => Ok(self.all_hold(&path, arguments)?.into_iter().all(|holds| holds)),
            ("Fn::Or", [_, _, ..]) => Ok(self.all_hold(&path, arguments)?.into_iter().any(|holds| holds)),
            ("Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or", _) => {
                Err(self.malformed(&path, "has the wrong number of arguments"))
            }
            _ => Err(self.malformed(&path, "is not a function of conditions")),
        }
    }

    fn all_hold(self, path: &str, arguments: &[Value]) -> Result<Vec<bool>, TemplateError> {
        arguments.iter().enumerate().map(|(position, argument)| self.holds(&index(path, position), argument)).collect()
    }

    /// Scalars are compared as texts: a parameter is always a text, whatever it is compared with.
    fn comparable(self, path: &str, raw: &Value) -> Result<Option<Value>, TemplateError> {
        let value = self.value(path, raw)?;
        Ok(value.map(|value| text(&value).map_or(value, Value::String)))
    }
}

//! Reading properties one by one, so that none is forgotten: what is not taken by the end is an error.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::error::TemplateError;
use super::evaluate::{self, Scope};
use super::yaml::{index, key};
use super::{Resource, globals};
use crate::pattern::Pattern;

/// Names of properties that have no meaning on one machine, each with the reason.
pub(super) type Meaningless = [(&'static str, &'static str)];

/// A mapping whose entries are taken one after the other.
pub(super) struct Fields<'t> {
    scope: Scope<'t>,
    path: String,
    /// Each with the path that it was written under, which is another one for what comes from `Globals`.
    entries: BTreeMap<String, (String, Value)>,
}

/// One value, a function at its top evaluated.
pub(super) struct Field<'t> {
    pub(super) scope: Scope<'t>,
    pub(super) path: String,
    value: Value,
}

impl<'t> Fields<'t> {
    /// The properties of a resource, `Globals` merged in.
    pub(super) fn of_resource(scope: Scope<'t>, logical_id: &str, resource: &Resource) -> Self {
        let path = format!("Resources.{logical_id}.Properties");
        let section = globals::section(&resource.type_name).unwrap_or_default();
        let mut entries: BTreeMap<_, _> = globals::for_resource(scope.template, resource)
            .into_iter()
            .map(|(name, value)| (name.clone(), (format!("Globals.{section}.{name}"), value)))
            .collect();
        for (name, own) in resource.properties.clone() {
            let value = match entries.remove(&name) {
                Some((_, global)) => globals::merge(global, own),
                None => own,
            };
            entries.insert(name.clone(), (key(&path, &name), value));
        }
        Self { scope, path, entries }
    }

    /// The value of a property, nothing if it is left out or `AWS::NoValue`.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<Field<'t>>, TemplateError> {
        let Some((path, raw)) = self.entries.remove(name) else {
            return Ok(None);
        };
        Ok(self.scope.head(&path, &raw)?.map(|(path, value)| Field { scope: self.scope, path, value }))
    }

    /// The value of a property that must be there.
    pub(super) fn require(&mut self, name: &str) -> Result<Field<'t>, TemplateError> {
        self.take(name)?.ok_or_else(|| self.scope.malformed(&self.path, format!("`{name}` is missing")))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, TemplateError> {
        self.take(name)?.map(|field| field.text()).transpose()
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, TemplateError> {
        self.take(name)?.map(|field| field.flag()).transpose()
    }

    pub(super) fn integer(&mut self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, TemplateError> {
        self.take(name)?.map(|field| field.integer(range)).transpose()
    }

    pub(super) fn seconds(
        &mut self,
        name: &str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<Duration>, TemplateError> {
        let seconds = self.integer(name, range)?;
        Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
    }

    pub(super) fn fields(&mut self, name: &str) -> Result<Option<Fields<'t>>, TemplateError> {
        self.take(name)?.map(Field::fields).transpose()
    }

    /// The elements of a list, none if it is left out.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Field<'t>>, TemplateError> {
        self.take(name)?.map_or_else(|| Ok(Vec::new()), |field| field.list())
    }

    /// The value of a property as JSON, everything in it evaluated.
    pub(super) fn json(&mut self, name: &str) -> Result<Option<Value>, TemplateError> {
        self.take(name)?.map(|field| field.json()).transpose()
    }

    /// An error if the property is there.
    pub(super) fn refuse(&mut self, name: &str, reason: &str) -> Result<(), TemplateError> {
        match self.take(name)? {
            Some(field) => Err(field.refused(reason)),
            None => Ok(()),
        }
    }

    /// An error if the property is there with another value: the one value is what happens anyway.
    pub(super) fn only(&mut self, name: &str, wanted: &str, reason: &str) -> Result<(), TemplateError> {
        match self.take(name)? {
            Some(field) if field.text()? != wanted => Err(field.refused(reason)),
            _ => Ok(()),
        }
    }

    /// Every entry that is left, in the order of the names.
    pub(super) fn rest(&mut self) -> Result<Vec<(String, Field<'t>)>, TemplateError> {
        let mut rest = Vec::new();
        for (name, (path, raw)) in std::mem::take(&mut self.entries) {
            if let Some((path, value)) = self.scope.head(&path, &raw)? {
                let scope = self.scope;
                rest.push((name, Field { scope, path, value }));
            }
        }
        Ok(rest)
    }

    /// Notes what has no meaning and refuses everything else that was not taken.
    pub(super) fn finish(self, meaningless: &Meaningless) -> Result<(), TemplateError> {
        for (name, (path, _)) in self.entries {
            let listed = meaningless.iter().find(|(listed, _)| *listed == name);
            let Some((_, reason)) = listed else {
                let reason = "the embedded runtime does not know this property";
                return Err(self.scope.refused(&path, reason));
            };
            self.scope.ignore(path, reason);
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn scope(&self) -> Scope<'t> {
        self.scope
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> TemplateError {
        self.scope.refused(&self.path, reason)
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> TemplateError {
        self.scope.malformed(&self.path, problem)
    }
}

impl<'t> Field<'t> {
    pub(super) fn text(&self) -> Result<String, TemplateError> {
        evaluate::text(&self.value).ok_or_else(|| self.malformed("a text belongs here"))
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, TemplateError> {
        let text = self.text()?;
        words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.malformed(format!("`{text}` is not one of {}", words.join(", ")))
        })
    }

    pub(super) fn flag(&self) -> Result<bool, TemplateError> {
        self.word(&[("true", true), ("false", false)])
    }

    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Result<u32, TemplateError> {
        let number = self.text()?.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            self.malformed(format!("a whole number from {} to {} belongs here", range.start(), range.end()))
        })
    }

    pub(super) fn list(&self) -> Result<Vec<Field<'t>>, TemplateError> {
        let elements = self.value.as_array().ok_or_else(|| self.malformed("a list belongs here"))?;
        let mut fields = Vec::with_capacity(elements.len());
        for (position, element) in elements.iter().enumerate() {
            let found = self.scope.head(&index(&self.path, position), element)?;
            fields.extend(found.map(|(path, value)| Field { scope: self.scope, path, value }));
        }
        Ok(fields)
    }

    pub(super) fn fields(self) -> Result<Fields<'t>, TemplateError> {
        match self.value {
            Value::Object(members) => Ok(Fields {
                scope: self.scope,
                entries: members
                    .into_iter()
                    .map(|(name, value)| (name.clone(), (key(&self.path, &name), value)))
                    .collect(),
                path: self.path,
            }),
            _ => Err(self.malformed("a mapping belongs here")),
        }
    }

    /// The value with everything in it evaluated.
    pub(super) fn json(&self) -> Result<Value, TemplateError> {
        let value = self.scope.value(&self.path, &self.value)?;
        Ok(value.unwrap_or(Value::Null))
    }

    /// The JSON that is written as text.
    pub(super) fn json_text(&self) -> Result<Value, TemplateError> {
        serde_json::from_str(&self.text()?)
            .map_err(|source| TemplateError::Json { at: self.scope.locate(&self.path), source })
    }

    /// An event pattern, and the JSON that it was read from.
    pub(super) fn pattern(&self, raw: Value) -> Result<(Pattern, Value), TemplateError> {
        match Pattern::parse(&raw) {
            Ok(pattern) => Ok((pattern, raw)),
            Err(source) => Err(TemplateError::Pattern { at: self.scope.locate(&self.path), source: Box::new(source) }),
        }
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> TemplateError {
        self.scope.malformed(&self.path, problem)
    }

    pub(super) fn refused(&self, reason: impl Into<String>) -> TemplateError {
        self.scope.refused(&self.path, reason)
    }

    pub(super) fn inconsistent(&self, problem: impl Into<String>) -> TemplateError {
        TemplateError::Inconsistent { at: self.scope.locate(&self.path), problem: problem.into() }
    }
}

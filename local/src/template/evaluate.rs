//! Intrinsic functions, evaluated where a value is read and nowhere else.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Template;
use super::error::{Location, TemplateError};
use super::names::{ACCOUNT, PARTITION, REGION, STACK, URL_SUFFIX};
use super::system::Ignored;
use super::yaml::{index, key};

/// What an evaluation may look at.
#[derive(Clone, Copy)]
pub(super) struct Scope<'t> {
    pub(super) template: &'t Template,
    parameters: &'t BTreeMap<String, Value>,
    ignored: &'t RefCell<Vec<Ignored>>,
    trail: Option<&'t Trail<'t>>,
}

/// The names whose definitions are being evaluated, the innermost first.
struct Trail<'t> {
    what: &'static str,
    name: &'t str,
    before: Option<&'t Trail<'t>>,
}

/// The function and its argument, if the value is a call of one.
pub(super) fn intrinsic(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object()?;
    let mut entries = members.iter();
    match (entries.next(), entries.next()) {
        (Some((name, argument)), None) if name == "Ref" || name.starts_with("Fn::") => Some((name, argument)),
        _ => None,
    }
}

/// A scalar as the text that `CloudFormation` makes of it.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value that is there, with the path that it was found under.
pub(super) type Found = Option<(String, Value)>;

impl<'t> Scope<'t> {
    pub(super) fn new(
        template: &'t Template,
        parameters: &'t BTreeMap<String, Value>,
        ignored: &'t RefCell<Vec<Ignored>>,
    ) -> Self {
        Self { template, parameters, ignored, trail: None }
    }

    /// Notes that this part of the template changes nothing here.
    pub(super) fn ignore(self, path: String, reason: &'static str) {
        self.ignored.borrow_mut().push(Ignored { path, reason });
    }

    pub(super) fn locate(self, path: &str) -> Location {
        self.template.locate(path)
    }

    pub(super) fn malformed(self, path: &str, problem: impl Into<String>) -> TemplateError {
        TemplateError::Malformed { at: self.locate(path), problem: problem.into() }
    }

    pub(super) fn refused(self, path: &str, reason: impl Into<String>) -> TemplateError {
        TemplateError::Refused { at: self.locate(path), reason: reason.into() }
    }

    pub(super) fn unknown(self, path: &str, what: &'static str, name: &str) -> TemplateError {
        TemplateError::Unknown { at: self.locate(path), what, name: name.to_owned() }
    }

    /// Evaluates inside the definition of a name, which must not lead back to it.
    pub(super) fn within<R>(
        self,
        path: &str,
        what: &'static str,
        name: &str,
        evaluate: impl FnOnce(Scope<'_>) -> Result<R, TemplateError>,
    ) -> Result<R, TemplateError> {
        let mut step = self.trail;
        while let Some(trail) = step {
            if trail.what == what && trail.name == name {
                return Err(TemplateError::Cycle { at: self.locate(path), name: name.to_owned() });
            }
            step = trail.before;
        }
        let trail = Trail { what, name, before: self.trail };
        evaluate(Scope { trail: Some(&trail), ..self })
    }

    /// Evaluates a function at the top of the value; what lies inside stays as written. Nothing for `AWS::NoValue`.
    pub(super) fn head(self, path: &str, raw: &Value) -> Result<Found, TemplateError> {
        let found = match intrinsic(raw) {
            Some(("Fn::If", argument)) => return self.branch(&key(path, "Fn::If"), argument),
            Some((name, argument)) => {
                self.call(&key(path, name), name, argument)?.map(|value| (path.to_owned(), value))
            }
            None => {
                let mixed = raw.as_object().and_then(|members| members.keys().find(|name| name.starts_with("Fn::")));
                if let Some(name) = mixed {
                    return Err(self.malformed(path, format!("`{name}` stands alone, without other keys")));
                }
                Some((path.to_owned(), raw.clone()))
            }
        };
        if let Some((_, Value::String(text))) = &found
            && text.contains("{{resolve:")
        {
            let reason = "there is no Parameter Store or Secrets Manager behind a dynamic reference";
            return Err(self.refused(path, reason));
        }
        Ok(found)
    }

    /// Evaluates everything in the value.
    pub(super) fn value(self, path: &str, raw: &Value) -> Result<Option<Value>, TemplateError> {
        let Some((path, value)) = self.head(path, raw)? else {
            return Ok(None);
        };
        Ok(Some(match value {
            Value::Array(elements) => {
                let mut evaluated = Vec::with_capacity(elements.len());
                for (position, element) in elements.iter().enumerate() {
                    evaluated.extend(self.value(&index(&path, position), element)?);
                }
                Value::Array(evaluated)
            }
            Value::Object(members) => {
                let mut evaluated = Map::new();
                for (name, member) in members {
                    if let Some(member) = self.value(&key(&path, &name), &member)? {
                        evaluated.insert(name, member);
                    }
                }
                Value::Object(evaluated)
            }
            scalar => scalar,
        }))
    }

    fn branch(self, path: &str, argument: &Value) -> Result<Found, TemplateError> {
        let Some([Value::String(condition), if_true, if_false]) = argument.as_array().map(Vec::as_slice) else {
            return Err(self.malformed(path, "takes the name of a condition and two values"));
        };
        if self.condition(path, condition)? {
            self.head(&index(path, 1), if_true)
        } else {
            self.head(&index(path, 2), if_false)
        }
    }

    fn call(self, path: &str, name: &str, argument: &Value) -> Result<Option<Value>, TemplateError> {
        match name {
            "Ref" => match argument.as_str() {
                Some(name) => self.reference(path, name),
                None => Err(self.malformed(path, "takes one name")),
            },
            "Fn::GetAtt" => self.get_att(path, argument).map(Some),
            "Fn::Sub" => self.substitute(path, argument).map(Some),
            "Fn::Join" => self.join(path, argument).map(Some),
            "Fn::Select" => self.select(path, argument).map(Some),
            "Fn::Split" => self.split(path, argument).map(Some),
            "Fn::FindInMap" => self.find_in_map(path, argument).map(Some),
            "Fn::ImportValue" => {
                Err(self.refused(path, "there is no other stack to import from: make the value a parameter"))
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => {
                Err(self.malformed(path, "stands in the section Conditions only; here belongs Fn::If"))
            }
            _ => Err(self.refused(path, "this function is not evaluated")),
        }
    }

    /// `Ref`, nothing for `AWS::NoValue`.
    pub(super) fn reference(self, path: &str, name: &str) -> Result<Option<Value>, TemplateError> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        match name {
            "AWS::NoValue" => Ok(None),
            "AWS::NotificationARNs" => Ok(Some(Value::Array(Vec::new()))),
            _ => match pseudo_parameter(name) {
                Some(value) => Ok(Some(value.into())),
                None => self.resource_reference(path, name).map(|name| Some(name.into())),
            },
        }
    }

    fn get_att(self, path: &str, argument: &Value) -> Result<Value, TemplateError> {
        let names = match argument {
            Value::Array(names) => names.clone(),
            Value::String(dotted) => dotted.splitn(2, '.').map(Value::from).collect(),
            _ => Vec::new(),
        };
        match names.as_slice() {
            [Value::String(resource), attribute] => {
                let attribute = self.text(path, attribute)?;
                self.attribute(path, resource, &attribute).map(Value::from)
            }
            _ => Err(self.malformed(path, "takes a resource and the name of an attribute")),
        }
    }

    fn substitute(self, path: &str, argument: &Value) -> Result<Value, TemplateError> {
        let none = Map::new();
        let (template, variables) = match argument {
            Value::String(template) => (template, &none),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(template)] => (template, &none),
                [Value::String(template), Value::Object(variables)] => (template, variables),
                _ => {
                    return Err(self.malformed(path, "takes a text, or a text and a mapping of variables"));
                }
            },
            _ => {
                return Err(self.malformed(path, "takes a text, or a text and a mapping of variables"));
            }
        };
        let mut substituted = String::new();
        for piece in pieces(template).map_err(|problem| self.malformed(path, problem))? {
            match piece {
                Piece::Text(text) => substituted.push_str(text),
                Piece::Literal(name) => substituted.extend(["${", name, "}"]),
                Piece::Name(name) => substituted.push_str(&self.variable(path, name, variables)?),
            }
        }
        Ok(substituted.into())
    }

    fn variable(self, path: &str, name: &str, variables: &Map<String, Value>) -> Result<String, TemplateError> {
        if let Some(value) = variables.get(name) {
            return self.text(&key(path, name), value);
        }
        if let Some((resource, attribute)) = name.split_once('.') {
            return self.attribute(path, resource, attribute);
        }
        self.reference(path, name)?
            .as_ref()
            .and_then(text)
            .ok_or_else(|| self.malformed(path, format!("`{name}` is not a text")))
    }

    fn join(self, path: &str, argument: &Value) -> Result<Value, TemplateError> {
        let Some([Value::String(delimiter), list]) = argument.as_array().map(Vec::as_slice) else {
            return Err(self.malformed(path, "takes a delimiter and a list"));
        };
        let texts = self.texts(&index(path, 1), list)?;
        Ok(texts.join(delimiter).into())
    }

    fn select(self, path: &str, argument: &Value) -> Result<Value, TemplateError> {
        let Some([position, list]) = argument.as_array().map(Vec::as_slice) else {
            return Err(self.malformed(path, "takes a position and a list"));
        };
        let position = self.text(&index(path, 0), position)?;
        let list = self.list(&index(path, 1), list)?;
        position
            .parse::<usize>()
            .ok()
            .and_then(|position| list.into_iter().nth(position))
            .ok_or_else(|| self.malformed(path, format!("there is no element {position} in the list")))
    }

    fn split(self, path: &str, argument: &Value) -> Result<Value, TemplateError> {
        match argument.as_array().map(Vec::as_slice) {
            Some([Value::String(delimiter), whole]) if !delimiter.is_empty() => {
                let whole = self.text(&index(path, 1), whole)?;
                Ok(whole.split(delimiter.as_str()).map(Value::from).collect())
            }
            _ => Err(self.malformed(path, "takes a delimiter and a text")),
        }
    }

    fn find_in_map(self, path: &str, argument: &Value) -> Result<Value, TemplateError> {
        let keys = argument.as_array().map_or(&[][..], Vec::as_slice);
        if keys.len() != 3 {
            return Err(self.malformed(path, "takes the name of a mapping, a first and a second key"));
        }
        let mut found = &self.template.mappings;
        for (position, name) in keys.iter().enumerate() {
            let name = self.text(&index(path, position), name)?;
            found = found.get(&name).ok_or_else(|| self.unknown(path, "mapping or key", &name))?;
        }
        Ok(found.clone())
    }

    /// The value as text.
    pub(super) fn text(self, path: &str, raw: &Value) -> Result<String, TemplateError> {
        self.value(path, raw)?.as_ref().and_then(text).ok_or_else(|| self.malformed(path, "a text belongs here"))
    }

    fn texts(self, path: &str, raw: &Value) -> Result<Vec<String>, TemplateError> {
        self.list(path, raw)?
            .iter()
            .map(|element| text(element).ok_or_else(|| self.malformed(path, "a list of texts belongs here")))
            .collect()
    }

    fn list(self, path: &str, raw: &Value) -> Result<Vec<Value>, TemplateError> {
        match self.value(path, raw)? {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(self.malformed(path, "a list belongs here")),
        }
    }
}

/// The pseudo parameters that are texts.
pub(super) fn pseudo_parameter(name: &str) -> Option<String> {
    Some(match name {
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::Partition" => PARTITION.to_owned(),
        "AWS::Region" => REGION.to_owned(),
        "AWS::StackId" => {
            format!("arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/{REGION}")
        }
        "AWS::StackName" => STACK.to_owned(),
        "AWS::URLSuffix" => URL_SUFFIX.to_owned(),
        _ => return None,
    })
}

/// A part of the text of `Fn::Sub`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    Text(&'s str),
    /// `${!name}`, which stays as `${name}`.
    Literal(&'s str),
    /// `${name}`.
    Name(&'s str),
}

/// Cuts the text of `Fn::Sub` at its variables.
pub(super) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` without its `}`")?;
        pieces.push(Piece::Text(before));
        pieces.push(match name.strip_prefix('!') {
            Some(literal) => Piece::Literal(literal),
            None => Piece::Name(name),
        });
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

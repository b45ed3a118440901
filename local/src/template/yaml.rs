//! YAML as `CloudFormation` and SAM read it, to JSON with every intrinsic function in its long form.
//!
//! `sam` reads YAML 1.1 and other tools 1.2. A plain scalar that the two understand differently is an error that asks
//! for quotes, so that nobody has to know. Aliases, merge keys and several documents are errors as in `CloudFormation`.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Number, Value};

use super::error::{Location, TemplateError};

/// A YAML document as JSON.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Value,
    pub(super) lines: Lines,
}

/// The line of every path that the text has.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// A location with the line of the path or of the nearest path around it.
    pub(super) fn locate(&self, path: &str) -> Location {
        let mut around = path;
        let line = loop {
            if let Some(line) = self.0.get(around) {
                break Some(*line);
            }
            match around.rfind(['.', '[']).and_then(|end| around.get(..end)) {
                Some(shorter) => around = shorter,
                None => break None,
            }
        };
        Location { path: path.to_owned(), line }
    }
}

/// The path of a mapping's value.
pub(super) fn key(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The path of a list's element.
pub(super) fn index(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// Reads a text with exactly one document.
pub(super) fn parse(text: &str) -> Result<Document, TemplateError> {
    let options = granit_parser::options! { emit_comments: false };
    let mut reader =
        Reader { events: Parser::new_from_str_with_options(text, options), lines: Lines::default(), line: 1 };
    let mut root = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            event if root.is_none() => root = Some(reader.node(event, span, "")?),
            _ => {
                return Err(reader.error("a template is one document, and here starts a second one"));
            }
        }
    }
    let root = root.ok_or_else(|| reader.error("the template is empty"))?;
    Ok(Document { root, lines: reader.lines })
}

struct Reader<E> {
    events: E,
    lines: Lines,
    line: usize,
}

impl<'t, E> Reader<E>
where
    E: Iterator<Item = Result<(Event<'t>, Span), ScanError>>,
{
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, TemplateError> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(Some((event, span)))
            }
            Some(Err(error)) => {
                self.line = error.marker().line();
                Err(self.error(&error.info()))
            }
        }
    }

    fn required(&mut self) -> Result<(Event<'t>, Span), TemplateError> {
        self.next()?.ok_or_else(|| self.error("the text ends inside a value"))
    }

    fn node(&mut self, event: Event<'t>, span: Span, path: &str) -> Result<Value, TemplateError> {
        let line = span.start.line();
        self.lines.0.entry(path.to_owned()).or_insert(line);
        match event {
            Event::Scalar(text, style, _, tag) => {
                self.line = line;
                match self.function(tag.as_deref())? {
                    Some(function) => Ok(function.of_text(&text)),
                    None => self.scalar(&text, style, tag.as_deref()),
                }
            }
            Event::SequenceStart(_, _, tag) => {
                let function = self.function(tag.as_deref())?;
                let inner = function.map_or_else(|| path.to_owned(), |function| key(path, &function.long()));
                let list = self.sequence(&inner)?;
                Ok(match function {
                    Some(function) => function.of(list),
                    None => list,
                })
            }
            Event::MappingStart(_, _, tag) => {
                let function = self.function(tag.as_deref())?;
                let inner = function.map_or_else(|| path.to_owned(), |function| key(path, &function.long()));
                let mapping = self.mapping(&inner)?;
                Ok(match function {
                    Some(function) => function.of(mapping),
                    None => mapping,
                })
            }
            Event::Alias(_) => Err(self.error("CloudFormation reads no YAML aliases")),
            _ => Err(self.error("a value is missing")),
        }
    }

    fn sequence(&mut self, path: &str) -> Result<Value, TemplateError> {
        let mut elements = Vec::new();
        loop {
            let (event, span) = self.required()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(elements));
            }
            let element = self.node(event, span, &index(path, elements.len()))?;
            elements.push(element);
        }
    }

    fn mapping(&mut self, path: &str) -> Result<Value, TemplateError> {
        let mut members = Map::new();
        loop {
            let (event, span) = self.required()?;
            let name = match event {
                Event::MappingEnd => return Ok(Value::Object(members)),
                Event::Scalar(text, _, _, None) => text.into_owned(),
                _ => return Err(self.error("a key must be plain text")),
            };
            if name == "<<" {
                return Err(self.error("CloudFormation reads no YAML merge keys"));
            }
            let line = span.start.line();
            let path = key(path, &name);
            self.lines.0.insert(path.clone(), line);
            let (event, span) = self.required()?;
            let value = self.node(event, span, &path)?;
            if members.insert(name.clone(), value).is_some() {
                self.line = line;
                return Err(self.error(&format!("the key `{name}` is given twice")));
            }
        }
    }

    /// The intrinsic function that a tag names.
    fn function(&self, tag: Option<&Tag>) -> Result<Option<Function>, TemplateError> {
        match tag {
            Some(tag) if tag.is_custom() => FUNCTIONS
                .iter()
                .find(|function| tag.handle() == "!" && function.0 == tag.suffix())
                .map(|function| Some(*function))
                .ok_or_else(|| self.error(&format!("{} is not a function of CloudFormation", tag.original()))),
            _ => Ok(None),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, TemplateError> {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if is_text || style != ScalarStyle::Plain {
            return Ok(Value::String(text.to_owned()));
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
            "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
            _ => {}
        }
        if reads_differently(text) {
            return Err(self.error(&format!(
                "tools read `{text}` differently: put it in quotes, or write the number or the true or false that is meant"
            )));
        }
        Ok(number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number))
    }

    fn error(&self, problem: &str) -> TemplateError {
        TemplateError::Yaml { line: self.line, problem: problem.to_owned() }
    }
}

/// An intrinsic function by the name of its tag.
#[derive(Clone, Copy)]
struct Function(&'static str);

/// Every short form of the `CloudFormation` user guide. Which of them are honoured is decided when they are evaluated.
const FUNCTIONS: &[Function] = &[
    Function("And"),
    Function("Base64"),
    Function("Cidr"),
    Function("Condition"),
    Function("Equals"),
    Function("FindInMap"),
    Function("GetAtt"),
    Function("GetAZs"),
    Function("If"),
    Function("ImportValue"),
    Function("Join"),
    Function("Length"),
    Function("Not"),
    Function("Or"),
    Function("Ref"),
    Function("Select"),
    Function("Split"),
    Function("Sub"),
    Function("ToJsonString"),
    Function("Transform"),
];

impl Function {
    fn long(self) -> String {
        match self.0 {
            name @ ("Ref" | "Condition") => name.to_owned(),
            name => format!("Fn::{name}"),
        }
    }

    fn of(self, argument: Value) -> Value {
        Value::Object(Map::from_iter([(self.long(), argument)]))
    }

    fn of_text(self, text: &str) -> Value {
        match text.split_once('.') {
            Some((resource, attribute)) if self.0 == "GetAtt" => {
                self.of(Value::Array(vec![resource.into(), attribute.into()]))
            }
            _ => self.of(text.into()),
        }
    }
}

/// Booleans, octals, sexagesimals and digit groups of YAML 1.1, and number forms that only one of 1.1 and 1.2 knows.
fn reads_differently(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['-', '+']).unwrap_or(&lower);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(lower.as_str(), "yes" | "no" | "on" | "off") || matches!(unsigned, ".inf" | ".nan") {
        return true;
    }
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && digits(unsigned);
    let other_base = ["0x", "0o", "0b"].iter().any(|prefix| {
        unsigned
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    let sexagesimal = unsigned.contains(':') && unsigned.split(':').all(|part| digits(part.trim_end_matches('.')));
    let grouped = unsigned.starts_with(|first: char| first.is_ascii_digit())
        && unsigned.contains('_')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'.'));
    let exponent = unsigned.split_once('e').is_some_and(|(mantissa, exponent)| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        digits(exponent) && digits(&mantissa.replacen('.', "", 1))
    });
    leading_zero || other_base || sexagesimal || grouped || exponent
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = unsigned.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = unsigned.parse::<u64>() {
        return Some(integer.into());
    }
    let digits = unsigned.strip_prefix('-').unwrap_or(unsigned);
    let is_fraction = digits.contains('.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_fraction {
        return None;
    }
    unsigned.parse().ok().and_then(Number::from_f64)
}

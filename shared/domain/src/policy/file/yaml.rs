//! A YAML text as a tree whose nodes know their lines.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// Mappings and lists inside each other, at most, of either style. The deepest policy has six.
const MAX_NESTING: usize = 16;

const LOOK: &str = "look at indentation, quotes and brackets of this line and the one before";

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// No value, or `~` or `null` without quotes.
    Nothing,
    Text {
        text: String,
        /// Without quotes, so that it may be a number.
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file; keys may repeat.
    Mapping(Vec<Entry>),
    /// A value that the policy does not read, with what it is.
    Refused(&'static str),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The key's line, from 1.
    pub(super) line: usize,
    pub(super) node: Node,
}

/// A text that is not one YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// From 1.
    pub(super) line: usize,
    pub(super) wrong: String,
    pub(super) fix: &'static str,
}

/// Reads a text with exactly one document.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_NESTING,
        block_nesting_limit: MAX_NESTING,
    };
    let mut reader = Reader { events: Parser::new_from_str_with_options(text, options), line: 1 };
    let mut root = None;
    while let Some((event, line)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(..) if root.is_none() => {}
            event if root.is_none() => root = Some(reader.node(event, line)?),
            _ => {
                let wrong = "a second document starts here".to_owned();
                return Err(SyntaxError { line, wrong, fix: "keep one of them; a policy is one document" });
            }
        }
    }
    Ok(root.unwrap_or(Node { line: 1, value: Value::Nothing }))
}

struct Reader<E> {
    events: E,
    line: usize,
}

impl<'t, E> Reader<E>
where
    E: Iterator<Item = Result<(Event<'t>, Span), ScanError>>,
{
    fn next(&mut self) -> Result<Option<(Event<'t>, usize)>, SyntaxError> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line().max(1);
                Ok(Some((event, self.line)))
            }
            Some(Err(error)) => {
                self.line = error.marker().line().max(1);
                Err(self.error(&format!("is no YAML ({})", error.info())))
            }
        }
    }

    fn required(&mut self) -> Result<(Event<'t>, usize), SyntaxError> {
        self.next()?.ok_or_else(|| self.error("ends inside a value"))
    }

    /// Recursion is as deep as the parser lets texts nest.
    fn node(&mut self, event: Event<'t>, line: usize) -> Result<Node, SyntaxError> {
        let (value, has_tag) = match event {
            Event::Scalar(text, style, _, tag) => (scalar(&text, style), tag.is_some()),
            Event::SequenceStart(_, _, tag) => (Value::List(self.list()?), tag.is_some()),
            Event::MappingStart(_, _, tag) => (Value::Mapping(self.mapping()?), tag.is_some()),
            Event::Alias(_) | Event::UnresolvedAlias(_) => (Value::Refused("a YAML alias"), false),
            _ => return Err(self.error("lacks a value")),
        };
        let value = if has_tag { Value::Refused("a value with a YAML tag") } else { value };
        Ok(Node { line, value })
    }

    fn list(&mut self) -> Result<Vec<Node>, SyntaxError> {
        let mut elements = Vec::new();
        loop {
            match self.required()? {
                (Event::SequenceEnd, _) => return Ok(elements),
                (event, line) => elements.push(self.node(event, line)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Vec<Entry>, SyntaxError> {
        let mut entries = Vec::new();
        loop {
            let (key, line) = match self.required()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (Event::Scalar(text, ..), line) => (text.into_owned(), line),
                _ => return Err(self.error("has a key that is no plain text")),
            };
            let (event, value_line) = self.required()?;
            let node = self.node(event, value_line)?;
            entries.push(Entry { key, line, node });
        }
    }

    fn error(&self, wrong: &str) -> SyntaxError {
        SyntaxError { line: self.line, wrong: wrong.to_owned(), fix: LOOK }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Nothing,
        _ => Value::Text { text: text.to_owned(), plain },
    }
}

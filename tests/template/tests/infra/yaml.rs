//! The template as it is written: YAML to JSON, with every intrinsic function in its long form.
//!
//! It knows what the template needs and no more. What `CloudFormation` would refuse is found by `local::template` and
//! `infra/check`, which read the same file.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Value};

/// Reads a text with one document.
pub(crate) fn parse(text: &str) -> Value {
    let options = granit_parser::options! { emit_comments: false };
    let mut events = Parser::new_from_str_with_options(text, options);
    loop {
        match next(&mut events) {
            Event::StreamStart | Event::DocumentStart(..) => {}
            event => return node(event, &mut events),
        }
    }
}

fn next<'t>(events: &mut impl Iterator<Item = Result<(Event<'t>, Span), ScanError>>) -> Event<'t> {
    events.next().expect("the template ends inside a value").expect("the template is YAML").0
}

fn node<'t>(event: Event<'t>, events: &mut impl Iterator<Item = Result<(Event<'t>, Span), ScanError>>) -> Value {
    match event {
        Event::Scalar(text, style, _, tag) => match function(tag.as_deref()) {
            Some(function) => called(&function, of_text(&function, &text)),
            None if style == ScalarStyle::Plain => plain(&text),
            None => Value::String(text.into_owned()),
        },
        Event::SequenceStart(_, _, tag) => {
            let mut elements = Vec::new();
            loop {
                match next(events) {
                    Event::SequenceEnd => break,
                    element => elements.push(node(element, events)),
                }
            }
            tagged(tag.as_deref(), Value::Array(elements))
        }
        Event::MappingStart(_, _, tag) => {
            let mut members = Map::new();
            loop {
                match next(events) {
                    Event::MappingEnd => break,
                    Event::Scalar(name, ..) => {
                        let value = next(events);
                        let value = node(value, events);
                        members.insert(name.into_owned(), value);
                    }
                    other => panic!("not a key: {other:?}"),
                }
            }
            tagged(tag.as_deref(), Value::Object(members))
        }
        other => panic!("not a value: {other:?}"),
    }
}

fn tagged(tag: Option<&Tag>, value: Value) -> Value {
    match function(tag) {
        Some(function) => called(&function, value),
        None => value,
    }
}

fn called(function: &str, argument: Value) -> Value {
    Value::Object(Map::from_iter([(function.to_owned(), argument)]))
}

/// The long form of an intrinsic function's name.
fn function(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| tag.is_custom())?;
    Some(match tag.suffix() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    })
}

fn of_text(function: &str, text: &str) -> Value {
    match text.split_once('.') {
        Some((resource, attribute)) if function == "Fn::GetAtt" => Value::from(vec![resource, attribute]),
        _ => text.into(),
    }
}

fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

#[test]
fn short_forms_become_long_ones() {
    let read = parse("a: !GetAtt Queue.Arn\nb: !Sub ${Table.Arn}/*\nc: !If [Is, !Ref X, 5]\nd: ['5', true]\n");
    let expected = serde_json::json!({
        "a": {"Fn::GetAtt": ["Queue", "Arn"]},
        "b": {"Fn::Sub": "${Table.Arn}/*"},
        "c": {"Fn::If": ["Is", {"Ref": "X"}, 5]},
        "d": ["5", true],
    });
    assert_eq!(read, expected);
}

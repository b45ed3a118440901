//! As much of GraphQL as one query needs: an operation with variables, fields, arguments and selections. No fragments,
//! directives, aliases or block strings.

use std::{iter::Peekable, str::Chars};

use serde_json::{Map, Value};

/// How deep selections and argument objects may nest, so that no text exhausts the stack.
const MAX_DEPTH: usize = 16;

/// A field of a selection.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) selection: Vec<Field>,
}

impl Field {
    /// The argument at this path, variables filled in.
    pub(super) fn argument(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.arguments.get(*first)?, |value, key| value.get(key))
    }
}

/// The root fields of the query; the error is a message for the caller.
pub(super) fn parse(text: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, String> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), variables };
    if parser.take_name("query") {
        if matches!(parser.tokens.peek(), Some(Token::Name(_))) {
            parser.tokens.next();
        }
        if parser.take('(') {
            parser.skip_declarations()?;
        }
    }
    let fields = parser.selection(0)?;
    match parser.tokens.next() {
        None => Ok(fields),
        Some(token) => Err(unexpected(Some(token))),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Punctuation(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            // Commas are white space in GraphQL.
            ' ' | '\t' | '\n' | '\r' | ',' => {}
            '#' => {
                let _comment: String = take_while(&mut characters, |next| next != '\n');
            }
            '"' => {
                let text = take_while(&mut characters, |next| !matches!(next, '"' | '\\' | '\n'));
                match characters.next() {
                    Some('"') => tokens.push(Token::Text(text)),
                    _ => return Err("Unterminated or escaped string.".to_owned()),
                }
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' => tokens.push(Token::Punctuation(character)),
            first if is_name(first) => {
                let rest = take_while(&mut characters, is_name);
                tokens.push(Token::Name(format!("{first}{rest}")));
            }
            other => return Err(format!("Unexpected character {other:?}")),
        }
    }
    Ok(tokens)
}

/// Numbers are read as names: no argument of the query is one.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn take_while(characters: &mut Peekable<Chars<'_>>, wanted: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| characters.next_if(|next| wanted(*next))).collect()
}

struct Parser<'a> {
    tokens: Peekable<std::vec::IntoIter<Token>>,
    variables: &'a Map<String, Value>,
}

impl Parser<'_> {
    fn take(&mut self, punctuation: char) -> bool {
        self.tokens.next_if_eq(&Token::Punctuation(punctuation)).is_some()
    }

    fn take_name(&mut self, name: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Name(found) if found == name)).is_some()
    }

    fn expect(&mut self, punctuation: char) -> Result<(), String> {
        match self.tokens.next() {
            Some(Token::Punctuation(found)) if found == punctuation => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(unexpected(other)),
        }
    }

    /// The types of the variables are not checked.
    fn skip_declarations(&mut self) -> Result<(), String> {
        while !self.take(')') {
            if self.tokens.next().is_none() {
                return Err(unexpected(None));
            }
        }
        Ok(())
    }

    fn selection(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        within(depth)?;
        self.expect('{')?;
        let mut fields = Vec::new();
        while !self.take('}') {
            let name = self.name()?;
            let arguments = if self.take('(') { self.members(')', depth + 1)? } else { Map::new() };
            let nested = self.tokens.peek() == Some(&Token::Punctuation('{'));
            let selection = if nested { self.selection(depth + 1)? } else { Vec::new() };
            fields.push(Field { name, arguments, selection });
        }
        Ok(fields)
    }

    /// `name: value …` up to and with `end`.
    fn members(&mut self, end: char, depth: usize) -> Result<Map<String, Value>, String> {
        within(depth)?;
        let mut members = Map::new();
        while !self.take(end) {
            let name = self.name()?;
            self.expect(':')?;
            let value = self.value(depth + 1)?;
            members.insert(name, value);
        }
        Ok(members)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        within(depth)?;
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Name(name)) => Ok(match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                other => Value::String(other.to_owned()),
            }),
            Some(Token::Punctuation('{')) => Ok(Value::Object(self.members('}', depth + 1)?)),
            Some(Token::Punctuation('[')) => {
                let mut items = Vec::new();
                while !self.take(']') {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::Array(items))
            }
            Some(Token::Punctuation('$')) => {
                let name = self.name()?;
                Ok(self.variables.get(&name).cloned().unwrap_or(Value::Null))
            }
            other => Err(unexpected(other)),
        }
    }
}

fn within(depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH { Err("The query nests too deeply.".to_owned()) } else { Ok(()) }
}

fn unexpected(token: Option<Token>) -> String {
    match token {
        None => "Unexpected end of the query.".to_owned(),
        Some(Token::Name(name)) => format!("Unexpected name {name:?}."),
        Some(Token::Text(text)) => format!("Unexpected string {text:?}."),
        Some(Token::Punctuation(character)) => format!("Unexpected {character:?}."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_is_the_same_written_out_and_as_a_variable() {
        let variables = json!({"organization": "abc"});
        for text in [
            r#"{ repos(filter: {uidp: {childrenOf: "abc"}}) { name } }"#,
            r#"query Catalog { repos(filter: {uidp: {childrenOf: "abc"}}) { name } }"#,
            "query Catalog($organization: ID!, $x: [String!] = null) {\n repos(filter: {uidp: {childrenOf: $organization}}) {\n name # comment\n }\n}",
        ] {
            let root = parse(text, variables.as_object().unwrap()).unwrap();
            assert_eq!(root[0].argument(&["filter", "uidp", "childrenOf"]), Some(&json!("abc")), "{text}");
            assert_eq!(root[0].selection[0].name, "name");
        }
    }

    #[test]
    fn what_is_no_query_is_an_error_and_never_a_panic() {
        let deep = "{a".repeat(10_000);
        let deep_list = format!("{{a(b: {}", "[".repeat(10_000));
        for text in [
            "",
            "{",
            "}",
            "{ repos( }",
            "query (",
            "{ a } b",
            "mutation { a }",
            r#"{ a(b: "x"#,
            "{ a ~ }",
            &deep,
            &deep_list,
        ] {
            assert!(parse(text, &Map::new()).is_err(), "{text:.20}");
        }
    }
}

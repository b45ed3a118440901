//! Values out of a tree, each with its place. Whatever is no such value is a problem, and reading goes on.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::super::words::{listed, quoted, shortened};
use super::problems::Problems;
use super::yaml::{Node, Value};

/// Similarity below which another name is not what was meant (Jaro-Winkler, 0 to 1).
const SUGGESTION_THRESHOLD: f64 = 0.75;

/// A node and where it is.
#[derive(Clone, Debug)]
pub(super) struct Spot<'a> {
    node: &'a Node,
    /// Of the key, for a mapping's value: there one looks for it.
    pub(super) line: usize,
    /// From the root, `rules[0].when`; empty for the root.
    pub(super) place: String,
}

/// A mapping whose keys are known, without those that are not.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    spot: Spot<'a>,
    members: Vec<(&'a str, Spot<'a>)>,
}

impl<'a> Spot<'a> {
    pub(super) const fn root(node: &'a Node) -> Self {
        Self { node, line: node.line, place: String::new() }
    }

    pub(super) fn problem(&self, problems: &mut Problems, wrong: impl Into<String>, fix: impl Into<String>) {
        problems.push(self.line, &self.place, wrong, fix);
    }

    /// A mapping with fields of these names.
    pub(super) fn fields(&self, known: &[&str], problems: &mut Problems) -> Option<Fields<'a>> {
        let mut members = self.members("a mapping with fields", problems)?;
        let absent: Vec<&str> =
            known.iter().copied().filter(|name| !members.iter().any(|(given, _)| given == name)).collect();
        members.retain(|(name, spot)| {
            let is_known = known.contains(name);
            if !is_known {
                let fix = match nearest(name, &absent) {
                    Some(meant) => format!("write `{meant}`"),
                    None => format!("leave it out; the fields here are {}", listed(known, "and")),
                };
                problems.push(spot.line, &self.place, format!("there is no field {}", quoted(name)), fix);
            }
            is_known
        });
        Some(Fields { spot: self.clone(), members })
    }

    /// A mapping's keys and values. A key that is given twice is told, and its first value taken.
    pub(super) fn members(&self, wanted: &str, problems: &mut Problems) -> Option<Vec<(&'a str, Self)>> {
        let Value::Mapping(entries) = &self.node.value else {
            self.wrong_kind(wanted, problems);
            return None;
        };
        let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
        let mut members = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = shortened(&entry.key);
            let place = if self.place.is_empty() { name } else { format!("{}.{name}", self.place) };
            let spot = Self { node: &entry.node, line: entry.line, place };
            if let Some(first) = lines.get(entry.key.as_str()) {
                spot.problem(problems, format!("is given twice, first on line {first}"), "keep one of the two");
            } else {
                lines.insert(&entry.key, entry.line);
                members.push((entry.key.as_str(), spot));
            }
        }
        Some(members)
    }

    /// A list's elements.
    pub(super) fn elements(&self, problems: &mut Problems) -> Option<Vec<Self>> {
        let Value::List(nodes) = &self.node.value else {
            self.wrong_kind("a list such as [a, b]", problems);
            return None;
        };
        let element = |(index, node)| self.element(index, node);
        Some(nodes.iter().enumerate().map(element).collect())
    }

    fn element(&self, index: usize, node: &'a Node) -> Self {
        Self { node, line: node.line, place: format!("{}[{index}]", self.place) }
    }

    /// A text as written: without quotes it is the same text, whatever else YAML would take it for.
    pub(super) fn text(&self, problems: &mut Problems) -> Option<&'a str> {
        if let Value::Text { text, .. } = &self.node.value {
            return Some(text);
        }
        self.wrong_kind("a text", problems);
        None
    }

    /// A whole number from 1.
    pub(super) fn count(&self, problems: &mut Problems) -> Option<NonZeroU32> {
        let Value::Text { text, plain } = &self.node.value else {
            self.wrong_kind("a whole number from 1", problems);
            return None;
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(count) if *plain && digits => return Some(count),
            Ok(_) if digits => self.problem(problems, format!("is the text {}", quoted(text)), "remove the quotes"),
            _ => self.problem(problems, format!("{} is no whole number from 1", quoted(text)), "write one, such as 1"),
        }
        None
    }

    /// One of a few values.
    pub(super) fn choice<T: Copy>(
        &self,
        values: &[T],
        name: impl Fn(T) -> &'static str,
        noun: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let text = self.text(problems)?;
        let found = values.iter().copied().find(|value| name(*value) == text);
        if found.is_none() {
            let names: Vec<&str> = values.iter().map(|value| name(*value)).collect();
            let fix = match nearest(text, &names) {
                Some(meant) => {
                    let others: Vec<&str> = names.iter().copied().filter(|other| *other != meant).collect();
                    format!("write `{meant}`; there is also {}", listed(&others, "and"))
                }
                None => format!("write one of {}", listed(&names, "and")),
            };
            self.problem(problems, format!("{} is no {noun}", quoted(text)), fix);
        }
        found
    }

    fn wrong_kind(&self, wanted: &str, problems: &mut Problems) {
        let (found, fix) = match &self.node.value {
            Value::Nothing => ("has no value", format!("write {wanted}")),
            Value::Text { .. } => ("is a text", format!("write {wanted}")),
            Value::List(_) => ("is a list", format!("write {wanted}")),
            Value::Mapping(_) => ("is a mapping", format!("write {wanted}")),
            Value::Refused(what) => {
                self.problem(problems, format!("is {what}, which policies do not have"), format!("write {wanted} out"));
                return;
            }
        };
        self.problem(problems, found, fix);
    }
}

impl<'a> Fields<'a> {
    pub(super) fn optional(&self, name: &str) -> Option<&Spot<'a>> {
        self.members.iter().find(|(given, _)| *given == name).map(|(_, spot)| spot)
    }

    /// A field that has to be there; `example` is how it might look.
    pub(super) fn required(&self, name: &str, example: &str, problems: &mut Problems) -> Option<&Spot<'a>> {
        let found = self.optional(name);
        if found.is_none() {
            let wrong = format!("the field `{name}` is missing");
            self.spot.problem(problems, wrong, format!("add it, for example `{example}`"));
        }
        found
    }
}

/// A list, read element by element. `None` if one of them cannot be read; the others are read all the same.
pub(super) fn list<'a, T>(
    spot: &Spot<'a>,
    problems: &mut Problems,
    mut read: impl FnMut(&Spot<'a>, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let elements: Vec<Option<T>> = spot.elements(problems)?.iter().map(|element| read(element, problems)).collect();
    elements.into_iter().collect()
}

/// The name that was probably meant.
fn nearest<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    // No name is this long, and comparing takes time by the square.
    if text.chars().nth(64).is_some() {
        return None;
    }
    let similarity = |name: &str| strsim::jaro_winkler(text, name);
    let best = names.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) >= SUGGESTION_THRESHOLD).then_some(best)
}

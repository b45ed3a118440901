//! `EventBridge` event patterns: which events a rule, a stream filter or a queue filter lets through.
//!
//! The language is that of the EventBridge user guide, "Comparison operators for use in event patterns"; where the guide
//! is silent this follows [event-ruler](https://github.com/aws/event-ruler), the library that EventBridge runs:
//!
//! * An event is the list of its leaf values, each under its dotted path. An intermediate object is therefore never
//!   present: `{"exists": false}` on it holds. Empty arrays and empty objects have no leaves, so they are absent too.
//! * A field holds if any of its values does. A value that is an array stands for each of its elements, at any depth.
//! * Matching is array-consistent: of several fields below one array of objects, all must hold in the same element.
//! * `exists: false` is consistent in the same way: it asks about the array elements that the fields before it, in the
//!   order of their paths, have settled on. With no such field it asks about the whole event.
//! * Only JSON numbers compare with `numeric`, and only between -5·10⁹ and 5·10⁹; a numeric string is a string. So a
//!   DynamoDB `{"N": "5"}` is not a number here, as it is none for Lambda's event source mappings.
//! * A plain number equals by value: `300` matches `300.0` and `3.0e2`.
//!
//! What EventBridge would refuse to save as a rule is refused here: empty objects and lists, one path given twice,
//! `$or` with fewer than two alternatives, and patterns that `$or` multiplies to more than 1000 combinations.

mod fields;
mod operator;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::fields::{Fields, Membership};
use self::operator::Operator;
pub use self::parse::{PatternError, PatternProblem};

/// A checked event pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Alternatives: every `$or` multiplied out.
    branches: Vec<Branch>,
}

/// What must hold together: for each dotted path, operators of which one must hold.
type Branch = BTreeMap<String, Vec<Operator>>;

impl Pattern {
    /// Checks a pattern as it is written in a rule's `EventPattern` or in a filter's `Pattern`.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        parse::branches(pattern).map(|branches| Self { branches })
    }

    /// Whether the pattern lets this event through. Anything but a JSON object never matches.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        let fields = Fields::of(event);
        event.is_object()
            && self.branches.iter().any(|branch| {
                let leaves: Vec<_> =
                    branch.iter().map(|(path, operators)| (path.as_str(), operators.as_slice())).collect();
                holds(&leaves, &fields, &Membership::default())
            })
    }
}

/// Whether the leaves that are left can hold within the array elements settled on so far.
fn holds(leaves: &[(&str, &[Operator])], fields: &Fields<'_>, settled: &Membership) -> bool {
    let Some(((path, operators), rest)) = leaves.split_first() else {
        return true;
    };
    let mut absent = true;
    // Values of one array share a membership: trying each once keeps the search small.
    let mut settlements = BTreeSet::new();
    for field in fields.named(path) {
        if let Some(narrowed) = settled.with(&field.membership) {
            absent = false;
            if operators.iter().any(|operator| operator.holds(field.value)) {
                settlements.insert(narrowed);
            }
        }
    }
    if absent && operators.iter().any(Operator::is_absence) {
        return holds(rest, fields, settled);
    }
    settlements.iter().any(|settlement| holds(rest, fields, settlement))
}

//! What a pattern asks of one value.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::{Number, Value};

/// The largest magnitude that EventBridge compares numerically.
pub(super) const NUMERIC_LIMIT: f64 = 5.0e9;

/// One test of one leaf value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operator {
    /// The same string, boolean or null.
    Equals(Value),
    EqualsNumber(Number),
    /// Stored in lower case, compared in lower case.
    EqualsIgnoreCase(String),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    Wildcard(Wildcard),
    /// Each comparison holds.
    Numeric(Vec<(Comparison, f64)>),
    Cidr(AddressRange),
    /// The field is there, whatever its value.
    Exists,
    /// The field is not there. Holds for no value: see [`Operator::is_absence`].
    Absent,
    /// The field is there and none of these holds.
    AnythingBut(Vec<Operator>),
}

impl Operator {
    /// Whether a value that is present passes the test.
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Equals(wanted) => value == wanted,
            Self::EqualsNumber(wanted) => {
                matches!(value, Value::Number(number) if same_number(number, wanted))
            }
            Self::EqualsIgnoreCase(wanted) => text(value).is_some_and(|text| text.to_lowercase() == *wanted),
            Self::Prefix(prefix) => text(value).is_some_and(|text| text.starts_with(prefix)),
            Self::PrefixIgnoreCase(prefix) => text(value).is_some_and(|text| text.to_lowercase().starts_with(prefix)),
            Self::Suffix(suffix) => text(value).is_some_and(|text| text.ends_with(suffix)),
            Self::SuffixIgnoreCase(suffix) => text(value).is_some_and(|text| text.to_lowercase().ends_with(suffix)),
            Self::Wildcard(wildcard) => text(value).is_some_and(|text| wildcard.matches(text)),
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|number| {
                number.abs() <= NUMERIC_LIMIT
                    && comparisons.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Cidr(range) => {
                text(value).and_then(|text| text.parse().ok()).is_some_and(|address| range.contains(address))
            }
            Self::Exists => true,
            Self::Absent => false,
            Self::AnythingBut(excluded) => !excluded.iter().any(|operator| operator.holds(value)),
        }
    }

    /// Whether the operator asks for the field not to be there.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// Equality by value, exact for integers.
fn same_number(one: &Number, other: &Number) -> bool {
    match (one.as_i128(), other.as_i128()) {
        (Some(one), Some(other)) => one == other,
        _ => one
            .as_f64()
            .zip(other.as_f64())
            .is_some_and(|(one, other)| one.partial_cmp(&other) == Some(Ordering::Equal)),
    }
}

/// A comparison of a value with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "=" => Some(Self::Equal),
            "<" => Some(Self::Less),
            "<=" => Some(Self::LessOrEqual),
            ">" => Some(Self::Greater),
            ">=" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number.partial_cmp(&bound) == Some(Ordering::Equal),
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

/// Text in which `*` stands for any characters, none included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard {
    start: String,
    /// What follows each `*`. Empty when there is none: then only `start` itself matches.
    after_each_star: Vec<String>,
}

/// Why text is not a wildcard pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WildcardFault {
    ConsecutiveStars,
    Escape,
}

impl Wildcard {
    /// `\*` is a star and `\\` a backslash; any other escape is an error.
    pub(super) fn parse(pattern: &str) -> Result<Self, WildcardFault> {
        let mut start = String::new();
        let mut after_each_star: Vec<String> = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' if characters.peek() == Some(&'*') => {
                    return Err(WildcardFault::ConsecutiveStars);
                }
                '*' => {
                    after_each_star.push(String::new());
                    continue;
                }
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err(WildcardFault::Escape),
                },
                other => other,
            };
            after_each_star.last_mut().unwrap_or(&mut start).push(literal);
        }
        Ok(Self { start, after_each_star })
    }

    fn matches(&self, text: &str) -> bool {
        let Some(mut rest) = text.strip_prefix(self.start.as_str()) else {
            return false;
        };
        let Some((end, between)) = self.after_each_star.split_last() else {
            return rest.is_empty();
        };
        for piece in between {
            // The first occurrence leaves most for what follows.
            match rest.split_once(piece.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(end.as_str())
    }
}

/// The addresses from the one written to the last one with the same leading bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// `address/bits`, with fewer bits than the address has.
    pub(super) fn parse(cidr: &str) -> Option<Self> {
        let (address, bits) = cidr.split_once('/')?;
        let bits: u32 = bits.parse().ok()?;
        let first = address.parse().ok()?;
        let last = match first {
            IpAddr::V4(address) if bits < u32::BITS => IpAddr::V4((address.to_bits() | (u32::MAX >> bits)).into()),
            IpAddr::V6(address) if bits < u128::BITS => IpAddr::V6((address.to_bits() | (u128::MAX >> bits)).into()),
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Self { first, last })
    }

    fn contains(&self, address: IpAddr) -> bool {
        // Addresses are ordered by family first, so no range has any of the other one.
        (self.first..=self.last).contains(&address)
    }
}

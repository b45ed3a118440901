//! From the JSON of a pattern to its branches.

use serde_json::{Map, Number, Value};

use super::Branch;
use super::fields::join;
use super::operator::{AddressRange, Comparison, NUMERIC_LIMIT, Operator, Wildcard, WildcardFault};

/// The combinations that `$or` may multiply a pattern to.
const COMBINATIONS: usize = 1000;

const OR: &str = "$or";

/// Names that EventBridge keeps for operators, and so refuses as field names below `$or`.
const RESERVED_BELOW_OR: &[&str] = &[
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
];

/// A pattern that EventBridge would not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event pattern at {path}: {problem}")]
pub struct PatternError {
    /// Where in the pattern, as a JSON path: `$.detail.status[0]`.
    pub path: String,
    /// What is wrong there.
    pub problem: PatternProblem,
}

/// What can be wrong with a part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternProblem {
    /// The pattern itself must be an object.
    #[error("a pattern is a JSON object")]
    NotAnObject,
    /// A field is followed by a value that is not in a list.
    #[error("a field must hold an object or a list of values, as in `[\"value\"]`")]
    NeitherObjectNorList,
    /// An object without fields matches nothing that could be meant.
    #[error("an empty object is not allowed")]
    EmptyObject,
    /// A list without values.
    #[error("an empty list is not allowed")]
    EmptyList,
    /// A list inside a list of values.
    #[error("a list of values holds strings, numbers, booleans, null and operators, not lists")]
    NestedList,
    /// The same path twice, which `$or` and dotted names make possible.
    #[error("the field `{0}` is given twice")]
    DuplicateField(String),
    /// Not an operator of event patterns.
    #[error("`{0}` is not an operator")]
    UnknownOperator(String),
    /// An operator object with no key or with several.
    #[error("an operator is an object with exactly one key")]
    NotOneOperator,
    /// An operator with an operand that it does not take.
    #[error("`{operator}` takes {expected}")]
    Operand {
        /// The operator's name.
        operator: String,
        /// What it takes.
        expected: &'static str,
    },
    /// `$or` is followed by something else than two or more objects.
    #[error("`$or` takes a list of at least two objects")]
    Or,
    /// A field below `$or` has the name of an operator.
    #[error("`{0}` is an operator's name, which a field below `$or` cannot have")]
    ReservedName(String),
    /// `$or` multiplies the pattern to too many combinations.
    #[error("`$or` makes more than {COMBINATIONS} combinations")]
    TooManyCombinations,
}

/// Checks a pattern and multiplies out its `$or`s.
pub(super) fn branches(pattern: &Value) -> Result<Vec<Branch>, PatternError> {
    let Value::Object(fields) = pattern else {
        return Err(problem("$", PatternProblem::NotAnObject));
    };
    object(fields, &Position::root(), vec![Branch::new()])
}

/// Where in the pattern, and which field of the event that is about.
struct Position {
    json_path: String,
    field: String,
    below_or: bool,
}

impl Position {
    fn root() -> Self {
        Self { json_path: "$".to_owned(), field: String::new(), below_or: false }
    }

    fn field(&self, name: &str) -> Self {
        Self {
            json_path: format!("{}.{name}", self.json_path),
            field: join(&self.field, name),
            below_or: self.below_or,
        }
    }

    fn alternative(&self, index: usize) -> Self {
        Self { json_path: format!("{}.$or[{index}]", self.json_path), field: self.field.clone(), below_or: true }
    }
}

/// Adds what an object of the pattern asks for to each branch.
fn object(fields: &Map<String, Value>, at: &Position, mut branches: Vec<Branch>) -> Result<Vec<Branch>, PatternError> {
    if fields.is_empty() {
        return Err(problem(&at.json_path, PatternProblem::EmptyObject));
    }
    for (name, value) in fields.iter().filter(|(name, _)| *name != OR) {
        let inner = at.field(name);
        if at.below_or && RESERVED_BELOW_OR.contains(&name.as_str()) {
            return Err(problem(&inner.json_path, PatternProblem::ReservedName(name.clone())));
        }
        match value {
            Value::Object(members) => branches = object(members, &inner, branches)?,
            Value::Array(values) => {
                let operators = operators(values, &inner.json_path)?;
                for branch in &mut branches {
                    if branch.insert(inner.field.clone(), operators.clone()).is_some() {
                        return Err(problem(&inner.json_path, PatternProblem::DuplicateField(inner.field)));
                    }
                }
            }
            _ => {
                return Err(problem(&inner.json_path, PatternProblem::NeitherObjectNorList));
            }
        }
    }
    // Last, so that a field given twice is reported where it is given again.
    match fields.get(OR) {
        Some(value) => alternatives(value, at, &branches),
        None => Ok(branches),
    }
}

fn alternatives(value: &Value, at: &Position, branches: &[Branch]) -> Result<Vec<Branch>, PatternError> {
    let wrong = || problem(&format!("{}.$or", at.json_path), PatternProblem::Or);
    let alternatives = value.as_array().filter(|list| list.len() >= 2).ok_or_else(wrong)?;
    let mut multiplied = Vec::new();
    for (index, alternative) in alternatives.iter().enumerate() {
        let position = at.alternative(index);
        let fields = alternative.as_object().ok_or_else(wrong)?;
        multiplied.extend(object(fields, &position, branches.to_vec())?);
        if multiplied.len() > COMBINATIONS {
            return Err(problem(&position.json_path, PatternProblem::TooManyCombinations));
        }
    }
    Ok(multiplied)
}

fn operators(values: &[Value], path: &str) -> Result<Vec<Operator>, PatternError> {
    if values.is_empty() {
        return Err(problem(path, PatternProblem::EmptyList));
    }
    values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let path = format!("{path}[{index}]");
            match value {
                Value::Object(operator) => self::operator(operator, &path),
                Value::Number(number) => Ok(Operator::EqualsNumber(number.clone())),
                Value::Array(_) => Err(problem(&path, PatternProblem::NestedList)),
                Value::String(_) | Value::Bool(_) | Value::Null => Ok(Operator::Equals(value.clone())),
            }
        })
        .collect()
}

fn operator(operator: &Map<String, Value>, path: &str) -> Result<Operator, PatternError> {
    let (name, operand) = only_entry(operator, path)?;
    let path = format!("{path}.{name}");
    match name {
        "prefix" => affix(operand, &path, name, Operator::Prefix, Operator::PrefixIgnoreCase),
        "suffix" => affix(operand, &path, name, Operator::Suffix, Operator::SuffixIgnoreCase),
        "equals-ignore-case" => string(operand, &path, name).map(ignoring_case),
        "wildcard" => string(operand, &path, name).and_then(|text| wildcard(text, &path)),
        "anything-but" => anything_but(operand, &path).map(Operator::AnythingBut),
        "numeric" => numeric(operand, &path).map(Operator::Numeric),
        "cidr" => AddressRange::parse(string(operand, &path, name)?).map(Operator::Cidr).ok_or_else(|| {
            operand_problem(&path, name, "an address block such as \"10.0.0.0/24\" or \"2001:db8::/32\"")
        }),
        "exists" => match operand {
            Value::Bool(true) => Ok(Operator::Exists),
            Value::Bool(false) => Ok(Operator::Absent),
            _ => Err(operand_problem(&path, name, "true or false")),
        },
        unknown => Err(problem(&path, PatternProblem::UnknownOperator(unknown.to_owned()))),
    }
}

fn affix(
    operand: &Value,
    path: &str,
    name: &str,
    exact: fn(String) -> Operator,
    ignoring_case: fn(String) -> Operator,
) -> Result<Operator, PatternError> {
    let Value::Object(nested) = operand else {
        return string(operand, path, name).map(|text| exact(text.to_owned()));
    };
    let (inner, operand) = only_entry(nested, path)?;
    let path = format!("{path}.{inner}");
    if inner == "equals-ignore-case" {
        string(operand, &path, inner).map(|text| ignoring_case(text.to_lowercase()))
    } else {
        Err(problem(&path, PatternProblem::UnknownOperator(format!("{name}/{inner}"))))
    }
}

/// The operators none of which may hold.
fn anything_but(operand: &Value, path: &str) -> Result<Vec<Operator>, PatternError> {
    let Value::Object(nested) = operand else {
        return anything_but_values(one_or_more(operand), path);
    };
    let (inner, operand) = only_entry(nested, path)?;
    let path = format!("{path}.{inner}");
    let values = one_or_more(operand);
    if values.is_empty() {
        return Err(problem(&path, PatternProblem::EmptyList));
    }
    let build: fn(&str, &str) -> Result<Operator, PatternError> = match inner {
        "prefix" => |text, path| non_empty(text, path, "prefix").map(Operator::Prefix),
        "suffix" => |text, path| non_empty(text, path, "suffix").map(Operator::Suffix),
        "wildcard" => wildcard,
        "equals-ignore-case" => |text, _| Ok(ignoring_case(text)),
        unknown => {
            let name = format!("anything-but/{unknown}");
            return Err(problem(&path, PatternProblem::UnknownOperator(name)));
        }
    };
    values
        .iter()
        .map(|value| match value {
            Value::String(text) => build(text, &path),
            _ => Err(operand_problem(&path, inner, "a string or a list of strings")),
        })
        .collect()
}

fn anything_but_values(values: &[Value], path: &str) -> Result<Vec<Operator>, PatternError> {
    let expected = "a string, a number, a list of only strings or a list of only numbers, or one operator";
    let wrong = || operand_problem(path, "anything-but", expected);
    if values.is_empty() {
        return Err(problem(path, PatternProblem::EmptyList));
    }
    if values.iter().all(Value::is_string) {
        Ok(values.iter().cloned().map(Operator::Equals).collect())
    } else {
        values
            .iter()
            .map(|value| match value {
                Value::Number(number) if in_limit(number).is_some() => Ok(Operator::EqualsNumber(number.clone())),
                _ => Err(wrong()),
            })
            .collect()
    }
}

/// One comparison, or a lower bound followed by an upper one.
fn numeric(operand: &Value, path: &str) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let wrong = |expected| operand_problem(path, "numeric", expected);
    let expected =
        "one comparison such as [\">\", 0], or a lower bound and then an upper one such as [\">\", 0, \"<=\", 5]";
    let list = operand.as_array().ok_or_else(|| wrong(expected))?;
    let comparisons: Vec<_> = list
        .chunks(2)
        .map(|pair| match pair {
            [Value::String(name), Value::Number(bound)] => {
                let comparison = Comparison::named(name).ok_or_else(|| wrong("the comparisons =, <, <=, > and >="))?;
                let bound = in_limit(bound).ok_or_else(|| wrong("numbers between -5.0e9 and 5.0e9"))?;
                Ok((comparison, bound))
            }
            _ => Err(wrong(expected)),
        })
        .collect::<Result<_, _>>()?;
    match comparisons.as_slice() {
        [_] => Ok(comparisons),
        [
            (Comparison::Greater | Comparison::GreaterOrEqual, low),
            (Comparison::Less | Comparison::LessOrEqual, high),
        ] if low < high => Ok(comparisons),
        [(Comparison::Greater | Comparison::GreaterOrEqual, _), (Comparison::Less | Comparison::LessOrEqual, _)] => {
            Err(wrong("a lower bound that is less than the upper one"))
        }
        _ => Err(wrong(expected)),
    }
}

fn in_limit(number: &Number) -> Option<f64> {
    number.as_f64().filter(|number| number.abs() <= NUMERIC_LIMIT)
}

fn wildcard(text: &str, path: &str) -> Result<Operator, PatternError> {
    Wildcard::parse(text).map(Operator::Wildcard).map_err(|fault| {
        operand_problem(
            path,
            "wildcard",
            match fault {
                WildcardFault::ConsecutiveStars => "no two * in a row",
                WildcardFault::Escape => "a backslash only before * or another backslash",
            },
        )
    })
}

fn ignoring_case(text: &str) -> Operator {
    Operator::EqualsIgnoreCase(text.to_lowercase())
}

fn non_empty(text: &str, path: &str, name: &str) -> Result<String, PatternError> {
    if text.is_empty() { Err(operand_problem(path, name, "a string that is not empty")) } else { Ok(text.to_owned()) }
}

fn string<'v>(operand: &'v Value, path: &str, name: &str) -> Result<&'v str, PatternError> {
    operand.as_str().ok_or_else(|| operand_problem(path, name, "a string"))
}

fn one_or_more(operand: &Value) -> &[Value] {
    operand.as_array().map_or_else(|| std::slice::from_ref(operand), Vec::as_slice)
}

fn only_entry<'v>(object: &'v Map<String, Value>, path: &str) -> Result<(&'v str, &'v Value), PatternError> {
    let mut entries = object.iter();
    match (entries.next(), entries.next()) {
        (Some((name, operand)), None) => Ok((name, operand)),
        _ => Err(problem(path, PatternProblem::NotOneOperator)),
    }
}

fn problem(path: &str, problem: PatternProblem) -> PatternError {
    PatternError { path: path.to_owned(), problem }
}

fn operand_problem(path: &str, operator: &str, expected: &'static str) -> PatternError {
    problem(path, PatternProblem::Operand { operator: operator.to_owned(), expected })
}

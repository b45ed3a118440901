//! Bodies of the API: JSON objects whose members are what they have to be. What is not is said in plain words, with the
//! field that it is about.
//!
//! serde says what it expects in words for programmers, and its derived code names a field only where it is missing or
//! unknown. Both are known here while a value is read, so they are put together here.

use std::fmt::Display;

use domain::problem::{Problem, ProblemType};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, Expected, IntoDeserializer, Unexpected, Visitor};
use serde_json::{Map, Value};

use crate::problem::{ApiError, sentence};

/// How much of a field's name is repeated, in characters: the caller may have written anything.
const SHOWN_CHARACTERS: usize = 60;

/// Reads a JSON object of this form.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let malformed = |detail: String| Problem::new(ProblemType::MalformedBody, detail);
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| malformed(format!("The body is not JSON: {error}.")))?;
    // serde would take a list of the fields' values for the object itself.
    let Value::Object(members) = value else {
        return Err(malformed("The body has to be a JSON object.".to_owned()).into());
    };
    T::deserialize(object(&members)).map_err(|unfit| unfit.into_problem().into())
}

fn object<'de>(members: &Map<String, Value>) -> MapDeserializer<'de, impl Iterator<Item = (&str, Member<'_>)>, Unfit> {
    MapDeserializer::new(members.iter().map(|(field, value)| (field.as_str(), Member { field, value })))
}

/// Why a body does not have its form.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
struct Unfit {
    /// The member that it is about.
    field: Option<String>,
    detail: String,
}

impl Unfit {
    fn about(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(shown(field)), detail: detail.into() }
    }

    /// A detail that goes on where the field's name ends.
    fn of_field(self, field: &str) -> Self {
        match self.field {
            Some(_) => self,
            None => Self::about(field, format!("`{}` {}", shown(field), self.detail)),
        }
    }

    fn into_problem(self) -> Problem {
        let problem = Problem::new(ProblemType::InvalidField, sentence(&self.detail));
        match self.field {
            Some(field) => problem.about_field(field),
            None => problem,
        }
    }
}

fn shown(field: &str) -> String {
    field.chars().take(SHOWN_CHARACTERS).collect()
}

fn one_of(allowed: &[&str]) -> String {
    format!("has to be one of {}", allowed.join(", "))
}

impl serde::de::Error for Unfit {
    fn custom<T: Display>(message: T) -> Self {
        Self { field: None, detail: format!("cannot be used: {message}") }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self { field: None, detail: format!("has to be {expected}") }
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self { field: None, detail: one_of(expected) }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::about(field, format!("there is no field `{}`, only {}", shown(field), expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::about(field, format!("`{field}` is missing"))
    }
}

/// The value of a field, or a value within it.
#[derive(Clone, Copy, Debug)]
struct Member<'a> {
    field: &'a str,
    value: &'a Value,
}

impl Member<'_> {
    /// Lets `read` read it, and has what it says be about the field.
    fn read<T>(self, read: impl FnOnce() -> Result<T, Unfit>) -> Result<T, Unfit> {
        read().map_err(|unfit| unfit.of_field(self.field))
    }
}

impl<'de> Deserializer<'de> for Member<'_> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.read(|| match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(value) => match (value.as_u64(), value.as_i64(), value.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, Some(value)) => visitor.visit_f64(value),
                (None, None, None) => Err(Unfit::custom("a number out of range")),
            },
            Value::String(value) => visitor.visit_str(value),
            Value::Array(values) => {
                visitor.visit_seq(SeqDeserializer::new(values.iter().map(|value| Member { value, ..self })))
            }
            Value::Object(members) => visitor.visit_map(object(members)),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.read(|| match self.value {
            Value::String(value) => visitor.visit_enum(value.as_str().into_deserializer()),
            _ => Err(Unfit { field: None, detail: one_of(variants) }),
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        self.read(|| visitor.visit_newtype_struct(self))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Unfit> for Member<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use domain::api::{DecisionRequest, SubmitRequest};
    use serde_json::json;

    use super::*;

    fn refused<T: DeserializeOwned + std::fmt::Debug>(body: &Value) -> (Option<String>, String) {
        let problem = read::<T>(body.to_string().as_bytes()).unwrap_err().0;
        assert_eq!(problem.kind, ProblemType::InvalidField.uri(), "{body}");
        (problem.field, problem.detail)
    }

    #[test]
    fn what_cannot_be_used_is_said_in_plain_words_with_its_field() {
        let good = json!({"image": "nginx", "team": "data-engineering"});
        let environments = "`environment` has to be one of dev, staging, production.";
        for (field, value, detail) in [
            ("environment", json!("prod"), environments),
            ("environment", json!(7), environments),
            ("environment", json!({"dev": null}), environments),
            ("image", json!(7), "`image` has to be a string."),
            ("image", json!(null), "`image` has to be a string."),
            ("justification", json!(["x"]), "`justification` has to be a string."),
            ("team", json!({"name": "x"}), "`team` has to be a string."),
            (
                "requester",
                json!("boss@acme.example"),
                "There is no field `requester`, only image, customName, justification, riskAssessment, team, environment.",
            ),
        ] {
            let mut body = good.clone();
            body[field] = value;
            assert_eq!(refused::<SubmitRequest>(&body), (Some(field.to_owned()), detail.to_owned()), "{body}");
        }
        assert_eq!(
            refused::<SubmitRequest>(&json!({"image": "nginx"})),
            (Some("team".to_owned()), "`team` is missing.".to_owned())
        );
        assert_eq!(
            refused::<DecisionRequest>(&json!({"comment": false})),
            (Some("comment".to_owned()), "`comment` has to be a string.".to_owned())
        );
    }

    #[test]
    fn what_is_no_json_object_is_malformed() {
        for body in ["", "{", "[]", "\"nginx\"", "null", "{} x", r#"["nginx",null,null,null,"data-engineering","dev"]"#]
        {
            let problem = read::<SubmitRequest>(body.as_bytes()).unwrap_err().0;
            assert_eq!(problem.kind, ProblemType::MalformedBody.uri(), "{body}");
        }
    }

    #[test]
    fn what_is_as_it_has_to_be_is_read_and_null_counts_as_left_out() {
        let body = json!({"image": "nginx", "team": "t", "customName": null, "environment": "staging"});
        let read: SubmitRequest = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(read, serde_json::from_value(body).unwrap());
    }

    #[test]
    fn no_more_than_a_little_of_an_unknown_field_is_repeated() {
        let name = "x".repeat(10_000);
        let (field, detail) = refused::<DecisionRequest>(&json!({ name: 1 }));
        assert_eq!(field.map(|field| field.len()), Some(SHOWN_CHARACTERS));
        assert!(detail.len() < 200, "{detail}");
    }
}

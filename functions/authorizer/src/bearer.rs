//! From a call's headers to the bearer token.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::refusal::Refusal;

const AUTHORIZATION: &str = "authorization";
const SCHEME: &str = "bearer";

/// The longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What API Gateway asks an authorizer, payload format 2.0; of which only the headers matter here.
///
/// API Gateway writes their names in lower case and puts the values of repeated headers into one text. It has no `Debug`,
/// so that no token gets into a log.
#[derive(Clone, Default, Deserialize)]
pub struct AuthorizerEvent {
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
}

impl AuthorizerEvent {
    /// The bearer token.
    pub(crate) fn token(&self) -> Result<&str, Refusal> {
        let mut values = self
            .headers
            .iter()
            .flatten()
            .filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION))
            .map(|(_, value)| value.trim());
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refusal::Missing);
        };
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        let token = token.trim_start();
        match (scheme.eq_ignore_ascii_case(SCHEME), token.len()) {
            (_, 0) | (false, _) => Err(Refusal::Missing),
            (true, length) if length > MAX_TOKEN_BYTES => Err(Refusal::TooLong),
            (true, _) => Ok(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(headers: &Value) -> Result<String, Refusal> {
        let event: AuthorizerEvent = serde_json::from_value(json!({"version": "2.0", "headers": headers})).unwrap();
        event.token().map(str::to_owned)
    }

    #[test]
    fn the_scheme_and_the_name_of_the_header_have_no_case() {
        for (name, scheme) in [("authorization", "Bearer"), ("Authorization", "bearer"), ("AUTHORIZATION", "BEARER ")] {
            assert_eq!(token(&json!({ name: format!("{scheme} abc") })), Ok("abc".to_owned()), "{name} {scheme}");
        }
    }

    #[test]
    fn without_one_bearer_token_it_is_missing() {
        for headers in [
            json!(null),
            json!({}),
            json!({"authorization": ""}),
            json!({"authorization": "Bearer"}),
            json!({"authorization": "Bearer "}),
            json!({"authorization": "abc"}),
            json!({"authorization": "Basic abc"}),
            json!({"authorization": "Bearer abc", "Authorization": "Bearer def"}),
        ] {
            assert_eq!(token(&headers), Err(Refusal::Missing), "{headers}");
        }
        assert_eq!(serde_json::from_str::<AuthorizerEvent>("{}").unwrap().token(), Err(Refusal::Missing));
    }

    #[test]
    fn a_token_has_a_longest_length() {
        let bearer = |length: usize| json!({"authorization": format!("Bearer {}", "x".repeat(length))});
        assert!(token(&bearer(MAX_TOKEN_BYTES)).is_ok());
        assert_eq!(token(&bearer(MAX_TOKEN_BYTES + 1)), Err(Refusal::TooLong));
    }
}

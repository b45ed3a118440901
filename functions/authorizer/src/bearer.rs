//! From a call's headers to the bearer token.

use std::collections::BTreeMap;

use lambda::jwt::{TokenError, bearer_token};
use serde::Deserialize;

const AUTHORIZATION: &str = "authorization";

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
    pub(crate) fn token(&self) -> Result<&str, TokenError> {
        let mut values = self
            .headers
            .iter()
            .flatten()
            .filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION))
            .map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => bearer_token(value),
            (None, _) | (Some(_), Some(_)) => Err(TokenError::Missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use lambda::jwt::MAX_TOKEN_BYTES;
    use serde_json::{Value, json};

    use super::*;

    fn token(headers: &Value) -> Result<String, TokenError> {
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
            assert_eq!(token(&headers), Err(TokenError::Missing), "{headers}");
        }
        assert_eq!(serde_json::from_str::<AuthorizerEvent>("{}").unwrap().token(), Err(TokenError::Missing));
    }

    #[test]
    fn a_token_has_a_longest_length() {
        let bearer = |length: usize| json!({"authorization": format!("Bearer {}", "x".repeat(length))});
        assert!(token(&bearer(MAX_TOKEN_BYTES)).is_ok());
        assert_eq!(token(&bearer(MAX_TOKEN_BYTES + 1)), Err(TokenError::TooLong));
    }
}

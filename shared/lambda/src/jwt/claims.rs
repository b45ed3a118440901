//! What a token says of whom it was issued for.

use std::time::Duration;

use domain::time::Timestamp;
use serde_json::{Map, Value};

use super::TokenError;

/// How far the issuer's clock may be off.
const LEEWAY: Duration = Duration::from_secs(30);

/// The claims of a token.
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) const fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// `iss`.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.0.get("iss")?.as_str()
    }

    /// A claim as it is.
    #[must_use]
    pub fn get(&self, claim: &str) -> Option<&Value> {
        self.0.get(claim)
    }

    /// A claim that is a text: not blank, without control characters, of at most `max_bytes`.
    pub fn text(&self, claim: &str, max_bytes: usize) -> Result<&str, TokenError> {
        self.get(claim)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty() && text.len() <= max_bytes && !text.contains(char::is_control))
            .ok_or_else(|| TokenError::Claim { claim: claim.to_owned() })
    }

    /// Whether `aud` is this, or a list with this in it.
    #[must_use]
    pub fn is_for(&self, audience: &str) -> bool {
        match self.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        }
    }

    /// Whether the token is good at `now`, by `exp`, which it must have, and `nbf`, give or take 30 seconds.
    pub fn check_time(&self, now: Timestamp) -> Result<(), TokenError> {
        let expires_at = self.time("exp")?.ok_or_else(|| TokenError::Claim { claim: "exp".to_owned() })?;
        if now >= expires_at.plus(LEEWAY) {
            return Err(TokenError::Expired);
        }
        if self.time("nbf")?.is_some_and(|not_before| now < not_before.minus(LEEWAY)) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    /// Seconds since 1970, also fractions of them. Source: RFC 7519, section 2, "`NumericDate`".
    fn time(&self, claim: &str) -> Result<Option<Timestamp>, TokenError> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        let since_1970 = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match since_1970 {
            Some(since_1970) => Ok(Some(Timestamp::UNIX_EPOCH.plus(since_1970))),
            None => Err(TokenError::Claim { claim: claim.to_owned() }),
        }
    }
}

//! From a verified token's claims to the caller.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::person::{Person, Principal};
use domain::time::Timestamp;
use serde_json::{Map, Value};

use crate::issuer::TrustedIssuer;
use crate::refusal::Refusal;

/// How far the issuer's clock may be off.
const LEEWAY: Duration = Duration::from_secs(30);
/// Most groups of a caller.
pub(crate) const MAX_GROUPS: usize = 200;
/// The longest name of a group, in bytes.
pub(crate) const MAX_GROUP_BYTES: usize = 256;
/// The longest subject, in bytes. Source: `OpenID` Connect Core 1.0, section 2.
const MAX_SUBJECT_BYTES: usize = 255;
/// The longest e-mail address, in bytes. Source: RFC 5321, section 4.5.3.1.3, without the angle brackets.
const MAX_EMAIL_BYTES: usize = 254;

/// The claims of a token.
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) const fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// `iss`.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.0.get("iss")?.as_str()
    }

    /// The caller that the issuer vouches for at `now`. The token's signature has been verified with the issuer's key.
    pub(crate) fn caller(&self, issuer: &TrustedIssuer, now: Timestamp) -> Result<Principal, Refusal> {
        self.check_time(now)?;
        if !self.audiences().any(|audience| audience == issuer.audience) {
            return Err(Refusal::Audience { expected: issuer.audience.clone() });
        }
        let subject = self.text("sub", MAX_SUBJECT_BYTES)?;
        let email = self.text(&issuer.email_claim, MAX_EMAIL_BYTES)?;
        if !is_address(email) {
            return Err(Refusal::Claim { claim: issuer.email_claim.clone() });
        }
        // Some issuers write it as a text; who does not write it at all vouches for every address.
        match self.0.get("email_verified") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::String(text)) if text == "true" => {}
            Some(_) => return Err(Refusal::EmailNotVerified),
        }
        Ok(Principal {
            // A subject is unique within its issuer only.
            person: Person { subject: format!("{}|{subject}", issuer.name), email: email.to_owned() },
            groups: self.groups(&issuer.groups_claim)?,
        })
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let expires_at = self.time("exp")?.ok_or_else(|| Refusal::Claim { claim: "exp".to_owned() })?;
        if now >= expires_at.plus(LEEWAY) {
            return Err(Refusal::Expired);
        }
        if self.time("nbf")?.is_some_and(|not_before| now < not_before.minus(LEEWAY)) {
            return Err(Refusal::NotYetValid);
        }
        Ok(())
    }

    /// Seconds since 1970, also fractions of them. Source: RFC 7519, section 2, "`NumericDate`".
    fn time(&self, claim: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        let since_1970 = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match since_1970 {
            Some(since_1970) => Ok(Some(Timestamp::UNIX_EPOCH.plus(since_1970))),
            None => Err(Refusal::Claim { claim: claim.to_owned() }),
        }
    }

    /// `aud`, which is a text or a list of texts.
    fn audiences(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self.0.get("aud") {
            Some(Value::String(audience)) => (Some(audience.as_str()), None),
            Some(Value::Array(audiences)) => (None, Some(audiences.iter().filter_map(Value::as_str))),
            _ => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    fn text(&self, claim: &str, max_bytes: usize) -> Result<&str, Refusal> {
        self.0
            .get(claim)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty() && text.len() <= max_bytes && !text.contains(char::is_control))
            .ok_or_else(|| Refusal::Claim { claim: claim.to_owned() })
    }

    fn groups(&self, claim: &str) -> Result<BTreeSet<String>, Refusal> {
        let refused = || Refusal::Groups { claim: claim.to_owned() };
        match self.0.get(claim) {
            None | Some(Value::Null) => Ok(BTreeSet::new()),
            Some(Value::Array(groups)) if groups.len() <= MAX_GROUPS => groups
                .iter()
                .map(|group| match group.as_str() {
                    Some(name) if name.len() <= MAX_GROUP_BYTES => Ok(name.to_owned()),
                    _ => Err(refused()),
                })
                .collect(),
            Some(_) => Err(refused()),
        }
    }
}

/// Whether it has the shape of an address: something on both sides of the last `@`, and no white space.
fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(char::is_whitespace)
}

//! From a verified token's claims to the caller.

use std::collections::BTreeSet;

use domain::person::{Person, Principal};
use domain::time::Timestamp;
use lambda::jwt::Claims;
use serde_json::Value;

use crate::issuer::TrustedIssuer;
use crate::refusal::Refusal;

/// Most groups of a caller.
pub(crate) const MAX_GROUPS: usize = 200;
/// The longest name of a group, in bytes.
pub(crate) const MAX_GROUP_BYTES: usize = 256;
/// The longest subject, in bytes. Source: `OpenID` Connect Core 1.0, section 2.
const MAX_SUBJECT_BYTES: usize = 255;
/// The longest e-mail address, in bytes. Source: RFC 5321, section 4.5.3.1.3, without the angle brackets.
const MAX_EMAIL_BYTES: usize = 254;

/// The caller that the issuer vouches for at `now`. The claims are those of a token that the issuer has signed.
pub(crate) fn caller(claims: &Claims, issuer: &TrustedIssuer, now: Timestamp) -> Result<Principal, Refusal> {
    claims.check_time(now)?;
    if !claims.is_for(&issuer.audience) {
        return Err(Refusal::Audience { expected: issuer.audience.clone() });
    }
    let subject = claims.text("sub", MAX_SUBJECT_BYTES)?;
    let email = claims.text(&issuer.email_claim, MAX_EMAIL_BYTES)?;
    if !is_address(email) {
        return Err(Refusal::Claim { claim: issuer.email_claim.clone() });
    }
    // Some issuers write it as a text; who does not write it at all vouches for every address.
    match claims.get("email_verified") {
        None | Some(Value::Bool(true)) => {}
        Some(Value::String(text)) if text == "true" => {}
        Some(_) => return Err(Refusal::EmailNotVerified),
    }
    Ok(Principal {
        // A subject is unique within its issuer only.
        person: Person { subject: format!("{}|{subject}", issuer.issuer.name), email: email.to_owned() },
        groups: groups(claims, &issuer.groups_claim)?,
    })
}

fn groups(claims: &Claims, claim: &str) -> Result<BTreeSet<String>, Refusal> {
    let refused = || Refusal::Groups { claim: claim.to_owned() };
    match claims.get(claim) {
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

/// Whether it has the shape of an address: something on both sides of the last `@`, and no white space.
fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(char::is_whitespace)
}

//! Who sent a delivery: Chainguard, about our organisation, with exactly this body. Source: the project's fact sheet
//! (`chainguard/FACTS.md`), section 5.
//!
//! The headers that say what has happened are not signed. So nothing is done that an event says: what it says is a
//! reason to look.

use domain::journal::Digest;
use domain::ports::Clock;
use lambda::jwt::{
    FetchKeys, IssuerKeys, KeysUnavailable, NotVerified, SigningAlgorithm, TokenError, Unverified, bearer_token,
};
use serde_json::Value;

/// `aud` of every delivery.
const AUDIENCE: &str = "customer";
/// What `sub` starts with; what follows is the UIDP of the group that has the subscription.
const SUBJECT: &str = "webhook:";
/// How the digest of the body is written.
const DIGEST: &str = "sha256:";
/// The longest subject, in bytes: a UIDP has 40, and 17 for each level below.
const MAX_SUBJECT_BYTES: usize = 512;

/// A delivery that Chainguard has sent with this body; for whom is yet to be seen.
pub(crate) struct Signed {
    group: String,
}

/// Why a delivery is not believed. Says nothing that is in the delivery: it gets into answers and logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// What is wrong with the token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It is somebody else's.
    #[error("the token is not from Chainguard's issuer")]
    Issuer,
    /// It is for another purpose.
    #[error("the token is not for a customer's webhook")]
    Audience,
    /// It is for another body.
    #[error("the token is for another body")]
    Body,
    /// It is for another organisation.
    #[error("the subscription is not that of this organisation")]
    Group,
}

/// Why it is not known who sent a delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSigned {
    /// It is not believed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be judged.
    #[error(transparent)]
    KeysUnavailable(#[from] KeysUnavailable),
}

/// Checks all that can be told without asking whose organisation is which.
pub(crate) async fn verify<F: FetchKeys, C: Clock>(
    authorization: Option<&str>,
    body: &[u8],
    issuer: &IssuerKeys,
    keys: &F,
    clock: &C,
) -> Result<Signed, NotSigned> {
    let token = bearer_token(authorization.unwrap_or_default()).map_err(Refusal::from)?;
    let token = Unverified::parse(token).map_err(Refusal::from)?;
    match token.algorithm() {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Es256 => {}
        SigningAlgorithm::EdDsa => return Err(Refusal::Token(TokenError::Algorithm).into()),
    }
    if token.issuer() != Some(issuer.issuer().name.as_str()) {
        return Err(Refusal::Issuer.into());
    }
    let claims = issuer.verify(token, keys, clock).await.map_err(|error| match error {
        NotVerified::Refused(error) => NotSigned::Refused(error.into()),
        NotVerified::KeysUnavailable(error) => NotSigned::KeysUnavailable(error),
    })?;
    claims.check_time(clock.now()).map_err(Refusal::from)?;
    if !claims.is_for(AUDIENCE) {
        return Err(Refusal::Audience.into());
    }
    let digest = claims.get("webhook").and_then(|webhook| webhook.get("digest")).and_then(Value::as_str);
    let digest = digest.and_then(|digest| digest.strip_prefix(DIGEST)?.parse().ok());
    if digest != Some(Digest::of(body)) {
        return Err(Refusal::Body.into());
    }
    let subject = claims.text("sub", MAX_SUBJECT_BYTES).map_err(Refusal::from)?;
    let group = subject.strip_prefix(SUBJECT).ok_or(Refusal::Group)?;
    Ok(Signed { group: group.to_owned() })
}

impl Signed {
    /// Refuses what is not about `organization`, a UIDP: every customer of Chainguard's can subscribe every address.
    pub(crate) fn check_group(&self, organization: &str) -> Result<(), Refusal> {
        if self.group == organization { Ok(()) } else { Err(Refusal::Group) }
    }
}

//! Assumable identities: who may exchange what for a token of Chainguard's (FACTS §4.3, §4.4).

use jiff::Timestamp;
use serde_json::Value;

use crate::{aws::AwsRole, fake::Inner, signed_request, status::Status};

/// An identity that can be assumed.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its UIDP: the organization's and one part.
    pub id: String,
    /// Who may assume it.
    pub trusts: Trust,
    /// Names of the capabilities that its role grants in the organization.
    pub capabilities: Vec<String>,
}

/// Who may assume an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever has this upstream token: the shortest stand-in for an identity provider.
    Token(String),
    /// `claim_match` on AWS's own issuer: the subject is a role's ARN, `arn:aws:iam::…:role/…`.
    AwsWebIdentity {
        /// The role's ARN.
        subject: String,
    },
    /// `aws_identity`: what `GetCallerIdentity` says of whoever signed the request.
    AwsSignedRequest {
        /// The ARN of the assumed role, `arn:aws:sts::…:assumed-role/…/…`; for a function it ends with its name.
        arn: String,
        /// The user id, `AROA…:…`; for a function it ends with its name.
        user_id: String,
    },
}

/// What an upstream token is exchanged for: the identity, or why not.
///
/// Without any identity the fake knows, everybody is whoever they say. Which codes the issuer refuses with is not known;
/// here a proof that is none is `UNAUTHENTICATED`, and one of somebody else `PERMISSION_DENIED`.
pub(crate) fn assume<'a>(
    fake: &'a Inner,
    identity: Option<&str>,
    upstream: &str,
    now: Timestamp,
) -> Result<Option<&'a Identity>, Status> {
    if fake.options.identities.is_empty() {
        return Ok(None);
    }
    let named = identity.ok_or_else(|| Status::invalid_argument("identity must be specified"))?;
    let identity = fake.options.identities.iter().find(|identity| identity.id == named);
    let identity = identity.ok_or_else(|| not_trusted(named))?;
    let is_trusted = match &identity.trusts {
        Trust::Token(token) => {
            if token != upstream {
                return Err(Status::unauthenticated("the token's issuer is not known"));
            }
            true
        }
        Trust::AwsWebIdentity { subject } => {
            let claims = web_identity(fake, upstream, now)?;
            claims.get("sub").and_then(Value::as_str) == Some(subject)
        }
        Trust::AwsSignedRequest { arn, user_id } => {
            let role = signed_request::verify(fake, upstream, named, now)?;
            role.assumed_role_arn() == *arn && role.user_id() == *user_id
        }
    };
    if is_trusted { Ok(Some(identity)) } else { Err(not_trusted(named)) }
}

/// The claims of a token in which AWS vouches for a role: signed by AWS, of its issuer, for Chainguard's, in time.
fn web_identity(fake: &Inner, token: &str, now: Timestamp) -> Result<Value, Status> {
    let refused = |why: &str| Status::unauthenticated(format!("the AWS token {why}"));
    let claims = fake.aws_key()?.verify(token).map_err(|_| refused("is not signed by AWS"))?;
    let second = |name: &str| claims.get(name).and_then(Value::as_i64);
    if claims.get("iss").and_then(Value::as_str) != Some(AwsRole::ISSUER) {
        return Err(refused("is of another issuer"));
    }
    let audience = claims.get("aud").and_then(Value::as_str).unwrap_or_default();
    if !fake.is_issuer(audience) {
        return Err(refused("is for somebody else"));
    }
    match (second("iat"), second("exp")) {
        (Some(issued), Some(ends)) if issued <= now.as_second() && now.as_second() < ends => Ok(claims),
        _ => Err(refused("is expired")),
    }
}

fn not_trusted(identity: &str) -> Status {
    Status::permission_denied(format!("the identity {identity:?} may not be assumed with this token"))
}

//! One step of a rotation. Secrets Manager asks for four, one after the other, and for each again if it fails or if it
//! does not learn how it went: so each finds out how far things are, and doing it twice is doing it once.
//!
//! Source: Secrets Manager user guide, "Lambda function for rotation".

use std::time::Duration;

use aws::rotation::{CURRENT, PENDING};
use domain::journal::Digest;
use domain::link::{KeyRing, KeyRingError, Link};
use domain::ports::{
    ChainguardError, Clock, DescribeSecret, MakeSecretCurrent, NewIds as _, PortError, ReadSecretVersion,
    SecretVersion, SecretVersions, StorePendingSecret,
};
use domain::time::Timestamp;
use lambda::clock::RandomIds;
use lambda::function::Function as _;
use lambda::metrics::{Measure, Metric};
use lambda::random::{NoRandomness, random_text};
use serde::Deserialize;

use crate::Rotator;
use crate::credential::CheckCredential;
use crate::kind::{CredentialKind, Kind, UnknownShape};

/// Characters of a link key: letters and digits, almost six bits each.
const KEY_CHARACTERS: usize = 64;
/// Characters that tell the keys of a day apart.
const SUFFIX_CHARACTERS: usize = 8;

/// What Secrets Manager asks for. Members that are not known here are left alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// Which step.
    pub step: Step,
    /// The secret's ARN.
    pub secret_id: String,
    /// The id of the version that is being prepared.
    pub client_request_token: String,
}

/// A step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Make the pending version.
    CreateSecret,
    /// Tell whoever takes the secret about it. Nobody has to be told: who uses it, reads it.
    SetSecret,
    /// See whether the pending version works.
    TestSecret,
    /// Put the pending version in use.
    FinishSecret,
}

/// Why a step was not done. Says nothing of what a secret holds.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// It is none of the secrets that this function is for.
    #[error("this function does not rotate that secret")]
    AnothersSecret,
    /// Rotation is switched off.
    #[error("rotation is not enabled for the secret")]
    NotEnabled,
    /// The secret has no version of this id.
    #[error("the secret has no such version")]
    UnknownVersion,
    /// The version is not being prepared.
    #[error("the version is not pending")]
    NotPending,
    /// There is nothing in the version that is in use, or in the one that is being prepared.
    #[error("the secret's {0} version is empty")]
    Empty(&'static str),
    /// It is no secret that can be rotated.
    #[error(transparent)]
    Shape(#[from] UnknownShape),
    /// A new key ring cannot be made.
    #[error(transparent)]
    KeyRing(#[from] KeyRingError),
    /// There is no randomness for a new key.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A link that is signed with the new key is not good.
    #[error("a link that was signed with the pending keys cannot be verified with them")]
    LinkRefused,
    /// Somebody has stored other keys since the rotation began.
    #[error(
        "the keys were changed while they were being rotated, and finishing would void links that are under way; start the rotation again"
    )]
    Overtaken,
    /// A stored token can only be replaced by hand.
    #[error(
        "a stored Chainguard token cannot be renewed automatically, and this one is good for {} more; store another one, or better an identity, kind `aws-web-identity`, which needs no rotation",
        minutes(*.0)
    )]
    StoredToken(Duration),
    /// Chainguard does not take the credential.
    #[error("failed to check the credential")]
    Credential(#[source] ChainguardError),
    /// Secrets Manager did not do its part.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn minutes(left: Duration) -> String {
    let minutes = left.as_secs() / 60;
    if minutes == 1 { "1 minute".to_owned() } else { format!("{minutes} minutes") }
}

/// Does one step, unless it has been done.
pub(crate) async fn rotate<S, G, M, C>(
    secrets: &S,
    chainguard: &G,
    metrics: &M,
    clock: &C,
    request: &Request,
) -> Result<(), RotationError>
where
    S: DescribeSecret + ReadSecretVersion + StorePendingSecret + MakeSecretCurrent + Sync,
    G: CheckCredential + Sync,
    M: Measure + Sync,
    C: Clock + Sync,
{
    let Request { step, secret_id: id, client_request_token: version } = request;
    let versions = secrets.describe_secret(id).await?;
    if !versions.rotation_is_enabled {
        return Err(RotationError::NotEnabled);
    }
    let stages = versions.stages.get(version).ok_or(RotationError::UnknownVersion)?;
    if stages.contains(CURRENT) {
        tracing::info!(function = Rotator::NAME, secret = id, version, "the version is in use already");
        return Ok(());
    }
    if !stages.contains(PENDING) {
        return Err(RotationError::NotPending);
    }
    match step {
        Step::CreateSecret => create(secrets, chainguard, metrics, clock, id, version).await?,
        Step::SetSecret => {}
        // A schedule that does not rotate at once has this step tried out on a version that may hold nothing.
        Step::TestSecret => {
            if let Some(pending) = secrets.read_secret_version(id, SecretVersion::Pending(version)).await? {
                test(&pending, chainguard, clock.now()).await?;
            } else {
                tracing::info!(function = Rotator::NAME, secret = id, version, "there is nothing to test");
            }
        }
        Step::FinishSecret => finish(secrets, &versions, id, version).await?,
    }
    tracing::info!(function = Rotator::NAME, secret = id, version, ?step, "did {step:?}");
    Ok(())
}

/// Makes the pending version, unless it is there.
async fn create<S, G, M, C>(
    secrets: &S,
    chainguard: &G,
    metrics: &M,
    clock: &C,
    id: &str,
    version: &str,
) -> Result<(), RotationError>
where
    S: ReadSecretVersion + StorePendingSecret + Sync,
    G: CheckCredential + Sync,
    M: Measure + Sync,
    C: Clock + Sync,
{
    if secrets.read_secret_version(id, SecretVersion::Pending(version)).await?.is_some() {
        return Ok(());
    }
    let current = current(secrets, id).await?;
    let next = match Kind::of(&current)? {
        Kind::LinkKeys(ring) => next_ring(&ring, clock.now())?.to_json(),
        Kind::Credential(CredentialKind::Token) => {
            let ends_at = match chainguard.check_credential(&current).await {
                Ok(ends_at) => ends_at,
                Err(ChainguardError::Unauthenticated(_)) => Some(Timestamp::UNIX_EPOCH),
                Err(error) => return Err(RotationError::Credential(error)),
            };
            let now = clock.now();
            let left = ends_at.map(|ends_at| ends_at.since(now)).unwrap_or_default();
            metrics.measure(Metric::StoredTokenRemaining, left.as_secs(), now);
            return Err(RotationError::StoredToken(left));
        }
        // What they hold does not end by itself: it is used on.
        Kind::Credential(
            CredentialKind::Unconfigured
            | CredentialKind::Exchange
            | CredentialKind::AwsWebIdentity
            | CredentialKind::AwsSignedRequest,
        ) => current,
    };
    Ok(secrets.store_pending_secret(id, version, &next).await?)
}

/// The ring with a new current key.
fn next_ring(ring: &KeyRing, now: Timestamp) -> Result<KeyRing, RotationError> {
    let id = format!("{}-{}", now.day(), random_text(SUFFIX_CHARACTERS)?);
    Ok(ring.rotated(id, random_text(KEY_CHARACTERS)?)?)
}

/// Sees whether what is pending works.
async fn test<G>(pending: &str, chainguard: &G, now: Timestamp) -> Result<(), RotationError>
where
    G: CheckCredential + Sync,
{
    match Kind::of(pending)? {
        Kind::LinkKeys(ring) => {
            let link = Link {
                request: RandomIds.request_id(),
                approver: "rotator@example.com".to_owned(),
                digest: Digest::of(b""),
                expires: now.plus(Duration::from_mins(1)),
            };
            let signed = ring.link(&link);
            let query = signed.split_once('?').map(|(_, query)| query).unwrap_or_default();
            let verified = ring.verify(link.request, query, now).map_err(|_| RotationError::LinkRefused)?;
            if verified.approver == link.approver { Ok(()) } else { Err(RotationError::LinkRefused) }
        }
        Kind::Credential(CredentialKind::Token | CredentialKind::Exchange) => {
            chainguard.check_credential(pending).await.map(|_| ()).map_err(RotationError::Credential)
        }
        // Which AWS roles Chainguard trusts is its own matter, and this function's is none of them.
        Kind::Credential(
            CredentialKind::Unconfigured | CredentialKind::AwsWebIdentity | CredentialKind::AwsSignedRequest,
        ) => Ok(()),
    }
}

/// Puts the pending version in use.
async fn finish<S>(secrets: &S, versions: &SecretVersions, id: &str, version: &str) -> Result<(), RotationError>
where
    S: ReadSecretVersion + MakeSecretCurrent + Sync,
{
    if let Kind::LinkKeys(next) = Kind::of(&pending(secrets, id, version).await?)?
        && let Kind::LinkKeys(current) = Kind::of(&current(secrets, id).await?)?
        && !next.honours(&current)
    {
        return Err(RotationError::Overtaken);
    }
    let in_use =
        versions.stages.iter().find(|(_, stages)| stages.contains(CURRENT)).map(|(version, _)| version.as_str());
    Ok(secrets.make_secret_current(id, version, in_use).await?)
}

async fn current<S: ReadSecretVersion + Sync>(secrets: &S, id: &str) -> Result<String, RotationError> {
    let text = secrets.read_secret_version(id, SecretVersion::Current).await?;
    text.ok_or(RotationError::Empty("current"))
}

async fn pending<S: ReadSecretVersion + Sync>(secrets: &S, id: &str, version: &str) -> Result<String, RotationError> {
    let text = secrets.read_secret_version(id, SecretVersion::Pending(version)).await?;
    text.ok_or(RotationError::Empty("pending"))
}

#[cfg(test)]
mod tests;

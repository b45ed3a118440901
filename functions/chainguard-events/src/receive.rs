//! `POST /chainguard/events`: one delivery.
//!
//! The process may die at any line. Whatever comes before the end is harmless when it is done again, and the delivery is
//! remembered last: until then it counts as never dealt with, to be delivered again. The event goes on our bus first, so
//! that what stands in the way of our own looking keeps it from nobody who waits for it there.

use std::time::Duration;

use domain::drift::DriftDetail;
use domain::envelope::BusEvent;
use domain::policy::Policy;
use domain::ports::{
    ChainguardError, Clock, CommitRequest, FindRepositoryById, FindRequestOfRepository, FindTag, IdentifyOrganization,
    LoadRequest, PortError, PutEvents, RememberDelivery,
};
use domain::problem::{Problem, ProblemType};
use http::header::AUTHORIZATION;
use lambda::function::Function as _;
use lambda::http::{Answer, Call};
use lambda::jwt::{FetchKeys, IssuerKeys, TokenError};
use lambda::problem::{ApiError, sentence};
use tokio::time::Instant;

use crate::ChainguardEvents;
use crate::cloud_event::{CloudEvent, NotACloudEvent};
use crate::effect::{LookError, World};
use crate::happening::Happening;
use crate::signature::{self, NotSigned, Refusal};

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long Chainguard is asked, in all. Below the 15 s after which Lambda ends the call, and within what a sender of
/// events can be expected to wait.
const PATIENCE: Duration = Duration::from_secs(8);
/// Seconds after which a delivery may come again that could not be dealt with.
const RETRY_AFTER_SECONDS: u64 = 30;

/// What deliveries are dealt with.
pub struct Ports<'a, S, P, G, F, C> {
    /// Requests, and which deliveries have been dealt with.
    pub store: &'a S,
    /// Our bus.
    pub bus: &'a P,
    /// Chainguard.
    pub chainguard: &'a G,
    /// Chainguard's issuer and its keys.
    pub issuer: &'a IssuerKeys,
    /// Where keys come from.
    pub keys: &'a F,
    /// The present.
    pub clock: &'a C,
    /// The policy in force.
    pub policy: &'a Policy,
}

/// Takes an event of Chainguard's, which nobody but Chainguard can send.
#[utoipa::path(
    post,
    path = "/chainguard/events",
    tag = "chainguard",
    operation_id = "deliverChainguardEvent",
    params(
        ("ce-specversion" = String, Header, description = "`1.0`."),
        ("ce-id" = String, Header, description = "With `ce-source`, tells the event from all others."),
        ("ce-source" = String, Header, description = "Who says so."),
        ("ce-type" = String, Header, description = "What has happened; becomes `detail-type` on the bus."),
    ),
    request_body(content = Object, description = "What Chainguard says, in at most 64 KiB. The token has its digest."),
    responses(
        (status = 204, description = "It has been dealt with, this time or before."),
        (status = 400, description = "`not-a-cloud-event`, `malformed-body`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`delivery-refused`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`; deliver it again", body = Problem, content_type = "application/problem+json"),
    ),
    security(("chainguard" = []))
)]
pub async fn receive<S, P, G, F, C>(ports: &Ports<'_, S, P, G, F, C>, call: &Call) -> Result<Answer, ApiError>
where
    S: FindRequestOfRepository + LoadRequest + CommitRequest + RememberDelivery + Sync,
    P: PutEvents + Sync,
    G: FindTag + FindRepositoryById + IdentifyOrganization + Sync,
    F: FetchKeys,
    C: Clock + Sync,
{
    let body = call.body_within(MAX_BODY_BYTES)?;
    let deadline = Instant::now() + PATIENCE;
    chainguard::with_deadline(deadline, deal_with(ports, call, &body)).await?;
    Ok(Answer::text(204, "application/json", ""))
}

async fn deal_with<S, P, G, F, C>(ports: &Ports<'_, S, P, G, F, C>, call: &Call, body: &[u8]) -> Result<(), ApiError>
where
    S: FindRequestOfRepository + LoadRequest + CommitRequest + RememberDelivery + Sync,
    P: PutEvents + Sync,
    G: FindTag + FindRepositoryById + IdentifyOrganization + Sync,
    F: FetchKeys,
    C: Clock + Sync,
{
    let Ports { store, bus, chainguard, issuer, keys, clock, policy } = ports;
    let authorization = call.header(AUTHORIZATION.as_str());
    let signed = signature::verify(authorization, body, issuer, *keys, *clock).await.map_err(not_signed)?;
    let organization = chainguard.organization_uidp().await.map_err(|error| of_chainguard(&error))?;
    signed.check_group(&organization).map_err(|refusal| refused(&refusal))?;

    let event = CloudEvent::read(call.headers(), body, clock.now()).map_err(|error| not_a_cloud_event(&error))?;
    if store.is_remembered(&event.delivery, clock.now()).await? {
        tracing::info!(function = ChainguardEvents::NAME, event.id = event.delivery.id, "the event came before");
        return Ok(());
    }
    put(*bus, event.for_bus()).await?;
    if let Some(happening) = Happening::of(&event, &organization) {
        let world =
            World { store: *store, chainguard: *chainguard, clock: *clock, policy, event_id: &event.delivery.id };
        if let Some(drift) = world.look(happening).await.map_err(not_seen)? {
            put(*bus, BusEvent::try_from(&DriftDetail::announcing(drift, &event.delivery))).await?;
        }
    }
    store.remember_delivery(&event.delivery, clock.now()).await?;
    Ok(())
}

async fn put<P: PutEvents + Sync>(bus: &P, event: Result<BusEvent, serde_json::Error>) -> Result<(), ApiError> {
    let event = event.map_err(|error| PortError {
        operation: "write an event for the bus",
        retryable: false,
        source: Box::new(error),
    })?;
    match bus.put_events(&[event]).await? {
        0 => Err(again()),
        _ => Ok(()),
    }
}

fn not_signed(error: NotSigned) -> ApiError {
    match error {
        NotSigned::Refused(refusal) => refused(&refusal),
        NotSigned::KeysUnavailable(error) => {
            tracing::warn!(function = ChainguardEvents::NAME, %error, "failed to judge a delivery: {error}");
            again()
        }
    }
}

fn refused(refusal: &Refusal) -> ApiError {
    tracing::info!(function = ChainguardEvents::NAME, detail = %refusal, "refused a delivery: {refusal}");
    let kind = match refusal {
        Refusal::Token(TokenError::Missing) => ProblemType::TokenMissing,
        Refusal::Token(
            TokenError::TooLong
            | TokenError::NoJwt
            | TokenError::Algorithm
            | TokenError::CriticalExtension
            | TokenError::UnknownKey
            | TokenError::KeyType
            | TokenError::Signature
            | TokenError::Expired
            | TokenError::NotYetValid
            | TokenError::Claim { .. },
        )
        | Refusal::Issuer
        | Refusal::Audience
        | Refusal::Body
        | Refusal::Group => ProblemType::DeliveryRefused,
    };
    Problem::new(kind, sentence(&refusal.to_string())).into()
}

fn not_a_cloud_event(error: &NotACloudEvent) -> ApiError {
    Problem::new(ProblemType::NotACloudEvent, sentence(&error.to_string())).into()
}

fn not_seen(error: LookError) -> ApiError {
    match error {
        LookError::Chainguard(error) => of_chainguard(&error),
        LookError::Store(error) => error.into(),
        LookError::Execute(error) => error.into(),
    }
}

/// A credential that does not work becomes no better with time: it is for an operator to mend.
fn of_chainguard(error: &ChainguardError) -> ApiError {
    tracing::error!(function = ChainguardEvents::NAME, %error, "failed to ask Chainguard: {error}");
    match error {
        ChainguardError::Unavailable(_) => again(),
        ChainguardError::Unauthenticated(_)
        | ChainguardError::Denied(_)
        | ChainguardError::AlreadyExists(_)
        | ChainguardError::QuotaExceeded(_)
        | ChainguardError::NotFound(_)
        | ChainguardError::Refused(_)
        | ChainguardError::Credential(_) => {
            Problem::new(ProblemType::InternalError, "Something went wrong here. The log says what.").into()
        }
    }
}

fn again() -> ApiError {
    Problem::new(ProblemType::ServiceUnavailable, "A service behind this one does not answer. Deliver it again.")
        .retry_after(RETRY_AFTER_SECONDS)
        .into()
}

//! What people decide with a token. Each route builds a command and lets the life cycle judge it: see
//! `domain::lifecycle::decide`.

use domain::api::{DecisionRequest, RequestView};
use domain::journal::DecisionKind;
use domain::lifecycle::{Command, Voice};
use domain::ports::{Clock, CommitRequest, LoadRequest, StoredRequest};
use domain::problem::{Problem, ProblemType};
use domain::request::Channel;
use domain::text::Comment;
use lambda::http::{Answer, Call};
use lambda::problem::ApiError;
use lambda::settings::Settings;

use crate::decision;

/// Says yes.
#[utoipa::path(
    patch,
    path = "/request/{id}/approve",
    tag = "decisions",
    operation_id = "approveRequest",
    params(("id" = String, Path, description = "The request's id.")),
    request_body = Option<DecisionRequest>,
    responses(
        (status = 200, description = "Counted. `pending` means that more approvals are needed.", body = RequestView),
        (status = 400, description = "`malformed-body`, `invalid-field`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`own-request`, `not-an-approver`, `channel-not-allowed`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already-decided`, `content-changed`, `approved-by-you-already`, `approval-not-needed`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn approve<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    decide(store, clock, settings, call, DecisionKind::Approved).await
}

/// Says no. One rejection is enough, and it needs a reason.
#[utoipa::path(
    patch,
    path = "/request/{id}/reject",
    tag = "decisions",
    operation_id = "rejectRequest",
    params(("id" = String, Path, description = "The request's id.")),
    request_body = DecisionRequest,
    responses(
        (status = 200, description = "Rejected.", body = RequestView),
        (status = 400, description = "`malformed-body`, `invalid-field`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`own-request`, `not-an-approver`, `channel-not-allowed`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already-decided`, `content-changed`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`reason-required`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn reject<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    decide(store, clock, settings, call, DecisionKind::Rejected).await
}

/// Approves alone what needs more, in an emergency. Needs a reason, and everybody who was passed over is told.
#[utoipa::path(
    patch,
    path = "/request/{id}/break-glass",
    tag = "decisions",
    operation_id = "breakGlass",
    params(("id" = String, Path, description = "The request's id.")),
    request_body = DecisionRequest,
    responses(
        (status = 200, description = "Approved, on its way to the provisioner.", body = RequestView),
        (status = 400, description = "`malformed-body`, `invalid-field`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`own-request`, `may-not-break-glass`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already-decided`, `content-changed`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`reason-required`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn break_glass<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let voice = voice(call)?;
    carry_out(store, clock, settings, call, Command::BreakGlass(voice)).await
}

/// Takes one's own request back.
#[utoipa::path(
    patch,
    path = "/request/{id}/cancel",
    tag = "requests",
    operation_id = "cancelRequest",
    params(("id" = String, Path, description = "The request's id.")),
    responses(
        (status = 200, description = "Cancelled.", body = RequestView),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`not-the-requester`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already-decided`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn cancel<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let by = call.principal()?;
    carry_out(store, clock, settings, call, Command::Cancel { by, channel: Channel::Api }).await
}

/// Sends a failed request round again.
#[utoipa::path(
    patch,
    path = "/request/{id}/retry",
    tag = "decisions",
    operation_id = "retryRequest",
    params(("id" = String, Path, description = "The request's id.")),
    responses(
        (status = 200, description = "Round again: `pending` if people decide it, else `approved`.", body = RequestView),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`not-an-administrator`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`wrong-status`, `duplicate-request`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn retry<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let by = call.principal()?;
    carry_out(store, clock, settings, call, Command::Retry { by, channel: Channel::Api }).await
}

async fn decide<S, C>(
    store: &S,
    clock: &C,
    settings: &Settings,
    call: &Call,
    answer: DecisionKind,
) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let voice = voice(call)?;
    let id = call.request_id()?;
    let stored = decision::decide(store, clock, &settings.policy, id, answer, voice).await?;
    Ok(shown(&stored, settings))
}

async fn carry_out<S, C>(
    store: &S,
    clock: &C,
    settings: &Settings,
    call: &Call,
    command: Command,
) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let id = call.request_id()?;
    let stored = decision::carry_out(store, clock, &settings.policy, id, Channel::Api, command).await?;
    Ok(shown(&stored, settings))
}

fn shown(stored: &StoredRequest, settings: &Settings) -> Answer {
    Answer::json(200, &RequestView::new(stored, &settings.policy, &settings.organization, &settings.public_url))
}

/// The caller's word. A blank comment counts as none.
fn voice(call: &Call) -> Result<Voice, ApiError> {
    let by = call.principal()?;
    let body: DecisionRequest = call.json_or_default()?;
    let comment = body.comment.filter(|text| !text.trim().is_empty()).map(Comment::new).transpose();
    let comment = comment.map_err(|error| {
        Problem::new(ProblemType::InvalidField, format!("`comment` {error}.")).about_field("comment")
    })?;
    Ok(Voice { by, comment, channel: Channel::Api, seen: body.digest })
}

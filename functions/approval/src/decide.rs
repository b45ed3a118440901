//! The four decisions. Each builds a command and lets the life cycle judge it: see `domain::lifecycle::decide`.

use domain::api::{DecisionRequest, RequestView};
use domain::execute::execute;
use domain::image::Organization;
use domain::lifecycle::{Command, Context};
use domain::policy::Policy;
use domain::ports::{Clock, CommitRequest, LoadRequest};
use domain::problem::{Problem, ProblemType};
use domain::request::Channel;
use domain::text::Comment;
use lambda::http::{Answer, Call};
use lambda::problem::ApiError;

/// What the function is configured by.
#[derive(Debug)]
pub struct Settings {
    /// The organisation whose registry images are added to.
    pub organization: Organization,
    /// The API's base address; empty for paths alone.
    pub public_url: String,
    /// The policy in force.
    pub policy: Policy,
}

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
        (status = 409, description = "`already-decided`, `approved-by-you-already`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn approve<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let by = call.principal()?;
    let comment = comment(call)?;
    carry_out(store, clock, settings, call, Command::Approve { by, comment, channel: Channel::Api }).await
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
        (status = 409, description = "`already-decided`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`reason-required`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn reject<S, C>(store: &S, clock: &C, settings: &Settings, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let by = call.principal()?;
    let reason = comment(call)?;
    carry_out(store, clock, settings, call, Command::Reject { by, reason, channel: Channel::Api }).await
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
        (status = 200, description = "Approved again, on its way to the provisioner.", body = RequestView),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`not-an-administrator`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`wrong-status`, `duplicate-request`, `conflict`", body = Problem, content_type = "application/problem+json"),
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
    let context = Context { now: clock.now(), policy: &settings.policy };
    let stored = execute(store, id, command, &context).await?;
    let status = stored.request.status().as_str();
    tracing::info!(function = "approval", request_id = %id, status, route = call.route(), "{id} is {status}");
    let view = RequestView::new(&stored, &settings.policy, &settings.organization, &settings.public_url);
    Ok(Answer::json(200, &view))
}

/// The comment of the body; a blank one counts as none.
fn comment(call: &Call) -> Result<Option<Comment>, ApiError> {
    let body: DecisionRequest = call.json_or_default()?;
    body.comment.filter(|text| !text.trim().is_empty()).map(Comment::new).transpose().map_err(|error| {
        Problem::new(ProblemType::InvalidField, format!("`comment` {error}.")).about_field("comment").into()
    })
}

//! What happens to a submission.

use std::time::Duration;

use domain::api::{SubmitRequest, SubmitResponse};
use domain::catalog::{Catalog, CatalogImage};
use domain::execute::prepare;
use domain::id::RequestId;
use domain::image::pull_command;
use domain::journal::Digest;
use domain::lifecycle::{Command, Context};
use domain::person::Person;
use domain::policy::ApprovalTier;
use domain::ports::{
    Clock, CommitError, CommitRequest, FindIdempotency, Idempotency, LoadCatalog, LoadRequest, NameHold, NewIds, Quota,
};
use domain::problem::{Problem, ProblemType};
use domain::registry::Obstacle;
use domain::request::{Phase, Status, Submission};
use domain::time::Timestamp;
use http::header::LOCATION;
use lambda::catalog::CatalogCache;
use lambda::http::{Answer, Call};
use lambda::problem::ApiError;
use lambda::settings::Settings;

/// How long an `Idempotency-Key` is remembered.
const IDEMPOTENCY_LIFETIME: Duration = Duration::from_hours(24);

/// How much newer than an image's availability a catalog snapshot has to be for its silence to mean that the
/// repository is gone: longer than fetching a snapshot takes.
const SNAPSHOT_MARGIN: Duration = Duration::from_mins(10);

/// Takes a request for an image.
#[utoipa::path(
    post,
    path = "/request",
    tag = "requests",
    operation_id = "submitRequest",
    request_body = SubmitRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, remembered for 24 hours: the same key with the same body gives the same answer and makes one request.")),
    responses(
        (status = 202, description = "Accepted. `Location` names the request.", body = SubmitResponse),
        (status = 400, description = "`malformed-body`, `invalid-field`, `invalid-parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`denied-by-policy`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`duplicate-request`, `duplicate-image`, `organization-limit-reached`, `conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid-image-reference`, `image-not-in-catalog`, `not-entitled`, `field-required-by-tier`, `idempotency-key-reused`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate-limit-exceeded`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`catalog-unavailable`, `service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn submit<S, C, I>(
    store: &S,
    catalog: &CatalogCache,
    clock: &C,
    ids: &I,
    settings: &Settings,
    call: Call,
) -> Result<Answer, ApiError>
where
    S: LoadCatalog + CommitRequest + LoadRequest + FindIdempotency + Sync,
    C: Clock + Sync,
    I: NewIds + Sync,
{
    let principal = call.principal()?;
    let body: SubmitRequest = call.json()?;
    let now = clock.now();
    let idempotency = idempotency(&call, &principal.person, &body, now)?;

    // First of all: what was answered once is answered so again, whatever has changed since.
    if let Some(sent) = &idempotency
        && let Some((request, body)) = store.find_idempotency(sent, now).await?
    {
        let submission = answered_before(store, sent, request, body).await?;
        return Ok(accepted(&submission, settings));
    }
    let catalog = catalog.get(store, now).await?;
    let (draft, image) = crate::draft::draft(body, principal.person, &settings.organization, &catalog)?;
    let submission = Submission::assess(draft, image, &settings.policy, ids.request_id(), now)?;

    let limit = settings.repository_limit;
    if let Some(obstacle) = catalog.obstacle(image, submission.repository_name(), limit) {
        return Err(stands_in_the_way(&catalog, &obstacle, image, &submission, settings));
    }
    let outcome = commit(store, settings, &catalog, &submission, idempotency.as_ref(), now).await;
    let submission = match (outcome, &idempotency) {
        (Ok(()), _) => submission,
        // The same call at the same time was faster.
        (Err(CommitError::KeyUsed { request, body }), Some(sent)) => {
            answered_before(store, sent, request, body).await?
        }
        (Err(CommitError::NameTaken { holder }), _) => {
            return Err(name_taken(store, settings, image, &submission, holder).await?);
        }
        (Err(CommitError::QuotaExceeded), _) => return Err(rate_limited(settings, now)),
        (Err(error), _) => return Err(error.into()),
    };
    tracing::info!(
        function = "intake",
        request_id = %submission.id,
        tier = submission.tier.as_str(),
        rule = submission.policy_rule,
        "accepted {}", submission.id
    );
    Ok(accepted(&submission, settings))
}

fn accepted(submission: &Submission, settings: &Settings) -> Answer {
    let response = SubmitResponse::new(submission, &settings.policy, &settings.public_url);
    let location = response.links.this.clone();
    Answer::json(202, &response).with_header(LOCATION, &location)
}

/// What an idempotency key led to, if it was used for the same thing.
async fn answered_before<S: LoadRequest + Sync>(
    store: &S,
    sent: &Idempotency,
    request: RequestId,
    body: Digest,
) -> Result<Submission, ApiError> {
    if body != sent.body {
        return Err(CommitError::KeyUsed { request, body }.into());
    }
    let stored = store.load_request(request).await?;
    stored.map(|stored| stored.request.submission).ok_or_else(|| {
        Problem::new(ProblemType::Conflict, format!("{request} is gone. Take a new Idempotency-Key.")).into()
    })
}

/// Commits the submission; takes a name over from a request whose repository is gone.
async fn commit<S>(
    store: &S,
    settings: &Settings,
    catalog: &Catalog,
    submission: &Submission,
    idempotency: Option<&Idempotency>,
    now: Timestamp,
) -> Result<(), CommitError>
where
    S: CommitRequest + LoadRequest + Sync,
{
    let context = Context { now, policy: &settings.policy };
    // Nothing is stored under a fresh id, so the only answer is yes.
    let Ok(mut commit) = prepare(None, Command::Submit(Box::new(submission.clone())), &context) else {
        return Err(CommitError::VersionConflict);
    };
    commit.idempotency = idempotency.cloned();
    commit.quota = quota(settings, submission, now);
    match store.commit_request(&commit).await {
        Err(CommitError::NameTaken { holder }) => {
            let stored = store.load_request(holder).await?;
            let gone = stored.is_none_or(|stored| match &stored.request.phase {
                Phase::Available { since, .. } => catalog.repositories().is_some_and(|repositories| {
                    repositories.listed_at > since.plus(SNAPSHOT_MARGIN)
                        && !repositories.contains(submission.repository_name())
                }),
                Phase::Pending { .. }
                | Phase::Approved { .. }
                | Phase::Provisioning { .. }
                | Phase::Provisioned { .. }
                | Phase::Rejected { .. }
                | Phase::Cancelled { .. }
                | Phase::Expired { .. }
                | Phase::Failed { .. } => false,
            });
            if !gone {
                return Err(CommitError::NameTaken { holder });
            }
            commit.name = NameHold::TakeOver(holder);
            store.commit_request(&commit).await
        }
        outcome => outcome,
    }
}

fn quota(settings: &Settings, submission: &Submission, now: Timestamp) -> Option<Quota> {
    match submission.tier {
        ApprovalTier::AutoApprove => settings.policy.auto_approve().rate_limit.map(|limit| Quota {
            subject: submission.requester.subject.clone(),
            window: window_start(now, limit.per.duration()),
            limit,
        }),
        ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview => None,
    }
}

/// The start of the window that `now` lies in; windows are counted from 1970.
fn window_start(now: Timestamp, length: Duration) -> Timestamp {
    let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
    let into = now.as_millisecond().rem_euclid(length);
    Timestamp::from_millisecond(now.as_millisecond() - into)
}

fn rate_limited(settings: &Settings, now: Timestamp) -> ApiError {
    let limit = settings.policy.auto_approve().rate_limit;
    let (wait, most) = limit.map_or((1, String::new()), |limit| {
        let end = window_start(now, limit.per.duration()).plus(limit.per.duration());
        (end.since(now).as_secs().saturating_add(1), format!("{} in {}", limit.requests, limit.per))
    });
    let detail = format!(
        "You have made as many requests as are approved without asking anybody: {most}. Wait {wait} seconds, or ask for production, where people decide."
    );
    Problem::new(ProblemType::RateLimitExceeded, detail).retry_after(wait).into()
}

/// Somebody else's request is about the same repository: an open one to follow, or an image to use.
async fn name_taken<S: LoadRequest + Sync>(
    store: &S,
    settings: &Settings,
    image: &CatalogImage,
    submission: &Submission,
    holder: RequestId,
) -> Result<ApiError, ApiError> {
    let stored = store.load_request(holder).await?;
    let available = stored.is_some_and(|stored| stored.request.status() == Status::Available);
    Ok(if available {
        let pull = pull_command(&settings.organization, submission.repository_name(), &submission.image.tag);
        let obstacle = Obstacle::AlreadyThere;
        let detail = obstacle.explain(image, &pull, settings.repository_limit);
        Problem::new(obstacle.problem(), detail).about_request(holder).into()
    } else {
        CommitError::NameTaken { holder }.into()
    })
}

/// What Chainguard would refuse in the end is refused before people decide about it.
fn stands_in_the_way(
    catalog: &Catalog,
    obstacle: &Obstacle<'_>,
    image: &CatalogImage,
    submission: &Submission,
    settings: &Settings,
) -> ApiError {
    let pull = pull_command(&settings.organization, submission.repository_name(), &submission.image.tag);
    let problem = Problem::new(obstacle.problem(), obstacle.explain(image, &pull, settings.repository_limit));
    match obstacle {
        Obstacle::NotEntitled(_) => {
            problem.about_field("image").suggesting(catalog.suggest_included(image.name.as_str()))
        }
        Obstacle::AlreadyThere | Obstacle::LimitReached(_) => problem,
    }
    .into()
}

fn idempotency(
    call: &Call,
    requester: &Person,
    body: &SubmitRequest,
    now: Timestamp,
) -> Result<Option<Idempotency>, ApiError> {
    let Some(key) = call.header("idempotency-key") else { return Ok(None) };
    if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(
            ProblemType::InvalidParameter,
            "An Idempotency-Key has 1 to 255 visible ASCII characters.",
        )
        .about_field("Idempotency-Key")
        .into());
    }
    Ok(Some(Idempotency {
        subject: requester.subject.clone(),
        key: key.to_owned(),
        body: Digest::of_json(body),
        expires_at: now.plus(IDEMPOTENCY_LIFETIME),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_start_at_multiples_of_their_length() {
        let now: Timestamp = "2026-11-23T18:51:45.123Z".parse().unwrap();
        assert_eq!(window_start(now, Duration::from_hours(1)).to_string(), "2026-11-23T18:00:00.000Z");
        assert_eq!(window_start(now, Duration::ZERO), now);
    }
}

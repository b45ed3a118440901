//! Commits as `intake` makes them, without `intake`.

use anyhow::{Context as _, anyhow};
use domain::api::SubmitRequest;
use domain::catalog::Catalog;
use domain::execute::prepare;
use domain::lifecycle::{Command, Context};
use domain::person::Person;
use domain::policy::{ApprovalTier, Policy};
use domain::ports::{Clock as _, Commit, NewIds as _, Quota};
use domain::request::Submission;
use domain::time::Timestamp;
use lambda::clock::{RandomIds, SystemClock};
use serde_json::Value;

/// Jane, as her token says.
pub(super) fn jane() -> Person {
    Person { subject: "local|jane@acme.example".to_owned(), email: "jane@acme.example".to_owned() }
}

/// The change that submitting `body` makes: request, records, name and, where nobody is asked, count.
pub(super) fn submission(body: Value, requester: Person, catalog: &Catalog, policy: &Policy) -> anyhow::Result<Commit> {
    let now = SystemClock.now();
    let body: SubmitRequest = serde_json::from_value(body)?;
    let (draft, image) = intake::draft::draft(body, requester, &"acme".parse()?, catalog)
        .map_err(|error| anyhow!("{}", error.0.detail))?;
    let submission = Submission::assess(draft, image, policy, RandomIds.request_id(), now)?;
    let subject = submission.requester.subject.clone();
    let is_counted = submission.tier == ApprovalTier::AutoApprove;
    let mut commit = prepare(None, Command::Submit(Box::new(submission)), &Context { now, policy })?;
    if is_counted {
        let limit = policy.auto_approve().rate_limit.context("the policy has no rate limit")?;
        let length = i64::try_from(limit.per.duration().as_millis())?.max(1);
        let window = Timestamp::from_millisecond(now.as_millisecond() - now.as_millisecond().rem_euclid(length));
        commit.quota = Some(Quota { subject, limit, window });
    }
    Ok(commit)
}

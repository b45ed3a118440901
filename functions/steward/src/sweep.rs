//! Every request that is due gets what it is due for.
//!
//! The cost is what is due, not what exists: one query of a sparse index finds it. Two stewards at the same time do
//! no harm: a deadline is a conditional commit, a redelivery a conditional postponement.

use std::time::Duration;

use domain::envelope::Detail;
use domain::event::EventType;
use domain::execute::{ExecuteError, execute_on};
use domain::id::RequestId;
use domain::lifecycle::{Command, Context, due_command};
use domain::policy::Policy;
use domain::ports::{
    Clock, CommitError, CommitRequest, Due, FindDue, FindTag, LoadRequest, Postpone, PublishEvents, ReadJournal,
    StoredRequest,
};
use domain::request::{Phase, ProvisionedRepository, REDELIVER_AFTER, TAG_WITHIN};
use domain::time::Timestamp;
use futures_util::StreamExt as _;
use lambda::batch::chain;
use lambda::function::Error;
use lambda::metrics::{Measure, Metric};

use crate::Report;

/// Requests fetched at a time.
const BATCH: u32 = 100;
/// Batches in one run, at most; what is left comes with the next run.
const MAX_BATCHES: u32 = 20;
/// After so long no further batch is started: the function ends after 60 s.
const TIME_BUDGET: Duration = Duration::from_secs(35);
/// Requests that are looked after at the same time.
const CONCURRENCY: usize = 8;
/// When a request comes again that could not be looked after.
const AFTER_FAILURE: Duration = Duration::from_mins(1);
/// Bounds of the pause between two looks for a tag; in between it is a quarter of the repository's age.
const TAG_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));

/// Looks after everything that is due, within the time there is.
pub async fn sweep<S, P, G, M, C>(
    store: &S,
    bus: &P,
    chainguard: &G,
    metrics: &M,
    clock: &C,
    policy: &Policy,
) -> Result<Report, Error>
where
    S: FindDue + LoadRequest + CommitRequest + Postpone + ReadJournal + Sync,
    P: PublishEvents + Sync,
    G: FindTag + Sync,
    M: Measure + Sync,
    C: Clock + Sync,
{
    let started = clock.now();
    let mut report = Report::default();
    for _ in 0..MAX_BATCHES {
        let due = store.find_due(clock.now(), BATCH).await?;
        let count = due.len();
        let failed = futures_util::stream::iter(due)
            .map(|due| async move {
                let outcome = look_after(store, bus, chainguard, metrics, clock, policy, due).await;
                let Err(error) = outcome else { return 0 };
                tracing::warn!(
                    function = "steward",
                    request_id = %due.id,
                    error = %chain(&*error),
                    "failed to look after {}", due.id
                );
                // Or it would come first again and again and keep others waiting.
                if let Err(error) = store.postpone(due, clock.now().plus(AFTER_FAILURE)).await {
                    tracing::warn!(function = "steward", request_id = %due.id, error = %chain(&error), "failed to postpone");
                }
                1
            })
            .buffer_unordered(CONCURRENCY)
            .fold(0, |sum, failed: usize| async move { sum + failed })
            .await;
        report.seen += count;
        report.failed += failed;
        let full = u32::try_from(count).is_ok_and(|count| count >= BATCH);
        if !full || clock.now().since(started) > TIME_BUDGET {
            break;
        }
    }
    Ok(report)
}

async fn look_after<S, P, G, M, C>(
    store: &S,
    bus: &P,
    chainguard: &G,
    metrics: &M,
    clock: &C,
    policy: &Policy,
    due: Due,
) -> Result<(), Error>
where
    S: LoadRequest + CommitRequest + Postpone + ReadJournal + Sync,
    P: PublishEvents + Sync,
    G: FindTag + Sync,
    M: Measure + Sync,
    C: Clock + Sync,
{
    let Some(stored) = store.load_request(due.id).await? else { return Ok(()) };
    let now = clock.now();
    let context = Context { now, policy };
    match &stored.request.phase {
        Phase::Pending { .. } => match due_command(&stored.request, &context) {
            Some(command) => carry_out(store, &stored, command, &context).await,
            None => put_off(store, due, stored.request.due_at().unwrap_or_else(|| now.plus(AFTER_FAILURE))).await,
        },
        Phase::Approved { .. } => redeliver(store, bus, due, now).await,
        Phase::Provisioning { lease } if lease.until <= now => redeliver(store, bus, due, now).await,
        Phase::Provisioning { lease } => put_off(store, due, lease.until).await,
        Phase::Provisioned { repository } => {
            let tag = stored.request.submission.image.tag.as_str();
            if chainguard.has_tag(&repository.id, tag).await? {
                carry_out(store, &stored, Command::ConfirmAvailable, &context).await?;
                metrics.measure(Metric::TimeToAvailability, now.since(repository.at).as_secs(), now);
                Ok(())
            } else if repository.at.plus(TAG_WITHIN) <= now {
                carry_out(store, &stored, Command::GiveUp, &context).await
            } else {
                put_off(store, due, now.plus(tag_pause(repository, now))).await
            }
        }
        // The index was read a moment before the request: it has been closed in between.
        Phase::Available { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => Ok(()),
    }
}

/// Somebody else being faster is as good.
async fn carry_out<S: CommitRequest + Sync>(
    store: &S,
    stored: &StoredRequest,
    command: Command,
    context: &Context<'_>,
) -> Result<(), Error> {
    match execute_on(store, stored, command, context).await {
        Ok(_) | Err(ExecuteError::Commit(CommitError::VersionConflict)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn put_off<S: Postpone + Sync>(store: &S, due: Due, until: Timestamp) -> Result<(), Error> {
    store.postpone(due, until).await?;
    Ok(())
}

/// Publishes the approval once more: nobody has taken it up, or whoever did has died.
///
/// Postponed first: whoever dies in between delays it, and two stewards publish it once.
async fn redeliver<S, P>(store: &S, bus: &P, due: Due, now: Timestamp) -> Result<(), Error>
where
    S: Postpone + ReadJournal + Sync,
    P: PublishEvents + Sync,
{
    let until = now.plus(REDELIVER_AFTER);
    if !store.postpone(due, until).await? {
        return Ok(());
    }
    let outcome = publish_again(store, bus, due.id).await;
    if outcome.is_err() {
        // Not after the whole time that a redelivery gets, for there was none.
        store.postpone(Due { id: due.id, since: until }, now.plus(AFTER_FAILURE)).await?;
    }
    outcome
}

async fn publish_again<S, P>(store: &S, bus: &P, id: RequestId) -> Result<(), Error>
where
    S: ReadJournal + Sync,
    P: PublishEvents + Sync,
{
    let records = store.read_journal(id).await?;
    let approval = records.into_iter().rev().find(|record| match record.event_type {
        EventType::Approved | EventType::Retried => true,
        EventType::Submitted
        | EventType::ApprovalRecorded
        | EventType::BreakGlassUsed
        | EventType::Rejected
        | EventType::Cancelled
        | EventType::Reminded
        | EventType::Escalated
        | EventType::Expired
        | EventType::ProvisioningStarted
        | EventType::Provisioned
        | EventType::Failed
        | EventType::Available => false,
    });
    let Some(approval) = approval else { return Err(format!("the journal of {id} has no approval").into()) };
    tracing::warn!(function = "steward", request_id = %id, "nobody has finished {id}; its approval is published again");
    match bus.publish_events(&[Detail::announcing(approval)]).await? {
        0 => Err("the bus did not take the event".into()),
        _ => Ok(()),
    }
}

fn tag_pause(repository: &ProvisionedRepository, now: Timestamp) -> Duration {
    let (shortest, longest) = TAG_PAUSE;
    (now.since(repository.at) / 4).clamp(shortest, longest)
}

#[cfg(test)]
mod tests;

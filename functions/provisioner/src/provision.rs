//! One approved request: claim it, create the repository, say how it went.
//!
//! The process may die at any line. Before the claim, the event comes again. Between claim and result, the lease
//! lapses and the steward has the event come again; the repository may exist by then, carries the request's id in its
//! description, and is adopted. After the result, a second delivery finds nothing to do.

use std::time::Duration;

use domain::envelope::Detail;
use domain::execute::{ExecuteError, execute, execute_on};
use domain::id::RequestId;
use domain::lifecycle::{Command, Context, Rejection};
use domain::policy::Policy;
use domain::ports::{
    ChainguardError, Clock, CommitError, CommitRequest, CreateRepository, FindRepository, LoadRequest, NewIds,
    ReadEntitlement, Repository, StoredRequest,
};
use domain::request::{Failure, FailureKind, Lease, ProvisionedRepository, ProvisioningOutcome, Submission};
use lambda::deadline;
use lambda::function::Error;
use tokio::time::Instant;

use crate::failure;

/// How long the right to work on a request lasts: longer than the function may run (60 s), so that a lapsed lease
/// means a dead provisioner.
const LEASE: Duration = Duration::from_secs(75);

/// Kept of an invocation for saying how it went: longer than an operation of the store may take (10 s).
const FOR_THE_COMMIT: Duration = Duration::from_secs(12);

/// A request is not taken up with less than this left for Chainguard: one call takes up to five seconds.
const WORTH_A_TRY: Duration = Duration::from_secs(6);

/// The longest pause between two attempts at Chainguard. A call that failed with less than this left may have failed
/// because there was no time for another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The invocation ends before Chainguard has answered. That says nothing about the request.
#[derive(Debug, thiserror::Error)]
#[error("no time was left to provision {0}; it is tried again")]
struct OutOfTime(RequestId);

/// Until when Chainguard may be called.
#[derive(Clone, Copy, Debug)]
struct TimeForChainguard(Option<Instant>);

impl TimeForChainguard {
    fn of_this_invocation() -> Self {
        // An end that cannot be told from the clock's beginning has passed.
        Self(deadline::end().map(|end| end.checked_sub(FOR_THE_COMMIT).unwrap_or_else(Instant::now)))
    }

    fn has(self, span: Duration) -> bool {
        self.0.is_none_or(|until| until.saturating_duration_since(Instant::now()) > span)
    }

    async fn limit<F: Future>(self, calls: F) -> F::Output {
        match self.0 {
            Some(until) => chainguard::with_deadline(until, calls).await,
            None => calls.await,
        }
    }
}

/// Deals with one event that says that a request is approved.
///
/// It keeps to the end of its invocation: a request that Chainguard did not answer for in time is not failed but left
/// as it is, with an error, so that its message comes again. Once its lease has lapsed it is taken up anew.
pub async fn provision<S, G, C, I>(
    store: &S,
    chainguard: &G,
    clock: &C,
    ids: &I,
    policy: &Policy,
    event: Detail,
) -> Result<(), Error>
where
    S: LoadRequest + CommitRequest + Sync,
    G: CreateRepository + FindRepository + ReadEntitlement + Sync,
    C: Clock + Sync,
    I: NewIds + Sync,
{
    let id = event.data.request_id;
    let started = clock.now();
    let time = TimeForChainguard::of_this_invocation();
    if !time.has(WORTH_A_TRY) {
        return Err(OutOfTime(id).into());
    }
    let Some(claimed) = claim(store, clock, ids, policy, id).await? else { return Ok(()) };
    let outcome = time.limit(add(chainguard, &claimed.submission)).await;
    if let Err(failure) = &outcome
        && failure.kind == FailureKind::ChainguardUnavailable
        && !time.has(LONGEST_PAUSE)
    {
        return Err(OutOfTime(id).into());
    }
    let now = clock.now();
    let (command, result) = match outcome {
        Ok((repository, outcome)) => {
            let repository = ProvisionedRepository { id: repository.id, outcome, at: now };
            (Command::Complete { lease_id: claimed.lease_id, repository }, "provisioned")
        }
        Err(failure) => {
            tracing::error!(
                function = "provisioner",
                request_id = %id,
                failure = failure.kind.as_str(),
                "failed to provision {id}: {}", failure.message
            );
            (Command::Fail { lease_id: claimed.lease_id, failure }, "failed")
        }
    };
    let context = Context { now, policy };
    match execute_on(store, &claimed.stored, command.clone(), &context).await {
        Err(ExecuteError::Commit(CommitError::VersionConflict)) => {
            // Not by another provisioner while the lease holds; decide on what is there.
            execute(store, id, command, &context).await?;
        }
        outcome => {
            outcome?;
        }
    }
    let duration_ms = u64::try_from(clock.now().since(started).as_millis()).unwrap_or(u64::MAX);
    tracing::info!(function = "provisioner", request_id = %id, duration_ms, "{id} is {result}");
    Ok(())
}

struct Claimed {
    stored: StoredRequest,
    submission: Submission,
    lease_id: String,
}

/// Takes the request up; `None` if there is nothing to do: it is done, or another provisioner is at it. Should that
/// one die, the steward has the event come again when its lease lapses.
async fn claim<S, C, I>(
    store: &S,
    clock: &C,
    ids: &I,
    policy: &Policy,
    id: RequestId,
) -> Result<Option<Claimed>, ExecuteError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
    I: NewIds + Sync,
{
    let now = clock.now();
    let lease_id = ids.lease_id();
    let lease = Lease { id: lease_id.clone(), until: now.plus(LEASE) };
    match execute(store, id, Command::Claim { lease }, &Context { now, policy }).await {
        Ok(stored) => Ok(Some(Claimed { submission: stored.request.submission.clone(), stored, lease_id })),
        Err(ExecuteError::Rejected(rejection @ (Rejection::WrongStatus { .. } | Rejection::LeaseHeld { .. }))) => {
            tracing::info!(function = "provisioner", request_id = %id, "nothing to do for {id}: {rejection}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Creates the repository, or finds that it was created for this request before.
async fn add<G>(chainguard: &G, submission: &Submission) -> Result<(Repository, ProvisioningOutcome), Failure>
where
    G: CreateRepository + FindRepository + ReadEntitlement + Sync,
{
    let name = submission.repository_name();
    let description = Repository::description_for(submission.id);
    let error = match chainguard.create_repository(name, &submission.image.name, &description).await {
        Ok(repository) => return Ok((repository, ProvisioningOutcome::Created)),
        Err(error) => error,
    };
    match error {
        ChainguardError::AlreadyExists(_) => match chainguard.find_repository(name).await {
            Ok(Some(found)) if found.description == description && found.source.is_empty() => {
                Err(failure::syncs_from_nothing(name))
            }
            Ok(Some(found)) if found.description == description => Ok((found, ProvisioningOutcome::Adopted)),
            Ok(Some(_)) => Err(failure::duplicate(name)),
            // It is there and cannot be seen: another kind of thing of that name, or deleted in this moment.
            Ok(None) => Err(failure::duplicate(name)),
            Err(error) => Err(failure::of(&error)),
        },
        ChainguardError::Denied(message) => match chainguard.read_entitlement().await {
            Ok(entitlement) => Err(failure::denied(&message, submission, &entitlement)),
            Err(_) => Err(failure::of(&ChainguardError::Denied(message))),
        },
        error => Err(failure::of(&error)),
    }
}

#[cfg(test)]
mod tests;

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
use domain::request::{Failure, Lease, ProvisionedRepository, ProvisioningOutcome, Submission};
use lambda::function::Error;

use crate::failure;

/// How long the right to work on a request lasts: longer than the function may run (60 s), so that a lapsed lease
/// means a dead provisioner.
const LEASE: Duration = Duration::from_secs(75);

/// What the description of a repository starts with that was added for a request.
const DESCRIPTION_PREFIX: &str = "Added by cgr-request for ";

/// Deals with one event that says that a request is approved.
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
    let Some(claimed) = claim(store, clock, ids, policy, id).await? else { return Ok(()) };
    let outcome = add(chainguard, &claimed.submission).await;
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
    let description = format!("{DESCRIPTION_PREFIX}{}", submission.id);
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

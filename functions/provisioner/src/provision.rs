//! One approved request: see whether it may be added, claim it, create the repository, say how it went.
//!
//! The process may die at any line. Before the claim, the event comes again. Between claim and result, the lease
//! lapses and the steward has the event come again; the repository may exist by then, carries the request's id in its
//! description, and is adopted. After the result, a second delivery finds nothing to do.

use std::time::Duration;

use domain::capacity::RepositoryLimit;
use domain::envelope::Detail;
use domain::execute::{ExecuteError, execute, execute_on, prepare};
use domain::id::RequestId;
use domain::lifecycle::{Command, Context, Rejection};
use domain::policy::Policy;
use domain::ports::{
    ChainguardError, Clock, CommitError, CommitRequest, CountRepositories, CreateRepository, FindRepository,
    LoadCatalog, LoadRequest, NewIds, ReadEntitlement, ReadPlaces, Repository, StoredRequest,
};
use domain::request::{Failure, FailureKind, Lease, ProvisionedRepository, ProvisioningOutcome, Submission};
use lambda::catalog::CatalogCache;
use lambda::deadline;
use lambda::function::Error;
use tokio::time::Instant;

use crate::admit::{Admission, admit};
use crate::failure;

/// How long the right to work on a request lasts: longer than the function may run (60 s), so that a lapsed lease
/// means a dead provisioner.
const LEASE: Duration = Duration::from_secs(75);

/// Kept of an invocation for saying how it went: longer than an operation of the store may take (10 s).
const FOR_THE_COMMIT: Duration = Duration::from_secs(12);

/// Longer than one call to Chainguard takes, and too short for another one that is as slow.
const ONE_CALL: Duration = Duration::from_millis(5_500);

/// A request is not taken up with less than this left for Chainguard: one call takes up to five seconds.
const WORTH_A_TRY: Duration = Duration::from_secs(6);

/// The longest pause between two attempts at Chainguard. A call that failed with less than this left may have failed
/// because there was no time for another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The first and the longest pause before it is looked again whether a place has become free.
const FIRST_PLACE_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PLACE_PAUSE: Duration = Duration::from_secs(2);

/// How often a request is tried to be taken up in one invocation: with these pauses, longer than one lasts.
const MAX_CLAIMS: u32 = 60;

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

/// What a request is provisioned with, besides Chainguard.
#[derive(Debug)]
pub struct Terms<'a> {
    /// How many repositories the organisation may have.
    pub limit: RepositoryLimit,
    /// The catalog as this process knows it.
    pub catalog: &'a CatalogCache,
    /// None of the provisioner's commands asks it anything.
    pub policy: &'a Policy,
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
    terms: &Terms<'_>,
    event: Detail,
) -> Result<(), Error>
where
    S: LoadRequest + LoadCatalog + ReadPlaces + CommitRequest + Sync,
    G: CreateRepository + FindRepository + CountRepositories + ReadEntitlement + Sync,
    C: Clock + Sync,
    I: NewIds + Sync,
{
    let id = event.data.request_id;
    let started = clock.now();
    let time = TimeForChainguard::of_this_invocation();
    if !time.has(WORTH_A_TRY) {
        return Err(OutOfTime(id).into());
    }
    let Some(claimed) = claim(store, chainguard, clock, ids, terms, time, id).await? else { return Ok(()) };
    let outcome = match claimed.refused {
        Some(failure) => Err(failure),
        None => time.limit(add(chainguard, time, &claimed.stored.request.submission)).await,
    };
    if let Err(failure) = &outcome
        && is_for_lack_of_time(failure, time)
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
    let context = Context { now, policy: terms.policy };
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

/// A call that failed with so little left may have failed because there was no time for another attempt.
fn is_for_lack_of_time(failure: &Failure, time: TimeForChainguard) -> bool {
    failure.kind == FailureKind::ChainguardUnavailable && !time.has(LONGEST_PAUSE)
}

/// A request that is ours for as long as its lease lasts.
struct Claimed {
    stored: StoredRequest,
    lease_id: String,
    /// Why its repository is not added, if it is not.
    refused: Option<Failure>,
}

/// Takes the request up, with a place where places are scarce; `None` if there is nothing to do: it is done, or
/// another provisioner is at it. Should that one die, the steward has the event come again when its lease lapses.
async fn claim<S, G, C, I>(
    store: &S,
    chainguard: &G,
    clock: &C,
    ids: &I,
    terms: &Terms<'_>,
    time: TimeForChainguard,
    id: RequestId,
) -> Result<Option<Claimed>, Error>
where
    S: LoadRequest + LoadCatalog + ReadPlaces + CommitRequest + Sync,
    G: FindRepository + CountRepositories + ReadEntitlement + Sync,
    C: Clock + Sync,
    I: NewIds + Sync,
{
    let mut pause = FIRST_PLACE_PAUSE;
    for _ in 0..MAX_CLAIMS {
        let stored = store.load_request(id).await?.ok_or(Rejection::NotFound)?;
        let now = clock.now();
        let context = Context { now, policy: terms.policy };
        let lease_id = ids.lease_id();
        let claim = |vacancy| Command::Claim { lease: Lease::new(lease_id.clone(), now.plus(LEASE)), vacancy };
        if let Err(rejection) = prepare(Some(&stored), claim(None), &context) {
            tracing::info!(function = "provisioner", request_id = %id, "nothing to do for {id}: {rejection}");
            return Ok(None);
        }
        let admission = time.limit(admit(store, chainguard, terms.catalog, terms.limit, &stored, now)).await?;
        let (vacancy, refused) = match admission {
            Admission::Add(vacancy) => (vacancy, None),
            Admission::Refuse(failure) if is_for_lack_of_time(&failure, time) => return Err(OutOfTime(id).into()),
            Admission::Refuse(failure) => (None, Some(failure)),
            Admission::Wait => {
                wait_for_a_place(&mut pause, time, id).await?;
                continue;
            }
        };
        match execute_on(store, &stored, claim(vacancy), &context).await {
            Ok(stored) => return Ok(Some(Claimed { stored, lease_id, refused })),
            // Decided on what is there then: another provisioner has most likely taken it up.
            Err(ExecuteError::Commit(CommitError::VersionConflict)) => {}
            Err(ExecuteError::Commit(CommitError::PlaceTaken)) => wait_for_a_place(&mut pause, time, id).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(OutOfTime(id).into())
}

/// Places change hands as fast as repositories are added.
async fn wait_for_a_place(pause: &mut Duration, time: TimeForChainguard, id: RequestId) -> Result<(), OutOfTime> {
    if !time.has(pause.saturating_add(WORTH_A_TRY)) {
        return Err(OutOfTime(id));
    }
    tokio::time::sleep(*pause).await;
    *pause = pause.saturating_mul(2).min(LONGEST_PLACE_PAUSE);
    Ok(())
}

/// Creates the repository, or finds that it was created for this request before.
async fn add<G>(
    chainguard: &G,
    time: TimeForChainguard,
    submission: &Submission,
) -> Result<(Repository, ProvisioningOutcome), Failure>
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
            // It is there and cannot be seen: a list that lags behind, another kind of thing, deleted in this moment.
            Ok(None) => Err(failure::exists_unseen(name)),
            Err(error) => Err(failure::of(&error)),
        },
        // Chainguard may have added it without being able to say so.
        ChainguardError::Unavailable(message) if time.has(WORTH_A_TRY) => {
            match find_in_a_moment(chainguard, submission).await {
                Some(found) => Ok((found, ProvisioningOutcome::Adopted)),
                None => Err(failure::of_creation(&ChainguardError::Unavailable(message))),
            }
        }
        ChainguardError::Denied(message) => match chainguard.read_entitlement().await {
            Ok(entitlement) => Err(failure::denied(&message, submission, &entitlement)),
            Err(_) => Err(failure::of(&ChainguardError::Denied(message))),
        },
        error => Err(failure::of_creation(&error)),
    }
}

/// The repository, if it is there, was made for this request and will have tags. Not for long: whoever asks has called
/// often enough, or is going to.
pub(crate) async fn find_in_a_moment<G>(chainguard: &G, submission: &Submission) -> Option<Repository>
where
    G: FindRepository,
{
    let end = Instant::now() + ONE_CALL;
    let found = chainguard::with_deadline(end, chainguard.find_repository(submission.repository_name())).await;
    let found = found.ok().flatten()?;
    (found.made_for() == Some(submission.id) && !found.source.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests;

//! Carries a command out on a stored request: read, decide, commit.

use crate::id::RequestId;
use crate::journal::Head;
use crate::lifecycle::{Command, Context, Rejection, State, decide, evolve};
use crate::ports::{Commit, CommitError, CommitRequest, LoadRequest, NameHold, PlaceHold, PortError, StoredRequest};

/// How often a command is decided anew because somebody else was faster.
const MAX_ATTEMPTS: u32 = 4;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// It must not be.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The request could not be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The change that `command` makes to what is stored, ready to be committed.
pub fn prepare(before: Option<&StoredRequest>, command: Command, context: &Context<'_>) -> Result<Commit, Rejection> {
    let (state, head) = before.map_or((State::Absent, Head::START), |stored| {
        (State::Submitted(Box::new(stored.request.clone())), stored.head)
    });
    let vacancy = if let Command::Claim { vacancy, .. } = &command { *vacancy } else { None };
    let events = decide(&state, command, context)?;
    let mut after = state;
    for event in &events {
        after = evolve(after, event);
    }
    let State::Submitted(request) = after else {
        return Err(Rejection::NotFound);
    };
    let mut chain = head;
    let mut records = Vec::with_capacity(events.len());
    for event in &events {
        let (record, next) = chain.append(&request.submission, event);
        records.push(record);
        chain = next;
    }
    let held_before = before.is_some_and(|stored| stored.request.holds_repository_name());
    let name = match (held_before, request.holds_repository_name()) {
        (false, true) => NameHold::Take,
        (true, false) => NameHold::Release,
        (true, true) | (false, false) => NameHold::Keep,
    };
    let place = match (before.is_some_and(|stored| stored.request.holds_place()), request.holds_place(), vacancy) {
        (false, true, Some(vacancy)) => PlaceHold::Take(vacancy),
        (true, false, _) => PlaceHold::Release,
        // Nobody holds a place that has not been taken from a vacancy: `claim` in `lifecycle` sees to it.
        (false, true, None) | (true, true, _) | (false, false, _) => PlaceHold::Keep,
    };
    Ok(Commit {
        expected_version: head.sequence,
        stored: StoredRequest { request: *request, head: chain },
        records,
        name,
        place,
        idempotency: None,
        quota: None,
    })
}

/// Reads the request, decides and commits; decides anew, a bounded number of times, if it has changed in between.
pub async fn execute<P>(
    ports: &P,
    id: RequestId,
    command: Command,
    context: &Context<'_>,
) -> Result<StoredRequest, ExecuteError>
where
    P: LoadRequest + CommitRequest + Sync,
{
    for _ in 1..MAX_ATTEMPTS {
        match attempt(ports, id, command.clone(), context).await {
            Err(ExecuteError::Commit(CommitError::VersionConflict)) => {}
            outcome => return outcome,
        }
    }
    attempt(ports, id, command, context).await
}

/// Decides on what has been read already and commits, once; for those who hold the request by a lease or do not mind
/// that somebody else is faster.
pub async fn execute_on<P>(
    ports: &P,
    before: &StoredRequest,
    command: Command,
    context: &Context<'_>,
) -> Result<StoredRequest, ExecuteError>
where
    P: CommitRequest + Sync,
{
    let commit = prepare(Some(before), command, context)?;
    ports.commit_request(&commit).await?;
    Ok(commit.stored)
}

async fn attempt<P>(
    ports: &P,
    id: RequestId,
    command: Command,
    context: &Context<'_>,
) -> Result<StoredRequest, ExecuteError>
where
    P: LoadRequest + CommitRequest + Sync,
{
    let before = ports.load_request(id).await?;
    let commit = prepare(before.as_ref(), command, context)?;
    ports.commit_request(&commit).await?;
    Ok(commit.stored)
}

//! The one way to a decision. Whatever the channel, [`decide`] judges and commits it; what differs between channels is
//! how the [`Voice`] came about.

use domain::execute::{ExecuteError, execute};
use domain::id::RequestId;
use domain::journal::DecisionKind;
use domain::lifecycle::{Command, Context, Voice};
use domain::policy::Policy;
use domain::ports::{Clock, CommitRequest, LoadRequest, StoredRequest};
use domain::request::Channel;
use lambda::problem::ApiError;

/// Says yes or no to a request.
pub async fn decide<S, C>(
    store: &S,
    clock: &C,
    policy: &Policy,
    id: RequestId,
    answer: DecisionKind,
    voice: Voice,
) -> Result<StoredRequest, ExecuteError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let channel = voice.channel;
    carry_out(store, clock, policy, id, channel, Command::Decide { answer, voice }).await
}

/// Carries out what somebody wants, and logs how it went: neither who it was nor what they said.
pub(crate) async fn carry_out<S, C>(
    store: &S,
    clock: &C,
    policy: &Policy,
    id: RequestId,
    channel: Channel,
    command: Command,
) -> Result<StoredRequest, ExecuteError>
where
    S: LoadRequest + CommitRequest + Sync,
    C: Clock + Sync,
{
    let channel = channel.as_str();
    let context = Context { now: clock.now(), policy };
    let outcome = execute(store, id, command, &context).await;
    match &outcome {
        Ok(stored) => {
            let status = stored.request.status().as_str();
            tracing::info!(function = "approval", request_id = %id, channel, status, "{id} is {status}");
        }
        Err(ExecuteError::Rejected(rejection)) => {
            let ApiError(problem) = rejection.clone().into();
            let problem = problem.kind;
            tracing::info!(function = "approval", request_id = %id, channel, problem, "nothing changes about {id}");
        }
        // Whoever answers the call logs what failed.
        Err(ExecuteError::Commit(_) | ExecuteError::Port(_)) => {}
    }
    outcome
}

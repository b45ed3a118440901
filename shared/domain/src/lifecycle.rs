//! The life cycle: which command leads from which state to which event, and what the event changes.

use crate::event::{Approval, Event, EventKind};
use crate::person::{Person, Principal};
use crate::policy::{ApprovalTier, Policy};
use crate::request::{Channel, Decision, Failure, Lease, Phase, ProvisionedRepository, Request, Status, Submission};
use crate::text::Comment;
use crate::time::Timestamp;

/// A request, or none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has been submitted under this id.
    Absent,
    /// It has been submitted.
    Submitted(Box<Request>),
}

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask for an image.
    Submit(Box<Submission>),
    /// Say yes.
    Approve {
        /// Who.
        by: Principal,
        /// What they say.
        comment: Option<Comment>,
        /// Through which door.
        channel: Channel,
    },
    /// Say no; one is enough.
    Reject {
        /// Who.
        by: Principal,
        /// Why; required.
        reason: Option<Comment>,
        /// Through which door.
        channel: Channel,
    },
    /// Take one's own request back.
    Cancel {
        /// Who.
        by: Principal,
        /// Through which door.
        channel: Channel,
    },
    /// Remind approvers, if that is due.
    Remind,
    /// Ask the second line, if that is due.
    Escalate,
    /// End it undecided, if that is due.
    Expire,
    /// Take it up for provisioning.
    Claim {
        /// The new lease.
        lease: Lease,
    },
    /// Say that the repository exists.
    Complete {
        /// The lease held.
        lease_id: String,
        /// The repository.
        repository: ProvisionedRepository,
    },
    /// Say that provisioning failed for good.
    Fail {
        /// The lease held.
        lease_id: String,
        /// Why.
        failure: Failure,
    },
    /// Say that the image can be pulled.
    ConfirmAvailable,
    /// Send a failed request round again.
    Retry {
        /// Who.
        by: Principal,
        /// Through which door.
        channel: Channel,
    },
}

/// What a decision depends on besides state and command.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The present.
    pub now: Timestamp,
    /// The policy in force: who may decide is asked of it, not of the one at submission.
    pub policy: &'a Policy,
}

/// Why a command is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such request.
    #[error("there is no such request")]
    NotFound,
    /// The id is taken.
    #[error("a request with this id exists already")]
    AlreadySubmitted,
    /// It has been decided, or has ended, before.
    #[error("{}", already(*status, by.as_ref()))]
    AlreadyDecided {
        /// Its status.
        status: Status,
        /// Who decided, where somebody did.
        by: Option<Person>,
    },
    /// The status does not allow it.
    #[error("a request that is {} cannot be {wanted}", status.as_str())]
    WrongStatus {
        /// Its status.
        status: Status,
        /// What was wanted, as a participle.
        wanted: &'static str,
    },
    /// Nobody decides their own request.
    #[error("this is your own request; somebody else has to decide it")]
    OwnRequest,
    /// Not one of the approvers.
    #[error("you are not among those who may decide this request: {}", approvers.join(", "))]
    NotAnApprover {
        /// Who is.
        approvers: Vec<String>,
    },
    /// An approver counts once.
    #[error("you have approved this request already; it waits for somebody else")]
    ApprovedByYouAlready,
    /// The tier does not take decisions from this channel.
    #[error("requests of the tier {} cannot be decided through the channel {}", tier.as_str(), channel.as_str())]
    ChannelNotAllowed {
        /// The request's tier.
        tier: ApprovalTier,
        /// The channel.
        channel: Channel,
    },
    /// A rejection needs a reason.
    #[error("say why: a rejection needs a reason in `comment`")]
    ReasonMissing,
    /// Only the requester may.
    #[error("only the requester may cancel a request")]
    NotTheRequester,
    /// Only an administrator may.
    #[error("only an administrator may retry a request")]
    NotAnAdministrator,
    /// Too early.
    #[error("not due yet")]
    NotDue,
    /// Somebody else is at it.
    #[error("another provisioner holds the lease until {until}")]
    LeaseHeld {
        /// Until when.
        until: Timestamp,
    },
    /// The lease was taken over, or the work is done.
    #[error("the lease is not held any more")]
    LeaseLost,
}

fn already(status: Status, by: Option<&Person>) -> String {
    match by {
        Some(person) => format!("already {} by {person}", status.as_str()),
        None => format!("already {}", status.as_str()),
    }
}

/// What happens when `command` meets `state`. Pure and total; a command that must not be carried out is a
/// [`Rejection`].
pub fn decide(state: &State, command: Command, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    let request = match (state, &command) {
        (State::Submitted(request), _) => request,
        (State::Absent, Command::Submit(submission)) => return Ok(submit(submission, context)),
        (State::Absent, _) => return Err(Rejection::NotFound),
    };
    let kind = match command {
        Command::Submit(_) => return Err(Rejection::AlreadySubmitted),
        Command::Approve { by, comment, channel } => approve(request, by, comment, channel, context)?,
        Command::Reject { by, reason, channel } => {
            may_decide(request, &by, channel, context)?;
            EventKind::Rejected(Decision {
                approver: by.person,
                at: context.now,
                comment: Some(reason.ok_or(Rejection::ReasonMissing)?),
                channel,
            })
        }
        Command::Cancel { by, channel } => cancel(request, by, channel)?,
        Command::Remind => remind(request, context.now)?,
        Command::Escalate => escalate(request, context.now)?,
        Command::Expire => expire(request, context.now)?,
        Command::Claim { lease } => claim(request, lease, context.now)?,
        Command::Complete { lease_id, repository } => {
            holds_lease(request, &lease_id)?;
            EventKind::Provisioned(repository)
        }
        Command::Fail { lease_id, failure } => {
            holds_lease(request, &lease_id)?;
            EventKind::Failed(failure)
        }
        Command::ConfirmAvailable => match &request.phase {
            Phase::Provisioned { repository } => EventKind::Available(repository.clone()),
            _ => return Err(wrong_status(request, "confirmed as available")),
        },
        Command::Retry { by, channel } => retry(request, by, channel, context)?,
    };
    Ok(vec![Event { at: context.now, kind }])
}

fn submit(submission: &Submission, context: &Context<'_>) -> Vec<Event> {
    let at = context.now;
    let mut events = vec![Event { at, kind: EventKind::Submitted(Box::new(submission.clone())) }];
    match submission.tier {
        ApprovalTier::AutoApprove => events.push(Event { at, kind: EventKind::Approved(Approval::ByPolicy) }),
        ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview => {}
    }
    events
}

fn approve(
    request: &Request,
    by: Principal,
    comment: Option<Comment>,
    channel: Channel,
    context: &Context<'_>,
) -> Result<EventKind, Rejection> {
    may_decide(request, &by, channel, context)?;
    if request.approvals.iter().any(|given| given.approver.is_same_human(&by.person)) {
        return Err(Rejection::ApprovedByYouAlready);
    }
    let submission = &request.submission;
    // How many are needed says the policy in force; the tier itself was fixed at submission. Approvals that were given
    // before stay: whoever gave them was entitled then.
    let needed = context
        .policy
        .review(submission.tier)
        .map_or(usize::MAX, |tier| usize::try_from(tier.approvals.get()).unwrap_or(usize::MAX));
    let decision = Decision { approver: by.person, at: context.now, comment, channel };
    if request.approvals.len().saturating_add(1) >= needed {
        Ok(EventKind::Approved(Approval::ByPerson(decision)))
    } else {
        Ok(EventKind::ApprovalRecorded(decision))
    }
}

/// The checks that approve and reject share. Being decided comes first, so that a second approver learns who was
/// first; being one's own comes before being an approver, so that no group membership opens that door.
fn may_decide(request: &Request, by: &Principal, channel: Channel, context: &Context<'_>) -> Result<(), Rejection> {
    let submission = &request.submission;
    if request.status() != Status::Pending {
        return Err(decided(request));
    }
    if submission.requester.is_same_human(&by.person) {
        return Err(Rejection::OwnRequest);
    }
    let escalated = request.is_escalated();
    if !context.policy.may_decide(by, submission.tier, &submission.team, escalated) {
        let approvers = context.policy.approvers(submission.tier, &submission.team, escalated);
        return Err(Rejection::NotAnApprover {
            approvers: approvers.into_iter().map(|approver| approver.name).collect(),
        });
    }
    let allowed = context.policy.review(submission.tier).is_some_and(|tier| tier.channels.contains(&channel));
    if allowed { Ok(()) } else { Err(Rejection::ChannelNotAllowed { tier: submission.tier, channel }) }
}

/// "Already …", with the name of whoever decided.
fn decided(request: &Request) -> Rejection {
    let by = match &request.phase {
        Phase::Rejected { decision } => Some(decision.approver.clone()),
        Phase::Cancelled { .. } => Some(request.submission.requester.clone()),
        Phase::Pending { .. } | Phase::Expired { .. } => None,
        Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Provisioned { .. }
        | Phase::Available { .. }
        | Phase::Failed { .. } => request.approvals.last().map(|decision| decision.approver.clone()),
    };
    // Whoever asks wants to know how it was decided, not how far the work has come since.
    let status = match request.status() {
        Status::Approved | Status::Provisioning | Status::Provisioned | Status::Available | Status::Failed => {
            Status::Approved
        }
        status @ (Status::Pending | Status::Rejected | Status::Cancelled | Status::Expired) => status,
    };
    Rejection::AlreadyDecided { status, by }
}

fn wrong_status(request: &Request, wanted: &'static str) -> Rejection {
    Rejection::WrongStatus { status: request.status(), wanted }
}

fn cancel(request: &Request, by: Principal, channel: Channel) -> Result<EventKind, Rejection> {
    if request.submission.requester.subject != by.person.subject {
        return Err(Rejection::NotTheRequester);
    }
    match request.status() {
        Status::Pending => Ok(EventKind::Cancelled { by: by.person, channel }),
        _ => Err(decided(request)),
    }
}

fn remind(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    match &request.phase {
        Phase::Pending { reminders_sent, .. } => {
            let due = request.submission.reminders.get(*reminders_sent);
            due.filter(|at| **at <= now).map(|_| EventKind::Reminded).ok_or(Rejection::NotDue)
        }
        _ => Err(wrong_status(request, "reminded of")),
    }
}

fn escalate(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    match &request.phase {
        Phase::Pending { escalated, .. } => match request.submission.sla_at {
            Some(at) if at <= now && !escalated => Ok(EventKind::Escalated),
            _ => Err(Rejection::NotDue),
        },
        _ => Err(wrong_status(request, "escalated")),
    }
}

fn expire(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    match &request.phase {
        Phase::Pending { .. } => match request.submission.expires_at {
            Some(at) if at <= now => Ok(EventKind::Expired),
            _ => Err(Rejection::NotDue),
        },
        _ => Err(wrong_status(request, "expired")),
    }
}

fn claim(request: &Request, lease: Lease, now: Timestamp) -> Result<EventKind, Rejection> {
    match &request.phase {
        Phase::Approved { .. } => Ok(EventKind::ProvisioningStarted(lease)),
        Phase::Provisioning { lease: held } if held.until <= now => Ok(EventKind::ProvisioningStarted(lease)),
        Phase::Provisioning { lease: held } => Err(Rejection::LeaseHeld { until: held.until }),
        _ => Err(wrong_status(request, "provisioned")),
    }
}

/// A lapsed lease that nobody took over is still held: what was done under it counts.
fn holds_lease(request: &Request, lease_id: &str) -> Result<(), Rejection> {
    match &request.phase {
        Phase::Provisioning { lease } if lease.id == lease_id => Ok(()),
        _ => Err(Rejection::LeaseLost),
    }
}

fn retry(request: &Request, by: Principal, channel: Channel, context: &Context<'_>) -> Result<EventKind, Rejection> {
    if !context.policy.is_administrator(&by) {
        return Err(Rejection::NotAnAdministrator);
    }
    match request.status() {
        Status::Failed => Ok(EventKind::Retried { by: by.person, channel }),
        _ => Err(wrong_status(request, "retried")),
    }
}

/// The deadline command that is due for a pending request, the most final one first; `None` if nothing is.
///
/// A run that comes a day late so ends an expired request at once instead of reminding people of it first.
#[must_use]
pub fn due_command(request: &Request, context: &Context<'_>) -> Option<Command> {
    let state = State::Submitted(Box::new(request.clone()));
    [Command::Expire, Command::Escalate, Command::Remind]
        .into_iter()
        .find(|command| decide(&state, command.clone(), context).is_ok())
}

/// The state after `event`. Total: an event that does not fit the state leaves it as it is, so that a duplicate
/// changes nothing and what has ended stays ended.
#[must_use]
pub fn evolve(state: State, event: &Event) -> State {
    let mut request = match (state, &event.kind) {
        (State::Absent, EventKind::Submitted(submission)) => {
            return State::Submitted(Box::new(Request {
                submission: (**submission).clone(),
                approvals: Vec::new(),
                phase: Phase::Pending { reminders_sent: 0, escalated: false },
            }));
        }
        (State::Absent, _) => return State::Absent,
        (State::Submitted(request), _) => request,
    };
    let at = event.at;
    match (&mut request.phase, &event.kind) {
        (Phase::Pending { .. }, EventKind::ApprovalRecorded(decision)) => request.approvals.push(decision.clone()),
        (Phase::Pending { .. }, EventKind::Approved(approval)) => {
            if let Approval::ByPerson(decision) = approval {
                request.approvals.push(decision.clone());
            }
            request.phase = Phase::Approved { since: at };
        }
        (Phase::Pending { .. }, EventKind::Rejected(decision)) => {
            request.phase = Phase::Rejected { decision: decision.clone() };
        }
        (Phase::Pending { .. }, EventKind::Cancelled { .. }) => request.phase = Phase::Cancelled { at },
        (Phase::Pending { reminders_sent, .. }, EventKind::Reminded) => {
            // A late run reminds once of everything that has passed.
            let passed = request.submission.reminders.iter().filter(|due| **due <= at).count();
            *reminders_sent = passed.max(reminders_sent.saturating_add(1));
        }
        (Phase::Pending { reminders_sent, escalated }, EventKind::Escalated) => {
            *escalated = true;
            // Every reminder lies before the SLA: the escalation stands for those that were missed.
            *reminders_sent = request.submission.reminders.len();
        }
        (Phase::Pending { .. }, EventKind::Expired) => request.phase = Phase::Expired { at },
        (Phase::Approved { .. } | Phase::Provisioning { .. }, EventKind::ProvisioningStarted(lease)) => {
            request.phase = Phase::Provisioning { lease: lease.clone() };
        }
        (Phase::Provisioning { .. }, EventKind::Provisioned(repository)) => {
            request.phase = Phase::Provisioned { repository: repository.clone() };
        }
        (Phase::Provisioning { .. }, EventKind::Failed(failure)) => {
            request.phase = Phase::Failed { failure: failure.clone(), at };
        }
        (Phase::Provisioned { .. }, EventKind::Available(repository)) => {
            request.phase = Phase::Available { repository: repository.clone(), since: at };
        }
        (Phase::Failed { .. }, EventKind::Retried { .. }) => request.phase = Phase::Approved { since: at },
        // Every pair that remains is an event that does not belong to the phase.
        (
            Phase::Pending { .. }
            | Phase::Approved { .. }
            | Phase::Provisioning { .. }
            | Phase::Provisioned { .. }
            | Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. },
            EventKind::Submitted(_)
            | EventKind::ApprovalRecorded(_)
            | EventKind::Approved(_)
            | EventKind::Rejected(_)
            | EventKind::Cancelled { .. }
            | EventKind::Reminded
            | EventKind::Escalated
            | EventKind::Expired
            | EventKind::ProvisioningStarted(_)
            | EventKind::Provisioned(_)
            | EventKind::Failed(_)
            | EventKind::Available(_)
            | EventKind::Retried { .. },
        ) => {}
    }
    State::Submitted(request)
}

#[cfg(test)]
mod tests;

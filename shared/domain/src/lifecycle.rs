//! The life cycle: which command leads from which state to which event, and what the event changes.

use crate::capacity::Vacancy;
use crate::event::{Approval, Event, EventKind};
use crate::journal::{DecisionKind, Digest};
use crate::person::{Person, Principal};
use crate::policy::{ApprovalTier, Denied, Policy, Quorum, Standing};
use crate::request::{
    Channel, Decision, Failure, FailureKind, Lease, Phase, ProvisionedRepository, Request, Round, Status, Submission,
    TAG_WITHIN,
};
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
    /// Say yes or no.
    Decide {
        /// Which.
        answer: DecisionKind,
        /// Who, how and on what.
        voice: Voice,
    },
    /// Approve alone what needs more.
    BreakGlass(Voice),
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
        /// The place to take with it, where places are scarce.
        vacancy: Option<Vacancy>,
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
    /// Wait no longer for the tag, if that is due.
    GiveUp,
    /// Send a failed request round again.
    Retry {
        /// Who.
        by: Principal,
        /// Through which door.
        channel: Channel,
    },
}

/// Somebody's word on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who.
    pub by: Principal,
    /// What they say; the reason of a rejection and of breaking the glass, which need one.
    pub comment: Option<Comment>,
    /// Through which door.
    pub channel: Channel,
    /// The digest of what they have seen, [`Request::digest`]; `None` if they do not say.
    pub seen: Option<Digest>,
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
    /// What was seen is not what would be decided.
    #[error("what you have seen has changed since; look at the request and decide anew")]
    ContentChanged,
    /// An approver counts once.
    #[error("you have approved this request already; it waits for somebody else")]
    ApprovedByYouAlready,
    /// A delegate has approved for them, or they for the absent approver: one human's word.
    #[error("{by} has approved this request already, and the two of you count once")]
    ApprovedByDelegateAlready {
        /// The other one.
        by: Person,
    },
    /// Enough of the approver's kind have said yes.
    #[error("no more approvals are needed from you; this request waits for {}", waits_for.join(", "))]
    ApprovalNotNeeded {
        /// The people and groups whose approval is missing.
        waits_for: Vec<String>,
    },
    /// The policy in force refuses what was asked for.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Not one of those who may break the glass.
    #[error("you are not among those who may approve alone in an emergency")]
    MayNotBreakGlass,
    /// The tier does not take decisions from this channel.
    #[error("requests of the tier {} cannot be decided through the channel {}", tier.as_str(), channel.as_str())]
    ChannelNotAllowed {
        /// The request's tier.
        tier: ApprovalTier,
        /// The channel.
        channel: Channel,
    },
    /// A rejection, and breaking the glass, need a reason.
    #[error("say why: this needs a reason in `comment`")]
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
        Command::Decide { answer: DecisionKind::Approved, voice } => approve(request, &voice, context)?,
        Command::Decide { answer: DecisionKind::Rejected, voice } => reject(request, voice, context)?,
        Command::BreakGlass(voice) => return break_glass(request, voice, context),
        Command::Cancel { by, channel } => cancel(request, by, channel)?,
        Command::Remind => remind(request, context.now)?,
        Command::Escalate => escalate(request, context.now)?,
        Command::Expire => expire(request, context.now)?,
        Command::Claim { lease, vacancy } => claim(request, lease, vacancy, context.now)?,
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
            Phase::Pending { .. }
            | Phase::Approved { .. }
            | Phase::Provisioning { .. }
            | Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => return Err(wrong_status(request, "confirmed as available")),
        },
        Command::GiveUp => give_up(request, context.now)?,
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

fn approve(request: &Request, voice: &Voice, context: &Context<'_>) -> Result<EventKind, Rejection> {
    let standings = may_decide(request, voice, context)?;
    is_not_denied(request, context)?;
    let quorum = |approvals: &[Decision]| context.policy.quorum(request.matter(), approvals);
    // The tier was fixed at submission, but who has to approve says the policy in force: also whether what was approved
    // before still counts.
    let Some(before) = quorum(&request.approvals) else {
        return Err(Rejection::ApprovalNotNeeded { waits_for: Vec::new() });
    };
    let mut refused = None;
    for standing in standings {
        let decision = voice.clone().in_capacity(standing, context);
        if before.missing() == 0 {
            // The policy has come to ask for less than what has been given. Whoever may decide says so once more.
            return Ok(EventKind::Approved(Approval::ByPerson(decision)));
        }
        if let Err(rejection) = is_another_human(request, &before, &decision) {
            refused.get_or_insert(rejection);
            continue;
        }
        let after = quorum(&with_approval(&request.approvals, &decision));
        match after {
            Some(after) if after.missing() == 0 => return Ok(EventKind::Approved(Approval::ByPerson(decision))),
            Some(after) if after.missing() < before.missing() => return Ok(EventKind::ApprovalRecorded(decision)),
            _ => {
                refused.get_or_insert(Rejection::ApprovalNotNeeded { waits_for: before.waits_for() });
            }
        }
    }
    Err(refused.unwrap_or_else(|| Rejection::ApprovalNotNeeded { waits_for: before.waits_for() }))
}

/// An approver counts once, whoever stands in for whom. What does not count any more stands in nobody's way.
fn is_another_human(request: &Request, before: &Quorum, decision: &Decision) -> Result<(), Rejection> {
    let counted = request.approvals.iter().enumerate().filter(|(index, _)| before.counts(*index));
    match counted.map(|(_, given)| given).find(|given| given.shares_a_human_with(decision)) {
        None => Ok(()),
        Some(given) if given.approver.is_same_human(&decision.approver) => Err(Rejection::ApprovedByYouAlready),
        Some(given) => Err(Rejection::ApprovedByDelegateAlready { by: given.approver.clone() }),
    }
}

/// The approvals with one more, which replaces what the same human said before.
fn with_approval(approvals: &[Decision], decision: &Decision) -> Vec<Decision> {
    let others = approvals.iter().filter(|given| !given.shares_a_human_with(decision));
    others.chain([decision]).cloned().collect()
}

fn reject(request: &Request, voice: Voice, context: &Context<'_>) -> Result<EventKind, Rejection> {
    let standings = may_decide(request, &voice, context)?;
    // A link works once. With a token one may think again.
    let said_yes = request.approvals.iter().any(|given| given.approver.is_same_human(&voice.by.person));
    if voice.channel == Channel::Link && said_yes {
        return Err(Rejection::ApprovedByYouAlready);
    }
    if voice.comment.is_none() {
        return Err(Rejection::ReasonMissing);
    }
    match standings.into_iter().next() {
        Some(standing) => Ok(EventKind::Rejected(voice.in_capacity(standing, context))),
        None => Err(not_an_approver(request, context)),
    }
}

/// Two events: what happened is loud and has a name of its own, and whoever waits for approvals gets theirs.
fn break_glass(request: &Request, voice: Voice, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
    is_open_to(request, &voice, context.now)?;
    let capacities = context.policy.break_glass_capacities(&voice.by, &request.submission.team);
    if capacities.is_empty() {
        return Err(Rejection::MayNotBreakGlass);
    }
    // Whoever holds only a link has presented no token, and nobody can say who they are.
    if voice.channel != Channel::Api {
        return Err(Rejection::ChannelNotAllowed { tier: request.submission.tier, channel: voice.channel });
    }
    if voice.comment.is_none() {
        return Err(Rejection::ReasonMissing);
    }
    is_not_denied(request, context)?;
    let decision = voice.in_capacity(Standing { capacities, on_behalf_of: None }, context);
    let kinds = [EventKind::BreakGlassUsed(decision.clone()), EventKind::Approved(Approval::ByPerson(decision))];
    Ok(kinds.into_iter().map(|kind| Event { at: context.now, kind }).collect())
}

impl Voice {
    fn in_capacity(self, standing: Standing, context: &Context<'_>) -> Decision {
        Decision {
            approver: self.by.person,
            on_behalf_of: standing.on_behalf_of,
            capacities: standing.capacities,
            policy_version: context.policy.version.clone(),
            at: context.now,
            comment: self.comment,
            channel: self.channel,
        }
    }
}

/// The checks that every decision passes. Being decided comes first, so that a second approver learns who was first.
fn is_open_to(request: &Request, voice: &Voice, now: Timestamp) -> Result<(), Rejection> {
    if request.status() != Status::Pending {
        return Err(decided(request));
    }
    // Its time is over, whether or not the steward has come to say so.
    if request.expires_at().is_some_and(|at| at <= now) {
        return Err(Rejection::AlreadyDecided { status: Status::Expired, by: None });
    }
    if voice.seen.is_some_and(|seen| seen != request.digest()) {
        return Err(Rejection::ContentChanged);
    }
    if request.submission.requester.is_same_human(&voice.by.person) {
        return Err(Rejection::OwnRequest);
    }
    Ok(())
}

/// The checks that approve and reject share. Being one's own request comes before being an approver, so that no group
/// membership opens that door. Returns in what capacities; at least one.
fn may_decide(request: &Request, voice: &Voice, context: &Context<'_>) -> Result<Vec<Standing>, Rejection> {
    is_open_to(request, voice, context.now)?;
    let submission = &request.submission;
    let standings = context.policy.standings(&voice.by, &submission.requester, request.matter(), context.now);
    if standings.is_empty() {
        return Err(not_an_approver(request, context));
    }
    let review = context.policy.review(submission.tier);
    let allowed = review.is_some_and(|tier| tier.channels.contains(&voice.channel));
    if allowed {
        Ok(standings)
    } else {
        Err(Rejection::ChannelNotAllowed { tier: submission.tier, channel: voice.channel })
    }
}

/// What the policy has come to refuse is not approved any more, by nobody.
fn is_not_denied(request: &Request, context: &Context<'_>) -> Result<(), Denied> {
    context.policy.tier_of(request.submission.subject()).map(|_| ())
}

fn not_an_approver(request: &Request, context: &Context<'_>) -> Rejection {
    let approvers = context.policy.approvers(request.matter());
    Rejection::NotAnApprover { approvers: approvers.into_iter().map(|approver| approver.name).collect() }
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
    if request.status() == Status::Pending {
        Ok(EventKind::Cancelled { by: by.person, channel })
    } else {
        Err(decided(request))
    }
}

/// What is due only while a request is pending.
fn is_pending(request: &Request, wanted: &'static str) -> Result<(), Rejection> {
    if request.status() == Status::Pending { Ok(()) } else { Err(wrong_status(request, wanted)) }
}

fn is_due(at: Option<Timestamp>, now: Timestamp) -> Result<(), Rejection> {
    if at.is_some_and(|at| at <= now) { Ok(()) } else { Err(Rejection::NotDue) }
}

fn remind(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    is_pending(request, "reminded of")?;
    is_due(request.next_reminder_at(), now)?;
    Ok(EventKind::Reminded)
}

fn escalate(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    is_pending(request, "escalated")?;
    is_due(request.sla_at().filter(|_| !request.is_escalated()), now)?;
    Ok(EventKind::Escalated)
}

fn expire(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    is_pending(request, "expired")?;
    is_due(request.expires_at(), now)?;
    Ok(EventKind::Expired)
}

/// A place that a lapsed lease holds stays taken: the repository may have been added.
fn claim(request: &Request, lease: Lease, vacancy: Option<Vacancy>, now: Timestamp) -> Result<EventKind, Rejection> {
    let lease = Lease { holds_place: vacancy.is_some() || request.holds_place(), ..lease };
    match &request.phase {
        Phase::Approved { .. } => Ok(EventKind::ProvisioningStarted(lease)),
        Phase::Provisioning { lease: held } if held.until <= now => Ok(EventKind::ProvisioningStarted(lease)),
        Phase::Provisioning { lease: held } => Err(Rejection::LeaseHeld { until: held.until }),
        Phase::Pending { .. }
        | Phase::Provisioned { .. }
        | Phase::Available { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => Err(wrong_status(request, "provisioned")),
    }
}

/// A lapsed lease that nobody took over is still held: what was done under it counts.
fn holds_lease(request: &Request, lease_id: &str) -> Result<(), Rejection> {
    match &request.phase {
        Phase::Provisioning { lease } if lease.id == lease_id => Ok(()),
        Phase::Pending { .. }
        | Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Provisioned { .. }
        | Phase::Available { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => Err(Rejection::LeaseLost),
    }
}

fn give_up(request: &Request, now: Timestamp) -> Result<EventKind, Rejection> {
    match &request.phase {
        Phase::Provisioned { repository } => {
            is_due(Some(repository.at.plus(TAG_WITHIN)), now)?;
            Ok(EventKind::Failed(tag_not_available(request)))
        }
        Phase::Pending { .. }
        | Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Available { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => Err(wrong_status(request, "given up")),
    }
}

fn tag_not_available(request: &Request) -> Failure {
    let name = request.submission.repository_name();
    let tag = request.submission.image.tag.as_str();
    let hours = TAG_WITHIN.as_secs() / 3600;
    Failure {
        kind: FailureKind::TagNotAvailable,
        message: format!("The repository {name} is there, but its tag {tag} has not come within {hours} hours."),
        remedy: format!(
            "Pull another tag of {name}, or have an administrator look in Chainguard's console why {name} does not sync. Once it does, a retry looks for the tag again."
        ),
    }
}

fn retry(request: &Request, by: Principal, channel: Channel, context: &Context<'_>) -> Result<EventKind, Rejection> {
    if !context.policy.is_administrator(&by) {
        return Err(Rejection::NotAnAdministrator);
    }
    if request.status() != Status::Failed {
        return Err(wrong_status(request, "retried"));
    }
    is_not_denied(request, context)?;
    Ok(EventKind::Retried { by: by.person, channel })
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
                round: Round { number: 1, since: event.at },
                approvals: Vec::new(),
                break_glass: None,
                phase: Phase::Pending { reminders_sent: 0, escalated: false },
            }));
        }
        (State::Absent, _) => return State::Absent,
        (State::Submitted(request), _) => request,
    };
    let at = event.at;
    let passed = request.reminders_at().filter(|due| *due <= at).count();
    match (&mut request.phase, &event.kind) {
        (Phase::Pending { .. }, EventKind::ApprovalRecorded(decision)) => {
            request.approvals = with_approval(&request.approvals, decision);
        }
        (Phase::Pending { .. }, EventKind::BreakGlassUsed(decision)) => request.break_glass = Some(decision.clone()),
        (Phase::Pending { .. }, EventKind::Approved(approval)) => {
            if let Approval::ByPerson(decision) = approval {
                request.approvals = with_approval(&request.approvals, decision);
            }
            request.phase = Phase::Approved { since: at };
        }
        (Phase::Pending { .. }, EventKind::Rejected(decision)) => {
            request.phase = Phase::Rejected { decision: decision.clone() };
        }
        (Phase::Pending { .. }, EventKind::Cancelled { .. }) => request.phase = Phase::Cancelled { at },
        (Phase::Pending { reminders_sent, .. }, EventKind::Reminded) => {
            // A late run reminds once of everything that has passed.
            *reminders_sent = passed.max(reminders_sent.saturating_add(1));
        }
        (Phase::Pending { reminders_sent, escalated }, EventKind::Escalated) => {
            *escalated = true;
            // Every reminder lies before the SLA: the escalation stands for those that were missed.
            *reminders_sent = request.submission.terms.as_ref().map_or(0, |terms| terms.reminders.len());
        }
        (Phase::Pending { .. }, EventKind::Expired) => request.phase = Phase::Expired { at },
        (Phase::Approved { .. } | Phase::Provisioning { .. }, EventKind::ProvisioningStarted(lease)) => {
            request.phase = Phase::Provisioning { lease: lease.clone() };
        }
        (Phase::Provisioning { .. }, EventKind::Provisioned(repository)) => {
            request.phase = Phase::Provisioned { repository: repository.clone() };
        }
        (Phase::Provisioning { .. } | Phase::Provisioned { .. }, EventKind::Failed(failure)) => {
            request.phase = Phase::Failed { failure: failure.clone(), at };
        }
        (Phase::Provisioned { .. }, EventKind::Available(repository)) => {
            request.phase = Phase::Available { repository: repository.clone(), since: at };
        }
        (Phase::Failed { .. }, EventKind::Retried { .. }) => send_round_again(&mut request, at),
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
            | EventKind::BreakGlassUsed(_)
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

/// What people approved was tried and failed. What they would say to another try is theirs to say; the policy's own
/// approval stands.
fn send_round_again(request: &mut Request, at: Timestamp) {
    request.round = Round { number: request.round.number.saturating_add(1), since: at };
    request.approvals.clear();
    request.break_glass = None;
    request.phase = match request.submission.tier {
        ApprovalTier::AutoApprove => Phase::Approved { since: at },
        ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview => {
            Phase::Pending { reminders_sent: 0, escalated: false }
        }
    };
}

#[cfg(test)]
mod tests;

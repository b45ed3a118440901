//! What somebody who follows a link can do about a request. Nothing in here judges: it asks the life cycle what would
//! happen if they said yes, and what if they said no.

use domain::event::{Approval, Event, EventKind};
use domain::journal::DecisionKind;
use domain::lifecycle::{self, Command, Context, Rejection, State, Voice};
use domain::link::Link;
use domain::person::Principal;
use domain::policy::Matter;
use domain::request::{Channel, Decision, Phase, Request};
use domain::text::Comment;

/// How things stand between an approver and a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Situation {
    /// The request is shown to them.
    Shown(Stage),
    /// It is not.
    Withheld(Reason),
}

/// What there is to do about a request that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// They may decide.
    Open(Box<Choices>),
    /// They may decide, but not by a link.
    NotByLink,
    /// They have said yes, and it waits for others.
    SaidYes,
    /// It has been decided, or has ended.
    Over,
}

/// Why a request is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was sent round again after the link was made.
    Superseded,
    /// It is their own.
    Own,
    /// They are not among the approvers.
    NotTheirs,
}

/// What somebody may do who may decide. At least one of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choices {
    /// Whether they may approve, and what it takes then; or why not.
    pub(crate) approve: Result<Remaining, Rejection>,
    /// Whether they may reject.
    pub(crate) may_reject: bool,
    /// The people and groups as which they decide.
    pub(crate) capacities: Vec<String>,
    /// For whom they decide, if not for themselves: e-mail address.
    pub(crate) on_behalf_of: Option<String>,
}

/// What is missing once somebody has approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// How many approvals; 0 if theirs is the last.
    pub(crate) missing: usize,
    /// From whom.
    pub(crate) waits_for: Vec<String>,
}

impl Situation {
    /// How things stand for whoever follows `link`.
    pub(crate) fn of(request: &Request, link: &Link, context: &Context<'_>) -> Self {
        if request.submission.requester.is_same_human(&Principal::by_address(&link.approver).person) {
            return Self::Withheld(Reason::Own);
        }
        match Self::through(Channel::Link, request, link, context) {
            // What a token would be good for.
            Self::Shown(Stage::NotByLink) => match Self::through(Channel::Api, request, link, context) {
                // With a token they may reject what they, or somebody for them, have approved; a link does neither.
                Self::Shown(Stage::Open(choices)) => match choices.approve {
                    Ok(_) => Self::Shown(Stage::NotByLink),
                    Err(rejection) => Self::of_rejection(&rejection),
                },
                otherwise => otherwise,
            },
            Self::Shown(Stage::Over) if !may_look_back(request, link, context) => Self::Withheld(Reason::NotTheirs),
            situation => situation,
        }
    }

    fn through(channel: Channel, request: &Request, link: &Link, context: &Context<'_>) -> Self {
        let rehearse = |answer| {
            let voice = Voice {
                by: Principal::by_address(&link.approver),
                // A rejection needs a reason; which one makes no difference to whether they may.
                comment: Comment::new("rehearsed").ok(),
                channel,
                seen: Some(link.digest),
            };
            let state = State::Submitted(Box::new(request.clone()));
            lifecycle::decide(&state, Command::Decide { answer, voice }, context)
        };
        match (rehearse(DecisionKind::Approved), rehearse(DecisionKind::Rejected)) {
            (Err(rejection), Err(_)) => Self::of_rejection(&rejection),
            (approve, reject) => Self::Shown(Stage::Open(Box::new(Choices::of(request, approve, &reject, context)))),
        }
    }

    /// Of somebody who may do neither.
    const fn of_rejection(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::AlreadyDecided { .. } => Self::Shown(Stage::Over),
            Rejection::ContentChanged => Self::Withheld(Reason::Superseded),
            Rejection::ChannelNotAllowed { .. } => Self::Shown(Stage::NotByLink),
            Rejection::OwnRequest => Self::Withheld(Reason::Own),
            // Whoever may not reject either has said yes before.
            Rejection::ApprovedByYouAlready
            | Rejection::ApprovedByDelegateAlready { .. }
            | Rejection::ApprovalNotNeeded { .. } => Self::Shown(Stage::SaidYes),
            // Rejecting it takes a token.
            Rejection::Denied(_) => Self::Shown(Stage::NotByLink),
            Rejection::NotAnApprover { .. }
            | Rejection::NotFound
            | Rejection::AlreadySubmitted
            | Rejection::WrongStatus { .. }
            | Rejection::MayNotBreakGlass
            | Rejection::ReasonMissing
            | Rejection::NotTheRequester
            | Rejection::NotAnAdministrator
            | Rejection::NotDue
            | Rejection::LeaseHeld { .. }
            | Rejection::LeaseLost => Self::Withheld(Reason::NotTheirs),
        }
    }
}

impl Choices {
    fn of(
        request: &Request,
        approve: Result<Vec<Event>, Rejection>,
        reject: &Result<Vec<Event>, Rejection>,
        context: &Context<'_>,
    ) -> Self {
        let may_reject = reject.is_ok();
        let decision = approve.as_ref().or(reject.as_ref()).ok().and_then(|events| decision_of(events));
        Self {
            may_reject,
            capacities: decision.iter().flat_map(|given| &given.capacities).map(|held| held.name.clone()).collect(),
            on_behalf_of: decision.and_then(|given| given.on_behalf_of.clone()),
            approve: approve.map(|events| Remaining::after(request, &events, context)),
        }
    }
}

impl Remaining {
    fn after(request: &Request, events: &[Event], context: &Context<'_>) -> Self {
        let state = State::Submitted(Box::new(request.clone()));
        let quorum = match events.iter().fold(state, lifecycle::evolve) {
            State::Submitted(after) => match after.phase {
                Phase::Pending { .. } => context.policy.quorum(after.matter(), &after.approvals),
                Phase::Approved { .. }
                | Phase::Provisioning { .. }
                | Phase::Provisioned { .. }
                | Phase::Available { .. }
                | Phase::Rejected { .. }
                | Phase::Cancelled { .. }
                | Phase::Expired { .. }
                | Phase::Failed { .. } => None,
            },
            State::Absent => None,
        };
        quorum.map_or(Self { missing: 0, waits_for: Vec::new() }, |quorum| Self {
            missing: quorum.missing(),
            waits_for: quorum.waits_for(),
        })
    }
}

fn decision_of(events: &[Event]) -> Option<&Decision> {
    events.iter().find_map(|event| match &event.kind {
        EventKind::ApprovalRecorded(decision)
        | EventKind::Approved(Approval::ByPerson(decision))
        | EventKind::Rejected(decision) => Some(decision),
        EventKind::Submitted(_)
        | EventKind::BreakGlassUsed(_)
        | EventKind::Approved(Approval::ByPolicy)
        | EventKind::Cancelled { .. }
        | EventKind::Reminded
        | EventKind::Escalated
        | EventKind::Expired
        | EventKind::ProvisioningStarted(_)
        | EventKind::Provisioned(_)
        | EventKind::Failed(_)
        | EventKind::Available(_)
        | EventKind::Retried { .. } => None,
    })
}

/// What became of a request is shown to those who could have decided it, the second line included, and to those who
/// did.
fn may_look_back(request: &Request, link: &Link, context: &Context<'_>) -> bool {
    let by = Principal::by_address(&link.approver);
    let submission = &request.submission;
    let matter = Matter { tier: submission.tier, team: &submission.team, escalated: true };
    let has_decided = decisions(request).any(|decision| decision.approver.is_same_human(&by.person));
    has_decided || !context.policy.standings(&by, &submission.requester, matter, context.now).is_empty()
}

/// Everything that was said to the request in this round, in order.
fn decisions(request: &Request) -> impl Iterator<Item = &Decision> {
    let rejection = match &request.phase {
        Phase::Rejected { decision } => Some(decision),
        Phase::Pending { .. }
        | Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Provisioned { .. }
        | Phase::Available { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => None,
    };
    request.approvals.iter().chain(rejection)
}

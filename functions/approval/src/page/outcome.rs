//! What became of a request, in words.

use domain::image::{Organization, pull_command};
use domain::link::Link;
use domain::person::Principal;
use domain::policy::ApprovalTier;
use domain::request::{Decision, Phase, Request};
use domain::time::Timestamp;
use lambda::visible::Line;

use super::{Chip, Tone};
use crate::moment::Moment;
use crate::sentence::Sentence;

/// How a request that is not pending stands.
pub(crate) struct Outcome {
    /// In a few words.
    pub(crate) chip: Chip,
    /// Who decided and when, and what there is to do.
    pub(crate) lead: Vec<Sentence>,
    /// The line that pulls the image.
    pub(crate) command: Option<Line>,
}

/// How `request` stands for whoever follows `link`.
pub(crate) fn outcome(request: &Request, link: &Link, organization: &Organization, now: Timestamp) -> Outcome {
    let (label, tone) = match &request.phase {
        Phase::Pending { .. } => ("Waiting", Tone::Waiting),
        Phase::Approved { .. } => ("Approved", Tone::Good),
        Phase::Provisioning { .. } => ("Approved, being added", Tone::Good),
        Phase::Provisioned { .. } => ("Approved and added", Tone::Good),
        Phase::Available { .. } => ("Available", Tone::Good),
        Phase::Rejected { .. } => ("Rejected", Tone::Bad),
        Phase::Cancelled { .. } => ("Cancelled", Tone::Neutral),
        Phase::Expired { .. } => ("Expired", Tone::Neutral),
        Phase::Failed { .. } => ("Failed", Tone::Bad),
    };
    let moment = |at| Moment::new(at, now);
    let submission = &request.submission;
    let lead = match &request.phase {
        Phase::Pending { .. } => vec![Sentence::of("It waits for a decision.")],
        Phase::Approved { .. } | Phase::Provisioning { .. } => vec![
            approved(request, link, now),
            Sentence::of(
                "The image is being added. The requester is told when it can be pulled; nothing is left to do.",
            ),
        ],
        Phase::Provisioned { repository } => vec![
            approved(request, link, now),
            Sentence::of("The repository was added on ")
                .time(moment(repository.at))
                .say(". The requester is told when its tags can be pulled; nothing is left to do."),
        ],
        Phase::Available { since, .. } => vec![
            approved(request, link, now),
            Sentence::of("The image can be pulled since ").time(moment(*since)).say(". Nothing is left to do."),
        ],
        Phase::Rejected { decision } => vec![
            spoken(decision, link, "rejected", now),
            Sentence::of("That is final. Whoever still needs the image submits a new request."),
        ],
        Phase::Cancelled { at } => vec![
            Sentence::default()
                .name(&submission.requester.email)
                .say(" took this request back on ")
                .time(moment(*at))
                .say(". Nothing is left to do."),
        ],
        Phase::Expired { at } => vec![
            Sentence::of("Nobody decided this in time. It ended on ").time(moment(*at)).say("."),
            Sentence::of("Whoever still needs the image submits a new request."),
        ],
        Phase::Failed { failure, at } => vec![
            approved(request, link, now),
            Sentence::of("Adding the image failed on ")
                .time(moment(*at))
                .say(": ")
                .name(&failure.message)
                .say(" ")
                .name(&failure.remedy),
            Sentence::of(
                "An administrator can send it round again. It then has to be approved anew, and you get a fresh link.",
            ),
        ],
    };
    let command = match &request.phase {
        Phase::Available { .. } => {
            Some(Line::new(pull_command(organization, submission.repository_name(), &submission.image.tag)))
        }
        Phase::Pending { .. }
        | Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Provisioned { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. }
        | Phase::Failed { .. } => None,
    };
    Outcome { chip: Chip { label, tone }, lead, command }
}

/// By whom and when it was approved: the last of the approvals is the one that did it.
fn approved(request: &Request, link: &Link, now: Timestamp) -> Sentence {
    match (&request.break_glass, request.approvals.last(), request.submission.tier) {
        (Some(decision), _, _) => spoken(decision, link, "approved", now)
            .say(" It was an emergency: one person approved alone what needs more."),
        (None, Some(decision), _) => spoken(decision, link, "approved", now),
        (None, None, ApprovalTier::AutoApprove) => Sentence::of("The policy itself approved this."),
        (None, None, ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview) => {
            Sentence::of("This was approved.")
        }
    }
}

/// "You approved this on …", "dana@… rejected this on …, for dmitri@….".
pub(crate) fn spoken(decision: &Decision, link: &Link, participle: &str, now: Timestamp) -> Sentence {
    let sentence =
        if is_you(decision, link) { Sentence::of("You") } else { Sentence::default().name(&decision.approver.email) };
    let sentence = sentence.say(format!(" {participle} this on ")).time(Moment::new(decision.at, now));
    match &decision.on_behalf_of {
        Some(absent) => sentence.say(", for ").name(absent).say("."),
        None => sentence.say("."),
    }
}

/// Whether whoever follows the link gave this decision.
pub(crate) fn is_you(decision: &Decision, link: &Link) -> bool {
    decision.approver.is_same_human(&Principal::by_address(&link.approver).person)
}

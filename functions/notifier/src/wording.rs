//! What a message says: its status in a few words, its title, and the sentence that leads it.
//!
//! The texts may contain anything that a person wrote into the record; [`crate::content`] makes them harmless.

use domain::journal::Record;
use domain::policy::{ApprovalTier, Policy, ReviewTier};

use crate::audience::{Occasion, Reader, approver_names};

/// How a message is meant; its colour where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Somebody has to do something.
    Waiting,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// For information.
    Neutral,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// A few words; the end of the subject.
    pub status: &'static str,
    /// How it is meant.
    pub tone: Tone,
    /// A line that stands on its own.
    pub title: String,
    /// What it means for the reader.
    pub lead: String,
}

/// The words of `occasion` for `reader`.
#[must_use]
pub fn wording(occasion: Occasion, reader: Reader, record: &Record, policy: &Policy) -> Wording {
    match reader {
        Reader::Requester => for_requester(occasion, record, policy),
        Reader::Approvers | Reader::Administrators | Reader::Everybody => for_others(occasion, record, policy),
    }
}

fn for_requester(occasion: Occasion, record: &Record, policy: &Policy) -> Wording {
    let Record { image, policy_rule: rule, .. } = record;
    let by = decided_by(record);
    match occasion {
        Occasion::Submitted => say(
            ("received", Tone::Neutral),
            format!("Your request for {image} was received"),
            format!(
                "It waits for {}, since the policy's rule “{rule}” asks for {}. You are told as soon as it is decided.",
                approver_names(occasion, record, policy),
                tier_words(record.approval_tier)
            ),
        ),
        Occasion::ApprovalRecorded => say(
            ("approved by one, more needed", Tone::Neutral),
            format!("{by} approved your request for {image}"),
            "More approvals are needed. You are told as soon as it is decided.",
        ),
        Occasion::ApprovedByPolicy => say(
            ("approved", Tone::Good),
            format!("Your request for {image} is approved"),
            format!(
                "The policy's rule “{rule}” approves it without asking anybody. \
                 The image is being added; you get the line to pull it as soon as it works."
            ),
        ),
        Occasion::Approved => say(
            ("approved", Tone::Good),
            format!("{by} approved your request for {image}"),
            "The image is being added; you get the line to pull it as soon as it works.",
        ),
        Occasion::Rejected => say(
            ("rejected", Tone::Bad),
            format!("{by} rejected your request for {image}"),
            "The reason is below. Once it is dealt with, you can ask again.",
        ),
        Occasion::Expired => say(
            ("expired", Tone::Bad),
            format!("Your request for {image} expired"),
            "Nobody decided in time, so nothing was added. If you still need the image, ask again.",
        ),
        Occasion::Failed => say(
            ("failed", Tone::Bad),
            format!("{image} could not be added"),
            "Your request was approved, but the image could not be added. What happened and what helps is below.",
        ),
        Occasion::Available => say(
            ("ready to pull", Tone::Good),
            format!("{image} is ready to pull"),
            "It is in your organisation's registry. Pull it with this line:",
        ),
        // The requester's own doing, or the approvers' business.
        Occasion::Cancelled | Occasion::Reminded | Occasion::Escalated => for_others(occasion, record, policy),
    }
}

fn for_others(occasion: Occasion, record: &Record, policy: &Policy) -> Wording {
    let Record { image, requester, team, policy_rule: rule, .. } = record;
    let by = decided_by(record);
    let review = policy.review(record.approval_tier);
    match occasion {
        Occasion::Submitted => say(
            ("please decide", Tone::Waiting),
            format!("{requester} asks for {image}"),
            what_is_needed(record, review),
        ),
        Occasion::Reminded => say(
            ("reminder, please decide", Tone::Waiting),
            format!("{requester} still waits for a decision on {image}"),
            what_is_needed(record, review),
        ),
        Occasion::Escalated => say(
            ("overdue, please decide", Tone::Bad),
            format!("The decision on {image} for {team} is overdue"),
            format!("{} {}", second_line(review), what_is_needed(record, review)),
        ),
        Occasion::ApprovalRecorded => say(
            ("approved by one, more needed", Tone::Neutral),
            format!("{by} approved {image} for {team}"),
            "More approvals are needed.",
        ),
        Occasion::ApprovedByPolicy => say(
            ("approved by the policy", Tone::Good),
            format!("{image} for {team} is approved"),
            format!("The policy's rule “{rule}” approves it without asking anybody. The image is being added."),
        ),
        Occasion::Approved => say(
            ("approved, nothing to do", Tone::Good),
            format!("{by} approved {image} for {team}"),
            "It is decided and there is nothing to do any more: the image is being added.",
        ),
        Occasion::Rejected => say(
            ("rejected, nothing to do", Tone::Neutral),
            format!("{by} rejected {image} for {team}"),
            "It is decided and there is nothing to do any more.",
        ),
        Occasion::Cancelled => say(
            ("cancelled, nothing to do", Tone::Neutral),
            format!("{requester} cancelled the request for {image}"),
            "There is nothing to decide any more.",
        ),
        Occasion::Expired => say(
            ("expired, nothing to do", Tone::Neutral),
            format!("The request for {image} for {team} expired"),
            "Nobody decided in time. There is nothing to decide any more; the requester may ask again.",
        ),
        Occasion::Failed => say(
            ("failed, please look into it", Tone::Bad),
            format!("{image} for {team} could not be added"),
            "It was approved, but adding it failed for good. \
             Once the cause is gone, an administrator can send the request round again.",
        ),
        Occasion::Available => say(
            ("ready to pull", Tone::Good),
            format!("{image} for {team} is ready to pull"),
            format!("{requester} asked for it, and it is in the organisation's registry."),
        ),
    }
}

fn say((status, tone): (&'static str, Tone), title: String, lead: impl Into<String>) -> Wording {
    Wording { status, tone, title, lead: lead.into() }
}

fn decided_by(record: &Record) -> &str {
    record.approver.as_deref().unwrap_or("An approver")
}

/// Why the reader gets a mail.
#[must_use]
pub fn reason(reader: Reader, record: &Record) -> String {
    match reader {
        Reader::Requester => "You get this mail because you asked for the image.".to_owned(),
        Reader::Approvers => {
            format!("You get this mail because you may decide requests of the team {}.", record.team)
        }
        Reader::Administrators => "You get this mail because you administer cgr-request.".to_owned(),
        Reader::Everybody => String::new(),
    }
}

fn tier_words(tier: ApprovalTier) -> &'static str {
    match tier {
        ApprovalTier::AutoApprove => "nobody's approval",
        ApprovalTier::ManagerApproval => "a manager's approval",
        ApprovalTier::SecurityReview => "a security review",
    }
}

fn what_is_needed(record: &Record, review: Option<&ReviewTier>) -> String {
    let approvals = match review.map_or(1, |review| review.approvals.get()) {
        1 => "one approval is enough".to_owned(),
        more => format!("{more} approvals are needed"),
    };
    format!(
        "It is for {} in {}. The policy's rule “{}” asks for {}; {approvals}.",
        record.team,
        record.environment.as_str(),
        record.policy_rule,
        tier_words(record.approval_tier)
    )
}

fn second_line(review: Option<&ReviewTier>) -> &'static str {
    if review.is_some_and(|review| review.escalate_to.is_some()) {
        "Nobody decided in time, so others may decide now, too."
    } else {
        "Nobody decided in time."
    }
}

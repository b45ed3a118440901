//! What a message says: its status in a few words, its title, and the sentence that leads it.
//!
//! The texts may contain anything that a person wrote into the record; [`crate::content`] makes them harmless.

use domain::journal::Record;
use domain::policy::{Approver, Matter, Quorum, QuorumPart};
use domain::request::{Channel, Decision};
use domain::time::words::{moment, span};

use crate::audience::{Occasion, Reader};
use crate::situation::Situation;

/// Most names that a message lists one by one.
const MAX_NAMES: usize = 10;

/// How a message is meant; its colour where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Somebody has to do something.
    Waiting,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Somebody should look at it at once.
    Alarm,
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

/// The words of `situation` for `reader`.
#[must_use]
pub fn wording(situation: &Situation<'_>, reader: Reader) -> Wording {
    match reader {
        Reader::Requester => for_requester(situation),
        Reader::Approver | Reader::Mailbox | Reader::Administrators | Reader::Everybody => for_others(situation),
    }
}

fn for_requester(situation: &Situation<'_>) -> Wording {
    let Record { image, policy_rule: rule, approval_tier: tier, .. } = situation.record;
    let by = decided_by(situation.record);
    match situation.occasion {
        Occasion::Submitted => say(
            ("received", Tone::Neutral),
            format!("Your request for {image} was received"),
            format!(
                "It waits for {}, since the policy's rule “{rule}” asks for {}. You are told as soon as it is decided.",
                approver_names(situation),
                tier.asks_for()
            ),
        ),
        Occasion::Retried => say(
            ("asked for again", Tone::Neutral),
            format!("Your request for {image} is being asked for again"),
            format!(
                "It had failed, and {by} sent it round again. It has to be approved anew and waits for {}. \
                 You are told as soon as it is decided.",
                approver_names(situation)
            ),
        ),
        Occasion::ApprovalRecorded => say(
            ("approved in part", Tone::Neutral),
            format!("{by} approved your request for {image}"),
            format!("{} You are told as soon as it is decided.", still_missing(situation)),
        ),
        Occasion::BreakGlassUsed => say(
            ("approved alone", Tone::Alarm),
            format!("BREAK GLASS: {by} alone approved your request for {image}"),
            "The approvals that the policy asks for were passed over, and those who could have given them are told. \
             The image is being added; you get the line to pull it as soon as it works.",
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
            format!(
                "Your request was approved{}, but the image could not be added. What happened and what helps is below.",
                how_approved(situation)
            ),
        ),
        Occasion::Available => say(
            ("ready to pull", Tone::Good),
            format!("{image} is ready to pull"),
            format!(
                "Your request was approved{}, and the image is in your organisation's registry. Pull it with this line:",
                how_approved(situation)
            ),
        ),
        // The requester's own doing, or the approvers' business.
        Occasion::Cancelled | Occasion::Reminded | Occasion::Escalated => for_others(situation),
    }
}

fn for_others(situation: &Situation<'_>) -> Wording {
    let Record { image, requester, team, policy_rule: rule, .. } = situation.record;
    let by = decided_by(situation.record);
    match situation.occasion {
        Occasion::Submitted => {
            say(("please decide", Tone::Waiting), format!("{requester} asks for {image}"), what_is_needed(situation))
        }
        Occasion::Retried => say(
            ("again, please decide", Tone::Waiting),
            format!("{requester} asks for {image} again"),
            format!(
                "It had been approved, adding it failed, and {by} sent it round again. Earlier approvals and links \
                 do not count any more. {}",
                what_is_needed(situation)
            ),
        ),
        Occasion::Reminded => say(
            ("reminder, please decide", Tone::Waiting),
            format!("{requester} still waits for a decision on {image}"),
            format!("{}{}", how_long(situation), what_is_needed(situation)),
        ),
        Occasion::Escalated => say(
            ("overdue, please decide", Tone::Bad),
            format!("The decision on {image} for {team} is overdue"),
            format!("{} {}", who_was_asked(situation), what_is_needed(situation)),
        ),
        Occasion::ApprovalRecorded => say(
            ("approved in part", Tone::Neutral),
            format!("{by} approved {image} for {team}"),
            still_missing(situation),
        ),
        Occasion::BreakGlassUsed => say(
            ("approved alone", Tone::Alarm),
            format!("BREAK GLASS: {by} alone approved {image} for {team}"),
            format!(
                "{by} used the right to approve alone in an emergency{}. The image is being added, and there is \
                 nothing left to decide. The reason is below: look whether it holds.",
                situation.passed_over().filter(|quorum| quorum.missing() > 0).map_or_else(
                    String::new,
                    |quorum| format!(" and passed over these approvals: {}", missing(&quorum))
                )
            ),
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
            "There is nothing to do any more.",
        ),
        Occasion::Expired => say(
            ("expired, nothing to do", Tone::Neutral),
            format!("The request for {image} for {team} expired"),
            "Nobody decided in time. There is nothing to do any more; the requester may ask again.",
        ),
        Occasion::Failed => say(
            ("failed, please look at it", Tone::Bad),
            format!("{image} for {team} could not be added"),
            format!(
                "It was approved{}, but adding it failed for good. \
                 Once the cause is gone, an administrator can send the request round again.",
                how_approved(situation)
            ),
        ),
        Occasion::Available => say(
            ("ready to pull", Tone::Good),
            format!("{image} for {team} is ready to pull"),
            format!(
                "{requester} asked for it, it was approved{}, and it is in the organisation's registry.",
                how_approved(situation)
            ),
        ),
    }
}

fn say((status, tone): (&'static str, Tone), title: String, lead: impl Into<String>) -> Wording {
    Wording { status, tone, title, lead: lead.into() }
}

/// Completes "approved" where that is not how things should be.
fn how_approved(situation: &Situation<'_>) -> String {
    situation
        .break_glass()
        .map_or_else(String::new, |used| format!(" by breaking the glass, by {} alone", used.approver))
}

fn decided_by(record: &Record) -> String {
    match (record.approver.as_deref(), record.on_behalf_of.as_deref()) {
        (Some(approver), Some(absent)) => format!("{approver} (on behalf of {absent})"),
        (Some(approver), None) => approver.to_owned(),
        (None, _) => "Somebody".to_owned(),
    }
}

/// `dana@acme.example, on behalf of dmitri@acme.example, by signed link, Mon 23 Nov 2026, 18:51 UTC`.
#[must_use]
pub fn decision_line(decision: &Decision) -> String {
    let absent = decision.on_behalf_of.as_ref().map_or_else(String::new, |absent| format!(", on behalf of {absent}"));
    format!("{}{absent}, {}, {}", decision.approver, channel_words(decision.channel), moment(decision.at))
}

const fn channel_words(channel: Channel) -> &'static str {
    match channel {
        Channel::Api => "with a token",
        Channel::Link => "by signed link",
        Channel::Slack => "in Slack",
    }
}

/// Why the reader gets a mail.
#[must_use]
pub fn reason(situation: &Situation<'_>, reader: Reader) -> String {
    let team = &situation.record.team;
    match (reader, situation.occasion) {
        (Reader::Requester, _) => "You get this mail because you asked for the image.".to_owned(),
        (Reader::Approver | Reader::Mailbox, Occasion::BreakGlassUsed) => format!(
            "You get this mail because you may decide requests of the team {team}, or because the policy wants you \
             to know whenever somebody breaks the glass."
        ),
        (Reader::Approver, _) => format!("You get this mail because you may decide requests of the team {team}."),
        (Reader::Mailbox, _) => {
            format!("You get this mail because readers of this address may decide requests of the team {team}.")
        }
        (Reader::Administrators, _) => "You get this mail because you administer cgr-request.".to_owned(),
        (Reader::Everybody, _) => String::new(),
    }
}

fn what_is_needed(situation: &Situation<'_>) -> String {
    let record = situation.record;
    let approvals = situation.quorum().map_or_else(String::new, |quorum| format!("; {}", progress(&quorum)));
    format!(
        "It is for {} in {}. The policy's rule “{}” asks for {}{approvals}.",
        record.team,
        record.environment.as_str(),
        record.policy_rule,
        record.approval_tier.asks_for()
    )
}

/// `one approval is enough`, or what is given and what is missing.
fn progress(quorum: &Quorum) -> String {
    match (quorum.counted(), needed(quorum)) {
        (0, 1) => "one approval is enough".to_owned(),
        (0, needed) => format!("{needed} approvals are needed: {}", missing(quorum)),
        (_, _) => how_far(quorum),
    }
}

/// `1 of 2 approvals is given; still missing: 1 from security-reviewers`.
fn how_far(quorum: &Quorum) -> String {
    let (given, needed) = (quorum.counted(), needed(quorum));
    let are = if given == 1 { "is" } else { "are" };
    let missing = if quorum.missing() == 0 { String::new() } else { format!("; still missing: {}", missing(quorum)) };
    format!("{given} of {needed} approvals {are} given{missing}")
}

/// How many approvals a request takes in all.
#[must_use]
pub fn needed(quorum: &Quorum) -> usize {
    quorum.parts.iter().map(|part| part.needed).sum()
}

/// `1 from data-engineering-leads and 2 from security-reviewers or security-leads`: the approvals that are not there.
#[must_use]
pub fn missing(quorum: &Quorum) -> String {
    let part = |part: &QuorumPart| {
        let names: Vec<&str> = part.approvers.iter().map(|approver| approver.name.as_str()).collect();
        format!("{} from {}", part.missing(), listed(&names, " or "))
    };
    let parts: Vec<String> = quorum.parts.iter().filter(|part| part.missing() > 0).map(part).collect();
    parts.join(" and ")
}

fn still_missing(situation: &Situation<'_>) -> String {
    situation
        .quorum()
        .map_or_else(|| "More approvals are needed.".to_owned(), |quorum| format!("{}.", how_far(&quorum)))
}

fn how_long(situation: &Situation<'_>) -> String {
    let Some(request) = situation.request else {
        return String::new();
    };
    let waited = span(situation.record.timestamp.since(request.round.since));
    match request.sla_at() {
        Some(due) => format!("It has waited for {waited}, and the decision is due on {}. ", moment(due)),
        None => format!("It has waited for {waited}. "),
    }
}

/// The two lines of approvers, the first one first.
fn who_was_asked(situation: &Situation<'_>) -> String {
    let due = situation.request.and_then(domain::request::Request::sla_at);
    let late = due.map_or_else(|| "in time".to_owned(), |due| format!("by {}", moment(due)));
    let (first, second) = lines(situation);
    if second.is_empty() {
        format!("{} did not decide {late}.", in_line(&first))
    } else {
        format!(
            "{} were asked first and did not decide {late}, so {} may decide, too.",
            in_line(&first),
            in_line(&second)
        )
    }
}

/// Those who were asked first, and those who may decide since the escalation.
fn lines(situation: &Situation<'_>) -> (Vec<Approver>, Vec<Approver>) {
    let matter = situation.matter();
    let first = situation.policy.approvers(Matter { escalated: false, ..matter });
    let both = situation.policy.approvers(Matter { escalated: true, ..matter });
    let second = both.into_iter().filter(|approver| !first.contains(approver)).collect();
    (first, second)
}

/// Who was asked first, with the addresses that reach them.
#[must_use]
pub fn first_line(situation: &Situation<'_>) -> String {
    let (first, _) = lines(situation);
    let with_contacts = |approver: &Approver| match approver.contacts.as_slice() {
        [only] if *only == approver.name => only.clone(),
        contacts => format!("{} ({})", approver.name, listed(contacts, ", ")),
    };
    let names: Vec<String> = first.iter().map(with_contacts).collect();
    listed(&names, ", ")
}

fn in_line(approvers: &[Approver]) -> String {
    let names: Vec<&str> = approvers.iter().map(|approver| approver.name.as_str()).collect();
    listed(&names, ", ")
}

/// The names of those whose approval is missing; of all who may decide where nobody knows.
#[must_use]
pub fn approver_names(situation: &Situation<'_>) -> String {
    match situation.quorum() {
        Some(quorum) => listed(&quorum.waits_for(), ", "),
        None => in_line(&situation.policy.approvers(situation.matter())),
    }
}

/// The names one after the other, at most ten, and how many more there are.
#[must_use]
pub fn listed<S: AsRef<str>>(names: &[S], separator: &str) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_NAMES).map(AsRef::as_ref).collect();
    let shown = shown.join(separator);
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

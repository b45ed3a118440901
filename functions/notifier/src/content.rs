//! What a message contains, whatever it is written in: mail as text, mail as HTML, and Slack show the same.

use domain::api::Links;
use domain::image::{Organization, REGISTRY, pull_command};
use domain::policy::Policy;
use domain::request::{Channel, Decision};
use domain::text::{Comment, Justification, RiskAssessment};
use domain::time::words::{moment, span};

use crate::audience::{Occasion, Reader};
use crate::invitation::Invitation;
use crate::situation::Situation;
use crate::wording::{Tone, approver_names, decision_line, first_line, listed, missing, needed, reason, wording};
use lambda::visible::{Line, Prose};

/// Most decisions that a message shows one by one.
const MAX_DECISIONS: usize = 10;

/// A message. All texts are harmless to show and still have to be escaped for the markup that they are put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// A few words on how things stand.
    pub status: &'static str,
    /// How it is meant.
    pub tone: Tone,
    /// A line that stands on its own.
    pub title: Line,
    /// What it means for the reader.
    pub lead: Line,
    /// A line for the terminal.
    pub command: Option<Line>,
    /// The one link, if there is one.
    pub action: Option<Action>,
    /// What is said of links besides.
    pub note: Option<Line>,
    /// How to go on without the link.
    pub by_token: Option<ByToken>,
    /// What people wrote, and what went wrong.
    pub passages: Vec<Passage>,
    /// What is to be known, in a line each.
    pub facts: Vec<Fact>,
    /// Why the reader gets it.
    pub reason: Line,
    /// Which event of which request it tells of.
    pub reference: Line,
}

/// One thing that is to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// The thing.
    pub value: Line,
}

/// A longer text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What it is.
    pub label: Line,
    /// The text.
    pub text: Prose,
}

/// What the reader can do by following the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The words on the button.
    pub label: &'static str,
    /// Where it leads.
    pub target: Target,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The request at the API, which asks for a token.
    Request(String),
    /// The page of one approver.
    Page(Invitation),
}

/// What the reader can do with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByToken {
    /// Who can, and why.
    pub lead: Line,
    /// Lines for the terminal; none where another channel is meant.
    pub commands: Vec<Line>,
}

/// How the readers of a message come to the request.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// At its address, with a token.
    Request,
    /// By a signed link of their own.
    Page(&'a Invitation),
    /// Not by this message: several people read it, and these have a link of their own.
    NoLink {
        /// E-mail addresses.
        holders: &'a [String],
    },
}

/// What the installation adds to what an event says.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Whose registry it is.
    pub organization: Organization,
    /// Where the API is found, without a slash at the end.
    pub public_url: String,
    /// The policy in force.
    pub policy: Policy,
    /// Which secret says where messages go besides mail.
    pub secret_id: String,
    /// Which secret has the keys of signed links.
    pub link_keys_secret_id: String,
}

impl Target {
    /// The address.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Request(url) => url,
            Self::Page(invitation) => invitation.url(),
        }
    }
}

impl Content {
    /// What `reader`, who comes to the request by `way`, is told of `situation`.
    #[must_use]
    pub fn new(situation: &Situation<'_>, reader: Reader, way: Way<'_>, installation: &Installation) -> Self {
        let record = situation.record;
        let words = wording(situation, reader);
        let repository = record.custom_name.as_ref().unwrap_or(&record.image.name);
        let organization = &installation.organization;
        Self {
            status: words.status,
            tone: words.tone,
            title: Line::new(words.title),
            lead: Line::new(words.lead),
            command: (situation.occasion == Occasion::Available)
                .then(|| Line::new(pull_command(organization, repository, &record.image.tag))),
            action: action(situation, way, installation),
            note: note(situation, reader, way).map(Line::new),
            by_token: by_token(situation, reader, way, installation),
            passages: passages(situation),
            facts: facts(situation, installation),
            reason: Line::new(reason(situation, reader)),
            reference: Line::new(format!("{}, event {}", record.request_id, record.sequence)),
        }
    }
}

fn action(situation: &Situation<'_>, way: Way<'_>, installation: &Installation) -> Option<Action> {
    match way {
        Way::Request => {
            let url = Links::new(&installation.public_url, situation.record.request_id).this;
            Some(Action { label: "Open the request", target: Target::Request(url) })
        }
        Way::Page(invitation) => {
            let label = if takes(situation, Channel::Link) { "Review and decide" } else { "Look at the request" };
            Some(Action { label, target: Target::Page(invitation.clone()) })
        }
        Way::NoLink { .. } => None,
    }
}

fn note(situation: &Situation<'_>, reader: Reader, way: Way<'_>) -> Option<String> {
    match way {
        Way::Page(invitation) => {
            let until = moment(invitation.expires);
            let valid_for = span(invitation.expires.since(situation.record.timestamp));
            let what = if takes(situation, Channel::Link) {
                "It shows the request, and you decide on the page, once"
            } else {
                "It shows the request and does not decide it"
            };
            Some(format!("This link is yours alone: do not pass it on. {what}. It works until {until} ({valid_for})."))
        }
        Way::Request if reader == Reader::Everybody && situation.occasion.asks_for_decision() => {
            Some("Approvers who are named in the policy have a link of their own by mail.".to_owned())
        }
        Way::Request | Way::NoLink { .. } => None,
    }
}

/// Whether requests of this tier may be decided through `channel`.
fn takes(situation: &Situation<'_>, channel: Channel) -> bool {
    let review = situation.policy.review(situation.record.approval_tier);
    review.is_some_and(|review| review.channels.contains(&channel))
}

fn by_token(situation: &Situation<'_>, reader: Reader, way: Way<'_>, installation: &Installation) -> Option<ByToken> {
    let tier = situation.record.approval_tier.as_str();
    let (lead, who) = match way {
        Way::Page(_) if takes(situation, Channel::Link) => return None,
        Way::Page(_) => (format!("Requests of the tier {tier} are not decided by link."), "You decide"),
        Way::NoLink { holders: [] } => (
            "Several people read this mail, so it has no link, and nobody has one of their own.".to_owned(),
            "Whoever may decide does so",
        ),
        Way::NoLink { holders } => (
            format!(
                "Several people read this mail, so it has no link. With a link of their own by mail: {}.",
                listed(holders, ", ")
            ),
            "Whoever may decide can also do so",
        ),
        Way::Request if reader == Reader::Administrators && situation.occasion == Occasion::Failed => {
            let command = patch(installation, situation, "retry", None);
            let lead = "Send it round again with a token, once the cause is gone:".to_owned();
            return Some(ByToken { lead: Line::new(lead), commands: vec![Line::new(command)] });
        }
        Way::Request => return None,
    };
    // With the digest, nothing is decided but what this message shows.
    let digest = situation.request.map(|request| request.digest().to_string()).unwrap_or_default();
    let yes = format!(r#"{{"digest":"{digest}"}}"#);
    let no = format!(r#"{{"comment":"why not","digest":"{digest}"}}"#);
    Some(ByToken {
        lead: Line::new(format!("{lead} {who} with a token, by one of these lines:")),
        commands: vec![
            Line::new(patch(installation, situation, "approve", Some(&yes))),
            Line::new(patch(installation, situation, "reject", Some(&no))),
        ],
    })
}

/// The line for the terminal. `body` is ours: it has no quote that could end it.
fn patch(installation: &Installation, situation: &Situation<'_>, verb: &str, body: Option<&str>) -> String {
    let url = Links::new(&installation.public_url, situation.record.request_id).this;
    let body = body.map_or_else(String::new, |body| format!(r#" -H "Content-Type: application/json" -d '{body}'"#));
    format!(r#"curl -X PATCH {url}/{verb} -H "Authorization: Bearer $TOKEN"{body}"#)
}

fn facts(situation: &Situation<'_>, installation: &Installation) -> Vec<Fact> {
    let record = situation.record;
    let repository = record.custom_name.as_ref().unwrap_or(&record.image.name);
    let mut facts = vec![
        fact("Image", record.image.to_string()),
        fact("Repository", format!("{REGISTRY}/{}/{repository}", installation.organization)),
        fact("Team", record.team.as_str()),
        fact("Environment", record.environment.as_str()),
        fact("Requester", &record.requester),
        fact("Tier", record.approval_tier.as_str()),
        fact("Policy rule", format!("{} (policy version {})", record.policy_rule, record.policy_version)),
    ];
    facts.extend(decisions(situation));
    if let Some(error) = &record.error {
        facts.push(fact("Error", error.kind.as_str()));
    }
    if situation.occasion == Occasion::Available {
        facts.push(fact("Available after", span(record.timestamp.since(record.request_id.made_at()))));
    }
    facts.extend(what_is_open(situation));
    facts
}

/// Who decided so far.
fn decisions(situation: &Situation<'_>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = shown(situation)
        .map(|given| {
            let label = if situation.break_glass() == Some(given) { "Break glass" } else { "Approved by" };
            fact(label, decision_line(given))
        })
        .collect();
    let unnamed = situation.approvals().len().saturating_sub(MAX_DECISIONS);
    if unnamed > 0 {
        facts.push(fact("Approved by", format!("{unnamed} more")));
    }
    let by = || {
        let record = situation.record;
        let absent = record.on_behalf_of.as_ref().map_or_else(String::new, |absent| format!(", on behalf of {absent}"));
        Some(format!("{}{absent}", record.approver.as_ref()?))
    };
    let label = match situation.occasion {
        Occasion::Rejected => "Rejected by",
        Occasion::Retried => "Sent again by",
        Occasion::BreakGlassUsed if facts.is_empty() => "Break glass",
        // What is stored of the request says more, unless it says nothing.
        Occasion::ApprovedByPolicy | Occasion::Approved | Occasion::ApprovalRecorded if facts.is_empty() => {
            "Approved by"
        }
        Occasion::BreakGlassUsed
        | Occasion::ApprovedByPolicy
        | Occasion::Approved
        | Occasion::ApprovalRecorded
        | Occasion::Submitted
        | Occasion::Cancelled
        | Occasion::Reminded
        | Occasion::Escalated
        | Occasion::Expired
        | Occasion::Failed
        | Occasion::Available => return facts,
    };
    facts.extend(by().map(|by| fact(label, by)));
    facts
}

/// The decisions that are shown one by one.
fn shown<'a>(situation: &Situation<'a>) -> impl Iterator<Item = &'a Decision> {
    situation.approvals().iter().take(MAX_DECISIONS)
}

/// What is still to be done, by whom and by when, and what was left undone.
fn what_is_open(situation: &Situation<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let occasion = situation.occasion;
    if let Some(quorum) = situation.passed_over().filter(|quorum| quorum.missing() > 0)
        && occasion == Occasion::BreakGlassUsed
    {
        facts.push(fact("Passed over", missing(&quorum)));
    }
    if !occasion.asks_for_decision() && occasion != Occasion::ApprovalRecorded {
        return facts;
    }
    if occasion == Occasion::Escalated {
        facts.push(fact("Asked first", first_line(situation)));
    }
    facts.push(fact("Waiting for", approver_names(situation)));
    if let Some(quorum) = situation.quorum() {
        facts.push(fact("Approvals", format!("{} of {} given", quorum.counted(), needed(&quorum))));
    }
    if let Some(request) = situation.request {
        facts.extend(request.sla_at().map(|due| fact("Decision due", moment(due))));
        facts.extend(request.expires_at().map(|end| fact("Expires", moment(end))));
        facts.extend(occasion.asks_for_decision().then(|| fact("Digest", request.digest().to_string())));
    }
    facts
}

fn passages(situation: &Situation<'_>) -> Vec<Passage> {
    let record = situation.record;
    let passage = |label: &str, text: &str| Passage { label: Line::new(label), text: Prose::new(text) };
    let mut passages = Vec::new();
    if let Some(error) = &record.error {
        passages.push(passage("What happened", &error.message));
        passages.push(passage("What helps", &error.remedy));
    }
    let alone = |given: &Decision| situation.break_glass() == Some(given);
    let (mut loud, quiet): (Vec<&Decision>, Vec<&Decision>) = shown(situation).partition(|given| alone(given));
    loud.extend(quiet);
    let mut is_said = false;
    for (given, comment) in loud.into_iter().filter_map(|given| Some((given, given.comment.as_ref()?))) {
        let label = if alone(given) {
            format!("Reason of {} for breaking the glass", given.approver)
        } else {
            format!("Comment of {}", given.approver)
        };
        is_said = is_said || record.comment.as_ref() == Some(comment);
        passages.push(passage(&label, comment.as_str()));
    }
    let reason = matches!(situation.occasion, Occasion::Rejected | Occasion::BreakGlassUsed);
    let own = record.comment.as_ref().filter(|_| !is_said).map(Comment::as_str);
    let rest = [
        (if reason { "Reason" } else { "Comment" }, own),
        ("Justification", record.justification.as_ref().map(Justification::as_str)),
        ("Risk assessment", record.risk_assessment.as_ref().map(RiskAssessment::as_str)),
    ];
    passages.extend(rest.into_iter().filter_map(|(label, text)| Some(passage(label, text?))));
    passages
}

fn fact(label: &'static str, value: impl AsRef<str>) -> Fact {
    Fact { label, value: Line::new(value) }
}

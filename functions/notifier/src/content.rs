//! What a message contains, whatever it is written in: mail as text, mail as HTML, and Slack show the same.

use domain::api::Links;
use domain::image::{Organization, REGISTRY, pull_command};
use domain::journal::Record;
use domain::policy::Policy;
use domain::text::{Comment, Justification, RiskAssessment};
use domain::time::Timestamp;

use crate::audience::{Occasion, Reader, approver_names};
use crate::visible::{Line, Prose};
use crate::wording::{Tone, reason, wording};

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
    /// What is to be known, in a line each.
    pub facts: Vec<Fact>,
    /// What people wrote, and what went wrong.
    pub passages: Vec<Passage>,
    /// What to do.
    pub action: Action,
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
    pub label: &'static str,
    /// The text.
    pub text: Prose,
}

/// What the reader can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The words on the button.
    pub label: &'static str,
    /// Where it leads: the request.
    pub url: String,
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
}

impl Content {
    /// What `reader` is told of `occasion`.
    #[must_use]
    pub fn new(occasion: Occasion, reader: Reader, record: &Record, installation: &Installation) -> Self {
        let words = wording(occasion, reader, record, &installation.policy);
        let repository = record.custom_name.as_ref().unwrap_or(&record.image.name);
        let organization = &installation.organization;
        let deciding = occasion.asks_for_decision() && reader != Reader::Requester;
        Self {
            status: words.status,
            tone: words.tone,
            title: Line::new(words.title),
            lead: Line::new(words.lead),
            command: (occasion == Occasion::Available)
                .then(|| Line::new(pull_command(organization, repository, &record.image.tag))),
            facts: facts(occasion, record, installation),
            passages: passages(occasion, record),
            action: Action {
                label: if deciding { "Review and decide" } else { "Open the request" },
                url: Links::new(&installation.public_url, record.request_id).this,
            },
            reason: Line::new(reason(reader, record)),
            reference: Line::new(format!("{}, event {}", record.request_id, record.sequence)),
        }
    }
}

fn facts(occasion: Occasion, record: &Record, installation: &Installation) -> Vec<Fact> {
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
    if let Some(approver) = &record.approver {
        facts.push(fact("Decided by", approver));
    }
    if let Some(error) = &record.error {
        facts.push(fact("Error", error.kind.as_str()));
    }
    if occasion.asks_for_decision() {
        facts.push(fact("Waiting for", approver_names(occasion, record, &installation.policy)));
    }
    if occasion == Occasion::Submitted {
        facts.extend(deadlines(record, &installation.policy));
    }
    facts
}

/// When it has to be decided. Only the submission's record tells, by its own time, and only the policy that it was
/// judged by: later records do not repeat it, and another policy sets other deadlines.
fn deadlines(record: &Record, policy: &Policy) -> Vec<Fact> {
    let review = policy.review(record.approval_tier).filter(|_| record.policy_version == policy.version);
    review.map_or_else(Vec::new, |review| {
        vec![
            fact("Decision due", moment(record.timestamp.plus(review.sla.duration()))),
            fact("Expires", moment(record.timestamp.plus(review.expires_after.duration()))),
        ]
    })
}

fn passages(occasion: Occasion, record: &Record) -> Vec<Passage> {
    let comment = if occasion == Occasion::Rejected { "Reason" } else { "Comment" };
    [
        ("What happened", record.error.as_ref().map(|error| error.message.as_str())),
        ("What helps", record.error.as_ref().map(|error| error.remedy.as_str())),
        (comment, record.comment.as_ref().map(Comment::as_str)),
        ("Justification", record.justification.as_ref().map(Justification::as_str)),
        ("Risk assessment", record.risk_assessment.as_ref().map(RiskAssessment::as_str)),
    ]
    .into_iter()
    .filter_map(|(label, text)| Some(Passage { label, text: Prose::new(text?) }))
    .collect()
}

fn fact(label: &'static str, value: impl AsRef<str>) -> Fact {
    Fact { label, value: Line::new(value) }
}

/// `Tue 24 Nov 2026, 18:51 UTC`.
fn moment(timestamp: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(timestamp.as_millisecond())
        .map_or_else(|_| timestamp.to_string(), |instant| instant.strftime("%a %-d %b %Y, %H:%M UTC").to_string())
}

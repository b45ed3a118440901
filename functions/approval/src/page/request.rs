//! The page about a request.

use askama::Template;
use domain::api::DecisionRequest;
use domain::image::pull_command;
use domain::lifecycle::Rejection;
use domain::link::Link;
use domain::person::same_mailbox;
use domain::policy::{Approver, ApproverKind, Outcome, Policy, QuorumPart, Subject};
use domain::request::{Channel, Decision, Phase, Request, Status, Submission};
use domain::text::{Justification, RiskAssessment};
use domain::time::Timestamp;
use lambda::settings::Settings;
use lambda::visible::{Line, Prose};

use super::cards::{Card, cards};
use super::outcome::{is_you, outcome, spoken};
use super::{Chip, Tone};
use crate::evidence::Evidence;
use crate::moment::Moment;
use crate::sentence::{Sentence, counted, grouped};
use crate::situation::{Choices, Stage};

/// Addresses behind a group that are listed, at most.
const SHOWN_CONTACTS: usize = 6;

/// What stands for the API's address where the installation does not know its own.
const UNKNOWN_BASE: &str = "https://$API_HOST";

/// What a page is made from.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    /// The request.
    pub(crate) request: &'a Request,
    /// The link that leads to it.
    pub(crate) link: &'a Link,
    /// What is known about the image; shown while there is something to decide.
    pub(crate) evidence: Option<&'a Evidence>,
    /// What the installation adds.
    pub(crate) settings: &'a Settings,
    /// The present.
    pub(crate) now: Timestamp,
}

/// What was sent and is not taken.
pub(crate) struct Draft<'a> {
    /// What was typed.
    pub(crate) typed: &'a str,
    /// What is wrong.
    pub(crate) wrong: Wrong,
}

/// What is wrong with a decision.
pub(crate) enum Wrong {
    /// A rejection without a reason.
    ReasonMissing,
    /// A comment that is longer than this many characters.
    TooLong(usize),
    /// The life cycle does not allow it.
    Refused(Rejection),
}

/// The page.
#[derive(Template)]
#[template(path = "request.html")]
pub(crate) struct RequestPage {
    title: String,
    chip: Chip,
    heading: Sentence,
    lead: Vec<Sentence>,
    /// What was said with the decision.
    comment: Option<Prose>,
    command: Option<Line>,
    alert: Option<Alert>,
    facts: Vec<Fact>,
    passages: Vec<Passage>,
    why: Vec<Sentence>,
    cards: Vec<Card>,
    parts: Vec<Part>,
    said: Vec<Said>,
    form: Option<Form>,
    how: Option<HowTo>,
    link_note: Sentence,
    reference: String,
}

/// What was wrong, on top of the page.
struct Alert {
    words: Sentence,
    /// Whether it is about the comment.
    about_comment: bool,
}

/// One thing that is to be known.
struct Fact {
    label: &'static str,
    value: Sentence,
}

/// What somebody wrote.
struct Passage {
    label: &'static str,
    text: Prose,
}

/// One of the tier's requirements.
struct Part {
    given: usize,
    needed: usize,
    who: Vec<Sentence>,
    said: Vec<Said>,
}

/// A decision, and what was said with it.
struct Said {
    words: Sentence,
    comment: Option<Prose>,
}

/// The form.
struct Form {
    notes: Vec<Sentence>,
    may_approve: bool,
    may_reject: bool,
    typed: String,
    /// Whether what was typed is what is wrong.
    is_comment_wrong: bool,
}

/// How to decide with a token.
struct HowTo {
    notes: Vec<Sentence>,
    /// A line of the terminal for each, with what it does.
    commands: Vec<(&'static str, Prose)>,
}

/// How things stand, in front of everything else.
struct Head {
    chip: Chip,
    title: String,
    heading: Sentence,
    lead: Vec<Sentence>,
    command: Option<Line>,
}

impl RequestPage {
    /// The page at `stage`; with what was wrong, if something was sent.
    pub(crate) fn new(material: Material<'_>, stage: &Stage, draft: Option<&Draft<'_>>) -> Self {
        let Material { request, link, evidence, settings, now } = material;
        let submission = &request.submission;
        let head = Head::new(material, stage);
        let is_pending = request.status() == Status::Pending;
        let shows_evidence = match stage {
            Stage::Open(_) | Stage::NotByLink => true,
            Stage::SaidYes | Stage::Over => false,
        };
        let (parts, said) = if is_pending { progress(material) } else { (Vec::new(), said_before(material)) };
        let comment = deciding(request).and_then(|decision| decision.comment.as_ref());
        let alert = draft.filter(|draft| is_pertinent(&draft.wrong, stage)).map(Alert::new);
        Self {
            title: if alert.is_some() { format!("Nothing decided: {}", head.title) } else { head.title },
            chip: head.chip,
            heading: head.heading,
            lead: head.lead,
            comment: comment.map(|comment| Prose::new(comment.as_str())),
            command: head.command,
            alert,
            facts: facts(material),
            passages: passages(submission),
            why: if shows_evidence { why(&settings.policy, submission, now) } else { Vec::new() },
            cards: evidence.filter(|_| shows_evidence).map_or_else(Vec::new, |known| cards(known, submission, now)),
            parts,
            said,
            form: match stage {
                Stage::Open(choices) => Some(Form::new(choices, link, draft)),
                Stage::NotByLink | Stage::SaidYes | Stage::Over => None,
            },
            how: match stage {
                Stage::NotByLink => Some(HowTo::new(request, settings)),
                Stage::Open(_) | Stage::SaidYes | Stage::Over => None,
            },
            link_note: Sentence::of("This link is for ")
                .name(&link.approver)
                .say(" and can be used until ")
                .time(Moment::new(link.expires, now))
                .say(". Whoever has it acts in that name: do not pass it on."),
            reference: submission.id.to_string(),
        }
    }
}

impl Head {
    fn new(material: Material<'_>, stage: &Stage) -> Self {
        let Material { request, link, settings, now, .. } = material;
        let submission = &request.submission;
        let subject = format!("{} for {}", submission.image, submission.team);
        let heading =
            Sentence::default().code(submission.image.to_string()).say(" for ").name(submission.team.as_str());
        let (label, tone, title, heading, lead) = match stage {
            Stage::Open(_) => {
                ("Waiting for your decision", Tone::Waiting, "Decision needed", question(submission), asked(material))
            }
            Stage::NotByLink => {
                let title = "Decision needed, with a token";
                ("To be decided with a token", Tone::Waiting, title, question(submission), asked(material))
            }
            Stage::SaidYes => ("Waiting for others", Tone::Neutral, "Waiting for others", heading, waits(material)),
            Stage::Over => {
                let outcome = outcome(request, link, &settings.organization, now);
                return Self {
                    title: format!("{}: {subject}", outcome.chip.label),
                    chip: outcome.chip,
                    heading,
                    lead: outcome.lead,
                    command: outcome.command,
                };
            }
        };
        Self { chip: Chip { label, tone }, title: format!("{title}: {subject}"), heading, lead, command: None }
    }
}

fn question(submission: &Submission) -> Sentence {
    let image = Sentence::of("Add ").code(submission.image.to_string());
    image.say(" for ").name(submission.team.as_str()).say("?")
}

/// Who asks for what, and by when.
fn asked(material: Material<'_>) -> Vec<Sentence> {
    let Material { request, settings, .. } = material;
    let submission = &request.submission;
    let asked = Sentence::default()
        .name(&submission.requester.email)
        .say(" asks to add the Chainguard image ")
        .code(submission.image.name.as_str())
        .say(" to the registry of ")
        .name(settings.organization.as_str())
        .say(format!(", to run in {}.", submission.environment.as_str()));
    let asked = if submission.image.base_image { asked.say(" Other images are to be built on it.") } else { asked };
    std::iter::once(asked).chain(deadline(material)).collect()
}

/// By when it has to be decided.
fn deadline(material: Material<'_>) -> Option<Sentence> {
    let Material { request, now, .. } = material;
    let at = request.sla_at()?;
    let moment = Moment::new(at, now);
    Some(match (at > now, request.is_escalated()) {
        (true, _) => Sentence::of("Decide by ").time(moment).say("."),
        (false, false) => Sentence::of("A decision was due on ").time(moment).say("."),
        (false, true) => Sentence::of("A decision was due on ")
            .time(moment)
            .say(". It was escalated: the second line may decide, too."),
    })
}

/// What a request waits for that its reader has approved.
fn waits(material: Material<'_>) -> Vec<Sentence> {
    let Material { request, link, settings, now, .. } = material;
    let own = request.approvals.iter().find(|decision| is_you(decision, link));
    let said = own
        .map_or_else(|| Sentence::of("Your approval is recorded."), |decision| spoken(decision, link, "approved", now));
    let mut lead = vec![said];
    if let Some(quorum) = settings.policy.quorum(request.matter(), &request.approvals) {
        let missing = counted(quorum.missing(), "more approval");
        let names = quorum.waits_for();
        let waits = Sentence::of(format!("It waits for {missing}, from ")).names(names.iter().map(String::as_str));
        lead.push(match request.sla_at() {
            Some(at) => waits.say(", due on ").time(Moment::new(at, now)).say("."),
            None => waits.say("."),
        });
    }
    lead.push(Sentence::of(
        "There is nothing more to do with this link. If you have changed your mind, reject the request through the \
         API, with a token.",
    ));
    lead
}

fn facts(material: Material<'_>) -> Vec<Fact> {
    let Material { request, settings, now, .. } = material;
    let submission = &request.submission;
    let fact = |label, value| Fact { label, value };
    let moment = |at| Sentence::default().time(Moment::new(at, now));
    let pull = pull_command(&settings.organization, submission.repository_name(), &submission.image.tag);
    let mut facts = vec![
        fact("Image", Sentence::default().code(submission.image.to_string())),
        fact("Repository", Sentence::default().code(submission.repository_name().as_str())),
    ];
    match &request.phase {
        // Shown above, to be copied.
        Phase::Available { .. } => {}
        Phase::Pending { .. } | Phase::Approved { .. } | Phase::Provisioning { .. } | Phase::Provisioned { .. } => {
            facts.push(fact("To be pulled as", Sentence::default().code(pull)));
        }
        Phase::Rejected { .. } | Phase::Cancelled { .. } | Phase::Expired { .. } | Phase::Failed { .. } => {}
    }
    facts.push(fact("Asked by", Sentence::default().name(&submission.requester.email)));
    facts.push(fact("Team", Sentence::default().name(submission.team.as_str())));
    facts.push(fact("Environment", Sentence::of(submission.environment.as_str())));
    facts.push(fact("Asked on", moment(submission.submitted_at)));
    if let Some(at) = request.expires_at().filter(|_| request.status() == Status::Pending) {
        facts.push(fact("Ends undecided", moment(at)));
    }
    facts
}

/// What the requester wrote.
fn passages(submission: &Submission) -> Vec<Passage> {
    [
        ("Justification", submission.justification.as_ref().map(Justification::as_str)),
        ("Risk assessment", submission.risk_assessment.as_ref().map(RiskAssessment::as_str)),
    ]
    .into_iter()
    .filter_map(|(label, text)| Some(Passage { label, text: Prose::new(text?) }))
    .collect()
}

/// Why it is decided in this way.
fn why(policy: &Policy, submission: &Submission, now: Timestamp) -> Vec<Sentence> {
    let subject = Subject {
        image: &submission.image,
        catalog_tier: submission.catalog_tier,
        team: &submission.team,
        environment: submission.environment,
    };
    let explanation = policy.explain(subject, Some(&submission.requester), now);
    let still_says_so = match &explanation.outcome {
        Outcome::Review { rule, review } => *rule == submission.policy_rule && review.tier == submission.tier,
        Outcome::Denied { .. } | Outcome::Approved { .. } => false,
    };
    if still_says_so && policy.version == submission.policy_version {
        let version = Sentence::of("Policy version ").code(&policy.version).say(".");
        return vec![Sentence::default().marked(&explanation.reason()), version];
    }
    let tier = Sentence::of("The tier is ")
        .code(submission.tier.as_str())
        .say(", by the rule ")
        .code(&submission.policy_rule)
        .say(" of the policy, version ")
        .code(&submission.policy_version)
        .say(".");
    let since = Sentence::of("The policy in force is version ").code(&policy.version).say(
        ". The tier stays as it was when the request was submitted; who may decide is asked of the policy in force.",
    );
    vec![tier, since]
}

/// What is needed, what was given, and what was given and does not count.
fn progress(material: Material<'_>) -> (Vec<Part>, Vec<Said>) {
    let Material { request, settings, .. } = material;
    let approvals = &request.approvals;
    let Some(quorum) = settings.policy.quorum(request.matter(), approvals) else {
        return (Vec::new(), Vec::new());
    };
    let parts = quorum.parts.iter().map(|part| Part::new(part, material)).collect();
    let idle = approvals.iter().enumerate().filter(|(index, _)| !quorum.counts(*index));
    let idle = idle.map(|(_, decision)| {
        let said = Said::new(decision, "approved", material);
        Said { words: said.words.say(" That does not count any more: the policy has changed."), ..said }
    });
    (parts, idle.collect())
}

/// The decision that ended the waiting.
fn deciding(request: &Request) -> Option<&Decision> {
    match &request.phase {
        Phase::Pending { .. } | Phase::Cancelled { .. } | Phase::Expired { .. } => None,
        Phase::Rejected { decision } => Some(decision),
        Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Provisioned { .. }
        | Phase::Available { .. }
        | Phase::Failed { .. } => request.approvals.last(),
    }
}

/// The approvals that came before.
fn said_before(material: Material<'_>) -> Vec<Said> {
    let request = material.request;
    let approvals = request.approvals.iter().filter(|decision| deciding(request) != Some(*decision));
    approvals.map(|decision| Said::new(decision, "approved", material)).collect()
}

impl Part {
    fn new(part: &QuorumPart, material: Material<'_>) -> Self {
        let given = part.given.iter().filter_map(|index| material.request.approvals.get(*index));
        let approvers = part.approvers.iter();
        Self {
            given: part.given.len(),
            needed: part.needed,
            who: match part.missing() {
                0 => approvers.map(|approver| Sentence::default().name(&approver.name)).collect(),
                _ => approvers.flat_map(|approver| reachable(approver, material)).collect(),
            },
            said: given.map(|decision| Said::new(decision, "approved", material)).collect(),
        }
    }
}

/// An approver, who that is, and who stands in for them.
fn reachable(approver: &Approver, material: Material<'_>) -> Vec<Sentence> {
    let Material { request, settings, now, .. } = material;
    let name = Sentence::default().name(&approver.name);
    let approver_line = match approver.kind {
        ApproverKind::Person => name,
        ApproverKind::Group => {
            let shown = approver.contacts.iter().take(SHOWN_CONTACTS).map(String::as_str);
            let sentence = name.say(": ").names(shown);
            match approver.contacts.len().saturating_sub(SHOWN_CONTACTS) {
                0 => sentence,
                more => sentence.say(format!(" and {more} more")),
            }
        }
    };
    let requester = &request.submission.requester.email;
    let absent = |email: &str| approver.contacts.iter().any(|contact| contact.eq_ignore_ascii_case(email));
    let delegations = settings.policy.delegations().iter().filter(|delegation| {
        // Nobody stands in for the requester, nor does the requester for anybody.
        let asks = [&delegation.approver, &delegation.delegate].into_iter().any(|email| same_mailbox(email, requester));
        delegation.is_in_force(now) && absent(&delegation.approver) && !asks
    });
    let stand_ins = delegations.map(|delegation| {
        Sentence::default().name(&delegation.delegate).say(" for ").name(&delegation.approver).say(", who is away")
    });
    std::iter::once(approver_line).chain(stand_ins).collect()
}

impl Said {
    fn new(decision: &Decision, participle: &str, material: Material<'_>) -> Self {
        Self {
            words: spoken(decision, material.link, participle, material.now),
            comment: decision.comment.as_ref().map(|comment| Prose::new(comment.as_str())),
        }
    }
}

/// Whether there is still something to be corrected: a comment that is too long does not matter once all is decided.
const fn is_pertinent(wrong: &Wrong, stage: &Stage) -> bool {
    match (wrong, stage) {
        (Wrong::Refused(_), _) | (Wrong::ReasonMissing | Wrong::TooLong(_), Stage::Open(_)) => true,
        (Wrong::ReasonMissing | Wrong::TooLong(_), Stage::NotByLink | Stage::SaidYes | Stage::Over) => false,
    }
}

impl Alert {
    fn new(draft: &Draft<'_>) -> Self {
        match &draft.wrong {
            Wrong::ReasonMissing => {
                Self { words: Sentence::of("Say why you reject this request."), about_comment: true }
            }
            Wrong::TooLong(most) => {
                let (typed, most) = (grouped(draft.typed.chars().count()), grouped(*most));
                let words = format!("Shorten your comment to {most} characters. It has {typed}.");
                Self { words: Sentence::of(words), about_comment: true }
            }
            Wrong::Refused(rejection) => {
                let words = Sentence::of("Nothing was decided: ").name(rejection.to_string()).say(".");
                Self { words, about_comment: false }
            }
        }
    }
}

impl Form {
    fn new(choices: &Choices, link: &Link, draft: Option<&Draft<'_>>) -> Self {
        let is_comment_wrong = draft.is_some_and(|draft| match &draft.wrong {
            Wrong::ReasonMissing | Wrong::TooLong(_) => true,
            Wrong::Refused(_) => false,
        });
        Self {
            notes: vec![in_whose_name(choices, link), consequence(choices)],
            may_approve: choices.approve.is_ok(),
            may_reject: choices.may_reject,
            typed: draft.map(|draft| draft.typed.to_owned()).unwrap_or_default(),
            is_comment_wrong,
        }
    }
}

fn in_whose_name(choices: &Choices, link: &Link) -> Sentence {
    let sentence = Sentence::of("You decide as ").name(&link.approver);
    let sentence = match &choices.on_behalf_of {
        Some(absent) => sentence.say(", for ").name(absent).say(" who is away"),
        None => sentence,
    };
    let person = choices.on_behalf_of.as_ref().unwrap_or(&link.approver);
    let groups: Vec<&str> =
        choices.capacities.iter().map(String::as_str).filter(|name| !name.eq_ignore_ascii_case(person)).collect();
    if groups.is_empty() { sentence.say(".") } else { sentence.say(" (").names(groups).say(").") }
}

fn consequence(choices: &Choices) -> Sentence {
    match &choices.approve {
        Ok(remaining) if remaining.missing == 0 => {
            Sentence::of("Yours is the last approval that is needed: with it, the image is added at once.")
        }
        Ok(remaining) => {
            Sentence::of(format!("After yours, it takes {}, from ", counted(remaining.missing, "more approval")))
                .names(remaining.waits_for.iter().map(String::as_str))
                .say(".")
        }
        Err(rejection) => Sentence::of("There is nothing for you to approve: ")
            .name(rejection.to_string())
            .say(". You can still reject the request."),
    }
}

impl HowTo {
    fn new(request: &Request, settings: &Settings) -> Self {
        let submission = &request.submission;
        let channels = settings.policy.review(submission.tier).into_iter().flat_map(|tier| &tier.channels);
        let notes = vec![
            Sentence::of("This link shows the request. Requests of the tier ")
                .code(submission.tier.as_str())
                .say(" are not decided by link, but through ")
                .names(channels.map(|channel| channel_name(*channel)))
                .say("."),
            Sentence::of("With your token in ").code("TOKEN").say(
                ", paste one of these into a terminal. The digest stands \
                 for what you see here: if the request changes before you decide, nothing is decided.",
            ),
        ];
        let base = match settings.public_url.trim_end_matches('/') {
            "" => UNKNOWN_BASE,
            base => base,
        };
        let command = |answer: &str, comment: Option<&str>| {
            let body = DecisionRequest { comment: comment.map(str::to_owned), digest: Some(request.digest()) };
            // Serialising the API's own types cannot fail.
            let body = serde_json::to_string(&body).unwrap_or_default();
            let url = format!("{base}/request/{}/{answer}", submission.id);
            Prose::new(format!(
                "curl --request PATCH \"{url}\" \\\n  --header \"Authorization: Bearer $TOKEN\" \\\n  --header \
                 'Content-Type: application/json' \\\n  --data '{body}'"
            ))
        };
        let commands =
            vec![("To approve", command("approve", None)), ("To reject", command("reject", Some("say why")))];
        Self { notes, commands }
    }
}

const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Api => "the API",
        Channel::Link => "a link",
        Channel::Slack => "Slack",
    }
}

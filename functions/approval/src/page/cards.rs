//! Evidence, in words.

use domain::catalog::CatalogTier;
use domain::entitlement::Coverage;
use domain::image::RepositoryName;
use domain::request::{Status, Submission};
use domain::time::Timestamp;

use crate::evidence::{Evidence, Fips, ImageEvidence, Listed, OrganizationEvidence, RequestEvidence, TagEvidence};
use crate::moment::Moment;
use crate::sentence::{Sentence, grouped};

/// Names of the same kind that are listed, at most.
const SHOWN_NAMES: usize = 4;
/// From how many hundredths of the limit on somebody should think of it.
const NEARLY_FULL_PERCENT: u64 = 90;

/// One subject of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    /// What it is about.
    pub(crate) title: &'static str,
    /// What is known.
    pub(crate) findings: Vec<Finding>,
    /// How full something is.
    pub(crate) gauge: Option<Gauge>,
    /// Other requests.
    pub(crate) rows: Vec<Row>,
    /// How old what is known is.
    pub(crate) as_of: Option<Moment>,
}

/// Something that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What it means for whoever decides.
    pub(crate) weight: Weight,
    /// In words.
    pub(crate) words: Sentence,
}

/// What a finding means for whoever decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As one would wish.
    Fine,
    /// As it is.
    Plain,
    /// Worth a thought.
    Notable,
    /// Not known at the moment.
    Unknown,
}

impl Weight {
    /// The class that marks it.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Plain => "plain",
            Self::Notable => "notable",
            Self::Unknown => "unknown",
        }
    }
}

/// How full something is. The findings say it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// In hundredths, at most 100.
    pub(crate) percent: u64,
    /// Whether somebody should think of it.
    pub(crate) nearly_full: bool,
}

/// Another request for the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Who asked, and for whom.
    pub(crate) who: Sentence,
    /// What became of it.
    pub(crate) status: Status,
    /// When.
    pub(crate) when: Moment,
}

/// Everything that is known.
pub(crate) fn cards(evidence: &Evidence, submission: &Submission, now: Timestamp) -> Vec<Card> {
    vec![
        image(evidence.image.as_ref(), submission, now),
        organization(evidence, submission, now),
        requests(evidence.requests.as_ref(), now),
    ]
}

impl Card {
    const fn new(title: &'static str, findings: Vec<Finding>) -> Self {
        Self { title, findings, gauge: None, rows: Vec::new(), as_of: None }
    }
}

impl Finding {
    const fn new(weight: Weight, words: Sentence) -> Self {
        Self { weight, words }
    }

    fn not_known() -> Self {
        Self::new(Weight::Unknown, Sentence::of("Not known at the moment."))
    }
}

fn image(evidence: Option<&ImageEvidence>, submission: &Submission, now: Timestamp) -> Card {
    let title = "In Chainguard’s catalog";
    let Some(evidence) = evidence else { return Card::new(title, vec![Finding::not_known()]) };
    let gone = || {
        let name = Sentence::default().code(submission.image.name.as_str());
        vec![Finding::new(Weight::Notable, name.say(" is not in the catalog any more. Adding it would fail."))]
    };
    let findings = evidence.listed.as_ref().map_or_else(gone, |listed| listed_findings(listed, submission));
    Card { as_of: Some(Moment::new(evidence.fetched_at, now)), ..Card::new(title, findings) }
}

fn listed_findings(listed: &Listed, submission: &Submission) -> Vec<Finding> {
    let tier = Sentence::of(format!("Catalog tier: {}.", tier_name(listed.tier)));
    let mut findings = vec![if listed.tier == submission.catalog_tier {
        Finding::new(Weight::Plain, tier)
    } else {
        let before = format!(" When it was asked for, the tier was {}.", tier_name(submission.catalog_tier));
        Finding::new(Weight::Notable, tier.say(before))
    }];
    findings.push(match &listed.fips {
        Fips::This => Finding::new(Weight::Fine, Sentence::of("It is a FIPS image.")),
        Fips::Variant(name) => {
            let words = Sentence::of("A FIPS variant exists: ").code(name.as_str()).say(".");
            Finding::new(Weight::Notable, words)
        }
        Fips::None => Finding::new(Weight::Plain, Sentence::of("There is no FIPS variant.")),
    });
    let tag = submission.image.tag.as_str();
    findings.push(match &listed.tag {
        TagEvidence::Active => {
            let words = Sentence::of("The tag ").code(tag).say(" is among the active ones.");
            Finding::new(Weight::Fine, words)
        }
        TagEvidence::NotActive(active) => {
            let words = Sentence::of("The tag ").code(tag).say(" is not among the active ones: ");
            Finding::new(Weight::Notable, some_of(words, active))
        }
        TagEvidence::NotSaid => {
            Finding::new(Weight::Unknown, Sentence::of("The catalog does not say which tags are active."))
        }
    });
    findings.push(match listed.coverage {
        Coverage::Included => Finding::new(Weight::Fine, Sentence::of("Your plan includes it.")),
        Coverage::Room => {
            Finding::new(Weight::Notable, Sentence::of("Your plan does not include it yet, and has room for it."))
        }
        Coverage::NotIncluded => {
            Finding::new(Weight::Notable, Sentence::of("Your plan does not include it. Adding it would fail."))
        }
        Coverage::NotKnown => {
            Finding::new(Weight::Unknown, Sentence::of("Whether your plan includes it is not known here."))
        }
    });
    if !listed.aliases.is_empty() {
        findings.push(Finding::new(Weight::Plain, some_of(Sentence::of("Known elsewhere as "), &listed.aliases)));
    }
    findings
}

/// The first few names, and how many more there are.
fn some_of(sentence: Sentence, names: &[String]) -> Sentence {
    let sentence = sentence.codes(names.iter().take(SHOWN_NAMES).map(String::as_str));
    match names.len().saturating_sub(SHOWN_NAMES) {
        0 => sentence.say("."),
        more => sentence.say(format!(" and {} more.", grouped(more))),
    }
}

const fn tier_name(tier: CatalogTier) -> &'static str {
    match tier {
        CatalogTier::Unknown => "not said",
        CatalogTier::Application => "application",
        CatalogTier::Base => "base",
        CatalogTier::Fips => "FIPS",
        CatalogTier::Ai => "AI",
        CatalogTier::Devtools => "developer tools",
        CatalogTier::Commercial => "commercial",
    }
}

fn organization(evidence: &Evidence, submission: &Submission, now: Timestamp) -> Card {
    let title = "In your registry";
    let mut card = Card::new(title, Vec::new());
    match &evidence.organization {
        Some(organization) => {
            card.findings = organization_findings(organization, submission);
            let percent = percent_used(organization);
            card.gauge = Some(Gauge { percent: percent.min(100), nearly_full: percent >= NEARLY_FULL_PERCENT });
            card.as_of = Some(Moment::new(organization.fetched_at, now));
        }
        None => card.findings.push(Finding::not_known()),
    }
    let names = evidence.requests.iter().flat_map(|requests| &requests.available_as);
    let names: Vec<&str> = names.map(RepositoryName::as_str).collect();
    if !names.is_empty() {
        let words = Sentence::of("The image was added before under another name: ").codes(names).say(".");
        card.findings.push(Finding::new(Weight::Notable, words));
    }
    card
}

/// How much of what the organisation may have it has, in hundredths, rounded down.
fn percent_used(organization: &OrganizationEvidence) -> u64 {
    organization.repositories.saturating_mul(100) / organization.limit.max(1)
}

fn organization_findings(organization: &OrganizationEvidence, submission: &Submission) -> Vec<Finding> {
    let name = submission.repository_name().as_str();
    let there = if organization.has_repository {
        let words = Sentence::of("There is a repository ").code(name).say(" already. Adding it would fail.");
        Finding::new(Weight::Notable, words)
    } else {
        Finding::new(Weight::Fine, Sentence::of("There is no repository ").code(name).say(" yet."))
    };
    let (count, limit) = (organization.repositories, organization.limit);
    let percent = percent_used(organization);
    let many = format!("{} of {} repositories ({percent} %).", grouped(count), grouped(limit));
    let room = if count >= limit {
        Finding::new(Weight::Notable, Sentence::of(many).say(" The limit is reached."))
    } else if percent >= NEARLY_FULL_PERCENT {
        let room = format!(" There is room for {} more.", grouped(limit - count));
        Finding::new(Weight::Notable, Sentence::of(many).say(room))
    } else {
        Finding::new(Weight::Plain, Sentence::of(many))
    };
    vec![there, room]
}

fn requests(evidence: Option<&RequestEvidence>, now: Timestamp) -> Card {
    let title = "Other requests for this image";
    let Some(evidence) = evidence else { return Card::new(title, vec![Finding::not_known()]) };
    let rows: Vec<Row> = evidence
        .newest
        .iter()
        .map(|other| Row {
            who: Sentence::default().name(&other.requester).say(" for ").name(&other.team),
            status: other.status,
            when: Moment::new(other.submitted_at, now),
        })
        .collect();
    let findings = if rows.is_empty() {
        vec![Finding::new(Weight::Plain, Sentence::of("Nobody else has asked for it."))]
    } else if evidence.more {
        vec![Finding::new(Weight::Plain, Sentence::of("There are more than these."))]
    } else {
        Vec::new()
    };
    Card { rows, ..Card::new(title, findings) }
}

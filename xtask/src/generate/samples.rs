//! Sample requests: what some people asked for and what became of it, told by really running the life cycle with
//! fixed people, ids and times. Every example and payload is a part of one of these stories.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use domain::api::SubmitRequest;
use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::drift::{DriftDetail, DriftKind, RepositoryDrift};
use domain::entitlement::{Entitlement, PlanKind};
use domain::envelope::Detail;
use domain::environment::Environment;
use domain::event::EventType;
use domain::execute::prepare;
use domain::id::RequestId;
use domain::image::Organization;
use domain::journal::{DecisionKind, Record};
use domain::lifecycle::{self, Command, Voice};
use domain::link::Link;
use domain::person::{Person, Principal};
use domain::policy::{DEFAULT_POLICY, Policy};
use domain::ports::{Delivery, StoredRequest};
use domain::request::{Channel, Lease, ProvisionedRepository, ProvisioningOutcome, Submission};
use domain::text::Comment;
use domain::time::Timestamp;

/// The organisation whose registry images are added to.
const ORGANIZATION: &str = "acme";
/// Its id at Chainguard. The ids of its repositories start with it.
pub(super) const ORGANIZATION_ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// `ce-source` of what Chainguard announces about repositories.
const CHAINGUARD_SOURCE: &str = "https://console-api.enforce.dev/registry/v1/repos";

/// How long the provisioner takes to find a request.
const TO_CLAIM: Duration = Duration::from_secs(1);
/// How long Chainguard takes to make a repository.
const TO_CREATE: Duration = Duration::from_secs(2);
/// How long it takes until tags are seen.
const TO_APPEAR: Duration = Duration::from_mins(1);
/// How long a claim lasts.
const LEASE: Duration = Duration::from_mins(5);

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A request from its submission to its end.
#[derive(Debug)]
pub(super) struct Story {
    /// Who asked.
    pub(super) requester: Principal,
    /// For what: the body of `POST /request`.
    pub(super) body: SubmitRequest,
    /// Which request it became.
    pub(super) id: RequestId,
    /// All that happened, in order.
    pub(super) records: Vec<Record>,
    /// The signed link by which it was decided, if it was decided so.
    pub(super) link: Option<Link>,
}

/// All of the stories. The people are those of the embedded runtime.
#[derive(Debug)]
pub(super) struct Samples {
    /// For production: reminded, approved by a lead, added.
    pub(super) approved: Story,
    /// For development: approved by the policy, added.
    pub(super) automatic: Story,
    /// For production: approved by a lead who follows the link in the mail, added.
    pub(super) by_link: Story,
    /// A base image, where two approvals are needed: escalated, approved by both, one of them for somebody who is away;
    /// failed, sent round again, approved by both again, added.
    pub(super) retried: Story,
    /// For production, in an emergency: approved by one person alone, added.
    pub(super) emergency: Story,
    /// Rejected by a lead.
    pub(super) rejected: Story,
    /// Taken back.
    pub(super) cancelled: Story,
    /// Never decided.
    pub(super) expired: Story,
}

/// A developer.
pub(super) fn jane() -> Principal {
    person("jane", &["data-engineering"])
}

/// A lead of the developer's team.
pub(super) fn dana() -> Principal {
    person("dana", &["data-engineering", "data-engineering-leads"])
}

/// A security reviewer.
pub(super) fn sasha() -> Principal {
    person("sasha", &["security", "security-reviewers"])
}

/// An administrator.
pub(super) fn alex() -> Principal {
    person("alex", &["platform-engineering", "cgr-request-admins"])
}

/// Who may approve alone in an emergency.
pub(super) fn ivy() -> Principal {
    person("ivy", &["incident-commanders"])
}

/// Decides for a security reviewer who is away.
fn petra() -> Principal {
    person("petra", &["security"])
}

/// A lead of security, asked once reviewers are late.
fn lena() -> Principal {
    person("lena", &["security", "security-leads"])
}

fn person(name: &str, groups: &[&str]) -> Principal {
    Principal {
        person: Person { subject: format!("sample|{name}"), email: format!("{name}@acme.example") },
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

impl Samples {
    /// Tells the stories.
    pub(super) fn tell() -> anyhow::Result<Self> {
        let policy = Policy::from_yaml(DEFAULT_POLICY)?;
        Ok(Self {
            approved: approved(&policy)?,
            automatic: automatic(&policy)?,
            by_link: by_link(&policy)?,
            retried: retried(&two_reviews()?)?,
            emergency: emergency(&policy)?,
            rejected: rejected(&policy)?,
            cancelled: cancelled(&policy)?,
            expired: expired(&policy)?,
        })
    }

    /// All of them.
    pub(super) const fn stories(&self) -> [&Story; 8] {
        let Self { approved, automatic, by_link, retried, emergency, rejected, cancelled, expired } = self;
        [approved, automatic, by_link, retried, emergency, rejected, cancelled, expired]
    }

    /// The first event of this type.
    pub(super) fn example(&self, event_type: EventType) -> anyhow::Result<Detail> {
        self.stories()
            .iter()
            .find_map(|story| story.event(event_type).ok())
            .with_context(|| format!("no story has {}", event_type.as_str()))
    }

    /// What is announced of [`deletion`], a month after the image could be pulled.
    pub(super) fn drift(&self) -> anyhow::Result<DriftDetail> {
        let available = self.approved.event(EventType::Available)?.data;
        let deletion = deletion();
        let drift = RepositoryDrift {
            repository_id: available.chainguard_repo_id.context("the repository has no id")?,
            repository: Some(available.image.name.to_string()),
            kind: DriftKind::Deleted,
            request_id: Some(available.request_id),
            observed_at: available.timestamp.plus(30 * DAY),
            chainguard_event_id: deletion.id.clone(),
        };
        Ok(DriftDetail::announcing(drift, &deletion))
    }
}

/// Somebody deletes a repository: what Chainguard says of it.
pub(super) fn deletion() -> Delivery {
    Delivery { source: CHAINGUARD_SOURCE.to_owned(), id: "5a0b7a52-6f0e-4c59-9d5f-0c7c7b1b2a11".to_owned() }
}

impl Story {
    /// The story's first event of this type.
    pub(super) fn event(&self, event_type: EventType) -> anyhow::Result<Detail> {
        let record = self.records.iter().find(|record| record.event_type == event_type);
        let record = record.with_context(|| format!("{} has no {}", self.id, event_type.as_str()))?;
        Ok(Detail::announcing(record.clone()))
    }
}

/// A story that is being told.
struct Telling<'a> {
    policy: &'a Policy,
    requester: Principal,
    body: SubmitRequest,
    stored: StoredRequest,
    records: Vec<Record>,
    link: Option<Link>,
    now: Timestamp,
}

impl<'a> Telling<'a> {
    /// Somebody sends this body at this time.
    fn begin(policy: &'a Policy, requester: Principal, at: &str, body: SubmitRequest) -> anyhow::Result<Self> {
        let now: Timestamp = at.parse()?;
        let organization: Organization = ORGANIZATION.parse()?;
        let catalog = catalog(now)?;
        let (draft, image) = intake::draft::draft(body.clone(), requester.person.clone(), &organization, &catalog)
            .map_err(|error| anyhow!("{}", error.0.detail))?;
        let submission = Submission::assess(draft, image, policy, request_id(now)?, now)?;
        let context = lifecycle::Context { now, policy };
        let commit = prepare(None, Command::Submit(Box::new(submission)), &context)?;
        Ok(Self { policy, requester, body, stored: commit.stored, records: commit.records, link: None, now })
    }

    /// Some time later this is done.
    fn then(&mut self, later: Duration, command: Command) -> anyhow::Result<()> {
        self.now = self.now.plus(later);
        let context = lifecycle::Context { now: self.now, policy: self.policy };
        let commit = prepare(Some(&self.stored), command, &context)?;
        self.stored = commit.stored;
        self.records.extend(commit.records);
        Ok(())
    }

    /// Somebody decides with a token.
    fn decided(&mut self, later: Duration, by: Principal, answer: DecisionKind, words: &str) -> anyhow::Result<()> {
        self.then(later, Command::Decide { answer, voice: voice(by, Channel::Api, words)? })
    }

    /// The provisioner takes it up.
    fn claimed(&mut self) -> anyhow::Result<()> {
        let lease = Lease::new("sample-lease".to_owned(), self.now.plus(TO_CLAIM).plus(LEASE));
        self.then(TO_CLAIM, Command::Claim { lease, vacancy: None })
    }

    /// The provisioner adds it, and the steward sees its tags.
    fn added(&mut self, repository_id: &str) -> anyhow::Result<()> {
        self.claimed()?;
        let repository = ProvisionedRepository {
            id: format!("{ORGANIZATION_ID}/{repository_id}"),
            outcome: ProvisioningOutcome::Created,
            at: self.now.plus(TO_CREATE),
        };
        self.then(TO_CREATE, Command::Complete { lease_id: "sample-lease".to_owned(), repository })?;
        self.then(TO_APPEAR, Command::ConfirmAvailable)
    }

    fn end(self) -> Story {
        let id = self.stored.request.submission.id;
        Story { requester: self.requester, body: self.body, id, records: self.records, link: self.link }
    }
}

/// Somebody's word; no comment if there are no words.
fn voice(by: Principal, channel: Channel, words: &str) -> anyhow::Result<Voice> {
    let comment = (!words.is_empty()).then(|| Comment::new(words)).transpose()?;
    Ok(Voice { by, comment, channel, seen: None })
}

fn approved(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "python:latest-dev".to_owned(),
        justification: Some("The nightly feature pipeline moves to a hardened base.".to_owned()),
        environment: Some(Environment::Production),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-23T08:15:00.000Z", body)?;
    story.then(8 * HOUR, Command::Remind)?;
    story.decided(25 * MINUTE, dana(), DecisionKind::Approved, "Fine for the feature pipeline.")?;
    story.added("89abcdef01234567")?;
    Ok(story.end())
}

fn automatic(policy: &Policy) -> anyhow::Result<Story> {
    let body =
        SubmitRequest { image: "node".to_owned(), environment: Some(Environment::Dev), ..for_team("data-engineering") };
    let mut story = Telling::begin(policy, jane(), "2026-11-23T09:30:00.000Z", body)?;
    story.added("9abcdef012345678")?;
    Ok(story.end())
}

fn by_link(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "node:latest".to_owned(),
        custom_name: Some("node-storefront".to_owned()),
        justification: Some("The storefront moves to a hardened base.".to_owned()),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-23T14:00:00.000Z", body)?;
    let link = story.stored.request.link_for(&dana().person.email, story.now).context("there is no link")?;
    let by = Principal::by_address(&link.approver);
    let voice = Voice { seen: Some(link.digest), ..voice(by, Channel::Link, "Fine, & thanks for asking first.")? };
    story.link = Some(link);
    story.then(35 * MINUTE, Command::Decide { answer: DecisionKind::Approved, voice })?;
    story.added("bcdef0123456789a")?;
    Ok(story.end())
}

fn retried(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "base-image/wolfi-base".to_owned(),
        justification: Some("Base of the team's own images.".to_owned()),
        risk_assessment: Some("No network service; rebuilt every night, scanned in the pipeline.".to_owned()),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-24T07:45:00.000Z", body)?;
    story.then(2 * DAY, Command::Escalate)?;
    story.decided(HOUR, petra(), DecisionKind::Approved, "Sasha is away; no objection.")?;
    story.decided(2 * HOUR, lena(), DecisionKind::Approved, "Agreed, with the nightly rebuild.")?;
    story.claimed()?;
    let entitlement = Entitlement {
        plan: "CATALOG".to_owned(),
        by: PlanKind::Tiers,
        tiers: vec![CatalogTier::Application],
        ..Entitlement::default()
    };
    let submission = &story.stored.request.submission;
    let failure = provisioner::failure::denied("permission denied", submission, &entitlement);
    story.then(TO_CREATE, Command::Fail { lease_id: "sample-lease".to_owned(), failure })?;
    story.then(DAY, Command::Retry { by: alex(), channel: Channel::Api })?;
    story.decided(HOUR, sasha(), DecisionKind::Approved, "")?;
    story.then(2 * DAY, Command::Escalate)?;
    story.decided(HOUR, lena(), DecisionKind::Approved, "Still fine.")?;
    story.added("abcdef0123456789")?;
    Ok(story.end())
}

fn emergency(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "nginx:latest".to_owned(),
        custom_name: Some("nginx-edge".to_owned()),
        justification: Some("The proxy that runs now cannot be patched.".to_owned()),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-24T22:10:00.000Z", body)?;
    let voice = voice(ivy(), Channel::Api, "Incident 4711: the edge is down until the proxy is replaced.")?;
    story.then(10 * MINUTE, Command::BreakGlass(voice))?;
    story.added("cdef0123456789ab")?;
    Ok(story.end())
}

fn rejected(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "postgres:latest".to_owned(),
        justification: Some("A database for the reports.".to_owned()),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-25T10:00:00.000Z", body)?;
    story.decided(40 * MINUTE, dana(), DecisionKind::Rejected, "Databases run as a managed service here.")?;
    Ok(story.end())
}

fn cancelled(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "nginx".to_owned(),
        custom_name: Some("nginx-reports".to_owned()),
        justification: Some("Serves the reports.".to_owned()),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-25T13:20:00.000Z", body)?;
    story.then(5 * MINUTE, Command::Cancel { by: jane(), channel: Channel::Api })?;
    Ok(story.end())
}

fn expired(policy: &Policy) -> anyhow::Result<Story> {
    let body = SubmitRequest {
        image: "nginx".to_owned(),
        justification: Some("Serves the dashboards.".to_owned()),
        ..for_team("data-engineering")
    };
    let mut story = Telling::begin(policy, jane(), "2026-11-26T15:00:00.000Z", body)?;
    story.then(8 * HOUR, Command::Remind)?;
    story.then(12 * HOUR, Command::Remind)?;
    story.then(4 * HOUR, Command::Escalate)?;
    story.then(13 * DAY, Command::Expire)?;
    Ok(story.end())
}

fn for_team(team: &str) -> SubmitRequest {
    SubmitRequest { team: team.to_owned(), ..SubmitRequest::default() }
}

/// The default policy, but a security review takes two approvals, and a reviewer is away when the first is asked for.
fn two_reviews() -> anyhow::Result<Policy> {
    let replaced = |text: &str, from: &str, to: &str| -> anyhow::Result<String> {
        anyhow::ensure!(text.matches(from).count() == 1, "the default policy does not say `{from}` once");
        Ok(text.replacen(from, to, 1))
    };
    let one = "{ count: 1, groups: [security-reviewers] }";
    let policy = replaced(DEFAULT_POLICY, one, "{ count: 2, groups: [security-reviewers] }")?;
    let away = "delegations:
  - approver: sasha@acme.example
    delegate: petra@acme.example
    from: 2026-11-23T00:00:00Z
    until: 2026-11-27T00:00:00Z
";
    Ok(Policy::from_yaml(&replaced(&policy, "delegations: []\n", away)?)?)
}

/// What Chainguard offers in these stories.
fn catalog(fetched_at: Timestamp) -> anyhow::Result<Catalog> {
    let image = |name: &str, catalog_tier| -> anyhow::Result<CatalogImage> {
        Ok(CatalogImage {
            name: name.parse()?,
            catalog_tier,
            aliases: Vec::new(),
            active_tags: vec!["latest".to_owned(), "latest-dev".to_owned()],
        })
    };
    let images = vec![
        image("nginx", CatalogTier::Application)?,
        image("node", CatalogTier::Application)?,
        image("postgres", CatalogTier::Application)?,
        image("python", CatalogTier::Application)?,
        image("wolfi-base", CatalogTier::Base)?,
    ];
    Ok(Catalog::of_images(fetched_at, images))
}

/// The id of the request of this moment: a real `UUIDv7`, but for its random bytes.
fn request_id(at: Timestamp) -> anyhow::Result<RequestId> {
    let random = [0x0c, 0x3d, 0x8e, 0x4f, 0x5a, 0x6b, 0x7c, 0x8d, 0x9e, 0x0f];
    let milliseconds = u64::try_from(at.as_millisecond()).context("the time is before 1970")?;
    Ok(RequestId::from_uuid(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()))
}

#[cfg(test)]
mod tests;

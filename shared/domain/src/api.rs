//! The HTTP API's bodies, shared by the functions and by clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capacity::RepositoryLimit;
use crate::catalog::{Catalog, CatalogImage, CatalogTier};
use crate::environment::Environment;
use crate::id::RequestId;
use crate::image::{ImageReference, Organization, RepositoryName, Tag, pull_command};
use crate::journal::{Digest, Record};
use crate::policy::{ApprovalTier, Approver, Matter, Policy};
use crate::ports::StoredRequest;
use crate::request::{Channel, Decision, Failure, Phase, Status, Submission};
use crate::text::{Comment, Justification, RiskAssessment, TeamName};
use crate::time::Timestamp;

/// `POST /request`: what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitRequest {
    /// An image of Chainguard's catalog: `python`, `python:latest-dev` or `cgr.dev/<organization>/python:latest`.
    #[schema(example = "python:latest-dev")]
    pub image: String,
    /// Another name for the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub custom_name: Option<String>,
    /// Why it is needed; some tiers insist on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, example = "ML pipeline")]
    pub justification: Option<String>,
    /// What could go wrong; some tiers insist on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000)]
    pub risk_assessment: Option<String>,
    /// The team it is for.
    #[schema(example = "data-engineering", pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 64)]
    pub team: String,
    /// Where it is to run; production unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// `POST /request`: what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubmitResponse {
    /// The request's id.
    #[schema(value_type = String)]
    pub request_id: RequestId,
    /// `approved` for auto-approve, else `pending`.
    pub status: Status,
    /// How it is decided.
    pub approval_tier: ApprovalTier,
    /// Who may decide; empty for auto-approve.
    pub approvers: Vec<Approver>,
    /// Where to go from here.
    pub links: Links,
}

/// Where to find a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// The request.
    #[serde(rename = "self")]
    pub this: String,
    /// Its events.
    pub events: String,
}

impl Links {
    /// Under the API's base address, which may be empty for paths alone.
    #[must_use]
    pub fn new(base: &str, id: RequestId) -> Self {
        let base = base.trim_end_matches('/');
        Self { this: format!("{base}/request/{id}"), events: format!("{base}/request/{id}/events") }
    }
}

impl SubmitResponse {
    /// The answer to a submission: the same however far the request has come since.
    #[must_use]
    pub fn new(submission: &Submission, policy: &Policy, base: &str) -> Self {
        Self {
            request_id: submission.id,
            status: match submission.tier {
                ApprovalTier::AutoApprove => Status::Approved,
                ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview => Status::Pending,
            },
            approval_tier: submission.tier,
            approvers: policy.approvers(Matter { tier: submission.tier, team: &submission.team, escalated: false }),
            links: Links::new(base, submission.id),
        }
    }
}

/// `PATCH /request/{id}/approve`, `/reject` and `/break-glass`: what the approver says. The latter two need a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionRequest {
    /// What the approver says; the reason of a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub comment: Option<String>,
    /// The `digest` of the request as the approver saw it. With it, a request that has changed since is not decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    pub digest: Option<Digest>,
}

/// A decision as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionView {
    /// Who: e-mail address.
    pub approver: String,
    /// The absent approver for whom: e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub comment: Option<Comment>,
    /// Through which door.
    pub channel: Channel,
}

impl From<&Decision> for DecisionView {
    fn from(decision: &Decision) -> Self {
        Self {
            approver: decision.approver.email.clone(),
            on_behalf_of: decision.on_behalf_of.clone(),
            at: decision.at,
            comment: decision.comment.clone(),
            channel: decision.channel,
        }
    }
}

/// A request as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestView {
    /// Its id.
    #[schema(value_type = String)]
    pub request_id: RequestId,
    /// How far it has come.
    pub status: Status,
    /// How many events it has had; grows with every change.
    pub version: u64,
    /// Who asked: e-mail address.
    pub requester: String,
    /// The image and tag.
    #[schema(value_type = String, example = "python:latest-dev")]
    pub image: ImageReference,
    /// The repository's name in the organisation's registry.
    #[schema(value_type = String, example = "python")]
    pub repository: RepositoryName,
    /// Why it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub justification: Option<Justification>,
    /// What could go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub risk_assessment: Option<RiskAssessment>,
    /// The team it is for.
    #[schema(value_type = String)]
    pub team: TeamName,
    /// Where it is to run.
    pub environment: Environment,
    /// How it is decided.
    pub approval_tier: ApprovalTier,
    /// The policy's version at submission.
    pub policy_version: String,
    /// The policy's rule that fired.
    pub policy_rule: String,
    /// Digest of what was asked; a decision binds to it.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub submitted_at: Timestamp,
    /// When a decision is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sla_at: Option<Timestamp>,
    /// When it ends undecided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Who may decide; only while it is pending.
    pub approvers: Vec<Approver>,
    /// Who said yes.
    pub approvals: Vec<DecisionView>,
    /// How many approvals are missing; only while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals_missing: Option<usize>,
    /// Whether somebody approved alone what needs more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
    /// Who said no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<DecisionView>,
    /// Chainguard's id of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chainguard_repo_id: Option<String>,
    /// When the image could first be pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub available_at: Option<Timestamp>,
    /// Seconds from the repository's making until the image could first be pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_to_availability: Option<u64>,
    /// The line that pulls it; once it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "docker pull cgr.dev/acme/python:latest-dev")]
    pub pull_command: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Where to find it.
    pub links: Links,
}

impl RequestView {
    /// A stored request as shown by an API at `base`.
    #[must_use]
    pub fn new(stored: &StoredRequest, policy: &Policy, organization: &Organization, base: &str) -> Self {
        let request = &stored.request;
        let submission = &request.submission;
        let pending = request.status() == Status::Pending;
        let (available_at, seconds_to_availability) = match &request.phase {
            Phase::Available { repository, since } => (Some(*since), Some(since.since(repository.at).as_secs())),
            _ => (None, None),
        };
        let pull_command =
            available_at.map(|_| pull_command(organization, submission.repository_name(), &submission.image.tag));
        Self {
            request_id: submission.id,
            status: request.status(),
            version: stored.head.sequence,
            requester: submission.requester.email.clone(),
            image: submission.image.clone(),
            repository: submission.repository_name().clone(),
            justification: submission.justification.clone(),
            risk_assessment: submission.risk_assessment.clone(),
            team: submission.team.clone(),
            environment: submission.environment,
            approval_tier: submission.tier,
            policy_version: submission.policy_version.clone(),
            policy_rule: submission.policy_rule.clone(),
            digest: request.digest(),
            submitted_at: submission.submitted_at,
            sla_at: request.sla_at(),
            expires_at: request.expires_at(),
            approvers: if pending { policy.approvers(request.matter()) } else { Vec::new() },
            approvals: request.approvals.iter().map(DecisionView::from).collect(),
            approvals_missing: pending
                .then(|| policy.quorum(request.matter(), &request.approvals))
                .flatten()
                .map(|quorum| quorum.missing()),
            break_glass: request.break_glass.is_some(),
            rejection: match &request.phase {
                Phase::Rejected { decision } => Some(decision.into()),
                _ => None,
            },
            chainguard_repo_id: request.repository().map(|repository| repository.id.clone()),
            available_at,
            seconds_to_availability,
            pull_command,
            failure: match &request.phase {
                Phase::Failed { failure, .. } => Some(failure.clone()),
                _ => None,
            },
            links: Links::new(base, submission.id),
        }
    }
}

/// `GET /requests`: a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestList {
    /// Newest first.
    pub requests: Vec<RequestView>,
    /// Where the next page starts; absent at the end. A page may be short, even empty, and yet not the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /request/{id}/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// In order from the first.
    pub events: Vec<Record>,
    /// Whether the records' hashes form an unbroken chain.
    pub chain_intact: bool,
}

/// An image of the catalog as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogEntry {
    /// What to ask for.
    #[schema(value_type = String, example = "python")]
    pub name: RepositoryName,
    /// Its tier.
    pub catalog_tier: CatalogTier,
    /// What it is called elsewhere.
    pub aliases: Vec<String>,
    /// Tags that are kept up to date.
    pub active_tags: Vec<String>,
    /// Whether the organisation has a repository of this name.
    pub in_organization: bool,
    /// Whether the organisation's plan includes it; left out where that is not known before it is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entitled: Option<bool>,
    /// Whether it can be asked for under its own name.
    pub requestable: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<ObstacleView>,
}

/// Why an image cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObstacleView {
    /// The problem that a request for it would meet: the end of its `type`.
    #[serde(rename = "type")]
    #[schema(example = "duplicate-image")]
    pub kind: String,
    /// What it is and what to do about it.
    pub detail: String,
}

/// What Chainguard says of the organisation. Members are left out that have never been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    /// How many repositories it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repositories: Option<u64>,
    /// How many it may have.
    pub repository_limit: u64,
    /// When they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub repositories_at: Option<Timestamp>,
    /// Its plan, as Chainguard calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "CATALOG")]
    pub plan: Option<String>,
    /// Tiers that the plan includes as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<CatalogTier>,
    /// When the plan was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub entitlement_at: Option<Timestamp>,
}

impl OrganizationView {
    /// As far as the snapshot knows.
    #[must_use]
    pub fn new(catalog: &Catalog, limit: RepositoryLimit) -> Self {
        let repositories = catalog.repositories();
        let known = catalog.entitlement();
        Self {
            repositories: repositories.map(|repositories| repositories.total),
            repository_limit: limit.get(),
            repositories_at: repositories.map(|repositories| repositories.listed_at),
            plan: known.map(|known| known.entitlement.plan.clone()),
            tiers: known.map(|known| known.entitlement.tiers.clone()).unwrap_or_default(),
            entitlement_at: known.map(|known| known.read_at),
        }
    }
}

impl CatalogEntry {
    /// An image as shown.
    #[must_use]
    pub fn new(image: &CatalogImage, catalog: &Catalog, organization: &Organization, limit: RepositoryLimit) -> Self {
        let obstacle = catalog.obstacle(image, &image.name, limit);
        Self {
            name: image.name.clone(),
            catalog_tier: image.catalog_tier,
            aliases: image.aliases.clone(),
            active_tags: image.active_tags.clone(),
            in_organization: catalog.organization_has(&image.name),
            entitled: catalog.covers(image).is_included(),
            requestable: obstacle.is_none(),
            obstacle: obstacle.map(|obstacle| ObstacleView {
                kind: obstacle.problem().slug().to_owned(),
                detail: obstacle.explain(image, &pull_command(organization, &image.name, &Tag::latest()), limit),
            }),
        }
    }
}

/// `GET /catalog`: what fits, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogList {
    /// At most `limit` images.
    pub images: Vec<CatalogEntry>,
    /// How many fit in all.
    pub total: usize,
    /// When the catalog was fetched from Chainguard.
    #[schema(value_type = String, format = DateTime)]
    pub fetched_at: Timestamp,
    /// What is known of the organisation.
    pub organization: OrganizationView,
}

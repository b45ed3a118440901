//! A request: what was asked, and how far it has come.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::{CatalogImage, CatalogTier};
use crate::environment::Environment;
use crate::id::RequestId;
use crate::image::{ImageReference, RepositoryName};
use crate::journal::Digest;
use crate::link::Link;
use crate::person::{Person, same_mailbox};
use crate::policy::{ApprovalTier, Capacity, Denied, Matter, Policy, RequiredField, ReviewTier, Subject};
use crate::text::{Comment, Justification, RiskAssessment, TeamName};
use crate::time::{Span, Timestamp};

/// How long an approved request may wait for the provisioner before the steward publishes its approval once more.
pub const REDELIVER_AFTER: Duration = Duration::from_mins(15);

/// How long a repository may be without the tag that was asked for. Chainguard's documentation speaks of minutes.
pub const TAG_WITHIN: Duration = Duration::from_hours(24);

/// Through which door something came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The HTTP API with a bearer token.
    Api,
    /// A signed link.
    Link,
    /// Slack.
    Slack,
}

impl Channel {
    /// As written in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Link => "link",
            Self::Slack => "slack",
        }
    }
}

/// What a requester asks for, parsed but not yet judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who asks; from the token.
    pub requester: Person,
    /// The image.
    pub image: ImageReference,
    /// Another name for the repository.
    pub custom_name: Option<RepositoryName>,
    /// Why.
    pub justification: Option<Justification>,
    /// What could go wrong.
    pub risk_assessment: Option<RiskAssessment>,
    /// For whom.
    pub team: TeamName,
    /// Where it is to run.
    pub environment: Environment,
    /// Through which door it came.
    pub channel: Channel,
}

/// Why a draft does not become a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A deny rule of the policy.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The tier insists on fields that are missing.
    #[error(
        "the tier {} needs {} (rule `{rule}`)",
        tier.as_str(),
        missing.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(" and ")
    )]
    MissingFields {
        /// The tier.
        tier: ApprovalTier,
        /// The rule that led there.
        rule: String,
        /// The fields.
        missing: Vec<RequiredField>,
    },
}

/// A request as submitted: never changes afterwards, so that a decision binds to what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Submission {
    /// Its id.
    pub id: RequestId,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Who asks.
    pub requester: Person,
    /// The image.
    pub image: ImageReference,
    /// The catalog's tier of the image when it was asked for.
    pub catalog_tier: CatalogTier,
    /// Another name for the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_name: Option<RepositoryName>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// What could go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_assessment: Option<RiskAssessment>,
    /// For whom.
    pub team: TeamName,
    /// Where it is to run.
    pub environment: Environment,
    /// Through which door it came.
    pub channel: Channel,
    /// How it is decided.
    pub tier: ApprovalTier,
    /// The policy that said so.
    pub policy_version: String,
    /// The policy's rule that fired.
    pub policy_rule: String,
    /// By when people have to decide; `None` for auto-approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

/// By when people have to decide, all counted from the start of a [`Round`]. Fixed at submission: a policy that
/// changes later moves nobody's deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// When approvers are reminded, ascending, before `sla`.
    pub reminders: Vec<Span>,
    /// When a decision is due.
    pub sla: Span,
    /// When it ends undecided; later than `sla`.
    pub expires_after: Span,
    /// How long a signed link can be used, counted from the event that it was sent with.
    pub links_valid_for: Span,
}

impl From<&ReviewTier> for Terms {
    fn from(tier: &ReviewTier) -> Self {
        Self {
            reminders: tier.reminders.clone(),
            sla: tier.sla,
            expires_after: tier.expires_after,
            links_valid_for: tier.links_valid_for,
        }
    }
}

impl Submission {
    /// Judges a draft by the policy: finds the tier, checks its required fields, sets its deadlines.
    pub fn assess(
        draft: Draft,
        image: &CatalogImage,
        policy: &Policy,
        id: RequestId,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let verdict = policy.tier_of(Subject {
            image: &draft.image,
            catalog_tier: image.catalog_tier,
            team: &draft.team,
            environment: draft.environment,
        })?;
        let review = policy.review(verdict.tier);
        let missing: Vec<RequiredField> = review
            .into_iter()
            .flat_map(|tier| &tier.requires)
            .copied()
            .filter(|field| match field {
                RequiredField::Justification => draft.justification.is_none(),
                RequiredField::RiskAssessment => draft.risk_assessment.is_none(),
            })
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::MissingFields { tier: verdict.tier, rule: verdict.rule.to_owned(), missing });
        }
        Ok(Self {
            id,
            submitted_at: now,
            catalog_tier: image.catalog_tier,
            tier: verdict.tier,
            policy_version: policy.version.clone(),
            policy_rule: verdict.rule.to_owned(),
            terms: review.map(Terms::from),
            requester: draft.requester,
            image: draft.image,
            custom_name: draft.custom_name,
            justification: draft.justification,
            risk_assessment: draft.risk_assessment,
            team: draft.team,
            environment: draft.environment,
            channel: draft.channel,
        })
    }

    /// What the policy's rules look at.
    #[must_use]
    pub const fn subject(&self) -> Subject<'_> {
        Subject { image: &self.image, catalog_tier: self.catalog_tier, team: &self.team, environment: self.environment }
    }

    /// The repository that the request is about: the custom name, or the image's own.
    #[must_use]
    pub fn repository_name(&self) -> &RepositoryName {
        self.custom_name.as_ref().unwrap_or(&self.image.name)
    }
}

/// Somebody's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Who decided.
    pub approver: Person,
    /// The absent approver for whom: e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Which of the policy's approvers they were, or stood in for.
    pub capacities: Vec<Capacity>,
    /// The version of the policy that said that they may.
    #[serde(default)]
    pub policy_version: String,
    /// When.
    pub at: Timestamp,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
    /// Through which door.
    pub channel: Channel,
}

impl Decision {
    /// Whether one human stands behind both, by themselves or through a delegate.
    #[must_use]
    pub fn shares_a_human_with(&self, other: &Self) -> bool {
        let absent = |decision: &Self, email: &str| {
            decision.on_behalf_of.as_deref().is_some_and(|absent| same_mailbox(absent, email))
        };
        self.approver.is_same_human(&other.approver)
            || absent(self, &other.approver.email)
            || absent(other, &self.approver.email)
            || other.on_behalf_of.as_deref().is_some_and(|email| absent(self, email))
    }
}

/// The provisioner's exclusive right to work on a request for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Unlike any other: whoever knows it holds the lease.
    pub id: String,
    /// Until when.
    pub until: Timestamp,
    /// Whether one of the organisation's last places is taken for the repository; see [`crate::capacity`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_place: bool,
}

impl Lease {
    /// A lease without a place.
    #[must_use]
    pub const fn new(id: String, until: Timestamp) -> Self {
        Self { id, until, holds_place: false }
    }
}

/// The repository that a request led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvisionedRepository {
    /// Chainguard's UIDP of the repository.
    pub id: String,
    /// How it came to be.
    pub outcome: ProvisioningOutcome,
    /// When.
    pub at: Timestamp,
}

/// How a repository came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProvisioningOutcome {
    /// This request created it.
    Created,
    /// It was found, made earlier for this very request by an attempt that did not live to say so.
    Adopted,
}

/// Why provisioning failed, for people and for automation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Which kind; stable.
    #[serde(rename = "type")]
    pub kind: FailureKind,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Chainguard does not offer the image any more.
    ImageNotInCatalog,
    /// The organisation's plan does not include it.
    NotEntitled,
    /// The organisation has as many repositories as it may.
    OrganizationLimitReached,
    /// Chainguard refused the credential.
    AuthenticationFailed,
    /// Chainguard refused the right.
    PermissionDenied,
    /// The repository exists and was not made for this request.
    DuplicateImage,
    /// The repository is there, and the tag that was asked for has not come within [`TAG_WITHIN`].
    TagNotAvailable,
    /// Chainguard did not answer, or answered with an error of its own, to every attempt.
    ChainguardUnavailable,
    /// Chainguard refused the call itself.
    ChainguardRefused,
}

impl FailureKind {
    /// As written in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImageNotInCatalog => "image-not-in-catalog",
            Self::NotEntitled => "not-entitled",
            Self::OrganizationLimitReached => "organization-limit-reached",
            Self::AuthenticationFailed => "authentication-failed",
            Self::PermissionDenied => "permission-denied",
            Self::DuplicateImage => "duplicate-image",
            Self::TagNotAvailable => "tag-not-available",
            Self::ChainguardUnavailable => "chainguard-unavailable",
            Self::ChainguardRefused => "chainguard-refused",
        }
    }
}

/// How far a request has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "status")]
pub enum Phase {
    /// Waits for approvers.
    Pending {
        /// How many of the round's reminders have gone out.
        reminders_sent: usize,
        /// Whether the second line has been asked.
        escalated: bool,
    },
    /// Waits for the provisioner.
    Approved {
        /// When it was approved, or retried.
        since: Timestamp,
    },
    /// The provisioner is at it.
    Provisioning {
        /// Who, and until when.
        lease: Lease,
    },
    /// The repository exists; its tags have not been seen yet.
    Provisioned {
        /// The repository.
        repository: ProvisionedRepository,
    },
    /// The image can be pulled.
    Available {
        /// The repository.
        repository: ProvisionedRepository,
        /// When the tag was first seen.
        since: Timestamp,
    },
    /// An approver said no.
    Rejected {
        /// Who, when and why.
        decision: Decision,
    },
    /// The requester took it back.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Nobody decided in time.
    Expired {
        /// When.
        at: Timestamp,
    },
    /// Provisioning failed for good; an administrator may retry.
    Failed {
        /// Why.
        failure: Failure,
        /// When.
        at: Timestamp,
    },
}

/// The name of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for approvers.
    Pending,
    /// Waits for the provisioner.
    Approved,
    /// The provisioner is at it.
    Provisioning,
    /// The repository exists, its tags have not been seen yet.
    Provisioned,
    /// The image can be pulled.
    Available,
    /// An approver said no.
    Rejected,
    /// The requester took it back.
    Cancelled,
    /// Nobody decided in time.
    Expired,
    /// Provisioning failed.
    Failed,
}

impl Status {
    /// All of them, in the order of a request's life.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Approved,
        Self::Provisioning,
        Self::Provisioned,
        Self::Available,
        Self::Rejected,
        Self::Cancelled,
        Self::Expired,
        Self::Failed,
    ];

    /// As written in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Provisioning => "provisioning",
            Self::Provisioned => "provisioned",
            Self::Available => "available",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    /// Whether something is still to happen by itself.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Approved | Self::Provisioning | Self::Provisioned => true,
            Self::Available | Self::Rejected | Self::Cancelled | Self::Expired | Self::Failed => false,
        }
    }
}

/// Once round through the decision. A request that people decide and that is sent round again after a failure starts
/// the next one: it needs to be approved anew, and links to the one before are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// 1 from submission.
    pub number: u32,
    /// When it began.
    pub since: Timestamp,
}

/// A submitted request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What was asked.
    pub submission: Submission,
    /// Which time round.
    pub round: Round,
    /// Who said yes so far in this round, in order; each human once.
    #[serde(default)]
    pub approvals: Vec<Decision>,
    /// Who approved alone what needs more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<Decision>,
    /// How far it has come.
    pub phase: Phase,
}

impl Request {
    /// The phase's name.
    #[must_use]
    pub const fn status(&self) -> Status {
        match &self.phase {
            Phase::Pending { .. } => Status::Pending,
            Phase::Approved { .. } => Status::Approved,
            Phase::Provisioning { .. } => Status::Provisioning,
            Phase::Provisioned { .. } => Status::Provisioned,
            Phase::Available { .. } => Status::Available,
            Phase::Rejected { .. } => Status::Rejected,
            Phase::Cancelled { .. } => Status::Cancelled,
            Phase::Expired { .. } => Status::Expired,
            Phase::Failed { .. } => Status::Failed,
        }
    }

    /// Whether the second line of approvers may decide, too.
    #[must_use]
    pub const fn is_escalated(&self) -> bool {
        match &self.phase {
            Phase::Pending { escalated, .. } => *escalated,
            Phase::Approved { .. }
            | Phase::Provisioning { .. }
            | Phase::Provisioned { .. }
            | Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => false,
        }
    }

    /// What says whose decision it is.
    #[must_use]
    pub const fn matter(&self) -> Matter<'_> {
        Matter { tier: self.submission.tier, team: &self.submission.team, escalated: self.is_escalated() }
    }

    /// SHA-256 over the canonical JSON of what was asked and of the round: what a decision binds to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_json(&(&self.submission, self.round.number))
    }

    /// When approvers have to be reminded, ascending.
    pub fn reminders_at(&self) -> impl Iterator<Item = Timestamp> {
        self.submission.terms.iter().flat_map(|terms| &terms.reminders).map(|after| self.after(*after))
    }

    /// When approvers have to be reminded next; `None` if they need not be, and once it is decided.
    #[must_use]
    pub fn next_reminder_at(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pending { reminders_sent, .. } => self.reminders_at().nth(*reminders_sent),
            Phase::Approved { .. }
            | Phase::Provisioning { .. }
            | Phase::Provisioned { .. }
            | Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => None,
        }
    }

    /// When a decision is due; `None` for auto-approve.
    #[must_use]
    pub fn sla_at(&self) -> Option<Timestamp> {
        self.submission.terms.as_ref().map(|terms| self.after(terms.sla))
    }

    /// When it ends undecided; `None` for auto-approve.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.submission.terms.as_ref().map(|terms| self.after(terms.expires_after))
    }

    /// What a signed link for `approver` says that is sent with an event of `since`; `None` once it is decided. It ends
    /// when the tier says, and with the request at the latest.
    #[must_use]
    pub fn link_for(&self, approver: &str, since: Timestamp) -> Option<Link> {
        let terms = self.submission.terms.as_ref().filter(|_| self.status() == Status::Pending)?;
        let expires = since.plus(terms.links_valid_for.duration()).min(self.after(terms.expires_after));
        Some(Link { request: self.submission.id, approver: approver.to_owned(), digest: self.digest(), expires })
    }

    fn after(&self, span: Span) -> Timestamp {
        self.round.since.plus(span.duration())
    }

    /// The repository it led to, if it got that far.
    #[must_use]
    pub const fn repository(&self) -> Option<&ProvisionedRepository> {
        match &self.phase {
            Phase::Provisioned { repository } | Phase::Available { repository, .. } => Some(repository),
            Phase::Pending { .. }
            | Phase::Approved { .. }
            | Phase::Provisioning { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => None,
        }
    }

    /// Whether it holds one of the organisation's last places; see [`crate::capacity`].
    #[must_use]
    pub const fn holds_place(&self) -> bool {
        match &self.phase {
            Phase::Provisioning { lease } => lease.holds_place,
            Phase::Pending { .. }
            | Phase::Approved { .. }
            | Phase::Provisioned { .. }
            | Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => false,
        }
    }

    /// Whether it keeps other requests for the same repository out: while it is open, and for as long as the
    /// repository it led to is there.
    #[must_use]
    pub const fn holds_repository_name(&self) -> bool {
        match self.status() {
            Status::Pending | Status::Approved | Status::Provisioning | Status::Provisioned | Status::Available => true,
            Status::Rejected | Status::Cancelled | Status::Expired | Status::Failed => false,
        }
    }

    /// When the steward has to look at it next; `None` once it is closed.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pending { escalated, .. } => {
                let sla = self.sla_at().filter(|_| !escalated);
                [self.next_reminder_at(), sla, self.expires_at()].into_iter().flatten().min()
            }
            Phase::Approved { since } => Some(since.plus(REDELIVER_AFTER)),
            Phase::Provisioning { lease } => Some(lease.until),
            Phase::Provisioned { repository } => Some(repository.at),
            Phase::Available { .. }
            | Phase::Rejected { .. }
            | Phase::Cancelled { .. }
            | Phase::Expired { .. }
            | Phase::Failed { .. } => None,
        }
    }
}

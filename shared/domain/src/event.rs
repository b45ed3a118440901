//! What can happen to a request.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::person::Person;
use crate::request::{Channel, Decision, Failure, Lease, ProvisionedRepository, Submission};
use crate::time::Timestamp;

/// Something that happened to a request, at a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was submitted.
    Submitted(Box<Submission>),
    /// One of several approvals was given; more are needed.
    ApprovalRecorded(Decision),
    /// Somebody used their right to approve alone what needs more. The approval follows as an event of its own.
    BreakGlassUsed(Decision),
    /// It was approved.
    Approved(Approval),
    /// It was rejected; the comment is the reason.
    Rejected(Decision),
    /// The requester took it back.
    Cancelled {
        /// Who.
        by: Person,
        /// Through which door.
        channel: Channel,
    },
    /// Approvers were reminded.
    Reminded,
    /// The second line was asked.
    Escalated,
    /// Nobody decided in time.
    Expired,
    /// The provisioner took it up.
    ProvisioningStarted(Lease),
    /// The repository exists.
    Provisioned(ProvisionedRepository),
    /// Provisioning failed for good.
    Failed(Failure),
    /// The image can be pulled.
    Available(ProvisionedRepository),
    /// An administrator sent it round again.
    Retried {
        /// Who.
        by: Person,
        /// Through which door.
        channel: Channel,
    },
}

/// Who approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// The policy's rule, for auto-approve.
    ByPolicy,
    /// A person: the last of the approvals that were needed, or the only one after the glass was broken.
    ByPerson(Decision),
}

/// The name of a kind of event: `eventType` in records, `detail-type` on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// It was submitted.
    #[serde(rename = "image.request.submitted")]
    Submitted,
    /// One of several approvals was given.
    #[serde(rename = "image.request.approval-recorded")]
    ApprovalRecorded,
    /// Somebody approved alone what needs more.
    #[serde(rename = "image.request.break-glass-used")]
    BreakGlassUsed,
    /// It was approved.
    #[serde(rename = "image.request.approved")]
    Approved,
    /// It was rejected.
    #[serde(rename = "image.request.rejected")]
    Rejected,
    /// The requester took it back.
    #[serde(rename = "image.request.cancelled")]
    Cancelled,
    /// Approvers were reminded.
    #[serde(rename = "image.request.reminded")]
    Reminded,
    /// The second line was asked.
    #[serde(rename = "image.request.escalated")]
    Escalated,
    /// Nobody decided in time.
    #[serde(rename = "image.request.expired")]
    Expired,
    /// The provisioner took it up.
    #[serde(rename = "image.request.provisioning-started")]
    ProvisioningStarted,
    /// The repository exists.
    #[serde(rename = "image.request.provisioned")]
    Provisioned,
    /// Provisioning failed.
    #[serde(rename = "image.request.failed")]
    Failed,
    /// The image can be pulled.
    #[serde(rename = "image.request.available")]
    Available,
    /// An administrator sent it round again.
    #[serde(rename = "image.request.retried")]
    Retried,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Submitted,
        Self::ApprovalRecorded,
        Self::BreakGlassUsed,
        Self::Approved,
        Self::Rejected,
        Self::Cancelled,
        Self::Reminded,
        Self::Escalated,
        Self::Expired,
        Self::ProvisioningStarted,
        Self::Provisioned,
        Self::Failed,
        Self::Available,
        Self::Retried,
    ];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "image.request.submitted",
            Self::ApprovalRecorded => "image.request.approval-recorded",
            Self::BreakGlassUsed => "image.request.break-glass-used",
            Self::Approved => "image.request.approved",
            Self::Rejected => "image.request.rejected",
            Self::Cancelled => "image.request.cancelled",
            Self::Reminded => "image.request.reminded",
            Self::Escalated => "image.request.escalated",
            Self::Expired => "image.request.expired",
            Self::ProvisioningStarted => "image.request.provisioning-started",
            Self::Provisioned => "image.request.provisioned",
            Self::Failed => "image.request.failed",
            Self::Available => "image.request.available",
            Self::Retried => "image.request.retried",
        }
    }
}

impl EventKind {
    /// The kind's name.
    #[must_use]
    pub const fn event_type(&self) -> EventType {
        match self {
            Self::Submitted(_) => EventType::Submitted,
            Self::ApprovalRecorded(_) => EventType::ApprovalRecorded,
            Self::BreakGlassUsed(_) => EventType::BreakGlassUsed,
            Self::Approved(_) => EventType::Approved,
            Self::Rejected(_) => EventType::Rejected,
            Self::Cancelled { .. } => EventType::Cancelled,
            Self::Reminded => EventType::Reminded,
            Self::Escalated => EventType::Escalated,
            Self::Expired => EventType::Expired,
            Self::ProvisioningStarted(_) => EventType::ProvisioningStarted,
            Self::Provisioned(_) => EventType::Provisioned,
            Self::Failed(_) => EventType::Failed,
            Self::Available(_) => EventType::Available,
            Self::Retried { .. } => EventType::Retried,
        }
    }
}

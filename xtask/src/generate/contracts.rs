//! What each type of event promises about its record, beyond what every record has.

use domain::event::EventType;

/// A type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contract {
    /// What has happened, in a sentence.
    pub(super) summary: &'static str,
    /// Members that its records always have.
    pub(super) always: &'static [&'static str],
    /// Members that its records may have.
    pub(super) maybe: &'static [&'static str],
    /// Members that always have the same value.
    pub(super) fixed: &'static [(&'static str, &'static str)],
}

/// Members of records that a request may leave out: every type of event may have them.
pub(super) const OF_THE_REQUEST: [&str; 3] = ["customName", "justification", "riskAssessment"];

/// Nothing beyond what every record has.
const NOTHING: Contract = Contract { summary: "", always: &["previousHash"], maybe: &[], fixed: &[] };

/// The contract of a type of event.
pub(super) const fn of(event_type: EventType) -> Contract {
    match event_type {
        // The first record of a journal follows none.
        EventType::Submitted => {
            Contract { summary: "Somebody has asked for an image.", always: &["channel"], ..NOTHING }
        }
        EventType::ApprovalRecorded => Contract {
            summary: "One of several approvals has been given; more are needed.",
            always: &["previousHash", "approver", "decision", "channel"],
            maybe: &["comment", "onBehalfOf"],
            fixed: &[("decision", "approved")],
        },
        EventType::BreakGlassUsed => Contract {
            summary: "Somebody has approved alone, in an emergency, what needs more; `comment` is the reason. The approval follows as an event of its own.",
            always: &["previousHash", "approver", "decision", "comment", "channel"],
            fixed: &[("decision", "approved")],
            ..NOTHING
        },
        EventType::Approved => Contract {
            summary: "It has been approved, by a person or by a rule of the policy (`policy:<rule>`, without a channel).",
            always: &["previousHash", "approver", "decision"],
            maybe: &["channel", "comment", "onBehalfOf"],
            fixed: &[("decision", "approved")],
        },
        EventType::Rejected => Contract {
            summary: "An approver has said no; `comment` is the reason.",
            always: &["previousHash", "approver", "decision", "comment", "channel"],
            maybe: &["onBehalfOf"],
            fixed: &[("decision", "rejected")],
        },
        EventType::Cancelled => {
            Contract { summary: "The requester has taken it back.", always: &["previousHash", "channel"], ..NOTHING }
        }
        EventType::Reminded => Contract { summary: "The approvers have been reminded.", ..NOTHING },
        EventType::Escalated => {
            Contract { summary: "It was not decided in time; the second line may decide, too.", ..NOTHING }
        }
        EventType::Expired => Contract { summary: "It has ended undecided.", ..NOTHING },
        EventType::ProvisioningStarted => Contract { summary: "The provisioner has taken it up.", ..NOTHING },
        EventType::Provisioned => Contract {
            summary: "The repository exists; its tags have not been seen yet.",
            always: &["previousHash", "provisioningResult", "chainguardRepoId"],
            fixed: &[("provisioningResult", "success")],
            ..NOTHING
        },
        EventType::Failed => Contract {
            summary: "Provisioning has failed for good; `error` says why and what to do.",
            always: &["previousHash", "provisioningResult", "error"],
            fixed: &[("provisioningResult", "failure")],
            ..NOTHING
        },
        EventType::Available => Contract {
            summary: "The image can be pulled.",
            always: &["previousHash", "provisioningResult", "chainguardRepoId"],
            fixed: &[("provisioningResult", "success")],
            ..NOTHING
        },
        EventType::Retried => Contract {
            summary: "An administrator (`approver`) has sent the failed request round again. What people decide waits for them anew; what the policy approves goes on.",
            always: &["previousHash", "approver", "channel"],
            ..NOTHING
        },
    }
}

//! Who is told of what.

use domain::event::EventType;
use domain::journal::Record;
use domain::policy::{ApprovalTier, Approver, Policy};

/// Something that people should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A request waits for approvers.
    Submitted,
    /// One of several approvals was given.
    ApprovalRecorded,
    /// The policy approved; nobody was asked.
    ApprovedByPolicy,
    /// A person approved, and no more approvals are needed.
    Approved,
    /// An approver said no.
    Rejected,
    /// The requester took it back.
    Cancelled,
    /// It still waits.
    Reminded,
    /// It was not decided in time.
    Escalated,
    /// It ended undecided.
    Expired,
    /// Provisioning failed for good.
    Failed,
    /// The image can be pulled.
    Available,
}

/// For whom a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Who asked.
    Requester,
    /// Those who may decide.
    Approvers,
    /// Those who may send a failed request round again.
    Administrators,
    /// Whoever reads the chat channel.
    Everybody,
}

/// One mail's addressees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients {
    /// For whom it is written.
    pub reader: Reader,
    /// Their addresses: at least one, none twice.
    pub addresses: Vec<String>,
}

impl Occasion {
    /// What a type of event means to people; `None` for what they need not know.
    #[must_use]
    pub const fn of(event: EventType, tier: ApprovalTier) -> Option<Self> {
        match (event, tier) {
            // The approval follows in the same transaction, and its message says all.
            (EventType::Submitted, ApprovalTier::AutoApprove) => None,
            (EventType::Submitted, ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview) => {
                Some(Self::Submitted)
            }
            (EventType::Approved, ApprovalTier::AutoApprove) => Some(Self::ApprovedByPolicy),
            (EventType::Approved, ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview) => Some(Self::Approved),
            (EventType::ApprovalRecorded, _) => Some(Self::ApprovalRecorded),
            (EventType::Rejected, _) => Some(Self::Rejected),
            (EventType::Cancelled, _) => Some(Self::Cancelled),
            (EventType::Reminded, _) => Some(Self::Reminded),
            (EventType::Escalated, _) => Some(Self::Escalated),
            (EventType::Expired, _) => Some(Self::Expired),
            (EventType::Failed, _) => Some(Self::Failed),
            (EventType::Available, _) => Some(Self::Available),
            (EventType::ProvisioningStarted | EventType::Provisioned | EventType::Retried, _) => None,
        }
    }

    /// Who gets a mail.
    const fn readers(self) -> &'static [Reader] {
        match self {
            Self::Submitted | Self::Approved | Self::Rejected | Self::Expired => {
                &[Reader::Requester, Reader::Approvers]
            }
            Self::ApprovalRecorded | Self::ApprovedByPolicy | Self::Available => &[Reader::Requester],
            Self::Cancelled | Self::Reminded | Self::Escalated => &[Reader::Approvers],
            Self::Failed => &[Reader::Requester, Reader::Administrators],
        }
    }

    /// Whether somebody is asked to decide.
    #[must_use]
    pub const fn asks_for_decision(self) -> bool {
        match self {
            Self::Submitted | Self::Reminded | Self::Escalated => true,
            Self::ApprovalRecorded
            | Self::ApprovedByPolicy
            | Self::Approved
            | Self::Rejected
            | Self::Cancelled
            | Self::Expired
            | Self::Failed
            | Self::Available => false,
        }
    }

    /// Whether the second line of approvers has been asked by then: with the escalation, and so before the expiry,
    /// which comes after the SLA. Reminders come before it. For a decision the record does not say.
    const fn is_escalated(self) -> bool {
        matches!(self, Self::Escalated | Self::Expired)
    }
}

/// The names of those who may decide: people's addresses, groups' names.
#[must_use]
pub fn approver_names(occasion: Occasion, record: &Record, policy: &Policy) -> String {
    let names: Vec<String> = approvers(occasion, record, policy).into_iter().map(|approver| approver.name).collect();
    names.join(", ")
}

/// Those who may decide, as far as `occasion` tells.
fn approvers(occasion: Occasion, record: &Record, policy: &Policy) -> Vec<Approver> {
    policy.approvers(record.approval_tier, &record.team, occasion.is_escalated())
}

/// Who gets a mail, one entry a mail.
///
/// Nobody gets two about one event: who asked gets the requester's, and may not decide anyway. A mail that would
/// reach nobody is left out.
#[must_use]
pub fn recipients(occasion: Occasion, record: &Record, policy: &Policy) -> Vec<Recipients> {
    // Who asked counts as told even where no mail goes to them: it is their own doing that the mail is about.
    let mut told = vec![record.requester.clone()];
    let mut mails = Vec::new();
    for reader in occasion.readers() {
        let addresses = match reader {
            Reader::Requester => {
                Some(&record.requester).into_iter().filter(|address| is_mailable(address)).cloned().collect()
            }
            Reader::Approvers => {
                let contacts = approvers(occasion, record, policy).into_iter().flat_map(|approver| approver.contacts);
                not_yet_told(contacts, &mut told)
            }
            Reader::Administrators => not_yet_told(policy.administrator_contacts().into_iter(), &mut told),
            // Reads the chat, not mail.
            Reader::Everybody => Vec::new(),
        };
        if !addresses.is_empty() {
            mails.push(Recipients { reader: *reader, addresses });
        }
    }
    mails
}

fn not_yet_told(addresses: impl Iterator<Item = String>, told: &mut Vec<String>) -> Vec<String> {
    addresses
        .filter(|address| {
            let first = is_mailable(address) && !told.iter().any(|other| other.eq_ignore_ascii_case(address));
            if first {
                told.push(address.clone());
            }
            first
        })
        .collect()
}

/// Whether mail can be sent there at all. What a token calls its e-mail address need not be one, a workload's for
/// example, and one such address would fail the whole mail for ever.
fn is_mailable(address: &str) -> bool {
    address.len() <= 254
        && !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
        && address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

#[cfg(test)]
mod tests;

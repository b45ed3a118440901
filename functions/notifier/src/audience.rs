//! Who is told of what.

use std::collections::BTreeMap;

use domain::event::EventType;
use domain::journal::{DecisionKind, Digest};
use domain::lifecycle::{Command, Context, State, Voice, decide};
use domain::person::{Principal, same_mailbox};
use domain::policy::{Addressee, ApprovalTier};
use domain::request::Channel;

use crate::situation::Situation;

/// Most approvers, or administrators, who get a mail of their own about one event: they go out within one invocation.
const MAX_OWN_MAILS: usize = 50;
/// Most addressees of a mail that the others share. Source: SES developer guide, "Service quotas": 50 a message.
const MAX_SHARING: usize = 50;
/// Most mails that are shared.
const MAX_SHARED_MAILS: usize = 10;

/// Something that people should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A request waits for approvers.
    Submitted,
    /// It failed, and waits for approvers again.
    Retried,
    /// One of several approvals was given.
    ApprovalRecorded,
    /// Somebody approved alone what needs more.
    BreakGlassUsed,
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
    /// One person who may decide. Where a decision is asked for, their mail has a signed link of their own.
    Approver,
    /// Several people, some of whom may decide: a mailbox, or the approvers beyond those who get a mail of their own.
    /// Never gets a signed link.
    Mailbox,
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
    /// Names the mail among those of its event, the same whenever the event comes; part of stored keys.
    pub channel: String,
}

/// All mails about one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// One entry a mail.
    pub mails: Vec<Recipients>,
    /// How many addresses have to share mails.
    pub sharing: usize,
    /// How many addresses are beyond all bounds and get none.
    pub untold: usize,
}

impl Occasion {
    /// What a type of event means to people; `None` for what they need not know.
    #[must_use]
    pub const fn of(event: EventType, tier: ApprovalTier) -> Option<Self> {
        match (event, tier) {
            // The approval follows in the same transaction, and its message says all.
            (EventType::Submitted, ApprovalTier::AutoApprove) => None,
            // Approved as before, without asking anybody.
            (EventType::Retried, ApprovalTier::AutoApprove) => None,
            (EventType::Submitted, ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview) => {
                Some(Self::Submitted)
            }
            (EventType::Retried, ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview) => Some(Self::Retried),
            (EventType::Approved, ApprovalTier::AutoApprove) => Some(Self::ApprovedByPolicy),
            (EventType::Approved, ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview) => Some(Self::Approved),
            (EventType::ApprovalRecorded, _) => Some(Self::ApprovalRecorded),
            (EventType::BreakGlassUsed, _) => Some(Self::BreakGlassUsed),
            (EventType::Rejected, _) => Some(Self::Rejected),
            (EventType::Cancelled, _) => Some(Self::Cancelled),
            (EventType::Reminded, _) => Some(Self::Reminded),
            (EventType::Escalated, _) => Some(Self::Escalated),
            (EventType::Expired, _) => Some(Self::Expired),
            (EventType::Failed, _) => Some(Self::Failed),
            (EventType::Available, _) => Some(Self::Available),
            (EventType::ProvisioningStarted | EventType::Provisioned, _) => None,
        }
    }

    /// Who gets a mail.
    const fn readers(self) -> &'static [Reader] {
        match self {
            Self::Submitted
            | Self::Retried
            | Self::BreakGlassUsed
            | Self::Approved
            | Self::Rejected
            | Self::Expired => &[Reader::Requester, Reader::Approver],
            // Approvers who are still needed have their links, and reminders say how far it is.
            Self::ApprovalRecorded | Self::ApprovedByPolicy | Self::Available => &[Reader::Requester],
            Self::Cancelled | Self::Reminded | Self::Escalated => &[Reader::Approver],
            Self::Failed => &[Reader::Requester, Reader::Administrators],
        }
    }

    /// Whether somebody is asked to decide.
    #[must_use]
    pub const fn asks_for_decision(self) -> bool {
        match self {
            Self::Submitted | Self::Retried | Self::Reminded | Self::Escalated => true,
            Self::ApprovalRecorded
            | Self::BreakGlassUsed
            | Self::ApprovedByPolicy
            | Self::Approved
            | Self::Rejected
            | Self::Cancelled
            | Self::Expired
            | Self::Failed
            | Self::Available => false,
        }
    }
}

/// Who gets a mail.
///
/// A mail goes to one address, so that one that fails repeats nobody else's. Of more than fifty approvers the ones
/// that the policy names first get a mail of their own; the others share up to ten mails of fifty addresses each,
/// without a link; whoever is beyond those gets none.
///
/// Nobody gets two about one event: who asked gets the requester's, and may not decide anyway.
#[must_use]
pub fn audience(situation: &Situation<'_>) -> Audience {
    let mut audience = Audience::default();
    let requester = &situation.record.requester;
    for reader in situation.occasion.readers() {
        match reader {
            Reader::Requester if is_mailable(requester) => audience.mails.push(Recipients {
                reader: Reader::Requester,
                addresses: vec![requester.clone()],
                channel: "mail-requester".to_owned(),
            }),
            Reader::Approver | Reader::Mailbox => audience.tell_all("approver", approvers(situation)),
            Reader::Administrators => {
                let contacts = distinct(situation.policy.administrator_contacts());
                let others = contacts.into_iter().filter(|contact| !same_mailbox(contact, requester));
                audience.tell_all("administrator", others.map(|contact| Some((Reader::Administrators, contact))));
            }
            // Reads the chat, not mail. And what a token calls an e-mail address need not be one.
            Reader::Requester | Reader::Everybody => {}
        }
    }
    audience
}

impl Audience {
    /// `None` for an address that is passed over: it keeps its place, so that the others' mails stay the same mails
    /// when the event comes again and somebody has approved in between.
    fn tell_all(&mut self, kind: &str, addressees: impl IntoIterator<Item = Option<(Reader, String)>>) {
        let mut sharing: BTreeMap<usize, (Reader, Vec<String>)> = BTreeMap::new();
        for (place, addressee) in addressees.into_iter().enumerate() {
            let Some((reader, address)) = addressee.filter(|(_, address)| is_mailable(address)) else {
                continue;
            };
            let Some(beyond) = place.checked_sub(MAX_OWN_MAILS) else {
                let channel = format!("mail-{kind}-{}", fingerprint(&address));
                self.mails.push(Recipients { reader, addresses: vec![address], channel });
                continue;
            };
            let group = beyond / MAX_SHARING;
            if group < MAX_SHARED_MAILS {
                // What is shared has no link, whoever reads it.
                let reader = if reader == Reader::Approver { Reader::Mailbox } else { reader };
                sharing.entry(group).or_insert_with(|| (reader, Vec::new())).1.push(address);
                self.sharing += 1;
            } else {
                self.untold += 1;
            }
        }
        for (group, (reader, addresses)) in sharing {
            self.mails.push(Recipients { reader, addresses, channel: format!("mail-{kind}s-{}", group + 1) });
        }
    }

    /// Who has a signed link of their own, if the occasion asks for a decision.
    #[must_use]
    pub fn holders(&self) -> Vec<String> {
        let own = self.mails.iter().filter(|mail| mail.reader == Reader::Approver);
        own.flat_map(|mail| &mail.addresses).cloned().collect()
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of the address in lower case: keys say who without naming them.
fn fingerprint(address: &str) -> String {
    Digest::of(address.to_lowercase().as_bytes()).to_string().chars().take(16).collect()
}

/// Those who may decide, as they are told; `None` in the place of those who are not.
fn approvers(situation: &Situation<'_>) -> Vec<Option<(Reader, String)>> {
    let (policy, matter, at) = (situation.policy, situation.matter(), situation.record.timestamp);
    let addressees = match situation.occasion {
        Occasion::BreakGlassUsed => policy.addressees_of_break_glass(matter, at),
        Occasion::Submitted
        | Occasion::Retried
        | Occasion::ApprovalRecorded
        | Occasion::ApprovedByPolicy
        | Occasion::Approved
        | Occasion::Rejected
        | Occasion::Cancelled
        | Occasion::Reminded
        | Occasion::Escalated
        | Occasion::Expired
        | Occasion::Failed
        | Occasion::Available => policy.addressees(matter, at),
    };
    let concerned = Concerned::new(situation);
    let told = |addressee: Addressee| {
        let Addressee { address, is_one_person } = addressee;
        let is_told = !same_mailbox(&address, &situation.record.requester)
            && (!is_one_person || concerned.is_concerned(&address));
        let reader = if is_one_person { Reader::Approver } else { Reader::Mailbox };
        is_told.then_some((reader, address))
    };
    addressees.into_iter().map(told).collect()
}

/// Judges which people a situation concerns: the policy names the delegate of every absent approver, also of one who
/// may not be stood in for.
enum Concerned<'a> {
    /// Whoever is named.
    All,
    /// Nobody.
    Nobody,
    /// Those whose yes would count, by the life cycle's own judgement.
    WouldCount { situation: &'a Situation<'a>, state: State },
    /// Those who might have decided.
    MightDecide { situation: &'a Situation<'a> },
}

impl<'a> Concerned<'a> {
    fn new(situation: &'a Situation<'a>) -> Self {
        match (situation.request, situation.occasion) {
            (_, Occasion::BreakGlassUsed) => Self::All,
            (None, _) => Self::Nobody,
            (Some(request), occasion) if occasion.asks_for_decision() => {
                Self::WouldCount { situation, state: State::Submitted(Box::new(request.clone())) }
            }
            (Some(_), _) => Self::MightDecide { situation },
        }
    }

    fn is_concerned(&self, address: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nobody => false,
            Self::WouldCount { situation, state } => would_count(situation, state, address),
            Self::MightDecide { situation } => situation.request.is_some_and(|request| {
                let (requester, at) = (&request.submission.requester, situation.record.timestamp);
                let principal = Principal::by_address(address);
                !situation.policy.standings(&principal, requester, situation.matter(), at).is_empty()
            }),
        }
    }
}

fn would_count(situation: &Situation<'_>, state: &State, address: &str) -> bool {
    // Every tier takes decisions through the API. Whether a link may carry one is another question: it shows the request
    // in any case.
    let voice = Voice { by: Principal::by_address(address), comment: None, channel: Channel::Api, seen: None };
    let context = Context { now: situation.record.timestamp, policy: situation.policy };
    decide(state, Command::Decide { answer: DecisionKind::Approved, voice }, &context).is_ok()
}

fn distinct(addresses: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !distinct.iter().any(|other| other.eq_ignore_ascii_case(&address)) {
            distinct.push(address);
        }
    }
    distinct
}

/// Whether mail can be sent there at all. What a token calls its e-mail address need not be one, a workload's for
/// example, and one such address would fail the mail for ever.
fn is_mailable(address: &str) -> bool {
    address.len() <= 254
        && !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
        && address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

#[cfg(test)]
mod tests;

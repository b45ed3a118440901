//! Which tier a request falls into, and who may decide it.
//!
//! The policy is data: a YAML file, read by [`Policy::from_yaml`], which refuses everything that could let somebody
//! decide who should not. [`Policy::tier_of`] applies it; nothing in here looks anything up, so a failing
//! look-up can never approve.

mod approvers;
mod explain;
mod file;
mod quorum;
mod rules;
mod words;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::rules::{DenyRule, Rule};
use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::image::ImageReference;
use crate::person::{Person, Principal};
use crate::request::Channel;
use crate::text::TeamName;
use crate::time::{Span, Timestamp};

pub use approvers::{Addressee, Approver, ApproverKind, ApproverSet, Capacity, Delegation, Group, Standing, Voucher};
pub use explain::{
    Absence, Decider, ExplainedCondition, ExplainedRequirement, ExplainedReview, ExplainedRule, Explanation,
    KnownPerson, Outcome, Trial,
};
pub use file::{PolicyError, PolicyProblem};
pub use quorum::{Quorum, QuorumPart};

/// The policy that is compiled in.
pub const DEFAULT_POLICY: &str = include_str!("../../../../infra/policy.yaml");

/// How a request is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalTier {
    /// The policy approves; nobody is asked.
    AutoApprove,
    /// A lead of the team decides.
    ManagerApproval,
    /// The security team decides.
    SecurityReview,
}

impl ApprovalTier {
    /// As written in requests, events and the policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AutoApprove => "auto-approve",
            Self::ManagerApproval => "manager-approval",
            Self::SecurityReview => "security-review",
        }
    }

    /// What it asks for, in people's words: completes "the policy's rule asks for …".
    #[must_use]
    pub const fn asks_for(self) -> &'static str {
        match self {
            Self::AutoApprove => "nobody's approval",
            Self::ManagerApproval => "a manager's approval",
            Self::SecurityReview => "a security review",
        }
    }
}

/// A field that a tier may insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequiredField {
    /// Why the image is needed.
    Justification,
    /// What could go wrong.
    RiskAssessment,
}

impl RequiredField {
    /// The field's name in a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justification => "justification",
            Self::RiskAssessment => "riskAssessment",
        }
    }
}

/// A validated policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The operator's name for this version; stands in every record.
    pub version: String,
    deny: Vec<DenyRule>,
    rules: Vec<Rule>,
    auto_approve: AutoApproveTier,
    manager_approval: ReviewTier,
    security_review: ReviewTier,
    administrators: ApproverSet,
    break_glass: Option<BreakGlass>,
    groups: BTreeMap<String, Group>,
    delegations: Vec<Delegation>,
    fallback_mailboxes: Vec<String>,
}

/// The tier that needs nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoApproveTier {
    /// How many requests one person may make, and in what window. `None`: as many as they like.
    pub rate_limit: Option<RateLimit>,
}

/// So many requests per window and person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// The most in one window.
    pub requests: NonZeroU32,
    /// The window's length. Windows are aligned to 1970, not to a person's first request.
    pub per: Span,
}

/// A tier in which people decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewTier {
    /// Fields that must be filled in.
    pub requires: Vec<RequiredField>,
    /// Whose approvals are needed: all of these, each by different people. Never empty.
    pub approvals: Vec<Requirement>,
    /// When a decision is due, from submission.
    pub sla: Span,
    /// When approvers are reminded, from submission, ascending, before the SLA.
    pub reminders: Vec<Span>,
    /// Who may decide, too, once the SLA has passed.
    pub escalate_to: Option<ApproverSet>,
    /// When an undecided request ends, from submission.
    pub expires_after: Span,
    /// How long a signed link can be used.
    pub links_valid_for: Span,
    /// Through which channels a decision may come. The API is always among them.
    pub channels: Vec<Channel>,
}

/// So many approvals of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// How many different people have to say yes.
    pub count: NonZeroU32,
    /// Who may.
    pub approvers: ApproverSet,
}

impl Requirement {
    fn count(&self) -> usize {
        usize::try_from(self.count.get()).unwrap_or(usize::MAX)
    }
}

/// Who may approve alone what needs more, in an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// Who may.
    pub approvers: ApproverSet,
    /// Who is told, besides the approvers who were passed over.
    pub tell: ApproverSet,
}

/// What says whose decision it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matter<'a> {
    /// How it is decided.
    pub tier: ApprovalTier,
    /// The team it is for.
    pub team: &'a TeamName,
    /// Whether the second line may decide, too.
    pub escalated: bool,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The image.
    pub image: &'a ImageReference,
    /// The catalog's tier of the image.
    pub catalog_tier: CatalogTier,
    /// The team it is for.
    pub team: &'a TeamName,
    /// Where it is to run.
    pub environment: Environment,
}

/// The rule that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The tier it leads to.
    pub tier: ApprovalTier,
    /// The rule's name.
    pub rule: &'a str,
}

/// A deny rule fired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy's rule `{rule}` refuses this: {reason}")]
pub struct Denied {
    /// The rule's name.
    pub rule: String,
    /// What the policy says about it.
    pub reason: String,
}

impl Policy {
    /// Reads and validates a policy file; lists all problems at once.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        file::read(text)
    }

    /// Finds the tier: deny rules first, then the first rule that matches.
    pub fn tier_of(&self, subject: Subject<'_>) -> Result<Verdict<'_>, Denied> {
        self.evaluate(subject).outcome
    }

    /// The settings of the tier that needs nobody.
    #[must_use]
    pub const fn auto_approve(&self) -> AutoApproveTier {
        self.auto_approve
    }

    /// The settings of a tier in which people decide; `None` for auto-approve.
    #[must_use]
    pub const fn review(&self, tier: ApprovalTier) -> Option<&ReviewTier> {
        match tier {
            ApprovalTier::AutoApprove => None,
            ApprovalTier::ManagerApproval => Some(&self.manager_approval),
            ApprovalTier::SecurityReview => Some(&self.security_review),
        }
    }

    /// Who may decide, the second line included once it has been asked.
    #[must_use]
    pub fn approvers(&self, matter: Matter<'_>) -> Vec<Approver> {
        self.named(self.approver_sets(matter), matter.team)
    }

    /// In what capacities `principal` may decide a request of `requester`, their own first; empty if they may not.
    /// Says nothing about whose request it is.
    #[must_use]
    pub fn standings(
        &self,
        principal: &Principal,
        requester: &Person,
        matter: Matter<'_>,
        now: Timestamp,
    ) -> Vec<Standing> {
        let sets: Vec<&ApproverSet> = self.approver_sets(matter).collect();
        approvers::standings(&sets, principal, requester, matter.team, &self.groups, &self.delegations, now)
    }

    /// Where the approvers are told of a request, each address once: people with their delegates of that moment, then
    /// mailboxes that several people read.
    #[must_use]
    pub fn addressees(&self, matter: Matter<'_>, now: Timestamp) -> Vec<Addressee> {
        self.addresses_of(self.approver_sets(matter), matter.team, now)
    }

    /// Where those are told who have to know that somebody broke the glass: the approvers who were passed over, the
    /// second line, and whom the policy names.
    #[must_use]
    pub fn addressees_of_break_glass(&self, matter: Matter<'_>, now: Timestamp) -> Vec<Addressee> {
        let passed_over = self.approver_sets(Matter { escalated: true, ..matter });
        let named = self.break_glass.iter().map(|break_glass| &break_glass.tell);
        self.addresses_of(passed_over.chain(named), matter.team, now)
    }

    /// Who may approve alone in an emergency, if the policy foresees it.
    #[must_use]
    pub const fn break_glass(&self) -> Option<&BreakGlass> {
        self.break_glass.as_ref()
    }

    /// In what capacities `principal` may break the glass; empty if they may not. Nobody stands in for anybody here.
    #[must_use]
    pub fn break_glass_capacities(&self, principal: &Principal, team: &TeamName) -> Vec<Capacity> {
        self.break_glass
            .as_ref()
            .map_or_else(Vec::new, |break_glass| break_glass.approvers.capacities(principal, team, &self.groups))
    }

    /// Whether `principal` may send failed requests round again.
    #[must_use]
    pub fn is_administrator(&self, principal: &Principal) -> bool {
        self.administrators.contains_without_team(principal)
    }

    /// E-mail addresses that reach administrators.
    #[must_use]
    pub fn administrator_contacts(&self) -> Vec<String> {
        let mut contacts = self.administrators.people.clone();
        for group in &self.administrators.groups {
            contacts.extend(self.contacts_of(group));
        }
        contacts
    }

    /// The delegations, in force or not.
    #[must_use]
    pub fn delegations(&self) -> &[Delegation] {
        &self.delegations
    }

    fn approver_sets(&self, matter: Matter<'_>) -> impl Iterator<Item = &ApproverSet> {
        let review = self.review(matter.tier);
        let second_line = review.and_then(|tier| tier.escalate_to.as_ref()).filter(|_| matter.escalated);
        review.into_iter().flat_map(|tier| &tier.approvals).map(|requirement| &requirement.approvers).chain(second_line)
    }

    /// The people and groups of `sets`, each once.
    fn named<'a>(&self, sets: impl Iterator<Item = &'a ApproverSet>, team: &TeamName) -> Vec<Approver> {
        let mut approvers: Vec<Approver> = Vec::new();
        for (kind, name) in sets.flat_map(|set| set.resolve(team)) {
            if approvers.iter().any(|known| known.kind == kind && known.name == name) {
                continue;
            }
            let contacts = match kind {
                ApproverKind::Person => vec![name.clone()],
                ApproverKind::Group => self.contacts_of(&name),
            };
            approvers.push(Approver { kind, name, contacts });
        }
        approvers
    }

    fn addresses_of<'a>(
        &self,
        sets: impl Iterator<Item = &'a ApproverSet>,
        team: &TeamName,
        now: Timestamp,
    ) -> Vec<Addressee> {
        let (mut people, mut mailboxes) = (Vec::new(), Vec::new());
        for (kind, name) in sets.flat_map(|set| set.resolve(team)) {
            match (kind, self.groups.get(&name)) {
                (ApproverKind::Person, _) => people.push(name),
                (ApproverKind::Group, Some(group)) if !group.is_unreachable() => {
                    people.extend_from_slice(&group.members);
                    mailboxes.extend_from_slice(&group.mailboxes);
                }
                (ApproverKind::Group, _) => mailboxes.extend_from_slice(&self.fallback_mailboxes),
            }
        }
        // One step: nobody stands in for a delegate.
        let is_told = |address: &str| people.iter().any(|person| person.eq_ignore_ascii_case(address));
        let in_force = self.delegations.iter().filter(|delegation| delegation.is_in_force(now));
        let delegates: Vec<String> =
            in_force.filter(|delegation| is_told(&delegation.approver)).map(|given| given.delegate.clone()).collect();
        people.extend(delegates);
        let people = people.into_iter().map(|address| Addressee { address, is_one_person: true });
        let mailboxes = mailboxes.into_iter().map(|address| Addressee { address, is_one_person: false });
        let mut addressees: Vec<Addressee> = Vec::new();
        for addressee in people.chain(mailboxes) {
            if !addressees.iter().any(|known| known.address.eq_ignore_ascii_case(&addressee.address)) {
                addressees.push(addressee);
            }
        }
        addressees
    }

    fn contacts_of(&self, group: &str) -> Vec<String> {
        match self.groups.get(group).filter(|group| !group.is_unreachable()) {
            Some(group) => group.members.iter().chain(&group.mailboxes).cloned().collect(),
            None => self.fallback_mailboxes.clone(),
        }
    }
}

impl ReviewTier {
    /// Those of the approvals and the second line.
    fn approver_sets(&self) -> impl Iterator<Item = &ApproverSet> {
        self.approvals.iter().map(|requirement| &requirement.approvers).chain(&self.escalate_to)
    }
}

impl Group {
    const fn is_unreachable(&self) -> bool {
        self.members.is_empty() && self.mailboxes.is_empty()
    }
}

impl ApproverSet {
    /// For sets whose groups carry no `{team}`, as loading has made sure. What the policy lists as a group's members
    /// is not asked: administration takes a token that carries the group.
    fn contains_without_team(&self, principal: &Principal) -> bool {
        let email = &principal.person.email;
        self.people.iter().any(|person| person.eq_ignore_ascii_case(email))
            || self.groups.iter().any(|group| principal.groups.contains(group))
    }
}

#[cfg(test)]
mod tests;

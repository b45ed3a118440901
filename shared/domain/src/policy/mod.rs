//! Which tier a request falls into, and who may decide it.
//!
//! The policy is data: a YAML file, read by [`Policy::from_yaml`], which refuses everything that could let somebody
//! decide who should not. [`Policy::tier_of`] applies it; nothing in here looks anything up, so a failing
//! look-up can never approve.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::image::ImageReference;
use crate::person::Principal;
use crate::request::Channel;
use crate::text::TeamName;
use crate::time::Span;

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
    contacts: BTreeMap<String, Vec<String>>,
    fallback_contacts: Vec<String>,
}

#[derive(Clone, Debug)]
struct DenyRule {
    name: String,
    when: Condition,
    reason: String,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    when: Condition,
    tier: ApprovalTier,
}

/// What a rule looks at. Every list that is given must contain the request's value; none given matches all.
#[derive(Clone, Debug, Default)]
struct Condition {
    catalog_tier: Option<Vec<CatalogTier>>,
    environment: Option<Vec<Environment>>,
    team: Option<Vec<TeamName>>,
    image: Option<Vec<ImagePattern>>,
}

/// `name`, `*` standing for any characters; as `base-image/name` it matches only images that others are to be built on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ImagePattern {
    only_base_images: bool,
    name: String,
}

/// The tier that needs nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoApproveTier {
    /// How many requests one person may make, and in what window. `None`: as many as they like.
    pub rate_limit: Option<RateLimit>,
}

/// So many requests per window and person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// How many different approvers have to say yes.
    pub approvals: NonZeroU32,
    /// Who may decide.
    pub approvers: ApproverSet,
    /// When a decision is due, from submission.
    pub sla: Span,
    /// When approvers are reminded, from submission, ascending, before the SLA.
    pub reminders: Vec<Span>,
    /// Who may decide, too, once the SLA has passed.
    pub escalate_to: Option<ApproverSet>,
    /// When an undecided request ends, from submission.
    pub expires_after: Span,
    /// Through which channels a decision may come.
    pub channels: Vec<Channel>,
}

/// People and groups, never empty. `{team}` in a group's name stands for the request's team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproverSet {
    people: Vec<String>,
    groups: Vec<String>,
}

/// Somebody who may decide: as told to requesters and used for mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approver {
    /// Whether `name` is a person or a group.
    pub kind: ApproverKind,
    /// An e-mail address, or a group's name.
    pub name: String,
    /// E-mail addresses that reach them.
    pub contacts: Vec<String>,
}

/// What an [`Approver`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApproverKind {
    /// One person, by e-mail address.
    Person,
    /// Everybody whose token carries the group.
    Group,
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

/// Everything that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy cannot be used:\n- {}", problems.join("\n- "))]
pub struct PolicyError {
    /// One line each.
    pub problems: Vec<String>,
}

impl Policy {
    /// Reads and validates a policy file; lists all problems at once.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        file::read(text)
    }

    /// Finds the tier: deny rules first, then the first rule that matches.
    pub fn tier_of(&self, subject: Subject<'_>) -> Result<Verdict<'_>, Denied> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.when.matches(subject)) {
            return Err(Denied { rule: rule.name.clone(), reason: rule.reason.clone() });
        }
        let fired = self.rules.iter().find(|rule| rule.when.matches(subject));
        // Loading insists on a last rule without a condition; should that ever fail, the strictest tier answers.
        Ok(fired.map_or(Verdict { tier: ApprovalTier::SecurityReview, rule: "no-rule-matched" }, |rule| Verdict {
            tier: rule.tier,
            rule: &rule.name,
        }))
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

    /// Who may decide a request of this tier and team; with `escalated`, the second line as well.
    #[must_use]
    pub fn approvers(&self, tier: ApprovalTier, team: &TeamName, escalated: bool) -> Vec<Approver> {
        self.approver_sets(tier, escalated)
            .flat_map(|set| set.resolve(team))
            .map(|(kind, name)| Approver {
                contacts: match kind {
                    ApproverKind::Person => vec![name.clone()],
                    ApproverKind::Group => self.contacts_of(&name).to_vec(),
                },
                kind,
                name,
            })
            .collect()
    }

    /// Whether `principal` is among those who may decide a request of this tier and team. Says nothing about whose
    /// request it is.
    #[must_use]
    pub fn may_decide(&self, principal: &Principal, tier: ApprovalTier, team: &TeamName, escalated: bool) -> bool {
        self.approver_sets(tier, escalated).any(|set| set.contains(principal, team))
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
            contacts.extend_from_slice(self.contacts_of(group));
        }
        contacts
    }

    fn approver_sets(&self, tier: ApprovalTier, escalated: bool) -> impl Iterator<Item = &ApproverSet> {
        let review = self.review(tier);
        let second_line = review.and_then(|tier| tier.escalate_to.as_ref()).filter(|_| escalated);
        review.map(|tier| &tier.approvers).into_iter().chain(second_line)
    }

    fn contacts_of(&self, group: &str) -> &[String] {
        self.contacts.get(group).unwrap_or(&self.fallback_contacts)
    }
}

impl ApproverSet {
    /// A set, unless it is empty: an empty set would mean either nobody or everybody, and neither is ever meant.
    #[must_use]
    pub fn new(people: Vec<String>, groups: Vec<String>) -> Option<Self> {
        let set = Self { people, groups };
        (!set.people.is_empty() || !set.groups.is_empty()).then_some(set)
    }

    fn resolve(&self, team: &TeamName) -> impl Iterator<Item = (ApproverKind, String)> {
        let people = self.people.iter().map(|person| (ApproverKind::Person, person.clone()));
        let groups = self.groups.iter().map(|group| (ApproverKind::Group, group.replace("{team}", team.as_str())));
        people.chain(groups)
    }

    fn contains(&self, principal: &Principal, team: &TeamName) -> bool {
        self.resolve(team).any(|(kind, name)| match kind {
            ApproverKind::Person => name.eq_ignore_ascii_case(&principal.person.email),
            ApproverKind::Group => principal.groups.contains(&name),
        })
    }

    /// For sets whose groups carry no `{team}`, as loading has made sure.
    fn contains_without_team(&self, principal: &Principal) -> bool {
        let email = &principal.person.email;
        self.people.iter().any(|person| person.eq_ignore_ascii_case(email))
            || self.groups.iter().any(|group| principal.groups.contains(group))
    }
}

impl Condition {
    fn matches(&self, subject: Subject<'_>) -> bool {
        fn holds<T>(wanted: Option<&Vec<T>>, test: impl Fn(&T) -> bool) -> bool {
            wanted.is_none_or(|values| values.iter().any(test))
        }
        holds(self.catalog_tier.as_ref(), |t| *t == subject.catalog_tier)
            && holds(self.environment.as_ref(), |e| *e == subject.environment)
            && holds(self.team.as_ref(), |t| t == subject.team)
            && holds(self.image.as_ref(), |pattern| pattern.matches(subject))
    }

    const fn is_empty(&self) -> bool {
        self.catalog_tier.is_none() && self.environment.is_none() && self.team.is_none() && self.image.is_none()
    }
}

impl ImagePattern {
    fn matches(&self, subject: Subject<'_>) -> bool {
        (!self.only_base_images || subject.image.base_image) && glob(&self.name, subject.image.name.as_str())
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any number of any characters. Linear in both.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|prefix| text.strip_prefix(prefix)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Distinct names in order of first appearance.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), &'a str> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

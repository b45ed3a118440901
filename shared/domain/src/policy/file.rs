//! The policy file: its shape, and what has to hold for it to be used.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;

use super::{
    ApprovalTier, ApproverSet, AutoApproveTier, Condition, DenyRule, ImagePattern, Policy, PolicyError, RateLimit,
    RequiredField, ReviewTier, Rule, distinct,
};
use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::image::BASE_IMAGE_PREFIX;
use crate::request::Channel;
use crate::text::TeamName;
use crate::time::Span;

/// The largest policy file that is read, in bytes.
const MAX_FILE_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyFile {
    version: String,
    #[serde(default)]
    deny: Vec<DenyFile>,
    rules: Vec<RuleFile>,
    tiers: TiersFile,
    administrators: ApproversFile,
    #[serde(default)]
    contacts: BTreeMap<String, Vec<String>>,
    fallback_contacts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenyFile {
    name: String,
    #[serde(default)]
    when: ConditionFile,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    #[serde(default)]
    when: ConditionFile,
    tier: ApprovalTier,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConditionFile {
    catalog_tier: Option<Vec<CatalogTier>>,
    environment: Option<Vec<Environment>>,
    team: Option<Vec<TeamName>>,
    image: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TiersFile {
    auto_approve: AutoApproveFile,
    manager_approval: ReviewFile,
    security_review: ReviewFile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AutoApproveFile {
    rate_limit: Option<RateLimitFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimitFile {
    requests: NonZeroU32,
    per: Span,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReviewFile {
    #[serde(default)]
    requires: Vec<RequiredField>,
    approvals: NonZeroU32,
    approvers: ApproversFile,
    sla: Span,
    #[serde(default)]
    reminders: Vec<Span>,
    escalate_to: Option<ApproversFile>,
    expires_after: Span,
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproversFile {
    #[serde(default)]
    people: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
}

/// Collects problems while values are built.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn check(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push(problem());
        }
    }
}

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let one = |problem: String| PolicyError { problems: vec![problem] };
    if text.len() > MAX_FILE_BYTES {
        return Err(one(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    let file: PolicyFile = serde_saphyr::from_str(text).map_err(|error| one(error.to_string()))?;
    let mut problems = Problems::default();

    problems.check(!file.version.trim().is_empty() && file.version.len() <= 64, || {
        "version: give it 1 to 64 characters; it stands in every record".to_owned()
    });
    let names = file.deny.iter().map(|d| d.name.as_str());
    if let Err(name) = distinct(names.chain(file.rules.iter().map(|r| r.name.as_str()))) {
        problems.0.push(format!("two rules are named `{name}`; records must say which one fired"));
    }

    let deny: Vec<DenyRule> = file
        .deny
        .into_iter()
        .map(|rule| {
            let when = condition(rule.when, &format!("deny `{}`", rule.name), &mut problems);
            problems.check(!when.is_empty(), || {
                format!("deny `{}`: without a condition it refuses every request", rule.name)
            });
            DenyRule { name: rule.name, when, reason: rule.reason }
        })
        .collect();
    let rules: Vec<Rule> = file
        .rules
        .into_iter()
        .map(|rule| Rule {
            when: condition(rule.when, &format!("rule `{}`", rule.name), &mut problems),
            name: rule.name,
            tier: rule.tier,
        })
        .collect();
    problems.check(rules.last().is_some_and(|rule| rule.when.is_empty()), || {
        "rules: the last one must have no condition, so that every request falls into a tier".to_owned()
    });
    for rule in rules.iter().rev().skip(1).filter(|rule| rule.when.is_empty()) {
        problems.0.push(format!("rule `{}`: it has no condition, so the rules after it never fire", rule.name));
    }

    let rate_limit =
        file.tiers.auto_approve.rate_limit.map(|limit| RateLimit { requests: limit.requests, per: limit.per });
    problems.check(rate_limit.is_none_or(|limit| !limit.per.duration().is_zero()), || {
        "tiers.auto-approve.rateLimit.per: must be longer than nothing".to_owned()
    });
    let manager_approval = review(file.tiers.manager_approval, "manager-approval", &mut problems);
    let security_review = review(file.tiers.security_review, "security-review", &mut problems);
    let administrators = approver_set(file.administrators, "administrators", &mut problems);
    if let Some(set) = &administrators {
        problems.check(set.groups.iter().all(|group| !group.contains("{team}")), || {
            "administrators: `{team}` has no meaning here; name the groups".to_owned()
        });
    }
    for (group, contacts) in &file.contacts {
        check_addresses(contacts, &format!("contacts.{group}"), &mut problems);
    }
    check_addresses(&file.fallback_contacts, "fallbackContacts", &mut problems);

    match (manager_approval, security_review, administrators, problems.0.is_empty()) {
        (Some(manager_approval), Some(security_review), Some(administrators), true) => Ok(Policy {
            version: file.version,
            deny,
            rules,
            auto_approve: AutoApproveTier { rate_limit },
            manager_approval,
            security_review,
            administrators,
            contacts: file.contacts,
            fallback_contacts: file.fallback_contacts,
        }),
        _ => Err(PolicyError { problems: problems.0 }),
    }
}

fn condition(file: ConditionFile, place: &str, problems: &mut Problems) -> Condition {
    let empty_list = file.catalog_tier.as_ref().is_some_and(Vec::is_empty)
        || file.environment.as_ref().is_some_and(Vec::is_empty)
        || file.team.as_ref().is_some_and(Vec::is_empty)
        || file.image.as_ref().is_some_and(Vec::is_empty);
    let unknown_tier = file.catalog_tier.as_ref().is_some_and(|tiers| tiers.contains(&CatalogTier::Unknown));
    problems.check(!unknown_tier, || {
        format!("{place}: a catalogTier is one of APPLICATION, BASE, FIPS, AI, DEVTOOLS, COMMERCIAL")
    });
    problems.check(!empty_list, || format!("{place}: an empty list matches nothing; leave the field out"));
    let image = file
        .image
        .map(|patterns| patterns.into_iter().map(|pattern| image_pattern(&pattern, place, problems)).collect());
    Condition { catalog_tier: file.catalog_tier, environment: file.environment, team: file.team, image }
}

fn image_pattern(text: &str, place: &str, problems: &mut Problems) -> ImagePattern {
    let (only_base_images, name) = match text.split_once('/') {
        Some((BASE_IMAGE_PREFIX, name)) => (true, name),
        _ => (false, text),
    };
    let well_formed =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"*._-".contains(&b));
    problems
        .check(well_formed, || format!("{place}: `{text}` is no image pattern such as python, *-fips or base-image/*"));
    ImagePattern { only_base_images, name: name.to_owned() }
}

fn review(file: ReviewFile, name: &str, problems: &mut Problems) -> Option<ReviewTier> {
    let place = format!("tiers.{name}");
    let approvers = approver_set(file.approvers, &format!("{place}.approvers"), problems);
    let had_escalation = file.escalate_to.is_some();
    let escalate_to = file.escalate_to.and_then(|set| approver_set(set, &format!("{place}.escalateTo"), problems));
    problems.check(!file.sla.duration().is_zero(), || format!("{place}.sla: must be longer than nothing"));
    problems.check(file.expires_after > file.sla, || {
        format!("{place}.expiresAfter: must be later than the SLA of {}", file.sla)
    });
    problems.check(file.reminders.is_sorted() && file.reminders.iter().all(|at| *at < file.sla), || {
        format!("{place}.reminders: must ascend and come before the SLA of {}", file.sla)
    });
    problems.check(file.reminders.len() <= 10, || format!("{place}.reminders: at most 10"));
    problems.check(!file.channels.is_empty(), || format!("{place}.channels: without a channel nobody can decide"));
    problems.check(file.approvals.get() <= 10, || format!("{place}.approvals: at most 10"));
    if let Some(set) = &approvers {
        let only_people = set.groups.is_empty();
        let enough = u32::try_from(set.people.len()).is_ok_and(|people| people > file.approvals.get());
        problems.check(!only_people || enough, || {
            format!(
                "{place}.approvers: one of these people may be the requester, and then too few are left for {} approval(s)",
                file.approvals
            )
        });
    }
    let escalation_holds = !had_escalation || escalate_to.is_some();
    match approvers {
        Some(approvers) if escalation_holds => Some(ReviewTier {
            requires: file.requires,
            approvals: file.approvals,
            approvers,
            sla: file.sla,
            reminders: file.reminders,
            escalate_to,
            expires_after: file.expires_after,
            channels: file.channels,
        }),
        _ => None,
    }
}

fn approver_set(file: ApproversFile, place: &str, problems: &mut Problems) -> Option<ApproverSet> {
    check_addresses(&file.people, &format!("{place}.people"), problems);
    for group in &file.groups {
        problems.check(!group.replace("{team}", "").trim().is_empty(), || {
            format!("{place}.groups: `{group}` names no group")
        });
    }
    let set = ApproverSet::new(file.people, file.groups);
    problems.check(set.is_some(), || format!("{place}: names nobody; list people, groups or both"));
    set
}

fn check_addresses(addresses: &[String], place: &str, problems: &mut Problems) {
    for address in addresses {
        let well_formed = address.len() <= 254
            && !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
            && address
                .split_once('@')
                .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
        problems.check(well_formed, || format!("{place}: `{address}` is no e-mail address"));
    }
}

mod explanation;
mod loading;
mod quorum;
mod standings;

use super::rules::glob;
use super::*;
use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::fixtures::{at, person, policy, principal};
use crate::image::ImageReference;
use crate::text::TeamName;

/// The default policy with another text in one place.
fn text_with(from: &str, to: &str) -> String {
    assert!(DEFAULT_POLICY.contains(from), "{from} occurs in the default policy");
    DEFAULT_POLICY.replacen(from, to, 1)
}

fn policy_with(changes: &[(&str, &str)]) -> Policy {
    let text = changes.iter().fold(DEFAULT_POLICY.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} occurs in the policy");
        text.replacen(from, to, 1)
    });
    Policy::from_yaml(&text).unwrap()
}

fn reference(text: &str) -> ImageReference {
    ImageReference::parse(text, &"acme".parse().unwrap()).unwrap()
}

fn team(name: &str) -> TeamName {
    TeamName::new(name).unwrap()
}

fn matter(tier: ApprovalTier, team: &TeamName, escalated: bool) -> Matter<'_> {
    Matter { tier, team, escalated }
}

/// A delegation of `approver` from `from` until `until`, in seconds of [`at`], as the policy writes it.
fn delegation(approver: &str, delegate: &str, from: i64, until: i64) -> String {
    let (from, until) = (at(from), at(until));
    format!("\n  - {{ approver: {approver}, delegate: {delegate}, from: {from}, until: {until} }}")
}

fn with_delegations(changes: &[(&str, &str)], delegations: &[String]) -> Policy {
    let delegations = format!("delegations:{}", delegations.concat());
    let mut changes = changes.to_vec();
    changes.push(("delegations: []", &delegations));
    policy_with(&changes)
}

fn verdict(image: &str, catalog_tier: CatalogTier, of: &str, environment: Environment) -> (ApprovalTier, String) {
    let policy = policy();
    let (image, team) = (reference(image), team(of));
    let subject = Subject { image: &image, catalog_tier, team: &team, environment };
    let verdict = policy.tier_of(subject).unwrap();
    (verdict.tier, verdict.rule.to_owned())
}

/// The rows of the design's table, and what lies between them.
const TABLE: [(&str, CatalogTier, &str, Environment, ApprovalTier, &str); 7] = {
    use ApprovalTier::{AutoApprove, ManagerApproval, SecurityReview};
    use CatalogTier::{Application, Base};
    use Environment::{Dev, Production, Staging};
    [
        ("python", Application, "data-engineering", Dev, AutoApprove, "non-production"),
        ("base-image/wolfi-base", Base, "data-engineering", Staging, AutoApprove, "non-production"),
        ("base-image/wolfi-base", Base, "data-engineering", Production, SecurityReview, "base-images"),
        ("base-image/nginx", Application, "security", Production, SecurityReview, "base-images"),
        ("python", Base, "security", Production, ManagerApproval, "trusted-teams"),
        ("python", Base, "data-engineering", Production, ManagerApproval, "default"),
        ("base-image-tools", Application, "data-engineering", Production, ManagerApproval, "default"),
    ]
};

#[test]
fn the_default_policy_is_the_table_of_the_design() {
    for (image, catalog_tier, team, environment, tier, rule) in TABLE {
        let found = verdict(image, catalog_tier, team, environment);
        assert_eq!(found, (tier, rule.to_owned()), "{image} for {team}");
    }
}

#[test]
fn required_fields_and_slas_are_those_of_the_design() {
    let policy = policy();
    let manager = policy.review(ApprovalTier::ManagerApproval).unwrap();
    let security = policy.review(ApprovalTier::SecurityReview).unwrap();
    assert_eq!(manager.requires, [RequiredField::Justification]);
    assert_eq!(manager.sla.to_string(), "24h");
    assert_eq!(security.requires, [RequiredField::Justification, RequiredField::RiskAssessment]);
    assert_eq!(security.sla.to_string(), "48h");
    assert!(policy.review(ApprovalTier::AutoApprove).is_none());
    assert!(policy.auto_approve().rate_limit.is_some());
}

#[test]
fn only_the_leads_of_the_requests_own_team_may_decide() {
    let policy = policy();
    let team = team("data-engineering");
    let may_decide = |who: &Principal, tier, escalated| {
        let standings = policy.standings(who, &person("jane@acme.example"), matter(tier, &team, escalated), at(0));
        !standings.is_empty()
    };
    let tier = ApprovalTier::ManagerApproval;
    let lead = principal("lena@acme.example", &["data-engineering-leads"]);
    let other_lead = principal("pat@acme.example", &["payments-leads"]);
    let second_line = principal("pia@acme.example", &["platform-engineering-leads"]);
    assert!(may_decide(&lead, tier, false));
    assert!(!may_decide(&other_lead, tier, false));
    assert!(!may_decide(&second_line, tier, false));
    assert!(may_decide(&second_line, tier, true));
    assert!(!may_decide(&lead, ApprovalTier::AutoApprove, true));
    let named = policy.approvers(matter(tier, &team, false));
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].name, "data-engineering-leads");
    assert_eq!(named[0].contacts, ["dana@acme.example", "dmitri@acme.example"]);
}

#[test]
fn a_group_without_an_entry_reaches_the_fallback() {
    let payments = team("payments");
    let approvers = policy().approvers(matter(ApprovalTier::ManagerApproval, &payments, false));
    assert_eq!(approvers[0].contacts, ["platform-engineering@acme.example"]);
}

#[test]
fn people_are_recognised_whatever_the_case_of_their_address() {
    let policy = policy_with(&[(
        "{ count: 1, groups: [\"{team}-leads\"] }",
        "{ count: 1, people: [Dana@Acme.Example, x@acme.example] }",
    )]);
    let team = team("payments");
    let matter = matter(ApprovalTier::ManagerApproval, &team, false);
    let dana = principal("dana@acme.example", &[]);
    let standings = policy.standings(&dana, &person("jane@acme.example"), matter, at(0));
    assert_eq!(standings[0].capacities[0].name, "Dana@Acme.Example");
}

#[test]
fn a_rule_can_look_at_the_catalogs_tier() {
    let text = text_with("when: { team: [platform-engineering, security] }", "when: { catalogTier: [FIPS] }");
    let policy = Policy::from_yaml(&text).unwrap();
    let (image, team) = (reference("python-fips"), team("a"));
    let rule = |catalog_tier| {
        let subject = Subject { image: &image, catalog_tier, team: &team, environment: Environment::Production };
        policy.tier_of(subject).unwrap().rule.to_owned()
    };
    assert_eq!(rule(CatalogTier::Fips), "trusted-teams");
    assert_eq!(rule(CatalogTier::Base), "default");
    assert!(Policy::from_yaml(&text.replace("[FIPS]", "[QUANTUM]")).is_err());
    assert!(Policy::from_yaml(&text.replace("[FIPS]", "[UNKNOWN]")).is_err());
}

#[test]
fn deny_wins_over_every_rule() {
    let policy = policy_with(&[(
        "deny: []",
        "deny:\n  - { name: no-shells, when: { image: [\"*bash*\"] }, reason: use a distroless image }",
    )]);
    let (image, team) = (reference("bash"), team("a"));
    let denied = policy.tier_of(Subject {
        image: &image,
        catalog_tier: CatalogTier::Application,
        team: &team,
        environment: Environment::Dev,
    });
    assert_eq!(denied.unwrap_err().rule, "no-shells");
}

#[test]
fn globs_match_whole_words() {
    for (pattern, text, expected) in [
        ("python", "python", true),
        ("python", "python-fips", false),
        ("python*", "python-fips", true),
        ("*-fips", "python-fips", true),
        ("*-fips", "python-fips2", false),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "axxcyyb", false),
        ("a*a", "a", false),
        ("*", "", true),
        ("", "", true),
    ] {
        assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
    }
}

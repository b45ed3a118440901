use super::*;
use crate::fixtures::{person, principal};

fn default_policy() -> Policy {
    Policy::from_yaml(DEFAULT_POLICY).unwrap()
}

fn reference(text: &str) -> ImageReference {
    ImageReference::parse(text, &"acme".parse().unwrap()).unwrap()
}

fn verdict(image: &str, catalog_tier: CatalogTier, team: &str, environment: Environment) -> (ApprovalTier, String) {
    let policy = default_policy();
    let (image, team) = (reference(image), TeamName::new(team).unwrap());
    let subject = Subject { image: &image, catalog_tier, team: &team, environment };
    let verdict = policy.tier_of(subject).unwrap();
    (verdict.tier, verdict.rule.to_owned())
}

#[test]
fn the_default_policy_is_the_table_of_the_design() {
    use ApprovalTier::{AutoApprove, ManagerApproval, SecurityReview};
    use CatalogTier::{Application, Base};
    use Environment::{Dev, Production, Staging};
    for (image, catalog_tier, team, environment, tier, rule) in [
        ("python", Application, "data-engineering", Dev, AutoApprove, "non-production"),
        ("base-image/wolfi-base", Base, "data-engineering", Staging, AutoApprove, "non-production"),
        ("base-image/wolfi-base", Base, "data-engineering", Production, SecurityReview, "base-images"),
        ("base-image/nginx", Application, "security", Production, SecurityReview, "base-images"),
        ("python", Base, "security", Production, ManagerApproval, "trusted-teams"),
        ("python", Base, "data-engineering", Production, ManagerApproval, "default"),
        ("base-image-tools", Application, "data-engineering", Production, ManagerApproval, "default"),
    ] {
        let found = verdict(image, catalog_tier, team, environment);
        assert_eq!(found, (tier, rule.to_owned()), "{image} for {team}");
    }
}

#[test]
fn required_fields_and_slas_are_those_of_the_design() {
    let policy = default_policy();
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
    let policy = default_policy();
    let team = TeamName::new("data-engineering").unwrap();
    let tier = ApprovalTier::ManagerApproval;
    let lead = principal("dana@acme.example", &["data-engineering-leads"]);
    let other_lead = principal("pat@acme.example", &["payments-leads"]);
    let second_line = principal("pia@acme.example", &["platform-engineering-leads"]);
    assert!(policy.may_decide(&lead, tier, &team, false));
    assert!(!policy.may_decide(&other_lead, tier, &team, false));
    assert!(!policy.may_decide(&second_line, tier, &team, false));
    assert!(policy.may_decide(&second_line, tier, &team, true));
    assert!(!policy.may_decide(&lead, ApprovalTier::AutoApprove, &team, true));
    let named = policy.approvers(tier, &team, false);
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].name, "data-engineering-leads");
    assert_eq!(named[0].contacts, ["dana@acme.example", "dmitri@acme.example"]);
}

#[test]
fn a_group_without_contacts_reaches_the_fallback() {
    let team = TeamName::new("payments").unwrap();
    let approvers = default_policy().approvers(ApprovalTier::ManagerApproval, &team, false);
    assert_eq!(approvers[0].contacts, ["platform-engineering@acme.example"]);
}

#[test]
fn people_are_recognised_whatever_the_case_of_their_address() {
    let set = ApproverSet::new(vec!["Dana@Acme.Example".into()], vec![]).unwrap();
    let team = TeamName::new("a").unwrap();
    let dana = Principal { person: person("dana@acme.example"), groups: BTreeSet::new() };
    assert!(set.contains(&dana, &team));
}

#[test]
fn an_empty_approver_set_does_not_load() {
    assert_eq!(ApproverSet::new(vec![], vec![]), None);
    let text = DEFAULT_POLICY.replace("approvers: { groups: [security-reviewers] }", "approvers: {}");
    let error = Policy::from_yaml(&text).unwrap_err().to_string();
    assert!(error.contains("tiers.security-review.approvers: names nobody"), "{error}");
}

#[test]
fn all_problems_are_listed_at_once() {
    let text = DEFAULT_POLICY
        .replace("approvers: { groups: [security-reviewers] }", "approvers: {}")
        .replace("sla: 24h", "sla: 0s")
        .replace("fallbackContacts: [platform-engineering@acme.example]", "fallbackContacts: [nobody]")
        .replace("  - name: trusted-teams", "  - name: default");
    let problems = Policy::from_yaml(&text).unwrap_err().problems;
    assert!(problems.len() >= 4, "{problems:#?}");
}

#[test]
fn what_could_let_the_wrong_person_decide_does_not_load() {
    for (from, to, expected) in [
        ("    tier: manager-approval\n\ntiers", "    tier: nobody\n\ntiers", "nobody"),
        ("  - name: default\n    tier", "  - name: default\n    when: { team: [a] }\n    tier", "last one"),
        ("    when: { environment: [dev, staging] }\n", "", "never fire"),
        ("environment: [dev, staging]", "environment: []", "empty list"),
        ("environment: [dev, staging]", "environments: [dev, staging]", "environments"),
        ("approvals: 1", "approvals: 0", "0"),
        ("channels: [api]", "channels: []", "channel"),
        ("groups: [cgr-request-admins]", "groups: [\"{team}\"]", "names no group"),
        ("approvers: { groups: [security-reviewers] }", "approvers: { people: [a@b.example] }", "requester"),
        ("expiresAfter: 14d", "expiresAfter: 24h", "expiresAfter"),
        ("reminders: [8h, 20h]", "reminders: [20h, 8h]", "ascend"),
        ("image: [\"base-image/*\"]", "image: [\"Base Image\"]", "pattern"),
        ("deny: []", "deny: [{name: all, reason: no}]", "every request"),
    ] {
        let text = DEFAULT_POLICY.replacen(from, to, 1);
        assert_ne!(text, DEFAULT_POLICY, "{from} occurs in the default policy");
        let error = Policy::from_yaml(&text).expect_err(from).to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_rule_can_look_at_the_catalogs_tier() {
    let text =
        DEFAULT_POLICY.replace("when: { team: [platform-engineering, security] }", "when: { catalogTier: [FIPS] }");
    let policy = Policy::from_yaml(&text).unwrap();
    let (image, team) = (reference("python-fips"), TeamName::new("a").unwrap());
    let rule = |catalog_tier| {
        let subject = Subject { image: &image, catalog_tier, team: &team, environment: Environment::Production };
        policy.tier_of(subject).unwrap().rule.to_owned()
    };
    assert_eq!(rule(CatalogTier::Fips), "trusted-teams");
    assert_eq!(rule(CatalogTier::Base), "default");
    assert!(Policy::from_yaml(&text.replace("[FIPS]", "[QUANTUM]")).is_err());
}

#[test]
fn deny_wins_over_every_rule() {
    let text = DEFAULT_POLICY.replace(
        "deny: []",
        "deny:\n  - { name: no-shells, when: { image: [\"*bash*\"] }, reason: use a distroless image }",
    );
    let policy = Policy::from_yaml(&text).unwrap();
    let (image, team) = (reference("bash"), TeamName::new("a").unwrap());
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

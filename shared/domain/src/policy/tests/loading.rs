//! Which policy files load, and what is told of the others.

use std::fmt::Write as _;

use expect_test::expect;
use proptest::prelude::*;

use super::*;

/// Changes the default policy in one place and expects exactly one problem, on the line of the change or, if something
/// is missing there, of what it is missing in.
#[track_caller]
fn refused(cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        let text = text_with(from, to);
        let line = DEFAULT_POLICY.lines().zip(text.lines()).take_while(|(before, after)| before == after).count() + 1;
        let error = Policy::from_yaml(&text).expect_err(to);
        let [problem] = error.problems.as_slice() else { panic!("{to}: {error}") };
        assert!((line - 2..=line).contains(&problem.line), "{to}: {problem}");
        assert!(problem.message().contains(expected), "{to}: {problem}");
    }
}

#[track_caller]
fn accepted(cases: &[(&str, &str)]) {
    for (from, to) in cases {
        let text = text_with(from, to);
        if let Err(error) = Policy::from_yaml(&text) {
            panic!("{to}: {error}");
        }
    }
}

const LEADS: &str = "{ count: 1, groups: [\"{team}-leads\"] }";
const REVIEWERS: &str = "{ count: 1, groups: [security-reviewers] }";
const NO_DELEGATIONS: &str = "delegations: []";
const FALLBACK: &str = "[platform-engineering@acme.example]";
const MEMBERS: &str = "[dana@acme.example, dmitri@acme.example]";

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let text = r#"version: ""
deny:
  - name: all
    reason: "no"
rules:
  - name: non-production
    when: { environments: [dev] }
    tier: auto-aprove
  - name: everything
    tier: manager-approval
  - name: base-images
    when: { image: ["Base Image"], environment: [], team: [Data] }
    tier: security-review
  - name: all
    when: { catalogTier: [QUANTUM] }
    when: { catalogTier: [FIPS] }
    tier: manager-approval
tiers:
  auto-approve:
    rateLimit: { requests: 0, per: 1 hour }
  manager-approval:
    requires: [reason]
    approvals:
      - { count: 2, people: [ann@acme.example, ANN+work@acme.example] }
    sla: 24h
    reminders: [20h, 8h, 30h]
    expiresAfter: 12h
    linksValidFor: 0s
    channels: [api, api, fax]
  security-review:
    approvals:
      - { count: "1", groups: [security-reviewers] }
      - {}
    sla: 48h
    expiresAfter: 14d
    linksValidFor: 15d
    channels: link
administrators: { groups: ["{team}-admins"], people: [alex] }
breakGlass:
  approvers: { groups: [] }
groups:
  "{team}-leads":
    members: [dana@acme.example]
  security-reviewers:
    members: [sasha@acme.example, Sasha@acme.example]
    mailboxes: [sasha@acme.example]
  nobody: {}
delegations:
  - approver: dana@acme.example
    delegate: DANA+away@acme.example
    from: 2026-12-01T00:00:00Z
    until: tomorrow
  - { approver: dana@acme.example, delegate: dmitri@acme.example, until: *holiday }
fallbackContacts: [platform-engineering@acme.example]
"#;
    let error = Policy::from_yaml(text).unwrap_err();
    expect![[r"
        the policy cannot be used:
        line 1: version: `` does not have 1 to 64 characters; write a short one; it stands in every record
        line 1: the file: the field `fallbackMailboxes` is missing; add it, for example `fallbackMailboxes: [platform-engineering@acme.example]`
        line 3: deny[0]: without a condition it refuses every request; give it a `when`
        line 7: rules[0].when: there is no field `environments`; write `environment`
        line 8: rules[0].tier: `auto-aprove` is no tier; write `auto-approve`; there is also manager-approval and security-review
        line 9: rules[1]: it has no condition, so that the rules after it never fire; give it a `when`, or make it the last one
        line 12: rules[2].when.environment: an empty list matches nothing; list values, or leave the field out
        line 12: rules[2].when.team[0]: `Data` is no team; write 1 to 64 lower-case letters, digits and single hyphens, such as data-engineering
        line 12: rules[2].when.image[0]: `Base Image` is no image pattern; write one such as python, *-fips or base-image/*
        line 14: rules[3].name: the rule on line 3 is named `all`, too; give it another name; records say by name which rule fired
        line 15: rules[3].when.catalogTier[0]: `QUANTUM` is no tier of the catalog; write one of APPLICATION, BASE, FIPS, AI, DEVTOOLS and COMMERCIAL
        line 16: rules[3].when: is given twice, first on line 15; keep one of the two
        line 20: tiers.auto-approve.rateLimit.requests: `0` is no whole number from 1; write one, such as 1
        line 20: tiers.auto-approve.rateLimit.per: `1 hour` is no span of time; write a whole number and s, m, h or d, such as 24h; at most 3650d
        line 22: tiers.manager-approval.requires[0]: `reason` is no field of a request; write one of justification and riskAssessment
        line 23: tiers.manager-approval.approvals: they cannot be given by different people: too few are named, and everybody counts once; name more people, or groups, or ask for fewer approvals
        line 26: tiers.manager-approval.reminders: they do not ascend; list each once, the earliest first
        line 26: tiers.manager-approval.reminders: one is not before the SLA of 24h; remind before a decision is due, or leave it out
        line 27: tiers.manager-approval.expiresAfter: is not later than the SLA of 24h; let it expire some time after the SLA
        line 28: tiers.manager-approval.linksValidFor: is no time at all; write a longer span, such as 1h
        line 29: tiers.manager-approval.channels[1]: `api` is listed twice; list it once
        line 29: tiers.manager-approval.channels[2]: `fax` is no channel; write one of api, link and slack
        line 32: tiers.security-review.approvals[0].count: is the text `1`; remove the quotes
        line 33: tiers.security-review.approvals[1]: the field `count` is missing; add it, for example `count: 1`
        line 33: tiers.security-review.approvals[1]: names nobody; list people, groups or both
        line 36: tiers.security-review.linksValidFor: is longer than a request lasts, which is 14d; write 14d or less
        line 37: tiers.security-review.channels: is a text; write a list such as [a, b]
        line 38: administrators.people[0]: `alex` is no e-mail address; write one such as dana@acme.example
        line 38: administrators.groups[0]: `{team}` has no meaning here; name the groups
        line 39: breakGlass: the field `tell` is missing; add it, for example `tell: { groups: [security-reviewers] }`
        line 40: breakGlass.approvers: names nobody; list people, groups or both
        line 42: groups.{team}-leads: nothing stands in for a team here; write one entry for each team's group, such as data-engineering-leads
        line 45: groups.security-reviewers.members[1]: `Sasha@acme.example` is listed twice; list it once
        line 46: groups.security-reviewers.mailboxes[0]: `sasha@acme.example` is named as one person, too, and a mailbox is read by several; name it as a person or as a mailbox, not as both
        line 47: groups.nobody: has neither members nor mailboxes; list members, mailboxes or both, or leave the group out: its mail goes to the fallback mailboxes
        line 49: delegations[0]: `dana@acme.example` would stand in for themselves; name somebody else as `delegate`
        line 52: delegations[0].until: `tomorrow` is no date and time; write one as of RFC 3339, such as 2026-12-01T00:00:00Z
        line 53: delegations[1]: the field `from` is missing; add it, for example `from: 2026-12-01T00:00:00Z`
        line 53: delegations[1].until: is a YAML alias, which policies do not have; write a text out
        line 54: the file: there is no field `fallbackContacts`; write `fallbackMailboxes`"]].assert_eq(&error.to_string());
    assert_eq!(error.left_out, 0);
}

#[test]
fn an_empty_approver_set_does_not_load() {
    assert_eq!(ApproverSet::new(vec![], vec![]), None);
    refused(&[
        (REVIEWERS, "{ count: 1 }", "tiers.security-review.approvals[0]: names nobody; list people, groups or both"),
        (REVIEWERS, "{ count: 1, people: [], groups: [] }", "names nobody"),
        ("approvals:\n      - { count: 1, groups: [security-reviewers] }", "approvals: []", "names nobody"),
        (
            "escalateTo: { groups: [security-leads] }",
            "escalateTo: {}",
            "tiers.security-review.escalateTo: names nobody",
        ),
        ("administrators: { groups: [cgr-request-admins] }", "administrators: {}", "administrators: names nobody"),
        (
            "approvers: { groups: [incident-commanders] }",
            "approvers: { people: [] }",
            "breakGlass.approvers: names nobody",
        ),
        ("tell: { groups: [security-reviewers, cgr-request-admins] }", "tell: {}", "breakGlass.tell: names nobody"),
    ]);
}

#[test]
fn what_could_let_the_wrong_person_decide_does_not_load() {
    refused(&[
        ("    tier: manager-approval\n\ntiers", "    tier: nobody\n\ntiers", "`nobody` is no tier"),
        (
            "  - name: default\n    tier",
            "  - name: default\n    when: { team: [a] }\n    tier",
            "rules[3].when: the last rule",
        ),
        ("    when: { environment: [dev, staging] }\n", "", "never fire"),
        ("environment: [dev, staging]", "environment: []", "an empty list"),
        ("environment: [dev, staging]", "environments: [dev, staging]", "write `environment`"),
        ("environment: [dev, staging]", "environment: [dev, prod]", "`prod` is no environment"),
        ("count: 1", "count: 0", "no whole number from 1"),
        ("count: 1", "count: -1", "no whole number from 1"),
        ("count: 1", "count: 4294967296", "no whole number from 1"),
        ("count: 1", "count: \"1\"", "remove the quotes"),
        ("groups: [cgr-request-admins]", "groups: [\"{team}\"]", "names no group"),
        ("groups: [cgr-request-admins]", "groups: [\"{team}-admins\"]", "`{team}` has no meaning here"),
        ("groups: [incident-commanders]", "groups: [\"{team}-oncall\"]", "`{team}` has no meaning here"),
        ("tell: { groups: [security-reviewers,", "tell: { groups: [\"{team}-leads\",", "`{team}` has no meaning here"),
        ("groups: [\"{team}-leads\"]", "groups: [\"{Team}-leads\"]", "braces that stand for nothing"),
        ("groups: [\"{team}-leads\"]", "groups: [\" \"]", "names no group"),
        ("  security-reviewers:\n", "  \"{team}-leads\":\n", "nothing stands in for a team here"),
        ("  security-reviewers:\n", "  \" \":\n", "blank"),
        ("image: [\"base-image/*\"]", "image: [\"Base Image\"]", "no image pattern"),
        ("image: [\"base-image/*\"]", "image: [other/python]", "no image pattern"),
        ("image: [\"base-image/*\"]", "image: [base-image/]", "no image pattern"),
        ("team: [platform-engineering, security]", "team: [Security]", "is no team"),
        ("team: [platform-engineering, security]", "team: security", "is a text; write a list"),
        ("deny: []", "deny: [{ name: all, reason: no }]", "every request"),
        ("deny: []", "deny: [{ name: all, reason: \" \", when: { team: [a] } }]", "deny[0].reason: is blank"),
        ("deny: []", "deny: [{ name: all, when: { team: [a] } }]", "`reason` is missing"),
        ("deny: []", "deny: [{ name: \"\", reason: no, when: { team: [a] } }]", "deny[0].name: is blank"),
        ("  - name: trusted-teams", "  - name: base-images", "is named `base-images`, too"),
        ("deny: []", "deny:", "has no value"),
        ("version: \"1\"", "version: \"\"", "1 to 64 characters"),
    ]);
    let named_as_a_rule = text_with("deny: []", "deny: [{ name: default, reason: no, when: { team: [a] } }]");
    let error = Policy::from_yaml(&named_as_a_rule).unwrap_err();
    assert!(
        error.to_string().contains("rules[3].name: the rule on line ")
            && error.to_string().contains("is named `default`"),
        "{error}"
    );
    let without_rules = Policy::from_yaml(&{
        let (before, rest) = DEFAULT_POLICY.split_once("rules:\n").unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        format!("{before}rules: []\n\n{after}")
    });
    assert!(without_rules.unwrap_err().to_string().contains("rules: there are none"));
}

#[test]
fn versions_have_up_to_64_characters() {
    let version = "ä".repeat(64);
    accepted(&[("version: \"1\"", &format!("version: {version}")), ("version: \"1\"", "version: 1")]);
    refused(&[("version: \"1\"", &format!("version: {version}ä"), "1 to 64 characters")]);
}

#[test]
fn deadlines_are_in_an_order_that_makes_sense() {
    refused(&[
        ("sla: 24h", "sla: 0s", "sla: is no time at all"),
        ("sla: 24h", "sla: 1 day", "`1 day` is no span of time"),
        (
            "expiresAfter: 14d\n    linksValidFor: 14d",
            "expiresAfter: 24h\n    linksValidFor: 7h",
            "not later than the SLA",
        ),
        ("expiresAfter: 14d\n", "expiresAfter: soon\n", "no span of time"),
        ("reminders: [8h, 20h]", "reminders: [20h, 8h]", "do not ascend"),
        ("reminders: [8h, 20h]", "reminders: [8h, 8h]", "do not ascend"),
        ("reminders: [8h, 20h]", "reminders: [0s, 20h]", "reminders[0]: is no time at all"),
        ("reminders: [8h, 20h]", "reminders: [8h, 24h]", "not before the SLA"),
        ("reminders: [8h, 20h]", "reminders: [1h,2h,3h,4h,5h,6h,7h,8h,9h,10h,11h]", "there are 11"),
        ("linksValidFor: 14d", "linksValidFor: 0d", "no time at all"),
        ("linksValidFor: 14d", "linksValidFor: 9m", "9m is shorter than mail takes to be read"),
        ("linksValidFor: 14d", "linksValidFor: 15d", "longer than a request lasts"),
        ("per: 1h", "per: 0h", "no time at all"),
        ("requests: 20", "requests: 0", "no whole number from 1"),
    ]);
    accepted(&[
        ("linksValidFor: 14d", "linksValidFor: 10m"),
        ("reminders: [8h, 20h]", "reminders: []"),
        ("    reminders: [8h, 20h]\n", ""),
        ("    rateLimit: { requests: 20, per: 1h }", "    {}"),
    ]);
}

#[test]
fn whoever_may_decide_has_a_way_to() {
    refused(&[
        ("channels: [api]", "channels: []", "api is missing"),
        ("channels: [api]", "channels: [link]", "api is missing"),
        ("channels: [api]", "channels: [slack, link]", "list api, and link or slack besides"),
        ("channels: [api]", "channels: [api, api]", "`api` is listed twice"),
        ("channels: [api]", "channels: [mail]", "`mail` is no channel; write one of api, link and slack"),
        ("requires: [justification]", "requires: [justification, justification]", "listed twice"),
        (
            "requires: [justification]",
            "requires: [justificaton]",
            "write `justification`; there is also riskAssessment",
        ),
    ]);
    accepted(&[("channels: [api]", "channels: [api, link, slack]")]);
}

#[test]
fn addresses_are_well_formed_and_listed_once() {
    let long = format!("{}@acme.example", "a".repeat(250));
    for bad in ["nobody", "@acme.example", "a@", "a@b@c", "a b@acme.example", "a,b@acme.example", &long] {
        refused(&[(FALLBACK, &format!("['{bad}']"), "is no e-mail address")]);
    }
    refused(&[
        (MEMBERS, "[dana@acme.example, Dana@Acme.Example]", "`Dana@Acme.Example` is listed twice"),
        (FALLBACK, "[a@acme.example, a@acme.example]", "listed twice"),
        (LEADS, "{ count: 1, groups: [a], people: [a@acme.example, A@acme.example] }", "listed twice"),
        ("groups: [security-leads]", "groups: [security-leads, security-leads]", "listed twice"),
        (FALLBACK, "[]", "would wait unseen"),
        (FALLBACK, "a@acme.example", "is a text; write a list"),
        ("[sasha@acme.example]", "[]", "has neither members nor mailboxes"),
    ]);
    accepted(&[
        (MEMBERS, "[dana@acme.example, dana+two@acme.example]"),
        (LEADS, "{ count: 1, groups: [Leads, leads] }"),
    ]);
}

#[test]
fn a_mailbox_is_not_a_person() {
    let mailbox = "members: [sasha@acme.example]\n    mailboxes: [SHARED@acme.example]";
    accepted(&[("members: [sasha@acme.example]", mailbox)]);
    let with_mailbox = |from: &str, to: &str| {
        let text = text_with("members: [sasha@acme.example]", mailbox);
        assert!(text.contains(from), "{from}");
        Policy::from_yaml(&text.replacen(from, to, 1)).unwrap_err()
    };
    for (from, to) in [
        ("[sasha@acme.example]", "[shared@acme.example]"),
        ("[alex@acme.example]", "[shared@acme.example]"),
        (REVIEWERS, "{ count: 1, groups: [security-reviewers], people: [shared@acme.example] }"),
        ("escalateTo: { groups: [security-leads] }", "escalateTo: { people: [shared@acme.example] }"),
        ("administrators: { groups", "administrators: { people: [shared@acme.example], groups"),
        ("approvers: { groups: [incident", "approvers: { people: [shared@acme.example], groups: [incident"),
        (
            NO_DELEGATIONS,
            "delegations: [{ approver: dana@acme.example, delegate: shared@acme.example, from: 2026-12-01T00:00:00Z, until: 2026-12-02T00:00:00Z }]",
        ),
    ] {
        let error = with_mailbox(from, to);
        assert_eq!(error.problems.len(), 1, "{to}: {error}");
        assert!(error.to_string().contains("groups.security-reviewers.mailboxes[0]: `SHARED@acme.example`"), "{error}");
    }
    // What stands behind a plus reaches the same mailbox, and the fallback is read by several, too.
    let error = with_mailbox("[alex@acme.example]", "[shared+alex@acme.example]").to_string();
    assert!(error.contains("groups.security-reviewers.mailboxes[0]"), "{error}");
    refused(&[(FALLBACK, "[Dana@acme.example]", "fallbackMailboxes[0]: `Dana@acme.example` is named as one person")]);
}

#[test]
fn who_is_away_is_an_approver_whom_the_policy_names() {
    let delegations = "delegations: [{ approver: dan@acme.example, delegate: pia@acme.example, from: 2026-12-01T00:00:00Z, until: 2026-12-02T00:00:00Z }]";
    refused(&[(NO_DELEGATIONS, delegations, "`dan@acme.example` is listed nowhere as an approver")]);
    accepted(&[(NO_DELEGATIONS, &delegations.replace("dan@", "DANA@"))]);
}

#[test]
fn a_tiers_approvals_can_be_given_whoever_asks() {
    let approvals = |list: &str| {
        let text = text_with(LEADS, list);
        Policy::from_yaml(&text).map(drop).map_err(|error| {
            let messages: Vec<String> = error.problems.iter().map(PolicyProblem::message).collect();
            messages.join("\n")
        })
    };
    // One person, and it is they who ask.
    let alone = approvals("{ count: 1, people: [ann@acme.example] }").unwrap_err();
    expect!["tiers.manager-approval.approvals[0]: if `ann@acme.example` is the requester, too few others are named; name another person, or a group; nobody decides their own request"].assert_eq(&alone);
    // The same human twice is one human.
    let spelt = approvals("{ count: 1, people: [ann@acme.example, Ann+x@acme.example] }").unwrap_err();
    assert!(spelt.contains("`ann@acme.example` is the requester"), "{spelt}");
    let too_few = approvals("{ count: 3, people: [ann@acme.example, ben@acme.example] }").unwrap_err();
    assert!(too_few.contains("cannot be given by different people"), "{too_few}");
    // Two requirements that need the same two people.
    let both = "{ count: 1, people: [ann@acme.example, ben@acme.example] }";
    let shared = approvals(&format!("{both}\n      - {both}")).unwrap_err();
    assert_eq!(
        shared.matches("too few others").count(),
        2,
        "without one the other would have to count twice: {shared}"
    );
    // Ann or Ben, and Ben: for each requirement there is somebody, and yet they are not different people.
    let crossed = approvals(&format!("{{ count: 2, people: [ann@acme.example, ben@acme.example] }}\n      - {both}"));
    assert!(crossed.unwrap_err().contains("cannot be given by different people"));
    for enough in [
        both.to_owned(),
        "{ count: 2, people: [ann@acme.example, ben@acme.example, cem@acme.example] }".to_owned(),
        // A group can be filled by anybody.
        "{ count: 1, people: [ann@acme.example], groups: [others] }".to_owned(),
        format!("{both}\n      - {{ count: 1, groups: [others] }}"),
        format!("{both}\n      - {{ count: 1, people: [ben@acme.example, cem@acme.example] }}"),
    ] {
        assert_eq!(approvals(&enough), Ok(()), "{enough}");
    }
    let chain = "{ count: 1, people: [ann@acme.example, ben@acme.example] }\n      \
                 - { count: 1, people: [ben@acme.example, cem@acme.example] }\n      \
                 - { count: 1, people: [cem@acme.example, dee@acme.example] }";
    assert_eq!(approvals(chain), Ok(()), "four people for three approvals, in a chain");
    let eleven = (0..11).map(|n| format!("p{n}@acme.example")).collect::<Vec<_>>().join(", ");
    assert_eq!(approvals(&format!("{{ count: 10, people: [{eleven}] }}")), Ok(()));
    let ten = eleven.replace(", p10@acme.example", "");
    let text = text_with(LEADS, &format!("{{ count: 10, people: [{ten}] }}"));
    assert_eq!(Policy::from_yaml(&text).unwrap_err().problems.len(), 10, "whichever of the ten asks");
    let total = approvals("{ count: 6, groups: [a] }\n      - { count: 5, groups: [b] }").unwrap_err();
    assert_eq!(total, "tiers.manager-approval.approvals: asks for 11 approvals in all; ask for 10 or fewer");
}

#[test]
fn the_line_is_that_of_the_person_who_cannot_ask() {
    let text = text_with(
        LEADS,
        "count: 2\n        people:\n          - ann@acme.example\n          - ben@acme.example\n      - { count: 1, groups: [x] }",
    );
    let lines: Vec<&str> = text.lines().collect();
    let error = Policy::from_yaml(&text).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    for (problem, person) in error.problems.iter().zip(["ann@acme.example", "ben@acme.example"]) {
        assert_eq!(problem.place, "tiers.manager-approval.approvals[0]");
        assert!(problem.wrong.contains(person), "{problem}");
        assert!(lines[problem.line - 1].contains(person), "{problem}");
    }
}

#[test]
fn one_person_stands_in_at_a_time_and_never_for_themselves() {
    let delegation = |approver: &str, delegate: &str, from: &str, until: &str| {
        let day = |day: &str| format!("2026-12-{day}T00:00:00Z");
        let (from, until) = (day(from), day(until));
        format!("\n  - {{ approver: {approver}, delegate: {delegate}, from: {from}, until: {until} }}")
    };
    let dana = |from, until| delegation("dana@acme.example", "dmitri@acme.example", from, until);
    let load = |delegations: &[String]| {
        let text = text_with(NO_DELEGATIONS, &format!("delegations:{}", delegations.concat()));
        Policy::from_yaml(&text).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load(&[dana("01", "05"), dana("05", "09")]), Ok(()), "one ends when the other begins");
    assert_eq!(load(&[dana("05", "09"), dana("01", "05")]), Ok(()), "in whatever order");
    let sasha = delegation("sasha@acme.example", "dmitri@acme.example", "01", "09");
    assert_eq!(load(&[dana("01", "09"), sasha]), Ok(()), "one delegate for two approvers");
    let chained = delegation("dmitri@acme.example", "dana@acme.example", "01", "09");
    assert_eq!(load(&[dana("01", "09"), chained]), Ok(()), "each for the other");

    let twice = load(&[dana("01", "05"), dana("04", "09")]).unwrap_err();
    assert!(
        twice.contains("delegations[1]: overlaps the one on line ") && twice.contains("of `dana@acme.example`"),
        "{twice}"
    );
    let spelt = delegation("Dana+x@acme.example", "sasha@acme.example", "02", "03");
    for overlapping in [
        vec![dana("01", "09"), dana("02", "03")],
        vec![dana("02", "03"), dana("01", "09")],
        vec![dana("01", "09"), spelt],
        vec![dana("01", "09"), dana("01", "09")],
        // The second lies within the first, and the third does, too, after it.
        vec![dana("01", "09"), dana("02", "03"), dana("05", "06")],
    ] {
        let error = load(&overlapping).unwrap_err();
        assert_eq!(error.matches("overlaps").count(), overlapping.len() - 1, "{error}");
    }
    for (delegation, expected) in [
        (delegation("dana@acme.example", "DANA+a@acme.example", "01", "02"), "stand in for themselves"),
        (delegation("dana", "dmitri@acme.example", "01", "02"), "`dana` is no e-mail address"),
        (delegation("dana@acme.example", "dmitri", "01", "02"), "`dmitri` is no e-mail address"),
        (dana("02", "01"), "is not later than `from`"),
        (dana("02", "02"), "is not later than `from`"),
        (dana("32", "33"), "is no date and time"),
        ("\n  - { approver: dana@acme.example, delegate: dmitri@acme.example }".to_owned(), "`from` is missing"),
    ] {
        let error = load(&[delegation]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_no_yaml_is_one_problem_with_its_line() {
    for (text, line) in [
        ("version: \"1\nrules: []\n", 1),
        ("version: \"1\"\nrules: [a, b\ntiers: {}\n", 3),
        ("version: \"1\"\n\trules: []\n", 2),
        ("version: \"1\"\n---\nversion: \"2\"\n", 2),
        ("version: \"1\"\n? [a, b]\n: c\n", 2),
        ("", 1),
        ("# nothing\n", 1),
        ("- version\n", 1),
        ("version", 1),
    ] {
        let error = Policy::from_yaml(text).unwrap_err();
        assert_eq!(error.problems.len(), 1, "{text}: {error}");
        assert_eq!(error.problems[0].line, line, "{text}: {error}");
    }
    let nested = format!("version: {}1{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(Policy::from_yaml(&nested).unwrap_err().problems.len(), 1);
    let large = format!("{DEFAULT_POLICY}#{}", " ".repeat(256 * 1024));
    assert!(Policy::from_yaml(&large).unwrap_err().to_string().contains("262144 bytes"));
}

#[test]
fn a_hundred_problems_are_told_and_the_others_counted() {
    let mut text = DEFAULT_POLICY.to_owned();
    for number in 0..5000 {
        writeln!(text, "x{number}: 1").unwrap();
    }
    let error = Policy::from_yaml(&text).unwrap_err();
    assert_eq!((error.problems.len(), error.left_out), (100, 4900));
    assert!(error.problems.is_sorted_by_key(|problem| problem.line));
    assert!(error.to_string().ends_with("\nand 4900 more"));
}

#[test]
fn what_is_repeated_of_a_file_is_short_and_moves_no_cursor() {
    let text = text_with("version: \"1\"", &format!("\"\\e[2J{}\": 1\nversion: \"1\"", "x".repeat(500)));
    let error = Policy::from_yaml(&text).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}') && error.contains("\\u{1b}[2Jxxx") && error.len() < 400, "{error}");
}

#[test]
fn texts_need_no_quotes_whatever_else_yaml_would_take_them_for() {
    let policy = policy_with(&[("version: \"1\"", "version: 2026-11-23"), ("name: trusted-teams", "name: no")]);
    assert_eq!(policy.version, "2026-11-23");
    let windows = DEFAULT_POLICY.replace('\n', "\r\n");
    Policy::from_yaml(&windows).unwrap();
    Policy::from_yaml(&format!("\u{feff}{DEFAULT_POLICY}")).unwrap();
}

/// What an editor's slip does to a file.
#[derive(Clone, Debug)]
enum Slip {
    Delete(usize),
    Duplicate(usize),
    Swap(usize, usize),
    Indent(usize),
    Cut(usize, usize),
}

fn slips() -> impl Strategy<Value = Vec<Slip>> {
    let lines = DEFAULT_POLICY.lines().count();
    let slip = prop_oneof![
        (0..lines).prop_map(Slip::Delete),
        (0..lines).prop_map(Slip::Duplicate),
        (0..lines, 0..lines).prop_map(|(one, other)| Slip::Swap(one, other)),
        (0..lines).prop_map(Slip::Indent),
        (0..lines, 0..40_usize).prop_map(|(line, at)| Slip::Cut(line, at)),
    ];
    proptest::collection::vec(slip, 1..6)
}

fn with_slips(slips: &[Slip]) -> String {
    let mut lines: Vec<String> = DEFAULT_POLICY.lines().map(str::to_owned).collect();
    for slip in slips {
        match *slip {
            Slip::Delete(line) if line < lines.len() => drop(lines.remove(line)),
            Slip::Duplicate(line) if line < lines.len() => lines.insert(line, lines[line].clone()),
            Slip::Swap(one, other) if one.max(other) < lines.len() => lines.swap(one, other),
            Slip::Indent(line) if line < lines.len() => lines[line].insert_str(0, "  "),
            Slip::Cut(line, at) if line < lines.len() => lines[line] = lines[line].chars().take(at).collect(),
            _ => {}
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_slips_loads_or_is_told_what_is_wrong(slips in slips()) {
        let text = with_slips(&slips);
        match Policy::from_yaml(&text) {
            Ok(policy) => prop_assert!(!policy.rules.is_empty()),
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                prop_assert!(error.problems.is_sorted_by_key(|problem| problem.line));
                for problem in &error.problems {
                    prop_assert!((1..=text.lines().count().max(1) + 1).contains(&problem.line), "{problem}");
                    prop_assert!(!problem.wrong.is_empty() && !problem.fix.is_empty());
                }
            }
        }
    }

    #[test]
    fn any_text_loads_or_is_told_what_is_wrong(text in "[a-z:{}\\[\\]&*!|>'\"#,\n \t-]{0,120}") {
        prop_assert!(!Policy::from_yaml(&text).unwrap_err().problems.is_empty());
    }
}

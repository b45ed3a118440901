//! Why a request is judged as it is.

use expect_test::expect;
use proptest::prelude::*;

use super::*;

fn explain(policy: &Policy, row: (&str, CatalogTier, &str, Environment), requester: Option<&str>) -> Explanation {
    let (image, catalog_tier, of, environment) = row;
    let (image, team) = (reference(image), team(of));
    let requester = requester.map(person);
    let subject = Subject { image: &image, catalog_tier, team: &team, environment };
    policy.explain(subject, requester.as_ref(), at(0))
}

#[test]
fn the_reason_is_one_sentence() {
    let policy = policy();
    let reasons: Vec<String> = TABLE
        .into_iter()
        .map(|(image, catalog_tier, team, environment, ..)| {
            let reason = explain(&policy, (image, catalog_tier, team, environment), None).reason();
            format!("{image} for {team} in {}: {reason}", environment.as_str())
        })
        .collect();
    expect![[r"
        python for data-engineering in dev: The policy's rule `non-production` approves this without asking anybody: environment is dev or staging.
        base-image/wolfi-base for data-engineering in staging: The policy's rule `non-production` approves this without asking anybody: environment is dev or staging.
        base-image/wolfi-base for data-engineering in production: The policy's rule `base-images` asks for a security review: image is base-image/*.
        base-image/nginx for security in production: The policy's rule `base-images` asks for a security review: image is base-image/*.
        python for security in production: The policy's rule `trusted-teams` asks for a manager's approval: team is platform-engineering or security.
        python for data-engineering in production: The policy's rule `default` asks for a manager's approval: it is for whatever no earlier rule fits.
        base-image-tools for data-engineering in production: The policy's rule `default` asks for a manager's approval: it is for whatever no earlier rule fits."]].assert_eq(&reasons.join("\n"));
}

const PYTHON: (&str, CatalogTier, &str, Environment) =
    ("python:latest-dev", CatalogTier::Application, "data-engineering", Environment::Production);

#[test]
fn who_decides_is_named_with_whoever_stands_in() {
    let policy = with_delegations(&[], &[delegation("dana@acme.example", "dmitri@acme.example", -100, 100)]);
    expect![[r"
        python:latest-dev for data-engineering in production: manager-approval (policy 1, rule `default`)
        asked for by jane@acme.example
        rules
          ✗ non-production  environment is dev or staging: it is production
          ✗ base-images     image is base-image/*: it is python
          ✗ trusted-teams   team is platform-engineering or security: it is data-engineering
          ✓ default         always
        fields
          justification must be filled in
        approvals, each by another person
          1 of
            group data-engineering-leads
              dana@acme.example (away until 2023-11-14T22:15:00.000Z, dmitri@acme.example decides)
              dmitri@acme.example
              whoever's token has the group
        second line, after 24h
          group platform-engineering-leads
            whoever's token has the group
            mail without a link to platform-engineering@acme.example
        times, from submission
          reminders after 8h and 20h, a decision is due after 24h, the request expires after 14d
        channels
          api, link (good for 14d), slack
        may break the glass, with a token
          group incident-commanders
            whoever's token has the group"]]
    .assert_eq(&explain(&policy, PYTHON, Some("jane@acme.example")).to_string());
}

#[test]
fn the_requester_is_left_out_of_those_who_decide() {
    let policy = with_delegations(&[], &[delegation("dana@acme.example", "dmitri@acme.example", -100, 100)]);
    let of = |requester| explain(&policy, PYTHON, Some(requester)).to_string();
    let (dana, dmitri) = (of("Dana+x@acme.example"), of("dmitri@acme.example"));
    let approvals = |text: &str| {
        let (_, rest) = text.split_once("approvals, ").unwrap();
        rest.split_once("\nsecond line").unwrap().0.to_owned()
    };
    expect![[r"
        each by another person
          1 of
            group data-engineering-leads
              dmitri@acme.example
              whoever's token has the group
            not Dana+x@acme.example, who asks

        each by another person
          1 of
            group data-engineering-leads
              dana@acme.example (away until 2023-11-14T22:15:00.000Z, and dmitri@acme.example asks and
              cannot decide)
              whoever's token has the group
            not dmitri@acme.example, who asks"]]
    .assert_eq(&format!("{}\n\n{}", approvals(&dana), approvals(&dmitri)));
}

#[test]
fn every_tier_is_explained() {
    let policy = policy_with(&[(
        "deny: []",
        "deny:\n  - { name: no-shells, when: { image: [\"*bash*\", \"*zsh*\"], environment: [production] }, \
         reason: use a distroless image }",
    )]);
    let rows = [
        ("base-image/wolfi-base", CatalogTier::Base, "data-engineering", Environment::Production),
        ("python", CatalogTier::Application, "data-engineering", Environment::Dev),
        ("bash", CatalogTier::Application, "security", Environment::Production),
    ];
    let texts = rows.map(|row| explain(&policy, row, None).to_string());
    expect![[r"
        base-image/wolfi-base:latest for data-engineering in production: security-review (policy 1, rule
        `base-images`)
        deny rules
          ✗ no-shells  ✓ environment is production
                       ✗ image is *bash* or *zsh*: it is base-image/wolfi-base
        rules
          ✗ non-production  environment is dev or staging: it is production
          ✓ base-images     image is base-image/*: it is base-image/wolfi-base
          · trusted-teams   not looked at
          · default         not looked at
        fields
          justification and riskAssessment must be filled in
        approvals, each by another person
          1 of
            group security-reviewers
              sasha@acme.example
              whoever's token has the group
        second line, after 48h
          group security-leads
            whoever's token has the group
            mail without a link to platform-engineering@acme.example
        times, from submission
          reminders after 24h and 40h, a decision is due after 48h, the request expires after 14d
        channels
          api
        may break the glass, with a token
          group incident-commanders
            whoever's token has the group

        python:latest for data-engineering in dev: auto-approve (policy 1, rule `non-production`)
        deny rules
          ✗ no-shells  ✗ environment is production: it is dev
                       ✗ image is *bash* or *zsh*: it is python
        rules
          ✓ non-production  environment is dev or staging: it is dev
          · base-images     not looked at
          · trusted-teams   not looked at
          · default         not looked at
        approved, nobody is asked
          at most 20 requests of one person in 1h

        bash:latest for security in production: denied (policy 1, rule `no-shells`)
        deny rules
          ✓ no-shells  ✓ environment is production
                       ✓ image is *bash* or *zsh*: it is bash
        rules
          · non-production  not looked at
          · base-images     not looked at
          · trusted-teams   not looked at
          · default         not looked at
        refused
          use a distroless image"]]
    .assert_eq(&texts.join("\n\n"));
    expect!["The policy's rule `no-shells` refuses this: use a distroless image."]
        .assert_eq(&explain(&policy, rows[2], None).reason());
}

#[test]
fn programs_read_the_same() {
    let policy = with_delegations(&[], &[delegation("dana@acme.example", "dmitri@acme.example", -100, 100)]);
    let json = serde_json::to_string_pretty(&explain(&policy, PYTHON, Some("jane@acme.example"))).unwrap();
    expect![[r#"
        {
          "policyVersion": "1",
          "image": "python:latest-dev",
          "catalogTier": "APPLICATION",
          "team": "data-engineering",
          "environment": "production",
          "requester": "jane@acme.example",
          "at": "2023-11-14T22:13:20.000Z",
          "deny": [],
          "rules": [
            {
              "name": "non-production",
              "trial": "passedOver",
              "conditions": [
                {
                  "field": "environment",
                  "wanted": [
                    "dev",
                    "staging"
                  ],
                  "found": "production",
                  "holds": false
                }
              ]
            },
            {
              "name": "base-images",
              "trial": "passedOver",
              "conditions": [
                {
                  "field": "image",
                  "wanted": [
                    "base-image/*"
                  ],
                  "found": "python",
                  "holds": false
                }
              ]
            },
            {
              "name": "trusted-teams",
              "trial": "passedOver",
              "conditions": [
                {
                  "field": "team",
                  "wanted": [
                    "platform-engineering",
                    "security"
                  ],
                  "found": "data-engineering",
                  "holds": false
                }
              ]
            },
            {
              "name": "default",
              "trial": "fired",
              "conditions": []
            }
          ],
          "outcome": {
            "result": "review",
            "rule": "default",
            "review": {
              "tier": "manager-approval",
              "requires": [
                "justification"
              ],
              "approvals": [
                {
                  "count": 1,
                  "approvers": [
                    {
                      "kind": "group",
                      "name": "data-engineering-leads",
                      "people": [
                        {
                          "email": "dana@acme.example",
                          "away": {
                            "until": "2023-11-14T22:15:00.000Z",
                            "delegate": "dmitri@acme.example",
                            "delegateAsks": false
                          }
                        },
                        {
                          "email": "dmitri@acme.example"
                        }
                      ],
                      "byToken": true,
                      "mailboxes": []
                    }
                  ],
                  "leavesOutRequester": false
                }
              ],
              "reminders": [
                "8h",
                "20h"
              ],
              "sla": "24h",
              "secondLine": [
                {
                  "kind": "group",
                  "name": "platform-engineering-leads",
                  "people": [],
                  "byToken": true,
                  "mailboxes": [
                    "platform-engineering@acme.example"
                  ]
                }
              ],
              "expiresAfter": "14d",
              "channels": [
                "api",
                "link",
                "slack"
              ],
              "linksValidFor": "14d",
              "breakGlass": [
                {
                  "kind": "group",
                  "name": "incident-commanders",
                  "people": [],
                  "byToken": true,
                  "mailboxes": []
                }
              ]
            }
          }
        }"#]]
    .assert_eq(&json);
}

#[test]
fn long_lists_are_shortened_in_the_reason_and_wrapped_in_the_tree() {
    let teams: Vec<String> = (0..40).map(|number| format!("team-number-{number}")).collect();
    let list = teams.join(", ");
    let name = "a-rule-with-a-name-that-is-longer-than-the-column-for-names-and-goes-on-and-on";
    let policy = policy_with(&[
        ("team: [platform-engineering, security]", &format!("team: [{list}]")),
        ("name: trusted-teams", &format!("name: \"{name}\\n{}\\e[2J\"", "x".repeat(150))),
    ]);
    let row = ("python", CatalogTier::Application, "team-number-7", Environment::Production);
    let explanation = explain(&policy, row, Some(&format!("{}@acme.example", "j".repeat(200))));
    assert!(
        explanation.reason().ends_with("asks for a manager's approval: team is team-number-7."),
        "{}",
        explanation.reason()
    );
    let text = explanation.to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}') && !explanation.reason().contains('\u{1b}'), "{text}");
    assert!(text.contains("team is team-number-0, team-number-1,") && text.contains("it is team-number-7"), "{text}");
}

/// Has every kind of condition, alone and together.
fn intricate() -> Policy {
    policy_with(&[
        (
            "deny: []",
            "deny:\n  - { name: no-shells, when: { image: [\"*bash*\"], environment: [production, staging] }, reason: no }\n  \
             - { name: no-ai, when: { catalogTier: [AI], team: [payments] }, reason: no }",
        ),
        (
            "  - name: trusted-teams",
            "  - { name: fips, when: { catalogTier: [FIPS, BASE], team: [payments] }, tier: security-review }\n  \
             - name: trusted-teams",
        ),
    ])
}

fn row() -> impl Strategy<Value = (&'static str, CatalogTier, &'static str, Environment)> {
    use CatalogTier::{Ai, Application, Base, Fips, Unknown};
    use Environment::{Dev, Production, Staging};
    (
        proptest::sample::select(vec!["python", "base-image/wolfi-base", "bash", "base-image/bash-fips", "xbashx"]),
        proptest::sample::select(vec![Application, Base, Fips, Ai, Unknown]),
        proptest::sample::select(vec!["payments", "security", "platform-engineering", "data-engineering"]),
        proptest::sample::select(vec![Dev, Staging, Production]),
    )
}

proptest! {
    #[test]
    fn the_explanation_is_the_verdicts(row in row()) {
        let policy = intricate();
        let (name, catalog_tier, of, environment) = row;
        let (image, team) = (reference(name), team(of));
        let verdict = policy.tier_of(Subject { image: &image, catalog_tier, team: &team, environment });
        let explanation = explain(&policy, row, None);
        let fired: Vec<&ExplainedRule> = explanation
            .deny
            .iter()
            .chain(&explanation.rules)
            .filter(|rule| rule.trial == Trial::Fired)
            .collect();
        prop_assert_eq!(fired.len(), 1);
        match (verdict, &explanation.outcome) {
            (Err(denied), Outcome::Denied { rule, reason }) => {
                prop_assert_eq!((&denied.rule, &denied.reason), (rule, reason));
                prop_assert_eq!(&fired[0].name, rule);
            }
            (Ok(verdict), Outcome::Approved { rule, .. }) => {
                prop_assert_eq!(verdict, Verdict { tier: ApprovalTier::AutoApprove, rule });
                prop_assert_eq!(&fired[0].name, rule);
            }
            (Ok(verdict), Outcome::Review { rule, review }) => {
                prop_assert_eq!(verdict, Verdict { tier: review.tier, rule });
                prop_assert_eq!(&fired[0].name, rule);
            }
            (verdict, outcome) => prop_assert!(false, "{verdict:?}, but {outcome:?}"),
        }
        let mut is_decided = false;
        for rule in explanation.deny.iter().chain(&explanation.rules) {
            match rule.trial {
                Trial::PassedOver => prop_assert!(rule.conditions.iter().any(|condition| !condition.holds)),
                Trial::Fired => prop_assert!(rule.conditions.iter().all(|condition| condition.holds)),
                Trial::NotLookedAt => prop_assert!(rule.conditions.is_empty()),
            }
            prop_assert_eq!(rule.trial == Trial::NotLookedAt, is_decided);
            is_decided |= rule.trial == Trial::Fired;
        }
        prop_assert_eq!(explanation.to_string().lines().filter(|line| line.starts_with("  ✓ ")).count(), 1);
        let quoted = format!("`{}`", fired[0].name);
        prop_assert!(explanation.reason().contains(&quoted));
    }
}

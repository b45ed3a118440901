//! In what capacity somebody decides, and who is told.

use super::*;

const TIER: ApprovalTier = ApprovalTier::ManagerApproval;

fn standings(policy: &Policy, who: &Principal, requester: &str, seconds: i64) -> Vec<(Option<String>, Vec<String>)> {
    let team = team("data-engineering");
    let standings = policy.standings(who, &person(requester), matter(TIER, &team, false), at(seconds));
    let names = |standing: Standing| standing.capacities.into_iter().map(|capacity| capacity.name).collect();
    standings.into_iter().map(|standing| (standing.on_behalf_of.clone(), names(standing))).collect()
}

fn own() -> (Option<String>, Vec<String>) {
    (None, vec!["data-engineering-leads".to_owned()])
}

fn standing_in_for(email: &str) -> (Option<String>, Vec<String>) {
    (Some(email.to_owned()), vec!["data-engineering-leads".to_owned()])
}

#[test]
fn the_own_capacity_comes_first() {
    let policy = with_delegations(&[], &[delegation("dana@acme.example", "dmitri@acme.example", -100, 100)]);
    let dmitri = Principal::by_address("Dmitri@acme.example");
    assert_eq!(standings(&policy, &dmitri, "jane@acme.example", 0), [own(), standing_in_for("dana@acme.example")]);
    // The absent approver may decide all the same.
    let dana = Principal::by_address("dana@acme.example");
    assert_eq!(standings(&policy, &dana, "jane@acme.example", 0), [own()]);
}

#[test]
fn the_token_vouches_before_the_policy_does() {
    let policy = policy();
    let team = team("data-engineering");
    let vouchers = |who: &Principal| {
        let standings = policy.standings(who, &person("jane@acme.example"), matter(TIER, &team, false), at(0));
        standings.into_iter().flat_map(|standing| standing.capacities).map(|one| one.voucher).collect::<Vec<_>>()
    };
    let group = "data-engineering-leads";
    assert_eq!(vouchers(&principal("dana@acme.example", &[group])), [Voucher::IdentityProvider]);
    assert_eq!(vouchers(&principal("lena@acme.example", &[group])), [Voucher::IdentityProvider]);
    assert_eq!(vouchers(&principal("dana@acme.example", &[])), [Voucher::Policy]);
    assert_eq!(vouchers(&principal("lena@acme.example", &["Data-Engineering-Leads"])), []);
    // Another spelling is another address where somebody gains by it.
    assert_eq!(vouchers(&principal("dana+x@acme.example", &[])), []);
}

#[test]
fn a_delegate_stands_in_only_while_the_delegation_is_in_force() {
    let policy = with_delegations(&[], &[delegation("dana@acme.example", "pat@acme.example", 10, 20)]);
    let pat = principal("pat@acme.example", &[]);
    for (seconds, in_force) in [(9, false), (10, true), (19, true), (20, false)] {
        let expected = if in_force { vec![standing_in_for("dana@acme.example")] } else { vec![] };
        assert_eq!(standings(&policy, &pat, "jane@acme.example", seconds), expected, "{seconds}");
    }
}

#[test]
fn a_delegates_delegate_has_no_standing() {
    let policy = with_delegations(
        &[("[alex@acme.example]", "[alex@acme.example, pat@acme.example]")],
        &[
            delegation("dana@acme.example", "pat@acme.example", -100, 100),
            delegation("pat@acme.example", "quinn@acme.example", -100, 100),
        ],
    );
    assert_eq!(standings(&policy, &principal("quinn@acme.example", &[]), "jane@acme.example", 0), []);
    let team = team("data-engineering");
    let matter = Matter { tier: ApprovalTier::ManagerApproval, team: &team, escalated: false };
    let told: Vec<String> = policy.addressees(matter, at(0)).into_iter().map(|told| told.address).collect();
    assert_eq!(told, ["dana@acme.example", "dmitri@acme.example", "pat@acme.example"]);
}

#[test]
fn nobody_stands_in_for_the_requester() {
    let policy = with_delegations(&[], &[delegation("dana@acme.example", "pat@acme.example", -100, 100)]);
    let pat = principal("pat@acme.example", &[]);
    assert_eq!(standings(&policy, &pat, "dmitri@acme.example", 0), [standing_in_for("dana@acme.example")]);
    for requester in ["dana@acme.example", "DANA@acme.example", "dana+x@acme.example", "Dana+Y@Acme.Example"] {
        assert_eq!(standings(&policy, &pat, requester, 0), [], "{requester}");
    }
    // Nor does a group that the absent approver's token would carry pass over: no token, no group.
    let lena = [("[alex@acme.example]", "[alex@acme.example, lena@acme.example]")];
    let others = with_delegations(&lena, &[delegation("lena@acme.example", "pat@acme.example", -100, 100)]);
    assert_eq!(standings(&others, &pat, "jane@acme.example", 0), []);
}

#[test]
fn nobody_stands_in_when_the_glass_is_broken() {
    let policy = with_delegations(
        &[("approvers: { groups: [incident-commanders] }", "approvers: { people: [ida@acme.example] }")],
        &[delegation("ida@acme.example", "pat@acme.example", -100, 100)],
    );
    let team = team("data-engineering");
    assert_eq!(policy.break_glass_capacities(&principal("ida@acme.example", &[]), &team).len(), 1);
    assert_eq!(policy.break_glass_capacities(&principal("pat@acme.example", &[]), &team), []);
}

#[test]
fn members_are_told_one_by_one_and_mailboxes_without_a_link() {
    let policy = with_delegations(
        &[
            (
                "members: [dana@acme.example, dmitri@acme.example]",
                "members: [dana@acme.example, dmitri@acme.example]\n    mailboxes: [leads@acme.example]",
            ),
            (
                "{ count: 1, groups: [\"{team}-leads\"] }",
                "{ count: 1, groups: [\"{team}-leads\", unknown], people: [DANA@acme.example, ann@acme.example] }",
            ),
        ],
        &[
            delegation("Dana@acme.example", "pat@acme.example", -100, 100),
            delegation("dmitri@acme.example", "quinn@acme.example", 100, 200),
            delegation("ann@acme.example", "dmitri@acme.example", -100, 100),
        ],
    );
    let data_engineering = team("data-engineering");
    let told = |matter: Matter<'_>, seconds: i64| -> Vec<(String, bool)> {
        let addressees = policy.addressees(matter, at(seconds));
        addressees.into_iter().map(|addressee| (addressee.address, addressee.is_one_person)).collect()
    };
    let person = |address: &str| (address.to_owned(), true);
    let mailbox = |address: &str| (address.to_owned(), false);
    let now = told(matter(TIER, &data_engineering, false), 0);
    assert_eq!(
        now,
        [
            person("DANA@acme.example"),
            person("ann@acme.example"),
            person("dmitri@acme.example"),
            person("pat@acme.example"),
            mailbox("leads@acme.example"),
            mailbox("platform-engineering@acme.example"),
        ]
    );
    let later = told(matter(TIER, &data_engineering, false), 150);
    assert!(later.contains(&person("quinn@acme.example")) && !later.contains(&person("pat@acme.example")));
    // A group without an entry reaches the fallback; what needs nobody tells nobody.
    let payments = team("payments");
    let second_line = told(matter(ApprovalTier::SecurityReview, &payments, true), 0);
    assert_eq!(second_line, [person("sasha@acme.example"), mailbox("platform-engineering@acme.example")]);
    assert_eq!(told(matter(ApprovalTier::AutoApprove, &payments, true), 0), []);
}

#[test]
fn whoever_was_passed_over_is_told_that_the_glass_was_broken() {
    let payments = team("payments");
    let told = policy().addressees_of_break_glass(matter(ApprovalTier::SecurityReview, &payments, false), at(0));
    let addresses: Vec<&str> = told.iter().map(|addressee| addressee.address.as_str()).collect();
    assert_eq!(addresses, ["sasha@acme.example", "alex@acme.example", "platform-engineering@acme.example"]);
}

//! Whose approvals count, and when there are enough.

use proptest::prelude::*;

use super::*;
use crate::policy::quorum::assign;
use crate::request::{Channel, Decision};

const SECURITY_AND_LEAD: (&str, &str) = (
    "      - { count: 1, groups: [security-reviewers] }\n",
    "      - { count: 1, groups: [security-reviewers] }\n      - { count: 1, groups: [\"{team}-leads\"] }\n",
);
const LEADS: &str = "{ count: 1, groups: [\"{team}-leads\"] }";

/// The approval that `who` would give, in the first of their capacities.
#[track_caller]
fn approval(policy: &Policy, matter: Matter<'_>, who: &Principal) -> Decision {
    let standing = policy.standings(who, &person("jane@acme.example"), matter, at(0)).swap_remove(0);
    Decision {
        approver: who.person.clone(),
        on_behalf_of: standing.on_behalf_of,
        capacities: standing.capacities,
        policy_version: "1".into(),
        at: at(0),
        comment: None,
        channel: Channel::Api,
    }
}

fn given(policy: &Policy, matter: Matter<'_>, approvals: &[Decision]) -> Vec<Vec<usize>> {
    policy.quorum(matter, approvals).unwrap().parts.into_iter().map(|part| part.given).collect()
}

#[test]
fn one_of_security_and_one_lead_from_different_people_are_needed() {
    let policy = policy_with(&[SECURITY_AND_LEAD]);
    let team = team("data-engineering");
    let matter = matter(ApprovalTier::SecurityReview, &team, false);
    let approval = |who: &Principal| approval(&policy, matter, who);
    let sasha = approval(&principal("sasha@acme.example", &["security-reviewers"]));
    let dana = approval(&principal("dana@acme.example", &["data-engineering-leads"]));
    let dmitri = approval(&principal("dmitri@acme.example", &["data-engineering-leads"]));

    let nobody = policy.quorum(matter, &[]).unwrap();
    assert_eq!((nobody.missing(), nobody.counted()), (2, 0));
    assert_eq!(nobody.waits_for(), ["security-reviewers", "data-engineering-leads"]);
    let security = policy.quorum(matter, std::slice::from_ref(&sasha)).unwrap();
    assert_eq!((security.missing(), security.waits_for()), (1, vec!["data-engineering-leads".to_owned()]));
    let leads = policy.quorum(matter, &[dana.clone(), dmitri.clone()]).unwrap();
    assert_eq!((leads.missing(), leads.counted()), (1, 1), "a second lead does not make up for security");
    assert!(leads.counts(0) && !leads.counts(1));
    let all = policy.quorum(matter, &[dana, dmitri, sasha]).unwrap();
    assert_eq!(all.missing(), 0);
    assert_eq!(given(&policy, matter, &[]), [Vec::<usize>::new(), vec![]]);
}

#[test]
fn somebody_who_is_both_counts_once_and_where_they_are_needed() {
    let policy = policy_with(&[SECURITY_AND_LEAD]);
    let team = team("data-engineering");
    let matter = matter(ApprovalTier::SecurityReview, &team, false);
    let approval = |email: &str, groups: &[&str]| approval(&policy, matter, &principal(email, groups));
    let both = approval("pat@acme.example", &["security-reviewers", "data-engineering-leads"]);
    let sasha = approval("sasha@acme.example", &["security-reviewers"]);
    let dana = approval("dana@acme.example", &["data-engineering-leads"]);
    assert_eq!(both.capacities.len(), 2);
    assert_eq!(given(&policy, matter, std::slice::from_ref(&both)), [vec![0], vec![]]);
    // Whoever comes second, the one who is both takes the other place.
    assert_eq!(given(&policy, matter, &[both.clone(), sasha.clone()]), [vec![1], vec![0]]);
    assert_eq!(given(&policy, matter, &[both.clone(), dana.clone()]), [vec![0], vec![1]]);
    assert_eq!(given(&policy, matter, &[sasha, both.clone()]), [vec![0], vec![1]]);
    assert_eq!(given(&policy, matter, &[dana, both]), [vec![1], vec![0]]);
}

#[test]
fn an_approval_counts_as_long_as_the_policy_has_its_approver() {
    let team = team("data-engineering");
    let matter = matter(ApprovalTier::ManagerApproval, &team, false);
    let counted = |policy: &Policy, approval: &Decision| {
        policy.quorum(matter, std::slice::from_ref(approval)).unwrap().counted() == 1
    };
    // A person whom the policy names.
    let people = "{ count: 1, people: [ann@acme.example, ben@acme.example, cem@acme.example] }";
    let named = policy_with(&[(LEADS, people)]);
    let ann = approval(&named, matter, &principal("Ann@acme.example", &[]));
    assert!(counted(&named, &ann));
    let without = policy_with(&[(LEADS, &people.replace("ann@acme.example, ", ""))]);
    assert!(!counted(&without, &ann));
    // A member whom the policy lists: by link, or with a token that lacks the group.
    let listed = policy();
    let dana = approval(&listed, matter, &Principal::by_address("dana@acme.example"));
    assert_eq!(dana.capacities[0].voucher, Voucher::Policy);
    assert!(counted(&listed, &dana));
    let delisted = policy_with(&[("[dana@acme.example, dmitri@acme.example]", "[dmitri@acme.example]")]);
    assert!(!counted(&delisted, &dana));
    // A member for whom the identity provider vouched: the policy's list says nothing about them.
    let vouched = approval(&listed, matter, &principal("dana@acme.example", &["data-engineering-leads"]));
    assert_eq!(vouched.capacities[0].voucher, Voucher::IdentityProvider);
    assert!(counted(&delisted, &vouched));
    let other_group = policy_with(&[(LEADS, "{ count: 1, groups: [\"{team}-owners\"] }")]);
    assert!(!counted(&other_group, &vouched) && !counted(&other_group, &dana));
}

#[test]
fn a_delegates_approval_counts_in_the_absent_approvers_capacities() {
    let policy =
        with_delegations(&[SECURITY_AND_LEAD], &[delegation("sasha@acme.example", "pat@acme.example", -100, 100)]);
    let team = team("data-engineering");
    let matter = matter(ApprovalTier::SecurityReview, &team, false);
    let pat = approval(&policy, matter, &principal("pat@acme.example", &[]));
    assert_eq!(pat.on_behalf_of.as_deref(), Some("sasha@acme.example"));
    let dana = approval(&policy, matter, &principal("dana@acme.example", &["data-engineering-leads"]));
    let approvals = [pat, dana];
    assert_eq!(given(&policy, matter, &approvals), [vec![0], vec![1]]);
    // It counts on when the approver is back, and no more when they have ceased to be one.
    assert_eq!(given(&policy_with(&[SECURITY_AND_LEAD]), matter, &approvals), [vec![0], vec![1]]);
    let without_sasha = policy_with(&[SECURITY_AND_LEAD, ("[sasha@acme.example]", "[sara@acme.example]")]);
    assert_eq!(given(&without_sasha, matter, &approvals), [vec![], vec![1]]);
}

#[test]
fn the_second_line_fills_any_requirement_once_it_has_been_asked() {
    let policy = policy_with(&[SECURITY_AND_LEAD]);
    let team = team("data-engineering");
    let escalated = matter(ApprovalTier::SecurityReview, &team, true);
    let second = |email| approval(&policy, escalated, &principal(email, &["security-leads"]));
    let approvals = [second("sid@acme.example"), second("sue@acme.example")];
    let quorum = policy.quorum(escalated, &approvals).unwrap();
    assert_eq!((quorum.missing(), quorum.counted()), (0, 2));
    let named: Vec<String> = policy.quorum(escalated, &[]).unwrap().waits_for();
    assert_eq!(named, ["security-reviewers", "security-leads", "data-engineering-leads"], "each once");
    let before = matter(ApprovalTier::SecurityReview, &team, false);
    assert_eq!(given(&policy, before, &approvals), [vec![], Vec::<usize>::new()]);
}

#[test]
fn what_the_policy_approves_has_no_quorum() {
    assert_eq!(policy().quorum(matter(ApprovalTier::AutoApprove, &team("a"), false), &[]), None);
}

/// The most that can count, by trying everything.
fn most(needed: &[usize], fits: &[Vec<usize>], approvals: usize) -> usize {
    let Some(approval) = approvals.checked_sub(1) else { return 0 };
    let without = most(needed, fits, approval);
    let places = (0..needed.len()).filter(|part| needed[*part] > 0 && fits[*part].contains(&approval));
    let with = places.map(|part| {
        let mut needed = needed.to_vec();
        needed[part] -= 1;
        1 + most(&needed, fits, approval)
    });
    with.max().unwrap_or(0).max(without)
}

proptest! {
    #[test]
    fn as_many_approvals_count_as_possible_and_each_counts_on(
        parts in proptest::collection::vec((1..4_usize, proptest::collection::btree_set(0..6_usize, 0..6)), 1..4)
    ) {
        let needed: Vec<usize> = parts.iter().map(|(needed, _)| *needed).collect();
        let fits: Vec<Vec<usize>> = parts.iter().map(|(_, fitting)| fitting.iter().copied().collect()).collect();
        let mut before: Vec<usize> = Vec::new();
        for approvals in 0..=6 {
            let given = assign(&needed, &fits, approvals);
            for (part, given) in given.iter().enumerate() {
                prop_assert!(given.len() <= needed[part]);
                prop_assert!(given.iter().all(|approval| fits[part].contains(approval) && *approval < approvals));
            }
            let mut counted = given.concat();
            counted.sort_unstable();
            prop_assert!(counted.windows(2).all(|two| two[0] < two[1]), "{counted:?}: each counts once");
            prop_assert_eq!(counted.len(), most(&needed, &fits, approvals));
            prop_assert!(before.iter().all(|approval| counted.contains(approval)), "{before:?}, then {counted:?}");
            before = counted;
        }
    }
}

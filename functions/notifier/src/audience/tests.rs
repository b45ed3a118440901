use std::collections::BTreeSet;

use domain::event::EventType;
use domain::request::Submission;

use super::*;
use crate::fixtures::{Case, TIERS, decision, hours, installation_of, now, policy_of_two, policy_with, submission};

const DANA: &str = "dana@acme.example";
const DMITRI: &str = "dmitri@acme.example";
const SASHA: &str = "sasha@acme.example";
const PLATFORM: &str = "platform-engineering@acme.example";

fn told(case: &Case) -> Vec<(Reader, String)> {
    let Some(_) = case.occasion() else {
        return Vec::new();
    };
    let audience = audience(&case.situation());
    assert_eq!((audience.sharing, audience.untold), (0, 0));
    let mails = audience.mails.into_iter();
    mails
        .map(|mail| {
            assert_eq!(mail.addresses.len(), 1);
            (mail.reader, mail.addresses[0].clone())
        })
        .collect()
}

/// Under a policy with as many leads as this.
fn with_leads(count: usize) -> String {
    let leads: Vec<String> = (0..count).map(|number| format!("lead{number:04}@acme.example")).collect();
    policy_with(&[("members: [dana@acme.example, dmitri@acme.example]", &format!("members: [{}]", leads.join(", ")))])
}

/// Independent of the code: every type of event and every tier, and who gets a mail.
#[test]
fn everybody_who_should_know_is_told_and_nobody_else() {
    use EventType as E;
    let requester = || (Reader::Requester, "jane@acme.example".to_owned());
    let person = |address: &str| (Reader::Approver, address.to_owned());
    let mailbox = || (Reader::Mailbox, PLATFORM.to_owned());
    let administrator = || (Reader::Administrators, "alex@acme.example".to_owned());
    for event in EventType::ALL {
        for tier in TIERS {
            // First line. The second line has no entry in the policy, so its mail goes to the fallback mailbox.
            let first: Vec<_> = match tier {
                ApprovalTier::AutoApprove => vec![],
                ApprovalTier::ManagerApproval => vec![person(DANA), person(DMITRI)],
                ApprovalTier::SecurityReview => vec![person(SASHA)],
            };
            let auto = tier == ApprovalTier::AutoApprove;
            let second = if auto { vec![] } else { vec![mailbox()] };
            // The policy wants security and administrators to know whenever somebody breaks the glass.
            let mut all: Vec<_> = first.clone();
            all.extend([SASHA, "alex@acme.example"].map(person));
            let mut seen = BTreeSet::new();
            all.retain(|(_, address)| seen.insert(address.clone()));
            let expected = match event {
                E::Submitted | E::Retried if auto => vec![],
                E::Submitted | E::Retried | E::Approved | E::Rejected => [vec![requester()], first].concat(),
                E::ApprovalRecorded | E::Available => vec![requester()],
                E::Cancelled | E::Reminded => first,
                E::Escalated => [first, second].concat(),
                E::Expired => [vec![requester()], first, second].concat(),
                E::BreakGlassUsed => [vec![requester()], all, second].concat(),
                E::Failed => vec![requester(), administrator()],
                E::ProvisioningStarted | E::Provisioned => vec![],
            };
            assert_eq!(told(&Case::new(event, tier)), expected, "{} {}", event.as_str(), tier.as_str());
        }
    }
}

#[test]
fn both_lines_are_told_of_a_decision_after_the_sla() {
    for event in [EventType::Approved, EventType::Rejected, EventType::Cancelled, EventType::Expired] {
        for tier in [ApprovalTier::ManagerApproval, ApprovalTier::SecurityReview] {
            let mut case = Case::new(event, tier);
            let due = case.request.as_ref().unwrap().sla_at().unwrap();
            for (at, second_line_is_told) in [(due.minus(hours(1)), event == EventType::Expired), (due, true)] {
                case.record.timestamp = at;
                let told = told(&case);
                assert_eq!(told.contains(&(Reader::Mailbox, PLATFORM.to_owned())), second_line_is_told, "{event:?}");
                assert!(told.iter().any(|(reader, _)| *reader == Reader::Approver));
            }
        }
    }
}

fn asked_by(requester: &str) -> Submission {
    let mut own = submission(ApprovalTier::ManagerApproval);
    requester.clone_into(&mut own.requester.email);
    own
}

#[test]
fn who_asked_is_not_asked_to_decide_whatever_the_spelling_of_their_address() {
    for own in ["Dana@acme.example", "dana+work@acme.example", "DANA+a+b@ACME.example"] {
        for event in [EventType::Submitted, EventType::Reminded, EventType::Escalated, EventType::Retried] {
            let told = told(&Case::of(event, &asked_by(own)));
            let asked: Vec<_> = told.iter().filter(|(reader, _)| *reader == Reader::Approver).collect();
            assert_eq!(asked, [&(Reader::Approver, DMITRI.to_owned())], "{own} {event:?}");
        }
    }
    for own in ["Platform-Engineering@acme.example", "platform-engineering+ci@acme.example"] {
        let told = told(&Case::of(EventType::Escalated, &asked_by(own)));
        assert_eq!(told, [DANA, DMITRI].map(|address| (Reader::Approver, address.to_owned())), "{own}");
    }
}

const AWAY: &str = "from: 2026-11-20T00:00:00Z, until: 2026-11-24T12:00:00Z";

fn delegations(entries: &[&str]) -> String {
    policy_with(&[("delegations: []", &format!("delegations:\n  - {}", entries.join("\n  - ")))])
}

#[test]
fn a_delegate_is_asked_while_the_delegation_is_in_force() {
    let policy = delegations(&[&format!("{{ approver: {DANA}, delegate: sam@acme.example, {AWAY} }}")]);
    let sam = (Reader::Approver, "sam@acme.example".to_owned());
    let submitted = Case::new(EventType::Submitted, ApprovalTier::ManagerApproval).under(&policy);
    assert!(told(&submitted).contains(&sam));
    // A day later it is over.
    let escalated = Case::new(EventType::Escalated, ApprovalTier::ManagerApproval).under(&policy);
    assert!(!told(&escalated).contains(&sam));
}

#[test]
fn nobody_is_asked_on_behalf_of_the_requester_or_over_two_delegations() {
    let policy = delegations(&[
        &format!("{{ approver: {DANA}, delegate: sam@acme.example, {AWAY} }}"),
        &format!("{{ approver: sam@acme.example, delegate: sue@acme.example, {AWAY} }}"),
    ])
    .replace("[alex@acme.example]", "[alex@acme.example, sam@acme.example]");
    for (requester, expected) in [(DANA, vec![DMITRI]), ("jane@acme.example", vec![DANA, DMITRI, "sam@acme.example"])] {
        let case = Case::of(EventType::Reminded, &asked_by(requester)).under(&policy);
        let asked: Vec<String> = told(&case).into_iter().map(|(_, address)| address).collect();
        assert_eq!(asked, expected);
    }
}

#[test]
fn who_has_said_yes_is_not_asked_again() {
    let mut case = Case::new(EventType::Reminded, ApprovalTier::ManagerApproval).under(&policy_of_two());
    let asked = |case: &Case| told(case).into_iter().map(|(_, address)| address).collect::<Vec<_>>();
    assert_eq!(asked(&case), [DANA, DMITRI, SASHA]);
    let request = case.request.as_mut().unwrap();
    request.approvals.push(decision(DANA, "data-engineering-leads", now()));
    // One lead is enough, so the other one's yes would not count either.
    assert_eq!(asked(&case), [SASHA]);
    case.request.as_mut().unwrap().approvals[0] = decision(SASHA, "security-reviewers", now());
    assert_eq!(asked(&case), [DANA, DMITRI]);
}

#[test]
fn a_requester_without_a_mail_address_gets_no_mail() {
    for odd in ["repo:acme/infra", "", "a b@acme.example", "x@y@z", "jane@acme.example\r\nBcc: all@acme.example"] {
        let told = told(&Case::of(EventType::Submitted, &asked_by(odd)));
        assert_eq!(told.iter().map(|(reader, _)| *reader).collect::<Vec<_>>(), [Reader::Approver; 2], "{odd}");
    }
}

#[test]
fn fifty_get_a_mail_of_their_own_and_the_others_share_mails_without_a_link() {
    for (leads, shared, untold) in
        [(49, vec![], 0), (50, vec![1], 0), (150, vec![50, 50, 1], 0), (600, vec![50; 10], 51)]
    {
        // The fallback mailbox of the second line comes last.
        let case = Case::new(EventType::Escalated, ApprovalTier::ManagerApproval).under(&with_leads(leads));
        let audience = audience(&case.situation());
        let (own, sharing): (Vec<_>, Vec<_>) =
            audience.mails.iter().partition(|mail| mail.addresses.len() == 1 && mail.channel.len() > 20);
        assert_eq!(own.len(), 50);
        assert_eq!(sharing.iter().map(|mail| mail.addresses.len()).collect::<Vec<_>>(), shared, "{leads}");
        assert!(sharing.iter().all(|mail| mail.reader == Reader::Mailbox));
        assert_eq!((audience.sharing, audience.untold), (shared.iter().sum::<usize>(), untold));
        assert_eq!(audience.holders().len(), leads.min(50));
        let addresses: BTreeSet<&String> = audience.mails.iter().flat_map(|mail| &mail.addresses).collect();
        assert_eq!(addresses.len(), 50 + shared.iter().sum::<usize>(), "nobody twice");
        let channels: BTreeSet<&String> = audience.mails.iter().map(|mail| &mail.channel).collect();
        assert_eq!(channels.len(), audience.mails.len(), "each mail has a name of its own");
    }
}

#[test]
fn a_mail_keeps_its_name_when_somebody_has_said_yes_in_between() {
    let mut case = Case::new(EventType::Reminded, ApprovalTier::ManagerApproval).under(&with_leads(200));
    let names = |case: &Case| -> Vec<(String, String)> {
        let mails = audience(&case.situation()).mails;
        mails.iter().flat_map(|mail| mail.addresses.iter().map(|to| (to.clone(), mail.channel.clone()))).collect()
    };
    let before = names(&case);
    let lead = "- { count: 1, groups: [\"{team}-leads\"] }";
    let policy = with_leads(200).replace(lead, &lead.replace("count: 1", "count: 2"));
    case.installation = installation_of(&policy);
    let request = case.request.as_mut().unwrap();
    request.approvals.push(decision("lead0007@acme.example", "data-engineering-leads", now()));
    let after = names(&case);
    assert_eq!(after.len(), before.len() - 1);
    assert!(after.iter().all(|name| before.contains(name)));
}

#[test]
fn a_mails_name_is_the_same_in_any_case_and_does_not_show_the_address() {
    let name = |policy: &str| {
        let case = Case::new(EventType::Reminded, ApprovalTier::SecurityReview).under(policy);
        audience(&case.situation()).mails[0].channel.clone()
    };
    let lower = name(&policy_with(&[]));
    assert_eq!(lower, name(&policy_with(&[(SASHA, "SASHA@Acme.Example")])));
    // By `printf sasha@acme.example | sha256sum`.
    assert_eq!(lower, "mail-approver-4ae3c1dae80c463a");
    assert!(!lower.contains("sasha"));
}

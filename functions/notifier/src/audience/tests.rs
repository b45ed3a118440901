use super::*;
use crate::fixtures::{TIERS, installation, record, record_of, submission};

const LEADS: [&str; 2] = ["dana@acme.example", "dmitri@acme.example"];
const PLATFORM: &str = "platform-engineering@acme.example";

fn told_of(record: &Record) -> Vec<(Reader, Vec<String>)> {
    let policy = installation().policy;
    Occasion::of(record.event_type, record.approval_tier)
        .map(|occasion| recipients(occasion, record, &policy))
        .unwrap_or_default()
        .into_iter()
        .map(|mail| (mail.reader, mail.addresses))
        .collect()
}

/// Independent of the code: every type of event and every tier, and who gets a mail.
#[test]
fn everybody_who_should_know_is_told_and_nobody_else() {
    use EventType as E;
    let requester = || (Reader::Requester, vec!["jane@acme.example".to_owned()]);
    let approvers = |addresses: &[&str]| (Reader::Approvers, addresses.iter().map(|a| (*a).to_owned()).collect());
    let administrators = || (Reader::Administrators, vec!["alex@acme.example".to_owned()]);
    let [dana, dmitri] = LEADS;
    let sasha = "sasha@acme.example";
    for event in EventType::ALL {
        for tier in TIERS {
            // First line; both lines. Groups without contacts of their own are reached through the fallback.
            let (first, both): (Vec<&str>, Vec<&str>) = match tier {
                ApprovalTier::AutoApprove => (vec![], vec![]),
                ApprovalTier::ManagerApproval => (vec![dana, dmitri], vec![dana, dmitri, PLATFORM]),
                ApprovalTier::SecurityReview => (vec![sasha], vec![sasha, PLATFORM]),
            };
            let auto = tier == ApprovalTier::AutoApprove;
            let mut expected: Vec<(Reader, Vec<String>)> = match event {
                E::Submitted if auto => vec![],
                E::Submitted | E::Approved | E::Rejected => vec![requester(), approvers(&first)],
                E::ApprovalRecorded | E::Available => vec![requester()],
                E::Cancelled | E::Reminded => vec![approvers(&first)],
                E::Escalated => vec![approvers(&both)],
                E::Expired => vec![requester(), approvers(&both)],
                E::Failed => vec![requester(), administrators()],
                E::ProvisioningStarted | E::Provisioned | E::Retried => vec![],
            };
            expected.retain(|(_, addresses)| !addresses.is_empty());
            assert_eq!(told_of(&record(event, tier)), expected, "{} {}", event.as_str(), tier.as_str());
        }
    }
}

#[test]
fn who_asked_is_not_asked_to_decide() {
    let mut own = submission(ApprovalTier::ManagerApproval);
    own.requester.email = "Dana@acme.example".to_owned();
    assert_eq!(
        told_of(&record_of(EventType::Submitted, &own)),
        [
            (Reader::Requester, vec!["Dana@acme.example".to_owned()]),
            (Reader::Approvers, vec!["dmitri@acme.example".to_owned()])
        ]
    );
    assert_eq!(
        told_of(&record_of(EventType::Reminded, &own)),
        [(Reader::Approvers, vec!["dmitri@acme.example".to_owned()])]
    );
}

#[test]
fn nobody_is_named_twice_in_a_mail_and_no_mail_goes_to_nobody() {
    let policy = domain::policy::DEFAULT_POLICY
        .replace("platform-engineering@acme.example", "DANA@acme.example")
        .replace("sasha@acme.example", "jane@acme.example");
    let policy = Policy::from_yaml(&policy).unwrap();
    let both_lines =
        recipients(Occasion::Escalated, &record(EventType::Escalated, ApprovalTier::ManagerApproval), &policy);
    assert_eq!(both_lines, [Recipients { reader: Reader::Approvers, addresses: LEADS.map(str::to_owned).to_vec() }]);
    let only_herself =
        recipients(Occasion::Reminded, &record(EventType::Reminded, ApprovalTier::SecurityReview), &policy);
    assert_eq!(only_herself, []);
}

#[test]
fn a_requester_without_a_mail_address_gets_no_mail() {
    for odd in ["repo:acme/infra", "", "a b@acme.example", "x@y@z", "jane@acme.example\r\nBcc: all@acme.example"] {
        let mut workload = submission(ApprovalTier::ManagerApproval);
        workload.requester.email = odd.to_owned();
        let told = told_of(&record_of(EventType::Submitted, &workload));
        assert_eq!(told.iter().map(|(reader, _)| *reader).collect::<Vec<_>>(), [Reader::Approvers], "{odd}");
    }
}

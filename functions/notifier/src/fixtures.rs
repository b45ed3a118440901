//! Values for tests.

use std::time::Duration;

use domain::catalog::CatalogTier;
use domain::envelope::Detail;
use domain::environment::Environment;
use domain::event::{Approval, Event, EventKind, EventType};
use domain::journal::{Head, Record};
use domain::lifecycle::{State, evolve};
use domain::link::KeyRing;
use domain::person::Person;
use domain::policy::{ApprovalTier, ApproverKind, Capacity, DEFAULT_POLICY, Policy, Voucher};
use domain::request::{
    Channel, Decision, Failure, FailureKind, Lease, ProvisionedRepository, ProvisioningOutcome, Request, Submission,
    Terms,
};
use domain::text::{Comment, Justification, TeamName};
use domain::time::Timestamp;

use crate::audience::Occasion;
use crate::content::{Content, Installation, Way};
use crate::invitation::Invitation;
use crate::situation::Situation;

pub(crate) const TIERS: [ApprovalTier; 3] =
    [ApprovalTier::AutoApprove, ApprovalTier::ManagerApproval, ApprovalTier::SecurityReview];

pub(crate) const LINK_KEYS_JSON: &str = r#"{"currentId":"k1","current":"a-key-of-more-than-thirty-two-bytes"}"#;

/// When requests are submitted.
pub(crate) fn now() -> Timestamp {
    "2026-11-23T18:51:45.123Z".parse().unwrap()
}

pub(crate) fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3_600)
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::from_json(LINK_KEYS_JSON).unwrap()
}

pub(crate) fn installation() -> Installation {
    installation_of(DEFAULT_POLICY)
}

pub(crate) fn installation_of(policy: &str) -> Installation {
    Installation {
        organization: "acme".parse().unwrap(),
        public_url: "https://images.acme.example".to_owned(),
        policy: Policy::from_yaml(policy).unwrap(),
        secret_id: "notifications".to_owned(),
        link_keys_secret_id: "link-keys".to_owned(),
    }
}

/// The default policy with a part of it replaced, which has to be there.
pub(crate) fn policy_with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(DEFAULT_POLICY.to_owned(), |policy, (from, to)| {
        assert!(policy.contains(from), "{from}");
        policy.replace(from, to)
    })
}

/// Under which a lead of the team and a security reviewer have to say yes.
pub(crate) fn policy_of_two() -> String {
    let lead = r#"- { count: 1, groups: ["{team}-leads"] }"#;
    policy_with(&[(lead, &format!("{lead}\n      - {{ count: 1, groups: [security-reviewers] }}"))])
}

pub(crate) fn person(email: &str) -> Person {
    Person { subject: format!("sub-{email}"), email: email.to_owned() }
}

pub(crate) fn submission(tier: ApprovalTier) -> Submission {
    Submission {
        id: "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap(),
        submitted_at: now(),
        requester: person("jane@acme.example"),
        image: "python:latest-dev".parse().unwrap(),
        catalog_tier: CatalogTier::Application,
        custom_name: None,
        justification: Some(
            Justification::new("The nightly ML pipeline needs pip at build time.\nOwner: #data-oncall").unwrap(),
        ),
        risk_assessment: None,
        team: TeamName::new("data-engineering").unwrap(),
        environment: if tier == ApprovalTier::AutoApprove { Environment::Dev } else { Environment::Production },
        channel: Channel::Api,
        tier,
        policy_version: "1".to_owned(),
        policy_rule: if tier == ApprovalTier::AutoApprove { "non-production" } else { "default" }.to_owned(),
        terms: Policy::from_yaml(DEFAULT_POLICY).unwrap().review(tier).map(Terms::from),
    }
}

/// A decision by link of somebody whom the policy lists in `group`.
pub(crate) fn decision(email: &str, group: &str, at: Timestamp) -> Decision {
    Decision {
        approver: person(email),
        policy_version: "1".into(),
        on_behalf_of: None,
        capacities: vec![Capacity { kind: ApproverKind::Group, name: group.to_owned(), voucher: Voucher::Policy }],
        at,
        comment: Some(Comment::new("Use the FIPS variant instead.").unwrap()),
        channel: Channel::Link,
    }
}

pub(crate) fn break_glass(at: Timestamp) -> Decision {
    Decision {
        policy_version: "1".into(),
        comment: Some(Comment::new("Incident 4711: the registry is down.").unwrap()),
        channel: Channel::Api,
        capacities: vec![Capacity {
            kind: ApproverKind::Group,
            name: "incident-commanders".to_owned(),
            voucher: Voucher::IdentityProvider,
        }],
        ..decision("ian@acme.example", "", at)
    }
}

/// What happens, and when, if an event of this type happens to a request.
pub(crate) fn event(event: EventType, submission: &Submission) -> Event {
    let by = || person("alex@acme.example");
    let terms = submission.terms.as_ref();
    let start = submission.submitted_at;
    let after =
        |span: Option<domain::time::Span>| start.plus(span.map_or(Duration::ZERO, domain::time::Span::duration));
    let repository = |at| ProvisionedRepository { id: "a1/b2".to_owned(), outcome: ProvisioningOutcome::Created, at };
    let dana = |at| decision("dana@acme.example", "data-engineering-leads", at);
    let (at, kind) = match event {
        EventType::Submitted => (start, EventKind::Submitted(Box::new(submission.clone()))),
        EventType::ApprovalRecorded => (start.plus(hours(1)), EventKind::ApprovalRecorded(dana(start.plus(hours(1))))),
        EventType::BreakGlassUsed => {
            (start.plus(hours(2)), EventKind::BreakGlassUsed(break_glass(start.plus(hours(2)))))
        }
        EventType::Approved if terms.is_none() => (start, EventKind::Approved(Approval::ByPolicy)),
        EventType::Approved => {
            (start.plus(hours(2)), EventKind::Approved(Approval::ByPerson(dana(start.plus(hours(2))))))
        }
        EventType::Rejected => (start.plus(hours(2)), EventKind::Rejected(dana(start.plus(hours(2))))),
        EventType::Cancelled => {
            (start.plus(hours(2)), EventKind::Cancelled { by: submission.requester.clone(), channel: Channel::Api })
        }
        EventType::Reminded => (after(terms.map(|terms| terms.reminders[0])), EventKind::Reminded),
        EventType::Escalated => (after(terms.map(|terms| terms.sla)), EventKind::Escalated),
        EventType::Expired => (after(terms.map(|terms| terms.expires_after)), EventKind::Expired),
        EventType::ProvisioningStarted => {
            let lease = Lease::new("lease".to_owned(), start.plus(hours(4)));
            (start.plus(hours(3)), EventKind::ProvisioningStarted(lease))
        }
        EventType::Provisioned => (start.plus(hours(3)), EventKind::Provisioned(repository(start.plus(hours(3))))),
        EventType::Failed => (
            start.plus(hours(3)),
            EventKind::Failed(Failure {
                kind: FailureKind::NotEntitled,
                message: "The plan does not include python.".to_owned(),
                remedy: "Ask the platform team to extend the plan.".to_owned(),
            }),
        ),
        EventType::Available => (start.plus(hours(3)), EventKind::Available(repository(start.plus(hours(3))))),
        EventType::Retried => (start.plus(hours(5)), EventKind::Retried { by: by(), channel: Channel::Api }),
    };
    Event { at, kind }
}

/// A request to which `events` happened.
pub(crate) fn request_of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Request {
    match events.into_iter().fold(State::Absent, evolve) {
        State::Submitted(request) => *request,
        State::Absent => panic!("nothing was submitted"),
    }
}

/// The request just after an event of this type.
pub(crate) fn request_after(last: EventType, submission: &Submission) -> Request {
    use EventType as E;
    let mut events: Vec<Event> = match last {
        E::Submitted => vec![],
        E::ApprovalRecorded | E::BreakGlassUsed | E::Approved | E::Rejected | E::Cancelled | E::Reminded => {
            vec![E::Submitted]
        }
        E::Escalated => vec![E::Submitted, E::Reminded],
        E::Expired => vec![E::Submitted, E::Reminded, E::Escalated],
        E::ProvisioningStarted => vec![E::Submitted, E::Approved],
        E::Provisioned | E::Failed => vec![E::Submitted, E::Approved, E::ProvisioningStarted],
        E::Available => vec![E::Submitted, E::Approved, E::ProvisioningStarted, E::Provisioned],
        E::Retried => vec![E::Submitted, E::Approved, E::ProvisioningStarted, E::Failed],
    }
    .into_iter()
    .map(|earlier| event(earlier, submission))
    .collect();
    events.push(event(last, submission));
    if let EventKind::BreakGlassUsed(used) = &events[events.len() - 1].kind {
        let used = used.clone();
        events.push(Event { at: used.at, kind: EventKind::Approved(Approval::ByPerson(used)) });
    }
    request_of(&events)
}

pub(crate) fn record_of(event_type: EventType, submission: &Submission) -> Record {
    Head::START.append(submission, &event(event_type, submission)).0
}

pub(crate) fn record(event: EventType, tier: ApprovalTier) -> Record {
    record_of(event, &submission(tier))
}

pub(crate) fn detail(event: EventType, tier: ApprovalTier) -> Detail {
    Detail::announcing(record(event, tier))
}

/// An event and its request as they are when the notifier gets the event at once.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) record: Record,
    pub(crate) request: Option<Request>,
    pub(crate) installation: Installation,
}

impl Case {
    pub(crate) fn new(event: EventType, tier: ApprovalTier) -> Self {
        Self::of(event, &submission(tier))
    }

    pub(crate) fn of(event: EventType, submission: &Submission) -> Self {
        Self {
            record: record_of(event, submission),
            request: submission.terms.is_some().then(|| request_after(event, submission)),
            installation: installation(),
        }
    }

    pub(crate) fn under(self, policy: &str) -> Self {
        Self { installation: installation_of(policy), ..self }
    }

    pub(crate) fn occasion(&self) -> Option<Occasion> {
        Occasion::of(self.record.event_type, self.record.approval_tier)
    }

    pub(crate) fn situation(&self) -> Situation<'_> {
        Situation {
            occasion: self.occasion().unwrap(),
            record: &self.record,
            request: self.request.as_ref(),
            policy: &self.installation.policy,
        }
    }

    /// The link of `approver`.
    pub(crate) fn invitation(&self, approver: &str) -> Option<Invitation> {
        let request = self.request.as_ref()?;
        Invitation::new(request, approver, self.record.timestamp, &keys(), &self.installation.public_url)
    }

    /// What one reader is told who comes to the request as mails to them do.
    pub(crate) fn content(&self, reader: crate::audience::Reader) -> Content {
        use crate::audience::Reader as R;
        let situation = self.situation();
        let holders = ["dana@acme.example".to_owned(), "dmitri@acme.example".to_owned()];
        let invitation = self.invitation("dana@acme.example").filter(|_| situation.occasion.asks_for_decision());
        let way = match (&invitation, reader) {
            (Some(invitation), R::Approver) => Way::Page(invitation),
            (Some(_), R::Mailbox) => Way::NoLink { holders: &holders },
            (_, R::Requester | R::Administrators | R::Everybody | R::Approver | R::Mailbox) => Way::Request,
        };
        Content::new(&situation, reader, way, &self.installation)
    }
}

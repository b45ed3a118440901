//! Values for tests.

use std::time::Duration;

use domain::catalog::CatalogTier;
use domain::envelope::Detail;
use domain::environment::Environment;
use domain::event::{Approval, Event, EventKind, EventType};
use domain::journal::{Head, Record};
use domain::person::Person;
use domain::policy::{ApprovalTier, DEFAULT_POLICY, Policy};
use domain::request::{
    Channel, Decision, Failure, FailureKind, Lease, ProvisionedRepository, ProvisioningOutcome, Submission,
};
use domain::text::{Comment, Justification, TeamName};
use domain::time::Timestamp;

use crate::content::Installation;

pub(crate) const TIERS: [ApprovalTier; 3] =
    [ApprovalTier::AutoApprove, ApprovalTier::ManagerApproval, ApprovalTier::SecurityReview];

pub(crate) fn now() -> Timestamp {
    "2026-11-23T18:51:45.123Z".parse().unwrap()
}

pub(crate) fn installation() -> Installation {
    Installation {
        organization: "acme".parse().unwrap(),
        public_url: "https://images.acme.example".to_owned(),
        policy: Policy::from_yaml(DEFAULT_POLICY).unwrap(),
        secret_id: "notifications".to_owned(),
    }
}

pub(crate) fn person(email: &str) -> Person {
    Person { subject: format!("sub-{email}"), email: email.to_owned() }
}

pub(crate) fn submission(tier: ApprovalTier) -> Submission {
    let deadline = |after: u64| (tier != ApprovalTier::AutoApprove).then(|| now().plus(Duration::from_secs(after)));
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
        reminders: Vec::new(),
        sla_at: deadline(86_400),
        expires_at: deadline(14 * 86_400),
    }
}

pub(crate) fn decision() -> Decision {
    Decision {
        approver: person("dana@acme.example"),
        at: now(),
        comment: Some(Comment::new("Use the FIPS variant instead.").unwrap()),
        channel: Channel::Api,
    }
}

/// An event of this type as it happens to a request.
pub(crate) fn kind(event: EventType, submission: &Submission) -> EventKind {
    let by = || person("alex@acme.example");
    let repository =
        || ProvisionedRepository { id: "a1/b2".to_owned(), outcome: ProvisioningOutcome::Created, at: now() };
    match event {
        EventType::Submitted => EventKind::Submitted(Box::new(submission.clone())),
        EventType::ApprovalRecorded => EventKind::ApprovalRecorded(decision()),
        EventType::Approved if submission.tier == ApprovalTier::AutoApprove => EventKind::Approved(Approval::ByPolicy),
        EventType::Approved => EventKind::Approved(Approval::ByPerson(decision())),
        EventType::Rejected => EventKind::Rejected(decision()),
        EventType::Cancelled => EventKind::Cancelled { by: submission.requester.clone(), channel: Channel::Api },
        EventType::Reminded => EventKind::Reminded,
        EventType::Escalated => EventKind::Escalated,
        EventType::Expired => EventKind::Expired,
        EventType::ProvisioningStarted => {
            EventKind::ProvisioningStarted(Lease { id: "lease".to_owned(), until: now() })
        }
        EventType::Provisioned => EventKind::Provisioned(repository()),
        EventType::Failed => EventKind::Failed(Failure {
            kind: FailureKind::NotEntitled,
            message: "The plan does not include python.".to_owned(),
            remedy: "Ask the platform team to extend the plan.".to_owned(),
        }),
        EventType::Available => EventKind::Available(repository()),
        EventType::Retried => EventKind::Retried { by: by(), channel: Channel::Api },
    }
}

pub(crate) fn record_of(event: EventType, submission: &Submission) -> Record {
    Head::START.append(submission, &Event { at: now(), kind: kind(event, submission) }).0
}

pub(crate) fn record(event: EventType, tier: ApprovalTier) -> Record {
    record_of(event, &submission(tier))
}

pub(crate) fn detail(event: EventType, tier: ApprovalTier) -> Detail {
    Detail::announcing(record(event, tier))
}

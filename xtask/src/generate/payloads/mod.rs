//! `events/*.json`: what the functions are invoked with, for `sam local invoke --event`.

mod authorizer;
mod chainguard;
mod http;
mod queue;
mod stream;

use anyhow::Context as _;
use domain::api::DecisionRequest;
use domain::envelope::Detail;
use domain::event::EventType;
use domain::link::KeyRing;
use serde_json::{Value, json};
use steward::Task;
use url::form_urlencoded;

use self::http::Call;
use super::files::GeneratedFile;
use super::samples::{Samples, Story, alex, dana, ivy, jane};

/// The account in all ARNs; AWS uses it in its own documentation.
const ACCOUNT: &str = "123456789012";
/// The region in all ARNs.
const REGION: &str = "eu-central-1";

/// The keys that the samples' links are signed with, which everybody can read here: no installation has them.
const LINK_KEYS: &str = r#"{"currentId":"sample","current":"this is a sample key that signs nothing anywhere"}"#;

/// A file's name without its ending, and what is in it. The name starts with the function's.
type Payload = (String, Value);

/// All payloads, at least one a function.
pub(super) fn files(samples: &Samples) -> anyhow::Result<Vec<GeneratedFile>> {
    let mut payloads = Vec::new();
    payloads.extend(of_authorizer());
    payloads.extend(of_intake(samples)?);
    payloads.extend(of_query(samples)?);
    payloads.extend(of_approval(samples)?);
    payloads.extend(of_router(samples)?);
    payloads.extend(of_provisioner(samples)?);
    payloads.extend(of_notifier(samples)?);
    payloads.extend(of_auditor(samples)?);
    payloads.extend(of_steward()?);
    payloads.extend(of_chainguard_events(samples)?);
    payloads.extend(of_rotator());
    payloads.into_iter().map(|(name, payload)| GeneratedFile::sorted(format!("events/{name}.json"), payload)).collect()
}

fn of_authorizer() -> Vec<Payload> {
    vec![
        ("authorizer-token".to_owned(), authorizer::call_with_token(&authorizer::token())),
        ("authorizer-no-token".to_owned(), authorizer::call_without_token()),
    ]
}

fn of_intake(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let submit = |story: &Story| {
        Call::of("POST", "/request", &story.requester)
            .with_header("idempotency-key", format!("sample-{}", story.id))
            .with_body(&story.body)?
            .event()
    };
    Ok(vec![
        ("intake-submit".to_owned(), submit(&samples.automatic)?),
        ("intake-submit-production".to_owned(), submit(&samples.approved)?),
        ("intake-submit-base-image".to_owned(), submit(&samples.retried)?),
    ])
}

fn of_query(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let id = samples.approved.id;
    let jane = jane();
    Ok(vec![
        ("query-request".to_owned(), Call::of("GET", "/request/{id}", &jane).about(id).event()?),
        ("query-request-events".to_owned(), Call::of("GET", "/request/{id}/events", &jane).about(id).event()?),
        (
            "query-requests".to_owned(),
            Call::of("GET", "/requests", &jane).with_query(&[("status", "pending"), ("limit", "25")]).event()?,
        ),
        (
            "query-requests-of-image".to_owned(),
            Call::of("GET", "/requests", &jane).with_query(&[("image", "python")]).event()?,
        ),
        (
            "query-catalog".to_owned(),
            Call::of("GET", "/catalog", &jane).with_query(&[("q", "postgres"), ("limit", "5")]).event()?,
        ),
    ])
}

fn of_approval(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let said = |story: &Story, event_type| -> anyhow::Result<DecisionRequest> {
        let comment = story.event(event_type)?.data.comment;
        Ok(DecisionRequest { comment: comment.map(|comment| comment.as_str().to_owned()), digest: None })
    };
    let Samples { approved, rejected, cancelled, retried, emergency, .. } = samples;
    let mut payloads = vec![
        (
            "approval-approve".to_owned(),
            Call::of("PATCH", "/request/{id}/approve", &dana())
                .about(approved.id)
                .with_body(&said(approved, EventType::Approved)?)?
                .event()?,
        ),
        (
            "approval-reject".to_owned(),
            Call::of("PATCH", "/request/{id}/reject", &dana())
                .about(rejected.id)
                .with_body(&said(rejected, EventType::Rejected)?)?
                .event()?,
        ),
        ("approval-cancel".to_owned(), Call::of("PATCH", "/request/{id}/cancel", &jane()).about(cancelled.id).event()?),
        ("approval-retry".to_owned(), Call::of("PATCH", "/request/{id}/retry", &alex()).about(retried.id).event()?),
        (
            "approval-break-glass".to_owned(),
            Call::of("PATCH", "/request/{id}/break-glass", &ivy())
                .about(emergency.id)
                .with_body(&said(emergency, EventType::BreakGlassUsed)?)?
                .event()?,
        ),
    ];
    payloads.extend(of_links(&samples.by_link)?);
    Ok(payloads)
}

/// Calls of who holds a signed link: a mail scanner, then the approver, who looks and decides.
fn of_links(story: &Story) -> anyhow::Result<Vec<Payload>> {
    let link = story.link.as_ref().context("the story has no link")?;
    let signed = KeyRing::from_json(LINK_KEYS)?.link(link);
    let (_, query) = signed.split_once('?').context("a link has no query")?;
    let call = |method| {
        Call::without_token(method, "/approval/{id}")
            .about(story.id)
            .with_raw_query(query.to_owned())
            .with_header("accept", "text/html".to_owned())
    };
    let comment = story.event(EventType::Approved)?.data.comment.context("nothing was said")?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("comment", comment.as_str())
        .append_pair("decision", "approve")
        .finish();
    Ok(vec![
        ("approval-link-probe".to_owned(), call("HEAD").event()?),
        ("approval-link-show".to_owned(), call("GET").event()?),
        ("approval-link-decide".to_owned(), call("POST").with_form(&form).event()?),
    ])
}

/// A request that was committed already approved: two records of one transaction.
fn of_router(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let records = samples.automatic.records.iter().take(2);
    Ok(vec![("router-journal".to_owned(), stream::batch(records)?)])
}

fn of_provisioner(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let queue = "ProvisioningQueue";
    Ok(vec![
        ("provisioner-approved".to_owned(), queue::batch(queue, [samples.approved.event(EventType::Approved)?])?),
        ("provisioner-retried".to_owned(), queue::batch(queue, [samples.retried.event(EventType::Retried)?])?),
    ])
}

/// One for each type of event that people should know.
fn of_notifier(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let known = EventType::ALL.into_iter().filter_map(|event_type| Some((for_people(event_type)?, event_type)));
    known
        .map(|(name, event_type)| {
            let batch = queue::batch("NotificationQueue", [samples.example(event_type)?])?;
            Ok((format!("notifier-{name}"), batch))
        })
        .collect()
}

/// The end of the name of the notifier's payload; `None` for what the notifier is not invoked with.
const fn for_people(event_type: EventType) -> Option<&'static str> {
    match event_type {
        EventType::Submitted => Some("submitted"),
        EventType::ApprovalRecorded => Some("approval-recorded"),
        EventType::BreakGlassUsed => Some("break-glass-used"),
        EventType::Approved => Some("approved"),
        EventType::Rejected => Some("rejected"),
        EventType::Cancelled => Some("cancelled"),
        EventType::Reminded => Some("reminded"),
        EventType::Escalated => Some("escalated"),
        EventType::Expired => Some("expired"),
        EventType::Failed => Some("failed"),
        EventType::Available => Some("available"),
        EventType::Retried => Some("retried"),
        EventType::ProvisioningStarted | EventType::Provisioned => None,
    }
}

fn of_auditor(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let queue = "AuditQueue";
    let journal = samples.approved.records.iter().cloned().map(Detail::announcing);
    Ok(vec![
        ("auditor-submitted".to_owned(), queue::batch(queue, [samples.example(EventType::Submitted)?])?),
        ("auditor-journal".to_owned(), queue::batch(queue, journal)?),
    ])
}

fn of_steward() -> anyhow::Result<Vec<Payload>> {
    Ok(vec![
        ("steward-sweep".to_owned(), serde_json::to_value(Task::Sweep)?),
        ("steward-refresh-catalog".to_owned(), serde_json::to_value(Task::RefreshCatalog)?),
    ])
}

fn of_chainguard_events(samples: &Samples) -> anyhow::Result<Vec<Payload>> {
    let drift = samples.drift()?;
    Ok(vec![
        ("chainguard-events-tag-created".to_owned(), chainguard::tag_created(&drift)?),
        ("chainguard-events-repository-deleted".to_owned(), chainguard::repository_deleted(&drift)?),
    ])
}

/// A rotation's steps, as Secrets Manager asks for them.
fn of_rotator() -> Vec<Payload> {
    let steps = [("create", "createSecret"), ("set", "setSecret"), ("test", "testSecret"), ("finish", "finishSecret")];
    let payload = |(name, step)| {
        let request = json!({
            "Step": step,
            "SecretId": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:LinkKeys-sample"),
            "ClientRequestToken": "0c7c7b1b-2a11-4c59-9d5f-5a0b7a526f0e",
        });
        (format!("rotator-{name}"), request)
    };
    steps.map(payload).into()
}

#[cfg(test)]
mod tests;

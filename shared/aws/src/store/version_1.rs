//! Requests that were stored with item schema version 1, which said when a decision was due, and not how long after the
//! start of which round, and knew no rounds and no capacities.

use domain::request::Terms;
use domain::time::{Span, Timestamp};
use serde_json::{Map, Value, json};

/// The version that these items say.
pub(super) const VERSION: u64 = 1;

/// The document in the shape of the version after it; `None` if it is not what its version says.
///
/// Who decided keeps their decision, but what they were is not known: an approval that waits for another one has to be
/// given again.
pub(super) fn upgrade(mut document: Value) -> Option<Value> {
    let request = document.as_object_mut()?;
    let submission = request.get_mut("submission")?.as_object_mut()?;
    let since = timestamp(submission.get("submittedAt")?)?;
    // Only what people decide has any.
    if submission.contains_key("slaAt") {
        let terms = terms(submission, since)?;
        submission.insert("terms".to_owned(), json!(terms));
    }
    for name in ["reminders", "slaAt", "expiresAt"] {
        submission.remove(name);
    }
    request.insert("round".to_owned(), json!({"number": 1, "since": since}));
    let approvals = request.get_mut("approvals").and_then(Value::as_array_mut).into_iter().flatten();
    approvals.for_each(without_capacities);
    if let Some(decision) = request.get_mut("phase").and_then(|phase| phase.get_mut("decision")) {
        without_capacities(decision);
    }
    Some(document)
}

fn terms(submission: &Map<String, Value>, since: Timestamp) -> Option<Terms> {
    let span = |at: &Value| Some(Span::new(timestamp(at)?.since(since)));
    let expires_after = span(submission.get("expiresAt")?)?;
    let reminders = submission.get("reminders").and_then(Value::as_array).into_iter().flatten();
    Some(Terms {
        reminders: reminders.map(span).collect::<Option<_>>()?,
        sla: span(submission.get("slaAt")?)?,
        expires_after,
        // No link was sent with them. One that is sent with a later reminder ends with the request.
        links_valid_for: expires_after,
    })
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn without_capacities(decision: &mut Value) {
    if let Some(members) = decision.as_object_mut() {
        members.entry("capacities").or_insert_with(|| json!([]));
    }
}

#[cfg(test)]
mod tests {
    use domain::request::{Phase, Request, Status};

    use super::*;

    fn submission() -> Value {
        json!({
            "id": "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
            "submittedAt": "2026-11-23T08:00:00.123Z",
            "requester": {"subject": "issuer|jane", "email": "jane@acme.example"},
            "image": "python:latest",
            "catalogTier": "APPLICATION",
            "justification": "ML pipeline",
            "team": "data-engineering",
            "environment": "production",
            "channel": "api",
            "tier": "manager-approval",
            "policyVersion": "1",
            "policyRule": "default",
            "reminders": ["2026-11-23T16:00:00.123Z", "2026-11-24T04:00:00.123Z"],
            "slaAt": "2026-11-24T08:00:00.123Z",
            "expiresAt": "2026-12-07T08:00:00.123Z",
        })
    }

    fn decision() -> Value {
        let approver = json!({"subject": "issuer|dana", "email": "dana@acme.example"});
        json!({"approver": approver, "at": "2026-11-23T09:00:00.000Z", "comment": "no", "channel": "api"})
    }

    fn upgraded(document: &Value) -> Request {
        serde_json::from_value(upgrade(document.clone()).unwrap()).unwrap()
    }

    #[test]
    fn a_request_that_waits_keeps_its_deadlines() {
        let phase = json!({"status": "pending", "remindersSent": 1, "escalated": false});
        let request = upgraded(&json!({"submission": submission(), "approvals": [decision()], "phase": phase}));
        let written = submission();
        let reminders: Vec<String> = request.reminders_at().map(|at| at.to_string()).collect();
        assert_eq!(json!(reminders), written["reminders"]);
        assert_eq!(json!(request.sla_at()), written["slaAt"]);
        assert_eq!(json!(request.expires_at()), written["expiresAt"]);
        assert_eq!(json!(request.due_at()), written["reminders"][1]);
        assert_eq!((request.round.number, request.approvals.len()), (1, 1));
    }

    #[test]
    fn a_request_that_was_decided_stays_decided() {
        let phase = json!({"status": "rejected", "decision": decision()});
        let request = upgraded(&json!({"submission": submission(), "approvals": [], "phase": phase}));
        let Phase::Rejected { decision } = request.phase else { panic!("{request:?}") };
        assert_eq!(decision.approver.email, "dana@acme.example");
    }

    #[test]
    fn a_request_that_the_policy_approved_has_no_terms() {
        let mut automatic = submission();
        automatic["tier"] = "auto-approve".into();
        automatic["reminders"] = json!([]);
        for name in ["slaAt", "expiresAt"] {
            automatic.as_object_mut().unwrap().remove(name);
        }
        let phase = json!({"status": "approved", "since": "2026-11-23T08:00:00.123Z"});
        let request = upgraded(&json!({"submission": automatic, "approvals": [], "phase": phase}));
        assert_eq!((request.status(), request.submission.terms), (Status::Approved, None));
    }

    #[test]
    fn what_is_no_such_document_is_refused() {
        for document in [json!(null), json!({}), json!({"submission": {}}), json!({"submission": {"submittedAt": "x"}})]
        {
            assert_eq!(upgrade(document), None);
        }
        let mut without_end = submission();
        without_end.as_object_mut().unwrap().remove("expiresAt");
        assert_eq!(upgrade(json!({"submission": without_end})), None);
    }
}

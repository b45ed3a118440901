//! The audit record and the chain that its hashes form.
//!
//! The record is at once the journal item, the audit log line and the `data` of the published event.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::environment::Environment;
use crate::event::{Approval, Event, EventKind, EventType};
use crate::id::{EventId, RequestId};
use crate::image::{ImageReference, RepositoryName};
use crate::policy::ApprovalTier;
use crate::request::{Channel, Decision, Failure, Submission};
use crate::text::{Comment, Justification, RiskAssessment, TeamName};
use crate::time::Timestamp;

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of the canonical JSON of `value`.
    #[must_use]
    pub fn of_json(value: &impl Serialize) -> Self {
        Self::of(canonical_json(value).as_bytes())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 lower-case hexadecimal digits")]
pub struct DigestError;

impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(DigestError);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high).ok_or(DigestError)? << 4 | digit(*low).ok_or(DigestError)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// JSON with members sorted by name and no white space: one text per value, whoever wrote it.
///
/// For the values used here (strings, whole numbers, objects, lists) this is RFC 8785.
#[must_use]
pub fn canonical_json(value: &impl Serialize) -> String {
    // Serialising the domain's types cannot fail: no map with keys that are not text, no failing impl.
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    let mut text = String::new();
    write_canonical(&value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            // Sorted here, whatever map serde_json was compiled with.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

/// How a decision went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

/// How provisioning went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProvisioningResult {
    /// The repository exists.
    Success,
    /// It does not.
    Failure,
}

/// One audit entry. Absent fields are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// When it happened: RFC 3339 in UTC with milliseconds.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T18:51:45.123Z")]
    pub timestamp: Timestamp,
    /// What happened.
    pub event_type: EventType,
    /// To which request.
    #[schema(value_type = String, pattern = r"^req-[0-9a-f-]{36}$", example = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f")]
    pub request_id: RequestId,
    /// The record's place in the request's journal, from 1 without gaps; equals the request's version.
    #[schema(minimum = 1)]
    pub sequence: u64,
    /// Who asked: e-mail address.
    #[schema(example = "jane@acme.example")]
    pub requester: String,
    /// Who decided: e-mail address, or `policy:<rule>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// The absent approver for whom a delegate decided: e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "dana@acme.example")]
    pub on_behalf_of: Option<String>,
    /// The image and the tag that is meant to be pulled.
    #[schema(value_type = String, example = "python:latest-dev")]
    pub image: ImageReference,
    /// Another name for the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "python-etl")]
    pub custom_name: Option<RepositoryName>,
    /// Why it is needed, as written by the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub justification: Option<Justification>,
    /// What could go wrong, as written by the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    pub risk_assessment: Option<RiskAssessment>,
    /// The team it is for.
    #[schema(value_type = String, example = "data-engineering")]
    pub team: TeamName,
    /// Where it is to run.
    pub environment: Environment,
    /// How it is decided.
    pub approval_tier: ApprovalTier,
    /// The policy's version: at submission, and in a decision's record that of the policy by which it was judged.
    pub policy_version: String,
    /// The policy's rule that fired.
    pub policy_rule: String,
    /// How the decision went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionKind>,
    /// What the approver said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub comment: Option<Comment>,
    /// Through which door it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// How provisioning went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning_result: Option<ProvisioningResult>,
    /// Chainguard's id of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chainguard_repo_id: Option<String>,
    /// Why provisioning failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The `hash` of the record before; left out in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    pub previous_hash: Option<Digest>,
    /// SHA-256 over the canonical JSON of this record without this field; covers `previousHash`.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub hash: Digest,
}

impl Record {
    /// The record's event id.
    #[must_use]
    pub const fn event_id(&self) -> EventId {
        EventId { request: self.request_id, sequence: self.sequence }
    }

    /// What the hash has to be.
    #[must_use]
    pub fn expected_hash(&self) -> Digest {
        let mut value = serde_json::to_value(self).unwrap_or(Value::Null);
        if let Value::Object(members) = &mut value {
            members.remove("hash");
        }
        Digest::of_json(&value)
    }
}

/// The end of a chain: how many records there are and the hash of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The last record's sequence, which is the request's version; 0 for none.
    pub sequence: u64,
    /// The last record's hash.
    pub hash: Option<Digest>,
}

impl Head {
    /// Before the first record.
    pub const START: Self = Self { sequence: 0, hash: None };

    /// The record of `event` as the next one of the chain, and the chain's new end.
    #[must_use]
    pub fn append(self, submission: &Submission, event: &Event) -> (Record, Self) {
        let details = Details::of(&event.kind);
        let mut record = Record {
            timestamp: event.at,
            event_type: event.kind.event_type(),
            request_id: submission.id,
            sequence: self.sequence.saturating_add(1),
            requester: submission.requester.email.clone(),
            approver: details.approver.or_else(|| {
                matches!(event.kind, EventKind::Approved(Approval::ByPolicy))
                    .then(|| format!("policy:{}", submission.policy_rule))
            }),
            on_behalf_of: details.on_behalf_of,
            image: submission.image.clone(),
            custom_name: submission.custom_name.clone(),
            justification: submission.justification.clone(),
            risk_assessment: submission.risk_assessment.clone(),
            team: submission.team.clone(),
            environment: submission.environment,
            approval_tier: submission.tier,
            policy_version: details.policy_version.unwrap_or_else(|| submission.policy_version.clone()),
            policy_rule: submission.policy_rule.clone(),
            decision: details.decision,
            comment: details.comment,
            channel: details.channel,
            provisioning_result: details.provisioning_result,
            chainguard_repo_id: details.chainguard_repo_id,
            error: details.error,
            previous_hash: self.hash,
            hash: Digest([0; 32]),
        };
        record.hash = record.expected_hash();
        let head = Self { sequence: record.sequence, hash: Some(record.hash) };
        (record, head)
    }
}

/// What one kind of event adds to the fields that every record has.
#[derive(Default)]
struct Details {
    approver: Option<String>,
    on_behalf_of: Option<String>,
    policy_version: Option<String>,
    decision: Option<DecisionKind>,
    comment: Option<Comment>,
    channel: Option<Channel>,
    provisioning_result: Option<ProvisioningResult>,
    chainguard_repo_id: Option<String>,
    error: Option<Failure>,
}

impl Details {
    fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::Submitted(submission) => Self { channel: Some(submission.channel), ..Self::default() },
            EventKind::ApprovalRecorded(decision)
            | EventKind::BreakGlassUsed(decision)
            | EventKind::Approved(Approval::ByPerson(decision)) => Self::of_decision(decision, DecisionKind::Approved),
            EventKind::Approved(Approval::ByPolicy) => {
                Self { decision: Some(DecisionKind::Approved), ..Self::default() }
            }
            EventKind::Rejected(decision) => Self::of_decision(decision, DecisionKind::Rejected),
            EventKind::Cancelled { channel, .. } => Self { channel: Some(*channel), ..Self::default() },
            EventKind::Retried { by, channel } => {
                Self { approver: Some(by.email.clone()), channel: Some(*channel), ..Self::default() }
            }
            EventKind::Reminded | EventKind::Escalated | EventKind::Expired | EventKind::ProvisioningStarted(_) => {
                Self::default()
            }
            EventKind::Provisioned(repository) | EventKind::Available(repository) => Self {
                provisioning_result: Some(ProvisioningResult::Success),
                chainguard_repo_id: Some(repository.id.clone()),
                ..Self::default()
            },
            EventKind::Failed(failure) => Self {
                provisioning_result: Some(ProvisioningResult::Failure),
                error: Some(failure.clone()),
                ..Self::default()
            },
        }
    }

    fn of_decision(decision: &Decision, kind: DecisionKind) -> Self {
        Self {
            approver: Some(decision.approver.email.clone()),
            on_behalf_of: decision.on_behalf_of.clone(),
            // Empty in decisions of before it was kept.
            policy_version: Some(decision.policy_version.clone()).filter(|version| !version.is_empty()),
            decision: Some(kind),
            comment: decision.comment.clone(),
            channel: Some(decision.channel),
            ..Self::default()
        }
    }
}

/// What is wrong with a chain, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A record is missing, doubled or out of order.
    #[error("record {expected} should come here, but the sequence is {found}")]
    Sequence {
        /// The sequence that should come.
        expected: u64,
        /// The one that is there.
        found: u64,
    },
    /// A record is of another request.
    #[error("record {0} belongs to another request")]
    Request(u64),
    /// A record was changed.
    #[error("record {0} was changed: its hash does not fit its content")]
    Hash(u64),
    /// The record before it was changed or replaced.
    #[error("record {0} does not follow the record before it")]
    Link(u64),
}

/// Checks one request's records, given in order from the first; returns the end of the chain.
pub fn verify<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Head, ChainError> {
    let mut head = Head::START;
    let mut request = None;
    for record in records {
        let expected = head.sequence.saturating_add(1);
        if record.sequence != expected {
            return Err(ChainError::Sequence { expected, found: record.sequence });
        }
        if *request.get_or_insert(record.request_id) != record.request_id {
            return Err(ChainError::Request(expected));
        }
        if record.hash != record.expected_hash() {
            return Err(ChainError::Hash(expected));
        }
        if record.previous_hash != head.hash {
            return Err(ChainError::Link(expected));
        }
        head = Head { sequence: record.sequence, hash: Some(record.hash) };
    }
    Ok(head)
}

#[cfg(test)]
mod tests;

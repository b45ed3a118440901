//! Events, delivered to subscriptions when somebody asks for it: binary `CloudEvents`, signed (FACTS §5).
//!
//! The real platform delivers by itself, at least once and in any order. Here a test says what is delivered, how often
//! and in which order, and may have the delivery forged.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    fake::{Inner, issuer_key},
    repos::SYNC_LIFETIME,
    repository::Repository,
    status::Status,
    subscriptions::Subscription,
    time::{WireTime, after, now},
    uidp::{self, hex},
};

/// What the sinks' owners have to answer within.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the signature of a delivery is good.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
const TYPES: &str = "dev.chainguard.api.platform.registry.";

/// An event that is to be delivered to every subscription of its organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which repository: its name, or its UIDP if it is gone.
    pub repository: String,
    /// Of an event about a tag, the tag's name.
    #[serde(default = "latest")]
    pub tag: String,
    /// The event's id, to have an event come twice; a random one if left out.
    #[serde(default)]
    pub id: Option<String>,
    /// How the body is written.
    #[serde(default)]
    pub dialect: Dialect,
    /// What is wrong with the delivery.
    #[serde(default)]
    pub forgery: Option<Forgery>,
}

fn latest() -> String {
    "latest".to_owned()
}

impl Event {
    /// One of this kind about this repository, as the platform would send it.
    #[must_use]
    pub fn new(kind: EventKind, repository: &str) -> Self {
        Self {
            kind,
            repository: repository.to_owned(),
            tag: latest(),
            id: None,
            dialect: Dialect::default(),
            forgery: None,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum EventKind {
    /// `repo.created.v1`
    #[serde(rename = "repo.created.v1")]
    RepoCreated,
    /// `repo.deleted.v1`
    #[serde(rename = "repo.deleted.v1")]
    RepoDeleted,
    /// `tag.created.v1`
    #[serde(rename = "tag.created.v1")]
    TagCreated,
}

impl EventKind {
    fn type_name(self) -> String {
        let name = match self {
            Self::RepoCreated => "repo.created.v1",
            Self::RepoDeleted => "repo.deleted.v1",
            Self::TagCreated => "tag.created.v1",
        };
        format!("{TYPES}{name}")
    }

    fn source(self) -> &'static str {
        match self {
            Self::RepoCreated | Self::RepoDeleted => "https://console-api.enforce.dev/registry/v1/repos",
            Self::TagCreated => "https://console-api.enforce.dev/registry/v1/tags",
        }
    }
}

/// How the body of an event is written. A consumer has to take all of them (FACTS §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// As the documentation shows it: snake case, enums as numbers, times as objects.
    #[default]
    Documented,
    /// As protojson, which Chainguard's SDK decodes with, writes it: enums as names, times as texts.
    Protojson,
    /// As documented, of a change that was made over v2: the id is called `uid`.
    V2,
}

/// What is wrong with a delivery that no receiver may believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forgery {
    /// There is no token.
    NoToken,
    /// The token is signed with a key that the issuer does not have.
    Signature,
    /// The token is of another issuer.
    Issuer,
    /// The token is for an API, not for a customer's webhook.
    Audience,
    /// The token is of another organization's webhook.
    Subject,
    /// The token has expired.
    Expired,
    /// The body is another than the one that was signed.
    Body,
}

/// A delivery, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The subscription.
    pub subscription: String,
    /// Where it went.
    pub sink: String,
    /// `ce-id`.
    pub event_id: String,
    /// The HTTP status of the answer; `None` if there was none in time.
    pub status: Option<u16>,
}

/// A request that is ready to be sent.
struct Prepared {
    delivery: Delivery,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Delivers an event to every subscription. `NOT_FOUND` if there is no such repository.
pub(crate) async fn deliver(fake: &Inner, event: Event) -> Result<Vec<Delivery>, Status> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| Status::internal(error.to_string()))?;
    let mut deliveries = Vec::new();
    for Prepared { mut delivery, headers, body } in prepare(fake, &event, now())? {
        let mut request = client.post(&delivery.sink).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        delivery.status = request.send().await.ok().map(|answer| answer.status().as_u16());
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

/// The requests for an event, one a subscription.
fn prepare(fake: &Inner, event: &Event, now: Timestamp) -> Result<Vec<Prepared>, Status> {
    let (subject, body, subscriptions) = {
        let state = fake.state();
        let repository = if uidp::is_uidp(&event.repository) {
            state.by_id(&event.repository).cloned()
        } else {
            state.by_name(&fake.options.organization_id, &event.repository).cloned()
        };
        let (subject, body) = subject_and_body(event, repository.as_ref())?;
        (subject, body, state.subscriptions().cloned().collect::<Vec<_>>())
    };
    let id = match &event.id {
        Some(id) => id.clone(),
        None => random_id()?,
    };
    let body = json!({"actor": actor(fake), "body": body}).to_string();
    subscriptions
        .into_iter()
        .map(|subscription| {
            let mut headers = vec![
                (CONTENT_TYPE.as_str(), "application/json".to_owned()),
                ("ce-specversion", "1.0".to_owned()),
                ("ce-id", id.clone()),
                ("ce-type", event.kind.type_name()),
                ("ce-source", event.kind.source().to_owned()),
                ("ce-subject", subject.clone()),
                ("ce-group", uidp::parent(&subject).unwrap_or_default().to_owned()),
                ("ce-audience", "customer".to_owned()),
                ("ce-time", format!("{now:.9}")),
                (USER_AGENT.as_str(), "Chainguard Enforce".to_owned()),
                (ACCEPT_ENCODING.as_str(), "gzip".to_owned()),
            ];
            if event.forgery != Some(Forgery::NoToken) {
                let token = token(fake, &subscription, &body, event.forgery, now)?;
                headers.push((AUTHORIZATION.as_str(), format!("Bearer {token}")));
            }
            let body = match event.forgery {
                Some(Forgery::Body) => body.replacen(':', ": ", 1),
                _ => body.clone(),
            };
            let Subscription { id: subscription, sink } = subscription;
            let delivery = Delivery { subscription, sink, event_id: id.clone(), status: None };
            Ok(Prepared { delivery, headers, body })
        })
        .collect()
}

/// The token that a delivery is signed with.
fn token(
    fake: &Inner,
    subscription: &Subscription,
    body: &str,
    forgery: Option<Forgery>,
    now: Timestamp,
) -> Result<String, Status> {
    let signed_at = if forgery == Some(Forgery::Expired) { Timestamp::UNIX_EPOCH } else { now };
    let issuer = match forgery {
        Some(Forgery::Issuer) => "https://issuer.invalid".to_owned(),
        _ => fake.issuer(),
    };
    let audience = if forgery == Some(Forgery::Audience) { "https://console-api.enforce.dev" } else { "customer" };
    let group = match forgery {
        Some(Forgery::Subject) => crate::groups::OTHER_ORGANIZATION,
        _ => subscription.group(),
    };
    let claims = json!({
        "iss": issuer,
        "aud": audience,
        "sub": format!("webhook:{group}"),
        "iat": signed_at.as_second(),
        "exp": after(signed_at, TOKEN_LIFETIME).as_second(),
        "webhook": {"digest": format!("sha256:{}", hex(&Sha256::digest(body.as_bytes())))},
    });
    let key = if forgery == Some(Forgery::Signature) { fake.foreign_key()? } else { issuer_key()? };
    key.sign(&claims).map_err(Status::internal)
}

/// Whom the event is about, and the inner body.
fn subject_and_body(event: &Event, repository: Option<&Repository>) -> Result<(String, Value), Status> {
    let missing = || Status::not_found(format!("repo {:?} not found", event.repository));
    let id = if event.dialect == Dialect::V2 { "uid" } else { "id" };
    match event.kind {
        EventKind::RepoDeleted => {
            let gone = repository.map_or_else(|| event.repository.clone(), |repository| repository.id.clone());
            if uidp::is_uidp(&gone) { Ok((gone.clone(), json!({id: gone}))) } else { Err(missing()) }
        }
        EventKind::RepoCreated => {
            let repository = repository.ok_or_else(missing)?;
            Ok((repository.id.clone(), created(repository, id, event.dialect)))
        }
        EventKind::TagCreated => {
            let repository = repository.ok_or_else(missing)?;
            let tag = crate::tags::named(repository, &event.tag);
            Ok((tag.id.clone(), json!({id: tag.id, "name": tag.name, "digest": tag.digest})))
        }
    }
}

fn created(repository: &Repository, id: &str, dialect: Dialect) -> Value {
    let time = |time: Timestamp| match dialect {
        Dialect::Documented | Dialect::V2 => json!({"seconds": time.as_second()}),
        Dialect::Protojson => json!(WireTime(time)),
    };
    let tier = match (dialect, repository.tier) {
        (Dialect::Documented | Dialect::V2, tier) => json!(tier.map_or(0, crate::catalog::Tier::v1_number)),
        (Dialect::Protojson, tier) => json!(tier.map_or("UNKNOWN", crate::catalog::Tier::v1_name)),
    };
    let mut body = json!({
        id: repository.id,
        "name": repository.name,
        "catalog_tier": tier,
        "create_time": time(repository.create_time),
    });
    if let (Some(source), Some(members)) = (&repository.source, body.as_object_mut()) {
        let expiration = time(after(repository.create_time, SYNC_LIFETIME));
        members.insert("sync_config".to_owned(), json!({"source": source.uidp, "expiration": expiration}));
    }
    body
}

/// Who did it: the broker, by its AWS role.
fn actor(fake: &Inner) -> Value {
    let issuer = fake.issuer();
    let role = fake.options.aws.clone().unwrap_or_else(crate::aws::AwsRole::example);
    json!({
        "subject": uidp::named_child(&fake.options.organization_id, "broker"),
        "act": {
            "aud": issuer,
            "aws-acct": role.account,
            "aws-arn": role.assumed_role_arn(),
            "email": "",
            "iss": issuer,
            "sub": role.assumed_role_arn(),
        },
    })
}

/// A version 4 UUID.
fn random_id() -> Result<String, Status> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| Status::internal(error.to_string()))?;
    let digits = hex(&random);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)))
}

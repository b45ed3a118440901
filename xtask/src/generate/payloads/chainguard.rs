//! What Chainguard delivers: binary `CloudEvents`, signed.

use domain::drift::DriftDetail;
use domain::journal::{Digest, canonical_json};
use domain::ports::Delivery;
use serde_json::{Value, json};

use super::authorizer::unsigned;
use super::http::Call;
use crate::generate::samples::{ORGANIZATION_ID, deletion};

/// A repository's part of its UIDP's child: a tag.
const TAG: &str = "2222222222222222";

/// The tag that somebody waits for has come.
pub(super) fn tag_created(drift: &DriftDetail) -> anyhow::Result<Value> {
    let tag = format!("{}/{TAG}", drift.data.repository_id);
    let delivery = Delivery { id: "1f0c5a3e-9d0a-4f43-8a55-3a1d1f6b7c22".to_owned(), ..deletion() };
    let body = json!({ "id": tag, "name": "latest-dev", "digest": format!("sha256:{}", Digest::of(b"sample")) });
    call(&delivery, "tag.created.v1", &tag, &body)
}

/// The repository of a request is gone.
pub(super) fn repository_deleted(drift: &DriftDetail) -> anyhow::Result<Value> {
    let repository = &drift.data.repository_id;
    call(&deletion(), "repo.deleted.v1", repository, &json!({ "id": repository }))
}

fn call(delivery: &Delivery, kind: &str, subject: &str, body: &Value) -> anyhow::Result<Value> {
    let act = json!({ "iss": "https://issuer.enforce.dev", "sub": "sample", "email": "" });
    let body = canonical_json(&json!({ "actor": { "subject": "sample", "act": act }, "body": body }));
    let token = unsigned(&json!({
        "iss": "https://issuer.enforce.dev",
        "aud": "customer",
        "sub": format!("webhook:{ORGANIZATION_ID}"),
        "jti": "sample",
        // The first hour of 2020.
        "iat": 1_577_836_800,
        "exp": 1_577_840_400,
        "webhook": { "digest": format!("sha256:{}", Digest::of(body.as_bytes())) },
    }));
    let group = subject.rsplit_once('/').map(|(group, _)| group).unwrap_or_default();
    Call::without_token("POST", "/chainguard/events")
        .with_header("authorization", format!("Bearer {token}"))
        .with_header("ce-specversion", "1.0".to_owned())
        .with_header("ce-id", delivery.id.clone())
        .with_header("ce-type", format!("dev.chainguard.api.platform.registry.{kind}"))
        .with_header("ce-source", delivery.source.clone())
        .with_header("ce-subject", subject.to_owned())
        .with_header("ce-group", group.to_owned())
        .with_header("ce-audience", "customer".to_owned())
        .with_header("ce-time", "2026-11-23T08:15:00.317300341Z".to_owned())
        .with_json(body)
        .event()
}

//! The calls to AWS that the functions make besides DynamoDB's, answered on the loopback interface, so that the same
//! SDK clients run here and there. What is not listed here is refused by name.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State as Extension};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{post, put};
use domain::ports::Clock as _;
use lambda::clock::SystemClock;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bus::{Bus, Entry, MAX_ENTRIES, Put};
use crate::files::make_folder;
use crate::state::{Outgoing, State};

/// Larger than any call of the functions.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// What the endpoint works on.
#[derive(Debug)]
pub struct Endpoint {
    /// The bus.
    pub bus: Bus,
    /// The outbox.
    pub state: Arc<State>,
    /// Files of the secrets by ARN and by name.
    pub secrets: BTreeMap<String, PathBuf>,
    /// The folder of the buckets, and their names.
    pub archive: PathBuf,
    /// The buckets.
    pub buckets: Vec<String>,
}

/// The routes: EventBridge and Secrets Manager by target, SES by path, and S3 for the rest.
pub fn router(endpoint: Arc<Endpoint>) -> Router {
    Router::new()
        .route("/", post(by_target))
        .route("/v2/email/outbound-emails", post(send_email))
        .route("/{bucket}/{*key}", put(put_object))
        .fallback(|| async { refusal("UnknownOperationException", "The embedded runtime does not offer this call.") })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(endpoint)
}

fn refusal(code: &str, message: &str) -> Response {
    let body = json!({"__type": code, "message": message}).to_string();
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.1"), ("x-amzn-errortype", code)], body)
        .into_response()
}

fn internal(what: &str, error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "failed to {what}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn answer(body: &Value) -> Response {
    ([("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}

async fn by_target(Extension(endpoint): Extension<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    match target {
        "AWSEvents.PutEvents" => endpoint.put_events(&body),
        "secretsmanager.GetSecretValue" => endpoint.get_secret_value(&body),
        other => refusal("UnknownOperationException", &format!("The embedded runtime does not offer {other}.")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
}

impl Endpoint {
    fn put_events(&self, body: &[u8]) -> Response {
        let call: PutEvents = match serde_json::from_slice(body) {
            Ok(call) => call,
            Err(error) => return refusal("ValidationException", &error.to_string()),
        };
        if call.entries.is_empty() || call.entries.len() > MAX_ENTRIES {
            return refusal("ValidationException", "Entries must have 1 to 10 members.");
        }
        let outcomes = match self.bus.put_events(call.entries) {
            Ok(outcomes) => outcomes,
            Err(error) => return internal("keep events", &error),
        };
        let failed = outcomes.iter().filter(|outcome| matches!(outcome, Put::Refused(..))).count();
        let entries: Vec<Value> = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Put::Accepted(id) => json!({"EventId": id}),
                Put::Refused(code, message) => json!({"ErrorCode": code, "ErrorMessage": message}),
            })
            .collect();
        answer(&json!({"FailedEntryCount": failed, "Entries": entries}))
    }

    fn get_secret_value(&self, body: &[u8]) -> Response {
        let call: GetSecretValue = match serde_json::from_slice(body) {
            Ok(call) => call,
            Err(error) => return refusal("InvalidRequestException", &error.to_string()),
        };
        let Some(path) = self.secrets.get(&call.secret_id) else {
            return refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        };
        match std::fs::read_to_string(path) {
            Ok(text) => answer(&json!({
                "ARN": call.secret_id,
                "Name": call.secret_id,
                "VersionId": "local",
                "VersionStages": ["AWSCURRENT"],
                "SecretString": text,
            })),
            Err(error) => internal("read a secret's file", &error),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    content: Content,
    #[serde(default)]
    email_tags: Vec<EmailTag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    #[serde(default)]
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Data,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Data>,
    html: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EmailTag {
    name: String,
    value: String,
}

async fn send_email(Extension(endpoint): Extension<Arc<Endpoint>>, body: Bytes) -> Response {
    let mail: SendEmail = match serde_json::from_slice(&body) {
        Ok(mail) => mail,
        Err(error) => return refusal("BadRequestException", &error.to_string()),
    };
    if mail.from_email_address.is_empty() || mail.destination.to_addresses.is_empty() {
        return refusal("BadRequestException", "A mail needs a sender and a recipient.");
    }
    let event_id = mail.email_tags.iter().find(|tag| tag.name.eq_ignore_ascii_case("eventId"));
    let text = |data: Option<Data>| data.map(|data| data.data).unwrap_or_default();
    let outgoing = Outgoing {
        channel: "mail".to_owned(),
        to: mail.destination.to_addresses,
        subject: mail.content.simple.subject.data,
        text: text(mail.content.simple.body.text),
        html: text(mail.content.simple.body.html),
        event_id: event_id.map(|tag| event_id_of_tag(&tag.value)).unwrap_or_default(),
        sent_at: SystemClock.now().to_string(),
    };
    match endpoint.state.tell(&outgoing) {
        Ok(()) => answer(&json!({"MessageId": uuid::Uuid::now_v7().to_string()})),
        Err(error) => internal("keep a mail", &error),
    }
}

/// SES takes no dots in tags: the mailer writes the last one as `_`.
fn event_id_of_tag(tag: &str) -> String {
    match tag.rsplit_once('_') {
        Some((request, sequence)) => format!("{request}.{sequence}"),
        None => tag.to_owned(),
    }
}

async fn put_object(
    Extension(endpoint): Extension<Arc<Endpoint>>,
    UrlPath((bucket, key)): UrlPath<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !endpoint.buckets.contains(&bucket) {
        return s3_error(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    let relative = Path::new(&key);
    if relative.components().any(|part| !matches!(part, Component::Normal(_))) {
        return s3_error(StatusCode::BAD_REQUEST, "InvalidArgument");
    }
    let only_new = headers.get("if-none-match").is_some_and(|value| value.as_bytes() == b"*");
    let chunked = headers
        .get("content-encoding")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("aws-chunked"));
    let Some(content) = (if chunked { unchunk(&body) } else { Some(body.to_vec()) }) else {
        return s3_error(StatusCode::BAD_REQUEST, "IncompleteBody");
    };
    match store_object(&endpoint.archive.join(bucket).join(relative), &content, only_new) {
        Ok(true) => ([("etag", "\"local\"")], StatusCode::OK).into_response(),
        Ok(false) => s3_error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        Err(error) => internal("keep an object", &error),
    }
}

fn s3_error(status: StatusCode, code: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    (status, [("content-type", "application/xml")], body).into_response()
}

/// Writes a file as a whole or not at all; `false` if it may only be new and is there.
fn store_object(path: &Path, content: &[u8], only_new: bool) -> std::io::Result<bool> {
    let folder = path.parent().unwrap_or(path);
    make_folder(folder)?;
    if only_new && path.exists() {
        return Ok(false);
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    if only_new {
        match file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    } else {
        file.persist(path)?;
        Ok(true)
    }
}

/// The content of a body in chunks with a trailer: `<hexadecimal length>[;…]\r\n<bytes>\r\n`, ended by length zero.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(body.len());
    loop {
        let line_end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(body.get(..line_end)?).ok()?;
        let length = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        if length == 0 {
            return Some(content);
        }
        let start = line_end + 2;
        let end = start.checked_add(length)?;
        content.extend_from_slice(body.get(start..end)?);
        body = body.get(end.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let body = b"5;chunk-signature=x\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:abc\r\n\r\n";
        assert_eq!(unchunk(body).as_deref(), Some(&b"hello!"[..]));
        assert_eq!(unchunk(b"5\r\nhel"), None);
        assert_eq!(unchunk(b"zz\r\n"), None);
    }

    #[test]
    fn an_object_is_stored_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        assert!(store_object(&path, b"1", true).unwrap());
        assert!(!store_object(&path, b"2", true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"1");
    }
}

//! The calls to AWS that the functions make besides DynamoDB's, answered on the loopback interface, so that the same
//! SDK clients run here and there. What is not listed here is refused by name.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State as Extension};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{post, put};
use domain::ports::Clock as _;
use fake_chainguard::{AwsRole, FakeChainguard};
use lambda::clock::SystemClock;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bus::{Bus, Entry, MAX_ENTRIES, Put};
use crate::files::make_folder;
use crate::state::{Outgoing, State};

/// Larger than any call of the functions.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Of STS's answers.
const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// How long a web identity token is good for whom does not say, in seconds.
const DEFAULT_TOKEN_SECONDS: u64 = 300;
/// The shortest that STS makes one good.
const SHORTEST_TOKEN: Duration = Duration::from_mins(1);

/// What the endpoint works on.
#[derive(Debug)]
pub struct Endpoint {
    /// The bus.
    pub bus: Bus,
    /// The outbox.
    pub state: Arc<State>,
    /// Files of the secrets by ARN and by name.
    pub secrets: BTreeMap<String, PathBuf>,
    /// The stand-in for Chainguard, which trusts the AWS that this is.
    pub chainguard: Option<FakeChainguard>,
    /// The folder of the buckets, and their names.
    pub archive: PathBuf,
    /// The buckets.
    pub buckets: Vec<String>,
}

/// The routes: EventBridge and Secrets Manager by target, STS by the action in its form, SES by path, and S3 for the
/// rest.
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
    let Some(target) = headers.get("x-amz-target") else { return endpoint.by_action(&body) };
    match target.to_str().unwrap_or_default() {
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

/// A call to STS: pairs, of which lists have one a member.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn sts_refusal(code: &str, message: &str) -> Response {
    let body = format!(
        r#"<ErrorResponse xmlns="{STS_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"#
    );
    (StatusCode::BAD_REQUEST, [("content-type", "text/xml")], body).into_response()
}

impl Endpoint {
    fn by_action(&self, body: &[u8]) -> Response {
        let call = form(body);
        match call.get("Action").map(String::as_str) {
            Some("GetWebIdentityToken") => self.get_web_identity_token(&call),
            // What the call says is not repeated: it would have to be escaped.
            _ => sts_refusal("InvalidAction", "The embedded runtime does not offer this call."),
        }
    }

    /// A token in which the stand-in's AWS vouches for this program, to one audience. Nobody but the stand-in trusts it.
    fn get_web_identity_token(&self, call: &BTreeMap<String, String>) -> Response {
        let Some(chainguard) = &self.chainguard else {
            return sts_refusal(
                "OutboundWebIdentityFederationDisabledException",
                "The embedded runtime has no AWS role that Chainguard could trust: use a secret of the kind token or exchange.",
            );
        };
        let seconds = call.get("DurationSeconds").map_or(Ok(DEFAULT_TOKEN_SECONDS), |seconds| seconds.parse());
        let lifetime = seconds.ok().map(Duration::from_secs);
        let lifetime = lifetime.filter(|span| (SHORTEST_TOKEN..=AwsRole::LONGEST_TOKEN).contains(span));
        let audience = call.get("Audience.member.1").filter(|audience| !audience.is_empty());
        let known = call.get("SigningAlgorithm").is_some_and(|algorithm| algorithm == "ES384");
        let (Some(audience), Some(lifetime), true, false) =
            (audience, lifetime, known, call.contains_key("Audience.member.2"))
        else {
            return sts_refusal("ValidationError", "Ask for one audience, ES384, and 60 to 3600 seconds.");
        };
        let Some(token) = chainguard.aws_web_identity_token(audience, lifetime) else {
            return internal("make a token", &"there is no randomness");
        };
        let until = SystemClock.now().plus(lifetime);
        let body = format!(
            r#"<GetWebIdentityTokenResponse xmlns="{STS_NAMESPACE}"><GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken><Expiration>{until}</Expiration></GetWebIdentityTokenResult><ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>"#
        );
        ([("content-type", "text/xml")], body).into_response()
    }

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

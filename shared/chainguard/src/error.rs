//! What a failed call means. Decided here and nowhere else.
//!
//! The body's gRPC `code` decides (FACTS §2.8): the HTTP statuses 400, 409 and 500 each stand for several codes. Where the
//! body has none, it is not the platform that answered but something in front of it, and the status decides.

use std::error::Error;

use domain::ports::{ChainguardError, PortError};
use reqwest::StatusCode;
use serde::Deserialize;

use crate::wire::nullable;

/// Most characters of another's text that go into an error.
const MAX_TEXT: usize = 300;

/// `google.rpc.Status`, as the gateway writes it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Status {
    /// The gRPC code.
    #[serde(default)]
    pub(crate) code: Option<i64>,
    #[serde(default, deserialize_with = "nullable")]
    message: String,
}

impl Status {
    /// The status in a body; empty if the body is none.
    pub(crate) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// What an answer with this status means.
    pub(crate) fn classify(&self, http: StatusCode) -> ChainguardError {
        let text = self.text(http);
        match self.code {
            // DEADLINE_EXCEEDED, ABORTED, INTERNAL, UNAVAILABLE.
            Some(4 | 10 | 13 | 14) => ChainguardError::Unavailable(text),
            // INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED.
            Some(3 | 9 | 11 | 12) => ChainguardError::Refused(text),
            // NOT_FOUND.
            Some(5) => ChainguardError::NotFound(text),
            // ALREADY_EXISTS.
            Some(6) => ChainguardError::AlreadyExists(text),
            // PERMISSION_DENIED.
            Some(7) => ChainguardError::Denied(text),
            // RESOURCE_EXHAUSTED, which is a quota of the organisation and no rate limit.
            Some(8) => ChainguardError::QuotaExceeded(text),
            // UNAUTHENTICATED.
            Some(16) => ChainguardError::Unauthenticated(text),
            // UNKNOWN, CANCELLED and DATA_LOSS say nothing that the HTTP status does not.
            Some(_) | None => classify_http(http, text),
        }
    }

    fn text(&self, http: StatusCode) -> String {
        match self.code {
            Some(code) => format!("{} (code {code})", bounded(&self.message)),
            None => format!("HTTP {} without a status of the platform", http.as_u16()),
        }
    }
}

/// What an answer means that has no meaningful gRPC code.
fn classify_http(http: StatusCode, text: String) -> ChainguardError {
    match http {
        StatusCode::UNAUTHORIZED => ChainguardError::Unauthenticated(text),
        // 409 is both "exists already" and "aborted"; without the body, nobody can tell which.
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
            ChainguardError::Unavailable(text)
        }
        _ if http.is_server_error() => ChainguardError::Unavailable(text),
        _ => ChainguardError::Refused(text),
    }
}

/// No answer, or none to the end. Whether the call acted is not known.
pub(crate) fn transport(error: reqwest::Error) -> ChainguardError {
    let unsendable = error.is_builder();
    // The address is in the log line's operation already, and its query is nobody's business.
    let text = chain(&error.without_url());
    if unsendable { ChainguardError::Refused(text) } else { ChainguardError::Unavailable(text) }
}

/// An answer that says success and cannot be read. Whether the call acted is not known.
///
/// Serde's own words are left out: they quote the text, which may be a token.
pub(crate) fn malformed(error: &serde_json::Error) -> ChainguardError {
    ChainguardError::Unavailable(format!("malformed answer at line {}, column {}", error.line(), error.column()))
}

/// The secret could not be read, or AWS would not vouch for the role: without either there is no credential.
pub(crate) fn no_credential(error: &PortError) -> ChainguardError {
    let text = chain(error);
    if error.retryable { ChainguardError::Unavailable(text) } else { ChainguardError::Credential(text) }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    bounded(&text)
}

/// Another's text, fit for one line of a log or a record.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(http: u16, body: &str) -> ChainguardError {
        Status::of(body.as_bytes()).classify(StatusCode::from_u16(http).unwrap())
    }

    fn kind(error: &ChainguardError) -> &'static str {
        match error {
            ChainguardError::Unavailable(_) => "unavailable",
            ChainguardError::Unauthenticated(_) => "unauthenticated",
            ChainguardError::Denied(_) => "denied",
            ChainguardError::AlreadyExists(_) => "already exists",
            ChainguardError::QuotaExceeded(_) => "quota exceeded",
            ChainguardError::NotFound(_) => "not found",
            ChainguardError::Refused(_) => "refused",
            ChainguardError::Credential(_) => "credential",
        }
    }

    #[test]
    fn the_code_decides_and_unknown_codes_leave_it_to_the_status() {
        for (http, code, expected) in [
            (499, 1, "refused"),
            (500, 2, "unavailable"),
            (400, 2, "refused"),
            (400, 3, "refused"),
            (504, 4, "unavailable"),
            (404, 5, "not found"),
            (409, 6, "already exists"),
            (403, 7, "denied"),
            (429, 8, "quota exceeded"),
            (400, 9, "refused"),
            (409, 10, "unavailable"),
            (400, 11, "refused"),
            (501, 12, "refused"),
            (500, 13, "unavailable"),
            (503, 14, "unavailable"),
            (500, 15, "unavailable"),
            (401, 16, "unauthenticated"),
            (503, 99, "unavailable"),
            (418, 99, "refused"),
            // The body has the last word, whatever status it comes under.
            (500, 7, "denied"),
            (400, 14, "unavailable"),
        ] {
            let error = classified(http, &format!(r#"{{"code": {code}, "message": "no", "details": []}}"#));
            assert_eq!(kind(&error), expected, "HTTP {http}, code {code}");
        }
    }

    #[test]
    fn what_is_in_front_of_the_platform_is_judged_by_its_status() {
        for body in
            ["", "<html>502</html>", "null", "[]", r#"{"code": "x"}"#, r#"{"message": "x"}"#, r#"{"code": null}"#]
        {
            for (http, expected) in [
                (502, "unavailable"),
                (503, "unavailable"),
                (429, "unavailable"),
                (408, "unavailable"),
                (401, "unauthenticated"),
                (403, "refused"),
                (404, "refused"),
                (302, "refused"),
            ] {
                assert_eq!(kind(&classified(http, body)), expected, "HTTP {http}, {body}");
            }
        }
    }

    #[test]
    fn the_platforms_text_is_kept_to_one_bounded_line() {
        let body = serde_json::json!({"code": 7, "message": "a\nb".repeat(1000), "details": [{"unknown": true}]});
        let ChainguardError::Denied(text) = classified(403, &body.to_string()) else { panic!("not denied") };
        assert!(text.starts_with("a ba b") && text.ends_with(" (code 7)") && text.len() < 320, "{text}");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let error = serde_json::from_str::<u8>(r#""hush""#).unwrap_err();
        let text = "malformed answer at line 1, column 6".to_owned();
        assert_eq!(malformed(&error), ChainguardError::Unavailable(text));
    }

    #[test]
    fn a_secret_that_can_be_read_later_is_no_bad_credential() {
        let error = |retryable| PortError { operation: "read the secret", retryable, source: "throttled".into() };
        let text = "failed to read the secret: throttled".to_owned();
        assert_eq!(no_credential(&error(true)), ChainguardError::Unavailable(text.clone()));
        assert_eq!(no_credential(&error(false)), ChainguardError::Credential(text));
    }
}

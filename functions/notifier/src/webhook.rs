//! The generic webhook: an event as it stands on the bus, signed.
//!
//! A receiver gets `POST` with the event's detail as JSON and three headers:
//!
//! ```text
//! X-Cgr-Request-Event-Id: req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.1
//! X-Cgr-Request-Timestamp: 1795459905
//! X-Cgr-Request-Signature: v1=<64 lower-case hexadecimal digits>
//! ```
//!
//! To verify one:
//!
//! 1. Take the body's bytes as they came, before any JSON is parsed, and the timestamp header as it is written.
//! 2. Compute HMAC-SHA256, keyed with the bytes of `signingKey`, over timestamp, a dot, and the body:
//!
//!    ```python
//!    expected = "v1=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
//!    ```
//! 3. Compare in constant time (`hmac.compare_digest`), and refuse what differs.
//! 4. Refuse a timestamp (seconds since 1970) that is more than five minutes off: it is somebody else's replay.
//! 5. Answer 2xx, and remember the event id: an event may come more than once, and always under the same id, though
//!    with another timestamp and signature. Events of a request may come in another order than `data.sequence`.
//!
//! 408, 429 and 5xx mean "later", as does no answer within eight seconds; any other answer ends the delivery in the
//! dead-letter queue.

use std::fmt::Write as _;

use domain::envelope::Detail;
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::post::Posting;
use crate::settings::{SigningKey, WebhookSettings};

/// Names the event: the same at every delivery.
pub const EVENT_ID_HEADER: &str = "X-Cgr-Request-Event-Id";
/// When it was signed, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "X-Cgr-Request-Timestamp";
/// The signature.
pub const SIGNATURE_HEADER: &str = "X-Cgr-Request-Signature";

/// The event, signed at `now`.
#[must_use]
pub fn posting(settings: &WebhookSettings, detail: &Detail, now: Timestamp) -> Posting {
    // Serialising the domain's types cannot fail: no map with keys that are not text, no failing impl.
    let body = serde_json::to_string(detail).unwrap_or_default();
    let timestamp = now.as_second().to_string();
    let signature = signature(&settings.signing_key, &timestamp, &body);
    Posting {
        to: settings.url.clone(),
        headers: vec![
            (EVENT_ID_HEADER, detail.metadata.id.to_string()),
            (TIMESTAMP_HEADER, timestamp),
            (SIGNATURE_HEADER, signature),
        ],
        body,
    }
}

fn signature(key: &SigningKey, timestamp: &str, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    let tag = mac.chain_update(timestamp).chain_update(".").chain_update(body).finalize().into_bytes();
    tag.iter().fold(String::from("v1="), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests;

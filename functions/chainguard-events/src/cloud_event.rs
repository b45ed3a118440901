//! A delivery as a `CloudEvent` in binary mode. Source: `CloudEvents` 1.0.2, and its binding to HTTP.

use std::collections::BTreeMap;

use domain::envelope::{BusEvent, CHAINGUARD_SOURCE};
use domain::ports::Delivery;
use domain::time::Timestamp;
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

/// What the names of headers start with that carry attributes.
const PREFIX: &str = "ce-";
const VERSION: &str = "1.0";
/// Most attributes of an event.
const MAX_ATTRIBUTES: usize = 32;
/// The longest name of an attribute, in bytes.
const MAX_NAME_BYTES: usize = 32;
/// The longest value of an attribute, in bytes.
const MAX_VALUE_BYTES: usize = 2048;
/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;
/// The longest type, in bytes: `EventBridge` takes no longer `detail-type`.
const MAX_TYPE_BYTES: usize = 128;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CloudEvent {
    pub(crate) delivery: Delivery,
    pub(crate) event_type: String,
    /// When it happened; if it does not say so, when it came.
    time: Timestamp,
    /// All of them, by name.
    attributes: BTreeMap<String, String>,
    /// The body.
    pub(crate) data: Value,
}

/// Why a delivery is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotACloudEvent {
    #[error("the header `ce-{0}` is missing, or it cannot be used")]
    Attribute(&'static str),
    #[error("the version of CloudEvents has to be {VERSION}")]
    Version,
    #[error("it has more than {MAX_ATTRIBUTES} attributes")]
    TooMany,
    #[error("the body is not JSON")]
    Body,
}

/// An event as our bus has it.
#[derive(Serialize)]
struct Detail<'a> {
    metadata: &'a BTreeMap<String, String>,
    data: &'a Value,
}

impl CloudEvent {
    /// Reads a delivery that came `now`.
    pub(crate) fn read(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Self, NotACloudEvent> {
        let mut attributes = attributes(headers)?;
        let attribute = |name: &'static str, max_bytes: usize| {
            let value = attributes.get(name).filter(|value| (1..=max_bytes).contains(&value.len()));
            value.cloned().ok_or(NotACloudEvent::Attribute(name))
        };
        if attribute("specversion", MAX_VALUE_BYTES)? != VERSION {
            return Err(NotACloudEvent::Version);
        }
        let delivery = Delivery { source: attribute("source", MAX_VALUE_BYTES)?, id: attribute("id", MAX_ID_BYTES)? };
        let event_type = attribute("type", MAX_TYPE_BYTES)?;
        let time = match attributes.get("time") {
            Some(time) => time.parse().map_err(|_| NotACloudEvent::Attribute("time"))?,
            None => now,
        };
        attributes.entry("time".to_owned()).or_insert_with(|| now.to_string());
        let data = serde_json::from_slice(body).map_err(|_| NotACloudEvent::Body)?;
        Ok(Self { delivery, event_type, time, attributes, data })
    }

    /// An attribute that need not be there.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The event for our bus: what Chainguard says, in the form in which we say things.
    pub(crate) fn for_bus(&self) -> Result<BusEvent, serde_json::Error> {
        let detail = Detail { metadata: &self.attributes, data: &self.data };
        Ok(BusEvent {
            id: self.delivery.id.clone(),
            source: CHAINGUARD_SOURCE,
            detail_type: self.event_type.clone(),
            time: self.time,
            detail: serde_json::to_string(&detail)?,
        })
    }
}

/// The attributes in the headers. One that cannot be used is left out, and then missed if it is needed.
fn attributes(headers: &HeaderMap) -> Result<BTreeMap<String, String>, NotACloudEvent> {
    let mut attributes = BTreeMap::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(PREFIX).filter(|name| is_name(name)) else { continue };
        let Some(value) = value.to_str().ok().and_then(decoded) else { continue };
        attributes.insert(name.to_owned(), value);
        if attributes.len() > MAX_ATTRIBUTES {
            return Err(NotACloudEvent::TooMany);
        }
    }
    Ok(attributes)
}

/// Source: `CloudEvents` 1.0.2, "Naming Conventions".
fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Source: the binding to HTTP, section 3.1.3.2.
fn decoded(value: &str) -> Option<String> {
    let value = percent_decode_str(value).decode_utf8().ok()?;
    let is_harmless = value.len() <= MAX_VALUE_BYTES && !value.contains(char::is_control);
    is_harmless.then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T18:51:45.123Z".parse().unwrap()
    }

    fn read(headers: &[(&str, &str)], body: &str) -> Result<CloudEvent, NotACloudEvent> {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        CloudEvent::read(&headers.collect(), body.as_bytes(), now())
    }

    const HEADERS: [(&str, &str); 6] = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-type", "dev.chainguard.of.tomorrow.v9"),
        ("ce-source", "https://console-api.enforce.dev/registry/v1/repos"),
        ("ce-time", "2026-09-01T12:00:05.317300341Z"),
        ("ce-subject", "a1b2/0f1e"),
    ];

    fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
        let mut headers: Vec<_> = HEADERS.into_iter().filter(|(other, _)| *other != name).collect();
        headers.push((name, value));
        headers
    }

    #[test]
    fn it_goes_on_the_bus_with_its_attributes_and_its_body_whatever_its_type() {
        let headers =
            [&HEADERS[..], &[("ce-ofthefuture", "%E2%82%AC 1"), ("content-type", "application/json")]].concat();
        let event = read(&headers, r#"{"actor": {}, "body": {"tier": 4, "at": {"seconds": 1}}}"#).unwrap();
        let bus = event.for_bus().unwrap();
        assert_eq!((bus.source, bus.detail_type.as_str()), ("chainguard", "dev.chainguard.of.tomorrow.v9"));
        assert_eq!(bus.time.to_string(), "2026-09-01T12:00:05.317Z");
        let detail: Value = serde_json::from_str(&bus.detail).unwrap();
        let expected = json!({
            "metadata": {
                "specversion": "1.0",
                "id": "1",
                "type": "dev.chainguard.of.tomorrow.v9",
                "source": "https://console-api.enforce.dev/registry/v1/repos",
                "time": "2026-09-01T12:00:05.317300341Z",
                "subject": "a1b2/0f1e",
                "ofthefuture": "€ 1",
            },
            "data": {"actor": {}, "body": {"tier": 4, "at": {"seconds": 1}}},
        });
        assert_eq!(detail, expected);
    }

    #[test]
    fn one_that_does_not_say_when_happened_when_it_came() {
        let headers: Vec<_> = HEADERS.into_iter().filter(|(name, _)| *name != "ce-time").collect();
        let event = read(&headers, "null").unwrap();
        assert_eq!((event.time, event.attribute("time")), (now(), Some("2026-11-23T18:51:45.123Z")));
    }

    #[test]
    fn what_is_none_says_why() {
        for name in ["specversion", "id", "type", "source"] {
            let header = format!("ce-{name}");
            let without: Vec<_> = HEADERS.into_iter().filter(|(other, _)| *other != header).collect();
            assert_eq!(read(&without, "{}"), Err(NotACloudEvent::Attribute(name)));
        }
        for (name, value, expected) in [
            ("ce-specversion", "0.3", NotACloudEvent::Version),
            ("ce-specversion", "1.0,1.0", NotACloudEvent::Version),
            ("ce-id", "", NotACloudEvent::Attribute("id")),
            ("ce-id", "a%0Ab", NotACloudEvent::Attribute("id")),
            ("ce-id", "%FF", NotACloudEvent::Attribute("id")),
            ("ce-time", "yesterday", NotACloudEvent::Attribute("time")),
        ] {
            assert_eq!(read(&with(name, value), "{}"), Err(expected), "{name}: {value}");
        }
        for body in ["", "{", "<html>", "{} {}"] {
            assert_eq!(read(&HEADERS, body), Err(NotACloudEvent::Body), "{body}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(read(&HEADERS, &deep), Err(NotACloudEvent::Body));
    }

    #[test]
    fn everything_in_it_is_bounded() {
        let long = |bytes: usize| "x".repeat(bytes);
        for (name, most) in [("ce-id", MAX_ID_BYTES), ("ce-type", MAX_TYPE_BYTES), ("ce-source", MAX_VALUE_BYTES)] {
            let value = |bytes| {
                let value = long(bytes);
                let headers = HEADERS
                    .map(|(other, value)| (other, value.to_owned()))
                    .map(|(other, old)| if other == name { (other, value.clone()) } else { (other, old) });
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                read(&headers, "{}").is_ok()
            };
            assert!(value(most) && !value(most + 1), "{name}");
        }
        let names: Vec<String> = (0..MAX_ATTRIBUTES).map(|number| format!("ce-x{number}")).collect();
        let many: Vec<_> = HEADERS.into_iter().chain(names.iter().map(|name| (name.as_str(), "x"))).collect();
        assert_eq!(read(&many, "{}"), Err(NotACloudEvent::TooMany));
        let extension = long(MAX_VALUE_BYTES + 1);
        let event = read(&[&HEADERS[..], &[("ce-x", &extension), ("ce-Of_Ours", "x")]].concat(), "{}").unwrap();
        assert_eq!(event.attribute("x"), None);
    }
}

//! Typed identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::time::Timestamp;

/// The prefix of every request id.
const REQUEST_PREFIX: &str = "req-";

/// A request's id: `req-` and a `UUIDv7`, so that ids sort by the time of their making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(Uuid);

/// A text that is no request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request id looks like req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f")]
pub struct RequestIdError;

impl RequestId {
    /// From a `UUIDv7`.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// When it was made, by the clock of who made it. Source: RFC 9562, section 5.7: the first 48 bits are
    /// milliseconds since 1970.
    #[must_use]
    pub fn made_at(self) -> Timestamp {
        let millis = i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{REQUEST_PREFIX}{}", self.0.hyphenated())
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid = text.strip_prefix(REQUEST_PREFIX).ok_or(RequestIdError)?;
        let parsed = Uuid::try_parse(uuid).map_err(|_| RequestIdError)?;
        // One spelling an id: what parses prints as it was written, so an id can be a key.
        let id = Self(parsed);
        if parsed.get_version_num() == 7 && id.to_string() == text { Ok(id) } else { Err(RequestIdError) }
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// An event's id, `<requestId>.<sequence>`: the same event has the same id wherever and how often it is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The request the event belongs to.
    pub request: RequestId,
    /// The event's place in the request's journal, from 1.
    pub sequence: u64,
}

/// A text that is no event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id looks like req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.3")]
pub struct EventIdError;

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.request, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (request, sequence) = text.rsplit_once('.').ok_or(EventIdError)?;
        Ok(Self {
            request: request.parse().map_err(|_| EventIdError)?,
            sequence: sequence.parse().map_err(|_| EventIdError)?,
        })
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_when_it_was_made() {
        let id: RequestId = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap();
        assert_eq!(id.made_at().to_string(), "2024-11-27T20:44:42.923Z");
    }

    #[test]
    fn ids_have_one_spelling() {
        let text = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f";
        assert_eq!(text.parse::<RequestId>().unwrap().to_string(), text);
        for bad in [
            "",
            "req-",
            "01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f",
            "req-01936F5E-7A2B-7C3D-8E4F-5A6B7C8D9E0F",
            "req-01936f5e7a2b7c3d8e4f5a6b7c8d9e0f",
            "req-01936f5e-7a2b-4c3d-8e4f-5a6b7c8d9e0f",
            "req-{01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f}",
        ] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn event_ids_read_back() {
        let text = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.12";
        assert_eq!(text.parse::<EventId>().unwrap().to_string(), text);
        assert!("req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse::<EventId>().is_err());
    }
}

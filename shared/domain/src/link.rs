//! Signed links, in the manner of presigned URLs: whoever holds one may act as the approver that it names, on exactly
//! the content that it names, until it expires.
//!
//! [`KeyRing::link`] makes every link and [`KeyRing::verify`] reads every link. A link has one spelling: what differs
//! from it in a single character, in the order of its parameters or in their encoding is refused.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::id::RequestId;
use crate::journal::Digest;
use crate::time::Timestamp;

/// In front of what is signed: a signature made for a link is good for nothing else.
const PURPOSE: &str = "cgr-request-link-1\n";
/// The fewest bytes of a key: as many as HMAC-SHA256 has strength for.
const MIN_KEY_BYTES: usize = 32;
/// The longest query that is looked at, in bytes; a link with the longest possible address has fewer.
const MAX_QUERY_BYTES: usize = 1024;

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The request.
    pub request: RequestId,
    /// For whom it is: e-mail address.
    pub approver: String,
    /// [`crate::request::Request::digest`] when the link was made.
    pub digest: Digest,
    /// Until when it can be used; to the second.
    pub expires: Timestamp,
}

/// The keys that links are signed with. Its `Debug` shows nothing of them.
#[derive(Clone, Deserialize)]
#[serde(try_from = "KeyRingFile")]
pub struct KeyRing {
    current: Key,
    previous: Option<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: String,
    /// Keyed with the secret, and nothing said yet.
    keyed: Hmac<Sha256>,
}

/// The secret's form: flat, so that Secrets Manager itself can make the first one.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyRingFile {
    current_id: String,
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

/// A secret that is no key ring. Says nothing of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Not the JSON that is expected.
    #[error(r#"the link keys are not of the form {{"currentId":"…","current":"…","previousId":"…","previous":"…"}}"#)]
    Form,
    /// A key's name cannot stand in a link, or two keys have the same.
    #[error("a link key's id has 1 to 32 letters, digits, `-` or `_`, and the two differ")]
    KeyId,
    /// A key is too short to be safe.
    #[error("a link key has at least {MIN_KEY_BYTES} bytes")]
    TooShort,
}

/// Why a link is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is not spelt as we spell links.
    #[error("the link is not complete, or was changed")]
    Malformed,
    /// It was signed with a key that is not in use any more, or never was.
    #[error("the link was signed with a key that is not in use any more")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the link was changed, or is not one of ours")]
    Forged,
    /// It was ours, and its time has passed.
    #[error("the link expired on {}", .0.expires)]
    Expired(Link),
}

impl KeyRing {
    /// From the secret's text.
    pub fn from_json(text: &str) -> Result<Self, KeyRingError> {
        let file: KeyRingFile = serde_json::from_str(text).map_err(|_| KeyRingError::Form)?;
        Self::try_from(file)
    }

    /// The secret's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { current, previous } = self.clone();
        let (previous_id, previous) = previous.map(|key| (key.id, key.secret)).unzip();
        let file = KeyRingFile { current_id: current.id, current: current.secret, previous_id, previous };
        // Four texts are always JSON.
        serde_json::to_string(&file).unwrap_or_default()
    }

    /// The ring with another current key, after which the current one is the previous one: links that were signed with
    /// it stay good until the next time. Neither key of this ring may have the id.
    pub fn rotated(&self, id: String, secret: String) -> Result<Self, KeyRingError> {
        if self.previous.as_ref().is_some_and(|previous| previous.id == id) {
            return Err(KeyRingError::KeyId);
        }
        Self::of(Key::new(id, secret)?, Some(self.current.clone()))
    }

    /// Whether putting this ring in the place of `before` leaves links good that are signed with the current key of
    /// `before`.
    #[must_use]
    pub fn honours(&self, before: &Self) -> bool {
        let honoured = |key: &Key| key.id == before.current.id && key.secret == before.current.secret;
        std::iter::once(&self.current).chain(&self.previous).any(honoured)
    }

    /// Path and query of the link.
    #[must_use]
    pub fn link(&self, link: &Link) -> String {
        let unsigned = link.unsigned(&self.current.id);
        let signature =
            Digest::from(<[u8; 32]>::from(self.current.mac(&link.path(), &unsigned).finalize().into_bytes()));
        format!("{}?{unsigned}&signature={signature}", link.path())
    }

    /// What the link for `request` with this query says, if it is ours and can be used at `now`.
    ///
    /// `query` is what stands behind the question mark, as it was sent.
    pub fn verify(&self, request: RequestId, query: &str, now: Timestamp) -> Result<Link, LinkError> {
        let parsed = Parsed::new(request, query).ok_or(LinkError::Malformed)?;
        let keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.into_iter().find(|key| key.id == parsed.key).ok_or(LinkError::UnknownKey)?;
        let mac = key.mac(&parsed.link.path(), parsed.unsigned);
        // Compares in constant time.
        mac.verify_slice(parsed.signature.as_bytes()).map_err(|_| LinkError::Forged)?;
        if parsed.link.expires <= now { Err(LinkError::Expired(parsed.link)) } else { Ok(parsed.link) }
    }

    fn of(current: Key, previous: Option<Key>) -> Result<Self, KeyRingError> {
        match previous {
            Some(previous) if previous.id == current.id => Err(KeyRingError::KeyId),
            previous => Ok(Self { current, previous }),
        }
    }
}

impl TryFrom<KeyRingFile> for KeyRing {
    type Error = KeyRingError;

    fn try_from(file: KeyRingFile) -> Result<Self, KeyRingError> {
        let previous = match (file.previous_id, file.previous) {
            (Some(id), Some(secret)) => Some(Key::new(id, secret)?),
            (None, None) => None,
            _ => return Err(KeyRingError::Form),
        };
        Self::of(Key::new(file.current_id, file.current)?, previous)
    }
}

fn is_key_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Key {
    fn new(id: String, secret: String) -> Result<Self, KeyRingError> {
        if !is_key_id(&id) {
            return Err(KeyRingError::KeyId);
        }
        if secret.len() < MIN_KEY_BYTES {
            return Err(KeyRingError::TooShort);
        }
        // HMAC refuses no key for its length.
        let keyed = Hmac::new_from_slice(secret.as_bytes()).map_err(|_| KeyRingError::TooShort)?;
        Ok(Self { id, secret, keyed })
    }

    fn mac(&self, path: &str, unsigned: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        for part in [PURPOSE, path, "?", unsigned] {
            mac.update(part.as_bytes());
        }
        mac
    }
}

impl Link {
    fn path(&self) -> String {
        format!("/approval/{}", self.request)
    }

    /// The query without its signature: the parameters in the order of their names. The address is written in
    /// base64url, so that nothing on the way has a reason to encode it differently.
    fn unsigned(&self, key: &str) -> String {
        let approver = URL_SAFE_NO_PAD.encode(&self.approver);
        format!("approver={approver}&digest={}&expires={}&key={key}", self.digest, self.expires.as_second())
    }
}

/// A query taken apart; not yet known to be ours.
struct Parsed<'q> {
    link: Link,
    key: &'q str,
    unsigned: &'q str,
    signature: Digest,
}

impl<'q> Parsed<'q> {
    fn new(request: RequestId, query: &'q str) -> Option<Self> {
        if query.len() > MAX_QUERY_BYTES {
            return None;
        }
        let (unsigned, signature) = query.rsplit_once("&signature=")?;
        let rest = unsigned.strip_prefix("approver=")?;
        let (approver, rest) = rest.split_once("&digest=")?;
        let (digest, rest) = rest.split_once("&expires=")?;
        let (expires, key) = rest.split_once("&key=")?;
        let seconds: i64 = expires.parse().ok()?;
        let link = Link {
            request,
            approver: String::from_utf8(URL_SAFE_NO_PAD.decode(approver).ok()?).ok()?,
            digest: digest.parse().ok()?,
            expires: Timestamp::from_millisecond(seconds.checked_mul(1000)?),
        };
        // One spelling: what we would have written is what came.
        let ours = is_key_id(key) && link.unsigned(key) == unsigned;
        ours.then_some(Self { link, key, unsigned, signature: signature.parse().ok()? })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing")
    }
}

#[cfg(test)]
mod tests;

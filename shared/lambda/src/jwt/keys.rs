//! An issuer's public keys. Source: RFC 7517, RFC 7518 section 6, RFC 8037.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The ways of signing that are accepted, each with keys of one type only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSA keys of at least 2 048 bits, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// Keys on P-256, SHA-256.
    Es256,
    /// Keys on Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// As in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The one of this name; names have one spelling.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// As the library calls it.
    pub(super) const fn library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// The keys that an issuer publishes and that can verify a token.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: SigningAlgorithm,
    decoding: DecodingKey,
}

/// The key that a token asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    /// `kid`.
    pub(super) id: Option<&'a str>,
    /// `alg`.
    pub(super) algorithm: SigningAlgorithm,
}

/// What a key set has of it.
#[derive(Clone, Debug)]
pub(super) enum Lookup {
    /// The key.
    Key(DecodingKey),
    /// A key of that name, for another algorithm.
    OtherAlgorithm,
    /// None.
    Unknown,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// From a JWK set. Keys for other purposes, and of types that are not accepted, are left out.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(json)?;
        // Each on its own: a key of a type that this does not know must not cost the issuer its other keys.
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).filter_map(Jwk::usable);
        Ok(Self(keys.collect()))
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of that name and algorithm; for a token that names no key, the only one of that algorithm.
    pub(super) fn find(&self, wanted: Wanted<'_>) -> Lookup {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithm == wanted.algorithm)
            .filter(|key| wanted.id.is_none() || key.id.as_deref() == wanted.id);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Lookup::Key(key.decoding.clone()),
            (Some(key), Some(_)) if wanted.id.is_some() => Lookup::Key(key.decoding.clone()),
            (Some(_), Some(_)) => Lookup::Unknown,
            (None, _) if wanted.id.is_some() && self.0.iter().any(|key| key.id.as_deref() == wanted.id) => {
                Lookup::OtherAlgorithm
            }
            (None, _) => Lookup::Unknown,
        }
    }
}

impl Jwk {
    fn usable(self) -> Option<Key> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => SigningAlgorithm::Rs256,
            ("EC", Some("P-256")) => SigningAlgorithm::Es256,
            ("OKP", Some("Ed25519")) => SigningAlgorithm::EdDsa,
            _ => return None,
        };
        if !signs || self.alg.as_deref().is_some_and(|name| name != algorithm.as_str()) {
            return None;
        }
        let decoding = match algorithm {
            SigningAlgorithm::Rs256 => DecodingKey::from_rsa_components(self.n.as_deref()?, self.e.as_deref()?),
            SigningAlgorithm::Es256 => DecodingKey::from_ec_components(self.x.as_deref()?, self.y.as_deref()?),
            SigningAlgorithm::EdDsa => DecodingKey::from_ed_components(self.x.as_deref()?),
        };
        Some(Key { id: self.kid, algorithm, decoding: decoding.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: &Value) -> KeySet {
        KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn rsa(kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"})
    }

    fn with(mut key: Value, member: &str, value: Value) -> Value {
        key[member] = value;
        key
    }

    #[test]
    fn keys_that_cannot_verify_a_token_are_left_out() {
        for key in [
            json!("no key"),
            json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"}),
            json!({"kty": "EC", "kid": "a", "crv": "P-384", "x": "AQAB", "y": "AQAB"}),
            json!({"kty": "OKP", "kid": "a", "crv": "X25519", "x": "AQAB"}),
            json!({"kty": "RSA", "kid": "a", "n": "AQAB"}),
            with(rsa("a"), "n", json!("not base64!")),
            with(rsa("a"), "use", json!("enc")),
            with(rsa("a"), "key_ops", json!(["encrypt"])),
            with(rsa("a"), "alg", json!("RSA-OAEP")),
            with(rsa("a"), "alg", json!("HS256")),
        ] {
            let keys = set(&json!([key, rsa("b")]));
            assert_eq!(keys.0.len(), 1, "{key}");
            assert_eq!(keys.0[0].id.as_deref(), Some("b"), "{key}");
        }
    }

    #[test]
    fn a_key_is_found_by_name_and_algorithm() {
        let keys = set(&json!([rsa("a"), rsa("b"), {"kty": "OKP", "kid": "c", "crv": "Ed25519", "x": "AQAB"}]));
        let find = |id, algorithm| keys.find(Wanted { id, algorithm });
        assert!(matches!(find(Some("a"), SigningAlgorithm::Rs256), Lookup::Key(_)));
        assert!(matches!(find(Some("a"), SigningAlgorithm::Es256), Lookup::OtherAlgorithm));
        assert!(matches!(find(Some("d"), SigningAlgorithm::Rs256), Lookup::Unknown));
        assert!(matches!(find(None, SigningAlgorithm::EdDsa), Lookup::Key(_)), "the only one of its algorithm");
        assert!(matches!(find(None, SigningAlgorithm::Rs256), Lookup::Unknown), "one of two");
        assert!(matches!(find(None, SigningAlgorithm::Es256), Lookup::Unknown));
    }

    #[test]
    fn only_three_names_are_algorithms() {
        for name in ["none", "None", "", "HS256", "RS384", "PS256", "ES384", "rs256", "Ed25519"] {
            assert_eq!(SigningAlgorithm::from_name(name), None, "{name}");
        }
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(SigningAlgorithm::from_name(algorithm.as_str()), Some(algorithm));
        }
    }
}

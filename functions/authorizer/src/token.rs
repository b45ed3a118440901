//! A signed JWT. Source: RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (best current practices).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::claims::Claims;
use crate::keys::{SigningAlgorithm, Wanted};
use crate::refusal::Refusal;

/// A token as it came: nothing in it is to be believed.
pub(crate) struct Unverified<'a> {
    algorithm: SigningAlgorithm,
    key_id: Option<String>,
    claims: Claims,
    /// What is signed.
    message: &'a str,
    signature: &'a str,
}

/// What of the header matters. Keys, and addresses of keys, that a token brings along are not looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Unverified<'a> {
    /// Takes it apart.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Refusal> {
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::NoJwt)?;
        let (header, claims) = message.split_once('.').ok_or(Refusal::NoJwt)?;
        let header: Header = decode(header)?;
        let algorithm = SigningAlgorithm::from_name(&header.alg).ok_or(Refusal::Algorithm)?;
        if header.crit.is_some() {
            return Err(Refusal::CriticalExtension);
        }
        Ok(Self { algorithm, key_id: header.kid, claims: Claims::new(decode(claims)?), message, signature })
    }

    /// The issuer that it says it has.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.claims.issuer()
    }

    /// The key that it says it is signed with.
    pub(crate) fn key(&self) -> Wanted<'_> {
        Wanted { id: self.key_id.as_deref(), algorithm: self.algorithm }
    }

    /// Its claims, if it is signed with the key.
    pub(crate) fn verify(self, key: &DecodingKey) -> Result<Claims, Refusal> {
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm.library()) {
            Ok(true) => Ok(self.claims),
            // An error is a signature or a key that cannot even be read.
            Ok(false) | Err(_) => Err(Refusal::Signature),
        }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::NoJwt)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::NoJwt)
}

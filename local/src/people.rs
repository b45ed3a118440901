//! Sample people, and the development issuer that vouches for them.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

/// The audience of the tokens.
pub const AUDIENCE: &str = "cgr-request";

/// How long a token lasts, in seconds: a working day.
const LIFETIME_SECONDS: i64 = 12 * 3600;

/// Somebody to try things out as.
#[derive(Clone, Copy, Debug)]
pub struct SamplePerson {
    /// Full name.
    pub name: &'static str,
    /// E-mail address.
    pub email: &'static str,
    /// Groups of the identity provider.
    pub groups: &'static [&'static str],
}

/// A developer, two leads of data-engineering, a security reviewer, an administrator, and who may approve alone in an
/// emergency.
pub const SAMPLE_PEOPLE: [SamplePerson; 6] = [
    SamplePerson { name: "Jane Developer", email: "jane@acme.example", groups: &["data-engineering"] },
    SamplePerson {
        name: "Dana Lead",
        email: "dana@acme.example",
        groups: &["data-engineering", "data-engineering-leads"],
    },
    SamplePerson {
        name: "Dmitri Lead",
        email: "dmitri@acme.example",
        groups: &["data-engineering", "data-engineering-leads"],
    },
    SamplePerson { name: "Sasha Security", email: "sasha@acme.example", groups: &["security", "security-reviewers"] },
    SamplePerson {
        name: "Alex Administrator",
        email: "alex@acme.example",
        groups: &["platform-engineering", "cgr-request-admins"],
    },
    SamplePerson { name: "Ivy Commander", email: "ivy@acme.example", groups: &["incident-commanders"] },
];

/// A person with a token.
#[derive(Clone, Serialize)]
pub struct Token {
    /// Full name.
    pub name: &'static str,
    /// E-mail address.
    pub email: &'static str,
    /// Groups of the identity provider.
    pub groups: &'static [&'static str],
    /// The bearer token.
    pub token: String,
}

impl Token {
    /// What the person is called for short: the e-mail address up to the `@`.
    #[must_use]
    pub fn login(&self) -> &'static str {
        self.email.split_once('@').map_or(self.email, |(login, _)| login)
    }
}

/// Signs tokens for sample people. Exists in the embedded runtime only.
pub struct Issuer {
    url: String,
    key: EncodingKey,
    jwks: JwkSet,
}

/// The issuer's key cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// No randomness, or a damaged file.
    #[error("the development issuer's key cannot be used; remove {0} to have a new one made")]
    Key(String),
    /// The file cannot be read or written.
    #[error("failed to keep the development issuer's key in {path}")]
    File {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A token cannot be signed.
    #[error("failed to sign a token")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

impl Issuer {
    /// Reads the key from `path`, or makes one and keeps it there.
    pub fn open(path: &Path, url: String) -> Result<Self, IssuerError> {
        let unusable = || IssuerError::Key(path.display().to_string());
        let file = |source| IssuerError::File { path: path.display().to_string(), source };
        let document = if path.exists() {
            std::fs::read(path).map_err(file)?
        } else {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| unusable())?;
            crate::files::write_private(path, made.as_ref()).map_err(file)?;
            made.as_ref().to_vec()
        };
        let key = EncodingKey::from_ec_der(&document);
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|_| unusable())?;
        jwk.common.key_id = Some("development".to_owned());
        Ok(Self { url, key, jwks: JwkSet { keys: vec![jwk] } })
    }

    /// Its address: `iss` of its tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its public keys.
    #[must_use]
    pub const fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    /// What `OpenID` discovery says of it.
    #[must_use]
    pub fn configuration(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/jwks.json", self.url),
            "id_token_signing_alg_values_supported": ["ES256"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
        })
    }

    /// Signs any claims: tests need odd ones.
    pub fn sign(&self, claims: &Value) -> Result<String, IssuerError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("development".to_owned());
        Ok(jsonwebtoken::encode(&header, claims, &self.key)?)
    }

    /// Fresh tokens for all sample people.
    pub fn tokens(&self, now: domain::time::Timestamp) -> Result<Vec<Token>, IssuerError> {
        SAMPLE_PEOPLE
            .iter()
            .map(|person| {
                let token = self.sign(&json!({
                    "iss": self.url,
                    "aud": AUDIENCE,
                    "sub": format!("local|{}", person.email),
                    "email": person.email,
                    "email_verified": true,
                    "name": person.name,
                    "groups": person.groups,
                    "iat": now.as_second(),
                    "exp": now.as_second() + LIFETIME_SECONDS,
                }))?;
                Ok(Token { name: person.name, email: person.email, groups: person.groups, token })
            })
            .collect()
    }
}

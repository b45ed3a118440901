//! What the tests need: keys that sign, issuers that publish them, a clock that stands still.

mod accepted;
mod http;
mod key_cache;
mod refused;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ports::Clock;
use domain::time::Timestamp;
use lambda::jwt::{FetchError, FetchKeys, Issuer, KeySet, KeysAt};
use serde_json::{Value, json};

use crate::authorize;
use crate::bearer::AuthorizerEvent;
use crate::issuer::TrustedIssuer;
use crate::verifier::Verifier;

const ACME: &str = "https://id.acme.example/";
const OTHER: &str = "https://id.other.example";
const AUDIENCE: &str = "image-requests";
/// Seconds since 1970.
const NOW: i64 = 1_700_000_000;

/// A key pair of an issuer.
enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = match self {
            Self::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({
                    "kty": "RSA",
                    "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero()),
                })
            }
            Self::Ec(pair) => {
                // 4, then both coordinates of 32 bytes.
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
            }
            Self::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())}),
        };
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token signed with this key under the name `kid`.
    fn token(&self, kid: &str, claims: &Value) -> String {
        self.token_with(&json!({"typ": "JWT", "alg": self.algorithm(), "kid": kid}), claims)
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        jwt(header, claims, |message| self.sign(message))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn jwt(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Claims that are accepted.
fn claims() -> Value {
    json!({
        "iss": ACME,
        "aud": AUDIENCE,
        "sub": "u-1",
        "email": "jane@acme.example",
        "groups": ["developers", "platform-engineering"],
        "exp": NOW + 3_600,
    })
}

/// The same with another value for one of them; `null` leaves it out.
fn claims_with(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(claim);
    } else {
        claims[claim] = value;
    }
    claims
}

/// A clock that moves only when it is told to.
#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    fn pass(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// What issuers publish, and how often they were asked. Who publishes nothing does not answer.
#[derive(Clone, Default)]
struct TestKeys(Arc<Mutex<Published>>);

#[derive(Default)]
struct Published {
    keys: BTreeMap<String, Vec<Value>>,
    asked: usize,
    /// Whether asking takes for ever.
    hanging: bool,
}

impl FetchKeys for TestKeys {
    async fn fetch_keys(&self, issuer: &Issuer) -> Result<KeySet, FetchError> {
        // Others get the chance to ask meanwhile.
        tokio::task::yield_now().await;
        if self.0.lock().unwrap().hanging {
            std::future::pending::<()>().await;
        }
        let mut published = self.0.lock().unwrap();
        published.asked += 1;
        match published.keys.get(&issuer.name) {
            Some(keys) => Ok(KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()),
            None => Err(FetchError::Status { url: ACME.parse().unwrap(), status: 503 }),
        }
    }
}

/// A verifier that trusts two issuers.
struct World {
    verifier: Verifier<TestKeys, TestClock>,
    keys: TestKeys,
    clock: TestClock,
}

impl World {
    /// Of which one publishes these keys, and the other none.
    fn new(keys: Vec<Value>) -> Self {
        let clock = TestClock(Arc::new(AtomicI64::new(NOW * 1_000)));
        let fetch = TestKeys::default();
        let issuers = [ACME, OTHER].map(issuer).into();
        let world = Self { verifier: Verifier::new(issuers, fetch.clone(), clock.clone()), keys: fetch, clock };
        world.publish(ACME, keys);
        world.publish(OTHER, Vec::new());
        world
    }

    fn publish(&self, issuer: &str, keys: Vec<Value>) {
        self.keys.0.lock().unwrap().keys.insert(issuer.to_owned(), keys);
    }

    fn silence(&self, issuer: &str) {
        self.keys.0.lock().unwrap().keys.remove(issuer);
    }

    fn asked(&self) -> usize {
        self.keys.0.lock().unwrap().asked
    }

    /// What the functions are told of a call with this token.
    async fn context(&self, token: &str) -> Value {
        self.try_context(token).await.unwrap()
    }

    async fn try_context(&self, token: &str) -> Result<Value, lambda::function::Error> {
        let verdict = authorize(&self.verifier, &call(token)).await?;
        let verdict = serde_json::to_value(verdict).unwrap();
        assert_eq!(verdict["isAuthorized"], true, "it is the functions that refuse");
        Ok(verdict["context"].clone())
    }

    async fn accepts(&self, token: &str) {
        let context = self.context(token).await;
        let subject = context["subject"].as_str().unwrap_or_default();
        assert!(subject.ends_with("|u-1"), "{context}");
    }

    /// Refused for this problem, with a detail that has `what` in it, and without vouching for anybody.
    async fn refuses(&self, token: &str, problem: &str, what: &str) {
        let context = self.context(token).await;
        assert_eq!(context["refusal"], problem, "{context}");
        assert!(context["refusalDetail"].as_str().unwrap().contains(what), "{context}");
        assert_eq!(context.as_object().unwrap().len(), 2, "{context}");
    }
}

fn call(token: &str) -> AuthorizerEvent {
    let headers = json!({"authorization": format!("Bearer {token}"), "host": "images.acme.example"});
    serde_json::from_value(json!({"version": "2.0", "type": "REQUEST", "headers": headers})).unwrap()
}

fn issuer(name: &str) -> TrustedIssuer {
    let keys_at = KeysAt::Jwks(format!("{}/keys", name.trim_end_matches('/')).parse().unwrap());
    TrustedIssuer {
        issuer: Issuer { name: name.to_owned(), keys_at },
        audience: AUDIENCE.to_owned(),
        email_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
    }
}

//! Keys that sign JSON Web Tokens. Each is made when it is first needed, which for RSA takes a while.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk, JwkSet},
};
use serde::Serialize;
use serde_json::Value;

/// What has gone wrong with a key or a token, for the body of an error.
pub(crate) type KeyError = String;

/// A key pair.
#[derive(Debug)]
pub(crate) struct SigningKey {
    algorithm: Algorithm,
    id: &'static str,
    private: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// Of the kind that Chainguard's issuer signs with (FACTS §4.1).
    pub(crate) fn rs256(id: &'static str) -> Result<Self, KeyError> {
        let made = KeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
        let document: Pkcs8V1Der<'_> = made.as_der().map_err(|error| error.to_string())?;
        // jsonwebtoken finds the RSA key within PKCS #8 in PEM only.
        let text = STANDARD.encode(document.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        Self::of(Algorithm::RS256, id, EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|error| error.to_string())?)
    }

    /// Of the kind that AWS vouches for a role with (FACTS §4.4).
    pub(crate) fn es384(id: &'static str) -> Result<Self, KeyError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|error| error.to_string())?;
        Self::of(Algorithm::ES384, id, EncodingKey::from_ec_der(made.as_ref()))
    }

    fn of(algorithm: Algorithm, id: &'static str, private: EncodingKey) -> Result<Self, KeyError> {
        let mut public = Jwk::from_encoding_key(&private, algorithm).map_err(|error| error.to_string())?;
        public.common.key_id = Some(id.to_owned());
        Ok(Self { algorithm, id, private, public })
    }

    /// The public half.
    pub(crate) fn jwks(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    pub(crate) fn algorithm_name(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        jsonwebtoken::encode(&header, claims, &self.private).map_err(|error| error.to_string())
    }

    /// The claims of a token that this key has signed. Times, audience and issuer are left to the caller, whose clock
    /// may be another.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, KeyError> {
        let key = DecodingKey::from_jwk(&self.public).map_err(|error| error.to_string())?;
        let mut validation = Validation::new(self.algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode::<Value>(token, &key, &validation)
            .map(|decoded| decoded.claims)
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_verifies_its_own_tokens_and_no_others() {
        let keys = [SigningKey::rs256("a").unwrap(), SigningKey::es384("b").unwrap(), SigningKey::es384("b").unwrap()];
        for (signer, key) in keys.iter().enumerate() {
            let token = key.sign(&json!({"sub": "me"})).unwrap();
            for (verifier, key) in keys.iter().enumerate() {
                assert_eq!(key.verify(&token).is_ok(), signer == verifier, "{signer} {verifier}");
            }
        }
    }
}

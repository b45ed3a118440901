//! The access tokens that the fake's own STS has issued, and whether a caller's is let in.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    capabilities,
    keys::SigningKey,
    options::TokenCheck,
    status::Status,
    time::after,
    uidp::{digest, hex},
};

/// What a token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// `None` for a token that was not issued here, of which nothing is known.
    pub(crate) audience: Option<Vec<String>>,
    pub(crate) issued: Timestamp,
    pub(crate) expiry: Timestamp,
    pub(crate) capabilities: Vec<String>,
}

impl Grant {
    /// Whether the token allows what needs `capability`.
    pub(crate) fn may(&self, capability: &str) -> Result<(), Status> {
        if self.capabilities.iter().any(|granted| granted == capability) {
            Ok(())
        } else {
            Err(Status::permission_denied(format!("{capability} is not granted to the token")))
        }
    }
}

/// What a token is asked to stand for.
pub(crate) struct Wanted {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: Vec<String>,
    /// In which group it may do what follows.
    pub(crate) group: String,
    pub(crate) capabilities: Vec<String>,
}

/// The tokens that are still good.
#[derive(Debug)]
pub(crate) struct Tokens {
    check: TokenCheck,
    issued: Mutex<HashMap<String, Grant>>,
}

impl Tokens {
    pub(crate) fn new(check: TokenCheck) -> Self {
        Self { check, issued: Mutex::default() }
    }

    /// A token, and until when it is good: a JSON Web Token with the members of the real one (FACTS §4.1). The bits of
    /// `cap` are the fake's own; what counts is what it remembers.
    pub(crate) fn issue(
        &self,
        key: &SigningKey,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<(String, Timestamp), Status> {
        let Wanted { issuer, subject, audience, group, capabilities } = wanted;
        let expiry = after(now, self.check.lifetime());
        // Two tokens of a second are two tokens.
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| Status::internal(error.to_string()))?;
        let bits = capabilities::ALL.iter().enumerate().fold(0_u16, |bits, (bit, name)| {
            if capabilities.iter().any(|granted| granted == name) { bits | 1 << bit } else { bits }
        });
        let claims = json!({
            "iss": issuer,
            "aud": audience,
            "sub": subject,
            "act": {"iss": issuer, "aud": issuer, "sub": subject},
            "cap": {group: URL_SAFE_NO_PAD.encode(bits.to_le_bytes())},
            "iat": now.as_second(),
            "exp": expiry.as_second(),
            "jti": hex(&random),
        });
        let token = key.sign(&claims).map_err(Status::internal)?;
        let grant = Grant { issuer, subject, audience: Some(audience), issued: now, expiry, capabilities };
        let mut issued = self.issued();
        issued.retain(|_, grant| now < grant.expiry);
        issued.insert(token.clone(), grant);
        Ok((token, expiry))
    }

    /// Makes every issued token as bad as an expired one.
    pub(crate) fn revoke(&self) {
        self.issued().clear();
    }

    /// Who is calling, or 401. A token that is let in without having been issued here stands for itself and may do
    /// everything; one of `issuer` that is not remembered is expired, or never was.
    pub(crate) fn check(&self, headers: &HeaderMap, issuer: &str, now: Timestamp) -> Result<Grant, Status> {
        let token = bearer(headers)?;
        if let Some(grant) = self.issued().get(token).filter(|grant| now < grant.expiry) {
            return Ok(grant.clone());
        }
        let let_in = match &self.check {
            TokenCheck::Any => claimed_issuer(token).as_deref() != Some(issuer),
            TokenCheck::Exact(tokens) => tokens.iter().any(|known| known == token),
            TokenCheck::Issued { .. } => false,
        };
        if !let_in {
            return Err(Status::unauthenticated("the token is expired or not known"));
        }
        Ok(Grant {
            issuer: issuer.to_owned(),
            subject: subject_of(token),
            audience: None,
            issued: now,
            expiry: after(now, self.check.lifetime()),
            capabilities: capabilities::all(),
        })
    }

    fn issued(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `iss` of a JSON Web Token, believed as it is.
fn claimed_issuer(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("iss")?.as_str().map(ToOwned::to_owned)
}

/// The bearer token of a request, or 401.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Status::unauthenticated("missing bearer token"))
}

/// A stable name for the holder of a token that gives nothing of the token away.
pub(crate) fn subject_of(token: &str) -> String {
    digest(&["subject", token]).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ISSUER: &str = "https://issuer.example";

    fn headers(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        headers
    }

    fn me() -> Wanted {
        Wanted {
            issuer: ISSUER.to_owned(),
            subject: "me".to_owned(),
            audience: vec!["api".to_owned()],
            group: "group".to_owned(),
            capabilities: vec!["repo.list".to_owned()],
        }
    }

    #[test]
    fn an_issued_token_is_good_until_it_expires_whatever_the_check() {
        let key = SigningKey::es384("test").unwrap();
        let start = Timestamp::UNIX_EPOCH;
        for check in
            [TokenCheck::Any, TokenCheck::Exact(Vec::new()), TokenCheck::Issued { lifetime: Duration::from_hours(1) }]
        {
            let tokens = Tokens::new(check.clone());
            let (token, expiry) = tokens.issue(&key, me(), start).unwrap();
            assert_eq!(expiry, after(start, Duration::from_hours(1)));
            let checked = |now| tokens.check(&headers(&token), ISSUER, now);
            assert_eq!(checked(start).unwrap().subject, "me", "{check:?}");
            assert!(checked(expiry).is_err(), "{check:?}");
            tokens.revoke();
            assert!(checked(start).is_err(), "{check:?}");
        }
    }

    #[test]
    fn an_issued_token_says_what_it_stands_for_and_each_is_another() {
        let key = SigningKey::es384("test").unwrap();
        let tokens = Tokens::new(TokenCheck::Any);
        let (first, _) = tokens.issue(&key, me(), Timestamp::UNIX_EPOCH).unwrap();
        let (second, _) = tokens.issue(&key, me(), Timestamp::UNIX_EPOCH).unwrap();
        assert_ne!(first, second);
        let claims = key.verify(&first).unwrap();
        assert_eq!((&claims["iss"], &claims["sub"], &claims["aud"]), (&json!(ISSUER), &json!("me"), &json!(["api"])));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(0), &json!(3600)));
        let grant = tokens.check(&headers(&first), ISSUER, Timestamp::UNIX_EPOCH).unwrap();
        assert!(grant.may("repo.list").is_ok() && grant.may("repo.create").is_err());
    }

    #[test]
    fn a_foreign_token_is_let_in_as_the_check_says() {
        let now = Timestamp::UNIX_EPOCH;
        let let_in = |check, token: &str| Tokens::new(check).check(&headers(token), ISSUER, now).is_ok();
        assert!(let_in(TokenCheck::Any, "x"));
        assert!(let_in(TokenCheck::Any, "x.y.z"));
        assert!(let_in(TokenCheck::Exact(vec!["x".to_owned()]), "x"));
        assert!(!let_in(TokenCheck::Exact(vec!["x".to_owned()]), "y"));
        assert!(!let_in(TokenCheck::Issued { lifetime: Duration::from_secs(1) }, "x"));
        assert!(!let_in(TokenCheck::Any, " "));
    }

    #[test]
    fn what_is_no_bearer_token_is_none() {
        let now = Timestamp::UNIX_EPOCH;
        let tokens = Tokens::new(TokenCheck::Any);
        assert!(tokens.check(&HeaderMap::new(), ISSUER, now).is_err());
        let mut basic = HeaderMap::new();
        basic.insert(header::AUTHORIZATION, "Basic eDp5".parse().unwrap());
        assert!(tokens.check(&basic, ISSUER, now).is_err());
    }
}

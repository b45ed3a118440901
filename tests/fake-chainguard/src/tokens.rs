//! The access tokens that the fake's own STS has issued, and whether a caller's is let in.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, header};
use jiff::Timestamp;

use crate::{
    options::TokenCheck,
    status::Status,
    time::after,
    uidp::{digest, hex},
};

/// How an issued token begins: an expired one must be known from a foreign one even where foreign ones are let in.
const PREFIX: &str = "fake-chainguard.";

/// What an issued token stands for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) subject: String,
    pub(crate) audience: Vec<String>,
    pub(crate) issued: Timestamp,
    pub(crate) expiry: Timestamp,
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

    /// A token for `subject`, and until when it is good.
    pub(crate) fn issue(
        &self,
        subject: String,
        audience: Vec<String>,
        now: Timestamp,
    ) -> Result<(String, Timestamp), Status> {
        let mut random = [0_u8; 20];
        getrandom::fill(&mut random).map_err(|error| Status::internal(error.to_string()))?;
        let token = format!("{PREFIX}{}", hex(&random));
        let expiry = after(now, self.check.lifetime());
        let mut issued = self.issued();
        issued.retain(|_, grant| now < grant.expiry);
        issued.insert(token.clone(), Grant { subject, audience, issued: now, expiry });
        Ok((token, expiry))
    }

    /// Makes every issued token as bad as an expired one.
    pub(crate) fn revoke(&self) {
        self.issued().clear();
    }

    /// Who is calling, or 401. A token that is let in without having been issued here stands for itself.
    pub(crate) fn check(&self, headers: &HeaderMap, now: Timestamp) -> Result<Grant, Status> {
        let token = bearer(headers)?;
        if let Some(grant) = self.issued().get(token).filter(|grant| now < grant.expiry) {
            return Ok(grant.clone());
        }
        let let_in = match &self.check {
            TokenCheck::Any => !token.starts_with(PREFIX),
            TokenCheck::Exact(tokens) => tokens.iter().any(|known| known == token),
            TokenCheck::Issued { .. } => false,
        };
        if !let_in {
            return Err(Status::unauthenticated("the token is expired or not known"));
        }
        Ok(Grant {
            subject: subject_of(token),
            audience: Vec::new(),
            issued: now,
            expiry: after(now, self.check.lifetime()),
        })
    }

    fn issued(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    fn headers(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        headers
    }

    #[test]
    fn an_issued_token_is_good_until_it_expires_whatever_the_check() {
        let start = Timestamp::UNIX_EPOCH;
        for check in
            [TokenCheck::Any, TokenCheck::Exact(Vec::new()), TokenCheck::Issued { lifetime: Duration::from_hours(1) }]
        {
            let tokens = Tokens::new(check.clone());
            let (token, expiry) = tokens.issue("me".to_owned(), vec!["api".to_owned()], start).unwrap();
            assert_eq!(expiry, after(start, Duration::from_hours(1)));
            assert_eq!(tokens.check(&headers(&token), start).unwrap().subject, "me", "{check:?}");
            assert!(tokens.check(&headers(&token), expiry).is_err(), "{check:?}");
            tokens.revoke();
            assert!(tokens.check(&headers(&token), start).is_err(), "{check:?}");
        }
    }

    #[test]
    fn a_foreign_token_is_let_in_as_the_check_says() {
        let now = Timestamp::UNIX_EPOCH;
        let let_in = |check, token: &str| Tokens::new(check).check(&headers(token), now).is_ok();
        assert!(let_in(TokenCheck::Any, "x"));
        assert!(let_in(TokenCheck::Exact(vec!["x".to_owned()]), "x"));
        assert!(!let_in(TokenCheck::Exact(vec!["x".to_owned()]), "y"));
        assert!(!let_in(TokenCheck::Issued { lifetime: Duration::from_secs(1) }, "x"));
        assert!(!let_in(TokenCheck::Any, " "));
    }

    #[test]
    fn what_is_no_bearer_token_is_none() {
        let now = Timestamp::UNIX_EPOCH;
        let tokens = Tokens::new(TokenCheck::Any);
        assert!(tokens.check(&HeaderMap::new(), now).is_err());
        let mut basic = HeaderMap::new();
        basic.insert(header::AUTHORIZATION, "Basic eDp5".parse().unwrap());
        assert!(tokens.check(&basic, now).is_err());
    }
}

//! The access token: where it comes from, how long it is kept, how it is replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ports::{ChainguardError, ReadSecret};
use serde::Deserialize;
use url::Url;

use crate::Endpoints;
use crate::call::{send, under};
use crate::credential::{Credential, HOW_TO_CONFIGURE, Secret};
use crate::error::unreadable_secret;
use crate::single_flight::SingleFlight;
use crate::wire::nullable;

/// How long before its end a token is no longer used: longer than any call takes.
const MARGIN: Duration = Duration::from_mins(5);

/// An access token.
#[derive(Debug)]
pub(crate) struct Token {
    secret: Secret,
    /// Until when it need not be asked for again. `None` for one that was stored as it is: whoever stores another one
    /// wants it used, and the secret's reader keeps what it read for a while anyway.
    keep_until: Option<Instant>,
}

impl Token {
    /// The token itself, to be sent.
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose()
    }

    fn is_to_be_kept(&self) -> bool {
        self.keep_until.is_some_and(|end| Instant::now() < end)
    }
}

/// The source of access tokens.
pub(crate) struct Tokens<S> {
    http: reqwest::Client,
    exchange_url: Url,
    /// What the tokens are for: the API's address, without a slash at its end.
    audience: String,
    secrets: S,
    secret_id: String,
    held: SingleFlight<Arc<Token>>,
}

/// The issuer's answer.
#[derive(Deserialize)]
struct Exchanged {
    #[serde(default, deserialize_with = "nullable")]
    token: String,
    /// RFC 3339.
    #[serde(default, deserialize_with = "nullable")]
    expiry: String,
}

impl<S> Tokens<S> {
    pub(crate) fn new(http: reqwest::Client, endpoints: &Endpoints, secrets: S, secret_id: String) -> Self {
        Self {
            http,
            exchange_url: under(&endpoints.issuer, "/sts/exchange"),
            audience: endpoints.api.as_str().trim_end_matches('/').to_owned(),
            secrets,
            secret_id,
            held: SingleFlight::default(),
        }
    }
}

impl<S: ReadSecret + Send + Sync> Tokens<S> {
    /// A token, and another one than was `refused`. Calls that want one at the same time share it, so that many refusals
    /// lead to one exchange.
    pub(crate) async fn get(&self, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, ChainguardError> {
        let usable =
            |held: &Arc<Token>| held.is_to_be_kept() && refused.is_none_or(|refused| !Arc::ptr_eq(held, refused));
        self.held.get(usable, self.obtain()).await
    }

    /// Reads the secret and does what it says.
    async fn obtain(&self) -> Result<Arc<Token>, ChainguardError> {
        let text = self.secrets.read_secret(&self.secret_id).await.map_err(|error| unreadable_secret(&error))?;
        let token = match Credential::parse(&text)? {
            Credential::Unconfigured {} => return Err(ChainguardError::Credential(HOW_TO_CONFIGURE.to_owned())),
            Credential::Token { token } => Token { secret: token, keep_until: None },
            Credential::Exchange { identity, token, cap } => self.exchange(&identity, &token, &cap).await?,
        };
        Ok(Arc::new(token))
    }

    /// Exchanges another issuer's token. A JSON body would be ignored, so it is a form (FACTS §4.2).
    async fn exchange(&self, identity: &str, token: &Secret, cap: &[String]) -> Result<Token, ChainguardError> {
        let mut form = vec![("aud", self.audience.as_str()), ("identity", identity)];
        form.extend(cap.iter().map(|capability| ("cap", capability.as_str())));
        let request = self.http.post(self.exchange_url.clone()).bearer_auth(token.expose()).form(&form);
        let sent = Instant::now();
        let answer = send("exchange the token", request).await.map_err(refused_by_the_issuer)?;
        let exchanged: Exchanged = answer.decode()?;
        let secret = Secret::new(&exchanged.token)
            .ok_or_else(|| ChainguardError::Unavailable("the token exchange answered without a token".to_owned()))?;
        let lifetime = lifetime(&exchanged.expiry, answer.date);
        Ok(Token { secret, keep_until: lifetime.and_then(|lifetime| keep_until(sent, lifetime)) })
    }
}

/// How long a token lives, by the issuer's own clock: how wrong ours is does not matter. `None` if the issuer does not
/// say, or says that it is over.
fn lifetime(expiry: &str, issuers_now: Option<jiff::Timestamp>) -> Option<Duration> {
    let expiry: jiff::Timestamp = expiry.parse().ok()?;
    Duration::try_from(expiry.duration_since(issuers_now?)).ok()
}

/// Until when a token is kept that was asked for at `sent`; `None` for one that is too short-lived to be kept.
fn keep_until(sent: Instant, lifetime: Duration) -> Option<Instant> {
    sent.checked_add(lifetime.checked_sub(MARGIN)?)
}

/// Whatever the issuer objects to, it is the credential that is no good: no such identity is not no such repository.
fn refused_by_the_issuer(error: ChainguardError) -> ChainguardError {
    match error {
        ChainguardError::Unavailable(_) => error,
        ChainguardError::Unauthenticated(text)
        | ChainguardError::Denied(text)
        | ChainguardError::AlreadyExists(text)
        | ChainguardError::QuotaExceeded(text)
        | ChainguardError::NotFound(text)
        | ChainguardError::Refused(text)
        | ChainguardError::Credential(text) => ChainguardError::Unauthenticated(format!("token exchange: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_end() {
        let sent = Instant::now();
        let seconds = Duration::from_secs;
        assert_eq!(keep_until(sent, seconds(3600)), Some(sent + seconds(3300)));
        assert_eq!(keep_until(sent, seconds(299)), None);
        assert_eq!(keep_until(sent, Duration::MAX), None);
    }

    #[test]
    fn a_token_is_to_be_kept_until_its_time_and_a_stored_one_never() {
        let kept = |keep_until| Token { secret: Secret::new("hush").unwrap(), keep_until }.is_to_be_kept();
        let now = Instant::now();
        assert!(kept(Some(now + Duration::from_hours(1))));
        assert!(!kept(Some(now)));
        assert!(!kept(None));
    }

    #[test]
    fn a_token_whose_end_is_not_told_is_not_kept() {
        let now: jiff::Timestamp = "2026-11-23T18:51:45Z".parse().unwrap();
        assert_eq!(lifetime("2026-11-23T19:51:45.123Z", Some(now)), Some(Duration::from_millis(3_600_123)));
        for (expiry, issuers_now) in
            [("", Some(now)), ("soon", Some(now)), ("2026-11-23T18:51:44Z", Some(now)), ("2026-11-23T19:51:45Z", None)]
        {
            assert_eq!(lifetime(expiry, issuers_now), None, "{expiry}");
        }
    }
}

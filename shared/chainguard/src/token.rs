//! The access token: where it comes from, how long it is kept, how it is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::journal::Digest;
use domain::ports::{AwsIdentity, ChainguardError, Clock, ReadSecret};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::Endpoints;
use crate::call::{send, under};
use crate::capability::Capability;
use crate::credential::{Credential, HOW_TO_CONFIGURE, Secret};
use crate::error::no_credential;
use crate::signed_request::signed_request;
use crate::single_flight::SingleFlight;
use crate::statistics::Counters;
use crate::wire::nullable;

/// How long before its end a token is no longer used: longer than any call takes.
const MARGIN: Duration = Duration::from_mins(5);

/// How old a token has to be for a refused right to end it: a younger one knows all rights that there are.
const KNOWS_ITS_RIGHTS: Duration = Duration::from_mins(1);

/// What adding an image takes (FACTS §4.6).
const CAPABILITIES: [Capability; 5] = [
    Capability::RepoList,
    Capability::RepoCreate,
    Capability::GroupsList,
    Capability::EntitlementsList,
    Capability::TagList,
];

/// An access token.
#[derive(Debug)]
pub(crate) struct Token {
    secret: Secret,
    /// Of the text of the secret from which it comes: another text, another token.
    source: Digest,
    obtained: Instant,
    kept: Kept,
    retired: AtomicBool,
}

/// How long a token need not be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// It is in the secret itself.
    WhileStored,
    /// Until a while before it ends.
    Until(Instant),
    /// It is too short-lived, or when it ends is not known.
    Not,
}

impl Token {
    fn new(secret: Secret, source: Digest, obtained: Instant, kept: Kept) -> Self {
        Self { secret, source, obtained, kept, retired: AtomicBool::new(false) }
    }

    /// The token itself, to be sent.
    pub(crate) fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// Has the next call ask for another token, because this one was refused a right: what a token may do is settled
    /// when it is issued, and the right may have been granted since. One that is new is kept, so that a right that
    /// nobody grants does not cost an exchange a call.
    pub(crate) fn retire(&self) {
        if matches!(self.kept, Kept::Until(_)) && self.obtained.elapsed() >= KNOWS_ITS_RIGHTS {
            self.retired.store(true, Ordering::Relaxed);
        }
    }

    fn is_to_be_kept(&self) -> bool {
        let in_time = match self.kept {
            Kept::WhileStored => true,
            Kept::Until(end) => Instant::now() < end,
            Kept::Not => false,
        };
        in_time && !self.retired.load(Ordering::Relaxed)
    }
}

/// The AWS role, and the clock that dates what it signs.
struct Role {
    identity: Arc<dyn AwsIdentity>,
    clock: Arc<dyn Clock + Send + Sync>,
}

/// The source of access tokens.
pub(crate) struct Tokens<S> {
    http: reqwest::Client,
    exchange_url: Url,
    /// Whom proofs of the AWS role are made out to: the issuer's address, without a slash at its end.
    issuer: String,
    /// What the tokens are for: the API's address, without a slash at its end.
    audience: String,
    secrets: S,
    secret_id: String,
    capabilities: Vec<Capability>,
    role: Option<Role>,
    counters: Arc<Counters>,
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
    pub(crate) fn new(
        http: reqwest::Client,
        endpoints: &Endpoints,
        secrets: S,
        secret_id: String,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            http,
            exchange_url: under(&endpoints.issuer, "/sts/exchange"),
            issuer: endpoints.issuer.as_str().trim_end_matches('/').to_owned(),
            audience: endpoints.api.as_str().trim_end_matches('/').to_owned(),
            secrets,
            secret_id,
            capabilities: CAPABILITIES.to_vec(),
            role: None,
            counters,
            held: SingleFlight::default(),
        }
    }

    pub(crate) fn with_capabilities(self, capabilities: Vec<Capability>) -> Self {
        Self { capabilities, ..self }
    }

    pub(crate) fn with_aws_identity(self, identity: Arc<dyn AwsIdentity>, clock: Arc<dyn Clock + Send + Sync>) -> Self {
        Self { role: Some(Role { identity, clock }), ..self }
    }
}

impl<S: ReadSecret + Send + Sync> Tokens<S> {
    /// A token, and another one than was `refused`. Calls that want one at the same time share it, so that many refusals
    /// lead to one exchange.
    ///
    /// The secret is asked for every time, and answers from what its reader remembers: that is how a credential that
    /// was changed is used within the reader's minute. While the secret cannot be read, the token that is there serves on.
    pub(crate) async fn get(&self, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, ChainguardError> {
        let text = self.secrets.read_secret(&self.secret_id).await.map_err(|error| no_credential(&error));
        let source = text.as_ref().ok().map(|text| Digest::of(text.as_bytes()));
        let usable = |held: &Arc<Token>| {
            held.is_to_be_kept()
                && source.is_none_or(|source| source == held.source)
                && refused.is_none_or(|refused| !Arc::ptr_eq(held, refused))
        };
        self.held.get(usable, async { self.obtain(&text?).await.map(Arc::new) }).await
    }

    /// Whether the credential is a token that is stored, which nobody but a person can renew.
    pub(crate) async fn is_stored(&self) -> Result<bool, ChainguardError> {
        let text = self.secrets.read_secret(&self.secret_id).await.map_err(|error| no_credential(&error))?;
        Ok(matches!(Credential::parse(&text)?, Credential::Token { .. }))
    }

    /// Does what the secret's text says.
    async fn obtain(&self, text: &str) -> Result<Token, ChainguardError> {
        let source = Digest::of(text.as_bytes());
        let (identity, proof, cap) = match Credential::parse(text)? {
            Credential::Unconfigured {} => return Err(ChainguardError::Credential(HOW_TO_CONFIGURE.to_owned())),
            Credential::Token { token } => {
                return Ok(Token::new(token, source, Instant::now(), Kept::WhileStored));
            }
            Credential::Exchange { identity, token, cap } => (identity, token, cap),
            Credential::AwsWebIdentity { identity, cap } => {
                let role = self.role("aws-web-identity")?;
                let proof = role.identity.web_identity_token(&self.issuer).await;
                let proof = proof.map_err(|error| no_credential(&error))?;
                let proof = Secret::new(&proof).ok_or_else(|| {
                    ChainguardError::Unavailable("AWS vouched for the role without a token".to_owned())
                })?;
                (identity.to_string(), proof, cap)
            }
            Credential::AwsSignedRequest { identity, cap } => {
                let role = self.role("aws-signed-request")?;
                let credentials = role.identity.credentials().await.map_err(|error| no_credential(&error))?;
                let proof = signed_request(credentials, &self.issuer, &identity, role.clock.now())
                    .map_err(|error| ChainguardError::Credential(error.to_string()))?;
                (identity.to_string(), proof, cap)
            }
        };
        self.exchange(&identity, &proof, cap, source).await
    }

    fn role(&self, kind: &str) -> Result<&Role, ChainguardError> {
        self.role.as_ref().ok_or_else(|| {
            ChainguardError::Credential(format!(
                "its secret is of the kind `{kind}`, for which the process would have to know its AWS role"
            ))
        })
    }

    /// Exchanges another issuer's token, or what stands for one. A JSON body would be ignored, so it is a form (FACTS
    /// §4.2).
    async fn exchange(
        &self,
        identity: &str,
        proof: &Secret,
        cap: Option<Vec<String>>,
        source: Digest,
    ) -> Result<Token, ChainguardError> {
        let own = || self.capabilities.iter().map(|capability| capability.as_str().to_owned()).collect();
        let cap = cap.unwrap_or_else(own);
        let mut form = vec![("aud", self.audience.as_str()), ("identity", identity)];
        form.extend(cap.iter().map(|capability| ("cap", capability.as_str())));
        let request = self.http.post(self.exchange_url.clone()).bearer_auth(proof.expose()).form(&form);
        self.counters.count_exchange();
        let sent = Instant::now();
        let answer = send("exchange the token", request, &self.counters).await.map_err(refused_by_the_issuer)?;
        let exchanged: Exchanged = answer.decode()?;
        let secret = Secret::new(&exchanged.token)
            .ok_or_else(|| ChainguardError::Unavailable("the token exchange answered without a token".to_owned()))?;
        let kept = lifetime(&exchanged.expiry, answer.date).and_then(|lifetime| keep_until(sent, lifetime));
        Ok(Token::new(secret, source, sent, kept.map_or(Kept::Not, Kept::Until)))
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

    fn token(kept: Kept) -> Token {
        Token::new(Secret::new("hush").unwrap(), Digest::of(b""), Instant::now(), kept)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_until_its_time_and_a_stored_one_while_it_is_stored() {
        let hour = Duration::from_hours(1);
        let exchanged = token(Kept::Until(Instant::now() + hour));
        let stored = token(Kept::WhileStored);
        assert!(exchanged.is_to_be_kept() && stored.is_to_be_kept() && !token(Kept::Not).is_to_be_kept());
        tokio::time::advance(hour).await;
        assert!(!exchanged.is_to_be_kept() && stored.is_to_be_kept());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_right_ends_an_exchanged_token_that_is_not_new() {
        let exchanged = token(Kept::Until(Instant::now() + Duration::from_hours(1)));
        let stored = token(Kept::WhileStored);
        exchanged.retire();
        assert!(exchanged.is_to_be_kept());
        tokio::time::advance(KNOWS_ITS_RIGHTS).await;
        exchanged.retire();
        stored.retire();
        assert!(!exchanged.is_to_be_kept() && stored.is_to_be_kept());
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

//! The authorizer: verifies bearer tokens against the trusted issuers and hands its verdict to the functions.
//!
//! It lets every call through. An HTTP API turns an authorizer's "no" into a bare 403, so it is the functions that
//! refuse: with the reason that is handed to them here, or because nobody was vouched for.

mod bearer;
mod claims;
mod issuer;
mod refusal;
mod verdict;
mod verifier;

use aws::configuration::Configuration;
use domain::ports::Clock;
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::jwt::{FetchKeys, HttpKeys};

pub use self::bearer::AuthorizerEvent;
pub use self::verdict::Verdict;
use self::verifier::{NotVerified, Verifier};

/// The function.
pub struct Authorizer {
    verifier: Verifier<HttpKeys, SystemClock>,
}

impl Function for Authorizer {
    type Event = AuthorizerEvent;
    type Output = Verdict;

    const NAME: &'static str = "authorizer";

    fn from_environment(environment: &Environment, _aws: &Configuration) -> Result<Self, ConfigurationError> {
        let issuers = issuer::trusted_issuers(environment)?;
        Ok(Self { verifier: Verifier::new(issuers, HttpKeys::new()?, SystemClock) })
    }

    async fn handle(&self, event: AuthorizerEvent) -> Result<Verdict, Error> {
        authorize(&self.verifier, &event).await
    }
}

/// The verdict on a call. An error, and so a 500, only if the token cannot be judged.
async fn authorize<F: FetchKeys, C: Clock>(
    verifier: &Verifier<F, C>,
    event: &AuthorizerEvent,
) -> Result<Verdict, Error> {
    match verifier.verify(event).await {
        Ok(principal) => Ok(Verdict::vouching_for(&principal)),
        Err(NotVerified::Refused(refusal)) => {
            let kind = refusal.problem_type().slug();
            tracing::info!(function = Authorizer::NAME, refusal = kind, detail = %refusal, "refused a token: {kind}");
            Ok(Verdict::refusing(&refusal))
        }
        Err(NotVerified::KeysUnavailable(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;

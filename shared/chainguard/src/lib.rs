//! Client of Chainguard's platform API: what the domain's ports ask of Chainguard, over REST and GraphQL.
//!
//! The project's fact sheet (`chainguard/FACTS.md`) is where paths, spellings and error codes come from. Three oddities
//! of the platform shape the code:
//!
//! * It ignores what it does not know, query keys and members alike. A filter that it ignored looks like an answer to a
//!   wider question, so name and parent of whatever comes back are compared again.
//! * What an error means is in the body's gRPC code, not in the HTTP status: `error` decides.
//! * A call that fails half-way may have acted. Nothing here guesses: such a call is `Unavailable`, it is repeated, and
//!   a repository that is then found to exist is `AlreadyExists` for the caller to recognise.

mod call;
mod catalog;
mod credential;
mod entitlement;
mod error;
mod organization;
mod repositories;
mod retry;
mod single_flight;
mod tags;
mod token;
mod uidp;
mod wire;

use domain::image::Organization;
use url::Url;

pub use crate::retry::Backoff;
use crate::single_flight::SingleFlight;
use crate::token::Tokens;
use crate::uidp::Uidp;

/// Where Chainguard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The platform API, `https://console-api.enforce.dev`. Tokens are asked for with this address as their audience, a
    /// slash at its end left out.
    pub api: Url,
    /// The token issuer, `https://issuer.enforce.dev`.
    pub issuer: Url,
    /// The catalog's GraphQL endpoint, `https://data.chainguard.dev/query`; whoever has none cannot fetch the catalog.
    pub catalog: Option<Url>,
}

/// Chainguard, as one organisation sees it. To be kept for the process's life: it remembers the organisation's id and
/// the access token.
///
/// A call is repeated after the pauses of [`Backoff`] while Chainguard is unavailable: a Chainguard that does not answer at
/// all is told after four timeouts of the HTTP client and seven seconds. The first call also looks up the organisation,
/// which is a call of its own.
pub struct Chainguard<S> {
    http: reqwest::Client,
    endpoints: Endpoints,
    organization: Organization,
    organization_id: SingleFlight<Uidp>,
    tokens: Tokens<S>,
    backoff: Backoff,
}

impl<S> Chainguard<S> {
    /// A client that reads its credential from the secret `secret_id` when it first needs it. Does no I/O.
    ///
    /// `http` needs a timeout, and must not follow redirects: tokens go out with it.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        endpoints: Endpoints,
        organization: Organization,
        secrets: S,
        secret_id: String,
    ) -> Self {
        Self {
            tokens: Tokens::new(http.clone(), &endpoints, secrets, secret_id),
            http,
            endpoints,
            organization,
            organization_id: SingleFlight::default(),
            backoff: Backoff::default(),
        }
    }

    /// The same client with other pauses between attempts.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }
}

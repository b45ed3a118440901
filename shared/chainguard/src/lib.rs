//! Client of Chainguard's platform API: what the domain's ports ask of Chainguard, over REST and GraphQL, and what
//! operating it asks besides.
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
mod capability;
mod catalog;
mod credential;
mod deadline;
mod entitlement;
mod error;
mod organization;
mod repositories;
mod retry;
mod signed_request;
mod single_flight;
mod statistics;
mod subscriptions;
mod sync;
mod tags;
mod token;
mod uidp;
mod who_am_i;
mod wire;

use std::sync::Arc;

use domain::image::Organization;
use domain::ports::{AwsIdentity, Clock};
use url::Url;

pub use crate::capability::Capability;
pub use crate::deadline::with_deadline;
pub use crate::entitlement::{
    Allowance, EffectiveEntitlement, EntitledImage, EntitlementRecord, EntitlementSummary, TierQuota,
};
pub use crate::organization::Group;
pub use crate::retry::Backoff;
use crate::single_flight::SingleFlight;
use crate::statistics::Counters;
pub use crate::statistics::Statistics;
pub use crate::subscriptions::Subscription;
pub use crate::sync::{SyncState, SyncStatus};
pub use crate::tags::{Tag, TagSummary};
use crate::token::Tokens;
use crate::uidp::Uidp;
pub use crate::who_am_i::{GrantedRole, WhoAmI};

/// Where Chainguard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The platform API, `https://console-api.enforce.dev`. Tokens are asked for with this address as their audience, a
    /// slash at its end left out.
    pub api: Url,
    /// The token issuer, `https://issuer.enforce.dev`. What proves an AWS role is made out to this address, a slash at
    /// its end left out.
    pub issuer: Url,
    /// The catalog's GraphQL endpoint, `https://data.chainguard.dev/query`, or a file in its place,
    /// `file:///opt/catalog.json`; whoever has none cannot fetch the catalog.
    pub catalog: Option<Url>,
}

/// Chainguard, as one organisation sees it. To be kept for the process's life: it remembers the organisation's id and
/// the access token, and keeps connections open.
///
/// A call is repeated after the pauses of [`Backoff`] while Chainguard is unavailable: a Chainguard that does not answer at
/// all is told after four timeouts of the HTTP client and seven seconds, or at the deadline of [`with_deadline`]. The
/// first call also looks up the organisation, which is a call of its own.
///
/// A credential that is stored in the secret's place is used by the next call after the secret's reader has seen it,
/// which [`ReadSecret`](domain::ports::ReadSecret) promises within a minute.
pub struct Chainguard<S> {
    http: reqwest::Client,
    endpoints: Endpoints,
    organization: Organization,
    organization_id: SingleFlight<Uidp>,
    tokens: Tokens<S>,
    backoff: Backoff,
    counters: Arc<Counters>,
}

impl<S> Chainguard<S> {
    /// A client that reads its credential from the secret `secret_id` when it first needs it. Does no I/O.
    ///
    /// `http` needs a timeout, and must not follow redirects: tokens go out with it.
    ///
    /// Its tokens are narrowed to what adding an image takes; see [`with_capabilities`](Self::with_capabilities). A
    /// secret that names a way by the function's AWS role is refused until
    /// [`with_aws_identity`](Self::with_aws_identity) gives it one.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        endpoints: Endpoints,
        organization: Organization,
        secrets: S,
        secret_id: String,
    ) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            tokens: Tokens::new(http.clone(), &endpoints, secrets, secret_id, Arc::clone(&counters)),
            http,
            endpoints,
            organization,
            organization_id: SingleFlight::default(),
            backoff: Backoff::default(),
            counters,
        }
    }

    /// The same client with other pauses between attempts.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// The same client with tokens that allow no more than this; for an empty list, all that the identity may do. A
    /// secret that names capabilities itself, as an exchange may, has the last word.
    #[must_use]
    pub fn with_capabilities(self, capabilities: impl IntoIterator<Item = Capability>) -> Self {
        Self { tokens: self.tokens.with_capabilities(capabilities.into_iter().collect()), ..self }
    }

    /// The same client, able to prove the AWS role that it runs as. `clock` dates the proof: Chainguard takes one that
    /// is fifteen minutes old or five ahead.
    #[must_use]
    pub fn with_aws_identity(
        self,
        identity: impl AwsIdentity + 'static,
        clock: impl Clock + Send + Sync + 'static,
    ) -> Self {
        Self { tokens: self.tokens.with_aws_identity(Arc::new(identity), Arc::new(clock)), ..self }
    }

    /// What has been counted since the client was made.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.counters.read()
    }
}

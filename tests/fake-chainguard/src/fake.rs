//! The fake itself: what holds it together, how it is served, and how a request finds its call.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State as Shared},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
    routing,
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    aws::AwsRole,
    calls::{Call, Calls},
    control, entitlements,
    events::{self, Delivery, Event},
    faults::{Faults, suffer},
    graphql,
    groups::{self, OTHER_ORGANIZATION},
    journal::{Change, OpenError},
    keys::{KeyError, SigningKey},
    options::{Entitlement, Options},
    query::Query,
    repos, repos_v2,
    repository::{Repository, Source},
    routing::{Matched, Route, find},
    state::{State, StateError},
    status::Status,
    sts,
    subscriptions::{self, Subscription},
    tags,
    time::{after, now},
    tokens::{Grant, Tokens},
    uidp,
};

/// The gateway's default limit for a message, 4 MiB.
const BODY_MAX: usize = 4 << 20;

/// Chainguard's own addresses, which a token may name whatever address the fake has.
const API: &str = "https://console-api.enforce.dev";
const ISSUER: &str = "https://issuer.enforce.dev";

/// What reading entitlements needs.
const ENTITLEMENTS: &str = "registry.entitlements.list";

/// A stand-in for Chainguard's platform API. Clones are the same fake.
#[derive(Clone, Debug)]
pub struct FakeChainguard {
    inner: Arc<Inner>,
}

/// What the calls work on.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) tokens: Tokens,
    state: Mutex<State>,
    faults: Faults,
    calls: Calls,
    /// Where the fake is served.
    address: OnceLock<String>,
    /// A key that looks like the issuer's and is not.
    foreign_key: LazyKey,
    aws_key: LazyKey,
}

/// Made when it is first needed: most tests need none, and an RSA key takes a while.
type LazyKey = OnceLock<Result<SigningKey, KeyError>>;

/// The issuer's key, of all fakes of a process: a test that needs hundreds of fakes has not the time for hundreds of keys.
/// What a fake's token is good for is decided by what that fake remembers.
static ISSUER_KEY: LazyKey = OnceLock::new();

/// An event was not delivered to anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to deliver the event: {0}")]
pub struct DeliveryError(String);

impl Inner {
    /// The state, locked. Nothing waits while it is held, and each call does all of its work in one hold.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `iss` of what the fake signs.
    pub(crate) fn issuer(&self) -> String {
        self.options.issuer.as_ref().or_else(|| self.address.get()).map_or_else(|| ISSUER.to_owned(), Clone::clone)
    }

    /// Whether `address` is the issuer's, its real one included.
    pub(crate) fn is_issuer(&self, address: &str) -> bool {
        address == ISSUER || address == self.issuer()
    }

    pub(crate) fn foreign_key(&self) -> Result<&SigningKey, Status> {
        lazy(&self.foreign_key, || SigningKey::rs256("fake"))
    }

    pub(crate) fn aws_key(&self) -> Result<&SigningKey, Status> {
        lazy(&self.aws_key, || SigningKey::es384("fake-aws"))
    }

    /// Who is calling, or 401: the token must be good, and for this API.
    fn grant(&self, headers: &HeaderMap) -> Result<Grant, Status> {
        let grant = self.tokens.check(headers, &self.issuer(), now())?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_ours = |audience: &String| {
            audience == API
                || audience.strip_prefix("http://").or_else(|| audience.strip_prefix("https://")) == Some(host)
        };
        match &grant.audience {
            Some(audience) if !audience.iter().any(is_ours) => {
                Err(Status::unauthenticated("the token is for another audience"))
            }
            Some(_) | None => Ok(grant),
        }
    }
}

/// The key that the issuer signs with.
pub(crate) fn issuer_key() -> Result<&'static SigningKey, Status> {
    lazy(&ISSUER_KEY, || SigningKey::rs256("fake"))
}

fn lazy(key: &LazyKey, make: impl FnOnce() -> Result<SigningKey, KeyError>) -> Result<&SigningKey, Status> {
    key.get_or_init(make).as_ref().map_err(|error| Status::internal(error.clone()))
}

impl FakeChainguard {
    /// A fake that forgets everything with the process.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let state = State::volatile(options.entitlement.clone());
        Self::with(options, state)
    }

    /// A fake whose repositories survive the process, killed or not. The file is made if it is not there; its folder is
    /// not. It is to be opened once at a time. Tokens, faults and calls are not kept.
    pub fn open(options: Options, state_file: PathBuf) -> Result<Self, OpenError> {
        let state = State::open(options.entitlement.clone(), state_file)?;
        Ok(Self::with(options, state))
    }

    fn with(options: Options, state: State) -> Self {
        let inner = Inner {
            tokens: Tokens::new(options.token.clone()),
            options,
            state: Mutex::new(state),
            faults: Faults::default(),
            calls: Calls::default(),
            address: OnceLock::new(),
            foreign_key: OnceLock::new(),
            aws_key: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Everything the fake serves, for a server of axum's own.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/_fake/state", routing::get(control::state))
            .route("/_fake/faults", routing::put(control::put_faults).delete(control::delete_faults))
            .route("/_fake/events", routing::post(control::post_event))
            .fallback(platform)
            .with_state(self.clone())
    }

    /// Serves until `shutdown` is done, and then until the calls under way are answered.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let address = format!("http://{}", listener.local_addr()?);
        // A clone may be served already: the first address stays the issuer's.
        self.inner.address.get_or_init(|| address);
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    /// All repositories, by id: the organization's and those of others that its token can see.
    #[must_use]
    pub fn repositories(&self) -> Vec<Repository> {
        self.inner.state().all().cloned().collect()
    }

    /// All subscriptions to events, by id.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.inner.state().subscriptions().cloned().collect()
    }

    /// Delivers an event to every subscription, one after the other, and says how that went. Nothing is delivered again
    /// by itself.
    pub async fn deliver(&self, event: Event) -> Result<Vec<Delivery>, DeliveryError> {
        events::deliver(&self.inner, event).await.map_err(|status| DeliveryError(status.message().to_owned()))
    }

    /// A token in which AWS vouches for the role to `audience`: what `GetWebIdentityToken` would give. `None` if the
    /// options have no role, or there is no randomness.
    #[must_use]
    pub fn aws_web_identity_token(&self, audience: &str, lifetime: Duration) -> Option<String> {
        let role = self.inner.options.aws.as_ref()?;
        let issued = now();
        let claims = json!({
            "iss": AwsRole::ISSUER,
            "aud": audience,
            "sub": role.role_arn(),
            "iat": issued.as_second(),
            "exp": after(issued, lifetime).as_second(),
        });
        self.inner.aws_key().ok()?.sign(&claims).ok()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The last calls, oldest first: a thousand at most.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.calls.remembered()
    }

    /// How often `route` has been called, faults included.
    #[must_use]
    pub fn count_calls(&self, route: Route) -> u64 {
        self.inner.calls.count(route)
    }

    /// Waits until `count` calls of `route` have been settled since the fake was made: all has been done that they do, and
    /// what is left is the answer, or the wait for one. Nothing of an answer has been sent when the count goes up, so
    /// whoever stops their client at this moment stops it before it has learnt anything.
    pub async fn until_settled(&self, route: Route, count: u64) {
        self.inner.calls.until_settled(route, count).await;
    }

    /// What is still to go wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Changes what the organization has bought, for all calls from here on.
    pub fn set_entitlement(&self, entitlement: Entitlement) {
        self.inner.state().entitlement = entitlement;
    }

    /// Makes every token that the fake's STS has issued as bad as an expired one.
    pub fn revoke_tokens(&self) {
        self.inner.tokens.revoke();
    }

    /// Puts a repository into the organization that somebody else made. Where the catalog has an image of the name, it
    /// syncs from it.
    pub fn seed_repository(&self, name: &str, description: &str) -> Result<Repository, StateError> {
        self.seed(&self.inner.options.organization_id, name, description)
    }

    /// Puts a repository into an organization that is not the caller's but that its token can see: what a list without
    /// a filter shows as well.
    pub fn seed_repository_of_another_organization(&self, name: &str) -> Result<Repository, StateError> {
        self.seed(OTHER_ORGANIZATION, name, "")
    }

    /// Takes a repository of the organization away, and says whether it was there.
    pub fn delete_repository(&self, name: &str) -> Result<bool, StateError> {
        let mut state = self.inner.state();
        let found = state.by_name(&self.inner.options.organization_id, name).map(|found| found.id.clone());
        match found {
            None => Ok(false),
            Some(id) => state.commit(Change::Deleted { id }).map(|()| true),
        }
    }

    fn seed(&self, parent: &str, name: &str, description: &str) -> Result<Repository, StateError> {
        let mut state = self.inner.state();
        if state.by_name(parent, name).is_some() {
            return Err(StateError::Exists(name.to_owned()));
        }
        let mut repository = repos::blank(uidp::random_child(parent)?, now());
        name.clone_into(&mut repository.name);
        description.clone_into(&mut repository.description);
        if let Some(image) = self.inner.options.catalog.image(name) {
            repository.inherit(image);
            repository.source = Some(Source::of(image));
        }
        state.commit(Change::Created { repository: repository.clone() })?;
        Ok(repository)
    }
}

/// A request to the platform.
async fn platform(Shared(fake): Shared<FakeChainguard>, request: Request) -> Response {
    let inner = &fake.inner;
    let (parts, body) = request.into_parts();
    let matched = find(&parts.method, parts.uri.path());
    let route = matched.as_ref().ok().map(|matched| matched.route);
    let number = inner.calls.arrived(route, &parts.method, &parts.uri);
    let fault = route.and_then(|route| inner.faults.take(route));
    let outcome = suffer(fault, answer(inner, matched, parts, body), || inner.calls.settled(route)).await;
    inner.calls.answered(number, outcome.status());
    outcome.into_response()
}

async fn answer(fake: &Inner, matched: Result<Matched, Status>, parts: Parts, body: Body) -> Response {
    let matched = match matched {
        Ok(matched) => matched,
        Err(status) => return status.into_response(),
    };
    match body::to_bytes(body, BODY_MAX).await {
        Ok(body) => call(fake, &matched, &parts, &body).unwrap_or_else(Status::into_response),
        Err(error) => Status::invalid_argument(error.to_string()).into_response(),
    }
}

/// Does what a call asks for. That a token is checked before the arguments is the fake's own choice.
fn call(fake: &Inner, matched: &Matched, parts: &Parts, body: &[u8]) -> Result<Response, Status> {
    let Matched { route, parameter } = matched;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let grant = || fake.grant(&parts.headers);
    // Each call needs its capability, lists too: without it there is nothing that they may show.
    let may = |capability| grant().and_then(|grant| grant.may(capability));
    match route {
        Route::Ping => Ok(sts::ping()),
        Route::StsExchange => sts::exchange(fake, &parts.headers, query, body),
        Route::OpenIdConfiguration => sts::configuration(fake),
        Route::Jwks => sts::jwks(),
        Route::GraphqlCatalog => Ok(graphql::query(fake, &parts.headers, body)),
        Route::AuthOk => grant().map(|grant| sts::who_am_i(fake, &grant)),
        Route::CreateRepo => may("repo.create").and_then(|()| repos::create(fake, parameter, &query, body)),
        Route::UpdateRepo => may("repo.update").and_then(|()| repos::update(fake, parameter, body)),
        Route::DeleteRepo => may("repo.delete").and_then(|()| repos::delete(fake, parameter)),
        Route::ListRepos => may("repo.list").and_then(|()| repos::list(fake, &query)),
        Route::SyncStatus => may("repo.list").and_then(|()| repos::sync_status(fake, parameter)),
        Route::ListTags => may("tag.list").and_then(|()| tags::list(fake, &query)),
        Route::TagSummary => may("tag.list").and_then(|()| tags::summary(fake, parameter)),
        Route::ListEntitlements => may(ENTITLEMENTS).and_then(|()| entitlements::list(fake, parameter)),
        Route::EntitlementImages => may(ENTITLEMENTS).and_then(|()| entitlements::images(fake, parameter)),
        Route::EntitlementCatalogImages => {
            may(ENTITLEMENTS).and_then(|()| entitlements::catalog_images(fake, parameter))
        }
        Route::EntitlementSummary => may(ENTITLEMENTS).and_then(|()| entitlements::summary(fake, parameter)),
        Route::Effective => may(ENTITLEMENTS).and_then(|()| entitlements::effective(fake, parameter)),
        Route::AddImages => {
            may("registry.entitlements.images.add").and_then(|()| entitlements::add_images(fake, parameter, body))
        }
        Route::ListReposV2 => may("repo.list").and_then(|()| repos_v2::list(fake, &query)),
        Route::GetRepoV2 => may("repo.list").and_then(|()| repos_v2::get(fake, parameter)),
        Route::Groups => may("groups.list").and_then(|()| groups::list(fake, &query)),
        Route::CreateSubscription => {
            may("subscriptions.create").and_then(|()| subscriptions::create(fake, parameter, body))
        }
        Route::ListSubscriptions => may("subscriptions.list").and_then(|()| subscriptions::list(fake, &query)),
        Route::DeleteSubscription => may("subscriptions.delete").and_then(|()| subscriptions::delete(fake, parameter)),
    }
}

//! The fake itself: what holds it together, how it is served, and how a request finds its call.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{self, Body},
    extract::{Request, State as Shared},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing,
};
use tokio::net::TcpListener;

use crate::{
    calls::{Call, Calls},
    control, entitlements,
    faults::{Faults, suffer},
    graphql,
    groups::{self, OTHER_ORGANIZATION},
    journal::{Change, OpenError},
    options::{Entitlement, Options},
    query::Query,
    repos, repos_v2,
    repository::{Repository, Source},
    routing::{Matched, Route, find},
    state::{State, StateError},
    status::Status,
    sts, tags,
    time::now,
    tokens::Tokens,
    uidp,
};

/// The gateway's default limit for a message, 4 MiB.
const BODY_MAX: usize = 4 << 20;

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
}

impl Inner {
    /// The state, locked. Nothing waits while it is held, and each call does all of its work in one hold.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        };
        Self { inner: Arc::new(inner) }
    }

    /// Everything the fake serves, for a server of axum's own.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/_fake/state", routing::get(control::state))
            .route("/_fake/faults", routing::put(control::put_faults).delete(control::delete_faults))
            .fallback(platform)
            .with_state(self.clone())
    }

    /// Serves until `shutdown` is done, and then until the calls under way are answered.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    /// All repositories, by id: the organization's and those of others that its token can see.
    #[must_use]
    pub fn repositories(&self) -> Vec<Repository> {
        self.inner.state().all().cloned().collect()
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
    let outcome = suffer(fault, answer(inner, matched, parts, body)).await;
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
    let granted = || fake.tokens.check(&parts.headers, now());
    match route {
        Route::Ping => Ok(sts::ping()),
        Route::StsExchange => sts::exchange(fake, &parts.headers, query, body),
        Route::GraphqlCatalog => Ok(graphql::query(fake, &parts.headers, body)),
        Route::AuthOk => granted().map(|grant| sts::who_am_i(fake, &grant)),
        Route::CreateRepo => granted().and_then(|_| repos::create(fake, parameter, &query, body)),
        Route::UpdateRepo => granted().and_then(|_| repos::update(fake, parameter, body)),
        Route::DeleteRepo => granted().and_then(|_| repos::delete(fake, parameter)),
        Route::ListRepos => granted().and_then(|_| repos::list(fake, &query)),
        Route::SyncStatus => granted().and_then(|_| repos::sync_status(fake, parameter)),
        Route::ListTags => granted().and_then(|_| tags::list(fake, &query)),
        Route::TagSummary => granted().and_then(|_| tags::summary(fake, parameter)),
        Route::ListEntitlements => granted().and_then(|_| entitlements::list(fake, parameter)),
        Route::EntitlementImages => granted().and_then(|_| entitlements::images(fake, parameter)),
        Route::EntitlementCatalogImages => granted().and_then(|_| entitlements::catalog_images(fake, parameter)),
        Route::EntitlementSummary => granted().and_then(|_| entitlements::summary(fake, parameter)),
        Route::Effective => granted().and_then(|_| entitlements::effective(fake, parameter)),
        Route::ListReposV2 => granted().and_then(|_| repos_v2::list(fake, &query)),
        Route::GetRepoV2 => granted().and_then(|_| repos_v2::get(fake, parameter)),
        Route::Groups => granted().and_then(|_| groups::list(fake, &query)),
    }
}

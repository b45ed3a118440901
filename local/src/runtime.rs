//! Puts everything together: the template says what there is, the parts of this crate stand for AWS.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws::configuration::Configuration;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use fake_chainguard::FakeChainguard;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::bus::Bus;
use crate::calls::Calls;
use crate::data_folder::{DataFolder, STAND_IN_STATE};
use crate::endpoint::{self, Endpoint};
use crate::functions::Functions;
use crate::gateway::{self, Gateway};
use crate::options::Options;
use crate::pages::{self, Pages};
use crate::people::{AUDIENCE, Issuer};
use crate::state::State;
use crate::template::{POLICY_LAYER, System, TargetKind, Template};
use crate::{queues, schedules, secrets, stand_in, streams, tables};

/// The template that is deployed.
pub const TEMPLATE: &str = include_str!("../../infra/template.yaml");

/// Where the development issuer is, below the API's address.
const ISSUER_PATH: &str = "/_local/issuer";

/// Where the template's functions look for the policy that replaces the default one.
const POLICY_PATH: &str = "/opt/policy.yaml";

/// How often items are removed whose time has passed.
const EXPIRY_PAUSE: Duration = Duration::from_mins(1);

/// The running system.
pub struct Runtime {
    base_url: String,
    data: DataFolder,
    state: Arc<State>,
    issuer: Arc<Issuer>,
    calls: Calls,
    chainguard: Chainguard,
    dead_letter_queues: Vec<String>,
    dynamodb_endpoint: String,
    system: System,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    /// Removed when the runtime is dropped.
    _temporary: Option<tempfile::TempDir>,
}

impl Runtime {
    /// Starts everything; returns when the API answers and the catalog is there. `progress` is told what is waited for.
    pub async fn start(options: &Options, progress: impl Fn(&str)) -> anyhow::Result<Self> {
        progress("opening the data folder");
        let temporary = options.ephemeral.then(tempfile::tempdir).transpose()?;
        let data_dir = temporary.as_ref().map_or_else(|| options.data_dir.clone(), |folder| folder.path().to_owned());
        let data = DataFolder::open(&data_dir)?;
        data.belong_to(options.chainguard_url.as_ref().map(base_of).as_deref())?;
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("failed to listen on {}; choose another address with --listen", options.listen))?;
        let address = listener.local_addr()?;
        let base_url = format!("http://{}", reachable(address));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();

        let chainguard = Chainguard::start(options, &data, &stop, &mut tasks).await?;
        let issuer = Arc::new(Issuer::open(&data.path().join("issuer.pk8"), format!("{base_url}{ISSUER_PATH}"))?);

        progress("reading the template");
        let mut system = Template::parse(TEMPLATE)?.resolve(&parameters(options))?;
        settle_environment(&mut system, options, &Addresses::new(&base_url, &chainguard))?;
        let dead_letter_queues = dead_letter_queues(&system);

        progress("opening the store");
        let state = Arc::new(State::open(&data.file("runtime.sqlite")?)?);
        let database = tables::open(&data.file("dynamodb.sqlite")?, &system.tables)?;
        let (store_listener, dynamodb_endpoint) = loopback().await?;
        let store = database.clone();
        let until_stop = stop.clone().cancelled_owned();
        tasks.spawn(async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(store_listener, store, until_stop).await {
                tracing::error!(error, "the store stopped");
            }
        });

        let bus = Bus::new(Arc::clone(&state), &system, options.deliveries, options.late_by);
        let arrival = Arc::clone(&bus.arrival);
        let secrets_dir = data.path().join("secrets");
        let endpoint = Arc::new(Endpoint {
            bus,
            state: Arc::clone(&state),
            secrets: secrets::prepare(&secrets_dir, &system.secrets, chainguard.credential.as_deref(), &base_url)?,
            chainguard: chainguard.fake.clone(),
            archive: data.path().join("archive"),
            buckets: system.buckets.iter().map(|bucket| bucket.name.clone()).collect(),
        });
        let (aws_listener, aws_endpoint) = loopback().await?;
        serve(aws_listener, endpoint::router(endpoint), &stop, &mut tasks);

        let calls = Calls::default();
        let functions = Arc::new(Functions::new(&system.functions, |function| {
            configuration(&calls, function, &aws_endpoint, &dynamodb_endpoint)
                .with_secrets_kept_for(options.secrets_kept_for)
        })?);

        let gateway = Arc::new(Gateway { routes: system.routes.clone(), functions: Arc::clone(&functions) });
        let pages = Arc::new(Pages {
            state: Arc::clone(&state),
            issuer: Arc::clone(&issuer),
            dead_letter_queues: dead_letter_queues.clone(),
            calls: calls.clone(),
        });
        let router = axum::Router::new().fallback(gateway::serve).with_state(gateway).merge(pages::router(pages));
        serve(listener, router, &stop, &mut tasks);

        let parts = Parts { system: &system, functions: &functions, state: &state, stop: &stop };
        parts.follow_streams(&database, &mut tasks);
        parts.read_queues(&arrival, &mut tasks)?;
        progress(&format!("fetching the catalog from {}", chainguard.catalog));
        parts.keep_schedules(options.schedules_every, &progress, &mut tasks).await?;
        tasks.spawn(remove_expired(database, stop.clone()));

        Ok(Self {
            base_url,
            data,
            state,
            issuer,
            calls,
            chainguard,
            dead_letter_queues,
            dynamodb_endpoint,
            system,
            stop,
            tasks,
            _temporary: temporary,
        })
    }

    /// Where the API is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where the data is.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// What the runtime remembers.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The development issuer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Calls to AWS so far.
    #[must_use]
    pub const fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The stand-in for Chainguard, unless another address was given.
    #[must_use]
    pub const fn fake_chainguard(&self) -> Option<&FakeChainguard> {
        self.chainguard.fake.as_ref()
    }

    /// Where Chainguard is: the address that was given, or the stand-in's.
    #[must_use]
    pub fn chainguard_url(&self) -> &str {
        &self.chainguard.api
    }

    /// What the template describes.
    #[must_use]
    pub const fn system(&self) -> &System {
        &self.system
    }

    /// A way to AWS, as a function has it; calls are counted under `name`.
    #[must_use]
    pub fn configuration(&self, name: &str) -> Configuration {
        configuration(&self.calls, name, "http://127.0.0.1:9", &self.dynamodb_endpoint)
    }

    /// Whether every message has been dealt with, apart from dead letters.
    pub fn is_settled(&self) -> anyhow::Result<bool> {
        let mut aside: Vec<&str> = self.dead_letter_queues.iter().map(String::as_str).collect();
        let read = |queue: &&str| self.system.queue_sources.iter().any(|source| source.queue == **queue);
        aside.retain(|queue| !read(queue));
        let unread = self.system.queues.iter().map(|queue| queue.name.as_str());
        aside.extend(unread.filter(|queue| !read(queue)));
        Ok(self.state.messages_outside(&aside)? == 0)
    }

    /// Messages that nobody could deal with.
    pub fn dead_letters(&self) -> anyhow::Result<Vec<crate::state::DeadLetter>> {
        let queues: Vec<&str> = self.dead_letter_queues.iter().map(String::as_str).collect();
        Ok(self.state.dead_letters(&queues, 1000)?)
    }

    /// Ends everything and waits for what is under way.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What every event source needs.
struct Parts<'a> {
    system: &'a System,
    functions: &'a Arc<Functions>,
    state: &'a Arc<State>,
    stop: &'a CancellationToken,
}

impl Parts<'_> {
    fn follow_streams(&self, database: &dynoxide::Database, tasks: &mut JoinSet<()>) {
        for source in &self.system.streams {
            let source = streams::Source {
                source: source.clone(),
                functions: Arc::clone(self.functions),
                database: database.clone(),
                state: Arc::clone(self.state),
            };
            tasks.spawn(streams::run(source, self.stop.clone()));
        }
    }

    fn read_queues(&self, arrival: &Arc<Notify>, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
        for source in &self.system.queue_sources {
            let queue = self.system.queues.iter().find(|queue| queue.name == source.queue);
            let queue = queue.with_context(|| format!("the template has no queue {}", source.queue))?.clone();
            let source = queues::Source {
                source: source.clone(),
                queue,
                functions: Arc::clone(self.functions),
                state: Arc::clone(self.state),
                arrival: Arc::clone(arrival),
            };
            tasks.spawn(queues::run(source, self.stop.clone()));
        }
        Ok(())
    }

    async fn keep_schedules(
        &self,
        unit: Duration,
        progress: impl Fn(&str),
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<()> {
        for schedule in self.system.schedules.iter().filter(|schedule| schedule.enabled) {
            let function = self.system.functions.iter().find(|function| function.logical_id == schedule.function);
            let function = function.with_context(|| format!("the template has no function {}", schedule.function))?;
            // What runs seldom prepares what others need, the catalog above all: it is there before anybody asks. If it
            // cannot be had, the rest works without, and the schedule goes on trying.
            if schedule.every > SELDOM
                && let Err(error) = schedules::attempt(schedule, function, self.functions).await
            {
                progress(&format!("going on without, and trying again, because that failed: {error}"));
            }
            tasks.spawn(schedules::run(
                schedule.clone(),
                function.clone(),
                unit,
                Arc::clone(self.functions),
                Arc::clone(self.state),
                self.stop.clone(),
            ));
        }
        Ok(())
    }
}

/// Schedules beyond this are waited for at the start.
const SELDOM: Duration = Duration::from_mins(1);

/// The address as a client on this machine writes it.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}

async fn loopback() -> anyhow::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

fn serve(listener: TcpListener, router: axum::Router, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
    let until_stop = stop.clone().cancelled_owned();
    tasks.spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(until_stop).await {
            tracing::error!(%error, "a listener stopped");
        }
    });
}

/// Where Chainguard is.
struct Chainguard {
    fake: Option<FakeChainguard>,
    /// How the stand-in is signed in to, as the secret says it.
    credential: Option<String>,
    api: String,
    issuer: String,
    catalog: String,
}

impl Chainguard {
    async fn start(
        options: &Options,
        data: &DataFolder,
        stop: &CancellationToken,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Self> {
        if let Some(url) = &options.chainguard_url {
            return Ok(Self {
                fake: None,
                credential: None,
                api: base_of(url),
                // As Chainguard's own Terraform provider derives it.
                issuer: base_of(url).replace("console-api", "issuer"),
                catalog: "https://data.chainguard.dev/query".to_owned(),
            });
        }
        let mut fake_options = fake_chainguard::Options {
            organization_name: options.organization.clone(),
            aws: Some(stand_in::role()),
            entitlement: stand_in::entitlement(),
            ..Default::default()
        };
        let credential = stand_in::credential(&fake_options.organization_id);
        fake_options.identities = stand_in::identities(&fake_options.organization_id);
        if let Some(file) = &options.catalog {
            fake_options.catalog = fake_chainguard::Catalog::from_file(file)?;
        }
        let fake = FakeChainguard::open(fake_options, data.file(STAND_IN_STATE)?)?;
        let (listener, url) = loopback().await?;
        let (served, until_stop) = (fake.clone(), stop.clone().cancelled_owned());
        tasks.spawn(async move {
            if let Err(error) = served.serve(listener, until_stop).await {
                tracing::error!(%error, "the stand-in for Chainguard stopped");
            }
        });
        Ok(Self {
            fake: Some(fake),
            credential: Some(credential),
            catalog: format!("{url}/query"),
            issuer: url.clone(),
            api: url,
        })
    }
}

fn base_of(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// What the template takes for an address, which has to be https, and what stands for it on this machine.
struct Addresses(Vec<(&'static str, String)>);

impl Addresses {
    const PUBLIC: &'static str = "https://cgr-request.local";
    const API: &'static str = "https://chainguard-api.local";
    const ISSUER: &'static str = "https://chainguard-issuer.local";
    const CATALOG: &'static str = "https://chainguard-catalog.local/query";

    fn new(base_url: &str, chainguard: &Chainguard) -> Self {
        Self(vec![
            (Self::PUBLIC, base_url.to_owned()),
            (Self::API, chainguard.api.clone()),
            (Self::ISSUER, chainguard.issuer.clone()),
            (Self::CATALOG, chainguard.catalog.clone()),
        ])
    }

    fn put_into(&self, value: &mut String) {
        for (stand_in, address) in &self.0 {
            if value.contains(stand_in) {
                *value = value.replace(stand_in, address);
            }
        }
    }
}

fn parameters(options: &Options) -> BTreeMap<String, String> {
    let issuer = format!("{}{ISSUER_PATH}", Addresses::PUBLIC);
    let mut parameters = BTreeMap::from([
        ("Environment", "dev".to_owned()),
        ("Organization", options.organization.clone()),
        ("RepositoryLimit", options.repository_limit.to_string()),
        ("TrustedIssuers", json!([{"issuer": issuer, "audience": AUDIENCE}]).to_string()),
        ("PublicUrl", Addresses::PUBLIC.to_owned()),
        ("MailFrom", "cgr-request@acme.example".to_owned()),
        ("ChainguardApiUrl", Addresses::API.to_owned()),
        ("ChainguardIssuerUrl", Addresses::ISSUER.to_owned()),
        ("ChainguardCatalogUrl", Addresses::CATALOG.to_owned()),
    ]);
    if options.policy.is_some() {
        parameters.insert("PolicyLayerArn", POLICY_LAYER.to_owned());
    }
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What the template leaves to the place where it runs: addresses, and where the policy layer is unpacked.
fn settle_environment(system: &mut System, options: &Options, addresses: &Addresses) -> anyhow::Result<()> {
    let policy = match &options.policy {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
            domain::policy::Policy::from_yaml(&text).with_context(|| format!("in {}", path.display()))?;
            Some(std::path::absolute(path)?.to_string_lossy().into_owned())
        }
        None => None,
    };
    for function in &mut system.functions {
        for value in function.environment.values_mut() {
            match &policy {
                Some(path) if value == POLICY_PATH => value.clone_from(path),
                _ => addresses.put_into(value),
            }
        }
    }
    for rule in &system.rules {
        for target in &rule.targets {
            if let TargetKind::Function(function) = &target.kind {
                bail!("the rule {} invokes {function} directly; put a queue in between", rule.logical_id);
            }
        }
    }
    Ok(())
}

fn dead_letter_queues(system: &System) -> Vec<String> {
    let mut queues: Vec<String> = system
        .queues
        .iter()
        .filter_map(|queue| Some(queue.redrive.as_ref()?.dead_letter_queue.clone()))
        .chain(system.streams.iter().filter_map(|source| source.on_failure.clone()))
        .chain(system.functions.iter().filter_map(|function| function.on_failure.clone()))
        .chain(system.rules.iter().flat_map(|rule| &rule.targets).filter_map(|target| target.dead_letter_queue.clone()))
        .collect();
    queues.sort();
    queues.dedup();
    queues
}

fn configuration(calls: &Calls, function: &str, endpoint: &str, dynamodb_endpoint: &str) -> Configuration {
    // The loopback interface needs no TLS, and so no certificates.
    let http = aws_smithy_http_client::Builder::new().build_http();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(SharedCredentialsProvider::new(stand_in::credentials()))
        .endpoint_url(endpoint)
        .http_client(calls.client_of(function, http))
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .build();
    Configuration::with(sdk, Some(dynamodb_endpoint.to_owned()))
}

async fn remove_expired(database: dynoxide::Database, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_PAUSE) => {}
            () = stop.cancelled() => return,
        }
        let store = database.clone();
        let swept = tokio::task::spawn_blocking(move || store.sweep_ttl().map_err(|error| error.to_string())).await;
        if let Ok(Err(error)) = swept {
            tracing::error!(error, "failed to remove expired items");
        }
    }
}

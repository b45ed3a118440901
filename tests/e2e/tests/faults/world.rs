//! The real parts, put together: store, clock, processes of the provisioner that can die, the steward.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use aws::configuration::Configuration;
use aws::store::Store;
use chainguard::{Backoff, Chainguard, Endpoints};
use domain::capacity::{Places, RepositoryLimit};
use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::entitlement::{Entitlement, PlanKind};
use domain::envelope::Detail;
use domain::environment::Environment;
use domain::event::EventType;
use domain::execute::prepare;
use domain::id::RequestId;
use domain::image::RepositoryName;
use domain::journal::{self, Record};
use domain::lifecycle::{Command, Context};
use domain::person::{Person, Principal};
use domain::policy::{DEFAULT_POLICY, Policy};
use domain::ports::{
    ChainguardError, Clock, Commit, CommitError, CommitRequest, CountRepositories, CreateRepository, FindRepository,
    FindTag, LoadCatalog, LoadRequest, NewIds as _, PortError, PublishEvents, ReadEntitlement, ReadJournal as _,
    ReadPlaces, ReadSecret, SaveCatalog as _, StoredRequest,
};
use domain::request::{Channel, Draft, Failure, Lease, Phase, Submission};
use domain::text::{Justification, TeamName};
use domain::time::Timestamp;
use dynoxide::Database;
use fake_chainguard::{FakeChainguard, Route};
use lambda::catalog::CatalogCache;
use lambda::clock::RandomIds;
use lambda::function::Error;
use lambda::http_client;
use lambda::metrics::{Measure, Metric};
use local::options::Options;
use provisioner::provision::{Terms, provision};
use steward::sweep::sweep;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The image that is asked for unless the plan is in question; of the tier `BASE`.
pub(crate) const IMAGE: &str = "python";
/// An image of the tier `FIPS`, which the snapshot's plan does not include.
pub(crate) const IMAGE_NOT_INCLUDED: &str = "python-fips";

/// The longest wait for an answer where none is to be missed: a machine that is busy is no fault.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest wait for an answer where one is to be missed.
const IMPATIENCE: Duration = Duration::from_millis(1_500);
/// Between the attempts at a call: the real ones are 1 s, 2 s and 4 s.
const PAUSE: Duration = Duration::from_millis(5);

/// The store, the clock and who else has a hand in it. One for a whole test.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) policy: Policy,
    milliseconds: AtomicI64,
    patient: reqwest::Client,
    impatient: reqwest::Client,
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::SeqCst))
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        // For its tables and its way to AWS: its functions work on a database of their own.
        let quiet = Options { schedules_every: Duration::from_hours(1), ..Options::default() };
        let system = e2e::World::start_with(&quiet).await;
        let database = Database::memory().unwrap();
        for table in &system.runtime.system().tables {
            database.create_table(serde_json::from_value(table.create_table.clone()).unwrap()).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
        let configuration = system.runtime.configuration("faults");
        let configuration = Configuration::with(configuration.sdk().clone(), Some(endpoint));
        let tables = &system.runtime.system().tables;
        let [requests, journal] = ["RequestsTable", "JournalTable"]
            .map(|id| tables.iter().find(|table| table.logical_id == id).unwrap().name.clone());
        let start: Timestamp = "2026-11-23T08:00:00.000Z".parse().unwrap();
        let world = Self {
            store: Store::new(&configuration, requests, Some(journal)),
            policy: Policy::from_yaml(DEFAULT_POLICY).unwrap(),
            milliseconds: AtomicI64::new(start.as_millisecond()),
            patient: http_client::build(PATIENCE).unwrap(),
            impatient: http_client::build(IMPATIENCE).unwrap(),
        };
        system.runtime.stop().await;
        let images = [IMAGE, IMAGE_NOT_INCLUDED].map(image).to_vec();
        let plan = Entitlement {
            plan: "CATALOG".to_owned(),
            by: PlanKind::Tiers,
            tiers: vec![CatalogTier::Application, CatalogTier::Base],
            ..Entitlement::default()
        };
        let catalog = Catalog::of_images(start, images).with_entitlement(start, plan);
        world.store.save_catalog(&catalog).await.unwrap();
        world
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.milliseconds.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn context(&self) -> Context<'_> {
        Context { now: self.now(), policy: &self.policy }
    }

    /// A request that the policy approves, and the event that says so.
    pub(crate) async fn submit(&self, name: &str, asked: &str) -> (RequestId, Detail) {
        let draft = Draft {
            requester: principal("jane", "data-engineering").person,
            image: format!("{asked}:latest").parse().unwrap(),
            custom_name: Some(name.parse().unwrap()),
            justification: Some(Justification::new("ML pipeline").unwrap()),
            risk_assessment: None,
            team: TeamName::new("data-engineering").unwrap(),
            environment: Environment::Dev,
            channel: Channel::Api,
        };
        let id = RandomIds.request_id();
        let submission = Submission::assess(draft, &image(asked), &self.policy, id, self.now()).unwrap();
        let commit = prepare(None, Command::Submit(Box::new(submission)), &self.context()).unwrap();
        self.store.commit_request(&commit).await.unwrap();
        (id, announcement(&commit.records, EventType::Approved))
    }

    async fn carry_out(&self, id: RequestId, command: Command) -> Vec<Record> {
        let stored = self.load(id).await;
        let commit = prepare(Some(&stored), command, &self.context()).unwrap();
        self.store.commit_request(&commit).await.unwrap();
        commit.records
    }

    /// A provisioner takes the request up and is never heard of again; its lease lapses at this moment.
    pub(crate) async fn claim_and_die(&self, id: RequestId) {
        let lease = Lease::new("of-a-dead-provisioner".to_owned(), self.now());
        self.carry_out(id, Command::Claim { lease, vacancy: None }).await;
    }

    /// An administrator sends the request round again; returns the event that says so.
    pub(crate) async fn retry(&self, id: RequestId) -> Detail {
        let by = principal("alex", "cgr-request-admins");
        announcement(&self.carry_out(id, Command::Retry { by, channel: Channel::Api }).await, EventType::Retried)
    }

    pub(crate) async fn load(&self, id: RequestId) -> StoredRequest {
        self.store.load_request(id).await.unwrap().unwrap()
    }

    /// What the requester is told, if the request failed.
    pub(crate) async fn failure(&self, id: RequestId) -> Option<Failure> {
        failure(self.load(id).await)
    }

    /// The types of a request's records, whose chain is intact and ends where the request says.
    pub(crate) async fn happened(&self, id: RequestId) -> Vec<EventType> {
        let records = self.store.read_journal(id).await.unwrap();
        assert_eq!(journal::verify(&records).unwrap(), self.load(id).await.head, "{id}");
        records.into_iter().map(|record| record.event_type).collect()
    }

    /// One run of the real steward; returns what it published, by request.
    pub(crate) async fn sweep(&self) -> BTreeMap<RequestId, Vec<Detail>> {
        let bus = Published::default();
        let report = sweep(&self.store, &bus, &NoTags, &Unmeasured, self, &self.policy).await.unwrap();
        assert_eq!(report.failed, 0);
        bus.0.into_inner().unwrap()
    }
}

/// What the requester is told, if the request failed.
pub(crate) fn failure(stored: StoredRequest) -> Option<Failure> {
    match stored.request.phase {
        Phase::Failed { failure, .. } => Some(failure),
        Phase::Pending { .. }
        | Phase::Approved { .. }
        | Phase::Provisioning { .. }
        | Phase::Provisioned { .. }
        | Phase::Available { .. }
        | Phase::Rejected { .. }
        | Phase::Cancelled { .. }
        | Phase::Expired { .. } => None,
    }
}

fn principal(name: &str, group: &str) -> Principal {
    let person = Person { subject: format!("issuer|{name}"), email: format!("{name}@acme.example") };
    Principal { person, groups: [group.to_owned()].into() }
}

fn image(name: &str) -> CatalogImage {
    let catalog_tier = if name == IMAGE { CatalogTier::Base } else { CatalogTier::Fips };
    CatalogImage { name: name.parse().unwrap(), catalog_tier, aliases: Vec::new(), active_tags: Vec::new() }
}

fn announcement(records: &[Record], event_type: EventType) -> Detail {
    let record = records.iter().find(|record| record.event_type == event_type).unwrap();
    Detail::announcing(record.clone())
}

/// The bus.
#[derive(Default)]
struct Published(Mutex<BTreeMap<RequestId, Vec<Detail>>>);

impl PublishEvents for Published {
    async fn publish_events(&self, events: &[Detail]) -> Result<usize, PortError> {
        let mut published = self.0.lock().unwrap();
        for event in events {
            published.entry(event.data.request_id).or_default().push(event.clone());
        }
        Ok(events.len())
    }
}

/// No repository ever gets its tag.
struct NoTags;

impl FindTag for NoTags {
    async fn has_tag(&self, _: &str, _: &str) -> Result<bool, ChainguardError> {
        Ok(false)
    }
}

struct Unmeasured;

impl Measure for Unmeasured {
    fn measure(&self, _: Metric, _: u64, _: Timestamp) {}
}

/// Secrets Manager, with another issuer's token that is to be exchanged.
pub(crate) struct Upstream;

impl ReadSecret for Upstream {
    async fn read_secret(&self, _: &str) -> Result<String, PortError> {
        Ok(r#"{"kind":"exchange","identity":"provisioner","token":"upstream"}"#.to_owned())
    }
}

/// How long a process waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Patience {
    /// Longer than any answer takes that comes at all.
    Short,
    /// Long enough for a busy machine.
    Long,
}

/// A process of the provisioner: it remembers neither token nor organisation from another one.
pub(crate) struct Process {
    pub(crate) chainguard: Chainguard<Upstream>,
    catalog: CatalogCache,
    serving: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Process {
    pub(crate) async fn start(world: &World, fake: &FakeChainguard, patience: Patience) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let served = fake.clone();
        let serving =
            tokio::spawn(async move { served.serve(listener, std::future::pending()).await.unwrap_or_default() });
        let endpoints = Endpoints { api: address.parse().unwrap(), issuer: address.parse().unwrap(), catalog: None };
        let http = match patience {
            Patience::Short => world.impatient.clone(),
            Patience::Long => world.patient.clone(),
        };
        let chainguard = Chainguard::new(http, endpoints, "acme".parse().unwrap(), Upstream, "chainguard".to_owned())
            .with_backoff(Backoff::new([PAUSE; 3]));
        Self { chainguard, catalog: CatalogCache::default(), serving }
    }

    /// One invocation, with a way to Chainguard that may be more than the process's own client.
    pub(crate) async fn invoke<S, G>(
        &self,
        world: &World,
        store: &S,
        chainguard: &G,
        limit: RepositoryLimit,
        event: Detail,
    ) -> Result<(), Error>
    where
        S: LoadRequest + LoadCatalog + ReadPlaces + CommitRequest + Sync,
        G: CreateRepository + FindRepository + CountRepositories + ReadEntitlement + Sync,
    {
        let terms = Terms { limit, catalog: &self.catalog, policy: &world.policy };
        Box::pin(provision(store, chainguard, world, &RandomIds, &terms, event)).await
    }

    /// One invocation that lives.
    pub(crate) async fn deliver(&self, world: &World, limit: RepositoryLimit, event: Detail) {
        self.invoke(world, &world.store, &self.chainguard, limit, event).await.unwrap();
    }

    /// One invocation that dies. It does so at the end of its thread's turn, as a killed process does: nothing that comes
    /// after is begun.
    pub(crate) async fn deliver_and_die(
        &self,
        world: &World,
        fake: &FakeChainguard,
        limit: RepositoryLimit,
        event: Detail,
        death: Death,
    ) {
        let store = Mortal::new(&world.store, death);
        let dead = async {
            match death {
                Death::AtCall { route, number } => fake.until_settled(route, number).await,
                Death::AfterCommit(_) => store.dead.notified().await,
            }
        };
        tokio::select! {
            biased;
            () = dead => {}
            outcome = self.invoke(world, &store, &self.chainguard, limit, event) => {
                panic!("it lived on after {death:?}: {outcome:?}");
            }
        }
    }
}

/// When a process dies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Death {
    /// When Chainguard has done what it does at the call, and before the answer is there.
    AtCall {
        /// Which call.
        route: Route,
        /// Which of them, from 1, since the stand-in was made.
        number: u64,
    },
    /// When the store has carried out so many of its commits.
    AfterCommit(usize),
}

/// The real store, for a process that dies at one of its commits.
pub(crate) struct Mortal<'a> {
    store: &'a Store,
    dies_after: Option<usize>,
    commits: AtomicUsize,
    dead: Notify,
}

impl<'a> Mortal<'a> {
    fn new(store: &'a Store, death: Death) -> Self {
        let dies_after = match death {
            Death::AtCall { .. } => None,
            Death::AfterCommit(number) => Some(number),
        };
        Self { store, dies_after, commits: AtomicUsize::new(0), dead: Notify::new() }
    }
}

impl LoadRequest for Mortal<'_> {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        self.store.load_request(id).await
    }
}

impl LoadCatalog for Mortal<'_> {
    async fn load_catalog(&self) -> Result<Option<Catalog>, PortError> {
        self.store.load_catalog().await
    }
}

impl ReadPlaces for Mortal<'_> {
    async fn read_places(&self) -> Result<Places, PortError> {
        self.store.read_places().await
    }
}

impl CommitRequest for Mortal<'_> {
    async fn commit_request(&self, commit: &Commit) -> Result<(), CommitError> {
        let outcome = self.store.commit_request(commit).await;
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if self.dies_after == Some(number) {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        outcome
    }
}

/// The repositories of this name at Chainguard.
pub(crate) fn count(fake: &FakeChainguard, name: &str) -> usize {
    fake.repositories().iter().filter(|repository| repository.name == name).count()
}

/// Adds a repository without asking anybody, as an earlier life of the request did.
pub(crate) async fn add_for(world: &World, fake: &FakeChainguard, id: RequestId, name: &str, source: &str) {
    let process = Process::start(world, fake, Patience::Long).await;
    let name: RepositoryName = name.parse().unwrap();
    let description = domain::ports::Repository::description_for(id);
    process.chainguard.create_repository(&name, &source.parse().unwrap(), &description).await.unwrap();
}

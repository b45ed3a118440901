use std::collections::BTreeMap;
use std::sync::Mutex;

use chainguard::{Chainguard, Endpoints};
use domain::capacity::Places;
use domain::catalog::Catalog;
use domain::catalog::{CatalogImage, CatalogTier};
use domain::entitlement::Entitlement;
use domain::environment::Environment;
use domain::event::EventType;
use domain::execute::prepare;
use domain::image::RepositoryName;
use domain::journal::{DecisionKind, Record};
use domain::lifecycle::Voice;
use domain::person::{Person, Principal};
use domain::policy::DEFAULT_POLICY;
use domain::ports::{Commit, PortError, ReadSecret};
use domain::request::{Channel, Draft, FailureKind, Status};
use domain::text::{Justification, TeamName};
use domain::time::Timestamp;
use fake_chainguard::{FakeChainguard, Options};

use super::*;

/// Store, Chainguard, clock and ids in memory. Counts the repositories that are made.
struct World {
    policy: Policy,
    requests: Mutex<BTreeMap<RequestId, StoredRequest>>,
    records: Mutex<Vec<Record>>,
    created: Mutex<usize>,
    now: Mutex<Timestamp>,
}

impl LoadRequest for World {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        Ok(self.requests.lock().unwrap().get(&id).cloned())
    }
}

impl LoadCatalog for World {
    async fn load_catalog(&self) -> Result<Option<Catalog>, PortError> {
        Ok(None)
    }
}

impl ReadPlaces for World {
    async fn read_places(&self) -> Result<Places, PortError> {
        Ok(Places::default())
    }
}

impl CommitRequest for World {
    async fn commit_request(&self, commit: &Commit) -> Result<(), CommitError> {
        self.requests.lock().unwrap().insert(commit.stored.request.submission.id, commit.stored.clone());
        self.records.lock().unwrap().extend_from_slice(&commit.records);
        Ok(())
    }
}

impl CreateRepository for World {
    async fn create_repository(
        &self,
        name: &RepositoryName,
        source: &RepositoryName,
        description: &str,
    ) -> Result<Repository, ChainguardError> {
        *self.created.lock().unwrap() += 1;
        Ok(Repository {
            id: "0123456789abcdef".to_owned(),
            name: name.to_string(),
            description: description.to_owned(),
            source: source.to_string(),
        })
    }
}

impl FindRepository for World {
    async fn find_repository(&self, _: &RepositoryName) -> Result<Option<Repository>, ChainguardError> {
        Ok(None)
    }
}

impl CountRepositories for World {
    async fn count_repositories(&self) -> Result<u64, ChainguardError> {
        Ok(1)
    }
}

impl ReadEntitlement for World {
    async fn read_entitlement(&self) -> Result<Entitlement, ChainguardError> {
        Err(ChainguardError::NotFound("entitlement".to_owned()))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

impl NewIds for World {
    fn request_id(&self) -> RequestId {
        "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap()
    }

    fn lease_id(&self) -> String {
        "lease".to_owned()
    }
}

fn principal(name: &str, group: &str) -> Principal {
    let person = Person { subject: format!("issuer|{name}"), email: format!("{name}@acme.example") };
    Principal { person, groups: [group.to_owned()].into() }
}

impl World {
    /// With a request for production that is pending, or for development that is approved.
    fn with_request(environment: Environment) -> Self {
        Self::with_request_for(environment, None)
    }

    /// The same, for a repository of this name.
    fn with_request_for(environment: Environment, custom_name: Option<RepositoryName>) -> Self {
        let world = Self {
            policy: Policy::from_yaml(DEFAULT_POLICY).unwrap(),
            requests: Mutex::default(),
            records: Mutex::default(),
            created: Mutex::default(),
            now: Mutex::new("2026-11-23T08:00:00.000Z".parse().unwrap()),
        };
        let draft = Draft {
            requester: principal("jane", "data-engineering").person,
            image: "python:latest".parse().unwrap(),
            custom_name,
            justification: Some(Justification::new("ML pipeline").unwrap()),
            risk_assessment: None,
            team: TeamName::new("data-engineering").unwrap(),
            environment,
            channel: Channel::Api,
        };
        let image = CatalogImage {
            name: "python".parse().unwrap(),
            catalog_tier: CatalogTier::Application,
            aliases: Vec::new(),
            active_tags: Vec::new(),
        };
        let submission = Submission::assess(draft, &image, &world.policy, world.request_id(), world.now()).unwrap();
        world.carry_out(Command::Submit(Box::new(submission)));
        world
    }

    fn carry_out(&self, command: Command) {
        let context = Context { now: self.now(), policy: &self.policy };
        let before = self.requests.lock().unwrap().get(&self.request_id()).cloned();
        let commit = prepare(before.as_ref(), command, &context).unwrap();
        self.requests.lock().unwrap().insert(self.request_id(), commit.stored);
        self.records.lock().unwrap().extend(commit.records);
    }

    fn approve(&self) {
        let by = principal("dana", "data-engineering-leads");
        let voice = Voice { by, comment: None, channel: Channel::Api, seen: None };
        self.carry_out(Command::Decide { answer: DecisionKind::Approved, voice });
    }

    fn fail_and_send_round_again(&self) {
        let lease = Lease::new("dead".to_owned(), self.now());
        self.carry_out(Command::Claim { lease, vacancy: None });
        let failure =
            Failure { kind: FailureKind::NotEntitled, message: "not in the plan".into(), remedy: "ask sales".into() };
        self.carry_out(Command::Fail { lease_id: "dead".to_owned(), failure });
        self.carry_out(Command::Retry { by: principal("alex", "cgr-request-admins"), channel: Channel::Api });
    }

    /// Takes the last event of this type to the provisioner.
    async fn deliver(&self, event_type: EventType) {
        self.deliver_where(self, event_type).await.unwrap();
    }

    /// The same where Chainguard is somebody else.
    async fn deliver_where<G>(&self, chainguard: &G, event_type: EventType) -> Result<(), Error>
    where
        G: CreateRepository + FindRepository + CountRepositories + ReadEntitlement + Sync,
    {
        let last = |record: &&Record| record.event_type == event_type;
        let record = self.records.lock().unwrap().iter().rev().find(last).unwrap().clone();
        let terms = Terms { limit: RepositoryLimit::USUAL, catalog: &CatalogCache::default(), policy: &self.policy };
        provision(self, chainguard, self, self, &terms, Detail::announcing(record)).await
    }

    /// The request's status and how many repositories were made.
    fn outcome(&self) -> (Status, usize) {
        let status = self.requests.lock().unwrap()[&self.request_id()].request.status();
        (status, *self.created.lock().unwrap())
    }
}

#[tokio::test]
async fn a_request_that_waits_for_people_again_is_not_provisioned_whatever_event_comes() {
    let world = World::with_request(Environment::Production);
    world.approve();
    world.fail_and_send_round_again();
    // The approval of the round before may come late, or a second time.
    for event_type in [EventType::Retried, EventType::Approved] {
        world.deliver(event_type).await;
        assert_eq!(world.outcome(), (Status::Pending, 0), "{event_type:?}");
    }
    world.approve();
    world.deliver(EventType::Approved).await;
    assert_eq!(world.outcome(), (Status::Provisioned, 1));
}

#[tokio::test]
async fn a_retry_of_what_the_policy_approves_is_provisioned_at_once_and_once() {
    let world = World::with_request(Environment::Dev);
    world.fail_and_send_round_again();
    for _ in 0..2 {
        world.deliver(EventType::Retried).await;
        world.deliver(EventType::Approved).await;
        assert_eq!(world.outcome(), (Status::Provisioned, 1));
    }
}

#[tokio::test]
async fn what_was_approved_by_breaking_the_glass_is_provisioned_once() {
    let world = World::with_request(Environment::Production);
    let by = principal("ivy", "incident-commanders");
    let comment = Some(domain::text::Comment::new("production is down").unwrap());
    world.carry_out(Command::BreakGlass(Voice { by, comment, channel: Channel::Api, seen: None }));
    world.deliver(EventType::Approved).await;
    world.deliver(EventType::Approved).await;
    assert_eq!(world.outcome(), (Status::Provisioned, 1));
}

const SECOND: Duration = Duration::from_secs(1);

/// Secrets Manager when it has trouble: it refuses, or it does not even answer. Chainguard is not called without a token,
/// so that nothing here needs a network.
enum NoSecrets {
    Refused,
    Pending,
}

impl ReadSecret for NoSecrets {
    async fn read_secret(&self, _: &str) -> Result<String, PortError> {
        match self {
            Self::Refused => Err(PortError { operation: "read a secret", retryable: true, source: "throttled".into() }),
            Self::Pending => std::future::pending().await,
        }
    }
}

/// The real client, which never gets as far as Chainguard.
fn client(secrets: NoSecrets) -> Chainguard<NoSecrets> {
    let address = || "http://127.0.0.1:9".parse().unwrap();
    let endpoints = Endpoints { api: address(), issuer: address(), catalog: None };
    let http = lambda::http_client::build(SECOND).unwrap();
    Chainguard::new(http, endpoints, "acme".parse().unwrap(), secrets, "secret".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_request_is_not_failed_because_its_invocation_ends() {
    // What is left of the invocation, and when it is given up: in time for the commit, and before a pause that does not
    // end in time.
    for (secrets, seconds_left, given_up_after) in
        [(NoSecrets::Pending, 60, 48), (NoSecrets::Refused, 19, 3), (NoSecrets::Pending, 20, 8)]
    {
        let world = World::with_request(Environment::Dev);
        let start = Instant::now();
        let chainguard = client(secrets);
        let invocation = Box::pin(world.deliver_where(&chainguard, EventType::Approved));
        let error = deadline::within(start + seconds_left * SECOND, invocation).await.unwrap_err();
        assert!(error.is::<OutOfTime>(), "{error}");
        assert_eq!(start.elapsed(), given_up_after * SECOND, "{seconds_left}");
        // It was not taken up, so that whoever comes next can.
        assert_eq!(world.outcome(), (Status::Approved, 0));
        world.deliver(EventType::Approved).await;
        assert_eq!(world.outcome(), (Status::Provisioned, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_not_taken_up_without_time_for_chainguard() {
    let world = World::with_request(Environment::Dev);
    let end = Instant::now() + FOR_THE_COMMIT + WORTH_A_TRY;
    let error = deadline::within(end, world.deliver_where(&world, EventType::Approved)).await.unwrap_err();
    assert!(error.is::<OutOfTime>(), "{error}");
    assert_eq!(world.outcome(), (Status::Approved, 0));
    deadline::within(end + SECOND, world.deliver(EventType::Approved)).await;
    assert_eq!(world.outcome(), (Status::Provisioned, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_fails_when_chainguard_was_asked_often_enough_and_time_is_left() {
    let world = World::with_request(Environment::Dev);
    let start = Instant::now();
    let chainguard = client(NoSecrets::Refused);
    let invocation = Box::pin(world.deliver_where(&chainguard, EventType::Approved));
    deadline::within(start + 60 * SECOND, invocation).await.unwrap();
    assert_eq!((start.elapsed(), world.outcome()), (7 * SECOND, (Status::Failed, 0)));
}

/// Secrets Manager with another issuer's token.
struct Upstream;

impl ReadSecret for Upstream {
    async fn read_secret(&self, _: &str) -> Result<String, PortError> {
        Ok(r#"{"kind":"exchange","identity":"anybody","token":"upstream"}"#.to_owned())
    }
}

#[tokio::test]
async fn adding_an_image_takes_at_most_four_calls_and_two_once_the_client_knows_its_way() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let fake = FakeChainguard::new(Options::default());
    let served = fake.clone();
    tokio::spawn(async move { served.serve(listener, std::future::pending()).await });
    let endpoints = Endpoints { api: address.parse().unwrap(), issuer: address.parse().unwrap(), catalog: None };
    let http = lambda::http_client::build(5 * SECOND).unwrap();
    let chainguard = Chainguard::new(http, endpoints, "acme".parse().unwrap(), Upstream, "secret".to_owned());
    let mut calls_before = 0;
    for (name, most) in [("first", 4), ("second", 2)] {
        let world = World::with_request_for(Environment::Dev, Some(name.parse().unwrap()));
        world.deliver_where(&chainguard, EventType::Approved).await.unwrap();
        assert_eq!(world.outcome().0, Status::Provisioned, "{name}");
        let counted = chainguard.statistics();
        assert_eq!((counted.retries, counted.exchanges), (0, 1));
        assert!(counted.calls - calls_before <= most, "{name}: {:#?}", fake.calls());
        calls_before = counted.calls;
    }
    assert_eq!(u64::try_from(fake.calls().len()).unwrap(), calls_before);
}

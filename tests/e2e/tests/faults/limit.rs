//! More requests than places: nobody gets one too many, nobody is refused whose place is free, and no place stays taken.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chainguard::Chainguard;
use domain::capacity::RepositoryLimit;
use domain::entitlement::Entitlement;
use domain::envelope::Detail;
use domain::id::RequestId;
use domain::image::RepositoryName;
use domain::ports::{
    ChainguardError, CountRepositories, CreateRepository, FindRepository, ReadEntitlement, ReadPlaces as _, Repository,
};
use domain::request::{FailureKind, Phase, Status};
use fake_chainguard::{FakeChainguard, Fault, Options, Route};
use lambda::deadline;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::world::{IMAGE, Patience, Process, Upstream, World};

const LIMIT: u64 = 30;
const THERE_BEFORE: u64 = 20;
const REQUESTS: usize = 50;
/// Processes of the provisioner; each has a tenth of the requests at the same time, and a client of its own.
const PROCESSES: usize = 5;
/// Of the requests that get as far as to create their repository, every so many die.
const EVERY: usize = 5;

/// The longest that creating takes.
const MOST_DELAY_MS: u64 = 150;
/// The seed of the delays.
const SEED: u64 = 0x5EED;

/// Longer than a lease, and than the pause between two runs of the steward.
const LEASE_IS_SEEN: Duration = Duration::from_secs(75 + 60);

/// An invocation that gives up soon: 12 s of it are kept for the commit, and nobody waits with less than 6 s left.
const SHORT_INVOCATION: Duration = Duration::from_secs(20);

/// When an invocation dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Never,
    /// It has a place, and its repository is not there.
    BeforeCreating,
    /// Its repository is there, and nobody knows.
    AfterCreating,
}

/// The real client, in an invocation that may die.
struct Mortal<'a> {
    chainguard: &'a Chainguard<Upstream>,
    dies: Dies,
    /// How many invocations have come so far.
    created: &'a AtomicUsize,
    dead: Notify,
}

impl Mortal<'_> {
    async fn die(&self) {
        self.dead.notify_one();
        std::future::pending::<()>().await;
    }
}

impl CreateRepository for Mortal<'_> {
    async fn create_repository(
        &self,
        name: &RepositoryName,
        source: &RepositoryName,
        description: &str,
    ) -> Result<Repository, ChainguardError> {
        let dies = (self.created.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(EVERY);
        if dies && self.dies == Dies::BeforeCreating {
            self.die().await;
        }
        let created = self.chainguard.create_repository(name, source, description).await;
        if dies && self.dies == Dies::AfterCreating {
            self.die().await;
        }
        created
    }
}

impl FindRepository for Mortal<'_> {
    async fn find_repository(&self, name: &RepositoryName) -> Result<Option<Repository>, ChainguardError> {
        self.chainguard.find_repository(name).await
    }
}

impl CountRepositories for Mortal<'_> {
    async fn count_repositories(&self) -> Result<u64, ChainguardError> {
        self.chainguard.count_repositories().await
    }
}

impl ReadEntitlement for Mortal<'_> {
    async fn read_entitlement(&self) -> Result<Entitlement, ChainguardError> {
        self.chainguard.read_entitlement().await
    }
}

/// What became of one round of deliveries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Round {
    /// Invocations that got to an end.
    done: usize,
    /// Invocations that died.
    dead: usize,
    /// Invocations that left the request to the next one.
    put_off: usize,
}

/// Delays that look random and are the same every time: `SplitMix64`.
fn delays() -> impl Iterator<Item = Duration> {
    let mut state = SEED;
    std::iter::from_fn(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(Duration::from_millis((mixed ^ (mixed >> 31)) % MOST_DELAY_MS))
    })
}

struct Race {
    world: Arc<World>,
    fake: FakeChainguard,
    limit: RepositoryLimit,
    requests: Vec<(RequestId, Detail)>,
    created: Arc<AtomicUsize>,
}

impl Race {
    async fn start() -> Self {
        let world = Arc::new(World::start().await);
        // The stand-in's own limit is Chainguard's usual one: what is kept to here is kept by the provisioner.
        let fake = FakeChainguard::new(Options::default());
        for index in 0..THERE_BEFORE {
            fake.seed_repository(&format!("there-before-{index}"), "").unwrap();
        }
        for delay in delays().take(REQUESTS) {
            fake.faults().push(Route::CreateRepo, Fault::Delay(delay), 1);
        }
        let mut requests = Vec::new();
        for index in 0..REQUESTS {
            requests.push(world.submit(&format!("wanted-{index}"), IMAGE).await);
        }
        let limit = LIMIT.to_string().parse().unwrap();
        Self { world, fake, limit, requests, created: Arc::default() }
    }

    /// Delivers all of these at the same time.
    async fn deliver(&self, events: Vec<Detail>, dies: Dies) -> Round {
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.push(Arc::new(Process::start(&self.world, &self.fake, Patience::Long).await));
        }
        let mut invocations = JoinSet::new();
        for (event, process) in events.into_iter().zip(processes.iter().cycle()) {
            let (world, process, created) = (Arc::clone(&self.world), Arc::clone(process), Arc::clone(&self.created));
            let limit = self.limit;
            invocations.spawn(async move {
                let mortal = Mortal { chainguard: &process.chainguard, dies, created: &created, dead: Notify::new() };
                let invocation = process.invoke(&world, &world.store, &mortal, limit, event);
                let invocation = async {
                    match dies {
                        Dies::BeforeCreating => deadline::within(Instant::now() + SHORT_INVOCATION, invocation).await,
                        Dies::Never | Dies::AfterCreating => invocation.await,
                    }
                };
                tokio::select! {
                    biased;
                    () = mortal.dead.notified() => Round { dead: 1, ..Round::default() },
                    outcome = invocation => match outcome {
                        Ok(()) => Round { done: 1, ..Round::default() },
                        Err(error) => {
                            assert!(error.to_string().starts_with("no time was left"), "{error}");
                            Round { put_off: 1, ..Round::default() }
                        }
                    }
                }
            });
        }
        let mut sum = Round::default();
        while let Some(round) = invocations.join_next().await {
            let Round { done, dead, put_off } = round.unwrap();
            sum = Round { done: sum.done + done, dead: sum.dead + dead, put_off: sum.put_off + put_off };
        }
        sum
    }

    fn all(&self) -> Vec<Detail> {
        self.requests.iter().map(|(_, event)| event.clone()).collect()
    }

    /// The steward finds the leases that have lapsed.
    async fn sweep(&self) -> Vec<Detail> {
        self.world.pass(LEASE_IS_SEEN);
        self.world.sweep().await.into_values().flatten().collect()
    }

    async fn count(&self, status: Status) -> usize {
        let mut count = 0;
        for (id, _) in &self.requests {
            count += usize::from(self.world.load(*id).await.request.status() == status);
        }
        count
    }

    async fn places_taken(&self) -> u64 {
        self.world.store.read_places().await.unwrap().taken
    }

    /// Ten have what they want, forty know why not, and every message that comes again changes nothing.
    async fn ends_well(&self) {
        assert_eq!(self.deliver(self.all(), Dies::Never).await, Round { done: REQUESTS, ..Round::default() });
        let (mut provisioned, mut refused) = (0, 0);
        let repositories = self.fake.repositories();
        for (id, _) in &self.requests {
            let request = self.world.load(*id).await.request;
            match request.phase {
                Phase::Provisioned { repository } => {
                    let found = repositories.iter().find(|found| found.id == repository.id).unwrap();
                    assert_eq!(found.description, Repository::description_for(*id));
                    provisioned += 1;
                }
                Phase::Failed { failure, .. } => {
                    assert_eq!(failure.kind, FailureKind::OrganizationLimitReached);
                    assert_eq!(failure.message, "The organisation has 30 of at most 30 repositories.");
                    refused += 1;
                }
                other => panic!("{id}: {other:?}"),
            }
        }
        assert_eq!((provisioned, refused), (10, 40));
        let names: BTreeSet<&str> = repositories.iter().map(|repository| repository.name.as_str()).collect();
        assert_eq!((repositories.len(), names.len()), (30, 30));
        assert_eq!(self.places_taken().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_requests_for_ten_places_get_ten() {
    let race = Race::start().await;
    assert_eq!(race.deliver(race.all(), Dies::Never).await, Round { done: REQUESTS, ..Round::default() });
    assert_eq!(race.sweep().await, []);
    race.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_of_a_process_that_died_with_its_repository_there_is_used_once() {
    let race = Race::start().await;
    let round = race.deliver(race.all(), Dies::AfterCreating).await;
    assert_eq!(round, Round { done: 48, dead: 2, put_off: 0 });
    assert_eq!((race.count(Status::Provisioned).await, race.count(Status::Failed).await), (8, 40));
    assert_eq!(race.places_taken().await, 2);
    let again = race.sweep().await;
    assert_eq!(race.deliver(again, Dies::Never).await, Round { done: 2, ..Round::default() });
    race.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_the_place_of_a_dead_process_may_be_free() {
    let race = Race::start().await;
    let round = race.deliver(race.all(), Dies::BeforeCreating).await;
    assert_eq!(round, Round { done: 8, dead: 2, put_off: 40 });
    assert_eq!((race.count(Status::Provisioned).await, race.count(Status::Approved).await), (8, 40));
    assert_eq!(race.places_taken().await, 2);
    let again = race.sweep().await;
    assert_eq!(race.deliver(again, Dies::Never).await, Round { done: 2, ..Round::default() });
    race.ends_well().await;
}

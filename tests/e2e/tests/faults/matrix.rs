//! Every call of provisioning, with everything that can go wrong with it, once and every time, and with the process dying.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::capacity::RepositoryLimit;
use domain::envelope::Detail;
use domain::event::EventType;
use domain::id::RequestId;
use domain::journal::Head;
use domain::request::{Failure, FailureKind, REDELIVER_AFTER, Status, TAG_WITHIN};
use fake_chainguard::{Entitlement, FakeChainguard, Fault, Options, Route, Tier};
use futures_util::StreamExt as _;

use crate::document::{self, Cell, Ending, Tables, Telling};
use crate::world::{Death, IMAGE, IMAGE_NOT_INCLUDED, Patience, Process, World, add_for, count, failure};

/// Cases that run at the same time.
const AT_A_TIME: usize = 32;

/// After so long the steward has seen that a lease has lapsed: 75 s and the minute between two of its runs.
const LEASE_IS_SEEN: Duration = Duration::from_secs(75 + 60);
/// After so long since it was received, a message that nobody has deleted comes again: `VisibilityTimeout` of the queue.
const MESSAGE_COMES_AGAIN: Duration = Duration::from_mins(6);

/// A wait that nobody sees the end of.
const FOR_EVER: Duration = Duration::from_hours(1);

/// A call of provisioning, in a situation in which it is made.
struct Place {
    /// The name of its table.
    name: &'static str,
    call: Route,
    situation: Situation,
}

/// How things stand when the request is taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    /// Nothing has happened to it yet.
    Fresh,
    /// An earlier round has added its repository and does not know it.
    AddedBefore,
    /// A provisioner has added its repository and died, and its lease has lapsed.
    TakenOver,
    /// As many repositories as there may be, one of them from an earlier round of the request.
    Full,
    /// The plan has come to exclude the image since the snapshot.
    PlanReduced,
    /// The plan has come to include the image since the snapshot.
    PlanExtended,
    /// The plan does not include the image, as the snapshot says.
    NotInPlan,
}

const PLACES: [Place; 10] = [
    Place { name: "exchange", call: Route::StsExchange, situation: Situation::Fresh },
    Place { name: "organisation", call: Route::Groups, situation: Situation::Fresh },
    Place { name: "count", call: Route::ListReposV2, situation: Situation::Fresh },
    Place { name: "create", call: Route::CreateRepo, situation: Situation::Fresh },
    Place { name: "find-added-before", call: Route::ListRepos, situation: Situation::AddedBefore },
    Place { name: "find-taken-over", call: Route::ListRepos, situation: Situation::TakenOver },
    Place { name: "find-full", call: Route::ListRepos, situation: Situation::Full },
    Place { name: "plan-reduced", call: Route::Effective, situation: Situation::PlanReduced },
    Place { name: "plan-extended", call: Route::Effective, situation: Situation::PlanExtended },
    Place { name: "not-in-plan", call: Route::Effective, situation: Situation::NotInPlan },
];

/// When a process dies between its calls: after so many commits.
const COMMITS: [(&str, Situation, usize); 3] = [
    ("the request has been claimed", Situation::Fresh, 1),
    ("the request has been taken over", Situation::TakenOver, 1),
    ("the result has been stored", Situation::Fresh, 2),
];

/// What goes wrong.
#[derive(Clone, Debug)]
enum Wrong {
    Nothing,
    Fault(Fault),
    /// There is a repository of the name.
    Exists(Existing),
}

#[derive(Clone, Copy, Debug)]
enum Existing {
    Ours,
    OursWithoutSource,
    Foreign,
}

fn status(http: u16, grpc_code: i32, message: &str) -> Wrong {
    Wrong::Fault(Fault::Status { http, grpc_code, message: message.to_owned() })
}

/// All answers, in the order of the tables.
fn answers() -> Vec<(&'static str, Wrong)> {
    vec![
        ("as it should be", Wrong::Nothing),
        ("401", status(401, 16, "the token is expired or not known")),
        ("403, code 7", status(403, 7, "permission denied")),
        ("429, code 8", status(429, 8, "quota exceeded")),
        ("400, code 9", status(400, 9, "failed precondition")),
        ("500, JSON", status(500, 13, "internal error")),
        ("502, HTML", Wrong::Fault(Fault::HtmlBadGateway)),
        ("time-out, not carried out", Wrong::Fault(Fault::Delay(FOR_EVER))),
        ("time-out, carried out", Wrong::Fault(Fault::AnswerLate(FOR_EVER))),
        ("connection dropped before", Wrong::Fault(Fault::DropBefore)),
        ("connection dropped after", Wrong::Fault(Fault::DropAfter)),
        ("malformed JSON", Wrong::Fault(Fault::MalformedJson)),
        ("409, ours", Wrong::Exists(Existing::Ours)),
        ("409, ours, without a source", Wrong::Exists(Existing::OursWithoutSource)),
        ("409, another's", Wrong::Exists(Existing::Foreign)),
        ("409, and nothing is to be seen", status(409, 6, "already exists")),
    ]
}

impl Wrong {
    /// Whether it can happen to a call, and is something else there than the others: nothing is a duplicate where nothing
    /// is created, and where nothing is changed it does not matter what was carried out before a time-out.
    fn happens_to(&self, call: Route) -> bool {
        match self {
            Self::Exists(_) | Self::Fault(Fault::AnswerLate(_) | Fault::Status { http: 409, .. }) => {
                call == Route::CreateRepo
            }
            Self::Nothing | Self::Fault(_) => true,
        }
    }
}

/// How often it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Once,
    EveryTime,
    /// Once, and the process dies of it.
    Deadly,
}

/// What happened to a request at one of the times at which it was dealt with.
struct Step {
    occasion: Occasion,
    status: Status,
    calls: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// The message came.
    First,
    /// The steward published the approval again.
    Steward,
    /// The message came again.
    Message,
}

/// A request with a Chainguard of its own.
struct Case {
    row: &'static str,
    column: usize,
    table: &'static str,
    name: String,
    id: RequestId,
    event: Detail,
    fake: FakeChainguard,
    limit: RepositoryLimit,
    patience: Patience,
    death: Option<Death>,
    goes_on: bool,
    steps: Vec<Step>,
    /// The end of the journal after the last step.
    head: Head,
    failure: Option<Failure>,
    repositories: usize,
    retried: Option<Status>,
}

/// A case before its request exists.
struct Plan {
    table: &'static str,
    row: &'static str,
    column: usize,
    call: Route,
    situation: Situation,
    wrong: Wrong,
    course: Course,
    /// Dies at a commit instead of a call.
    after_commit: Option<usize>,
}

fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for place in &PLACES {
        for (row, wrong) in answers().into_iter().filter(|(_, wrong)| wrong.happens_to(place.call)) {
            for (column, course) in [Course::Once, Course::EveryTime, Course::Deadly].into_iter().enumerate() {
                // What is as it is does not pass.
                if course == Course::Once && matches!(wrong, Wrong::Nothing | Wrong::Exists(_)) {
                    continue;
                }
                plans.push(Plan {
                    table: place.name,
                    row,
                    column,
                    call: place.call,
                    situation: place.situation,
                    wrong: wrong.clone(),
                    course,
                    after_commit: None,
                });
            }
        }
    }
    for (row, situation, commit) in COMMITS {
        plans.push(Plan {
            table: document::COMMITS,
            row,
            column: 0,
            call: Route::CreateRepo,
            situation,
            wrong: Wrong::Nothing,
            course: Course::Deadly,
            after_commit: Some(commit),
        });
    }
    plans
}

impl Case {
    /// Sets the scene.
    async fn prepare(world: Arc<World>, index: usize, plan: Plan) -> Self {
        let name = format!("case-{index}");
        let asked = match plan.situation {
            Situation::PlanExtended | Situation::NotInPlan => IMAGE_NOT_INCLUDED,
            Situation::Fresh
            | Situation::AddedBefore
            | Situation::TakenOver
            | Situation::Full
            | Situation::PlanReduced => IMAGE,
        };
        let fake = FakeChainguard::new(Options::default());
        let (id, event) = world.submit(&name, asked).await;
        let mut limit = RepositoryLimit::USUAL;
        match plan.situation {
            Situation::Fresh | Situation::PlanExtended => {}
            Situation::AddedBefore => add_for(&world, &fake, id, &name, asked).await,
            Situation::TakenOver => {
                add_for(&world, &fake, id, &name, asked).await;
                world.claim_and_die(id).await;
            }
            Situation::Full => {
                add_for(&world, &fake, id, &name, asked).await;
                limit = "1".parse().unwrap();
            }
            Situation::PlanReduced => fake.set_entitlement(Entitlement::Catalog { tiers: vec![Tier::Application] }),
            Situation::NotInPlan => fake.set_entitlement(Entitlement::Catalog { tiers: vec![Tier::Base] }),
        }
        let mut patience = Patience::Long;
        match plan.wrong {
            Wrong::Nothing => {}
            Wrong::Fault(fault) => {
                if matches!(fault, Fault::Delay(_) | Fault::AnswerLate(_)) && plan.course != Course::Deadly {
                    patience = Patience::Short;
                }
                let times = if plan.course == Course::EveryTime { u32::MAX } else { 1 };
                fake.faults().push(plan.call, fault, times);
            }
            Wrong::Exists(Existing::Ours) => add_for(&world, &fake, id, &name, asked).await,
            Wrong::Exists(Existing::OursWithoutSource) => {
                let description = domain::ports::Repository::description_for(id);
                fake.seed_repository(&name, &description).unwrap();
            }
            Wrong::Exists(Existing::Foreign) => {
                fake.seed_repository(&name, "made by hand").unwrap();
            }
        }
        let death = (plan.course == Course::Deadly).then(|| match plan.after_commit {
            Some(number) => Death::AfterCommit(number),
            None => Death::AtCall { route: plan.call, number: fake.count_calls(plan.call) + 1 },
        });
        Self {
            row: plan.row,
            column: plan.column,
            table: plan.table,
            name,
            id,
            event,
            fake,
            limit,
            patience,
            death,
            goes_on: plan.course == Course::EveryTime,
            steps: Vec::new(),
            head: Head::START,
            failure: None,
            repositories: 0,
            retried: None,
        }
    }

    /// The message comes for the first time.
    async fn first(mut self, world: Arc<World>) -> Self {
        let before = self.fake.calls().len();
        let process = Process::start(&world, &self.fake, self.patience).await;
        match self.death {
            None => process.deliver(&world, self.limit, self.event.clone()).await,
            Some(death) => {
                process.deliver_and_die(&world, &self.fake, self.limit, self.event.clone(), death).await;
            }
        }
        if !self.goes_on {
            self.fake.faults().clear();
        }
        self.record(&world, Occasion::First, before).await;
        self
    }

    /// An event comes, to another process.
    async fn again(mut self, world: Arc<World>, occasion: Occasion, event: Detail) -> Self {
        let before = self.fake.calls().len();
        let process = Process::start(&world, &self.fake, self.patience).await;
        process.deliver(&world, self.limit, event).await;
        if is_open(self.status()) {
            self.record(&world, occasion, before).await;
        } else {
            // What is done is left alone.
            let what = format!("{}, {}", self.table, self.row);
            assert_eq!(self.fake.calls().len(), before, "{what}");
            assert_eq!(world.load(self.id).await.head, self.head, "{what}");
        }
        self
    }

    async fn record(&mut self, world: &World, occasion: Occasion, before: usize) {
        let stored = world.load(self.id).await;
        let status = stored.request.status();
        self.steps.push(Step { occasion, status, calls: self.fake.calls().len() - before });
        self.head = stored.head;
        self.failure = failure(stored);
        self.repositories = count(&self.fake, &self.name);
    }

    fn status(&self) -> Status {
        self.steps.last().unwrap().status
    }

    /// An administrator retries what failed, once nothing goes wrong any more.
    async fn retry(mut self, world: Arc<World>) -> Self {
        let what = format!("{}, {}", self.table, self.row);
        if self.status() == Status::Failed {
            self.fake.faults().clear();
            let event = world.retry(self.id).await;
            let process = Process::start(&world, &self.fake, Patience::Long).await;
            process.deliver(&world, self.limit, event).await;
            self.retried = Some(world.load(self.id).await.request.status());
        }
        // Whatever happened: one repository at most, and never made for the request twice.
        assert!(count(&self.fake, &self.name) <= 1, "{what}");
        let happened = world.happened(self.id).await;
        assert!(happened.iter().filter(|kind| **kind == EventType::Provisioned).count() <= 1, "{what}: {happened:?}");
        assert!(!is_open(self.retried.unwrap_or_else(|| self.status())), "{what}: it is lost");
        self
    }

    fn ending(&self) -> Ending {
        let mut steps = self.steps.iter();
        let first = steps.next().unwrap();
        let ending = steps.next();
        assert!(steps.next().is_none(), "{}, {}: it took more than two", self.table, self.row);
        let telling = self.failure.as_ref().map(|failure| Telling::of(failure, &self.name));
        Ending {
            interrupted: ending.map(|_| (first.status, first.calls)),
            comes_again: ending.map(|step| step.occasion == Occasion::Steward),
            status: self.status(),
            telling,
            repositories: self.repositories,
            calls: ending.unwrap_or(first).calls,
            retried: self.retried,
        }
    }
}

const fn is_open(status: Status) -> bool {
    match status {
        Status::Pending | Status::Approved | Status::Provisioning => true,
        Status::Provisioned
        | Status::Available
        | Status::Rejected
        | Status::Cancelled
        | Status::Expired
        | Status::Failed => false,
    }
}

/// Does the same with every case, some at a time and each in a task of its own: as many as there are threads make progress
/// at once.
async fn each<T, F>(items: Vec<T>, work: impl Fn(usize, T) -> F) -> Vec<Case>
where
    F: Future<Output = Case> + Send + 'static,
{
    let tasks = items.into_iter().enumerate().map(|(index, item)| work(index, item));
    futures_util::stream::iter(tasks)
        .map(|task| async move { tokio::spawn(task).await.unwrap() })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await
}

/// All cases from the first message to the retry. The clock is everybody's, so that they all go through a time together.
async fn run(world: &Arc<World>) -> Vec<Case> {
    let mut cases = each(plans(), |index, plan| Case::prepare(Arc::clone(world), index, plan)).await;
    // Those who wait for time-outs do so while the others work.
    cases.sort_by_key(|case| case.patience);
    let cases = each(cases, |_, case| case.first(Arc::clone(world))).await;

    world.pass(LEASE_IS_SEEN);
    let published = world.sweep().await;
    let (interrupted, others): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| published.contains_key(&case.id));
    let mut cases = each(interrupted, |_, case| {
        let [event] = <[Detail; 1]>::try_from(published[&case.id].clone()).unwrap();
        case.again(Arc::clone(world), Occasion::Steward, event)
    })
    .await;
    cases.extend(others);

    world.pass(MESSAGE_COMES_AGAIN.checked_sub(LEASE_IS_SEEN).unwrap());
    let cases = each(cases, |_, case| {
        let event = case.event.clone();
        case.again(Arc::clone(world), Occasion::Message, event)
    })
    .await;

    // Nothing is left for the steward to publish.
    world.pass(REDELIVER_AFTER);
    assert_eq!(world.sweep().await.into_keys().collect::<Vec<_>>(), []);
    each(cases, |_, case| case.retry(Arc::clone(world))).await
}

/// What the requester is told whose repository never gets its tag.
async fn without_a_tag(world: &World) -> Telling {
    let (fake, name) = (FakeChainguard::new(Options::default()), "without-a-tag");
    let (id, event) = world.submit(name, IMAGE).await;
    let process = Process::start(world, &fake, Patience::Long).await;
    process.deliver(world, RepositoryLimit::USUAL, event).await;
    world.pass(TAG_WITHIN.checked_sub(Duration::from_millis(1)).unwrap());
    world.sweep().await;
    assert_eq!(world.load(id).await.request.status(), Status::Provisioned);
    world.pass(Duration::from_mins(20));
    world.sweep().await;
    let telling = Telling::of(&world.failure(id).await.unwrap(), name);
    // Sent round again, it finds its repository and waits anew.
    let event = world.retry(id).await;
    process.deliver(world, RepositoryLimit::USUAL, event).await;
    world.pass(TAG_WITHIN.checked_sub(Duration::from_millis(1)).unwrap());
    world.sweep().await;
    assert_eq!((world.load(id).await.request.status(), count(&fake, name)), (Status::Provisioned, 1));
    telling
}

/// What the requester is told when the organisation is full.
async fn without_room(world: &World) -> Telling {
    let (fake, name) = (FakeChainguard::new(Options::default()), "without-room");
    fake.seed_repository("another", "").unwrap();
    let (id, event) = world.submit(name, IMAGE).await;
    let process = Process::start(world, &fake, Patience::Long).await;
    process.deliver(world, "1".parse().unwrap(), event).await;
    Telling::of(&world.failure(id).await.unwrap(), name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_ends_as_the_tables_of_docs_failures_say() {
    let world = Arc::new(World::start().await);
    let mut cells: BTreeMap<&str, Vec<Cell>> = BTreeMap::new();
    for case in run(&world).await {
        let cell = Cell { row: case.row, column: case.column, ending: case.ending() };
        cells.entry(case.table).or_default().push(cell);
    }
    let others = vec![without_room(&world).await, without_a_tag(&world).await];
    let rows = answers().into_iter().map(|(row, _)| row).chain(COMMITS.map(|(row, ..)| row)).collect();
    document::check(&Tables { rows, cells, others });
}

/// All kinds; the compiler says when one is missing.
#[test]
fn every_kind_of_failure_is_explained() {
    use FailureKind as K;
    let kinds = [
        K::ImageNotInCatalog,
        K::NotEntitled,
        K::OrganizationLimitReached,
        K::AuthenticationFailed,
        K::PermissionDenied,
        K::DuplicateImage,
        K::TagNotAvailable,
        K::ChainguardUnavailable,
        K::ChainguardRefused,
    ];
    let position = |kind| match kind {
        K::ImageNotInCatalog => 0,
        K::NotEntitled => 1,
        K::OrganizationLimitReached => 2,
        K::AuthenticationFailed => 3,
        K::PermissionDenied => 4,
        K::DuplicateImage => 5,
        K::TagNotAvailable => 6,
        K::ChainguardUnavailable => 7,
        K::ChainguardRefused => 8,
    };
    for (index, kind) in kinds.into_iter().enumerate() {
        assert_eq!(position(kind), index);
        document::explains(kind);
    }
}

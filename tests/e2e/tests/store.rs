//! What the store's ports promise, held against the embedded DynamoDB.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::collections::BTreeMap;
use std::time::Duration;

use aws::configuration::Configuration;
use aws::store::Store;
use domain::capacity::{Places, Vacancy};
use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::entitlement::Entitlement;
use domain::envelope::Detail;
use domain::environment::Environment;
use domain::event::EventType;
use domain::execute::{execute, prepare};
use domain::id::{EventId, RequestId};
use domain::journal::{self, DecisionKind};
use domain::lifecycle::{Command, Context, Voice};
use domain::listing::{ListFilter, PageSize};
use domain::person::{Person, Principal};
use domain::policy::{ApprovalTier, DEFAULT_POLICY, Policy, RateLimit};
use domain::ports::{
    ChainguardError, ClaimNotification, Clock, Commit, CommitError, CommitRequest, FindDue, FindIdempotency, FindTag,
    Idempotency, ListRequests, LoadCatalog, LoadRequest, NewIds, NotificationClaim, PortError, Postpone, PublishEvents,
    Quota, ReadJournal, ReadPlaces, SaveCatalog, StoredRequest,
};
use domain::registry::Repositories;
use domain::request::{
    Channel, Draft, Failure, FailureKind, Lease, Phase, ProvisionedRepository, ProvisioningOutcome, Request, Status,
    Submission,
};
use domain::text::{Justification, TeamName};
use domain::time::{Span, Timestamp};
use dynoxide::types::AttributeValue;
use dynoxide::{Database, ImportOptions};
use e2e::World;
use lambda::clock::RandomIds;
use lambda::metrics::{Measure, Metric};
use local::options::Options;
use serde_json::json;
use steward::sweep::sweep;
use tempfile::TempDir;
use tokio::net::TcpListener;

struct Suite {
    world: World,
    store: Store,
    policy: Policy,
}

fn at(seconds: i64) -> Timestamp {
    // Far ahead, so that the running steward finds none of it due.
    Timestamp::from_millisecond((4_000_000_000 + seconds) * 1000)
}

impl Suite {
    async fn start() -> Self {
        let world =
            World::start_with(&Options { schedules_every: Duration::from_hours(1), ..Options::default() }).await;
        let configuration = world.runtime.configuration("suite");
        let store = Store::new(&configuration, table(&world, "RequestsTable"), Some(table(&world, "JournalTable")));
        Self { store, policy: Policy::from_yaml(DEFAULT_POLICY).unwrap(), world }
    }

    fn submission(&self, repository: &str, submitted: i64) -> Submission {
        let draft = Draft {
            requester: person("jane"),
            image: "python:latest".parse().unwrap(),
            custom_name: Some(repository.parse().unwrap()),
            justification: Some(Justification::new("x").unwrap()),
            risk_assessment: None,
            team: TeamName::new("data-engineering").unwrap(),
            environment: Environment::Production,
            channel: Channel::Api,
        };
        Submission::assess(draft, &image("python"), &self.policy, RandomIds.request_id(), at(submitted)).unwrap()
    }

    fn context(&self, now: i64) -> Context<'_> {
        Context { now: at(now), policy: &self.policy }
    }

    /// The repositories of a whole list, fetched one by one.
    async fn list(&self, filter: &ListFilter) -> Vec<String> {
        let size: PageSize = "1".parse().unwrap();
        let (mut after, mut found) = (None, Vec::new());
        for _ in 0..20 {
            let page = self.store.list_requests(filter, size, after).await.unwrap();
            let names = page.requests.into_iter().map(|stored| stored.request.submission.repository_name().to_string());
            found.extend(names);
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
        found
    }

    fn commit(&self, repository: &str, submitted: i64) -> Commit {
        let submission = self.submission(repository, submitted);
        prepare(None, Command::Submit(Box::new(submission)), &self.context(submitted)).unwrap()
    }
}

/// The name of the template's table.
fn table(world: &World, logical_id: &str) -> String {
    let tables = &world.runtime.system().tables;
    tables.iter().find(|table| table.logical_id == logical_id).unwrap().name.clone()
}

fn person(name: &str) -> Person {
    Person { subject: format!("issuer|{name}"), email: format!("{name}@acme.example") }
}

fn image(name: &str) -> CatalogImage {
    CatalogImage {
        name: name.parse().unwrap(),
        catalog_tier: CatalogTier::Application,
        aliases: Vec::new(),
        active_tags: Vec::new(),
    }
}

/// A lead says yes.
fn approval() -> Command {
    let by = Principal { person: person("dana"), groups: ["data-engineering-leads".to_owned()].into() };
    let voice = Voice { by, comment: None, channel: Channel::Api, seen: None };
    Command::Decide { answer: DecisionKind::Approved, voice }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_read_back_with_its_journal() {
    let suite = Suite::start().await;
    let commit = suite.commit("a", 0);
    let id = commit.stored.request.submission.id;
    assert_eq!(suite.store.load_request(id).await.unwrap(), None);
    suite.store.commit_request(&commit).await.unwrap();
    assert_eq!(suite.store.load_request(id).await.unwrap(), Some(commit.stored.clone()));
    let records = suite.store.read_journal(id).await.unwrap();
    assert_eq!(records, commit.records);
    assert_eq!(journal::verify(&records).unwrap(), commit.stored.head);
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_another_version_changes_nothing() {
    let suite = Suite::start().await;
    let commit = suite.commit("a", 0);
    let id = commit.stored.request.submission.id;
    suite.store.commit_request(&commit).await.unwrap();
    let approve = approval();
    let once = prepare(Some(&commit.stored), approve.clone(), &suite.context(1)).unwrap();
    suite.store.commit_request(&once).await.unwrap();
    let stale = prepare(Some(&commit.stored), approve, &suite.context(2)).unwrap();
    let error = suite.store.commit_request(&stale).await.unwrap_err();
    assert!(matches!(error, CommitError::VersionConflict), "{error:?}");
    let twice = suite.store.commit_request(&commit).await.unwrap_err();
    assert!(matches!(twice, CommitError::VersionConflict), "{twice:?}");
    // The running provisioner goes on from the approval; what was refused left nothing.
    let records = suite.store.read_journal(id).await.unwrap();
    let of = |kind: EventType| records.iter().filter(|record| record.event_type == kind).count();
    assert_eq!((of(EventType::Submitted), of(EventType::Approved)), (1, 1));
    journal::verify(&records).unwrap();
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_name_has_one_holder_until_it_is_released() {
    let suite = Suite::start().await;
    let first = suite.commit("a", 0);
    let holder = first.stored.request.submission.id;
    suite.store.commit_request(&first).await.unwrap();
    let second = suite.commit("a", 1);
    let error = suite.store.commit_request(&second).await.unwrap_err();
    assert!(matches!(error, CommitError::NameTaken { holder: found } if found == holder), "{error:?}");
    let cancel = Command::Cancel { by: Principal { person: person("jane"), groups: [].into() }, channel: Channel::Api };
    execute(&suite.store, holder, cancel, &suite.context(2)).await.unwrap();
    suite.store.commit_request(&second).await.unwrap();
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_leads_to_its_first_request_and_is_forgotten_in_time() {
    let suite = Suite::start().await;
    let key = |expires: i64| Idempotency {
        subject: "s".into(),
        key: "k".into(),
        body: journal::Digest::of(b"body"),
        expires_at: at(expires),
    };
    let mut first = suite.commit("a", 0);
    first.idempotency = Some(key(100));
    let id = first.stored.request.submission.id;
    suite.store.commit_request(&first).await.unwrap();
    let found = suite.store.find_idempotency(&key(100), at(99)).await.unwrap();
    assert_eq!(found, Some((id, journal::Digest::of(b"body"))));
    assert_eq!(suite.store.find_idempotency(&key(100), at(100)).await.unwrap(), None, "forgotten, deleted or not");
    // The same call again: its name is taken by itself, and what counts is the key.
    let mut again = suite.commit("a", 50);
    again.idempotency = Some(key(150));
    let error = suite.store.commit_request(&again).await.unwrap_err();
    assert!(matches!(error, CommitError::KeyUsed { request, .. } if request == id), "{error:?}");
    let mut later = suite.commit("b", 100);
    later.idempotency = Some(key(200));
    suite.store.commit_request(&later).await.unwrap();
    let mut other = Idempotency { subject: "s#k".into(), ..key(300) };
    other.key = String::new();
    assert_eq!(suite.store.find_idempotency(&other, at(0)).await.unwrap(), None, "no pair poses as another");
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_counts_what_is_committed_and_nothing_else() {
    let suite = Suite::start().await;
    let quota = Quota {
        subject: "s".into(),
        limit: RateLimit { requests: 2.try_into().unwrap(), per: Span::new(Duration::from_mins(1)) },
        window: at(0),
    };
    for (repository, expected) in [("a", true), ("a", false), ("b", true), ("c", false)] {
        let mut commit = suite.commit(repository, 0);
        commit.quota = Some(quota.clone());
        let outcome = suite.store.commit_request(&commit).await;
        assert_eq!(outcome.is_ok(), expected, "{repository}: {outcome:?}");
    }
    let mut next_window = suite.commit("c", 60);
    next_window.quota = Some(Quota { window: at(60), ..quota });
    suite.store.commit_request(&next_window).await.unwrap();
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_last_places_each_is_taken_once_and_given_back_with_the_result() {
    // The running system would provision what is approved.
    let Crowd { suite, store, .. } = &Crowd::start().await;
    let mut approved = Vec::new();
    for repository in ["first", "second", "third"] {
        let mut submission = suite.submission(repository, 0);
        submission.tier = ApprovalTier::AutoApprove;
        submission.terms = None;
        let commit = prepare(None, Command::Submit(Box::new(submission)), &suite.context(0)).unwrap();
        store.commit_request(&commit).await.unwrap();
        approved.push(commit.stored);
    }
    assert_eq!(store.read_places().await.unwrap(), Places::default());
    let claim = |stored: &StoredRequest, vacancy| {
        let lease = Lease::new("lease".to_owned(), at(100));
        prepare(Some(stored), Command::Claim { lease, vacancy: Some(vacancy) }, &suite.context(1)).unwrap()
    };
    let two = Vacancy { releases: 0, free: 2 };
    let mut claimed = Vec::new();
    for stored in &approved[..2] {
        let commit = claim(stored, two);
        store.commit_request(&commit).await.unwrap();
        claimed.push(commit.stored);
    }
    assert_eq!(store.read_places().await.unwrap(), Places { taken: 2, releases: 0 });
    let refused = store.commit_request(&claim(&approved[2], two)).await.unwrap_err();
    assert!(matches!(refused, CommitError::PlaceTaken), "{refused}");

    let failure =
        Failure { kind: FailureKind::NotEntitled, message: "not in the plan".to_owned(), remedy: "ask".to_owned() };
    let fail = Command::Fail { lease_id: "lease".to_owned(), failure };
    let failed = prepare(Some(&claimed[0]), fail, &suite.context(2)).unwrap();
    store.commit_request(&failed).await.unwrap();
    assert_eq!(store.read_places().await.unwrap(), Places { taken: 1, releases: 1 });
    // Whoever counted before the place was given back may have counted a repository too few.
    let refused = store.commit_request(&claim(&approved[2], two)).await.unwrap_err();
    assert!(matches!(refused, CommitError::PlaceTaken), "{refused}");
    let again = claim(&approved[2], Vacancy { releases: 1, free: 2 });
    store.commit_request(&again).await.unwrap();
    for stored in [&claimed[1], &again.stored] {
        let repository =
            ProvisionedRepository { id: "a/b".to_owned(), outcome: ProvisioningOutcome::Created, at: at(3) };
        let complete = Command::Complete { lease_id: "lease".to_owned(), repository };
        let completed = prepare(Some(stored), complete, &suite.context(3)).unwrap();
        store.commit_request(&completed).await.unwrap();
    }
    assert_eq!(store.read_places().await.unwrap(), Places { taken: 0, releases: 3 });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_found_in_order_and_postponed_once() {
    let suite = Suite::start().await;
    let mut due_at = Vec::new();
    for (repository, submitted) in [("late", 500), ("early", 0), ("later", 1000)] {
        let commit = suite.commit(repository, submitted);
        due_at.push(commit.stored.request.due_at().unwrap());
        suite.store.commit_request(&commit).await.unwrap();
    }
    due_at.sort_unstable();
    let hours = |hours: i64| at(hours * 3600);
    assert!(suite.store.find_due(hours(1), 10).await.unwrap().is_empty());
    let due = suite.store.find_due(hours(9), 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.since).collect::<Vec<_>>(), due_at);
    assert_eq!(suite.store.find_due(hours(9), 2).await.unwrap().len(), 2, "bounded");
    let first = *due.first().unwrap();
    assert!(suite.store.postpone(first, hours(10)).await.unwrap());
    assert!(!suite.store.postpone(first, hours(11)).await.unwrap(), "another steward was faster");
    assert_eq!(suite.store.find_due(hours(9), 10).await.unwrap().len(), 2);
    suite.world.runtime.stop().await;
}

/// Nobody publishes and nobody asks for tags: all that is due are decisions.
struct Nothing;

impl PublishEvents for Nothing {
    async fn publish_events(&self, _: &[Detail]) -> Result<usize, PortError> {
        Ok(0)
    }
}

impl FindTag for Nothing {
    async fn has_tag(&self, _: &str, _: &str) -> Result<bool, ChainguardError> {
        Err(ChainguardError::NotFound("tag".to_owned()))
    }
}

impl Measure for Nothing {
    fn measure(&self, _: Metric, _: u64, _: Timestamp) {}
}

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// How far the `nth` of many requests has come that waits for people, and how long after its submission it is due.
fn waiting(nth: u32) -> (Phase, Duration) {
    let pending = |reminders_sent, escalated| Phase::Pending { reminders_sent, escalated };
    match nth % 3 {
        0 => (pending(0, false), Duration::from_hours(8)),
        1 => (pending(2, false), Duration::from_hours(24)),
        _ => (pending(2, true), Duration::from_hours(14 * 24)),
    }
}

/// A store with many requests and nobody else at it.
struct Crowd {
    suite: Suite,
    database: Database,
    store: Store,
    _folder: TempDir,
}

impl Crowd {
    async fn start() -> Self {
        let suite = Suite::start().await;
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(folder.path().join("store.sqlite").to_str().unwrap()).unwrap();
        for table in &suite.world.runtime.system().tables {
            database.create_table(serde_json::from_value(table.create_table.clone()).unwrap()).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), std::future::pending()));
        let configuration = suite.world.runtime.configuration("crowd");
        let configuration = Configuration::with(configuration.sdk().clone(), Some(endpoint));
        let tables = ["RequestsTable", "JournalTable"].map(|table| self::table(&suite.world, table));
        let [requests, journal] = tables;
        Self { store: Store::new(&configuration, requests, Some(journal)), suite, database, _folder: folder }
    }

    /// Puts requests into the table, one due a minute from `first` on; returns them in this order. Each is like one
    /// that was stored for real, which gives up its place.
    async fn gather(&self, first: Timestamp, count: u32) -> Vec<RequestId> {
        let model = self.suite.commit("a", 0);
        self.store.commit_request(&model).await.unwrap();
        let model = &model.stored.request;
        let table = table(&self.suite.world, "RequestsTable");
        let key = json!({"pk": {"S": format!("REQUEST#{}", model.submission.id)}, "sk": {"S": "REQUEST"}});
        let get = serde_json::from_value(json!({"TableName": table, "Key": key})).unwrap();
        let item = self.database.get_item(get).unwrap().item.unwrap();
        let by = Principal { person: model.submission.requester.clone(), groups: [].into() };
        let cancel = Command::Cancel { by, channel: Channel::Api };
        execute(&self.store, model.submission.id, cancel, &self.suite.context(0)).await.unwrap();

        let like_model = |nth: u32| {
            let due_at = first.plus(Duration::from_mins(nth.into()));
            let (phase, after) = waiting(nth);
            let mut request = Request { phase, ..model.clone() };
            request.submission.id = RandomIds.request_id();
            request.submission.submitted_at = due_at.minus(after);
            request.round.since = due_at.minus(after);
            assert_eq!(request.due_at(), Some(due_at));
            request
        };
        let as_item = |request: &Request| {
            let Submission { id, submitted_at, .. } = request.submission;
            let mut item = item.clone();
            for (name, value) in [
                ("pk", format!("REQUEST#{id}")),
                ("document", serde_json::to_string(request).unwrap()),
                ("listKey", format!("{submitted_at}#{id}")),
                ("dueAt", request.due_at().unwrap().to_string()),
            ] {
                item.insert(name.to_owned(), AttributeValue::S(value)).unwrap();
            }
            item
        };
        let requests: Vec<Request> = (0..count).map(like_model).collect();
        let items = requests.iter().map(as_item).collect();
        self.database.import_items(&table, items, ImportOptions::default()).unwrap();
        requests.iter().map(|request| request.submission.id).collect()
    }

    /// The calls to AWS that the store has made so far.
    fn calls(&self) -> BTreeMap<String, u64> {
        let counts = self.suite.world.runtime.calls().counts().into_iter();
        counts.filter(|(call, _)| call.function == "crowd").map(|(call, count)| (call.operation, count)).collect()
    }

    /// One run of the steward, and the calls that it made.
    async fn sweep(&self, now: Timestamp) -> (steward::Report, BTreeMap<String, u64>) {
        let before = self.calls();
        let report = sweep(&self.store, &Nothing, &Nothing, &Nothing, &At(now), &self.suite.policy).await.unwrap();
        let since = |(operation, count): (String, u64)| {
            let count = count - before.get(&operation).copied().unwrap_or(0);
            (count > 0).then_some((operation, count))
        };
        (report, self.calls().into_iter().filter_map(since).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_costs_what_is_due_and_not_what_exists() {
    let crowd = Crowd::start().await;
    let first = at(30 * 24 * 3600);
    let ids = crowd.gather(first, 10_000).await;

    let queries = |count: u64| BTreeMap::from([("DynamoDB.Query".to_owned(), count)]);
    let (report, calls) = crowd.sweep(first.minus(Duration::from_secs(1))).await;
    assert_eq!((report.seen, calls), (0, queries(1)), "nothing is due");
    let an_hour_later = first.plus(Duration::from_mins(59));
    let (report, calls) = crowd.sweep(an_hour_later).await;
    assert_eq!((report.seen, report.failed), (60, 0));
    let mut expected = queries(1);
    expected.extend([("DynamoDB.GetItem".to_owned(), 60), ("DynamoDB.TransactWriteItems".to_owned(), 60)]);
    assert_eq!(calls, expected);
    let (report, calls) = crowd.sweep(an_hour_later).await;
    assert_eq!((report.seen, calls), (0, queries(1)), "each once");

    let mut happened: BTreeMap<EventType, usize> = BTreeMap::new();
    for id in &ids[..60] {
        let records = crowd.store.read_journal(*id).await.unwrap();
        assert_eq!(records.len(), 1, "{id}");
        *happened.entry(records[0].event_type).or_default() += 1;
    }
    let expected = [(EventType::Reminded, 20), (EventType::Escalated, 20), (EventType::Expired, 20)];
    assert_eq!(happened, expected.into());
    // More than one batch, all of it due by now.
    let (report, calls) = crowd.sweep(an_hour_later.plus(Duration::from_mins(250))).await;
    assert_eq!((report.seen, report.failed), (250, 0));
    assert_eq!(calls["DynamoDB.Query"], 3);
    crowd.suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_narrows_by_everything_that_is_asked_for() {
    let suite = Suite::start().await;
    for index in 0..5 {
        let commit = suite.commit(&format!("r{index}"), index);
        suite.store.commit_request(&commit).await.unwrap();
        if index % 2 == 0 {
            let id = commit.stored.request.submission.id;
            execute(&suite.store, id, approval(), &suite.context(10)).await.unwrap();
        }
    }
    let filter = ListFilter {
        status: Some(Status::Pending),
        team: None,
        requester: Some("jane@acme.example".to_owned()),
        image: None,
    };
    assert_eq!(suite.list(&filter).await, ["r3", "r1"], "newest first, none twice, none left out");
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_image_has_all_requests_for_it_whatever_tag_and_name_newest_first() {
    let suite = Suite::start().await;
    for (index, asked) in
        ["python:latest", "node:latest", "python:latest-dev", "base-image/python:latest", "python-fips:latest"]
            .into_iter()
            .enumerate()
    {
        let index = i64::try_from(index).unwrap();
        let mut submission = suite.submission(&format!("r{index}"), index);
        submission.image = asked.parse().unwrap();
        let commit = prepare(None, Command::Submit(Box::new(submission)), &suite.context(index)).unwrap();
        suite.store.commit_request(&commit).await.unwrap();
    }
    let of_image =
        |image: &str, status| ListFilter { status, team: None, requester: None, image: Some(image.parse().unwrap()) };
    assert_eq!(suite.list(&of_image("python", None)).await, ["r3", "r2", "r0"]);
    assert_eq!(suite.list(&of_image("node", Some(Status::Pending))).await, ["r1"]);
    assert!(suite.list(&of_image("node", Some(Status::Failed))).await.is_empty());
    assert!(suite.list(&of_image("pytho", None)).await.is_empty());
    // Each list is answered from its own index, and what has ended stays in it.
    let cancel = Command::Cancel { by: Principal { person: person("jane"), groups: [].into() }, channel: Channel::Api };
    let size = PageSize::default();
    let newest = suite.store.list_requests(&of_image("python", None), size, None).await.unwrap().requests.remove(0);
    execute(&suite.store, newest.request.submission.id, cancel, &suite.context(10)).await.unwrap();
    assert_eq!(suite.list(&of_image("python", Some(Status::Cancelled))).await, ["r3"]);
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_claimed_once_until_it_is_sent_released_or_lapsed() {
    use NotificationClaim::{Busy, Send, Sent};
    let suite = Suite::start().await;
    let event = EventId { request: RandomIds.request_id(), sequence: 1 };
    let claim = |now: i64| suite.store.claim_notification(event, "mail", at(now), at(now + 30));
    assert_eq!(claim(0).await.unwrap(), Send);
    assert_eq!(claim(10).await.unwrap(), Busy);
    suite.store.release_notification(event, "mail", at(11)).await.unwrap();
    assert_eq!(claim(11).await.unwrap(), Send);
    assert_eq!(claim(41).await.unwrap(), Send, "the claim has lapsed");
    suite.store.finish_notification(event, "mail", at(42)).await.unwrap();
    assert_eq!(claim(1000).await.unwrap(), Sent);
    let other = suite.store.claim_notification(event, "slack", at(0), at(30)).await.unwrap();
    assert_eq!(other, Send, "channels are independent");
    suite.world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_of_thousands_is_kept_as_a_whole() {
    let suite = Suite::start().await;
    let images: Vec<CatalogImage> = (0..3000).map(|index| image(&format!("image-{index:05}"))).collect();
    let catalog = Catalog::of_images(at(0), images)
        .with_repositories(Repositories::new(at(0), vec!["python".to_owned().into()], 3))
        .with_entitlement(at(1), Entitlement::default());
    suite.store.save_catalog(&catalog).await.unwrap();
    assert_eq!(suite.store.load_catalog().await.unwrap(), Some(catalog));
    suite.world.runtime.stop().await;
}

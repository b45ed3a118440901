//! What the store's ports promise, held against the embedded DynamoDB.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::time::Duration;

use aws::store::Store;
use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::environment::Environment;
use domain::event::EventType;
use domain::execute::{execute, prepare};
use domain::id::EventId;
use domain::journal;
use domain::lifecycle::{Command, Context};
use domain::listing::{ListFilter, PageSize};
use domain::person::{Person, Principal};
use domain::policy::{DEFAULT_POLICY, Policy, RateLimit};
use domain::ports::{
    ClaimNotification, Commit, CommitError, CommitRequest, FindDue, FindIdempotency, Idempotency, ListRequests,
    LoadCatalog, LoadRequest, NewIds, NotificationClaim, Postpone, Quota, ReadJournal, SaveCatalog,
};
use domain::request::{Channel, Draft, Status, Submission};
use domain::text::{Justification, TeamName};
use domain::time::{Span, Timestamp};
use e2e::World;
use lambda::clock::RandomIds;
use local::options::Options;

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
        let table = |id: &str| {
            let system = world.runtime.system();
            system.tables.iter().find(|table| table.logical_id == id).unwrap().name.clone()
        };
        let configuration = world.runtime.configuration("suite");
        let store = Store::new(&configuration, table("RequestsTable"), Some(table("JournalTable")));
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

    fn commit(&self, repository: &str, submitted: i64) -> Commit {
        let submission = self.submission(repository, submitted);
        prepare(None, Command::Submit(Box::new(submission)), &self.context(submitted)).unwrap()
    }
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

fn lead() -> Principal {
    Principal { person: person("dana"), groups: ["data-engineering-leads".to_owned()].into() }
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
    let approve = Command::Approve { by: lead(), comment: None, channel: Channel::Api };
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

#[tokio::test(flavor = "multi_thread")]
async fn a_list_narrows_by_everything_that_is_asked_for() {
    let suite = Suite::start().await;
    for index in 0..5 {
        let commit = suite.commit(&format!("r{index}"), index);
        suite.store.commit_request(&commit).await.unwrap();
        if index % 2 == 0 {
            let approve = Command::Approve { by: lead(), comment: None, channel: Channel::Api };
            let id = commit.stored.request.submission.id;
            execute(&suite.store, id, approve, &suite.context(10)).await.unwrap();
        }
    }
    let filter =
        ListFilter { status: Some(Status::Pending), team: None, requester: Some("jane@acme.example".to_owned()) };
    let size: PageSize = "1".parse().unwrap();
    let (mut after, mut found) = (None, Vec::new());
    for _ in 0..20 {
        let page = suite.store.list_requests(&filter, size, after).await.unwrap();
        found.extend(page.requests.into_iter().map(|stored| stored.request.submission.repository_name().to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["r3", "r1"], "newest first, none twice, none left out");
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
    let catalog = Catalog::new(at(0), images, vec!["python".to_owned()]);
    suite.store.save_catalog(&catalog).await.unwrap();
    assert_eq!(suite.store.load_catalog().await.unwrap(), Some(catalog));
    suite.world.runtime.stop().await;
}

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{LazyLock, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};

use domain::catalog::{CatalogImage, CatalogTier};
use domain::environment::Environment;
use domain::event::EventType::{Approved, BreakGlassUsed, Escalated, Expired, Reminded, Retried, Submitted};
use domain::execute::prepare;
use domain::journal::{DecisionKind, Record};
use domain::lifecycle::Voice;
use domain::person::{Person, Principal};
use domain::policy::DEFAULT_POLICY;
use domain::ports::{ChainguardError, Commit, PortError};
use domain::request::{Channel, Draft, Failure, FailureKind, Lease, Status, Submission};
use domain::text::{Comment, Justification, TeamName};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// When everything here begins.
fn start() -> Timestamp {
    "2026-11-23T08:00:00.000Z".parse().unwrap()
}

/// A store in memory, the index `due` included. Before each call its caller may be overtaken.
#[derive(Default)]
struct Memory {
    requests: Mutex<BTreeMap<RequestId, Item>>,
    records: Mutex<Vec<Record>>,
    published: Mutex<Vec<Detail>>,
    /// The present.
    now: Mutex<Option<Timestamp>>,
}

struct Item {
    stored: StoredRequest,
    due_at: Option<Timestamp>,
}

/// Gives way once.
async fn overtaken() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Metrics are read elsewhere.
struct Unmeasured;

impl Measure for Unmeasured {
    fn measure(&self, _: Metric, _: u64, _: Timestamp) {}
}

impl FindDue for Memory {
    async fn find_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>, PortError> {
        overtaken().await;
        let requests = self.requests.lock().unwrap();
        let dues = requests.iter().filter_map(|(id, item)| Some(Due { id: *id, since: item.due_at? }));
        let mut dues: Vec<Due> = dues.filter(|due| due.since <= now).collect();
        dues.sort_by_key(|due| due.since);
        dues.truncate(limit.try_into().unwrap());
        Ok(dues)
    }
}

impl LoadRequest for Memory {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        overtaken().await;
        Ok(self.requests.lock().unwrap().get(&id).map(|item| item.stored.clone()))
    }
}

impl CommitRequest for Memory {
    async fn commit_request(&self, commit: &Commit) -> Result<(), CommitError> {
        overtaken().await;
        let mut requests = self.requests.lock().unwrap();
        let id = commit.stored.request.submission.id;
        if requests.get(&id).map_or(0, |item| item.stored.head.sequence) != commit.expected_version {
            return Err(CommitError::VersionConflict);
        }
        requests.insert(id, Item { stored: commit.stored.clone(), due_at: commit.stored.request.due_at() });
        self.records.lock().unwrap().extend_from_slice(&commit.records);
        Ok(())
    }
}

impl Postpone for Memory {
    async fn postpone(&self, due: Due, until: Timestamp) -> Result<bool, PortError> {
        overtaken().await;
        let mut requests = self.requests.lock().unwrap();
        let item = requests.get_mut(&due.id).unwrap();
        let is_unchanged = item.due_at == Some(due.since);
        if is_unchanged {
            item.due_at = Some(until);
        }
        Ok(is_unchanged)
    }
}

impl ReadJournal for Memory {
    async fn read_journal(&self, id: RequestId) -> Result<Vec<Record>, PortError> {
        overtaken().await;
        Ok(self.records.lock().unwrap().iter().filter(|record| record.request_id == id).cloned().collect())
    }
}

impl PublishEvents for Memory {
    async fn publish_events(&self, events: &[Detail]) -> Result<usize, PortError> {
        overtaken().await;
        self.published.lock().unwrap().extend_from_slice(events);
        Ok(events.len())
    }
}

impl Clock for Memory {
    fn now(&self) -> Timestamp {
        self.now.lock().unwrap().unwrap()
    }
}

/// Nobody asks for tags here.
struct NoChainguard;

impl FindTag for NoChainguard {
    async fn has_tag(&self, _: &str, _: &str) -> Result<bool, ChainguardError> {
        Err(ChainguardError::Refused("nobody asks for tags here".to_owned()))
    }
}

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::from_yaml(DEFAULT_POLICY).unwrap());

fn principal(name: &str, groups: &[&str]) -> Principal {
    let person = Person { subject: format!("issuer|{name}"), email: format!("{name}@acme.example") };
    Principal { person, groups: groups.iter().map(|group| (*group).to_owned()).collect() }
}

fn voice(by: Principal) -> Voice {
    Voice { by, comment: Some(Comment::new("the reason").unwrap()), channel: Channel::Api, seen: None }
}

impl Memory {
    /// With a request that waits for the leads of a team: reminders after 8 and 20 hours, 24 hours to decide, 14 days
    /// until it expires.
    async fn with_request() -> (Self, RequestId) {
        let draft = Draft {
            requester: principal("jane", &[]).person,
            image: "python:latest".parse().unwrap(),
            custom_name: None,
            justification: Some(Justification::new("ML pipeline").unwrap()),
            risk_assessment: None,
            team: TeamName::new("data-engineering").unwrap(),
            environment: Environment::Production,
            channel: Channel::Api,
        };
        let image = CatalogImage {
            name: "python".parse().unwrap(),
            catalog_tier: CatalogTier::Application,
            aliases: Vec::new(),
            active_tags: Vec::new(),
        };
        let id: RequestId = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap();
        let submission = Submission::assess(draft, &image, &POLICY, id, start()).unwrap();
        let memory = Self::default();
        memory.carry_out(id, Duration::ZERO, Command::Submit(Box::new(submission))).await;
        (memory, id)
    }

    /// Somebody does something, so long after the start.
    async fn carry_out(&self, id: RequestId, after: Duration, command: Command) {
        let context = Context { now: start().plus(after), policy: &POLICY };
        let before = self.load_request(id).await.unwrap();
        self.commit_request(&prepare(before.as_ref(), command, &context).unwrap()).await.unwrap();
    }

    /// It is approved, tried, fails, and an administrator sends it round again.
    async fn fail_and_send_round_again(&self, id: RequestId, approved: Duration, again: Duration) {
        let lead = principal("dana", &["data-engineering-leads"]);
        self.carry_out(id, approved, Command::Decide { answer: DecisionKind::Approved, voice: voice(lead) }).await;
        let lease = Lease::new("lease".to_owned(), start().plus(approved + HOUR));
        self.carry_out(id, approved, Command::Claim { lease, vacancy: None }).await;
        let failure =
            Failure { kind: FailureKind::NotEntitled, message: "not in the plan".into(), remedy: "ask sales".into() };
        self.carry_out(id, approved, Command::Fail { lease_id: "lease".to_owned(), failure }).await;
        let by = principal("alex", &["cgr-request-admins"]);
        self.carry_out(id, again, Command::Retry { by, channel: Channel::Api }).await;
    }

    fn set_time(&self, after: Duration) {
        *self.now.lock().unwrap() = Some(start().plus(after));
    }

    /// One run, so long after the start.
    async fn sweep(&self, after: Duration) -> Report {
        self.set_time(after);
        sweep(self, self, &NoChainguard, &Unmeasured, self, &POLICY).await.unwrap()
    }

    /// Two runs at once, so long after the start, which make their calls in this order: for each bit one call of the
    /// first run, or of the second.
    fn two_sweeps(&self, after: Duration, order: u32) {
        self.set_time(after);
        let mut first = pin!(sweep(self, self, &NoChainguard, &Unmeasured, self, &POLICY));
        let mut second = pin!(sweep(self, self, &NoChainguard, &Unmeasured, self, &POLICY));
        let mut context = TaskContext::from_waker(Waker::noop());
        let mut reports = [None, None];
        for step in 0.. {
            let turn = usize::from(order.checked_shr(step).unwrap_or(step) & 1 == 1);
            // Whoever is done leaves the turn to the other.
            let turn = if reports[turn].is_some() { 1 - turn } else { turn };
            let polled = match turn {
                0 => first.as_mut().poll(&mut context),
                _ => second.as_mut().poll(&mut context),
            };
            if let Poll::Ready(report) = polled {
                reports[turn] = Some(report.unwrap());
            }
            if reports.iter().all(Option::is_some) {
                break;
            }
        }
        assert_eq!(reports.map(|report| report.unwrap().failed), [0, 0], "{order:b}");
    }

    fn events(&self) -> Vec<EventType> {
        self.records.lock().unwrap().iter().map(|record| record.event_type).collect()
    }

    /// What the steward itself made happen, and how long after the start.
    fn deadlines(&self) -> Vec<(EventType, Duration)> {
        let records = self.records.lock().unwrap();
        let of_steward = records.iter().filter(|record| [Reminded, Escalated, Expired].contains(&record.event_type));
        of_steward.map(|record| (record.event_type, record.timestamp.since(start()))).collect()
    }

    fn status(&self, id: RequestId) -> Status {
        self.requests.lock().unwrap()[&id].stored.request.status()
    }
}

#[tokio::test]
async fn every_deadline_is_kept_once_and_in_its_time() {
    let (memory, id) = Memory::with_request().await;
    for run in 0..15 * 24 * 6 {
        memory.sweep(run * 10 * MINUTE).await;
    }
    let expected = [(Reminded, 8 * HOUR), (Reminded, 20 * HOUR), (Escalated, 24 * HOUR), (Expired, 14 * DAY)];
    assert_eq!(memory.deadlines(), expected);
    assert_eq!(memory.status(id), Status::Expired);
}

#[tokio::test]
async fn two_stewards_at_once_do_once_what_is_due_whoever_overtakes_whom() {
    // Each run makes at most four calls until it finds nothing more to do; these orders have all their interleavings.
    for order in 0..1 << 10 {
        let (memory, _) = Memory::with_request().await;
        for (after, event_type) in [(8 * HOUR, Reminded), (20 * HOUR, Reminded), (DAY, Escalated), (14 * DAY, Expired)]
        {
            let before = memory.events();
            memory.two_sweeps(after, order);
            assert_eq!(memory.events(), [before, vec![event_type]].concat(), "{order:b}");
        }
        memory.two_sweeps(15 * DAY, order);
        assert_eq!(memory.deadlines().len(), 4, "{order:b}");
    }
}

#[tokio::test]
async fn two_late_stewards_at_once_do_the_most_final_thing_once() {
    for order in 0..1 << 10 {
        for (after, event_type) in [(8 * HOUR + DAY, Escalated), (15 * DAY, Expired)] {
            let (memory, _) = Memory::with_request().await;
            memory.two_sweeps(after, order);
            assert_eq!(memory.events(), [Submitted, event_type], "{order:b}");
        }
    }
}

#[tokio::test]
async fn a_run_that_is_a_day_late_escalates_instead_of_reminding_and_expires_instead_of_both() {
    for (late, expected) in [
        (8 * HOUR + DAY, Escalated),
        (20 * HOUR + DAY, Escalated),
        (DAY + DAY, Escalated),
        (14 * DAY, Expired),
        (14 * DAY + DAY, Expired),
    ] {
        let (memory, id) = Memory::with_request().await;
        memory.sweep(late).await;
        assert_eq!(memory.deadlines(), [(expected, late)], "{late:?}");
        // What was missed is not made up for.
        memory.sweep(late + MINUTE).await;
        memory.sweep(late + DAY).await;
        assert_eq!(memory.deadlines(), [(expected, late)], "{late:?}");
        let ends = memory.sweep(20 * DAY).await.seen + usize::from(expected == Expired);
        assert_eq!((ends, memory.status(id)), (1, Status::Expired), "{late:?}");
    }
}

#[tokio::test]
async fn two_reminders_that_are_late_are_one() {
    let (memory, _) = Memory::with_request().await;
    memory.sweep(21 * HOUR).await;
    memory.sweep(22 * HOUR).await;
    assert_eq!(memory.deadlines(), [(Reminded, 21 * HOUR)]);
}

#[tokio::test]
async fn a_request_that_is_sent_round_again_gets_new_deadlines() {
    let (memory, id) = Memory::with_request().await;
    memory.sweep(8 * HOUR).await;
    memory.fail_and_send_round_again(id, 9 * HOUR, 13 * DAY).await;
    assert_eq!(memory.status(id), Status::Pending);
    for run in 0..15 * 24 * 6 {
        memory.sweep(13 * DAY + run * 10 * MINUTE).await;
    }
    let again = 13 * DAY;
    let expected = [
        (Reminded, 8 * HOUR),
        (Reminded, again + 8 * HOUR),
        (Reminded, again + 20 * HOUR),
        (Escalated, again + DAY),
        (Expired, again + 14 * DAY),
    ];
    assert_eq!(memory.deadlines(), expected);
}

#[tokio::test]
async fn what_nobody_took_up_is_published_once_more_as_what_approved_it_last() {
    for order in 0..1 << 10 {
        let (memory, id) = Memory::with_request().await;
        memory.fail_and_send_round_again(id, HOUR, 2 * HOUR).await;
        let commander = principal("ivy", &["incident-commanders"]);
        memory.carry_out(id, 3 * HOUR, Command::BreakGlass(voice(commander))).await;
        assert!(memory.events().ends_with(&[Retried, BreakGlassUsed, Approved]));
        memory.two_sweeps(3 * HOUR + 14 * MINUTE, order);
        assert!(memory.published.lock().unwrap().is_empty(), "{order:b}");
        memory.two_sweeps(3 * HOUR + REDELIVER_AFTER, order);
        let last = memory.records.lock().unwrap().last().cloned().unwrap();
        assert_eq!(*memory.published.lock().unwrap(), [Detail::announcing(last)], "{order:b}");
    }
}

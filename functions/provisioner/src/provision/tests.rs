use std::collections::BTreeMap;
use std::sync::Mutex;

use domain::catalog::{CatalogImage, CatalogTier};
use domain::environment::Environment;
use domain::event::EventType;
use domain::execute::prepare;
use domain::image::RepositoryName;
use domain::journal::{DecisionKind, Record};
use domain::lifecycle::Voice;
use domain::person::{Person, Principal};
use domain::policy::DEFAULT_POLICY;
use domain::ports::{Commit, Entitlement, PortError};
use domain::request::{Channel, Draft, FailureKind, Status};
use domain::text::{Justification, TeamName};
use domain::time::Timestamp;

use super::*;

/// Store, Chainguard, clock and ids in memory. Counts the repositories that are made.
struct World {
    policy: Policy,
    requests: Mutex<BTreeMap<RequestId, StoredRequest>>,
    records: Mutex<Vec<Record>>,
    created: Mutex<usize>,
}

impl LoadRequest for World {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        Ok(self.requests.lock().unwrap().get(&id).cloned())
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

impl ReadEntitlement for World {
    async fn read_entitlement(&self) -> Result<Entitlement, ChainguardError> {
        Err(ChainguardError::NotFound("entitlement".to_owned()))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        "2026-11-23T08:00:00.000Z".parse().unwrap()
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
        let world = Self {
            policy: Policy::from_yaml(DEFAULT_POLICY).unwrap(),
            requests: Mutex::default(),
            records: Mutex::default(),
            created: Mutex::default(),
        };
        let draft = Draft {
            requester: principal("jane", "data-engineering").person,
            image: "python:latest".parse().unwrap(),
            custom_name: None,
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
        let lease = Lease { id: "dead".to_owned(), until: self.now() };
        self.carry_out(Command::Claim { lease });
        let failure =
            Failure { kind: FailureKind::NotEntitled, message: "not in the plan".into(), remedy: "ask sales".into() };
        self.carry_out(Command::Fail { lease_id: "dead".to_owned(), failure });
        self.carry_out(Command::Retry { by: principal("alex", "cgr-request-admins"), channel: Channel::Api });
    }

    /// Takes the last event of this type to the provisioner.
    async fn deliver(&self, event_type: EventType) {
        let last = |record: &&Record| record.event_type == event_type;
        let record = self.records.lock().unwrap().iter().rev().find(last).unwrap().clone();
        provision(self, self, self, self, &self.policy, Detail::announcing(record)).await.unwrap();
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

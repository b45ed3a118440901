use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use domain::link::LinkError;

use super::*;

const ID: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:LinkKeys-AbCdEf";
const STEPS: [Step; 4] = [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret];

/// A secret in memory as Secrets Manager keeps it, Chainguard, a metric and a clock.
struct World {
    versions: Mutex<BTreeMap<String, Version>>,
    is_enabled: bool,
    /// Which call to Secrets Manager fails, and whether it acts before it does; counted from 0.
    fault: Mutex<Option<(u32, bool)>>,
    calls: Mutex<u32>,
    /// What Chainguard says of any credential.
    checked: Result<Option<Timestamp>, ChainguardError>,
    checks: Mutex<u32>,
    reported: Mutex<Vec<(Metric, u64)>>,
}

#[derive(Clone, Default)]
struct Version {
    text: Option<String>,
    stages: BTreeSet<String>,
}

impl World {
    fn with(text: &str) -> Self {
        let first = Version { text: Some(text.to_owned()), stages: BTreeSet::from([CURRENT.to_owned()]) };
        Self {
            versions: Mutex::new(BTreeMap::from([("v0".to_owned(), first)])),
            is_enabled: true,
            fault: Mutex::default(),
            calls: Mutex::default(),
            checked: Ok(None),
            checks: Mutex::default(),
            reported: Mutex::default(),
        }
    }

    fn with_link_keys() -> Self {
        Self::with(&format!(r#"{{"currentId":"first","current":"{}"}}"#, "k".repeat(64)))
    }

    /// Secrets Manager begins a rotation: there is a version with a label and without a text.
    fn begin(&self, version: &str) {
        let mut versions = self.versions.lock().unwrap();
        for version in versions.values_mut() {
            version.stages.remove(PENDING);
        }
        versions.insert(version.to_owned(), Version { text: None, stages: BTreeSet::from([PENDING.to_owned()]) });
    }

    async fn step(&self, step: Step, version: &str) -> Result<(), RotationError> {
        let request = Request { step, secret_id: ID.to_owned(), client_request_token: version.to_owned() };
        rotate(self, self, self, self, &request).await
    }

    /// A rotation in which everything goes well.
    async fn rotate(&self, version: &str) {
        self.begin(version);
        for step in STEPS {
            self.step(step, version).await.unwrap();
        }
    }

    fn text(&self, stage: &str) -> Option<String> {
        let versions = self.versions.lock().unwrap();
        versions.values().find(|version| version.stages.contains(stage))?.text.clone()
    }

    fn ring(&self) -> KeyRing {
        KeyRing::from_json(&self.text(CURRENT).unwrap()).unwrap()
    }

    fn current_version(&self) -> String {
        let versions = self.versions.lock().unwrap();
        let mut current = versions.iter().filter(|(_, version)| version.stages.contains(CURRENT));
        let (id, _) = current.next().unwrap();
        assert!(current.next().is_none(), "one version is current");
        id.clone()
    }

    /// Does what a call does, unless it is the one that fails.
    fn call<T>(&self, act: impl FnOnce() -> T) -> Result<T, PortError> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls - 1
        };
        let error = || PortError { operation: "do anything", retryable: true, source: "as the test says".into() };
        match *self.fault.lock().unwrap() {
            Some((failing, false)) if failing == number => Err(error()),
            Some((failing, true)) if failing == number => {
                act();
                Err(error())
            }
            _ => Ok(act()),
        }
    }
}

impl DescribeSecret for World {
    async fn describe_secret(&self, id: &str) -> Result<SecretVersions, PortError> {
        assert_eq!(id, ID);
        self.call(|| {
            let versions = self.versions.lock().unwrap();
            let labelled = versions.iter().filter(|(_, version)| !version.stages.is_empty());
            let stages = labelled.map(|(id, version)| (id.clone(), version.stages.clone())).collect();
            SecretVersions { rotation_is_enabled: self.is_enabled, stages }
        })
    }
}

impl ReadSecretVersion for World {
    async fn read_secret_version(&self, _: &str, version: SecretVersion<'_>) -> Result<Option<String>, PortError> {
        self.call(|| match version {
            SecretVersion::Current => self.text(CURRENT),
            SecretVersion::Pending(id) => {
                let versions = self.versions.lock().unwrap();
                versions.get(id).filter(|version| version.stages.contains(PENDING))?.text.clone()
            }
        })
    }
}

impl StorePendingSecret for World {
    async fn store_pending_secret(&self, _: &str, version: &str, text: &str) -> Result<(), PortError> {
        self.call(|| {
            let mut versions = self.versions.lock().unwrap();
            versions.get_mut(version).unwrap().text.get_or_insert_with(|| text.to_owned());
        })
    }
}

impl MakeSecretCurrent for World {
    async fn make_secret_current(&self, _: &str, version: &str, instead_of: Option<&str>) -> Result<(), PortError> {
        assert_eq!(instead_of, Some(self.current_version().as_str()));
        self.call(|| {
            let mut versions = self.versions.lock().unwrap();
            for version in versions.values_mut() {
                version.stages.remove(CURRENT);
            }
            versions.get_mut(version).unwrap().stages.insert(CURRENT.to_owned());
        })
    }
}

impl CheckCredential for World {
    async fn check_credential(&self, _: &str) -> Result<Option<Timestamp>, ChainguardError> {
        *self.checks.lock().unwrap() += 1;
        self.checked.clone()
    }
}

impl Measure for World {
    fn measure(&self, metric: Metric, value: u64, now: Timestamp) {
        assert_eq!(now, self.now());
        self.reported.lock().unwrap().push((metric, value));
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        "2026-11-23T18:51:45.000Z".parse().unwrap()
    }
}

/// A link that is signed with the ring's current key, and what another ring says of it.
fn link(ring: &KeyRing) -> String {
    ring.link(&Link {
        request: "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap(),
        approver: "dana@acme.example".to_owned(),
        digest: Digest::of(b""),
        expires: "2026-11-24T00:00:00Z".parse().unwrap(),
    })
}

fn verified(ring: &KeyRing, link: &str) -> Result<Link, LinkError> {
    let (path, query) = link.split_once('?').unwrap();
    let id = path.strip_prefix("/approval/").unwrap().parse().unwrap();
    ring.verify(id, query, "2026-11-23T18:51:45Z".parse().unwrap())
}

#[tokio::test]
async fn a_link_outlives_one_rotation_and_not_two() {
    let world = World::with_link_keys();
    let old = link(&world.ring());
    world.rotate("v1").await;
    assert_eq!(world.current_version(), "v1");
    assert!(verified(&world.ring(), &old).is_ok());
    let newer = link(&world.ring());
    world.rotate("v2").await;
    assert_eq!(verified(&world.ring(), &old), Err(LinkError::UnknownKey));
    assert!(verified(&world.ring(), &newer).is_ok());
}

#[tokio::test]
async fn a_new_key_is_long_random_and_named_after_its_day() {
    let (first, second) = (World::with_link_keys(), World::with_link_keys());
    let mut keys = BTreeSet::new();
    for world in [&first, &second] {
        world.rotate("v1").await;
        let ring: serde_json::Value = serde_json::from_str(&world.text(CURRENT).unwrap()).unwrap();
        let (id, key) = (ring["currentId"].as_str().unwrap(), ring["current"].as_str().unwrap());
        assert!(id.starts_with("2026-11-23-") && id.len() == 19, "{id}");
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!((ring["previousId"].as_str(), ring["previous"].as_str()), (Some("first"), Some(&*"k".repeat(64))));
        keys.extend([id.to_owned(), key.to_owned()]);
    }
    assert_eq!(keys.len(), 4, "another name and another key each time");
}

#[tokio::test]
async fn every_step_may_come_twice() {
    let world = World::with_link_keys();
    world.begin("v1");
    for step in STEPS {
        world.step(step, "v1").await.unwrap();
        let (pending, current) = (world.text(PENDING), world.text(CURRENT));
        world.step(step, "v1").await.unwrap();
        assert_eq!((world.text(PENDING), world.text(CURRENT)), (pending, current), "{step:?}");
    }
    // And all of them once more, after the end.
    let current = world.text(CURRENT);
    for step in STEPS {
        world.step(step, "v1").await.unwrap();
    }
    assert_eq!((world.current_version().as_str(), world.text(CURRENT)), ("v1", current));
}

#[tokio::test]
async fn a_rotation_that_dies_at_any_call_goes_on_when_its_step_comes_again() {
    let calls = {
        let world = World::with_link_keys();
        world.rotate("v1").await;
        *world.calls.lock().unwrap()
    };
    assert!(calls > 8, "{calls}");
    for failing in 0..calls {
        for acts_before in [false, true] {
            let world = World::with_link_keys();
            let old = link(&world.ring());
            *world.fault.lock().unwrap() = Some((failing, acts_before));
            world.begin("v1");
            let mut failures = 0;
            for step in STEPS {
                while let Err(error) = world.step(step, "v1").await {
                    assert!(matches!(error, RotationError::Port(_)), "{step:?}: {error}");
                    failures += 1;
                    assert!(failures <= 1, "one call fails, once");
                }
                // Whatever has failed, what is in use is whole.
                assert!(verified(&world.ring(), &old).is_ok(), "call {failing}, {step:?}");
            }
            assert_eq!((failures, world.current_version().as_str()), (1, "v1"), "call {failing}");
        }
    }
}

#[tokio::test]
async fn a_rotation_that_was_given_up_leaves_nothing_behind_for_the_next_one() {
    let world = World::with_link_keys();
    let old = link(&world.ring());
    world.begin("v1");
    world.step(Step::CreateSecret, "v1").await.unwrap();
    world.rotate("v2").await;
    assert_eq!(world.current_version(), "v2");
    assert!(verified(&world.ring(), &old).is_ok());
    let error = world.step(Step::FinishSecret, "v1").await.unwrap_err();
    assert!(matches!(error, RotationError::UnknownVersion), "{error}");
}

#[tokio::test]
async fn keys_that_somebody_stored_meanwhile_are_not_lost() {
    let world = World::with_link_keys();
    world.begin("v1");
    world.step(Step::CreateSecret, "v1").await.unwrap();
    let theirs = format!(r#"{{"currentId":"theirs","current":"{}"}}"#, "t".repeat(64));
    world.versions.lock().unwrap().get_mut("v0").unwrap().text = Some(theirs.clone());
    let error = world.step(Step::FinishSecret, "v1").await.unwrap_err();
    assert!(matches!(error, RotationError::Overtaken), "{error}");
    assert_eq!(world.text(CURRENT), Some(theirs));
    world.rotate("v2").await;
    assert_eq!(world.current_version(), "v2");
}

#[tokio::test]
async fn what_is_not_being_rotated_is_left_alone() {
    for step in STEPS {
        let off = World { is_enabled: false, ..World::with_link_keys() };
        off.begin("v1");
        assert!(matches!(off.step(step, "v1").await, Err(RotationError::NotEnabled)), "{step:?}");
        let world = World::with_link_keys();
        assert!(matches!(world.step(step, "v1").await, Err(RotationError::UnknownVersion)), "{step:?}");
        world.step(step, "v0").await.unwrap();
        world
            .versions
            .lock()
            .unwrap()
            .insert("v1".to_owned(), Version { text: None, stages: BTreeSet::from(["mine".to_owned()]) });
        assert!(matches!(world.step(step, "v1").await, Err(RotationError::NotPending)), "{step:?}");
        assert_eq!(world.current_version(), "v0");
    }
}

#[tokio::test]
async fn steps_out_of_order_change_nothing() {
    let world = World::with_link_keys();
    world.begin("v1");
    // Switching rotation on may have Secrets Manager try this one on a version without a text.
    world.step(Step::TestSecret, "v1").await.unwrap();
    assert!(matches!(world.step(Step::FinishSecret, "v1").await, Err(RotationError::Empty("pending"))));
    assert_eq!(world.current_version(), "v0");
}

#[tokio::test]
async fn a_trial_of_what_is_in_use_already_succeeds() {
    // Switching rotation on has Secrets Manager try the one step, with a copy of what there is.
    let world = World::with_link_keys();
    world.begin("v1");
    let copy = world.text(CURRENT);
    world.versions.lock().unwrap().get_mut("v1").unwrap().text = copy;
    world.step(Step::TestSecret, "v1").await.unwrap();
    world.step(Step::FinishSecret, "v1").await.unwrap();
}

#[tokio::test]
async fn a_credential_without_anything_to_rotate_is_finished_as_it_is() {
    let exchange = r#"{"kind":"exchange","identity":"i","token":"upstream"}"#;
    for (text, checks) in [
        (r#"{"kind":"unconfigured"}"#, 0),
        (r#"{"kind":"aws-web-identity","identity":"i"}"#, 0),
        (r#"{"kind":"aws-signed-request","identity":"i"}"#, 0),
        (exchange, 1),
    ] {
        let world = World::with(text);
        world.rotate("v1").await;
        assert_eq!((world.current_version().as_str(), world.text(CURRENT).as_deref()), ("v1", Some(text)));
        assert_eq!(*world.checks.lock().unwrap(), checks, "{text}");
        assert!(world.reported.lock().unwrap().is_empty());
    }
    let world = World { checked: Err(ChainguardError::Unauthenticated("no".to_owned())), ..World::with(exchange) };
    world.begin("v1");
    world.step(Step::CreateSecret, "v1").await.unwrap();
    let error = world.step(Step::TestSecret, "v1").await.unwrap_err();
    assert!(matches!(error, RotationError::Credential(_)), "{error}");
    assert_eq!(world.current_version(), "v0");
}

#[tokio::test]
async fn a_stored_token_is_not_renewed_and_says_how_long_it_lives() {
    let ends_at: Timestamp = "2026-11-23T19:21:45Z".parse().unwrap();
    let refused = ChainguardError::Unauthenticated("expired".to_owned());
    for (checked, left) in
        [(Ok(Some(ends_at)), Duration::from_mins(30)), (Ok(None), Duration::ZERO), (Err(refused), Duration::ZERO)]
    {
        let world = World { checked, ..World::with(r#"{"kind":"token","token":"hunter2"}"#) };
        world.begin("v1");
        let error = world.step(Step::CreateSecret, "v1").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cannot be renewed automatically") && text.contains("aws-web-identity"), "{text}");
        assert!(text.contains(&format!("good for {} minutes", left.as_secs() / 60)), "{text}");
        assert_eq!(*world.reported.lock().unwrap(), [(Metric::StoredTokenRemaining, left.as_secs())]);
        assert_eq!(world.text(PENDING), None);
    }
    let down = ChainguardError::Unavailable("down".to_owned());
    let world = World { checked: Err(down), ..World::with(r#"{"kind":"token","token":"hunter2"}"#) };
    world.begin("v1");
    let error = world.step(Step::CreateSecret, "v1").await.unwrap_err();
    assert!(matches!(error, RotationError::Credential(_)), "{error}");
    assert!(world.reported.lock().unwrap().is_empty(), "nothing is known");
}

#[tokio::test]
async fn a_secret_of_an_unknown_shape_is_left_alone() {
    for text in ["hunter2", r#"{"slack":{"webhookUrl":"hunter2"}}"#, r#"{"currentId":"first","current":"hunter2"}"#] {
        let world = World::with(text);
        world.begin("v1");
        let error = world.step(Step::CreateSecret, "v1").await.unwrap_err();
        assert!(matches!(error, RotationError::Shape(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_secret_is_logged() {
    let log = captured_log::listen();
    let world = World::with_link_keys();
    world.rotate("v1").await;
    let text = log.text();
    assert_eq!(log.lines_with("FinishSecret").len(), 1, "{text}");
    assert!(!text.contains("kkkk"), "{text}");
    let ring: serde_json::Value = serde_json::from_str(&world.text(CURRENT).unwrap()).unwrap();
    assert!(!text.contains(ring["current"].as_str().unwrap()));
}

#[test]
fn a_request_is_read_as_secrets_manager_writes_it() {
    for (name, step) in ["createSecret", "setSecret", "testSecret", "finishSecret"].into_iter().zip(STEPS) {
        let text = format!(r#"{{"Step":"{name}","SecretId":"{ID}","ClientRequestToken":"v1","RotationToken":"x"}}"#);
        let request = Request { step, secret_id: ID.to_owned(), client_request_token: "v1".to_owned() };
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }
    assert!(
        serde_json::from_str::<Request>(r#"{"Step":"deleteSecret","SecretId":"a","ClientRequestToken":"b"}"#).is_err()
    );
}

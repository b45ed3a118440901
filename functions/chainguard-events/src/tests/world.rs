//! The outside in memory, and what Chainguard sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::catalog::{CatalogImage, CatalogTier};
use domain::envelope::BusEvent;
use domain::environment::Environment;
use domain::execute::prepare;
use domain::id::RequestId;
use domain::journal::Digest;
use domain::lifecycle::{Command, Context};
use domain::person::Person;
use domain::policy::{DEFAULT_POLICY, Policy};
use domain::ports::{
    ChainguardError, Clock, Commit, CommitError, CommitRequest, Delivery, FindRepositoryById, FindRequestOfRepository,
    FindTag, IdentifyOrganization, LoadRequest, PortError, PutEvents, RememberDelivery, Repository, StoredRequest,
};
use domain::request::{Channel, Draft, Lease, ProvisionedRepository, ProvisioningOutcome, Status, Submission};
use domain::text::TeamName;
use domain::time::Timestamp;
use lambda::jwt::{FetchError, FetchKeys, Issuer, IssuerKeys, KeySet};
use serde_json::{Value, json};

use crate::receive::{Ports, receive};

pub(super) const ISSUER: &str = "https://issuer.enforce.dev";
pub(super) const ORGANIZATION: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
pub(super) const REPOSITORY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978";
pub(super) const ID: &str = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f";
/// Seconds since 1970.
pub(super) const NOW: i64 = 1_795_420_800;

const TYPES: &str = "dev.chainguard.api.platform.registry.";

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::from_yaml(DEFAULT_POLICY).unwrap());

/// A key pair on P-256.
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(super) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        // 4, then both coordinates of 32 bytes.
        let point = self.0.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": "k1", "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": "ES256", "kid": "k1"}), claims)
    }

    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = encode(self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref());
        format!("{message}.{signature}")
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A delivery, as Chainguard would send it unless a test changes it.
pub(super) struct Sent {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    pub(super) claims: Value,
}

impl Sent {
    /// An event of this kind, `tag.created.v1`, about `subject`, with this inner body.
    pub(super) fn new(id: &str, kind: &str, subject: &str, inner: &Value) -> Self {
        let body = json!({"actor": {"subject": "somebody", "act": {"email": ""}}, "body": inner}).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-type", &format!("{TYPES}{kind}")),
            ("ce-source", "https://console-api.enforce.dev/registry/v1"),
            ("ce-subject", subject),
            ("ce-time", "2026-11-23T08:00:00.317300341Z"),
            ("ce-audience", "customer"),
        ];
        let claims = json!({
            "iss": ISSUER,
            "aud": "customer",
            "sub": format!("webhook:{ORGANIZATION}"),
            "iat": NOW,
            "exp": NOW + 3_600,
            "webhook": {"digest": format!("sha256:{}", Digest::of(body.as_bytes()))},
        });
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { headers, body, claims }
    }

    pub(super) fn tag_created(id: &str, repository: &str, tag: &str) -> Self {
        let subject = format!("{repository}/2222222222222222");
        Self::new(id, "tag.created.v1", &subject, &json!({"id": subject, "name": tag, "digest": "sha256:abab"}))
    }

    pub(super) fn repository_created(id: &str, repository: &str) -> Self {
        let inner = json!({"id": repository, "name": "python", "catalog_tier": 4, "create_time": {"seconds": NOW}});
        Self::new(id, "repo.created.v1", repository, &inner)
    }

    pub(super) fn repository_deleted(id: &str, repository: &str) -> Self {
        Self::new(id, "repo.deleted.v1", repository, &json!({"id": repository}))
    }

    /// With another value of a claim; `null` leaves it out.
    pub(super) fn claiming(mut self, claim: &str, value: Value) -> Self {
        let claims = self.claims.as_object_mut().unwrap();
        if value.is_null() {
            claims.remove(claim);
        } else {
            claims.insert(claim.to_owned(), value);
        }
        self
    }

    /// The call of API Gateway, with this in the header `Authorization`.
    fn call(&self, authorization: Option<&str>, is_base64_encoded: bool) -> ApiGatewayV2httpRequest {
        let mut headers = self.headers.clone();
        headers.extend(authorization.map(|value| ("authorization".to_owned(), value.to_owned())));
        let body = if is_base64_encoded { STANDARD.encode(&self.body) } else { self.body.clone() };
        serde_json::from_value(json!({
            "version": "2.0",
            "routeKey": "POST /chainguard/events",
            "rawPath": "/chainguard/events",
            "headers": headers,
            "requestContext": {"http": {"method": "POST", "path": "/chainguard/events"}, "requestId": "call-1"},
            "body": body,
            "isBase64Encoded": is_base64_encoded,
        }))
        .unwrap()
    }
}

/// What goes wrong outside.
#[derive(Default)]
pub(super) struct Faults {
    /// How many calls to the outside still succeed; all, if it is not said.
    pub(super) calls_left: Option<u32>,
    /// How many calls there were.
    pub(super) calls: u32,
    /// Whether the issuer does not answer.
    pub(super) no_keys: bool,
    /// What Chainguard answers to the question which organisation is ours.
    pub(super) organization: Option<ChainguardError>,
    /// What Chainguard answers to questions about repositories and tags.
    pub(super) look: Option<ChainguardError>,
}

/// The outside.
pub(super) struct World {
    pub(super) signer: Signer,
    issuer: IssuerKeys,
    requests: Mutex<BTreeMap<RequestId, StoredRequest>>,
    of_repository: Mutex<BTreeMap<String, RequestId>>,
    remembered: Mutex<BTreeSet<(String, String)>>,
    pub(super) published: Mutex<Vec<BusEvent>>,
    pub(super) commits: Mutex<usize>,
    pub(super) repositories: Mutex<BTreeMap<String, Repository>>,
    pub(super) tags: Mutex<BTreeSet<(String, String)>>,
    /// Questions to Chainguard about repositories and tags.
    pub(super) asked: Mutex<usize>,
    pub(super) faults: Mutex<Faults>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            signer: Signer::new(),
            issuer: IssuerKeys::new(Issuer::discovered(ISSUER).unwrap()),
            requests: Mutex::default(),
            of_repository: Mutex::default(),
            remembered: Mutex::default(),
            published: Mutex::default(),
            commits: Mutex::default(),
            repositories: Mutex::default(),
            tags: Mutex::default(),
            asked: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    /// With a request for `python:3.12` whose repository exists, without tags.
    pub(super) fn provisioned() -> Self {
        let world = Self::provisioning();
        let repository =
            ProvisionedRepository { id: REPOSITORY.to_owned(), outcome: ProvisioningOutcome::Created, at: world.now() };
        world.carry_out(Command::Complete { lease_id: "lease".to_owned(), repository });
        world.of_repository.lock().unwrap().insert(REPOSITORY.to_owned(), id());
        world
    }

    /// With the repository of a request that the provisioner is just dealing with.
    pub(super) fn provisioning() -> Self {
        let world = Self::new();
        let draft = Draft {
            requester: Person { subject: "idp|jane".to_owned(), email: "jane@acme.example".to_owned() },
            image: "python:3.12".parse().unwrap(),
            custom_name: None,
            justification: None,
            risk_assessment: None,
            team: TeamName::new("data-engineering").unwrap(),
            environment: Environment::Dev,
            channel: Channel::Api,
        };
        let image = CatalogImage {
            name: "python".parse().unwrap(),
            catalog_tier: CatalogTier::Application,
            aliases: Vec::new(),
            active_tags: Vec::new(),
        };
        let submission = Submission::assess(draft, &image, &POLICY, id(), world.now()).unwrap();
        world.carry_out(Command::Submit(Box::new(submission)));
        let until = world.now().plus(Duration::from_mins(1));
        world.carry_out(Command::Claim { lease: Lease::new("lease".to_owned(), until), vacancy: None });
        world.make(REPOSITORY, "python", &Repository::description_for(id()));
        world
    }

    /// With a request whose image can be pulled.
    pub(super) fn available() -> Self {
        let world = Self::provisioned();
        world.tag("3.12");
        world.carry_out(Command::ConfirmAvailable);
        world
    }

    fn carry_out(&self, command: Command) {
        let context = Context { now: self.now(), policy: &POLICY };
        let mut requests = self.requests.lock().unwrap();
        let commit = prepare(requests.get(&id()), command, &context).unwrap();
        requests.insert(id(), commit.stored);
    }

    /// Somebody makes a repository.
    pub(super) fn make(&self, repository: &str, name: &str, description: &str) {
        let made = Repository {
            id: repository.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            source: String::new(),
        };
        self.repositories.lock().unwrap().insert(repository.to_owned(), made);
    }

    /// The repository gets a tag.
    pub(super) fn tag(&self, tag: &str) {
        self.tags.lock().unwrap().insert((REPOSITORY.to_owned(), tag.to_owned()));
    }

    pub(super) fn status(&self) -> Status {
        self.requests.lock().unwrap()[&id()].request.status()
    }

    /// Delivers it, signed; the HTTP status of the answer.
    pub(super) async fn deliver(&self, sent: &Sent) -> u16 {
        self.answer(sent, Some(&format!("Bearer {}", self.signer.token(&sent.claims))), false).await.0
    }

    /// Status and problem of the answer to a delivery.
    pub(super) async fn answer(
        &self,
        sent: &Sent,
        authorization: Option<&str>,
        is_base64_encoded: bool,
    ) -> (u16, String) {
        let ports = Ports {
            store: self,
            bus: self,
            chainguard: self,
            issuer: &self.issuer,
            keys: self,
            clock: self,
            policy: &POLICY,
        };
        let call = sent.call(authorization, is_base64_encoded);
        let response: ApiGatewayV2httpResponse =
            lambda::http::answer("chainguard-events", call, async |call| Box::pin(receive(&ports, &call)).await).await;
        let body = match response.body {
            Some(Body::Text(text)) => serde_json::from_str(&text).unwrap_or(Value::Null),
            _ => Value::Null,
        };
        let problem = body["type"].as_str().and_then(|uri| uri.rsplit(':').next()).unwrap_or_default();
        (u16::try_from(response.status_code).unwrap(), problem.to_owned())
    }

    /// `detail-type` of everything that is on the bus, without what they all start with.
    pub(super) fn published(&self) -> Vec<String> {
        let published = self.published.lock().unwrap();
        published.iter().map(|event| event.detail_type.replacen(TYPES, "", 1)).collect()
    }

    pub(super) fn drifts(&self) -> Vec<Value> {
        let published = self.published.lock().unwrap();
        let drifts = published.iter().filter(|event| event.detail_type == "image.repository.drift");
        drifts.map(|event| serde_json::from_str(&event.detail).unwrap()).collect()
    }

    fn call(&self) -> Result<(), PortError> {
        let mut faults = self.faults.lock().unwrap();
        faults.calls += 1;
        match &mut faults.calls_left {
            Some(0) => Err(PortError { operation: "do anything", retryable: true, source: "as the test says".into() }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn ask(&self, fault: impl Fn(&Faults) -> &Option<ChainguardError>) -> Result<(), ChainguardError> {
        self.call().map_err(|error| ChainguardError::Unavailable(error.to_string()))?;
        fault(&self.faults.lock().unwrap()).clone().map_or(Ok(()), Err)
    }
}

pub(super) fn id() -> RequestId {
    ID.parse().unwrap()
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(NOW * 1_000)
    }
}

impl FetchKeys for World {
    async fn fetch_keys(&self, _: &Issuer) -> Result<KeySet, FetchError> {
        if self.faults.lock().unwrap().no_keys {
            return Err(FetchError::Status { url: ISSUER.parse().unwrap(), status: 503 });
        }
        Ok(KeySet::from_json(json!({"keys": [self.signer.jwk()]}).to_string().as_bytes()).unwrap())
    }
}

impl LoadRequest for World {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        self.call()?;
        Ok(self.requests.lock().unwrap().get(&id).cloned())
    }
}

impl CommitRequest for World {
    async fn commit_request(&self, commit: &Commit) -> Result<(), CommitError> {
        self.call()?;
        let mut requests = self.requests.lock().unwrap();
        if requests.get(&id()).map_or(0, |stored| stored.head.sequence) != commit.expected_version {
            return Err(CommitError::VersionConflict);
        }
        requests.insert(id(), commit.stored.clone());
        *self.commits.lock().unwrap() += 1;
        Ok(())
    }
}

impl FindRequestOfRepository for World {
    async fn find_request_of_repository(&self, repository_id: &str) -> Result<Option<RequestId>, PortError> {
        self.call()?;
        Ok(self.of_repository.lock().unwrap().get(repository_id).copied())
    }
}

impl RememberDelivery for World {
    async fn is_remembered(&self, delivery: &Delivery, _: Timestamp) -> Result<bool, PortError> {
        self.call()?;
        let key = (delivery.source.clone(), delivery.id.clone());
        Ok(self.remembered.lock().unwrap().contains(&key))
    }

    async fn remember_delivery(&self, delivery: &Delivery, _: Timestamp) -> Result<bool, PortError> {
        self.call()?;
        let key = (delivery.source.clone(), delivery.id.clone());
        Ok(self.remembered.lock().unwrap().insert(key))
    }
}

impl PutEvents for World {
    async fn put_events(&self, events: &[BusEvent]) -> Result<usize, PortError> {
        self.call()?;
        self.published.lock().unwrap().extend_from_slice(events);
        Ok(events.len())
    }
}

impl IdentifyOrganization for World {
    async fn organization_uidp(&self) -> Result<String, ChainguardError> {
        self.ask(|faults| &faults.organization)?;
        Ok(ORGANIZATION.to_owned())
    }
}

impl FindTag for World {
    async fn has_tag(&self, repository_id: &str, tag: &str) -> Result<bool, ChainguardError> {
        self.ask(|faults| &faults.look)?;
        *self.asked.lock().unwrap() += 1;
        Ok(self.tags.lock().unwrap().contains(&(repository_id.to_owned(), tag.to_owned())))
    }
}

impl FindRepositoryById for World {
    async fn find_repository_by_id(&self, id: &str) -> Result<Option<Repository>, ChainguardError> {
        self.ask(|faults| &faults.look)?;
        *self.asked.lock().unwrap() += 1;
        Ok(self.repositories.lock().unwrap().get(id).cloned())
    }
}

//! The outside in memory, and what comes in from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::capacity::RepositoryLimit;
use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::environment::Environment;
use domain::execute::{execute, prepare};
use domain::id::RequestId;
use domain::journal::{Digest, Record};
use domain::lifecycle::{Command, Context, Voice};
use domain::link::{KeyRing, Link};
use domain::listing::{ListFilter, Page, PageSize, Position};
use domain::person::{Person, Principal};
use domain::policy::{DEFAULT_POLICY, Policy};
use domain::ports::{
    Clock, Commit, CommitError, CommitRequest, ListRequests, LoadCatalog, LoadRequest, PortError, ReadSecret,
    StoredRequest,
};
use domain::registry::Repositories;
use domain::request::{
    Channel, Draft, Failure, FailureKind, Lease, ProvisionedRepository, ProvisioningOutcome, Request, Submission,
};
use domain::text::{Comment, Justification, RiskAssessment, TeamName};
use domain::time::Timestamp;
use http::HeaderMap;
use lambda::catalog::CatalogCache;
use lambda::settings::Settings;
use serde_json::json;

use crate::dispatch;
use crate::link::Ports;
use crate::page::STYLE;

pub(super) const KEYS: &str = r#"{"currentId":"k1","current":"0123456789abcdef0123456789abcdef0123456789abcdef"}"#;
/// The tags that pages consist of.
const KNOWN_TAGS: &[&str] = &[
    "!doctype",
    "html",
    "head",
    "meta",
    "title",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "div",
    "p",
    "span",
    "h1",
    "h2",
    "h3",
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "b",
    "bdi",
    "code",
    "pre",
    "blockquote",
    "time",
    "svg",
    "rect",
    "form",
    "label",
    "textarea",
    "button",
    "a",
];
/// The attributes that they have: none that runs something or styles something in its place.
const KNOWN_ATTRIBUTES: &[&str] = &[
    "html",
    "lang",
    "charset",
    "name",
    "content",
    "class",
    "id",
    "for",
    "href",
    "method",
    "rows",
    "dir",
    "value",
    "role",
    "tabindex",
    "autofocus",
    "datetime",
    "viewBox",
    "preserveAspectRatio",
    "width",
    "height",
    "aria-hidden",
    "aria-labelledby",
    "aria-label",
    "aria-describedby",
    "aria-invalid",
];
pub(super) const DANA: &str = "dana@acme.example";
pub(super) const JANE: &str = "jane@acme.example";

/// What goes wrong outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Requests cannot be read.
    Load,
    /// Somebody else is always faster.
    Conflict,
    /// The store does not say whether it committed.
    Commit,
    /// The store does not answer.
    Hang,
    /// The catalog cannot be read.
    Catalog,
    /// The catalog is not read in time.
    SlowCatalog,
    /// Requests cannot be listed.
    List,
    /// The secret cannot be read.
    Secret,
}

/// The outside.
pub(super) struct World {
    now: Mutex<Timestamp>,
    pub(super) settings: Settings,
    keys: Mutex<String>,
    requests: Mutex<BTreeMap<RequestId, StoredRequest>>,
    journal: Mutex<Vec<Record>>,
    pub(super) commits: Mutex<usize>,
    pub(super) loads: Mutex<usize>,
    pub(super) faults: Mutex<BTreeSet<Fault>>,
    pub(super) catalog: Mutex<Option<Catalog>>,
}

/// An answer as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: i64,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answered {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(super) fn policy(edit: impl FnOnce(&str) -> String) -> Policy {
    Policy::from_yaml(&edit(DEFAULT_POLICY)).unwrap()
}

pub(super) fn id(number: u32) -> RequestId {
    format!("req-01936f5e-7a2b-7c3d-8e4f-{number:012x}").parse().unwrap()
}

pub(super) fn start() -> Timestamp {
    "2026-11-23T18:51:45.123Z".parse().unwrap()
}

pub(super) fn person(email: &str) -> Person {
    Person { subject: format!("https://idp.acme.example|{email}"), email: email.to_owned() }
}

/// A form as a browser sends it.
pub(super) fn form(decision: &str, comment: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("comment", &comment.replace('\n', "\r\n"))
        .append_pair("decision", decision)
        .finish()
}

/// What an approver says through the API.
pub(super) fn voice(by: Principal, comment: Option<&str>) -> Voice {
    let comment = comment.map(|text| Comment::new(text).unwrap());
    Voice { by, comment, channel: Channel::Api, seen: None }
}

pub(super) fn principal(email: &str, groups: &[&str]) -> Principal {
    Principal { person: person(email), groups: groups.iter().map(|group| (*group).to_owned()).collect() }
}

pub(super) fn draft() -> Draft {
    Draft {
        requester: person(JANE),
        image: "python:latest-dev".parse().unwrap(),
        custom_name: None,
        justification: Some(Justification::new("The nightly ML pipeline needs pip at build time.").unwrap()),
        risk_assessment: Some(RiskAssessment::new("Runs without network access.").unwrap()),
        team: TeamName::new("data-engineering").unwrap(),
        environment: Environment::Production,
        channel: Channel::Api,
    }
}

/// What needs a security review.
pub(super) fn base_image() -> Draft {
    Draft { image: "base-image/python:latest-dev".parse().unwrap(), ..draft() }
}

pub(super) fn catalog() -> Catalog {
    let image = |name: &str, catalog_tier, aliases: &[&str], tags: &[&str]| CatalogImage {
        name: name.parse().unwrap(),
        catalog_tier,
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        active_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let read_at = start().minus(Duration::from_mins(4));
    let repositories = (0..1_234).map(|number| format!("repository-{number}").into()).collect();
    Catalog::of_images(
        read_at,
        vec![
            image("python", CatalogTier::Application, &["docker.io/library/python:latest"], &["latest", "latest-dev"]),
            image("python-fips", CatalogTier::Fips, &[], &["latest"]),
            image("node", CatalogTier::Application, &[], &["latest"]),
        ],
    )
    .with_repositories(Repositories::new(read_at, repositories, 0))
}

/// What holds for every answer to whoever follows a link, whatever it says.
fn is_guarded(answered: &Answered) {
    let hash = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy.as_str()),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-robots-tag", "noindex"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answered.header(name), value, "{name} of {}", answered.status);
    }
    assert_ne!(answered.status, 500);
    if answered.body.is_empty() {
        return;
    }
    let (before, rest) = answered.body.split_once("<style>").unwrap();
    let (style, after) = rest.split_once("</style>").unwrap();
    // What the hash allows is what is there, to the byte.
    assert_eq!(STANDARD.encode(Digest::of(style.as_bytes()).as_bytes()), hash);
    assert!(!style.contains("url(") && !style.contains("@import"), "nothing is loaded");
    assert_eq!(answered.body.matches("<h1>").count(), 1);
    for tag in tags(&format!("{before}{after}")) {
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        assert!(KNOWN_TAGS.contains(&name.trim_start_matches('/')), "<{tag}>");
        for attribute in attributes(&tag) {
            assert!(KNOWN_ATTRIBUTES.contains(&attribute.as_str()), "{attribute} in <{tag}>");
        }
    }
}

/// Everything between angle brackets. In texts they are escaped.
fn tags(html: &str) -> Vec<String> {
    let parts = html.split('<').skip(1);
    parts.map(|part| part.split_once('>').expect("a bracket that was not escaped").0.to_owned()).collect()
}

/// The names of a tag's attributes.
fn attributes(tag: &str) -> Vec<String> {
    // Every second part stands between quotes.
    let outside: String = tag.split('"').step_by(2).collect();
    outside
        .split([' ', '\n', '/'])
        .filter(|name| !name.is_empty())
        .skip(1)
        .map(|name| name.trim_end_matches('=').to_owned())
        .collect()
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(policy(str::to_owned))
    }

    pub(super) fn with(policy: Policy) -> Self {
        Self {
            now: Mutex::new(start()),
            settings: Settings {
                repository_limit: RepositoryLimit::USUAL,
                organization: "acme".parse().unwrap(),
                public_url: "https://images.acme.example".to_owned(),
                policy,
            },
            keys: Mutex::new(KEYS.to_owned()),
            requests: Mutex::default(),
            journal: Mutex::default(),
            commits: Mutex::default(),
            loads: Mutex::default(),
            faults: Mutex::default(),
            catalog: Mutex::new(Some(catalog())),
        }
    }

    /// As after a deployment with another policy.
    pub(super) fn under(mut self, policy: Policy) -> Self {
        self.settings.policy = policy;
        self
    }

    pub(super) fn rotate(&self, keys: &str) {
        keys.clone_into(&mut self.keys.lock().unwrap());
    }

    pub(super) fn pass(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.plus(time);
    }

    pub(super) fn set(&self, fault: Fault) {
        self.faults.lock().unwrap().insert(fault);
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.lock().unwrap().contains(&fault)
    }

    fn fails(&self, fault: Fault) -> Result<(), PortError> {
        if self.has(fault) {
            return Err(PortError { operation: "do as told", retryable: true, source: "not available".into() });
        }
        Ok(())
    }

    /// Puts a request there without counting it as a commit of the function.
    pub(super) async fn submit(&self, number: u32, draft: Draft) -> RequestId {
        let catalog = catalog();
        let image = catalog.find(&draft.image.name).unwrap();
        let now = self.now();
        let submission = Submission::assess(draft, image, &self.settings.policy, id(number), now).unwrap();
        let context = Context { now, policy: &self.settings.policy };
        let commit = prepare(None, Command::Submit(Box::new(submission)), &context).unwrap();
        self.commit_request(&commit).await.unwrap();
        self.forget_counts();
        id(number)
    }

    /// Does what other functions, or others by other ways, do.
    pub(super) async fn happen(&self, id: RequestId, command: Command) {
        let context = Context { now: self.now(), policy: &self.settings.policy };
        execute(self, id, command, &context).await.unwrap();
        self.forget_counts();
    }

    pub(super) async fn provision(&self, id: RequestId) {
        let lease = Lease::new("lease".to_owned(), self.now().plus(Duration::from_mins(1)));
        self.happen(id, Command::Claim { lease, vacancy: None }).await;
        let at = self.now();
        let repository = ProvisionedRepository { id: "a1/b2".to_owned(), outcome: ProvisioningOutcome::Created, at };
        self.happen(id, Command::Complete { lease_id: "lease".to_owned(), repository }).await;
    }

    pub(super) async fn fail(&self, id: RequestId) {
        let lease = Lease::new("lease".to_owned(), self.now().plus(Duration::from_mins(1)));
        self.happen(id, Command::Claim { lease, vacancy: None }).await;
        let failure = Failure {
            kind: FailureKind::NotEntitled,
            message: "The plan does not include python.".to_owned(),
            remedy: "Ask the platform team to extend the plan.".to_owned(),
        };
        self.happen(id, Command::Fail { lease_id: "lease".to_owned(), failure }).await;
    }

    pub(super) async fn retry(&self, id: RequestId) {
        let by = principal("alex@acme.example", &["cgr-request-admins"]);
        self.happen(id, Command::Retry { by, channel: Channel::Api }).await;
    }

    fn forget_counts(&self) {
        *self.commits.lock().unwrap() = 0;
        *self.loads.lock().unwrap() = 0;
    }

    pub(super) fn request(&self, id: RequestId) -> Request {
        self.requests.lock().unwrap()[&id].request.clone()
    }

    pub(super) fn stored(&self, id: RequestId) -> StoredRequest {
        self.requests.lock().unwrap()[&id].clone()
    }

    pub(super) fn journal(&self, id: RequestId) -> Vec<Record> {
        self.journal.lock().unwrap().iter().filter(|record| record.request_id == id).cloned().collect()
    }

    pub(super) fn commits(&self) -> usize {
        *self.commits.lock().unwrap()
    }

    /// The query of a link as it is mailed to this approver now.
    pub(super) fn query(&self, id: RequestId, approver: &str) -> String {
        self.signed(&self.request(id).link_for(approver, self.now()).unwrap())
    }

    /// The query of this link.
    pub(super) fn signed(&self, link: &Link) -> String {
        let keys = KeyRing::from_json(&self.keys.lock().unwrap()).unwrap();
        keys.link(link).split_once('?').unwrap().1.to_owned()
    }

    pub(super) async fn get(&self, id: RequestId, query: &str) -> Answered {
        self.call("GET", &id.to_string(), query, None).await
    }

    pub(super) async fn post(&self, id: RequestId, query: &str, form: &str) -> Answered {
        self.call("POST", &id.to_string(), query, Some(form)).await
    }

    /// A call of a link's path with a body as browsers send it.
    pub(super) async fn call(&self, method: &str, id: &str, query: &str, form: Option<&str>) -> Answered {
        let answered = self
            .answer(json!({
                "routeKey": format!("{method} /approval/{{id}}"),
                "rawPath": format!("/approval/{id}"),
                "rawQueryString": query,
                "pathParameters": { "id": id },
                "headers": { "content-type": "application/x-www-form-urlencoded" },
                "requestContext": { "requestId": "call-1", "http": { "method": method } },
                "body": form,
                "isBase64Encoded": false,
            }))
            .await;
        is_guarded(&answered);
        answered
    }

    /// A call of the API by somebody with a token.
    pub(super) async fn patch(
        &self,
        id: RequestId,
        action: &str,
        by: &Principal,
        body: &serde_json::Value,
    ) -> Answered {
        let groups: Vec<&str> = by.groups.iter().map(String::as_str).collect();
        self.answer(json!({
            "routeKey": format!("PATCH /request/{{id}}/{action}"),
            "rawPath": format!("/request/{id}/{action}"),
            "pathParameters": { "id": id.to_string() },
            "requestContext": {
                "requestId": "call-1",
                "http": { "method": "PATCH" },
                "authorizer": { "lambda": {
                    "subject": by.person.subject,
                    "email": by.person.email,
                    "groups": serde_json::to_string(&groups).unwrap(),
                } },
            },
            "body": body.to_string(),
            "isBase64Encoded": false,
        }))
        .await
    }

    pub(super) async fn answer(&self, event: serde_json::Value) -> Answered {
        let event = serde_json::from_value(event).unwrap();
        let catalog = CatalogCache::default();
        let ports = Ports {
            store: self,
            secrets: self,
            keys_id: "link-keys",
            clock: self,
            catalog: &catalog,
            settings: &self.settings,
        };
        let ports = &ports;
        let answer = lambda::http::answer("approval", event, |call| async move { dispatch(ports, &call).await }).await;
        let Some(Body::Text(body)) = answer.body else { panic!("a body is text") };
        Answered { status: answer.status_code, headers: answer.headers, body }
    }
}

impl LoadRequest for World {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        if self.has(Fault::Hang) {
            std::future::pending::<()>().await;
        }
        *self.loads.lock().unwrap() += 1;
        self.fails(Fault::Load)?;
        Ok(self.requests.lock().unwrap().get(&id).cloned())
    }
}

impl CommitRequest for World {
    async fn commit_request(&self, commit: &Commit) -> Result<(), CommitError> {
        self.fails(Fault::Commit)?;
        let id = commit.stored.request.submission.id;
        let mut requests = self.requests.lock().unwrap();
        let version = requests.get(&id).map_or(0, |stored| stored.head.sequence);
        if version != commit.expected_version || self.has(Fault::Conflict) {
            return Err(CommitError::VersionConflict);
        }
        requests.insert(id, commit.stored.clone());
        self.journal.lock().unwrap().extend(commit.records.iter().cloned());
        *self.commits.lock().unwrap() += 1;
        Ok(())
    }
}

impl LoadCatalog for World {
    async fn load_catalog(&self) -> Result<Option<Catalog>, PortError> {
        if self.has(Fault::SlowCatalog) {
            std::future::pending::<()>().await;
        }
        self.fails(Fault::Catalog)?;
        Ok(self.catalog.lock().unwrap().clone())
    }
}

impl ListRequests for World {
    async fn list_requests(&self, filter: &ListFilter, _: PageSize, _: Option<Position>) -> Result<Page, PortError> {
        self.fails(Fault::List)?;
        assert!(filter.image.is_some(), "only requests for the same image are of interest");
        let mut requests: Vec<StoredRequest> =
            self.requests.lock().unwrap().values().filter(|stored| filter.fits(stored)).cloned().collect();
        requests.sort_by_key(|stored| {
            std::cmp::Reverse((stored.request.submission.submitted_at, stored.request.submission.id))
        });
        Ok(Page { requests, next: None })
    }
}

impl ReadSecret for World {
    async fn read_secret(&self, id: &str) -> Result<String, PortError> {
        assert_eq!(id, "link-keys");
        self.fails(Fault::Secret)?;
        Ok(self.keys.lock().unwrap().clone())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

//! What the functions need from the outside, one trait per operation: a handler's bounds say what it may touch.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::capacity::{Places, Vacancy};
use crate::catalog::{Catalog, CatalogImage};
use crate::entitlement::Entitlement;
use crate::envelope::{BusEvent, Detail};
use crate::id::{EventId, RequestId};
use crate::image::RepositoryName;
use crate::journal::{Digest, Head, Record};
use crate::listing::{ListFilter, Page, PageSize, Position};
use crate::policy::RateLimit;
use crate::registry::ListedRepository;
use crate::request::Request;
use crate::time::Timestamp;

/// An operation of the outside did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation}")]
pub struct PortError {
    /// What was tried, completing "failed to …".
    pub operation: &'static str,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Why not.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// A request as stored: its state, and the end of its journal, whose sequence is the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    /// The state.
    pub request: Request,
    /// The end of its journal.
    pub head: Head,
}

/// What happens to the rule that a repository name has one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameHold {
    /// Nothing changes.
    Keep,
    /// The request takes the name; fails if another has it.
    Take,
    /// As `Take`, also from this holder, whose repository is known to be gone.
    TakeOver(RequestId),
    /// The request gives the name back.
    Release,
}

/// What happens to the organisation's last places, of which there are not enough for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceHold {
    /// Nothing changes.
    Keep,
    /// The request takes one; fails if it is not free any more.
    Take(Vacancy),
    /// The request gives its place back.
    Release,
}

/// An `Idempotency-Key` of a principal, to be remembered with what it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The principal's subject.
    pub subject: String,
    /// The key as sent.
    pub key: String,
    /// Digest of what was asked.
    pub body: Digest,
    /// How long it is remembered.
    pub expires_at: Timestamp,
}

/// A request counted against its requester's rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The principal's subject.
    pub subject: String,
    /// The limit.
    pub limit: RateLimit,
    /// The window's start; its end is `limit.per` later.
    pub window: Timestamp,
}

/// One change, to be carried out as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The version that was read; 0 for none. The change fails if another version is stored.
    pub expected_version: u64,
    /// The state after the change.
    pub stored: StoredRequest,
    /// The records of the change, in order; their sequences follow `expected_version`.
    pub records: Vec<Record>,
    /// What happens to the repository name.
    pub name: NameHold,
    /// What happens to the organisation's last places.
    pub place: PlaceHold,
    /// A key to be remembered.
    pub idempotency: Option<Idempotency>,
    /// A count against a limit.
    pub quota: Option<Quota>,
}

/// Why a change was not carried out. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another version is stored.
    #[error("the request was changed in the meantime")]
    VersionConflict,
    /// Another request holds the repository name.
    #[error("the repository name is held by {holder}")]
    NameTaken {
        /// The other request.
        holder: RequestId,
    },
    /// The idempotency key has been used.
    #[error("the idempotency key was used for {request}")]
    KeyUsed {
        /// What it led to.
        request: RequestId,
        /// Digest of what was asked then.
        body: Digest,
    },
    /// The limit is reached.
    #[error("the rate limit is reached")]
    QuotaExceeded,
    /// The place is not free any more, or one has been given back since it was looked for.
    #[error("the organisation's last places changed hands in the meantime")]
    PlaceTaken,
    /// The store failed; whether the change was carried out is not known.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Reads one request.
pub trait LoadRequest {
    /// The request, if there is one.
    fn load_request(&self, id: RequestId) -> impl Future<Output = Result<Option<StoredRequest>, PortError>> + Send;
}

/// Reads which of the organisation's last places are taken.
pub trait ReadPlaces {
    /// As they are at this moment.
    fn read_places(&self) -> impl Future<Output = Result<Places, PortError>> + Send;
}

/// Carries out one change.
pub trait CommitRequest {
    /// All of `commit`, or nothing.
    fn commit_request(&self, commit: &Commit) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// Looks an idempotency key up.
pub trait FindIdempotency {
    /// What the key led to and the digest of what was asked then; `None` if it has not been used or is forgotten `now`.
    fn find_idempotency(
        &self,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<(RequestId, Digest)>, PortError>> + Send;
}

/// Lists requests.
pub trait ListRequests {
    /// One page, newest first, starting after `after`.
    fn list_requests(
        &self,
        filter: &ListFilter,
        size: PageSize,
        after: Option<Position>,
    ) -> impl Future<Output = Result<Page, PortError>> + Send;
}

/// Reads a request's journal.
pub trait ReadJournal {
    /// All records in order; a request has some tens of them.
    fn read_journal(&self, id: RequestId) -> impl Future<Output = Result<Vec<Record>, PortError>> + Send;
}

/// A request that the steward has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub id: RequestId,
    /// Since when.
    pub since: Timestamp,
}

/// Finds what is due.
pub trait FindDue {
    /// At most `limit` requests that were due at `now`, the longest due first.
    fn find_due(&self, now: Timestamp, limit: u32) -> impl Future<Output = Result<Vec<Due>, PortError>> + Send;
}

/// Puts off what is due.
pub trait Postpone {
    /// Moves `due` to `until` without changing the request; `false` if somebody else has moved it or the request
    /// has changed, and then it is theirs to look after.
    fn postpone(&self, due: Due, until: Timestamp) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// Reads the catalog snapshot.
pub trait LoadCatalog {
    /// The last good snapshot, if there is one.
    fn load_catalog(&self) -> impl Future<Output = Result<Option<Catalog>, PortError>> + Send;
}

/// Replaces the catalog snapshot.
pub trait SaveCatalog {
    /// Replaces it as a whole.
    fn save_catalog(&self, catalog: &Catalog) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Puts events on the bus.
pub trait PublishEvents {
    /// Publishes in order. `Ok(n)`: the first `n` are on the bus and the rest are not known to be; `n` is less than
    /// all only after bounded re-sending.
    fn publish_events(&self, events: &[Detail]) -> impl Future<Output = Result<usize, PortError>> + Send;
}

/// Puts events on the bus that are not a request's.
pub trait PutEvents {
    /// As [`PublishEvents::publish_events`].
    fn put_events(&self, events: &[BusEvent]) -> impl Future<Output = Result<usize, PortError>> + Send;
}

/// What an archive did with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archived {
    /// It was stored.
    Stored,
    /// It was there before.
    AlreadyThere,
}

/// Keeps records where nobody can change them.
pub trait ArchiveRecord {
    /// Stores it once.
    fn archive_record(&self, record: &Record) -> impl Future<Output = Result<Archived, PortError>> + Send;
}

/// Whether a message is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationClaim {
    /// Send it, then say so with [`ClaimNotification::finish_notification`].
    Send,
    /// It has been sent.
    Sent,
    /// Somebody is sending it.
    Busy,
}

/// Sees to it that a message of an event through a channel is sent once.
pub trait ClaimNotification {
    /// Takes the right to send until `lease_until`. `channel` names the message among those of its event: at most
    /// 1024 bytes, and the same whenever the event comes.
    fn claim_notification(
        &self,
        event: EventId,
        channel: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> impl Future<Output = Result<NotificationClaim, PortError>> + Send;

    /// Gives the right back after a failed attempt, so that the next one need not wait for the lease.
    fn release_notification(
        &self,
        event: EventId,
        channel: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Remembers that it was sent.
    fn finish_notification(
        &self,
        event: EventId,
        channel: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Finds the request that a repository was made for.
pub trait FindRequestOfRepository {
    /// By the repository's UIDP; `None` for one that no request of ours has.
    fn find_request_of_repository(
        &self,
        repository_id: &str,
    ) -> impl Future<Output = Result<Option<RequestId>, PortError>> + Send;
}

/// An event of Chainguard's, by what tells it from all others. Source: `CloudEvents` 1.0.2, "source" and "id".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who says so.
    pub source: String,
    /// Which of theirs.
    pub id: String,
}

/// Remembers which events of Chainguard's have been dealt with.
pub trait RememberDelivery {
    /// Whether it has been dealt with; what is forgotten `now` has not.
    fn is_remembered(
        &self,
        delivery: &Delivery,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Remembers that it has been dealt with, once nothing is left to do; `false` if that was remembered already.
    fn remember_delivery(
        &self,
        delivery: &Delivery,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// A mail, as plain text and as HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whom to.
    pub to: Vec<String>,
    /// One line without control characters.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The event it tells of.
    pub event: EventId,
}

/// Sends mail.
pub trait SendMail {
    /// Hands one mail over.
    fn send_mail(&self, mail: &Mail) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Reads a secret.
pub trait ReadSecret {
    /// The secret's text, at most a minute old.
    fn read_secret(&self, id: &str) -> impl Future<Output = Result<String, PortError>> + Send;

    /// The secret's text, at most ten seconds old: for whoever has met something that the remembered text does not
    /// explain. Who remembers nothing has nothing to do here.
    fn read_secret_anew(&self, id: &str) -> impl Future<Output = Result<String, PortError>> + Send {
        self.read_secret(id)
    }
}

/// A secret's versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretVersions {
    /// Whether the secret is to be rotated at all.
    pub rotation_is_enabled: bool,
    /// The stages of each version, as Secrets Manager calls them: `AWSCURRENT`, `AWSPENDING`, `AWSPREVIOUS`.
    pub stages: BTreeMap<String, BTreeSet<String>>,
}

/// Which version of a secret is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretVersion<'a> {
    /// The one that is in use.
    Current,
    /// The one of this id, which a rotation is preparing.
    Pending(&'a str),
}

/// Looks at a secret's versions without reading any.
pub trait DescribeSecret {
    /// All versions that have a stage.
    fn describe_secret(&self, id: &str) -> impl Future<Output = Result<SecretVersions, PortError>> + Send;
}

/// Reads a certain version of a secret.
pub trait ReadSecretVersion {
    /// Its text as it is at this moment; `None` if there is no such version, or nothing has been stored in it.
    fn read_secret_version(
        &self,
        id: &str,
        version: SecretVersion<'_>,
    ) -> impl Future<Output = Result<Option<String>, PortError>> + Send;
}

/// Stores the version that a rotation is preparing.
pub trait StorePendingSecret {
    /// Stores it under this id. One that is there already stays as it is, and that is as good.
    fn store_pending_secret(
        &self,
        id: &str,
        version: &str,
        text: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Puts a version of a secret in use.
pub trait MakeSecretCurrent {
    /// Makes this version current, instead of the one that is; fails if that is another one.
    fn make_secret_current(
        &self,
        id: &str,
        version: &str,
        instead_of: Option<&str>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A repository at Chainguard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its UIDP.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description; carries the id of the request that made it.
    pub description: String,
    /// The UIDP of the catalog repository that it syncs from; empty if it syncs from none.
    pub source: String,
}

impl Repository {
    /// What the description of a repository starts with that was added for a request.
    const MADE_FOR: &str = "Added by cgr-request for ";

    /// The description of the repository that is added for a request.
    #[must_use]
    pub fn description_for(request: RequestId) -> String {
        format!("{}{request}", Self::MADE_FOR)
    }

    /// The request that it was added for, as its description says.
    #[must_use]
    pub fn made_for(&self) -> Option<RequestId> {
        self.description.strip_prefix(Self::MADE_FOR)?.parse().ok()
    }
}

/// Why a call to Chainguard did not succeed, told apart by what it means for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainguardError {
    /// Did not answer, or had an error of its own; may succeed later.
    #[error("Chainguard is unavailable: {0}")]
    Unavailable(String),
    /// Refused the credential, also a fresh one.
    #[error("Chainguard refused the credential: {0}")]
    Unauthenticated(String),
    /// Refused the right.
    #[error("Chainguard refused the right: {0}")]
    Denied(String),
    /// Exists already.
    #[error("it exists already: {0}")]
    AlreadyExists(String),
    /// A quota is used up. Not a rate limit.
    #[error("a quota is used up: {0}")]
    QuotaExceeded(String),
    /// Does not exist.
    #[error("it does not exist: {0}")]
    NotFound(String),
    /// Refused the call.
    #[error("Chainguard refused the call: {0}")]
    Refused(String),
    /// The credential's secret cannot be used.
    #[error("the Chainguard credential is not usable: {0}")]
    Credential(String),
}

/// Adds a repository.
pub trait CreateRepository {
    /// Creates it, syncing from the catalog's image `source`; never touches one that exists.
    fn create_repository(
        &self,
        name: &RepositoryName,
        source: &RepositoryName,
        description: &str,
    ) -> impl Future<Output = Result<Repository, ChainguardError>> + Send;
}

/// Finds a repository of the organisation.
pub trait FindRepository {
    /// By its exact name.
    fn find_repository(
        &self,
        name: &RepositoryName,
    ) -> impl Future<Output = Result<Option<Repository>, ChainguardError>> + Send;
}

/// Finds a repository of the organisation by its id.
pub trait FindRepositoryById {
    /// By its UIDP; `None` if it is not there, or is another organisation's.
    fn find_repository_by_id(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Option<Repository>, ChainguardError>> + Send;
}

/// Tells which of Chainguard's organisations is ours.
pub trait IdentifyOrganization {
    /// The organisation's UIDP; it never changes, so it is asked for once.
    fn organization_uidp(&self) -> impl Future<Output = Result<String, ChainguardError>> + Send;
}

/// Lists the organisation's repositories.
pub trait ListRepositories {
    /// All of the organisation itself, without its folders'.
    fn list_repositories(&self) -> impl Future<Output = Result<Vec<ListedRepository>, ChainguardError>> + Send;
}

/// Counts the organisation's repositories.
pub trait CountRepositories {
    /// How many count against its limit at this moment: its folders' too.
    fn count_repositories(&self) -> impl Future<Output = Result<u64, ChainguardError>> + Send;
}

/// Asks whether a tag can be pulled.
pub trait FindTag {
    /// Whether the repository carries the tag.
    fn has_tag(&self, repository_id: &str, tag: &str) -> impl Future<Output = Result<bool, ChainguardError>> + Send;
}

/// Asks what the organisation may have.
pub trait ReadEntitlement {
    /// The effective entitlement.
    fn read_entitlement(&self) -> impl Future<Output = Result<Entitlement, ChainguardError>> + Send;
}

/// Tells how long the stored credential is good.
pub trait ReadTokenEnd {
    /// When a token ends that is stored and that nobody but a person can renew; `None` for a credential that renews
    /// itself, and where that is not known.
    fn stored_token_end(&self) -> impl Future<Output = Result<Option<Timestamp>, ChainguardError>> + Send;
}

/// Fetches what Chainguard offers.
pub trait FetchCatalog {
    /// All images.
    fn fetch_catalog(&self) -> impl Future<Output = Result<Vec<CatalogImage>, ChainguardError>> + Send;
}

/// A proof that is being made.
pub type Proof<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// Proves to others than AWS which role the process runs as. Which of the ways is wanted shows only at run time, so
/// that whoever proves needs both.
pub trait AwsIdentity: Send + Sync {
    /// A JSON Web Token in which AWS vouches for the role to `audience`, an address: signed with ES384, and good for
    /// 300 seconds at most.
    fn web_identity_token<'a>(&'a self, audience: &'a str) -> Proof<'a, String>;

    /// The role's credentials, good for some minutes more.
    fn credentials(&self) -> Proof<'_, AwsCredentials>;
}

/// An AWS role's credentials. `Debug` shows neither the key nor the token.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    /// Which key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// What goes with a key that ends by itself, as a role's does and a user's does not.
    pub session_token: Option<String>,
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsCredentials({}, …)", self.access_key_id)
    }
}

/// The present.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Names that nobody has used before.
pub trait NewIds {
    /// A request id.
    fn request_id(&self) -> RequestId;
    /// A lease id.
    fn lease_id(&self) -> String;
}

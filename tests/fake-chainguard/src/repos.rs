//! The v1 repositories: list, create, update, delete, sync status (FACTS §2.1).

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    body::{RepositoryInput, SyncInput},
    catalog::{Catalog, Image, Tier},
    fake::Inner,
    journal::Change,
    options::Entitlement,
    query::Query,
    repository::{Reads, Repository, Source},
    state::{State, StateError},
    status::{Code, Status},
    time::{WireTime, after, now},
    uidp::{self, UidpFilter},
};

/// How long a repository syncs before Chainguard renews it (FACTS §2.6).
pub(crate) const SYNC_LIFETIME: Duration = Duration::from_hours(14 * 24);

/// A v1 Repo. Empty members are written, and `sync_config` alone is in snake case (FACTS §2.0).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repo<'a> {
    id: &'a str,
    name: &'a str,
    catalog_tier: &'static str,
    bundles: &'a [String],
    readme: &'a str,
    #[serde(rename = "sync_config")]
    sync_config: Option<SyncConfig<'a>>,
    custom_overlay: Option<&'a Value>,
    aliases: &'a [String],
    create_time: Option<WireTime>,
    active_tags: &'a [String],
    description: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SyncConfig<'a> {
    source: &'a str,
    unique_tags: bool,
    expiration: WireTime,
    google: &'a str,
    amazon: &'a str,
    azure: &'a str,
    sync_apks: bool,
    apko_overlay: &'static str,
    grace_period: bool,
}

impl<'a> Repo<'a> {
    fn of(repository: &'a Repository) -> Self {
        let sync_config = repository.source.as_ref().map(|source| SyncConfig {
            source: &source.uidp,
            unique_tags: false,
            expiration: WireTime(after(repository.create_time, SYNC_LIFETIME)),
            google: &source.google,
            amazon: &source.amazon,
            azure: &source.azure,
            sync_apks: false,
            apko_overlay: "",
            grace_period: false,
        });
        Self {
            id: &repository.id,
            name: &repository.name,
            catalog_tier: repository.tier.map_or("UNKNOWN", Tier::v1_name),
            bundles: &repository.bundles,
            readme: &repository.readme,
            sync_config,
            custom_overlay: repository.custom_overlay.as_ref(),
            aliases: &repository.aliases,
            create_time: Some(WireTime(repository.create_time)),
            active_tags: &repository.active_tags,
            description: &repository.description,
        }
    }
}

/// Everything that the token can see and the known filters let through, at once: v1 lists have no pages, and a key that
/// is no filter narrows nothing.
pub(crate) fn list(fake: &Inner, query: &Query) -> Result<Response, Status> {
    let uidp = UidpFilter::from_query(query)?;
    let name = query.text("name")?;
    let id = query.text("id")?;
    let state = fake.state();
    let items: Vec<Repo<'_>> = state
        .all()
        .filter(|repository| uidp.lets_through(&repository.id))
        .filter(|repository| name.as_ref().is_none_or(|name| repository.name == *name))
        .filter(|repository| id.as_ref().is_none_or(|id| repository.id == *id))
        .map(Repo::of)
        .collect();
    Ok(Json(json!({"items": items})).into_response())
}

/// Creates, or without `preventExisting` updates what has the name already.
///
/// The order of the checks is the fake's own: what the platform answers when several of them fail is not known.
pub(crate) fn create(fake: &Inner, parent: &str, query: &Query, body: &[u8]) -> Result<Response, Status> {
    let prevent_existing = query.bool("prevent_existing")?;
    let parent = uidp::from_path("parent_id", parent)?;
    let input = RepositoryInput::parse(body)?;
    if parent != fake.options.organization_id {
        return Err(Status::permission_denied(format!("repo.create is not granted on {parent}")));
    }
    let mut state = fake.state();
    let source = Settled::of(&input, &fake.options.catalog)?;
    let existing = state.by_name(&parent, &input.name).cloned();
    if prevent_existing && existing.is_some() {
        return Err(exists(&input.name));
    }
    may_sync(&state.entitlement, source.image())?;
    let repository = if let Some(existing) = existing {
        updated(&mut state, replace(existing, input, source))?
    } else {
        within_limit(&state, &parent, fake.options.repository_limit)?;
        let id = uidp::random_child(&parent).map_err(StateError::from)?;
        let repository = replace(blank(id, now()), input, source);
        state.commit(Change::Created { repository: repository.clone() })?;
        repository
    };
    Ok(Json(Repo::of(&repository)).into_response())
}

/// Replaces all of a repository that a customer can set. The reply leaves the creation time out, as a comment in the
/// Terraform provider says of the real one.
pub(crate) fn update(fake: &Inner, id: &str, body: &[u8]) -> Result<Response, Status> {
    let id = uidp::from_path("id", id)?;
    let input = RepositoryInput::parse(body)?;
    let mut state = fake.state();
    let existing = writable(fake, &state, &id)?;
    let source = Settled::of(&input, &fake.options.catalog)?;
    // What a rename to a taken name answers is not documented; names are unique in a group, so it cannot succeed.
    if state.by_name(existing.parent(), &input.name).is_some_and(|other| other.id != id) {
        return Err(exists(&input.name));
    }
    may_sync(&state.entitlement, source.image())?;
    let repository = updated(&mut state, replace(existing, input, source))?;
    Ok(Json(Repo { create_time: None, ..Repo::of(&repository) }).into_response())
}

/// Deletes; the reply is an empty object.
pub(crate) fn delete(fake: &Inner, id: &str) -> Result<Response, Status> {
    let id = uidp::from_path("id", id)?;
    let mut state = fake.state();
    writable(fake, &state, &id)?;
    state.commit(Change::Deleted { id })?;
    Ok(Json(json!({})).into_response())
}

/// `QUEUED`, then `IN_PROGRESS`, then `UNKNOWN`: the platform has no value for "done" (FACTS §2.1), so a client that
/// waits for one waits for ever. Each step takes one read, or all of them the arrival of the tags.
pub(crate) fn sync_status(fake: &Inner, id: &str) -> Result<Response, Status> {
    const STEPS: u32 = 2;
    let id = uidp::from_path("repo_id", id)?;
    let mut state = fake.state();
    let repository = find(&state, &id)?;
    let syncing = repository.source.is_some() && repository.tags(fake.options.polls_until_tags).is_empty();
    let status = match (syncing, repository.reads.status) {
        (true, 0) => "QUEUED",
        (true, 1) => "IN_PROGRESS",
        (true | false, _) => "UNKNOWN",
    };
    // That a repository which syncs nothing has no time is the fake's own choice.
    let create_time = repository.source.is_some().then_some(WireTime(repository.create_time));
    if syncing {
        state.polled(&id, |reads| Reads { status: (reads.status + 1).min(STEPS), ..reads })?;
    }
    Ok(Json(json!({"status": status, "createTime": create_time})).into_response())
}

/// The repository, or the platform's answer that there is none.
pub(crate) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Repository, Status> {
    state.by_id(id).ok_or_else(|| Status::not_found(format!("repo {id} not found")))
}

/// A repository with an id and nothing else.
pub(crate) fn blank(id: String, create_time: Timestamp) -> Repository {
    Repository {
        id,
        name: String::new(),
        description: String::new(),
        source: None,
        tier: None,
        readme: String::new(),
        bundles: Vec::new(),
        aliases: Vec::new(),
        active_tags: Vec::new(),
        custom_overlay: None,
        create_time,
        update_time: create_time,
        reads: Reads::default(),
    }
}

/// A repository that the token may change: the organization's, not one that is merely visible.
fn writable(fake: &Inner, state: &State, id: &str) -> Result<Repository, Status> {
    let repository = find(state, id)?;
    if repository.parent() == fake.options.organization_id {
        Ok(repository.clone())
    } else {
        Err(Status::permission_denied(format!("{id} is not in the caller's organization")))
    }
}

/// What a valid `sync_config` comes to.
enum Settled<'a> {
    /// There is none.
    SyncsNothing,
    /// There is one, and its source exists.
    SyncsFrom(&'a Image, Source),
}

impl<'a> Settled<'a> {
    /// FACTS §9 lists the answer to an unknown source as not known; `NOT_FOUND` is the code of the resource that is
    /// missing. A block without a source is refused, as v2 declares it required.
    fn of(input: &RepositoryInput, catalog: &'a Catalog) -> Result<Self, Status> {
        let Some(sync) = &input.sync else { return Ok(Self::SyncsNothing) };
        if sync.source.is_empty() {
            return Err(Status::invalid_argument("sync_config.source is required"));
        }
        let image = catalog
            .resolve(&sync.source)
            .ok_or_else(|| Status::not_found(format!("sync_config.source {:?} not found", sync.source)))?;
        inherited_is_unchanged(input, image)?;
        let SyncInput { source: _, google, amazon, azure } = sync.clone();
        Ok(Self::SyncsFrom(image, Source { google, amazon, azure, ..Source::of(image) }))
    }

    fn image(&self) -> Option<&'a Image> {
        match self {
            Self::SyncsNothing => None,
            Self::SyncsFrom(image, _) => Some(image),
        }
    }
}

/// Tier, bundles, aliases and active tags come from the source, and an attempt to change them is refused. v2's proto
/// says so (FACTS §2.2); that v1 is no laxer is an assumption on the strict side.
fn inherited_is_unchanged(input: &RepositoryInput, image: &Image) -> Result<(), Status> {
    let kept = |given: &[String], inherited: &[String]| given.is_empty() || given == inherited;
    let field = if input.tier.is_some_and(|tier| tier != image.tier) {
        "catalogTier"
    } else if !kept(&input.bundles, &image.tier.bundles()) {
        "bundles"
    } else if !kept(&input.aliases, &image.aliases) {
        "aliases"
    } else if !kept(&input.active_tags, &image.active_tags) {
        "activeTags"
    } else {
        return Ok(());
    };
    Err(Status::invalid_argument(format!("{field} is inherited from the source and cannot be changed")))
}

/// Whether the plan covers the image. The refusal's code is not documented (FACTS §9); `PERMISSION_DENIED` is assumed.
fn may_sync(entitlement: &Entitlement, image: Option<&Image>) -> Result<(), Status> {
    let Some(image) = image else { return Ok(()) };
    if entitlement.covers(image) {
        return Ok(());
    }
    let (name, tier) = (&image.name, image.tier.v1_name());
    Err(Status::permission_denied(format!("the organization is not entitled to {name} (tier {tier})")))
}

/// The limit itself is documented, the code of its refusal is not (FACTS §3, §9); `RESOURCE_EXHAUSTED` is assumed.
fn within_limit(state: &State, parent: &str, limit: u64) -> Result<(), Status> {
    if state.count(parent) < limit {
        return Ok(());
    }
    let message = format!("the organization has its {limit} repositories");
    Err(Status::new(Code::ResourceExhausted, message))
}

fn exists(name: &str) -> Status {
    Status::new(Code::AlreadyExists, format!("repo {name:?} already exists"))
}

/// `repository` as the input wants it. A v1 write replaces: what was left out becomes empty.
fn replace(mut repository: Repository, input: RepositoryInput, settled: Settled<'_>) -> Repository {
    let RepositoryInput { name, description, readme, tier, bundles, aliases, active_tags, custom_overlay, sync: _ } =
        input;
    repository.name = name;
    repository.description = description;
    repository.readme = readme;
    repository.custom_overlay = custom_overlay;
    match settled {
        Settled::SyncsNothing => {
            repository.source = None;
            repository.tier = tier;
            repository.bundles = bundles;
            repository.aliases = aliases;
            repository.active_tags = active_tags;
        }
        Settled::SyncsFrom(image, source) => {
            // Another image's tags are still to come.
            if repository.source.as_ref().is_none_or(|before| before.uidp != source.uidp) {
                repository.reads = Reads::default();
            }
            repository.source = Some(source);
            repository.inherit(image);
        }
    }
    repository
}

/// Puts a changed repository in the place of what it was.
fn updated(state: &mut State, mut repository: Repository) -> Result<Repository, StateError> {
    repository.update_time = now();
    state.commit(Change::Updated { repository: repository.clone() })?;
    Ok(repository)
}

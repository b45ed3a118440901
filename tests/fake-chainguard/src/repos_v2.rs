//! The v2 repositories: a paged list and one by its id (FACTS §2.2).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    catalog::Tier,
    fake::Inner,
    paging::{Page, PageRequest},
    query::Query,
    repos::{SYNC_LIFETIME, find},
    repository::Repository,
    status::Status,
    time::{WireTime, after, now},
    uidp::{self, UidpFilter},
};

/// A v2 Repo: no readme, and tiers with a prefix.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Repo<'a> {
    uid: &'a str,
    name: &'a str,
    description: &'a str,
    catalog_tier: &'static str,
    bundles: &'a [String],
    aliases: &'a [String],
    active_tags: &'a [String],
    #[serde(rename = "sync_config")]
    sync_config: Option<SyncConfig<'a>>,
    custom_overlay: Option<&'a Value>,
    create_time: WireTime,
    update_time: WireTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SyncConfig<'a> {
    source: &'a str,
    unique_tags: bool,
    expiration_time: WireTime,
    google: &'a str,
    amazon: &'a str,
    azure: &'a str,
    apko_overlay: &'static str,
    grace_period: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RepoList<'a> {
    repos: Vec<Repo<'a>>,
    next_page_token: String,
    /// An int64, and so a string.
    total_count: String,
    skipped: u32,
}

impl<'a> Repo<'a> {
    fn of(repository: &'a Repository) -> Self {
        let sync_config = repository.source.as_ref().map(|source| SyncConfig {
            source: &source.uidp,
            unique_tags: false,
            expiration_time: WireTime(after(repository.create_time, SYNC_LIFETIME)),
            google: &source.google,
            amazon: &source.amazon,
            azure: &source.azure,
            apko_overlay: "",
            grace_period: false,
        });
        Self {
            uid: &repository.id,
            name: &repository.name,
            description: &repository.description,
            catalog_tier: repository.tier.map_or("CATALOG_TIER_UNSPECIFIED", Tier::v2_name),
            bundles: &repository.bundles,
            aliases: &repository.aliases,
            active_tags: &repository.active_tags,
            sync_config,
            custom_overlay: repository.custom_overlay.as_ref(),
            create_time: WireTime(repository.create_time),
            update_time: WireTime(repository.update_time),
        }
    }
}

/// A page of what the token can see and the known filters let through.
pub(crate) fn list(fake: &Inner, query: &Query) -> Result<Response, Status> {
    let uidp = UidpFilter::from_query(query)?;
    let name = query.text("name")?;
    let request = PageRequest::from_query(query)?;
    let state = fake.state();
    let matching = state
        .all()
        .filter(|repository| uidp.lets_through(&repository.id))
        .filter(|repository| name.as_ref().is_none_or(|name| repository.name == *name))
        .collect();
    let Page { items, next_page_token, total, skipped } = request.cut(matching, now())?;
    let list = RepoList {
        repos: items.into_iter().map(Repo::of).collect(),
        next_page_token,
        total_count: total.to_string(),
        skipped,
    };
    Ok(Json(list).into_response())
}

/// One repository.
pub(crate) fn get(fake: &Inner, uid: &str) -> Result<Response, Status> {
    let uid = uidp::from_path("uid", uid)?;
    let state = fake.state();
    let repository = find(&state, &uid)?;
    Ok(Json(Repo::of(repository)).into_response())
}

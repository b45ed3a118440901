//! The v1 tags: list and summary (FACTS §2.3). Asking for them is what makes them appear.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::{
    fake::Inner,
    query::Query,
    repos::find,
    repository::{Reads, Repository},
    state::{State, StateError},
    status::Status,
    time::WireTime,
    uidp::{self, UidpFilter},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tag {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) digest: String,
    last_updated: WireTime,
    deprecated: bool,
    bundles: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    id: String,
    /// An int64, and so a string.
    tag_count: String,
    last_updated: Option<WireTime>,
    /// `null` without tags in the sample, so it is a message; that the message is a Tag is inferred.
    latest_tag: Option<Tag>,
    latest_version: &'static str,
}

/// The tag of this name that a repository has, or would have.
pub(crate) fn named(repository: &Repository, name: &str) -> Tag {
    let source = repository.source.as_ref().map_or("", |source| source.uidp.as_str());
    Tag {
        id: uidp::named_child(&repository.id, name),
        name: name.to_owned(),
        digest: format!("sha256:{}", uidp::digest(&[source, name])),
        last_updated: WireTime(repository.create_time),
        deprecated: false,
        bundles: Vec::new(),
    }
}

/// The tags of all repositories that the filters let through. The `exclude…` flags are read, and refused when they are
/// no flags, but the fake has no tags that they would take away.
pub(crate) fn list(fake: &Inner, query: &Query) -> Result<Response, Status> {
    let uidp = UidpFilter::from_query(query)?;
    let name = query.text("name")?;
    let id = query.text("id")?;
    let digest = query.text("digest")?;
    let since = query.timestamp("updated_since")?.unwrap_or(Timestamp::MIN);
    for flag in ["exclude_referrers", "exclude_dates", "exclude_epochs"] {
        query.bool(flag)?;
    }
    let mut state = fake.state();
    let mut items = Vec::new();
    let mut asked = Vec::new();
    for repository in state.all() {
        // Ids and digests of tags are computed; a poll for one repository must not compute all of them.
        if !uidp.may_let_through_children_of(&repository.id) {
            continue;
        }
        let tags = repository.active_tags.iter().map(|tag| named(repository, tag));
        // A read counts for a repository when it would have shown a tag of it.
        let wanted: Vec<Tag> = tags
            .filter(|tag| uidp.lets_through(&tag.id))
            .filter(|tag| name.as_ref().is_none_or(|name| tag.name == *name))
            .filter(|tag| id.as_ref().is_none_or(|id| tag.id == *id))
            .filter(|tag| digest.as_ref().is_none_or(|digest| tag.digest == *digest))
            .filter(|tag| tag.last_updated.0 >= since)
            .collect();
        if wanted.is_empty() || repository.source.is_none() {
            continue;
        }
        if repository.tags(fake.options.polls_until_tags).is_empty() {
            asked.push(repository.id.clone());
        } else {
            items.extend(wanted);
        }
    }
    for id in asked {
        count_read(&mut state, &id)?;
    }
    Ok(Json(json!({"items": items})).into_response())
}

/// How many tags a repository has: the cheap way to see whether it can be pulled from.
pub(crate) fn summary(fake: &Inner, id: &str) -> Result<Response, Status> {
    let id = uidp::from_path("repo_id", id)?;
    let mut state = fake.state();
    let repository = find(&state, &id)?;
    let tags = repository.tags(fake.options.polls_until_tags);
    let syncing = repository.source.is_some() && tags.is_empty();
    let summary = Summary {
        id: id.clone(),
        tag_count: tags.len().to_string(),
        last_updated: tags.first().map(|_tag| WireTime(repository.create_time)),
        latest_tag: tags.first().map(|tag| named(repository, tag)),
        latest_version: "",
    };
    if syncing {
        count_read(&mut state, &id)?;
    }
    Ok(Json(summary).into_response())
}

fn count_read(state: &mut State, id: &str) -> Result<(), StateError> {
    state.polled(id, |reads| Reads { tags: reads.tags.saturating_add(1), ..reads })
}

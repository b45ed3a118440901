//! The console's back end: `POST /query`, the only machine-readable listing of the catalog (FACTS §2.5).
//!
//! It is no public API, so the fake takes the one query that is known, in any selection and with variables or without,
//! and answers everything else as GraphQL does: `errors`, under HTTP 200.

mod document;

use axum::{
    Json,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use self::document::Field;
use crate::{
    catalog::{CATALOG_GROUP, Tier},
    fake::Inner,
    tokens::bearer,
};

/// A repository as GraphQL sees it: of the catalog or of the organization.
struct Repo<'a> {
    id: String,
    name: &'a str,
    aliases: &'a [String],
    tier: Option<Tier>,
    active_tags: &'a [String],
}

/// Answers a query. Without a token the catalog's group can be read, and no other (FACTS §2.5; the host's actual rules
/// are not known, §9).
pub(crate) fn query(fake: &Inner, headers: &HeaderMap, body: &[u8]) -> Response {
    match repos(fake, headers, body) {
        Ok(repos) => Json(json!({"data": {"repos": repos}})).into_response(),
        Err(message) => Json(json!({"errors": [{"message": message}]})).into_response(),
    }
}

fn repos(fake: &Inner, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, String> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| format!("json request body could not be decoded: {error}"))?;
    let text = body.get("query").and_then(Value::as_str).ok_or("no operation provided")?;
    let variables = body.get("variables").and_then(Value::as_object).cloned().unwrap_or_default();
    let root = document::parse(text, &variables)?;
    let [repos] = root.as_slice() else { return Err("exactly one root field is supported: repos".to_owned()) };
    if repos.name != "repos" {
        return Err(format!("Cannot query field \"{}\" on type \"Query\".", repos.name));
    }
    let group = repos
        .argument(&["filter", "uidp", "childrenOf"])
        .and_then(Value::as_str)
        .ok_or("repos needs filter: {uidp: {childrenOf: …}}")?;
    let state = fake.state();
    let found: Vec<Repo<'_>> = if group == CATALOG_GROUP {
        fake.options
            .catalog
            .images()
            .map(|image| Repo {
                id: image.uidp(),
                name: &image.name,
                aliases: &image.aliases,
                tier: Some(image.tier),
                active_tags: &image.active_tags,
            })
            .collect()
    } else {
        bearer(headers).map_err(|_status| "unauthenticated")?;
        state
            .all()
            .filter(|repository| repository.parent() == group)
            .map(|repository| Repo {
                id: repository.id.clone(),
                name: &repository.name,
                aliases: &repository.aliases,
                tier: repository.tier,
                active_tags: repository.tags(fake.options.polls_until_tags),
            })
            .collect()
    };
    found.iter().map(|repo| repo.select(&repos.selection)).collect()
}

impl Repo<'_> {
    /// The selected fields and no others.
    fn select(&self, selection: &[Field]) -> Result<Value, String> {
        if selection.is_empty() {
            return Err("Field \"repos\" of type \"[Repo]\" must have a selection of subfields.".to_owned());
        }
        let mut object = Map::new();
        for field in selection {
            let value = match field.name.as_str() {
                "id" => json!(self.id),
                "name" => json!(self.name),
                "aliases" => json!(self.aliases),
                "catalogTier" => json!(self.tier.map_or("UNKNOWN", Tier::v1_name)),
                "activeTags" => json!(self.active_tags),
                "tags" => json!(tags(self.active_tags, &field.selection)?),
                unknown => return Err(format!("Cannot query field \"{unknown}\" on type \"Repo\".")),
            };
            object.insert(field.name.clone(), value);
        }
        Ok(Value::Object(object))
    }
}

fn tags(names: &[String], selection: &[Field]) -> Result<Vec<Value>, String> {
    match selection {
        [field] if field.name == "name" => Ok(names.iter().map(|name| json!({"name": name})).collect()),
        _ => Err("tags needs the selection { name }".to_owned()),
    }
}

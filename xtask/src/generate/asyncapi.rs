//! `docs/asyncapi.json`: the bus and what is announced on it.

use anyhow::Context as _;
use domain::envelope::SOURCE;
use serde_json::{Map, Value, json};

use super::files::GeneratedFile;
use super::samples::Samples;
use super::schemas::{Announcement, announcements, schema_path};

/// Where it is.
pub(super) const PATH: &str = "docs/asyncapi.json";

/// The description.
pub(super) fn file(samples: &Samples) -> anyhow::Result<GeneratedFile> {
    GeneratedFile::sorted(PATH, description(samples)?)
}

fn description(samples: &Samples) -> anyhow::Result<Value> {
    let mut channel_messages = Map::new();
    let mut messages = Map::new();
    for announcement in announcements(samples)? {
        let name = announcement.name;
        channel_messages.insert(name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }));
        messages.insert(name.to_owned(), message(&announcement)?);
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "cgr-request events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that happens to a request for a Chainguard image, on an EventBridge bus. \
                Events come at least once and in any order: tell repeated ones by `metadata.id`, and put those of a \
                request in order by `data.sequence`. A payload is `detail` of the event; `source` and `detail-type`, \
                by which a rule selects, are described as headers. What Chainguard announces is on the bus too, with \
                `source` `chainguard` and its own type as `detail-type`; Chainguard describes it.",
            "license": { "name": env!("CARGO_PKG_LICENSE"), "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": {
            SOURCE: {
                "address": format!("{SOURCE}-{{environment}}"),
                "title": "The bus",
                "description": "An EventBridge bus of its own, `EventBus` in infra/template.yaml.",
                "parameters": {
                    "environment": {
                        "description": "The stage, as the stack's parameter `Environment` says.",
                        "enum": ["dev", "staging", "prod"],
                    },
                },
                "messages": channel_messages,
            },
        },
        "operations": {
            "announce": {
                "action": "send",
                "summary": "Announces what has happened to a request, and what has happened without one.",
                "channel": { "$ref": format!("#/channels/{SOURCE}") },
            },
        },
        "components": {
            "messages": messages,
            "correlationIds": {
                "request": {
                    "description": "Equal for everything that belongs together: the request. A drift that is of no request has none.",
                    "location": "$message.payload#/metadata/correlationid",
                },
            },
        },
    }))
}

fn message(announcement: &Announcement) -> anyhow::Result<Value> {
    let Announcement { name, summary, example, .. } = announcement;
    let example = serde_json::to_value(example).context("failed to write an example")?;
    Ok(json!({
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": "application/json",
        "correlationId": { "$ref": "#/components/correlationIds/request" },
        "headers": {
            "type": "object",
            "required": ["source", "detail-type"],
            "properties": {
                "source": { "type": "string", "const": SOURCE },
                "detail-type": { "type": "string", "const": name },
            },
        },
        "payload": { "$ref": format!("../{}", schema_path(name)) },
        "examples": [{ "name": "sample", "payload": example }],
    }))
}

#[cfg(test)]
mod tests;

//! `docs/asyncapi.json`: the bus and what is announced on it.

use anyhow::Context as _;
use domain::envelope::SOURCE;
use domain::event::EventType;
use serde_json::{Map, Value, json};

use super::contracts;
use super::files::GeneratedFile;
use super::samples::Samples;
use super::schemas::schema_path;

/// Where it is.
pub(super) const PATH: &str = "docs/asyncapi.json";

/// The description.
pub(super) fn file(samples: &Samples) -> anyhow::Result<GeneratedFile> {
    GeneratedFile::sorted(PATH, description(samples)?)
}

fn description(samples: &Samples) -> anyhow::Result<Value> {
    let mut channel_messages = Map::new();
    let mut messages = Map::new();
    for event_type in EventType::ALL {
        let name = event_type.as_str();
        channel_messages.insert(name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }));
        messages.insert(name.to_owned(), message(samples, event_type)?);
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "cgr-request events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything that happens to a request for a Chainguard image, on an EventBridge bus. \
                Events come at least once and in any order: tell repeated ones by `metadata.id`, and put those of a \
                request in order by `data.sequence`. A payload is `detail` of the event; `source` and `detail-type`, \
                by which a rule selects, are described as headers.",
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
                "summary": "Announces what has happened to a request.",
                "channel": { "$ref": format!("#/channels/{SOURCE}") },
            },
        },
        "components": {
            "messages": messages,
            "correlationIds": {
                "request": {
                    "description": "Equal for everything that belongs together: the request.",
                    "location": "$message.payload#/metadata/correlationid",
                },
            },
        },
    }))
}

fn message(samples: &Samples, event_type: EventType) -> anyhow::Result<Value> {
    let name = event_type.as_str();
    let example = serde_json::to_value(samples.example(event_type)?).context("failed to write an example")?;
    Ok(json!({
        "name": name,
        "title": name,
        "summary": contracts::of(event_type).summary,
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
        "payload": { "$ref": format!("../{}", schema_path(event_type)) },
        "examples": [{ "name": "sample", "payload": example }],
    }))
}

#[cfg(test)]
mod tests;

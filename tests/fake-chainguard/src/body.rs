//! The body of a v1 create or update, decoded as protojson decodes it and checked as the platform checks it.

use serde_json::{Map, Value};

use crate::{catalog::Tier, query::camel_case, status::Status};

const DESCRIPTION_MAX: usize = 512;

/// The labels that a customer may set (FACTS §3).
const BUNDLES: [&str; 9] =
    ["application", "base", "byol", "ai", "ai-gpu", "featured", "fips", "commercial", "emeritoss"];

/// A valid repository as a client wrote it. What it left out is empty: a v1 write replaces the whole.
#[derive(Debug, Default)]
pub(crate) struct RepositoryInput {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) readme: String,
    pub(crate) tier: Option<Tier>,
    pub(crate) bundles: Vec<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) active_tags: Vec<String>,
    pub(crate) custom_overlay: Option<Value>,
    pub(crate) sync: Option<SyncInput>,
}

/// `sync_config`, without what only Chainguard may set.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncInput {
    pub(crate) source: String,
    pub(crate) google: String,
    pub(crate) amazon: String,
    pub(crate) azure: String,
}

impl RepositoryInput {
    /// Decodes and validates. The content type is not looked at: the gateway decodes every body as JSON, and an empty
    /// one as an empty message.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Status> {
        let value = if body.is_empty() { Value::Object(Map::new()) } else { json(body)? };
        let members = Members::of(&value, "repo")?;
        let input = Self {
            name: members.text("name")?,
            description: members.text("description")?,
            readme: members.text("readme")?,
            tier: members.tier("catalog_tier")?,
            bundles: members.texts("bundles")?,
            aliases: members.texts("aliases")?,
            active_tags: members.texts("active_tags")?,
            custom_overlay: members.object("custom_overlay")?.map(|overlay| Value::Object(overlay.clone())),
            // `json_name` makes this the one member with a single spelling (FACTS §2.0).
            sync: members.only("sync_config").map(SyncInput::from_value).transpose()?,
        };
        input.validate()?;
        Ok(input)
    }

    /// The rules of the SDK's `validation` package (FACTS §3).
    fn validate(&self) -> Result<(), Status> {
        if self.name.is_empty() || !self.name.bytes().all(is_name_byte) {
            let name = &self.name;
            return Err(Status::invalid_argument(format!("name {name:?} does not match ^[a-z0-9 ._-]{{1,}}$")));
        }
        if self.description.chars().count() > DESCRIPTION_MAX || self.description.contains(['\n', '\r']) {
            let rule = format!("description must be one line of at most {DESCRIPTION_MAX} characters");
            return Err(Status::invalid_argument(rule));
        }
        if let Some(bundle) = self.bundles.iter().find(|bundle| !BUNDLES.contains(&bundle.as_str())) {
            return Err(Status::invalid_argument(format!("bundle {bundle:?} is not allowed")));
        }
        if let Some(alias) = self.aliases.iter().find(|alias| !is_alias(alias)) {
            return Err(Status::invalid_argument(format!("alias {alias:?} is not an image with a tag")));
        }
        if let Some(tag) = self.active_tags.iter().find(|tag| !is_tag(tag)) {
            return Err(Status::invalid_argument(format!("active tag {tag:?} is not a tag")));
        }
        Ok(())
    }
}

impl SyncInput {
    fn from_value(value: &Value) -> Result<Self, Status> {
        let members = Members::of(value, "sync_config")?;
        Ok(Self {
            source: members.text("source")?,
            google: members.text("google")?,
            amazon: members.text("amazon")?,
            azure: members.text("azure")?,
        })
    }
}

fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b' ' | b'.' | b'_' | b'-')
}

/// `^[a-zA-Z0-9_.\-/]*[a-zA-Z0-9_.\-]:[a-zA-Z0-9_.\-]+$`
pub(crate) fn is_alias(alias: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let Some((image, tag)) = alias.split_once(':') else { return false };
    image.bytes().all(|byte| part(byte) || byte == b'/')
        && image.bytes().last().is_some_and(part)
        && !tag.is_empty()
        && tag.bytes().all(part)
}

/// The distribution specification's rule: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
fn is_tag(tag: &str) -> bool {
    tag.len() <= 128
        && tag.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// JSON, or the gateway's refusal.
pub(crate) fn json(body: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(body).map_err(|error| Status::invalid_argument(format!("syntax error: {error}")))
}

/// The members of a message. `null` is as good as absent, and a member that nobody asks for is ignored.
struct Members<'a> {
    members: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    fn of(value: &'a Value, message: &str) -> Result<Self, Status> {
        let members = value.as_object().ok_or_else(|| mismatch("message", message, value))?;
        Ok(Self { members })
    }

    /// A member in exactly this spelling.
    fn only(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A member in either spelling; in both at once it is a duplicate, as it is for protojson.
    fn get(&self, name: &str) -> Result<Option<&'a Value>, Status> {
        let camel = camel_case(name);
        let snake = self.only(name);
        if camel == name {
            return Ok(snake);
        }
        match (snake, self.only(&camel)) {
            (Some(_), Some(_)) => Err(Status::invalid_argument(format!("duplicate field {camel:?}"))),
            (snake, camel) => Ok(snake.or(camel)),
        }
    }

    fn text(&self, name: &str) -> Result<String, Status> {
        match self.get(name)? {
            None => Ok(String::new()),
            Some(value) => value.as_str().map(ToOwned::to_owned).ok_or_else(|| mismatch("string", name, value)),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Status> {
        let Some(value) = self.get(name)? else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| mismatch("list", name, value))?;
        items
            .iter()
            .map(|item| item.as_str().map(ToOwned::to_owned).ok_or_else(|| mismatch("string", name, item)))
            .collect()
    }

    fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Status> {
        self.get(name)?.map(|value| value.as_object().ok_or_else(|| mismatch("message", name, value))).transpose()
    }

    /// By name or by number; an unknown name is ignored.
    fn tier(&self, name: &str) -> Result<Option<Tier>, Status> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        match (value.as_str(), value.as_i64()) {
            (Some(text), _) => Ok(Tier::from_v1_name(text)),
            (None, Some(number)) => Ok(Tier::from_v1_number(number)),
            (None, None) => Err(mismatch("enum", name, value)),
        }
    }
}

fn mismatch(expected: &str, field: &str, found: &Value) -> Status {
    Status::invalid_argument(format!("invalid value for {expected} field {field}: {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    fn refused(body: &str) -> bool {
        RepositoryInput::parse(body.as_bytes()).is_err_and(|status| status.code() == Code::InvalidArgument)
    }

    #[test]
    fn members_are_read_in_both_spellings_except_sync_config() {
        for body in [r#"{"name":"a","activeTags":["latest"]}"#, r#"{"name":"a","active_tags":["latest"]}"#] {
            assert_eq!(RepositoryInput::parse(body.as_bytes()).unwrap().active_tags, ["latest"], "{body}");
        }
        let snake = RepositoryInput::parse(br#"{"name":"a","sync_config":{"source":"nginx"}}"#).unwrap();
        assert_eq!(snake.sync.unwrap().source, "nginx");
        let camel = RepositoryInput::parse(br#"{"name":"a","syncConfig":{"source":"nginx"}}"#).unwrap();
        assert!(camel.sync.is_none());
    }

    #[test]
    fn unknown_members_and_unknown_tiers_are_ignored() {
        let input =
            RepositoryInput::parse(br#"{"name":"a","tag":"1.2","catalogTier":"GOLD","description":null}"#).unwrap();
        assert_eq!((input.tier, input.description.as_str()), (None, ""));
        assert_eq!(RepositoryInput::parse(br#"{"name":"a","catalogTier":5}"#).unwrap().tier, Some(Tier::Base));
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for body in [
            "{",
            "[]",
            r#"{"name":5}"#,
            r#"{"name":"a","bundles":"base"}"#,
            r#"{"name":"a","bundles":[1]}"#,
            r#"{"name":"a","sync_config":"nginx"}"#,
            r#"{"name":"a","customOverlay":[]}"#,
            r#"{"name":"a","activeTags":[],"active_tags":[]}"#,
        ] {
            assert!(refused(body), "{body}");
        }
    }

    #[test]
    fn names_follow_the_platforms_rule() {
        for name in ["nginx", "my app", "a.b_c-9", " "] {
            assert!(!refused(&format!(r#"{{"name":"{name}"}}"#)), "{name}");
        }
        for name in ["", "Nginx", "nginx:latest", "team/nginx", "nginx\\n", "ünginx"] {
            assert!(refused(&format!(r#"{{"name":"{name}"}}"#)), "{name}");
        }
        assert!(refused(""), "an empty body names nothing");
    }

    #[test]
    fn a_description_is_one_line_of_512_characters_at_most() {
        let body = |description: &str| format!(r#"{{"name":"a","description":"{description}"}}"#);
        assert!(!refused(&body(&"x".repeat(512))));
        assert!(refused(&body(&"x".repeat(513))));
        assert!(refused(&body("one\\ntwo")));
    }

    #[test]
    fn labels_aliases_and_tags_follow_their_rules() {
        assert!(refused(r#"{"name":"a","bundles":["gold"]}"#));
        assert!(!refused(r#"{"name":"a","bundles":["ai-gpu"]}"#));
        for alias in ["nginx", "nginx:", ":latest", "a/:b", "a:b:c", "a:b/c"] {
            assert!(refused(&format!(r#"{{"name":"a","aliases":["{alias}"]}}"#)), "{alias}");
        }
        assert!(!refused(r#"{"name":"a","aliases":["quay.io/a-b/c:1.2"]}"#));
        assert!(refused(r#"{"name":"a","activeTags":["-latest"]}"#));
    }
}

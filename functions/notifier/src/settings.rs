//! Where messages go besides mail: a secret, since whoever knows a Slack webhook's address may write to the channel.

use std::fmt;

use serde::Deserialize;
use url::{Host, Url};

/// Shortest signing key that is accepted, in bytes. A shorter one can be found from one signed message by trying.
const MIN_SIGNING_KEY_BYTES: usize = 16;

/// The secret's content: `{"slack":{"webhookUrl":"https://…"},"webhook":{"url":"https://…","signingKey":"…"}}`.
#[derive(Debug)]
pub struct Settings {
    /// The chat channel, if there is one.
    pub slack: Option<SlackSettings>,
    /// The generic webhook, if there is one.
    pub webhook: Option<WebhookSettings>,
}

/// A Slack channel.
#[derive(Debug)]
pub struct SlackSettings {
    /// Its incoming webhook.
    pub webhook_url: Endpoint,
}

/// A receiver of signed events.
#[derive(Debug)]
pub struct WebhookSettings {
    /// Where it is.
    pub url: Endpoint,
    /// What it shares with us.
    pub signing_key: SigningKey,
}

/// An address to post to: `https`, or `http` on this very machine. Its path may be a secret, so `Debug` shows the
/// host only.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// The key of the webhook's signatures.
pub struct SigningKey(String);

/// Why the secret cannot be used. Never repeats what it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No JSON, or JSON of another shape.
    #[error(
        "the notification secret has another shape than {{\"slack\":{{\"webhookUrl\"}},\"webhook\":{{\"url\",\"signingKey\"}}}} at line {line}, column {column}"
    )]
    Shape {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// An address that must not be posted to.
    #[error("the notification secret's {field} {problem}")]
    Url {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A key that can be guessed.
    #[error("the notification secret's webhook.signingKey is shorter than {MIN_SIGNING_KEY_BYTES} bytes")]
    SigningKey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    slack: Option<SlackFile>,
    webhook: Option<WebhookFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SlackFile {
    webhook_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WebhookFile {
    url: String,
    signing_key: String,
}

impl Settings {
    /// Reads the secret's text.
    pub fn from_json(text: &str) -> Result<Self, SettingsError> {
        let file: SettingsFile = serde_json::from_str(text)
            .map_err(|error| SettingsError::Shape { line: error.line(), column: error.column() })?;
        let slack = match file.slack {
            Some(slack) => {
                Some(SlackSettings { webhook_url: Endpoint::parse("slack.webhookUrl", &slack.webhook_url)? })
            }
            None => None,
        };
        let webhook = match file.webhook {
            Some(webhook) => Some(WebhookSettings {
                url: Endpoint::parse("webhook.url", &webhook.url)?,
                signing_key: SigningKey::new(webhook.signing_key)?,
            }),
            None => None,
        };
        Ok(Self { slack, webhook })
    }
}

impl Endpoint {
    fn parse(field: &'static str, text: &str) -> Result<Self, SettingsError> {
        let problem = |problem| SettingsError::Url { field, problem };
        let url = Url::parse(text).map_err(|_| problem("is no URL"))?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(problem("names no host")),
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if loopback => Ok(Self(url)),
            _ => Err(problem("has to start with https://")),
        }
    }

    /// The address.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.0.host_str().unwrap_or_default())
    }
}

impl SigningKey {
    fn new(key: String) -> Result<Self, SettingsError> {
        if key.len() < MIN_SIGNING_KEY_BYTES { Err(SettingsError::SigningKey) } else { Ok(Self(key)) }
    }

    /// The key itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn both_parts_are_optional() {
        let none = Settings::from_json("{}").unwrap();
        assert!(none.slack.is_none() && none.webhook.is_none());
        let both = Settings::from_json(&format!(
            r#"{{"slack":{{"webhookUrl":"https://hooks.slack.example/T/B/x"}},"webhook":{{"url":"https://acme.example/hook","signingKey":"{KEY}"}}}}"#
        ))
        .unwrap();
        assert_eq!(both.slack.unwrap().webhook_url.url().path(), "/T/B/x");
        assert_eq!(both.webhook.unwrap().signing_key.as_bytes(), KEY.as_bytes());
    }

    #[test]
    fn nothing_goes_out_in_the_clear_except_on_this_machine() {
        for (url, allowed) in [
            ("https://hooks.slack.example/x", true),
            ("http://127.0.0.1:9000/x", true),
            ("http://[::1]:9000/x", true),
            ("http://localhost:9000/x", true),
            ("http://hooks.slack.example/x", false),
            ("http://localhost.acme.example/x", false),
            ("http://127.0.0.1.acme.example/x", false),
            ("http://10.0.0.1/x", false),
            ("http://user@127.0.0.1@acme.example/x", false),
            ("file:///etc/passwd", false),
            ("ftp://acme.example", false),
            ("hooks.slack.example/x", false),
            ("", false),
        ] {
            let text = serde_json::json!({"slack": {"webhookUrl": url}}).to_string();
            assert_eq!(Settings::from_json(&text).is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_what_is_secret() {
        for text in [
            "",
            "[]",
            "top-secret",
            r#"{"slack":"top-secret"}"#,
            r#"{"slack":{"webhookUrl":"https://a.example/top-secret","chanel":"x"}}"#,
            r#"{"slack":{"webhookUrl":"http://a.example/top-secret"}}"#,
            r#"{"webhook":{"url":"https://a.example/x","signingKey":"top-secret"}}"#,
            r#"{"webhook":{"url":"top-secret","signingKey":"0123456789abcdef"}}"#,
            r#"{"teams":{"url":"https://a.example/top-secret"}}"#,
        ] {
            let error = Settings::from_json(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("top-secret"), "{error}");
        }
    }

    #[test]
    fn debug_shows_hosts_and_no_secret() {
        let settings = Settings::from_json(&format!(
            r#"{{"slack":{{"webhookUrl":"https://hooks.slack.example/T/B/x"}},"webhook":{{"url":"https://u:p@acme.example/hook?t=1","signingKey":"{KEY}"}}}}"#
        ))
        .unwrap();
        assert_eq!(
            format!("{settings:?}"),
            "Settings { slack: Some(SlackSettings { webhook_url: Endpoint(hooks.slack.example) }), \
             webhook: Some(WebhookSettings { url: Endpoint(acme.example), signing_key: SigningKey([redacted]) }) }"
        );
    }
}

//! The token with which Chainguard is asked. It comes from the environment or a pipe, never from an argument, which every
//! process of the machine can read.

use std::io::{IsTerminal as _, Read};

use anyhow::Context as _;
use domain::ports::{PortError, ReadSecret};
use lambda::environment::Environment;
use serde_json::json;

/// Where the token is, unless it comes through a pipe.
const VARIABLE: &str = "CHAINGUARD_TOKEN";
/// The largest token that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// An access token, as the credential's secret that the client reads. Has no `Debug`.
pub(super) struct AccessToken(String);

impl AccessToken {
    pub(super) fn from_environment(environment: &Environment) -> anyhow::Result<Self> {
        let text = environment.optional(VARIABLE).with_context(|| {
            format!(
                "there is no token: set {VARIABLE}, for example to what `chainctl auth token --audience <API's address>` \
                 prints, or pipe one to --token-stdin"
            )
        })?;
        Self::new(text).with_context(|| format!("{VARIABLE} holds no token, which is one word of visible ASCII"))
    }

    pub(super) fn from_stdin() -> anyhow::Result<Self> {
        let stdin = std::io::stdin();
        // What is typed would stay on the screen.
        anyhow::ensure!(!stdin.is_terminal(), "--token-stdin takes the token from a pipe or a file");
        Self::read(stdin.lock())
    }

    fn read(reader: impl Read) -> anyhow::Result<Self> {
        let mut text = String::new();
        let mut bounded = reader.take(MAX_BYTES);
        bounded.read_to_string(&mut text).context("failed to read the token from standard input")?;
        anyhow::ensure!(bounded.limit() > 0, "standard input holds no token: it has {MAX_BYTES} bytes or more");
        Self::new(&text).context("standard input holds no token, which is one word of visible ASCII")
    }

    /// The token in `text`, without the white space around it.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Self(text.to_owned()))
    }
}

impl ReadSecret for AccessToken {
    async fn read_secret(&self, _: &str) -> Result<String, PortError> {
        Ok(json!({"kind": "token", "token": self.0}).to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn of_environment(value: &str) -> anyhow::Result<AccessToken> {
        let variables = BTreeMap::from([(VARIABLE.to_owned(), value.to_owned())]);
        AccessToken::from_environment(&Environment::of(variables))
    }

    #[test]
    fn a_token_is_read_without_the_white_space_around_it() {
        assert_eq!(of_environment("token").unwrap().0, "token");
        assert_eq!(AccessToken::read(" token\r\n".as_bytes()).unwrap().0, "token");
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        let largest = usize::try_from(MAX_BYTES).unwrap();
        for text in ["", "\n", "hush hush", "hush\u{0}", "hüsh", &"h".repeat(largest)] {
            let error = AccessToken::read(text.as_bytes()).err().unwrap();
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
        for text in ["", "hush hush"] {
            let error = of_environment(text).err().unwrap();
            assert!(error.to_string().contains(VARIABLE) && !format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}

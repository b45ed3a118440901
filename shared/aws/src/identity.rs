//! The role that the process runs as, to be proved to somebody who is not AWS.

use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::Client;
use domain::ports::{AwsCredentials, AwsIdentity, PortError, Proof};

use crate::configuration::Configuration;
use crate::error::port_error;

/// How long a web identity token is good, in seconds: whoever takes it takes it at once.
const TOKEN_SECONDS: i32 = 300;

const VOUCH: &str = "have AWS vouch for the role";
const READ_CREDENTIALS: &str = "read the role's credentials";

/// The role. Has no `Debug`: it leads to credentials.
pub struct Role {
    sdk: SdkConfig,
    /// Made for the first token: most secrets need none.
    sts: OnceLock<Client>,
}

/// An answer or a configuration that lacks what it is for.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("STS answered without a token")]
    Token,
    #[error("the process has no credentials for AWS")]
    Credentials,
}

impl Role {
    /// The role whose credentials the configuration provides. Does no I/O and makes no client.
    ///
    /// Tokens come from the region's own STS: the global one has none.
    #[must_use]
    pub fn new(configuration: &Configuration) -> Self {
        Self { sdk: configuration.sdk().clone(), sts: OnceLock::new() }
    }

    async fn ask_for_token(&self, audience: &str) -> Result<String, PortError> {
        let answer = self
            .sts
            .get_or_init(|| Client::new(&self.sdk))
            .get_web_identity_token()
            .audience(audience)
            .signing_algorithm("ES384")
            .duration_seconds(TOKEN_SECONDS)
            .send()
            .await
            .map_err(|error| port_error(VOUCH, error))?;
        answer.web_identity_token.ok_or_else(|| PortError {
            operation: VOUCH,
            retryable: true,
            source: Box::new(Missing::Token),
        })
    }

    async fn read_credentials(&self) -> Result<AwsCredentials, PortError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>, retryable| PortError {
            operation: READ_CREDENTIALS,
            retryable,
            source,
        };
        let provider = self.sdk.credentials_provider();
        let provider = provider.ok_or_else(|| failed(Box::new(Missing::Credentials), false))?;
        let credentials = provider.provide_credentials().await.map_err(|error| {
            let may_pass = matches!(error, CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_));
            failed(Box::new(error), may_pass)
        })?;
        Ok(AwsCredentials {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned(),
            session_token: credentials.session_token().map(ToOwned::to_owned),
        })
    }
}

impl AwsIdentity for Role {
    /// The account must have outbound identity federation switched on, and the role needs
    /// `sts:GetWebIdentityToken`.
    fn web_identity_token<'a>(&'a self, audience: &'a str) -> Proof<'a, String> {
        Box::pin(self.ask_for_token(audience))
    }

    /// As the process was given them.
    fn credentials(&self) -> Proof<'_, AwsCredentials> {
        Box::pin(self.read_credentials())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_config::BehaviorVersion;

    use super::*;
    use crate::loopback::{Loopback, Reply};

    const AUDIENCE: &str = "https://issuer.example";

    fn answer(token: &str) -> Reply {
        Reply::Status(
            200,
            format!(
                r#"<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>{token}<Expiration>2026-11-23T18:56:45Z</Expiration></GetWebIdentityTokenResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>"#
            ),
        )
    }

    fn refusal(status: u16, code: &str) -> Reply {
        Reply::Status(
            status,
            format!(
                r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code><Message>as the test says</Message></Error><RequestId>r</RequestId></ErrorResponse>"#
            ),
        )
    }

    /// The pairs of a form, percent-decoded as far as the test needs it.
    fn form(body: &str) -> BTreeMap<String, String> {
        let decoded = body.replace("%3A", ":").replace("%2F", "/");
        decoded.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[tokio::test]
    async fn a_token_for_one_audience_and_five_minutes_is_asked_for() {
        let server =
            Loopback::start(|_, _| answer("<WebIdentityToken>header.payload.signature</WebIdentityToken>")).await;
        let role = Role::new(&server.configuration());
        assert_eq!(role.web_identity_token(AUDIENCE).await.unwrap(), "header.payload.signature");
        let asked = form(&server.received().remove(0).body);
        for (key, value) in [
            ("Action", "GetWebIdentityToken"),
            ("Version", "2011-06-15"),
            ("Audience.member.1", AUDIENCE),
            ("DurationSeconds", "300"),
            ("SigningAlgorithm", "ES384"),
        ] {
            assert_eq!(asked.get(key).map(String::as_str), Some(value), "{asked:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_why_and_whether_it_may_pass() {
        for (status, code, retryable) in [
            (403, "AccessDenied", false),
            (400, "OutboundWebIdentityFederationDisabledException", false),
            (400, "Throttling", true),
        ] {
            let server = Loopback::start(move |_, _| refusal(status, code)).await;
            let error = Role::new(&server.configuration()).web_identity_token(AUDIENCE).await.unwrap_err();
            assert_eq!(error.retryable, retryable, "{code}");
            assert!(error.source.to_string().contains(code), "{code}: {}", error.source);
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_token_is_none() {
        let server = Loopback::start(|_, _| answer("")).await;
        let error = Role::new(&server.configuration()).web_identity_token(AUDIENCE).await.unwrap_err();
        assert!(error.retryable, "{error}");
    }

    #[tokio::test]
    async fn the_credentials_are_those_of_the_process() {
        let server = Loopback::start(|_, _| Reply::Never).await;
        let credentials = Role::new(&server.configuration()).credentials().await.unwrap();
        assert_eq!((credentials.access_key_id.as_str(), credentials.session_token), ("test", None));
        assert!(server.received().is_empty());
        let none = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        let error = Role::new(&Configuration::with(none, None)).credentials().await.err().unwrap();
        assert!(!error.retryable, "{error}");
    }
}

//! How AWS is reached: timeouts, and endpoints other than AWS's own.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Longest wait for one attempt. The SDK has none of its own.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for an operation with all its attempts: below the 15 s after which the shortest-lived function ends.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a secret is served without asking.
const SECRETS_KEPT_FOR: Duration = Duration::from_mins(1);
/// Attempts per operation, the first included.
const MAX_ATTEMPTS: u32 = 3;

/// The SDK's configuration as every adapter uses it.
#[derive(Clone, Debug)]
pub struct Configuration {
    sdk: SdkConfig,
    dynamodb_endpoint: Option<String>,
    secrets_kept_for: Duration,
}

impl Configuration {
    /// From the process's environment, as Lambda sets it.
    pub async fn load() -> Self {
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .load()
            .await;
        Self { sdk, dynamodb_endpoint: None, secrets_kept_for: SECRETS_KEPT_FOR }
    }

    /// From an SDK configuration that somebody else made, with this crate's timeouts, and with DynamoDB at an
    /// endpoint of its own.
    #[must_use]
    pub fn with(sdk: SdkConfig, dynamodb_endpoint: Option<String>) -> Self {
        let sdk = sdk
            .into_builder()
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .build();
        Self { sdk, dynamodb_endpoint, secrets_kept_for: SECRETS_KEPT_FOR }
    }

    /// The same, with secrets served for so long without asking instead of for a minute.
    #[must_use]
    pub fn with_secrets_kept_for(self, secrets_kept_for: Duration) -> Self {
        Self { secrets_kept_for, ..self }
    }

    pub(crate) const fn secrets_kept_for(&self) -> Duration {
        self.secrets_kept_for
    }

    /// The SDK's configuration.
    #[must_use]
    pub const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// A DynamoDB client.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut builder = aws_sdk_dynamodb::config::Builder::from(&self.sdk);
        if let Some(endpoint) = &self.dynamodb_endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        aws_sdk_dynamodb::Client::from_conf(builder.build())
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

//! Rotates what is secret: the keys of signed links, and whatever of the Chainguard credential can be.
// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

mod credential;
mod kind;
pub mod rotate;

use std::time::Duration;

use aws::configuration::Configuration;
use aws::rotation::Rotation;
use chainguard::Endpoints;
use domain::image::Organization;
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::metrics::Metrics;
use lambda::{deadline, http_client};

use crate::credential::ChainguardApi;
use crate::rotate::{Request, RotationError, rotate};

/// Longest wait for one answer of Chainguard.
const CHAINGUARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Kept of an invocation for Secrets Manager, after the last call to Chainguard.
const FOR_SECRETS_MANAGER: Duration = Duration::from_secs(12);

/// The function. Has no `Debug`, as nothing here that touches secrets.
pub struct Rotator {
    rotation: Rotation,
    chainguard: ChainguardApi,
    metrics: Metrics,
    /// The secrets that it may be asked to rotate.
    secrets: [String; 2],
}

impl Function for Rotator {
    type Event = Request;
    type Output = ();
    const NAME: &'static str = "rotator";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        let client = http_client::build(CHAINGUARD_TIMEOUT)
            .map_err(|error| ConfigurationError::Invalid { variable: "SSL_CERT_FILE", problem: error.to_string() })?;
        let endpoints = Endpoints {
            api: environment.parsed("CHAINGUARD_API_URL")?,
            issuer: environment.parsed("CHAINGUARD_ISSUER_URL")?,
            catalog: None,
        };
        Ok(Self {
            rotation: Rotation::new(aws),
            chainguard: ChainguardApi {
                client,
                endpoints,
                organization: environment.parsed::<Organization>("ORGANIZATION")?,
            },
            metrics: Metrics::new(environment.required("METRICS_NAMESPACE")?.to_owned(), Self::NAME),
            secrets: [
                environment.required("LINK_KEYS_SECRET_ID")?.to_owned(),
                environment.required("CHAINGUARD_SECRET_ID")?.to_owned(),
            ],
        })
    }

    async fn handle(&self, request: Self::Event) -> Result<Self::Output, Error> {
        if !self.secrets.contains(&request.secret_id) {
            return Err(RotationError::AnothersSecret.into());
        }
        let work = Box::pin(rotate(&self.rotation, &self.chainguard, &self.metrics, &SystemClock, &request));
        match deadline::end().and_then(|end| end.checked_sub(FOR_SECRETS_MANAGER)) {
            Some(end) => chainguard::with_deadline(end, work).await?,
            None => work.await?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lambda::function::Invoke as _;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn secrets_that_it_is_not_configured_with_are_never_touched() {
        let variables = [
            ("CHAINGUARD_API_URL", "http://127.0.0.1:9"),
            ("CHAINGUARD_ISSUER_URL", "http://127.0.0.1:9"),
            ("ORGANIZATION", "acme"),
            ("METRICS_NAMESPACE", "cgr-request/images"),
            ("LINK_KEYS_SECRET_ID", "arn:keys"),
            ("CHAINGUARD_SECRET_ID", "arn:chainguard"),
        ];
        let environment = Environment::of(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        // There is no AWS to be asked.
        let sdk = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        let aws = Configuration::with(sdk, None);
        let rotator = Rotator::from_environment(&environment, &aws).unwrap();
        for id in ["arn:other", "keys", "", "arn:keys-AbCdEf"] {
            let request = json!({"Step": "createSecret", "SecretId": id, "ClientRequestToken": "v1"});
            let error = rotator.invoke(request).await.unwrap_err();
            assert_eq!(error.to_string(), "this function does not rotate that secret", "{id}");
        }
    }
}

//! Takes what Chainguard announces: verifies it, acts on it, and publishes it again on our bus.
// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

mod cloud_event;
mod effect;
mod happening;
pub mod receive;
mod signature;

use std::time::Duration;

use aws::configuration::Configuration;
use aws::events::Bus;
use aws::identity::Role;
use aws::secrets::Secrets;
use aws::store::Store;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use chainguard::{Capability, Chainguard, Endpoints};
use domain::image::Organization;
use domain::policy::{DEFAULT_POLICY, Policy};
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::jwt::{HttpKeys, Issuer, IssuerKeys};
use lambda::{http, http_client};

use crate::receive::{Ports, receive};

/// Longest wait for one answer of Chainguard.
const CHAINGUARD_TIMEOUT: Duration = Duration::from_secs(3);

/// What looking for repositories and tags takes; nothing is changed at Chainguard.
const CAPABILITIES: [Capability; 3] = [Capability::GroupsList, Capability::RepoList, Capability::TagList];

/// Names Chainguard's token issuer.
const ISSUER: &str = "CHAINGUARD_ISSUER_URL";

/// The function. Has no `Debug`, since its secrets have none.
pub struct ChainguardEvents {
    store: Store,
    bus: Bus,
    chainguard: Chainguard<Secrets>,
    issuer: IssuerKeys,
    keys: HttpKeys,
    policy: Policy,
}

impl Function for ChainguardEvents {
    type Event = ApiGatewayV2httpRequest;
    type Output = ApiGatewayV2httpResponse;
    const NAME: &'static str = "chainguard-events";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        let requests_table = environment.required("REQUESTS_TABLE")?.to_owned();
        let journal_table = environment.required("JOURNAL_TABLE")?.to_owned();
        let client = http_client::build(CHAINGUARD_TIMEOUT)
            .map_err(|error| ConfigurationError::Invalid { variable: "SSL_CERT_FILE", problem: error.to_string() })?;
        let endpoints = Endpoints {
            api: environment.parsed("CHAINGUARD_API_URL")?,
            issuer: environment.parsed(ISSUER)?,
            catalog: None,
        };
        let chainguard = Chainguard::new(
            client,
            endpoints,
            environment.parsed::<Organization>("ORGANIZATION")?,
            Secrets::new(aws),
            environment.required("CHAINGUARD_SECRET_ID")?.to_owned(),
        );
        let issuer = Issuer::discovered(environment.required(ISSUER)?.trim_end_matches('/'))
            .map_err(|problem| ConfigurationError::Invalid { variable: ISSUER, problem: format!("it {problem}") })?;
        Ok(Self {
            store: Store::new(aws, requests_table, Some(journal_table)),
            bus: Bus::new(aws, environment.required("EVENT_BUS_NAME")?.to_owned()),
            chainguard: chainguard.with_capabilities(CAPABILITIES).with_aws_identity(Role::new(aws), SystemClock),
            issuer: IssuerKeys::new(issuer),
            keys: HttpKeys::new()?,
            // Whether a tag is there is no matter of policy.
            policy: Policy::from_yaml(DEFAULT_POLICY)
                .map_err(|error| ConfigurationError::Invalid { variable: "POLICY_FILE", problem: error.to_string() })?,
        })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        let ports = Ports {
            store: &self.store,
            bus: &self.bus,
            chainguard: &self.chainguard,
            issuer: &self.issuer,
            keys: &self.keys,
            clock: &SystemClock,
            policy: &self.policy,
        };
        // Boxed: the SDK's futures make it larger than a stack should have to hold.
        let answered = http::answer(Self::NAME, event, |call| async move { Box::pin(receive(&ports, &call)).await });
        Ok(answered.await)
    }
}

#[cfg(test)]
mod tests;

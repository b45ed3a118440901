//! Adds an approved image through Chainguard, exactly once.

mod admit;
pub mod failure;
pub mod provision;

use std::time::Duration;

use aws::configuration::Configuration;
use aws::identity::Role;
use aws::secrets::Secrets;
use aws::store::Store;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use chainguard::{Capability, Chainguard, Endpoints};
use domain::capacity::RepositoryLimit;
use domain::image::Organization;
use domain::policy::{DEFAULT_POLICY, Policy};
use lambda::batch::each_event;
use lambda::catalog::CatalogCache;
use lambda::clock::{RandomIds, SystemClock};
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::http_client;

use crate::provision::{Terms, provision};

/// Longest wait for one answer of Chainguard: with three retries and their pauses, below the function's own time.
const CHAINGUARD_TIMEOUT: Duration = Duration::from_secs(5);

/// What adding an image takes, and saying why it cannot be added.
const CAPABILITIES: [Capability; 5] = [
    Capability::RepoList,
    Capability::RepoCreate,
    Capability::GroupsList,
    Capability::EntitlementsList,
    Capability::TagList,
];

/// The function.
pub struct Provisioner {
    store: Store,
    chainguard: Chainguard<Secrets>,
    limit: RepositoryLimit,
    catalog: CatalogCache,
    policy: Policy,
}

impl Function for Provisioner {
    type Event = SqsEvent;
    type Output = SqsBatchResponse;
    const NAME: &'static str = "provisioner";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        let requests_table = environment.required("REQUESTS_TABLE")?.to_owned();
        let journal_table = environment.required("JOURNAL_TABLE")?.to_owned();
        let http = http_client::build(CHAINGUARD_TIMEOUT)
            .map_err(|error| ConfigurationError::Invalid { variable: "SSL_CERT_FILE", problem: error.to_string() })?;
        let chainguard = Chainguard::new(
            http,
            Endpoints {
                api: environment.parsed("CHAINGUARD_API_URL")?,
                issuer: environment.parsed("CHAINGUARD_ISSUER_URL")?,
                catalog: None,
            },
            environment.parsed::<Organization>("ORGANIZATION")?,
            Secrets::new(aws),
            environment.required("CHAINGUARD_SECRET_ID")?.to_owned(),
        );
        Ok(Self {
            store: Store::new(aws, requests_table, Some(journal_table)),
            chainguard: chainguard.with_capabilities(CAPABILITIES).with_aws_identity(Role::new(aws), SystemClock),
            limit: environment.parsed("REPOSITORY_LIMIT")?,
            catalog: CatalogCache::default(),
            // None of the provisioner's commands asks the policy anything.
            policy: Policy::from_yaml(DEFAULT_POLICY)
                .map_err(|error| ConfigurationError::Invalid { variable: "POLICY_FILE", problem: error.to_string() })?,
        })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        let terms = Terms { limit: self.limit, catalog: &self.catalog, policy: &self.policy };
        Ok(each_event(Self::NAME, event, |detail| {
            provision(&self.store, &self.chainguard, &SystemClock, &RandomIds, &terms, detail)
        })
        .await)
    }
}

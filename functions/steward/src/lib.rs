//! Does what no event announces: availability, lapsed leases, reminders, escalation, expiry, the catalog.

pub mod refresh;
pub mod sweep;

use std::time::Duration;

use aws::configuration::Configuration;
use aws::events::Bus;
use aws::identity::Role;
use aws::secrets::Secrets;
use aws::store::Store;
use chainguard::{Capability, Chainguard, Endpoints};
use domain::image::Organization;
use domain::policy::Policy;
use lambda::clock::SystemClock;
use lambda::deadline;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::http_client;
use lambda::metrics::Metrics;
use serde::{Deserialize, Serialize};

/// Longest wait for one answer of Chainguard; the catalog is some hundred kilobytes.
const CHAINGUARD_TIMEOUT: Duration = Duration::from_secs(15);

/// What looking for repositories, tags and entitlements takes; the steward adds nothing.
const CAPABILITIES: [Capability; 4] =
    [Capability::RepoList, Capability::GroupsList, Capability::EntitlementsList, Capability::TagList];

/// Kept of an invocation for the store, after the last call to Chainguard.
const FOR_THE_STORE: Duration = Duration::from_secs(12);

/// The function.
pub struct Steward {
    store: Store,
    bus: Bus,
    chainguard: Chainguard<Secrets>,
    metrics: Metrics,
    policy: Policy,
}

/// What a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// Look after every request that is due.
    Sweep,
    /// Fetch the catalog.
    RefreshCatalog,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Requests, or catalog images, that were looked at.
    pub seen: usize,
    /// Of those, how many could not be dealt with; they come again.
    pub failed: usize,
}

impl Function for Steward {
    type Event = Task;
    type Output = Report;
    const NAME: &'static str = "steward";

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
                catalog: Some(environment.parsed("CHAINGUARD_CATALOG_URL")?),
            },
            environment.parsed::<Organization>("ORGANIZATION")?,
            Secrets::new(aws),
            environment.required("CHAINGUARD_SECRET_ID")?.to_owned(),
        );
        Ok(Self {
            store: Store::new(aws, requests_table, Some(journal_table)),
            bus: Bus::new(aws, environment.required("EVENT_BUS_NAME")?.to_owned()),
            chainguard: chainguard.with_capabilities(CAPABILITIES).with_aws_identity(Role::new(aws), SystemClock),
            metrics: Metrics::new(environment.required("METRICS_NAMESPACE")?.to_owned(), Self::NAME),
            policy: lambda::policy::load(environment)?,
        })
    }

    async fn handle(&self, task: Self::Event) -> Result<Self::Output, Error> {
        let work = Box::pin(async {
            match task {
                Task::Sweep => {
                    sweep::sweep(&self.store, &self.bus, &self.chainguard, &self.metrics, &SystemClock, &self.policy)
                        .await
                }
                Task::RefreshCatalog => {
                    refresh::refresh(&self.store, &self.chainguard, &self.metrics, &SystemClock).await
                }
            }
        });
        let report = match deadline::end().and_then(|end| end.checked_sub(FOR_THE_STORE)) {
            Some(deadline) => chainguard::with_deadline(deadline, work).await?,
            None => work.await?,
        };
        if report.seen > 0 {
            tracing::info!(function = "steward", ?task, seen = report.seen, failed = report.failed, "did {task:?}");
        }
        Ok(report)
    }
}

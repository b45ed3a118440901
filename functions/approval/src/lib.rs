//! What people decide: `PATCH /request/{id}/approve` and its like with a token, and the pages behind signed links.
// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

pub mod decide;
pub mod decision;
mod evidence;
mod form;
pub mod link;
mod moment;
mod page;
mod sentence;
mod situation;

use aws::configuration::Configuration;
use aws::secrets::Secrets;
use aws::store::Store;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::ports::{Clock, CommitRequest, ListRequests, LoadCatalog, LoadRequest, ReadSecret};
use domain::problem::{Problem, ProblemType};
use lambda::catalog::CatalogCache;
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::http::{self, Answer, Call};
use lambda::problem::ApiError;
use lambda::settings::{self, Settings};

use crate::decide::{approve, break_glass, cancel, reject, retry};
use crate::link::Ports;

/// The function. Has no `Debug`, since its secrets have none.
pub struct Approval {
    store: Store,
    secrets: Secrets,
    keys_id: String,
    catalog: CatalogCache,
    settings: Settings,
}

impl Function for Approval {
    type Event = ApiGatewayV2httpRequest;
    type Output = ApiGatewayV2httpResponse;
    const NAME: &'static str = "approval";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        let requests_table = environment.required("REQUESTS_TABLE")?.to_owned();
        let journal_table = environment.required("JOURNAL_TABLE")?.to_owned();
        Ok(Self {
            store: Store::new(aws, requests_table, Some(journal_table)),
            secrets: Secrets::new(aws),
            keys_id: environment.required("LINK_KEYS_SECRET_ID")?.to_owned(),
            catalog: CatalogCache::default(),
            settings: settings::load(environment)?,
        })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        let ports = Ports {
            store: &self.store,
            secrets: &self.secrets,
            keys_id: &self.keys_id,
            clock: &SystemClock,
            catalog: &self.catalog,
            settings: &self.settings,
        };
        // Boxed: the SDK's futures make it larger than a stack should have to hold.
        let answered = http::answer(Self::NAME, event, |call| async move { Box::pin(dispatch(&ports, &call)).await });
        Ok(answered.await)
    }
}

async fn dispatch<S, K, C>(ports: &Ports<'_, S, K, C>, call: &Call) -> Result<Answer, ApiError>
where
    S: LoadRequest + CommitRequest + LoadCatalog + ListRequests + Sync,
    K: ReadSecret + Sync,
    C: Clock + Sync,
{
    let Ports { store, clock, settings, .. } = *ports;
    match call.route().split_once(' ') {
        // Whatever the method: what a person follows is answered with a page.
        Some((_, link::PATH)) => Ok(link::follow(ports, call).await),
        Some(("PATCH", "/request/{id}/approve")) => approve(store, clock, settings, call).await,
        Some(("PATCH", "/request/{id}/reject")) => reject(store, clock, settings, call).await,
        Some(("PATCH", "/request/{id}/break-glass")) => break_glass(store, clock, settings, call).await,
        Some(("PATCH", "/request/{id}/cancel")) => cancel(store, clock, settings, call).await,
        Some(("PATCH", "/request/{id}/retry")) => retry(store, clock, settings, call).await,
        _ => Err(Problem::new(ProblemType::RouteNotFound, "There is nothing at this path.").into()),
    }
}

#[cfg(test)]
mod tests;

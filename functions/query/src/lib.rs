//! The routes that only read.

pub mod read;

use aws::configuration::Configuration;
use aws::store::Store;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::problem::{Problem, ProblemType};
use lambda::catalog::CatalogCache;
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::http::{self, Answer, Call};
use lambda::problem::ApiError;
use lambda::settings::{self, Settings};

use crate::read::{list_events, list_requests, openapi, search_catalog, show_request};

/// The function.
#[derive(Debug)]
pub struct Query {
    store: Store,
    catalog: CatalogCache,
    settings: Settings,
}

impl Function for Query {
    type Event = ApiGatewayV2httpRequest;
    type Output = ApiGatewayV2httpResponse;
    const NAME: &'static str = "query";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        let requests_table = environment.required("REQUESTS_TABLE")?.to_owned();
        let journal_table = environment.required("JOURNAL_TABLE")?.to_owned();
        Ok(Self {
            store: Store::new(aws, requests_table, Some(journal_table)),
            catalog: CatalogCache::default(),
            settings: settings::load(environment)?,
        })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        Ok(http::answer(Self::NAME, event, |call| self.dispatch(call)).await)
    }
}

impl Query {
    async fn dispatch(&self, call: Call) -> Result<Answer, ApiError> {
        let (store, settings) = (&self.store, &self.settings);
        match call.route() {
            "GET /request/{id}" => show_request(store, settings, &call).await,
            "GET /request/{id}/events" => list_events(store, &call).await,
            "GET /requests" => list_requests(store, settings, &call).await,
            "GET /catalog" => search_catalog(store, &self.catalog, &SystemClock, settings, &call).await,
            "GET /openapi.json" => Ok(openapi()),
            _ => Err(Problem::new(ProblemType::RouteNotFound, "There is nothing at this path.").into()),
        }
    }
}

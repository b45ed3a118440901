//! `POST /request`: parse, check against the catalog, ask the policy for the tier, commit.

pub mod draft;
pub mod submit;

use aws::configuration::Configuration;
use aws::store::Store;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda::catalog::CatalogCache;
use lambda::clock::{RandomIds, SystemClock};
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::http;
use lambda::settings::{self, Settings};

use crate::submit::submit;

/// The function.
#[derive(Debug)]
pub struct Intake {
    store: Store,
    catalog: CatalogCache,
    settings: Settings,
}

impl Function for Intake {
    type Event = ApiGatewayV2httpRequest;
    type Output = ApiGatewayV2httpResponse;
    const NAME: &'static str = "intake";

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
        let handle = |call| submit(&self.store, &self.catalog, &SystemClock, &RandomIds, &self.settings, call);
        Ok(http::answer(Self::NAME, event, handle).await)
    }
}

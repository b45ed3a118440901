//! `PATCH /request/{id}/approve`, `/reject`, `/cancel` and `/retry`: what people decide.

pub mod decide;

use aws::configuration::Configuration;
use aws::store::Store;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use domain::image::Organization;
use domain::problem::{Problem, ProblemType};
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use lambda::http::{self, Answer, Call};
use lambda::problem::ApiError;

use crate::decide::{Settings, approve, cancel, reject, retry};

/// The function.
#[derive(Debug)]
pub struct Approval {
    store: Store,
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
            settings: Settings {
                organization: environment.parsed::<Organization>("ORGANIZATION")?,
                public_url: environment.optional("PUBLIC_URL").unwrap_or_default().to_owned(),
                policy: lambda::policy::load(environment)?,
            },
        })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        Ok(http::answer(Self::NAME, event, |call| self.dispatch(call)).await)
    }
}

impl Approval {
    async fn dispatch(&self, call: Call) -> Result<Answer, ApiError> {
        let (store, clock, settings) = (&self.store, &SystemClock, &self.settings);
        match call.route() {
            "PATCH /request/{id}/approve" => approve(store, clock, settings, &call).await,
            "PATCH /request/{id}/reject" => reject(store, clock, settings, &call).await,
            "PATCH /request/{id}/cancel" => cancel(store, clock, settings, &call).await,
            "PATCH /request/{id}/retry" => retry(store, clock, settings, &call).await,
            _ => Err(Problem::new(ProblemType::RouteNotFound, "There is nothing at this path.").into()),
        }
    }
}

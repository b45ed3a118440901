//! A function: how it is made from its environment and what it does with an event.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws::configuration::Configuration;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::SystemClock;
use crate::environment::{ConfigurationError, Environment};
use crate::{deadline, logging};

/// Why an invocation failed as a whole, so that whoever invoked it tries again or gives it up as a dead letter.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A Lambda function. The same type runs in the embedded runtime and behind `main`.
pub trait Function: Sized + Send + Sync + 'static {
    /// What it is invoked with.
    type Event: DeserializeOwned + Send + 'static;
    /// What it answers.
    type Output: Serialize + Send;

    /// Its name: the crate's, the binary's, the field `function` of its log lines.
    const NAME: &'static str;

    /// Wires it. Does no I/O: whatever has to be fetched is fetched by the first event that needs it.
    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError>;

    /// Deals with one event. May run concurrently with itself. How long it has is [`deadline::end`].
    fn handle(&self, event: Self::Event) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// The body of every function's `main`.
pub async fn run<F: Function>() -> Result<(), Error> {
    let environment = Environment::of_process();
    logging::start(&environment);
    let aws = Configuration::load().await;
    let function = Arc::new(F::from_environment(&environment, &aws)?);
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<F::Event>| {
        let function = Arc::clone(&function);
        let end = deadline::at(event.context.deadline, &SystemClock);
        async move { deadline::within(end, function.handle(event.payload)).await }
    }))
    .await
}

/// The future of an invocation.
pub type Invocation<'a> = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send + 'a>>;

/// A function whose types are not known: JSON in, JSON out, as Lambda itself sees it.
pub trait Invoke: Send + Sync {
    /// Invokes it.
    fn invoke(&self, event: Value) -> Invocation<'_>;
}

impl<F: Function> Invoke for F {
    fn invoke(&self, event: Value) -> Invocation<'_> {
        Box::pin(async move {
            let event = serde_json::from_value(event)?;
            let output = self.handle(event).await?;
            Ok(serde_json::to_value(output)?)
        })
    }
}

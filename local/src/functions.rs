//! The functions, by the names that the template gives them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::configuration::Configuration;
use lambda::deadline;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Function, Invoke};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::template;

/// All functions of a template, made and ready.
pub struct Functions(BTreeMap<String, Ready>);

struct Ready {
    function: Arc<dyn Invoke>,
    timeout: Duration,
    concurrency: Option<Arc<Semaphore>>,
}

/// A function that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The template names a crate that is not linked into this program.
    #[error("the template's function {logical_id} runs `{binary}`, which is not part of this program")]
    Unknown {
        /// The function's name in the template.
        logical_id: String,
        /// The crate it names.
        binary: String,
    },
    /// It refuses its environment.
    #[error("failed to configure {logical_id}")]
    Configuration {
        /// The function's name in the template.
        logical_id: String,
        /// Why.
        #[source]
        source: ConfigurationError,
    },
}

/// An invocation that failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The template has no such function.
    #[error("there is no function {0}")]
    Unknown(String),
    /// It returned an error.
    #[error("{0}")]
    Failed(String),
    /// It ran into its time limit.
    #[error("the function did not answer within {0:?}")]
    TimedOut(Duration),
    /// It panicked.
    #[error("the function panicked")]
    Panicked,
}

fn make(
    binary: &str,
    environment: &Environment,
    aws: &Configuration,
) -> Option<Result<Arc<dyn Invoke>, ConfigurationError>> {
    fn of<F: Function>(environment: &Environment, aws: &Configuration) -> Result<Arc<dyn Invoke>, ConfigurationError> {
        let function: Arc<dyn Invoke> = Arc::new(F::from_environment(environment, aws)?);
        Ok(function)
    }
    let make = match binary {
        approval::Approval::NAME => of::<approval::Approval>,
        auditor::Auditor::NAME => of::<auditor::Auditor>,
        authorizer::Authorizer::NAME => of::<authorizer::Authorizer>,
        chainguard_events::ChainguardEvents::NAME => of::<chainguard_events::ChainguardEvents>,
        intake::Intake::NAME => of::<intake::Intake>,
        notifier::Notifier::NAME => of::<notifier::Notifier>,
        provisioner::Provisioner::NAME => of::<provisioner::Provisioner>,
        query::Query::NAME => of::<query::Query>,
        rotator::Rotator::NAME => of::<rotator::Rotator>,
        router::Router::NAME => of::<router::Router>,
        steward::Steward::NAME => of::<steward::Steward>,
        _ => return None,
    };
    Some(make(environment, aws))
}

impl Functions {
    /// Makes the functions; `aws` gives each its own way to AWS, so that calls can be told apart.
    pub fn new(functions: &[template::Function], aws: impl Fn(&str) -> Configuration) -> Result<Self, FunctionError> {
        let mut ready = BTreeMap::new();
        for function in functions {
            let environment = Environment::of(function.environment.clone());
            let made = make(&function.binary, &environment, &aws(&function.binary))
                .ok_or_else(|| FunctionError::Unknown {
                    logical_id: function.logical_id.clone(),
                    binary: function.binary.clone(),
                })?
                .map_err(|source| FunctionError::Configuration { logical_id: function.logical_id.clone(), source })?;
            let concurrency = function
                .reserved_concurrency
                .map(|most| Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX))));
            ready.insert(function.logical_id.clone(), Ready { function: made, timeout: function.timeout, concurrency });
        }
        Ok(Self(ready))
    }

    /// Invokes a function, within its time and concurrency limits; a panic is that invocation's error alone.
    pub async fn invoke(&self, logical_id: &str, event: Value) -> Result<Value, InvokeError> {
        let ready = self.0.get(logical_id).ok_or_else(|| InvokeError::Unknown(logical_id.to_owned()))?;
        let _permit = match &ready.concurrency {
            Some(permits) => permits.acquire().await.ok(),
            None => None,
        };
        let function = Arc::clone(&ready.function);
        let end = Instant::now() + ready.timeout;
        let invocation = tokio::spawn(async move {
            let outcome = deadline::within(end, function.invoke(event)).await;
            outcome.map_err(|error| lambda::batch::chain(&*error))
        });
        let abort = invocation.abort_handle();
        match tokio::time::timeout_at(end, invocation).await {
            Ok(Ok(outcome)) => outcome.map_err(InvokeError::Failed),
            Ok(Err(_)) => Err(InvokeError::Panicked),
            Err(_) => {
                // As Lambda ends an environment that has run out of time.
                abort.abort();
                Err(InvokeError::TimedOut(ready.timeout))
            }
        }
    }
}

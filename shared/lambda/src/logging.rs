//! Structured logs: one JSON line per thing that happened.

use tracing_subscriber::EnvFilter;

use crate::environment::Environment;

/// Names the least severe level that is written: `error`, `warn`, `info` (the default), `debug`.
const LOG_LEVEL: &str = "LOG_LEVEL";

/// Starts writing JSON lines to standard output, as CloudWatch takes them. Call once per process.
pub fn start(environment: &Environment) {
    let level = environment.optional(LOG_LEVEL).unwrap_or("info");
    // The SDK and the HTTP stack below `warn` name headers and bodies; they stay out whatever the level.
    let filter = format!(
        "{level},aws_config=warn,aws_smithy_runtime=warn,aws_runtime=warn,hyper=warn,hyper_util=warn,rustls=warn,reqwest=warn,h2=warn"
    );
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        // Lambda stamps each line.
        .without_time()
        .try_init();
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
}

//! Structured logs: one JSON line per thing that happened.

use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt};

use crate::environment::Environment;
use crate::metrics;

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
    let is_metric = || filter_fn(|metadata| metadata.target() == metrics::TARGET);
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        // Lambda stamps each line.
        .without_time()
        .with_filter(filter.and(is_metric().not()));
    let started = tracing_subscriber::registry().with(lines).with(MetricLines.with_filter(is_metric())).try_init();
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
}

/// Writes metrics as they are: CloudWatch wants the line to be that object and nothing around it.
struct MetricLines;

impl<S: Subscriber> Layer<S> for MetricLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Line);
    }
}

struct Line;

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == metrics::FIELD {
            // If that fails, there is nowhere left to say so.
            writeln!(std::io::stdout().lock(), "{value}").ok();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

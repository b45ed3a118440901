//! Schedules: invoke a function at intervals.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::Clock as _;
use lambda::clock::SystemClock;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::functions::{Functions, InvokeError};
use crate::state::{NewMessage, State};
use crate::template::{Function, Schedule};

/// How much faster time runs here: what the template does every minute is done every `--schedules-every`, and what it
/// does every hour sixty times as seldom.
const TEMPLATE_UNIT: Duration = Duration::from_mins(1);

/// Runs the schedule until `stop`, the first time at once.
pub async fn run(
    schedule: Schedule,
    function: Function,
    unit: Duration,
    functions: Arc<Functions>,
    state: Arc<State>,
    stop: CancellationToken,
) {
    let every = unit.mul_f64(schedule.every.as_secs_f64() / TEMPLATE_UNIT.as_secs_f64()).max(Duration::from_millis(10));
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        invoke(&schedule, &function, &functions, &state).await;
    }
}

/// Invokes the schedule's function once.
pub async fn attempt(schedule: &Schedule, function: &Function, functions: &Functions) -> Result<(), InvokeError> {
    functions.invoke(&function.logical_id, input(schedule)).await.map(|_| ())
}

fn input(schedule: &Schedule) -> Value {
    schedule.input.clone().unwrap_or_else(|| json!({"detail-type": "Scheduled Event"}))
}

/// Invokes the schedule's function as an asynchronous invocation: tried again, then handed to its dead letters.
async fn invoke(schedule: &Schedule, function: &Function, functions: &Functions, state: &State) {
    let mut last_error = String::new();
    for _ in 0..=function.maximum_retry_attempts {
        match attempt(schedule, function, functions).await {
            Ok(()) => return,
            Err(error) => last_error = error.to_string(),
        }
        tracing::warn!(schedule = schedule.name, error = last_error, "a scheduled invocation failed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let Some(queue) = &function.on_failure else { return };
    let now = SystemClock.now();
    let letter: Value = json!({
        "version": "1.0",
        "timestamp": now.to_string(),
        "requestPayload": input(schedule),
        "responsePayload": {"errorMessage": last_error},
    });
    let millis = now.as_millisecond();
    if let Err(error) = state.send(&NewMessage { queue, body: &letter.to_string(), visible_at: millis }, millis) {
        tracing::error!(schedule = schedule.name, %error, "failed to keep a dead letter");
    }
}

//! The event bus: takes events, matches rules, fills queues.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::Clock as _;
use lambda::clock::SystemClock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::state::{NewMessage, State};
use crate::template::{Rule, System, TargetInput, TargetKind};

/// The most entries of one `PutEvents`. Source: the EventBridge API reference.
pub const MAX_ENTRIES: usize = 10;

/// The bus and the rules on it.
#[derive(Debug)]
pub struct Bus {
    state: Arc<State>,
    names: Vec<String>,
    rules: Vec<Rule>,
    delays: Vec<(String, Duration)>,
    deliveries: u32,
    late_by: Duration,
    /// Told whenever a message has come into a queue.
    pub arrival: Arc<Notify>,
}

/// An entry of `PutEvents`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    source: String,
    detail_type: String,
    detail: String,
    event_bus_name: Option<String>,
    time: Option<f64>,
    #[serde(default)]
    resources: Vec<String>,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is on the bus under this id.
    Accepted(String),
    /// It is not: code and message.
    Refused(&'static str, String),
}

impl Bus {
    /// The bus of a template. `deliveries` copies of every message go out, each late by a random time up to `late_by`.
    #[must_use]
    pub fn new(state: Arc<State>, system: &System, deliveries: u32, late_by: Duration) -> Self {
        Self {
            state,
            names: system.buses.iter().map(|bus| bus.name.clone()).collect(),
            rules: system.rules.iter().filter(|rule| rule.enabled).cloned().collect(),
            delays: system.queues.iter().map(|queue| (queue.name.clone(), queue.delay)).collect(),
            deliveries,
            late_by,
            arrival: Arc::new(Notify::new()),
        }
    }

    /// Takes a call's entries; those that are accepted are safe when this returns.
    pub fn put_events(&self, entries: Vec<Entry>) -> rusqlite::Result<Vec<Put>> {
        let now = SystemClock.now();
        let mut outcomes = Vec::with_capacity(entries.len());
        let mut events = Vec::new();
        let mut bodies: Vec<(String, String)> = Vec::new();
        for entry in entries {
            let bus = entry.event_bus_name.as_deref().map_or("default", bus_name).to_owned();
            if !self.names.contains(&bus) {
                outcomes.push(Put::Refused("ResourceNotFoundException", format!("Event bus {bus} does not exist.")));
                continue;
            }
            let Ok(Value::Object(detail)) = serde_json::from_str(&entry.detail) else {
                outcomes.push(Put::Refused("MalformedDetail", "Detail is malformed.".to_owned()));
                continue;
            };
            let id = uuid::Uuid::now_v7().to_string();
            #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 with a fraction")]
            let time =
                entry.time.map_or(now, |seconds| domain::time::Timestamp::from_millisecond((seconds * 1e3) as i64));
            // Whole seconds, as EventBridge writes them.
            let time = format!("{}Z", time.to_string().split('.').next().unwrap_or_default());
            let event = json!({
                "version": "0",
                "id": id,
                "detail-type": entry.detail_type,
                "source": entry.source,
                "account": "000000000000",
                "time": time,
                "region": "local",
                "resources": entry.resources,
                "detail": detail,
            });
            for (queue, body) in
                self.rules.iter().filter(|rule| rule.bus == bus).flat_map(|rule| deliveries(rule, &event))
            {
                bodies.push((queue, body));
            }
            events.push(event.to_string());
            outcomes.push(Put::Accepted(id));
        }
        let millis = now.as_millisecond();
        let mut messages = Vec::with_capacity(bodies.len());
        for (queue, body) in &bodies {
            for _ in 0..self.deliveries {
                let delay = self.delay(queue).saturating_add(random_up_to(self.late_by));
                let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                messages.push(NewMessage { queue, body, visible_at: millis.saturating_add(delay) });
            }
        }
        self.state.accept_events(&events, &messages, millis)?;
        self.arrival.notify_waiters();
        Ok(outcomes)
    }

    fn delay(&self, queue: &str) -> Duration {
        self.delays.iter().find(|(name, _)| name == queue).map_or(Duration::ZERO, |(_, delay)| *delay)
    }
}

/// An ARN's last part, or the name itself.
fn bus_name(name_or_arn: &str) -> &str {
    name_or_arn.rsplit('/').next().unwrap_or(name_or_arn)
}

/// The queues that a rule fills with an event, and what each gets.
fn deliveries<'a>(rule: &'a Rule, event: &'a Value) -> impl Iterator<Item = (String, String)> + 'a {
    let targets = if rule.pattern.matches(event) { rule.targets.as_slice() } else { &[] };
    targets.iter().filter_map(move |target| {
        let queue = match &target.kind {
            TargetKind::Queue(name) => name.clone(),
            // Refused when the runtime starts.
            TargetKind::Function(_) => return None,
            TargetKind::LogGroup(_) => return None,
        };
        let body = match &target.input {
            None => event.to_string(),
            Some(TargetInput::Constant(input)) => input.to_string(),
            Some(TargetInput::Part(path)) => path.iter().try_fold(event, |value, name| value.get(name))?.to_string(),
        };
        Some((queue, body))
    })
}

/// A random span from nothing to `most`.
#[must_use]
pub fn random_up_to(most: Duration) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    if most == 0 {
        return Duration::ZERO;
    }
    let mut bytes = [0; 8];
    // Without randomness the delivery is late by the same time every time.
    let random = getrandom::fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes));
    Duration::from_millis(random % (most + 1))
}

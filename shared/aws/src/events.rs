//! The bus, on `EventBridge`.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use domain::envelope::{BusEvent, Detail};
use domain::ports::{PortError, PublishEvents, PutEvents};

use crate::configuration::Configuration;
use crate::error::port_error;

/// Most entries of a call. Source: `PutEvents` API reference.
const MAX_ENTRIES: usize = 10;
/// A call's entries together are smaller than this. Source: EventBridge user guide, "Calculating `PutEvents` event entry
/// size".
const MAX_BYTES: usize = 256 * 1024;
/// What an entry's time counts for. Source: as above.
const TIME_BYTES: usize = 14;
/// Pauses before entries that the bus did not take are sent again.
const RESEND_AFTER: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];

const PUBLISH: &str = "put events on the bus";

/// A bus.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

impl Bus {
    /// The bus of this name.
    #[must_use]
    pub fn new(configuration: &Configuration, bus_name: String) -> Self {
        Self { client: Client::new(configuration.sdk()), name: bus_name }
    }

    /// Puts entries of one call on the bus; returns how many of them, from the first on, are surely there.
    async fn put(&self, entries: Vec<Entry>) -> Result<usize, PortError> {
        let count = entries.len();
        let mut missing = entries;
        let mut pauses = RESEND_AFTER.into_iter();
        loop {
            let surely = missing.first().map_or(count, |entry| entry.place);
            let refused = match self.send(&missing).await {
                Ok(refused) => refused,
                Err(error) if surely == 0 => return Err(error),
                Err(error) => {
                    tracing::warn!(error = %error.source, "failed to {PUBLISH} again");
                    return Ok(surely);
                }
            };
            missing.retain(|entry| refused.contains(&entry.place));
            match (missing.first(), pauses.next()) {
                (None, _) => return Ok(count),
                (Some(_), Some(pause)) => tokio::time::sleep(pause).await,
                (Some(first), None) => return Ok(first.place),
            }
        }
    }

    /// One call; returns the places of the entries that the bus did not take.
    async fn send(&self, entries: &[Entry]) -> Result<Vec<usize>, PortError> {
        let output = self
            .client
            .put_events()
            .set_entries(Some(entries.iter().map(|entry| entry.request.clone()).collect()))
            .send()
            .await
            .map_err(|error| port_error(PUBLISH, error))?;
        // A result stands where its entry stands; only what was given an id is on the bus.
        let mut results = output.entries().iter();
        let mut refused = Vec::new();
        for entry in entries {
            let result = results.next();
            if result.is_none_or(|result| result.event_id().is_none()) {
                let code = result.and_then(|result| result.error_code()).unwrap_or("no answer");
                tracing::warn!(event.id = %entry.event, code, "failed to put event {} on the bus", entry.event);
                refused.push(entry.place);
            }
        }
        Ok(refused)
    }

    /// Puts events on the bus, call by call. An event is written when its call's turn comes.
    async fn publish<E>(&self, events: &[E], write: Write<E>) -> Result<usize, PortError> {
        let mut published = 0;
        while published < events.len() {
            let rest = events.get(published..).unwrap_or_default();
            let outcome = match self.fill(rest, write) {
                Ok(entries) => {
                    let count = entries.len();
                    self.put(entries).await.map(|surely| (surely, surely == count))
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok((surely, true)) => published += surely,
                Ok((surely, false)) => return Ok(published + surely),
                Err(error) if published == 0 => return Err(error),
                // What is on the bus is said first; the rest fails again, as the first, when it is sent again.
                Err(error) => {
                    tracing::warn!(error = %error.source, published, "failed to {PUBLISH} beyond the first {published}");
                    break;
                }
            }
        }
        Ok(published)
    }

    /// The entries of the next call: as many of the first events as fit.
    fn fill<E>(&self, events: &[E], write: Write<E>) -> Result<Vec<Entry>, PortError> {
        let mut bytes = 0;
        let mut entries = Vec::new();
        for (place, event) in events.iter().take(MAX_ENTRIES).enumerate() {
            let event = write(event).map_err(|error| PortError {
                operation: PUBLISH,
                retryable: false,
                source: Box::new(error),
            })?;
            let entry = self.entry(place, event);
            bytes += entry.bytes;
            if bytes >= MAX_BYTES {
                if entries.is_empty() {
                    let error = TooLarge { event: entry.event, bytes: entry.bytes };
                    return Err(PortError { operation: PUBLISH, retryable: false, source: Box::new(error) });
                }
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn entry(&self, place: usize, event: BusEvent) -> Entry {
        let bytes = TIME_BYTES + event.source.len() + event.detail_type.len() + event.detail.len();
        let request = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(event.source)
            .detail_type(event.detail_type)
            .detail(event.detail)
            .time(DateTime::from_millis(event.time.as_millisecond()))
            .build();
        Entry { place, event: event.id, bytes, request }
    }
}

/// How an event becomes what the bus takes.
type Write<E> = fn(&E) -> Result<BusEvent, serde_json::Error>;

/// An event as the bus takes it.
struct Entry {
    /// Its place among the entries of its call.
    place: usize,
    /// Its name.
    event: String,
    /// Its size as the bus counts it.
    bytes: usize,
    request: PutEventsRequestEntry,
}

/// An event that no call can carry.
#[derive(Debug, thiserror::Error)]
#[error("event {event} has {bytes} bytes and the bus takes fewer than {MAX_BYTES}")]
struct TooLarge {
    event: String,
    bytes: usize,
}

impl PublishEvents for Bus {
    async fn publish_events(&self, events: &[Detail]) -> Result<usize, PortError> {
        self.publish(events, |event| BusEvent::try_from(event)).await
    }
}

impl PutEvents for Bus {
    async fn put_events(&self, events: &[BusEvent]) -> Result<usize, PortError> {
        self.publish(events, |event| Ok(event.clone())).await
    }
}

#[cfg(test)]
mod tests;

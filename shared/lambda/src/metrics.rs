//! Metrics, written into the log in CloudWatch's embedded metric format, which costs no call.
//!
//! Source: CloudWatch user guide, "Embedded metric format specification".

use domain::time::Timestamp;
use serde_json::json;

/// The log target of measurements: [`crate::logging`] writes them as they are, and a person's terminal leaves them out.
pub const TARGET: &str = "metric";

/// The field of a measurement that is the line to be written.
pub const FIELD: &str = "line";

/// What is measured. The names are those of dashboards and alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// For how long a stored Chainguard token is good.
    StoredTokenRemaining,
    /// How long ago it was last fetched what Chainguard offers.
    CatalogAge,
    /// How long ago the organisation's repositories were last listed.
    RepositoriesAge,
    /// How long ago it was last read what the organisation is entitled to.
    EntitlementAge,
    /// How many repositories count against the organisation's limit.
    Repositories,
    /// From the making of a repository until its image could be pulled.
    TimeToAvailability,
}

impl Metric {
    /// As CloudWatch shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoredTokenRemaining => "StoredTokenRemainingSeconds",
            Self::CatalogAge => "CatalogAgeSeconds",
            Self::RepositoriesAge => "RepositoriesAgeSeconds",
            Self::EntitlementAge => "EntitlementAgeSeconds",
            Self::Repositories => "Repositories",
            Self::TimeToAvailability => "TimeToAvailabilitySeconds",
        }
    }

    /// CloudWatch's name of its unit.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::StoredTokenRemaining
            | Self::CatalogAge
            | Self::RepositoriesAge
            | Self::EntitlementAge
            | Self::TimeToAvailability => "Seconds",
            Self::Repositories => "Count",
        }
    }
}

/// Takes measurements.
pub trait Measure {
    /// `value`, in the metric's unit, `now`. Never fails: what cannot be measured stops no work.
    fn measure(&self, metric: Metric, value: u64, now: Timestamp);
}

/// Writes measurements to the log's stream.
#[derive(Clone, Debug)]
pub struct Metrics {
    namespace: String,
    function: &'static str,
}

impl Metrics {
    /// Of a function, in a namespace of CloudWatch's.
    #[must_use]
    pub const fn new(namespace: String, function: &'static str) -> Self {
        Self { namespace, function }
    }

    fn line(&self, metric: Metric, value: u64, now: Timestamp) -> String {
        let definition = json!({
            "Namespace": self.namespace,
            "Dimensions": [["function"]],
            "Metrics": [{"Name": metric.name(), "Unit": metric.unit()}],
        });
        json!({
            "_aws": {"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [definition]},
            "function": self.function,
            metric.name(): value,
        })
        .to_string()
    }
}

impl Measure for Metrics {
    fn measure(&self, metric: Metric, value: u64, now: Timestamp) {
        let line = self.line(metric, value, now);
        tracing::info!(target: TARGET, line = line.as_str());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_line_is_in_embedded_metric_format() {
        let metrics = Metrics::new("cgr-request/images".to_owned(), "rotator");
        let line = metrics.line(Metric::StoredTokenRemaining, 90, Timestamp::from_millisecond(1_795_420_800_123));
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_420_800_123_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "cgr-request/images",
                    "Dimensions": [["function"]],
                    "Metrics": [{"Name": "StoredTokenRemainingSeconds", "Unit": "Seconds"}],
                }],
            },
            "function": "rotator",
            "StoredTokenRemainingSeconds": 90,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        assert!(!line.contains('\n'));
    }
}

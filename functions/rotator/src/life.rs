//! How long a stored token still lives, as a metric.

use std::io::Write as _;
use std::time::Duration;

use domain::time::Timestamp;
use lambda::function::Function as _;
use serde_json::json;

use crate::Rotator;

/// The metric's name.
const METRIC: &str = "StoredTokenRemainingSeconds";

/// Tells how long a stored token still lives.
pub(crate) trait ReportLife {
    /// So long, `now`.
    fn report_life(&self, left: Duration, now: Timestamp);
}

/// Metrics in the log, which CloudWatch picks out of it. Source: CloudWatch user guide, "Embedded metric format
/// specification".
pub(crate) struct Metrics {
    pub(crate) namespace: String,
}

impl Metrics {
    fn line(&self, left: Duration, now: Timestamp) -> String {
        let metrics = json!({
            "Namespace": self.namespace,
            "Dimensions": [["function"]],
            "Metrics": [{"Name": METRIC, "Unit": "Seconds"}],
        });
        json!({
            "_aws": {"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [metrics]},
            "function": Rotator::NAME,
            METRIC: left.as_secs(),
        })
        .to_string()
    }
}

impl ReportLife for Metrics {
    fn report_life(&self, left: Duration, now: Timestamp) {
        // The line has to be this object and nothing around it, which the log's own form would not leave it.
        if writeln!(std::io::stdout().lock(), "{}", self.line(left, now)).is_err() {
            tracing::warn!(function = Rotator::NAME, "failed to write a metric");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_line_is_in_embedded_metric_format() {
        let metrics = Metrics { namespace: "cgr-request/images".to_owned() };
        let line = metrics.line(Duration::from_millis(90_500), Timestamp::from_millisecond(1_795_420_800_123));
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

//! Whoever approves alone what needs more is seen doing it.

use auditor::AUDIT_TARGET;
use domain::event::EventType;
use serde_json::{Value, json};

use crate::deployed::{Deployed, deployed};

fn the_one<'a>(deployed: &'a Deployed, type_name: &'a str, fits: impl Fn(&Value) -> bool) -> &'a Value {
    let mut found = deployed.of_type(type_name).map(|(_, resource)| &resource["Properties"]).filter(|of| fits(of));
    let one = found.next().unwrap_or_else(|| panic!("the template needs a {type_name} for this"));
    assert!(found.next().is_none(), "one {type_name} is enough for this");
    one
}

/// The auditor's own tests hold the two members that the filter looks at.
#[test]
fn breaking_the_glass_raises_an_alarm_at_the_first_audit_line() {
    let deployed = deployed();
    let event_type = EventType::BreakGlassUsed.as_str();
    let pattern = format!(r#"{{ ($.target = "{AUDIT_TARGET}") && ($.event_type = "{event_type}") }}"#);
    let filter = the_one(&deployed, "AWS::Logs::MetricFilter", |filter| filter["FilterPattern"] == *pattern);
    let (_, auditor) = deployed
        .of_type("AWS::Serverless::Function")
        .find(|(id, _)| deployed.crate_of(id) == "auditor")
        .expect("the auditor is deployed");
    assert_eq!(filter["LogGroupName"], auditor["Properties"]["LoggingConfig"]["LogGroup"]);
    let counted = &filter["MetricTransformations"][0];
    assert_eq!(counted["MetricValue"], "1");

    let alarm = the_one(&deployed, "AWS::CloudWatch::Alarm", |alarm| {
        alarm["MetricName"] == counted["MetricName"] && alarm["Namespace"] == counted["MetricNamespace"]
    });
    let at_the_first = json!({
        "Statistic": "Sum",
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": "AlarmTopic"}],
    });
    for (name, value) in at_the_first.as_object().unwrap() {
        assert_eq!(alarm[name], *value, "{name}");
    }
    // Stages of one account are told apart.
    assert_eq!(alarm["Namespace"], json!({"Fn::Sub": "cgr-request/${AWS::StackName}"}));
}

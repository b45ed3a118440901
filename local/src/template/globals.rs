//! `Globals`: which there are, and how a resource's own properties are merged into them.

use serde_json::{Map, Value};

use super::evaluate::intrinsic;
use super::{Resource, Template, TemplateError};

/// What SAM accepts under `Globals.Function`: everything but Role, Policies, `FunctionName`, Events and the like.
const FUNCTION: &[&str] = &[
    "Architectures",
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "CodeSigningConfigArn",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "Description",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "FileSystemConfigs",
    "FunctionUrlConfig",
    "Handler",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PermissionsBoundary",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "RolePath",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "SourceKMSKeyArn",
    "Tags",
    "Timeout",
    "Tracing",
    "VpcConfig",
];

/// What SAM accepts under `Globals.HttpApi`.
const HTTP_API: &[&str] = &[
    "AccessLogSettings",
    "Auth",
    "CorsConfiguration",
    "DefaultRouteSettings",
    "Domain",
    "FailOnWarnings",
    "PropagateTags",
    "RouteSettings",
    "StageVariables",
    "Tags",
];

/// Refuses sections and properties that SAM would refuse or that no resource here could take.
pub(super) fn check(template: &Template) -> Result<(), TemplateError> {
    for (section, properties) in &template.globals {
        let accepted = match section.as_str() {
            "Function" => FUNCTION,
            "HttpApi" => HTTP_API,
            _ => {
                return Err(refused(template, section, "only Function and HttpApi are read"));
            }
        };
        for property in properties.keys() {
            if !accepted.contains(&property.as_str()) {
                let path = format!("{section}.{property}");
                return Err(refused(template, &path, "SAM takes no such property here"));
            }
        }
    }
    Ok(())
}

fn refused(template: &Template, path: &str, reason: &str) -> TemplateError {
    TemplateError::Refused { at: template.locate(&format!("Globals.{path}")), reason: reason.to_owned() }
}

/// The section whose properties a resource of this type takes.
pub(super) fn section(type_name: &str) -> Option<&'static str> {
    match type_name {
        "AWS::Serverless::Function" => Some("Function"),
        "AWS::Serverless::HttpApi" => Some("HttpApi"),
        _ => None,
    }
}

/// The global properties that this resource does not opt out of.
pub(super) fn for_resource(template: &Template, resource: &Resource) -> Map<String, Value> {
    let properties = section(&resource.type_name).and_then(|section| template.globals.get(section));
    let opted_out = |name: &str| match &resource.ignore_globals {
        Some(Value::Array(names)) => names.iter().any(|ignored| ignored == name),
        Some(Value::String(all)) => all == "*",
        _ => false,
    };
    properties
        .into_iter()
        .flatten()
        .filter(|(name, _)| !opted_out(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// SAM's rule: mappings are merged key by key, lists are appended, for anything else the resource's own value counts.
/// An intrinsic function counts as a value, not as a mapping.
pub(super) fn merge(global: Value, own: Value) -> Value {
    if intrinsic(&global).is_some() || intrinsic(&own).is_some() {
        return own;
    }
    match (global, own) {
        (Value::Object(mut merged), Value::Object(own)) => {
            for (name, value) in own {
                let value = match merged.remove(&name) {
                    Some(global) => merge(global, value),
                    None => value,
                };
                merged.insert(name, value);
            }
            Value::Object(merged)
        }
        (Value::Array(mut merged), Value::Array(own)) => {
            merged.extend(own);
            Value::Array(merged)
        }
        (_, own) => own,
    }
}

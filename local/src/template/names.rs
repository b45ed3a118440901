//! The local names and ARNs of resources, which `Ref` and `Fn::GetAtt` give.
//!
//! A resource is called what its name property says, else `cgr-request-<logical id>`, a bucket that in lower case.
//! What `CloudFormation` would add at random, to tell stacks apart, is left out: names are the same on every machine.

use serde_json::Value;

use super::error::TemplateError;
use super::evaluate::Scope;
use super::kinds::Kind;
use super::{Resource, globals};

pub(super) const ACCOUNT: &str = "000000000000";
pub(super) const PARTITION: &str = "aws";
pub(super) const REGION: &str = "local";
pub(super) const STACK: &str = "cgr-request";
pub(super) const URL_SUFFIX: &str = "amazonaws.com";

/// The HTTP API that SAM makes for functions whose events name none.
pub(super) const IMPLICIT_API: &str = "ServerlessHttpApi";

pub(super) fn arn(service: &str, resource: &str) -> String {
    format!("arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{resource}")
}

pub(super) fn function_arn(name: &str) -> String {
    arn("lambda", &format!("function:{name}"))
}

pub(super) fn queue_arn(name: &str) -> String {
    arn("sqs", name)
}

pub(super) fn queue_url(name: &str) -> String {
    format!("https://sqs.{REGION}/{name}")
}

pub(super) fn bus_arn(name: &str) -> String {
    arn("events", &format!("event-bus/{name}"))
}

pub(super) fn stream_arn(table: &str) -> String {
    arn("dynamodb", &format!("table/{table}/stream/{REGION}"))
}

pub(super) fn log_group_arn(name: &str) -> String {
    arn("logs", &format!("log-group:{name}:*"))
}

pub(super) fn secret_arn(name: &str) -> String {
    arn("secretsmanager", &format!("secret:{name}"))
}

/// The base URL of an API, as `AWS::ApiGatewayV2::Api` gives it.
pub(super) fn api_endpoint(api: &str) -> String {
    format!("https://{api}.execute-api.{REGION}.{URL_SUFFIX}")
}

/// The property that holds a resource's name.
fn name_property(type_name: &str) -> Option<&'static str> {
    Some(match type_name {
        "AWS::Serverless::Function" => "FunctionName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::S3::Bucket" => "BucketName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::CloudWatch::Alarm" => "AlarmName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::Events::EventBus" | "AWS::Events::Rule" | "AWS::Scheduler::Schedule" | "AWS::SecretsManager::Secret" => {
            "Name"
        }
        _ => return None,
    })
}

impl<'t> Scope<'t> {
    /// The name of a resource that exists.
    pub(super) fn physical_name(self, path: &str, logical_id: &str) -> Result<String, TemplateError> {
        let resource = self.resource(path, logical_id)?;
        if resource.kind == Kind::HttpApi {
            return Ok(logical_id.to_owned());
        }
        let written = name_property(&resource.type_name)
            .and_then(|property| resource.properties.get(property).map(|raw| (property, raw)));
        let written = match written {
            Some((property, raw)) => {
                let path = format!("Resources.{logical_id}.Properties.{property}");
                self.within(&path, "resource", logical_id, |scope| scope.value(&path, raw))?
            }
            None => None,
        };
        match written {
            Some(Value::String(name)) if !name.is_empty() => Ok(name),
            Some(_) => Err(self.malformed(path, format!("the name of `{logical_id}` is not a text"))),
            None if resource.kind == Kind::Bucket => Ok(format!("{STACK}-{logical_id}").to_lowercase()),
            None => Ok(format!("{STACK}-{logical_id}")),
        }
    }

    fn resource(self, path: &str, logical_id: &str) -> Result<&'t Resource, TemplateError> {
        let Some(resource) = self.template.resources.get(logical_id) else {
            return Err(self.unknown(path, "resource or parameter", logical_id));
        };
        match &resource.condition {
            Some(condition) if !self.exists(logical_id, resource)? => Err(TemplateError::LeftOut {
                at: self.locate(path),
                name: logical_id.to_owned(),
                condition: condition.clone(),
            }),
            _ => Ok(resource),
        }
    }

    /// What `Ref` gives for a resource.
    pub(super) fn resource_reference(self, path: &str, logical_id: &str) -> Result<String, TemplateError> {
        if self.is_made_by_sam(logical_id) {
            return self.made_by_sam(path, logical_id, None);
        }
        let type_name = &self.resource(path, logical_id)?.type_name;
        let name = self.physical_name(path, logical_id)?;
        Ok(match type_name.as_str() {
            "AWS::SQS::Queue" => queue_url(&name),
            "AWS::SecretsManager::Secret" => secret_arn(&name),
            "AWS::SNS::Topic" => arn("sns", &name),
            _ => name,
        })
    }

    /// What `Fn::GetAtt` gives for a resource.
    pub(super) fn attribute(self, path: &str, logical_id: &str, attribute: &str) -> Result<String, TemplateError> {
        if self.is_made_by_sam(logical_id) {
            return self.made_by_sam(path, logical_id, Some(attribute));
        }
        let resource = self.resource(path, logical_id)?;
        let name = self.physical_name(path, logical_id)?;
        Ok(match (resource.type_name.as_str(), attribute) {
            ("AWS::Serverless::Function", "Arn") => function_arn(&name),
            ("AWS::Serverless::HttpApi", "ApiEndpoint") => api_endpoint(&name),
            ("AWS::Serverless::HttpApi", "ApiId") => name,
            ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", &format!("table/{name}")),
            ("AWS::DynamoDB::Table", "StreamArn") if resource.properties.contains_key("StreamSpecification") => {
                stream_arn(&name)
            }
            ("AWS::DynamoDB::Table", "StreamArn") => {
                return Err(self.malformed(path, format!("the table `{logical_id}` has no StreamSpecification")));
            }
            ("AWS::SQS::Queue", "Arn") => queue_arn(&name),
            ("AWS::SQS::Queue", "QueueUrl") => queue_url(&name),
            ("AWS::SQS::Queue", "QueueName") => name,
            ("AWS::Events::EventBus", "Arn") => bus_arn(&name),
            ("AWS::Events::EventBus", "Name") => name,
            ("AWS::S3::Bucket", "Arn") => format!("arn:{PARTITION}:s3:::{name}"),
            ("AWS::S3::Bucket", "DomainName") => format!("{name}.s3.{URL_SUFFIX}"),
            ("AWS::S3::Bucket", "RegionalDomainName") => format!("{name}.s3.{REGION}.{URL_SUFFIX}"),
            ("AWS::SecretsManager::Secret", "Id") => secret_arn(&name),
            ("AWS::Logs::LogGroup", "Arn") => log_group_arn(&name),
            ("AWS::SNS::Topic", "TopicArn") => arn("sns", &name),
            ("AWS::SNS::Topic", "TopicName") => name,
            ("AWS::IAM::Role", "Arn") => role_arn(&name),
            ("AWS::CloudWatch::Alarm", "Arn") => arn("cloudwatch", &format!("alarm:{name}")),
            (type_name, _) => {
                return Err(self.refused(path, format!("`{attribute}` of {type_name} has no local value")));
            }
        })
    }

    /// Whether SAM makes a resource of this name: the implicit API, a function's role, what its events stand for.
    pub(super) fn is_made_by_sam(self, logical_id: &str) -> bool {
        made_by_sam(self.template, logical_id)
    }

    fn made_by_sam(self, path: &str, logical_id: &str, attribute: Option<&str>) -> Result<String, TemplateError> {
        let is_role = logical_id.ends_with("Role");
        match attribute {
            None if logical_id == IMPLICIT_API => Ok(IMPLICIT_API.to_owned()),
            Some("ApiEndpoint") if logical_id == IMPLICIT_API => Ok(api_endpoint(IMPLICIT_API)),
            None if is_role => Ok(format!("{STACK}-{logical_id}")),
            Some("Arn") if is_role => Ok(role_arn(&format!("{STACK}-{logical_id}"))),
            _ => Err(self.refused(path, format!("what SAM makes as `{logical_id}` has no local value here"))),
        }
    }
}

fn role_arn(name: &str) -> String {
    format!("arn:{PARTITION}:iam::{ACCOUNT}:role/{name}")
}

/// Whether SAM makes a resource of this name out of the template.
pub(super) fn made_by_sam(template: &super::Template, logical_id: &str) -> bool {
    if template.resources.contains_key(logical_id) {
        return false;
    }
    logical_id == IMPLICIT_API
        || template.resources.iter().any(|(function, resource)| {
            let is_function = resource.kind == Kind::Function && globals::section(&resource.type_name).is_some();
            is_function
                && logical_id.strip_prefix(function.as_str()).is_some_and(|suffix| {
                    let events = resource.properties.get("Events").and_then(Value::as_object);
                    (suffix == "Role" && !resource.properties.contains_key("Role"))
                        || matches!(suffix, ".Alias" | ".Version")
                        || events.is_some_and(|events| events.contains_key(suffix))
                })
        })
}

//! Which resource types are honoured, which have no meaning here, and why the others are refused.

/// What becomes of a resource of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    HttpApi,
    Table,
    Queue,
    EventBus,
    Rule,
    Schedule,
    Bucket,
    Secret,
    /// Left out, for this reason.
    WithoutMeaning(&'static str),
    /// An error, for this reason.
    Refused(&'static str),
}

/// What becomes of resources of this type.
pub(super) fn of(type_name: &str) -> Kind {
    match type_name {
        "AWS::Serverless::Function" => Kind::Function,
        "AWS::Serverless::HttpApi" => Kind::HttpApi,
        "AWS::DynamoDB::Table" => Kind::Table,
        "AWS::SQS::Queue" => Kind::Queue,
        "AWS::Events::EventBus" => Kind::EventBus,
        "AWS::Events::Rule" => Kind::Rule,
        "AWS::Scheduler::Schedule" => Kind::Schedule,
        "AWS::S3::Bucket" => Kind::Bucket,
        "AWS::SecretsManager::Secret" => Kind::Secret,
        other => listed(WITHOUT_MEANING, other).map_or_else(
            || {
                Kind::Refused(
                    listed(REFUSED, other).unwrap_or("is not a resource type that the embedded runtime knows"),
                )
            },
            Kind::WithoutMeaning,
        ),
    }
}

fn listed(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter().find(|(listed, _)| *listed == name).map(|(_, reason)| *reason)
}

const PERMISSIONS: &str = "one process has one set of rights";
const OBSERVED: &str = "nobody watches one machine: logs and metrics are on the terminal";
const NAMES: &str = "the API is reached at its loopback address";
const MAIL: &str = "mail lands in the local outbox";
const KEYS: &str = "the store is a file of the user who started it";

/// Types that change nothing about what one process does.
const WITHOUT_MEANING: &[(&str, &str)] = &[
    ("AWS::IAM::ManagedPolicy", PERMISSIONS),
    ("AWS::IAM::OIDCProvider", PERMISSIONS),
    ("AWS::IAM::Policy", PERMISSIONS),
    ("AWS::IAM::Role", PERMISSIONS),
    ("AWS::IAM::RolePolicy", PERMISSIONS),
    ("AWS::Lambda::Permission", PERMISSIONS),
    ("AWS::Events::EventBusPolicy", PERMISSIONS),
    ("AWS::SQS::QueuePolicy", PERMISSIONS),
    ("AWS::S3::BucketPolicy", PERMISSIONS),
    ("AWS::SNS::TopicPolicy", PERMISSIONS),
    ("AWS::SecretsManager::ResourcePolicy", PERMISSIONS),
    ("AWS::Logs::ResourcePolicy", PERMISSIONS),
    ("AWS::CloudWatch::Alarm", OBSERVED),
    ("AWS::CloudWatch::AnomalyDetector", OBSERVED),
    ("AWS::CloudWatch::CompositeAlarm", OBSERVED),
    ("AWS::CloudWatch::Dashboard", OBSERVED),
    ("AWS::Logs::LogGroup", OBSERVED),
    ("AWS::Logs::MetricFilter", OBSERVED),
    ("AWS::Logs::QueryDefinition", OBSERVED),
    ("AWS::SNS::Topic", "alarms are sent here, and one machine raises none"),
    ("AWS::SNS::Subscription", "alarms are sent here, and one machine raises none"),
    ("AWS::XRay::Group", OBSERVED),
    ("AWS::XRay::SamplingRule", OBSERVED),
    ("AWS::Budgets::Budget", "nothing here costs money"),
    ("AWS::ResourceGroups::Group", "a view in the console"),
    ("AWS::ApplicationInsights::Application", OBSERVED),
    ("AWS::KMS::Alias", KEYS),
    ("AWS::KMS::Key", KEYS),
    ("AWS::Backup::BackupPlan", "development data is not backed up"),
    ("AWS::Backup::BackupSelection", "development data is not backed up"),
    ("AWS::Backup::BackupVault", "development data is not backed up"),
    ("AWS::Events::Archive", "a replay starts from the journal, which is kept"),
    ("AWS::EventSchemas::Registry", "a description of events, which nothing reads at run time"),
    ("AWS::EventSchemas::Schema", "a description of events, which nothing reads at run time"),
    ("AWS::EventSchemas::Discoverer", "a description of events, which nothing reads at run time"),
    ("AWS::ApiGatewayV2::ApiMapping", NAMES),
    ("AWS::ApiGatewayV2::DomainName", NAMES),
    ("AWS::CertificateManager::Certificate", NAMES),
    ("AWS::Route53::RecordSet", NAMES),
    ("AWS::WAFv2::WebACL", "only this machine reaches the API"),
    ("AWS::WAFv2::WebACLAssociation", "only this machine reaches the API"),
    ("AWS::SES::ConfigurationSet", MAIL),
    ("AWS::SES::ConfigurationSetEventDestination", MAIL),
    ("AWS::SES::EmailIdentity", MAIL),
    ("AWS::SecretsManager::RotationSchedule", "development secrets are not rotated"),
];

/// Types for which there is another way to say the same.
const REFUSED: &[(&str, &str)] = &[
    ("AWS::Lambda::Function", "is written as AWS::Serverless::Function"),
    ("AWS::Lambda::EventSourceMapping", "is written as an event of AWS::Serverless::Function"),
    ("AWS::Lambda::EventInvokeConfig", "is written as EventInvokeConfig of AWS::Serverless::Function"),
    ("AWS::Lambda::LayerVersion", "holds code that would not run here"),
    ("AWS::Serverless::LayerVersion", "holds code that would not run here"),
    ("AWS::Serverless::Api", "is a REST API: only AWS::Serverless::HttpApi is served"),
    ("AWS::Serverless::SimpleTable", "is written as AWS::DynamoDB::Table"),
    ("AWS::DynamoDB::GlobalTable", "is written as AWS::DynamoDB::Table"),
    ("AWS::ApiGatewayV2::Api", "is written as AWS::Serverless::HttpApi"),
    ("AWS::ApiGatewayV2::Authorizer", "is written as Auth of AWS::Serverless::HttpApi"),
    ("AWS::ApiGatewayV2::Integration", "is written as an HttpApi event of the function"),
    ("AWS::ApiGatewayV2::Route", "is written as an HttpApi event of the function"),
    ("AWS::ApiGatewayV2::Stage", "is written as properties of AWS::Serverless::HttpApi"),
];

#[cfg(test)]
mod tests {
    use super::{Kind, REFUSED, WITHOUT_MEANING, of};

    #[test]
    fn every_listed_type_has_one_fate_and_a_reason() {
        let mut names: Vec<_> = WITHOUT_MEANING.iter().chain(REFUSED).map(|(name, _)| *name).collect();
        for name in &names {
            assert!(
                matches!(of(name), Kind::WithoutMeaning(reason) | Kind::Refused(reason) if !reason.is_empty()),
                "{name}"
            );
        }
        let before = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), before);
    }
}

//! The properties that have no meaning on one machine, each with the reason. Types are in `kinds.rs`.

use super::reader::Meaningless;

const RIGHTS: &str = "one process has one set of rights";
const TEXT: &str = "a text for people";
const TAGS: &str = "tags sort bills and consoles";
const ENCRYPTION: &str = "data at rest is a file of the user who started the process";
const METRICS: &str = "nobody watches one machine";
const COLD_STARTS: &str = "a function runs in the process and is always warm";
const VERSIONS: &str = "there is one version, the one that was built";
const HARDWARE: &str = "the function runs on this machine's processor and memory";
const COST: &str = "it changes what reading costs and not what is read";
const PROTECTION: &str = "development data may be thrown away";

/// `AWS::Serverless::Function`.
pub(super) const FUNCTION: &Meaningless = &[
    ("Architectures", HARDWARE),
    ("AssumeRolePolicyDocument", RIGHTS),
    ("AutoPublishAlias", VERSIONS),
    ("AutoPublishAliasAllProperties", VERSIONS),
    ("AutoPublishCodeSha256", VERSIONS),
    ("CodeSigningConfigArn", "the code is what was compiled here"),
    ("DeploymentPreference", VERSIONS),
    ("Description", TEXT),
    ("EphemeralStorage", HARDWARE),
    ("Handler", "the handler is linked into the process"),
    ("KmsKeyArn", ENCRYPTION),
    ("LoggingConfig", "logs are on the terminal"),
    ("MemorySize", HARDWARE),
    ("PermissionsBoundary", RIGHTS),
    ("Policies", RIGHTS),
    ("PropagateTags", TAGS),
    ("ProvisionedConcurrencyConfig", COLD_STARTS),
    ("RecursiveLoop", "a loop is seen on the terminal"),
    ("Role", RIGHTS),
    ("RolePath", RIGHTS),
    ("RuntimeManagementConfig", "the runtime is compiled in"),
    ("SnapStart", COLD_STARTS),
    ("SourceKMSKeyArn", ENCRYPTION),
    ("Tags", TAGS),
    ("Tracing", METRICS),
    ("VersionDescription", VERSIONS),
    ("VpcConfig", "the network is this machine's"),
];

/// An `HttpApi` event.
pub(super) const HTTP_EVENT: &Meaningless = &[("RouteSettings", THROTTLING)];

const THROTTLING: &str = "throttling protects an address that others can reach";

/// `AWS::Serverless::HttpApi`.
pub(super) const HTTP_API: &Meaningless = &[
    ("AccessLogSettings", "requests are logged on the terminal"),
    ("DefaultRouteSettings", THROTTLING),
    ("Description", TEXT),
    ("DisableExecuteApiEndpoint", "the API is reached at its loopback address"),
    ("Domain", "the API is reached at its loopback address"),
    ("FailOnWarnings", "warnings of an import that does not happen"),
    ("Name", TEXT),
    ("PropagateTags", TAGS),
    ("RouteSettings", THROTTLING),
    ("Tags", TAGS),
];

/// A Lambda authorizer.
pub(super) const AUTHORIZER: &Meaningless =
    &[("EnableFunctionDefaultPermissions", RIGHTS), ("FunctionInvokeRole", RIGHTS)];

/// A `DynamoDB` or `SQS` event.
pub(super) const SOURCE: &Meaningless =
    &[("KmsKeyArn", ENCRYPTION), ("MetricsConfig", METRICS), ("ProvisionedPollerConfig", COST)];

/// `AWS::DynamoDB::Table`.
pub(super) const TABLE: &Meaningless = &[
    ("ContributorInsightsSpecification", METRICS),
    ("DeletionProtectionEnabled", PROTECTION),
    ("OnDemandThroughput", COST),
    ("PointInTimeRecoverySpecification", PROTECTION),
    ("ResourcePolicy", RIGHTS),
    ("SSESpecification", ENCRYPTION),
    ("TableClass", COST),
    ("Tags", TAGS),
    ("WarmThroughput", COST),
];

/// A secondary index of a table.
pub(super) const INDEX: &Meaningless =
    &[("ContributorInsightsSpecification", METRICS), ("OnDemandThroughput", COST), ("WarmThroughput", COST)];

/// `StreamSpecification` of a table.
pub(super) const STREAM: &Meaningless = &[("ResourcePolicy", RIGHTS)];

/// `AWS::SQS::Queue`.
pub(super) const QUEUE: &Meaningless = &[
    ("KmsDataKeyReusePeriodSeconds", ENCRYPTION),
    ("KmsMasterKeyId", ENCRYPTION),
    ("ReceiveMessageWaitTimeSeconds", COST),
    ("RedriveAllowPolicy", RIGHTS),
    ("SqsManagedSseEnabled", ENCRYPTION),
    ("Tags", TAGS),
];

/// `AWS::Events::EventBus`.
pub(super) const EVENT_BUS: &Meaningless = &[
    ("DeadLetterConfig", "it takes what could not be decrypted, and nothing is encrypted"),
    ("Description", TEXT),
    ("KmsKeyIdentifier", ENCRYPTION),
    ("LogConfig", METRICS),
    ("Policy", RIGHTS),
    ("Tags", TAGS),
];

/// `AWS::Events::Rule`.
pub(super) const RULE: &Meaningless = &[("Description", TEXT), ("RoleArn", RIGHTS), ("Tags", TAGS)];

/// A target of a rule.
pub(super) const TARGET: &Meaningless = &[("RoleArn", RIGHTS)];

/// `Schedule` and `ScheduleV2` events and `AWS::Scheduler::Schedule`.
pub(super) const SCHEDULE: &Meaningless = &[
    ("Description", TEXT),
    ("FlexibleTimeWindow", "one machine has no load to spread"),
    ("GroupName", "a folder in the console"),
    ("KmsKeyArn", ENCRYPTION),
    ("OmitName", "names are told apart by stack, and there is one"),
    ("PermissionsBoundary", RIGHTS),
    ("RoleArn", RIGHTS),
    ("ScheduleExpressionTimezone", "an interval is the same in every time zone"),
];

/// The target of an `AWS::Scheduler::Schedule`.
pub(super) const SCHEDULE_TARGET: &Meaningless = &[("RoleArn", RIGHTS)];

/// `AWS::S3::Bucket`.
pub(super) const BUCKET: &Meaningless = &[
    ("AccessControl", RIGHTS),
    ("BucketEncryption", ENCRYPTION),
    ("IntelligentTieringConfigurations", COST),
    ("InventoryConfigurations", METRICS),
    ("LifecycleConfiguration", "nothing is kept for years here"),
    ("LoggingConfiguration", METRICS),
    ("MetricsConfigurations", METRICS),
    ("OwnershipControls", RIGHTS),
    ("PublicAccessBlockConfiguration", RIGHTS),
    ("Tags", TAGS),
    ("VersioningConfiguration", "nothing is written over: what is locked is refused, and old versions are not read"),
];

/// `AWS::SecretsManager::Secret`.
pub(super) const SECRET: &Meaningless =
    &[("Description", TEXT), ("KmsKeyId", ENCRYPTION), ("ReplicaRegions", "there is one region"), ("Tags", TAGS)];

/// `GenerateSecretString` of a secret.
pub(super) const GENERATED_SECRET: &Meaningless = &[
    ("ExcludeCharacters", PLAIN),
    ("ExcludePunctuation", PLAIN),
    ("IncludeSpace", PLAIN),
    ("RequireEachIncludedType", PLAIN),
];

const PLAIN: &str = "letters and digits are used, whatever else is allowed";

/// Where everything is honoured.
pub(super) const NOTHING: &Meaningless = &[];

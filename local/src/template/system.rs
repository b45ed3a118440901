//! What a template describes, with every name and number settled.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::pattern::Pattern;

/// Everything that the embedded runtime has to do. Each list is in the order of the logical ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct System {
    /// The functions.
    pub functions: Vec<Function>,
    /// The HTTP API, if there is one.
    pub api: Option<Api>,
    /// Which function answers which request.
    pub routes: Vec<Route>,
    /// The tables.
    pub tables: Vec<Table>,
    /// Which function reads which table's stream. Sources that are not enabled are left out.
    pub streams: Vec<StreamSource>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// Which function reads which queue. Sources that are not enabled are left out.
    pub queue_sources: Vec<QueueSource>,
    /// The event buses besides the account's own one, `default`.
    pub buses: Vec<EventBus>,
    /// What goes from a bus to whom.
    pub rules: Vec<Rule>,
    /// What is called at intervals.
    pub schedules: Vec<Schedule>,
    /// The buckets.
    pub buckets: Vec<Bucket>,
    /// The secrets.
    pub secrets: Vec<Secret>,
    /// What changes nothing on one machine, in the order of the paths.
    pub ignored: Vec<Ignored>,
}

/// A part of the template without meaning on one machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// Where: `Resources.Intake.Properties.MemorySize`.
    pub path: String,
    /// Why it changes nothing.
    pub reason: &'static str,
}

/// A function: `AWS::Serverless::Function` with `Globals.Function` merged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The name in the template, by which the other parts refer to it.
    pub logical_id: String,
    /// The name that it is invoked by.
    pub name: String,
    /// The crate to run: `Metadata.BuildProperties.Binary`, else the last part of `CodeUri`.
    pub binary: String,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take. 3 s if the template does not say.
    pub timeout: Duration,
    /// How many invocations run at once; nothing is no limit of its own.
    pub reserved_concurrency: Option<u32>,
    /// The queue of asynchronous invocations that failed for good, by name. Either `EventInvokeConfig` or
    /// `DeadLetterQueue` gives it.
    pub on_failure: Option<String>,
    /// Further attempts of an asynchronous invocation, 0 to 2. 2 if the template does not say.
    pub maximum_retry_attempts: u32,
    /// How old an asynchronous invocation may get. 6 h if the template does not say.
    pub maximum_event_age: Duration,
}

/// An HTTP API: `AWS::Serverless::HttpApi`, or the one that SAM makes for events without an `ApiId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The name in the template.
    pub logical_id: String,
    /// The base URL that environment variables hold where the template says `ApiEndpoint`, without a slash at the end.
    /// Nothing listens there: put the loopback address in its place.
    pub endpoint: String,
    /// The authorizers, by their names in the template.
    pub authorizers: Vec<Authorizer>,
    /// The authorizer of every route that does not name another one.
    pub default_authorizer: Option<String>,
}

/// A Lambda authorizer of payload format 2.0 with simple responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// The name in the template.
    pub name: String,
    /// The logical id of the function that decides.
    pub function: String,
    /// What a request must carry: without one of them it is answered 401 and the function is not asked.
    pub identity_sources: Vec<IdentitySource>,
    /// How long an answer is used again for the same identity. Zero without identity sources.
    pub cache: Duration,
}

/// Where an authorizer looks for an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// A header, by its name as written.
    Header(String),
    /// A parameter of the query.
    Query(String),
}

/// A route of the API. The function gets payload format 2.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In upper case; `ANY` for every method.
    pub method: String,
    /// With parameters in braces, as in `/request/{id}`. `{name+}` takes the rest of the path, and `$default` is
    /// everything that no other route takes.
    pub path: String,
    /// The logical id of the function.
    pub function: String,
    /// The logical id of the authorizer's function.
    pub authorizer: Option<String>,
    /// How long the API waits for the function. 30 s if the template does not say.
    pub timeout: Duration,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The name in the template.
    pub logical_id: String,
    /// The table's name.
    pub name: String,
    /// The body of a `CreateTable` request.
    pub create_table: Value,
    /// The attribute whose time, in seconds of the Unix era, is an item's end.
    pub time_to_live_attribute: Option<String>,
}

/// From where a function first reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// From the oldest record.
    TrimHorizon,
    /// From what comes next.
    Latest,
}

/// A function that reads the stream of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// The table's name.
    pub table: String,
    /// The logical id of the function.
    pub function: String,
    /// The most records of one invocation, 1 to 10 000. 100 if the template does not say.
    pub batch_size: u32,
    /// How long a batch is collected. Zero if the template does not say.
    pub batching_window: Duration,
    /// A record goes on if one of these matches it, or if there are none.
    pub filters: Vec<Pattern>,
    /// Whether the answer says from which record on a batch failed.
    pub report_batch_item_failures: bool,
    /// Further attempts of a batch; nothing is no limit.
    pub maximum_retry_attempts: Option<u32>,
    /// How old a record may get before it is given up; nothing is no limit.
    pub maximum_record_age: Option<Duration>,
    /// Whether a failed batch is cut in two before the next attempt.
    pub bisect: bool,
    /// The queue that is told which records were given up, by name.
    pub on_failure: Option<String>,
    /// From where it reads first.
    pub starting_position: StartingPosition,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name in the template.
    pub logical_id: String,
    /// The queue's name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its URL.
    pub url: String,
    /// How long a received message stays hidden. 30 s if the template does not say.
    pub visibility_timeout: Duration,
    /// How long a new message stays hidden. Zero if the template does not say.
    pub delay: Duration,
    /// How long a message is kept. 4 days if the template does not say.
    pub retention: Duration,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
}

/// The way into a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// How often a message is received before it goes there.
    pub max_receive_count: u32,
    /// The dead-letter queue's name.
    pub dead_letter_queue: String,
}

/// A function that reads a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSource {
    /// The queue's name.
    pub queue: String,
    /// The logical id of the function.
    pub function: String,
    /// The most messages of one invocation. 10 if the template does not say.
    pub batch_size: u32,
    /// How long a batch is collected. Zero if the template does not say.
    pub batching_window: Duration,
    /// How many invocations run at once for this queue; nothing is no limit of its own.
    pub maximum_concurrency: Option<u32>,
    /// Whether the answer says which messages failed.
    pub report_batch_item_failures: bool,
    /// A message goes on if one of these matches it, or if there are none; the others are deleted.
    pub filters: Vec<Pattern>,
}

/// An event bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBus {
    /// The name in the template.
    pub logical_id: String,
    /// The bus's name.
    pub name: String,
}

/// A rule on a bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The name in the template; for an event of a function the function's name and the event's together, as SAM makes it.
    pub logical_id: String,
    /// The rule's name.
    pub name: String,
    /// The name of the bus, `default` if the template does not say.
    pub bus: String,
    /// Which events it takes.
    pub pattern: Pattern,
    /// The JSON of the pattern.
    pub raw_pattern: Value,
    /// Who gets them.
    pub targets: Vec<Target>,
    /// Whether it does anything.
    pub enabled: bool,
}

/// Who gets the events of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The name within the rule.
    pub id: String,
    /// Who.
    pub kind: TargetKind,
    /// What is sent, if it is not the event.
    pub input: Option<TargetInput>,
    /// The queue of what could not be delivered, by name.
    pub dead_letter_queue: Option<String>,
    /// How often and how long delivery is tried again.
    pub retry: Retry,
}

/// What a rule can call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A queue, by name.
    Queue(String),
    /// A function, by logical id, asynchronously.
    Function(String),
    /// A log group, by name.
    LogGroup(String),
}

/// What a target gets instead of the event.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetInput {
    /// This, whatever the event.
    Constant(Value),
    /// The part of the event at the end of these field names; nothing is sent of an event without it.
    Part(Vec<String>),
}

/// How often and how long delivery to a target is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Further attempts. 185 if the template does not say.
    pub maximum_attempts: u32,
    /// How old an event may get. 24 h if the template does not say.
    pub maximum_age: Duration,
}

/// A function that is called at intervals, asynchronously.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The schedule's name.
    pub name: String,
    /// The logical id of the function.
    pub function: String,
    /// The interval.
    pub every: Duration,
    /// What the function gets; nothing is the "Scheduled Event" of the service.
    pub input: Option<Value>,
    /// Whether it does anything.
    pub enabled: bool,
    /// The queue of what could not be delivered, by name.
    pub dead_letter_queue: Option<String>,
    /// How often and how long delivery is tried again.
    pub retry: Retry,
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The name in the template.
    pub logical_id: String,
    /// The bucket's name.
    pub name: String,
    /// Whether Object Lock is on.
    pub object_lock: bool,
    /// How long every object is locked, if the bucket says.
    pub default_retention: Option<Retention>,
}

/// A default of Object Lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether nobody at all can shorten it.
    pub compliance: bool,
    /// How long, a year being 365 days.
    pub period: Duration,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name in the template.
    pub logical_id: String,
    /// The secret's name.
    pub name: String,
    /// Its ARN, without the six characters that Secrets Manager appends.
    pub arn: String,
    /// The value that it is created with.
    pub initial_value: InitialValue,
}

/// The value that a secret is created with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitialValue {
    /// It has none until somebody writes one.
    Nothing,
    /// This, which stands in the template and so is nothing to keep secret.
    Given(String),
    /// Random letters and digits.
    Generated {
        /// How many. 32 if the template does not say.
        length: u32,
        /// The JSON object that the random text becomes a member of, and the name of the member. Without this the
        /// random text is the whole secret.
        member_of: Option<(Map<String, Value>, String)>,
    },
}

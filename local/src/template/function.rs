//! `AWS::Serverless::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::directory::Directory;
use super::error::TemplateError;
use super::meaningless;
use super::reader::{Field, Fields};
use super::system::{Function, System};
use super::{Resource, sources};

/// The one layer whose content is known here: the policy file, which the runtime puts in its place.
pub const POLICY_LAYER: &str = "arn:aws:lambda:local:000000000000:layer:policy:1";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const DEFAULT_EVENT_AGE: Duration = Duration::from_hours(6);
const DEFAULT_RETRIES: u32 = 2;

/// Properties that would make the function another one than the crate that is linked in.
const REFUSED: &[(&str, &str)] = &[
    ("FileSystemConfigs", "there is no file system to mount"),
    ("FunctionUrlConfig", "functions are reached through the HttpApi"),
    ("ImageConfig", "there are no containers"),
    ("ImageUri", "there are no containers"),
    ("InlineCode", "the code is a crate of this workspace"),
];

pub(super) fn read(
    mut fields: Fields<'_>,
    directory: &Directory,
    logical_id: &str,
    resource: &Resource,
    system: &mut System,
) -> Result<(), TemplateError> {
    let scope = fields.scope();
    let path = fields.path().to_owned();
    for (name, reason) in REFUSED {
        fields.refuse(name, reason)?;
    }
    fields.only("PackageType", "Zip", "there are no containers")?;
    runtime(&fields.require("Runtime")?)?;
    if let Some(layers) = fields.take("Layers")? {
        for layer in layers.list()? {
            if layer.text()? != POLICY_LAYER {
                return Err(layers.refused("the files of a layer are not on this machine"));
            }
        }
    }
    let code = fields.take("CodeUri")?;
    let binary = match (&resource.binary, &code) {
        (Some(binary), _) => binary.clone(),
        (None, Some(code)) => last_part(code)?,
        (None, None) => return Err(fields.malformed("`CodeUri` is missing")),
    };
    // The name itself is read where names are made.
    fields.text("FunctionName")?;
    let name = scope.physical_name(&path, logical_id)?;
    let environment = fields.fields("Environment")?.map_or_else(|| Ok(BTreeMap::new()), environment)?;
    let timeout = fields.seconds("Timeout", 1..=900)?.unwrap_or(DEFAULT_TIMEOUT);
    let reserved_concurrency = fields.integer("ReservedConcurrentExecutions", 0..=u32::MAX)?;
    let dead_letters = match fields.fields("DeadLetterQueue")? {
        Some(queue) => Some(dead_letter_queue(queue, directory)?),
        None => None,
    };
    let invocation = match fields.fields("EventInvokeConfig")? {
        Some(invocation) => asynchronous(invocation, directory)?,
        None => Asynchronous::default(),
    };
    let on_failure = match (invocation.on_failure, dead_letters) {
        (Some(one), Some(other)) if one != other => {
            return Err(fields.refused("DeadLetterQueue and OnFailure name two queues: name one"));
        }
        (one, other) => one.or(other),
    };
    if let Some(events) = fields.fields("Events")? {
        sources::read(events, directory, logical_id, system)?;
    }
    fields.finish(meaningless::FUNCTION)?;
    system.functions.push(Function {
        logical_id: logical_id.to_owned(),
        name,
        binary,
        environment,
        timeout,
        reserved_concurrency,
        on_failure,
        maximum_retry_attempts: invocation.maximum_retry_attempts,
        maximum_event_age: invocation.maximum_event_age,
    });
    Ok(())
}

fn runtime(runtime: &Field<'_>) -> Result<(), TemplateError> {
    match runtime.text()?.as_str() {
        "provided.al2" | "provided.al2023" => Ok(()),
        other => Err(runtime.refused(format!("{other} does not run Rust binaries: write provided.al2023"))),
    }
}

fn last_part(code: &Field<'_>) -> Result<String, TemplateError> {
    let code_uri = code.text()?;
    let last = code_uri.trim_end_matches('/').rsplit('/').next();
    match last {
        Some(name) if !name.is_empty() && name != "." && name != ".." => Ok(name.to_owned()),
        _ => {
            Err(code
                .malformed("the last part of CodeUri names the crate; otherwise write Metadata.BuildProperties.Binary"))
        }
    }
}

fn environment(mut fields: Fields<'_>) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut environment = BTreeMap::new();
    if let Some(mut variables) = fields.fields("Variables")? {
        for (name, value) in variables.rest()? {
            environment.insert(name, value.text()?);
        }
    }
    fields.finish(meaningless::NOTHING)?;
    Ok(environment)
}

/// SAM's own form, with a `Type`.
fn dead_letter_queue(mut fields: Fields<'_>, directory: &Directory) -> Result<String, TemplateError> {
    fields.only("Type", "SQS", "only queues take dead letters")?;
    let queue = directory.queue(&fields.require("TargetArn")?)?;
    fields.finish(meaningless::NOTHING)?;
    Ok(queue)
}

/// What becomes of asynchronous invocations.
struct Asynchronous {
    maximum_retry_attempts: u32,
    maximum_event_age: Duration,
    on_failure: Option<String>,
}

impl Default for Asynchronous {
    fn default() -> Self {
        Self { maximum_retry_attempts: DEFAULT_RETRIES, maximum_event_age: DEFAULT_EVENT_AGE, on_failure: None }
    }
}

fn asynchronous(mut fields: Fields<'_>, directory: &Directory) -> Result<Asynchronous, TemplateError> {
    let maximum_retry_attempts = fields.integer("MaximumRetryAttempts", 0..=2)?.unwrap_or(DEFAULT_RETRIES);
    let maximum_event_age = fields.seconds("MaximumEventAgeInSeconds", 60..=21_600)?.unwrap_or(DEFAULT_EVENT_AGE);
    let on_failure = match fields.fields("DestinationConfig")? {
        Some(destinations) => on_failure(destinations, directory)?,
        None => None,
    };
    fields.finish(meaningless::NOTHING)?;
    Ok(Asynchronous { maximum_retry_attempts, maximum_event_age, on_failure })
}

/// The queue of a `DestinationConfig`.
pub(super) fn on_failure(mut destinations: Fields<'_>, directory: &Directory) -> Result<Option<String>, TemplateError> {
    destinations.refuse("OnSuccess", "only failures have a destination")?;
    let queue = match destinations.fields("OnFailure")? {
        Some(mut destination) => {
            destination.only("Type", "SQS", "only queues take what failed")?;
            let queue = directory.queue(&destination.require("Destination")?)?;
            destination.finish(meaningless::NOTHING)?;
            Some(queue)
        }
        None => None,
    };
    destinations.finish(meaningless::NOTHING)?;
    Ok(queue)
}

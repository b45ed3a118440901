//! `AWS::Events::EventBus`, `AWS::Events::Rule` and the `EventBridgeRule` events of functions.

use std::time::Duration;

use serde_json::Value;

use super::directory::Directory;
use super::error::TemplateError;
use super::reader::{Field, Fields};
use super::system::{EventBus, Retry, Rule, System, Target, TargetInput, TargetKind};
use super::{meaningless, names};

/// What EventBridge does if a target or a schedule does not say: 185 attempts within 24 hours.
const DEFAULT_RETRY: Retry = Retry { maximum_attempts: 185, maximum_age: Duration::from_hours(24) };

/// Settings of targets that are no queue, function or log group, or that a standard queue does not have.
const TARGET_SETTINGS: &[&str] = &[
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "HttpParameters",
    "KinesisParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
    "SqsParameters",
];

pub(super) fn read_bus(mut fields: Fields<'_>, logical_id: &str, system: &mut System) -> Result<(), TemplateError> {
    fields.refuse("EventSourceName", "no partner sends events to one machine")?;
    fields.require("Name")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    fields.finish(meaningless::EVENT_BUS)?;
    system.buses.push(EventBus { logical_id: logical_id.to_owned(), name });
    Ok(())
}

pub(super) fn read(
    mut fields: Fields<'_>,
    directory: &Directory,
    logical_id: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    fields.text("Name")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    fields.refuse("ScheduleExpression", "write a ScheduleV2 event of the function")?;
    let bus = directory.bus(fields.take("EventBusName")?.as_ref())?;
    let (pattern, raw_pattern) = pattern(&fields.require("EventPattern")?)?;
    let enabled = is_enabled(&mut fields)?;
    let targets = fields
        .list("Targets")?
        .into_iter()
        .map(|target| self::target(target.fields()?, directory))
        .collect::<Result<_, _>>()?;
    fields.finish(meaningless::RULE)?;
    system.rules.push(Rule { logical_id: logical_id.to_owned(), name, bus, pattern, raw_pattern, targets, enabled });
    Ok(())
}

/// The rule that SAM makes of an event.
pub(super) fn read_event(
    mut fields: Fields<'_>,
    directory: &Directory,
    function: &str,
    event: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    let logical_id = format!("{function}{event}");
    let name = fields.text("RuleName")?.unwrap_or_else(|| format!("{}-{logical_id}", names::STACK));
    let bus = directory.bus(fields.take("EventBusName")?.as_ref())?;
    let (pattern, raw_pattern) = pattern(&fields.require("Pattern")?)?;
    let enabled = is_enabled(&mut fields)?;
    let mut id = None;
    if let Some(mut target) = fields.fields("Target")? {
        id = Some(target.require("Id")?.text()?);
        target.finish(meaningless::NOTHING)?;
    }
    let target = Target {
        id: id.unwrap_or_else(|| format!("{logical_id}LambdaTarget")),
        kind: TargetKind::Function(function.to_owned()),
        input: input(&mut fields)?,
        dead_letter_queue: dead_letter_queue(&mut fields, directory)?,
        retry: retry(&mut fields)?,
    };
    fields.finish(meaningless::RULE)?;
    system.rules.push(Rule { logical_id, name, bus, pattern, raw_pattern, targets: vec![target], enabled });
    Ok(())
}

fn target(mut fields: Fields<'_>, directory: &Directory) -> Result<Target, TemplateError> {
    for name in TARGET_SETTINGS {
        fields.refuse(name, "targets are queues, functions and log groups, without further settings")?;
    }
    let target = Target {
        id: fields.require("Id")?.text()?,
        kind: directory.target(&fields.require("Arn")?)?,
        input: input(&mut fields)?,
        dead_letter_queue: dead_letter_queue(&mut fields, directory)?,
        retry: retry(&mut fields)?,
    };
    fields.finish(meaningless::TARGET)?;
    Ok(target)
}

fn pattern(field: &Field<'_>) -> Result<(crate::pattern::Pattern, Value), TemplateError> {
    field.pattern(field.json()?)
}

/// `State` or, in `Schedule` events, the older `Enabled`.
pub(super) fn is_enabled(fields: &mut Fields<'_>) -> Result<bool, TemplateError> {
    let state = match fields.take("State")? {
        Some(state) => Some(state.word(&[("ENABLED", true), ("DISABLED", false)])?),
        None => None,
    };
    Ok(state.unwrap_or(true))
}

fn input(fields: &mut Fields<'_>) -> Result<Option<TargetInput>, TemplateError> {
    fields.refuse("InputTransformer", "events are sent as they are, as a part of them or as a constant")?;
    match (fields.take("Input")?, fields.take("InputPath")?) {
        (None, None) => Ok(None),
        (Some(input), None) => input.json_text().map(TargetInput::Constant).map(Some),
        (None, Some(path)) => self::path(&path).map(Some),
        (Some(_), Some(path)) => Err(path.malformed("a target has `Input` or `InputPath`, not both")),
    }
}

/// `$`, which is the whole event, or `$.detail.data`.
fn path(field: &Field<'_>) -> Result<TargetInput, TemplateError> {
    let text = field.text()?;
    let names = match text.strip_prefix('$') {
        Some("") => Vec::new(),
        Some(rest) => {
            rest.strip_prefix('.').map(|names| names.split('.').map(ToOwned::to_owned).collect()).unwrap_or_default()
        }
        None => Vec::new(),
    };
    let plain = |name: &String| !name.is_empty() && !name.contains(['[', ']', '*', '?', '@', '\'']);
    if text == "$" || (!names.is_empty() && names.iter().all(plain)) {
        Ok(TargetInput::Part(names))
    } else {
        Err(field.refused("only paths of field names such as $.detail.data are followed"))
    }
}

/// `DeadLetterConfig` of a target, a schedule or an event.
pub(super) fn dead_letter_queue(
    fields: &mut Fields<'_>,
    directory: &Directory,
) -> Result<Option<String>, TemplateError> {
    let Some(mut config) = fields.fields("DeadLetterConfig")? else {
        return Ok(None);
    };
    config.only("Type", "SQS", "only queues take dead letters")?;
    config.refuse("QueueLogicalId", "SAM would make a queue: write the queue and its Arn")?;
    let queue = directory.queue(&config.require("Arn")?)?;
    config.finish(meaningless::NOTHING)?;
    Ok(Some(queue))
}

/// `RetryPolicy` of a target, a schedule or an event.
pub(super) fn retry(fields: &mut Fields<'_>) -> Result<Retry, TemplateError> {
    let Some(mut policy) = fields.fields("RetryPolicy")? else {
        return Ok(DEFAULT_RETRY);
    };
    let retry = Retry {
        maximum_attempts: policy.integer("MaximumRetryAttempts", 0..=185)?.unwrap_or(DEFAULT_RETRY.maximum_attempts),
        maximum_age: policy.seconds("MaximumEventAgeInSeconds", 60..=86_400)?.unwrap_or(DEFAULT_RETRY.maximum_age),
    };
    policy.finish(meaningless::NOTHING)?;
    Ok(retry)
}

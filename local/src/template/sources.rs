//! The events of a function: what calls it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::directory::Directory;
use super::error::TemplateError;
use super::reader::{Field, Fields};
use super::system::{QueueSource, StartingPosition, StreamSource, System};
use super::{function, http, meaningless, rules, schedules};
use crate::pattern::Pattern;

/// Reads every event of a function.
pub(super) fn read(
    mut events: Fields<'_>,
    directory: &Directory,
    function: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    for (name, event) in events.rest()? {
        let path = event.path.clone();
        let scope = event.scope;
        let mut event = event.fields()?;
        let event_type = event.require("Type")?;
        let properties = event.fields("Properties")?;
        let missing = || scope.malformed(&path, "`Properties` is missing");
        match event_type.text()?.as_str() {
            "HttpApi" => http::read_route(properties, &path, scope, function, system)?,
            "DynamoDB" => stream(properties.ok_or_else(missing)?, directory, function, system)?,
            "SQS" => queue(properties.ok_or_else(missing)?, directory, function, system)?,
            "EventBridgeRule" | "CloudWatchEvent" => {
                rules::read_event(properties.ok_or_else(missing)?, directory, function, &name, system)?;
            }
            "Schedule" => {
                schedules::read_rule_event(properties.ok_or_else(missing)?, directory, function, &name, system)?;
            }
            "ScheduleV2" => schedules::read_event(properties.ok_or_else(missing)?, directory, function, &name, system)?,
            "Api" => return Err(event_type.refused("this is a REST API: write HttpApi")),
            other => {
                return Err(event_type.refused(format!("events of type {other} do not happen here")));
            }
        }
        event.finish(meaningless::NOTHING)?;
    }
    Ok(())
}

fn stream(
    mut fields: Fields<'_>,
    directory: &Directory,
    function: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    let table = directory.stream(&fields.require("Stream")?)?;
    fields.refuse("StartingPositionTimestamp", "the local stream starts at one of its ends")?;
    fields.only("ParallelizationFactor", "1", "the local stream is read in one order")?;
    fields.only("TumblingWindowInSeconds", "0", "there are no windows with a state of their own")?;
    let starting_position = fields
        .require("StartingPosition")?
        .word(&[("TRIM_HORIZON", StartingPosition::TrimHorizon), ("LATEST", StartingPosition::Latest)])?;
    let source = StreamSource {
        table,
        function: function.to_owned(),
        batch_size: fields.integer("BatchSize", 1..=10_000)?.unwrap_or(100),
        batching_window: fields.seconds("MaximumBatchingWindowInSeconds", 0..=300)?.unwrap_or_default(),
        filters: filters(&mut fields)?,
        report_batch_item_failures: report_batch_item_failures(&mut fields)?,
        maximum_retry_attempts: limit(&mut fields, "MaximumRetryAttempts", 0..=10_000)?,
        maximum_record_age: limit(&mut fields, "MaximumRecordAgeInSeconds", 60..=604_800)?
            .map(|seconds| Duration::from_secs(seconds.into())),
        bisect: fields.flag("BisectBatchOnFunctionError")?.unwrap_or(false),
        on_failure: match fields.fields("DestinationConfig")? {
            Some(destinations) => function::on_failure(destinations, directory)?,
            None => None,
        },
        starting_position,
    };
    if is_enabled(&mut fields)? {
        system.streams.push(source);
    }
    fields.finish(meaningless::SOURCE)
}

fn queue(
    mut fields: Fields<'_>,
    directory: &Directory,
    function: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    let scope = fields.scope();
    let path = fields.path().to_owned();
    let queue = directory.queue(&fields.require("Queue")?)?;
    let maximum_concurrency = match fields.fields("ScalingConfig")? {
        Some(mut scaling) => {
            let maximum = scaling.integer("MaximumConcurrency", 2..=1000)?;
            scaling.finish(meaningless::NOTHING)?;
            maximum
        }
        None => None,
    };
    let source = QueueSource {
        queue,
        function: function.to_owned(),
        batch_size: fields.integer("BatchSize", 1..=10_000)?.unwrap_or(10),
        batching_window: fields.seconds("MaximumBatchingWindowInSeconds", 0..=300)?.unwrap_or_default(),
        maximum_concurrency,
        report_batch_item_failures: report_batch_item_failures(&mut fields)?,
        filters: filters(&mut fields)?,
    };
    if source.batch_size > 10 && source.batching_window.is_zero() {
        let problem = "a batch of more than 10 messages needs MaximumBatchingWindowInSeconds of at least 1";
        return Err(scope.malformed(&path, problem));
    }
    if is_enabled(&mut fields)? {
        system.queue_sources.push(source);
    }
    fields.finish(meaningless::SOURCE)
}

/// `Enabled`, noting it if it is false.
fn is_enabled(fields: &mut Fields<'_>) -> Result<bool, TemplateError> {
    let enabled = fields.flag("Enabled")?.unwrap_or(true);
    if !enabled {
        fields.scope().ignore(fields.path().to_owned(), "the source is not enabled");
    }
    Ok(enabled)
}

/// A number, nothing for -1 and for nothing.
fn limit(fields: &mut Fields<'_>, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, TemplateError> {
    match fields.take(name)? {
        Some(field) if field.text()? != "-1" => field.integer(range).map(Some),
        _ => Ok(None),
    }
}

fn report_batch_item_failures(fields: &mut Fields<'_>) -> Result<bool, TemplateError> {
    let mut reports = false;
    for response in fields.list("FunctionResponseTypes")? {
        reports = response.word(&[("ReportBatchItemFailures", true)])?;
    }
    Ok(reports)
}

/// The patterns of `FilterCriteria`, which are JSON in a text.
fn filters(fields: &mut Fields<'_>) -> Result<Vec<Pattern>, TemplateError> {
    let Some(mut criteria) = fields.fields("FilterCriteria")? else {
        return Ok(Vec::new());
    };
    let filters = criteria
        .list("Filters")?
        .into_iter()
        .map(|filter| {
            let mut filter = filter.fields()?;
            let pattern: Field<'_> = filter.require("Pattern")?;
            let (pattern, _) = pattern.pattern(pattern.json_text()?)?;
            filter.finish(meaningless::NOTHING)?;
            Ok(pattern)
        })
        .collect::<Result<_, _>>()?;
    criteria.finish(meaningless::NOTHING)?;
    Ok(filters)
}

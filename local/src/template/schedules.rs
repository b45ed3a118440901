//! `AWS::Scheduler::Schedule` and the `ScheduleV2` and `Schedule` events of functions.

use std::time::Duration;

use serde_json::Value;

use super::directory::Directory;
use super::error::TemplateError;
use super::reader::{Field, Fields};
use super::system::{Schedule, System, TargetKind};
use super::{meaningless, rules};

/// A `ScheduleV2` event.
pub(super) fn read_event(
    mut fields: Fields<'_>,
    directory: &Directory,
    function: &str,
    event: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    let name = fields.text("Name")?.unwrap_or_else(|| format!("{function}{event}"));
    without_an_end(&mut fields)?;
    let schedule = Schedule {
        name,
        function: function.to_owned(),
        every: interval(&fields.require("ScheduleExpression")?)?,
        input: input(&mut fields)?,
        enabled: rules::is_enabled(&mut fields)?,
        dead_letter_queue: rules::dead_letter_queue(&mut fields, directory)?,
        retry: rules::retry(&mut fields)?,
    };
    fields.finish(meaningless::SCHEDULE)?;
    system.schedules.push(schedule);
    Ok(())
}

/// A `Schedule` event: an EventBridge rule, which calls the function in the same way.
pub(super) fn read_rule_event(
    mut fields: Fields<'_>,
    directory: &Directory,
    function: &str,
    event: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    let name = fields.text("Name")?.unwrap_or_else(|| format!("{function}{event}"));
    let enabled = fields.flag("Enabled")?;
    let schedule = Schedule {
        name,
        function: function.to_owned(),
        every: interval(&fields.require("Schedule")?)?,
        input: input(&mut fields)?,
        enabled: rules::is_enabled(&mut fields)? && enabled.unwrap_or(true),
        dead_letter_queue: rules::dead_letter_queue(&mut fields, directory)?,
        retry: rules::retry(&mut fields)?,
    };
    fields.finish(meaningless::SCHEDULE)?;
    system.schedules.push(schedule);
    Ok(())
}

/// An `AWS::Scheduler::Schedule`.
pub(super) fn read(
    mut fields: Fields<'_>,
    directory: &Directory,
    logical_id: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    fields.text("Name")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    without_an_end(&mut fields)?;
    let every = interval(&fields.require("ScheduleExpression")?)?;
    let enabled = rules::is_enabled(&mut fields)?;
    let mut target = fields.require("Target")?.fields()?;
    let arn = target.require("Arn")?;
    let TargetKind::Function(function) = directory.target(&arn)? else {
        return Err(arn.refused("a schedule calls a function"));
    };
    let schedule = Schedule {
        name,
        function,
        every,
        input: input(&mut target)?,
        enabled,
        dead_letter_queue: rules::dead_letter_queue(&mut target, directory)?,
        retry: rules::retry(&mut target)?,
    };
    target.finish(meaningless::SCHEDULE_TARGET)?;
    fields.finish(meaningless::SCHEDULE)?;
    system.schedules.push(schedule);
    Ok(())
}

fn without_an_end(fields: &mut Fields<'_>) -> Result<(), TemplateError> {
    for name in ["StartDate", "EndDate"] {
        fields.refuse(name, "a schedule runs as long as the process")?;
    }
    Ok(())
}

fn input(fields: &mut Fields<'_>) -> Result<Option<Value>, TemplateError> {
    match fields.take("Input")? {
        Some(input) if input.text()?.contains("<aws.scheduler.") => {
            Err(input.refused("the scheduler's placeholders are not filled in"))
        }
        Some(input) => input.json_text().map(Some),
        None => Ok(None),
    }
}

/// `rate(1 minute)`, `rate(12 hours)`, `rate(7 days)`.
fn interval(expression: &Field<'_>) -> Result<Duration, TemplateError> {
    let text = expression.text()?;
    if text.starts_with("cron(") || text.starts_with("at(") {
        let reason = format!("{text} depends on the time of day, and only intervals are kept: write rate(...)");
        return Err(expression.refused(reason));
    }
    let rate = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let minutes = rate.and_then(|rate| {
        let (count, unit) = rate.split_once(' ')?;
        let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
        let minutes = match (unit, count) {
            ("minute", 1) | ("minutes", 2..) => 1,
            ("hour", 1) | ("hours", 2..) => 60,
            ("day", 1) | ("days", 2..) => 24 * 60,
            _ => return None,
        };
        count.checked_mul(minutes)
    });
    match minutes {
        Some(minutes) => Ok(Duration::from_mins(minutes.into())),
        None => {
            Err(expression
                .malformed(format!("`{text}` is not an expression such as rate(1 minute) or rate(5 minutes)")))
        }
    }
}

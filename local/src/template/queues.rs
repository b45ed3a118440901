//! `AWS::SQS::Queue`.

use std::time::Duration;

use super::directory::Directory;
use super::error::TemplateError;
use super::reader::Fields;
use super::system::{Queue, Redrive, System};
use super::{meaningless, names};

const DEFAULT_VISIBILITY: Duration = Duration::from_secs(30);
const DEFAULT_RETENTION: Duration = Duration::from_hours(4 * 24);

/// Properties of FIFO queues.
const FIFO: &[&str] = &["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

pub(super) fn read(
    mut fields: Fields<'_>,
    directory: &Directory,
    logical_id: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    fields.only("FifoQueue", "false", "queues are not first in, first out")?;
    for name in FIFO {
        fields.refuse(name, "queues are not first in, first out")?;
    }
    fields.refuse("MaximumMessageSize", "messages are not measured")?;
    fields.text("QueueName")?;
    let name = fields.scope().physical_name(fields.path(), logical_id)?;
    let redrive = match fields.fields("RedrivePolicy")? {
        Some(policy) => Some(redrive(policy, directory)?),
        None => None,
    };
    let queue = Queue {
        logical_id: logical_id.to_owned(),
        arn: names::queue_arn(&name),
        url: names::queue_url(&name),
        name,
        visibility_timeout: fields.seconds("VisibilityTimeout", 0..=43_200)?.unwrap_or(DEFAULT_VISIBILITY),
        delay: fields.seconds("DelaySeconds", 0..=900)?.unwrap_or_default(),
        retention: fields.seconds("MessageRetentionPeriod", 60..=1_209_600)?.unwrap_or(DEFAULT_RETENTION),
        redrive,
    };
    fields.finish(meaningless::QUEUE)?;
    system.queues.push(queue);
    Ok(())
}

fn redrive(mut policy: Fields<'_>, directory: &Directory) -> Result<Redrive, TemplateError> {
    let dead_letter_queue = directory.queue(&policy.require("deadLetterTargetArn")?)?;
    let max_receive_count = policy.require("maxReceiveCount")?.integer(1..=1000)?;
    policy.finish(meaningless::NOTHING)?;
    Ok(Redrive { max_receive_count, dead_letter_queue })
}

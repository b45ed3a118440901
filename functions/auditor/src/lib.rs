//! The auditor: keeps every record where nobody can change it, and writes it to the log.

use std::time::Duration;

use aws::archive::Archive;
use aws::configuration::Configuration;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::envelope::Detail;
use domain::id::EventId;
use domain::journal::canonical_json;
use domain::ports::{ArchiveRecord, Archived};
use lambda::batch::each_event;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};

/// Names the bucket.
const ARCHIVE_BUCKET: &str = "ARCHIVE_BUCKET";
/// Names how long nobody can delete a record, in days.
const ARCHIVE_RETENTION_DAYS: &str = "ARCHIVE_RETENTION_DAYS";
/// The most days that S3 takes. Source: S3 user guide, "Object Lock considerations".
const MAX_RETENTION_DAYS: u64 = 36_500;

/// The log target of audit lines: what a log pipeline selects them by.
pub const AUDIT_TARGET: &str = "audit";

/// The function.
pub struct Auditor {
    archive: Archive,
}

impl Function for Auditor {
    type Event = SqsEvent;
    type Output = SqsBatchResponse;

    const NAME: &'static str = "auditor";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        let bucket = environment.required(ARCHIVE_BUCKET)?.to_owned();
        let days: u64 = environment.parsed(ARCHIVE_RETENTION_DAYS)?;
        if !(1..=MAX_RETENTION_DAYS).contains(&days) {
            return Err(ConfigurationError::Invalid {
                variable: ARCHIVE_RETENTION_DAYS,
                problem: format!("it has to be 1 to {MAX_RETENTION_DAYS}"),
            });
        }
        let retention = Duration::from_hours(24 * days);
        Ok(Self { archive: Archive::new(aws, bucket, retention) })
    }

    async fn handle(&self, event: SqsEvent) -> Result<SqsBatchResponse, Error> {
        Ok(each_event(Self::NAME, event, |detail| audit(&self.archive, detail)).await)
    }
}

/// Why a record was not taken into the archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// Its hash does not fit its content.
    #[error("failed to verify record {0}: its hash does not fit its content")]
    NotVerified(EventId),
}

/// Archives the event's record, and logs it if it was not in the archive before.
///
/// A record that does not verify is refused: under Object Lock it would stay for years. Its message becomes a dead
/// letter, which somebody looks at.
pub async fn audit<A: ArchiveRecord>(archive: &A, event: Detail) -> Result<(), Error> {
    let record = event.data;
    if record.hash != record.expected_hash() {
        return Err(AuditError::NotVerified(record.event_id()).into());
    }
    match archive.archive_record(&record).await? {
        Archived::Stored => {
            let id = record.event_id();
            // The record is one text here: log filters look for its type beside it.
            tracing::info!(
                target: AUDIT_TARGET,
                record = canonical_json(&record),
                event.id = %id,
                event_type = record.event_type.as_str(),
                "archived {id}"
            );
        }
        Archived::AlreadyThere => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;

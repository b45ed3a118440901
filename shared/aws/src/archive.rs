//! The archive of audit records, on S3 under Object Lock.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode};
use aws_smithy_types::DateTime;
use domain::journal::{Record, canonical_json};
use domain::ports::{ArchiveRecord, Archived, PortError};

use crate::configuration::Configuration;
use crate::error::port_error;

/// The status of a conditional put whose condition does not hold.
const PRECONDITION_FAILED: u16 = 412;

const ARCHIVE: &str = "archive a record";

/// A bucket with Object Lock.
#[derive(Clone, Debug)]
pub struct Archive {
    client: Client,
    bucket: String,
    retention: Duration,
}

impl Archive {
    /// The archive in this bucket; `retention` is how long after its timestamp nobody can delete a record.
    #[must_use]
    pub fn new(configuration: &Configuration, bucket: String, retention: Duration) -> Self {
        let sdk = configuration.sdk();
        let config = aws_sdk_s3::config::Builder::from(sdk)
            // Where S3 is an emulator on one port, there is no host name a bucket.
            .force_path_style(sdk.endpoint_url().is_some())
            .build();
        Self { client: Client::from_conf(config), bucket, retention }
    }
}

/// The key of a record's object: `audit/date=<UTC day>/<requestId>.<sequence>.json`, the sequence in at least six digits.
///
/// `date=` is a partition that Athena understands; within a day, a request's records sort by their sequence.
#[must_use]
pub fn archive_key(record: &Record) -> String {
    format!("audit/date={}/{}.{:06}.json", record.timestamp.day(), record.request_id, record.sequence)
}

impl ArchiveRecord for Archive {
    async fn archive_record(&self, record: &Record) -> Result<Archived, PortError> {
        let mut body = canonical_json(record);
        // One record a line: objects can be read one after the other as JSON lines.
        body.push('\n');
        let retain_until = record.timestamp.plus(self.retention).as_millisecond();
        let outcome = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(archive_key(record))
            .if_none_match("*")
            .object_lock_mode(ObjectLockMode::Compliance)
            .object_lock_retain_until_date(DateTime::from_millis(retain_until))
            .content_type("application/json")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(body.into_bytes()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(Archived::Stored),
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == PRECONDITION_FAILED) => {
                Ok(Archived::AlreadyThere)
            }
            Err(error) => Err(port_error(ARCHIVE, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::{Loopback, Reply, record};

    const TWO_YEARS: Duration = Duration::from_hours(731 * 24);

    fn archive(server: &Loopback) -> Archive {
        Archive::new(&server.configuration(), "audit-bucket".to_owned(), TWO_YEARS)
    }

    fn refusal(status: u16, code: &str) -> Reply {
        Reply::Status(status, format!("<Error><Code>{code}</Code><Message>as the test says</Message></Error>"))
    }

    #[test]
    fn keys_are_partitioned_by_day_and_sort_by_sequence() {
        assert_eq!(
            archive_key(&record(7)),
            "audit/date=2026-11-23/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.000007.json"
        );
        assert!(archive_key(&record(9)) < archive_key(&record(10)));
    }

    #[tokio::test]
    async fn a_record_is_put_once_and_locked_in_compliance_mode() {
        let server = Loopback::start(|_, _| Reply::Status(200, String::new())).await;
        let record = record(1);
        assert_eq!(archive(&server).archive_record(&record).await.unwrap(), Archived::Stored);
        let call = server.received().remove(0);
        assert_eq!(
            call.target,
            "PUT /audit-bucket/audit/date%3D2026-11-23/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.000001.json?x-id=PutObject"
        );
        for (name, value) in [
            ("if-none-match", "*"),
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            ("x-amz-object-lock-retain-until-date", "2028-11-23T18:51:45.123Z"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(call.header(name), Some(value), "{name}");
        }
        assert!(call.header("x-amz-checksum-sha256").is_some(), "{:?}", call.headers);
        assert_eq!(call.body, format!("{}\n", canonical_json(&record)));
        assert_eq!(serde_json::from_str::<Record>(&call.body).unwrap(), record);
    }

    #[tokio::test]
    async fn a_record_that_is_there_already_is_not_an_error() {
        let server = Loopback::start(|_, _| refusal(412, "PreconditionFailed")).await;
        assert_eq!(archive(&server).archive_record(&record(1)).await.unwrap(), Archived::AlreadyThere);
        assert_eq!(server.received().len(), 1);
    }

    #[tokio::test]
    async fn two_at_the_same_time_and_a_busy_bucket_are_retryable_and_refusals_are_not() {
        for (status, code, retryable) in [
            (409, "ConditionalRequestConflict", true),
            (503, "SlowDown", true),
            (403, "AccessDenied", false),
            (404, "NoSuchBucket", false),
        ] {
            let server = Loopback::start(move |_, _| refusal(status, code)).await;
            let error = archive(&server).archive_record(&record(1)).await.unwrap_err();
            assert_eq!(error.retryable, retryable, "{code}");
            assert!(error.source.to_string().contains(code), "{}", error.source);
        }
    }
}

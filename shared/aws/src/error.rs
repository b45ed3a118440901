//! From the SDK's errors to the ports': what matters is whether the same call may succeed later.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use domain::ports::PortError;

/// Codes that mean "not now" although their HTTP status is below 500. Sources: the SDKs' standard retry mode, and S3
/// for the last two.
const NOT_NOW_CODES: [&str; 17] = [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
    "ConditionalRequestConflict",
    "OperationAborted",
];

/// The longest message of a service that is kept, in characters.
const MAX_MESSAGE: usize = 300;

/// What became of a call. Nothing of an answer's body but the error's code and message is kept: the SDK's own errors
/// print whole answers in `Debug`, and an answer may be a secret.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the call could not be put together")]
    Construction(#[source] Box<dyn Error + Send + Sync>),
    #[error("no answer came in time")]
    Timeout(#[source] Box<dyn Error + Send + Sync>),
    #[error("the service could not be reached")]
    Dispatch(#[source] Box<dyn Error + Send + Sync>),
    #[error("the answer of status {status} could not be read")]
    Response { status: u16 },
    #[error("the service answered {status} {code}: {message}")]
    Service { status: u16, code: String, message: String },
    #[error("the call failed in a way that is not known here")]
    Unknown,
}

/// A failed call.
pub(crate) fn port_error<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (retryable, source) = match &error {
        SdkError::ConstructionFailure(_) => (false, with_source(error, CallError::Construction)),
        SdkError::TimeoutError(_) => (true, with_source(error, CallError::Timeout)),
        SdkError::DispatchFailure(_) => (true, with_source(error, CallError::Dispatch)),
        SdkError::ResponseError(response) => (true, CallError::Response { status: response.raw().status().as_u16() }),
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().unwrap_or("without a code");
            let message = service.err().message().unwrap_or_default();
            let retryable = status >= 500 || status == 429 || NOT_NOW_CODES.contains(&code);
            let message = message.chars().take(MAX_MESSAGE).collect();
            (retryable, CallError::Service { status, code: code.to_owned(), message })
        }
        // The SDK may add kinds of failure.
        _ => (false, CallError::Unknown),
    };
    PortError { operation, retryable, source: Box::new(source) }
}

/// A call that could not even be put together.
pub(crate) fn request_error(operation: &'static str, error: BuildError) -> PortError {
    PortError { operation, retryable: false, source: Box::new(error) }
}

fn with_source<E>(
    error: SdkError<E, HttpResponse>,
    kind: impl FnOnce(Box<dyn Error + Send + Sync>) -> CallError,
) -> CallError
where
    E: Error + Send + Sync + 'static,
{
    error.into_source().map_or(CallError::Unknown, kind)
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    type Failure = SdkError<GetSecretValueError, HttpResponse>;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }

    fn refused(status: u16, code: &str) -> PortError {
        let metadata = ErrorMetadata::builder().code(code).message("m".repeat(1_000)).build();
        port_error("test", SdkError::service_error(GetSecretValueError::generic(metadata), answer(status, "")))
    }

    #[test]
    fn what_may_succeed_later_is_retryable() {
        for (status, code) in [(400, "ThrottlingException"), (503, "SlowDown"), (500, "X"), (429, "X")] {
            assert!(refused(status, code).retryable, "{status} {code}");
        }
        for (status, code) in [(400, "ValidationException"), (403, "AccessDenied"), (404, "NoSuchBucket")] {
            assert!(!refused(status, code).retryable, "{status} {code}");
        }
        assert!(port_error("test", Failure::timeout_error("late")).retryable);
        assert!(port_error("test", Failure::dispatch_failure(ConnectorError::io("reset".into()))).retryable);
        assert!(port_error("test", Failure::response_error("cut off", answer(200, ""))).retryable);
        assert!(!port_error("test", Failure::construction_failure("no bucket")).retryable);
    }

    #[test]
    fn a_failure_says_what_the_service_said_within_bounds() {
        let text = refused(400, "ValidationException").source.to_string();
        assert!(text.starts_with("the service answered 400 ValidationException: mmm"), "{text}");
        assert!(text.len() < MAX_MESSAGE + 60, "{text}");
    }

    #[test]
    fn nothing_of_an_answer_is_kept() {
        let failure = Failure::response_error("at `hunter2`", answer(200, "hunter2"));
        let error = port_error("test", failure);
        assert!(!format!("{error:?} {error:#?}").contains("hunter2"));
    }
}

//! From the domain's errors to problems: the one place where an error becomes HTTP.

use domain::execute::ExecuteError;
use domain::lifecycle::Rejection;
use domain::ports::{CommitError, PortError};
use domain::problem::{Problem, ProblemType};
use domain::request::Refusal;

use crate::batch::chain;

/// Seconds after which a client may try again when something behind us does not answer.
const RETRY_AFTER_SECONDS: u64 = 5;

/// What a handler returns instead of an answer. A newtype, so that errors of the domain convert into it by `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError(pub Box<Problem>);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let kind = match &rejection {
            Rejection::NotFound => ProblemType::RequestNotFound,
            Rejection::AlreadyDecided { .. } => ProblemType::AlreadyDecided,
            Rejection::WrongStatus { .. } | Rejection::AlreadySubmitted | Rejection::NotDue => ProblemType::WrongStatus,
            Rejection::LeaseHeld { .. } | Rejection::LeaseLost => ProblemType::Conflict,
            Rejection::OwnRequest => ProblemType::OwnRequest,
            Rejection::NotAnApprover { .. } => ProblemType::NotAnApprover,
            Rejection::ContentChanged => ProblemType::ContentChanged,
            Rejection::ApprovedByYouAlready | Rejection::ApprovedByDelegateAlready { .. } => {
                ProblemType::ApprovedByYouAlready
            }
            Rejection::ApprovalNotNeeded { .. } => ProblemType::ApprovalNotNeeded,
            Rejection::Denied(_) => ProblemType::DeniedByPolicy,
            Rejection::MayNotBreakGlass => ProblemType::MayNotBreakGlass,
            Rejection::ChannelNotAllowed { .. } => ProblemType::ChannelNotAllowed,
            Rejection::ReasonMissing => ProblemType::ReasonRequired,
            Rejection::NotTheRequester => ProblemType::NotTheRequester,
            Rejection::NotAnAdministrator => ProblemType::NotAnAdministrator,
        };
        Problem::new(kind, sentence(&rejection.to_string())).into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let detail = sentence(&refusal.to_string());
        match refusal {
            Refusal::Denied(_) => Problem::new(ProblemType::DeniedByPolicy, detail),
            Refusal::MissingFields { missing, .. } => {
                let fields: Vec<&str> = missing.iter().map(|field| field.as_str()).collect();
                Problem::new(ProblemType::FieldRequiredByTier, detail).about_field(fields.join(", "))
            }
        }
        .into()
    }
}

impl From<PortError> for ApiError {
    fn from(error: PortError) -> Self {
        tracing::error!(error = %chain(&error), "failed to answer: {error}");
        if error.retryable {
            Problem::new(ProblemType::ServiceUnavailable, "A service behind this one does not answer. Try again.")
                .retry_after(RETRY_AFTER_SECONDS)
        } else {
            Problem::new(ProblemType::InternalError, "Something went wrong here. The log says what.")
        }
        .into()
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::VersionConflict | CommitError::PlaceTaken => {
                Problem::new(ProblemType::Conflict, "The request was changed at the same time. Read it and try again.")
                    .retry_after(1)
            }
            CommitError::NameTaken { holder } => Problem::new(
                ProblemType::DuplicateRequest,
                format!(
                    "{holder} is about the same repository. Follow it, or ask under another name with `customName`."
                ),
            )
            .about_request(holder),
            CommitError::KeyUsed { request, .. } => Problem::new(
                ProblemType::IdempotencyKeyReused,
                format!("This Idempotency-Key was used for {request}, which asked for something else. Take a new key."),
            )
            .about_request(request),
            CommitError::QuotaExceeded => {
                Problem::new(ProblemType::RateLimitExceeded, "Your rate limit is reached. Wait, then try again.")
            }
            CommitError::Port(error) => return error.into(),
        }
        .into()
    }
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => rejection.into(),
            ExecuteError::Commit(error) => error.into(),
            ExecuteError::Port(error) => error.into(),
        }
    }
}

/// With a capital letter and a full stop: what people read.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

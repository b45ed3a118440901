//! What the HTTP API says when it does not do what was asked: RFC 9457, with a stable `type` for each kind.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::RequestId;

/// In front of every problem's name in `type`.
pub const TYPE_PREFIX: &str = "urn:cgr-request:problem:";

macro_rules! problem_types {
    ($($(#[doc = $doc:literal])+ $variant:ident = ($slug:literal, $status:literal, $title:literal),)+) => {
        /// Kinds of problem. Their names never change; what is added later is a new name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemType {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ProblemType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name: the end of `type`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What it is called, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+),)+ }
            }
        }
    };
}

problem_types! {
    /// The body is not JSON, or not a JSON object.
    MalformedBody = ("malformed-body", 400, "The body cannot be read"),
    /// A field is missing, unknown, or has a value that it may not have; `field` names it.
    InvalidField = ("invalid-field", 400, "A field cannot be used"),
    /// A query parameter or header has a value that it may not have; `field` names it.
    InvalidParameter = ("invalid-parameter", 400, "A parameter cannot be used"),
    /// The cursor was not issued for this list.
    InvalidCursor = ("invalid-cursor", 400, "The cursor cannot be used"),
    /// What was delivered is no `CloudEvent` in binary mode with a JSON body.
    NotACloudEvent = ("not-a-cloud-event", 400, "It is no CloudEvent"),
    /// No bearer token came with the call.
    TokenMissing = ("token-missing", 401, "A bearer token is needed"),
    /// The token's time has passed; sign in again.
    TokenExpired = ("token-expired", 401, "The token has expired"),
    /// The token is malformed, not signed by a trusted issuer for this audience, or signed in a way that is not accepted.
    TokenInvalid = ("token-invalid", 401, "The token is not accepted"),
    /// Nobody decides their own request.
    OwnRequest = ("own-request", 403, "It is your own request"),
    /// The caller is not among those who may decide.
    NotAnApprover = ("not-an-approver", 403, "You may not decide this request"),
    /// The caller is not among those who may approve alone in an emergency.
    MayNotBreakGlass = ("may-not-break-glass", 403, "You may not break the glass"),
    /// The tier does not take decisions from this channel.
    ChannelNotAllowed = ("channel-not-allowed", 403, "Not through this channel"),
    /// Only the requester may do this.
    NotTheRequester = ("not-the-requester", 403, "It is somebody else's request"),
    /// Only an administrator may do this.
    NotAnAdministrator = ("not-an-administrator", 403, "Only for administrators"),
    /// A deny rule of the policy refuses the image.
    DeniedByPolicy = ("denied-by-policy", 403, "The policy refuses this image"),
    /// The delivery is not signed by Chainguard for this organisation, or its body is not the one that was signed.
    DeliveryRefused = ("delivery-refused", 403, "The delivery is not accepted"),
    /// There is no request of this id.
    RequestNotFound = ("request-not-found", 404, "There is no such request"),
    /// There is nothing at this path, or not for this method.
    RouteNotFound = ("route-not-found", 404, "There is nothing here"),
    /// A request for the same repository is open; `requestId` names it.
    DuplicateRequest = ("duplicate-request", 409, "It has been asked for already"),
    /// The organisation has the repository already; pull it, or ask under another name.
    DuplicateImage = ("duplicate-image", 409, "The organisation has it already"),
    /// The organisation has as many repositories as it may; `detail` says how many, and which might be removed.
    OrganizationLimitReached = ("organization-limit-reached", 409, "The organisation's registry is full"),
    /// Somebody was faster; `detail` says who decided.
    AlreadyDecided = ("already-decided", 409, "It has been decided already"),
    /// What the caller has seen, by its `digest`, is not what would be decided: read the request again.
    ContentChanged = ("content-changed", 409, "The request has changed since you saw it"),
    /// Enough approvers of the caller's kind have said yes; `detail` says whose approval is missing.
    ApprovalNotNeeded = ("approval-not-needed", 409, "Your approval is not needed any more"),
    /// The caller has approved the request before, or a delegate has for them, and an approver counts once.
    ApprovedByYouAlready = ("approved-by-you-already", 409, "You have approved it already"),
    /// The request's status does not allow this.
    WrongStatus = ("wrong-status", 409, "The request's status does not allow this"),
    /// The request was changed at the same time, again and again; try once more.
    Conflict = ("conflict", 409, "The request was changed in the meantime"),
    /// The body is larger than 16 KiB, or that of an event of Chainguard's larger than 64 KiB.
    BodyTooLarge = ("body-too-large", 413, "The body is too large"),
    /// The text is no image that can be asked for; `detail` says why.
    InvalidImageReference = ("invalid-image-reference", 422, "It is no image that can be asked for"),
    /// The catalog does not offer the image; `suggestions` has the nearest names.
    ImageNotInCatalog = ("image-not-in-catalog", 422, "The image is not in the catalog"),
    /// The organisation's plan does not include the image; `detail` says what it does, `suggestions` has the nearest names that it includes.
    NotEntitled = ("not-entitled", 422, "The plan does not include the image"),
    /// The tier insists on a field that is missing; `field` names it.
    FieldRequiredByTier = ("field-required-by-tier", 422, "The approval tier needs more"),
    /// A rejection needs a reason.
    ReasonRequired = ("reason-required", 422, "A reason is needed"),
    /// The `Idempotency-Key` was used before for something else.
    IdempotencyKeyReused = ("idempotency-key-reused", 422, "The idempotency key was used for something else"),
    /// The requester's rate limit is reached; `Retry-After` says when it ends.
    RateLimitExceeded = ("rate-limit-exceeded", 429, "Too many requests"),
    /// Something went wrong here; the log has it under the id in `instance`.
    InternalError = ("internal-error", 500, "Something went wrong"),
    /// No catalog has been fetched yet; `Retry-After` says when to try again.
    CatalogUnavailable = ("catalog-unavailable", 503, "The catalog is not there yet"),
    /// A service behind this one does not answer; whether a change was made is not known. Ask with the same `Idempotency-Key` again.
    ServiceUnavailable = ("service-unavailable", 503, "Try again later"),
}

impl ProblemType {
    /// `type`.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{TYPE_PREFIX}{}", self.slug())
    }

    /// The kind of this `type`.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let slug = uri.strip_prefix(TYPE_PREFIX)?;
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }
}

/// The body of an answer other than 2xx: `application/problem+json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Names the kind; stable.
    #[serde(rename = "type")]
    #[schema(example = "urn:cgr-request:problem:image-not-in-catalog")]
    pub kind: String,
    /// What the kind is called.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time and what to do.
    pub detail: String,
    /// This occurrence, as the log names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The field, parameter or header that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub request_id: Option<RequestId>,
    /// What may have been meant, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
    /// Seconds to wait; also in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// An occurrence.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.uri(),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            ..Self::default()
        }
    }

    /// About a field, parameter or header.
    #[must_use]
    pub fn about_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// About a request.
    #[must_use]
    pub fn about_request(mut self, id: RequestId) -> Self {
        self.request_id = Some(id);
        self
    }

    /// With what may have been meant.
    #[must_use]
    pub fn suggesting(mut self, suggestions: impl IntoIterator<Item = impl ToString>) -> Self {
        self.suggestions = suggestions.into_iter().map(|suggestion| suggestion.to_string()).collect();
        self
    }

    /// To be tried again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own_and_reads_back() {
        let slugs: BTreeSet<&str> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemType::ALL.len());
        for kind in ProblemType::ALL {
            assert_eq!(ProblemType::from_uri(&kind.uri()), Some(*kind));
            assert!((400..600).contains(&kind.status()));
        }
        assert_eq!(ProblemType::from_uri("about:blank"), None);
    }
}

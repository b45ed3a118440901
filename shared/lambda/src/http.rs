//! The HTTP edge: API Gateway's payload 2.0 in, an answer or a problem out.

use std::collections::BTreeSet;
use std::future::Future;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::RequestId;
use domain::person::{Person, Principal};
use domain::problem::{Problem, ProblemType};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body;
use crate::problem::ApiError;

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// Members of the authorizer's context. It hands on either a verified caller or the reason why there is none: an
/// HTTP API lets an authorizer answer only with a bare message, and people need to know what to do.
pub mod verdict {
    /// The token's subject.
    pub const SUBJECT: &str = "subject";
    /// The token's e-mail address.
    pub const EMAIL: &str = "email";
    /// The token's groups, as a JSON list in a text.
    pub const GROUPS: &str = "groups";
    /// The name of the problem type, if the token was refused.
    pub const REFUSAL: &str = "refusal";
    /// What was wrong with it.
    pub const REFUSAL_DETAIL: &str = "refusalDetail";
}

/// A call of the API.
#[derive(Debug)]
pub struct Call(ApiGatewayV2httpRequest);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// An answer with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        // Serialising the API's own types cannot fail; should it ever, the client sees an empty body and the status.
        let body = serde_json::to_string(body).unwrap_or_default();
        Self::text(status, "application/json", body)
    }

    /// An answer with this body.
    #[must_use]
    pub fn text(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // Nothing here may be kept by a cache in between: it depends on who asks and changes at any moment.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Self { status, headers, body: body.into() }
    }

    /// With one more header; a value that is no header value is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same without its body: what a `HEAD` gets.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body.clear();
        self
    }

    fn problem(problem: &Problem) -> Self {
        let body = serde_json::to_string(problem).unwrap_or_default();
        let mut answer = Self::text(problem.status, "application/problem+json", body);
        if let Some(seconds) = problem.retry_after {
            answer = answer.with_header(header::RETRY_AFTER, &seconds.to_string());
        }
        if problem.status == 401 {
            answer = answer.with_header(header::WWW_AUTHENTICATE, "Bearer");
        }
        answer
    }
}

/// Answers a call: runs `handle`, turns what it says into a response, and writes the one log line of the call.
pub async fn answer<H, F>(function: &'static str, event: ApiGatewayV2httpRequest, handle: H) -> ApiGatewayV2httpResponse
where
    H: FnOnce(Call) -> F,
    F: Future<Output = Result<Answer, ApiError>>,
{
    let route = event.route_key.clone().unwrap_or_default();
    let instance = event.request_context.request_id.clone();
    let answer = match handle(Call(event)).await {
        Ok(answer) => {
            tracing::info!(function, route, instance, status = answer.status, "answered {route}");
            answer
        }
        Err(ApiError(mut problem)) => {
            problem.instance.clone_from(&instance);
            tracing::info!(
                function,
                route,
                instance,
                status = problem.status,
                problem = problem.kind,
                "refused {route}"
            );
            Answer::problem(&problem)
        }
    };
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(answer.status);
    response.headers = answer.headers;
    response.body = Some(Body::Text(answer.body));
    response
}

impl Call {
    /// The route that API Gateway matched, `PATCH /request/{id}/approve`.
    #[must_use]
    pub fn route(&self) -> &str {
        self.0.route_key.as_deref().unwrap_or_default()
    }

    /// The call's method. The route says it too, unless it takes any.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.0.request_context.http.method
    }

    /// What stands behind the question mark, as API Gateway hands it on; empty if there is none.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        self.0.raw_query_string.as_deref().unwrap_or_default()
    }

    /// The id under which the log has this call.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.0.request_context.request_id.as_deref()
    }

    /// The caller, as the authorizer verified it; a problem if it did not.
    pub fn principal(&self) -> Result<Principal, ApiError> {
        let fields = self.0.request_context.authorizer.as_ref().map(|authorizer| &authorizer.fields);
        let text = |name: &str| fields.and_then(|fields| fields.get(name)?.as_str()).filter(|value| !value.is_empty());
        if let Some(refusal) = text(verdict::REFUSAL) {
            let kind = [ProblemType::TokenMissing, ProblemType::TokenExpired]
                .into_iter()
                .find(|kind| kind.slug() == refusal)
                .unwrap_or(ProblemType::TokenInvalid);
            let detail = text(verdict::REFUSAL_DETAIL).unwrap_or("The token is not accepted.");
            return Err(Problem::new(kind, detail).into());
        }
        let groups = text(verdict::GROUPS).map(serde_json::from_str::<BTreeSet<String>>);
        match (text(verdict::SUBJECT), text(verdict::EMAIL), groups) {
            (Some(subject), Some(email), Some(Ok(groups))) => {
                Ok(Principal { person: Person { subject: subject.to_owned(), email: email.to_owned() }, groups })
            }
            // Whatever the authorizer did not vouch for in full is nobody.
            _ => {
                Err(Problem::new(ProblemType::TokenMissing, "Send a bearer token in the header Authorization.").into())
            }
        }
    }

    /// The request id in the path.
    pub fn request_id(&self) -> Result<RequestId, ApiError> {
        let text = self.0.path_parameters.get("id").map(String::as_str).unwrap_or_default();
        text.parse().map_err(|error| {
            let shown: String = text.chars().take(60).collect();
            Problem::new(ProblemType::RequestNotFound, format!("There is no request `{shown}`: {error}.")).into()
        })
    }

    /// A query parameter, unless it is missing or empty.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.0.query_string_parameters.first(name).filter(|value| !value.is_empty())
    }

    /// Refuses query parameters that the route does not know: a misspelt filter must not return everything.
    pub fn only_query(&self, known: &[&str]) -> Result<(), ApiError> {
        let unknown = self.0.query_string_parameters.iter().map(|(name, _)| name).find(|name| !known.contains(name));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(60).collect();
                let detail = format!("There is no parameter `{name}`; there are {}.", known.join(", "));
                Err(Problem::new(ProblemType::InvalidParameter, detail).about_field(name).into())
            }
        }
    }

    /// All headers, names in lower case.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// A header, if it is there and text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as a JSON object of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::read(&self.body()?)
    }

    /// The body as a JSON object of this form, or the type's default if there is none.
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        let bytes = self.body()?;
        if bytes.iter().all(u8::is_ascii_whitespace) { Ok(T::default()) } else { body::read(&bytes) }
    }

    /// The body as it was sent; a problem if it has more than [`MAX_BODY_BYTES`].
    pub fn body(&self) -> Result<Vec<u8>, ApiError> {
        self.body_within(MAX_BODY_BYTES)
    }

    /// The body as it was sent, to the byte; a problem if it has more than `max_bytes`.
    pub fn body_within(&self, max_bytes: usize) -> Result<Vec<u8>, ApiError> {
        let too_large = || {
            let detail = format!("The body is larger than {max_bytes} bytes.");
            ApiError::from(Problem::new(ProblemType::BodyTooLarge, detail))
        };
        let text = self.0.body.as_deref().unwrap_or_default();
        // Base64 takes four characters for three bytes.
        if text.len() > max_bytes / 3 * 4 + 4 {
            return Err(too_large());
        }
        let bytes = if self.0.is_base64_encoded {
            STANDARD
                .decode(text)
                .map_err(|_| Problem::new(ProblemType::MalformedBody, "The body's base64 cannot be read."))?
        } else {
            text.as_bytes().to_vec()
        };
        if bytes.len() > max_bytes { Err(too_large()) } else { Ok(bytes) }
    }
}

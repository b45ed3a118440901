//! Problems that no function answers.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::problem::{Problem, ProblemType};

/// Answers with a problem, under an id by which the log has it, too.
pub(crate) fn refuse(kind: ProblemType, detail: String) -> Response {
    let instance = uuid::Uuid::now_v7().to_string();
    tracing::info!(instance, status = kind.status(), problem = kind.slug(), "refused a call");
    let mut problem = Problem::new(kind, detail);
    problem.instance = Some(instance);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    (status, [("content-type", "application/problem+json")], body).into_response()
}

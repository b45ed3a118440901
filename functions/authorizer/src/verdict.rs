//! What the authorizer answers.

use std::collections::BTreeMap;

use domain::person::Principal;
use lambda::http::verdict::{EMAIL, GROUPS, REFUSAL, REFUSAL_DETAIL, SUBJECT};
use lambda::problem::sentence;
use serde::Serialize;
use serde_json::Value;

use crate::refusal::Refusal;

/// The answer to API Gateway, a simple response: always "yes", with what the functions have to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    is_authorized: bool,
    context: BTreeMap<&'static str, String>,
}

impl Verdict {
    pub(crate) fn vouching_for(principal: &Principal) -> Self {
        let groups: Value = principal.groups.iter().map(String::as_str).collect();
        Self::with([
            (SUBJECT, principal.person.subject.clone()),
            (EMAIL, principal.person.email.clone()),
            (GROUPS, groups.to_string()),
        ])
    }

    pub(crate) fn refusing(refusal: &Refusal) -> Self {
        Self::with([
            (REFUSAL, refusal.problem_type().slug().to_owned()),
            (REFUSAL_DETAIL, sentence(&refusal.to_string())),
        ])
    }

    fn with<const N: usize>(context: [(&'static str, String); N]) -> Self {
        Self { is_authorized: true, context: context.into() }
    }
}

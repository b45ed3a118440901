//! Which call a request is, decided as the gateway decides it.
//!
//! axum's router cannot express a parameter that spans slashes and is followed by a verb (`{id=**}:syncstatus`), nor the
//! gateway's answer to a wrong method, so the table below is matched by hand.

use axum::http::Method;
use serde::{Deserialize, Serialize};

use crate::{
    status::{Code, Status},
    sts::JWKS_PATH,
};

/// A call of the platform that the fake serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Route {
    /// `POST /registry/v1/repos/{parent_id}`
    CreateRepo,
    /// `PUT /registry/v1/repos/{id}`
    UpdateRepo,
    /// `DELETE /registry/v1/repos/{id}`
    DeleteRepo,
    /// `GET /registry/v1/repos`
    ListRepos,
    /// `GET /registry/v1/repos/{id}:syncstatus`
    SyncStatus,
    /// `GET /registry/v1/tags`
    ListTags,
    /// `GET /registry/v1/repotagssummary/{repo_id}`
    TagSummary,
    /// `GET /registry/v1/entitlements/{org}`
    ListEntitlements,
    /// `GET /registry/v1/entitlements/{org}/images`
    EntitlementImages,
    /// `GET /registry/v1/entitlements/{org}/catalog-images`
    EntitlementCatalogImages,
    /// `GET /registry/v1/entitlements/{org}:summary`
    EntitlementSummary,
    /// `GET /registry/v1/entitlements/{org}:effective`
    Effective,
    /// `POST /registry/v1/entitlements/{org}:addImages`
    AddImages,
    /// `GET /registry/v2/repos`
    ListReposV2,
    /// `GET /registry/v2/repos/{uid}`
    GetRepoV2,
    /// `GET /iam/v1/groups`
    Groups,
    /// `GET /auth/v1/ok`
    AuthOk,
    /// `GET /ping/v1/ping`
    Ping,
    /// `GET` or `POST /sts/exchange`
    StsExchange,
    /// `GET /.well-known/openid-configuration`, of the issuer
    OpenIdConfiguration,
    /// `GET` of where discovery says that the issuer's keys are
    Jwks,
    /// `POST /events/v1/subscriptions/{group}`
    CreateSubscription,
    /// `GET /events/v1/subscriptions`
    ListSubscriptions,
    /// `DELETE /events/v1/subscriptions/{id}`
    DeleteSubscription,
    /// `POST /query`
    GraphqlCatalog,
}

/// A request's call, with the parameter of its path (empty where the path has none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) route: Route,
    pub(crate) parameter: String,
}

/// A path of the gateway.
#[derive(Clone, Copy)]
enum Pattern {
    Exact(&'static str),
    /// `prefix` + `{parameter=**}` + `suffix`. Without a suffix `**` may be nothing at all.
    Wild {
        prefix: &'static str,
        suffix: &'static str,
    },
}

const fn wild(prefix: &'static str, suffix: &'static str) -> Pattern {
    Pattern::Wild { prefix, suffix }
}

/// What a pattern leads to.
#[derive(Clone, Copy)]
enum Target {
    Served(Route),
    /// The platform has it, the fake does not: it says so rather than deny that the call exists.
    NotServed,
}

use Pattern::Exact;
use Target::{NotServed, Served};

/// Patterns with a suffix come before those that would swallow it.
static TABLE: &[(Method, Pattern, Target)] = &[
    (Method::GET, Exact("/registry/v1/repos"), Served(Route::ListRepos)),
    (Method::GET, wild("/registry/v1/repos", ":syncstatus"), Served(Route::SyncStatus)),
    (Method::GET, wild("/registry/v1/repos", ":updatestatus"), NotServed),
    (Method::POST, wild("/registry/v1/repos", ":addChart"), NotServed),
    (Method::POST, wild("/registry/v1/repos", ""), Served(Route::CreateRepo)),
    (Method::PUT, wild("/registry/v1/repos", ""), Served(Route::UpdateRepo)),
    (Method::DELETE, wild("/registry/v1/repos", ""), Served(Route::DeleteRepo)),
    (Method::GET, wild("/registry/v1/repocountbysource", ""), NotServed),
    (Method::GET, Exact("/registry/v1/syncstatuses"), NotServed),
    (Method::GET, wild("/registry/v1/settings", ""), NotServed),
    (Method::PUT, wild("/registry/v1/settings", ""), NotServed),
    (Method::GET, Exact("/registry/v1/tags"), Served(Route::ListTags)),
    (Method::GET, wild("/registry/v1/tags", "/history"), NotServed),
    (Method::POST, wild("/registry/v1/tags", ""), NotServed),
    (Method::PUT, wild("/registry/v1/tags", ""), NotServed),
    (Method::DELETE, wild("/registry/v1/tags", ""), NotServed),
    (Method::GET, Exact("/registry/v1/eoltags"), NotServed),
    (Method::GET, wild("/registry/v1/repotagssummary", ""), Served(Route::TagSummary)),
    (Method::GET, wild("/registry/v1/entitlements", ":effective"), Served(Route::Effective)),
    (Method::GET, wild("/registry/v1/entitlements", ":summary"), Served(Route::EntitlementSummary)),
    (Method::GET, wild("/registry/v1/entitlements", ":features"), NotServed),
    (Method::GET, wild("/registry/v1/entitlements", "/catalog-images"), Served(Route::EntitlementCatalogImages)),
    (Method::GET, wild("/registry/v1/entitlements", "/images"), Served(Route::EntitlementImages)),
    (Method::GET, wild("/registry/v1/entitlements", ""), Served(Route::ListEntitlements)),
    (Method::POST, wild("/registry/v1/entitlements", ":addImages"), Served(Route::AddImages)),
    (Method::POST, wild("/registry/v1/entitlements", ":removeImages"), NotServed),
    (Method::POST, wild("/registry/v1/entitlements", ":swapImages"), NotServed),
    (Method::POST, wild("/registry/v1/entitlements", ""), NotServed),
    (Method::DELETE, wild("/registry/v1/entitlements", ""), NotServed),
    (Method::GET, Exact("/registry/v2/repos"), Served(Route::ListReposV2)),
    (Method::GET, wild("/registry/v2/repos", "/readme"), NotServed),
    (Method::PATCH, wild("/registry/v2/repos", "/readme"), NotServed),
    (Method::GET, wild("/registry/v2/repos", ""), Served(Route::GetRepoV2)),
    (Method::POST, wild("/registry/v2/repos", ""), NotServed),
    (Method::PATCH, wild("/registry/v2/repos", ""), NotServed),
    (Method::DELETE, wild("/registry/v2/repos", ""), NotServed),
    (Method::GET, Exact("/registry/v2/tags"), NotServed),
    (Method::GET, Exact("/iam/v1/groups"), Served(Route::Groups)),
    (Method::GET, Exact("/iam/v2/groups"), NotServed),
    (Method::GET, Exact("/auth/v1/ok"), Served(Route::AuthOk)),
    (Method::GET, Exact("/ping/v1/ping"), Served(Route::Ping)),
    (Method::GET, Exact("/sts/exchange"), Served(Route::StsExchange)),
    (Method::POST, Exact("/sts/exchange"), Served(Route::StsExchange)),
    (Method::POST, Exact("/sts/exchange_refresh_token"), NotServed),
    (Method::GET, Exact("/.well-known/openid-configuration"), Served(Route::OpenIdConfiguration)),
    (Method::GET, Exact(JWKS_PATH), Served(Route::Jwks)),
    (Method::GET, Exact("/events/v1/subscriptions"), Served(Route::ListSubscriptions)),
    (Method::POST, wild("/events/v1/subscriptions", ""), Served(Route::CreateSubscription)),
    (Method::DELETE, wild("/events/v1/subscriptions", ""), Served(Route::DeleteSubscription)),
    (Method::POST, Exact("/query"), Served(Route::GraphqlCatalog)),
];

/// The call, or the gateway's answer to what is none: 404 for a path, 501 for a method (FACTS §2.8).
pub(crate) fn find(method: &Method, path: &str) -> Result<Matched, Status> {
    let mut path_is_known = false;
    for (of, pattern, target) in TABLE {
        let Some(parameter) = pattern.parameter(path) else { continue };
        path_is_known = true;
        if of != method {
            continue;
        }
        return match target {
            Served(route) => Ok(Matched { route: *route, parameter: parameter.to_owned() }),
            NotServed => Err(Status::new(Code::Unimplemented, "fake-chainguard does not serve this call")),
        };
    }
    Err(if path_is_known {
        Status::new(Code::Unimplemented, "Method Not Allowed")
    } else {
        Status::not_found("Not Found")
    })
}

impl Pattern {
    /// The parameter of a path that matches; empty for an exact one.
    fn parameter(self, path: &str) -> Option<&str> {
        match self {
            Self::Exact(exact) => (path == exact).then_some(""),
            Self::Wild { prefix, suffix } => {
                let rest = path.strip_prefix(prefix)?;
                if rest.is_empty() && suffix.is_empty() {
                    return Some("");
                }
                rest.strip_prefix('/')?.strip_suffix(suffix)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORG: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

    fn route(method: &Method, path: &str) -> Option<(Route, String)> {
        find(method, path).ok().map(|matched| (matched.route, matched.parameter))
    }

    #[test]
    fn parameters_span_slashes_and_end_before_the_verb() {
        let id = format!("{ORG}/0f1e2d3c4b5a6978");
        for (method, path, expected) in [
            (Method::PUT, format!("/registry/v1/repos/{id}"), Route::UpdateRepo),
            (Method::GET, format!("/registry/v1/repos/{id}:syncstatus"), Route::SyncStatus),
            (Method::GET, format!("/registry/v1/entitlements/{id}/images"), Route::EntitlementImages),
            (Method::GET, format!("/registry/v1/entitlements/{id}:effective"), Route::Effective),
            (Method::GET, format!("/registry/v1/entitlements/{id}"), Route::ListEntitlements),
        ] {
            assert_eq!(route(&method, &path), Some((expected, id.clone())), "{path}");
        }
    }

    #[test]
    fn an_unknown_path_is_not_found_and_a_wrong_method_is_unimplemented() {
        let code = |method: &Method, path: &str| find(method, path).unwrap_err().code();
        for path in ["/repos", "/registry/v1/repositories", "/registry/v1/tag", "/", "/registry/v3/repos"] {
            assert_eq!(code(&Method::GET, path), Code::NotFound, "{path}");
        }
        assert_eq!(code(&Method::GET, "/registry/v1/repos/x"), Code::Unimplemented);
        assert_eq!(code(&Method::GET, "/registry/v1/tags/x/y"), Code::Unimplemented);
        assert_eq!(code(&Method::PATCH, "/registry/v1/repos/x"), Code::Unimplemented);
        assert_eq!(code(&Method::POST, "/iam/v1/groups"), Code::Unimplemented);
        assert_eq!(code(&Method::POST, "/registry/v2/repos/x"), Code::Unimplemented);
    }

    #[test]
    fn a_verb_that_is_not_known_is_part_of_the_parameter() {
        assert_eq!(
            route(&Method::POST, "/registry/v1/repos/x:addCharts"),
            Some((Route::CreateRepo, "x:addCharts".to_owned()))
        );
    }
}

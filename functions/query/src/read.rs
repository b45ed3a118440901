//! Requests, their events, lists of them, the catalog, and the API's description.

use domain::api::{CatalogEntry, CatalogList, EventList, OrganizationView, RequestList, RequestView};
use domain::catalog::{CatalogImage, CatalogTier};
use domain::image::RepositoryName;
use domain::journal;
use domain::listing::{ListFilter, PageSize, Position};
use domain::ports::{Clock, ListRequests, LoadCatalog, LoadRequest, ReadJournal};
use domain::problem::{Problem, ProblemType};
use domain::request::Status;
use domain::text::TeamName;
use lambda::catalog::CatalogCache;
use lambda::http::{Answer, Call};
use lambda::problem::{ApiError, sentence};
use lambda::settings::Settings;

/// The description that is made from the code and checked in.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

/// The longest catalog query that is searched for, in bytes.
const MAX_QUERY_BYTES: usize = 200;

/// Shows a request.
#[utoipa::path(
    get,
    path = "/request/{id}",
    tag = "requests",
    operation_id = "showRequest",
    params(("id" = String, Path, description = "The request's id.")),
    responses(
        (status = 200, description = "The request.", body = RequestView),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`, `route-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn show_request<S: LoadRequest + Sync>(
    store: &S,
    settings: &Settings,
    call: &Call,
) -> Result<Answer, ApiError> {
    call.principal()?;
    let id = call.request_id()?;
    let stored = store.load_request(id).await?.ok_or_else(|| not_found(&id))?;
    let view = RequestView::new(&stored, &settings.policy, &settings.organization, &settings.public_url);
    Ok(Answer::json(200, &view))
}

/// Shows all that happened to a request.
#[utoipa::path(
    get,
    path = "/request/{id}/events",
    tag = "requests",
    operation_id = "listEvents",
    params(("id" = String, Path, description = "The request's id.")),
    responses(
        (status = 200, description = "Its audit records, in order.", body = EventList),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`request-not-found`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list_events<S: ReadJournal + Sync>(store: &S, call: &Call) -> Result<Answer, ApiError> {
    call.principal()?;
    let id = call.request_id()?;
    let events = store.read_journal(id).await?;
    if events.is_empty() {
        return Err(not_found(&id));
    }
    let chain_intact = journal::verify(&events).is_ok();
    if !chain_intact {
        tracing::error!(function = "query", request_id = %id, "the audit chain of {id} is broken");
    }
    Ok(Answer::json(200, &EventList { events, chain_intact }))
}

/// Lists requests, newest first: by status, team, requester, image or any of them together; one's own unless asked
/// otherwise.
#[utoipa::path(
    get,
    path = "/requests",
    tag = "requests",
    operation_id = "listRequests",
    params(
        ("status" = Option<Status>, Query, description = "Only of this status."),
        ("team" = Option<String>, Query, description = "Only for this team."),
        ("requester" = Option<String>, Query, description = "Only of this requester: an e-mail address, or `me`."),
        ("image" = Option<String>, Query, description = "Only for this image of the catalog: its name, such as `python`, without a tag."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Requests a page; 25 unless said otherwise."),
        ("cursor" = Option<String>, Query, description = "Where the page starts: `cursor` of the page before."),
    ),
    responses(
        (status = 200, description = "A page.", body = RequestList),
        (status = 400, description = "`invalid-parameter`, `invalid-cursor`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn list_requests<S: ListRequests + Sync>(
    store: &S,
    settings: &Settings,
    call: &Call,
) -> Result<Answer, ApiError> {
    let caller = call.principal()?.person.email.to_lowercase();
    call.only_query(&["status", "team", "requester", "image", "limit", "cursor"])?;
    let mut filter = ListFilter {
        status: call.query("status").map(status).transpose()?,
        team: call.query("team").map(TeamName::new).transpose().map_err(|error| invalid("team", &error))?,
        requester: call.query("requester").map(|requester| match requester {
            "me" => caller.clone(),
            email => email.to_lowercase(),
        }),
        image: call
            .query("image")
            .map(str::parse::<RepositoryName>)
            .transpose()
            .map_err(|error| invalid("image", &error))?,
    };
    if filter.index().is_none() {
        filter.requester = Some(caller);
    }
    let size: PageSize =
        call.query("limit").map(str::parse).transpose().map_err(|error| invalid("limit", &error))?.unwrap_or_default();
    let after =
        call.query("cursor").map(|cursor| Position::from_cursor(cursor, &filter)).transpose().map_err(|error| {
            Problem::new(ProblemType::InvalidCursor, sentence(&error.to_string())).about_field("cursor")
        })?;
    let page = store.list_requests(&filter, size, after).await?;
    let show = |stored| RequestView::new(stored, &settings.policy, &settings.organization, &settings.public_url);
    let list = RequestList {
        requests: page.requests.iter().map(show).collect(),
        cursor: page.next.map(|position| position.to_cursor(&filter)),
    };
    Ok(Answer::json(200, &list))
}

/// Searches Chainguard's catalog by name and alias, best first; lists all of it without `q`. Says of every image whether
/// it can be asked for, and if not, why.
#[utoipa::path(
    get,
    path = "/catalog",
    tag = "catalog",
    operation_id = "searchCatalog",
    params(
        ("q" = Option<String>, Query, description = "What is looked for: `postgres`, `docker.io/library/nginx`, `node:20`."),
        ("tier" = Option<CatalogTier>, Query, description = "Only images of this tier of Chainguard's, such as `BASE`; in lower case too."),
        ("entitled" = Option<bool>, Query, description = "Only images that the organisation's plan includes (`true`), or only those that it does not (`false`). Where that is not known, neither."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Images in the answer; 25 unless said otherwise."),
    ),
    responses(
        (status = 200, description = "What fits.", body = CatalogList),
        (status = 400, description = "`invalid-parameter`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`token-missing`, `token-expired`, `token-invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`internal-error`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`catalog-unavailable`, `service-unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub async fn search_catalog<S, C>(
    store: &S,
    catalog: &CatalogCache,
    clock: &C,
    settings: &Settings,
    call: &Call,
) -> Result<Answer, ApiError>
where
    S: LoadCatalog + Sync,
    C: Clock + Sync,
{
    call.principal()?;
    call.only_query(&["q", "tier", "entitled", "limit"])?;
    let size: PageSize =
        call.query("limit").map(str::parse).transpose().map_err(|error| invalid("limit", &error))?.unwrap_or_default();
    let query = call.query("q").unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        let detail = format!("Search for at most {MAX_QUERY_BYTES} bytes.");
        return Err(Problem::new(ProblemType::InvalidParameter, detail).about_field("q").into());
    }
    let wanted_tier = call.query("tier").map(tier).transpose()?;
    let wanted_coverage = call.query("entitled").map(entitled).transpose()?;
    let catalog = catalog.get(store, clock.now()).await?;
    let fits = |image: &CatalogImage| {
        wanted_tier.is_none_or(|tier| tier == image.catalog_tier)
            && wanted_coverage.is_none_or(|wanted| wanted == catalog.covers(image).is_included())
    };
    let hits: Vec<&CatalogImage> =
        catalog.search(query).into_iter().map(|hit| hit.image).filter(|image| fits(image)).collect();
    let limit = settings.repository_limit;
    let shown = hits.iter().take(usize::try_from(size.get()).unwrap_or(usize::MAX));
    let list = CatalogList {
        total: hits.len(),
        images: shown.map(|image| CatalogEntry::new(image, &catalog, &settings.organization, limit)).collect(),
        fetched_at: catalog.fetched_at,
        organization: OrganizationView::new(&catalog, limit),
    };
    Ok(Answer::json(200, &list))
}

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "meta",
    operation_id = "openapi",
    responses((status = 200, description = "The OpenAPI description of this API.", content_type = "application/json"))
)]
#[must_use]
pub fn openapi() -> Answer {
    Answer::text(200, "application/json", OPENAPI)
}

fn not_found(id: &domain::id::RequestId) -> ApiError {
    Problem::new(ProblemType::RequestNotFound, format!("There is no request {id}.")).about_request(*id).into()
}

fn invalid(field: &str, error: &dyn std::error::Error) -> ApiError {
    Problem::new(ProblemType::InvalidParameter, sentence(&error.to_string())).about_field(field).into()
}

fn tier(text: &str) -> Result<CatalogTier, ApiError> {
    let tier = CatalogTier::ALL.into_iter().find(|tier| tier.as_str().eq_ignore_ascii_case(text));
    tier.ok_or_else(|| {
        let known: Vec<&str> = CatalogTier::ALL.iter().map(|tier| tier.as_str()).collect();
        let detail = format!("A tier is one of {}.", known.join(", "));
        Problem::new(ProblemType::InvalidParameter, detail).about_field("tier").into()
    })
}

/// What [`Coverage::is_included`](domain::entitlement::Coverage::is_included) has to say.
fn entitled(text: &str) -> Result<Option<bool>, ApiError> {
    match text {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(Problem::new(ProblemType::InvalidParameter, "Say `true` or `false`.").about_field("entitled").into()),
    }
}

fn status(text: &str) -> Result<Status, ApiError> {
    Status::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        let known: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        let detail = format!("A status is one of {}.", known.join(", "));
        Problem::new(ProblemType::InvalidParameter, detail).about_field("status").into()
    })
}

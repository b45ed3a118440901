//! What is known about the image that is asked for: what the catalog says, what the organisation has, who else has
//! asked. It informs and never decides. What cannot be read in time is not known.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::capacity::RepositoryLimit;
use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::entitlement::Coverage;
use domain::image::RepositoryName;
use domain::listing::{ListFilter, Page, PageSize};
use domain::ports::{ListRequests, LoadCatalog};
use domain::request::{Status, Submission};
use domain::time::Timestamp;
use lambda::batch::chain;
use lambda::catalog::CatalogCache;

/// How long anybody waits for evidence.
const PATIENCE: Duration = Duration::from_secs(3);
/// Requests for the same image that are shown, at most.
const SHOWN_REQUESTS: usize = 5;
/// What the catalog's name of a FIPS image ends with.
const FIPS_SUFFIX: &str = "-fips";

/// What is known. `None`: not known at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// What the catalog says about the image.
    pub(crate) image: Option<ImageEvidence>,
    /// What the organisation has.
    pub(crate) organization: Option<OrganizationEvidence>,
    /// Who else has asked for the image.
    pub(crate) requests: Option<RequestEvidence>,
}

/// What the catalog says about the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageEvidence {
    /// When the catalog was fetched.
    pub(crate) fetched_at: Timestamp,
    /// The image; `None` if the catalog does not offer it any more.
    pub(crate) listed: Option<Listed>,
}

/// An image of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its tier.
    pub(crate) tier: CatalogTier,
    /// Whether there is a validated variant.
    pub(crate) fips: Fips,
    /// Whether the tag that was asked for is kept up to date.
    pub(crate) tag: TagEvidence,
    /// Whether the organisation's plan includes it.
    pub(crate) coverage: Coverage,
    /// What it is called elsewhere.
    pub(crate) aliases: Vec<String>,
}

/// Whether there is a FIPS-validated variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fips {
    /// This is it.
    This,
    /// There is one, under this name.
    Variant(RepositoryName),
    /// There is none.
    None,
}

/// Whether a tag is kept up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TagEvidence {
    /// It is.
    Active,
    /// It is not; these are.
    NotActive(Vec<String>),
    /// The catalog does not say which tags are.
    NotSaid,
}

/// What the organisation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrganizationEvidence {
    /// When that was looked at.
    pub(crate) fetched_at: Timestamp,
    /// Whether it has a repository of the name that is asked for.
    pub(crate) has_repository: bool,
    /// How many repositories it has.
    pub(crate) repositories: u64,
    /// How many it may have.
    pub(crate) limit: u64,
}

/// Requests for the same image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestEvidence {
    /// The newest.
    pub(crate) newest: Vec<OtherRequest>,
    /// Whether there are more.
    pub(crate) more: bool,
    /// Other names under which the image was added.
    pub(crate) available_as: Vec<RepositoryName>,
}

/// A request for the same image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherRequest {
    /// Who asked.
    pub(crate) requester: String,
    /// For which team.
    pub(crate) team: String,
    /// What became of it.
    pub(crate) status: Status,
    /// When.
    pub(crate) submitted_at: Timestamp,
}

/// Reads the catalog, for no longer than anybody waits.
pub(crate) async fn catalog<S>(store: &S, cache: &CatalogCache, now: Timestamp) -> Option<Arc<Catalog>>
where
    S: LoadCatalog + Sync,
{
    // Why not is in the log.
    in_time(async { cache.get(store, now).await.ok() }).await
}

/// Lists the newest requests for the image of `submission`, for no longer than anybody waits.
pub(crate) async fn requests<S>(store: &S, submission: &Submission) -> Option<Page>
where
    S: ListRequests + Sync,
{
    let image = Some(submission.image.name.clone());
    let filter = ListFilter { status: None, team: None, requester: None, image };
    in_time(async {
        let page = store.list_requests(&filter, PageSize::default(), None).await;
        page.inspect_err(|error| tracing::warn!(function = "approval", error = %chain(error), "{error}")).ok()
    })
    .await
}

async fn in_time<T>(reading: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| {
        tracing::warn!(function = "approval", "failed to read evidence in time");
        None
    })
}

impl Evidence {
    /// What catalog and requests say about a submission.
    pub(crate) fn new(
        submission: &Submission,
        catalog: Option<&Catalog>,
        limit: RepositoryLimit,
        requests: Option<&Page>,
    ) -> Self {
        let fetched_at = catalog.map(|catalog| catalog.fetched_at);
        Self {
            image: catalog.zip(fetched_at).map(|(catalog, fetched_at)| ImageEvidence {
                fetched_at,
                listed: catalog.find(&submission.image.name).map(|image| Listed::new(image, submission, catalog)),
            }),
            organization: catalog.and_then(Catalog::repositories).map(|repositories| OrganizationEvidence {
                fetched_at: repositories.listed_at,
                has_repository: repositories.contains(submission.repository_name()),
                repositories: repositories.total,
                limit: limit.get(),
            }),
            requests: requests.map(|page| RequestEvidence::new(submission, page)),
        }
    }
}

impl Listed {
    fn new(image: &CatalogImage, submission: &Submission, catalog: &Catalog) -> Self {
        let name = image.name.as_str();
        let variant = || format!("{name}{FIPS_SUFFIX}").parse().ok().filter(|variant| catalog.find(variant).is_some());
        let fips = if image.catalog_tier == CatalogTier::Fips || name.ends_with(FIPS_SUFFIX) {
            Fips::This
        } else {
            variant().map_or(Fips::None, Fips::Variant)
        };
        let tag = submission.image.tag.as_str();
        Self {
            tier: image.catalog_tier,
            fips,
            tag: match image.active_tags.as_slice() {
                [] => TagEvidence::NotSaid,
                active if active.iter().any(|known| known == tag) => TagEvidence::Active,
                active => TagEvidence::NotActive(active.to_vec()),
            },
            coverage: catalog.covers(image),
            aliases: image.aliases.clone(),
        }
    }
}

impl RequestEvidence {
    fn new(submission: &Submission, page: &Page) -> Self {
        let others =
            || page.requests.iter().map(|stored| &stored.request).filter(|it| it.submission.id != submission.id);
        let mut available_as: Vec<RepositoryName> = others()
            .filter(|request| request.status() == Status::Available)
            .map(|request| request.submission.repository_name().clone())
            .filter(|name| name != submission.repository_name())
            .collect();
        available_as.sort();
        available_as.dedup();
        Self {
            newest: others()
                .take(SHOWN_REQUESTS)
                .map(|request| OtherRequest {
                    requester: request.submission.requester.email.clone(),
                    team: request.submission.team.to_string(),
                    status: request.status(),
                    submitted_at: request.submission.submitted_at,
                })
                .collect(),
            more: page.next.is_some() || others().nth(SHOWN_REQUESTS).is_some(),
            available_as,
        }
    }
}

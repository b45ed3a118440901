//! Whether an approved request may have its repository: what has changed since it was asked for, and whether there is
//! room. Nothing here changes anything.

use domain::capacity::{Capacity, RepositoryLimit, Vacancy};
use domain::catalog::Catalog;
use domain::entitlement::Coverage;
use domain::ports::{
    CountRepositories, FindRepository, LoadCatalog, PortError, ReadEntitlement, ReadPlaces, StoredRequest,
};
use domain::registry::Repositories;
use domain::request::{Failure, Phase, Submission};
use domain::time::Timestamp;
use lambda::catalog::CatalogCache;

use crate::failure;
use crate::provision::find_in_a_moment;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Its repository is added, with a place where places are scarce.
    Add(Option<Vacancy>),
    /// It is not.
    Refuse(Failure),
    /// It shows when another request has its repository.
    Wait,
}

/// Admits the request or not.
///
/// The snapshot of the catalog is at most some minutes old and says what is offered. That the plan does not include an
/// image is believed to Chainguard alone. What is not known refuses nothing: Chainguard has the last word.
pub(crate) async fn admit<S, G>(
    store: &S,
    chainguard: &G,
    catalog: &CatalogCache,
    limit: RepositoryLimit,
    stored: &StoredRequest,
    now: Timestamp,
) -> Result<Admission, PortError>
where
    S: LoadCatalog + ReadPlaces + Sync,
    G: FindRepository + CountRepositories + ReadEntitlement + Sync,
{
    let request = &stored.request;
    let submission = &request.submission;
    if request.holds_place() {
        return Ok(Admission::Add(None));
    }
    // Whoever held the lease before may have added the repository, and then nothing is to be admitted any more.
    if matches!(request.phase, Phase::Provisioning { .. }) && find_in_a_moment(chainguard, submission).await.is_some() {
        return Ok(Admission::Add(None));
    }
    let catalog = catalog.get(store, now).await.ok();
    if let Some(catalog) = &catalog
        && let Some(failure) = not_offered(chainguard, catalog, submission).await
    {
        return Ok(Admission::Refuse(failure));
    }
    // In this order: a place that is given back in between makes the count too old.
    let places = store.read_places().await?;
    let counted = match chainguard.count_repositories().await {
        Ok(counted) => counted,
        Err(error) => return Ok(Admission::Refuse(failure::of(&error))),
    };
    Ok(match Capacity::of(limit, places, counted) {
        Capacity::Ample => Admission::Add(None),
        Capacity::Tight(vacancy) => Admission::Add(Some(vacancy)),
        Capacity::Unclear => Admission::Wait,
        // An earlier round may have added it. Otherwise there is none to be added.
        Capacity::Exhausted => match chainguard.find_repository(submission.repository_name()).await {
            Ok(Some(found)) if found.made_for() == Some(submission.id) => Admission::Add(None),
            Ok(Some(_)) => Admission::Refuse(failure::duplicate(submission.repository_name())),
            Ok(None) => {
                let advice = catalog.as_deref().and_then(Catalog::repositories).map(Repositories::clean_up_advice);
                Admission::Refuse(failure::limit_reached(counted, limit, &advice.unwrap_or_default()))
            }
            Err(error) => Admission::Refuse(failure::of(&error)),
        },
    })
}

/// Why the image cannot be had any more, if that is so.
async fn not_offered<G>(chainguard: &G, catalog: &Catalog, submission: &Submission) -> Option<Failure>
where
    G: ReadEntitlement,
{
    let Some(image) = catalog.find(&submission.image.name) else {
        return Some(failure::not_in_catalog(&submission.image.name, &catalog.suggest(submission.image.name.as_str())));
    };
    let tag = submission.image.tag.as_str();
    if !image.active_tags.is_empty() && !image.active_tags.iter().any(|active| active == tag) {
        return Some(failure::tag_not_offered(&submission.image, &image.active_tags));
    }
    if catalog.covers(image) != Coverage::NotIncluded {
        return None;
    }
    // The plan may have been extended since.
    let entitlement = chainguard.read_entitlement().await.ok()?;
    (entitlement.covers(&image.name, image.catalog_tier) == Coverage::NotIncluded)
        .then(|| failure::not_entitled(&image.name, image.catalog_tier, &entitlement))
}

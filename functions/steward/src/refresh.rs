//! The catalog snapshot: what Chainguard offers and what the organisation has.

use domain::catalog::Catalog;
use domain::ports::{Clock, FetchCatalog, ListRepositories, LoadCatalog, SaveCatalog};
use lambda::batch::chain;
use lambda::function::Error;

use crate::Report;

/// Fetches both and replaces what could be fetched; of what could not, the last good look stays.
///
/// What is offered needs no credential, so a deployment without one can be asked for images already. Fails if nothing
/// could be fetched, or if there has never been a look at what is offered.
pub async fn refresh<S, G, C>(store: &S, chainguard: &G, clock: &C) -> Result<Report, Error>
where
    S: LoadCatalog + SaveCatalog + Sync,
    G: FetchCatalog + ListRepositories + Sync,
    C: Clock + Sync,
{
    // Before the calls: what happens meanwhile may not be in what they return.
    let fetched_at = clock.now();
    let (images, repositories, last) =
        futures_util::join!(chainguard.fetch_catalog(), chainguard.list_repositories(), store.load_catalog());
    let mut errors = Vec::new();
    let images = match images {
        Ok(images) if images.is_empty() => {
            errors.push("Chainguard's catalog came back empty".to_owned());
            None
        }
        Ok(images) => Some(images),
        Err(error) => {
            errors.push(format!("failed to fetch Chainguard's catalog: {}", chain(&error)));
            None
        }
    };
    let repositories = repositories
        .map_err(|error| errors.push(format!("failed to list the organisation's repositories: {}", chain(&error))))
        .ok();
    if images.is_none() && repositories.is_none() {
        return Err(format!("the last good catalog stays: {}", errors.join("; ")).into());
    }
    // Only what could not be fetched is taken from it.
    let last = if errors.is_empty() { None } else { last? };
    let catalog = match (images, last) {
        (Some(images), Some(last)) => last.with_images(fetched_at, images),
        (Some(images), None) => Catalog::of_images(fetched_at, images),
        (None, Some(last)) => last,
        (None, None) => return Err(errors.join("; ").into()),
    };
    let catalog = match repositories {
        Some(repositories) => catalog.with_repositories(fetched_at, repositories),
        None => catalog,
    };
    store.save_catalog(&catalog).await?;
    for error in &errors {
        tracing::warn!(function = "steward", error, "what was known before stays: {error}");
    }
    Ok(Report { seen: catalog.images().len(), failed: errors.len() })
}

#[cfg(test)]
mod tests;

//! The catalog snapshot: what Chainguard offers and what the organisation has.

use domain::catalog::Catalog;
use domain::ports::{Clock, FetchCatalog, ListRepositories, SaveCatalog};
use lambda::function::Error;

use crate::Report;

/// Fetches both and replaces the snapshot. If either fails, the last good snapshot stays.
pub async fn refresh<S, G, C>(store: &S, chainguard: &G, clock: &C) -> Result<Report, Error>
where
    S: SaveCatalog + Sync,
    G: FetchCatalog + ListRepositories + Sync,
    C: Clock + Sync,
{
    // Before the calls: what happens meanwhile may not be in what they return.
    let fetched_at = clock.now();
    let images = chainguard.fetch_catalog().await?;
    if images.is_empty() {
        return Err("Chainguard's catalog came back empty; the last good one stays".into());
    }
    let repositories = chainguard.list_repositories().await?;
    let catalog = Catalog::new(fetched_at, images, repositories);
    store.save_catalog(&catalog).await?;
    Ok(Report { seen: catalog.images().len(), failed: 0 })
}

//! The catalog snapshot: what Chainguard offers, what the organisation has, and what it is entitled to.

use domain::catalog::Catalog;
use domain::ports::{
    ChainguardError, Clock, CountRepositories, FetchCatalog, ListRepositories, LoadCatalog, ReadEntitlement,
    ReadTokenEnd, SaveCatalog,
};
use domain::registry::Repositories;
use domain::time::Timestamp;
use lambda::batch::chain;
use lambda::function::Error;
use lambda::metrics::{Measure, Metric};

use crate::Report;

/// Fetches all three and replaces what could be fetched; of what could not, the last good look stays.
///
/// What is offered needs no credential, so a deployment without one can be asked for images already. Fails if nothing
/// could be fetched, or if there has never been a look at what is offered. How old each part is becomes a metric, and so
/// does how long a stored token is good.
pub async fn refresh<S, G, M, C>(store: &S, chainguard: &G, metrics: &M, clock: &C) -> Result<Report, Error>
where
    S: LoadCatalog + SaveCatalog + Sync,
    G: FetchCatalog + ListRepositories + CountRepositories + ReadEntitlement + ReadTokenEnd + Sync,
    M: Measure + Sync,
    C: Clock + Sync,
{
    // Before the calls: what happens meanwhile may not be in what they return.
    let fetched_at = clock.now();
    let (images, listed, counted, entitlement, token_end, last) = futures_util::join!(
        chainguard.fetch_catalog(),
        chainguard.list_repositories(),
        chainguard.count_repositories(),
        chainguard.read_entitlement(),
        chainguard.stored_token_end(),
        store.load_catalog()
    );
    if let Ok(Some(end)) = token_end {
        metrics.measure(Metric::StoredTokenRemaining, end.since(fetched_at).as_secs(), fetched_at);
    }
    let mut failures = Failures::default();
    let images = failures.sieve("fetch Chainguard's catalog", images).filter(|images| {
        if images.is_empty() {
            failures.0.push("Chainguard's catalog came back empty".to_owned());
        }
        !images.is_empty()
    });
    let listed = failures.sieve("list the organisation's repositories", listed);
    let counted = failures.sieve("count the organisation's repositories", counted);
    let entitlement = failures.sieve("read what the organisation is entitled to", entitlement);
    let Failures(failures) = failures;

    let last = match last {
        Ok(last) => last,
        // Only what could not be fetched is taken from it.
        Err(error) if failures.is_empty() => {
            tracing::warn!(function = "steward", error = %chain(&error), "failed to read the last catalog; a whole one replaces it");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let nothing = images.is_none() && listed.is_none() && entitlement.is_none();
    let catalog = match (images, last) {
        _ if nothing => None,
        (Some(images), Some(last)) => Some(last.with_images(fetched_at, images)),
        (Some(images), None) => Some(Catalog::of_images(fetched_at, images)),
        (None, last) => last,
    };
    let Some(mut catalog) = catalog else {
        return Err(format!("the last good catalog stays: {}", failures.join("; ")).into());
    };
    if let (Some(listed), Some(counted)) = (listed, counted) {
        catalog = catalog.with_repositories(Repositories::new(fetched_at, listed, counted));
    }
    if let Some(entitlement) = entitlement {
        catalog = catalog.with_entitlement(fetched_at, entitlement);
    }
    store.save_catalog(&catalog).await?;
    for error in &failures {
        tracing::warn!(function = "steward", error, "what was known before stays: {error}");
    }
    measure_ages(&catalog, metrics, clock.now());
    Ok(Report { seen: catalog.images().len(), failed: failures.len() })
}

/// What could not be fetched, in words.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    fn sieve<T>(&mut self, operation: &str, fetched: Result<T, ChainguardError>) -> Option<T> {
        fetched.map_err(|error| self.0.push(format!("failed to {operation}: {}", chain(&error)))).ok()
    }
}

fn measure_ages<M: Measure>(catalog: &Catalog, metrics: &M, now: Timestamp) {
    let repositories = catalog.repositories();
    let looks = [
        (Metric::CatalogAge, Some(catalog.fetched_at)),
        (Metric::RepositoriesAge, repositories.map(|repositories| repositories.listed_at)),
        (Metric::EntitlementAge, catalog.entitlement().map(|known| known.read_at)),
    ];
    for (metric, at) in looks {
        if let Some(at) = at {
            metrics.measure(metric, now.since(at).as_secs(), now);
        }
    }
    if let Some(repositories) = repositories {
        metrics.measure(Metric::Repositories, repositories.total, now);
    }
}

#[cfg(test)]
mod tests;

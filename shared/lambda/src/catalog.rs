//! The catalog snapshot, kept in memory between invocations.

use std::sync::Arc;
use std::time::Duration;

use domain::catalog::Catalog;
use domain::ports::LoadCatalog;
use domain::problem::{Problem, ProblemType};
use domain::time::Timestamp;
use tokio::sync::Mutex;

use crate::batch::chain;
use crate::problem::ApiError;

/// How old what is in memory may be before the store is asked again.
const MAX_AGE: Duration = Duration::from_mins(1);

/// Seconds after which a client may try again while there is no catalog yet.
const RETRY_AFTER_SECONDS: u64 = 30;

/// A snapshot and when it was read from the store.
#[derive(Debug, Default)]
pub struct CatalogCache(Mutex<Option<(Timestamp, Arc<Catalog>)>>);

impl CatalogCache {
    /// The snapshot. When the store does not answer, the one in memory stays in use, however old: it was good when
    /// it was fetched, and its age is part of it.
    pub async fn get<S: LoadCatalog>(&self, store: &S, now: Timestamp) -> Result<Arc<Catalog>, ApiError> {
        // Held while the store is asked, so that many callers ask it once.
        let mut cached = self.0.lock().await;
        if let Some((read_at, catalog)) = cached.as_ref()
            && now.since(*read_at) < MAX_AGE
        {
            return Ok(Arc::clone(catalog));
        }
        match (store.load_catalog().await, cached.as_ref()) {
            (Ok(Some(catalog)), _) => {
                let catalog = Arc::new(catalog);
                *cached = Some((now, Arc::clone(&catalog)));
                Ok(catalog)
            }
            (Ok(None), Some((_, catalog))) => Ok(Arc::clone(catalog)),
            (Err(error), Some((_, catalog))) => {
                tracing::warn!(error = %chain(&error), "failed to refresh the catalog; the one in memory stays in use");
                Ok(Arc::clone(catalog))
            }
            (Ok(None), None) => Err(Problem::new(
                ProblemType::CatalogUnavailable,
                "Chainguard's catalog has not been fetched yet; that happens within minutes of a deployment. Try again.",
            )
            .retry_after(RETRY_AFTER_SECONDS)
            .into()),
            (Err(error), None) => Err(error.into()),
        }
    }
}

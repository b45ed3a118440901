use std::sync::Mutex;

use domain::catalog::{CatalogImage, CatalogTier};
use domain::entitlement::Entitlement;
use domain::ports::{ChainguardError, PortError};
use domain::registry::ListedRepository;
use domain::time::Timestamp;

use super::*;

/// A store of one snapshot, a Chainguard that answers or not, and a clock that stands still.
#[derive(Default)]
struct World {
    saved: Mutex<Option<Catalog>>,
    images: Option<Vec<&'static str>>,
    repositories: Option<Vec<&'static str>>,
    plan: Option<&'static str>,
    token_end: Option<i64>,
    measured: Mutex<Vec<(Metric, u64)>>,
    now: i64,
}

impl LoadCatalog for World {
    async fn load_catalog(&self) -> Result<Option<Catalog>, PortError> {
        Ok(self.saved.lock().unwrap().clone())
    }
}

impl SaveCatalog for World {
    async fn save_catalog(&self, catalog: &Catalog) -> Result<(), PortError> {
        *self.saved.lock().unwrap() = Some(catalog.clone());
        Ok(())
    }
}

impl FetchCatalog for World {
    async fn fetch_catalog(&self) -> Result<Vec<CatalogImage>, ChainguardError> {
        let names = self.images.as_ref().ok_or_else(|| ChainguardError::Unavailable("no".into()))?;
        Ok(names.iter().map(|name| image(name)).collect())
    }
}

impl ListRepositories for World {
    async fn list_repositories(&self) -> Result<Vec<ListedRepository>, ChainguardError> {
        let names = self.repositories.as_ref().ok_or_else(|| ChainguardError::Credential("none".into()))?;
        Ok(names.iter().map(|name| (*name).to_owned().into()).collect())
    }
}

impl CountRepositories for World {
    async fn count_repositories(&self) -> Result<u64, ChainguardError> {
        // One of them is a folder's.
        Ok(u64::try_from(self.list_repositories().await?.len()).unwrap() + 1)
    }
}

impl ReadEntitlement for World {
    async fn read_entitlement(&self) -> Result<Entitlement, ChainguardError> {
        let plan = self.plan.ok_or_else(|| ChainguardError::Credential("none".into()))?;
        Ok(Entitlement { plan: plan.to_owned(), ..Entitlement::default() })
    }
}

impl ReadTokenEnd for World {
    async fn stored_token_end(&self) -> Result<Option<Timestamp>, ChainguardError> {
        Ok(self.token_end.map(Timestamp::from_millisecond))
    }
}

impl Measure for World {
    fn measure(&self, metric: Metric, value: u64, _: Timestamp) {
        self.measured.lock().unwrap().push((metric, value));
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now)
    }
}

fn image(name: &str) -> CatalogImage {
    CatalogImage {
        name: name.parse().unwrap(),
        catalog_tier: CatalogTier::Application,
        aliases: Vec::new(),
        active_tags: Vec::new(),
    }
}

impl World {
    async fn refresh(&self) -> Result<Report, Error> {
        refresh(self, self, self, self).await
    }

    fn measured(&self) -> Vec<(Metric, u64)> {
        std::mem::take(&mut *self.measured.lock().unwrap())
    }

    fn saved(&self) -> Catalog {
        self.saved.lock().unwrap().clone().unwrap()
    }
}

#[tokio::test]
async fn without_a_credential_the_catalog_is_there_and_nothing_is_said_of_the_organization() {
    let world = World { images: Some(vec!["python"]), ..World::default() };
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 3 });
    assert!(world.saved().find(&"python".parse().unwrap()).is_some());
    assert_eq!((world.saved().repositories(), world.saved().entitlement()), (None, None));
    assert_eq!(world.measured(), [(Metric::CatalogAge, 0)]);
}

#[tokio::test]
async fn a_look_that_fails_grows_old_and_is_measured() {
    let mut world = World {
        images: Some(vec!["python"]),
        repositories: Some(vec!["python"]),
        plan: Some("CATALOG"),
        token_end: Some(3_600_000),
        ..World::default()
    };
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 0 });
    let ages = |catalog, repositories, entitlement| {
        let ages = [Metric::CatalogAge, Metric::RepositoriesAge, Metric::EntitlementAge];
        let ages = ages.into_iter().zip([catalog, repositories, entitlement]);
        ages.chain([(Metric::Repositories, 2)]).collect::<Vec<_>>()
    };
    let mut measured = world.measured();
    assert_eq!(measured.remove(0), (Metric::StoredTokenRemaining, 3_600));
    assert_eq!(measured, ages(0, 0, 0));

    (world.now, world.plan, world.token_end) = (60_000, None, None);
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 1 });
    assert_eq!(world.measured(), ages(0, 0, 60));
    let saved = world.saved();
    let known = saved.entitlement().unwrap();
    assert_eq!((known.entitlement.plan.as_str(), known.read_at), ("CATALOG", Timestamp::from_millisecond(0)));

    (world.now, world.images, world.repositories) = (120_000, None, None);
    world.plan = Some("PER_IMAGE");
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 3 });
    assert_eq!(world.measured(), ages(60, 60, 0));
    assert_eq!(world.saved().entitlement().unwrap().entitlement.plan, "PER_IMAGE");
}

#[tokio::test]
async fn of_what_cannot_be_fetched_the_last_good_look_stays_with_its_age() {
    let mut world = World {
        images: Some(vec!["python"]),
        repositories: Some(vec!["python"]),
        plan: Some("CATALOG"),
        ..World::default()
    };
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 0 });
    world.now = 1_000;
    world.repositories = None;
    world.images = Some(vec!["node", "python"]);
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 2, failed: 2 });
    let python = "python".parse().unwrap();
    assert!(world.saved().organization_has(&python));
    assert_eq!(world.saved().repositories().unwrap().listed_at, Timestamp::from_millisecond(0));
    assert_eq!(world.saved().fetched_at, Timestamp::from_millisecond(1_000));

    world.now = 2_000;
    world.repositories = Some(vec![]);
    // An empty catalog is no good look.
    for images in [None, Some(vec![])] {
        world.images = images;
        assert_eq!(world.refresh().await.unwrap(), Report { seen: 2, failed: 1 });
        assert_eq!(world.saved().fetched_at, Timestamp::from_millisecond(1_000));
        assert!(!world.saved().organization_has(&python));
    }
}

#[tokio::test]
async fn when_nothing_can_be_fetched_the_run_fails_and_nothing_changes() {
    let world = World::default();
    assert!(world.refresh().await.is_err());
    assert_eq!(*world.saved.lock().unwrap(), None);
    // A list of repositories is no catalog: there is nothing to ask for.
    let world = World { repositories: Some(vec!["python"]), ..World::default() };
    assert!(world.refresh().await.is_err());
    assert_eq!(*world.saved.lock().unwrap(), None);
}

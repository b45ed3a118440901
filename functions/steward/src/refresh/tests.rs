use std::sync::Mutex;

use domain::catalog::{CatalogImage, CatalogTier};
use domain::ports::{ChainguardError, PortError};
use domain::time::Timestamp;

use super::*;

/// A store of one snapshot, a Chainguard that answers or not, and a clock that stands still.
#[derive(Default)]
struct World {
    saved: Mutex<Option<Catalog>>,
    images: Option<Vec<&'static str>>,
    repositories: Option<Vec<&'static str>>,
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
    async fn list_repositories(&self) -> Result<Vec<String>, ChainguardError> {
        let names = self.repositories.as_ref().ok_or_else(|| ChainguardError::Credential("none".into()))?;
        Ok(names.iter().map(|name| (*name).to_owned()).collect())
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
        refresh(self, self, self).await
    }

    fn saved(&self) -> Catalog {
        self.saved.lock().unwrap().clone().unwrap()
    }
}

#[tokio::test]
async fn without_a_credential_the_catalog_is_there_and_nothing_is_said_of_the_organization() {
    let world = World { images: Some(vec!["python"]), ..World::default() };
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 1 });
    assert!(world.saved().find(&"python".parse().unwrap()).is_some());
    assert_eq!(world.saved().repositories_at, None);
}

#[tokio::test]
async fn of_what_cannot_be_fetched_the_last_good_look_stays_with_its_age() {
    let mut world = World { images: Some(vec!["python"]), repositories: Some(vec!["python"]), ..World::default() };
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 1, failed: 0 });
    world.now = 1_000;
    world.repositories = None;
    world.images = Some(vec!["node", "python"]);
    assert_eq!(world.refresh().await.unwrap(), Report { seen: 2, failed: 1 });
    let python = "python".parse().unwrap();
    assert!(world.saved().organization_has(&python));
    assert_eq!(world.saved().repositories_at, Some(Timestamp::from_millisecond(0)));
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

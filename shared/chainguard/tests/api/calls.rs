//! What each port does when nothing goes wrong, against the fake.

use crate::support::names;
use domain::entitlement::PlanKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::serve::ListenerExt as _;
use domain::catalog::CatalogTier;
use domain::ports::{
    ChainguardError, CreateRepository as _, FetchCatalog as _, FindRepository as _, FindRepositoryById as _,
    FindTag as _, IdentifyOrganization as _, ListRepositories as _, ReadEntitlement as _,
};
use fake_chainguard::{Catalog, Entitlement, FakeChainguard, Fault, Options, Route, Tier};

use crate::support::{EXCHANGE, Running, STORED_TOKEN, Secrets, client, name};

#[tokio::test]
async fn a_repository_is_created_from_its_source_and_found_again() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    let created = client.create_repository(&name("web"), &name("nginx"), "Added for req-1").await.unwrap();
    let nginx = Catalog::sample().image("nginx").unwrap().uidp();
    assert_eq!(
        (created.name.as_str(), created.description.as_str(), created.source),
        ("web", "Added for req-1", nginx.clone())
    );
    let stored = &running.fake.repositories()[0];
    assert_eq!((&stored.id, &stored.source.as_ref().unwrap().uidp), (&created.id, &nginx));
    let found = client.find_repository(&name("web")).await.unwrap().unwrap();
    assert_eq!((found.id, found.description, found.source), (created.id, created.description, nginx));
    assert_eq!(client.find_repository(&name("nginx")).await.unwrap(), None);
}

#[tokio::test]
async fn an_existing_repository_is_never_touched() {
    let running = Running::start(Options::default()).await;
    let before = running.fake.seed_repository("nginx", "somebody else's").unwrap();
    let created = running.client(STORED_TOKEN).create_repository(&name("nginx"), &name("python"), "ours").await;
    assert!(matches!(created, Err(ChainguardError::AlreadyExists(_))), "{created:?}");
    assert_eq!(running.fake.repositories(), [before]);
    assert_eq!(running.count(Route::CreateRepo), 1);
}

#[tokio::test]
async fn what_the_platform_will_not_create_is_told_apart() {
    let running = Running::start(Options { repository_limit: 1, ..Options::default() }).await;
    let client = running.client(STORED_TOKEN);
    let unknown = client.create_repository(&name("web"), &name("no-such-image"), "").await;
    assert!(matches!(unknown, Err(ChainguardError::NotFound(_))), "{unknown:?}");
    let malformed = client.create_repository(&name("web"), &name("nginx"), "two\nlines").await;
    assert!(matches!(malformed, Err(ChainguardError::Refused(_))), "{malformed:?}");
    running.fake.seed_repository("one", "").unwrap();
    let full = client.create_repository(&name("web"), &name("nginx"), "").await;
    assert!(matches!(full, Err(ChainguardError::QuotaExceeded(_))), "{full:?}");
    running.fake.set_entitlement(Entitlement::Absent);
    let denied = client.create_repository(&name("web"), &name("nginx"), "").await;
    assert!(matches!(denied, Err(ChainguardError::Denied(_))), "{denied:?}");
    assert_eq!(running.count(Route::CreateRepo), 4, "none of these is tried again");
}

#[tokio::test]
async fn all_pages_of_the_organisations_repositories_are_listed() {
    let running = Running::start(Options::default()).await;
    let all: Vec<String> = (0..450).map(|number| format!("image-{number:03}")).collect();
    for name in &all {
        running.fake.seed_repository(name, "").unwrap();
    }
    running.fake.seed_repository_of_another_organization("foreign").unwrap();
    assert_eq!(names(running.client(STORED_TOKEN).list_repositories().await.unwrap()), all);
    assert_eq!(running.count(Route::ListReposV2), 3);
}

#[tokio::test]
async fn an_organisation_without_repositories_has_an_empty_list() {
    let running = Running::start(Options::default()).await;
    assert_eq!(names(running.client(STORED_TOKEN).list_repositories().await.unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn a_tag_is_there_once_the_platform_has_it() {
    let running = Running::start(Options { polls_until_tags: 2, ..Options::default() }).await;
    let client = running.client(STORED_TOKEN);
    let id = client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap().id;
    let other = client.create_repository(&name("python"), &name("python"), "").await.unwrap().id;
    assert!(!client.has_tag(&id, "no-such-tag").await.unwrap());
    let mut polls = Vec::new();
    for _ in 0..4 {
        polls.push(client.has_tag(&id, "latest").await.unwrap());
    }
    assert_eq!(polls, [false, false, true, true]);
    assert!(!client.has_tag(&id, "no-such-tag").await.unwrap());
    assert!(!client.has_tag(&other, "latest").await.unwrap());
}

#[tokio::test]
async fn the_entitlement_is_the_plans() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    running.fake.set_entitlement(Entitlement::Catalog { tiers: vec![Tier::Base, Tier::Fips] });
    let catalog = client.read_entitlement().await.unwrap();
    assert_eq!((catalog.plan.as_str(), catalog.by), ("CATALOG", PlanKind::Tiers));
    assert_eq!(catalog.tiers, [CatalogTier::Base, CatalogTier::Fips]);

    let images = vec!["nginx".to_owned(), "go".to_owned()];
    running.fake.set_entitlement(Entitlement::PerImage { images: images.clone(), quota: [(Tier::Base, 3)].into() });
    let per_image = client.read_entitlement().await.unwrap();
    assert_eq!((per_image.plan.as_str(), per_image.by, per_image.images), ("PER_IMAGE", PlanKind::Images, images));

    running.fake.set_entitlement(Entitlement::Absent);
    let absent = client.read_entitlement().await.unwrap();
    assert!(absent.tiers.is_empty() && absent.images.is_empty() && absent.by == PlanKind::Unknown, "{absent:?}");
}

#[tokio::test]
async fn a_repository_is_found_by_its_id_and_only_one_of_the_organisation() {
    let running = Running::start(Options::default()).await;
    let client = running.client(EXCHANGE);
    let own = running.fake.seed_repository("nginx", "somebody's").unwrap();
    let foreign = running.fake.seed_repository_of_another_organization("nginx").unwrap();
    let found = client.find_repository_by_id(&own.id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.description.as_str()), ("nginx", "somebody's"));
    let organization = client.organization_uidp().await.unwrap();
    assert_eq!(own.id.rsplit_once('/').unwrap().0, organization);
    running.fake.delete_repository("nginx").unwrap();
    for id in [&own.id, &foreign.id, "", "nginx", &organization, &format!("{organization}/../..")] {
        assert_eq!(client.find_repository_by_id(id).await.unwrap(), None, "{id}");
    }
    assert_eq!(running.count(Route::Groups), 1);
}

#[tokio::test]
async fn the_catalog_is_read_without_a_credential() {
    let running = Running::start(Options::default()).await;
    let images = running.client("not even JSON").fetch_catalog().await.unwrap();
    let expected = Catalog::sample();
    assert_eq!(images.len(), expected.images().count());
    for (image, expected) in images.iter().zip(expected.images()) {
        assert_eq!(image.name.as_str(), expected.name);
        assert_eq!(image.catalog_tier.as_str(), format!("{:?}", expected.tier).to_uppercase());
        assert_eq!((&image.aliases, &image.active_tags), (&expected.aliases, &expected.active_tags));
    }
    assert_eq!(running.count(Route::StsExchange) + running.count(Route::Groups), 0);
}

#[tokio::test]
async fn adding_an_image_costs_three_calls_at_first_and_then_one() {
    let running = Running::start(Options::default()).await;
    let client = running.client(EXCHANGE);
    client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap();
    let routes: Vec<_> = running.fake.calls().into_iter().filter_map(|call| call.route).collect();
    assert_eq!(routes, [Route::StsExchange, Route::Groups, Route::CreateRepo]);
    client.create_repository(&name("python"), &name("python"), "").await.unwrap();
    assert_eq!(running.fake.calls().len(), 4);
}

#[tokio::test]
async fn calls_that_follow_each_other_share_a_connection_also_after_an_error() {
    let fake = FakeChainguard::new(Options::default());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    tokio::spawn(axum::serve(listener, fake.router()).into_future());
    let client = client(address, "acme", Secrets::with(EXCHANGE));
    fake.faults().push(Route::ListRepos, Fault::HtmlBadGateway, 1);
    for _ in 0..5 {
        client.find_repository(&name("nginx")).await.unwrap();
    }
    client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap();
    client.fetch_catalog().await.unwrap();
    assert_eq!((fake.calls().len(), connections.load(Ordering::SeqCst)), (10, 1));
}

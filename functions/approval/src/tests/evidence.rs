//! What is known about the image, and what happens if it is not.

use std::time::Duration;

use domain::catalog::{Catalog, CatalogImage, CatalogTier};
use domain::journal::DecisionKind;
use domain::lifecycle::Command;
use domain::registry::Repositories;
use domain::request::Draft;
use domain::text::TeamName;

use super::world::{DANA, Fault, World, draft, form, id, person, principal, start, voice};

fn catalog_with(images: Vec<CatalogImage>, has: Vec<String>) -> Catalog {
    let repositories = Repositories::new(start(), has.into_iter().map(Into::into).collect(), 0);
    Catalog::of_images(start(), images).with_repositories(repositories)
}

async fn shown(world: &World) -> String {
    let query = world.query(id(1), DANA);
    let answered = world.get(id(1), &query).await;
    assert_eq!(answered.status, 200);
    answered.body
}

fn image(name: &str, catalog_tier: CatalogTier, tags: &[&str], aliases: usize) -> CatalogImage {
    CatalogImage {
        name: name.parse().unwrap(),
        catalog_tier,
        aliases: (0..aliases).map(|number| format!("docker.io/library/python-{number}:latest")).collect(),
        active_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

#[tokio::test]
async fn the_catalog_says_what_it_knows() {
    for (images, says) in [
        (
            vec![image("python", CatalogTier::Application, &["latest-dev"], 0)],
            vec![
                "Catalog tier: application.",
                "There is no FIPS variant.",
                "The tag <code><bdi>latest-dev</bdi></code> is among the active ones.",
            ],
        ),
        (
            vec![
                image("python", CatalogTier::Base, &["latest", "3.13"], 6),
                image("python-fips", CatalogTier::Fips, &["latest"], 0),
            ],
            vec![
                "Catalog tier: base. When it was asked for, the tier was application.",
                "A FIPS variant exists: <code><bdi>python-fips</bdi></code>.",
                "is not among the active ones: <code><bdi>latest</bdi></code>, <code><bdi>3.13</bdi></code>.",
                "Known elsewhere as <code><bdi>docker.io/library/python-0:latest</bdi></code>",
                " and 2 more.",
            ],
        ),
        (
            vec![image("python", CatalogTier::Fips, &[], 0)],
            vec!["It is a FIPS image.", "The catalog does not say which tags are active."],
        ),
        (vec![], vec!["<code><bdi>python</bdi></code> is not in the catalog any more. Adding it would fail."]),
    ] {
        let world = World::new();
        world.submit(1, draft()).await;
        *world.catalog.lock().unwrap() = Some(Catalog::of_images(start().minus(Duration::from_mins(9)), images));
        let page = shown(&world).await;
        for part in says {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(page.contains(">9 minutes ago</time>"));
    }
}

#[tokio::test]
async fn the_registry_is_shown_with_the_room_that_it_has() {
    let repositories = |count: usize| (0..count).map(|number| format!("repository-{number}")).collect::<Vec<_>>();
    for (has, says) in [
        (repositories(0), "0 of 2,500 repositories (0 %)."),
        (repositories(1_234), "1,234 of 2,500 repositories (49 %)."),
        (repositories(2_499), "2,499 of 2,500 repositories (99 %). There is room for 1 more."),
        (repositories(2_500), "2,500 of 2,500 repositories (100 %). The limit is reached."),
        (
            vec!["python".to_owned()],
            "There is a repository <code><bdi>python</bdi></code> already. Adding it would fail.",
        ),
    ] {
        let world = World::new();
        world.submit(1, draft()).await;
        let images = vec![image("python", CatalogTier::Application, &["latest-dev"], 0)];
        *world.catalog.lock().unwrap() = Some(catalog_with(images, has));
        let page = shown(&world).await;
        assert!(page.contains(says), "{says} in {page}");
    }
}

#[tokio::test]
async fn other_requests_for_the_image_are_shown_newest_first() {
    let world = World::new();
    let lead = || voice(principal("lea@acme.example", &["payments-leads"]), Some("no"));
    for number in 2..9 {
        let team = TeamName::new("payments").unwrap();
        let requester = person(&format!("person-{number}@acme.example"));
        let custom_name = Some(format!("python-{number}").parse().unwrap());
        world.submit(number, Draft { requester, team, custom_name, ..draft() }).await;
        let answer = if number == 2 { DecisionKind::Approved } else { DecisionKind::Rejected };
        world.happen(id(number), Command::Decide { answer, voice: lead() }).await;
        world.pass(Duration::from_hours(1));
    }
    world.provision(id(2)).await;
    world.happen(id(2), Command::ConfirmAvailable).await;
    world.submit(1, draft()).await;
    world.submit(10, Draft { image: "node:latest".parse().unwrap(), ..draft() }).await;
    let page = shown(&world).await;
    let rows: Vec<&str> = page.split("<li><span><bdi>person-").skip(1).map(|row| &row[..1]).collect();
    assert_eq!(rows, ["8", "7", "6", "5", "4"]);
    assert!(page.contains("</bdi> for <bdi>payments</bdi></span> <span class=\"soft\"><b>rejected</b>, asked <time"));
    assert!(page.contains("There are more than these."));
    assert!(page.contains("The image was added before under another name: <code><bdi>python-2</bdi></code>."));
}

#[tokio::test]
async fn who_is_first_to_ask_is_the_only_one() {
    let world = World::new();
    world.submit(1, draft()).await;
    assert!(shown(&world).await.contains("Nobody else has asked for it."));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_known_and_stands_in_nobodys_way() {
    for (faults, unknown) in [
        (vec![Fault::Catalog], 2),
        (vec![Fault::SlowCatalog], 2),
        (vec![Fault::List], 1),
        (vec![Fault::Catalog, Fault::List], 3),
    ] {
        let world = World::new();
        world.submit(1, draft()).await;
        for fault in &faults {
            world.set(*fault);
        }
        let page = shown(&world).await;
        assert_eq!(page.matches("Not known at the moment.").count(), unknown, "{faults:?}");
        assert!(page.contains("<form"));
        let query = world.query(id(1), DANA);
        assert_eq!(world.post(id(1), &query, &form("approve", "")).await.status, 303, "{faults:?}");
    }
    let world = World::new();
    world.submit(1, draft()).await;
    *world.catalog.lock().unwrap() = None;
    assert_eq!(shown(&world).await.matches("Not known at the moment.").count(), 2);
}

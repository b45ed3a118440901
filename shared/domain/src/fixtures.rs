//! Values for tests.

use std::sync::LazyLock;

use crate::catalog::{Catalog, CatalogImage, CatalogTier};
use crate::environment::Environment;
use crate::person::{Person, Principal};
use crate::policy::{DEFAULT_POLICY, Policy};
use crate::request::{Channel, Draft, Submission};
use crate::text::{Justification, TeamName};
use crate::time::Timestamp;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + seconds * 1000)
}

/// Read once: reading takes longer than most tests.
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::from_yaml(DEFAULT_POLICY).unwrap());

pub(crate) fn policy() -> Policy {
    POLICY.clone()
}

pub(crate) fn person(email: &str) -> Person {
    Person { subject: format!("sub-{email}"), email: email.to_owned() }
}

pub(crate) fn principal(email: &str, groups: &[&str]) -> Principal {
    Principal { person: person(email), groups: groups.iter().map(|group| (*group).to_owned()).collect() }
}

pub(crate) fn catalog() -> Catalog {
    let image = |name: &str, catalog_tier, aliases: &[&str]| CatalogImage {
        name: name.parse().unwrap(),
        catalog_tier,
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        active_tags: vec!["latest".into(), "latest-dev".into()],
    };
    Catalog::of_images(
        at(0),
        vec![
            image("python", CatalogTier::Application, &["docker.io/library/python:latest"]),
            image("python-fips", CatalogTier::Fips, &[]),
            image("node", CatalogTier::Application, &["docker.io/library/node:latest"]),
            image("nginx", CatalogTier::Application, &["docker.io/library/nginx:latest"]),
            image(
                "postgres",
                CatalogTier::Application,
                &["docker.io/library/postgres:latest", "bitnami/postgresql:latest"],
            ),
            image("wolfi-base", CatalogTier::Base, &[]),
        ],
    )
}

pub(crate) fn draft(environment: Environment) -> Draft {
    Draft {
        requester: person("jane@acme.example"),
        image: "python:latest-dev".parse().unwrap(),
        custom_name: None,
        justification: Some(Justification::new("ML pipeline").unwrap()),
        risk_assessment: None,
        team: TeamName::new("data-engineering").unwrap(),
        environment,
        channel: Channel::Api,
    }
}

pub(crate) fn submission(environment: Environment) -> Submission {
    let catalog = catalog();
    let draft = draft(environment);
    let image = catalog.find(&draft.image.name).unwrap();
    let id = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap();
    Submission::assess(draft, image, &policy(), id, at(0)).unwrap()
}

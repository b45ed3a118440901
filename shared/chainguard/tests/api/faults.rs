//! Everything that can go wrong on the way: what it is taken for, and how often the call is made.

use domain::ports::CountRepositories as _;
use std::pin::Pin;
use std::time::Duration;

use chainguard::{Chainguard, with_deadline};
use domain::ports::{
    ChainguardError, CreateRepository as _, FetchCatalog as _, FindRepository as _, FindTag as _,
    ListRepositories as _, ReadEntitlement as _,
};
use fake_chainguard::{Entitlement, Fault, Options, Route, Tier};
use tokio::time::Instant;

use crate::support::{ORG, Running, STORED_TOKEN, Secrets, client_with_timeout, name};

fn status(http: u16, grpc_code: i32) -> Fault {
    Fault::Status { http, grpc_code, message: "no".to_owned() }
}

/// What keeps Chainguard from acting and may be over later.
fn outages() -> [Fault; 7] {
    [
        Fault::HtmlBadGateway,
        Fault::DropBefore,
        status(503, 14),
        status(504, 4),
        status(500, 13),
        status(500, 2),
        status(409, 10),
    ]
}

#[tokio::test]
async fn an_outage_of_three_attempts_is_survived() {
    for fault in outages() {
        let running = Running::start(Options::default()).await;
        let client = running.client(STORED_TOKEN);
        running.fake.faults().push(Route::CreateRepo, fault.clone(), 3);
        running.fake.faults().push(Route::ListRepos, fault.clone(), 3);
        client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap();
        assert!(client.find_repository(&name("nginx")).await.unwrap().is_some(), "{fault:?}");
        assert_eq!((running.count(Route::CreateRepo), running.count(Route::ListRepos)), (4, 4), "{fault:?}");
    }
}

#[tokio::test]
async fn a_longer_outage_is_told_after_four_attempts() {
    for fault in outages() {
        let running = Running::start(Options::default()).await;
        running.fake.faults().push(Route::CreateRepo, fault.clone(), u32::MAX);
        let created = running.client(STORED_TOKEN).create_repository(&name("nginx"), &name("nginx"), "").await;
        assert!(matches!(created, Err(ChainguardError::Unavailable(_))), "{fault:?}: {created:?}");
        assert_eq!((running.count(Route::CreateRepo), running.fake.repositories().len()), (4, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_ends_as_one_repository_that_can_be_recognised() {
    for fault in [Fault::DropAfter, Fault::MalformedJson] {
        let running = Running::start(Options::default()).await;
        let client = running.client(STORED_TOKEN);
        running.fake.faults().push(Route::CreateRepo, fault.clone(), 1);
        let created = client.create_repository(&name("web"), &name("nginx"), "Added for req-1").await;
        assert!(matches!(created, Err(ChainguardError::AlreadyExists(_))), "{fault:?}: {created:?}");
        assert_eq!(running.count(Route::CreateRepo), 2, "{fault:?}");
        let found = client.find_repository(&name("web")).await.unwrap().unwrap();
        assert_eq!(found.description, "Added for req-1");
        assert!(!found.source.is_empty(), "{fault:?}");
        assert_eq!(running.fake.repositories().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_read_again() {
    for fault in [Fault::DropAfter, Fault::MalformedJson] {
        let running = Running::start(Options::default()).await;
        running.fake.seed_repository("nginx", "").unwrap();
        for route in [Route::Groups, Route::ListRepos] {
            running.fake.faults().push(route, fault.clone(), 2);
        }
        let found = running.client(STORED_TOKEN).find_repository(&name("nginx")).await.unwrap();
        assert!(found.is_some(), "{fault:?}");
        assert_eq!((running.count(Route::Groups), running.count(Route::ListRepos)), (3, 3), "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_takes_longer_than_the_timeout_is_made_again() {
    let running = Running::start(Options::default()).await;
    let secrets = Secrets::with(STORED_TOKEN);
    let client = client_with_timeout(running.address, "acme", secrets, Duration::from_secs(1));
    running.fake.faults().push(Route::CreateRepo, Fault::Delay(Duration::from_hours(1)), 1);
    client.create_repository(&name("nginx"), &name("nginx"), "").await.unwrap();
    assert_eq!((running.count(Route::CreateRepo), running.fake.repositories().len()), (2, 1));
}

#[tokio::test]
async fn a_refusal_is_told_at_once_and_by_its_code() {
    type Check = fn(&ChainguardError) -> bool;
    let cases: [(Fault, Check); 7] = [
        (status(400, 3), |error| matches!(error, ChainguardError::Refused(_))),
        (status(404, 5), |error| matches!(error, ChainguardError::NotFound(_))),
        (status(409, 6), |error| matches!(error, ChainguardError::AlreadyExists(_))),
        (status(403, 7), |error| matches!(error, ChainguardError::Denied(_))),
        (status(429, 8), |error| matches!(error, ChainguardError::QuotaExceeded(_))),
        (status(400, 9), |error| matches!(error, ChainguardError::Refused(_))),
        (status(501, 12), |error| matches!(error, ChainguardError::Refused(_))),
    ];
    for (fault, check) in cases {
        let running = Running::start(Options::default()).await;
        running.fake.faults().push(Route::CreateRepo, fault.clone(), u32::MAX);
        let created = running.client(STORED_TOKEN).create_repository(&name("nginx"), &name("nginx"), "").await;
        assert!(created.as_ref().is_err_and(check), "{fault:?}: {created:?}");
        assert_eq!(running.count(Route::CreateRepo), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn the_catalog_is_fetched_again_too() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::GraphqlCatalog, Fault::HtmlBadGateway, 2);
    running.fake.faults().push(Route::GraphqlCatalog, Fault::MalformedJson, 1);
    assert!(!running.client(STORED_TOKEN).fetch_catalog().await.unwrap().is_empty());
    assert_eq!(running.count(Route::GraphqlCatalog), 4);
}

#[tokio::test]
async fn nobody_listening_is_an_outage() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = client_with_timeout(address, "acme", Secrets::with(STORED_TOKEN), Duration::from_secs(30));
    let error = client.find_repository(&name("nginx")).await.unwrap_err();
    assert!(matches!(error, ChainguardError::Unavailable(_)), "{error}");
    assert!(!error.to_string().contains("http://"), "{error}");
}

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<(), ChainguardError>> + Send + 'a>>;
type Operation = fn(&Chainguard<Secrets>) -> Outcome<'_>;

/// A repository of the fake that is not there: it can be asked for, and deleting it is as good as done.
const ABSENT: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/0f1e2d3c4b5a6978";

/// Every call but the look-up of the organisation, and the route by which it goes.
fn operations() -> Vec<(Route, Operation)> {
    vec![
        (Route::CreateRepo, |client| {
            Box::pin(async { client.create_repository(&name("nginx"), &name("nginx"), "").await.map(drop) })
        }),
        (Route::ListRepos, |client| Box::pin(async { client.find_repository(&name("nginx")).await.map(drop) })),
        (Route::ListReposV2, |client| Box::pin(async { client.list_repositories().await.map(drop) })),
        (Route::ListReposV2, |client| Box::pin(async { client.count_repositories().await.map(drop) })),
        (Route::DeleteRepo, |client| Box::pin(async { client.delete_repository(ABSENT).await })),
        (Route::ListTags, |client| Box::pin(async { client.has_tag(ABSENT, "latest").await.map(drop) })),
        (Route::ListTags, |client| Box::pin(async { client.list_tags(ABSENT).await.map(drop) })),
        (Route::Effective, |client| Box::pin(async { client.read_entitlement().await.map(drop) })),
        (Route::ListEntitlements, |client| Box::pin(async { client.list_entitlements().await.map(drop) })),
        (Route::EntitlementSummary, |client| Box::pin(async { client.entitlement_summary().await.map(drop) })),
        (Route::EntitlementImages, |client| Box::pin(async { client.entitlement_images().await.map(drop) })),
        (Route::AddImages, |client| Box::pin(async { client.add_entitlement_images(&["nginx"]).await.map(drop) })),
        (Route::AuthOk, |client| Box::pin(async { client.who_am_i().await.map(drop) })),
        (Route::Groups, |client| Box::pin(async { client.organization().await.map(drop) })),
        (Route::ListSubscriptions, |client| Box::pin(async { client.list_subscriptions().await.map(drop) })),
        (Route::CreateSubscription, |client| {
            Box::pin(async {
                client.create_subscription(&"https://sink.example/events".parse().unwrap()).await.map(drop)
            })
        }),
        (Route::DeleteSubscription, |client| Box::pin(async { client.delete_subscription(ABSENT).await })),
        (Route::GraphqlCatalog, |client| Box::pin(async { client.fetch_catalog().await.map(drop) })),
    ]
}

/// A fake on which each of them succeeds.
async fn generous() -> Running {
    let quota = [(Tier::Application, 9)].into();
    let entitlement = Entitlement::PerImage { images: vec!["nginx".to_owned()], quota };
    Running::start(Options { entitlement, ..Options::default() }).await
}

#[tokio::test]
async fn every_call_survives_every_outage_of_three_attempts() {
    for (route, operation) in operations() {
        let running = generous().await;
        let client = running.client(STORED_TOKEN);
        for fault in outages() {
            // What the round before has made must not be in the way.
            running.fake.delete_repository("nginx").unwrap();
            for subscription in client.list_subscriptions().await.unwrap() {
                client.delete_subscription(&subscription.id).await.unwrap();
            }
            client.organization().await.unwrap();
            let before = running.count(route);
            running.fake.faults().push(route, fault.clone(), 3);
            assert_eq!(operation(&client).await, Ok(()), "{route:?} {fault:?}");
            assert_eq!(running.count(route), before + 4, "{route:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn every_call_tells_every_refusal_at_once_by_its_code() {
    type Check = fn(&ChainguardError) -> bool;
    let refusals: [(u16, i32, Check); 8] = [
        (400, 3, |error| matches!(error, ChainguardError::Refused(_))),
        (404, 5, |error| matches!(error, ChainguardError::NotFound(_))),
        (409, 6, |error| matches!(error, ChainguardError::AlreadyExists(_))),
        (403, 7, |error| matches!(error, ChainguardError::Denied(_))),
        (429, 8, |error| matches!(error, ChainguardError::QuotaExceeded(_))),
        (400, 9, |error| matches!(error, ChainguardError::Refused(_))),
        (400, 11, |error| matches!(error, ChainguardError::Refused(_))),
        (501, 12, |error| matches!(error, ChainguardError::Refused(_))),
    ];
    for (route, operation) in operations() {
        let running = generous().await;
        let client = running.client(STORED_TOKEN);
        client.list_repositories().await.unwrap();
        for (http, code, check) in refusals {
            let is_deletion = matches!(route, Route::DeleteRepo | Route::DeleteSubscription);
            let before = running.count(route);
            running.fake.faults().push(route, status(http, code), 1);
            let outcome = operation(&client).await;
            assert_eq!(running.count(route), before + 1, "{route:?} {code}");
            if is_deletion && code == 5 {
                assert_eq!(outcome, Ok(()), "{route:?}");
            } else {
                let error = outcome.unwrap_err();
                assert!(check(&error) && error.to_string().contains(&format!("(code {code})")), "{route:?}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_done() {
    for fault in [Fault::DropAfter, Fault::MalformedJson] {
        let running = Running::start(Options::default()).await;
        let id = running.fake.seed_repository("nginx", "").unwrap().id;
        running.fake.faults().push(Route::DeleteRepo, fault.clone(), 1);
        assert_eq!(running.client(STORED_TOKEN).delete_repository(&id).await, Ok(()), "{fault:?}");
        assert_eq!(running.fake.repositories(), [], "{fault:?}");
    }
}

#[tokio::test]
async fn a_subscription_whose_answer_is_lost_is_not_made_twice() {
    for fault in [Fault::DropAfter, Fault::MalformedJson] {
        let running = Running::start(Options::default()).await;
        running.fake.faults().push(Route::CreateSubscription, fault.clone(), 1);
        let sink = "https://sink.example/events".parse().unwrap();
        let subscription = running.client(STORED_TOKEN).create_subscription(&sink).await.unwrap();
        let all: Vec<String> = running.fake.subscriptions().into_iter().map(|one| one.id).collect();
        assert_eq!(all, [subscription.id], "{fault:?}");
        assert_eq!(running.count(Route::CreateSubscription), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_ends_with_the_callers_time() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    client.list_repositories().await.unwrap();
    running.fake.faults().push(Route::ListRepos, Fault::Delay(Duration::from_hours(1)), u32::MAX);
    let deadline = Instant::now() + Duration::from_secs(1);
    let found = with_deadline(deadline, client.find_repository(&name("nginx"))).await;
    assert!(matches!(found, Err(ChainguardError::Unavailable(_))), "{found:?}");
    assert_eq!(running.count(Route::ListRepos), 1, "no attempt is begun when the time is up");
    running.fake.faults().clear();
    assert_eq!(client.find_repository(&name("nginx")).await, Ok(None), "what was given up is in nobody's way");
}

#[tokio::test]
async fn who_asks_for_what_is_not_the_organisations_is_refused_without_a_call() {
    let running = Running::start(Options::default()).await;
    let client = running.client(STORED_TOKEN);
    for id in ["", "nginx", ORG, "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233/7777777777777777"] {
        assert!(matches!(client.delete_repository(id).await, Err(ChainguardError::Refused(_))), "{id}");
        assert!(matches!(client.delete_subscription(id).await, Err(ChainguardError::Refused(_))), "{id}");
    }
    assert_eq!(running.count(Route::DeleteRepo) + running.count(Route::DeleteSubscription), 0);
}

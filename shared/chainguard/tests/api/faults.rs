//! Everything that can go wrong on the way: what it is taken for, and how often the call is made.

use std::time::Duration;

use domain::ports::{ChainguardError, CreateRepository as _, FetchCatalog as _, FindRepository as _};
use fake_chainguard::{Fault, Options, Route};

use crate::support::{Running, STORED_TOKEN, Secrets, client_with_timeout, name};

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

//! What goes wrong at Chainguard, as the requester meets it: in the API, in the mail and in the audit trail. The table of
//! the design page, tried out.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use aws::store::Store;
use domain::catalog::Catalog;
use domain::ports::LoadCatalog as _;
use e2e::{World, until};
use fake_chainguard::{Entitlement, Fault, Route, Tier};
use local::options::Options;
use serde_json::{Value, json};

fn ask(image: &str, name: &str) -> Value {
    json!({
        "image": image,
        "customName": name,
        "justification": "ML pipeline",
        "team": "data-engineering",
        "environment": "dev",
    })
}

/// What becomes of a request that is accepted and fails: the failure as the API shows it.
async fn failure(world: &World, body: &Value) -> (String, Value) {
    let jane = world.client.token("jane").await;
    let reply = world.client.submit(&jane, body).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let id = reply.text("requestId").to_owned();
    let request = world.client.until_status(&id, "failed", &jane).await;
    let failure = request["failure"].clone();
    (id, failure)
}

/// The mail to the requester and the audit record say what the API says.
async fn is_told_everywhere(world: &World, id: &str, failure: &Value) {
    let jane = world.client.token("jane").await;
    let (kind, message, remedy) =
        (failure["type"].as_str().unwrap(), failure["message"].as_str().unwrap(), failure["remedy"].as_str().unwrap());
    // A mail's lines end where they have to.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    until(&format!("Jane is told of {id}: {message} {remedy}"), || async {
        let outbox = world.client.outbox().await;
        outbox.into_iter().find(|mail| {
            let text = words(mail["text"].as_str().unwrap());
            mail["to"].as_array().is_some_and(|to| to.contains(&"jane@acme.example".into()))
                && mail["eventId"].as_str().is_some_and(|event| event.starts_with(id))
                && text.contains(&words(message))
                && text.contains(&words(remedy))
        })
    })
    .await;
    let events = world.client.get(&format!("/request/{id}/events"), &jane).await;
    let failed = events.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .find(|event| event["eventType"] == "image.request.failed");
    let failed = failed.unwrap();
    assert_eq!(failed["provisioningResult"], "failure");
    let error = failed["error"].to_string();
    assert!(error.contains(kind) && error.contains(message), "{kind} {message} in {error}");
}

/// Waits until the snapshot is as it should be, before any function of the API has read it.
async fn until_snapshot(world: &World, holds: impl Fn(&Catalog) -> bool) {
    let tables = &world.runtime.system().tables;
    let table = tables.iter().find(|table| table.logical_id == "RequestsTable").unwrap().name.clone();
    let store = Store::new(&world.runtime.configuration("scenarios"), table, None);
    until("the snapshot says so", || async { store.load_catalog().await.unwrap().filter(&holds) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_in_the_catalog_is_refused_with_the_nearest_names_and_a_word_on_tags() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    for (image, nearest) in [("pyton", "python"), ("python:3.9-alpine", "python:latest"), ("postgresql", "postgres")] {
        let reply = world.client.submit(&jane, &ask(image, "x")).await;
        assert_eq!((reply.status, reply.problem()), (422, "image-not-in-catalog"), "{reply:?}");
        assert!(reply.body["suggestions"].as_array().unwrap().contains(&nearest.into()), "{reply:?}");
        assert!(reply.text("detail").contains("ag"), "{reply:?}");
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_outside_the_plan_is_refused_with_the_plan_and_fails_if_the_plan_has_shrunk() {
    let world = World::start().await;
    let fake = world.runtime.fake_chainguard().unwrap();
    let jane = world.client.token("jane").await;
    until_snapshot(&world, |catalog| catalog.entitlement().is_some()).await;
    let reply = world.client.submit(&jane, &ask("pytorch", "pytorch")).await;
    assert_eq!((reply.status, reply.problem()), (422, "not-entitled"), "{reply:?}");
    let detail = reply.text("detail");
    assert!(
        detail.contains("CATALOG includes the tiers APPLICATION, BASE") && detail.contains("the tier AI"),
        "{detail}"
    );

    fake.set_entitlement(Entitlement::Catalog { tiers: vec![Tier::Base] });
    let (id, failed) = failure(&world, &ask("nginx", "web")).await;
    assert_eq!(failed["type"], "not-entitled");
    assert_eq!(
        failed["message"],
        "The organisation's plan CATALOG includes the tiers BASE; nginx is in the tier APPLICATION."
    );
    is_told_everywhere(&world, &id, &failed).await;
    assert!(fake.repositories().is_empty());

    // Extended, it goes on.
    fake.set_entitlement(Entitlement::default());
    let admin = world.client.token("alex").await;
    let retried = world.client.decide(&id, "retry", &admin, &Value::Null).await;
    assert_eq!(retried.status, 200, "{retried:?}");
    world.client.until_status(&id, "available", &jane).await;
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_organization_refuses_with_its_number_and_candidates_for_a_clean_up() {
    let limit = "2".parse().unwrap();
    let world = World::start_with(&Options { repository_limit: limit, ..Options::default() }).await;
    let fake = world.runtime.fake_chainguard().unwrap();
    let jane = world.client.token("jane").await;
    fake.seed_repository("old-one", "").unwrap();
    let first = world.client.submit(&jane, &ask("nginx", "web")).await;
    world.client.until_status(first.text("requestId"), "available", &jane).await;

    // The API's functions remember what was there when they looked first.
    let (id, failed) = failure(&world, &ask("redis", "cache")).await;
    assert_eq!(failed["type"], "organization-limit-reached");
    assert_eq!(failed["message"], "The organisation has 2 of at most 2 repositories.");
    assert!(failed["remedy"].as_str().unwrap().starts_with("Repositories that nobody uses have to be removed"));
    is_told_everywhere(&world, &id, &failed).await;
    assert_eq!(fake.repositories().len(), 2);

    // Whoever comes with room again gets it.
    assert!(fake.delete_repository("old-one").unwrap());
    let admin = world.client.token("alex").await;
    assert_eq!(world.client.decide(&id, "retry", &admin, &Value::Null).await.status, 200);
    world.client.until_status(&id, "available", &jane).await;
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_full_organization_is_refused_before_anybody_decides() {
    let limit = "1".parse().unwrap();
    let world = World::start_with(&Options { repository_limit: limit, ..Options::default() }).await;
    world.runtime.fake_chainguard().unwrap().seed_repository("old-one", "").unwrap();
    until_snapshot(&world, |catalog| catalog.repositories().is_some_and(|repositories| repositories.total == 1)).await;
    let jane = world.client.token("jane").await;
    let reply = world.client.submit(&jane, &ask("nginx", "web")).await;
    assert_eq!((reply.status, reply.problem()), (409, "organization-limit-reached"), "{reply:?}");
    let detail = reply.text("detail");
    assert!(
        detail.contains("has 1 of at most 1 repositories") && detail.contains("nobody uses them: old-one"),
        "{detail}"
    );

    let reply = world.client.get("/catalog?q=nginx", &jane).await;
    let image = &reply.body["images"][0];
    assert_eq!(
        (&image["requestable"], &image["obstacle"]["type"]),
        (&json!(false), &json!("organization-limit-reached"))
    );
    assert_eq!(reply.body["organization"]["repositories"], 1);
    assert_eq!(reply.body["organization"]["repositoryLimit"], 1);
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_once_and_then_fails_the_request_until_an_admin_retries() {
    let world = World::start().await;
    let fake = world.runtime.fake_chainguard().unwrap();
    let jane = world.client.token("jane").await;
    fake.revoke_tokens();
    let first = world.client.submit(&jane, &ask("nginx", "web")).await;
    world.client.until_status(first.text("requestId"), "available", &jane).await;

    let refused = Fault::Status { http: 401, grpc_code: 16, message: "token is not accepted".to_owned() };
    fake.faults().push(Route::CreateRepo, refused, 2);
    let exchanges = fake.count_calls(Route::StsExchange);
    let (id, failed) = failure(&world, &ask("redis", "cache")).await;
    assert_eq!(failed["type"], "authentication-failed");
    is_told_everywhere(&world, &id, &failed).await;
    // The steward signs in for itself.
    assert!(fake.count_calls(Route::StsExchange) - exchanges <= 2, "{}", fake.count_calls(Route::StsExchange));

    let admin = world.client.token("alex").await;
    assert_eq!(world.client.decide(&id, "retry", &jane, &Value::Null).await.problem(), "not-an-administrator");
    assert_eq!(world.client.decide(&id, "retry", &admin, &Value::Null).await.status, 200);
    world.client.until_status(&id, "available", &jane).await;
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_there_already_is_to_be_used_or_asked_for_under_another_name() {
    let world = World::start().await;
    let fake = world.runtime.fake_chainguard().unwrap();
    let jane = world.client.token("jane").await;
    // What the snapshot knows is refused at once.
    fake.seed_repository("known", "somebody's").unwrap();
    until_snapshot(&world, |catalog| catalog.organization_has(&"known".parse().unwrap())).await;
    let reply = world.client.submit(&jane, &ask("nginx", "known")).await;
    assert_eq!((reply.status, reply.problem()), (409, "duplicate-image"), "{reply:?}");
    assert!(reply.text("detail").contains("docker pull cgr.dev/acme/known:latest"), "{reply:?}");
    assert!(reply.text("detail").contains("customName"), "{reply:?}");

    // What is made in between is met at Chainguard, and left as it is.
    fake.seed_repository("late", "somebody's").unwrap();
    let (id, failed) = failure(&world, &ask("nginx", "late")).await;
    assert_eq!(failed["type"], "duplicate-image");
    is_told_everywhere(&world, &id, &failed).await;
    let late = fake.repositories().into_iter().find(|repository| repository.name == "late").unwrap();
    assert_eq!(late.description, "somebody's");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_says_what_can_be_had_and_why_the_rest_cannot() {
    let world = World::start().await;
    let fake = world.runtime.fake_chainguard().unwrap();
    fake.seed_repository("redis", "").unwrap();
    let has_redis = |catalog: &Catalog| catalog.organization_has(&"redis".parse().unwrap());
    until_snapshot(&world, |catalog| has_redis(catalog) && catalog.entitlement().is_some()).await;
    let jane = world.client.token("jane").await;
    let search = async |query: &str| {
        let reply = world.client.get(&format!("/catalog?{query}"), &jane).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        let images = reply.body["images"].as_array().unwrap().clone();
        let names: Vec<String> = images.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect();
        (reply.body, images, names)
    };
    let (body, images, _) = search("q=postgresql").await;
    assert_eq!(images[0]["name"], "postgres");
    assert_eq!((&images[0]["entitled"], &images[0]["requestable"]), (&json!(true), &json!(true)));
    assert_eq!(body["organization"]["plan"], "CATALOG");
    assert_eq!(body["organization"]["repositories"], 1);

    let (_, images, _) = search("q=redis").await;
    assert_eq!((&images[0]["inOrganization"], &images[0]["requestable"]), (&json!(true), &json!(false)));
    assert_eq!(images[0]["obstacle"]["type"], "duplicate-image");
    assert!(images[0]["obstacle"]["detail"].as_str().unwrap().contains("docker pull cgr.dev/acme/redis:latest"));

    let (_, images, names) = search("tier=ai").await;
    assert_eq!(names, ["pytorch"]);
    assert_eq!((&images[0]["entitled"], &images[0]["obstacle"]["type"]), (&json!(false), &json!("not-entitled")));
    assert_eq!(search("entitled=false").await.2, ["pytorch"]);
    assert!(!search("entitled=true&limit=100").await.2.contains(&"pytorch".to_owned()));
    assert_eq!(search("q=python&tier=FIPS").await.2[0], "python-fips");
    for query in ["tier=gold", "entitled=maybe", "entitled=1"] {
        let reply = world.client.get(&format!("/catalog?{query}"), &jane).await;
        assert_eq!((reply.status, reply.problem()), (400, "invalid-parameter"), "{query}: {reply:?}");
    }
    world.runtime.stop().await;
}

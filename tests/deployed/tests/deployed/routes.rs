//! The API's doors.

use deployed_tests::World;
use reqwest::Method;
use serde_json::{Value, json};

/// No request has this id.
const NOBODYS: &str = "req-00000000-0000-7000-8000-000000000000";

fn method(text: &str) -> Method {
    text.parse().unwrap()
}

#[tokio::test]
async fn every_route_of_the_template_answers() {
    let world = World::open().await;
    let alex = world.token("alex").await;
    assert!(world.deployment.routes.len() > 10, "{:?}", world.deployment.routes);
    for route in &world.deployment.routes {
        let path = route.path.replace("{id}", NOBODYS);
        let reply = world.send(method(&route.method), &path, &alex, &json!({"comment": "hello"})).await;
        assert_ne!(reply.body, json!({"message": "Not Found"}), "{route:?} is not there");
        assert!(reply.status < 500, "{route:?}: {reply:?}");
        assert!(reply.headers.contains_key("content-type"), "{route:?}: {reply:?}");
    }
}

#[tokio::test]
async fn without_a_token_every_route_that_needs_one_says_so() {
    let world = World::closed().await;
    for route in world.deployment.routes.iter().filter(|route| route.authorized) {
        let path = route.path.replace("{id}", NOBODYS);
        let reply = world.call(method(&route.method), &path, &[], Vec::new()).await;
        assert_eq!((reply.status, reply.problem()), (401, "token-missing"), "{route:?}: {reply:?}");
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{route:?}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_trusts_is_refused_with_the_reason() {
    let world = World::closed().await;
    let issuer = world.sign(&json!({"iss": "https://127.0.0.1:1", "aud": "cgr-request", "sub": "x", "exp": 1})).await;
    let trusted = world.deployment.parameters["TrustedIssuers"].as_str().unwrap();
    let trusted: Value = serde_json::from_str(trusted).unwrap();
    let claims = |audience: &str, until: i64| {
        json!({
            "iss": trusted[0]["issuer"], "aud": audience, "sub": "x", "email": "jane@acme.example",
            "email_verified": true, "iat": until - 60, "exp": until,
        })
    };
    let expired = world.sign(&claims("cgr-request", 1_000_000_000)).await;
    let elsewhere = world.sign(&claims("somebody-else", 4_000_000_000)).await;
    for (token, problem) in [(&issuer, "token-invalid"), (&expired, "token-expired"), (&elsewhere, "token-invalid")] {
        let reply = world.get("/requests", token).await;
        assert_eq!((reply.status, reply.problem()), (401, problem), "{reply:?}");
    }
    let reply = world.get("/requests", "not-a-token").await;
    assert_eq!((reply.status, reply.problem()), (401, "token-invalid"), "{reply:?}");
}

#[tokio::test]
async fn the_description_of_the_api_is_there_for_everybody_and_names_every_route() {
    let world = World::closed().await;
    let reply = world.call(Method::GET, "/openapi.json", &[], Vec::new()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    for route in world.deployment.routes.iter().filter(|route| route.path != "/openapi.json") {
        let operation = &reply.body["paths"][&route.path][route.method.to_lowercase()];
        assert!(operation.is_object(), "{route:?} is not described");
    }
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let world = World::closed().await;
    let jane = world.token("jane").await;
    for (verb, path) in [
        (Method::GET, "/"),
        (Method::GET, "/_local/tokens/jane"),
        (Method::DELETE, "/requests"),
        (Method::GET, "/request"),
    ] {
        let reply = world.send(verb.clone(), path, &jane, &Value::Null).await;
        assert_eq!((reply.status, reply.text("message")), (404, "Not Found"), "{verb} {path}: {reply:?}");
    }
}

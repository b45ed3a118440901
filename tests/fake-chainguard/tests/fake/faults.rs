//! Faults, as a client meets them.

use std::time::{Duration, Instant};

use fake_chainguard::{Fault, Options, Route};
use reqwest::{Method, header::AUTHORIZATION};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::{ORG, Running};

/// Every byte that comes back for a create, until the connection ends.
async fn raw_create(running: &Running, name: &str) -> Vec<u8> {
    let body = json!({"name": name, "sync_config": {"source": "nginx"}}).to_string();
    let head = format!(
        "POST /registry/v1/repos/{ORG} HTTP/1.1\r\nHost: fake\r\nAuthorization: Bearer x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    // A reset is as good an end as any.
    if let Err(error) = stream.read_to_end(&mut received).await {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    received
}

#[tokio::test]
async fn a_connection_dropped_before_carries_no_byte_and_nothing_is_done() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::CreateRepo, Fault::DropBefore, 2);
    for _ in 0..2 {
        assert_eq!(raw_create(&running, "web").await, b"");
    }
    assert_eq!(running.fake.repositories(), []);
    assert_eq!(running.creates(), 2);
    assert_eq!(running.fake.calls().iter().map(|call| call.status).collect::<Vec<_>>(), [None, None]);
    assert!(raw_create(&running, "web").await.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_connection_dropped_after_carries_no_byte_and_the_call_is_done() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::CreateRepo, Fault::DropAfter, 1);
    assert_eq!(raw_create(&running, "web").await, b"");
    assert_eq!(running.fake.repositories()[0].name, "web");
    let again = running.create(json!({"name": "web", "sync_config": {"source": "nginx"}})).await;
    assert_eq!(again.error(), (409, 6));
}

#[tokio::test]
async fn a_client_sees_a_dropped_connection_as_a_transport_error_also_on_a_connection_in_use() {
    let running = Running::start(Options::default()).await;
    running.get("/registry/v1/repos").await;
    running.fake.faults().push(Route::CreateRepo, Fault::DropAfter, 1);
    let request = running.request(Method::POST, &format!("/registry/v1/repos/{ORG}"));
    let error = request.header(AUTHORIZATION, "Bearer x").body(r#"{"name":"web"}"#).send().await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(running.creates(), 1);
}

#[tokio::test]
async fn a_status_fault_answers_its_codes_as_often_as_asked_and_does_nothing() {
    let running = Running::start(Options::default()).await;
    let fault = Fault::Status { http: 503, grpc_code: 14, message: "try again".to_owned() };
    running.fake.faults().push(Route::CreateRepo, fault, 2);
    for _ in 0..2 {
        let answer = running.create(json!({"name": "web"})).await;
        assert_eq!((answer.status, answer.json()), (503, json!({"code": 14, "message": "try again", "details": []})));
    }
    assert_eq!(running.fake.repositories(), []);
    assert_eq!(running.get("/registry/v1/repos").await.status, 200);
    assert_eq!(running.create(json!({"name": "web"})).await.status, 200);
}

#[tokio::test]
async fn a_status_fault_without_an_http_status_is_500() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::Ping, Fault::Status { http: 0, grpc_code: 2, message: String::new() }, 1);
    assert_eq!(running.get("/ping/v1/ping").await.error(), (500, 2));
}

#[tokio::test]
async fn a_bad_gateway_is_html() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::CreateRepo, Fault::HtmlBadGateway, 1);
    let answer = running.create(json!({"name": "web"})).await;
    assert_eq!(answer.status, 502);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(answer.text.starts_with("<html>"));
    assert_eq!(running.fake.repositories(), []);
}

#[tokio::test]
async fn malformed_json_is_a_success_that_cannot_be_read() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::CreateRepo, Fault::MalformedJson, 1);
    running.fake.faults().push(Route::DeleteRepo, Fault::MalformedJson, 1);
    let answer = running.create(json!({"name": "web"})).await;
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.text).is_err(), "{}", answer.text);
    let id = running.fake.repositories()[0].id.clone();
    let answer = running.call(Method::DELETE, &format!("/registry/v1/repos/{id}"), None).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "{"));
    assert_eq!(running.fake.repositories(), []);
}

#[tokio::test]
async fn a_delayed_call_takes_its_time_and_then_succeeds() {
    let running = Running::start(Options::default()).await;
    let delay = Duration::from_millis(60);
    running.fake.faults().push(Route::CreateRepo, Fault::Delay(delay), 1);
    let start = Instant::now();
    assert_eq!(running.create(json!({"name": "web"})).await.status, 200);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_delayed_call_has_changed_nothing_and_is_counted() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::CreateRepo, Fault::Delay(Duration::from_hours(1)), 1);
    let request = running.request(Method::POST, &format!("/registry/v1/repos/{ORG}")).header(AUTHORIZATION, "Bearer x");
    let error = request.body(r#"{"name":"web"}"#).timeout(Duration::from_millis(200)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!((running.fake.repositories().len(), running.creates()), (0, 1));
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_late_answer_has_changed_something() {
    let running = Running::start(Options::default()).await;
    running.fake.faults().push(Route::CreateRepo, Fault::AnswerLate(Duration::from_hours(1)), 1);
    let request = running.request(Method::POST, &format!("/registry/v1/repos/{ORG}")).header(AUTHORIZATION, "Bearer x");
    let error = request.body(r#"{"name":"web"}"#).timeout(Duration::from_millis(200)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!((running.fake.repositories().len(), running.creates()), (1, 1));
}

#[tokio::test]
async fn a_call_is_settled_once_it_is_done_or_has_begun_to_wait() {
    let hour = Duration::from_hours(1);
    for (fault, repositories) in [
        (None, 1),
        (Some(Fault::Delay(hour)), 0),
        (Some(Fault::AnswerLate(hour)), 1),
        (Some(Fault::DropBefore), 0),
        (Some(Fault::DropAfter), 1),
        (Some(Fault::MalformedJson), 1),
        (Some(Fault::HtmlBadGateway), 0),
    ] {
        let running = Running::start(Options::default()).await;
        if let Some(fault) = fault.clone() {
            running.fake.faults().push(Route::CreateRepo, fault, 1);
        }
        running.get("/registry/v1/repos").await;
        let request =
            running.request(Method::POST, &format!("/registry/v1/repos/{ORG}")).header(AUTHORIZATION, "Bearer x");
        tokio::select! {
            biased;
            () = running.fake.until_settled(Route::CreateRepo, 1) => {}
            answer = request.body(r#"{"name":"web"}"#).send() => panic!("{fault:?}: {answer:?} came before"),
        }
        assert_eq!(running.fake.repositories().len(), repositories, "{fault:?}");
        running.fake.until_settled(Route::ListRepos, 1).await;
    }
}

#[tokio::test]
async fn faults_can_be_set_and_cleared_over_http_without_a_token() {
    let running = Running::start(Options::default()).await;
    let put = |body: serde_json::Value| running.send(running.request(Method::PUT, "/_fake/faults").json(&body));
    let orders = json!([
        {"route": "CreateRepo", "fault": {"kind": "status", "http": 503, "grpcCode": 14, "message": "no"}, "times": 3},
        {"route": "ListRepos", "fault": {"kind": "delay", "milliseconds": 1}, "times": 1},
        {"route": "ListRepos", "fault": {"kind": "answerLate", "milliseconds": 1}, "times": 1},
        {"route": "ListTags", "fault": {"kind": "htmlBadGateway"}, "times": 1},
        {"route": "ListTags", "fault": {"kind": "dropBefore"}, "times": 1},
        {"route": "ListTags", "fault": {"kind": "dropAfter"}, "times": 1},
        {"route": "ListTags", "fault": {"kind": "malformedJson"}, "times": 1},
    ]);
    assert_eq!(put(orders.clone()).await.status, 204);
    let state = running.send(running.request(Method::GET, "/_fake/state")).await.json();
    assert_eq!(state["faults"].as_array().unwrap().len(), 7);
    assert_eq!(running.create(json!({"name": "web"})).await.error(), (503, 14));

    for wrong in
        [json!({}), json!([{"route": "Nothing"}]), json!([{"route": "Ping", "fault": {"kind": "flood"}, "times": 1}])]
    {
        assert_eq!(put(wrong).await.status, 422);
    }
    assert_eq!(running.create(json!({"name": "web"})).await.error(), (503, 14), "a wrong list changes nothing");

    assert_eq!(running.send(running.request(Method::DELETE, "/_fake/faults")).await.status, 204);
    assert_eq!(running.create(json!({"name": "web"})).await.status, 200);
    put(orders).await;
    assert_eq!(put(json!([])).await.status, 204, "a list replaces what was to come");
    assert_eq!(running.get("/registry/v1/tags").await.status, 200);
}

#[tokio::test]
async fn the_state_shows_repositories_and_calls_and_no_token() {
    let running = Running::start(Options::default()).await;
    running.created("web", "nginx").await;
    let answer = running.send(running.request(Method::GET, "/_fake/state")).await;
    let state = answer.json();
    assert_eq!(state["repositories"][0]["name"], "web");
    assert_eq!(
        state["calls"][0],
        json!({
            "route": "CreateRepo",
            "method": "POST",
            "path": format!("/registry/v1/repos/{ORG}"),
            "query": "preventExisting=true",
            "status": 200,
        })
    );
    assert!(!answer.text.contains("anyone"));
}

#[tokio::test]
async fn serving_ends_with_its_shutdown() {
    let fake = fake_chainguard::FakeChainguard::new(Options::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving =
        tokio::spawn(async move { fake.serve(listener, async move { stopped.await.unwrap_or_default() }).await });
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

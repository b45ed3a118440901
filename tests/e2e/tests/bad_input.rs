//! What must not be accepted, and what is said instead: the table of `docs/problems.md`, tried out.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, reason = "in a test, whatever is unexpected ends it")]

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Reply, World, until};
use local::people::AUDIENCE;
use reqwest::Method;
use serde_json::{Value, json};

const FAR: i64 = 4_000_000_000;

fn good() -> Value {
    json!({"image": "nginx", "justification": "x", "team": "data-engineering", "environment": "dev"})
}

fn claims(world: &World) -> Value {
    json!({
        "iss": world.runtime.issuer().url(),
        "aud": AUDIENCE,
        "sub": "mallory",
        "email": "mallory@acme.example",
        "groups": [],
        "exp": FAR,
    })
}

fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

async fn submit_with(world: &World, token: &str) -> Reply {
    world.client.submit(token, &good()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_nobody_trusts_are_refused_with_the_reason() {
    let world = World::start().await;
    let issuer = world.runtime.issuer();
    let ok = issuer.sign(&claims(&world)).unwrap();
    assert_eq!(submit_with(&world, &ok).await.status, 202, "the claims are good as they are");

    let none = world.client.call(Method::POST, "/request", &[], good().to_string().into_bytes()).await;
    assert_eq!((none.status, none.problem()), (401, "token-missing"), "{none:?}");
    assert_eq!(none.headers["content-type"], "application/problem+json");
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    let basic = [("authorization", "Basic amFuZTpqYW5l")];
    let basic = world.client.call(Method::GET, "/requests", &basic, Vec::new()).await;
    assert_eq!(basic.status, 401, "{basic:?}");

    let expired = issuer.sign(&with(claims(&world), "exp", 1_000_000_000)).unwrap();
    let reply = submit_with(&world, &expired).await;
    assert_eq!((reply.status, reply.problem()), (401, "token-expired"), "{reply:?}");

    let unsigned = format!("{}.{}.", encode(&json!({"alg": "none", "typ": "JWT"})), encode(&claims(&world)));
    // The public key, as anybody can fetch it, taken for a shared secret.
    let keys = world.client.call(Method::GET, "/_local/issuer/jwks.json", &[], Vec::new()).await.body;
    let public = keys["keys"][0].to_string();
    let signed = format!("{}.{}", encode(&json!({"alg": "HS256", "kid": "development"})), encode(&claims(&world)));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), signed.as_bytes());
    let confused = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    let other_issuer = issuer.sign(&with(claims(&world), "iss", "https://issuer.elsewhere.example")).unwrap();
    let other_audience = issuer.sign(&with(claims(&world), "aud", "another-service")).unwrap();
    let changed = {
        let mut parts: Vec<String> = ok.split('.').map(str::to_owned).collect();
        parts[1] = encode(&with(claims(&world), "email", "jane@acme.example"));
        parts.join(".")
    };
    for (name, token) in [
        ("alg none", unsigned),
        ("HS256 with the public key", confused),
        ("wrong issuer", other_issuer),
        ("wrong audience", other_audience),
        ("changed payload", changed),
        ("no token at all", "abc".to_owned()),
    ] {
        let reply = submit_with(&world, &token).await;
        assert_eq!((reply.status, reply.problem()), (401, "token-invalid"), "{name}: {reply:?}");
        assert!(!reply.body.to_string().contains(&token), "{name}: the token is not repeated");
    }
    for path in ["/requests", "/catalog", "/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f"] {
        let reply = world.client.call(Method::GET, path, &[], Vec::new()).await;
        assert_eq!((reply.status, reply.problem()), (401, "token-missing"), "{path}");
    }
    let open = world.client.call(Method::GET, "/openapi.json", &[], Vec::new()).await;
    assert_eq!((open.status, open.body["openapi"].as_str()), (200, Some("3.1.0")));
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_cannot_be_used_are_refused_with_the_field() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let bearer = format!("Bearer {jane}");
    let raw =
        async |body: Vec<u8>| world.client.call(Method::POST, "/request", &[("authorization", &bearer)], body).await;
    let listed = r#"["nginx",null,null,null,"data-engineering","dev"]"#;
    for body in ["", "{", "[]", listed, "\"python\"", "{\"image\":\"a\"} x"] {
        let reply = raw(body.as_bytes().to_vec()).await;
        assert_eq!((reply.status, reply.problem()), (400, "malformed-body"), "{body}: {reply:?}");
    }
    let reply = raw(vec![0xff, 0xfe, 0x00]).await;
    assert_eq!((reply.status, reply.problem()), (400, "malformed-body"), "{reply:?}");
    let large = with(good(), "justification", "x".repeat(16 * 1024));
    let reply = raw(large.to_string().into_bytes()).await;
    assert_eq!((reply.status, reply.problem()), (413, "body-too-large"));

    for (change, field) in [
        (json!({"requester": "boss@acme.example"}), "requester"),
        (json!({"team": "Data Engineering"}), "team"),
        (json!({"team": ""}), "team"),
        (json!({"environment": "prod"}), "environment"),
        (json!({"customName": "Not A Name"}), "customName"),
        (json!({"customName": "../../etc"}), "customName"),
        (json!({"justification": "   "}), "justification"),
        (json!({"justification": "x".repeat(2001)}), "justification"),
        (json!({"image": 7}), "image"),
    ] {
        let mut body = good();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let reply = world.client.submit(&jane, &body).await;
        assert_eq!((reply.status, reply.problem()), (400, "invalid-field"), "{change}: {reply:?}");
        assert_eq!(reply.text("field"), field, "{change}: {reply:?}");
    }
    for missing in ["image", "team"] {
        let mut body = good();
        body.as_object_mut().unwrap().remove(missing);
        let reply = world.client.submit(&jane, &body).await;
        assert_eq!((reply.status, reply.problem(), reply.text("field")), (400, "invalid-field", missing));
    }
    for image in ["docker.io/library/nginx", "cgr.dev/other/nginx", "nginx@sha256:abc", "Nginx", "", "nginx:"] {
        let reply = world.client.submit(&jane, &with(good(), "image", image)).await;
        assert_eq!((reply.status, reply.problem()), (422, "invalid-image-reference"), "{image}: {reply:?}");
    }
    let reply = world.client.submit(&jane, &with(good(), "image", "docker.io/library/nginx")).await;
    assert_eq!(reply.body["suggestions"][0], "nginx");
    for (image, suggestion) in [("ngnix", "nginx"), ("nginx:1.27-alpine", "nginx:latest")] {
        let reply = world.client.submit(&jane, &with(good(), "image", image)).await;
        assert_eq!((reply.status, reply.problem()), (422, "image-not-in-catalog"), "{image}: {reply:?}");
        assert_eq!(reply.body["suggestions"][0], suggestion, "{reply:?}");
    }
    let production = json!({"image": "nginx", "team": "data-engineering"});
    let reply = world.client.submit(&jane, &production).await;
    assert_eq!((reply.status, reply.problem()), (422, "field-required-by-tier"));
    assert_eq!(reply.text("field"), "justification");
    let base = json!({"image": "base-image/nginx", "team": "data-engineering", "justification": "x"});
    let reply = world.client.submit(&jane, &base).await;
    assert_eq!((reply.status, reply.text("field")), (422, "riskAssessment"), "{reply:?}");
    let reply = world.client.submit(&jane, &with(base, "riskAssessment", "low")).await;
    assert_eq!((reply.status, reply.text("approvalTier")), (202, "security-review"), "{reply:?}");

    for (key, expected) in [("", 400), ("a b", 400), (&*"k".repeat(256), 400), (&*"k".repeat(255), 202)] {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let body = with(good(), "customName", format!("key-{}", key.len()));
        let reply = world.client.call(Method::POST, "/request", &headers, body.to_string().into_bytes()).await;
        assert_eq!(reply.status, expected, "{key}: {reply:?}");
    }
    for (method, path) in [
        (Method::GET, "/request/req-nonsense"),
        (Method::GET, "/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f"),
        (Method::GET, "/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f/events"),
        (Method::PATCH, "/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f/approve"),
        (Method::PATCH, "/request/%2e%2e%2f/cancel"),
    ] {
        let reply = world.client.send(method, path, &jane, &Value::Null).await;
        assert_eq!((reply.status, reply.problem()), (404, "request-not-found"), "{path}: {reply:?}");
    }
    let reply = world.client.get("/nothing", &jane).await;
    assert_eq!((reply.status, reply.problem()), (404, "route-not-found"));
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_holds_also_for_requests_sent_at_once() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let submissions = (0..30).map(|index| {
        let (client, jane) = (world.client.clone(), jane.clone());
        async move { client.submit(&jane, &e2e::nth_request(index)).await }
    });
    let replies = futures_util::future::join_all(submissions).await;
    let accepted = replies.iter().filter(|reply| reply.status == 202).count();
    assert_eq!(accepted, 20, "{replies:?}");
    for reply in replies.iter().filter(|reply| reply.status != 202) {
        assert_eq!((reply.status, reply.problem()), (429, "rate-limit-exceeded"), "{reply:?}");
        let wait: u64 = reply.headers["retry-after"].parse().unwrap();
        assert!((1..=3601).contains(&wait), "{wait}");
    }
    let dana = world.client.token("dana").await;
    let other = world.client.submit(&dana, &e2e::nth_request(100)).await;
    assert_eq!(other.status, 202, "another person has a limit of their own");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_justifications_arrive_intact_and_do_no_harm() {
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let hostile = "</p><script>alert(1)</script>\" onload=\"x\u{0000}\u{0007}\u{001b}[31m\u{202e}txt.exe\u{2066}\u{1f680} <!channel> &amp;";
    let mut body = with(good(), "justification", hostile);
    body.as_object_mut().unwrap().remove("environment");
    let reply = world.client.submit(&jane, &body).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let id = reply.text("requestId").to_owned();
    let request = world.client.get(&format!("/request/{id}"), &jane).await;
    assert_eq!(request.text("justification"), hostile);
    let events = world.client.get(&format!("/request/{id}/events"), &jane).await;
    assert_eq!(events.body["events"][0]["justification"], hostile);
    assert_eq!(events.body["chainIntact"], true);

    let messages = until("approvers are told by mail and chat", || async {
        let messages = world.client.outbox().await;
        let of = |channel: &str| messages.iter().any(|message| message["channel"] == channel);
        (of("mail") && of("slack") && of("webhook")).then_some(messages)
    })
    .await;
    for message in &messages {
        let (html, text) = (message["html"].as_str().unwrap(), message["text"].as_str().unwrap());
        assert!(!html.contains("<script") && !html.contains("onload=\"x"), "{html}");
        let subject = message["subject"].as_str().unwrap();
        assert!(!subject.contains("script") && !subject.contains('\u{202e}'), "{subject}");
        if message["channel"] == "mail" {
            assert!(html.contains("&#60;script") || html.contains("&lt;script"), "{html}");
            for harmful in ['\u{0000}', '\u{001b}', '\u{202e}', '\u{2066}'] {
                assert!(!text.contains(harmful) && !html.contains(harmful), "{harmful:?}");
            }
        }
        if message["channel"] == "slack" {
            assert!(!text.contains("<!channel>"), "{text}");
        }
    }
    let page = world.client.call(Method::GET, "/_local/outbox", &[("accept", "text/html")], Vec::new()).await;
    let page = page.body.as_str().unwrap().to_owned();
    assert!(!page.contains("<script"), "the outbox page shows no markup of others");
    world.runtime.stop().await;
}

use domain::request::Status;
use serde_json::{Value, json};

use super::world::{ISSUER, NOW, ORGANIZATION, REPOSITORY, Sent, Signer, World};

fn sent() -> Sent {
    Sent::tag_created("1", REPOSITORY, "3.12")
}

/// With a request that one believed delivery would make available.
fn world() -> World {
    let world = World::provisioned();
    world.tag("3.12");
    world
}

fn nothing_happened(world: &World) {
    assert_eq!((world.status(), *world.asked.lock().unwrap()), (Status::Provisioned, 0));
    assert!(world.published().is_empty());
}

async fn refused(world: &World, sent: &Sent, authorization: Option<&str>) {
    let answer = world.answer(sent, authorization, false).await;
    assert_eq!(answer, (403, "delivery-refused".to_owned()), "{:?} {}", sent.headers, sent.claims);
    nothing_happened(world);
}

#[tokio::test]
async fn without_a_token_nobody_is_believed() {
    let world = world();
    for authorization in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic x"), Some("x")] {
        let answer = world.answer(&sent(), authorization, false).await;
        assert_eq!(answer, (401, "token-missing".to_owned()), "{authorization:?}");
    }
    nothing_happened(&world);
}

#[tokio::test]
async fn a_token_that_does_not_fit_in_any_part_is_refused() {
    let world = world();
    let other = Value::from("https://issuer.example");
    for (claim, values) in [
        ("iss", vec![other.clone(), json!(format!("{ISSUER}/")), json!([ISSUER]), Value::Null]),
        ("aud", vec![json!("https://console-api.enforce.dev"), json!([]), json!(["customers"]), Value::Null]),
        (
            "sub",
            vec![
                json!(format!("webhook:{}", "f".repeat(40))),
                json!(format!("webhook:{REPOSITORY}")),
                json!("webhook:"),
                json!(ORGANIZATION),
                json!(format!("webhook:{ORGANIZATION} ")),
                json!(["webhook"]),
                Value::Null,
            ],
        ),
        ("exp", vec![json!(NOW - 60), json!("tomorrow"), Value::Null]),
        ("nbf", vec![json!(NOW + 60)]),
        (
            "webhook",
            vec![
                json!({"digest": format!("sha256:{}", "0".repeat(64))}),
                json!({"digest": sent().claims["webhook"]["digest"].as_str().unwrap().to_uppercase()}),
                json!({"digest": sent().claims["webhook"]["digest"].as_str().unwrap().replace("sha256:", "")}),
                json!({"digest": ""}),
                json!({"digest": 7}),
                json!({}),
                sent().claims["webhook"]["digest"].clone(),
                Value::Null,
            ],
        ),
    ] {
        for value in values {
            let sent = sent().claiming(claim, value);
            let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
            refused(&world, &sent, Some(&bearer)).await;
        }
    }
}

#[tokio::test]
async fn a_token_that_somebody_else_signed_is_refused() {
    let world = world();
    let claims = sent().claims;
    refused(&world, &sent(), Some(&format!("Bearer {}", Signer::new().token(&claims)))).await;
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "k1"}),
        json!({"alg": "EdDSA", "kid": "k1"}),
        json!({"alg": "RS256", "kid": "k1"}),
        json!({"alg": "ES256", "kid": "k2"}),
        json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]}),
    ] {
        let token = world.signer.token_with(&header, &claims);
        refused(&world, &sent(), Some(&format!("Bearer {token}"))).await;
    }
    let token = world.signer.token(&claims);
    let (message, _) = token.rsplit_once('.').unwrap();
    for broken in [format!("{message}."), message.to_owned(), "x".to_owned(), format!("{token}, Bearer {token}")] {
        refused(&world, &sent(), Some(&format!("Bearer {broken}"))).await;
    }
}

#[tokio::test]
async fn a_body_that_is_changed_in_a_single_byte_is_refused() {
    let world = world();
    let original = sent();
    let bearer = format!("Bearer {}", world.signer.token(&original.claims));
    for position in 0..original.body.len() {
        let mut bytes = original.body.clone().into_bytes();
        bytes[position] = if bytes[position] == b' ' { b'.' } else { b' ' };
        let mut changed = sent();
        changed.body = String::from_utf8(bytes).unwrap();
        refused(&world, &changed, Some(&bearer)).await;
    }
    let mut empty = sent();
    empty.body.clear();
    refused(&world, &empty, Some(&bearer)).await;
    assert_eq!(world.answer(&original, Some(&bearer), false).await.0, 204, "it is the body that was wrong");
}

#[tokio::test]
async fn headers_that_are_changed_lead_to_no_more_than_a_look() {
    let world = World::available();
    // A token for a harmless body, with what is not signed made to look like a deletion.
    let mut forged = Sent::tag_created("1", REPOSITORY, "3.12");
    forged.headers.insert("ce-type".to_owned(), "dev.chainguard.api.platform.registry.repo.deleted.v1".to_owned());
    forged.headers.insert("ce-subject".to_owned(), REPOSITORY.to_owned());
    assert_eq!(world.deliver(&forged).await, 204);
    assert_eq!((world.status(), world.drifts().len()), (Status::Available, 0));
}

#[tokio::test]
async fn nothing_of_a_delivery_is_logged_but_its_id() {
    let log = captured_log::listen();
    let world = world();
    let sent = Sent::tag_created("event-1", REPOSITORY, "hunter2");
    let token = world.signer.token(&sent.claims);
    world.answer(&sent, Some(&format!("Bearer {token}")), false).await;
    world.answer(&sent, Some(&format!("Bearer {token}")), false).await;
    world.answer(&sent, Some(&format!("Bearer {token}x")), false).await;
    let text = log.text();
    assert!(text.contains("event-1") && text.contains("refused a delivery"), "{text}");
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(!text.contains("hunter2") && !text.contains(signature), "{text}");
}

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use base64::engine::general_purpose::STANDARD;
use lambda::jwt::MAX_TOKEN_BYTES;

use super::*;

/// A world with one key on Ed25519, and the key.
fn world() -> (World, Signer) {
    let signer = Signer::ed();
    (World::new(vec![signer.jwk("k1")]), signer)
}

async fn refused_with(claims: &Value, problem: &str, what: &str) {
    let (world, signer) = world();
    world.refuses(&signer.token("k1", claims), problem, what).await;
}

#[tokio::test]
async fn no_token() {
    let (world, _) = world();
    world.refuses("", "token-missing", "Send one bearer token").await;
}

#[tokio::test]
async fn an_expired_token() {
    refused_with(&claims_with("exp", json!(NOW - 60)), "token-expired", "has expired; sign in again").await;
}

#[tokio::test]
async fn a_token_that_is_not_valid_yet() {
    refused_with(&claims_with("nbf", json!(NOW + 60)), "token-invalid", "not valid yet").await;
}

#[tokio::test]
async fn an_issuer_that_is_not_trusted() {
    for name in ["https://evil.example", "https://id.acme.example", "https://ID.acme.example/", ""] {
        refused_with(&claims_with("iss", json!(name)), "token-invalid", "not from an issuer").await;
    }
    for name in [Value::Null, json!([ACME]), json!(1)] {
        refused_with(&claims_with("iss", name), "token-invalid", "not from an issuer").await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_trusted_is_never_asked() {
    let (world, signer) = world();
    world.context(&signer.token("k1", &claims_with("iss", json!("https://evil.example")))).await;
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn another_audience() {
    for audience in [json!("other"), json!([]), json!(["other", 1]), json!({"a": AUDIENCE}), Value::Null] {
        refused_with(&claims_with("aud", audience), "token-invalid", "with the audience `image-requests`").await;
    }
}

#[tokio::test]
async fn no_signature() {
    let (world, signer) = world();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": alg, "kid": "k1"});
        world.refuses(&jwt(&header, &claims(), |_| Vec::new()), "token-invalid", "signed in a way").await;
    }
    let token = signer.token("k1", &claims());
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    world.refuses(&unsigned, "token-invalid", "signature does not fit").await;
}

#[tokio::test]
async fn an_hmac_with_the_public_key_as_its_secret() {
    let rsa = Signer::rsa();
    let Signer::Rsa(pair) = &rsa else { unreachable!() };
    let world = World::new(vec![rsa.jwk("k1")]);
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let base64 = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    let jwk = rsa.jwk("k1");
    let n = jwk["n"].as_str().unwrap().to_owned();
    let secrets = [
        pem.trim_end().as_bytes().to_vec(),
        pem.into_bytes(),
        der.as_ref().to_vec(),
        jwk.to_string().into_bytes(),
        URL_SAFE_NO_PAD.decode(&n).unwrap(),
        n.into_bytes(),
    ];
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
        let forged = jwt(&json!({"alg": "HS256", "kid": "k1"}), &claims(), sign);
        world.refuses(&forged, "token-invalid", "signed in a way").await;
        // The same bytes under a name that is accepted are no signature.
        let disguised = jwt(&json!({"alg": "RS256", "kid": "k1"}), &claims(), sign);
        world.refuses(&disguised, "token-invalid", "signature does not fit").await;
    }
}

#[tokio::test]
async fn algorithms_that_fit_the_key_but_are_not_accepted() {
    let signer = Signer::rsa();
    let world = World::new(vec![signer.jwk("k1")]);
    for alg in ["RS384", "RS512", "PS256", "HS384", "ES384", "rs256"] {
        let token = signer.token_with(&json!({"alg": alg, "kid": "k1"}), &claims());
        world.refuses(&token, "token-invalid", "signed in a way").await;
    }
}

#[tokio::test]
async fn an_algorithm_of_another_type_than_the_key() {
    let signers = [Signer::rsa(), Signer::ec(), Signer::ed()];
    for published in &signers {
        let world = World::new(vec![published.jwk("k1")]);
        for signer in signers.iter().filter(|signer| signer.algorithm() != published.algorithm()) {
            world.refuses(&signer.token("k1", &claims()), "token-invalid", "does not fit the key").await;
        }
        assert_eq!(world.asked(), 1, "asking again would not change the type");
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along() {
    let (world, _) = world();
    let own = Signer::ed();
    let header = json!({"alg": "EdDSA", "kid": "k1", "jwk": own.jwk("k1"), "jku": "https://evil.example/keys"});
    world.refuses(&own.token_with(&header, &claims()), "token-invalid", "signature does not fit").await;
}

#[tokio::test]
async fn an_extension_that_is_not_known() {
    let (world, signer) = world();
    let header = json!({"alg": "EdDSA", "kid": "k1", "crit": ["b64"], "b64": false});
    world.refuses(&signer.token_with(&header, &claims()), "token-invalid", "extension").await;
}

#[tokio::test]
async fn a_payload_that_was_changed() {
    let (world, signer) = world();
    let token = signer.token("k1", &claims());
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[1] = encode(claims_with("groups", json!(["admins"])).to_string().as_bytes());
    world.refuses(&parts.join("."), "token-invalid", "signature does not fit").await;
}

#[tokio::test]
async fn a_token_of_one_issuer_in_the_name_of_another() {
    let (acme, other) = (Signer::ed(), Signer::ed());
    // Both under the same name: only the issuer tells them apart.
    let world = World::new(vec![acme.jwk("k1")]);
    world.publish(OTHER, vec![other.jwk("k1")]);
    world.accepts(&acme.token("k1", &claims())).await;
    world.accepts(&other.token("k1", &claims_with("iss", json!(OTHER)))).await;
    world.refuses(&other.token("k1", &claims()), "token-invalid", "signature does not fit").await;
    let borrowed = acme.token("k1", &claims_with("iss", json!(OTHER)));
    world.refuses(&borrowed, "token-invalid", "signature does not fit").await;
}

#[tokio::test]
async fn claims_that_are_missing_or_of_no_use() {
    for (claim, values) in [
        ("exp", vec![Value::Null, json!("tomorrow"), json!(-1), json!(1e300)]),
        ("nbf", vec![json!("yesterday")]),
        ("sub", vec![Value::Null, json!(""), json!(" "), json!(7), json!("a\nb"), json!("x".repeat(256))]),
        (
            "email",
            vec![
                Value::Null,
                json!(""),
                json!("jane"),
                json!("@acme.example"),
                json!("jane@"),
                json!("jane doe@acme.example"),
                json!("jane@acme.example\r\nBcc: all@acme.example"),
                json!(format!("{}@acme.example", "x".repeat(250))),
            ],
        ),
    ] {
        for value in values {
            refused_with(&claims_with(claim, value), "token-invalid", &format!("the claim `{claim}`")).await;
        }
    }
}

#[tokio::test]
async fn an_address_that_is_not_verified() {
    for verified in [json!(false), json!("false"), json!(0)] {
        refused_with(&claims_with("email_verified", verified), "token-invalid", "not verified").await;
    }
}

#[tokio::test]
async fn groups_beyond_bounds() {
    // What is longer than a token may be does not come that far.
    let names = |count: usize| (0..count).map(|number| format!("g{number}")).collect::<Vec<_>>();
    for groups in [json!(names(201)), json!(["x".repeat(257)]), json!("admins"), json!(["a", 1]), json!({"a": 1})] {
        refused_with(&claims_with("groups", groups), "token-invalid", "claim `groups`").await;
    }
    let (world, signer) = world();
    world.accepts(&signer.token("k1", &claims_with("groups", json!(names(200))))).await;
    world.accepts(&signer.token("k1", &claims_with("groups", json!(["x".repeat(256)])))).await;
}

#[tokio::test]
async fn a_token_that_is_too_long() {
    let (world, signer) = world();
    let token = signer.token("k1", &claims_with("padding", json!("x".repeat(MAX_TOKEN_BYTES))));
    world.refuses(&token, "token-invalid", "longer than 16384 bytes").await;
}

#[tokio::test]
async fn what_is_no_jwt() {
    let (world, signer) = world();
    let token = signer.token("k1", &claims());
    let header = encode(br#"{"alg":"EdDSA","kid":"k1"}"#);
    for text in [
        "opaque".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        format!("{token}.more"),
        format!("{token}, Bearer {token}"),
        format!("{header}.{}.AAAA", encode(b"[]")),
        format!("{header}.{}.AAAA", encode("[".repeat(5_000).as_bytes())),
        format!("{}.{}.AAAA", encode(br#"{"alg":"EdDSA","alg":"none"}"#), encode(b"{}")),
        format!("{}.{}.AAAA", encode(br#"{"kid":"k1"}"#), encode(b"{}")),
    ] {
        world.refuses(&text, "token-invalid", "no signed JWT").await;
    }
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn nothing_of_a_token_is_repeated() {
    let marked = |claim: &str| claims_with(claim, json!("hunter2"));
    let (world, signer) = world();
    for token in [
        signer.token("hunter2", &claims()),
        signer.token("k1", &marked("iss")),
        signer.token("k1", &marked("aud")),
        signer.token("k1", &marked("exp")),
        signer.token("k1", &marked("email")),
        signer.token("k1", &marked("email_verified")),
        signer.token("k1", &marked("groups")),
        jwt(&json!({"alg": "hunter2"}), &claims(), |_| Vec::new()),
    ] {
        let context = world.context(&token).await;
        assert!(context["refusal"].is_string() && !context.to_string().contains("hunter2"), "{context}");
    }
}

use std::collections::BTreeSet;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use domain::person::{Person, Principal};
use lambda::http::{Answer, answer};

use super::*;

#[tokio::test]
async fn each_accepted_algorithm_verifies() {
    for signer in [Signer::rsa(), Signer::ec(), Signer::ed()] {
        let world = World::new(vec![signer.jwk("k1")]);
        let context = world.context(&signer.token("k1", &claims())).await;
        let expected = json!({
            "subject": "https://id.acme.example/|u-1",
            "email": "jane@acme.example",
            "groups": r#"["developers","platform-engineering"]"#,
        });
        assert_eq!(context, expected, "{}", signer.algorithm());
    }
}

#[tokio::test]
async fn the_functions_read_what_the_authorizer_vouches_for() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let context = world.context(&signer.token("k1", &claims())).await;
    let event: ApiGatewayV2httpRequest = serde_json::from_value(json!({
        "routeKey": "GET /requests",
        "headers": {},
        "requestContext": {"authorizer": {"lambda": context}, "http": {"method": "GET"}},
    }))
    .unwrap();
    let expected = Principal {
        person: Person { subject: "https://id.acme.example/|u-1".to_owned(), email: "jane@acme.example".to_owned() },
        groups: BTreeSet::from(["developers", "platform-engineering"].map(str::to_owned)),
    };
    let response = answer("test", event, async |call| {
        assert_eq!(call.principal().unwrap(), expected);
        Ok(Answer::json(200, &json!({})))
    })
    .await;
    assert_eq!(response.status_code, 200);
}

#[tokio::test]
async fn a_token_without_the_name_of_a_key_is_held_to_the_only_one_that_fits() {
    let (signer, other) = (Signer::ed(), Signer::ec());
    let world = World::new(vec![signer.jwk("k1"), other.jwk("k2")]);
    world.accepts(&signer.token_with(&json!({"alg": "EdDSA"}), &claims())).await;
}

#[tokio::test]
async fn an_audience_may_be_one_of_several() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    world.accepts(&signer.token("k1", &claims_with("aud", json!(["other", AUDIENCE])))).await;
}

#[tokio::test]
async fn clocks_may_differ_by_thirty_seconds() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    for (claim, accepted, refused) in [("exp", NOW - 29, NOW - 30), ("nbf", NOW + 30, NOW + 31)] {
        world.accepts(&signer.token("k1", &claims_with(claim, json!(accepted)))).await;
        let context = world.context(&signer.token("k1", &claims_with(claim, json!(refused)))).await;
        assert!(context["refusal"].is_string(), "{claim}: {context}");
    }
    world.accepts(&signer.token("k1", &claims_with("exp", json!(1_700_000_000.5)))).await;
}

#[tokio::test]
async fn groups_are_optional_and_a_verified_address_may_say_so() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let context = world.context(&signer.token("k1", &claims_with("groups", Value::Null))).await;
    assert_eq!(context["groups"], "[]");
    for verified in [json!(true), json!("true")] {
        world.accepts(&signer.token("k1", &claims_with("email_verified", verified))).await;
    }
}

#[tokio::test]
async fn an_issuer_may_name_its_claims_otherwise() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let mut custom = issuer(ACME);
    custom.email_claim = "upn".to_owned();
    custom.groups_claim = "https://acme.example/roles".to_owned();
    let verifier = Verifier::new(vec![custom], world.keys.clone(), world.clock.clone());
    let mut claims = claims_with("email", Value::Null);
    claims["upn"] = json!("jane@corp.acme.example");
    claims["https://acme.example/roles"] = json!(["admins"]);
    let principal = verifier.verify(&call(&signer.token("k1", &claims))).await.unwrap();
    assert_eq!(principal.person.email, "jane@corp.acme.example");
    assert_eq!(principal.groups, BTreeSet::from(["admins".to_owned()]));
}

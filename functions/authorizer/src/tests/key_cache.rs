use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Claims that do not expire while a test lets hours pass.
fn lasting() -> Value {
    claims_with("exp", json!(NOW + 1_000_000))
}

#[tokio::test]
async fn keys_are_fetched_once_an_hour() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let token = signer.token("k1", &lasting());
    for _ in 0..3 {
        world.accepts(&token).await;
    }
    world.clock.pass(Duration::from_millis(3_599_999));
    world.accepts(&token).await;
    assert_eq!(world.asked(), 1);
    world.clock.pass(Duration::from_millis(1));
    world.accepts(&token).await;
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn a_key_that_is_published_no_longer_stops_working_within_an_hour() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let world = World::new(vec![old.jwk("k1")]);
    world.accepts(&old.token("k1", &lasting())).await;
    world.publish(ACME, vec![new.jwk("k2")]);
    world.clock.pass(HOUR);
    world.refuses(&old.token("k1", &lasting()), "token-invalid", "does not publish").await;
}

#[tokio::test]
async fn an_unknown_key_makes_it_ask_once() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let world = World::new(vec![old.jwk("k1")]);
    world.accepts(&old.token("k1", &lasting())).await;
    world.publish(ACME, vec![old.jwk("k1"), new.jwk("k2")]);
    world.clock.pass(MINUTE);
    world.accepts(&new.token("k2", &lasting())).await;
    world.accepts(&new.token("k2", &lasting())).await;
    world.accepts(&old.token("k1", &lasting())).await;
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn names_of_keys_that_are_made_up_make_it_ask_once_a_minute() {
    let (signer, stranger) = (Signer::ed(), Signer::ed());
    let world = World::new(vec![signer.jwk("k1")]);
    for second in 0..180 {
        let forged = stranger.token(&format!("made-up-{second}"), &lasting());
        world.refuses(&forged, "token-invalid", "does not publish").await;
        world.clock.pass(Duration::from_secs(1));
    }
    assert_eq!(world.asked(), 3);
    world.accepts(&signer.token("k1", &lasting())).await;
}

#[tokio::test]
async fn calls_at_the_same_time_ask_once() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let token = signer.token("k1", &lasting());
    tokio::join!(world.accepts(&token), world.accepts(&token), world.accepts(&token), world.accepts(&token));
    assert_eq!(world.asked(), 1);
    world.clock.pass(HOUR);
    tokio::join!(world.accepts(&token), world.accepts(&token), world.accepts(&token), world.accepts(&token));
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn a_key_that_still_works_does_not_wait_for_the_issuer() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let token = signer.token("k1", &lasting());
    world.accepts(&token).await;
    world.clock.pass(HOUR);
    world.keys.0.lock().unwrap().hanging = true;
    tokio::select! {
        biased;
        () = world.accepts(&token) => panic!("it has to ask"),
        () = world.accepts(&token) => {}
    }
}

#[tokio::test]
async fn calls_at_the_same_time_fail_on_one_asking() {
    let world = World::new(Vec::new());
    world.silence(ACME);
    let token = Signer::ed().token("k1", &lasting());
    let outcomes = tokio::join!(world.try_context(&token), world.try_context(&token), world.try_context(&token));
    assert!(outcomes.0.is_err() && outcomes.1.is_err() && outcomes.2.is_err());
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn known_keys_work_for_a_day_while_the_issuer_does_not_answer() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    let token = signer.token("k1", &lasting());
    world.accepts(&token).await;
    world.silence(ACME);
    world.clock.pass(HOUR);
    world.accepts(&token).await;
    world.accepts(&token).await;
    assert_eq!(world.asked(), 2, "not asked again at once");
    world.clock.pass(MINUTE);
    world.accepts(&token).await;
    assert_eq!(world.asked(), 3);
    world.clock.pass(22 * HOUR + 58 * MINUTE);
    world.accepts(&token).await;
    world.clock.pass(MINUTE);
    let error = world.try_context(&token).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to get the keys of {ACME}"));
    world.publish(ACME, vec![signer.jwk("k1")]);
    world.clock.pass(Duration::from_secs(5));
    world.accepts(&token).await;
}

#[tokio::test]
async fn without_any_keys_a_token_is_not_judged() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    world.silence(ACME);
    let token = signer.token("k1", &lasting());
    assert!(world.try_context(&token).await.is_err());
    assert!(world.try_context(&token).await.is_err());
    assert_eq!(world.asked(), 1, "the issuer gets time to come back");
    world.publish(ACME, vec![signer.jwk("k1")]);
    world.clock.pass(Duration::from_secs(5));
    world.accepts(&token).await;
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_costs_only_its_own_tokens() {
    let signer = Signer::ed();
    let world = World::new(vec![signer.jwk("k1")]);
    world.silence(OTHER);
    assert!(world.try_context(&signer.token("k1", &claims_with("iss", json!(OTHER)))).await.is_err());
    world.accepts(&signer.token("k1", &claims())).await;
}

#[tokio::test]
async fn an_issuer_that_publishes_no_usable_key_is_no_failure() {
    let world = World::new(Vec::new());
    world.refuses(&Signer::ed().token("k1", &claims()), "token-invalid", "does not publish").await;
}

//! The commands as somebody types them, against the stand-in for Chainguard, over HTTP.

use std::time::Duration;

use clap::Parser;
use fake_chainguard::{FakeChainguard, Fault, Identity, Options, Route, TokenCheck, Trust};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;

const SINK: &str = "https://api.acme.example/chainguard/events";
const ORGANIZATION_ID: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
const IDENTITY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666";
const NEEDED: [&str; 5] = ["groups.list", "repo.list", "repo.create", "registry.entitlements.list", "tag.list"];

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

fn parse(arguments: &[&str]) -> Result<Task, clap::Error> {
    Arguments::try_parse_from([&["chainguard"], arguments].concat()).map(|arguments| arguments.task)
}

/// The stand-in, and a token for it.
struct World {
    fake: FakeChainguard,
    api: String,
    token: String,
}

impl World {
    /// With a token that may do everything.
    async fn start() -> Self {
        Self::with(Options { token: TokenCheck::Exact(vec!["good".to_owned()]), ..Options::default() }).await
    }

    async fn with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let fake = FakeChainguard::new(options);
        let served = fake.clone();
        tokio::spawn(async move { served.serve(listener, std::future::pending()).await });
        Self { fake, api, token: "good".to_owned() }
    }

    /// With a token of an identity that may do this and lives so long.
    async fn with_identity(capabilities: &[&str], lifetime: Duration) -> Self {
        let identity = Identity {
            id: IDENTITY.to_owned(),
            trusts: Trust::Token("upstream".to_owned()),
            capabilities: capabilities.iter().map(ToString::to_string).collect(),
        };
        let token = TokenCheck::Issued { lifetime };
        let mut world = Self::with(Options { token, identities: vec![identity], ..Options::default() }).await;
        let exchange = http_client::build(TIMEOUT).unwrap().post(format!("{}/sts/exchange", world.api));
        let form = [("aud", world.api.as_str()), ("identity", IDENTITY)];
        let answer: Value = exchange.bearer_auth("upstream").form(&form).send().await.unwrap().json().await.unwrap();
        answer["token"].as_str().unwrap().clone_into(&mut world.token);
        world
    }

    async fn perform_for(&self, organization: &str, arguments: &[&str]) -> anyhow::Result<Report> {
        let connection = ["--organization", organization, "--api-url", &self.api];
        let task = parse(&[arguments, &connection].concat()).unwrap();
        perform(&task, AccessToken::new(&self.token).unwrap(), SystemClock.now()).await
    }

    async fn perform(&self, arguments: &[&str]) -> anyhow::Result<Report> {
        self.perform_for("acme", arguments).await
    }

    /// What a command says that succeeds.
    async fn say(&self, arguments: &[&str]) -> String {
        let report = self.perform(arguments).await.unwrap();
        assert!(report.is_good, "{}", report.text);
        report.text
    }

    /// What a command that fails leaves on the terminal.
    async fn error(&self, arguments: &[&str]) -> String {
        format!("{:?}", self.perform(arguments).await.unwrap_err())
    }
}

#[tokio::test]
async fn a_sink_is_subscribed_once_however_often_it_is_asked_for() {
    let world = World::start().await;
    let first = world.say(&["subscribe", "--sink", SINK]).await;
    let [made] = world.fake.subscriptions().try_into().unwrap();
    assert_eq!(made.sink, SINK);
    assert!(first.starts_with(&format!("Subscribed {SINK} as {}.\nNext:", made.id)), "{first}");
    assert!(first.contains(&format!("ChainguardIssuerUrl is {},", world.api)), "{first}");
    for spelling in [SINK, "HTTPS://API.acme.example:443/chainguard/events"] {
        let again = world.say(&["subscribe", "--sink", spelling]).await;
        assert!(again.contains(&format!("is subscribed already, as {}. Nothing was done.", made.id)), "{again}");
    }
    assert_eq!(world.fake.count_calls(Route::CreateSubscription), 1);
    world.say(&["subscribe", "--sink", "https://other.acme.example/"]).await;
    assert_eq!(world.fake.subscriptions().len(), 2);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let world = World::start().await;
    let text = world.say(&["subscribe", "--sink", SINK, "--dry-run"]).await;
    assert_eq!(text, format!("Would subscribe {SINK}. Nothing was done."));
    assert_eq!(world.fake.subscriptions(), []);
    world.say(&["subscribe", "--sink", SINK]).await;
    let there = world.fake.subscriptions();
    let text = world.say(&["unsubscribe", &there[0].id, "--dry-run"]).await;
    assert!(text.starts_with(&format!("Would end the subscription {} of {SINK}", there[0].id)), "{text}");
    assert_eq!(world.fake.subscriptions(), there);
}

#[tokio::test]
async fn what_is_subscribed_is_listed_and_ended_by_its_id() {
    let world = World::start().await;
    assert!(world.say(&["subscriptions"]).await.starts_with("There are none."));
    world.say(&["subscribe", "--sink", SINK]).await;
    let [made] = world.fake.subscriptions().try_into().unwrap();
    assert_eq!(world.say(&["subscriptions"]).await, format!("{}  {SINK}", made.id));
    let text = world.say(&["unsubscribe", &made.id]).await;
    assert!(text.starts_with(&format!("Ended the subscription {} of {SINK}.", made.id)), "{text}");
    assert_eq!(world.fake.subscriptions(), []);
}

#[tokio::test]
async fn an_id_that_is_none_of_the_organisations_ends_nothing() {
    let world = World::start().await;
    world.say(&["subscribe", "--sink", SINK]).await;
    let unknown = format!("{ORGANIZATION_ID}/7777777777777777");
    for id in [unknown.as_str(), "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233/7777777777777777", "../..", "\u{1b}[2J"] {
        let report = world.perform(&["unsubscribe", id]).await.unwrap();
        assert!(!report.is_good && report.text.starts_with("The organisation has no subscription"), "{}", report.text);
        assert!(!report.text.contains('\u{1b}'), "{}", report.text);
    }
    assert_eq!(world.fake.count_calls(Route::DeleteSubscription), 0);
    assert_eq!(world.fake.subscriptions().len(), 1);
}

#[tokio::test]
async fn a_sink_that_is_subscribed_twice_is_told() {
    let world = World::start().await;
    let url = format!("{}/events/v1/subscriptions/{ORGANIZATION_ID}", world.api);
    for _ in 0..2 {
        let create = http_client::build(TIMEOUT).unwrap().post(&url).bearer_auth("good");
        create.json(&serde_json::json!({"sink": SINK})).send().await.unwrap().error_for_status().unwrap();
    }
    let text = world.say(&["subscribe", "--sink", SINK]).await;
    assert!(text.contains("is subscribed already, 2 times over"), "{text}");
    let command = text.lines().last().unwrap().trim().strip_prefix("cargo xtask chainguard ").unwrap();
    let listed = world.say(&["subscriptions"]).await;
    assert_eq!(listed.matches("one of 2 to the same address").count(), 2, "{listed}");
    world.say(&command.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(world.fake.subscriptions().len(), 1);
}

#[tokio::test]
async fn a_token_that_may_not_subscribe_is_told_what_it_takes() {
    let world = World::with_identity(&NEEDED, Duration::from_hours(1)).await;
    for (arguments, capability) in [
        (&["subscribe", "--sink", SINK][..], "subscriptions.create"),
        (&["subscriptions"], "subscriptions.list"),
        (&["unsubscribe", IDENTITY], "subscriptions.delete"),
    ] {
        let error = world.error(arguments).await;
        assert!(error.contains("do not allow it on the organisation. It takes groups.list, "), "{error}");
        assert!(error.contains(capability) && error.contains("chainguard check"), "{error}");
        assert!(!error.contains(&world.token), "{error}");
    }
    let capabilities = [&NEEDED[..], &["subscriptions.list"]].concat();
    let world = World::with_identity(&capabilities, Duration::from_hours(1)).await;
    let error = world.error(&["subscribe", "--sink", SINK]).await;
    assert!(error.contains("subscriptions.create is not granted"), "{error}");
    assert_eq!(world.fake.subscriptions(), []);
}

#[tokio::test]
async fn an_expired_token_is_told_with_how_to_get_another() {
    let world = World::with_identity(&NEEDED, Duration::ZERO).await;
    for arguments in [&["check"][..], &["subscribe", "--sink", SINK], &["subscriptions"], &["unsubscribe", IDENTITY]] {
        let error = world.error(arguments).await;
        assert!(error.contains(&format!("chainctl auth token --audience {}`", world.api)), "{error}");
        assert!(!error.contains(&world.token), "{error}");
    }
}

#[tokio::test]
async fn another_organisation_than_the_tokens_is_told() {
    let world = World::start().await;
    for arguments in [&["subscribe", "--sink", SINK][..], &["subscriptions"], &["unsubscribe", IDENTITY]] {
        let error = format!("{:?}", world.perform_for("acmee", arguments).await.unwrap_err());
        assert!(error.contains("look whether --organization is the name") && error.contains("`acmee`"), "{error}");
    }
    let report = world.perform_for("acmee", &["check"]).await.unwrap();
    assert!(!report.is_good && report.text.contains("- no organisation `acmee` is visible to it"), "{}", report.text);
    assert_eq!(world.fake.subscriptions(), []);
}

#[tokio::test]
async fn a_token_that_is_good_is_described() {
    let world = World::with_identity(&NEEDED, Duration::from_hours(1)).await;
    world.fake.seed_repository("python", "").unwrap();
    let text = world.say(&["check"]).await;
    for part in [
        &format!("stands for    {IDENTITY}\n"),
        "works until",
        " UTC (in ",
        &format!("id            {ORGANIZATION_ID}\n"),
        "repositories  1 of 2500\n",
        "there    repo.create",
        "-        subscriptions.create",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.ends_with("Nothing is missing.") && !text.contains("and not by"), "{text}");
    assert!(!text.contains(&world.token), "{text}");
}

#[tokio::test]
async fn each_capability_that_is_missing_fails_the_check_and_is_told_with_what_it_disables() {
    for missing in NEEDED {
        let rest: Vec<&str> = NEEDED.into_iter().filter(|capability| *capability != missing).collect();
        let world = World::with_identity(&rest, Duration::from_hours(1)).await;
        let report = world.perform(&["check"]).await.unwrap();
        assert!(!report.is_good, "{}", report.text);
        assert!(report.text.contains(&format!("- {missing} is missing: ")), "{}", report.text);
        assert_eq!(report.text.matches("MISSING").count(), 1, "{}", report.text);
    }
}

#[tokio::test]
async fn a_right_that_is_there_and_does_not_count_fails_the_check() {
    for route in [Route::Groups, Route::ListReposV2] {
        let world = World::start().await;
        let denied = Fault::Status { http: 403, grpc_code: 7, message: "not yet".to_owned() };
        world.fake.faults().push(route, denied, 1);
        let report = world.perform(&["check"]).await.unwrap();
        assert!(!report.is_good && report.text.contains("refuses it all the same: not yet"), "{}", report.text);
    }
}

#[tokio::test]
async fn an_organisation_that_is_full_fails_the_check() {
    let world = World::start().await;
    world.fake.seed_repository("python", "").unwrap();
    let report = world.perform(&["check", "--repository-limit", "1"]).await.unwrap();
    assert!(!report.is_good && report.text.contains("repositories  1 of 1\n"), "{}", report.text);
    assert!(report.text.contains("there is no room for another repository"), "{}", report.text);
}

#[tokio::test]
async fn an_issuer_that_is_not_the_tokens_is_told_and_no_reason_to_fail() {
    let world = World::start().await;
    let text = world.say(&["check", "--issuer-url", "https://issuer.enforce.dev"]).await;
    assert!(text.contains("and not by https://issuer.enforce.dev:"), "{text}");
}

#[test]
fn the_issuer_is_derived_from_the_apis_address_unless_it_is_given() {
    let issuer = |more: &[&str]| {
        let task = parse(&[&["subscriptions", "--organization", "acme"], more].concat()).unwrap();
        task.connection().issuer()
    };
    assert_eq!(issuer(&[]), "https://issuer.enforce.dev");
    assert_eq!(issuer(&["--api-url", "https://console-api.example/"]), "https://issuer.example");
    assert_eq!(issuer(&["--issuer-url", "https://sts.example/"]), "https://sts.example");
}

#[test]
fn what_cannot_be_done_is_refused_before_a_token_is_sent() {
    for wrong in [
        &["check"][..],
        &["check", "--organization", "Acme Inc"],
        &["check", "--organization", "acme", "--api-url", "http://console-api.enforce.dev"],
        &["check", "--organization", "acme", "--token", "hush"],
        &["subscribe", "--organization", "acme"],
        &["subscribe", "--organization", "acme", "--sink", "http://api.acme.example/chainguard/events"],
        &["unsubscribe", "--organization", "acme"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

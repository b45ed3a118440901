//! What the pages say, state by state.

use std::time::Duration;

use domain::journal::DecisionKind;
use domain::lifecycle::Command;
use domain::link::Link;
use domain::person::Principal;
use domain::request::{Channel, Draft};
use domain::text::{Justification, RiskAssessment};

use super::world::{Answered, DANA, JANE, World, base_image, draft, form, id, person, policy, principal, start, voice};

const DMITRI: &str = "dmitri@acme.example";

fn lead(email: &str) -> Principal {
    principal(email, &["data-engineering-leads"])
}

fn says(answered: &Answered, parts: &[&str]) {
    for part in parts {
        assert!(answered.body.contains(part), "{part} in {}", answered.body);
    }
}

/// A link for Dana that does not expire with its request.
fn lasting(world: &World) -> String {
    let link = world.request(id(1)).link_for(DANA, world.request(id(1)).round.since).unwrap();
    world.signed(&Link { expires: start().plus(Duration::from_hours(10_000)), ..link })
}

async fn decided(answer: DecisionKind, by: Principal, comment: Option<&str>) -> (World, String) {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = lasting(&world);
    world.pass(Duration::from_hours(1));
    world.happen(id(1), Command::Decide { answer, voice: voice(by, comment) }).await;
    world.pass(Duration::from_hours(2));
    (world, query)
}

/// The page of a state that is over: looked at with 200, refused with 409, and never with a form.
async fn over(world: &World, query: &str, title: &str, parts: &[&str]) {
    let (shown, refused) = (world.get(id(1), query).await, world.post(id(1), query, &form("reject", "too late")).await);
    assert_eq!((shown.status, refused.status), (200, 409), "{title}");
    let subject = "python:latest-dev for data-engineering</title>";
    says(&shown, &[&format!("<title>{title}: {subject}")]);
    says(&refused, &[&format!("<title>Nothing decided: {title}: {subject}"), "Nothing was decided: "]);
    for page in [&shown, &refused] {
        says(page, parts);
        assert!(!page.body.contains("<form"), "{title}");
    }
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn a_request_that_waits_shows_all_that_a_decision_needs() {
    let world = World::new();
    world.submit(1, Draft { custom_name: Some("python-etl".parse().unwrap()), ..draft() }).await;
    world.pass(Duration::from_hours(5));
    let query = world.query(id(1), DANA);
    let shown = world.get(id(1), &query).await;
    assert_eq!(shown.status, 200);
    says(
        &shown,
        &[
            "<html lang=\"en\">",
            "<title>Decision needed: python:latest-dev for data-engineering</title>",
            "<bdi>jane@acme.example</bdi> asks to add the Chainguard image <code><bdi>python</bdi></code>",
            "to run in production.",
            "Decide by <time datetime=\"2026-11-24T18:51:45.123Z\">Tue 24 Nov 2026, 18:51 UTC</time> (in 19 hours).",
            "<dt>Repository</dt><dd><code><bdi>python-etl</bdi></code></dd>",
            "docker pull cgr.dev/acme/python-etl:latest-dev",
            "<bdi dir=\"auto\">The nightly ML pipeline needs pip at build time.</bdi>",
            "<bdi dir=\"auto\">Runs without network access.</bdi>",
            "</bdi><code><bdi>default</bdi></code><bdi> asks for a manager&#39;s approval",
            "Policy version <code><bdi>1</bdi></code>.",
            "<b>0 of 1</b> given.",
            "<bdi>data-engineering-leads</bdi>: <bdi>dana@acme.example</bdi>, <bdi>dmitri@acme.example</bdi>",
            "You decide as <bdi>dana@acme.example</bdi> (<bdi>data-engineering-leads</bdi>).",
            "Yours is the last approval that is needed",
            "<form method=\"post\">",
            "<label for=\"comment\">Comment</label>",
            "aria-describedby=\"comment-hint\">",
            "name=\"decision\" value=\"approve\">Approve</button>",
            "name=\"decision\" value=\"reject\">Reject</button>",
            "This link is for <bdi>dana@acme.example</bdi> and can be used until <time",
        ],
    );
    assert!(!shown.body.contains("role=\"alert\""));
}

#[tokio::test]
async fn an_escalated_request_says_that_it_is_late() {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = lasting(&world);
    world.pass(Duration::from_hours(25));
    says(&world.get(id(1), &query).await, &["A decision was due on <time", "(1 hour ago)."]);
    world.happen(id(1), Command::Escalate).await;
    says(
        &world.get(id(1), &query).await,
        &["It was escalated: the second line may decide, too.", "<bdi>platform-engineering-leads</bdi>"],
    );
}

#[tokio::test]
async fn what_was_decided_says_who_decided_and_when() {
    let at = "on <time datetime=\"2026-11-23T19:51:45.123Z\">Mon 23 Nov 2026, 19:51 UTC</time> (2 hours ago).";
    let (world, query) = decided(DecisionKind::Approved, lead(DMITRI), Some("Fine by me")).await;
    let by = format!("<bdi>dmitri@acme.example</bdi> approved this {at}");
    over(&world, &query, "Approved", &[&by, "Fine by me", "nothing is left to do"]).await;

    let (world, query) = decided(DecisionKind::Approved, lead(DANA), None).await;
    over(&world, &query, "Approved", &[&format!("You approved this {at}")]).await;

    let (world, query) = decided(DecisionKind::Rejected, lead(DMITRI), Some("Use FIPS")).await;
    let by = format!("<bdi>dmitri@acme.example</bdi> rejected this {at}");
    over(&world, &query, "Rejected", &[&by, "Use FIPS", "That is final.", "submits a new request"]).await;
}

#[tokio::test]
async fn what_came_after_the_decision_is_told() {
    let (world, query) = decided(DecisionKind::Approved, lead(DMITRI), None).await;
    world.provision(id(1)).await;
    over(&world, &query, "Approved and added", &["The repository was added on <time"]).await;
    world.happen(id(1), Command::ConfirmAvailable).await;
    let pull = "<code>docker pull cgr.dev/acme/python:latest-dev</code>";
    over(&world, &query, "Available", &["The image can be pulled since <time", pull]).await;

    let (world, query) = decided(DecisionKind::Approved, lead(DMITRI), None).await;
    world.fail(id(1)).await;
    let parts = ["The plan does not include python.", "extend the plan.", "An administrator can send it round again"];
    over(&world, &query, "Failed", &parts).await;
}

#[tokio::test]
async fn what_ended_undecided_says_so() {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = lasting(&world);
    let by = principal(JANE, &[]);
    world.happen(id(1), Command::Cancel { by, channel: Channel::Api }).await;
    over(&world, &query, "Cancelled", &["<bdi>jane@acme.example</bdi> took this request back on <time"]).await;

    let world = World::new();
    world.submit(1, draft()).await;
    let query = lasting(&world);
    world.pass(Duration::from_hours(14 * 24));
    world.happen(id(1), Command::Expire).await;
    over(&world, &query, "Expired", &["Nobody decided this in time.", "submits a new request"]).await;
}

#[tokio::test]
async fn an_emergency_is_called_one() {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = lasting(&world);
    let by = principal("cleo@acme.example", &["incident-commanders"]);
    world.happen(id(1), Command::BreakGlass(voice(by, Some("CVE in production")))).await;
    let parts = ["<bdi>cleo@acme.example</bdi> approved this on", "It was an emergency", "CVE in production"];
    over(&world, &query, "Approved", &parts).await;
}

#[tokio::test]
async fn whoever_has_said_yes_is_told_what_it_waits_for() {
    let one = "      - { count: 1, groups: [\"{team}-leads\"] }\n";
    let world = World::with(policy(|text| {
        text.replacen(one, &format!("{one}      - {{ count: 2, groups: [security-reviewers] }}\n"), 1)
    }));
    world.submit(1, draft()).await;
    let query = lasting(&world);
    says(
        &world.get(id(1), &query).await,
        &["After yours, it takes 2 more approvals, from <bdi>security-reviewers</bdi>."],
    );
    world.happen(id(1), Command::Decide { answer: DecisionKind::Approved, voice: voice(lead(DANA), Some("Go")) }).await;
    let parts = [
        "You approved this on <time",
        "It waits for 2 more approvals, from <bdi>security-reviewers</bdi>, due on <time",
        "<b>1 of 1</b> given",
        "<b>0 of 2</b> given",
        "There is nothing more to do with this link.",
    ];
    over(&world, &query, "Waiting for others", &parts).await;
}

#[tokio::test]
async fn whoever_has_said_yes_with_a_token_is_not_asked_again() {
    let one = "      - { count: 1, groups: [security-reviewers] }\n";
    let two = "      - { count: 1, groups: [security-reviewers] }\n      - { count: 1, groups: [security-leads] }\n";
    let world = World::with(policy(|text| text.replacen(one, two, 1)));
    world.submit(1, base_image()).await;
    let query = world.query(id(1), "sasha@acme.example");
    let sasha = voice(principal("sasha@acme.example", &["security-reviewers"]), None);
    world.happen(id(1), Command::Decide { answer: DecisionKind::Approved, voice: sasha }).await;
    let shown = world.get(id(1), &query).await;
    says(&shown, &["You approved this on <time", "It waits for 1 more approval, from <bdi>security-leads</bdi>"]);
    assert!(!shown.body.contains("curl"));
}

#[tokio::test]
async fn an_approval_that_the_policy_no_longer_takes_is_shown_as_such() {
    let one = "      - { count: 1, groups: [\"{team}-leads\"] }\n";
    let two = format!("{one}      - {{ count: 1, groups: [security-reviewers] }}\n");
    let leads = "members: [dana@acme.example, dmitri@acme.example]";
    let world = World::with(policy(|text| text.replacen(one, &two, 1)));
    world.submit(1, draft()).await;
    let dmitri = Principal::by_address(DMITRI);
    world.happen(id(1), Command::Decide { answer: DecisionKind::Approved, voice: voice(dmitri, None) }).await;
    let query = lasting(&world);
    let world = world.under(policy(|text| {
        text.replacen(one, &two, 1).replacen(leads, "members: [dana@acme.example]", 1).replacen(
            "version: \"1\"",
            "version: \"2\"",
            1,
        )
    }));
    says(
        &world.get(id(1), &query).await,
        &[
            "That does not count any more: the policy has changed.",
            "The policy in force is version <code><bdi>2</bdi></code>",
            "The tier is <code><bdi>manager-approval</bdi></code>, by the rule <code><bdi>default</bdi></code>",
            "value=\"approve\"",
        ],
    );
}

#[tokio::test]
async fn who_stands_in_for_whom_is_shown() {
    let delegation = "delegations:\n  - { approver: dana@acme.example, delegate: ben@acme.example, from: 2026-11-01T00:00:00Z, until: 2026-12-24T00:00:00Z }";
    let world = World::with(policy(|text| text.replacen("delegations: []", delegation, 1)));
    world.submit(1, draft()).await;
    let query = world.query(id(1), "ben@acme.example");
    says(
        &world.get(id(1), &query).await,
        &[
            "<bdi>ben@acme.example</bdi> for <bdi>dana@acme.example</bdi>, who is away",
            "You decide as <bdi>ben@acme.example</bdi>, for <bdi>dana@acme.example</bdi> who is away \
             (<bdi>data-engineering-leads</bdi>).",
        ],
    );
    world.post(id(1), &query, &form("approve", "")).await;
    says(&world.get(id(1), &query).await, &["You approved this on <time", ", for <bdi>dana@acme.example</bdi>."]);
}

#[tokio::test]
async fn what_people_write_is_shown_and_does_no_harm() {
    let hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;\n\u{202e}gnp.exe\u{202c}\u{0}\u{1b}[31m\
                   </blockquote></textarea>{{ 7*7 }}שלום";
    let world = World::new();
    let odd = "\"><script>@acme.example\u{202e}";
    world
        .submit(
            1,
            Draft {
                requester: person(odd),
                justification: Some(Justification::new(hostile).unwrap()),
                risk_assessment: Some(RiskAssessment::new(hostile).unwrap()),
                ..draft()
            },
        )
        .await;
    let query = lasting(&world);
    let shown = world.get(id(1), &query).await;
    let harmless = "<bdi dir=\"auto\">&#60;script&#62;alert(1)&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;amp;\n\
                    [U+202E]gnp.exe[U+202C]␀␛[31m&#60;/blockquote&#62;&#60;/textarea&#62;{{ 7*7 }}שלום</bdi>";
    assert_eq!(shown.body.matches(harmless).count(), 2, "{}", shown.body);
    says(&shown, &["<bdi>&#34;&#62;&#60;script&#62;@acme.example[U+202E]</bdi>"]);
    let rejected = voice(lead(DMITRI), Some(hostile));
    world.happen(id(1), Command::Decide { answer: DecisionKind::Rejected, voice: rejected }).await;
    let over = world.get(id(1), &query).await;
    assert_eq!(over.body.matches(harmless).count(), 3);
    for page in [&shown, &over] {
        assert!(!page.body.contains("<script") && !page.body.contains('\u{202e}') && !page.body.contains('\0'));
    }
}

#[tokio::test]
async fn a_base_image_is_called_one() {
    let world = World::new();
    world.submit(1, base_image()).await;
    let query = world.query(id(1), "sasha@acme.example");
    says(&world.get(id(1), &query).await, &["Other images are to be built on it."]);
}

//! Who may do what by a link, and what a link is good for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::journal::DecisionKind;
use domain::lifecycle::Command;
use domain::link::Link;
use domain::policy::Policy;
use domain::request::{Draft, Status};
use domain::text::TeamName;
use serde_json::json;

use super::world::{DANA, Fault, JANE, KEYS, World, base_image, draft, form, id, person, policy, principal, voice};

fn replaced(from: &str, to: &str) -> Policy {
    policy(|text| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} occurs in the default policy");
        changed
    })
}

async fn pending() -> (World, String) {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = world.query(id(1), DANA);
    (world, query)
}

#[tokio::test]
async fn a_link_decides_once_and_leads_back_to_its_page() {
    let (world, query) = pending().await;
    let answered = world.post(id(1), &query, &form("approve", "Fine.")).await;
    assert_eq!(answered.status, 303);
    // Relative: under whatever address the API is found, this is the page that the form was on.
    assert_eq!(answered.header("location"), format!("{}?{query}", id(1)));
    assert_eq!(world.request(id(1)).status(), Status::Approved);
    let shown = world.get(id(1), &query).await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("You approved this on <time"), "{}", shown.body);
    for answer in ["approve", "reject"] {
        let again = world.post(id(1), &query, &form(answer, "again")).await;
        assert_eq!(again.status, 409);
        assert!(again.body.contains("You approved this on <time"));
    }
    assert_eq!(world.commits(), 1);
}

#[tokio::test]
async fn looking_never_changes_anything() {
    let (world, query) = pending().await;
    let before = world.stored(id(1));
    let shown = world.get(id(1), &query).await;
    for _ in 0..100 {
        assert_eq!(world.get(id(1), &query).await, shown);
        let probed = world.call("HEAD", &id(1).to_string(), &query, None).await;
        assert_eq!((probed.status, probed.headers, probed.body.as_str()), (200, shown.headers.clone(), ""));
        for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "QUERY"] {
            let refused = world.call(method, &id(1).to_string(), &query, Some(&form("approve", ""))).await;
            assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD, POST"), "{method}");
        }
    }
    assert_eq!(world.commits(), 0);
    assert_eq!(world.stored(id(1)), before);
}

#[tokio::test]
async fn a_form_in_the_query_or_in_the_body_of_a_look_decides_nothing() {
    let (world, query) = pending().await;
    world.call("GET", &id(1).to_string(), &query, Some(&form("approve", ""))).await;
    world.get(id(1), &format!("{query}&decision=approve")).await;
    world.get(id(1), &format!("decision=approve&{query}")).await;
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn a_route_that_takes_any_method_is_answered_by_the_methods_own_page() {
    let (world, query) = pending().await;
    let event = |method: &str, body: Option<String>| {
        json!({
            "routeKey": "ANY /approval/{id}",
            "rawQueryString": query,
            "pathParameters": { "id": id(1).to_string() },
            "headers": { "Content-Type": "application/x-www-form-urlencoded" },
            "requestContext": { "http": { "method": method } },
            "body": body,
            "isBase64Encoded": true,
        })
    };
    assert_eq!(world.answer(event("GET", None)).await.status, 200);
    assert_eq!(world.answer(event("DELETE", None)).await.status, 405);
    assert_eq!(world.commits(), 0);
    // API Gateway encodes forms.
    let encoded = STANDARD.encode(form("reject", "Überflüssig"));
    assert_eq!(world.answer(event("POST", Some(encoded))).await.status, 303);
    assert_eq!(world.journal(id(1)).last().unwrap().comment.as_ref().unwrap().as_str(), "Überflüssig");
}

#[tokio::test]
async fn what_was_typed_stays_when_it_is_not_taken() {
    let (world, query) = pending().await;
    let missing = world.post(id(1), &query, &form("reject", "  ")).await;
    assert_eq!(missing.status, 422);
    for part in [
        "<title>Nothing decided: Decision needed",
        "role=\"alert\"",
        "<a href=\"#comment\">Say why you reject this request.</a>",
        "id=\"comment-error\">Say why you reject this request.</p>",
        "aria-describedby=\"comment-hint comment-error\" aria-invalid=\"true\">\n  </textarea>",
        "value=\"approve\"",
    ] {
        assert!(missing.body.contains(part), "{part} in {}", missing.body);
    }
    let long = format!("Too old.\n</textarea><script>alert(1)</script>{}", "é".repeat(2_000));
    for answer in ["approve", "reject"] {
        let refused = world.post(id(1), &query, &form(answer, &long)).await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("Shorten your comment to 2,000 characters. It has 2,045."), "{}", refused.body);
        let kept = "\">\nToo old.\n&#60;/textarea&#62;&#60;script&#62;alert(1)&#60;/script&#62;ééé";
        assert!(refused.body.contains(kept), "{}", refused.body);
    }
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn what_is_no_form_of_the_page_decides_nothing_and_says_what_was_wrong() {
    let (world, query) = pending().await;
    for (body, status, says) in [
        ("", 400, "whether to approve or to reject"),
        ("comment=x", 400, "whether to approve or to reject"),
        ("decision=yes", 400, "whether to approve or to reject"),
        ("decision=approve&decision=reject", 400, "The field decision came more than once"),
        ("decision=approve&comment=a&comment=b", 400, "The field comment came more than once"),
        ("decision=approve&seen=1", 400, "only the fields decision and comment"),
    ] {
        let refused = world.post(id(1), &query, body).await;
        assert_eq!(refused.status, status, "{body}");
        assert!(refused.body.contains(says), "{body}: {}", refused.body);
        assert!(refused.body.contains("Nothing was decided"));
        assert!(refused.body.contains("Back to the request"));
    }
    let large = world.post(id(1), &query, &format!("decision=approve&comment={}", "x".repeat(17_000))).await;
    assert_eq!(large.status, 413);
    assert!(large.body.contains("at most 2,000 characters"));
    let mut event = json!({
        "routeKey": "POST /approval/{id}",
        "rawQueryString": query,
        "pathParameters": { "id": id(1).to_string() },
        "requestContext": { "http": { "method": "POST" } },
        "body": r#"{"decision":"approve"}"#,
        "isBase64Encoded": false,
    });
    for media_type in
        [json!({}), json!({ "content-type": "application/json" }), json!({ "content-type": "text/plain" })]
    {
        event["headers"] = media_type;
        assert_eq!(world.answer(event.clone()).await.status, 415);
    }
    event["isBase64Encoded"] = true.into();
    assert_eq!(world.answer(event).await.status, 400);
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn nobody_decides_their_own_request_by_a_link() {
    let leads = "members: [dana@acme.example, dmitri@acme.example]";
    for (members, approver) in [
        ("members: [jane@acme.example, dmitri@acme.example]", JANE),
        ("members: [JANE@Acme.Example, dmitri@acme.example]", "JANE@Acme.Example"),
        ("members: [jane+work@acme.example, dmitri@acme.example]", "jane+work@acme.example"),
    ] {
        let world = World::with(replaced(leads, members));
        world.submit(1, draft()).await;
        let query = world.query(id(1), approver);
        for answered in [world.get(id(1), &query).await, world.post(id(1), &query, &form("approve", "mine")).await] {
            assert_eq!(answered.status, 403, "{approver}");
            assert!(answered.body.contains("This is your own request"));
            assert!(!answered.body.contains("<form"));
        }
        assert_eq!(world.commits(), 0);
    }
}

#[tokio::test]
async fn whoever_stands_in_for_the_requester_does_not_decide_their_request() {
    let delegation = "delegations:\n  - { approver: dana@acme.example, delegate: ben@acme.example, from: 2026-11-01T00:00:00Z, until: 2026-12-24T00:00:00Z }";
    let world = World::with(replaced("delegations: []", delegation));
    world.submit(1, Draft { requester: person("dana@acme.example"), ..draft() }).await;
    let query = world.query(id(1), "ben@acme.example");
    for answered in [world.get(id(1), &query).await, world.post(id(1), &query, &form("approve", "for Dana")).await] {
        assert_eq!(answered.status, 403);
        assert!(answered.body.contains("You may not decide this request"));
    }
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn whoever_is_no_approver_any_more_does_not_decide() {
    let (world, query) = pending().await;
    let world =
        world.under(replaced("members: [dana@acme.example, dmitri@acme.example]", "members: [dmitri@acme.example]"));
    for answered in [world.get(id(1), &query).await, world.post(id(1), &query, &form("approve", "still me?")).await] {
        assert_eq!(answered.status, 403);
        assert!(answered.body.contains("You may not decide this request"));
        assert!(!answered.body.contains("ML pipeline"), "nothing of the request is shown");
    }
    assert_eq!(world.commits(), 0);
    // Nor do they see what became of it.
    let dmitri = voice(principal("dmitri@acme.example", &["data-engineering-leads"]), Some("because"));
    world.happen(id(1), Command::Decide { answer: DecisionKind::Rejected, voice: dmitri }).await;
    let answered = world.get(id(1), &query).await;
    assert_eq!(answered.status, 403);
    assert!(!answered.body.contains("because"));
}

#[tokio::test]
async fn a_request_that_was_sent_round_again_takes_a_fresh_link() {
    let (world, query) = pending().await;
    world.post(id(1), &query, &form("approve", "")).await;
    world.fail(id(1)).await;
    world.retry(id(1)).await;
    for answered in [world.get(id(1), &query).await, world.post(id(1), &query, &form("approve", "")).await] {
        assert_eq!(answered.status, 410);
        assert!(answered.body.contains("sent round again") && answered.body.contains("fresh link"));
    }
    assert_eq!(world.commits(), 0);
    let fresh = world.query(id(1), DANA);
    assert_eq!(world.get(id(1), &fresh).await.status, 200);
    assert_eq!(world.post(id(1), &fresh, &form("approve", "")).await.status, 303);
}

#[tokio::test]
async fn a_link_expires() {
    let (world, query) = pending().await;
    world.pass(Duration::from_hours(14 * 24));
    for answered in [world.get(id(1), &query).await, world.post(id(1), &query, &form("approve", "")).await] {
        assert_eq!(answered.status, 410);
        assert!(answered.body.contains("This link has expired") && answered.body.contains("look for the latest"));
    }
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn an_expired_link_goes_on_telling_how_it_was_decided() {
    let (world, query) = pending().await;
    let dmitri = world.query(id(1), "dmitri@acme.example");
    assert_eq!(world.post(id(1), &dmitri, &form("reject", "use the shared cache")).await.status, 303);
    world.pass(Duration::from_hours(30 * 24));
    let shown = world.get(id(1), &query).await;
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("dmitri@acme.example") && shown.body.contains("use the shared cache"));
    assert!(!shown.body.contains("<form"));
    let refused = world.post(id(1), &query, &form("approve", "")).await;
    assert_eq!(refused.status, 409);
    assert_eq!(world.commits(), 1);
}

#[tokio::test]
async fn a_link_outlives_one_rotation_and_not_two() {
    let (world, query) = pending().await;
    let other = "fedcba9876543210fedcba9876543210fedcba9876543210";
    let old = "0123456789abcdef0123456789abcdef0123456789abcdef";
    assert!(KEYS.contains(old));
    world.rotate(&format!(r#"{{"currentId":"k2","current":"{other}","previousId":"k1","previous":"{old}"}}"#));
    assert_eq!(world.get(id(1), &query).await.status, 200);
    let third = "00112233445566778899aabbccddeeff00112233445566778899";
    world.rotate(&format!(r#"{{"currentId":"k3","current":"{third}","previousId":"k2","previous":"{other}"}}"#));
    assert_eq!(world.get(id(1), &query).await.status, 403);
    assert_eq!(world.post(id(1), &query, &form("approve", "")).await.status, 403);
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn whoever_has_no_link_of_ours_learns_nothing() {
    let (world, query) = pending().await;
    world.submit(2, Draft { team: TeamName::new("payments").unwrap(), ..draft() }).await;
    let for_another = query.replacen("approver=ZG", "approver=bG", 1);
    let hex = query.chars().last().unwrap();
    let altered = format!("{}{}", &query[..query.len() - 1], if hex == '0' { '1' } else { '0' });
    assert!(for_another != query && altered != query);
    let existing = id(1).to_string();
    let calls = [
        (existing.as_str(), String::new()),
        (&existing, "x".repeat(5_000)),
        (&existing, "approver=&digest=&expires=&key=&signature=".to_owned()),
        (&existing, for_another),
        (&existing, altered),
        (&existing, format!("{query}&x=1")),
        (&existing, query.replace("key=k1", "key=k9")),
        (&id(2).to_string(), query.clone()),
        (&id(7).to_string(), query.clone()),
        ("req-x", query.clone()),
        ("", query.clone()),
        ("../request", query.clone()),
    ];
    let first = world.get(id(1), "").await;
    assert_eq!(first.status, 403);
    for (id, query) in &calls {
        assert_eq!(world.call("GET", id, query, None).await, first, "{id} {query}");
        assert_eq!(world.call("POST", id, query, Some(&form("approve", ""))).await, first, "{id} {query}");
    }
    assert_eq!((world.commits(), *world.loads.lock().unwrap()), (0, 0), "nothing is read before the link is known");
}

#[tokio::test]
async fn a_valid_link_to_a_request_that_is_gone_says_so() {
    let (world, _) = pending().await;
    let link = Link { request: id(9), ..world.request(id(1)).link_for(DANA, super::world::start()).unwrap() };
    let query = world.signed(&link);
    assert_eq!(world.get(id(9), &query).await.status, 404);
    assert_eq!(world.post(id(9), &query, &form("approve", "")).await.status, 404);
}

#[tokio::test]
async fn what_is_not_decided_by_link_is_shown_with_the_way_that_decides_it() {
    let world = World::new();
    world.submit(1, base_image()).await;
    let query = world.query(id(1), "sasha@acme.example");
    let shown = world.get(id(1), &query).await;
    assert_eq!(shown.status, 200);
    let digest = world.request(id(1)).digest();
    for part in [
        "Runs without network access.".to_owned(),
        "are not decided by link, but through <bdi>the API</bdi>".to_owned(),
        format!("curl --request PATCH &#34;https://images.acme.example/request/{}/approve&#34;", id(1)),
        "--header &#34;Authorization: Bearer $TOKEN&#34;".to_owned(),
        format!("--data &#39;{{&#34;digest&#34;:&#34;{digest}&#34;}}&#39;"),
        format!("/request/{}/reject&#34;", id(1)),
    ] {
        assert!(shown.body.contains(&part), "{part} in {}", shown.body);
    }
    assert!(!shown.body.contains("<form"));
    let refused = world.post(id(1), &query, &form("approve", "please")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("cannot be decided through the channel link"), "{}", refused.body);
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn whose_approval_is_not_needed_may_still_reject() {
    let one = "      - { count: 1, groups: [\"{team}-leads\"] }\n";
    let world = World::with(replaced(one, &format!("{one}      - {{ count: 1, groups: [security-reviewers] }}\n")));
    world.submit(1, draft()).await;
    let (dana, dmitri) = (world.query(id(1), DANA), world.query(id(1), "dmitri@acme.example"));
    world.post(id(1), &dana, &form("approve", "")).await;
    let shown = world.get(id(1), &dmitri).await;
    assert!(shown.body.contains("There is nothing for you to approve"), "{}", shown.body);
    assert!(!shown.body.contains("value=\"approve\"") && shown.body.contains("value=\"reject\""));
    let refused = world.post(id(1), &dmitri, &form("approve", "me too")).await;
    assert_eq!(refused.status, 409);
    assert!(refused.body.contains("\">\nme too</textarea>"), "what was typed stays");
    assert_eq!(world.post(id(1), &dmitri, &form("reject", "I know better")).await.status, 303);
    assert_eq!(world.request(id(1)).status(), Status::Rejected);
}

#[tokio::test]
async fn a_failure_is_a_page_that_says_whether_anything_was_decided() {
    for (fault, get, says) in [
        (Fault::Load, 503, "Nothing was decided; try again."),
        (Fault::Secret, 503, "Nothing was decided; try again."),
        (Fault::Conflict, 200, "Nothing was decided; try again."),
        (Fault::Commit, 200, "nobody can say yet whether your decision counts"),
    ] {
        let (world, query) = pending().await;
        world.set(fault);
        assert_eq!(world.get(id(1), &query).await.status, get, "{fault:?}");
        let failed = world.post(id(1), &query, &form("approve", "")).await;
        assert_eq!((failed.status, failed.header("retry-after")), (503, "5"), "{fault:?}");
        assert!(failed.body.contains(says), "{fault:?}: {}", failed.body);
        assert!(failed.body.contains("call-1"), "the log has it under this");
        assert_eq!(world.commits(), 0);
    }
    let (world, query) = pending().await;
    world.rotate("no keys");
    assert_eq!(world.get(id(1), &query).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_a_link_does_not_wait_until_the_function_ends() {
    let (world, query) = pending().await;
    world.set(Fault::Hang);
    let shown = world.get(id(1), &query).await;
    assert_eq!(shown.status, 503);
    assert!(shown.body.contains("Nothing was decided; try again."));
    let probed = world.call("HEAD", &id(1).to_string(), &query, None).await;
    assert_eq!((probed.status, probed.body.as_str()), (503, ""));
    let failed = world.post(id(1), &query, &form("approve", "")).await;
    assert_eq!(failed.status, 503);
    assert!(failed.body.contains("nobody can say yet whether your decision counts"));
}

//! Whatever the channel, a decision is the same decision.

use domain::journal::Record;
use serde_json::{Value, json};

use super::world::{DANA, World, draft, form, id, policy, principal};

/// A policy that needs two approvals, of different kinds.
fn two_approvals(text: &str) -> String {
    let one = "      - { count: 1, groups: [\"{team}-leads\"] }\n";
    let changed = text.replacen(one, &format!("{one}      - {{ count: 1, groups: [security-reviewers] }}\n"), 1);
    assert_ne!(changed, text);
    changed
}

/// A policy under which somebody stands in for Dana.
fn delegated(text: &str) -> String {
    let changed = text.replacen(
        "delegations: []",
        "delegations:\n  - { approver: dana@acme.example, delegate: ben@acme.example, from: 2026-11-01T00:00:00Z, until: 2026-12-24T00:00:00Z }",
        1,
    );
    assert_ne!(changed, text);
    changed
}

/// A record without what may differ between channels.
fn comparable(record: &Record) -> Value {
    let mut value = serde_json::to_value(record).unwrap();
    let members = value.as_object_mut().unwrap();
    for field in ["channel", "hash", "previousHash"] {
        members.remove(field);
    }
    value
}

/// A state without the channel, and without who vouched for the approver: a token by its groups, or the policy by
/// listing the link's address.
fn without_voucher(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !["channel", "voucher", "subject"].contains(&name.as_str()));
            members.values_mut().for_each(without_voucher);
        }
        Value::Array(items) => items.iter_mut().for_each(without_voucher),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_same_decision_is_the_same_through_every_channel() {
    let (leads, none): (&[&str], &[&str]) = (&["data-engineering-leads"], &[]);
    let plain = policy(str::to_owned);
    let (two, stand_in) = (policy(two_approvals), policy(delegated));
    for (case, policy, (approver, groups), action, comment, status) in [
        ("approved", &plain, (DANA, leads), "approve", "", "approved"),
        ("with a comment", &plain, (DANA, leads), "approve", "Fine.\nGo on.", "approved"),
        ("rejected", &plain, (DANA, leads), "reject", "<b>Use FIPS</b> & co", "rejected"),
        ("one of two", &two, (DANA, leads), "approve", "ok", "pending"),
        ("one no of two", &two, (DANA, leads), "reject", "no", "rejected"),
        ("for somebody", &stand_in, ("ben@acme.example", none), "approve", "for Dana", "approved"),
        ("no for somebody", &stand_in, ("ben@acme.example", none), "reject", "for Dana", "rejected"),
    ] {
        let by_token = World::with(policy.clone());
        by_token.submit(1, draft()).await;
        let body = if comment.is_empty() { json!({}) } else { json!({ "comment": comment }) };
        let answered = by_token.patch(id(1), action, &principal(approver, groups), &body).await;
        assert_eq!(answered.status, 200, "{case}: {}", answered.body);

        let by_link = World::with(policy.clone());
        by_link.submit(1, draft()).await;
        let query = by_link.query(id(1), approver);
        let answered = by_link.post(id(1), &query, &form(action, comment)).await;
        assert_eq!(answered.status, 303, "{case}: {}", answered.body);

        assert_eq!(by_token.request(id(1)).status().as_str(), status, "{case}");
        let records = |world: &World| world.journal(id(1)).iter().map(comparable).collect::<Vec<_>>();
        assert_eq!(records(&by_token), records(&by_link), "{case}");
        let channels = |world: &World| world.journal(id(1)).last().unwrap().channel.unwrap().as_str();
        assert_eq!((channels(&by_token), channels(&by_link)), ("api", "link"), "{case}");
        let state = |world: &World| {
            let mut value = serde_json::to_value(world.request(id(1))).unwrap();
            without_voucher(&mut value);
            value
        };
        assert_eq!(state(&by_token), state(&by_link), "{case}");
    }
}

#[tokio::test]
async fn what_one_channel_refuses_the_other_refuses_too() {
    // By token and by link: status of the one, status of the other.
    for (who, groups, action, comment, api, link) in [
        ("jane@acme.example", &["data-engineering-leads"][..], "approve", "", 403, 403),
        ("eve@acme.example", &["payments-leads"][..], "approve", "", 403, 403),
        ("eve@acme.example", &[][..], "reject", "no", 403, 403),
        (DANA, &["data-engineering-leads"][..], "reject", "", 422, 422),
        (DANA, &["data-engineering-leads"][..], "reject", " \n", 422, 422),
    ] {
        let world = World::new();
        world.submit(1, draft()).await;
        let body = json!({ "comment": comment });
        assert_eq!(world.patch(id(1), action, &principal(who, groups), &body).await.status, api, "{who} {action}");
        let query = world.query(id(1), who);
        assert_eq!(world.post(id(1), &query, &form(action, comment)).await.status, link, "{who} {action}");
        assert_eq!(world.commits(), 0);
    }
}

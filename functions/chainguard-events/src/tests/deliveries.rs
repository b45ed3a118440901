use domain::request::Status;
use serde_json::{Value, json};

use super::world::{NOW, ORGANIZATION, REPOSITORY, Sent, World};

#[tokio::test]
async fn a_tag_that_is_there_makes_the_request_available_and_the_event_is_published() {
    for kind in ["tag.created.v1", "tag.updated.v1"] {
        let world = World::provisioned();
        world.tag("3.12");
        let mut sent = Sent::tag_created("1", REPOSITORY, "3.12");
        sent.headers.insert("ce-type".to_owned(), format!("dev.chainguard.api.platform.registry.{kind}"));
        assert_eq!(world.deliver(&sent).await, 204);
        assert_eq!(world.status(), Status::Available);
        assert_eq!(world.published(), [kind]);
        let published = world.published.lock().unwrap();
        let detail: Value = serde_json::from_str(&published[0].detail).unwrap();
        assert_eq!(published[0].source, "chainguard");
        assert_eq!((&detail["metadata"]["id"], &detail["data"]["body"]["name"]), (&json!("1"), &json!("3.12")));
    }
}

#[tokio::test]
async fn a_repository_that_was_made_with_its_tags_makes_the_request_available() {
    let world = World::provisioned();
    world.tag("3.12");
    assert_eq!(world.deliver(&Sent::repository_created("1", REPOSITORY)).await, 204);
    assert_eq!(world.status(), Status::Available);
}

#[tokio::test]
async fn an_event_by_itself_makes_nothing_available() {
    let world = World::provisioned();
    world.tag("latest");
    for (index, sent) in [
        Sent::tag_created("1", REPOSITORY, "3.12"),
        Sent::tag_created("2", REPOSITORY, "latest"),
        Sent::repository_created("3", REPOSITORY),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(world.deliver(sent).await, 204);
        assert_eq!(world.status(), Status::Provisioned);
        assert_eq!(world.published().len(), index + 1);
    }
}

#[tokio::test]
async fn a_tag_that_nobody_waits_for_costs_no_question() {
    let world = World::provisioned();
    world.tag("3.12");
    world.deliver(&Sent::tag_created("1", REPOSITORY, "3.12-dev")).await;
    assert_eq!((world.status(), *world.asked.lock().unwrap()), (Status::Provisioned, 0));
    let other = format!("{ORGANIZATION}/ffffffffffffffff");
    world.deliver(&Sent::tag_created("2", &other, "3.12")).await;
    let world = World::available();
    world.deliver(&Sent::tag_created("1", REPOSITORY, "3.12")).await;
    assert_eq!(*world.asked.lock().unwrap(), 0);
    assert_eq!(world.published().len(), 1);
}

#[tokio::test]
async fn events_that_come_before_the_repository_is_known_to_be_ours_are_made_up_for_by_the_next_one() {
    let world = World::provisioning();
    world.tag("3.12");
    for sent in [Sent::tag_created("2", REPOSITORY, "3.12"), Sent::repository_created("1", REPOSITORY)] {
        assert_eq!(world.deliver(&sent).await, 204);
        assert_eq!(world.status(), Status::Provisioning);
    }
    assert!(world.drifts().is_empty(), "{:?}", world.drifts());
}

#[tokio::test]
async fn an_event_that_comes_again_changes_and_publishes_nothing() {
    let world = World::provisioned();
    world.tag("3.12");
    let sent = Sent::tag_created("1", REPOSITORY, "3.12");
    for _ in 0..3 {
        assert_eq!(world.deliver(&sent).await, 204);
    }
    assert_eq!((*world.commits.lock().unwrap(), world.published().len()), (1, 1));
    // The same id of another source is another event.
    let mut other = Sent::tag_created("1", REPOSITORY, "3.12");
    other.headers.insert("ce-source".to_owned(), "cgr.dev".to_owned());
    assert_eq!(world.deliver(&other).await, 204);
    assert_eq!((*world.commits.lock().unwrap(), world.published().len()), (1, 2));
}

#[tokio::test]
async fn an_old_event_is_harmless_whatever_has_happened_since() {
    let world = World::available();
    let repository = world.repositories.lock().unwrap()[REPOSITORY].clone();
    for sent in [
        Sent::repository_deleted("3", REPOSITORY),
        Sent::repository_created("2", REPOSITORY),
        Sent::tag_created("1", REPOSITORY, "3.12"),
    ] {
        assert_eq!(world.deliver(&sent).await, 204);
    }
    assert_eq!((world.status(), *world.commits.lock().unwrap()), (Status::Available, 0));
    assert!(world.drifts().is_empty(), "{repository:?} is there");
}

#[tokio::test]
async fn whatever_else_happens_at_chainguard_is_published_and_nothing_more() {
    let world = World::provisioned();
    world.tag("3.12");
    for (index, kind) in
        ["repo.updated.v1", "tag.deleted.v1", "overlay.created.v1", "tag.created.v9"].iter().enumerate()
    {
        let sent = Sent::new(&index.to_string(), kind, REPOSITORY, &json!({"id": REPOSITORY, "of": {"tomorrow": 1}}));
        assert_eq!(world.deliver(&sent).await, 204, "{kind}");
        assert_eq!(world.published()[index], *kind);
    }
    assert_eq!((world.status(), *world.asked.lock().unwrap()), (Status::Provisioned, 0));
}

#[tokio::test]
async fn the_digest_is_of_the_bytes_that_were_sent_however_they_are_handed_on() {
    let world = World::provisioned();
    for (id, is_base64_encoded) in [("1", false), ("2", true)] {
        let mut sent = Sent::tag_created(id, REPOSITORY, "3.12");
        // White space and the order of members count.
        sent.body = format!("{}\n", sent.body.replacen("{\"actor\"", "{ \"actor\"", 1));
        let digest = domain::journal::Digest::of(sent.body.as_bytes());
        sent.claims["webhook"] = json!({"digest": format!("sha256:{digest}")});
        let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
        assert_eq!(world.answer(&sent, Some(&bearer), is_base64_encoded).await.0, 204);
    }
    assert_eq!(world.published().len(), 2);
}

#[tokio::test]
async fn what_is_signed_and_no_cloud_event_is_refused_as_such() {
    let world = World::provisioned();
    for header in ["ce-specversion", "ce-id", "ce-type", "ce-source"] {
        let mut sent = Sent::tag_created("1", REPOSITORY, "3.12");
        sent.headers.remove(header);
        let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
        let refused = world.answer(&sent, Some(&bearer), false).await;
        assert_eq!(refused, (400, "not-a-cloud-event".to_owned()), "{header}");
    }
    assert!(world.published().is_empty());
}

#[tokio::test]
async fn a_body_has_at_most_64_kibibytes() {
    let world = World::provisioned();
    let padded = |bytes: usize| {
        let mut sent = Sent::tag_created("1", REPOSITORY, "3.12");
        sent.body.push_str(&" ".repeat(bytes - sent.body.len()));
        let digest = domain::journal::Digest::of(sent.body.as_bytes());
        sent.claiming("webhook", json!({"digest": format!("sha256:{digest}")}))
    };
    for is_base64_encoded in [false, true] {
        let sent = padded(64 * 1024 + 1);
        let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
        let refused = world.answer(&sent, Some(&bearer), is_base64_encoded).await;
        assert_eq!(refused, (413, "body-too-large".to_owned()));
        let sent = padded(64 * 1024);
        let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
        assert_eq!(world.answer(&sent, Some(&bearer), is_base64_encoded).await.0, 204);
    }
}

#[tokio::test]
async fn clocks_may_differ_by_thirty_seconds() {
    let world = World::provisioned();
    for (id, exp, expected) in [("1", NOW - 29, 204), ("2", NOW - 30, 403)] {
        let sent = Sent::tag_created(id, REPOSITORY, "3.12").claiming("exp", json!(exp));
        assert_eq!(world.deliver(&sent).await, expected);
    }
}

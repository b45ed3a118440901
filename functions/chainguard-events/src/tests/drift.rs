use domain::ports::Repository;
use domain::request::Status;
use serde_json::json;

use super::world::{ID, ORGANIZATION, REPOSITORY, Sent, World, id};

const OTHER: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/ffffffffffffffff";

#[tokio::test]
async fn a_repository_of_a_request_that_is_gone_is_drift() {
    for world in [World::available(), World::provisioned()] {
        let status = world.status();
        world.repositories.lock().unwrap().clear();
        assert_eq!(world.deliver(&Sent::repository_deleted("event-1", REPOSITORY)).await, 204);
        assert_eq!(world.published(), ["repo.deleted.v1", "image.repository.drift"]);
        let drift = world.drifts().remove(0);
        let expected = json!({
            "repositoryId": REPOSITORY,
            "repository": "python",
            "kind": "deleted",
            "requestId": ID,
            "observedAt": "2026-11-23T08:00:00.000Z",
            "chainguardEventId": "event-1",
        });
        assert_eq!(drift["data"], expected);
        let metadata = &drift["metadata"];
        assert_eq!(
            (&metadata["source"], &metadata["type"]),
            (&json!("image-requests"), &json!("image.repository.drift"))
        );
        assert_eq!((&metadata["correlationid"], &metadata["subject"]), (&json!(ID), &json!(REPOSITORY)));
        assert_eq!(world.status(), status, "it is told, and nothing is done about it");
        world.deliver(&Sent::repository_deleted("event-1", REPOSITORY)).await;
        assert_eq!(world.drifts().len(), 1);
    }
}

#[tokio::test]
async fn a_repository_that_is_there_or_that_no_request_has_is_not_missed() {
    let world = World::available();
    world.deliver(&Sent::repository_deleted("1", REPOSITORY)).await;
    world.deliver(&Sent::repository_deleted("2", OTHER)).await;
    assert_eq!(world.published(), ["repo.deleted.v1", "repo.deleted.v1"]);
}

#[tokio::test]
async fn a_repository_that_no_request_made_is_drift() {
    let stranger = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9eff".parse().unwrap();
    for description in ["", "made by hand", ID, &Repository::description_for(stranger)] {
        let world = World::available();
        world.make(OTHER, "node", description);
        assert_eq!(world.deliver(&Sent::repository_created("event-1", OTHER)).await, 204);
        let drift = world.drifts().remove(0);
        let expected = json!({
            "repositoryId": OTHER,
            "repository": "node",
            "kind": "created",
            "observedAt": "2026-11-23T08:00:00.000Z",
            "chainguardEventId": "event-1",
        });
        assert_eq!(drift["data"], expected, "{description}");
        assert!(drift["metadata"].get("correlationid").is_none());
    }
}

#[tokio::test]
async fn a_request_vouches_for_its_own_repository_and_for_no_other() {
    let world = World::provisioning();
    world.deliver(&Sent::repository_created("1", REPOSITORY)).await;
    assert!(world.drifts().is_empty());
    // Somebody copies the description.
    world.make(OTHER, "node", &Repository::description_for(id()));
    world.deliver(&Sent::repository_created("2", OTHER)).await;
    assert_eq!(world.drifts().len(), 1);
}

#[tokio::test]
async fn a_repository_that_is_gone_by_the_time_anybody_looks_is_none() {
    let world = World::available();
    world.deliver(&Sent::repository_created("1", OTHER)).await;
    assert!(world.drifts().is_empty());
}

#[tokio::test]
async fn what_lies_deeper_or_elsewhere_is_nobodys_matter() {
    let world = World::available();
    let elsewhere = format!("{}/ffffffffffffffff", "f".repeat(40));
    let deeper = format!("{OTHER}/ffffffffffffffff");
    for (id, repository) in [("1", elsewhere.as_str()), ("2", deeper.as_str()), ("3", ORGANIZATION)] {
        world.make(repository, "node", "");
        assert_eq!(world.deliver(&Sent::repository_created(id, repository)).await, 204);
    }
    assert_eq!((world.drifts().len(), world.published().len()), (0, 3));
    assert_eq!(world.status(), Status::Available);
}

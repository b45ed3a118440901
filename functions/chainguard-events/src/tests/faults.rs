use domain::ports::ChainguardError;
use domain::request::Status;

use super::world::{REPOSITORY, Sent, World};

/// A world that one delivery changes, and the delivery.
fn changes() -> [(World, Sent); 2] {
    let waits = World::provisioned();
    waits.tag("3.12");
    let misses = World::available();
    misses.repositories.lock().unwrap().clear();
    [(waits, Sent::tag_created("1", REPOSITORY, "3.12")), (misses, Sent::repository_deleted("1", REPOSITORY))]
}

#[tokio::test]
async fn a_delivery_that_died_at_any_step_is_dealt_with_when_it_comes_again() {
    for case in 0..2 {
        let (world, sent) = changes().into_iter().nth(case).unwrap();
        assert_eq!(world.deliver(&sent).await, 204);
        let (steps, published) = (world.faults.lock().unwrap().calls, world.published());
        assert!(steps > 5, "{steps}");
        for step in 0..steps {
            let (world, sent) = changes().into_iter().nth(case).unwrap();
            world.faults.lock().unwrap().calls_left = Some(step);
            assert_eq!(world.deliver(&sent).await, 503, "step {step}");
            world.faults.lock().unwrap().calls_left = None;
            assert_eq!(world.deliver(&sent).await, 204, "step {step}");
            assert_eq!(world.status(), Status::Available, "step {step}");
            for expected in &published {
                assert!(world.published().contains(expected), "step {step}: {:?}", world.published());
            }
            let before = world.published();
            assert_eq!(world.deliver(&sent).await, 204, "step {step}");
            assert_eq!(world.published(), before, "step {step}: it is remembered");
            assert!(*world.commits.lock().unwrap() <= 1, "step {step}");
        }
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_means_later_and_not_no() {
    let world = World::provisioned();
    world.faults.lock().unwrap().no_keys = true;
    let sent = Sent::tag_created("1", REPOSITORY, "3.12");
    let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
    assert_eq!(world.answer(&sent, Some(&bearer), false).await, (503, "service-unavailable".to_owned()));
    assert!(world.published().is_empty());
}

/// What Chainguard may answer instead of an answer, and what it hears then.
fn failures() -> [(ChainguardError, (u16, String)); 3] {
    let (again, broken) = ((503, "service-unavailable".to_owned()), (500, "internal-error".to_owned()));
    [
        (ChainguardError::Unavailable("down".to_owned()), again),
        (ChainguardError::Denied("tag.list".to_owned()), broken.clone()),
        (ChainguardError::Credential("unconfigured".to_owned()), broken),
    ]
}

#[tokio::test]
async fn while_it_is_not_known_which_organisation_is_ours_nobody_is_believed() {
    for (error, expected) in failures() {
        let world = World::provisioned();
        world.tag("3.12");
        let sent = Sent::tag_created("1", REPOSITORY, "3.12");
        let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
        world.faults.lock().unwrap().organization = Some(error);
        assert_eq!(world.answer(&sent, Some(&bearer), false).await, expected);
        assert!(world.published().is_empty());
        world.faults.lock().unwrap().organization = None;
        assert_eq!(world.deliver(&sent).await, 204);
        assert_eq!(world.status(), Status::Available);
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_published_all_the_same_and_is_to_come_again() {
    for (error, expected) in failures() {
        for (world, sent) in changes() {
            let bearer = format!("Bearer {}", world.signer.token(&sent.claims));
            world.faults.lock().unwrap().look = Some(error.clone());
            assert_eq!(world.answer(&sent, Some(&bearer), false).await, expected);
            assert_eq!((world.published().len(), world.drifts().len()), (1, 0));
            world.faults.lock().unwrap().look = None;
            assert_eq!(world.deliver(&sent).await, 204);
            assert_eq!(world.status(), Status::Available);
        }
    }
}

//! The rotation of what is secret.

use deployed_tests::{World, until};
use reqwest::Method;

/// The one rotation of a deployment's tests: after a second one, links from before the first would be void.
#[tokio::test]
async fn a_link_from_before_a_rotation_still_decides_and_one_from_after_does_too() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let secrets = aws_sdk_secretsmanager::Client::new(&world.aws);
    let keys = &world.deployment.outputs["LinkKeysArn"];
    let before = world.submit(&jane, "before-the-rotation", "production").await;
    let old_link = world.link_in_mail(&before, "dana@acme.example").await;
    let old_keys = secrets.get_secret_value().secret_id(keys).send().await.unwrap();

    let rotation = secrets.rotate_secret().secret_id(keys).send().await.unwrap();
    let new_keys = until("the new keys are in use", || async {
        let current = secrets.get_secret_value().secret_id(keys).send().await.unwrap();
        (current.version_id() == rotation.version_id()).then_some(current)
    })
    .await;
    assert_ne!(old_keys.secret_string(), new_keys.secret_string());
    let previous = secrets.get_secret_value().secret_id(keys).version_stage("AWSPREVIOUS").send().await.unwrap();
    assert_eq!(previous.version_id(), old_keys.version_id());

    let after = world.submit(&jane, "after-the-rotation", "production").await;
    let new_link = world.link_in_mail(&after, "dana@acme.example").await;
    for (id, link) in [(&before, &old_link), (&after, &new_link)] {
        let shown = world.call(Method::GET, link, &[], Vec::new()).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        assert!(shown.page().contains("<form"), "{shown:?}");
        assert_eq!(world.decide_by_link(link, "decision=approve").await.status, 303);
        world.until_status(id, "available", &jane).await;
    }
}

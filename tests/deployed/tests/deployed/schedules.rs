//! What happens by itself.

use deployed_tests::{World, until};

#[tokio::test]
async fn the_catalog_is_fetched_again_and_again_and_no_scheduled_task_fails_for_good() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let catalog = world.get("/catalog", &jane).await;
    assert!(catalog.body["images"].as_array().unwrap().len() > 1, "{catalog:?}");
    let before = world.count_calls("GraphqlCatalog").await;
    until("Chainguard is asked for its catalog again", || async {
        (world.count_calls("GraphqlCatalog").await > before).then_some(())
    })
    .await;
    let dead = world.queued("StewardDeadLetters").await;
    assert!(dead.is_empty(), "{dead:?}");
}

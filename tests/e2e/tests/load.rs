//! A thousand requests, eight at a time: every one arrives, once.

#![recursion_limit = "256"]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{World, check_everything, nth_request, policy_without_rate_limit};
use futures_util::StreamExt as _;
use local::options::Options;

const REQUESTS: usize = 1000;
const AT_A_TIME: usize = 8;

async fn a_thousand_requests(mut options: Options) {
    let folder = tempfile::tempdir().unwrap();
    options.policy = Some(policy_without_rate_limit(folder.path()));
    let world = World::start_with(&options).await;
    let jane = world.client.token("jane").await;
    let ids: BTreeSet<String> = futures_util::stream::iter(0..REQUESTS)
        .map(|index| {
            let (client, jane) = (world.client.clone(), jane.clone());
            async move {
                let reply = client.submit(&jane, &nth_request(index)).await;
                assert_eq!(reply.status, 202, "{reply:?}");
                reply.text("requestId").to_owned()
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    assert_eq!(ids.len(), REQUESTS);
    for id in &ids {
        e2e::until_within(Duration::from_mins(5), &format!("{id} is available"), || async {
            let reply = world.client.get(&format!("/request/{id}"), &jane).await;
            assert_ne!(reply.text("status"), "failed", "{reply:?}");
            (reply.text("status") == "available").then_some(())
        })
        .await;
    }
    world.until_settled().await;
    let repositories: Vec<String> =
        world.runtime.fake_chainguard().unwrap().repositories().into_iter().map(|repository| repository.name).collect();
    let archive = world.runtime.data_dir().join("archive");
    check_everything(&world.client, &jane, &ids, &repositories, &archive).await;
    assert!(world.runtime.dead_letters().unwrap().is_empty(), "{:#?}", world.runtime.dead_letters());
    let mut told = BTreeSet::new();
    for message in world.client.outbox().await {
        let once = (message["channel"].to_string(), message["eventId"].to_string(), message["to"].to_string());
        assert!(told.insert(once.clone()), "told twice: {once:?}");
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_all_arrive_with_one_repository_each() {
    a_thousand_requests(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_arrive_once_though_every_event_comes_twice_and_out_of_order() {
    a_thousand_requests(Options { deliveries: 2, late_by: Duration::from_millis(400), ..Options::default() }).await;
}

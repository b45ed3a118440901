//! What fails for good, and what an operator does about it.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use deployed_tests::{World, until};
use serde_json::json;

use crate::archive::{archived, client};

/// As the queues' redrive policies say.
const MAX_RECEIVE_COUNT: u32 = 5;

#[tokio::test]
async fn an_event_that_nobody_understands_ends_in_every_consumers_dead_letters() {
    let world = World::closed().await;
    let detail = json!({"poison": "an-event-that-nobody-understands"}).to_string();
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(&world.deployment.outputs["EventBusName"])
        .source("image-requests")
        .detail_type("image.request.approved")
        .detail(&detail)
        .build();
    let answer = aws_sdk_eventbridge::Client::new(&world.aws).put_events().entries(entry).send().await.unwrap();
    assert_eq!(answer.failed_entry_count(), 0, "{answer:?}");
    for queue in ["ProvisioningDeadLetters", "NotificationDeadLetters", "AuditDeadLetters"] {
        let message = until(&format!("it is in {queue}"), || async {
            world.queued(queue).await.into_iter().find(|message| message.body.contains("that-nobody-understands"))
        })
        .await;
        assert!(message.receive_count >= MAX_RECEIVE_COUNT, "{queue}: {message:?}");
    }
}

#[tokio::test]
async fn a_good_event_that_failed_for_a_while_is_dealt_with_after_a_redrive() {
    let world = World::open().await;
    let (jane, s3) = (world.token("jane").await, client(&world));
    let id = world.submit(&jane, "redriven", "production").await;
    let link = world.link_in_mail(&id, "dana@acme.example").await;
    until("the first record is archived", || async { (archived(&world, &s3, &id).await.len() == 1).then_some(()) })
        .await;

    // The archive takes nothing more of this request, and everything of others.
    let bucket = &world.deployment.outputs["ArchiveBucketName"];
    let before = s3.get_bucket_policy().bucket(bucket).send().await.unwrap().policy.unwrap();
    let mut policy: serde_json::Value = serde_json::from_str(&before).unwrap();
    policy["Statement"].as_array_mut().unwrap().push(json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{bucket}/audit/*{id}*"),
    }));
    s3.put_bucket_policy().bucket(bucket).policy(policy.to_string()).send().await.unwrap();
    assert_eq!(world.decide_by_link(&link, "decision=approve").await.status, 303);
    world.until_status(&id, "available", &jane).await;
    let records = world.journal(&id, &jane).await.len();
    let dead = async || {
        let messages = world.queued("AuditDeadLetters").await;
        messages.into_iter().filter(|message| message.body.contains(&id)).count()
    };
    until("all later records are dead letters", || async { (dead().await == records - 1).then_some(()) }).await;
    assert_eq!(archived(&world, &s3, &id).await.len(), 1);

    s3.put_bucket_policy().bucket(bucket).policy(before).send().await.unwrap();
    let sqs = aws_sdk_sqs::Client::new(&world.aws);
    let attributes = sqs
        .get_queue_attributes()
        .queue_url(&world.deployment.resources["AuditDeadLetters"])
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn)
        .send()
        .await
        .unwrap();
    let arn = attributes.attributes().unwrap().values().next().unwrap().clone();
    sqs.start_message_move_task().source_arn(arn).send().await.unwrap();
    until("everything is archived", || async { (archived(&world, &s3, &id).await.len() == records).then_some(()) })
        .await;
    until("no dead letter is left", || async { (dead().await == 0).then_some(()) }).await;
}

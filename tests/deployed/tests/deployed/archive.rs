//! What is kept of every record.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetentionMode};
use deployed_tests::{World, until};
use domain::journal::{Record, canonical_json};

/// The keys of a request's objects in the archive.
pub(crate) async fn archived(world: &World, s3: &Client, id: &str) -> Vec<String> {
    let listed = s3.list_objects_v2().bucket(&world.deployment.outputs["ArchiveBucketName"]).send().await.unwrap();
    let keys = listed.contents().iter().filter_map(|object| object.key());
    keys.filter(|key| key.contains(id)).map(str::to_owned).collect()
}

/// Path-style, for an emulator has no host name a bucket.
pub(crate) fn client(world: &World) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(&world.aws).force_path_style(true).build())
}

#[tokio::test]
async fn every_record_is_archived_as_it_is_and_nobody_can_delete_it() {
    let world = World::open().await;
    let jane = world.token("jane").await;
    let id = world.submit(&jane, "archived", "dev").await;
    world.until_status(&id, "available", &jane).await;
    let records: Vec<Record> =
        world.journal(&id, &jane).await.into_iter().map(|record| serde_json::from_value(record).unwrap()).collect();
    let wanted: BTreeMap<String, &Record> = records
        .iter()
        .map(|record| {
            let day = record.timestamp.day();
            (format!("audit/date={day}/{id}.{:06}.json", record.sequence), record)
        })
        .collect();

    let s3 = client(&world);
    let bucket = &world.deployment.outputs["ArchiveBucketName"];
    until("all records are archived", || async {
        let keys = archived(&world, &s3, &id).await;
        (keys.len() >= wanted.len()).then_some(keys)
    })
    .await;
    let days: u64 = world.deployment.parameters["ArchiveRetentionDays"].as_u64().unwrap();
    for (key, record) in &wanted {
        let object = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
        assert_eq!(object.object_lock_mode(), Some(&ObjectLockMode::Compliance), "{key}");
        let version = object.version_id().unwrap().to_owned();
        let body = object.body.collect().await.unwrap().into_bytes();
        assert_eq!(String::from_utf8(body.to_vec()).unwrap(), canonical_json(record) + "\n", "{key}");

        let retention = s3.get_object_retention().bucket(bucket).key(key).send().await.unwrap().retention.unwrap();
        assert_eq!(retention.mode(), Some(&ObjectLockRetentionMode::Compliance), "{key}");
        let until = record.timestamp.plus(Duration::from_hours(24 * days)).as_millisecond() / 1000;
        assert_eq!(retention.retain_until_date().unwrap().secs(), until, "{key}");

        let deleted = s3.delete_object().bucket(bucket).key(key).version_id(version).send().await;
        assert!(deleted.is_err(), "{key} could be deleted");
    }
    assert_eq!(archived(&world, &s3, &id).await, wanted.into_keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_archive_locks_whatever_is_put_into_it() {
    let world = World::closed().await;
    let bucket = &world.deployment.outputs["ArchiveBucketName"];
    let answer = client(&world).get_object_lock_configuration().bucket(bucket).send().await.unwrap();
    let default = answer.object_lock_configuration.unwrap().rule.unwrap().default_retention.unwrap();
    assert_eq!(default.mode(), Some(&ObjectLockRetentionMode::Compliance));
    assert_eq!(default.days().map(i64::from), world.deployment.parameters["ArchiveRetentionDays"].as_i64());
}

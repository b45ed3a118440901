//! The process dies in the middle of everything, and nothing that was answered for is lost or done twice.

#![recursion_limit = "256"]
#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::{Client, check_everything, nth_request, policy_without_rate_limit, until_within};
use futures_util::StreamExt as _;
use serde_json::Value;

const REQUESTS: usize = 1000;
const AT_A_TIME: usize = 8;
/// The leases of the provisioner that dies lapse after 75 s.
const PATIENCE: Duration = Duration::from_mins(5);

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts the program on a data folder; returns it and its address once it serves.
fn start(data: &Path, policy: &Path, listen: &str) -> (Process, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_system-under-test"))
        .args(["--listen", listen, "--schedules-every", "200ms"])
        .arg("--data-dir")
        .arg(data)
        .arg("--policy")
        .arg(policy)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let process = Process(child);
    for line in output.lines() {
        if let Some(base) = line.unwrap().strip_prefix("cgr-request serves ") {
            return (process, base.to_owned());
        }
    }
    panic!("the program ended before it served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_survive_kill_9_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let (data, policy) = (folder.path().join("data"), policy_without_rate_limit(folder.path()));
    let (mut process, base) = start(&data, &policy, "127.0.0.1:0");
    let client = Client::new(&base);
    let jane = client.token("jane").await;
    let mut answered: BTreeSet<String> = BTreeSet::new();
    let mut submissions = futures_util::stream::iter(0..REQUESTS)
        .map(|index| {
            let (client, jane) = (client.clone(), jane.clone());
            async move { client.try_submit(&jane, &nth_request(index), &format!("key-{index}")).await }
        })
        .buffer_unordered(AT_A_TIME);
    while let Some(outcome) = submissions.next().await {
        if let Some(reply) = outcome {
            assert_eq!(reply.status, 202, "{reply:?}");
            answered.insert(reply.text("requestId").to_owned());
        }
        if answered.len() == REQUESTS / 2 {
            break;
        }
    }
    drop(submissions);
    // SIGKILL: no handler, no flush.
    process.0.kill().unwrap();
    process.0.wait().unwrap();

    let listen = base.strip_prefix("http://").unwrap();
    let (_process, base) = start(&data, &policy, listen);
    let client = Client::new(&base);
    let jane = client.token("jane").await;
    // Everybody who had no answer asks again with the same key; so does everybody who had one.
    let ids: BTreeSet<String> = futures_util::stream::iter(0..REQUESTS)
        .map(|index| {
            let (client, jane) = (client.clone(), jane.clone());
            async move {
                let reply = client.try_submit(&jane, &nth_request(index), &format!("key-{index}")).await.unwrap();
                assert_eq!(reply.status, 202, "{reply:?}");
                reply.text("requestId").to_owned()
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    assert_eq!(ids.len(), REQUESTS);
    assert!(answered.is_subset(&ids), "what was answered for is there");
    for id in &ids {
        until_within(PATIENCE, &format!("{id} is available"), || async {
            let reply = client.get(&format!("/request/{id}"), &jane).await;
            assert_ne!(reply.text("status"), "failed", "{reply:?}");
            (reply.text("status") == "available").then_some(())
        })
        .await;
    }
    let archive = data.join("archive");
    let records = until_within(PATIENCE, "the archive has every request's last record", || async {
        let records = e2e::archived_records(&archive);
        let available = records.values().filter(|record| record.contains("\"image.request.available\"")).count();
        (available == REQUESTS && records.len() >= 5 * REQUESTS).then_some(records)
    })
    .await;
    assert!(records.len() >= 5 * REQUESTS);
    let repositories = repositories_in(&data.join("chainguard.jsonl"));
    check_everything(&client, &jane, &ids, &repositories, &archive).await;
    let letters = client.get("/_local/dead-letters", &jane).await;
    assert_eq!(letters.body.as_array().map(Vec::len), Some(0), "{letters:?}");
}

/// The names of the repositories that the stand-in's journal says were created.
fn repositories_in(journal: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(journal).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let created = lines.filter(|line| line.to_string().contains("\"created\""));
    created.filter_map(|line| find_name(&line)).collect()
}

fn find_name(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => match members.get("name") {
            Some(Value::String(name)) => Some(name.clone()),
            _ => members.values().find_map(find_name),
        },
        _ => None,
    }
}

//! What gets into the log.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::world::{DANA, Fault, World, draft, form, id, principal};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that is logged from here on in this thread, whatever its level.
fn listen() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::new("trace"))
        .with_writer(move || writer.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn no_link_no_address_and_no_comment_is_logged() {
    let (lines, _guard) = listen();
    let world = World::new();
    world.submit(1, draft()).await;
    let query = world.query(id(1), DANA);
    let forged = format!("{}0", &query[..query.len() - 1]);
    world.get(id(1), &query).await;
    world.get(id(1), &forged).await;
    world.post(id(1), &query, &form("reject", "")).await;
    world.post(id(1), &query, "decision=secretive").await;
    world.post(id(1), &query, &form("approve", "very secret reasons")).await;
    world.post(id(1), &query, &form("reject", "more secret reasons")).await;
    world.patch(id(1), "reject", &principal("eve@acme.example", &[]), &json!({ "comment": "secret" })).await;
    for fault in [Fault::Load, Fault::Secret, Fault::Catalog, Fault::List, Fault::Commit, Fault::Conflict] {
        let world = World::new();
        world.submit(1, draft()).await;
        world.set(fault);
        world.get(id(1), &query).await;
        world.post(id(1), &query, &form("approve", "very secret reasons")).await;
    }
    let text = lines.text();
    let signature = query.rsplit_once('=').unwrap().1;
    let approver = query.split(['=', '&']).nth(1).unwrap();
    for secret in [signature, approver, "acme.example", "secret", "approver=", "0123456789abcdef"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn each_call_is_one_line_and_each_decision_one_more() {
    let world = World::new();
    world.submit(1, draft()).await;
    let query = world.query(id(1), DANA);
    let (lines, _guard) = listen();
    world.get(id(1), &query).await;
    world.post(id(1), &query, &form("reject", "")).await;
    world.post(id(1), &query, &form("approve", "")).await;
    let lines = lines.text();
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (line["route"].as_str(), line["channel"].as_str(), line["status"].clone(), line["problem"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("GET /approval/{id}"), None, json!(200), None),
            (None, Some("link"), json!(null), Some("urn:cgr-request:problem:reason-required")),
            (Some("POST /approval/{id}"), None, json!(422), None),
            (None, Some("link"), json!("approved"), None),
            (Some("POST /approval/{id}"), None, json!(303), None),
        ]
    );
    for line in lines.iter().filter(|line| line["channel"].is_string()) {
        assert_eq!(line["request_id"], id(1).to_string());
    }
}

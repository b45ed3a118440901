//! What is written about calls, and what never is.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ports::{CreateRepository as _, ListRepositories as _};
use fake_chainguard::{Fault, Options, Route, TokenCheck};
use tracing::Level;

use crate::support::{EXCHANGE, Running, name};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self, part: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(part)).map(ToOwned::to_owned).collect()
    }
}

#[tokio::test]
async fn each_call_is_one_line_without_tokens_or_bodies_and_each_retry_a_warning() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let token = TokenCheck::Issued { lifetime: Duration::from_hours(1) };
    let running = Running::start(Options { token, ..Options::default() }).await;
    let client = running.client(EXCHANGE);
    running.fake.faults().push(Route::CreateRepo, Fault::DropBefore, 1);
    client.create_repository(&name("web"), &name("nginx"), "why-we-need-it").await.unwrap();
    running.fake.revoke_tokens();
    client.list_repositories().await.unwrap();
    drop(guard);

    let calls = log.lines("called Chainguard to");
    assert_eq!(calls.len(), running.fake.calls().len(), "{calls:#?}");
    for part in ["DEBUG chainguard::call", "operation=", "duration_ms="] {
        assert!(calls.iter().all(|line| line.contains(part)), "{part}: {calls:#?}");
    }
    assert!(calls.iter().any(|line| line.contains("http_status=401 grpc_code=16")), "{calls:#?}");
    let warnings = log.lines("WARN");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    for part in [r#"operation="create the repository""#, "attempt=1", "pause_ms=0", "error=Chainguard is unavailable"] {
        assert!(warnings[0].contains(part), "{part}: {warnings:#?}");
    }
    for hush in ["upstream-token", "fake-chainguard.", "why-we-need-it"] {
        assert_eq!(log.lines(hush), Vec::<String>::new(), "{hush}");
    }
}

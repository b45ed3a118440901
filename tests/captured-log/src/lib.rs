//! What the code under test logs, on the test's own thread.
//!
//! One subscriber serves the whole process. A subscriber a test would race with the others': whether a line is logged
//! at all is decided once for the process, when it is first reached, by the subscribers that there are.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "this crate is for tests: whatever is unexpected ends the test"
)]

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use serde_json::Value;
use tracing::Level;

thread_local! {
    /// What was logged on this thread since [`listen`]; nothing is kept while nobody listens.
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

static SUBSCRIBER: Once = Once::new();

/// The lines from [`listen`] on, until this is dropped.
#[derive(Debug)]
#[must_use = "what is logged is kept only while this lives"]
pub struct Log(());

/// Keeps every line that this thread logs from here on, at every level, in the form that the functions write.
///
/// A test that wants the lines of its tasks has to run them on its own thread, as `#[tokio::test]` does.
pub fn listen() -> Log {
    SUBSCRIBER.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(Level::TRACE)
            .with_writer(|| Writer)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    HEARD.set(Some(Vec::new()));
    Log(())
}

impl Log {
    /// Everything, one JSON object a line.
    #[must_use]
    pub fn text(&self) -> String {
        HEARD.with_borrow(|heard| String::from_utf8(heard.clone().unwrap_or_default()).unwrap())
    }

    /// The lines as JSON.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines that have `part` in them.
    #[must_use]
    pub fn lines_with(&self, part: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(part)).map(ToOwned::to_owned).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        HEARD.set(None);
    }
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.as_mut().map(|heard| heard.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

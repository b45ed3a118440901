//! The embedded runtime, somebody who asks it for images, and stores of the same kind that nothing else works on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use aws::configuration::Configuration;
use aws::store::Store;
use domain::event::EventType;
use domain::policy::{DEFAULT_POLICY, Policy};
use dynoxide::Database;
use futures_util::{StreamExt as _, TryStreamExt as _};
use local::options::Options;
use local::runtime::Runtime;
use local::template::Table;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::figures::Samples;

/// The longest wait for something that is bound to happen.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);
/// The longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two looks at what the bus has.
const PAUSE: Duration = Duration::from_millis(50);

/// A number that no other request of this process has.
pub(super) fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The default policy, with a limit that no benchmark reaches: the count against it is written as ever.
pub(super) fn policy_text() -> anyhow::Result<String> {
    let text = DEFAULT_POLICY.replace("{ requests: 20, per: 1h }", "{ requests: 1000000000, per: 1h }");
    ensure!(text != DEFAULT_POLICY, "the default policy has no rate limit of 20 requests an hour to lift");
    Ok(text)
}

/// Options of an ephemeral runtime on a free port of the loopback interface.
pub(super) fn options(policy: &Path, schedules_every: Duration) -> Options {
    Options { policy: Some(policy.to_owned()), schedules_every, ..Options::default() }
}

/// Writes the policy of the benchmark into `folder`.
pub(super) fn write_policy(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("policy.yaml");
    std::fs::write(&path, policy_text()?)?;
    Ok(path)
}

/// The running system and Jane, a developer.
pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) client: Client,
    pub(super) policy: Policy,
    pub(super) bus: BusReader,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn start(schedules_every: Duration) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let policy = write_policy(folder.path())?;
        let runtime = Runtime::start(&options(&policy, schedules_every), |_| {}).await?;
        let client = Client::of(runtime.base_url()).await?;
        let policy = Policy::from_yaml(&policy_text()?)?;
        Ok(Self { runtime, client, policy, bus: BusReader::default(), _folder: folder })
    }

    /// The tables, as a function reaches them.
    pub(super) fn store(&self) -> anyhow::Result<Store> {
        let names = self.table_names()?;
        Ok(Store::new(&self.runtime.configuration("bench"), names.requests, Some(names.journal)))
    }

    pub(super) fn table_names(&self) -> anyhow::Result<TableNames> {
        let intake = self.runtime.system().functions.iter().find(|function| function.binary == "intake");
        let environment = &intake.context("the template has no function intake")?.environment;
        let name = |variable: &str| environment.get(variable).cloned().with_context(|| format!("no {variable}"));
        Ok(TableNames { requests: name("REQUESTS_TABLE")?, journal: name("JOURNAL_TABLE")? })
    }

    /// Waits until so many requests have become available since the start and every message has been dealt with.
    pub(super) async fn until_available(&mut self, requests: u64) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            self.bus.read(&self.runtime)?;
            if self.bus.available >= requests && self.runtime.is_settled()? {
                return Ok(());
            }
            ensure!(self.bus.failed == 0, "{} requests failed", self.bus.failed);
            if start.elapsed() > PATIENCE {
                bail!("only {} of {requests} requests are available after {PATIENCE:?}", self.bus.available);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) async fn stop(self) {
        self.runtime.stop().await;
    }
}

/// What the tables are called.
#[derive(Clone, Debug)]
pub(super) struct TableNames {
    pub(super) requests: String,
    pub(super) journal: String,
}

/// Counts what comes over the bus, without calling anything that is measured.
#[derive(Debug, Default)]
pub(super) struct BusReader {
    position: i64,
    pub(super) events: u64,
    pub(super) available: u64,
    failed: u64,
}

impl BusReader {
    pub(super) fn read(&mut self, runtime: &Runtime) -> anyhow::Result<()> {
        loop {
            let events = runtime.state().events_after(self.position, 1000)?;
            let Some(last) = events.last() else { return Ok(()) };
            self.position = last.position;
            for event in &events {
                let detail_type = event.event.get("detail-type").and_then(Value::as_str);
                self.events += 1;
                self.available += u64::from(detail_type == Some(EventType::Available.as_str()));
                self.failed += u64::from(detail_type == Some(EventType::Failed.as_str()));
            }
        }
    }
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub(super) struct Client {
    base: String,
    http: reqwest::Client,
    token: String,
}

impl Client {
    pub(super) async fn of(base: &str) -> anyhow::Result<Self> {
        let http = lambda::http_client::build(ANSWER_TIMEOUT)?;
        let token = http.get(format!("{base}/_local/tokens/jane")).send().await?.error_for_status()?.text().await?;
        Ok(Self { base: base.to_owned(), http, token })
    }

    /// `POST /request` for a repository of its own; returns the id.
    pub(super) async fn submit(&self, number: usize) -> anyhow::Result<String> {
        let body = body(number).to_string();
        let sent = self.http.post(format!("{}/request", self.base)).bearer_auth(&self.token);
        let answer = sent.header("content-type", "application/json").body(body).send().await?;
        let status = answer.status();
        let answer: Value = answer.json().await?;
        ensure!(status.as_u16() == 202, "POST /request answered {status}: {answer}");
        Ok(answer.get("requestId").and_then(Value::as_str).context("the answer has no requestId")?.to_owned())
    }

    /// Looks at the request every `pause` until it is available.
    pub(super) async fn until_available(&self, id: &str, pause: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        let url = format!("{}/request/{id}", self.base);
        while start.elapsed() < PATIENCE {
            let answer = self.http.get(&url).bearer_auth(&self.token).send().await?.error_for_status()?;
            let answer: Value = answer.json().await?;
            match answer.get("status").and_then(Value::as_str) {
                Some("available") => return Ok(()),
                Some("failed") => bail!("{id} failed: {answer}"),
                _ => tokio::time::sleep(pause).await,
            }
        }
        bail!("{id} is not available after {PATIENCE:?}")
    }
}

/// The body of a request that the policy approves.
pub(super) fn body(number: usize) -> Value {
    json!({
        "image": "python:latest",
        "customName": format!("bench-{number}"),
        "justification": format!("benchmark {number}"),
        "team": "data-engineering",
        "environment": "dev",
    })
}

/// Does something with every input, so many at a time; how long each took, and all of them.
pub(super) async fn timed<I, F>(
    inputs: Vec<I>,
    at_a_time: usize,
    operation: impl Fn(I) -> F,
) -> anyhow::Result<(Samples, Duration)>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let start = Instant::now();
    let durations: Vec<Duration> = futures_util::stream::iter(inputs)
        .map(|input| {
            let operation = &operation;
            async move {
                let start = Instant::now();
                operation(input).await?;
                anyhow::Ok(start.elapsed())
            }
        })
        .buffer_unordered(at_a_time)
        .try_collect()
        .await?;
    Ok((Samples::new(durations), start.elapsed()))
}

/// A store of the kind that the runtime has, in a file, reached over the loopback interface; nobody reads its streams.
pub(super) struct QuietStore {
    pub(super) database: Database,
    pub(super) store: Store,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl QuietStore {
    /// With the template's tables; `like` says how to reach it but for the address.
    pub(super) async fn open(tables: &[Table], names: TableNames, like: &Configuration) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = Database::new(&folder.path().join("dynamodb.sqlite").to_string_lossy())?;
        for table in tables {
            database.create_table(serde_json::from_value(table.create_table.clone())?)?;
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shared = database.clone();
        let server = tokio::spawn(async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, shared, std::future::pending()).await {
                eprintln!("a store stopped: {error}");
            }
        });
        let configuration = Configuration::with(like.sdk().clone(), Some(endpoint));
        let store = Store::new(&configuration, names.requests, Some(names.journal));
        Ok(Self { database, store, server, folder })
    }

    /// The size of its files in bytes.
    pub(super) fn file_bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(self.folder.path())? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }
}

impl Drop for QuietStore {
    fn drop(&mut self) {
        self.server.abort();
    }
}

//! The memory of the embedded runtime, in a process that does nothing else.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use local::runtime::Runtime;

use super::figures::{Rounds, Table, real};
use super::world::{Client, PATIENCE, next_number, options, timed, write_policy};

const AT_A_TIME: usize = 8;
/// The wait after the start, and after the load, before memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// The longest that the process serves, should nobody end it.
const LIFETIME: Duration = Duration::from_mins(15);

/// Serves until standard input ends: what the measured process does.
pub(super) async fn serve() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let policy = write_policy(folder.path())?;
    let runtime = Runtime::start(&options(&policy, Duration::from_secs(1)), |_| {}).await?;
    println!("{}", runtime.base_url());
    std::io::stdout().flush()?;
    let (ended, end) = tokio::sync::oneshot::channel();
    // Not one of tokio's threads: those are waited for at the end.
    std::thread::spawn(move || {
        let outcome = std::io::stdin().read_to_end(&mut Vec::new());
        drop(ended.send(outcome));
    });
    // Out of time is an end, too.
    drop(tokio::time::timeout(LIFETIME, end).await);
    runtime.stop().await;
    Ok(())
}

/// The measured process; ends with its standard input, and is killed if that does not help.
struct Served(Child);

impl Served {
    fn start() -> anyhow::Result<(Self, ChildStdout)> {
        let program = std::env::current_exe()?;
        let command = &mut Command::new(program);
        let mut child = command.args(["bench", "--serve"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("the process has no output")?;
        Ok((Self(child), stdout))
    }

    /// A size of `/proc/<pid>/status` in MiB.
    fn mebibytes(&self, name: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|rest| rest.split_whitespace().next()).with_context(|| format!("no {name}"))?;
        Ok(real(kibibytes.parse()?) / 1024.0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        for _ in 0..50 {
            if matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("failed to end the measured process: {error}");
        }
    }
}

pub(super) async fn run(rounds: usize, requests: usize) -> anyhow::Result<()> {
    let (mut idle, mut submitted, mut settled, mut peak) =
        (Rounds::default(), Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..rounds {
        eprintln!("memory: round {} of {rounds}", round + 1);
        let (served, stdout) = Served::start()?;
        let mut base = String::new();
        let read = tokio::task::spawn_blocking(move || {
            BufReader::new(stdout).read_line(&mut base)?;
            anyhow::Ok(base)
        });
        let base = tokio::time::timeout(PATIENCE, read).await.context("the process does not serve")???;
        ensure!(base.starts_with("http://127.0.0.1:"), "the process does not serve: {base:?}");
        let client = Client::of(base.trim()).await?;
        tokio::time::sleep(SETTLE).await;
        idle.push(served.mebibytes("VmRSS")?);

        let ids = std::sync::Mutex::new(Vec::with_capacity(requests));
        let numbers: Vec<usize> = (0..requests).map(|_| next_number()).collect();
        timed(numbers, AT_A_TIME, |number| {
            let (client, ids) = (&client, &ids);
            async move {
                let id = client.submit(number).await?;
                ids.lock().map_err(|_| anyhow::anyhow!("a task panicked"))?.push(id);
                Ok(())
            }
        })
        .await?;
        submitted.push(served.mebibytes("VmRSS")?);
        for id in ids.into_inner().map_err(|_| anyhow::anyhow!("a task panicked"))? {
            client.until_available(&id, Duration::from_millis(100)).await?;
        }
        tokio::time::sleep(SETTLE).await;
        settled.push(served.mebibytes("VmRSS")?);
        peak.push(served.mebibytes("VmHWM")?);
    }
    println!("5. Memory of the embedded runtime ({rounds} rounds, each a process of its own; {requests} requests)");
    println!("   Resident, from /proc/<pid>/status; the client and its load are in another process.");
    let mut table = Table::new(&["", "MiB", "", "over idle"]);
    let rows = [
        ("idle, 3 s after the start", &idle),
        ("right after the last submission, 8 at a time", &submitted),
        ("3 s after the last is available", &settled),
        ("peak", &peak),
    ];
    for (name, figures) in rows {
        let ratio = figures.over(&idle).median();
        let range = format!("({})", figures.range(1));
        table.row(vec![name.to_owned(), format!("{:.1}", figures.median()), range, format!("{ratio:.2}")]);
    }
    table.print();
    Ok(())
}

//! `POST /request` against the bare `TransactWriteItems` of the same items.

use std::time::Duration;

use anyhow::Context as _;
use domain::ports::{Commit, CommitRequest as _, LoadCatalog as _};

use super::commits;
use super::figures::{Rounds, Table, real};
use super::world::{QuietStore, World, body, next_number, timed};

const AT_A_TIME: [usize; 2] = [1, 8];
const WARM_UP: usize = 40;

/// A way to get a submission into the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Http,
    BareSameStore,
    BareQuietStore,
}

impl Way {
    const ALL: [Self; 3] = [Self::Http, Self::BareSameStore, Self::BareQuietStore];

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "POST /request",
            Self::BareSameStore => "bare write, same store",
            Self::BareQuietStore => "bare write, quiet store",
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Measured {
    p50: Rounds,
    p95: Rounds,
    per_second: Rounds,
}

pub(super) async fn run(rounds: usize, requests: usize) -> anyhow::Result<()> {
    // In the order of AT_A_TIME, and within that of Way::ALL.
    let mut measured = vec![Measured::default(); AT_A_TIME.len() * Way::ALL.len()];
    for round in 0..rounds {
        eprintln!("submit: round {} of {rounds}", round + 1);
        // Every round starts with empty tables: what is in them already must not tell the rounds apart.
        let mut bench = Bench::start().await?;
        for way in Way::ALL {
            bench.measure(way, WARM_UP, 8).await?;
        }
        for (place, at_a_time) in AT_A_TIME.into_iter().enumerate() {
            // Another goes first in every round.
            for turn in 0..Way::ALL.len() {
                let index = (turn + round) % Way::ALL.len();
                let way = Way::ALL.into_iter().nth(index).context("there are three ways")?;
                let (p50, p95, elapsed) = bench.measure(way, requests, at_a_time).await?;
                eprintln!("submit: {}, {at_a_time} at a time: p50 {p50:.2} ms", way.name());
                let slot = measured.get_mut(place * Way::ALL.len() + index).context("there is a slot for each")?;
                slot.p50.push(p50);
                slot.p95.push(p95);
                slot.per_second.push(real(u64::try_from(requests)?) / elapsed.as_secs_f64());
            }
        }
        bench.world.stop().await;
    }
    print(rounds, requests, &measured);
    Ok(())
}

struct Bench {
    world: World,
    quiet: QuietStore,
    /// Requests that the runtime has been given so far.
    given: u64,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let world = World::start(Duration::from_secs(1)).await?;
        let tables = &world.runtime.system().tables;
        let quiet = QuietStore::open(tables, world.table_names()?, &world.runtime.configuration("bench")).await?;
        Ok(Self { world, quiet, given: 0 })
    }

    /// Median, 95th percentile in milliseconds, and the time for all; then waits until the pipeline is idle again.
    async fn measure(&mut self, way: Way, requests: usize, at_a_time: usize) -> anyhow::Result<(f64, f64, Duration)> {
        let numbers: Vec<usize> = (0..requests).map(|_| next_number()).collect();
        let (samples, elapsed) = match way {
            Way::Http => {
                let client = &self.world.client;
                timed(numbers, at_a_time, |number| async move { client.submit(number).await.map(drop) }).await?
            }
            Way::BareSameStore | Way::BareQuietStore => {
                let same = self.world.store()?;
                let catalog = same.load_catalog().await?.context("there is no catalog")?;
                let store = if way == Way::BareSameStore { &same } else { &self.quiet.store };
                let commit = |number| commits::submission(body(number), commits::jane(), &catalog, &self.world.policy);
                let commits: Vec<Commit> = numbers.into_iter().map(commit).collect::<anyhow::Result<_>>()?;
                timed(commits, at_a_time, |commit| async move { Ok(store.commit_request(&commit).await?) }).await?
            }
        };
        if way != Way::BareQuietStore {
            self.given += u64::try_from(requests)?;
            self.world.until_available(self.given).await?;
        }
        Ok((samples.percentile(50), samples.percentile(95), elapsed))
    }
}

fn print(rounds: usize, requests: usize, measured: &[Measured]) {
    println!("1. Submit latency ({rounds} rounds of {requests}; medians over the rounds, in brackets least..most)");
    println!("   POST /request: HTTP, gateway, authorizer, intake and its one write, until the 202 is read.");
    println!("   bare write: Store::commit_request of a commit made beforehand by domain::execute::prepare: the same");
    println!("   5 items (request, name, count, 2 records) in one TransactWriteItems through the SDK over loopback.");
    println!("   same store: the runtime's own, whose pipeline takes the request on as it does after a POST;");
    println!("   quiet store: another of the same kind and tables, with nobody behind it.");
    let mut table =
        Table::new(&["", "at a time", "p50 ms", "", "p95 ms", "a second", "p50 over same", "p50 over quiet"]);
    for (at_a_time, ways) in AT_A_TIME.into_iter().zip(measured.chunks(Way::ALL.len())) {
        for (way, figures) in Way::ALL.into_iter().zip(ways) {
            let over = |other: Way| {
                let other = Way::ALL.into_iter().zip(ways).find(|(way, _)| *way == other);
                other.map_or_else(String::new, |(_, other)| format!("{:.2}", figures.p50.over(&other.p50).median()))
            };
            table.row(vec![
                way.name().to_owned(),
                at_a_time.to_string(),
                format!("{:.2}", figures.p50.median()),
                format!("({})", figures.p50.range(2)),
                format!("{:.2}", figures.p95.median()),
                format!("{:.0}", figures.per_second.median()),
                over(Way::BareSameStore),
                over(Way::BareQuietStore),
            ]);
        }
    }
    table.print();
}

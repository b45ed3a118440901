//! From `POST /request` to `available`, as a client sees it that keeps looking.

use std::time::Duration;

use super::figures::{Rounds, Samples, Table};
use super::world::{World, next_number, timed};

const SCHEDULES: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(50)];
const AT_A_TIME: [usize; 2] = [1, 8];
/// The pause between two looks: the resolution of the figures.
const LOOK: Duration = Duration::from_millis(10);
/// Requests one at a time, at most: each takes seconds.
const MOST_ALONE: usize = 5;
/// Requests 8 at a time, at most.
const MOST_TOGETHER: usize = 40;
/// What the start of every further request is shifted by, in milliseconds: without it each would start right after
/// the schedule that finished the one before, and always wait a whole period.
const SHIFT: usize = 137;

#[derive(Clone, Debug, Default)]
struct Measured {
    p50: Rounds,
    p95: Rounds,
}

pub(super) async fn run(rounds: usize, requests: usize) -> anyhow::Result<()> {
    let (alone, together) = (requests.min(MOST_ALONE), requests.min(MOST_TOGETHER));
    let mut measured = vec![Measured::default(); SCHEDULES.len() * AT_A_TIME.len()];
    for round in 0..rounds {
        eprintln!("available: round {} of {rounds}", round + 1);
        let mut slots = measured.iter_mut();
        for schedule in SCHEDULES {
            let world = World::start(schedule).await?;
            for samples in [one_by_one(&world, alone, schedule).await?, eight_by_eight(&world, together).await?] {
                if let Some(slot) = slots.next() {
                    slot.p50.push(samples.percentile(50));
                    slot.p95.push(samples.percentile(95));
                }
            }
            world.stop().await;
        }
    }
    println!("2. Submit to available ({rounds} rounds of {alone} one at a time and {together} 8 at a time)");
    println!("   From sending POST /request until GET /request/{{id}} says so, asked every {LOOK:?}.");
    let mut table = Table::new(&["schedules every", "at a time", "p50 ms", "", "p95 ms", ""]);
    let kinds = SCHEDULES.into_iter().flat_map(|schedule| AT_A_TIME.map(|at_a_time| (schedule, at_a_time)));
    for ((schedule, at_a_time), figures) in kinds.zip(&measured) {
        table.row(vec![
            format!("{schedule:?}"),
            at_a_time.to_string(),
            format!("{:.0}", figures.p50.median()),
            format!("({})", figures.p50.range(0)),
            format!("{:.0}", figures.p95.median()),
            format!("({})", figures.p95.range(0)),
        ]);
    }
    table.print();
    Ok(())
}

async fn one_by_one(world: &World, requests: usize, schedule: Duration) -> anyhow::Result<Samples> {
    let period = usize::try_from(schedule.as_millis())?.max(1);
    let mut durations = Vec::with_capacity(requests);
    for turn in 0..requests {
        let shift = u64::try_from(turn.saturating_mul(SHIFT) % period)?;
        tokio::time::sleep(Duration::from_millis(shift)).await;
        durations.push(follow(world, 1, 1).await?.1);
    }
    Ok(Samples::new(durations))
}

async fn eight_by_eight(world: &World, requests: usize) -> anyhow::Result<Samples> {
    Ok(follow(world, requests, 8).await?.0)
}

async fn follow(world: &World, requests: usize, at_a_time: usize) -> anyhow::Result<(Samples, Duration)> {
    let numbers: Vec<usize> = (0..requests).map(|_| next_number()).collect();
    let client = &world.client;
    timed(numbers, at_a_time, |number| async move {
        let id = client.submit(number).await?;
        client.until_available(&id, LOOK).await
    })
    .await
}

//! Calls to AWS and to Chainguard per request, by function and operation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use local::calls::Call;

use super::figures::{Table, real};
use super::world::{World, next_number, timed};

const AT_A_TIME: [usize; 2] = [1, 8];
/// How long the idle runtime is watched, for the calls that it makes without any request.
const IDLE: Duration = Duration::from_secs(3);

/// Whose calls are Chainguard's.
const CHAINGUARD: &str = "Chainguard";

/// What provisioning asks of Chainguard; the rest is the steward's, who looks for tags and for the catalog.
const PROVISIONING: [&str; 4] = ["StsExchange", "Groups", "CreateRepo", "ListRepos"];

/// One run.
struct Counted {
    calls: BTreeMap<Call, u64>,
    events: u64,
    /// From the first submission until the last request is available.
    elapsed: Duration,
}

pub(super) async fn run(requests: usize) -> anyhow::Result<()> {
    let mut world = World::start(Duration::from_secs(1)).await?;
    eprintln!("calls: watching the idle runtime");
    let before = counts(&world);
    tokio::time::sleep(IDLE).await;
    let idle = since(&before, &world);
    let mut runs = Vec::new();
    let mut given = 0;
    for at_a_time in AT_A_TIME {
        eprintln!("calls: {requests} requests, {at_a_time} at a time");
        world.bus.read(&world.runtime)?;
        let (before, events) = (counts(&world), world.bus.events);
        let numbers: Vec<usize> = (0..requests).map(|_| next_number()).collect();
        let client = world.client.clone();
        let start = Instant::now();
        timed(numbers, at_a_time, |number| {
            let client = &client;
            async move { client.submit(number).await.map(drop) }
        })
        .await?;
        given += u64::try_from(requests)?;
        world.until_available(given).await?;
        let elapsed = start.elapsed();
        runs.push(Counted { calls: since(&before, &world), events: world.bus.events - events, elapsed });
    }
    world.stop().await;
    print(u64::try_from(requests)?, &idle, &runs);
    Ok(())
}

/// What the stand-in for Chainguard was asked counts as calls of its own: it knows no functions.
fn counts(world: &World) -> BTreeMap<Call, u64> {
    let mut counts = world.runtime.calls().counts();
    for call in world.runtime.fake_chainguard().iter().flat_map(|fake| fake.calls()) {
        let call = Call {
            function: CHAINGUARD.to_owned(),
            operation: call.route.map_or_else(|| "?".to_owned(), |route| format!("{route:?}")),
        };
        *counts.entry(call).or_default() += 1;
    }
    counts
}

fn since(before: &BTreeMap<Call, u64>, world: &World) -> BTreeMap<Call, u64> {
    let mut counts = counts(world);
    for (call, count) in &mut counts {
        *count -= before.get(call).copied().unwrap_or_default();
    }
    counts.retain(|_, count| *count > 0);
    counts
}

fn is_write(call: &Call, function: &str) -> bool {
    let writes = ["TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"];
    call.function == function && call.operation.strip_prefix("DynamoDB.").is_some_and(|name| writes.contains(&name))
}

fn print(requests: u64, idle: &BTreeMap<Call, u64>, runs: &[Counted]) {
    println!(
        "3. Calls to AWS and to Chainguard per request ({requests} requests, from the first POST until all are available)"
    );
    println!("   Schedules every 1 s. In the last column what the runtime calls when nobody asks for anything.");
    let calls: BTreeSet<&Call> = runs.iter().flat_map(|run| run.calls.keys()).chain(idle.keys()).collect();
    let mut table = Table::new(&["function, operation", "1 at a time", "8 at a time", "idle, a second"]);
    for call in calls {
        let mut row = vec![format!("{} {}", call.function, call.operation)];
        for run in runs {
            let count = run.calls.get(call).copied().unwrap_or_default();
            row.push(format!("{:.3}", real(count) / real(requests)));
        }
        let count = idle.get(call).copied().unwrap_or_default();
        row.push(format!("{:.2}", real(count) / IDLE.as_secs_f64()));
        table.row(row);
    }
    let mut row = vec!["all".to_owned()];
    row.extend(runs.iter().map(|run| format!("{:.3}", real(run.calls.values().sum()) / real(requests))));
    row.push(format!("{:.2}", real(idle.values().sum()) / IDLE.as_secs_f64()));
    table.row(row);
    table.print();

    let mut table = Table::new(&["aim", "1 at a time", "", "8 at a time", ""]);
    let sum = |run: &Counted, of: &dyn Fn(&Call) -> bool| -> u64 {
        run.calls.iter().filter(|(call, _)| of(call)).map(|(_, count)| count).sum()
    };
    // An aim in whole calls: `calls` of them for every `per`.
    let mut aim = |name: &str, most: u64, unit: u64, of: &dyn Fn(&Call) -> bool, per: &dyn Fn(&Counted) -> u64| {
        let mut row = vec![name.to_owned()];
        for run in runs {
            let (calls, per) = (sum(run, of), per(run));
            row.push(format!("{:.3}", real(calls * unit) / real(per.max(1))));
            row.push(if calls * unit <= most * per { "met" } else { "missed" }.to_owned());
        }
        table.row(row);
    };
    aim("writes in intake a request: 1", 1, 1, &|call| is_write(call, "intake"), &|_| requests);
    aim("writes in provisioner a request: 2", 2, 1, &|call| is_write(call, "provisioner"), &|_| requests);
    // Besides, the provisioner has the repositories counted once a request, by the route that the steward lists by.
    let provisioning = |call: &Call| call.function == CHAINGUARD && PROVISIONING.contains(&call.operation.as_str());
    aim("Chainguard, adding a repository, besides one count: 3", 3, 1, &provisioning, &|_| requests);
    let put_events = |call: &Call| call.operation == "AWSEvents.PutEvents";
    aim("PutEvents per 10 events: 1", 1, 10, &put_events, &|run| run.events);
    table.print();

    let mut table = Table::new(&["", "1 at a time", "8 at a time"]);
    let each = |of: &dyn Fn(&Counted) -> String| runs.iter().map(of).collect::<Vec<_>>();
    let mut row = vec!["events on the bus".to_owned()];
    row.extend(each(&|run| run.events.to_string()));
    table.row(row);
    let mut row = vec!["seconds until all are available".to_owned()];
    row.extend(each(&|run| format!("{:.1}", run.elapsed.as_secs_f64())));
    table.row(row);
    let mut row = vec!["requests a second, to available".to_owned()];
    row.extend(each(&|run| format!("{:.0}", real(requests) / run.elapsed.as_secs_f64())));
    table.row(row);
    table.print();
}

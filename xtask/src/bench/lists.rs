//! `Store::list_requests` with little and with much in the table.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use domain::catalog::Catalog;
use domain::execute::prepare;
use domain::id::RequestId;
use domain::lifecycle::{Command, Context};
use domain::listing::{ListFilter, PageSize, Position};
use domain::person::Person;
use domain::policy::Policy;
use domain::ports::{Clock as _, CommitRequest as _, ListRequests as _, LoadCatalog as _, StoredRequest};
use domain::request::{Lease, ProvisionedRepository, ProvisioningOutcome, Status};
use domain::text::TeamName;
use domain::time::Timestamp;
use dynoxide::ImportOptions;
use dynoxide::types::{AttributeValue, Item};
use lambda::clock::SystemClock;
use serde_json::json;
use uuid::Uuid;

use super::commits;
use super::figures::{Rounds, Samples, Table};
use super::world::{QuietStore, TableNames, World};

/// Lists of each kind a round.
const LISTS: usize = 20;
/// Items of one import.
const CHUNK: usize = 5000;
/// The longest that filling one table may take.
const FILL_TIME: Duration = Duration::from_mins(15);
/// The oldest request.
const OLDEST: &str = "2026-01-01T00:00:00.000Z";
/// The time between two requests.
const STEP: Duration = Duration::from_secs(10);

const TEAMS: usize = 4;
const REQUESTERS: usize = 10;
/// One of so many is pending, the others are available.
const PENDING: usize = 10;

/// What the copied items carry instead of real values, each unlike anything else in an item.
const TEAM: &str = "the-copied-team";
const EMAIL: &str = "copied@requester.example";
const REPOSITORY: &str = "the-copied-repository";

/// Who made the `index`th request, oldest first, and what became of it. By chance-free rules, so that every list has
/// its share of every stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    team: usize,
    requester: usize,
    is_pending: bool,
}

impl Kind {
    const fn of(index: usize) -> Self {
        Self { team: index % TEAMS, requester: (index / TEAMS) % REQUESTERS, is_pending: index % PENDING == 3 }
    }
}

fn team(number: usize) -> String {
    format!("team-{number}")
}

fn requester(number: usize) -> String {
    format!("person-{number}@acme.example")
}

fn submitted_at(index: usize) -> anyhow::Result<Timestamp> {
    let oldest: Timestamp = OLDEST.parse()?;
    Ok(oldest.plus(STEP.saturating_mul(u32::try_from(index)?)))
}

/// A `UUIDv7` of the request's time; its random part tells the index.
fn id(index: usize) -> anyhow::Result<RequestId> {
    let millisecond = u128::try_from(submitted_at(index)?.as_millisecond())?;
    let random = u128::try_from(index)?;
    Ok(RequestId::from_uuid(Uuid::from_u128(millisecond << 80 | 0x7 << 76 | 0x2 << 62 | random)))
}

/// The lists that are measured.
#[derive(Clone, Copy, Debug)]
enum List {
    Pending,
    Available,
    Team,
    Requester,
}

impl List {
    const ALL: [Self; 4] = [Self::Pending, Self::Available, Self::Team, Self::Requester];

    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "status=pending",
            Self::Available => "status=available",
            Self::Team => "team",
            Self::Requester => "requester",
        }
    }

    fn filter(self) -> anyhow::Result<ListFilter> {
        let none = ListFilter { status: None, team: None, requester: None, image: None };
        Ok(match self {
            Self::Pending => ListFilter { status: Some(Status::Pending), ..none },
            Self::Available => ListFilter { status: Some(Status::Available), ..none },
            Self::Team => ListFilter { team: Some(TeamName::new(team(1))?), ..none },
            Self::Requester => ListFilter { requester: Some(requester(1)), ..none },
        })
    }

    const fn has(self, index: usize) -> bool {
        let kind = Kind::of(index);
        match self {
            Self::Pending => kind.is_pending,
            Self::Available => !kind.is_pending,
            Self::Team => kind.team == 1,
            Self::Requester => kind.requester == 1,
        }
    }

    /// How many of so many requests are in it.
    fn length(self, size: usize) -> usize {
        (0..size).filter(|index| self.has(*index)).count()
    }

    /// Its request in the middle of the table.
    fn middle(self, size: usize) -> anyhow::Result<Position> {
        let index = (size / 2..size).find(|index| self.has(*index)).context("the list is empty")?;
        Ok(Position { submitted_at: submitted_at(index)?, id: id(index)? })
    }
}

/// A table with so many requests in it.
struct Filled {
    size: usize,
    store: QuietStore,
    seconds: f64,
}

pub(super) async fn run(rounds: usize, sizes: &[usize]) -> anyhow::Result<()> {
    let world = World::start(Duration::from_secs(1)).await?;
    let names = world.table_names()?;
    let like = world.runtime.configuration("bench");
    let tables = world.runtime.system().tables.clone();
    let catalog = world.store()?.load_catalog().await?.context("there is no catalog")?;
    let policy = world.policy.clone();
    world.stop().await;

    let mut filled = Vec::new();
    for &size in sizes {
        let store = QuietStore::open(&tables, names.clone(), &like).await?;
        filled.push(fill(store, size, &names, &catalog, &policy).await?);
    }

    let pages = [Page::First, Page::Middle];
    let lists = List::ALL.map(|list| pages.map(|page| (list, page))).into_iter().flatten();
    let lists: Vec<(List, Page)> = lists.collect();
    // By list, then by size.
    let mut p50 = vec![vec![Rounds::default(); filled.len()]; lists.len()];
    let mut p95 = p50.clone();
    for round in 0..rounds {
        eprintln!("lists: round {} of {rounds}", round + 1);
        for ((list, page), (p50, p95)) in lists.iter().zip(p50.iter_mut().zip(&mut p95)) {
            for (table, (p50, p95)) in filled.iter().zip(p50.iter_mut().zip(p95)) {
                let samples = measure(table, *list, *page).await?;
                p50.push(samples.percentile(50));
                p95.push(samples.percentile(95));
            }
        }
    }
    print(rounds, &filled, &lists, &p50, &p95)
}

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
enum Page {
    First,
    Middle,
}

async fn measure(table: &Filled, list: List, page: Page) -> anyhow::Result<Samples> {
    let filter = list.filter()?;
    let size = PageSize::default();
    let (after, left) = match page {
        Page::First => (None, list.length(table.size)),
        Page::Middle => (Some(list.middle(table.size)?), list.length(table.size / 2)),
    };
    let wanted = usize::try_from(size.get())?.min(left);
    let mut durations = Vec::with_capacity(LISTS);
    // The first one warms up and is not counted.
    for turn in 0..=LISTS {
        let start = Instant::now();
        let answer = table.store.store.list_requests(&filter, size, after).await?;
        let elapsed = start.elapsed();
        ensure!(
            answer.requests.len() == wanted && answer.requests.iter().all(|stored| filter.fits(stored)),
            "{} of {} requests answered {} instead of {wanted}",
            list.name(),
            table.size,
            answer.requests.len()
        );
        if turn > 0 {
            durations.push(elapsed);
        }
    }
    Ok(Samples::new(durations))
}

/// Copies two stored requests, a pending and an available one, until there are `size`.
async fn fill(
    store: QuietStore,
    size: usize,
    names: &TableNames,
    catalog: &Catalog,
    policy: &Policy,
) -> anyhow::Result<Filled> {
    let start = Instant::now();
    let pending = Copied::commit(&store, names, catalog, policy, Outcome::Pending).await?;
    let available = Copied::commit(&store, names, catalog, policy, Outcome::Available).await?;
    let (database, table) = (store.database.clone(), names.requests.clone());
    let fill = move || -> anyhow::Result<()> {
        database.enable_bulk_loading()?;
        for first in (0..size).step_by(CHUNK) {
            if start.elapsed() > FILL_TIME {
                bail!("{first} requests took {FILL_TIME:?}; leave {size} out with --list-sizes");
            }
            if first > 0 && first % (CHUNK * 20) == 0 {
                eprintln!("lists: {first} of {size} requests after {:.0} s", start.elapsed().as_secs_f64());
            }
            let items = (first..size.min(first + CHUNK)).map(|index| {
                let copied = if Kind::of(index).is_pending { &pending } else { &available };
                copied.item(index)
            });
            let items = items.collect::<anyhow::Result<Vec<Item>>>()?;
            database.import_items(&table, items, ImportOptions::default())?;
        }
        database.disable_bulk_loading()?;
        Ok(())
    };
    tokio::task::spawn_blocking(fill).await??;
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("lists: {size} requests after {seconds:.0} s");
    Ok(Filled { size, store, seconds })
}

/// What becomes of a request that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Pending,
    Available,
}

/// A request's item as the adapter wrote it, and what is different in every copy.
#[derive(Debug)]
struct Copied {
    item: Item,
    id: String,
    submitted_at: String,
}

impl Copied {
    /// Takes a request to its outcome through the adapter, reads its item and takes it out of the table.
    async fn commit(
        store: &QuietStore,
        names: &TableNames,
        catalog: &Catalog,
        policy: &Policy,
        outcome: Outcome,
    ) -> anyhow::Result<Self> {
        let requester = Person { subject: "copied".to_owned(), email: EMAIL.to_owned() };
        let environment = if outcome == Outcome::Pending { "production" } else { "dev" };
        let body = json!({
            "image": "python:latest", "customName": REPOSITORY, "justification": "a model is trained with it",
            "team": TEAM, "environment": environment,
        });
        let commit = commits::submission(body, requester, catalog, policy)?;
        store.store.commit_request(&commit).await?;
        let mut stored = commit.stored;
        if outcome == Outcome::Available {
            // Later than the submission, so that no two times of the item are the same text.
            let now = SystemClock.now().plus(Duration::from_secs(1));
            let lease = Lease::new("lease".to_owned(), now.plus(Duration::from_secs(75)));
            let repository = ProvisionedRepository {
                id: format!("{}/{}", "0".repeat(40), "1".repeat(16)),
                outcome: ProvisioningOutcome::Created,
                at: now,
            };
            let complete = Command::Complete { lease_id: lease.id.clone(), repository };
            for command in [Command::Claim { lease, vacancy: None }, complete, Command::ConfirmAvailable] {
                stored = advance(store, &stored, command, &Context { now, policy }).await?;
            }
        }
        let submission = &stored.request.submission;
        let (id, submitted_at) = (submission.id.to_string(), submission.submitted_at.to_string());
        let scanned = store.database.scan(serde_json::from_value(json!({"TableName": names.requests}))?)?;
        let items = scanned.items.context("the table is empty")?;
        let is_it = |item: &Item| matches!(item.get("pk"), Some(AttributeValue::S(key)) if key.contains(&id));
        let item = items.iter().find(|item| is_it(item)).cloned().context("the request is not in the table")?;
        for other in items {
            let key = json!({"pk": other.get("pk"), "sk": other.get("sk")});
            let delete = json!({"TableName": names.requests, "Key": key});
            store.database.delete_item(serde_json::from_value(delete)?)?;
        }
        Ok(Self { item, id, submitted_at })
    }

    /// The item of the `index`th request.
    fn item(&self, index: usize) -> anyhow::Result<Item> {
        let kind = Kind::of(index);
        let replacements = [
            (self.id.as_str(), id(index)?.to_string()),
            (self.submitted_at.as_str(), submitted_at(index)?.to_string()),
            (TEAM, team(kind.team)),
            (EMAIL, requester(kind.requester)),
            (REPOSITORY, format!("repository-{index}")),
        ];
        let mut item = self.item.clone();
        for value in item.values_mut() {
            if let AttributeValue::S(text) = value {
                for (old, new) in &replacements {
                    if text.contains(old) {
                        *text = text.replace(old, new);
                    }
                }
            }
        }
        Ok(item)
    }
}

async fn advance(
    store: &QuietStore,
    stored: &StoredRequest,
    command: Command,
    context: &Context<'_>,
) -> anyhow::Result<StoredRequest> {
    let commit = prepare(Some(stored), command, context)?;
    store.store.commit_request(&commit).await?;
    Ok(commit.stored)
}

fn print(
    rounds: usize,
    filled: &[Filled],
    lists: &[(List, Page)],
    p50: &[Vec<Rounds>],
    p95: &[Vec<Rounds>],
) -> anyhow::Result<()> {
    println!("4. List latency in ms ({rounds} rounds of {LISTS}; pages of {}; p50, p95)", PageSize::default().get());
    println!("   Store::list_requests through the SDK over loopback, until the requests are parsed.");
    println!(
        "   Of all requests 1 of {PENDING} is pending, 1 of {TEAMS} of the team, 1 of {REQUESTERS} of the requester."
    );
    println!("   The last column: p50 in the largest table over p50 in the smallest, round by round; flat is 1.");
    let mut header = vec!["list".to_owned(), "page".to_owned()];
    header.extend(filled.iter().map(|table| format!("{} requests", table.size)));
    header.push("largest over smallest".to_owned());
    let mut table = Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for ((list, page), (p50, p95)) in lists.iter().zip(p50.iter().zip(p95)) {
        let mut row = vec![list.name().to_owned(), format!("{page:?}").to_lowercase()];
        row.extend(p50.iter().zip(p95).map(|(p50, p95)| format!("{:.2}, {:.2}", p50.median(), p95.median())));
        let ratio = p50.last().zip(p50.first()).map(|(largest, smallest)| largest.over(smallest).median());
        row.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
        table.row(row);
    }
    let mut row = vec!["seconds to fill".to_owned(), String::new()];
    row.extend(filled.iter().map(|table| format!("{:.1}", table.seconds)));
    table.row(row);
    let mut row = vec!["MiB on disk".to_owned(), String::new()];
    for table in filled {
        row.push((table.store.file_bytes()? / (1024 * 1024)).to_string());
    }
    table.row(row);
    table.print();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_ids_are_ids_in_the_order_of_time() {
        let ids: Vec<String> = (0..1000).map(|index| id(index).unwrap().to_string()).collect();
        assert!(ids.iter().all(|id| id.parse::<RequestId>().is_ok()));
        assert!(ids.is_sorted());
    }

    #[test]
    fn every_list_fills_its_first_page_and_one_in_the_middle_of_the_smallest_table() {
        for list in List::ALL {
            assert!(list.length(1000) / 2 >= 25, "{}", list.name());
        }
    }
}

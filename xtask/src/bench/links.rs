//! How long a signed link takes to verify, by where its signature differs: it must not tell a forger how near they are.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::journal::Digest;
use domain::link::{KeyRing, Link};
use domain::time::Timestamp;

use super::figures::{Rounds, Table};

/// Verifications between two looks at the clock.
const BATCH: u32 = 2_000;
/// Looks at the clock, of each link and round: interleaved, so that what else the machine does hits all alike.
const LOOKS: usize = 60;

const HOUR: Duration = Duration::from_hours(1);

pub(super) fn run(rounds: usize) -> anyhow::Result<()> {
    let ring = KeyRing::from_json(&format!(r#"{{"currentId":"first","current":"{}"}}"#, "s".repeat(64)))?;
    let link = Link {
        request: "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse()?,
        approver: "dana@acme.example".to_owned(),
        digest: Digest::of(b"what is asked"),
        expires: Timestamp::UNIX_EPOCH.plus(HOUR),
    };
    let text = ring.link(&link);
    let query = text.split_once('?').context("a link has a query")?.1;
    let signed = query.len().saturating_sub(64);
    let places = [("none", None), ("1st", Some(0)), ("16th", Some(15)), ("32nd", Some(31)), ("64th", Some(63))];
    let links: Vec<(&str, String)> = places
        .into_iter()
        .map(|(name, place)| (name, place.map_or_else(|| query.to_owned(), |place| changed(query, signed + place))))
        .collect();

    let mut measured = vec![Rounds::default(); links.len()];
    for _ in 0..rounds.saturating_mul(LOOKS) {
        for ((_, query), times) in links.iter().zip(&mut measured) {
            let start = Instant::now();
            for _ in 0..BATCH {
                // Right or wrong is not the question here.
                drop(black_box(ring.verify(link.request, black_box(query), Timestamp::UNIX_EPOCH)));
            }
            times.push(start.elapsed().as_secs_f64() / f64::from(BATCH) * 1e9);
        }
    }
    let mut table = Table::new(&["signature differs at", "median ns", "of the 1st"]);
    let first = measured.get(1).context("the 1st is measured")?;
    for ((name, _), times) in links.iter().zip(&measured) {
        table.row(vec![
            (*name).to_owned(),
            format!("{:.0}", times.median()),
            format!("{:.3}", times.median() / first.median()),
        ]);
    }
    println!("6. Verifying a signed link, by where its signature differs");
    table.print();
    Ok(())
}

/// With another hexadecimal digit at this place.
fn changed(query: &str, place: usize) -> String {
    let swap = |digit: char| if digit == '0' { '1' } else { '0' };
    query.char_indices().map(|(index, digit)| if index == place { swap(digit) } else { digit }).collect()
}

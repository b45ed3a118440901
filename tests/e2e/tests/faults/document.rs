//! `docs/failures.md`: its tables are made of what happened, and compared with what it says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use domain::request::{Failure, FailureKind, Status};
use expect_test::expect_file;

/// From the package's folder, where Cargo runs tests.
const DOCUMENT: &str = "../../docs/failures.md";

/// The table of the processes that die between the calls.
pub(crate) const COMMITS: &str = "commits";

/// What stands for a repository's name in what is told.
const NAME: &str = "NAME";

/// What a requester is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Telling {
    kind: FailureKind,
    message: String,
    remedy: String,
}

impl Telling {
    /// With what differs from case to case left out.
    pub(crate) fn of(failure: &Failure, name: &str) -> Self {
        let general = |text: &str| without_column(&text.replace(name, NAME));
        Self { kind: failure.kind, message: general(&failure.message), remedy: general(&failure.remedy) }
    }
}

/// Where half of an answer ends depends on the length of a port's number.
fn without_column(text: &str) -> String {
    const COLUMN: &str = "column ";
    match text.split_once(COLUMN) {
        None => text.to_owned(),
        Some((before, after)) => {
            format!("{before}{COLUMN}…{}", after.trim_start_matches(|character: char| character.is_ascii_digit()))
        }
    }
}

/// How a case ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// The status and the number of calls when the process died, if it did not get to the end.
    pub(crate) interrupted: Option<(Status, usize)>,
    /// Whether the steward had it come again, and not the queue.
    pub(crate) comes_again: Option<bool>,
    pub(crate) status: Status,
    pub(crate) telling: Option<Telling>,
    /// The repositories of the request's name.
    pub(crate) repositories: usize,
    /// The calls of the invocation that got to the end.
    pub(crate) calls: usize,
    /// What became of it when an administrator retried it.
    pub(crate) retried: Option<Status>,
}

/// A cell of a table.
pub(crate) struct Cell {
    pub(crate) row: &'static str,
    pub(crate) column: usize,
    pub(crate) ending: Ending,
}

/// All that is tabled.
pub(crate) struct Tables {
    /// The rows, in order; a table has those for which it has cells.
    pub(crate) rows: Vec<&'static str>,
    pub(crate) cells: BTreeMap<&'static str, Vec<Cell>>,
    /// What else is told than in the cells.
    pub(crate) others: Vec<Telling>,
}

/// Compares the document with what it should say; `UPDATE_EXPECT=1` makes it say so.
pub(crate) fn check(tables: &Tables) {
    let mut told: Vec<Telling> =
        tables.cells.values().flatten().filter_map(|cell| cell.ending.telling.clone()).collect();
    told.extend(tables.others.iter().cloned());
    told.sort();
    told.dedup();
    let mut blocks: BTreeMap<&str, String> =
        tables.cells.iter().map(|(name, cells)| (*name, table(name, cells, tables, &told))).collect();
    blocks.insert("told", told_table(&told));
    let document = Path::new(DOCUMENT);
    let text = fs::read_to_string(document).unwrap();
    // The folder of the expectation is that of the package, as it is the test's.
    expect_file![std::path::absolute(document).unwrap()].assert_eq(&with_blocks(&text, &blocks));
}

/// The document has a section about the kind.
pub(crate) fn explains(kind: FailureKind) {
    let text = fs::read_to_string(DOCUMENT).unwrap();
    let heading = format!("\n### `{}`\n", kind.as_str());
    assert!(text.contains(&heading), "{DOCUMENT} has no section about {}", kind.as_str());
}

/// The text with what is between the marks of each block replaced.
fn with_blocks(text: &str, blocks: &BTreeMap<&str, String>) -> String {
    const END: &str = "<!-- end -->";
    let mut result = text.to_owned();
    for (name, block) in blocks {
        let begin = format!("<!-- generated: {name} -->\n");
        let Some((before, rest)) = result.split_once(&begin) else { panic!("{DOCUMENT} has no place for {name}") };
        let Some((_, after)) = rest.split_once(END) else { panic!("{DOCUMENT}: the place for {name} does not end") };
        result = format!("{before}{begin}\n{block}\n{END}{after}");
    }
    assert_eq!(
        result.matches("<!-- generated: ").count(),
        blocks.len(),
        "{DOCUMENT} has a place for what there is not"
    );
    result
}

fn told_table(told: &[Telling]) -> String {
    let mut text = "| | kind | message | remedy |\n|---|---|---|---|\n".to_owned();
    for (index, Telling { kind, message, remedy }) in told.iter().enumerate() {
        writeln!(text, "| {} | `{}` | {} | {} |", index + 1, kind.as_str(), escaped(message), escaped(remedy)).unwrap();
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn table(name: &str, cells: &[Cell], tables: &Tables, told: &[Telling]) -> String {
    let (header, columns) = if name == COMMITS {
        ("| the process dies when | |\n|---|---|\n", 1)
    } else {
        ("| answer | once | every time | once, and the process dies |\n|---|---|---|---|\n", 3)
    };
    let mut text = header.to_owned();
    for row in &tables.rows {
        let of_row: Vec<&Cell> = cells.iter().filter(|cell| cell.row == *row).collect();
        if of_row.is_empty() {
            continue;
        }
        write!(text, "| {row} |").unwrap();
        for column in 0..columns {
            let cell = of_row.iter().find(|cell| cell.column == column);
            write!(text, " {} |", cell.map_or_else(|| "–".to_owned(), |cell| ending(&cell.ending, told))).unwrap();
        }
        text.push('\n');
    }
    text
}

fn ending(ending: &Ending, told: &[Telling]) -> String {
    let mut text = String::new();
    if let (Some((status, calls)), Some(by_steward)) = (ending.interrupted, ending.comes_again) {
        let by = if by_steward { "steward" } else { "queue" };
        write!(text, "{}, {}; {by}: ", status.as_str(), counted(calls, "call")).unwrap();
    }
    match &ending.telling {
        None => write!(text, "**{}**", ending.status.as_str()).unwrap(),
        Some(telling) => {
            let number = told.iter().position(|other| other == telling).unwrap() + 1;
            write!(text, "**{}** ({number})", telling.kind.as_str()).unwrap();
        }
    }
    write!(text, ", {}, {}", counted(ending.repositories, "repository"), counted(ending.calls, "call")).unwrap();
    if let Some(status) = ending.retried {
        write!(text, "; retried: {}", status.as_str()).unwrap();
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {what}s"),
    }
}

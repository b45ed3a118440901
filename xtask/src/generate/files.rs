//! Generated files, and how far what is checked in has drifted from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Map, Value};

/// The folder whose JSON files are all generated. What is not JSON is left alone.
const GENERATED_FOLDER: &str = "events";

/// A file that is made from the code.
#[derive(Debug)]
pub(super) struct GeneratedFile {
    /// From the repository's top level, with `/` on every system.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
}

impl GeneratedFile {
    /// JSON with members in the order in which the type declares them.
    pub(super) fn in_declared_order(path: impl Into<String>, content: &impl Serialize) -> anyhow::Result<Self> {
        let text = serde_json::to_string_pretty(content).context("failed to write JSON")?;
        Ok(Self { path: path.into(), text: text + "\n" })
    }

    /// JSON with members in the order of their names.
    pub(super) fn sorted(path: impl Into<String>, content: Value) -> anyhow::Result<Self> {
        Self::in_declared_order(path, &sorted(content))
    }
}

/// The same value with sorted members, whatever map `serde_json` was compiled with: which one that is depends on all
/// that is built together.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let by_name: BTreeMap<String, Value> = members.into_iter().collect();
            Value::Object(by_name.into_iter().map(|(name, value)| (name, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

/// A path at which something else is checked in than is generated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Drift {
    pub(super) path: String,
    pub(super) kind: DriftKind,
}

/// What is wrong with what is checked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DriftKind {
    /// It is not there.
    Missing,
    /// It is something else.
    Different {
        /// The first line that differs, from 1.
        line: usize,
    },
    /// Nothing generates it.
    Superfluous,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.kind {
            DriftKind::Missing => write!(f, "missing      {path}"),
            DriftKind::Different { line } => write!(f, "different    {path}:{line}"),
            DriftKind::Superfluous => write!(f, "superfluous  {path}"),
        }
    }
}

impl Drift {
    /// What was done about it.
    pub(super) fn mended(&self) -> String {
        let done = match self.kind {
            DriftKind::Missing | DriftKind::Different { .. } => "wrote",
            DriftKind::Superfluous => "removed",
        };
        format!("{done} {}", self.path)
    }
}

/// Compares what is checked in under `root` with what is generated; sorted by path.
pub(super) fn drifts(root: &Path, files: &[GeneratedFile]) -> anyhow::Result<Vec<Drift>> {
    let mut drifts = Vec::new();
    for file in files {
        let kind = match fs::read_to_string(root.join(&file.path)) {
            Ok(found) if found == file.text => continue,
            Ok(found) => DriftKind::Different { line: first_difference(&found, &file.text) },
            Err(error) if error.kind() == io::ErrorKind::NotFound => DriftKind::Missing,
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", file.path)),
        };
        drifts.push(Drift { path: file.path.clone(), kind });
    }
    let generated: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut found = Vec::new();
    find_json(root, GENERATED_FOLDER, &mut found)?;
    let superfluous = found.into_iter().filter(|path| !generated.contains(path.as_str()));
    drifts.extend(superfluous.map(|path| Drift { path, kind: DriftKind::Superfluous }));
    drifts.sort();
    Ok(drifts)
}

/// Writes what is missing or different, removes what is superfluous.
pub(super) fn mend(root: &Path, files: &[GeneratedFile], drifts: &[Drift]) -> anyhow::Result<()> {
    for drift in drifts {
        let path = root.join(&drift.path);
        match drift.kind {
            DriftKind::Missing | DriftKind::Different { .. } => {
                let Some(file) = files.iter().find(|file| file.path == drift.path) else { continue };
                let folder = path.parent().unwrap_or(root);
                fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
                fs::write(&path, &file.text).with_context(|| format!("failed to write {}", drift.path))?;
            }
            DriftKind::Superfluous => {
                fs::remove_file(&path).with_context(|| format!("failed to remove {}", drift.path))?;
            }
        }
    }
    Ok(())
}

fn first_difference(found: &str, wanted: &str) -> usize {
    // `lines` would miss that the last one does not end.
    let lines = found.split_inclusive('\n').zip(wanted.split_inclusive('\n'));
    lines.take_while(|(found, wanted)| found == wanted).count() + 1
}

/// Paths of the JSON files in `folder` and below, from `root`.
fn find_json(root: &Path, folder: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("failed to list {folder}")),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to list {folder}"))?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().with_context(|| format!("failed to look at {path}"))?;
        if kind.is_dir() {
            find_json(root, &path, found)?;
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn files() -> Vec<GeneratedFile> {
        let file = |path: &str, content| GeneratedFile::sorted(path, content).unwrap();
        vec![file("docs/a.json", json!({"b": 1, "a": [{"d": 2, "c": 3}]})), file("events/deep/b.json", json!({}))]
    }

    fn found(root: &Path) -> Vec<String> {
        drifts(root, &files()).unwrap().iter().map(Drift::to_string).collect()
    }

    #[test]
    fn every_kind_of_drift_is_listed_and_mended() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(found(root), ["missing      docs/a.json", "missing      events/deep/b.json"]);

        mend(root, &files(), &drifts(root, &files()).unwrap()).unwrap();
        assert_eq!(found(root), [""; 0]);

        let text = fs::read_to_string(root.join("docs/a.json")).unwrap();
        fs::write(root.join("docs/a.json"), text.trim_end()).unwrap();
        fs::write(root.join("events/deep/old.json"), "{}").unwrap();
        fs::write(root.join("events/README.md"), "by hand").unwrap();
        assert_eq!(found(root), ["different    docs/a.json:9", "superfluous  events/deep/old.json"]);

        mend(root, &files(), &drifts(root, &files()).unwrap()).unwrap();
        assert_eq!(found(root), [""; 0]);
        assert!(root.join("events/README.md").exists());
    }

    #[test]
    fn members_are_sorted_and_the_last_line_ends() {
        let [first, _] = &files()[..] else { panic!("two files") };
        assert_eq!(first.text, "{\n  \"a\": [\n    {\n      \"c\": 3,\n      \"d\": 2\n    }\n  ],\n  \"b\": 1\n}\n");
    }
}

//! `cargo xtask generate`: contracts and samples that are made from the code and checked in.
//!
//! Nothing here knows a fact of its own that the code knows too: descriptions and schemas come from the functions'
//! and the domain's annotations, examples from really running the life cycle.

mod asyncapi;
mod contracts;
mod files;
mod openapi;
mod payloads;
mod samples;
mod schemas;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use self::files::GeneratedFile;
use self::samples::Samples;

/// What mends every drift.
const COMMAND: &str = "cargo xtask generate";

/// Writes what has drifted, and removes what is superfluous.
pub(crate) fn write() -> anyhow::Result<ExitCode> {
    let root = root()?;
    let files = all()?;
    let drifts = files::drifts(root, &files)?;
    files::mend(root, &files, &drifts)?;
    for drift in &drifts {
        println!("{}", drift.mended());
    }
    println!("{} generated files, {} changes", files.len(), drifts.len());
    Ok(ExitCode::SUCCESS)
}

/// Fails if what is checked in is not what [`write()`] would leave behind.
pub(crate) fn check() -> anyhow::Result<ExitCode> {
    let files = all()?;
    let drifts = files::drifts(root()?, &files)?;
    if drifts.is_empty() {
        println!("{} generated files, all up to date", files.len());
        return Ok(ExitCode::SUCCESS);
    }
    for drift in &drifts {
        eprintln!("{drift}");
    }
    eprintln!("generated files are not what the code says; run `{COMMAND}`");
    Ok(ExitCode::FAILURE)
}

/// Everything that is generated.
fn all() -> anyhow::Result<Vec<GeneratedFile>> {
    let samples = Samples::tell().context("failed to tell the sample requests")?;
    let mut files = vec![openapi::file()?, asyncapi::file(&samples)?];
    files.extend(schemas::files(&samples)?);
    files.extend(payloads::files(&samples)?);
    Ok(files)
}

/// The repository's top level.
fn root() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no folder above it")
}

#[cfg(test)]
mod tests;

//! The file that lets repositories survive the process: one JSON line per change, appended and never rewritten.
//!
//! A change is written before its request is answered, in one `write_all`. There is no fsync: the page cache outlives a
//! `kill -9` of the process, which is what the fake has to survive; it need not survive the machine. A line that has no
//! newline was cut off while it was written, so nobody was told of it, and it is dropped when the file is opened.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    repository::{Reads, Repository},
    state::StateError,
    subscriptions::Subscription,
};

/// Raised when a line's meaning changes. A file of another version is refused, not guessed at.
const SCHEMA_VERSION: u32 = 1;

/// A line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Change {
    /// The first line.
    Opened { schema_version: u32 },
    /// A repository that was not there before.
    Created { repository: Repository },
    /// All of a repository after a change.
    Updated { repository: Repository },
    /// A read that brought a repository's images nearer.
    Polled { id: String, reads: Reads },
    /// A repository is gone.
    Deleted { id: String },
    /// Somebody wants events.
    Subscribed { subscription: Subscription },
    /// Somebody wants no events any more.
    Unsubscribed { id: String },
}

/// A state file that cannot be used. Nothing of it is changed; remove it to start afresh.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened, read or cut.
    #[error("failed to open the fake Chainguard's state {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line that was written whole is not a change.
    #[error("failed to read the fake Chainguard's state {}: line {line} is corrupt", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file does not begin as a state file does, or another version of the fake wrote it.
    #[error("failed to read the fake Chainguard's state {}: it is not of version {SCHEMA_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
    },
}

/// An open state file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the file, or starts one, and returns the changes in it.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, Vec<Change>), OpenError> {
        let failed = |source| OpenError::File { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let (changes, whole) = parse(&path, &text)?;
        // The torn line goes, so that the next one does not continue it.
        file.set_len(whole).map_err(failed)?;
        file.seek(SeekFrom::Start(whole)).map_err(failed)?;
        if changes.is_empty() {
            append(&mut file, &Change::Opened { schema_version: SCHEMA_VERSION }).map_err(failed)?;
        }
        Ok((Self { path, file }, changes))
    }

    /// Writes a change. Once this returns, the change survives the process.
    pub(crate) fn append(&mut self, change: &Change) -> Result<(), StateError> {
        append(&mut self.file, change).map_err(|source| StateError::Journal { path: self.path.clone(), source })
    }
}

fn append(file: &mut File, change: &Change) -> io::Result<()> {
    let mut line = serde_json::to_vec(change)?;
    line.push(b'\n');
    let start = file.stream_position()?;
    let written = file.write_all(&line);
    if written.is_err() {
        // A disk that is full can leave half a line, and the next line would be joined to it.
        file.set_len(start)?;
        file.seek(SeekFrom::Start(start))?;
    }
    written
}

/// The changes of a file, and how many of its bytes are whole lines.
fn parse(path: &Path, text: &[u8]) -> Result<(Vec<Change>, u64), OpenError> {
    let mut changes = Vec::new();
    let mut whole = 0_u64;
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(json) = line.strip_suffix(b"\n") else { break };
        let change = serde_json::from_slice(json).map_err(|source| OpenError::Corrupt {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?;
        let opening = matches!(change, Change::Opened { schema_version: SCHEMA_VERSION });
        if (index == 0) != opening {
            return Err(OpenError::Version { path: path.to_owned() });
        }
        changes.push(change);
        whole += line.len() as u64;
    }
    Ok((changes, whole))
}

//! The folder in which everything is kept: nobody else's, one process's at a time, one Chainguard's for good.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::files;

/// What says which Chainguard the folder belongs to.
const WHICH_CHAINGUARD: &str = "which-chainguard";

/// Where the stand-in for Chainguard keeps what it has.
pub(crate) const STAND_IN_STATE: &str = "chainguard.jsonl";

/// How the stand-in is written in [`WHICH_CHAINGUARD`]; every other Chainguard is written as its address.
const STAND_IN: &str = "stand-in";

/// A data folder in use.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Two processes on one folder would deliver everything twice.
    _lock: File,
}

/// The data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataFolderError {
    /// The folder, or a file in it, cannot be made, read or closed to others.
    #[error("failed to keep data in {}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others get into it, and it holds what is not the program's, so it is not the program's to close.
    #[error(
        "{} can be read by other users and holds other things; choose a folder of its own with --data-dir, or close it with chmod 700",
        path.display()
    )]
    OpenToOthers {
        /// Which.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("{} is in use by another process; end that one, or choose another folder with --data-dir", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// What is in it comes from another Chainguard.
    #[error(
        "the requests, the catalog and the credential in {} belong to {has}, not to {asked}; choose another folder with --data-dir, or remove this one to start afresh",
        path.display()
    )]
    OtherChainguard {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        has: String,
        /// Whose it should be.
        asked: String,
    },
}

impl DataFolder {
    /// Opens the folder, or makes it, closes it to other users, and keeps other processes out.
    pub(crate) fn open(path: &Path) -> Result<Self, DataFolderError> {
        let unusable = |source| DataFolderError::Unusable { path: path.to_owned(), source };
        files::make_folder(path).map_err(unusable)?;
        let lock = path.join("lock");
        if files::is_open_to_others(path).map_err(unusable)? {
            let is_empty = path.read_dir().map_err(unusable)?.next().is_none();
            // Secrets may have been put there before the first start. Whatever else is in a folder that no process has
            // locked yet belongs to somebody: `--data-dir /tmp` must not close it to them.
            if !is_empty && !lock.exists() && !path.join("secrets").exists() {
                return Err(DataFolderError::OpenToOthers { path: path.to_owned() });
            }
            files::close_folder(path).map_err(unusable)?;
        }
        let lock = files::open_private(&lock).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(_) => Err(DataFolderError::InUse { path: path.to_owned() }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it that only its owner may read, made empty if it is not there.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, DataFolderError> {
        let path = self.path.join(name);
        match files::open_private(&path) {
            Ok(_) => Ok(path),
            Err(source) => Err(DataFolderError::Unusable { path, source }),
        }
    }

    /// Holds the folder to one Chainguard: the one at `address`, or the stand-in, wherever that listens.
    ///
    /// With another one, requests would wait for repositories that were made elsewhere, and the credential of one would
    /// be sent to the other.
    pub(crate) fn belong_to(&self, address: Option<&str>) -> Result<(), DataFolderError> {
        let path = self.path.join(WHICH_CHAINGUARD);
        let unusable = |source| DataFolderError::Unusable { path: path.clone(), source };
        let asked = address.unwrap_or(STAND_IN);
        let has = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.path.join(STAND_IN_STATE).exists().then(|| STAND_IN.to_owned())
            }
            Err(error) => return Err(unusable(error)),
        };
        match has {
            Some(has) if has != asked => Err(DataFolderError::OtherChainguard {
                path: self.path.clone(),
                has: described(&has),
                asked: described(asked),
            }),
            Some(_) | None => files::write_private(&path, format!("{asked}\n").as_bytes()).map_err(unusable),
        }
    }
}

fn described(chainguard: &str) -> String {
    if chainguard == STAND_IN { "the stand-in for Chainguard".to_owned() } else { chainguard.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const REAL: &str = "https://console-api.enforce.dev";

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn folder_with_mode(path: &Path, mode: u32) {
        std::fs::create_dir_all(path).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_folder_and_its_files_are_nobody_elses() {
        let temporary = tempfile::tempdir().unwrap();
        for (name, entry) in [("not-there", None), ("empty", None), ("used", Some("lock")), ("filled", Some("secrets"))]
        {
            let path = temporary.path().join(name);
            if name != "not-there" {
                folder_with_mode(&path, 0o755);
            }
            if let Some(entry) = entry {
                std::fs::write(path.join(entry), "").unwrap();
            }
            let folder = DataFolder::open(&path).unwrap();
            let file = folder.file("data.sqlite").unwrap();
            assert_eq!((mode(&path), mode(&path.join("lock")), mode(&file)), (0o700, 0o600, 0o600), "{name}");
        }
    }

    #[test]
    fn a_file_that_others_could_read_is_closed_and_keeps_its_content() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        let path = temporary.path().join("runtime.sqlite");
        std::fs::write(&path, "data").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(folder.file("runtime.sqlite").unwrap(), path);
        assert_eq!((mode(&path), std::fs::read_to_string(&path).unwrap().as_str()), (0o600, "data"));
    }

    #[test]
    fn a_folder_of_others_is_not_closed_to_them() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("shared");
        folder_with_mode(&path, 0o755);
        std::fs::write(path.join("letter.txt"), "").unwrap();
        let error = DataFolder::open(&path).unwrap_err();
        assert!(matches!(error, DataFolderError::OpenToOthers { .. }), "{error}");
        assert_eq!(mode(&path), 0o755);
        assert!(!path.join("lock").exists(), "nothing was put there");
    }

    #[test]
    fn a_folder_has_one_process_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let first = DataFolder::open(temporary.path()).unwrap();
        let error = DataFolder::open(temporary.path()).unwrap_err();
        assert!(matches!(error, DataFolderError::InUse { .. }), "{error}");
        drop(first);
        DataFolder::open(temporary.path()).unwrap();
    }

    #[test]
    fn a_folder_belongs_to_one_chainguard_for_good() {
        for (first, other) in [(None, Some(REAL)), (Some(REAL), None), (Some(REAL), Some("https://elsewhere.example"))]
        {
            let temporary = tempfile::tempdir().unwrap();
            let folder = DataFolder::open(temporary.path()).unwrap();
            folder.belong_to(first).unwrap();
            let error = folder.belong_to(other).unwrap_err();
            assert!(matches!(error, DataFolderError::OtherChainguard { .. }), "{first:?} {other:?}: {error}");
            for part in [first, other] {
                assert!(error.to_string().contains(&described(part.unwrap_or(STAND_IN))), "{error}");
            }
            folder.belong_to(first).unwrap();
        }
    }

    #[test]
    fn a_folder_with_what_the_stand_in_has_is_the_stand_ins() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        folder.file(STAND_IN_STATE).unwrap();
        let error = folder.belong_to(Some(REAL)).unwrap_err();
        assert!(matches!(error, DataFolderError::OtherChainguard { .. }), "{error}");
        folder.belong_to(None).unwrap();
    }
}

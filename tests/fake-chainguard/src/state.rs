//! The repositories and subscriptions, and the one way in which they change.

use std::{collections::BTreeMap, io, path::PathBuf};

use crate::{
    journal::{Change, Journal, OpenError},
    options::Entitlement,
    repository::{Reads, Repository},
    status::Status,
    subscriptions::Subscription,
};

/// A change that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The state file took no more.
    #[error("failed to write the fake Chainguard's state {}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gave no random bytes for an id.
    #[error("failed to make an id")]
    Randomness(#[from] getrandom::Error),
    /// There is one of this name already.
    #[error("failed to seed the repository {0:?}: there is one of that name")]
    Exists(String),
}

impl From<StateError> for Status {
    fn from(error: StateError) -> Self {
        Self::internal(error.to_string())
    }
}

/// Everything that lives behind the fake's lock.
#[derive(Debug)]
pub(crate) struct State {
    /// By id, which is the order of a list that asks for none.
    repositories: BTreeMap<String, Repository>,
    /// By id.
    subscriptions: BTreeMap<String, Subscription>,
    journal: Option<Journal>,
    pub(crate) entitlement: Entitlement,
}

impl State {
    /// Empty, and gone with the process.
    pub(crate) fn volatile(entitlement: Entitlement) -> Self {
        Self { repositories: BTreeMap::new(), subscriptions: BTreeMap::new(), journal: None, entitlement }
    }

    /// As the file left it.
    pub(crate) fn open(entitlement: Entitlement, path: PathBuf) -> Result<Self, OpenError> {
        let (journal, changes) = Journal::open(path)?;
        let mut state = Self { journal: Some(journal), ..Self::volatile(entitlement) };
        for change in changes {
            state.apply(change);
        }
        Ok(state)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Repository> {
        self.repositories.values()
    }

    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Repository> {
        self.repositories.get(id)
    }

    /// The repository of this name in a group; names are unique there.
    pub(crate) fn by_name(&self, parent: &str, name: &str) -> Option<&Repository> {
        self.all().find(|repository| repository.name == name && repository.parent() == parent)
    }

    /// How many repositories a group has.
    pub(crate) fn count(&self, parent: &str) -> u64 {
        self.all().filter(|repository| repository.parent() == parent).count() as u64
    }

    /// Writes a change and then makes it, so that what was answered is never lost.
    pub(crate) fn commit(&mut self, change: Change) -> Result<(), StateError> {
        if let Some(journal) = &mut self.journal {
            journal.append(&change)?;
        }
        self.apply(change);
        Ok(())
    }

    /// Counts a read of a repository's images, unless it changes nothing any more.
    pub(crate) fn polled(&mut self, id: &str, next: impl FnOnce(Reads) -> Reads) -> Result<(), StateError> {
        let Some(repository) = self.by_id(id) else { return Ok(()) };
        let reads = next(repository.reads);
        if reads == repository.reads {
            return Ok(());
        }
        self.commit(Change::Polled { id: id.to_owned(), reads })
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Opened { .. } => {}
            Change::Created { repository } | Change::Updated { repository } => {
                self.repositories.insert(repository.id.clone(), repository);
            }
            Change::Polled { id, reads } => {
                if let Some(repository) = self.repositories.get_mut(&id) {
                    repository.reads = reads;
                }
            }
            Change::Deleted { id } => {
                self.repositories.remove(&id);
            }
            Change::Subscribed { subscription } => {
                self.subscriptions.insert(subscription.id.clone(), subscription);
            }
            Change::Unsubscribed { id } => {
                self.subscriptions.remove(&id);
            }
        }
    }
}

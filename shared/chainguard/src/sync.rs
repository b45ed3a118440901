//! How the mirroring of a repository stands.

use domain::ports::{ChainguardError, ReadSecret};
use jiff::Timestamp;
use serde::Deserialize;

use crate::Chainguard;
use crate::call::Call;
use crate::tags::repository;
use crate::wire::{EnumName, instant, nullable};

/// How the last mirroring of a repository stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStatus {
    /// Where it is.
    pub state: SyncState,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
}

/// Where a mirroring is (FACTS §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// Nothing is known of one. The platform has no value for "done", so this is also what follows success: whether
    /// there is something to pull, the tags tell.
    Unknown,
    /// It waits.
    Queued,
    /// It is under way.
    InProgress,
    /// It went wrong.
    Failed,
    /// A value that this version does not know, as Chainguard writes it.
    Other(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStatus {
    #[serde(default, deserialize_with = "nullable")]
    status: EnumName,
    #[serde(default, deserialize_with = "instant")]
    create_time: Option<Timestamp>,
}

impl From<WireStatus> for SyncStatus {
    fn from(status: WireStatus) -> Self {
        let state = match status.status.0.as_str() {
            "" | "UNKNOWN" => SyncState::Unknown,
            "QUEUED" => SyncState::Queued,
            "IN_PROGRESS" => SyncState::InProgress,
            "FAILED" => SyncState::Failed,
            other => SyncState::Other(other.to_owned()),
        };
        Self { state, created_at: status.create_time }
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// How the mirroring of a repository stands.
    ///
    /// Needs [`Capability::RepoList`](crate::Capability::RepoList).
    pub async fn sync_status(&self, repository_id: &str) -> Result<SyncStatus, ChainguardError> {
        let repository = repository(repository_id)?;
        let url = self.api(&format!("/registry/v1/repos/{repository}:syncstatus"), &[]);
        let status: WireStatus = self.call(&Call::get("read the sync status", url)).await?;
        Ok(status.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_read_and_one_of_tomorrow_is_kept() {
        for (json, expected) in [
            (r#""UNKNOWN""#, SyncState::Unknown),
            (r#""""#, SyncState::Unknown),
            ("null", SyncState::Unknown),
            (r#""QUEUED""#, SyncState::Queued),
            (r#""IN_PROGRESS""#, SyncState::InProgress),
            (r#""FAILED""#, SyncState::Failed),
            (r#""PAUSED""#, SyncState::Other("PAUSED".to_owned())),
            ("9", SyncState::Other("9".to_owned())),
        ] {
            let status: WireStatus = serde_json::from_str(&format!(r#"{{"status": {json}}}"#)).unwrap();
            assert_eq!(SyncStatus::from(status), SyncStatus { state: expected, created_at: None }, "{json}");
        }
    }
}

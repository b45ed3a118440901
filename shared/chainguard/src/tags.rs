//! Whether a repository can be pulled from.

use domain::ports::{ChainguardError, FindTag, ReadSecret};
use serde::Deserialize;

use crate::Chainguard;
use crate::call::Call;
use crate::uidp::Uidp;
use crate::wire::nullable;

#[derive(Deserialize)]
struct Tags {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
}

impl<S: ReadSecret + Send + Sync> FindTag for Chainguard<S> {
    async fn has_tag(&self, repository_id: &str, tag: &str) -> Result<bool, ChainguardError> {
        let repository: Uidp = repository_id
            .parse()
            .map_err(|error| ChainguardError::Refused(format!("the repository's id is {error}")))?;
        let query = [("uidp.childrenOf", repository.as_str()), ("name", tag), ("excludeReferrers", "true")];
        let tags: Tags = self.call(&Call::get("find the tag", self.api("/registry/v1/tags", &query))).await?;
        Ok(tags.items.iter().any(|found| found.name == tag && repository.is_parent_of(&found.id)))
    }
}

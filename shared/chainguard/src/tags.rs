//! What can be pulled from a repository.

use domain::ports::{ChainguardError, FindTag, ReadSecret};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::Chainguard;
use crate::call::Call;
use crate::uidp::Uidp;
use crate::wire::{count, instant, nullable};

/// A tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its UIDP.
    pub id: String,
    /// Its name: `latest`.
    pub name: String,
    /// What it points at: `sha256:…`.
    pub digest: String,
    /// When it was moved last.
    pub updated_at: Option<Timestamp>,
    /// Whether Chainguard no longer keeps it up to date.
    pub is_deprecated: bool,
}

/// A repository's tags in short: the cheap way to see whether it can be pulled from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSummary {
    /// How many there are. None: nothing has been mirrored yet.
    pub tag_count: u64,
    /// When any of them was moved last.
    pub updated_at: Option<Timestamp>,
    /// Name of the latest one; empty if there is none.
    pub latest_tag: String,
    /// Version of what it points at; empty if that is not known.
    pub latest_version: String,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<WireTag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTag {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    digest: String,
    #[serde(default, deserialize_with = "instant")]
    last_updated: Option<Timestamp>,
    #[serde(default, deserialize_with = "nullable")]
    deprecated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSummary {
    #[serde(default, deserialize_with = "count")]
    tag_count: Option<u64>,
    #[serde(default, deserialize_with = "instant")]
    last_updated: Option<Timestamp>,
    /// `null` without tags. What it is with tags is not documented: a tag, or the name of one.
    #[serde(default)]
    latest_tag: Value,
    #[serde(default, deserialize_with = "nullable")]
    latest_version: String,
}

impl From<WireTag> for Tag {
    fn from(tag: WireTag) -> Self {
        let WireTag { id, name, digest, last_updated, deprecated } = tag;
        Self { id, name, digest, updated_at: last_updated, is_deprecated: deprecated }
    }
}

impl From<WireSummary> for TagSummary {
    fn from(summary: WireSummary) -> Self {
        let latest = summary.latest_tag.get("name").unwrap_or(&summary.latest_tag);
        Self {
            tag_count: summary.tag_count.unwrap_or(0),
            updated_at: summary.last_updated,
            latest_tag: latest.as_str().unwrap_or_default().to_owned(),
            latest_version: summary.latest_version,
        }
    }
}

impl<S: ReadSecret + Send + Sync> FindTag for Chainguard<S> {
    async fn has_tag(&self, repository_id: &str, tag: &str) -> Result<bool, ChainguardError> {
        let tags = self.tags_named(&repository(repository_id)?, Some(tag)).await?;
        Ok(tags.iter().any(|found| found.name == tag))
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// The repository's tags, without those that are signatures and attestations.
    ///
    /// Needs [`Capability::TagList`](crate::Capability::TagList).
    pub async fn list_tags(&self, repository_id: &str) -> Result<Vec<Tag>, ChainguardError> {
        let tags = self.tags_named(&repository(repository_id)?, None).await?;
        Ok(tags.into_iter().map(Tag::from).collect())
    }

    /// The repository's tags in short.
    ///
    /// Needs [`Capability::TagList`](crate::Capability::TagList).
    pub async fn tag_summary(&self, repository_id: &str) -> Result<TagSummary, ChainguardError> {
        let repository = repository(repository_id)?;
        let url = self.api(&format!("/registry/v1/repotagssummary/{repository}"), &[]);
        let summary: WireSummary = self.call(&Call::get("read the summary of the tags", url)).await?;
        Ok(summary.into())
    }

    async fn tags_named(&self, repository: &Uidp, name: Option<&str>) -> Result<Vec<WireTag>, ChainguardError> {
        let mut query = vec![("uidp.childrenOf", repository.as_str())];
        query.extend(name.map(|name| ("name", name)));
        query.push(("excludeReferrers", "true"));
        let operation = if name.is_some() { "find the tag" } else { "list the tags" };
        let tags: Tags = self.call(&Call::get(operation, self.api("/registry/v1/tags", &query))).await?;
        Ok(tags.items.into_iter().filter(|tag| repository.is_parent_of(&tag.id)).collect())
    }
}

/// The id of a repository, which goes into a path.
pub(crate) fn repository(id: &str) -> Result<Uidp, ChainguardError> {
    id.parse().map_err(|error| ChainguardError::Refused(format!("the repository's id is {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> TagSummary {
        serde_json::from_str::<WireSummary>(json).unwrap().into()
    }

    #[test]
    fn the_latest_tag_is_read_as_a_tag_and_as_a_name() {
        for latest in [r#""latest""#, r#"{"name": "latest", "digest": "sha256:x"}"#] {
            let summary = read(&format!(r#"{{"tagCount": "2", "latestTag": {latest}, "latestVersion": "1.2"}}"#));
            assert_eq!((summary.tag_count, summary.latest_tag.as_str()), (2, "latest"));
            assert_eq!(summary.latest_version, "1.2");
        }
    }

    #[test]
    fn empty_null_and_missing_are_no_tags() {
        let nothing =
            TagSummary { tag_count: 0, updated_at: None, latest_tag: String::new(), latest_version: String::new() };
        for json in [
            "{}",
            r#"{"tagCount": "0", "lastUpdated": null, "latestTag": null, "latestVersion": ""}"#,
            r#"{"tagCount": null, "latestTag": {}, "latestVersion": null, "ofTomorrow": [1]}"#,
        ] {
            assert_eq!(read(json), nothing, "{json}");
        }
    }
}

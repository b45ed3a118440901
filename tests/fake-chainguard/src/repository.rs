//! A repository as the fake keeps it, in memory and in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalog::{Image, Tier},
    uidp,
};

/// A repository, of the organization or of another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// Its UIDP.
    pub id: String,
    /// Its name, the last part of the pull line.
    pub name: String,
    /// Free text of 512 characters at most.
    pub description: String,
    /// Where its images come from; `None` for a repository that syncs nothing and so never has a tag.
    pub source: Option<Source>,
    /// Tier, given or inherited from the source.
    pub tier: Option<Tier>,
    /// Markdown.
    pub readme: String,
    /// Sales labels, given or inherited.
    pub bundles: Vec<String>,
    /// The images of others that it replaces, given or inherited.
    pub aliases: Vec<String>,
    /// The tags that are kept up to date, given or inherited.
    pub active_tags: Vec<String>,
    /// Custom Assembly, as it was sent.
    pub custom_overlay: Option<Value>,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was changed last.
    pub update_time: Timestamp,
    /// What has been asked about its images so far, which is what makes them appear.
    pub reads: Reads,
}

impl Repository {
    /// The group that it lies in.
    #[must_use]
    pub fn parent(&self) -> &str {
        uidp::parent(&self.id).unwrap_or_default()
    }

    /// The tags that can be pulled, given how many reads it takes until they are there.
    #[must_use]
    pub fn tags(&self, polls_until_tags: u32) -> &[String] {
        if self.source.is_some() && self.reads.tags >= polls_until_tags { &self.active_tags } else { &[] }
    }

    /// Takes over what a repository inherits from the image that it syncs from.
    pub(crate) fn inherit(&mut self, image: &Image) {
        self.tier = Some(image.tier);
        self.bundles = image.tier.bundles();
        self.aliases.clone_from(&image.aliases);
        self.active_tags.clone_from(&image.active_tags);
    }
}

/// What a repository syncs from, and to where else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Name of the catalog image.
    pub image: String,
    /// UIDP of the catalog image; this is what the API answers, whatever the request said (FACTS §2.6).
    pub uidp: String,
    /// Artifact Registry repository to sync to as well, or empty.
    pub google: String,
    /// ECR repository to sync to as well, or empty.
    pub amazon: String,
    /// ACR repository to sync to as well, or empty.
    pub azure: String,
}

impl Source {
    /// The image, and no further registry.
    pub(crate) fn of(image: &Image) -> Self {
        Self {
            image: image.name.clone(),
            uidp: image.uidp(),
            google: String::new(),
            amazon: String::new(),
            azure: String::new(),
        }
    }
}

/// How often a repository's images have been asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reads {
    /// Reads of tags (list and summary) that answered nothing.
    pub tags: u32,
    /// Reads of the sync status, counted up to where it no longer changes.
    pub status: u32,
}

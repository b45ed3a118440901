//! What Chainguard offers: the images of the private catalog.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::uidp;

/// The group that holds the private catalog (FACTS §1). A repository's `sync_config.source` lies in it.
pub(crate) const CATALOG_GROUP: &str = "ce2d1984a010471142503340d670612d63ffb9f6";

const SAMPLE: &str = include_str!("../catalog-sample.json");

/// A tier of the catalog, in the numbers and names of v1 (FACTS §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tier {
    /// Applications.
    Application,
    /// Base images.
    Base,
    /// FIPS builds.
    Fips,
    /// Machine learning.
    Ai,
    /// Developer tools.
    Devtools,
    /// Commercial software.
    Commercial,
}

impl Tier {
    const ALL: [Self; 6] = [Self::Application, Self::Base, Self::Fips, Self::Ai, Self::Devtools, Self::Commercial];

    /// `APPLICATION`.
    pub(crate) fn v1_name(self) -> &'static str {
        match self {
            Self::Application => "APPLICATION",
            Self::Base => "BASE",
            Self::Fips => "FIPS",
            Self::Ai => "AI",
            Self::Devtools => "DEVTOOLS",
            Self::Commercial => "COMMERCIAL",
        }
    }

    /// `CATALOG_TIER_APPLICATION`.
    pub(crate) fn v2_name(self) -> &'static str {
        match self {
            Self::Application => "CATALOG_TIER_APPLICATION",
            Self::Base => "CATALOG_TIER_BASE",
            Self::Fips => "CATALOG_TIER_FIPS",
            Self::Ai => "CATALOG_TIER_AI",
            Self::Devtools => "CATALOG_TIER_DEVTOOLS",
            Self::Commercial => "CATALOG_TIER_COMMERCIAL",
        }
    }

    /// The tier that v1 calls `name`; anything else is ignored by the API.
    pub(crate) fn from_v1_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.v1_name() == name)
    }

    /// The tier of this v1 enum number; 0 to 3 are `UNKNOWN` and retired ones.
    pub(crate) fn from_v1_number(number: i64) -> Option<Self> {
        let index = usize::try_from(number.checked_sub(4)?).ok()?;
        Self::ALL.get(index).copied()
    }

    /// 4 for applications; see [`Self::from_v1_number`].
    pub(crate) fn v1_number(self) -> i64 {
        match self {
            Self::Application => 4,
            Self::Base => 5,
            Self::Fips => 6,
            Self::Ai => 7,
            Self::Devtools => 8,
            Self::Commercial => 9,
        }
    }

    /// The label by which images of the tier are grouped; the allow-list of FACTS §3 has none for developer tools.
    pub(crate) fn bundles(self) -> Vec<String> {
        match self {
            Self::Application => vec!["application".to_owned()],
            Self::Base => vec!["base".to_owned()],
            Self::Fips => vec!["fips".to_owned()],
            Self::Ai => vec!["ai".to_owned()],
            Self::Devtools => Vec::new(),
            Self::Commercial => vec!["commercial".to_owned()],
        }
    }
}

/// An image of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The name to sync from; it carries no tag.
    pub name: String,
    /// The tier that an organization must be entitled to.
    pub tier: Tier,
    /// The images of others that it replaces, such as `docker.io/library/nginx:latest`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The tags that are kept up to date.
    #[serde(default = "default_active_tags")]
    pub active_tags: Vec<String>,
}

impl Image {
    /// The id of the image's repository in the catalog's group.
    #[must_use]
    pub fn uidp(&self) -> String {
        uidp::named_child(CATALOG_GROUP, &self.name)
    }
}

fn default_active_tags() -> Vec<String> {
    vec!["latest".to_owned(), "latest-dev".to_owned()]
}

/// The images that an organization can sync from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    by_name: BTreeMap<String, Image>,
    name_by_uidp: BTreeMap<String, String>,
}

/// The file's other members (`source` of the whole, `keywords` and `endOfLife` of an image) are for people.
#[derive(Deserialize)]
struct CatalogFile {
    images: Vec<Image>,
}

impl Catalog {
    /// Some fifty well-known images, enough to try things out.
    #[must_use]
    pub fn sample() -> Self {
        // A test holds that the checked-in file parses, so the empty catalog is never seen.
        serde_json::from_str::<CatalogFile>(SAMPLE)
            .ok()
            .and_then(|file| Self::from_images(file.images).ok())
            .unwrap_or_default()
    }

    /// Reads a catalog file: `{"source": …, "images": [{"name", "tier", "aliases"?, "activeTags"?}]}`.
    pub fn from_file(path: &Path) -> Result<Self, CatalogError> {
        let text = fs::read_to_string(path).map_err(|source| CatalogError::Read { path: path.to_owned(), source })?;
        let file: CatalogFile =
            serde_json::from_str(&text).map_err(|source| CatalogError::Parse { path: path.to_owned(), source })?;
        Self::from_images(file.images).map_err(|name| CatalogError::DuplicateName { path: path.to_owned(), name })
    }

    /// A catalog of these images; the error is a name that occurs twice.
    fn from_images(images: Vec<Image>) -> Result<Self, String> {
        let mut catalog = Self::default();
        for image in images {
            catalog.name_by_uidp.insert(image.uidp(), image.name.clone());
            if let Some(twice) = catalog.by_name.insert(image.name.clone(), image) {
                return Err(twice.name);
            }
        }
        Ok(catalog)
    }

    /// All images, by name.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.by_name.values()
    }

    /// The image of this name.
    #[must_use]
    pub fn image(&self, name: &str) -> Option<&Image> {
        self.by_name.get(name)
    }

    /// The image that a v1 `sync_config.source` means: a catalog name or a UIDP, and none of v2's further spellings
    /// (FACTS §2.6).
    pub(crate) fn resolve(&self, source: &str) -> Option<&Image> {
        self.image(source).or_else(|| self.image(self.name_by_uidp.get(source)?))
    }
}

/// A catalog file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file cannot be read.
    #[error("failed to read the catalog {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not a catalog.
    #[error("failed to parse the catalog {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why not.
        source: serde_json::Error,
    },
    /// Two images share a name.
    #[error("failed to use the catalog {}: the image {name:?} occurs twice", path.display())]
    DuplicateName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_parses_and_has_every_tier_that_the_default_plan_covers() {
        let file: CatalogFile = serde_json::from_str(SAMPLE).unwrap();
        assert_eq!(Catalog::from_images(file.images).unwrap(), Catalog::sample());
        for tier in [Tier::Application, Tier::Base, Tier::Fips, Tier::Ai, Tier::Devtools] {
            assert!(Catalog::sample().images().any(|image| image.tier == tier), "{tier:?}");
        }
    }

    #[test]
    fn every_alias_of_the_sample_carries_a_tag() {
        for image in Catalog::sample().images() {
            for alias in &image.aliases {
                assert!(crate::body::is_alias(alias), "{}: {alias}", image.name);
            }
        }
    }

    #[test]
    fn a_source_is_a_name_or_a_uidp_and_nothing_else() {
        let catalog = Catalog::sample();
        let nginx = catalog.image("nginx").unwrap();
        assert_eq!(catalog.resolve("nginx"), Some(nginx));
        assert_eq!(catalog.resolve(&nginx.uidp()), Some(nginx));
        for unknown in ["nginx:latest", "chainguard/nginx", "cgr.dev/chainguard/nginx", "NGINX", ""] {
            assert_eq!(catalog.resolve(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn tiers_have_the_numbers_of_v1() {
        assert_eq!(Tier::from_v1_number(4), Some(Tier::Application));
        assert_eq!(Tier::from_v1_number(9), Some(Tier::Commercial));
        assert!(Tier::ALL.into_iter().all(|tier| Tier::from_v1_number(tier.v1_number()) == Some(tier)));
        assert_eq!(Tier::from_v1_number(0), None);
        assert_eq!(Tier::from_v1_number(10), None);
        assert_eq!(Tier::from_v1_number(i64::MIN), None);
    }
}

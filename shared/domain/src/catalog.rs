//! What Chainguard offers and what the organisation has: a snapshot, searched in memory.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capacity::RepositoryLimit;
use crate::entitlement::{Coverage, Entitlement, KnownEntitlement};
use crate::image::RepositoryName;
use crate::registry::{Obstacle, Repositories};
use crate::time::Timestamp;

/// Similarity below which a name is not suggested (Jaro-Winkler, 0 to 1): `pyton` is near `python`, `foo` near nothing.
const SUGGESTION_THRESHOLD: f64 = 0.82;

/// Suggestions given with a miss, at most.
pub const MAX_SUGGESTIONS: usize = 5;

/// The tier in which the catalog lists an image. Names as in Chainguard's v1 API; what it adds later reads as `Unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CatalogTier {
    /// Applications.
    Application,
    /// Base images.
    Base,
    /// FIPS-validated variants.
    Fips,
    /// AI frameworks.
    Ai,
    /// Developer tools.
    Devtools,
    /// Commercial images.
    Commercial,
    /// Not said, or not known to this version.
    #[default]
    #[serde(other)]
    Unknown,
}

impl CatalogTier {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Application, Self::Base, Self::Fips, Self::Ai, Self::Devtools, Self::Commercial, Self::Unknown];

    /// As Chainguard's v1 API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Application => "APPLICATION",
            Self::Base => "BASE",
            Self::Fips => "FIPS",
            Self::Ai => "AI",
            Self::Devtools => "DEVTOOLS",
            Self::Commercial => "COMMERCIAL",
        }
    }
}

/// An image of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogImage {
    /// Its name: what is asked for.
    pub name: RepositoryName,
    /// Its tier.
    #[serde(default)]
    pub catalog_tier: CatalogTier,
    /// Names of the same thing elsewhere, with a tag: `docker.io/library/nginx:latest`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Tags that are kept up to date.
    #[serde(default)]
    pub active_tags: Vec<String>,
}

/// The last good look at Chainguard. Each part is as old as it says: one that cannot be fetched stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// When what is offered was fetched.
    pub fetched_at: Timestamp,
    /// What is offered, sorted by name.
    images: Vec<CatalogImage>,
    /// What the organisation has; `None` if that was never listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_has: Option<Repositories>,
    /// What it is entitled to; `None` if that was never read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entitled_to: Option<KnownEntitlement>,
}

/// An image found by a search, best first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The image.
    pub image: &'a CatalogImage,
    /// How well it fits, higher is better; only the order means something.
    score: f64,
}

impl Catalog {
    /// A snapshot of these images, before anything is known of the organisation; sorts them.
    #[must_use]
    pub fn of_images(fetched_at: Timestamp, images: Vec<CatalogImage>) -> Self {
        let empty = Self { fetched_at, images: Vec::new(), organization_has: None, entitled_to: None };
        empty.with_images(fetched_at, images)
    }

    /// With another look at what is offered.
    #[must_use]
    pub fn with_images(self, fetched_at: Timestamp, mut images: Vec<CatalogImage>) -> Self {
        images.sort_by(|a, b| a.name.cmp(&b.name));
        images.dedup_by(|a, b| a.name == b.name);
        Self { fetched_at, images, ..self }
    }

    /// With another look at what the organisation has.
    #[must_use]
    pub fn with_repositories(self, repositories: Repositories) -> Self {
        Self { organization_has: Some(repositories), ..self }
    }

    /// With another look at what the organisation is entitled to.
    #[must_use]
    pub fn with_entitlement(self, read_at: Timestamp, entitlement: Entitlement) -> Self {
        Self { entitled_to: Some(KnownEntitlement { read_at, entitlement }), ..self }
    }

    /// All images, sorted by name.
    #[must_use]
    pub fn images(&self) -> &[CatalogImage] {
        &self.images
    }

    /// The image of exactly this name.
    #[must_use]
    pub fn find(&self, name: &RepositoryName) -> Option<&CatalogImage> {
        self.images.binary_search_by(|image| image.name.cmp(name)).ok().and_then(|index| self.images.get(index))
    }

    /// What the organisation has; `None` if that was never listed.
    #[must_use]
    pub const fn repositories(&self) -> Option<&Repositories> {
        self.organization_has.as_ref()
    }

    /// What the organisation is entitled to; `None` if that was never read.
    #[must_use]
    pub const fn entitlement(&self) -> Option<&KnownEntitlement> {
        self.entitled_to.as_ref()
    }

    /// Whether the organisation had a repository of this name when they were last listed.
    #[must_use]
    pub fn organization_has(&self, name: &RepositoryName) -> bool {
        self.repositories().is_some_and(|repositories| repositories.contains(name))
    }

    /// Whether the plan includes the image.
    #[must_use]
    pub fn covers(&self, image: &CatalogImage) -> Coverage {
        self.entitlement().map_or(Coverage::NotKnown, |known| known.entitlement.covers(&image.name, image.catalog_tier))
    }

    /// What stands in the way of adding `image` as `name`; `None` if nothing is known to. Who wants the image cares most
    /// for its being there, and least for a limit that passes.
    #[must_use]
    pub fn obstacle(
        &self,
        image: &CatalogImage,
        name: &RepositoryName,
        limit: RepositoryLimit,
    ) -> Option<Obstacle<'_>> {
        if self.organization_has(name) {
            return Some(Obstacle::AlreadyThere);
        }
        let not_entitled = self.entitlement().filter(|_| self.covers(image) == Coverage::NotIncluded);
        let full = self.repositories().filter(|repositories| repositories.total >= limit.get());
        not_entitled.map(Obstacle::NotEntitled).or(full.map(Obstacle::LimitReached))
    }

    /// Images that fit what a person typed, best first, ties by name; all of them for a blank query.
    ///
    /// `docker.io/library/nginx`, `node:20` and `postgresql` find something: registry, path and tag are stripped,
    /// names and aliases are compared.
    #[must_use]
    pub fn search(&self, query: &str) -> Vec<Hit<'_>> {
        let wanted = bare_name(query);
        let mut hits: Vec<Hit<'_>> = self
            .images
            .iter()
            .filter_map(|image| {
                let score = if wanted.is_empty() { 1.0 } else { score(image, &wanted) };
                (score > 0.0).then_some(Hit { image, score })
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.image.name.cmp(&b.image.name)));
        hits
    }

    /// Names to offer to someone who asked for `query`, which is not in the catalog; best first, at most
    /// [`MAX_SUGGESTIONS`].
    #[must_use]
    pub fn suggest(&self, query: &str) -> Vec<RepositoryName> {
        self.search(query).into_iter().take(MAX_SUGGESTIONS).map(|hit| hit.image.name.clone()).collect()
    }

    /// Names like `query` that the plan includes, or may include; best first, at most [`MAX_SUGGESTIONS`].
    #[must_use]
    pub fn suggest_included(&self, query: &str) -> Vec<RepositoryName> {
        let included = self.search(query).into_iter().filter(|hit| self.covers(hit.image) != Coverage::NotIncluded);
        included.take(MAX_SUGGESTIONS).map(|hit| hit.image.name.clone()).collect()
    }
}

/// The last path component without tag or digest, in lower case.
fn bare_name(text: &str) -> String {
    let last = text.trim().rsplit('/').next().unwrap_or_default();
    let name = last.split(['@', ':']).next().unwrap_or_default();
    name.to_lowercase()
}

/// How well `image` fits `wanted`, 0 for not at all.
fn score(image: &CatalogImage, wanted: &str) -> f64 {
    let name = image.name.as_str();
    let of_name = score_word(name, wanted);
    let of_aliases = image.aliases.iter().map(|alias| score_word(&bare_name(alias), wanted) * 0.95).fold(0.0, f64::max);
    of_name.max(of_aliases)
}

/// Equal beats prefix beats contained beats similar; among equals, the shorter word wins.
fn score_word(word: &str, wanted: &str) -> f64 {
    let share = |part: usize, whole: usize| {
        let part = u32::try_from(part).unwrap_or(u32::MAX);
        let whole = u32::try_from(whole.max(1)).unwrap_or(u32::MAX);
        f64::from(part) / f64::from(whole)
    };
    if word == wanted {
        4.0
    } else if word.starts_with(wanted) {
        3.0 + share(wanted.len(), word.len())
    } else if wanted.len() >= 3 && word.contains(wanted) {
        2.0 + share(wanted.len(), word.len())
    } else if word.len() >= 3 && wanted.starts_with(word) {
        1.0 + share(word.len(), wanted.len())
    } else {
        let similarity = strsim::jaro_winkler(word, wanted);
        if similarity >= SUGGESTION_THRESHOLD { similarity } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::catalog;

    fn first(query: &str) -> Option<String> {
        catalog().suggest(query).first().map(ToString::to_string)
    }

    #[test]
    fn people_find_what_they_mean() {
        for (query, expected) in [
            ("python", "python"),
            ("python:3.9-alpine", "python"),
            ("pyton", "python"),
            ("PostgreSQL", "postgres"),
            ("docker.io/library/nginx", "nginx"),
            ("node:20", "node"),
            ("wolfi", "wolfi-base"),
        ] {
            assert_eq!(first(query).as_deref(), Some(expected), "{query}");
        }
        assert_eq!(first("zzzzzz"), None);
    }

    #[test]
    fn an_exact_name_is_found_and_nothing_else() {
        let catalog = catalog();
        assert!(catalog.find(&"python".parse().unwrap()).is_some());
        assert!(catalog.find(&"pytho".parse().unwrap()).is_none());
    }

    #[test]
    fn tiers_of_a_later_api_read_as_unknown() {
        let tier: CatalogTier = serde_json::from_str("\"QUANTUM\"").unwrap();
        assert_eq!(tier, CatalogTier::Unknown);
        for tier in [CatalogTier::Application, CatalogTier::Fips, CatalogTier::Devtools] {
            assert_eq!(serde_json::to_value(tier).unwrap(), tier.as_str());
        }
    }
}

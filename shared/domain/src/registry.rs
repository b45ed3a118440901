//! What the organisation's registry has, and what keeps an image out of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capacity::RepositoryLimit;
use crate::catalog::CatalogImage;
use crate::entitlement::KnownEntitlement;
use crate::image::RepositoryName;
use crate::problem::ProblemType;
use crate::time::Timestamp;

/// Repositories named as candidates for a clean-up, at most.
pub const MAX_CANDIDATES: usize = 5;

/// A repository that the organisation has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedRepository {
    /// Its name.
    pub name: String,
    /// The UIDP of the catalog's repository that it syncs from; empty if it syncs from none or that was not said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// When it was added, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// The repositories that the organisation has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repositories {
    /// When they were listed.
    pub listed_at: Timestamp,
    /// Those of the organisation itself, sorted by name.
    listed: Vec<ListedRepository>,
    /// How many count against the limit: its folders' too.
    pub total: u64,
}

/// Why an image cannot be added, as far as the snapshot tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle<'a> {
    /// The organisation has a repository of that name.
    AlreadyThere,
    /// The plan does not include the image.
    NotEntitled(&'a KnownEntitlement),
    /// The organisation has as many repositories as it may.
    LimitReached(&'a Repositories),
}

impl Obstacle<'_> {
    /// The problem that a request meets.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::AlreadyThere => ProblemType::DuplicateImage,
            Self::NotEntitled(_) => ProblemType::NotEntitled,
            Self::LimitReached(_) => ProblemType::OrganizationLimitReached,
        }
    }

    /// What it is and what to do about it, for who wants `image`; `pull` is the line that would pull it.
    #[must_use]
    pub fn explain(&self, image: &CatalogImage, pull: &str, limit: RepositoryLimit) -> String {
        match self {
            Self::AlreadyThere => format!(
                "The organisation has it already. Use it: {pull} – or ask under another name with `customName`."
            ),
            Self::NotEntitled(known) => format!(
                "The organisation's plan {}; `{}` is in the tier {} (as of {}). Ask for an image that is included, or have the plan extended with Chainguard.",
                known.entitlement.summary(),
                image.name,
                image.catalog_tier.as_str(),
                known.read_at
            ),
            Self::LimitReached(repositories) => {
                let advice = repositories.clean_up_advice();
                format!(
                    "The organisation has {} of at most {limit} repositories (as of {}). Some have to be removed first, or the limit raised with Chainguard.{}{advice}",
                    repositories.total,
                    repositories.listed_at,
                    if advice.is_empty() { "" } else { " " }
                )
            }
        }
    }
}

/// A repository that might be removed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanUpCandidate<'a> {
    /// Which.
    pub name: &'a str,
    /// Another repository of the same image; `None` if it is named for its age alone.
    pub same_as: Option<&'a str>,
    /// When it was added, if that is known.
    pub created_at: Option<Timestamp>,
}

impl From<String> for ListedRepository {
    /// One of which only the name is known.
    fn from(name: String) -> Self {
        Self { name, source: String::new(), created_at: None }
    }
}

impl Repositories {
    /// What a list and a count said at `listed_at`; sorts the list. What is listed counts, whatever the count says.
    #[must_use]
    pub fn new(listed_at: Timestamp, mut listed: Vec<ListedRepository>, total: u64) -> Self {
        listed.sort();
        listed.dedup_by(|a, b| a.name == b.name);
        let total = total.max(u64::try_from(listed.len()).unwrap_or(u64::MAX));
        Self { listed_at, listed, total }
    }

    /// Whether there is one of this name.
    #[must_use]
    pub fn contains(&self, name: &RepositoryName) -> bool {
        self.listed.binary_search_by(|repository| repository.name.as_str().cmp(name.as_str())).is_ok()
    }

    /// What might be removed to make room, at most [`MAX_CANDIDATES`]: first what has the same image as an older
    /// repository, then what was added longest ago. Which of them is used nobody here knows.
    #[must_use]
    pub fn clean_up_candidates(&self) -> Vec<CleanUpCandidate<'_>> {
        let mut by_age: Vec<&ListedRepository> = self.listed.iter().collect();
        by_age.sort_by_key(|repository| (repository.created_at.is_none(), repository.created_at));
        let mut first_of: BTreeMap<&str, &str> = BTreeMap::new();
        let (mut doubles, mut others) = (Vec::new(), Vec::new());
        for repository in by_age {
            let ListedRepository { name, source, created_at } = repository;
            let same_as = if source.is_empty() { None } else { first_of.get(source.as_str()).copied() };
            first_of.entry(source).or_insert(name);
            let candidate = CleanUpCandidate { name, same_as, created_at: *created_at };
            if same_as.is_some() { doubles.push(candidate) } else { others.push(candidate) }
        }
        doubles.into_iter().chain(others).take(MAX_CANDIDATES).collect()
    }

    /// [`Self::clean_up_candidates`] in a sentence for people; empty if there are none.
    #[must_use]
    pub fn clean_up_advice(&self) -> String {
        let candidates = self.clean_up_candidates();
        if candidates.is_empty() {
            return String::new();
        }
        let named: Vec<String> = candidates
            .iter()
            .map(|candidate| match (candidate.same_as, candidate.created_at) {
                (Some(other), _) => format!("{} (the same image as {other})", candidate.name),
                (None, Some(at)) => format!("{} (added on {})", candidate.name, at.day()),
                (None, None) => candidate.name.to_owned(),
            })
            .collect();
        format!("Candidates, if nobody uses them: {}.", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CatalogTier;
    use crate::entitlement::{Entitlement, PlanKind};
    use crate::fixtures::{at, catalog};

    fn listed(name: &str, source: &str, created_at: Option<i64>) -> ListedRepository {
        ListedRepository { name: name.into(), source: source.into(), created_at: created_at.map(at) }
    }

    #[test]
    fn doubles_are_cleaned_up_before_what_is_merely_old() {
        let repositories = Repositories::new(
            at(9),
            vec![
                listed("go-2", "go", Some(5)),
                listed("go", "go", Some(3)),
                listed("old", "old", Some(1)),
                listed("undated", "", None),
                listed("unsourced", "", Some(2)),
            ],
            5,
        );
        let named: Vec<_> =
            repositories.clean_up_candidates().iter().map(|found| (found.name, found.same_as)).collect();
        let expected = [("go-2", Some("go")), ("old", None), ("unsourced", None), ("go", None), ("undated", None)];
        assert_eq!(named, expected);
        assert!(
            repositories.clean_up_advice().starts_with(
                "Candidates, if nobody uses them: go-2 (the same image as go), old (added on 2023-11-14),"
            )
        );
        assert_eq!(Repositories::new(at(0), Vec::new(), 0).clean_up_advice(), "");
    }

    #[test]
    fn what_is_listed_counts_whatever_the_count_says() {
        let repositories = Repositories::new(at(0), vec![listed("b", "", None), listed("a", "", None)], 1);
        assert_eq!(repositories.total, 2);
        assert!(repositories.contains(&"a".parse().unwrap()) && !repositories.contains(&"c".parse().unwrap()));
    }

    #[test]
    fn what_stands_in_the_way_is_told_and_what_is_not_known_does_not() {
        let limit: RepositoryLimit = "2".parse().unwrap();
        let offered = catalog();
        let python = offered.find(&"python".parse().unwrap()).unwrap().clone();
        let explain = |catalog: &crate::catalog::Catalog| {
            let obstacle = catalog.obstacle(&python, &python.name, limit)?;
            Some((obstacle.problem(), obstacle.explain(&python, "docker pull x", limit)))
        };
        assert_eq!(explain(&offered), None);

        let full = offered.with_repositories(Repositories::new(at(0), vec![listed("go", "", None)], 2));
        let (problem, detail) = explain(&full).unwrap();
        assert_eq!(problem, ProblemType::OrganizationLimitReached);
        assert!(detail.contains("2 of at most 2") && detail.contains("go"), "{detail}");

        let by = PlanKind::Tiers;
        let base = Entitlement { plan: "CATALOG".into(), by, tiers: vec![CatalogTier::Base], ..Entitlement::default() };
        let without = full.with_entitlement(at(1), base);
        let (problem, detail) = explain(&without).unwrap();
        assert_eq!(problem, ProblemType::NotEntitled);
        assert!(detail.contains("CATALOG includes the tiers BASE; `python` is in the tier APPLICATION"), "{detail}");
        assert_eq!(without.suggest_included("python").len(), 0);
        assert_eq!(without.suggest_included("wolfi"), ["wolfi-base".parse().unwrap()]);

        let there = without.with_repositories(Repositories::new(at(0), vec![listed("python", "", None)], 9));
        assert_eq!(explain(&there).unwrap().0, ProblemType::DuplicateImage);
    }
}

//! How many repositories the organisation may have, and who may take the last places.
//!
//! Chainguard's count says how many there are, not how many are being added. Near the limit a request therefore takes a
//! place before it adds its repository, and gives it back with the result. Far from it nobody needs to: see
//! [`HEADROOM`].

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Repositories below the limit from which on places are taken: twice as many as are added at the same time
/// (`MaximumConcurrency` times `BatchSize` of the provisioner's queue, 25). To pass the limit without a place, a request
/// would have to be overtaken by so many between its count and its creation, which is the time of one commit; and
/// Chainguard's own limit would still hold.
pub const HEADROOM: u64 = 50;

/// How many repositories an organisation may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryLimit(NonZeroU32);

impl RepositoryLimit {
    /// The limit unless Chainguard agreed on another: 2500. Source: Chainguard's documentation of registry quotas.
    pub const USUAL: Self = match NonZeroU32::new(2500) {
        Some(limit) => Self(limit),
        None => Self(NonZeroU32::MIN),
    };

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        u64::from(self.0.get())
    }
}

impl Default for RepositoryLimit {
    fn default() -> Self {
        Self::USUAL
    }
}

impl fmt::Display for RepositoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// It is no number of repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a limit of repositories is a whole number from 1 to {}", u32::MAX)]
pub struct InvalidLimit;

impl FromStr for RepositoryLimit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        text.parse().map(Self).map_err(|_| InvalidLimit)
    }
}

/// The places that are taken: of requests that may be adding their repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// How many.
    pub taken: u64,
    /// How many have been given back since the beginning: tells whether a count was made before or after.
    pub releases: u64,
}

/// A place that is free as long as nobody has given one back since it was looked for: a repository that was added in
/// between is in no count that was made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vacancy {
    /// [`Places::releases`] when it was looked for.
    pub releases: u64,
    /// Places may be taken while fewer than so many are; at least 1.
    pub free: u64,
}

/// Whether there is room for one more repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Plenty; no place is needed.
    Ample,
    /// For whoever takes a place.
    Tight(Vacancy),
    /// The last places are taken, and some of them are perhaps counted already: it shows when one is given back.
    Unclear,
    /// None.
    Exhausted,
}

impl Capacity {
    /// Judges from the places as they were read before Chainguard counted `repositories`.
    #[must_use]
    pub fn of(limit: RepositoryLimit, places: Places, repositories: u64) -> Self {
        let free = limit.get().saturating_sub(repositories);
        if free > HEADROOM {
            Self::Ample
        } else if free == 0 {
            Self::Exhausted
        } else if places.taken < free {
            Self::Tight(Vacancy { releases: places.releases, free })
        } else {
            Self::Unclear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_near_the_limit_and_nowhere_else() {
        let limit: RepositoryLimit = "100".parse().unwrap();
        let of = |taken, repositories| Capacity::of(limit, Places { taken, releases: 7 }, repositories);
        let vacancy = |free| Capacity::Tight(Vacancy { releases: 7, free });
        assert_eq!(of(30, 49), Capacity::Ample);
        assert_eq!(of(0, 50), vacancy(50));
        assert_eq!(of(9, 90), vacancy(10));
        assert_eq!(of(10, 90), Capacity::Unclear);
        assert_eq!(of(0, 99), vacancy(1));
        assert_eq!(of(1, 99), Capacity::Unclear);
        for repositories in [100, 101, u64::MAX] {
            assert_eq!(of(0, repositories), Capacity::Exhausted);
        }
    }

    #[test]
    fn a_limit_is_a_number_of_repositories() {
        assert_eq!("2500".parse(), Ok(RepositoryLimit::default()));
        assert_eq!(RepositoryLimit::default().get(), 2500);
        for text in ["", "0", "-1", "2500.0", "many", "4294967296"] {
            assert_eq!(text.parse::<RepositoryLimit>(), Err(InvalidLimit), "{text}");
        }
    }
}

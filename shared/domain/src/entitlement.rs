//! What the organisation's plan with Chainguard includes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::CatalogTier;
use crate::image::RepositoryName;
use crate::time::Timestamp;

/// What the organisation may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement {
    /// The plan's name, as Chainguard writes it: `CATALOG`, `PER_IMAGE`, `STARTER`.
    pub plan: String,
    /// Whether the plan includes tiers or single images.
    pub by: PlanKind,
    /// Tiers that are included as a whole.
    #[serde(default)]
    pub tiers: Vec<CatalogTier>,
    /// Images that are included by name.
    #[serde(default)]
    pub images: Vec<String>,
    /// By tier, for how many more images a plan that counts them has room.
    #[serde(default)]
    pub room: BTreeMap<CatalogTier, u64>,
}

/// What the organisation is entitled to, as it was read once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownEntitlement {
    /// When that was asked.
    pub read_at: Timestamp,
    /// The answer.
    pub entitlement: Entitlement,
}

/// What a plan counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanKind {
    /// All images of its tiers are included.
    Tiers,
    /// Images are included one by one.
    Images,
    /// A plan that this version does not know.
    #[default]
    Unknown,
}

/// Whether a plan includes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// It does.
    Included,
    /// Not yet, and it has room for it.
    Room,
    /// It does not.
    NotIncluded,
    /// That cannot be told from here; Chainguard decides when the image is added.
    NotKnown,
}

impl Coverage {
    /// Whether the image can be had under the plan; `None` if that is not known.
    #[must_use]
    pub const fn is_included(self) -> Option<bool> {
        match self {
            Self::Included | Self::Room => Some(true),
            Self::NotIncluded => Some(false),
            Self::NotKnown => None,
        }
    }
}

impl Entitlement {
    /// Whether the plan includes the image of the catalog that has this name and tier.
    #[must_use]
    pub fn covers(&self, image: &RepositoryName, tier: CatalogTier) -> Coverage {
        let by_name = self.images.iter().any(|included| included == image.as_str());
        if by_name || (self.by != PlanKind::Images && self.tiers.contains(&tier)) {
            return Coverage::Included;
        }
        match (self.by, tier) {
            (PlanKind::Unknown, _) | (_, CatalogTier::Unknown) => Coverage::NotKnown,
            (PlanKind::Images, tier) if self.room.get(&tier).is_some_and(|room| *room > 0) => Coverage::Room,
            (PlanKind::Images | PlanKind::Tiers, _) => Coverage::NotIncluded,
        }
    }

    /// What it includes, to be said to people: completes "the organisation's plan …".
    #[must_use]
    pub fn summary(&self) -> String {
        let plan = if self.plan.is_empty() { "without a name" } else { &self.plan };
        let tiers: Vec<&str> = self.tiers.iter().map(|tier| tier.as_str()).collect();
        match self.by {
            PlanKind::Images => format!("{plan} includes {} by name", counted(self.images.len(), "image")),
            PlanKind::Tiers | PlanKind::Unknown if tiers.is_empty() => format!("{plan} includes no tier"),
            PlanKind::Tiers | PlanKind::Unknown => format!("{plan} includes the tiers {}", tiers.join(", ")),
        }
    }
}

fn counted(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(plan: &Entitlement, name: &str, tier: CatalogTier) -> Coverage {
        plan.covers(&name.parse().unwrap(), tier)
    }

    fn entitlement(by: PlanKind) -> Entitlement {
        Entitlement {
            plan: "SOME".to_owned(),
            by,
            tiers: vec![CatalogTier::Base],
            images: vec!["nginx-fips".to_owned()],
            room: BTreeMap::from([(CatalogTier::Application, 1), (CatalogTier::Ai, 0)]),
        }
    }

    #[test]
    fn a_plan_by_tiers_includes_its_tiers_and_what_it_names() {
        let plan = entitlement(PlanKind::Tiers);
        for (name, tier, expected) in [
            ("python", CatalogTier::Base, Coverage::Included),
            ("nginx-fips", CatalogTier::Fips, Coverage::Included),
            ("python-fips", CatalogTier::Fips, Coverage::NotIncluded),
            ("nginx", CatalogTier::Application, Coverage::NotIncluded),
            ("qq", CatalogTier::Unknown, Coverage::NotKnown),
        ] {
            assert_eq!(covers(&plan, name, tier), expected, "{name}");
        }
    }

    #[test]
    fn a_plan_by_images_includes_what_it_names_and_has_room_by_tier() {
        let plan = entitlement(PlanKind::Images);
        for (name, tier, expected) in [
            ("nginx-fips", CatalogTier::Fips, Coverage::Included),
            ("nginx", CatalogTier::Application, Coverage::Room),
            ("vllm", CatalogTier::Ai, Coverage::NotIncluded),
            ("python", CatalogTier::Base, Coverage::NotIncluded),
            ("qq", CatalogTier::Unknown, Coverage::NotKnown),
        ] {
            assert_eq!(covers(&plan, name, tier), expected, "{name}");
        }
    }

    #[test]
    fn a_plan_that_is_not_known_refuses_nothing() {
        let plan = entitlement(PlanKind::Unknown);
        assert_eq!(covers(&plan, "python", CatalogTier::Base), Coverage::Included);
        assert_eq!(covers(&plan, "vllm", CatalogTier::Ai), Coverage::NotKnown);
        assert_eq!(covers(&Entitlement::default(), "python", CatalogTier::Base), Coverage::NotKnown);
    }
}

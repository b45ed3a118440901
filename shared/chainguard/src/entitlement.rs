//! What the organisation may have (FACTS §2.4). Tiers and types are kept as Chainguard writes them: two that this version
//! does not know need not be the same one.

use std::collections::BTreeMap;

use domain::catalog::CatalogTier;
use domain::entitlement::{Entitlement, PlanKind};
use domain::ports::{ChainguardError, ReadEntitlement, ReadSecret};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::Chainguard;
use crate::call::Call;
use crate::wire::{EnumName, count, instant, integer, nullable};

/// All that the organisation is entitled to, as it is to be judged before an image is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveEntitlement {
    /// The plan: `CATALOG`, `PER_IMAGE`, `STARTER` or `PLAN_UNSPECIFIED`.
    pub plan: String,
    /// Tiers that are included as a whole: `APPLICATION`, …
    pub tiers: Vec<String>,
    /// Images that are included by name.
    pub images: Vec<EntitledImage>,
    /// By tier, how many images are included and how many may be.
    pub quota: BTreeMap<String, TierQuota>,
    /// How many images may be included in all.
    pub image_allowance: Allowance,
    /// How many images may be exchanged for others in 30 days.
    pub swap_allowance: Allowance,
    /// How many have been.
    pub swaps_used: u64,
}

/// How many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// As many as one likes.
    Unlimited,
    /// At most so many.
    AtMost(u64),
}

/// How much of a tier's quota is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierQuota {
    /// Images that are included.
    pub current: u64,
    /// Images that may be.
    pub max: u64,
}

/// An image that is included by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitledImage {
    /// UIDP of the repository.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: String,
}

/// One of the records that make up the entitlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitlementRecord {
    /// Its UIDP.
    pub id: String,
    /// What it is: `PRODUCTION`, `TRIAL`, `EXTRA`, `STARTER`.
    pub kind: String,
    /// Tiers that it includes as a whole.
    pub tiers: Vec<String>,
    /// By tier, how many images it includes and how many it may.
    pub quota: BTreeMap<String, TierQuota>,
    /// When it ends; `None` if it does not.
    pub expires_at: Option<Timestamp>,
}

/// The quotas of all records together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitlementSummary {
    /// By tier, how many images are included and how many may be.
    pub quota: BTreeMap<String, TierQuota>,
    /// How old the figures are.
    pub updated_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Effective {
    #[serde(default, deserialize_with = "nullable")]
    plan: EnumName,
    #[serde(default, deserialize_with = "nullable")]
    active_tiers: Vec<EnumName>,
    #[serde(default, deserialize_with = "nullable")]
    active_images: Vec<WireImage>,
    #[serde(default, deserialize_with = "nullable")]
    quota: BTreeMap<String, Option<WireQuota>>,
    #[serde(default, deserialize_with = "integer")]
    max_total_images: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    swap_quota: Option<i64>,
    #[serde(default, deserialize_with = "count")]
    swaps_used: Option<u64>,
}

/// The lists of images call the tier `tier`, everything else calls it `catalogTier`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireImage {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    tier: EnumName,
    #[serde(default, deserialize_with = "nullable")]
    catalog_tier: EnumName,
}

#[derive(Deserialize)]
struct Images {
    #[serde(default, deserialize_with = "nullable")]
    images: Vec<WireImage>,
}

#[derive(Default, Deserialize)]
struct WireQuota {
    #[serde(default, deserialize_with = "count")]
    current: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    max: Option<u64>,
}

#[derive(Deserialize)]
struct Records {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<WireRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRecord {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    r#type: EnumName,
    #[serde(default, deserialize_with = "nullable")]
    tiers: Vec<EnumName>,
    #[serde(default, deserialize_with = "nullable")]
    quota: BTreeMap<String, Option<WireQuota>>,
    #[serde(default, deserialize_with = "instant")]
    expiration_time: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSummary {
    #[serde(default, deserialize_with = "nullable")]
    quota: BTreeMap<String, Option<WireQuota>>,
    #[serde(default, deserialize_with = "instant")]
    last_updated_time: Option<Timestamp>,
}

/// `-1` is no limit; what is left out is `0`, as everywhere in proto3.
fn allowance(number: Option<i64>) -> Allowance {
    u64::try_from(number.unwrap_or(0)).map_or(Allowance::Unlimited, Allowance::AtMost)
}

fn quotas(wire: BTreeMap<String, Option<WireQuota>>) -> BTreeMap<String, TierQuota> {
    let quota = |quota: WireQuota| TierQuota { current: quota.current.unwrap_or(0), max: quota.max.unwrap_or(0) };
    wire.into_iter().map(|(tier, wire)| (tier, quota(wire.unwrap_or_default()))).collect()
}

fn names(tiers: Vec<EnumName>) -> Vec<String> {
    tiers.into_iter().map(|tier| tier.0).filter(|tier| !tier.is_empty()).collect()
}

fn images(wire: Vec<WireImage>) -> Vec<EntitledImage> {
    wire.into_iter().map(EntitledImage::from).collect()
}

impl From<WireImage> for EntitledImage {
    fn from(WireImage { id, name, tier, catalog_tier }: WireImage) -> Self {
        Self { id, name, tier: if tier.0.is_empty() { catalog_tier.0 } else { tier.0 } }
    }
}

impl From<WireRecord> for EntitlementRecord {
    fn from(record: WireRecord) -> Self {
        Self {
            id: record.id,
            kind: record.r#type.0,
            tiers: names(record.tiers),
            quota: quotas(record.quota),
            expires_at: record.expiration_time,
        }
    }
}

impl From<Effective> for EffectiveEntitlement {
    fn from(effective: Effective) -> Self {
        Self {
            plan: effective.plan.0,
            tiers: names(effective.active_tiers),
            images: images(effective.active_images),
            quota: quotas(effective.quota),
            image_allowance: allowance(effective.max_total_images),
            swap_allowance: allowance(effective.swap_quota),
            swaps_used: effective.swaps_used.unwrap_or(0),
        }
    }
}

impl From<EffectiveEntitlement> for Entitlement {
    fn from(effective: EffectiveEntitlement) -> Self {
        let tiers = effective.tiers.into_iter().map(|tier| EnumName(tier).tier());
        let in_all = match effective.image_allowance {
            // Where there is no number, it was not said.
            Allowance::Unlimited | Allowance::AtMost(0) => u64::MAX,
            Allowance::AtMost(most) => most.saturating_sub(u64::try_from(effective.images.len()).unwrap_or(u64::MAX)),
        };
        let room = effective.quota.into_iter();
        let room =
            room.map(|(tier, quota)| (EnumName(tier).tier(), quota.max.saturating_sub(quota.current).min(in_all)));
        Self {
            by: match effective.plan.as_str() {
                "CATALOG" => PlanKind::Tiers,
                "PER_IMAGE" | "STARTER" => PlanKind::Images,
                _ => PlanKind::Unknown,
            },
            plan: effective.plan,
            tiers: tiers.filter(|tier| *tier != CatalogTier::Unknown).collect(),
            images: effective.images.into_iter().map(|image| image.name).collect(),
            room: room.filter(|(tier, _)| *tier != CatalogTier::Unknown).collect(),
        }
    }
}

impl<S: ReadSecret + Send + Sync> ReadEntitlement for Chainguard<S> {
    async fn read_entitlement(&self) -> Result<Entitlement, ChainguardError> {
        Ok(self.effective_entitlement().await?.into())
    }
}

/// All of them need [`Capability::EntitlementsList`](crate::Capability::EntitlementsList), but for the one that says
/// otherwise.
impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// All that the organisation is entitled to.
    pub async fn effective_entitlement(&self) -> Result<EffectiveEntitlement, ChainguardError> {
        let effective: Effective = self.call(&self.read("read the entitlement", ":effective").await?).await?;
        Ok(effective.into())
    }

    /// The records that make up the entitlement; none for an organisation without a plan.
    pub async fn list_entitlements(&self) -> Result<Vec<EntitlementRecord>, ChainguardError> {
        let records: Records = self.call(&self.read("list the entitlements", "").await?).await?;
        Ok(records.items.into_iter().map(EntitlementRecord::from).collect())
    }

    /// The quotas of all records together.
    pub async fn entitlement_summary(&self) -> Result<EntitlementSummary, ChainguardError> {
        let summary: WireSummary = self.call(&self.read("summarise the entitlements", ":summary").await?).await?;
        Ok(EntitlementSummary { quota: quotas(summary.quota), updated_at: summary.last_updated_time })
    }

    /// The organisation's images, as far as entitlements account for them.
    pub async fn entitlement_images(&self) -> Result<Vec<EntitledImage>, ChainguardError> {
        let found: Images = self.call(&self.read("list the entitled images", "/images").await?).await?;
        Ok(images(found.images))
    }

    /// Includes images of the catalog, by name, in a plan that counts them, and says which were added. An image that is
    /// included already is passed over, so repeating it is safe. `QuotaExceeded` if the plan has no room.
    ///
    /// Needs [`Capability::EntitlementImagesAdd`](crate::Capability::EntitlementImagesAdd).
    pub async fn add_entitlement_images(&self, names: &[&str]) -> Result<Vec<EntitledImage>, ChainguardError> {
        let organization = self.organization_id().await?;
        let url = self.api(&format!("/registry/v1/entitlements/{organization}:addImages"), &[]);
        let call = Call::post("add images to the entitlement", url, json!({"imageNames": names}));
        let added: Images = self.call(&call).await?;
        Ok(images(added.images))
    }

    async fn read(&self, operation: &'static str, suffix: &str) -> Result<Call, ChainguardError> {
        let organization = self.organization_id().await?;
        Ok(Call::get(operation, self.api(&format!("/registry/v1/entitlements/{organization}{suffix}"), &[])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(json: &str) -> EffectiveEntitlement {
        serde_json::from_str::<Effective>(json).unwrap().into()
    }

    fn read(json: &str) -> Entitlement {
        effective(json).into()
    }

    #[test]
    fn the_plan_says_whether_tiers_or_images_count() {
        for (plan, by) in [
            ("CATALOG", PlanKind::Tiers),
            ("PER_IMAGE", PlanKind::Images),
            ("STARTER", PlanKind::Images),
            ("PLAN_UNSPECIFIED", PlanKind::Unknown),
            ("LEASING", PlanKind::Unknown),
        ] {
            let entitlement =
                read(&format!(r#"{{"plan": "{plan}", "activeImages": [{{"name": "go", "type": "EXTRA"}}]}}"#));
            assert_eq!((entitlement.plan.as_str(), entitlement.by), (plan, by));
            assert_eq!(entitlement.images, ["go"]);
        }
    }

    #[test]
    fn a_plan_has_room_by_tier_and_in_all() {
        let room = |json: &str| read(json).room.into_iter().collect::<Vec<_>>();
        let quota =
            r#""quota": {"FIPS": {"current": 2, "max": "5"}, "AI": {"current": 1, "max": 1}, "QUANTUM": {"max": 9}}"#;
        let images = r#""activeImages": [{"name": "go"}, {"name": "nginx"}]"#;
        let expected = [(CatalogTier::Fips, 3), (CatalogTier::Ai, 0)];
        assert_eq!(room(&format!("{{{quota}}}")), expected);
        assert_eq!(room(&format!(r#"{{{quota}, {images}, "maxTotalImages": -1}}"#)), expected);
        assert_eq!(room(&format!(r#"{{{quota}, {images}, "maxTotalImages": 3}}"#))[0], (CatalogTier::Fips, 1));
    }

    #[test]
    fn a_tier_that_is_not_known_includes_nothing() {
        let json = r#"{"plan": "CATALOG", "activeTiers": ["BASE", "QUANTUM", 17, null]}"#;
        assert_eq!(read(json).tiers, [CatalogTier::Base]);
        assert_eq!(effective(json).tiers, ["BASE", "QUANTUM", "17"]);
    }

    #[test]
    fn empty_null_and_missing_are_the_same() {
        let nothing = Entitlement::default();
        for json in [
            "{}",
            r#"{"plan": null, "activeTiers": null, "activeImages": null, "quota": null, "swapsUsed": null}"#,
            r#"{"plan": "", "activeTiers": [], "activeImages": [], "quota": null, "swapQuota": "-1"}"#,
        ] {
            assert_eq!(read(json), nothing, "{json}");
        }
    }

    #[test]
    fn minus_one_is_no_limit_and_numbers_come_as_texts_too() {
        let json = r#"{"maxTotalImages": -1, "swapQuota": "5", "swapsUsed": 2, "quota": {"FIPS": {"current": 2, "max": "3"}, "AI": null}}"#;
        let read = effective(json);
        assert_eq!((read.image_allowance, read.swap_allowance), (Allowance::Unlimited, Allowance::AtMost(5)));
        assert_eq!(read.swaps_used, 2);
        assert_eq!(read.quota["FIPS"], TierQuota { current: 2, max: 3 });
        assert_eq!(read.quota["AI"], TierQuota::default());
        assert_eq!(effective("{}").image_allowance, Allowance::AtMost(0));
    }

    #[test]
    fn a_tier_is_read_by_either_name() {
        let found = r#"{"images": [{"name": "a", "tier": "BASE"}, {"name": "b", "catalogTier": "FIPS"}, {"tier": 7, "catalogTier": "FIPS"}]}"#;
        let found = images(serde_json::from_str::<Images>(found).unwrap().images);
        assert_eq!(found.iter().map(|image| image.tier.as_str()).collect::<Vec<_>>(), ["BASE", "FIPS", "7"]);
    }
}

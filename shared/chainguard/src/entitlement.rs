//! What the organisation may have.

use domain::catalog::CatalogTier;
use domain::ports::{ChainguardError, Entitlement, ReadEntitlement, ReadSecret};
use serde::Deserialize;

use crate::Chainguard;
use crate::call::Call;
use crate::wire::{EnumName, nullable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Effective {
    #[serde(default, deserialize_with = "nullable")]
    plan: EnumName,
    #[serde(default, deserialize_with = "nullable")]
    active_tiers: Vec<EnumName>,
    #[serde(default, deserialize_with = "nullable")]
    active_images: Vec<ActiveImage>,
}

#[derive(Deserialize)]
struct ActiveImage {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
}

impl From<Effective> for Entitlement {
    fn from(effective: Effective) -> Self {
        let by_image = matches!(effective.plan.0.as_str(), "PER_IMAGE" | "STARTER");
        let tiers = effective.active_tiers.iter().map(EnumName::tier);
        Self {
            plan: effective.plan.0,
            // Two tiers that this version does not know need not be the same one.
            tiers: tiers.filter(|tier| *tier != CatalogTier::Unknown).collect(),
            images: effective.active_images.into_iter().map(|image| image.name).collect(),
            by_image,
        }
    }
}

impl<S: ReadSecret + Send + Sync> ReadEntitlement for Chainguard<S> {
    async fn read_entitlement(&self) -> Result<Entitlement, ChainguardError> {
        let organization = self.organization_id().await?;
        let url = self.api(&format!("/registry/v1/entitlements/{organization}:effective"), &[]);
        let effective: Effective = self.call(&Call::get("read the entitlement", url)).await?;
        Ok(effective.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Entitlement {
        serde_json::from_str::<Effective>(json).unwrap().into()
    }

    #[test]
    fn the_plan_says_whether_tiers_or_images_count() {
        for (plan, by_image) in
            [("CATALOG", false), ("PER_IMAGE", true), ("STARTER", true), ("PLAN_UNSPECIFIED", false)]
        {
            let entitlement =
                read(&format!(r#"{{"plan": "{plan}", "activeImages": [{{"name": "go", "type": "EXTRA"}}]}}"#));
            assert_eq!((entitlement.plan.as_str(), entitlement.by_image), (plan, by_image));
            assert_eq!(entitlement.images, ["go"]);
        }
    }

    #[test]
    fn a_tier_that_is_not_known_includes_nothing() {
        let entitlement = read(r#"{"plan": "CATALOG", "activeTiers": ["BASE", "QUANTUM", 17, null]}"#);
        assert_eq!(entitlement.tiers, [CatalogTier::Base]);
    }

    #[test]
    fn empty_null_and_missing_are_the_same() {
        let nothing = Entitlement { plan: String::new(), tiers: Vec::new(), images: Vec::new(), by_image: false };
        for json in [
            "{}",
            r#"{"plan": null, "activeTiers": null, "activeImages": null}"#,
            r#"{"plan": "", "activeTiers": [], "activeImages": [], "quota": {"AI": {"current": "1"}}, "swapQuota": "-1"}"#,
        ] {
            assert_eq!(read(json), nothing, "{json}");
        }
    }
}

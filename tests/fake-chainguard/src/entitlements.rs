//! What the organization has bought (FACTS §2.4).

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    body::json as decoded,
    catalog::{Catalog, Image, Tier},
    fake::Inner,
    options::Entitlement,
    repository::Repository,
    state::State,
    status::{Code, Status},
    time::WireTime,
    uidp,
};

/// The starter plan's size (FACTS §3).
const STARTER_IMAGES: i32 = 5;
/// In `maxTotalImages` and `swapQuota`.
const UNLIMITED: i32 = -1;

#[derive(Serialize)]
struct Quota {
    current: u32,
    max: u32,
}

/// By v1 tier name.
type Quotas = BTreeMap<&'static str, Quota>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntitledImage {
    id: String,
    name: String,
    catalog_tier: Tier,
    r#type: &'static str,
    expiration_time: Option<WireTime>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Effective {
    plan: &'static str,
    active_tiers: Vec<Tier>,
    active_images: Vec<EntitledImage>,
    quota: Quotas,
    max_total_images: i32,
    swap_quota: i32,
    swaps_used: i32,
    swap_refill_time: Option<WireTime>,
}

impl Entitlement {
    /// Whether the plan lets the organization sync the image.
    pub(crate) fn covers(&self, image: &Image) -> bool {
        match self {
            Self::Catalog { tiers } => tiers.contains(&image.tier),
            Self::PerImage { images, .. } | Self::Starter { images } => images.contains(&image.name),
            Self::Absent => false,
        }
    }

    /// Whether a plan that counts images could count one more. A tier without a quota has room for none.
    fn has_room_for(&self, image: &Image, catalog: &Catalog) -> bool {
        match self {
            Self::PerImage { .. } => {
                self.quotas(catalog).get(image.tier.v1_name()).is_some_and(|quota| quota.current < quota.max)
            }
            Self::Starter { images } => i32::try_from(images.len()).is_ok_and(|count| count < STARTER_IMAGES),
            Self::Catalog { .. } | Self::Absent => false,
        }
    }

    fn plan(&self) -> &'static str {
        match self {
            Self::Catalog { .. } => "CATALOG",
            Self::PerImage { .. } => "PER_IMAGE",
            Self::Starter { .. } => "STARTER",
            Self::Absent => "PLAN_UNSPECIFIED",
        }
    }

    /// The type of the record that grants it.
    fn record_type(&self) -> &'static str {
        match self {
            Self::Catalog { .. } | Self::PerImage { .. } => "PRODUCTION",
            Self::Starter { .. } => "STARTER",
            Self::Absent => "UNKNOWN",
        }
    }

    fn tiers(&self) -> &[Tier] {
        match self {
            Self::Catalog { tiers } => tiers,
            Self::PerImage { .. } | Self::Starter { .. } | Self::Absent => &[],
        }
    }

    /// The images that were chosen one by one; a catalog plan has none.
    fn images<'a>(&self, catalog: &'a Catalog) -> Vec<&'a Image> {
        match self {
            Self::PerImage { images, .. } | Self::Starter { images } => {
                images.iter().filter_map(|name| catalog.image(name)).collect()
            }
            Self::Catalog { .. } | Self::Absent => Vec::new(),
        }
    }

    fn quotas(&self, catalog: &Catalog) -> Quotas {
        let Self::PerImage { quota, .. } = self else { return Quotas::new() };
        let images = self.images(catalog);
        let taken = |tier| images.iter().filter(|image| image.tier == tier).count();
        quota
            .iter()
            .map(|(tier, max)| {
                let current = u32::try_from(taken(*tier)).unwrap_or(u32::MAX);
                (tier.v1_name(), Quota { current, max: *max })
            })
            .collect()
    }
}

/// The entitlement records. Their times are not modelled: all of them are the start of 1970, none expires.
pub(crate) fn list(fake: &Inner, parent: &str) -> Result<Response, Status> {
    let organization = organization(fake, parent)?;
    let entitlement = fake.state().entitlement.clone();
    if entitlement == Entitlement::Absent {
        return Ok(Json(json!({"items": []})).into_response());
    }
    let item = json!({
        "id": record_id(organization),
        "externalId": "fake-0001",
        "createTime": WireTime(jiff::Timestamp::UNIX_EPOCH),
        "updateTime": WireTime(jiff::Timestamp::UNIX_EPOCH),
        "expirationTime": WireTime(jiff::Timestamp::MAX),
        "type": entitlement.record_type(),
        "quota": entitlement.quotas(&fake.options.catalog),
        "tiers": entitlement.tiers(),
    });
    Ok(Json(json!({"items": [item]})).into_response())
}

/// The plan as a whole: what to ask before an add.
pub(crate) fn effective(fake: &Inner, parent: &str) -> Result<Response, Status> {
    organization(fake, parent)?;
    let entitlement = fake.state().entitlement.clone();
    let (max_total_images, swap_quota) = match &entitlement {
        Entitlement::Catalog { .. } | Entitlement::PerImage { .. } => (UNLIMITED, UNLIMITED),
        // The starter plan knows no swaps (FACTS §3).
        Entitlement::Starter { .. } => (STARTER_IMAGES, 0),
        Entitlement::Absent => (0, 0),
    };
    let effective = Effective {
        plan: entitlement.plan(),
        active_tiers: entitlement.tiers().to_vec(),
        active_images: entitlement
            .images(&fake.options.catalog)
            .into_iter()
            .map(|image| entitled(&entitlement, image))
            .collect(),
        quota: entitlement.quotas(&fake.options.catalog),
        max_total_images,
        swap_quota,
        swaps_used: 0,
        swap_refill_time: None,
    };
    Ok(Json(effective).into_response())
}

/// Quotas by tier.
pub(crate) fn summary(fake: &Inner, parent: &str) -> Result<Response, Status> {
    organization(fake, parent)?;
    let quota = fake.state().entitlement.quotas(&fake.options.catalog);
    let updated = WireTime(jiff::Timestamp::UNIX_EPOCH);
    Ok(Json(json!({"quota": quota, "lastUpdatedTime": updated})).into_response())
}

/// The organization's repositories that come from the catalog, one image each.
pub(crate) fn images(fake: &Inner, parent: &str) -> Result<Response, Status> {
    let organization = organization(fake, parent)?;
    let state = fake.state();
    let images: Vec<_> = synced(&state, organization)
        .map(|repository| {
            json!({"id": repository.id, "tier": repository.tier.map_or("UNKNOWN", Tier::v1_name), "name": repository.name})
        })
        .collect();
    Ok(Json(json!({"images": images})).into_response())
}

/// The images that were chosen one by one: none under a catalog plan (FACTS §2.4).
pub(crate) fn catalog_images(fake: &Inner, parent: &str) -> Result<Response, Status> {
    organization(fake, parent)?;
    let images: Vec<_> = fake
        .state()
        .entitlement
        .images(&fake.options.catalog)
        .into_iter()
        .map(|image| json!({"id": image.uidp(), "tier": image.tier, "name": image.name}))
        .collect();
    Ok(Json(json!({"images": images})).into_response())
}

/// Adds images to a plan that counts them, and answers with those that were not in it before. What a plan that counts
/// none answers is not documented; `FAILED_PRECONDITION` is assumed.
pub(crate) fn add_images(fake: &Inner, parent: &str, body: &[u8]) -> Result<Response, Status> {
    let organization = organization(fake, parent)?;
    let body = if body.is_empty() { json!({}) } else { decoded(body)? };
    let names = body.get("imageNames").or_else(|| body.get("image_names"));
    let names: Vec<&str> = names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return Err(Status::invalid_argument("image_names is required"));
    }
    let catalog = &fake.options.catalog;
    let mut state = fake.state();
    let mut entitlement = state.entitlement.clone();
    let mut added = Vec::new();
    for name in names {
        let image = catalog.image(name).ok_or_else(|| Status::not_found(format!("image {name:?} not found")))?;
        let has_room = entitlement.has_room_for(image, catalog);
        let (Entitlement::PerImage { images, .. } | Entitlement::Starter { images }) = &mut entitlement else {
            return Err(Status::new(Code::FailedPrecondition, "the plan does not count images"));
        };
        if images.contains(&image.name) {
            continue;
        }
        if !has_room {
            let tier = image.tier.v1_name();
            return Err(Status::new(Code::ResourceExhausted, format!("the quota of the tier {tier} is used up")));
        }
        images.push(image.name.clone());
        added.push(entitled(&entitlement, image));
    }
    state.entitlement = entitlement;
    Ok(Json(json!({"images": added, "parent": organization})).into_response())
}

fn entitled(entitlement: &Entitlement, image: &Image) -> EntitledImage {
    EntitledImage {
        id: image.uidp(),
        name: image.name.clone(),
        catalog_tier: image.tier,
        r#type: entitlement.record_type(),
        expiration_time: None,
    }
}

fn synced<'a>(state: &'a State, organization: &'a str) -> impl Iterator<Item = &'a Repository> {
    state.all().filter(move |repository| repository.parent() == organization && repository.source.is_some())
}

fn record_id(organization: &str) -> String {
    uidp::named_child(organization, "entitlement")
}

/// The organization that the path names, itself or by its entitlement record.
fn organization<'a>(fake: &'a Inner, parent: &str) -> Result<&'a str, Status> {
    let parent = uidp::from_path("parent", parent)?;
    let organization = &fake.options.organization_id;
    if parent == *organization || parent == record_id(organization) {
        Ok(organization)
    } else {
        Err(Status::permission_denied(format!("registry.entitlements.list is not granted on {parent}")))
    }
}

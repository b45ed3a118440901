//! What Chainguard offers. No REST call lists the private catalog; the console's GraphQL does, and asks for no token
//! (FACTS §2.5).

use domain::catalog::CatalogImage;
use domain::ports::{ChainguardError, FetchCatalog};
use serde::Deserialize;
use serde_json::json;

use crate::Chainguard;
use crate::call::Call;
use crate::error::bounded;
use crate::wire::{EnumName, nullable};

/// All repositories of the private catalog's group (FACTS §1).
const QUERY: &str = r#"query Catalog { repos(filter: {uidp: {childrenOf: "ce2d1984a010471142503340d670612d63ffb9f6"}}) { name aliases catalogTier activeTags } }"#;

#[derive(Deserialize)]
struct Reply {
    #[serde(default, deserialize_with = "nullable")]
    data: Data,
    #[serde(default, deserialize_with = "nullable")]
    errors: Vec<GraphqlError>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default, deserialize_with = "nullable")]
    repos: Vec<CatalogRepo>,
}

#[derive(Deserialize)]
struct GraphqlError {
    #[serde(default, deserialize_with = "nullable")]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CatalogRepo {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    catalog_tier: EnumName,
    #[serde(default, deserialize_with = "nullable")]
    active_tags: Vec<String>,
}

impl CatalogRepo {
    /// The image, unless nobody could pull or ask for one of that name.
    fn into_image(self) -> Option<CatalogImage> {
        match self.name.parse() {
            Ok(name) => {
                let catalog_tier = self.catalog_tier.tier();
                Some(CatalogImage { name, catalog_tier, aliases: self.aliases, active_tags: self.active_tags })
            }
            Err(error) => {
                tracing::debug!(%error, "left an image of the catalog out");
                None
            }
        }
    }
}

/// The images of a reply, all or none: GraphQL can answer with a part of the data beside its errors.
fn images(reply: Reply) -> Result<Vec<CatalogImage>, ChainguardError> {
    if let Some(error) = reply.errors.first() {
        return Err(ChainguardError::Refused(bounded(&error.message)));
    }
    let images: Vec<CatalogImage> = reply.data.repos.into_iter().filter_map(CatalogRepo::into_image).collect();
    if images.is_empty() {
        // A catalog without images would make every request one for an unknown image.
        return Err(ChainguardError::Unavailable("the catalog came without images".to_owned()));
    }
    Ok(images)
}

impl<S: Sync> FetchCatalog for Chainguard<S> {
    async fn fetch_catalog(&self) -> Result<Vec<CatalogImage>, ChainguardError> {
        let url = self
            .endpoints
            .catalog
            .clone()
            .ok_or_else(|| ChainguardError::Refused("no address of the catalog is configured".to_owned()))?;
        let call = Call::post("fetch the catalog", url, json!({"query": QUERY}));
        images(self.call_anonymously(&call).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<String>, ChainguardError> {
        let images = images(serde_json::from_str(json).unwrap())?;
        Ok(images.into_iter().map(|image| format!("{} {:?}", image.name, image.catalog_tier)).collect())
    }

    #[test]
    fn names_that_cannot_be_asked_for_are_left_out() {
        let json =
            r#"{"data": {"repos": [{"name": "go", "catalogTier": "BASE"}, {"name": "my image"}, {"name": null}]}}"#;
        assert_eq!(read(json).unwrap(), ["go Base"]);
    }

    #[test]
    fn a_tier_of_tomorrow_does_not_hide_the_image() {
        let json = r#"{"data": {"repos": [{"name": "go", "catalogTier": 12}, {"name": "qq", "catalogTier": "QUANTUM", "aliases": null}]}}"#;
        assert_eq!(read(json).unwrap(), ["go Unknown", "qq Unknown"]);
    }

    #[test]
    fn a_part_of_the_catalog_is_not_taken_for_the_catalog() {
        let partly = r#"{"data": {"repos": [{"name": "go"}]}, "errors": [{"message": "timeout\n"}]}"#;
        assert_eq!(read(partly), Err(ChainguardError::Refused("timeout ".to_owned())));
        for json in ["{}", r#"{"data": null}"#, r#"{"data": {"repos": []}, "errors": null}"#] {
            assert!(matches!(read(json), Err(ChainguardError::Unavailable(_))), "{json}");
        }
    }
}

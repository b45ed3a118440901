//! What Chainguard offers. No REST call lists the private catalog; the console's GraphQL does, and asks for no token
//! (FACTS §2.5). It is not documented, so an operator may supply a file in its place.

use std::io::Read as _;
use std::path::Path;

use domain::catalog::{CatalogImage, CatalogTier};
use domain::image::RepositoryName;
use domain::ports::{ChainguardError, FetchCatalog};
use serde::Deserialize;
use serde_json::json;

use crate::Chainguard;
use crate::call::Call;
use crate::error::bounded;
use crate::wire::{EnumName, nullable};

/// All repositories of the private catalog's group (FACTS §1).
const QUERY: &str = r#"query Catalog { repos(filter: {uidp: {childrenOf: "ce2d1984a010471142503340d670612d63ffb9f6"}}) { name aliases catalogTier activeTags } }"#;

/// The largest catalog file: ten times what Chainguard offers.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The file that an operator supplies. A member that is not known is a mistake in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Supplied {
    images: Vec<SuppliedImage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SuppliedImage {
    name: RepositoryName,
    #[serde(default)]
    catalog_tier: CatalogTier,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    active_tags: Vec<String>,
}

impl From<SuppliedImage> for CatalogImage {
    fn from(SuppliedImage { name, catalog_tier, aliases, active_tags }: SuppliedImage) -> Self {
        Self { name, catalog_tier, aliases, active_tags }
    }
}

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

/// The images of a file that an operator supplies: `{"images":[{"name","catalogTier","aliases","activeTags"}]}`, of
/// which only `name` is needed. All or none: an error names the place.
fn supplied(path: &Path) -> Result<Vec<CatalogImage>, ChainguardError> {
    let refused = |problem: String| ChainguardError::Refused(format!("the catalog file {}: {problem}", path.display()));
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text))
        .map_err(|error| refused(error.to_string()))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(refused(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    let file: Supplied = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    if file.images.is_empty() {
        return Err(refused("it has no images".to_owned()));
    }
    Ok(file.images.into_iter().map(CatalogImage::from).collect())
}

impl<S: Sync> FetchCatalog for Chainguard<S> {
    async fn fetch_catalog(&self) -> Result<Vec<CatalogImage>, ChainguardError> {
        let url = self
            .endpoints
            .catalog
            .clone()
            .ok_or_else(|| ChainguardError::Refused("no address of the catalog is configured".to_owned()))?;
        if url.scheme() == "file" {
            return match url.to_file_path() {
                Ok(path) => supplied(&path),
                Err(()) => Err(ChainguardError::Refused(format!("`{url}` is no file of this machine"))),
            };
        }
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
    fn a_file_is_taken_as_a_whole_or_told_where_it_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = folder.path().join("catalog.json");
            std::fs::write(&path, text).unwrap();
            let names = |images: Vec<CatalogImage>| images.iter().map(|image| image.name.to_string()).collect();
            supplied(&path).map(names).map_err(|error| error.to_string())
        };
        let good = r#"{"images": [{"name": "go"}, {"name": "nginx", "catalogTier": "BASE", "aliases": ["nginx:latest"], "activeTags": ["latest"]}]}"#;
        assert_eq!(read(good), Ok(vec!["go".to_owned(), "nginx".to_owned()]));
        for (text, problem) in [
            (r#"{"images": []}"#, "it has no images"),
            (r#"{"images": [{"name": "my image"}]}"#, "line 1 column"),
            ("{\n\"images\": [{\"name\": \"go\", \"tier\": \"BASE\"}]}", "unknown field `tier`"),
            ("not JSON", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("catalog.json: ") && error.contains(problem), "{error}");
        }
        let missing = supplied(&folder.path().join("missing.json")).unwrap_err();
        assert!(missing.to_string().contains("missing.json: "), "{missing}");
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

//! The catalog snapshot: one compressed item, so that it is read with one call and replaced as a whole.

use std::io::{Read as _, Write as _};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::catalog::Catalog;
use domain::ports::{LoadCatalog, PortError, SaveCatalog};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::Store;
use super::item::{ItemError, entity, key_attributes, text};
use super::keys::Key;
use crate::error::port_error;

const LOAD: &str = "read the catalog";
const SAVE: &str = "save the catalog";
const SNAPSHOT: &str = "snapshot";

/// The largest compressed snapshot: DynamoDB's limit of 400 KB an item, less the other attributes. About 20 000 images.
const MAX_COMPRESSED_BYTES: usize = 390_000;
/// The largest snapshot that is unpacked, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A snapshot that cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the catalog has {0} bytes when compressed, and an item can have {MAX_COMPRESSED_BYTES}")]
struct TooLarge(usize);

impl LoadCatalog for Store {
    async fn load_catalog(&self) -> Result<Option<Catalog>, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::catalog())))
            .send()
            .await
            .map_err(|error| port_error(LOAD, error))?;
        let Some(item) = found.item else { return Ok(None) };
        let blob = item
            .get(SNAPSHOT)
            .and_then(|value| value.as_b().ok())
            .ok_or_else(|| ItemError::of(SNAPSHOT).into_port_error(LOAD))?;
        let mut json = Vec::new();
        GzDecoder::new(blob.as_ref()).take(MAX_BYTES).read_to_end(&mut json).map_err(|error| failure(LOAD, error))?;
        serde_json::from_slice(&json).map(Some).map_err(|error| failure(LOAD, error))
    }
}

impl SaveCatalog for Store {
    async fn save_catalog(&self, catalog: &Catalog) -> Result<(), PortError> {
        let json = serde_json::to_vec(catalog).map_err(|error| failure(SAVE, error))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&json).map_err(|error| failure(SAVE, error))?;
        let compressed = encoder.finish().map_err(|error| failure(SAVE, error))?;
        if compressed.len() > MAX_COMPRESSED_BYTES {
            return Err(failure(SAVE, TooLarge(compressed.len())));
        }
        let mut item = entity(&Key::catalog(), "catalog");
        item.insert("fetchedAt".to_owned(), text(catalog.fetched_at.to_string()));
        item.insert(SNAPSHOT.to_owned(), AttributeValue::B(Blob::new(compressed)));
        self.client
            .put_item()
            .table_name(&self.requests_table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| port_error(SAVE, error))?;
        Ok(())
    }
}

fn failure(operation: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError { operation, retryable: false, source: Box::new(error) }
}

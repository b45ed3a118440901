//! The organisation's last places: who may be adding a repository near its limit.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::capacity::Places;
use domain::ports::{PortError, ReadPlaces};

use super::Store;
use super::item::{Item, key_attributes};
use super::keys::Key;
use crate::error::port_error;

impl ReadPlaces for Store {
    async fn read_places(&self) -> Result<Places, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.requests_table)
            .set_key(Some(key_attributes(&Key::places())))
            // What is counted afterwards is compared with it.
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| port_error("read the places that are taken", error))?;
        Ok(found.item.as_ref().map_or_else(Places::default, places))
    }
}

fn places(item: &Item) -> Places {
    let taken = item.get("places").and_then(|places| places.as_ss().ok()).map_or(0, Vec::len);
    let releases = item.get("releases").and_then(|releases: &AttributeValue| releases.as_n().ok()?.parse().ok());
    Places { taken: u64::try_from(taken).unwrap_or(u64::MAX), releases: releases.unwrap_or(0) }
}

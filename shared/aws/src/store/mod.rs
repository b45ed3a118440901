//! The two tables.
//!
//! `Requests` holds what is: requests, who holds which repository name, which repository was made for which request,
//! idempotency keys, counts, the organisation's last places, what was sent and delivered, the catalog.
//! `Journal` holds what happened, and takes new items only.

mod catalog;
mod commit;
mod deliveries;
mod item;
mod journal;
mod keys;
mod notifications;
mod places;
mod repositories;
mod requests;
mod version_1;

use aws_sdk_dynamodb::Client;

use crate::configuration::Configuration;

/// The tables' adapter.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    requests_table: String,
    journal_table: Option<String>,
}

impl Store {
    /// On these tables; `journal_table` is `None` for a function that has no right to it.
    #[must_use]
    pub fn new(configuration: &Configuration, requests_table: String, journal_table: Option<String>) -> Self {
        Self { client: configuration.dynamodb(), requests_table, journal_table }
    }

    fn journal_table(&self) -> &str {
        self.journal_table.as_deref().unwrap_or_default()
    }
}

//! Reading a request's journal.

use domain::id::RequestId;
use domain::journal::Record;
use domain::ports::{PortError, ReadJournal};

use super::Store;
use super::item::text;
use crate::error::port_error;

const OPERATION: &str = "read the journal";

/// Pages of at most 1 MB that are read of one journal: far more than any request can have, which gains a handful of
/// records, and a few with every retry.
const MAX_PAGES: u32 = 16;

impl ReadJournal for Store {
    async fn read_journal(&self, id: RequestId) -> Result<Vec<Record>, PortError> {
        let mut records = Vec::new();
        let mut start = None;
        for _ in 0..MAX_PAGES {
            let found = self
                .client
                .query()
                .table_name(self.journal_table())
                .key_condition_expression("requestId = :id")
                .expression_attribute_values(":id", text(id.to_string()))
                .consistent_read(true)
                .set_exclusive_start_key(start.take())
                .send()
                .await
                .map_err(|error| port_error(OPERATION, error))?;
            let page: Vec<Record> = serde_dynamo::from_items(found.items.unwrap_or_default())
                .map_err(|error| PortError { operation: OPERATION, retryable: false, source: Box::new(error) })?;
            records.extend(page);
            start = found.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(records)
    }
}

//! The tables: an embedded store that speaks DynamoDB's protocol on the loopback interface.

use std::path::Path;

use dynoxide::Database;
use serde_json::json;

use crate::template::Table;

/// A table that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// The store says no.
    #[error("the store refused the table {table}: {source}")]
    Store {
        /// Which.
        table: String,
        /// Why.
        source: dynoxide::DynoxideError,
    },
    /// The store's streams cannot be indexed.
    #[error("failed to index the store's streams")]
    Index(#[source] rusqlite::Error),
    /// The store cannot be opened.
    #[error("failed to open the store: {0}")]
    Open(dynoxide::DynoxideError),
    /// The store does not understand the template's table.
    #[error("the store does not understand the table {table}")]
    Definition {
        /// Which.
        table: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Opens the store in a file and makes the tables that it does not have yet.
pub(crate) fn open(path: &Path, tables: &[Table]) -> Result<Database, TableError> {
    let database = Database::new(&path.to_string_lossy()).map_err(TableError::Open)?;
    for table in tables {
        let store = |source| TableError::Store { table: table.name.clone(), source };
        let definition = |source| TableError::Definition { table: table.name.clone(), source };
        let describe = serde_json::from_value(json!({"TableName": table.name})).map_err(definition)?;
        if database.describe_table(describe).is_ok() {
            continue;
        }
        let create = serde_json::from_value(table.create_table.clone()).map_err(definition)?;
        database.create_table(create).map_err(store)?;
        if let Some(attribute) = &table.time_to_live_attribute {
            let enable = serde_json::from_value(json!({
                "TableName": table.name,
                "TimeToLiveSpecification": {"Enabled": true, "AttributeName": attribute},
            }))
            .map_err(definition)?;
            database.update_time_to_live(enable).map_err(store)?;
        }
    }
    index_streams(path).map_err(TableError::Index)?;
    Ok(database)
}

/// The store looks stream records up by table and number without an index, so that every write and every look at the
/// stream costs more the longer the stream is. This is the expression of its queries.
fn index_streams(path: &Path) -> rusqlite::Result<()> {
    rusqlite::Connection::open(path)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS cgr_request_stream_records
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )
}

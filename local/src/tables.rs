//! The tables: an embedded store that speaks DynamoDB's protocol on the loopback interface.

use std::path::Path;

use dynoxide::Database;
use serde_json::{Value, json};

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

/// Opens the store in a file and makes the tables and indexes that it does not have yet.
pub(crate) fn open(path: &Path, tables: &[Table]) -> Result<Database, TableError> {
    let database = Database::new(&path.to_string_lossy()).map_err(TableError::Open)?;
    for table in tables {
        let store = |source| TableError::Store { table: table.name.clone(), source };
        let definition = |source| TableError::Definition { table: table.name.clone(), source };
        let describe = serde_json::from_value(json!({"TableName": table.name})).map_err(definition)?;
        if let Ok(described) = database.describe_table(describe) {
            let described = serde_json::to_value(described).map_err(definition)?;
            for update in missing_indexes(table, &described) {
                let update = serde_json::from_value(update).map_err(definition)?;
                database.update_table(update).map_err(store)?;
            }
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

/// The calls of `UpdateTable` that add what the table has in the template and not in the store. An item that is there
/// already gets into an index with the keys that it has, or once it is written with them.
fn missing_indexes(table: &Table, described: &Value) -> Vec<Value> {
    let member = |of: &Value, name: &str| of.get(name).cloned().unwrap_or_default();
    let indexes = |of: &Value| member(of, "GlobalSecondaryIndexes").as_array().cloned().unwrap_or_default();
    let there = indexes(&member(described, "Table"));
    let is_there = |index: &Value| there.iter().any(|known| known.get("IndexName") == index.get("IndexName"));
    let missing = indexes(&table.create_table).into_iter().filter(|index| !is_there(index));
    missing
        .map(|index| {
            json!({
                "TableName": table.name,
                "AttributeDefinitions": member(&table.create_table, "AttributeDefinitions"),
                "GlobalSecondaryIndexUpdates": [{"Create": index}],
            })
        })
        .collect()
}

/// The store looks stream records up by table and number without an index, so that every write and every look at the
/// stream costs more the longer the stream is. This is the expression of its queries.
fn index_streams(path: &Path) -> rusqlite::Result<()> {
    rusqlite::Connection::open(path)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS cgr_request_stream_records
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(indexes: &[&str]) -> Table {
        let key = |name: &str| json!([{"AttributeName": name, "KeyType": "HASH"}]);
        let index = |name: &&str| {
            let projection = json!({"ProjectionType": "ALL"});
            json!({"IndexName": name, "KeySchema": key(&format!("{name}Key")), "Projection": projection})
        };
        let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let mut definitions = vec![attribute("pk")];
        definitions.extend(indexes.iter().map(|name| attribute(&format!("{name}Key"))));
        Table {
            logical_id: "Things".to_owned(),
            name: "Things".to_owned(),
            create_table: json!({
                "TableName": "Things",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": definitions,
                "KeySchema": key("pk"),
                "GlobalSecondaryIndexes": indexes.iter().map(index).collect::<Vec<_>>(),
            }),
            time_to_live_attribute: None,
        }
    }

    fn indexes(database: &Database) -> Vec<String> {
        let described = database.describe_table(serde_json::from_value(json!({"TableName": "Things"})).unwrap());
        let described = serde_json::to_value(described.unwrap()).unwrap();
        let indexes = described["Table"]["GlobalSecondaryIndexes"].as_array().unwrap().iter();
        let mut names: Vec<String> = indexes.map(|index| index["IndexName"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_store_of_before_gets_the_indexes_that_it_lacks_and_keeps_its_items() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let item = |pk: &str| json!({"TableName": "Things", "Item": {"pk": {"S": pk}, "colourKey": {"S": "red"}}});
        let put = |database: &Database, pk| database.put_item(serde_json::from_value(item(pk)).unwrap()).unwrap();
        put(&open(&path, &[table(&["shape"])]).unwrap(), "before");
        let database = open(&path, &[table(&["shape", "colour", "size"])]).unwrap();
        assert_eq!(indexes(&database), ["colour", "shape", "size"]);
        put(&database, "after");
        let query = json!({
            "TableName": "Things",
            "IndexName": "colour",
            "KeyConditionExpression": "colourKey = :red",
            "ExpressionAttributeValues": {":red": {"S": "red"}},
        });
        let found = database.query(serde_json::from_value(query).unwrap()).unwrap();
        assert_eq!(serde_json::to_value(found).unwrap()["Count"], 2);
        assert_eq!(indexes(&open(&path, &[table(&["shape"])]).unwrap()).len(), 3, "none is taken away");
    }
}

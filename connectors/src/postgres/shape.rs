//! What the catalogue says about one dataset: its shape, or why it cannot be one.
//!
//! Above `catalogue`. A table without a schema in its address lies in `public`, and one in `public` is named
//! without a schema in foreign keys and in what is discovered.

use super::catalogue::{self, Details, Table};
use super::connect::{PostgresConnection, Server};
use crate::dataset::{DatasetAddress, DatasetShape, Location};
use crate::error::ConnectorError;

/// Where a table lies whose address names no schema.
pub(super) const DEFAULT_SCHEMA: &str = "public";

pub(super) async fn inspect(
    server: &Server,
    connection: &mut PostgresConnection,
    address: &DatasetAddress,
) -> Result<DatasetShape, ConnectorError> {
    let fault = |error: &sqlx::Error| server.fault(&address.dataset, error);
    let refused = |reason: &str| ConnectorError::NotSupported {
        store: address.store.clone(),
        reason: format!("dataset '{}' {reason}", address.dataset),
    };
    let Location::Table { schema, table: name } = &address.location else {
        return Err(refused("speaks of objects, and a database holds tables"));
    };
    // The server would cut or refuse what cannot be a name.
    let named = (schema.as_deref().unwrap_or(DEFAULT_SCHEMA), name.as_str());
    let possible = [named.0, named.1].iter().all(|name| !name.is_empty() && !name.contains('\0'));
    let found = if possible {
        catalogue::tables(connection, Some(named)).await.map_err(|error| fault(&error))?
    } else {
        Vec::new()
    };
    let Some(table) = found.first() else {
        return Err(ConnectorError::SchemaDrift {
            dataset: address.dataset.clone(),
            reason: format!("there is no such table in schema '{}'", named.0),
        });
    };
    if schema.is_none() && table.shadowed {
        return Err(refused("has the name of a system table: name its schema too"));
    }
    if let Some(reason) = not_governable(table) {
        return Err(refused(reason));
    }
    let details = catalogue::details(connection, Some(table.id)).await.map_err(|error| fault(&error))?;
    Ok(shape_of(&details, table))
}

/// Why a relation cannot be a dataset, as the end of a sentence.
fn not_governable(table: &Table) -> Option<&'static str> {
    match table.kind.as_str() {
        "r" | "p" if table.partition => Some("is a partition: name the partitioned table"),
        "r" if table.inherited => {
            Some("has tables that inherit from it, whose rows would go along: make it a partitioned table")
        }
        "r" | "p" => None,
        "v" | "m" => Some("is a view: name the tables behind it"),
        "f" => Some("is a foreign table: make the server behind it a store of its own"),
        _ => Some("is no table"),
    }
}

pub(super) async fn discover(
    server: &Server,
    connection: &mut PostgresConnection,
) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
    let fault = |error: &sqlx::Error| server.fault("", error);
    let tables = catalogue::tables(connection, None).await.map_err(|error| fault(&error))?;
    let details = catalogue::details(connection, None).await.map_err(|error| fault(&error))?;
    let governable = tables.iter().filter(|table| not_governable(table).is_none());
    Ok(governable.map(|table| (address_of(server.store(), table), shape_of(&details, table))).collect())
}

fn address_of(store: &str, table: &Table) -> DatasetAddress {
    let dataset = if table.schema == DEFAULT_SCHEMA {
        format!("{store}.{}", table.name)
    } else {
        format!("{store}.{}.{}", table.schema, table.name)
    };
    // One that has the name of a system table is found in its schema only.
    let told = |schema: &String| schema != DEFAULT_SCHEMA || table.shadowed;
    let schema = Some(table.schema.clone()).filter(told);
    let location = Location::Table { schema, table: table.name.clone() };
    DatasetAddress { store: store.to_owned(), dataset, location }
}

fn shape_of(details: &Details, table: &Table) -> DatasetShape {
    let side = |is_ours: fn(&(i64, i64), i64) -> bool| {
        let ours = details.foreign_keys.iter();
        let ours = ours.filter(|(child, parent, _)| is_ours(&(*child, *parent), table.id));
        ours.map(|(_, _, foreign_key)| foreign_key.clone()).collect()
    };
    DatasetShape {
        columns: details.columns.get(&table.id).cloned().unwrap_or_default(),
        key: details.keys.get(&table.id).cloned().unwrap_or_default(),
        references: side(|(child, _), id| *child == id),
        referenced_by: side(|(_, parent), id| *parent == id),
        triggers: details.triggers.get(&table.id).cloned().unwrap_or_default(),
        attributes: None,
    }
}

//! What the catalogue says about one dataset: its shape, or why it cannot be one.
//!
//! Above `catalogue`; pure. A table without a declared primary key has an empty key: SQLite may renumber
//! its row identifiers (`VACUUM`), so no record of it can be named again.

use super::catalogue::{Catalogue, Column, Table, TableKind};
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape, ForeignKey, Location};
use crate::error::ConnectorError;
use crate::value::ValueType;

/// The table of an address.
///
/// # Errors
/// `SchemaDrift` when it is not there, `NotSupported` when it is no table.
pub(super) fn find<'a>(
    catalogue: &'a Catalogue,
    address: &DatasetAddress,
) -> Result<&'a Table, ConnectorError> {
    let drift = |reason: &str| ConnectorError::SchemaDrift {
        dataset: address.dataset.clone(),
        reason: reason.to_owned(),
    };
    let refused = |reason: &str| ConnectorError::NotSupported {
        store: address.store.clone(),
        reason: format!("dataset '{}' {reason}", address.dataset),
    };
    let table = table_name(address)?;
    let found = catalogue.table(table).ok_or_else(|| drift("there is no such table"))?;
    match found.kind {
        TableKind::Ordinary => Ok(found),
        TableKind::View => Err(refused("is a view: name the tables behind it")),
        TableKind::Virtual => Err(refused("is a virtual table, or belongs to one")),
    }
}

/// The name of the table; SQLite has one schema besides attached ones, which are never attached here.
pub(super) fn table_name(address: &DatasetAddress) -> Result<&str, ConnectorError> {
    match &address.location {
        Location::Table { schema, table } => {
            if schema.as_deref().is_none_or(|schema| schema.eq_ignore_ascii_case("main")) {
                return Ok(table);
            }
            let reason = "SQLite has only the schema 'main'".to_owned();
            Err(ConnectorError::SchemaDrift { dataset: address.dataset.clone(), reason })
        }
        Location::Objects { .. } => Err(ConnectorError::NotSupported {
            store: address.store.clone(),
            reason: format!("dataset '{}' speaks of objects, and a database holds tables", address.dataset),
        }),
    }
}

pub(super) fn shape_of(catalogue: &Catalogue, table: &Table) -> DatasetShape {
    let referenced_by = catalogue
        .tables
        .values()
        .flat_map(|child| foreign_keys(catalogue, child))
        .filter(|foreign_key| foreign_key.parent_table == table.name)
        .collect();
    DatasetShape {
        columns: table.columns.iter().map(|column| column_shape(table, column)).collect(),
        key: table.primary_key().into_iter().map(|column| column.name.clone()).collect(),
        references: foreign_keys(catalogue, table),
        referenced_by,
        triggers: table.triggers.clone(),
        attributes: None,
    }
}

fn column_shape(table: &Table, column: &Column) -> ColumnShape {
    let in_key = column.key_place > 0;
    let unique =
        in_key
            || table.indexes.iter().filter(|index| index.unique).any(|index| {
                index.columns.iter().flatten().any(|name| name.eq_ignore_ascii_case(&column.name))
            });
    ColumnShape {
        name: column.name.clone(),
        declared_type: column.declared_type.clone(),
        value_type: value_type(&column.declared_type),
        nullable: !(column.not_null || in_key && table.key_is_rowid()),
        unique,
        generated: column.generated,
        // SQLite does not enforce VARCHAR(n), so there is no limit that a value could break.
        length_max: None,
        checked: table.checked.contains(&column.name.to_ascii_lowercase()),
    }
}

fn foreign_keys(catalogue: &Catalogue, child: &Table) -> Vec<ForeignKey> {
    child
        .foreign_keys
        .iter()
        .map(|declared| {
            let parent = catalogue.table(&declared.parent);
            let parent_columns = match parent {
                Some(parent) if declared.to.is_empty() => {
                    parent.primary_key().into_iter().map(|column| column.name.clone()).collect()
                }
                Some(parent) => spelled(parent, &declared.to),
                None => declared.to.clone(),
            };
            ForeignKey {
                child_schema: None,
                child_table: child.name.clone(),
                child_columns: spelled(child, &declared.from),
                parent_schema: None,
                parent_table: parent.map_or_else(|| declared.parent.clone(), |parent| parent.name.clone()),
                parent_columns,
                on_delete: declared.on_delete,
                child_indexed: child.has_index_on(&declared.from),
            }
        })
        .collect()
}

/// Names of columns as the catalogue spells them.
fn spelled(table: &Table, names: &[String]) -> Vec<String> {
    names
        .iter()
        .map(|name| {
            let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            column.map_or_else(|| name.clone(), |column| column.name.clone())
        })
        .collect()
}

/// What a declared type says about the values of a column. SQLite stores anything anywhere, so this is
/// what the owner means; a value stored otherwise counts as NULL in a predicate. The order is that of
/// SQLite's affinity rules (<https://www.sqlite.org/datatype3.html#determination_of_column_affinity>).
fn value_type(declared: &str) -> ValueType {
    let upper = declared.to_ascii_uppercase();
    let name = upper.split('(').next().unwrap_or_default().trim();
    let has = |part: &str| name.contains(part);
    if has("BOOL") {
        ValueType::Bool
    } else if name == "DATE" {
        ValueType::Date
    } else if has("DATETIME") || has("TIMESTAMP") {
        ValueType::Instant
    } else if has("INT") {
        ValueType::Int
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        ValueType::Text
    } else if has("BLOB") {
        ValueType::Bytes
    } else if has("REAL") || has("FLOA") || has("DOUB") || has("NUMERIC") || has("DECIMAL") {
        ValueType::Real
    } else {
        ValueType::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(declared: &str, expected: ValueType) {
        assert_eq!(value_type(declared), expected, "{declared}");
    }

    #[test]
    fn declared_types_are_read_as_their_owner_means_them() {
        check("INTEGER", ValueType::Int);
        check("unsigned big int", ValueType::Int);
        check("NVARCHAR(160)", ValueType::Text);
        check("NUMERIC(10,2)", ValueType::Real);
        check("double precision", ValueType::Real);
        check("boolean", ValueType::Bool);
        check("date", ValueType::Date);
        check("DATETIME", ValueType::Instant);
        check("timestamp with time zone", ValueType::Instant);
        check("BLOB", ValueType::Bytes);
        check("", ValueType::Unknown);
        check("JSON", ValueType::Unknown);
    }
}

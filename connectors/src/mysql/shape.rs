//! What the catalogue says about one dataset: its shape, or why it cannot be one.
//!
//! Foreign keys name the database of both sides, always: an address without one means the default database
//! of the store, and the planner takes a missing schema for any.

use super::MySqlBackend;
use super::catalogue::{Catalogue, Column, DeclaredForeignKey, Scope, Table};
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape, ForeignKey, Location, ReferentialAction};
use crate::error::ConnectorError;
use crate::server::Backend as _;
use crate::sql::mysql::Kind;
use sqlx::mysql::MySqlConnection;

/// Stands in [`DatasetShape::triggers`] when the user may see none: there may be some.
pub(super) const UNSEEN_TRIGGERS: &str = "(unknown: the right TRIGGER is needed to see them)";

pub(super) async fn inspect(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    address: &DatasetAddress,
) -> Result<DatasetShape, ConnectorError> {
    let Location::Table { schema, table: name } = &address.location else {
        let reason = format!("dataset '{}' speaks of objects, and a database holds tables", address.dataset);
        return Err(ConnectorError::NotSupported { store: address.store.clone(), reason });
    };
    let database = schema.as_deref().unwrap_or(&backend.database.name);
    let scope = Scope { database, table: Some(name) };
    let catalogue = Catalogue::read(backend, connection, scope).await?;
    let same = |found: &str| is_same(&catalogue, found, name);
    let Some((found, table)) = catalogue.tables.iter().find(|(found, _)| same(found)) else {
        let reason = "there is no such table, or the user may not read it".to_owned();
        return Err(ConnectorError::SchemaDrift { dataset: address.dataset.clone(), reason });
    };
    if let Some(reason) = refusal(table) {
        let reason = format!("dataset '{}' {reason}", address.dataset);
        return Err(ConnectorError::NotSupported { store: address.store.clone(), reason });
    }
    ensure_sees_tables(backend, &catalogue)?;
    Ok(shape_of(&catalogue, (database, &backend.database.name), found, table))
}

pub(super) async fn discover(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
    let database = backend.database.name.as_str();
    let catalogue = Catalogue::read(backend, connection, Scope { database, table: None }).await?;
    ensure_sees_tables(backend, &catalogue)?;
    let governed = catalogue.tables.iter().filter(|(_, table)| refusal(table).is_none());
    Ok(governed
        .map(|(name, table)| {
            let address = DatasetAddress {
                store: backend.store().to_owned(),
                dataset: name.clone(),
                location: Location::Table { schema: None, table: name.clone() },
            };
            (address, shape_of(&catalogue, (database, database), name, table))
        })
        .collect())
}

/// A table that refers to another with ON DELETE CASCADE and is not seen would lose rows that nobody
/// counted.
fn ensure_sees_tables(backend: &MySqlBackend, catalogue: &Catalogue) -> Result<(), ConnectorError> {
    if catalogue.sees_tables {
        return Ok(());
    }
    Err(ConnectorError::Denied {
        store: backend.store().to_owned(),
        reason:
            "foreign keys are hidden from a user who may only read: grant REFERENCES on the whole database, \
                 with which no row can be read or changed"
                .to_owned(),
    })
}

/// Why a table cannot be governed; `None` if it can.
fn refusal(table: &Table) -> Option<String> {
    match table.kind.as_str() {
        "BASE TABLE" => {}
        "VIEW" | "SYSTEM VIEW" => return Some("is a view: name the tables behind it".to_owned()),
        "SYSTEM VERSIONED" => {
            return Some(
                "keeps old versions of its rows (SYSTEM VERSIONING), which no deletion removes: drop the versioning"
                    .to_owned(),
            );
        }
        other => return Some(format!("is no table but a {}", other.to_ascii_lowercase())),
    }
    if table.engine.eq_ignore_ascii_case("InnoDB") {
        return None;
    }
    Some(format!(
        "is kept by the engine {}, which cannot take back half a batch: ALTER TABLE … ENGINE = InnoDB",
        if table.engine.is_empty() { "(unknown)" } else { &table.engine }
    ))
}

fn is_same(catalogue: &Catalogue, one: &str, other: &str) -> bool {
    if catalogue.case_counts { one == other } else { one.eq_ignore_ascii_case(other) }
}

fn shape_of(
    catalogue: &Catalogue,
    (database, default): (&str, &str),
    name: &str,
    table: &Table,
) -> DatasetShape {
    let is_this = |place: &(String, String)| {
        is_same(catalogue, &place.0, database) && is_same(catalogue, &place.1, name)
    };
    let keys = |side: fn(&DeclaredForeignKey) -> &(String, String)| -> Vec<ForeignKey> {
        catalogue
            .foreign_keys
            .iter()
            .filter(|key| is_this(side(key)))
            .map(|key| foreign_key(key, default))
            .collect()
    };
    let unseen = (!catalogue.sees_triggers).then(|| UNSEEN_TRIGGERS.to_owned());
    DatasetShape {
        columns: table.columns.iter().map(|column| column_shape(table, column)).collect(),
        key: table.key.clone(),
        references: keys(|key| &key.child),
        referenced_by: keys(|key| &key.parent),
        triggers: table.triggers.iter().cloned().chain(unseen).collect(),
        attributes: None,
    }
}

fn column_shape(table: &Table, column: &Column) -> ColumnShape {
    let kind = Kind::of(&column.declared_type);
    ColumnShape {
        name: column.name.clone(),
        declared_type: column.declared_type.clone(),
        value_type: kind.value_type(),
        nullable: column.nullable,
        unique: table.unique.contains(&column.name),
        generated: column.generated,
        length_max: (kind == Kind::Text)
            .then(|| column.length_max.and_then(|length| u32::try_from(length).ok()))
            .flatten(),
        checked: table.checks.iter().any(|clause| names(clause, &column.name)),
    }
}

/// Whether a clause names the column. The server writes names in the quotes of the session that asks.
fn names(clause: &str, column: &str) -> bool {
    let clause = clause.to_lowercase();
    let column = column.to_lowercase();
    let quoted = |quote: char| format!("{quote}{}{quote}", column.replace(quote, &format!("{quote}{quote}")));
    clause.contains(&quoted('`')) || clause.contains(&quoted('"'))
}

/// InnoDB keeps an index on the columns of every foreign key.
/// A table of the default database is named without it, as in addresses.
fn foreign_key(declared: &DeclaredForeignKey, default: &str) -> ForeignKey {
    let told = |database: &String| Some(database.clone()).filter(|database| database != default);
    let (child_columns, parent_columns) = declared.columns.iter().cloned().unzip();
    ForeignKey {
        child_schema: told(&declared.child.0),
        child_table: declared.child.1.clone(),
        child_columns,
        parent_schema: told(&declared.parent.0),
        parent_table: declared.parent.1.clone(),
        parent_columns,
        on_delete: match declared.delete_rule.as_str() {
            "CASCADE" => ReferentialAction::Cascade,
            "SET NULL" => ReferentialAction::SetNull,
            "SET DEFAULT" => ReferentialAction::SetDefault,
            "RESTRICT" => ReferentialAction::Restrict,
            _ => ReferentialAction::NoAction,
        },
        child_indexed: true,
    }
}

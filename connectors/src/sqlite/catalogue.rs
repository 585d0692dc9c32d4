//! Reads the live catalogue of a database: tables, columns, indexes, foreign keys, triggers.
//!
//! Above the connection, below every statement over a dataset. What it reads is SQLite's own view;
//! `shape` says what that means for a dataset. Every name is a bound parameter.

use super::lexer;
use crate::dataset::ReferentialAction;
use sqlx::sqlite::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Everything the schema `main` holds, by the lower-case name of the table (SQLite folds ASCII only).
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) tables: BTreeMap<String, Table>,
}

#[derive(Debug)]
pub(super) struct Table {
    /// As the catalogue spells it.
    pub(super) name: String,
    pub(super) kind: TableKind,
    pub(super) without_rowid: bool,
    pub(super) columns: Vec<Column>,
    pub(super) indexes: Vec<Index>,
    pub(super) foreign_keys: Vec<DeclaredForeignKey>,
    /// Names of the triggers that fire on delete or update, in order of name.
    pub(super) triggers: Vec<String>,
    /// Lower-case words inside CHECK constraints.
    pub(super) checked: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableKind {
    Ordinary,
    View,
    /// A virtual table, or a table that belongs to one.
    Virtual,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) declared_type: String,
    pub(super) not_null: bool,
    /// Place in the primary key, from 1; 0 outside of it.
    pub(super) key_place: i64,
    pub(super) generated: bool,
}

#[derive(Debug)]
pub(super) struct Index {
    pub(super) unique: bool,
    pub(super) of_primary_key: bool,
    pub(super) partial: bool,
    /// Names of the columns in order; `None` for an expression or the row identifier.
    pub(super) columns: Vec<Option<String>>,
}

#[derive(Debug)]
pub(super) struct DeclaredForeignKey {
    pub(super) parent: String,
    pub(super) from: Vec<String>,
    /// Empty when the declaration names no columns: then it is the primary key of the parent.
    pub(super) to: Vec<String>,
    pub(super) on_delete: ReferentialAction,
}

impl Table {
    /// The columns of the primary key, in key order.
    pub(super) fn primary_key(&self) -> Vec<&Column> {
        let mut key: Vec<&Column> = self.columns.iter().filter(|column| column.key_place > 0).collect();
        key.sort_by_key(|column| column.key_place);
        key
    }

    /// Whether the primary key is the row identifier itself, which is never NULL and has no index of
    /// its own (<https://www.sqlite.org/lang_createtable.html#rowid>).
    pub(super) fn key_is_rowid(&self) -> bool {
        let key = self.primary_key();
        !self.without_rowid
            && key.len() == 1
            && key.iter().all(|column| column.declared_type.eq_ignore_ascii_case("INTEGER"))
            && !self.indexes.iter().any(|index| index.of_primary_key)
    }

    /// Whether these columns are the leading ones of an index over all rows (or the row identifier).
    pub(super) fn has_index_on(&self, columns: &[String]) -> bool {
        let wanted: BTreeSet<String> = columns.iter().map(|name| name.to_ascii_lowercase()).collect();
        let key = self.primary_key();
        if self.key_is_rowid() && key.iter().all(|column| wanted.contains(&column.name.to_ascii_lowercase()))
        {
            return wanted.len() == 1;
        }
        self.indexes.iter().filter(|index| !index.partial).any(|index| {
            let leading: BTreeSet<String> = index
                .columns
                .iter()
                .take(wanted.len())
                .flatten()
                .map(|name| name.to_ascii_lowercase())
                .collect();
            leading == wanted
        })
    }
}

impl Catalogue {
    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(&name.to_ascii_lowercase())
    }

    /// Reads the whole catalogue. Call inside a transaction, so that it is of one moment.
    pub(super) async fn load(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let mut catalogue = Self::default();
        catalogue.load_tables(connection).await?;
        catalogue.load_columns(connection).await?;
        catalogue.load_indexes(connection).await?;
        catalogue.load_foreign_keys(connection).await?;
        catalogue.load_triggers(connection).await?;
        Ok(catalogue)
    }

    fn table_mut(&mut self, name: &str) -> Option<&mut Table> {
        self.tables.get_mut(&name.to_ascii_lowercase())
    }

    async fn load_tables(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, String, i64, Option<String>)> = sqlx::query_as(
            "SELECT list.name, list.type, list.wr, (SELECT made.sql FROM sqlite_schema AS made \
               WHERE made.name = list.name AND made.type = 'table') \
             FROM pragma_table_list AS list \
             WHERE list.schema = 'main' AND list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )
        .fetch_all(connection)
        .await?;
        for (name, kind, without_rowid, sql) in rows {
            let kind = match kind.as_str() {
                "table" => TableKind::Ordinary,
                "view" => TableKind::View,
                _ => TableKind::Virtual,
            };
            let table = Table {
                kind,
                without_rowid: without_rowid != 0,
                columns: Vec::new(),
                indexes: Vec::new(),
                foreign_keys: Vec::new(),
                triggers: Vec::new(),
                checked: sql.as_deref().map(lexer::checked_words).unwrap_or_default().into_iter().collect(),
                name: name.clone(),
            };
            self.tables.insert(name.to_ascii_lowercase(), table);
        }
        Ok(())
    }

    async fn load_columns(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, String, String, bool, i64, i64)> = sqlx::query_as(
            "SELECT list.name, info.name, info.type, info.\"notnull\" <> 0, info.pk, info.hidden \
             FROM pragma_table_list AS list CROSS JOIN pragma_table_xinfo(list.name, list.schema) AS info \
             WHERE list.schema = 'main' AND list.type = 'table' ORDER BY list.name, info.cid",
        )
        .fetch_all(connection)
        .await?;
        for (table, name, declared_type, not_null, key_place, hidden) in rows {
            let generated = hidden != 0;
            if let Some(table) = self.table_mut(&table) {
                table.columns.push(Column { name, declared_type, not_null, key_place, generated });
            }
        }
        Ok(())
    }

    async fn load_indexes(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, i64, bool, bool, bool, Option<String>)> = sqlx::query_as(
            "SELECT list.name, found.seq, found.\"unique\" <> 0, found.origin = 'pk', found.partial <> 0, \
               part.name \
             FROM pragma_table_list AS list CROSS JOIN pragma_index_list(list.name, list.schema) AS found \
             CROSS JOIN pragma_index_xinfo(found.name, list.schema) AS part \
             WHERE list.schema = 'main' AND list.type = 'table' AND part.\"key\" <> 0 \
             ORDER BY list.name, found.seq, part.seqno",
        )
        .fetch_all(connection)
        .await?;
        let mut last = None;
        for (name, sequence, unique, of_primary_key, partial, column) in rows {
            let this = Some((name.clone(), sequence));
            let Some(table) = self.table_mut(&name) else { continue };
            if last != this {
                table.indexes.push(Index { unique, of_primary_key, partial, columns: Vec::new() });
                last = this;
            }
            if let Some(index) = table.indexes.last_mut() {
                index.columns.push(column);
            }
        }
        Ok(())
    }

    async fn load_foreign_keys(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, i64, String, String, Option<String>, String)> = sqlx::query_as(
            "SELECT list.name, found.id, found.\"table\", found.\"from\", found.\"to\", found.on_delete \
             FROM pragma_table_list AS list \
             CROSS JOIN pragma_foreign_key_list(list.name, list.schema) AS found \
             WHERE list.schema = 'main' AND list.type = 'table' ORDER BY list.name, found.id, found.seq",
        )
        .fetch_all(connection)
        .await?;
        let mut last = None;
        for (name, id, parent, from, to, on_delete) in rows {
            let this = Some((name.clone(), id));
            let Some(table) = self.table_mut(&name) else { continue };
            if last != this {
                let on_delete = referential_action(&on_delete);
                let declared = DeclaredForeignKey { parent, from: Vec::new(), to: Vec::new(), on_delete };
                table.foreign_keys.push(declared);
                last = this;
            }
            if let Some(foreign_key) = table.foreign_keys.last_mut() {
                foreign_key.from.push(from);
                foreign_key.to.extend(to);
            }
        }
        Ok(())
    }

    async fn load_triggers(&mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name",
        )
        .fetch_all(connection)
        .await?;
        for (table, name, sql) in rows {
            if !sql.as_deref().is_none_or(lexer::fires_on_delete_or_update) {
                continue;
            }
            if let Some(table) = self.table_mut(&table) {
                table.triggers.push(name);
            }
        }
        Ok(())
    }
}

fn referential_action(text: &str) -> ReferentialAction {
    match text {
        "CASCADE" => ReferentialAction::Cascade,
        "SET NULL" => ReferentialAction::SetNull,
        "SET DEFAULT" => ReferentialAction::SetDefault,
        "RESTRICT" => ReferentialAction::Restrict,
        _ => ReferentialAction::NoAction,
    }
}

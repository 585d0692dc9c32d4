//! Reads the live catalogue: tables, columns, indexes, foreign keys, triggers, checks.
//!
//! A few queries over `information_schema`, each for one table or for a whole database. Every name is a
//! bound parameter. `shape` says what the catalogue means for a dataset.

use super::MySqlBackend;
use crate::error::ConnectorError;
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::mysql::MySqlConnection;
use std::collections::BTreeMap;

/// What one reading is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) database: &'a str,
    /// All tables of the database if there is none.
    pub(super) table: Option<&'a str>,
}

/// The tables of one reading, by their name as the catalogue spells it.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) tables: BTreeMap<String, Table>,
    /// Foreign keys from or to the tables.
    pub(super) foreign_keys: Vec<DeclaredForeignKey>,
    /// Names of tables and databases are compared with their case.
    pub(super) case_counts: bool,
    /// The user may see triggers.
    pub(super) sees_triggers: bool,
    /// The user may see the foreign keys and checks of every table of the database.
    pub(super) sees_tables: bool,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    /// `BASE TABLE`, `VIEW`, …
    pub(super) kind: String,
    pub(super) engine: String,
    pub(super) columns: Vec<Column>,
    /// Columns of the primary key, in key order.
    pub(super) key: Vec<String>,
    /// Columns of any unique index.
    pub(super) unique: Vec<String>,
    /// Those that fire on delete or update.
    pub(super) triggers: Vec<String>,
    pub(super) checks: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) declared_type: String,
    pub(super) nullable: bool,
    pub(super) generated: bool,
    /// In characters.
    pub(super) length_max: Option<i64>,
}

#[derive(Debug)]
pub(super) struct DeclaredForeignKey {
    pub(super) child: (String, String),
    pub(super) parent: (String, String),
    pub(super) columns: Vec<(String, String)>,
    pub(super) delete_rule: String,
}

/// One row of `information_schema`, read by position.
struct Found(Vec<Value>);

impl Found {
    fn text(&self, at: usize) -> String {
        match self.0.get(at) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn int(&self, at: usize) -> Option<i64> {
        match self.0.get(at) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        }
    }
}

impl Catalogue {
    pub(super) async fn read(
        backend: &MySqlBackend,
        connection: &mut MySqlConnection,
        scope: Scope<'_>,
    ) -> Result<Self, ConnectorError> {
        let mut reader = Reader { backend, connection, scope };
        let mut catalogue = Self::default();
        catalogue.read_rights(&mut reader).await?;
        catalogue.read_tables(&mut reader).await?;
        catalogue.read_columns(&mut reader).await?;
        catalogue.read_indexes(&mut reader).await?;
        catalogue.read_triggers(&mut reader).await?;
        catalogue.read_checks(&mut reader).await?;
        catalogue.read_foreign_keys(&mut reader).await?;
        Ok(catalogue)
    }

    /// For others than administrators these tables hold the rights of the user alone. MariaDB shows foreign
    /// keys and checks only to whom a table is more than readable.
    async fn read_rights(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        const RIGHTS: &str = "SELECT @@lower_case_table_names = 0, \
             COALESCE(SUM(p = 'TRIGGER'), 0) > 0, \
             COALESCE(SUM(t IS NULL AND p IN ('REFERENCES', 'TRIGGER', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', \
             'ALTER', 'INDEX')), 0) > 0 FROM (\
             SELECT PRIVILEGE_TYPE AS p, NULL AS t FROM information_schema.USER_PRIVILEGES \
             UNION ALL SELECT PRIVILEGE_TYPE, NULL FROM information_schema.SCHEMA_PRIVILEGES WHERE {0} LIKE TABLE_SCHEMA ESCAPE '\\' \
             UNION ALL SELECT PRIVILEGE_TYPE, TABLE_NAME FROM information_schema.TABLE_PRIVILEGES \
             WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = COALESCE({1}, TABLE_NAME)) AS r";
        for found in reader.all(RIGHTS).await? {
            self.case_counts = found.int(0) == Some(1);
            self.sees_triggers = found.int(1) == Some(1);
            self.sees_tables = found.int(2) == Some(1);
        }
        Ok(())
    }

    async fn read_tables(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        const TABLES: &str = "SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = COALESCE({1}, TABLE_NAME) ORDER BY TABLE_NAME";
        for found in reader.all(TABLES).await? {
            let table = Table { kind: found.text(1), engine: found.text(2), ..Table::default() };
            self.tables.insert(found.text(0), table);
        }
        Ok(())
    }

    async fn read_columns(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE = 'YES', \
             COALESCE(GENERATION_EXPRESSION, '') <> '', CAST(CHARACTER_MAXIMUM_LENGTH AS CHAR) \
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = COALESCE({1}, TABLE_NAME) \
             ORDER BY TABLE_NAME, ORDINAL_POSITION";
        for found in reader.all(COLUMNS).await? {
            let column = Column {
                name: found.text(1),
                declared_type: found.text(2),
                nullable: found.int(3) == Some(1),
                generated: found.int(4) == Some(1),
                length_max: found.text(5).parse().ok(),
            };
            if let Some(table) = self.tables.get_mut(&found.text(0)) {
                table.columns.push(column);
            }
        }
        Ok(())
    }

    async fn read_indexes(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        const INDEXES: &str = "SELECT TABLE_NAME, INDEX_NAME = 'PRIMARY', COLUMN_NAME \
             FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = COALESCE({1}, TABLE_NAME) \
             AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
        for found in reader.all(INDEXES).await? {
            let Some(table) = self.tables.get_mut(&found.text(0)) else { continue };
            if found.int(1) == Some(1) {
                table.key.push(found.text(2));
            }
            table.unique.push(found.text(2));
        }
        Ok(())
    }

    async fn read_triggers(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        const TRIGGERS: &str = "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS \
             WHERE EVENT_OBJECT_SCHEMA = {0} AND EVENT_OBJECT_TABLE = COALESCE({1}, EVENT_OBJECT_TABLE) \
             AND EVENT_MANIPULATION <> 'INSERT' ORDER BY EVENT_OBJECT_TABLE, TRIGGER_NAME";
        for found in reader.all(TRIGGERS).await? {
            if let Some(table) = self.tables.get_mut(&found.text(0)) {
                table.triggers.push(found.text(1));
            }
        }
        Ok(())
    }

    /// MariaDB has names of checks that are unique within a table only: a check may be found for a second
    /// table of the same database too, whose columns then count as checked.
    async fn read_checks(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        const CHECKS: &str = "SELECT DISTINCT t.TABLE_NAME, c.CHECK_CLAUSE FROM information_schema.TABLE_CONSTRAINTS AS t \
             JOIN information_schema.CHECK_CONSTRAINTS AS c ON c.CONSTRAINT_SCHEMA = {0} \
             AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME \
             WHERE t.TABLE_SCHEMA = {0} AND t.TABLE_NAME = COALESCE({1}, t.TABLE_NAME) AND t.CONSTRAINT_TYPE = 'CHECK'";
        for found in reader.all(CHECKS).await? {
            if let Some(table) = self.tables.get_mut(&found.text(0)) {
                table.checks.push(found.text(1));
            }
        }
        Ok(())
    }

    async fn read_foreign_keys(&mut self, reader: &mut Reader<'_>) -> Result<(), ConnectorError> {
        let statement =
            if reader.crosses_databases().await? { FOREIGN_KEYS_ANYWHERE } else { FOREIGN_KEYS_HERE };
        let mut last = None;
        for found in reader.all(statement).await? {
            let child = (found.text(0), found.text(1));
            let this = Some((child.clone(), found.text(2)));
            if last != this {
                self.foreign_keys.push(DeclaredForeignKey {
                    child,
                    parent: (found.text(4), found.text(5)),
                    columns: Vec::new(),
                    delete_rule: found.text(7),
                });
                last = this;
            }
            if let Some(foreign_key) = self.foreign_keys.last_mut() {
                foreign_key.columns.push((found.text(3), found.text(6)));
            }
        }
        Ok(())
    }
}

/// Those of the database. With the schema of both tables given as a constant the server looks into one
/// database only: elsewhere it would open every table that there is.
const FOREIGN_KEYS_HERE: &str = "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, \
     k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE \
     FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r \
     ON r.CONSTRAINT_SCHEMA = {0} AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME \
     WHERE k.TABLE_SCHEMA = {0} AND k.REFERENCED_TABLE_NAME IS NOT NULL \
     AND (k.TABLE_NAME = COALESCE({1}, k.TABLE_NAME) \
     OR (k.REFERENCED_TABLE_SCHEMA = {0} AND k.REFERENCED_TABLE_NAME = COALESCE({1}, k.REFERENCED_TABLE_NAME))) \
     ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";

const FOREIGN_KEYS_ANYWHERE: &str = "SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, \
     k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE \
     FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r \
     ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
     AND r.TABLE_NAME = k.TABLE_NAME \
     WHERE k.REFERENCED_TABLE_NAME IS NOT NULL \
     AND ((k.TABLE_SCHEMA = {0} AND k.TABLE_NAME = COALESCE({1}, k.TABLE_NAME)) \
     OR (k.REFERENCED_TABLE_SCHEMA = {0} AND k.REFERENCED_TABLE_NAME = COALESCE({1}, k.REFERENCED_TABLE_NAME))) \
     ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";

/// Foreign keys of InnoDB from one database into another, of whatever table.
const CROSSING: [&str; 2] = [
    "SELECT count(*) FROM information_schema.INNODB_FOREIGN \
     WHERE SUBSTRING_INDEX(FOR_NAME, '/', 1) <> SUBSTRING_INDEX(REF_NAME, '/', 1)",
    "SELECT count(*) FROM information_schema.INNODB_SYS_FOREIGN \
     WHERE SUBSTRING_INDEX(FOR_NAME, '/', 1) <> SUBSTRING_INDEX(REF_NAME, '/', 1)",
];

struct Reader<'a> {
    backend: &'a MySqlBackend,
    connection: &'a mut MySqlConnection,
    scope: Scope<'a>,
}

impl Reader<'_> {
    /// Whether a foreign key may come from another database. Without the right PROCESS nobody tells, and
    /// every database has to be looked through.
    async fn crosses_databases(&mut self) -> Result<bool, ConnectorError> {
        let [mysql, mariadb] = CROSSING;
        let statement = if self.backend.database.is_mariadb() { mariadb } else { mysql };
        match self.backend.row(self.connection, SqlText::new(statement)).await {
            Ok(row) => Ok(row.first() != Some(&Value::Int(0))),
            Err(ConnectorError::Denied { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// `{0}` is the database, `{1}` the table or NULL.
    async fn all(&mut self, template: &'static str) -> Result<Vec<Found>, ConnectorError> {
        let text = |text: &str| SqlText::value(Value::Text(text.to_owned()));
        let table = self.scope.table.map_or_else(|| SqlText::new("NULL"), text);
        let sql = SqlText::fill(template, &[&text(self.scope.database), &table]);
        let rows = self.backend.rows(self.connection, self.scope.table.unwrap_or_default(), sql).await?;
        Ok(rows.into_iter().map(Found).collect())
    }
}

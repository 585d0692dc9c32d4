//! MySQL and MariaDB: one server and its default database are one store, one table is one dataset.
//!
//! What [`crate::server`] needs of such a server. Reading order: [`connect`], [`rows`], [`fault`],
//! [`catalogue`], [`shape`], [`keys`], [`presence`], [`pressure`], [`cleaning`], [`leaks`]. Only InnoDB tables are
//! governed: no other engine can take back half a batch.
//!
//! What this backend does not do: it changes no setting that outlives its session, and it never sees what
//! the server does below a table (undo, binary log, replicas, backups).

mod catalogue;
mod cleaning;
mod connect;
mod fault;
mod keys;
mod leaks;
mod presence;
mod pressure;
mod rights;
mod rows;
mod shape;

#[cfg(test)]
pub(crate) mod tests;

pub use connect::MySqlOptions;

use crate::capability::Capabilities;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakLook};
use crate::port::Pressure;
use crate::server::{Access, Backend, KeyColumn, NumberSet, Returning, SessionId};
use crate::sql::mysql::MySql;
use crate::sql::{Dialect, MySqlQuery, Row, SqlError, SqlText, mysql, mysql_query};
use crate::value::{RecordKey, Value};
use chrono::{DateTime, Utc};
use cleaning::Cleaning;
use connect::Database;
use pressure::Looks;
use sqlx::mysql::MySqlConnection;
use std::sync::Mutex;

/// Most records in one batch: more keys than this do not fit into one statement with two parameters each.
const BATCH_RECORDS_MAX: u32 = 20_000;

/// Statements with more parameters are not kept by the server: each may cost it megabytes.
const KEPT_PARAMETERS_MAX: usize = 256;

/// A statement that the server keeps for the next time, unless it is large. One that is not kept costs 40
/// milliseconds more over a network: the driver closes it with a message of its own, before whose receipt
/// is confirmed the next one does not leave this machine (Nagle's algorithm).
fn query(sql: SqlText) -> MySqlQuery {
    let kept = sql.binds().len() <= KEPT_PARAMETERS_MAX;
    mysql_query(sql).persistent(kept)
}

/// One MySQL or MariaDB server with a default database.
#[derive(Debug)]
pub struct MySqlBackend {
    database: Database,
    /// What was seen when pressure was looked at.
    load: Mutex<Looks>,
    cleaning: Cleaning,
}

impl MySqlBackend {
    /// `url` is `mysql://user:password@host:port/database`, with `ssl-mode` and `ssl-ca` after a `?`.
    ///
    /// # Errors
    /// `NotSupported` when the address cannot be read or names no database. The address is in no message.
    pub fn new(store: &str, url: &str, options: MySqlOptions) -> Result<Self, ConnectorError> {
        let database = Database::new(store, url, options)?;
        Ok(Self { database, load: Mutex::default(), cleaning: Cleaning::default() })
    }

    fn failed(&self, reason: &str) -> ConnectorError {
        ConnectorError::Failed { store: self.database.store.clone(), reason: reason.to_owned() }
    }

    /// The one row of a query of ours.
    async fn row(
        &self,
        connection: &mut MySqlConnection,
        sql: SqlText,
    ) -> Result<Vec<Value>, ConnectorError> {
        let rows = self.rows(connection, "", sql).await?;
        rows.into_iter().next().ok_or_else(|| self.failed("an answer had no row"))
    }
}

impl Backend for MySqlBackend {
    type Connection = MySqlConnection;

    fn store(&self) -> &str {
        &self.database.store
    }

    fn dialect(&self) -> &dyn Dialect {
        &MySql
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: true,
            set_based: true,
            own_clock: true,
            anonymizes: true,
            bounded_batches: true,
            reads_beside: false,
            is_server: true,
            batch_records_max: BATCH_RECORDS_MAX,
        }
    }

    async fn connect(&self, access: Access) -> Result<MySqlConnection, ConnectorError> {
        self.database.connect(access).await
    }

    async fn rows(
        &self,
        connection: &mut MySqlConnection,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Vec<Vec<Value>>, ConnectorError> {
        let _own = pressure::Own::begin();
        let found = query(sql).fetch_all(connection).await;
        let found = found.map_err(|error| self.database.fault(dataset, &error))?;
        found.iter().map(|row| rows::values(row).map_err(|reason| self.failed(reason))).collect()
    }

    async fn execute(
        &self,
        connection: &mut MySqlConnection,
        dataset: &str,
        sql: SqlText,
    ) -> Result<u64, ConnectorError> {
        let _own = pressure::Own::begin();
        let done = query(sql).execute(connection).await;
        Ok(done.map_err(|error| self.database.fault(dataset, &error))?.rows_affected())
    }

    async fn inspect(
        &self,
        connection: &mut MySqlConnection,
        address: &DatasetAddress,
    ) -> Result<DatasetShape, ConnectorError> {
        shape::inspect(self, connection, address).await
    }

    async fn discover(
        &self,
        connection: &mut MySqlConnection,
    ) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        shape::discover(self, connection).await
    }

    async fn clock(&self, connection: &mut MySqlConnection) -> Result<DateTime<Utc>, ConnectorError> {
        let row = self.row(connection, SqlText::new("SELECT UTC_TIMESTAMP(6)")).await?;
        match row.first() {
            Some(Value::Text(text)) => {
                let read = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
                read.map(|at| at.and_utc()).map_err(|_| self.failed("the clock could not be read"))
            }
            _ => Err(self.failed("the clock could not be read")),
        }
    }

    async fn pressure(
        &self,
        connection: &mut MySqlConnection,
        company: u32,
    ) -> Result<Pressure, ConnectorError> {
        let (pressure, sight) = pressure::pressure(self, connection, company).await?;
        self.cleaning.look(self, sight).await;
        Ok(pressure)
    }

    async fn let_go(&self) {
        self.cleaning.go_on().await;
    }

    async fn is_writable(
        &self,
        connection: &mut MySqlConnection,
        table: &DatasetAddress,
    ) -> Result<bool, ConnectorError> {
        rights::is_writable(self, connection, table).await
    }

    /// The binary log is kept for its time whether or not a replica has caught up.
    async fn leaks(
        &self,
        connection: &mut MySqlConnection,
        tables: &[DatasetAddress],
        _look: LeakLook,
    ) -> Result<Vec<Leak>, ConnectorError> {
        leaks::leaks(self, connection, tables).await
    }

    async fn enlist(
        &self,
        connection: &mut MySqlConnection,
        scope: &str,
    ) -> Result<SessionId, ConnectorError> {
        presence::enlist(self, connection, scope).await
    }

    async fn enlisted(
        &self,
        connection: &mut MySqlConnection,
        scope: &str,
    ) -> Result<Vec<SessionId>, ConnectorError> {
        presence::enlisted(self, connection, scope).await
    }

    async fn end_session(
        &self,
        connection: &mut MySqlConnection,
        session: &SessionId,
    ) -> Result<(), ConnectorError> {
        presence::end(self, connection, session).await
    }

    fn stored(&self, column: &ColumnShape, text: &SqlText) -> SqlText {
        mysql::stored(column, text)
    }

    fn byte_order(&self, text: &SqlText) -> SqlText {
        mysql::bytes(text)
    }

    fn key_part(&self, column: &ColumnShape, value: &Value) -> Result<SqlText, SqlError> {
        keys::part(column, value)
    }

    fn among(&self, key: &[KeyColumn<'_>], keys: &[RecordKey]) -> Result<SqlText, SqlError> {
        keys::among(key, keys)
    }

    fn among_rows(&self, key: KeyColumn<'_>, set: NumberSet) -> Result<SqlText, SqlError> {
        keys::among_rows(&key, set)
    }

    /// Reading nothing from a table takes its metadata lock.
    async fn hold_schema(
        &self,
        connection: &mut MySqlConnection,
        tables: &[&DatasetAddress],
    ) -> Result<(), ConnectorError> {
        for address in tables {
            let table = SqlText::table(address).map_err(|error| self.failed(&error.to_string()))?;
            let sql = SqlText::fill("SELECT 1 FROM {0} LIMIT 0", &[&table]);
            self.execute(connection, &address.dataset, sql).await?;
        }
        Ok(())
    }

    /// What the server would make the tables from again. It does not tell of triggers, nor of foreign keys
    /// that come from elsewhere: those are seen when the tables are inspected, now and then.
    async fn schema_mark(
        &self,
        connection: &mut MySqlConnection,
        tables: &[&DatasetAddress],
    ) -> Result<Option<String>, ConnectorError> {
        let mut mark = String::new();
        for address in tables {
            let table = SqlText::table(address).map_err(|error| self.failed(&error.to_string()))?;
            let sql = SqlText::fill("SHOW CREATE TABLE {0}", &[&table]);
            for row in self.rows(connection, &address.dataset, sql).await? {
                let Some(Value::Text(definition)) = row.get(1) else {
                    return Err(self.failed("the definition of a table could not be read"));
                };
                mark.push_str(&without_counter(definition));
                mark.push(';');
            }
        }
        Ok(Some(mark))
    }

    fn default_schema(&self) -> &'static str {
        "database()"
    }

    fn unique_text(&self) -> &'static str {
        "UUID()"
    }

    fn returning(&self) -> Returning {
        if self.database.is_mariadb() { Returning::Deleted } else { Returning::Nothing }
    }

    fn listed_stretch(&self) -> Option<&'static str> {
        Some(
            "SELECT GROUP_CONCAT(CASE WHEN d THEN k END SEPARATOR ','), COUNT(CASE WHEN d THEN 1 END), \
             MAX(CASE WHEN d THEN k END), COUNT(*), MAX(k), MAX(CASE WHEN d THEN NULL ELSE k END) FROM ({0}) AS s",
        )
    }

    fn row_alias(&self, table: &str) -> String {
        if self.database.is_mariadb() { table.to_owned() } else { "r".to_owned() }
    }

    fn begin_reading(&self) -> &'static [&'static str] {
        &[
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ]
    }

    fn assigned(&self, column: &ColumnShape, value: &Value, _: Row<'_>) -> Result<SqlText, SqlError> {
        Ok(keys::assigned(column, value))
    }
}

/// A definition without the next automatic number, which changes with every insertion.
fn without_counter(definition: &str) -> String {
    const COUNTER: &str = " AUTO_INCREMENT=";
    let Some((before, after)) = definition.rsplit_once(COUNTER) else { return definition.to_owned() };
    format!("{before}{}", after.trim_start_matches(|character: char| character.is_ascii_digit()))
}

#[cfg(test)]
mod counter_tests {
    #[test]
    fn only_the_counter_is_left_out_of_a_definition() {
        let definition =
            "CREATE TABLE \"t\" (\n  \"id\" int\n) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4";
        assert_eq!(
            super::without_counter(definition),
            "CREATE TABLE \"t\" (\n  \"id\" int\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        );
    }
}

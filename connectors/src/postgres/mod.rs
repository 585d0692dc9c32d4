//! PostgreSQL: one database is one store, one table is one dataset.
//!
//! Reading order: [`connect`], [`fault`], [`rows`], [`catalogue`], [`shape`], [`sessions`], [`own`],
//! [`pressure`], [`keys`], [`leaks`], [`partitions`],
//! [`upkeep`]. This is what [`crate::server`] needs of one kind of server; what is due and in which order a
//! batch goes is decided there. PostgreSQL 14 or later, in UTF-8.
//!
//! What this store does not do: it changes no setting that outlives its session.
//! Through a pooler it needs sessions of its own (not transaction pooling), since it stands on settings of
//! the session.

mod advice;
mod catalogue;
mod connect;
mod fault;
mod keys;
mod leaks;
mod own;
mod partitions;
mod pressure;
mod rights;
mod rows;
mod sessions;
mod shape;
mod upkeep;

#[cfg(test)]
pub(crate) mod tests;

pub use connect::{PostgresConnection, PostgresOptions};
pub use own::{OwnTransactions, ledger_application};

use crate::capability::Capabilities;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakLook};
use crate::port::Pressure;
use crate::server::{Access, Backend, KeyColumn, NumberSet, PartitionFacts, Returning, SessionId};
use crate::sql::postgres::{Postgres, stored};
use crate::sql::{Dialect, Ident, Row, SqlError, SqlText};
use crate::value::{RecordKey, Value};
use chrono::{DateTime, Utc};
use connect::Server;

/// Most records in one batch: beyond this the gain is small, and locks are held for too long.
const BATCH_RECORDS_MAX: u32 = 50_000;

const CAPABILITIES: Capabilities = Capabilities {
    transactional: true,
    set_based: true,
    own_clock: true,
    anonymizes: true,
    bounded_batches: true,
    reads_beside: false,
    is_server: true,
    batch_records_max: BATCH_RECORDS_MAX,
};

/// One database of a PostgreSQL server under its name in the settings.
#[derive(Debug)]
pub struct PostgresBackend {
    server: Server,
    load: pressure::Load,
}

impl PostgresBackend {
    /// `url` is `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…`; a host that
    /// begins with an encoded `/` is the directory of a Unix socket. Connects to nothing yet.
    ///
    /// # Errors
    /// `NotSupported` when the URL cannot be read or has a parameter that is not known. No part of it is
    /// told: it may hold a password.
    pub fn new(store: &str, url: &str, options: PostgresOptions) -> Result<Self, ConnectorError> {
        Ok(Self { server: Server::new(store, url, options)?, load: pressure::Load::default() })
    }
}

impl Backend for PostgresBackend {
    type Connection = PostgresConnection;

    fn store(&self) -> &str {
        self.server.store()
    }

    fn dialect(&self) -> &dyn Dialect {
        &Postgres
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn connect(&self, access: Access) -> Result<Self::Connection, ConnectorError> {
        self.server.connect(access).await
    }

    async fn rows(
        &self,
        connection: &mut Self::Connection,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Vec<Vec<Value>>, ConnectorError> {
        let found = connection.rows(sql).await.map_err(|error| self.server.fault(dataset, &error))?;
        found
            .iter()
            .map(rows::values)
            .collect::<Result<_, _>>()
            .map_err(|error| self.server.fault(dataset, &error))
    }

    async fn execute(
        &self,
        connection: &mut Self::Connection,
        dataset: &str,
        sql: SqlText,
    ) -> Result<u64, ConnectorError> {
        connection.execute(sql).await.map_err(|error| self.server.fault(dataset, &error))
    }

    async fn inspect(
        &self,
        connection: &mut Self::Connection,
        address: &DatasetAddress,
    ) -> Result<DatasetShape, ConnectorError> {
        shape::inspect(&self.server, connection, address).await
    }

    async fn discover(
        &self,
        connection: &mut Self::Connection,
    ) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        shape::discover(&self.server, connection).await
    }

    async fn clock(&self, connection: &mut Self::Connection) -> Result<DateTime<Utc>, ConnectorError> {
        connection
            .one(sqlx::query_scalar("SELECT clock_timestamp()"))
            .await
            .map_err(|error| self.server.fault("", &error))
    }

    async fn pressure(
        &self,
        connection: &mut Self::Connection,
        company: u32,
    ) -> Result<Pressure, ConnectorError> {
        self.load.pressure(connection, company).await.map_err(|error| self.server.fault("", &error))
    }

    async fn is_writable(
        &self,
        connection: &mut Self::Connection,
        table: &DatasetAddress,
    ) -> Result<bool, ConnectorError> {
        rights::is_writable(&self.server, connection, table).await
    }

    async fn leaks(
        &self,
        connection: &mut Self::Connection,
        tables: &[DatasetAddress],
        look: LeakLook,
    ) -> Result<Vec<Leak>, ConnectorError> {
        leaks::leaks(&self.server, connection, tables, look).await
    }

    async fn partitions(
        &self,
        connection: &mut Self::Connection,
        address: &DatasetAddress,
    ) -> Result<Vec<PartitionFacts>, ConnectorError> {
        partitions::partitions(&self.server, connection, address).await
    }

    async fn search_advice(
        &self,
        connection: &mut Self::Connection,
        address: &DatasetAddress,
        shape: &DatasetShape,
        column: &str,
    ) -> Result<Option<String>, ConnectorError> {
        advice::search_advice(&self.server, connection, (address, shape), column).await
    }

    async fn enlist(
        &self,
        connection: &mut Self::Connection,
        scope: &str,
    ) -> Result<SessionId, ConnectorError> {
        sessions::enlist(connection, scope).await.map_err(|error| self.server.fault("", &error))
    }

    async fn enlisted(
        &self,
        connection: &mut Self::Connection,
        scope: &str,
    ) -> Result<Vec<SessionId>, ConnectorError> {
        sessions::enlisted(&self.server, connection, scope).await
    }

    async fn end_session(
        &self,
        connection: &mut Self::Connection,
        session: &SessionId,
    ) -> Result<(), ConnectorError> {
        sessions::end(&self.server, connection, session).await
    }

    fn stored(&self, column: &ColumnShape, text: &SqlText) -> SqlText {
        stored(column, text)
    }

    fn byte_order(&self, text: &SqlText) -> SqlText {
        SqlText::fill("(CAST({0} AS text) COLLATE \"C\")", &[text])
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

    fn locks_matches_alone(&self) -> bool {
        true
    }

    async fn hold_schema(
        &self,
        connection: &mut Self::Connection,
        tables: &[&DatasetAddress],
    ) -> Result<(), ConnectorError> {
        upkeep::hold_schema(&self.server, connection, tables).await
    }

    async fn schema_mark(
        &self,
        connection: &mut Self::Connection,
        tables: &[&DatasetAddress],
    ) -> Result<Option<String>, ConnectorError> {
        upkeep::schema_mark(&self.server, connection, tables).await.map(Some)
    }

    async fn clean_up(
        &self,
        connection: &mut Self::Connection,
        tables: &[DatasetAddress],
    ) -> Result<Vec<&'static str>, ConnectorError> {
        upkeep::clean_up(&self.server, connection, tables).await
    }

    fn default_schema(&self) -> &'static str {
        "'public'"
    }

    fn unique_text(&self) -> &'static str {
        "gen_random_uuid()::text"
    }

    fn returning(&self) -> Returning {
        Returning::DeletedAndUpdated
    }

    fn gathered_numbers(&self) -> Option<&'static str> {
        Some("WITH gathered AS ({0}) SELECT string_agg(CAST({1} AS text), ',') FROM gathered")
    }

    fn listed_numbers(&self) -> Option<&'static str> {
        Some("SELECT string_agg(CAST({0} AS text), ',') FROM {1} WHERE {2}")
    }

    fn listed_stretch(&self) -> Option<&'static str> {
        Some(
            "SELECT string_agg(CAST(k AS text), ',') FILTER (WHERE d), count(*) FILTER (WHERE d), \
             max(k) FILTER (WHERE d), count(*), max(k), NULL::bigint FROM ({0}) AS s",
        )
    }

    /// The snapshot is taken by the first query: what `LOCK TABLE` waited for is seen.
    fn begin_snapshot(&self) -> Option<&'static str> {
        Some("BEGIN ISOLATION LEVEL REPEATABLE READ")
    }

    async fn execute_in_snapshot(
        &self,
        connection: &mut Self::Connection,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Option<u64>, ConnectorError> {
        match connection.execute(sql).await {
            Ok(changed) => Ok(Some(changed)),
            Err(error) if fault::is_conflict(&error) => Ok(None),
            Err(error) => Err(self.server.fault(dataset, &error)),
        }
    }

    fn compares_rows(&self) -> bool {
        true
    }

    fn begin_reading(&self) -> &'static [&'static str] {
        &["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"]
    }

    async fn spare_others(&self, connection: &mut Self::Connection) -> Result<(), ConnectorError> {
        upkeep::spare_others(&self.server, connection, self.load.was_felt()).await
    }

    async fn prepare_survey(
        &self,
        connection: &mut Self::Connection,
        table: &DatasetAddress,
    ) -> Result<(), ConnectorError> {
        upkeep::prepare_survey(&self.server, connection, table).await
    }

    fn row_bytes(&self, row: Row<'_>) -> Result<SqlText, SqlError> {
        let alias = SqlText::ident(&Ident::new(row.alias)?);
        Ok(SqlText::fill("pg_column_size({0}.*)", &[&alias]))
    }

    fn assigned(&self, column: &ColumnShape, value: &Value, row: Row<'_>) -> Result<SqlText, SqlError> {
        match value {
            Value::Null | Value::Text(_) | Value::Instant(_) => Postgres.assigned(column, value, row),
            Value::Real(_) => Ok(SqlText::value(value.clone())),
            _ => self.key_part(column, value),
        }
    }
}

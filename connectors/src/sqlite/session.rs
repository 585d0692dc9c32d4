//! One connection that is lent to one call at a time, and the catalogue it last saw.
//!
//! A call that fails, or whose future is dropped half way, never gives its connection back: closing it
//! rolls back whatever was open, so no later call can find itself inside a stale transaction.

use super::catalogue::Catalogue;
use super::connect::{Access, Database};
use super::keys::KeyedTable;
use super::shape;
use crate::dataset::{DatasetAddress, DatasetShape};
use crate::drift;
use crate::error::ConnectorError;
use crate::selection::Selection;
use crate::sql::{SqlError, SqlText};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{Connection as _, Decode, Type};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Session {
    pub(super) database: Database,
    access: Access,
    slot: Mutex<Option<Open>>,
}

/// An open connection with the catalogue of one schema version.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) connection: SqliteConnection,
    catalogue: Option<(i64, Arc<Catalogue>)>,
}

/// The right to use the connection until it is given back.
pub(super) struct Lease<'a> {
    slot: MutexGuard<'a, Option<Open>>,
    pub(super) open: Open,
    pub(super) database: &'a Database,
}

impl Session {
    pub(super) async fn open(database: Database, access: Access) -> Result<Self, ConnectorError> {
        let connection = database.connect(access).await?;
        let open = Open { connection, catalogue: None };
        Ok(Self { database, access, slot: Mutex::new(Some(open)) })
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_>, ConnectorError> {
        let mut slot = self.slot.lock().await;
        let open = match slot.take() {
            Some(open) => open,
            None => Open { connection: self.database.connect(self.access).await?, catalogue: None },
        };
        Ok(Lease { slot, open, database: &self.database })
    }
}

impl Lease<'_> {
    /// Ends the call: after success the connection is kept, after a failure it is closed, which rolls
    /// back and frees its locks before the error is told.
    pub(super) async fn end<T>(mut self, result: Result<T, ConnectorError>) -> Result<T, ConnectorError> {
        if result.is_ok() {
            *self.slot = Some(self.open);
            return result;
        }
        // The first error says more than a failure to close after it.
        self.open.connection.close().await.or(Ok(())).and(result)
    }

    /// Refuses when the key of a dataset is no longer what it was.
    pub(super) async fn verify_key_of(
        &mut self,
        address: &DatasetAddress,
        planned: &DatasetShape,
    ) -> Result<(), ConnectorError> {
        let catalogue = self.catalogue().await?;
        let found = shape::shape_of(&catalogue, shape::find(&catalogue, address)?);
        drift::refuse_changed_key(address, planned, &found)
    }

    /// Runs one statement without parameters.
    pub(super) async fn run(&mut self, dataset: &str, sql: &'static str) -> Result<(), ConnectorError> {
        let done = sqlx::query(sql).execute(&mut self.open.connection).await;
        done.map(drop).map_err(|error| self.database.fault(dataset, &error))
    }

    pub(super) async fn rows(
        &mut self,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Vec<SqliteRow>, ConnectorError> {
        let rows = crate::sql::query(sql).fetch_all(&mut self.open.connection).await;
        rows.map_err(|error| self.database.fault(dataset, &error))
    }

    pub(super) async fn row(&mut self, dataset: &str, sql: SqlText) -> Result<SqliteRow, ConnectorError> {
        let row = crate::sql::query(sql).fetch_one(&mut self.open.connection).await;
        row.map_err(|error| self.database.fault(dataset, &error))
    }

    /// Runs a statement that changes rows; answers how many, without those of cascades and triggers.
    pub(super) async fn change(&mut self, dataset: &str, sql: SqlText) -> Result<u64, ConnectorError> {
        let done = crate::sql::query(sql).execute(&mut self.open.connection).await;
        done.map(|done| done.rows_affected()).map_err(|error| self.database.fault(dataset, &error))
    }

    /// The one value that a constant statement answers with.
    pub(super) async fn scalar<T>(&mut self, sql: &'static str) -> Result<T, ConnectorError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + Send + Unpin,
    {
        let value = sqlx::query_scalar(sql).fetch_one(&mut self.open.connection).await;
        value.map_err(|error| self.database.fault("", &error))
    }

    /// Rows changed on this connection since it was opened, with those of cascades and triggers.
    pub(super) async fn total_changes(&mut self) -> Result<i64, ConnectorError> {
        self.scalar("SELECT total_changes()").await
    }

    /// The table under an alias, with what the catalogue knows of its key.
    pub(super) async fn keyed(
        &mut self,
        address: &DatasetAddress,
        shape: &DatasetShape,
        alias: &str,
    ) -> Result<KeyedTable, ConnectorError> {
        let catalogue = self.catalogue().await?;
        let walks_rowid = shape::find(&catalogue, address)?.key_is_rowid();
        KeyedTable::new(address, shape, alias, walks_rowid).map_err(|error| self.unwritable(&error))
    }

    /// A selection that cannot be written as SQL.
    pub(super) fn unwritable(&self, error: &SqlError) -> ConnectorError {
        ConnectorError::NotSupported { store: self.database.store.clone(), reason: error.to_string() }
    }

    pub(super) fn decoded<T>(
        &self,
        dataset: &str,
        value: Result<T, sqlx::Error>,
    ) -> Result<T, ConnectorError> {
        value.map_err(|error| self.database.fault(dataset, &error))
    }

    /// The catalogue as of the open transaction.
    pub(super) async fn catalogue(&mut self) -> Result<Arc<Catalogue>, ConnectorError> {
        let loaded = self.open.catalogue().await;
        loaded.map_err(|error| self.database.fault("", &error))
    }

    /// Refuses when a dataset of the selection no longer has the shape it was planned with. Inside a
    /// transaction nothing can change it afterwards.
    pub(super) async fn verify(&mut self, selection: &Selection) -> Result<(), ConnectorError> {
        let catalogue = self.catalogue().await?;
        drift::refuse_unusable(selection)?;
        for table in drift::tables(selection) {
            let found = shape::shape_of(&catalogue, shape::find(&catalogue, table.address)?);
            drift::refuse_changed(&table, &found)?;
        }
        Ok(())
    }
}

impl Open {
    async fn catalogue(&mut self) -> Result<Arc<Catalogue>, sqlx::Error> {
        let version: i64 =
            sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut self.connection).await?;
        if let Some((seen, catalogue)) = &self.catalogue
            && *seen == version
        {
            return Ok(Arc::clone(catalogue));
        }
        let catalogue = Arc::new(Catalogue::load(&mut self.connection).await?);
        self.catalogue = Some((version, Arc::clone(&catalogue)));
        Ok(catalogue)
    }
}

//! Connections that are lent to one call at a time, and the schema they last saw.
//!
//! A call that fails, or whose future is dropped half way, never gives its connection back: closing it
//! makes the server roll back whatever was open, so no later call can find itself inside a stale
//! transaction. Whether the server has noticed is another matter: see [`Sessions::settle`].

use super::backend::{Access, Backend, SessionId};
use super::partition::PartitionFacts;
use super::table::KeyedTable;
use crate::dataset::{DatasetAddress, DatasetShape};
use crate::drift;
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakLook};
use crate::port::Pressure;
use crate::selection::Selection;
use crate::sql::{SqlError, SqlText};
use crate::value::{RecordKey, Value};
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The sessions of one side of a store: the reader's, or the writer's.
#[derive(Debug)]
pub(super) struct Sessions<B: Backend> {
    pub(super) backend: B,
    access: Access,
    /// The run on whose behalf the writer acts: its sessions are found by it on the server.
    scope: Option<String>,
    idle: Mutex<Vec<Open<B>>>,
    /// Sessions that are idle or lent out: whoever is enlisted and not here is lost.
    living: Mutex<HashSet<SessionId>>,
}

struct Open<B: Backend> {
    connection: B::Connection,
    id: Option<SessionId>,
    /// When, and under which mark, the tables of a selection were last found unchanged.
    verified: Option<(Instant, String, String)>,
}

/// A mark need not tell everything: after this time the tables are inspected again.
const INSPECT_EVERY: Duration = Duration::from_mins(1);

impl<B: Backend> fmt::Debug for Open<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Open").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The right to use a connection until it is given back.
pub(super) struct Lease<'a, B: Backend> {
    sessions: &'a Sessions<B>,
    open: Option<Open<B>>,
}

impl<B: Backend> Sessions<B> {
    /// Opens the first connection, so that what cannot be reached is told now.
    pub(super) async fn open(
        backend: B,
        access: Access,
        scope: Option<String>,
    ) -> Result<Self, ConnectorError> {
        let (idle, living) = (Mutex::default(), Mutex::default());
        let sessions = Self { backend, access, scope, idle, living };
        let lease = sessions.lease().await?;
        lease.end(Ok(()))?;
        Ok(sessions)
    }

    pub(super) fn backend(&self) -> &B {
        &self.backend
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_, B>, ConnectorError> {
        let idle = lock(&self.idle).pop();
        let open = match idle {
            Some(open) => open,
            None => self.connect().await?,
        };
        Ok(Lease { sessions: self, open: Some(open) })
    }

    /// Closes every idle connection: when one was found dead the others may be, too.
    pub(super) fn forget_idle(&self) {
        let dead = std::mem::take(&mut *lock(&self.idle));
        let mut living = lock(&self.living);
        for id in dead.into_iter().filter_map(|open| open.id) {
            living.remove(&id);
        }
    }

    async fn connect(&self) -> Result<Open<B>, ConnectorError> {
        let mut connection = self.backend.connect(self.access).await?;
        let mut id = None;
        if let Some(scope) = &self.scope {
            let session = self.backend.enlist(&mut connection, scope).await?;
            lock(&self.living).insert(session.clone());
            id = Some(session);
        }
        Ok(Open { connection, id, verified: None })
    }

    /// Ends every session of the scope that is not alive here: one whose answer was lost, or one of a
    /// process that was killed. Until the server has let go of it, its transaction could still commit.
    pub(super) async fn settle(&self) -> Result<(), ConnectorError> {
        let Some(scope) = &self.scope else { return Ok(()) };
        self.forget_idle();
        let mut lease = self.lease().await?;
        let result = async {
            let connection = lease.connection()?;
            for session in self.backend.enlisted(connection, scope).await? {
                if !lock(&self.living).contains(&session) {
                    self.backend.end_session(connection, &session).await?;
                }
            }
            Ok(())
        }
        .await;
        lease.end(result)
    }

    /// Ends every session of another scope, of which none is alive here.
    pub(super) async fn end_all_of(&self, scope: &str) -> Result<(), ConnectorError> {
        let mut lease = self.lease().await?;
        let result = async {
            let connection = lease.connection()?;
            for session in self.backend.enlisted(connection, scope).await? {
                self.backend.end_session(connection, &session).await?;
            }
            Ok(())
        }
        .await;
        lease.end(result)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Backend> Drop for Lease<'_, B> {
    fn drop(&mut self) {
        if let Some(id) = self.open.take().and_then(|open| open.id) {
            lock(&self.sessions.living).remove(&id);
        }
    }
}

impl<'a, B: Backend> Lease<'a, B> {
    pub(super) fn backend(&self) -> &'a B {
        &self.sessions.backend
    }

    fn connection(&mut self) -> Result<&mut B::Connection, ConnectorError> {
        let store = self.sessions.backend.store();
        self.open.as_mut().map(|open| &mut open.connection).ok_or_else(|| ConnectorError::Failed {
            store: store.to_owned(),
            reason: "the connection was given back".to_owned(),
        })
    }

    /// Ends the call: after success the connection is kept, after a failure it is closed.
    pub(super) fn end<T>(mut self, result: Result<T, ConnectorError>) -> Result<T, ConnectorError> {
        if result.is_ok()
            && let Some(open) = self.open.take()
        {
            lock(&self.sessions.idle).push(open);
        }
        result
    }

    /// Runs a statement; answers how many rows it changed.
    pub(super) async fn execute(&mut self, dataset: &str, sql: SqlText) -> Result<u64, ConnectorError> {
        let backend = self.backend();
        backend.execute(self.connection()?, dataset, sql).await
    }

    /// [`Backend::execute_in_snapshot`].
    pub(super) async fn execute_in_snapshot(
        &mut self,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Option<u64>, ConnectorError> {
        let backend = self.backend();
        backend.execute_in_snapshot(self.connection()?, dataset, sql).await
    }

    /// Runs a statement without parameters.
    pub(super) async fn run(&mut self, dataset: &str, sql: &'static str) -> Result<(), ConnectorError> {
        self.execute(dataset, SqlText::new(sql)).await.map(drop)
    }

    pub(super) async fn rows(
        &mut self,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Vec<Vec<Value>>, ConnectorError> {
        let backend = self.backend();
        backend.rows(self.connection()?, dataset, sql).await
    }

    /// The first row of a query that answers with one.
    pub(super) async fn row(&mut self, dataset: &str, sql: SqlText) -> Result<Vec<Value>, ConnectorError> {
        let rows = self.rows(dataset, sql).await?;
        rows.into_iter().next().ok_or_else(|| self.unexpected())
    }

    /// Rows of nothing but the key of a table.
    pub(super) async fn keys(
        &mut self,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        self.rows(dataset, sql).await?.into_iter().map(|row| self.key(row)).collect()
    }

    /// The keys in the one text of [`Backend::gathered_numbers`]; no text is no key.
    pub(super) async fn numbers(
        &mut self,
        dataset: &str,
        sql: SqlText,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        let row = self.row(dataset, sql).await?;
        let [numbers] = row.as_slice() else { return Err(self.unexpected()) };
        self.numbers_of(numbers)
    }

    /// Whole numbers in one text, parted by commas; NULL is none.
    pub(super) fn numbers_of(&self, numbers: &Value) -> Result<Vec<RecordKey>, ConnectorError> {
        let text = match numbers {
            Value::Null => return Ok(Vec::new()),
            Value::Text(text) => text,
            _ => return Err(self.unexpected()),
        };
        let number = |number: &str| number.parse().map(RecordKey::int).map_err(|_| self.unexpected());
        text.split(',').map(number).collect()
    }

    /// A row as a key.
    ///
    /// # Errors
    /// When a part is NULL: such a record could not be found again by its key.
    pub(super) fn key(&self, row: Vec<Value>) -> Result<RecordKey, ConnectorError> {
        if row.is_empty() || row.contains(&Value::Null) {
            return Err(self.unexpected());
        }
        Ok(RecordKey::of(row))
    }

    pub(super) fn unexpected(&self) -> ConnectorError {
        ConnectorError::Failed {
            store: self.backend().store().to_owned(),
            reason: "an answer had an unexpected form".to_owned(),
        }
    }

    /// A selection that cannot be written as SQL.
    pub(super) fn unwritable(&self, error: &SqlError) -> ConnectorError {
        ConnectorError::NotSupported { store: self.backend().store().to_owned(), reason: error.to_string() }
    }

    pub(super) fn written<T>(&self, text: Result<T, SqlError>) -> Result<T, ConnectorError> {
        text.map_err(|error| self.unwritable(&error))
    }

    /// The table of an address under an alias, with its key.
    pub(super) fn table<'t>(
        &self,
        address: &DatasetAddress,
        shape: &'t DatasetShape,
        alias: &str,
    ) -> Result<KeyedTable<'t>, ConnectorError> {
        let table = KeyedTable::new(address, shape, alias, self.backend().compares_rows());
        self.written(table)
    }

    pub(super) async fn inspect(&mut self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
        let backend = self.backend();
        backend.inspect(self.connection()?, address).await
    }

    pub(super) async fn discover(&mut self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        let backend = self.backend();
        backend.discover(self.connection()?).await
    }

    pub(super) async fn clock(&mut self) -> Result<DateTime<Utc>, ConnectorError> {
        let backend = self.backend();
        backend.clock(self.connection()?).await
    }

    pub(super) async fn pressure(&mut self, company: u32) -> Result<Pressure, ConnectorError> {
        let backend = self.backend();
        backend.pressure(self.connection()?, company).await
    }

    pub(super) async fn spare_others(&mut self) -> Result<(), ConnectorError> {
        let backend = self.backend();
        backend.spare_others(self.connection()?).await
    }

    pub(super) async fn prepare_survey(&mut self, table: &DatasetAddress) -> Result<(), ConnectorError> {
        let backend = self.backend();
        backend.prepare_survey(self.connection()?, table).await
    }

    pub(super) async fn leaks(
        &mut self,
        tables: &[DatasetAddress],
        look: LeakLook,
    ) -> Result<Vec<Leak>, ConnectorError> {
        let backend = self.backend();
        backend.leaks(self.connection()?, tables, look).await
    }

    pub(super) async fn writable(
        &mut self,
        tables: &[DatasetAddress],
    ) -> Result<Vec<DatasetAddress>, ConnectorError> {
        let backend = self.backend();
        let mut writable = Vec::new();
        for table in tables {
            if backend.is_writable(self.connection()?, table).await? {
                writable.push(table.clone());
            }
        }
        Ok(writable)
    }

    pub(super) async fn partitions(
        &mut self,
        address: &DatasetAddress,
    ) -> Result<Vec<PartitionFacts>, ConnectorError> {
        let backend = self.backend();
        backend.partitions(self.connection()?, address).await
    }

    pub(super) async fn search_advice(
        &mut self,
        address: &DatasetAddress,
        shape: &DatasetShape,
        column: &str,
    ) -> Result<Option<String>, ConnectorError> {
        let backend = self.backend();
        backend.search_advice(self.connection()?, address, shape, column).await
    }

    pub(super) async fn clean_up(
        &mut self,
        tables: &[DatasetAddress],
    ) -> Result<Vec<&'static str>, ConnectorError> {
        let backend = self.backend();
        backend.clean_up(self.connection()?, tables).await
    }

    /// Keeps the tables that a batch changes as they are declared, until its transaction ends.
    pub(super) async fn hold_schema(&mut self, selection: &Selection) -> Result<(), ConnectorError> {
        let own = std::iter::once(&selection.address);
        let along = drift::dependents(selection).into_iter().map(|dependent| &dependent.address);
        let tables: Vec<&DatasetAddress> = own.chain(along).collect();
        let backend = self.backend();
        backend.hold_schema(self.connection()?, &tables).await
    }

    /// Refuses when a dataset of the selection no longer has the shape it was planned with. What the
    /// server says cheaply is not asked for again.
    pub(super) async fn verify(&mut self, selection: &Selection) -> Result<(), ConnectorError> {
        drift::refuse_unusable(selection)?;
        let tables = drift::tables(selection);
        let addresses: Vec<&DatasetAddress> = tables.iter().map(|table| table.address).collect();
        let backend = self.backend();
        let mark = backend.schema_mark(self.connection()?, &addresses).await?;
        let dataset = &selection.address.dataset;
        let known = self.open.as_ref().and_then(|open| open.verified.as_ref());
        if known.is_some_and(|(at, of, under)| {
            of == dataset && Some(under) == mark.as_ref() && at.elapsed() < INSPECT_EVERY
        }) {
            return Ok(());
        }
        for table in &tables {
            let found = self.inspect(table.address).await?;
            drift::refuse_changed(table, &found)?;
        }
        if let Some(open) = self.open.as_mut() {
            open.verified = mark.map(|mark| (Instant::now(), dataset.clone(), mark));
        }
        Ok(())
    }
}

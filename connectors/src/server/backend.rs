//! What the engine needs of one kind of database server, and nothing else of it.
//!
//! A backend knows how to connect, run one statement, read the catalogue and spell a few forms. It does
//! not know what is due, in which order a batch goes, or what an intent is: that is the engine's.

use crate::capability::Capabilities;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakLook};
use crate::port::Pressure;
use crate::server::{NumberSet, PartitionFacts};
use crate::sql::{Dialect, Row, SqlError, SqlText};
use crate::value::{RecordKey, Value};
use chrono::{DateTime, Utc};
use std::fmt;
use std::future::Future;

/// With which credentials, and under which promises, a connection is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The reader's. Every transaction is read-only by a setting of the session.
    Read,
    /// The writer's.
    Write,
}

/// What identifies a session on its server, for as long as that runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(pub String);

/// A column of a key under an alias in a statement.
#[derive(Debug, Clone, Copy)]
pub struct KeyColumn<'a> {
    /// `alias."name"`.
    pub text: &'a SqlText,
    pub shape: &'a ColumnShape,
}

/// Which statements of a server answer with the rows that they changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returning {
    /// Keys are listed under a lock first.
    Nothing,
    Deleted,
    DeletedAndUpdated,
}

/// One kind of database server, with the address of one database.
///
/// The methods that run statements answer errors in the words of [`ConnectorError`], without any text of
/// the server: servers quote values in their messages.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// A connection of the driver. Dropping it closes the socket at once.
    type Connection: Send;

    /// Name of the store in the settings.
    fn store(&self) -> &str;

    fn dialect(&self) -> &dyn Dialect;

    fn capabilities(&self) -> Capabilities;

    /// Opens a session and sets everything that the engine relies on: UTC, quoting, isolation READ
    /// COMMITTED, short lock and statement timeouts, an application name, no row-level security that
    /// would hide rows silently, durable commits, no statement logging of the driver; read-only for
    /// [`Access::Read`].
    fn connect(
        &self,
        access: Access,
    ) -> impl Future<Output = Result<Self::Connection, ConnectorError>> + Send;

    /// The rows of a query, each column as the [`Value`] of its wire type. `dataset` is for messages.
    fn rows(
        &self,
        connection: &mut Self::Connection,
        dataset: &str,
        sql: SqlText,
    ) -> impl Future<Output = Result<Vec<Vec<Value>>, ConnectorError>> + Send;

    /// Runs a statement; answers how many rows it changed.
    fn execute(
        &self,
        connection: &mut Self::Connection,
        dataset: &str,
        sql: SqlText,
    ) -> impl Future<Output = Result<u64, ConnectorError>> + Send;

    /// The shape of one table, from the live catalogue.
    ///
    /// # Errors
    /// `SchemaDrift` when it is not there, `NotSupported` when it is no table that can be governed (a view, a
    /// foreign table, a table with inheritance children), with the way out in words.
    fn inspect(
        &self,
        connection: &mut Self::Connection,
        address: &DatasetAddress,
    ) -> impl Future<Output = Result<DatasetShape, ConnectorError>> + Send;

    /// Every table of the database that can be governed, with its shape.
    fn discover(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError>> + Send;

    /// The server's clock.
    fn clock(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<DateTime<Utc>, ConnectorError>> + Send;

    /// [`crate::RecordSource::let_go`].
    fn let_go(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What speaks for going slower now, while `company` batches of other processes of ours are under way.
    fn pressure(
        &self,
        connection: &mut Self::Connection,
        company: u32,
    ) -> impl Future<Output = Result<Pressure, ConnectorError>> + Send;

    /// Whether this session's role may delete or change rows of a table: [`crate::RecordSource::writable`].
    fn is_writable(
        &self,
        connection: &mut Self::Connection,
        table: &DatasetAddress,
    ) -> impl Future<Output = Result<bool, ConnectorError>> + Send;

    /// What keeps or copies values of these tables that are erased: [`crate::RecordSource::leaks`].
    fn leaks(
        &self,
        connection: &mut Self::Connection,
        tables: &[DatasetAddress],
        look: LeakLook,
    ) -> impl Future<Output = Result<Vec<Leak>, ConnectorError>> + Send;

    /// The partitions of a table, if the server can drop one in a transaction.
    fn partitions(
        &self,
        _connection: &mut Self::Connection,
        _address: &DatasetAddress,
    ) -> impl Future<Output = Result<Vec<PartitionFacts>, ConnectorError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Makes the session findable as one of `scope` (a run) for as long as it lives on the server, also when
    /// this process is gone, and tells what identifies it there.
    fn enlist(
        &self,
        connection: &mut Self::Connection,
        scope: &str,
    ) -> impl Future<Output = Result<SessionId, ConnectorError>> + Send;

    /// The living sessions of `scope`, without that of `connection`.
    fn enlisted(
        &self,
        connection: &mut Self::Connection,
        scope: &str,
    ) -> impl Future<Output = Result<Vec<SessionId>, ConnectorError>> + Send;

    /// Ends a session and waits until the server has let go of it, so that nothing it began can become
    /// durable any more. A session that is gone already is ended.
    ///
    /// # Errors
    /// `Busy` when it is still there after some seconds.
    fn end_session(
        &self,
        connection: &mut Self::Connection,
        session: &SessionId,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// Keeps these tables as they are declared until the transaction ends: to be called before looking
    /// whether they are still as planned.
    fn hold_schema(
        &self,
        connection: &mut Self::Connection,
        tables: &[&DatasetAddress],
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send;

    /// What tells one schema of these tables from another, if that can be had much cheaper than by
    /// inspecting them. `None`: inspect.
    fn schema_mark(
        &self,
        _connection: &mut Self::Connection,
        _tables: &[&DatasetAddress],
    ) -> impl Future<Output = Result<Option<String>, ConnectorError>> + Send {
        async { Ok(None) }
    }

    /// See [`crate::RecordSource::search_advice`]. Inside a transaction of its own.
    fn search_advice(
        &self,
        _connection: &mut Self::Connection,
        _address: &DatasetAddress,
        _shape: &DatasetShape,
        _column: &str,
    ) -> impl Future<Output = Result<Option<String>, ConnectorError>> + Send {
        async { Ok(None) }
    }

    /// What belongs to the work after a run that changed these tables; in codes for the certificate.
    fn clean_up(
        &self,
        _connection: &mut Self::Connection,
        _tables: &[DatasetAddress],
    ) -> impl Future<Output = Result<Vec<&'static str>, ConnectorError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// The schema of a table that is named without one, as an expression.
    fn default_schema(&self) -> &'static str;

    /// A text that nobody else has, as an expression.
    fn unique_text(&self) -> &'static str;

    fn returning(&self) -> Returning;

    /// How a transaction begins all of whose statements see the same rows, and in which a change of a row that
    /// another transaction has changed since is an error. `None`: there is no such transaction, or its statements
    /// that change rows do not see what the others see.
    fn begin_snapshot(&self) -> Option<&'static str> {
        None
    }

    /// [`Self::execute`] in a transaction begun by [`Self::begin_snapshot`]. `None`: another transaction has changed
    /// one of the rows since, and nothing but a rollback is left.
    fn execute_in_snapshot(
        &self,
        connection: &mut Self::Connection,
        dataset: &str,
        sql: SqlText,
    ) -> impl Future<Output = Result<Option<u64>, ConnectorError>> + Send {
        async { self.execute(connection, dataset, sql).await.map(Some) }
    }

    /// The template of a query that answers with the numbers in the column `{1}` of the rows of a statement (`{0}`) in a
    /// single text, parted by commas, in any order: far less work for both sides than a row for each. `None`: the
    /// server cannot.
    fn gathered_numbers(&self) -> Option<&'static str> {
        None
    }

    /// The same for a plain reading: the numbers of an expression (`{0}`) over the rows of a table (`{1}`) for which a
    /// condition (`{2}`) holds.
    fn listed_numbers(&self) -> Option<&'static str> {
        None
    }

    /// The template of a query over rows (`{0}`) that have a number `k` and a truth `d`. Of those that are true: the numbers
    /// in a single text as above, how many they are, and the last. Of all: how many, the last, and, if a batch had better
    /// end there, the last that is not true. `None`: the server cannot.
    fn listed_stretch(&self) -> Option<&'static str> {
        None
    }

    /// The alias of the table of a selection. A server that takes no alias where it deletes wants the
    /// table's own name.
    fn row_alias(&self, _table: &str) -> String {
        "r".to_owned()
    }

    /// Whether an index serves `(a, b) > (x, y)`.
    fn compares_rows(&self) -> bool {
        false
    }

    /// Begins a transaction that sees one state throughout and cannot write.
    fn begin_reading(&self) -> &'static [&'static str];

    /// Has the counts of this transaction take one processor at most while others work on the server.
    fn spare_others(
        &self,
        _connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send {
        async { Ok(()) }
    }

    /// What makes a reading of a whole table go well, inside the transaction that reads.
    fn prepare_survey(
        &self,
        _connection: &mut Self::Connection,
        _table: &DatasetAddress,
    ) -> impl Future<Output = Result<(), ConnectorError>> + Send {
        async { Ok(()) }
    }

    /// About how many bytes a row takes.
    fn row_bytes(&self, row: Row<'_>) -> Result<SqlText, SqlError> {
        let lengths: Vec<SqlText> = row
            .shape
            .columns
            .iter()
            .map(|column| {
                let column = SqlText::column(row.alias, &column.name)?;
                Ok(SqlText::fill("coalesce(octet_length({0}), 0)", &[&column]))
            })
            .collect::<Result<_, SqlError>>()?;
        Ok(SqlText::join_balanced(&lengths, " + ").unwrap_or_else(|| SqlText::new("0")))
    }

    /// An expression over a column that [`Backend::rows`] reads as exactly the value that
    /// [`crate::classify::classify`] and [`crate::transform::Transform::apply`] are to see: times without zone as
    /// `YYYY-MM-DD HH:MM:SS[.f]`, numbers with a fraction as floats, what has no type here as text.
    fn stored(&self, column: &ColumnShape, text: &SqlText) -> SqlText;

    /// An expression over a column of text or whole numbers, or over a bound text, by which texts are compared and
    /// come in the order of their bytes in UTF-8.
    fn byte_order(&self, text: &SqlText) -> SqlText;

    /// A bound value to be assigned to a column.
    fn assigned(&self, column: &ColumnShape, value: &Value, row: Row<'_>) -> Result<SqlText, SqlError>;

    /// A bound part of a key in the column's own type, so that an index serves the comparison.
    fn key_part(&self, column: &ColumnShape, value: &Value) -> Result<SqlText, SqlError>;

    /// True exactly for the rows with one of these keys; one parameter for any number of them where the
    /// server can.
    fn among(&self, key: &[KeyColumn<'_>], keys: &[RecordKey]) -> Result<SqlText, SqlError>;

    /// The same for rows that are read anyway, whole numbers being the key: each is looked up in the set instead of
    /// each key in an index.
    fn among_rows(&self, key: KeyColumn<'_>, set: NumberSet) -> Result<SqlText, SqlError>;

    /// Whether a statement that changes rows locks none but those for which its whole condition holds.
    fn locks_matches_alone(&self) -> bool {
        false
    }
}

//! The ledger on SQLite: plans, approvals, holds, runs and their journal in one local file.
//!
//! Floor 6. It implements [`crate::journal::JournalStore`], [`crate::plan::store::PlanStore`] and
//! [`crate::hold::HoldRegister`]. Whatever returned `Ok` is on the disk (write-ahead log with
//! `synchronous = FULL`). What may name a person is sealed before it is written; statements are
//! constants and values are bound. It does not decide anything about records, and knows neither
//! certificates nor stores.
//!
//! Reading order: this file, `migrate`, `error`, `rows`, then `runs`, `journal`, `plans`, `holds`,
//! `marks`, `lease`.

mod error;
mod holds;
mod journal;
mod lease;
mod marks;
mod migrate;
mod plans;
mod rows;
mod runs;
mod secret;

#[cfg(test)]
mod kill_tests;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;

pub use error::LedgerError;

use crate::ids::IdSource;
use crate::journal::RunKey;
use secret::Secret;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Row, SqliteConnection, Transaction};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a task waits for a connection of this process.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// Connections that only read.
const READERS: u32 = 3;

/// A transaction of the ledger.
type Work = Transaction<'static, Sqlite>;

/// The ledger in one SQLite file. Writers of this process queue for one connection; other processes
/// are waited for by SQLite itself.
pub struct SqliteLedger {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    secret: Secret,
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SqliteLedger").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteLedger {
    /// Opens the ledger at `path`, makes it (readable by its owner alone) if it does not exist, and
    /// brings its tables up to date. `key` seals what may name a person; `nonces` gives the
    /// random bytes that each sealing needs.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] for a ledger of a newer program, [`LedgerError::WrongKey`] for a key
    /// that is not this ledger's, [`LedgerError::NotALedger`] for another kind of file.
    pub async fn open(path: &Path, key: RunKey, nonces: Arc<dyn IdSource>) -> Result<Self, LedgerError> {
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "ON")
            .pragma("trusted_schema", "OFF");
        let writer = connect(&options).await?;
        migrate::run(&writer, migrate::MIGRATIONS).await?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let ledger = Self { path: path.to_owned(), writer, readers, secret: Secret::new(key, nonces) };
        ledger.check_key().await?;
        Ok(ledger)
    }

    /// Waits for running statements and closes the file. Dropping the ledger is as safe, but leaves
    /// the write-ahead log for the next one to read.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A transaction that has the right to write from its first statement, so that nothing it has
    /// read can change before it commits. Whoever gets an error inside it must give it up at once:
    /// SQLite may have rolled it back by itself, and a later statement would stand alone.
    async fn write(&self) -> Result<Work, LedgerError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A transaction that sees one state of the ledger throughout.
    async fn read(&self) -> Result<Work, LedgerError> {
        Ok(self.readers.begin().await?)
    }

    /// Keeps a sealed known text in a new ledger, and opens it in an old one.
    async fn check_key(&self) -> Result<(), LedgerError> {
        const PLACE: &str = "ledger/key-check";
        const TEXT: &str = "oubliette ledger";
        let mut work = self.write().await?;
        let found =
            sqlx::query("SELECT key_check FROM ledger WHERE one = 1").fetch_optional(&mut *work).await?;
        if let Some(row) = found {
            let text: String = self.secret.open(PLACE, row.try_get(0)?)?;
            return if text == TEXT { Ok(()) } else { Err(LedgerError::WrongKey) };
        }
        sqlx::query("INSERT INTO ledger (one, key_check) VALUES (1, ?)")
            .bind(self.secret.seal(PLACE, &TEXT)?)
            .execute(&mut *work)
            .await?;
        Ok(work.commit().await?)
    }
}

/// Opens the one connection that writes. Switching a new file to the write-ahead log is the one step for
/// which SQLite does not wait for others: of two that hold the file for reading it answers one at once
/// that the file is locked (<https://www.sqlite.org/c3ref/busy_handler.html>), so it is tried again.
async fn connect(options: &SqliteConnectOptions) -> Result<SqlitePool, LedgerError> {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    loop {
        match pool(1).connect_with(options.clone()).await.map_err(LedgerError::from) {
            Err(LedgerError::Locked) if waited < BUSY_TIMEOUT => {
                tokio::time::sleep(PAUSE).await;
                waited += PAUSE;
            }
            answered => return answered,
        }
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECTION_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(can_begin(connection)))
}

/// When SQLite rolls back by itself (a full disk, an I/O error), the driver goes on counting an open
/// transaction, and the connection could never begin another one: `false` has it replaced. The ping
/// lets a rollback that is still queued go first.
async fn can_begin(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Makes an empty file that only its owner can read; SQLite gives the same rights to the files that
/// it puts beside it. A file that exists is left as it is.
fn make_private(path: &Path) -> Result<(), LedgerError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

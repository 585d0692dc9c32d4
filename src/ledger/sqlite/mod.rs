//! The ledger in one local SQLite file.
//!
//! Floor 6. Whatever was committed is on the disk (write-ahead log with `synchronous = FULL`); what was
//! deleted is zeroed (`secure_delete`). One process at a time has the right to act: a lock on a file
//! beside the ledger, whatever the scope is called.

mod lease;
mod migrate;

#[cfg(test)]
pub(super) mod tests;

pub(super) use migrate::MIGRATIONS;

use super::LedgerError;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Row, SqliteConnection, Transaction};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a task waits for a connection of this process.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(1);
/// Connections that only read.
const READERS: u32 = 3;

/// One SQLite file. Writers of this process queue for one connection; other processes are waited for by
/// SQLite itself.
pub(super) struct SqliteStore {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file at `path`, makes it (readable by its owner alone) if it does not exist, and brings
    /// its tables up to date.
    pub(super) async fn open(path: &Path) -> Result<Self, LedgerError> {
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
        migrate::run(&writer, MIGRATIONS).await?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { path: path.to_owned(), writer, readers })
    }

    /// Waits for running statements and closes the file. Dropping the store is as safe, but leaves the
    /// write-ahead log for the next one to read.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(super) async fn read(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        Ok(self.readers.begin().await?)
    }

    /// Moves the write-ahead log into the database and cuts it to nothing, because it still has the
    /// pages as they were. `secure_delete` has zeroed them in the database.
    pub(super) async fn empty_log(&self) -> Result<(), LedgerError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await?;
        // The first column is 1 when somebody was still reading the old pages.
        if row.try_get::<i64, _>(0)? == 0 { Ok(()) } else { Err(LedgerError::Locked) }
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

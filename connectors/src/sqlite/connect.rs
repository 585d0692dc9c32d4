//! Opens one connection to a database file, for reading or for writing.
//!
//! The lowest floor of this store. It never creates a file and never changes the journal mode, the
//! page size or anything else that outlives the connection.

#![expect(clippy::disallowed_methods, reason = "tells a missing file from one that cannot be opened")]

use super::fault;
use crate::error::ConnectorError;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a database is opened. Every limit has a default that suits a shared machine.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// How long to wait for a lock of another program.
    pub busy_timeout: Duration,
    /// Most memory of the page cache of a writer, in kibibytes; a reader takes less. A batch whose
    /// changed pages do not fit spills into the journal early, which costs time.
    pub cache_kib: u32,
    /// Length of the write-ahead log from which [`crate::RecordSource::pressure`] asks for a pause.
    pub wal_bytes_max: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), cache_kib: 40 * 1024, wal_bytes_max: 64 * 1024 * 1024 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// One database file under its name in the settings.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) store: String,
    pub(super) path: PathBuf,
    pub(super) options: SqliteOptions,
}

impl Database {
    /// `location` is a path, or a path after `sqlite:` or `sqlite://`.
    ///
    /// # Errors
    /// `NotSupported` for a database in memory, which has no second connection to observe it.
    pub(super) fn new(store: &str, location: &str, options: SqliteOptions) -> Result<Self, ConnectorError> {
        let path = ["sqlite://", "sqlite:"]
            .iter()
            .find_map(|prefix| location.strip_prefix(prefix))
            .unwrap_or(location);
        if path.is_empty() || path == ":memory:" {
            let reason = "a database file is needed, not one in memory".to_owned();
            return Err(ConnectorError::NotSupported { store: store.to_owned(), reason });
        }
        // SQLite reads a name that begins with "file:" as a URI, whose parameters could change
        // how the file is opened.
        let path = if path.starts_with("file:") { Path::new(".").join(path) } else { PathBuf::from(path) };
        Ok(Self { store: store.to_owned(), path, options })
    }

    /// Opens a connection and reads the header of the file, so that what is no database is told now.
    pub(super) async fn connect(&self, access: Access) -> Result<SqliteConnection, ConnectorError> {
        self.look()?;
        let mut options = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(false)
            .read_only(access == Access::Read)
            .busy_timeout(self.options.busy_timeout)
            .foreign_keys(true)
            .pragma("cache_size", format!("-{}", self.cache_kib(access)))
            // Functions and virtual tables named in the schema of somebody else's database are not run
            // with our rights (<https://www.sqlite.org/pragma.html#pragma_trusted_schema>).
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        options = match access {
            Access::Read => options.pragma("query_only", "ON"),
            // What a large batch left of the log goes with the next reset, or it would slow down all
            // batches after it.
            Access::Write => options
                .pragma("secure_delete", "ON")
                .pragma("journal_size_limit", self.options.wal_bytes_max.to_string()),
        };
        let mut connection = options.connect().await.map_err(|error| self.fault("", &error))?;
        sqlx::query("SELECT count(*) FROM sqlite_schema")
            .execute(&mut connection)
            .await
            .map_err(|error| self.fault("", &error))?;
        if access == Access::Write {
            self.checkpoint_less(&mut connection).await.map_err(|error| self.fault("", &error))?;
        }
        Ok(connection)
    }

    /// Batches that walk the key change the same pages of other indexes again and again: a checkpoint
    /// after several of them writes each once. With the usual pages this is a log of 32 MB; with larger
    /// ones the default of 1000 pages is enough.
    async fn checkpoint_less(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        const PAGE_BYTES_MAX: i64 = 4096;
        const LOG_BYTES: u64 = 32 * 1024 * 1024;
        let page_bytes: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut *connection).await?;
        if page_bytes <= PAGE_BYTES_MAX && self.options.wal_bytes_max >= 2 * LOG_BYTES {
            sqlx::query("PRAGMA wal_autocheckpoint = 8192").execute(connection).await?;
        }
        Ok(())
    }

    /// A reader walks, so what it has read once it does not need again soon.
    fn cache_kib(&self, access: Access) -> u32 {
        const READER_KIB: u32 = 4 * 1024;
        match access {
            Access::Read => self.options.cache_kib.min(READER_KIB),
            Access::Write => self.options.cache_kib,
        }
    }

    pub(super) fn fault(&self, dataset: &str, error: &sqlx::Error) -> ConnectorError {
        fault::from_driver(&self.store, dataset, error)
    }

    /// The file of the write-ahead log, which lies beside the database.
    pub(super) fn wal_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        PathBuf::from(name)
    }

    /// Length of the write-ahead log; 0 if there is none.
    pub(super) fn wal_bytes(&self) -> Result<u64, ConnectorError> {
        match std::fs::metadata(self.wal_path()) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.io(&error)),
        }
    }

    fn look(&self) -> Result<(), ConnectorError> {
        let metadata = std::fs::metadata(&self.path).map_err(|error| self.io(&error))?;
        if metadata.is_file() {
            return Ok(());
        }
        let reason = "the database is not a regular file".to_owned();
        Err(ConnectorError::NotSupported { store: self.store.clone(), reason })
    }

    fn io(&self, error: &std::io::Error) -> ConnectorError {
        let store = self.store.clone();
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                ConnectorError::Denied { store, reason: "the file may not be read".into() }
            }
            std::io::ErrorKind::NotFound => {
                ConnectorError::Unreachable { store, reason: "there is no such file".into() }
            }
            kind => {
                ConnectorError::Unreachable { store, reason: format!("the file cannot be read ({kind})") }
            }
        }
    }
}

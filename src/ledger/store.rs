//! The two places a ledger can be in, and a transaction of either.
//!
//! Floor 6. Both promise the same: who writes has the right to write from the first statement, so that
//! nothing it has read can change before it commits; who reads sees one state throughout; what was
//! committed is durable.

use super::LedgerError;
use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::statement::{Row, Statement};
use crate::journal::{JournalError, RunLease};
use sqlx::{Postgres, Sqlite, Transaction};

#[derive(Debug)]
pub(super) enum Store {
    Sqlite(SqliteStore),
    Postgres(Box<PostgresStore>),
}

/// A transaction. Dropping it undoes it. Whoever gets an error inside it must give it up at once: the
/// database may have rolled it back by itself, and on SQLite a later statement would stand alone.
pub(super) enum Work {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// As what a process writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fence {
    /// With the right to act, or while nobody has it.
    Leader,
    /// With that, or with the right to help.
    Helper,
}

impl Work {
    pub(super) async fn commit(self) -> Result<(), LedgerError> {
        match self {
            Self::Sqlite(work) => work.commit().await?,
            Self::Postgres(work) => work.commit().await?,
        }
        Ok(())
    }
}

impl Store {
    /// A transaction that may write.
    pub(super) async fn write(&self) -> Result<Work, LedgerError> {
        match self {
            Self::Sqlite(store) => Ok(Work::Sqlite(store.write().await?)),
            Self::Postgres(store) => Ok(Work::Postgres(store.write().await?)),
        }
    }

    /// A transaction that only reads.
    pub(super) async fn read(&self) -> Result<Work, LedgerError> {
        match self {
            Self::Sqlite(store) => Ok(Work::Sqlite(store.read().await?)),
            Self::Postgres(store) => Ok(Work::Postgres(store.read().await?)),
        }
    }

    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<Row>, LedgerError> {
        statement.all(&mut self.read().await?).await
    }

    pub(super) async fn optional(&self, statement: Statement) -> Result<Option<Row>, LedgerError> {
        statement.optional(&mut self.read().await?).await
    }

    pub(super) async fn one(&self, statement: Statement) -> Result<Row, LedgerError> {
        statement.one(&mut self.read().await?).await
    }

    /// Whether several processes may work on it at the same time.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Takes the right to act on what `scope` names.
    pub(super) async fn acquire(&self, scope: &str) -> Result<Box<dyn RunLease>, JournalError> {
        match self {
            Self::Sqlite(store) => store.lease(scope),
            Self::Postgres(store) => store.acquire(scope).await,
        }
    }

    /// Refuses when the right to act that this ledger took was given to another process since. On SQLite
    /// the kernel keeps the lock as long as the process lives, paused or not.
    pub(super) async fn fence(&self, work: &mut Work, fence: Fence) -> Result<(), JournalError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.fence(work, fence).await,
        }
    }

    /// Removes what the database still has of rows that were deleted or overwritten, as far as it can.
    pub(super) async fn forget(&self) -> Result<(), LedgerError> {
        match self {
            Self::Sqlite(store) => store.empty_log().await,
            Self::Postgres(store) => store.remove_old_versions().await,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

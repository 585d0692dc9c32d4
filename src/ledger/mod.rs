//! The ledger: plans, approvals, holds, runs and their journal, in one local SQLite file or on a
//! PostgreSQL server that several processes share.
//!
//! Floor 6. It implements [`crate::journal::JournalStore`], [`crate::plan::store::PlanStore`] and
//! [`crate::hold::HoldRegister`]. Whatever returned `Ok` is durable. What may name a person is sealed
//! before it is written; statements are constants and values are bound. It does not decide anything
//! about records, and knows neither certificates nor stores.
//!
//! What is destroyed is gone in two ways. The sealing key is in a file beside the program and in no
//! ledger; it seals the key of a run, and that seals the keys of records. So whoever has the ledger
//! alone, its log or a backup of it, has noise, before and after. When a run is certified its key is
//! destroyed first, then what it sealed. SQLite zeroes the bytes in the file and the log is emptied. A
//! PostgreSQL server cannot be told to: old versions of rows are vacuumed, but their bytes may stay in
//! unused parts of its files, in its log and in its backups until those are written over or expire.
//! Until then, whoever has such a copy *and* the sealing key can still open it.
//!
//! Reading order: this file, `store`, `statement`, `error`, `rows`, then `runs`, `journal`, `help`, `plans`,
//! `holds`, `looks`, `marks`, `closures`; `sqlite` and `postgres` for what is particular to each.

mod clock;
mod closures;
mod error;
mod help;
mod holds;
mod journal;
mod looks;
mod marks;
mod migrate;
mod notices;
mod outbox;
mod plans;
mod postgres;
mod receipts;
mod requests;
mod rows;
mod runs;
mod schedules;
mod secret;
mod sqlite;
mod statement;
mod store;
mod suppression;

#[cfg(test)]
mod kill_tests;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;

pub use clock::ClockAcceptance;
pub use closures::ClosureRecord;
pub use error::LedgerError;
pub use looks::{Look, LookKind};
pub use outbox::{Delivery, NewNotice, OutboxState};
pub use requests::{NewRequestRow, RequestEvent};
pub use suppression::Suppression;

use crate::ids::IdSource;
use crate::journal::{JournalError, RunKey};
use postgres::{LeaseTerms, PostgresStore};
use secret::Secret;
use sqlite::SqliteStore;
use statement::statement;
use std::path::Path;
use std::sync::Arc;
use store::{Fence, Store, Work};

/// One ledger, opened.
pub struct Ledger {
    store: Store,
    secret: Secret,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ledger").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger in the SQLite file at `path`, makes it (readable by its owner alone) if it does
    /// not exist, and brings its tables up to date. `key` seals what may name a person; `ids` gives the
    /// random bytes that each sealing needs.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] for a ledger of a newer program, [`LedgerError::WrongKey`] for a key
    /// that is not this ledger's, [`LedgerError::NotALedger`] for another kind of file.
    pub async fn open_sqlite(path: &Path, key: RunKey, ids: Arc<dyn IdSource>) -> Result<Self, LedgerError> {
        let store = Store::Sqlite(SqliteStore::open(path).await?);
        Self::open(store, Secret::new(key, ids)).await
    }

    /// Opens the ledger on the PostgreSQL server at `address` (`postgres://…`, which may hold a password
    /// and is never repeated), in the schema `oubliette` of its database, and makes it there if it does
    /// not exist. `key` and `ids` are as for [`Ledger::open_sqlite`]; every process that shares the
    /// ledger needs the same key.
    ///
    /// # Errors
    /// As for [`Ledger::open_sqlite`], and [`LedgerError::BadAddress`].
    pub async fn open_postgres(
        address: &str,
        key: RunKey,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, LedgerError> {
        Self::open_postgres_with(address, key, ids, LeaseTerms::default()).await
    }

    async fn open_postgres_with(
        address: &str,
        key: RunKey,
        ids: Arc<dyn IdSource>,
        terms: LeaseTerms,
    ) -> Result<Self, LedgerError> {
        let owner = ids.new_id("process").map_err(|error| LedgerError::failed(&error.to_string()))?;
        let store = Store::Postgres(Box::new(PostgresStore::open(address, owner, terms).await?));
        Self::open(store, Secret::new(key, ids)).await
    }

    async fn open(store: Store, secret: Secret) -> Result<Self, LedgerError> {
        let ledger = Self { store, secret };
        ledger.check_key().await?;
        Ok(ledger)
    }

    /// Waits for running statements and closes the ledger. Dropping it is as safe.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// A transaction that may write what only the process that acts may write.
    async fn write_journal(&self) -> Result<Work, JournalError> {
        let mut work = self.store.write().await?;
        self.store.fence(&mut work, Fence::Leader).await?;
        Ok(work)
    }

    /// A transaction that may write batches, also as a helper.
    async fn write_batches(&self) -> Result<Work, JournalError> {
        let mut work = self.store.write().await?;
        self.store.fence(&mut work, Fence::Helper).await?;
        Ok(work)
    }

    /// Keeps a sealed known text in a new ledger, and opens it in an old one.
    async fn check_key(&self) -> Result<(), LedgerError> {
        const PLACE: &str = "ledger/key-check";
        const TEXT: &str = "oubliette ledger";
        let mut work = self.store.write().await?;
        let found = statement("SELECT key_check FROM ledger WHERE one = 1").optional(&mut work).await?;
        if let Some(row) = found {
            let text: String = self.secret.open(PLACE, row.bytes("key_check")?)?;
            return if text == TEXT { Ok(()) } else { Err(LedgerError::WrongKey) };
        }
        statement("INSERT INTO ledger (one, key_check) VALUES (1, $1)")
            .bind(self.secret.seal(PLACE, &TEXT)?)
            .execute(&mut work)
            .await?;
        work.commit().await
    }
}

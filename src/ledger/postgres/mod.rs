//! The ledger on a PostgreSQL server, which several processes share.
//!
//! Floor 6. Whatever was committed is on the server's disk (`synchronous_commit = on`; the server's own
//! `fsync` is its owner's to leave on). Who writes locks the row of the hold register first, so that
//! writers come one after another, as on SQLite: what one of them has read cannot change before it
//! commits, and a hold is either before an intent or after it. Readers wait for nobody. One process at a
//! time has the right to act: a lease that expires by the server's clock (see [`lease`]). The server may
//! stand behind a pooler only if that keeps a session for each connection.

mod fault;
mod fence;
mod lease;
mod migrate;

#[cfg(test)]
mod help_tests;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

pub(super) use fault::of_state;
pub(super) use lease::LeaseTerms;
pub(super) use migrate::MIGRATIONS;

use super::LedgerError;
use connectors::postgres::{OwnTransactions, ledger_application};
use fence::Tokens;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::{Executor, Transaction};
use std::sync::Arc;
use std::time::Duration;

/// Where the ledger's tables are.
const SCHEMA: &str = "oubliette";
/// Connections of one process, besides one for each lease.
const CONNECTIONS: u32 = 5;
/// How long a task waits for a connection of this process.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// What each session promises. A statement waits at most so long for a lock, and a process that stops in
/// the middle of a transaction (paused, cut off) keeps others waiting for less than that.
const SESSION: [(&str, &str); 5] = [
    ("search_path", SCHEMA),
    ("synchronous_commit", "on"),
    ("lock_timeout", "15s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("client_min_messages", "error"),
];

/// One database of a server.
pub(super) struct PostgresStore {
    pool: PgPool,
    options: PgConnectOptions,
    /// The purged data may lie in the same database, where the ledger's work is not to be taken for others'.
    own: OwnTransactions,
    /// Names this process among those that share the ledger.
    owner: String,
    terms: LeaseTerms,
    tokens: Arc<Tokens>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PostgresStore").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to the database at `address` and brings the ledger's tables in it up to date.
    pub(super) async fn open(address: &str, owner: String, terms: LeaseTerms) -> Result<Self, LedgerError> {
        let options = options(address)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECTION_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        migrate::run(&pool, MIGRATIONS).await?;
        let own = OwnTransactions::of(&mut *pool.acquire().await?).await?;
        Ok(Self { pool, options, own, owner, terms, tokens: Arc::default() })
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    /// Waits for other writers. After the lock each statement sees what was committed before it.
    pub(super) async fn write(&self) -> Result<Transaction<'static, Postgres>, LedgerError> {
        self.own.add(1);
        let mut work = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        work.execute(LOCK).await?;
        Ok(work)
    }

    pub(super) async fn read(&self) -> Result<Transaction<'static, Postgres>, LedgerError> {
        self.own.add(1);
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }

    /// Has the server remove the versions of rows that held keys. Those that somebody still reads stay
    /// until a later vacuum. Not `FULL`: that would stop the ledger for everybody, and would neither
    /// empty the server's log.
    pub(super) async fn remove_old_versions(&self) -> Result<(), LedgerError> {
        self.pool.execute("VACUUM batch_keys, offer, run").await?;
        Ok(())
    }
}

/// Makes whoever writes wait for whoever else writes, until its transaction ends.
const LOCK: &str = "SELECT revision FROM hold_register WHERE one = 1 FOR UPDATE";

/// The parameters that an address may have. The driver would write others into its log.
const PARAMETERS: [&str; 6] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name"];

fn options(address: &str) -> Result<PgConnectOptions, LedgerError> {
    let known = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        PARAMETERS.contains(&name)
    };
    if let Some((_, query)) = address.split_once('?')
        && !query.split('&').all(known)
    {
        return Err(LedgerError::BadAddress);
    }
    let options: PgConnectOptions = address.parse().map_err(|_| LedgerError::BadAddress)?;
    let name = ledger_application(options.get_application_name());
    Ok(options.application_name(&name).options(SESSION))
}

//! Transactions that this process began, by database, so that pressure is not what we do ourselves.
//!
//! Readers, writers and a ledger that lies in the same database share one count. A database is known by its
//! name and number, which stay the same when its server is started again; two servers whose databases have
//! both in common share a count, and then less is seen of others there.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

static DATABASES: Mutex<BTreeMap<String, Arc<AtomicI64>>> = Mutex::new(BTreeMap::new());

/// Begins the name of every session of ours that is no ledger's.
pub(super) const APPLICATION: &str = "oubliette";

/// The name of a session of this process's ledger, which may have a name of its owner's behind it. A wait of such a session
/// for other writers is the ledger's own affair.
#[must_use]
pub fn ledger_application(named: Option<&str>) -> String {
    let mut name = format!("oubliette ledger {}", std::process::id());
    if let Some(named) = named {
        name.push(' ');
        name.push_str(named);
    }
    name
}

/// Counts the transactions that this process begins in one database.
#[derive(Debug, Clone)]
pub struct OwnTransactions(Arc<AtomicI64>);

impl OwnTransactions {
    /// Those in the database of the session, which begins one to ask for its name.
    ///
    /// # Errors
    /// The driver's, when the session is gone.
    pub async fn of(session: &mut PgConnection) -> Result<Self, sqlx::Error> {
        // As the first statement of every session of ours asks, too.
        let sql = "SELECT oid::text || ' ' || datname FROM pg_database WHERE datname = current_database()";
        let row = sqlx::query(sql).fetch_one(session).await?;
        Ok(Self::in_database(row.try_get(0)?))
    }

    pub(super) fn in_database(name: String) -> Self {
        let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Self(Arc::clone(databases.entry(name).or_default()));
        own.add(1);
        own
    }

    /// More were begun.
    pub fn add(&self, transactions: i64) {
        self.0.fetch_add(transactions, Ordering::Relaxed);
    }

    pub(super) fn until_now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

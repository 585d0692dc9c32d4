//! A database of its own for each test, dropped at its end.

use super::LeaseTerms;
use crate::ids::{IdSource as _, RandomIds};
use crate::journal::RunKey;
use crate::journal::seal::KEY_BYTES;
use crate::ledger::{Ledger, LedgerError};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::sync::Arc;
use std::time::Duration;

/// Names the server to the tests, as an administrator reaches it.
const SERVER: &str = "OUBLIETTE_TEST_POSTGRES";

/// Short enough to wait for, long enough for a busy machine to renew it.
pub(in crate::ledger) const LASTS: Duration = Duration::from_secs(3);

pub(in crate::ledger) struct Database {
    server: PgConnectOptions,
    name: String,
    /// Of this database.
    pub(in crate::ledger) address: String,
}

impl Database {
    #[expect(clippy::disallowed_methods, reason = "tests are told their server by the environment")]
    pub(in crate::ledger) async fn make() -> Self {
        let address = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} names no server: `scripts/servers start DIR` starts one and writes DIR/env")
        });
        let server: PgConnectOptions = address.parse().expect("an address");
        let name = RandomIds.new_id("ledger").expect("a name").replace('-', "_");
        let mut connection = server.connect().await.expect("the server answers");
        let statement = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(statement).await.expect("makes a database");
        let (before, _) = address.rsplit_once('/').expect("a database at its end");
        Self { address: format!("{before}/{name}"), server, name }
    }

    pub(in crate::ledger) async fn try_open(&self, key: u8) -> Result<Ledger, LedgerError> {
        open_at(&self.address, key).await
    }

    pub(in crate::ledger) async fn open(&self) -> Ledger {
        self.try_open(7).await.expect("the ledger opens")
    }

    /// A connection beside the ledger.
    pub(in crate::ledger) async fn connect(&self) -> PgConnection {
        self.server.clone().database(&self.name).connect().await.expect("connects")
    }
}

pub(in crate::ledger) async fn open_at(address: &str, key: u8) -> Result<Ledger, LedgerError> {
    let key = RunKey::new([key; KEY_BYTES]);
    Ledger::open_postgres_with(address, key, Arc::new(RandomIds), LeaseTerms { lasts: LASTS }).await
}

impl Drop for Database {
    /// On a thread, because a test's own runtime cannot wait here.
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let mut connection = server.connect().await.expect("the server answers");
                connection.execute(AssertSqlSafe(statement)).await.expect("drops the database");
            });
        });
        let dropped = dropping.join();
        // A test that fails already must not fail twice: that would end the process.
        assert!(dropped.is_ok() || std::thread::panicking(), "the database is dropped");
    }
}

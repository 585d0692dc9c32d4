//! Tests over a real server, each in a database of its own.

mod inspect;
mod keys;
mod sessions;

use super::{PostgresBackend, PostgresConnection, PostgresOptions};
use crate::dataset::{DatasetAddress, DatasetShape, Location};
use crate::error::ConnectorError;
use crate::server::{Access, Backend as _};
use crate::sql::{Ident, SqlText};
use crate::value::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::str::FromStr as _;
use std::time::Duration;

const VARIABLE: &str = "OUBLIETTE_TEST_POSTGRES";

/// One database, made for one test and dropped after it.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) name: String,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[expect(clippy::disallowed_methods, reason = "tests are told where the server is")]
fn administrator() -> PgConnectOptions {
    let url = std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("{VARIABLE} must name a PostgreSQL server: run `scripts/servers start DIR` and source DIR/env")
    });
    PgConnectOptions::from_str(&url).unwrap().disable_statement_logging()
}

/// Runs a test in a fresh database, which goes also when the test fails.
pub(crate) fn with_database(test: impl AsyncFnOnce(Database)) {
    let database = block_on(Database::create());
    let outcome = catch_unwind(AssertUnwindSafe(|| block_on(test(database.clone()))));
    block_on(database.drop());
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

impl Database {
    async fn create() -> Self {
        let mut driver = administrator().connect().await.unwrap();
        let name: String =
            sqlx::query_scalar("SELECT 'oubliette_test_' || replace(gen_random_uuid()::text, '-', '')")
                .fetch_one(&mut driver)
                .await
                .unwrap();
        let database = Self { name };
        database.administer("CREATE DATABASE {0} TEMPLATE template0 ENCODING 'UTF8'").await;
        database
    }

    async fn drop(&self) {
        self.administer("DROP DATABASE {0} WITH (FORCE)").await;
        // A test may have made a role of the same name.
        self.administer("DROP ROLE IF EXISTS {0}").await;
    }

    /// A constant statement in which `{0}` is the name of the database.
    async fn administer(&self, template: &'static str) {
        let name = SqlText::ident(&Ident::new(&self.name).unwrap());
        let mut driver = administrator().connect().await.unwrap();
        crate::sql::postgres_query(SqlText::fill(template, &[&name])).execute(&mut driver).await.unwrap();
        driver.close().await.unwrap();
    }

    /// The owner's own connection.
    pub(crate) async fn owner(&self) -> PgConnection {
        administrator().database(&self.name).connect().await.unwrap()
    }

    /// Constant statements of the owner.
    pub(crate) async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.owner().await).await.unwrap();
    }

    fn url_as(&self, user: Option<&str>, parameters: &str) -> String {
        let address = administrator();
        format!(
            "postgres://{}@{}:{}/{}{parameters}",
            user.unwrap_or(address.get_username()),
            address.get_host(),
            address.get_port(),
            self.name
        )
    }

    pub(crate) fn backend(&self) -> PostgresBackend {
        self.backend_as(None)
    }

    fn backend_as(&self, user: Option<&str>) -> PostgresBackend {
        let options =
            PostgresOptions { lock_timeout: Duration::from_millis(100), ..PostgresOptions::default() };
        PostgresBackend::new("shop", &self.url_as(user, ""), options).unwrap()
    }

    /// A session of the writer.
    pub(crate) async fn open(&self) -> Session {
        let backend = self.backend();
        let connection = backend.connect(Access::Write).await.unwrap();
        Session { backend, connection }
    }
}

/// A session with the backend that opened it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) backend: PostgresBackend,
    pub(crate) connection: PostgresConnection,
}

impl Session {
    pub(crate) async fn rows(&mut self, sql: SqlText) -> Vec<Vec<Value>> {
        let shown = sql.clone();
        let found = self.backend.rows(&mut self.connection, "t", sql).await;
        found.unwrap_or_else(|error| panic!("{error}\n{}", shown.numbered()))
    }

    pub(crate) async fn execute(&mut self, sql: SqlText) -> Result<u64, ConnectorError> {
        self.backend.execute(&mut self.connection, "t", sql).await
    }

    pub(crate) async fn shape(&mut self, table: &str) -> DatasetShape {
        self.backend.inspect(&mut self.connection, &address(table)).await.unwrap()
    }

    async fn refusal(&mut self, address: &DatasetAddress) -> String {
        self.backend.inspect(&mut self.connection, address).await.unwrap_err().to_string()
    }
}

pub(crate) fn address(table: &str) -> DatasetAddress {
    let (schema, name) = match table.split_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name),
        None => (None, table),
    };
    DatasetAddress {
        store: "shop".into(),
        dataset: format!("shop.{table}"),
        location: Location::Table { schema, table: name.into() },
    }
}

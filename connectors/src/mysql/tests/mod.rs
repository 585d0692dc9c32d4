//! On a real server, each test in a database of its own.

mod cleaning;
mod inspect;
mod keys;
mod session;
#[cfg(feature = "testkit")]
mod stretch;
mod values;

use super::{MySqlBackend, MySqlOptions};
use crate::dataset::{DatasetAddress, Location};
use crate::server::{Access, Backend as _};
use crate::sql::{Ident, SqlText, mysql_query};
use crate::value::Value;
use sqlx::mysql::MySqlConnection;
use std::hash::{BuildHasher as _, Hasher as _};

const VARIABLE: &str = "OUBLIETTE_TEST_MYSQL";

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn address(table: &str) -> DatasetAddress {
    DatasetAddress {
        store: "crm".to_owned(),
        dataset: table.to_owned(),
        location: Location::Table { schema: None, table: table.to_owned() },
    }
}

/// The address of the administrator.
#[expect(clippy::disallowed_methods, reason = "tests are told where their server is")]
fn administrator() -> String {
    std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("{VARIABLE} is not set: run `scripts/servers start DIR` and source DIR/env")
    })
}

/// A database that goes with its test.
pub(crate) struct Scratch {
    pub(crate) name: String,
    pub(crate) backend: MySqlBackend,
}

impl Scratch {
    pub(crate) async fn new() -> Self {
        Self::with(MySqlOptions::default()).await
    }

    pub(crate) async fn with(options: MySqlOptions) -> Self {
        let number = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let name = format!("oubliette_test_{number:016x}");
        run_as_administrator("CREATE DATABASE {0} CHARACTER SET utf8mb4", &name).await;
        let backend = MySqlBackend::new("crm", &url_of(&name), options).unwrap();
        Self { name, backend }
    }

    pub(crate) async fn open(&self, access: Access) -> MySqlConnection {
        self.backend.connect(access).await.unwrap()
    }

    pub(crate) async fn writer(&self) -> MySqlConnection {
        self.open(Access::Write).await
    }

    /// A writer that stores whatever it is given.
    pub(crate) async fn lax(&self) -> MySqlConnection {
        let mut connection = self.writer().await;
        let modes = "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,ALLOW_INVALID_DATES'";
        self.run(&mut connection, SqlText::new(modes)).await;
        connection
    }

    pub(crate) async fn run(&self, connection: &mut MySqlConnection, sql: SqlText) -> u64 {
        let shown = sql.text().to_owned();
        match mysql_query(sql).persistent(false).execute(connection).await {
            Ok(done) => done.rows_affected(),
            Err(error) => panic!("{error}\n{shown}"),
        }
    }

    pub(crate) async fn setup(&self, connection: &mut MySqlConnection, statements: &[&'static str]) {
        for statement in statements {
            self.run(connection, SqlText::new(statement)).await;
        }
    }

    pub(crate) async fn rows(&self, connection: &mut MySqlConnection, sql: SqlText) -> Vec<Vec<Value>> {
        let shown = sql.text().to_owned();
        match self.backend.rows(connection, "t", sql).await {
            Ok(rows) => rows,
            Err(error) => panic!("{error}\n{shown}"),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let name = self.name.clone();
        let dropped = std::thread::spawn(move || block_on(run_as_administrator("DROP DATABASE {0}", &name)));
        assert!(dropped.join().is_ok() || std::thread::panicking(), "the database could not be dropped");
    }
}

pub(crate) fn url_of(database: &str) -> String {
    let url = administrator();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

async fn run_as_administrator(template: &'static str, database: &str) {
    let backend = MySqlBackend::new("crm", &administrator(), MySqlOptions::default()).unwrap();
    let mut connection = backend.connect(Access::Write).await.unwrap();
    let name = SqlText::ident(&Ident::new(database).unwrap());
    backend.execute(&mut connection, "", SqlText::fill(template, &[&name])).await.unwrap();
}

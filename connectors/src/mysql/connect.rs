//! Opens one session and sets everything that the statements rely on.
//!
//! The lowest floor of this store. What the address says of character set and zone is not taken over: the
//! session has its own. Nothing is set that outlives the session.

use super::fault;
use super::pressure::Own;
use crate::error::ConnectorError;
use crate::server::Access;
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions as _, Row as _};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Modes under which double quotes are for names, backslashes are letters, and what does not fit is refused.
const SQL_MODE: &str = "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES,\
                        NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO";

/// How a server is worked with. Every limit has a default that suits a shared machine.
#[derive(Debug, Clone)]
pub struct MySqlOptions {
    /// How long to wait for the server to answer at first.
    pub connect_timeout: Duration,
    /// How long a statement waits for a lock of another program, in whole seconds.
    pub lock_timeout: Duration,
    /// How long one statement may run. MySQL knows such a limit for queries only.
    pub statement_timeout: Duration,
    /// After how long without a statement the server ends the session, in whole seconds.
    pub idle_timeout: Duration,
}

impl Default for MySqlOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_mins(5),
            idle_timeout: Duration::from_mins(10),
        }
    }
}

/// One server under its name in the settings.
///
/// `Debug` shows neither the address nor the password.
#[derive(Clone)]
pub(super) struct Database {
    pub(super) store: String,
    /// The default database.
    pub(super) name: String,
    connect: MySqlConnectOptions,
    options: MySqlOptions,
    /// Known since the first connection.
    mariadb: Arc<OnceLock<bool>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("store", &self.store)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn new(store: &str, url: &str, options: MySqlOptions) -> Result<Self, ConnectorError> {
        let refused = |reason: &str| ConnectorError::NotSupported {
            store: store.to_owned(),
            reason: reason.to_owned(),
        };
        if !["mysql://", "mariadb://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refused("the address must begin with mysql://"));
        }
        // The parser's message may quote the address, and with it the password.
        let connect: MySqlConnectOptions = url
            .parse()
            .map_err(|_| refused("the address cannot be read: mysql://user:password@host:port/database"))?;
        let connect = connect
            .charset("utf8mb4")
            .set_names(false)
            .timezone(None)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .statement_cache_capacity(100)
            .disable_statement_logging();
        let name = match connect.get_database() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => return Err(refused("the address must name a database: mysql://host:port/database")),
        };
        Ok(Self { store: store.to_owned(), name, connect, options, mariadb: Arc::default() })
    }

    pub(super) async fn connect(&self, access: Access) -> Result<MySqlConnection, ConnectorError> {
        let opened = tokio::time::timeout(self.options.connect_timeout, self.connect.connect()).await;
        let Ok(opened) = opened else {
            let reason = "it did not answer in time".to_owned();
            return Err(ConnectorError::Unreachable { store: self.store.clone(), reason });
        };
        let mut connection = opened.map_err(|error| self.fault("", &error))?;
        let is_mariadb = self.asks_for_mariadb(&mut connection).await?;
        let is_mariadb = *self.mariadb.get_or_init(|| is_mariadb);
        for statement in self.session(access, is_mariadb) {
            let _own = Own::begin();
            let done = super::query(statement).execute(&mut connection).await;
            done.map_err(|error| self.fault("", &error))?;
        }
        Ok(connection)
    }

    /// Whether the server is MariaDB; no before anybody has connected.
    pub(super) fn is_mariadb(&self) -> bool {
        self.mariadb.get().copied().unwrap_or(false)
    }

    async fn asks_for_mariadb(&self, connection: &mut MySqlConnection) -> Result<bool, ConnectorError> {
        let _own = Own::begin();
        let row =
            super::query(SqlText::new("SELECT LOCATE('MariaDB', VERSION()) > 0")).fetch_one(connection).await;
        let found = row.and_then(|row| row.try_get_unchecked::<i64, _>(0));
        Ok(found.map_err(|error| self.fault("", &error))? != 0)
    }

    /// The statements that make a session ours.
    fn session(&self, access: Access, is_mariadb: bool) -> Vec<SqlText> {
        let seconds = |limit: Duration| {
            SqlText::value(Value::Int(i64::try_from(limit.as_secs().max(1)).unwrap_or(i64::MAX)))
        };
        let millis = |limit: Duration| {
            SqlText::value(Value::Int(i64::try_from(limit.as_millis().max(1)).unwrap_or(i64::MAX)))
        };
        let options = &self.options;
        let mut statements = vec![
            SqlText::new("SET NAMES utf8mb4"),
            // The longest list of numbers is that of a range of 160 000 records of which all are due.
            SqlText::fill(
                "SET SESSION sql_mode = {0}, time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, \
                 group_concat_max_len = 4194304, \
                 unique_checks = 1, sql_auto_is_null = 0, sql_safe_updates = 0, sql_select_limit = DEFAULT, \
                 innodb_lock_wait_timeout = {1}, lock_wait_timeout = {1}, wait_timeout = {2}",
                &[
                    &SqlText::value(Value::Text(SQL_MODE.to_owned())),
                    &seconds(options.lock_timeout),
                    &seconds(options.idle_timeout),
                ],
            ),
            // Long lists of keys stay a walk over the index of the key.
            if is_mariadb {
                SqlText::fill(
                    "SET SESSION max_statement_time = {0}, in_predicate_conversion_threshold = 0, \
                     default_regex_flags = ''",
                    &[&seconds(options.statement_timeout)],
                )
            } else {
                SqlText::fill(
                    "SET SESSION max_execution_time = {0}, range_optimizer_max_mem_size = 0",
                    &[&millis(options.statement_timeout)],
                )
            },
            SqlText::new("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
        ];
        statements.push(match access {
            Access::Read => SqlText::new("SET SESSION TRANSACTION READ ONLY"),
            Access::Write => SqlText::new("SET SESSION TRANSACTION READ WRITE"),
        });
        statements
    }

    pub(super) fn fault(&self, dataset: &str, error: &sqlx::Error) -> ConnectorError {
        fault::from_driver(&self.store, dataset, error)
    }
}

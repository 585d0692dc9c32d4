//! Opens sessions on one database, for reading or for writing.
//!
//! The lowest floor of this store. Everything that the floors above rely on is set here, once for each
//! session, whatever the server, the database or the role say.

use super::fault;
use super::own::{APPLICATION, OwnTransactions};
use crate::error::ConnectorError;
use crate::server::Access;
use crate::sql::{PgQuery, SqlText, postgres_query};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow, Postgres};
use sqlx::query::QueryScalar;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use std::fmt;
use std::ops::Range;
use std::str::FromStr as _;
use std::time::Duration;

/// The oldest server whose numbers, statistics and functions are those that this store uses.
const VERSION_MIN: u32 = 140_000;

/// Parameters of a URL that the driver knows. It would log any other one with its value.
const PARAMETERS: [&str; 14] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
];

/// How a database is worked with. Every limit has a default that suits a shared server.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// How long to wait for a connection, its encryption and its settings.
    pub connect_timeout: Duration,
    /// How long to wait for a lock of another session.
    pub lock_timeout: Duration,
    /// Longest statement of a writer: a batch.
    pub write_timeout: Duration,
    /// Longest statement of a reader: a survey reads whole tables.
    pub read_timeout: Duration,
    /// After this time without a statement inside a transaction the server ends the session.
    pub idle_in_transaction_timeout: Duration,
    /// Whether the tables that a run has changed are vacuumed at its end. If not, that is left to
    /// autovacuum, and erased values stay in dead rows until then.
    pub vacuums: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(2),
            write_timeout: Duration::from_mins(1),
            read_timeout: Duration::from_hours(1),
            idle_in_transaction_timeout: Duration::from_mins(5),
            vacuums: true,
        }
    }
}

/// One database under its name in the settings. `Debug` shows no password.
#[derive(Clone)]
pub(super) struct Server {
    store: String,
    options: PostgresOptions,
    address: PgConnectOptions,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("store", &self.store)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(store: &str, url: &str, options: PostgresOptions) -> Result<Self, ConnectorError> {
        let refused = |reason: &str| ConnectorError::NotSupported {
            store: store.to_owned(),
            reason: reason.to_owned(),
        };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(refused("an address of the form postgres://user@host:port/database is needed"));
        }
        let parameters = url.split_once('?').map(|(_, parameters)| parameters).unwrap_or_default();
        let known = |parameter: &str| PARAMETERS.contains(&parameter.split('=').next().unwrap_or_default());
        if !parameters.split('&').filter(|parameter| !parameter.is_empty()).all(known) {
            return Err(refused("the address has a parameter that is not known"));
        }
        let address = PgConnectOptions::from_str(url).map_err(|_| refused("the address cannot be read"))?;
        let address =
            address.application_name(APPLICATION).extra_float_digits(Some(1)).disable_statement_logging();
        Ok(Self { store: store.to_owned(), options, address })
    }

    pub(super) fn store(&self) -> &str {
        &self.store
    }

    pub(super) fn vacuums(&self) -> bool {
        self.options.vacuums
    }

    pub(super) fn fault(&self, dataset: &str, error: &sqlx::Error) -> ConnectorError {
        fault::from_driver(&self.store, dataset, error)
    }

    pub(super) async fn connect(&self, access: Access) -> Result<PostgresConnection, ConnectorError> {
        let opening = async {
            let mut driver =
                PgConnection::connect_with(&self.address).await.map_err(|error| self.fault("", &error))?;
            self.look(&driver)?;
            let own = self.set_up(&mut driver, access).await?;
            let keeps_statements = matches!(access, Access::Read);
            let own_before = own.until_now();
            Ok(PostgresConnection { driver, own, own_before, in_transaction: false, keeps_statements })
        };
        tokio::time::timeout(self.options.connect_timeout, opening).await.unwrap_or_else(|_| {
            Err(ConnectorError::Unreachable {
                store: self.store.clone(),
                reason: "no answer in time".to_owned(),
            })
        })
    }

    fn look(&self, driver: &PgConnection) -> Result<(), ConnectorError> {
        if driver.server_version_num().is_some_and(|version| version >= VERSION_MIN) {
            return Ok(());
        }
        let reason = "PostgreSQL 14 or later is needed".to_owned();
        Err(ConnectorError::NotSupported { store: self.store.clone(), reason })
    }

    /// One statement for all settings; a value is text with a unit.
    async fn set_up(
        &self,
        driver: &mut PgConnection,
        access: Access,
    ) -> Result<OwnTransactions, ConnectorError> {
        let (read_only, statement_timeout, plan_cache_mode) = match access {
            Access::Read => ("on", self.options.read_timeout, "force_custom_plan"),
            Access::Write => ("off", self.options.write_timeout, "auto"),
        };
        let settings = sqlx::query(SETTINGS)
            .bind(read_only)
            .bind(millis(statement_timeout))
            .bind(millis(self.options.lock_timeout))
            .bind(millis(self.options.idle_in_transaction_timeout))
            .bind(plan_cache_mode)
            .fetch_one(&mut *driver)
            .await
            .map_err(|error| self.fault("", &error))?;
        let database = settings.try_get("database").map_err(|error| self.fault("", &error))?;
        let own = OwnTransactions::in_database(database);
        let encoding: String = settings.try_get("encoding").map_err(|error| self.fault("", &error))?;
        if encoding == "UTF8" {
            return Ok(own);
        }
        Err(ConnectorError::NotSupported {
            store: self.store.clone(),
            reason: format!("the database is encoded in {encoding}, and only UTF8 is read without loss"),
        })
    }
}

/// `pg_catalog` comes first, so that nobody's function or operator of the same name and arguments is run with
/// our rights. `row_security`: a policy that would hide rows is an error. A writer whose foreign keys and
/// triggers are switched off by a setting is refused, unless its role may switch them on again. What only an
/// administrator may set is set where it is permitted. Statements are planned for their values; a writer's are by being
/// new each time, since the setting would have the server plan its own look at each foreign key anew, too.
const SETTINGS: &str = "SELECT \
     set_config('search_path', 'pg_catalog, public, pg_temp', false), \
     set_config('default_transaction_isolation', 'read committed', false), \
     set_config('default_transaction_read_only', $1, false), \
     set_config('default_transaction_deferrable', 'off', false), \
     set_config('statement_timeout', $2, false), \
     set_config('lock_timeout', $3, false), \
     set_config('idle_in_transaction_session_timeout', $4, false), \
     set_config('idle_session_timeout', '0', false), \
     set_config('row_security', 'off', false), \
     CASE WHEN current_setting('session_replication_role') <> 'origin' \
       THEN set_config('session_replication_role', 'origin', false) END, \
     CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') \
       THEN set_config('synchronous_commit', 'on', false) END, \
     set_config('plan_cache_mode', $5, false), \
     set_config('jit', 'off', false), \
     set_config('TimeZone', 'UTC', false), \
     set_config('DateStyle', 'ISO, YMD', false), \
     set_config('IntervalStyle', 'iso_8601', false), \
     set_config('extra_float_digits', '1', false), \
     set_config('bytea_output', 'hex', false), \
     set_config('standard_conforming_strings', 'on', false), \
     set_config('transform_null_equals', 'off', false), \
     set_config('client_min_messages', 'error', false), \
     set_config('log_parameter_max_length_on_error', '0', false), \
     CASE WHEN current_setting('is_superuser') = 'on' \
       THEN set_config('log_parameter_max_length', '0', false) END, \
     set_config('tcp_keepalives_idle', '60', false), \
     set_config('tcp_keepalives_interval', '10', false), \
     current_setting('server_encoding') AS encoding, \
     (SELECT oid::text || ' ' || datname FROM pg_database WHERE datname = current_database()) AS database";

fn millis(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// One session. Dropping it closes the socket at once.
#[derive(Debug)]
pub struct PostgresConnection {
    driver: PgConnection,
    own: OwnTransactions,
    own_before: i64,
    /// Between BEGIN and its end, so that transactions of our own can be counted.
    in_transaction: bool,
    /// Whether statements with values are prepared once and used again.
    keeps_statements: bool,
}

impl PostgresConnection {
    pub(super) async fn rows(&mut self, sql: SqlText) -> Result<Vec<PgRow>, sqlx::Error> {
        self.note(sql.text());
        self.query(sql).fetch_all(&mut self.driver).await
    }

    pub(super) async fn execute(&mut self, sql: SqlText) -> Result<u64, sqlx::Error> {
        self.note(sql.text());
        Ok(self.query(sql).execute(&mut self.driver).await?.rows_affected())
    }

    /// [`Self::rows`] of a query that is asked in each batch and whose plan does not depend on its values.
    pub(super) async fn rows_again(&mut self, sql: SqlText) -> Result<Vec<PgRow>, sqlx::Error> {
        self.note("");
        postgres_query(sql).persistent(true).fetch_all(&mut self.driver).await
    }

    fn query(&self, sql: SqlText) -> PgQuery {
        let is_kept = self.keeps_statements || sql.binds().is_empty();
        postgres_query(sql).persistent(is_kept)
    }

    /// The rows of a constant query with its parameters.
    pub(super) async fn all(
        &mut self,
        query: sqlx::query::Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        self.note("");
        query.fetch_all(&mut self.driver).await
    }

    /// A vacuum takes as long as it takes.
    pub(super) async fn unlimited(&mut self) -> Result<(), sqlx::Error> {
        self.execute(SqlText::new("SET statement_timeout = 0")).await.map(drop)
    }

    /// The one value of a constant query with its parameters.
    pub(super) async fn one<T>(
        &mut self,
        query: QueryScalar<'_, Postgres, T, PgArguments>,
    ) -> Result<T, sqlx::Error>
    where
        T: Send + Unpin,
        (T,): for<'row> sqlx::FromRow<'row, PgRow>,
    {
        self.note("");
        query.fetch_one(&mut self.driver).await
    }

    /// How many transactions this process had begun in this database, in other sessions, too: when this session
    /// began, and now.
    pub(super) fn own_transactions(&self) -> Range<i64> {
        self.own_before..self.own.until_now()
    }

    fn note(&mut self, text: &str) {
        let word = text.split_ascii_whitespace().next().unwrap_or_default();
        let begins = word.eq_ignore_ascii_case("BEGIN") || word.eq_ignore_ascii_case("START");
        let ends = ["COMMIT", "END", "ROLLBACK", "ABORT"].iter().any(|end| word.eq_ignore_ascii_case(end))
            && !text.contains(" TO ");
        if !self.in_transaction {
            self.own.add(1);
        }
        self.in_transaction = begins || (self.in_transaction && !ends);
    }
}

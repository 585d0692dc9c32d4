//! The one place where made-up SQL text becomes a statement of a driver.
//!
//! What is asserted safe is a [`SqlText`]: constant text, quoted names, and marks.

use super::SqlText;
use crate::value::Value;
use sqlx::AssertSqlSafe;

#[cfg(feature = "sqlite")]
pub type SqliteQuery = sqlx::query::Query<'static, sqlx::sqlite::Sqlite, sqlx::sqlite::SqliteArguments>;
#[cfg(feature = "postgres")]
pub type PgQuery = sqlx::query::Query<'static, sqlx::postgres::Postgres, sqlx::postgres::PgArguments>;
#[cfg(feature = "mysql")]
pub type MySqlQuery = sqlx::query::Query<'static, sqlx::mysql::MySql, sqlx::mysql::MySqlArguments>;

/// A statement for SQLite with every value bound: booleans as 0 and 1, dates as `YYYY-MM-DD`,
/// instants as ISO 8601 UTC text (`YYYY-MM-DDTHH:MM:SSZ`, with a fraction if there is one).
#[cfg(feature = "sqlite")]
pub fn query(sql: SqlText) -> SqliteQuery {
    let SqlText { text, binds, .. } = sql;
    let mut query = sqlx::query(AssertSqlSafe(text));
    for value in binds {
        query = match value {
            Value::Null => query.bind(None::<i64>),
            Value::Bool(value) => query.bind(i64::from(value)),
            Value::Int(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Date(value) => query.bind(value.format("%Y-%m-%d").to_string()),
            Value::Instant(value) => query.bind(value.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
        };
    }
    query
}

/// A statement for PostgreSQL with every value bound in its native type: `bool`, `int8`, `float8`, `text`,
/// `bytea`, `date`, `timestamptz`. A NULL is written as such, since a parameter would need a type.
#[cfg(feature = "postgres")]
pub fn postgres_query(sql: SqlText) -> PgQuery {
    let text = sql.numbered();
    let mut query = sqlx::query(AssertSqlSafe(text));
    for value in sql.binds {
        query = match value {
            Value::Null => query,
            Value::Bool(value) => query.bind(value),
            Value::Int(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Date(value) => query.bind(value),
            Value::Instant(value) => query.bind(value),
        };
    }
    query
}

/// A statement for MySQL or MariaDB with every value bound: booleans as 0 and 1, dates as `DATE`,
/// instants in UTC, which the session's time zone must be. Names are in double quotes, so the session
/// needs `ANSI_QUOTES`.
#[cfg(feature = "mysql")]
pub fn mysql_query(sql: SqlText) -> MySqlQuery {
    let SqlText { text, binds, .. } = sql;
    let mut query = sqlx::query(AssertSqlSafe(text));
    for value in binds {
        query = match value {
            Value::Null => query.bind(None::<i64>),
            Value::Bool(value) => query.bind(i64::from(value)),
            Value::Int(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Date(value) => query.bind(value),
            Value::Instant(value) => query.bind(value.naive_utc()),
        };
    }
    query
}

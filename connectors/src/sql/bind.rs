//! The one place where made-up SQL text becomes a statement of the driver.
//!
//! What is asserted safe is a [`SqlText`]: constant text, quoted names, and `?` marks.

use super::SqlText;
use crate::value::Value;
use chrono::SecondsFormat;
use sqlx::sqlite::{Sqlite, SqliteArguments};

pub type SqliteQuery = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// A statement for SQLite with every value bound: booleans as 0 and 1, dates as `YYYY-MM-DD`,
/// instants as ISO 8601 UTC text (`YYYY-MM-DDTHH:MM:SSZ`, with a fraction if there is one).
pub fn query(sql: SqlText) -> SqliteQuery {
    let SqlText { text, binds } = sql;
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
    for value in binds {
        query = match value {
            Value::Null => query.bind(None::<i64>),
            Value::Bool(value) => query.bind(i64::from(value)),
            Value::Int(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Date(value) => query.bind(value.format("%Y-%m-%d").to_string()),
            Value::Instant(value) => query.bind(value.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        };
    }
    query
}

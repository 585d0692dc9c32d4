//! Statements of the ledger: constant texts, bound values, rows by the names of their columns.
//!
//! Floor 6. Both kinds of ledger understand the same statements: parameters are `$1`, `$2` and so on,
//! and values are texts, whole numbers and bytes. It knows the two drivers so that the rest need not.

use super::LedgerError;
use super::store::Work;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A value of a column; `None` is NULL.
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($kind:ident($type:ty): $from:ty => $convert:expr;)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let convert: fn($from) -> $type = $convert;
                Self::$kind(Some(convert(value)))
            }
        }

        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$kind(value.map($convert))
            }
        }
    )*};
}

value_from! {
    Text(String): &str => str::to_owned;
    Text(String): &String => String::clone;
    Text(String): String => |text| text;
    Number(i64): i64 => |number| number;
    Number(i64): u32 => i64::from;
    Number(i64): bool => i64::from;
    Bytes(Vec<u8>): &[u8] => <[u8]>::to_vec;
    Bytes(Vec<u8>): &Vec<u8> => Vec::clone;
    Bytes(Vec<u8>): Vec<u8> => |bytes| bytes;
}

/// A statement with its values, in the order of its parameters.
pub(super) struct Statement {
    text: &'static str,
    values: Vec<Value>,
}

pub(super) fn statement(text: &'static str) -> Statement {
    Statement { text, values: Vec::new() }
}

/// The driver's form of a statement.
macro_rules! bound {
    ($statement:expr) => {{
        let mut query = sqlx::query($statement.text);
        for value in $statement.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

impl Statement {
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The number of rows that it changed.
    pub(super) async fn execute(self, work: &mut Work) -> Result<u64, LedgerError> {
        Ok(match work {
            Work::Sqlite(work) => bound!(self).execute(&mut **work).await?.rows_affected(),
            Work::Postgres(work) => bound!(self).execute(&mut **work).await?.rows_affected(),
        })
    }

    pub(super) async fn all(self, work: &mut Work) -> Result<Vec<Row>, LedgerError> {
        Ok(match work {
            Work::Sqlite(work) => {
                bound!(self).fetch_all(&mut **work).await?.into_iter().map(Row::Sqlite).collect()
            }
            Work::Postgres(work) => {
                bound!(self).fetch_all(&mut **work).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    pub(super) async fn optional(self, work: &mut Work) -> Result<Option<Row>, LedgerError> {
        Ok(match work {
            Work::Sqlite(work) => bound!(self).fetch_optional(&mut **work).await?.map(Row::Sqlite),
            Work::Postgres(work) => bound!(self).fetch_optional(&mut **work).await?.map(Row::Postgres),
        })
    }

    /// [`LedgerError::Damaged`] when there is no row.
    pub(super) async fn one(self, work: &mut Work) -> Result<Row, LedgerError> {
        self.optional(work).await?.ok_or(LedgerError::Damaged)
    }
}

/// A row. A column that is missing or of another kind is [`LedgerError::Failed`].
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($row:expr, $name:expr) => {
        match $row {
            Row::Sqlite(row) => Ok(row.try_get($name)?),
            Row::Postgres(row) => Ok(row.try_get($name)?),
        }
    };
}

impl Row {
    pub(super) fn text(&self, column: &str) -> Result<String, LedgerError> {
        column!(self, column)
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<String>, LedgerError> {
        column!(self, column)
    }

    pub(super) fn number(&self, column: &str) -> Result<i64, LedgerError> {
        column!(self, column)
    }

    pub(super) fn optional_number(&self, column: &str) -> Result<Option<i64>, LedgerError> {
        column!(self, column)
    }

    /// A mark: 0 or 1.
    pub(super) fn mark(&self, column: &str) -> Result<bool, LedgerError> {
        Ok(self.number(column)? != 0)
    }

    pub(super) fn bytes(&self, column: &str) -> Result<Vec<u8>, LedgerError> {
        column!(self, column)
    }

    pub(super) fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        column!(self, column)
    }
}

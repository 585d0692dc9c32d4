//! What selections, predicates, start events and transforms are in PostgreSQL's SQL.
//!
//! Every expression has exactly the meaning of its in-process twin ([`crate::predicate::Predicate::evaluate`],
//! [`crate::classify`], [`crate::transform::Transform::apply`]) of the value that [`stored`] gives; property
//! tests hold them together. No statement fails because of what a row holds: what PostgreSQL could not read
//! is held against a regular expression first.
//!
//! Relies on the session: UTC, `extra_float_digits` of 1 at least, dates in ISO style, UTF-8,
//! `pg_catalog` first on the search path. PostgreSQL 14 or later.

mod forms;
mod kind;
mod limits;
mod predicate;
mod reading;
mod replacement;
mod start;
mod transform;

pub(crate) use kind::{Kind, TextKind};
pub(crate) use reading::stored;

use super::dialect::{Dialect, Row, StartText};
use super::{SqlError, SqlText};
use crate::dataset::{ColumnShape, DatasetShape};
use crate::predicate::{Field, Function};
use crate::selection::StartCondition;
use crate::transform::FieldTransform;
use crate::value::{Value, ValueType};

/// PostgreSQL's words.
#[derive(Debug, Clone, Copy)]
pub struct Postgres;

impl Postgres {
    /// A value that the engine made, a hash or the moment of a marker, in the type of the column it goes into.
    ///
    /// # Errors
    /// `NotWritable` when the column cannot hold it.
    pub fn assigned(self, column: &ColumnShape, value: &Value, row: Row<'_>) -> Result<SqlText, SqlError> {
        replacement::assigned(column, value, row)
    }
}

impl Dialect for Postgres {
    fn field(&self, field: &Field, row: Row<'_>) -> Result<SqlText, SqlError> {
        predicate::field(field, row)
    }

    fn literal(&self, value: &Value) -> SqlText {
        predicate::literal(value)
    }

    fn quick_in_list(
        &self,
        field: &Field,
        row: Row<'_>,
        list: &[Value],
    ) -> Result<Option<SqlText>, SqlError> {
        predicate::quick_in_list(field, row, list)
    }

    fn truth(&self, tested: &SqlText) -> SqlText {
        SqlText::fill("({0})", &[tested])
    }

    fn like(&self, tested: &SqlText, pattern: &str) -> SqlText {
        predicate::like(tested, pattern)
    }

    fn call(&self, function: Function, arguments: &[SqlText]) -> SqlText {
        predicate::call(function, arguments)
    }

    fn start(&self, condition: &StartCondition, row: Row<'_>) -> Result<Option<StartText>, SqlError> {
        start::start(condition, row)
    }

    fn transform(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
        transform::transform(field, row)
    }

    fn already_equal(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
        transform::already_equal(field, row)
    }
}

/// What [`crate::predicate::Predicate::one_of_identities`] compares of a column of text; `None` for others, which are
/// compared as they are.
pub(crate) fn identity_of(shape: &ColumnShape, column: &SqlText) -> Option<SqlText> {
    (shape.value_type == ValueType::Text).then(|| {
        let trimmed = predicate::call(Function::Trim, &[reading::text(column)]);
        predicate::call(Function::Lower, &[trimmed])
    })
}

/// The column as it was inspected: how it is read depends on its type.
fn column_of<'a>(shape: &'a DatasetShape, name: &str) -> Result<&'a ColumnShape, SqlError> {
    shape.column(name).ok_or_else(|| SqlError::NotWritable { reason: format!("there is no column '{name}'") })
}

#[cfg(all(test, feature = "postgres"))]
mod tests;

//! The words of MySQL and MariaDB, the same for both.
//!
//! Every expression has exactly the meaning of its in-process twin for the value that
//! [`crate::server::Backend::rows`] reads of a column through `stored`; property tests hold them together.
//! The session must have the modes, the zone and the character set that the backend sets.
//!
//! No expression may warn, whatever a row holds: in a strict session the warning of a statement that
//! changes rows is an error, and one row would stop a whole batch.

mod kind;
mod predicate;
mod reading;
mod start;
mod transform;

use super::dialect::{Dialect, Row, StartText, Typed};
use super::{SqlError, SqlText};
use crate::predicate::{Comparison, Field, Function};
use crate::selection::StartCondition;
use crate::transform::FieldTransform;
use crate::value::Value;

pub(crate) use kind::{Kind, bytes, stored};

/// The words of MySQL and MariaDB.
#[derive(Debug, Clone, Copy)]
pub struct MySql;

impl Dialect for MySql {
    fn field(&self, field: &Field, row: Row<'_>) -> Result<SqlText, SqlError> {
        predicate::field(field, row)
    }

    fn literal(&self, value: &Value) -> SqlText {
        predicate::literal(value)
    }

    fn compare(&self, comparison: Comparison, left: Typed<'_>, right: Typed<'_>) -> SqlText {
        predicate::compare(comparison, left, right)
    }

    fn in_list(&self, tested: Typed<'_>, list: &[Value]) -> SqlText {
        predicate::in_list(tested, list)
    }

    fn between(&self, tested: Typed<'_>, low: Typed<'_>, high: Typed<'_>) -> SqlText {
        predicate::between(tested, low, high)
    }

    fn truth(&self, tested: &SqlText) -> SqlText {
        SqlText::fill("({0} = 1)", &[tested])
    }

    fn like(&self, tested: &SqlText, pattern: &str) -> SqlText {
        predicate::like(tested, pattern)
    }

    fn call(&self, function: Function, arguments: &[SqlText]) -> SqlText {
        predicate::call(function, arguments)
    }

    fn quick_in_list(
        &self,
        field: &Field,
        row: Row<'_>,
        list: &[Value],
    ) -> Result<Option<SqlText>, SqlError> {
        predicate::quick_in_list(field, row, list)
    }

    fn start(&self, condition: &StartCondition, row: Row<'_>) -> Result<Option<StartText>, SqlError> {
        start::start(condition, row)
    }

    fn transform(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
        transform::transform(field, row)
    }

    /// A table may not be read in the statement that deletes from it, but a copy of it may: the limit keeps
    /// the copy (<https://dev.mysql.com/doc/refman/8.4/en/subquery-errors.html>).
    fn reread(&self, table: &SqlText) -> SqlText {
        SqlText::fill("(SELECT * FROM {0} LIMIT 18446744073709551615)", &[table])
    }

    fn already_equal(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
        transform::already_equal(field, row)
    }
}

#[cfg(all(test, feature = "mysql"))]
mod tests;

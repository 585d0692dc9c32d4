//! What selections, predicates, start events and transforms are in SQLite's SQL.
//!
//! SQLite is dynamically typed: any column may hold any type. Every expression here has exactly the
//! meaning of its in-process twin ([`crate::predicate::Predicate::evaluate`], [`crate::classify`],
//! [`crate::transform::Transform::apply`]) for whatever is stored; property tests hold them together.
//!
//! How types are stored: booleans as integers 0 and 1, dates as `YYYY-MM-DD`, instants as ISO 8601
//! text. `text` must be valid UTF-8 or be read lossily by the caller; the twins cannot agree on bytes
//! that are no text.

mod predicate;
mod reading;
mod start;
mod transform;

use super::dialect::{Dialect, Row, StartText};
use super::{SqlError, SqlText, class};
use crate::dataset::DatasetShape;
use crate::predicate::{Field, Function};
use crate::selection::{Dependent, Selection, StartCondition};
use crate::transform::{Disposal, FieldTransform};
use crate::value::Value;
use std::collections::BTreeMap;

pub use super::class::class_of_code;
pub use super::dialect::standing;
pub use start::start;
pub use transform::{already_equal, transform};

/// SQLite's words.
#[derive(Debug, Clone, Copy)]
pub struct Sqlite;

impl Dialect for Sqlite {
    fn field(&self, field: &Field, row: Row<'_>) -> Result<SqlText, SqlError> {
        predicate::field(field, row.alias)
    }

    fn literal(&self, value: &Value) -> SqlText {
        predicate::literal(value)
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

    fn start(&self, condition: &StartCondition, row: Row<'_>) -> Result<Option<StartText>, SqlError> {
        start(condition, row.alias)
    }

    fn transform(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
        transform(field, row.alias)
    }

    fn already_equal(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
        already_equal(field, row.alias)
    }
}

/// [`class::class_case`] in SQLite's words.
pub fn class_case(selection: &Selection, alias: &str) -> Result<SqlText, SqlError> {
    class::class_case(&Sqlite, selection, alias)
}

/// [`class::due_condition`] in SQLite's words.
pub fn due_condition(selection: &Selection, alias: &str) -> Result<SqlText, SqlError> {
    class::due_condition(&Sqlite, selection, alias)
}

/// [`class::referenced`] in SQLite's words.
pub fn referenced(selection: &Selection, alias: &str) -> Result<Vec<SqlText>, SqlError> {
    class::referenced(&Sqlite, selection, alias)
}

/// [`class::holds_by_id`] in SQLite's words.
pub fn holds_by_id(selection: &Selection, alias: &str) -> Result<BTreeMap<String, SqlText>, SqlError> {
    class::holds_by_id(&Sqlite, selection, alias)
}

/// [`class::dependent_holds`] in SQLite's words.
pub fn dependent_holds(dependents: &[Dependent], alias: &str) -> Result<BTreeMap<String, SqlText>, SqlError> {
    class::dependent_holds(&Sqlite, dependents, alias)
}

/// [`class::already_done`] in SQLite's words.
pub fn already_done(
    disposal: &Disposal,
    shape: &DatasetShape,
    alias: &str,
) -> Result<Option<SqlText>, SqlError> {
    class::already_done(&Sqlite, disposal, Row { alias, shape })
}

#[cfg(all(test, feature = "sqlite"))]
mod tests;

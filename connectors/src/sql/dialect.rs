//! What one kind of database writes differently: how a stored value is read, compared and changed.
//!
//! Each hook has exactly the meaning of its in-process twin ([`crate::predicate::Predicate::evaluate`],
//! [`crate::start`], [`crate::transform::Transform::apply`]) for whatever the column may hold; property
//! tests hold them together on real servers. The templates given here are those that every server reads
//! alike.

use super::{SqlError, SqlText};
use crate::dataset::DatasetShape;
use crate::predicate::{Comparison, Field, Function};
use crate::selection::StartCondition;
use crate::transform::FieldTransform;
use crate::value::{Value, ValueType};
use std::fmt;

/// A table under its alias in a statement, with the shape that was found in the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub alias: &'a str,
    pub shape: &'a DatasetShape,
}

/// An operand of a predicate with the type that the checker found for it.
pub type Typed<'a> = (&'a SqlText, ValueType);

/// The words of one kind of database.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The stored value of a field if it is of the declared type, else NULL.
    fn field(&self, field: &Field, row: Row<'_>) -> Result<SqlText, SqlError>;

    /// A literal of a predicate, in the terms in which [`Dialect::field`] gives its type.
    fn literal(&self, value: &Value) -> SqlText {
        SqlText::value(value.clone())
    }

    fn compare(&self, comparison: Comparison, left: Typed<'_>, right: Typed<'_>) -> SqlText {
        SqlText::fill(template(comparison), &[left.0, right.0])
    }

    /// Whether the operand equals one of the literals; unknown for NULL.
    fn in_list(&self, tested: Typed<'_>, list: &[Value]) -> SqlText {
        let list: Vec<SqlText> = list.iter().map(|item| self.literal(item)).collect();
        SqlText::fill("({0} IN ({1}))", &[tested.0, &SqlText::list(&list)])
    }

    /// A condition that an ordinary index of the column serves, and that is true wherever the field equals one of
    /// the literals; it may be true for more, and is unknown for NULL. `None` where [`Dialect::in_list`] is
    /// served itself, or nothing is.
    ///
    /// # Errors
    /// When the column is gone.
    fn quick_in_list(
        &self,
        _field: &Field,
        _row: Row<'_>,
        _list: &[Value],
    ) -> Result<Option<SqlText>, SqlError> {
        Ok(None)
    }

    fn between(&self, tested: Typed<'_>, low: Typed<'_>, high: Typed<'_>) -> SqlText {
        SqlText::fill("({0} BETWEEN {1} AND {2})", &[tested.0, low.0, high.0])
    }

    /// A bare boolean operand as a condition.
    fn truth(&self, tested: &SqlText) -> SqlText;

    /// LIKE with the meaning of [`crate::predicate`]: case counts, a backslash escapes.
    fn like(&self, tested: &SqlText, pattern: &str) -> SqlText;

    fn call(&self, function: Function, arguments: &[SqlText]) -> SqlText;

    /// The expressions of a start event; `None` if the condition has none.
    fn start(&self, condition: &StartCondition, row: Row<'_>) -> Result<Option<StartText>, SqlError>;

    /// The transformed value of the field's column; `None` for a hash, whose key never goes to a store.
    fn transform(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError>;

    /// A table that is looked at again inside a statement that may delete from it.
    fn reread(&self, table: &SqlText) -> SqlText {
        table.clone()
    }

    /// True exactly when the column already holds what the transform would give; `None` for a hash.
    fn already_equal(&self, field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError>;
}

/// The expressions of one start event over one row.
#[derive(Debug, Clone)]
pub struct StartText {
    /// One of the numbers of [`standing`], never NULL.
    pub standing: SqlText,
    /// Readable, at or before the cutoff and not in the future: what decides in a statement that
    /// destroys. True exactly where `standing` is [`standing::DUE`], false or NULL otherwise; written so
    /// that an index can serve it.
    pub due_quick: SqlText,
    /// True exactly where `standing` is [`standing::NOT_YET_DUE`], false or NULL otherwise, where the column has a
    /// type of its own for starts: less work than `standing`.
    pub not_yet_due: Option<SqlText>,
    /// At or before the end of the margin. Only for rows whose start is known to be readable.
    pub overdue: SqlText,
    /// `overdue` compares a column as it stands: it can be asked of any row, and costs nothing.
    pub overdue_is_plain: bool,
    /// The start in an order that `min` and `max` follow. Only for rows whose start is known to be
    /// readable. [`crate::start::instant_of_sortable`] reads it back.
    pub sortable: SqlText,
    /// Among the due, `sortable` never falls where the column itself rises: then the ends can be taken of
    /// the column, and only they need to be brought to that order.
    pub follows_column: bool,
}

/// What [`StartText::standing`] says, in the order of precedence of [`crate::Class`].
pub mod standing {
    /// At or before the cutoff.
    pub const DUE: i64 = 0;
    /// NULL, or text of nothing but white space.
    pub const MISSING: i64 = 1;
    pub const UNREADABLE: i64 = 2;
    /// After the moment of the plan.
    pub const IN_FUTURE: i64 = 3;
    pub const NOT_YET_DUE: i64 = 4;
}

/// The template of a comparison of two operands.
#[must_use]
pub fn template(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "({0} = {1})",
        Comparison::NotEqual => "({0} <> {1})",
        Comparison::Less => "({0} < {1})",
        Comparison::LessOrEqual => "({0} <= {1})",
        Comparison::Greater => "({0} > {1})",
        Comparison::GreaterOrEqual => "({0} >= {1})",
    }
}

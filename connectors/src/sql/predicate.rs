//! Predicates as SQL, with the meaning of [`Predicate::evaluate`].
//!
//! The form of an expression is the same for every server; how a field is read and how two values
//! compare is the [`Dialect`]'s.

use super::dialect::{Dialect, Row};
use super::{SqlError, SqlText, mixed};
use crate::predicate::{Expression, Function, Operand, Predicate};
use crate::value::ValueType;

/// The predicate over one table. It is true, false or NULL exactly when [`Predicate::evaluate`] answers
/// `Some(true)`, `Some(false)` or `None`.
pub fn render(dialect: &dyn Dialect, predicate: &Predicate, row: Row<'_>) -> Result<SqlText, SqlError> {
    Writer { dialect, row }.expression(&mixed::split(predicate.expression()))
}

struct Writer<'a> {
    dialect: &'a dyn Dialect,
    row: Row<'a>,
}

impl Writer<'_> {
    fn expression(&self, node: &Expression) -> Result<SqlText, SqlError> {
        Ok(match node {
            Expression::Always => SqlText::new("TRUE"),
            Expression::And(parts) => self.joined(parts, " AND ", "TRUE")?,
            Expression::Or(parts) => self.joined(parts, " OR ", "FALSE")?,
            Expression::Not(inner) => SqlText::fill("(NOT {0})", &[&self.expression(inner)?]),
            Expression::Is { inner, value: true } => {
                SqlText::fill("({0} IS TRUE)", &[&self.expression(inner)?])
            }
            Expression::Is { inner, value: false } => {
                SqlText::fill("({0} IS FALSE)", &[&self.expression(inner)?])
            }
            Expression::Compare(comparison, left, right) => {
                let (left, right) = (self.operand(left)?, self.operand(right)?);
                self.dialect.compare(*comparison, (&left.0, left.1), (&right.0, right.1))
            }
            Expression::InList { operand, list } => {
                let tested = self.operand(operand)?;
                let exact = self.dialect.in_list((&tested.0, tested.1), list);
                let quick = match operand {
                    Operand::Field(field) => self.dialect.quick_in_list(field, self.row, list)?,
                    _ => None,
                };
                match quick {
                    Some(quick) => SqlText::fill("({0} AND {1})", &[&quick, &exact]),
                    None => exact,
                }
            }
            Expression::Between { operand: tested, low, high } => {
                let (tested, low, high) = (self.operand(tested)?, self.operand(low)?, self.operand(high)?);
                self.dialect.between((&tested.0, tested.1), (&low.0, low.1), (&high.0, high.1))
            }
            Expression::Like { operand: tested, pattern } => {
                self.dialect.like(&self.operand(tested)?.0, pattern)
            }
            Expression::IsNull(tested) => SqlText::fill("({0} IS NULL)", &[&self.operand(tested)?.0]),
            Expression::Truth(tested) => self.dialect.truth(&self.operand(tested)?.0),
        })
    }

    fn joined(
        &self,
        parts: &[Expression],
        operator: &'static str,
        empty: &'static str,
    ) -> Result<SqlText, SqlError> {
        let parts = parts.iter().map(|part| self.expression(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(SqlText::join_balanced(&parts, operator).unwrap_or_else(|| SqlText::new(empty)))
    }

    fn operand(&self, node: &Operand) -> Result<(SqlText, ValueType), SqlError> {
        Ok(match node {
            Operand::Field(field) => (self.dialect.field(field, self.row)?, field.value_type),
            Operand::Literal(value) => {
                (self.dialect.literal(value), value.value_type().unwrap_or(ValueType::Unknown))
            }
            Operand::Call(function, arguments) => {
                let arguments =
                    arguments.iter().map(|argument| self.operand(argument)).collect::<Result<Vec<_>, _>>()?;
                let value_type = match function {
                    Function::Length => ValueType::Int,
                    Function::Lower | Function::Upper | Function::Trim => ValueType::Text,
                    Function::Coalesce => {
                        let known = arguments.iter().map(|argument| argument.1);
                        known
                            .into_iter()
                            .find(|kind| *kind != ValueType::Unknown)
                            .unwrap_or(ValueType::Unknown)
                    }
                };
                let arguments: Vec<SqlText> = arguments.into_iter().map(|argument| argument.0).collect();
                (self.dialect.call(*function, &arguments), value_type)
            }
        })
    }
}

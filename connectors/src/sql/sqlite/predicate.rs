//! Predicates as SQL, with the meaning of [`Predicate::evaluate`].
//!
//! A field is guarded by the type that is really stored; the guard also takes the column's affinity
//! and collation away, so that comparisons are by value, and of text by bytes.

use super::reading;
use crate::iso;
use crate::predicate::{Comparison, Expression, Field, Function, Operand, Predicate, like};
use crate::sql::{SqlError, SqlText};
use crate::value::{Value, ValueType};

/// The predicate over the table known as `alias`. It is true, false or NULL exactly when
/// [`Predicate::evaluate`] answers `Some(true)`, `Some(false)` or `None`.
pub fn render(predicate: &Predicate, alias: &str) -> Result<SqlText, SqlError> {
    expression(predicate.expression(), alias)
}

fn expression(node: &Expression, alias: &str) -> Result<SqlText, SqlError> {
    Ok(match node {
        Expression::Always => SqlText::new("1"),
        Expression::And(parts) => joined(parts, " AND ", "1", alias)?,
        Expression::Or(parts) => joined(parts, " OR ", "0", alias)?,
        Expression::Not(inner) => SqlText::fill("(NOT {0})", &[&expression(inner, alias)?]),
        Expression::Is { inner, value: true } => {
            SqlText::fill("({0} IS TRUE)", &[&expression(inner, alias)?])
        }
        Expression::Is { inner, value: false } => {
            SqlText::fill("({0} IS FALSE)", &[&expression(inner, alias)?])
        }
        Expression::Compare(comparison, left, right) => {
            SqlText::fill(template(*comparison), &[&operand(left, alias)?, &operand(right, alias)?])
        }
        Expression::InList { operand: tested, list } => {
            let list: Vec<SqlText> = list.iter().map(literal).collect();
            SqlText::fill("({0} IN ({1}))", &[&operand(tested, alias)?, &SqlText::list(&list)])
        }
        Expression::Between { operand: tested, low, high } => SqlText::fill(
            "({0} BETWEEN {1} AND {2})",
            &[&operand(tested, alias)?, &operand(low, alias)?, &operand(high, alias)?],
        ),
        Expression::Like { operand: tested, pattern } => SqlText::fill(
            "(CASE WHEN instr({0}, char(0)) = 0 THEN {0} GLOB {1} END)",
            &[&operand(tested, alias)?, &SqlText::value(Value::Text(like::to_glob(pattern)))],
        ),
        Expression::IsNull(tested) => SqlText::fill("({0} IS NULL)", &[&operand(tested, alias)?]),
        Expression::Truth(tested) => SqlText::fill("({0} = 1)", &[&operand(tested, alias)?]),
    })
}

fn joined(
    parts: &[Expression],
    operator: &'static str,
    empty: &'static str,
    alias: &str,
) -> Result<SqlText, SqlError> {
    let parts = parts.iter().map(|part| expression(part, alias)).collect::<Result<Vec<_>, _>>()?;
    Ok(SqlText::join_balanced(&parts, operator).unwrap_or_else(|| SqlText::new(empty)))
}

fn template(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "({0} = {1})",
        Comparison::NotEqual => "({0} <> {1})",
        Comparison::Less => "({0} < {1})",
        Comparison::LessOrEqual => "({0} <= {1})",
        Comparison::Greater => "({0} > {1})",
        Comparison::GreaterOrEqual => "({0} >= {1})",
    }
}

fn operand(node: &Operand, alias: &str) -> Result<SqlText, SqlError> {
    Ok(match node {
        Operand::Field(field) => guarded(field, alias)?,
        Operand::Literal(value) => literal(value),
        Operand::Call(function, arguments) => {
            let arguments =
                arguments.iter().map(|argument| operand(argument, alias)).collect::<Result<Vec<_>, _>>()?;
            let list = SqlText::list(&arguments);
            match function {
                Function::Lower => SqlText::fill("lower({0})", &[&list]),
                Function::Upper => SqlText::fill("upper({0})", &[&list]),
                Function::Trim => SqlText::fill("trim({0}, ' ')", &[&list]),
                Function::Length => {
                    SqlText::fill("(CASE WHEN instr({0}, char(0)) = 0 THEN length({0}) END)", &[&list])
                }
                // SQLite wants two arguments at least.
                Function::Coalesce => SqlText::fill("coalesce({0}, NULL)", &[&list]),
            }
        }
    })
}

/// The stored value if it is of the declared type, else NULL.
fn guarded(field: &Field, alias: &str) -> Result<SqlText, SqlError> {
    let column = SqlText::column(alias, &field.name)?;
    let template = match field.value_type {
        ValueType::Bool => "(CASE WHEN typeof({0}) = 'integer' AND {0} IN (0, 1) THEN {0} END)",
        ValueType::Int | ValueType::Real => "(CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END)",
        ValueType::Text => "(CASE WHEN typeof({0}) = 'text' THEN {0} END)",
        ValueType::Bytes => "(CASE WHEN typeof({0}) = 'blob' THEN {0} END)",
        ValueType::Date => return Ok(SqlText::fill("({0})", &[&reading::date(&column)])),
        ValueType::Instant => return Ok(SqlText::fill("({0})", &[&reading::instant(&column)])),
        ValueType::Unknown => return Ok(column),
    };
    Ok(SqlText::fill(template, &[&column]))
}

/// Instants are compared as epoch seconds, as [`reading::instant`] gives them.
fn literal(value: &Value) -> SqlText {
    match value {
        Value::Instant(at) => {
            SqlText::value(iso::round_up(*at).map_or(Value::Null, |rounded| Value::Int(rounded.timestamp())))
        }
        other => SqlText::value(other.clone()),
    }
}

//! How SQLite reads and compares the operands of predicates.
//!
//! A field is guarded by the type that is really stored; the guard also takes the column's affinity
//! and collation away, so that comparisons are by value, and of text by bytes.

use super::reading;
use crate::iso;
use crate::predicate::{Field, Function, like};
use crate::sql::{SqlError, SqlText};
use crate::value::{Value, ValueType};

/// The stored value if it is of the declared type, else NULL.
pub(super) fn field(field: &Field, alias: &str) -> Result<SqlText, SqlError> {
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
pub(super) fn literal(value: &Value) -> SqlText {
    match value {
        Value::Instant(at) => {
            SqlText::value(iso::round_up(*at).map_or(Value::Null, |rounded| Value::Int(rounded.timestamp())))
        }
        other => SqlText::value(other.clone()),
    }
}

pub(super) fn like(tested: &SqlText, pattern: &str) -> SqlText {
    SqlText::fill(
        "(CASE WHEN instr({0}, char(0)) = 0 THEN {0} GLOB {1} END)",
        &[tested, &SqlText::value(Value::Text(like::to_glob(pattern)))],
    )
}

pub(super) fn call(function: Function, arguments: &[SqlText]) -> SqlText {
    let list = SqlText::list(arguments);
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

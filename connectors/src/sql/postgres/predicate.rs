//! How PostgreSQL reads and compares the operands of predicates.
//!
//! Text is compared under the collation `C`, which is by bytes and never nondeterministic. Whole numbers stay
//! what they are; floats and decimals become `numeric`, since PostgreSQL compares an integer with a float
//! by rounding the integer.

use super::kind::{Kind, TextKind};
use super::{column_of, reading};
use crate::iso;
use crate::predicate::{Field, Function};
use crate::sql::dialect::Row;
use crate::sql::{SqlError, SqlText};
use crate::value::{Value, ValueType};

/// The stored value if it is of the declared type, else NULL.
///
/// # Errors
/// `NotWritable` when the column is gone or has another type than the one the predicate was checked with.
pub(super) fn field(field: &Field, row: Row<'_>) -> Result<SqlText, SqlError> {
    let shape = column_of(row.shape, &field.name)?;
    let column = SqlText::column(row.alias, &field.name)?;
    let kind = Kind::of(shape);
    let text = || reading::text(&column);
    match (field.value_type, kind) {
        (ValueType::Bool, Kind::Bool)
        | (ValueType::Int, Kind::Int { .. })
        | (ValueType::Bytes, Kind::Bytes) => Ok(column),
        (ValueType::Real, Kind::Numeric(precision)) if precision.is_exact_as_float() => {
            Ok(SqlText::fill("nullif({0}, 'NaN')", &[&column]))
        }
        (ValueType::Real, Kind::Float | Kind::Real | Kind::Numeric(_)) => {
            Ok(exact(&reading::float(kind, &column).unwrap_or(column)))
        }
        (ValueType::Text, kind) if kind.is_textual() => Ok(text()),
        (ValueType::Date, Kind::Date) => Ok(SqlText::fill(
            "(CASE WHEN {0} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN {0} END)",
            &[&column],
        )),
        (ValueType::Instant, Kind::Instant) => Ok(rounded_up(&column)),
        (ValueType::Unknown, _) if shape.value_type == ValueType::Unknown => {
            Ok(reading::stored(shape, &column))
        }
        _ => Err(SqlError::NotWritable {
            reason: format!(
                "column '{}' is declared as {} now, which is not what the rule was checked with: plan again",
                field.name, shape.declared_type
            ),
        }),
    }
}

/// Text in its own collation, and a `uuid` as itself: an index of the column knows no other comparison. Equal bytes
/// are equal under every collation.
pub(super) fn quick_in_list(
    field: &Field,
    row: Row<'_>,
    list: &[Value],
) -> Result<Option<SqlText>, SqlError> {
    let kind = Kind::of(column_of(row.shape, &field.name)?);
    let item = match (field.value_type, kind) {
        (ValueType::Text, Kind::Text(TextKind::Plain)) => "CAST({0} AS text)",
        (ValueType::Text, Kind::Uuid) => "CAST(CAST({0} AS text) AS uuid)",
        _ => return Ok(None),
    };
    let texts: Vec<&String> = list
        .iter()
        .filter_map(|value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    // What the server would refuse to read equals nothing.
    let fits = |text: &str| !text.contains('\0') && (kind != Kind::Uuid || is_uuid(text));
    let items: Vec<SqlText> = texts
        .into_iter()
        .filter(|text| fits(text))
        .map(|text| SqlText::fill(item, &[&SqlText::value(Value::Text(text.clone()))]))
        .collect();
    if items.is_empty() {
        return Ok(None);
    }
    let column = SqlText::column(row.alias, &field.name)?;
    Ok(Some(SqlText::fill("({0} IN ({1}))", &[&column, &SqlText::list(&items)])))
}

/// As PostgreSQL writes one.
fn is_uuid(text: &str) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if is_dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// In whole seconds, rounded up; NULL outside the years 1 to 9999.
fn rounded_up(column: &SqlText) -> SqlText {
    SqlText::fill(
        "(CASE WHEN {0} > {1} AND {0} <= {2} \
         THEN date_trunc('second', {0} + interval '999999 microseconds') END)",
        &[column, &reading::before_first_instant(), &reading::last_instant()],
    )
}

/// A float as a `numeric` that compares with others, and with every 64-bit integer, as the float does; NULL
/// for NaN. Up to 2^63 whole floats are taken as they are; all others as the shortest number that is
/// this float, which lies between the same integers.
fn exact(float: &SqlText) -> SqlText {
    SqlText::fill(
        "(CASE WHEN {0} = CAST('NaN' AS double precision) THEN NULL \
         WHEN {0} >= CAST('-9223372036854775808' AS double precision) \
         AND {0} < CAST('9223372036854775808' AS double precision) AND trunc({0}) = {0} \
         THEN CAST(CAST({0} AS bigint) AS numeric) ELSE CAST(CAST({0} AS text) AS numeric) END)",
        &[float],
    )
}

/// Instants are compared in whole seconds.
pub(super) fn literal(value: &Value) -> SqlText {
    let bound = SqlText::value(value.clone());
    match value {
        Value::Null => bound,
        Value::Bool(_) => SqlText::fill("CAST({0} AS boolean)", &[&bound]),
        Value::Int(_) => SqlText::fill("CAST({0} AS bigint)", &[&bound]),
        Value::Real(_) => exact(&SqlText::fill("CAST({0} AS double precision)", &[&bound])),
        Value::Text(_) => reading::text(&bound),
        Value::Bytes(_) => SqlText::fill("CAST({0} AS bytea)", &[&bound]),
        Value::Date(_) => SqlText::fill("CAST({0} AS date)", &[&bound]),
        Value::Instant(at) => {
            let rounded = iso::round_up(*at).map_or(Value::Null, Value::Instant);
            SqlText::fill("CAST({0} AS timestamp with time zone)", &[&SqlText::value(rounded)])
        }
    }
}

/// A backslash escapes by default.
pub(super) fn like(tested: &SqlText, pattern: &str) -> SqlText {
    SqlText::fill("({0} LIKE {1})", &[tested, &reading::text_value(pattern.to_owned())])
}

/// Under the collation `C` only the letters of ASCII have a case.
pub(super) fn call(function: Function, arguments: &[SqlText]) -> SqlText {
    let list = SqlText::list(arguments);
    let template = match function {
        Function::Lower => "lower({0} COLLATE \"C\")",
        Function::Upper => "upper({0} COLLATE \"C\")",
        Function::Trim => "btrim({0}, ' ')",
        Function::Length => "length({0})",
        Function::Coalesce => "coalesce({0})",
    };
    SqlText::fill(template, &[&list])
}

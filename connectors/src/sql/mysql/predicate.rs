//! How MySQL reads and compares the operands of predicates.
//!
//! Its own comparisons convert without being asked (`'abc' = 0` is true), so every operand has one of few
//! types before it is compared: integers, floats, and bytes. Text is the bytes of its UTF-8, a date its day
//! number, an instant its epoch seconds.

use super::kind::{self, Kind, kind_of};
use super::reading;
use crate::iso;
use crate::predicate::{Comparison, Field, Function, compare_int_real};
use crate::sql::dialect::{Row, Typed, template};
use crate::sql::{SqlError, SqlText};
use crate::value::{Value, ValueType};
use chrono::Datelike as _;
use std::cmp::Ordering;

/// Orders an integer `{0}` and a float `{1}` exactly: below 0, 0, above 0. The bounds keep the cast inside
/// the range of a BIGINT, outside of which it would warn.
const ORDER: &str = "(CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN {1} >= 9223372036854775808e0 THEN -1 \
     WHEN {1} < -9223372036854775808e0 THEN 1 WHEN {0} > {2} THEN 1 WHEN {0} < {2} OR {1} > FLOOR({1}) THEN -1 ELSE 0 END)";
const FLOOR: &str =
    "CAST(FLOOR(LEAST(GREATEST({0}, -9223372036854775808e0), 9223372036854774784e0)) AS SIGNED)";

/// The stored value if it is of the declared type, else NULL.
pub(super) fn field(field: &Field, row: Row<'_>) -> Result<SqlText, SqlError> {
    let column = SqlText::column(row.alias, &field.name)?;
    if field.value_type == ValueType::Unknown {
        return Ok(column);
    }
    let kind = kind_of(row.shape, &field.name)?;
    let read = match field.value_type {
        ValueType::Bool => kind
            .whole(&column)
            .map(|number| SqlText::fill("(CASE WHEN {0} IN (0, 1) THEN {0} END)", &[&number])),
        ValueType::Int if kind == Kind::Real => return Err(other_type(field)),
        ValueType::Real if kind.whole(&column).is_some() => return Err(other_type(field)),
        ValueType::Int => kind.whole(&column),
        ValueType::Real => (kind == Kind::Real).then(|| kind::real(&column)),
        ValueType::Text => kind.text(&column).map(|text| kind::bytes(&text)),
        ValueType::Bytes => (kind == Kind::Bytes).then_some(column),
        ValueType::Date => date(kind, &column),
        ValueType::Instant => instant(kind, &column),
        ValueType::Unknown => None,
    };
    Ok(read.unwrap_or_else(|| SqlText::new("NULL")))
}

/// Text in the collation of its column, which an index knows: equal bytes are equal under every one. Only ASCII, which
/// every character set has.
pub(super) fn quick_in_list(
    field: &Field,
    row: Row<'_>,
    list: &[Value],
) -> Result<Option<SqlText>, SqlError> {
    if field.value_type != ValueType::Text || kind_of(row.shape, &field.name)? != Kind::Text {
        return Ok(None);
    }
    let mut items = Vec::with_capacity(list.len());
    for value in list {
        match value {
            Value::Text(text) if text.is_ascii() => items.push(SqlText::value(value.clone())),
            Value::Null => {}
            _ => return Ok(None),
        }
    }
    if items.is_empty() {
        return Ok(None);
    }
    let column = SqlText::column(row.alias, &field.name)?;
    Ok(Some(SqlText::fill("({0} IN ({1}))", &[&column, &SqlText::list(&items)])))
}

/// An integer where a float was expected, or the reverse: the two are not compared in the same way.
fn other_type(field: &Field) -> SqlError {
    SqlError::NotWritable { reason: format!("column '{}' has another type by now", field.name) }
}

fn date(kind: Kind, column: &SqlText) -> Option<SqlText> {
    let (is, days) = match (kind, kind.text(column)) {
        (Kind::Date, _) => (reading::is_native(column), SqlText::fill("TO_DAYS({0})", &[column])),
        (_, Some(text)) => (reading::is_date(&text), reading::days(&text)),
        _ => return None,
    };
    Some(SqlText::fill("(CASE WHEN {0} THEN {1} END)", &[&is, &days]))
}

fn instant(kind: Kind, column: &SqlText) -> Option<SqlText> {
    let (is, seconds) = match (kind, kind.text(column)) {
        (Kind::Timestamp, _) => (reading::is_native_instant(column), reading::native_seconds(column)),
        (_, Some(text)) => (reading::is_instant(&text), reading::instant(&text)),
        _ => return None,
    };
    Some(SqlText::fill("(CASE WHEN {0} THEN {1} END)", &[&is, &seconds]))
}

pub(super) fn literal(value: &Value) -> SqlText {
    match value {
        Value::Text(_) => SqlText::fill("CAST({0} AS BINARY)", &[&SqlText::value(value.clone())]),
        Value::Date(date) if (1..=9999).contains(&date.year()) => {
            SqlText::value(Value::Int(reading::days_of(*date)))
        }
        Value::Instant(at) => iso::round_up(*at)
            .map_or_else(|| SqlText::new("NULL"), |at| SqlText::value(Value::Int(at.timestamp()))),
        Value::Date(_) | Value::Null => SqlText::new("NULL"),
        Value::Real(number) if number.is_nan() => SqlText::new("NULL"),
        other => SqlText::value(other.clone()),
    }
}

pub(super) fn compare(comparison: Comparison, left: Typed<'_>, right: Typed<'_>) -> SqlText {
    let (order, comparison) = match (left.1, right.1) {
        (ValueType::Int, ValueType::Real) => (order(left.0, right.0), comparison),
        (ValueType::Real, ValueType::Int) => (order(right.0, left.0), mirrored(comparison)),
        _ => return SqlText::fill(template(comparison), &[left.0, right.0]),
    };
    SqlText::fill(template(comparison), &[&order, &SqlText::new("0")])
}

fn order(whole: &SqlText, real: &SqlText) -> SqlText {
    SqlText::fill(ORDER, &[whole, real, &SqlText::fill(FLOOR, &[real])])
}

fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

/// Two comparisons: BETWEEN would find one common type for three operands.
pub(super) fn between(tested: Typed<'_>, low: Typed<'_>, high: Typed<'_>) -> SqlText {
    let above = compare(Comparison::GreaterOrEqual, tested, low);
    let below = compare(Comparison::LessOrEqual, tested, high);
    SqlText::fill("({0} AND {1})", &[&above, &below])
}

/// The items in the type of what is tested; a number that this type does not have equals nothing.
pub(super) fn in_list(tested: Typed<'_>, list: &[Value]) -> SqlText {
    let items: Vec<SqlText> =
        list.iter().filter_map(|item| as_type(item, tested.1)).map(|item| literal(&item)).collect();
    if items.is_empty() {
        return SqlText::fill("(CASE WHEN {0} IS NOT NULL THEN FALSE END)", &[tested.0]);
    }
    SqlText::fill("({0} IN ({1}))", &[tested.0, &SqlText::list(&items)])
}

fn as_type(item: &Value, wanted: ValueType) -> Option<Value> {
    match (wanted, item) {
        (ValueType::Int, Value::Real(real)) if real.is_nan() => Some(Value::Null),
        (ValueType::Int, Value::Real(real)) => {
            #[expect(clippy::cast_possible_truncation, reason = "what is not the same is dropped")]
            let whole = *real as i64;
            (compare_int_real(whole, *real) == Some(Ordering::Equal)).then_some(Value::Int(whole))
        }
        (ValueType::Real, Value::Int(whole)) => {
            #[expect(clippy::cast_precision_loss, reason = "what is not the same is dropped")]
            let real = *whole as f64;
            (compare_int_real(*whole, real) == Some(Ordering::Equal)).then_some(Value::Real(real))
        }
        _ => Some(item.clone()),
    }
}

/// The collation makes case count and `_` stand for one code point.
pub(super) fn like(tested: &SqlText, pattern: &str) -> SqlText {
    SqlText::fill(
        "(CASE WHEN LOCATE(X'00', {0}) = 0 \
         THEN CONVERT({0} USING utf8mb4) COLLATE utf8mb4_bin LIKE {1} ESCAPE '\\' END)",
        &[tested, &SqlText::value(Value::Text(pattern.to_owned()))],
    )
}

/// TIS-620 has one byte for each character and no letters with case but those of ASCII, so the bytes of
/// UTF-8 pass through it unharmed.
pub(super) fn call(function: Function, arguments: &[SqlText]) -> SqlText {
    let list = SqlText::list(arguments);
    let template = match function {
        Function::Lower => "CAST(LOWER(CONVERT({0} USING tis620)) AS BINARY)",
        Function::Upper => "CAST(UPPER(CONVERT({0} USING tis620)) AS BINARY)",
        Function::Trim => "TRIM(BOTH ' ' FROM {0})",
        Function::Length => {
            "(CASE WHEN LOCATE(X'00', {0}) = 0 THEN CHAR_LENGTH(CONVERT({0} USING utf8mb4)) END)"
        }
        Function::Coalesce => "COALESCE({0})",
    };
    SqlText::fill(template, &[&list])
}

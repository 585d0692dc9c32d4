//! Transforms as SQL, with the result of [`Transform::apply`], in a form that the column takes.
//!
//! What the transform cannot read becomes NULL; a column that is NOT NULL then refuses the statement.

use super::kind::{self, Kind, kind_of};
use super::reading;
use crate::iso;
use crate::sql::dialect::Row;
use crate::sql::{SqlError, SqlText};
use crate::transform::{FieldTransform, Transform, replacement};
use crate::value::Value;

/// Up to here every whole number is a float (2^53).
const EXACT_MAX: &str = "9007199254740992e0";

/// The expression that gives the transformed value of the field's column; `None` for a hash, whose key
/// never goes to a store.
pub(super) fn transform(field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
    let column = SqlText::column(row.alias, &field.column)?;
    let kind = kind_of(row.shape, &field.column)?;
    let null = || SqlText::new("NULL");
    let on_text =
        |make: &dyn Fn(&SqlText) -> SqlText| kind.text(&column).map_or_else(null, |text| make(&text));
    Ok(Some(match &field.transform {
        Transform::Hash { .. } => return Ok(None),
        Transform::Replace { text } => {
            let value = SqlText::value(in_kind(kind, replacement(text, field.value_type)));
            SqlText::fill("(CASE WHEN {0} IS NOT NULL THEN {1} END)", &[&column, &value])
        }
        Transform::GeneralizeYear => generalize(kind, &column, Cut::Year),
        Transform::GeneralizeMonth => generalize(kind, &column, Cut::Month),
        Transform::GeneralizeBucket { step } if *step >= 1 => {
            bucket(kind, &column, *step).unwrap_or_else(null)
        }
        Transform::Null | Transform::GeneralizeBucket { .. } => null(),
        Transform::Mask { keep_first, keep_last } => on_text(&|text| mask(text, *keep_first, *keep_last)),
        Transform::Truncate { characters } => on_text(&|text| {
            let characters = SqlText::value(Value::Int(i64::from(*characters)));
            SqlText::fill(
                "(CASE WHEN LOCATE(X'00', CAST({0} AS BINARY)) = 0 THEN LEFT({0}, {1}) END)",
                &[text, &characters],
            )
        }),
    }))
}

/// True exactly when the column already holds what the transform would give; `None` for a hash.
pub(super) fn already_equal(field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
    let Some(result) = transform(field, row)? else { return Ok(None) };
    let column = SqlText::column(row.alias, &field.column)?;
    let kind = kind_of(row.shape, &field.column)?;
    // Text that is no date cannot be in a column of dates.
    let is_text = |text: &str| matches!(in_kind(kind, replacement(text, field.value_type)), Value::Text(_));
    if let Transform::Replace { text } = &field.transform
        && matches!(kind, Kind::Date | Kind::Timestamp)
        && is_text(text)
    {
        return Ok(Some(SqlText::fill("(CASE WHEN {0} IS NULL THEN TRUE ELSE FALSE END)", &[&column])));
    }
    Ok(Some(match kind.text(&column) {
        Some(text) => SqlText::fill("({0} <=> {1})", &[&kind::bytes(&text), &kind::bytes(&result)]),
        None if kind == Kind::Real => SqlText::fill("({0} <=> {1})", &[&kind::real(&column), &result]),
        None => SqlText::fill("({0} <=> {1})", &[&kind.whole(&column).unwrap_or(column), &result]),
    }))
}

/// A replacement in the type of the column, where its text can be read so.
fn in_kind(kind: Kind, value: Value) -> Value {
    match (kind, &value) {
        (Kind::Date, Value::Text(text)) => iso::parse_date(text).map_or(value, Value::Date),
        (Kind::Timestamp, Value::Text(text)) => {
            iso::parse_time(text).and_then(|time| time.instant()).map_or(value, Value::Instant)
        }
        _ => value,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Year,
    Month,
}

fn generalize(kind: Kind, column: &SqlText, cut: Cut) -> SqlText {
    let native = match cut {
        Cut::Year => "(CASE WHEN {1} THEN CAST({0} AS DATE) - INTERVAL (DAYOFYEAR({0}) - 1) DAY END)",
        Cut::Month => "(CASE WHEN {1} THEN CAST({0} AS DATE) - INTERVAL (DAY({0}) - 1) DAY END)",
    };
    match (kind, kind.text(column)) {
        (Kind::Date, _) => SqlText::fill(native, &[column, &reading::is_native(column)]),
        (Kind::Timestamp, _) => SqlText::fill(native, &[column, &reading::is_native_instant(column)]),
        (_, Some(text)) => {
            let first = match cut {
                Cut::Year => SqlText::fill("LEFT({0}, 4), '-01-01'", &[&text]),
                Cut::Month => SqlText::fill("LEFT({0}, 7), '-01'", &[&text]),
            };
            SqlText::fill(
                "(CASE WHEN {1} THEN CONCAT({3}) \
                 WHEN {2} THEN CONCAT({3}, SUBSTRING({0}, 11, 1), '00:00:00', {4}) END)",
                &[&text, &reading::is_date(&text), &reading::is_time(&text), &first, &reading::zone(&text)],
            )
        }
        _ => SqlText::new("NULL"),
    }
}

/// Rounding down in integers; what would leave the range is NULL, and is never computed.
fn bucket(kind: Kind, column: &SqlText, step: i64) -> Option<SqlText> {
    let step = SqlText::value(Value::Int(step));
    if let Some(number) = kind.whole(column) {
        return Some(if kind.is_unsigned() {
            SqlText::fill("({0} - {0} % {1})", &[&number, &step])
        } else {
            down(&number, &step)
        });
    }
    if kind != Kind::Real {
        return None;
    }
    let number = kind::real(column);
    let floor = down(&SqlText::fill("CAST(FLOOR({0}) AS SIGNED)", &[&number]), &step);
    let exact = SqlText::new(EXACT_MAX);
    let inside = SqlText::fill("ABS({0}) <= {1}", &[&number, &exact]);
    Some(SqlText::fill(
        "(CASE WHEN {0} THEN CASE WHEN {1} BETWEEN -9007199254740992 AND 9007199254740992 THEN {1} + 0e0 END END)",
        &[&inside, &floor],
    ))
}

fn down(number: &SqlText, step: &SqlText) -> SqlText {
    let rest = SqlText::fill("({0} % {1} + CASE WHEN {0} % {1} < 0 THEN {1} ELSE 0 END)", &[number, step]);
    let lowest = SqlText::value(Value::Int(i64::MIN));
    SqlText::fill("(CASE WHEN {0} >= {2} + {1} THEN {0} - {1} END)", &[number, &rest, &lowest])
}

fn mask(text: &SqlText, keep_first: u32, keep_last: u32) -> SqlText {
    let number = |number: i64| SqlText::value(Value::Int(number));
    let (first, last) = (i64::from(keep_first), i64::from(keep_last));
    SqlText::fill(
        "(CASE WHEN LOCATE(X'00', CAST({0} AS BINARY)) = 0 THEN CASE WHEN CHAR_LENGTH({0}) <= {3} \
         THEN REPEAT('*', CHAR_LENGTH({0})) \
         ELSE CONCAT(LEFT({0}, {1}), REPEAT('*', CHAR_LENGTH({0}) - {3}), RIGHT({0}, {2})) END END)",
        &[text, &number(first), &number(last), &number(first + last)],
    )
}

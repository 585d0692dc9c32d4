//! Transforms as SQL, with the result of [`Transform::apply`].

use super::reading;
use crate::sql::{SqlError, SqlText};
use crate::transform::{FieldTransform, Transform, replacement};
use crate::value::Value;

/// The expression that gives the transformed value of the field's column in the table known as
/// `alias`; `None` for a hash, whose key never goes to a store.
pub fn transform(field: &FieldTransform, alias: &str) -> Result<Option<SqlText>, SqlError> {
    let column = SqlText::column(alias, &field.column)?;
    Ok(match &field.transform {
        Transform::Null => Some(SqlText::new("NULL")),
        Transform::Replace { text } => {
            let value = SqlText::value(replacement(text, field.value_type));
            Some(SqlText::fill("(CASE WHEN {0} IS NOT NULL THEN {1} END)", &[&column, &value]))
        }
        Transform::Hash { .. } => None,
        Transform::GeneralizeYear => Some(generalize(&column, 4, "-01-01")),
        Transform::GeneralizeMonth => Some(generalize(&column, 7, "-01")),
        Transform::GeneralizeBucket { step } => Some(bucket(&column, *step)),
        Transform::Mask { keep_first, keep_last } => Some(mask(&column, *keep_first, *keep_last)),
        Transform::Truncate { characters } => Some(on_text(
            &SqlText::fill(
                "substr({0}, 1, {1})",
                &[&column, &SqlText::value(Value::Int(i64::from(*characters)))],
            ),
            &column,
        )),
    })
}

/// True exactly when the column already holds what the transform would give; `None` for a hash.
pub fn already_equal(field: &FieldTransform, alias: &str) -> Result<Option<SqlText>, SqlError> {
    let column = SqlText::column(alias, &field.column)?;
    // The unary plus takes the column's affinity away: no conversion before comparing.
    Ok(transform(field, alias)?
        .map(|result| SqlText::fill("(+{0} COLLATE BINARY IS {1})", &[&column, &result])))
}

/// Only text without U+0000, at which SQLite's text functions stop.
fn on_text(result: &SqlText, column: &SqlText) -> SqlText {
    SqlText::fill(
        "(CASE WHEN typeof({0}) = 'text' AND instr({0}, char(0)) = 0 THEN {1} END)",
        &[column, result],
    )
}

fn generalize(column: &SqlText, kept: i64, rest: &'static str) -> SqlText {
    SqlText::fill(
        "(CASE WHEN {1} THEN substr({0}, 1, {2}) || {3} \
         WHEN {4} THEN substr({0}, 1, {2}) || {3} || substr({0}, 11, 1) || '00:00:00' || ({5}) END)",
        &[
            column,
            &reading::is_date(column),
            &SqlText::value(Value::Int(kept)),
            &SqlText::value(Value::Text(rest.to_owned())),
            &reading::is_time(column),
            &reading::zone(column),
        ],
    )
}

/// Rounding down in integers; SQLite answers an overflow with a float, which the last CASE drops.
fn bucket(column: &SqlText, step: i64) -> SqlText {
    if step < 1 {
        return SqlText::new("NULL");
    }
    let whole =
        "(CASE WHEN CAST({0} AS INTEGER) > {0} THEN CAST({0} AS INTEGER) - 1 ELSE CAST({0} AS INTEGER) END)";
    let step = SqlText::value(Value::Int(step));
    let down = |number: &SqlText| {
        SqlText::fill("({0} - (({0} % {1}) + CASE WHEN {0} % {1} < 0 THEN {1} ELSE 0 END))", &[number, &step])
    };
    let of_integer = down(column);
    let of_real = down(&SqlText::fill(whole, &[column]));
    SqlText::fill(
        "(CASE typeof({0}) \
         WHEN 'integer' THEN CASE typeof({1}) WHEN 'integer' THEN {1} END \
         WHEN 'real' THEN CASE WHEN abs({0}) <= 9007199254740992 AND abs({2}) <= 9007199254740992 \
         THEN CAST({2} AS REAL) END END)",
        &[column, &of_integer, &of_real],
    )
}

fn mask(column: &SqlText, keep_first: u32, keep_last: u32) -> SqlText {
    let first = SqlText::value(Value::Int(i64::from(keep_first)));
    let last = SqlText::value(Value::Int(i64::from(keep_last)));
    let kept = SqlText::value(Value::Int(i64::from(keep_first) + i64::from(keep_last)));
    let masked = SqlText::fill(
        "CASE WHEN length({0}) <= {3} THEN replace(hex(zeroblob(length({0}))), '00', '*') \
         ELSE substr({0}, 1, {1}) || replace(hex(zeroblob(length({0}) - {3})), '00', '*') \
         || substr({0}, length({0}) - {2} + 1) END",
        &[column, &first, &last, &kept],
    );
    on_text(&masked, column)
}

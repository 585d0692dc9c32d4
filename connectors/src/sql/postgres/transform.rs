//! Transforms as SQL, with the result of [`Transform::apply`], in the type of the column.
//!
//! A result that the type of the column cannot hold is NULL, as one out of range is for `apply`: destroyed
//! rather than left, and no statement fails because of one row.

use super::kind::{Kind, Precision};
use super::{column_of, reading, replacement};
use crate::dataset::ColumnShape;
use crate::sql::dialect::Row;
use crate::sql::{SqlError, SqlText};
use crate::transform::{FieldTransform, Transform};
use crate::value::Value;

/// What `repeat`, `left` and `right` can count; no text is longer.
const CHARACTERS_MAX: u32 = i32::MAX.unsigned_abs();

/// The transformed value of the field's column; `None` for a hash, whose key never goes to a store.
///
/// # Errors
/// `NotWritable` when the column is gone or cannot hold what the transform gives.
pub(super) fn transform(field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
    let shape = column_of(row.shape, &field.column)?;
    let column = SqlText::column(row.alias, &field.column)?;
    let kind = Kind::of(shape);
    Ok(match &field.transform {
        Transform::Null => Some(SqlText::new("NULL")),
        Transform::Replace { text } => {
            let value = replacement::typed(shape, text, row)?;
            Some(SqlText::fill("(CASE WHEN {0} = 1 THEN {1} END)", &[&not_null(&column), &value]))
        }
        Transform::Hash { .. } => None,
        Transform::GeneralizeYear => Some(generalize(shape, kind, &column, Cut::YEAR)?),
        Transform::GeneralizeMonth => Some(generalize(shape, kind, &column, Cut::MONTH)?),
        Transform::GeneralizeBucket { step } => Some(bucket(shape, kind, &column, *step)?),
        Transform::Mask { keep_first, keep_last } => {
            let masked = |text: &SqlText| mask(text, *keep_first, *keep_last);
            Some(on_text(shape, kind, &column, masked)?)
        }
        Transform::Truncate { characters } => {
            let count = count(*characters);
            let cut = |text: &SqlText| SqlText::fill("left({0}, {1})", &[text, &count]);
            Some(on_text(shape, kind, &column, cut)?)
        }
    })
}

/// True exactly when the column already holds what the transform would give, never NULL; `None` for a
/// hash.
pub(super) fn already_equal(field: &FieldTransform, row: Row<'_>) -> Result<Option<SqlText>, SqlError> {
    let shape = column_of(row.shape, &field.column)?;
    let column = SqlText::column(row.alias, &field.column)?;
    if field.transform == Transform::Null {
        return Ok(Some(SqlText::fill("({0} = 0)", &[&not_null(&column)])));
    }
    let Some(result) = transform(field, row)? else { return Ok(None) };
    Ok(Some(match Kind::of(shape) {
        Kind::Text(_) => SqlText::fill("({0} IS NOT DISTINCT FROM {1})", &[&reading::text(&column), &result]),
        // Not every type has an equality.
        Kind::Other => {
            SqlText::fill("({0} IS NOT DISTINCT FROM CAST({1} AS text))", &[&reading::text(&column), &result])
        }
        _ => SqlText::fill("({0} IS NOT DISTINCT FROM {1})", &[&column, &result]),
    }))
}

/// 1 or 0; `IS NOT NULL` would ask for the fields of a composite type.
fn not_null(column: &SqlText) -> SqlText {
    SqlText::fill("num_nonnulls({0})", &[column])
}

/// # Errors
/// For types that are read as text but hold something else: what comes out would be no value of them.
fn refused(column: &ColumnShape) -> SqlError {
    SqlError::NotWritable {
        reason: format!(
            "column '{}' is declared as {}, which this transform does not fit: use 'null' or 'replace'",
            column.name, column.declared_type
        ),
    }
}

fn on_text(
    shape: &ColumnShape,
    kind: Kind,
    column: &SqlText,
    change: impl Fn(&SqlText) -> SqlText,
) -> Result<SqlText, SqlError> {
    match kind {
        Kind::Text(_) => Ok(change(&reading::text(column))),
        Kind::Local | Kind::Uuid | Kind::Other => Err(refused(shape)),
        _ => Ok(SqlText::new("NULL")),
    }
}

fn count(characters: u32) -> SqlText {
    let count = i64::from(characters.min(CHARACTERS_MAX));
    SqlText::fill("CAST({0} AS integer)", &[&reading::integer_value(count)])
}

fn mask(text: &SqlText, keep_first: u32, keep_last: u32) -> SqlText {
    let kept = reading::integer_value(i64::from(keep_first) + i64::from(keep_last));
    SqlText::fill(
        "(CASE WHEN length({0}) <= {3} THEN repeat('*', length({0})) \
         ELSE left({0}, {1}) || repeat('*', CAST(length({0}) - {3} AS integer)) || right({0}, {2}) END)",
        &[text, &count(keep_first), &count(keep_last), &kept],
    )
}

/// How much of a date is kept.
#[derive(Clone, Copy)]
struct Cut {
    unit: &'static str,
    /// Characters kept of `YYYY-MM-DD`, and what follows them.
    kept: i64,
    rest: &'static str,
}

impl Cut {
    const YEAR: Self = Self { unit: "'year'", kept: 4, rest: "'-01-01'" };
    const MONTH: Self = Self { unit: "'month'", kept: 7, rest: "'-01'" };
}

fn generalize(shape: &ColumnShape, kind: Kind, column: &SqlText, cut: Cut) -> Result<SqlText, SqlError> {
    let unit = SqlText::new(cut.unit);
    // Outside of these bounds the driver reads no date.
    let template = match kind {
        Kind::Date => {
            "(CASE WHEN {0} BETWEEN DATE '4713-01-01 BC' AND DATE '262142-12-31' \
             THEN CAST(date_trunc({1}, CAST({0} AS timestamp without time zone)) AS date) END)"
        }
        Kind::Instant => {
            "(CASE WHEN {0} >= TIMESTAMPTZ '4713-01-01 00:00:00+00 BC' \
             AND {0} < TIMESTAMPTZ '262143-01-01 00:00:00+00' THEN date_trunc({1}, {0}, 'UTC') END)"
        }
        Kind::Local => {
            "(CASE WHEN {0} >= TIMESTAMP '0001-01-01' AND {0} < TIMESTAMP '10000-01-01' \
             THEN date_trunc({1}, {0}) END)"
        }
        Kind::Text(_) => return Ok(generalize_text(&reading::text(column), cut)),
        Kind::Uuid | Kind::Other => return Err(refused(shape)),
        _ => "NULL",
    };
    Ok(SqlText::fill(template, &[column, &unit]))
}

fn generalize_text(text: &SqlText, cut: Cut) -> SqlText {
    let kept = SqlText::fill("CAST({0} AS integer)", &[&reading::integer_value(cut.kept)]);
    SqlText::fill(
        "(CASE WHEN {3} THEN left({0}, {1}) || {2} \
         WHEN {4} THEN left({0}, {1}) || {2} || substr({0}, 11, 1) || '00:00:00' || {5} END)",
        &[
            text,
            &kept,
            &SqlText::new(cut.rest),
            &reading::is_date(text),
            &reading::is_time(text),
            &reading::zone(text),
        ],
    )
}

/// Rounding down in 64-bit integers. What would leave them, or the type of the column, is NULL.
fn bucket(shape: &ColumnShape, kind: Kind, column: &SqlText, step: i64) -> Result<SqlText, SqlError> {
    if step < 1 {
        return Ok(SqlText::new("NULL"));
    }
    if let Kind::Int { min } = kind {
        let whole = SqlText::fill("CAST({0} AS bigint)", &[column]);
        return Ok(SqlText::fill(
            "(CASE WHEN {0} >= {2} + {1} THEN {0} - {1} END)",
            &[&whole, &above_multiple(&whole, step), &reading::integer_value(min)],
        ));
    }
    let Some(float) = reading::float(kind, column) else {
        return match kind {
            Kind::Uuid | Kind::Other => Err(refused(shape)),
            _ => Ok(SqlText::new("NULL")),
        };
    };
    let whole = SqlText::fill("CAST(floor({0}) AS bigint)", &[&float]);
    let down = SqlText::fill("({0} - {1})", &[&whole, &above_multiple(&whole, step)]);
    let held = held_as(kind, &down);
    Ok(SqlText::fill(
        "(CASE WHEN abs({0}) <= 9007199254740992 \
         THEN CASE WHEN abs({1}) <= 9007199254740992 THEN {2} END END)",
        &[&float, &down, &held],
    ))
}

/// How far a 64-bit integer lies above a multiple of `step`, which is 1 at least.
fn above_multiple(whole: &SqlText, step: i64) -> SqlText {
    SqlText::fill(
        "(mod({0}, {1}) + CASE WHEN mod({0}, {1}) < 0 THEN {1} ELSE 0 END)",
        &[whole, &reading::integer_value(step)],
    )
}

/// A whole number up to 2^53 in a type of fractions; NULL if it would not be read back as it is.
fn held_as(kind: Kind, whole: &SqlText) -> SqlText {
    match kind {
        Kind::Real => SqlText::fill(
            "(CASE WHEN CAST(CAST(CAST({0} AS real) AS text) AS double precision) = {0} \
             THEN CAST({0} AS real) END)",
            &[whole],
        ),
        Kind::Numeric(Precision { digits: Some((all, after)) }) => {
            let whole = SqlText::fill("CAST({0} AS numeric)", &[whole]);
            let digit = |number: i64| {
                let number = SqlText::value(Value::Int(number));
                SqlText::fill("CAST(CAST({0} AS bigint) AS integer)", &[&number])
            };
            SqlText::fill(
                "(CASE WHEN abs({0}) < power(CAST(10 AS numeric), {1}) AND round({0}, {2}) = {0} THEN {0} END)",
                &[&whole, &digit(i64::from(all) - i64::from(after)), &digit(i64::from(after))],
            )
        }
        Kind::Numeric(_) => SqlText::fill("CAST({0} AS numeric)", &[whole]),
        _ => SqlText::fill("CAST({0} AS double precision)", &[whole]),
    }
}

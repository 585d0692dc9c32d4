//! Fixed values of a transform in the type of their column.
//!
//! A value that the column would not hold exactly is refused before anything runs: read back it would be
//! another one, and the record would never count as done.

use super::kind::{Kind, Precision, TextKind};
use super::reading;
use crate::dataset::ColumnShape;
use crate::iso;
use crate::sql::dialect::Row;
use crate::sql::{Ident, SqlError, SqlText};
use crate::transform::replacement;
use crate::value::Value;
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// The replacement of `text` in the type of the column.
pub(super) fn typed(column: &ColumnShape, text: &str, row: Row<'_>) -> Result<SqlText, SqlError> {
    let kind = Kind::of(column);
    let refused = || SqlError::NotWritable {
        reason: format!(
            "column '{}' (declared as {}) cannot hold the replacement exactly as it is written",
            column.name, column.declared_type
        ),
    };
    let written = match (kind, replacement(text, column.value_type)) {
        (Kind::Bool, Value::Null) => Some(SqlText::new("CAST(NULL AS boolean)")),
        (Kind::Int { .. }, Value::Null) => Some(SqlText::new("CAST(NULL AS smallint)")),
        (Kind::Float | Kind::Real | Kind::Numeric(_), Value::Null) => {
            Some(SqlText::new("CAST(NULL AS real)"))
        }
        (Kind::Bool, Value::Bool(truth)) => Some(fill("CAST({0} AS boolean)", Value::Bool(truth))),
        (Kind::Int { min }, Value::Int(number)) => {
            (min..=!min).contains(&number).then(|| reading::integer_value(number))
        }
        (Kind::Float | Kind::Real | Kind::Numeric(_), Value::Real(number)) => float(kind, number),
        (Kind::Bytes, Value::Bytes(bytes)) => Some(fill("CAST({0} AS bytea)", Value::Bytes(bytes))),
        (_, Value::Text(text)) if !text.contains('\0') => textual(column, kind, text, row)?,
        _ => None,
    };
    written.ok_or_else(refused)
}

/// A value that the engine made (a hash, the moment of a marker) in the type of the column. An instant in a
/// column of text is ISO 8601 in UTC, in one of times without zone it is that of UTC.
pub(super) fn assigned(column: &ColumnShape, value: &Value, row: Row<'_>) -> Result<SqlText, SqlError> {
    let kind = Kind::of(column);
    let iso = |at: &DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    match (kind, value) {
        (_, Value::Null) => Ok(SqlText::new("NULL")),
        (Kind::Text(_), Value::Instant(at)) => Ok(reading::text_value(iso(at))),
        (Kind::Instant, Value::Instant(at)) => {
            Ok(fill("CAST({0} AS timestamp with time zone)", Value::Instant(*at)))
        }
        (Kind::Local, Value::Instant(at)) => {
            Ok(fill("(CAST({0} AS timestamp with time zone) AT TIME ZONE 'UTC')", Value::Instant(*at)))
        }
        (Kind::Other, Value::Instant(at)) => typed(column, &iso(at), row),
        (_, Value::Text(text)) => typed(column, text, row),
        _ => Err(SqlError::NotWritable {
            reason: format!(
                "column '{}' (declared as {}) cannot hold what is to be written there",
                column.name, column.declared_type
            ),
        }),
    }
}

fn fill(template: &'static str, value: Value) -> SqlText {
    SqlText::fill(template, &[&SqlText::value(value)])
}

fn float(kind: Kind, number: f64) -> Option<SqlText> {
    match kind {
        Kind::Float => Some(fill("CAST({0} AS double precision)", Value::Real(number))),
        Kind::Real => {
            #[expect(clippy::cast_possible_truncation, reason = "what would be cut is refused")]
            let shortest: f64 = (number as f32).to_string().parse().ok()?;
            let same = shortest.is_finite() && shortest.to_bits() == number.to_bits();
            same.then(|| fill("CAST(CAST({0} AS double precision) AS real)", Value::Real(number)))
        }
        Kind::Numeric(precision) => {
            let text = number.to_string();
            let fits = (number == 0.0 || number.abs() >= 1e-307) && holds(precision, &text);
            // A cast from a float keeps fifteen digits only.
            fits.then(|| fill("CAST(CAST({0} AS text) AS numeric)", Value::Text(text)))
        }
        _ => None,
    }
}

/// Whether a decimal number has no more digits than declared.
fn holds(precision: Precision, number: &str) -> bool {
    let Some((all, after)) = precision.digits else { return true };
    let number = number.trim_start_matches('-');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.trim_start_matches('0');
    let count = |digits: &str| i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let (all, after) = (i64::from(all), i64::from(after));
    if count(fraction) > after.max(0) {
        return false;
    }
    if whole.is_empty() {
        let significant = fraction.trim_start_matches('0');
        return significant.is_empty() || count(fraction) - count(significant) >= after - all;
    }
    let zeros = count(whole) - count(whole.trim_end_matches('0'));
    count(whole) <= all - after && zeros >= -after
}

fn textual(
    column: &ColumnShape,
    kind: Kind,
    text: String,
    row: Row<'_>,
) -> Result<Option<SqlText>, SqlError> {
    Ok(match kind {
        Kind::Text(TextKind::Padded) if text.ends_with(' ') => None,
        Kind::Text(TextKind::Name) if text.len() > 63 => None,
        Kind::Text(_) => Some(reading::text_value(text)),
        Kind::Date => NaiveDate::parse_from_str(&text, "%Y-%m-%d")
            .ok()
            .filter(|date| (1..=9999).contains(&date.year()))
            .map(reading::date_value),
        Kind::Instant => DateTime::parse_from_rfc3339(&text)
            .ok()
            .map(|at| at.with_timezone(&Utc))
            .filter(|at| at.nanosecond() == 0 && iso::round_up(*at).is_some())
            .map(|at| reading::instant_value(at.timestamp())),
        Kind::Local => iso::parse_time(&text)
            .is_some_and(|time| text.len() == 19 && time.separator == ' ')
            .then(|| fill("CAST(CAST({0} AS text) AS timestamp without time zone)", Value::Text(text))),
        Kind::Uuid => {
            is_canonical_uuid(&text).then(|| fill("CAST(CAST({0} AS text) AS uuid)", Value::Text(text)))
        }
        Kind::Other => Some(match column.declared_type.as_str() {
            "json" => fill("CAST(CAST({0} AS text) AS json)", Value::Text(text)),
            "jsonb" => fill("CAST(CAST({0} AS text) AS jsonb)", Value::Text(text)),
            _ => by_record(column, text, row)?,
        }),
        _ => None,
    })
}

/// Reads text as the type of a column that has no name here: as a field of a record of the table.
fn by_record(column: &ColumnShape, text: String, row: Row<'_>) -> Result<SqlText, SqlError> {
    Ok(SqlText::fill(
        "(jsonb_populate_record({0}.*, jsonb_build_object({1}, {2}))).{3}",
        &[
            &SqlText::ident(&Ident::new(row.alias)?),
            &reading::text_value(column.name.clone()),
            &reading::text_value(text),
            &SqlText::ident(&Ident::new(&column.name)?),
        ],
    ))
}

fn is_canonical_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(digits: Option<(u32, i32)>, number: &str, expected: bool) {
        assert_eq!(holds(Precision { digits }, number), expected, "{digits:?} {number}");
    }

    #[test]
    fn a_number_with_more_digits_than_declared_is_not_held() {
        check(None, "1.5", true);
        check(Some((4, 2)), "99.99", true);
        check(Some((4, 2)), "-0.5", true);
        check(Some((4, 2)), "100", false);
        check(Some((4, 2)), "0.125", false);
        check(Some((2, 4)), "0", true);
        check(Some((2, 4)), "0.0099", true);
        check(Some((2, 4)), "0.01", false);
        check(Some((2, -2)), "1200", true);
        check(Some((2, -2)), "1250", false);
        check(Some((2, -2)), "0", true);
    }
}

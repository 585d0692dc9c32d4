//! How PostgreSQL reads what is stored, exactly as [`crate::iso`] reads dates and times written as text.
//!
//! A cast of PostgreSQL throws on text that it cannot read, and takes more than it should (`now`,
//! `2020-1-1`). So text is held against a regular expression first, which knows the calendar, and only
//! then cast, inside one CASE. `{0}` is text under the collation `C` everywhere: others may not be
//! deterministic, and then regular expressions fail. Digits are written out: `{4}` would be a placeholder.

use super::kind::{Kind, Precision};
use crate::dataset::ColumnShape;
use crate::iso;
use crate::sql::SqlText;
use crate::value::Value;
use chrono::{DateTime, NaiveDate, Utc};

/// A day that exists, of the years 0000 to 9999.
macro_rules! day {
    () => {
        "(?:[0-9][0-9][0-9][0-9]-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
         |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))\
         |(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
    };
}

macro_rules! clock {
    () => {
        "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    };
}

macro_rules! fraction {
    () => {
        "(?:[.][0-9]+)?"
    };
}

macro_rules! zone {
    () => {
        "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
    };
}

/// Seconds east of UTC of the zone at the end of readable text.
macro_rules! offset {
    () => {
        "CASE WHEN right({0}, 1) = 'Z' THEN 0 ELSE \
         (CASE WHEN substring(substr({0}, 20) FROM '[+-]') = '-' THEN -1 ELSE 1 END) \
         * (CAST(substring(substr({0}, 20) FROM '[+-]([0-9][0-9])') AS integer) * 3600 \
         + CAST('0' || coalesce(substring(substr({0}, 20) FROM '[+-][0-9][0-9]:?([0-9][0-9])$'), '') AS integer) \
         * 60) END"
    };
}

/// 1 if readable text has a fraction other than zero, else 0.
macro_rules! rounding {
    () => {
        "CASE WHEN substr({0}, 20) ~ '^[.]0*[1-9]' THEN 1 ELSE 0 END"
    };
}

/// The first 19 characters of readable text as epoch seconds, were they UTC.
macro_rules! seconds {
    () => {
        "CAST(extract(epoch FROM CAST(left({0}, 19) AS timestamp without time zone)) AS bigint)"
    };
}

/// What is stored, so that the driver reads it as the value that the in-process twins are to see. NULL
/// exactly where the column is NULL.
pub(crate) fn stored(column: &ColumnShape, text: &SqlText) -> SqlText {
    match Kind::of(column) {
        Kind::Bool | Kind::Int { .. } | Kind::Float | Kind::Bytes | Kind::Date | Kind::Instant => {
            text.clone()
        }
        Kind::Real => real(text),
        Kind::Numeric(precision) => numeric(precision, text),
        Kind::Text(_) | Kind::Local | Kind::Uuid | Kind::Other => SqlText::fill("CAST({0} AS text)", &[text]),
    }
}

/// A number of a column of floats or decimals as `double precision`; `None` for another kind of column.
pub(super) fn float(kind: Kind, column: &SqlText) -> Option<SqlText> {
    match kind {
        Kind::Float => Some(column.clone()),
        Kind::Real => Some(real(column)),
        Kind::Numeric(precision) => Some(numeric(precision, column)),
        _ => None,
    }
}

/// As the shortest number that is this one among those of its type: 0.1 is read as 0.1.
fn real(column: &SqlText) -> SqlText {
    SqlText::fill("CAST(CAST({0} AS text) AS double precision)", &[column])
}

/// The nearest float. PostgreSQL itself would throw on numbers that are too large or too small for one.
fn numeric(precision: Precision, column: &SqlText) -> SqlText {
    if precision.is_exact_as_float() {
        return SqlText::fill("CAST({0} AS double precision)", &[column]);
    }
    SqlText::fill(
        "(CASE WHEN {0} = 'NaN' THEN CAST('NaN' AS double precision) \
         WHEN {0} > 1.7976931348623157e308 THEN CAST('Infinity' AS double precision) \
         WHEN {0} < -1.7976931348623157e308 THEN CAST('-Infinity' AS double precision) \
         WHEN abs({0}) < 1e-307 THEN CAST(0 AS double precision) \
         ELSE CAST({0} AS double precision) END)",
        &[column],
    )
}

/// A column that is read as text, as text under the collation of bytes.
pub(super) fn text(column: &SqlText) -> SqlText {
    SqlText::fill("(CAST({0} AS text) COLLATE \"C\")", &[column])
}

/// NULL or nothing but white space.
pub(super) fn is_blank(text: &SqlText) -> SqlText {
    SqlText::fill("({0} IS NULL OR btrim({0}, E' \\t\\n\\r') = '')", &[text])
}

/// `YYYY-MM-DD`.
pub(super) fn is_date(text: &SqlText) -> SqlText {
    SqlText::fill(concat!("({0} ~ '^", day!(), "$' AND {0} >= '0001')"), &[text])
}

/// `YYYY-MM-DD`, perhaps at midnight.
pub(super) fn is_civil_date(text: &SqlText) -> SqlText {
    const TEMPLATE: &str = concat!("({0} ~ '^", day!(), "(?: 00:00:00(?:[.]000)?)?$' AND {0} >= '0001')");
    SqlText::fill(TEMPLATE, &[text])
}

/// `YYYY-MM`.
pub(super) fn is_month(text: &SqlText) -> SqlText {
    SqlText::fill("({0} ~ '^[0-9][0-9][0-9][0-9]-(?:0[1-9]|1[0-2])$' AND {0} >= '0001')", &[text])
}

/// `YYYY`.
pub(super) fn is_year(text: &SqlText) -> SqlText {
    SqlText::fill("({0} ~ '^[0-9][0-9][0-9][0-9]$' AND {0} >= '0001')", &[text])
}

/// Exactly `YYYY-MM-DDTHH:MM:SSZ`.
pub(super) fn is_canonical_instant(text: &SqlText) -> SqlText {
    SqlText::fill(concat!("({0} ~ '^", day!(), "T", clock!(), "Z$' AND {0} >= '0001')"), &[text])
}

/// A time with a zone.
pub(super) fn is_instant(text: &SqlText) -> SqlText {
    const TEMPLATE: &str =
        concat!("({0} ~ '^", day!(), "[T ]", clock!(), fraction!(), zone!(), "$' AND {0} >= '0001')");
    SqlText::fill(TEMPLATE, &[text])
}

/// Exactly `YYYY-MM-DD HH:MM:SS`.
pub(super) fn is_canonical_local(text: &SqlText) -> SqlText {
    SqlText::fill(concat!("({0} ~ '^", day!(), " ", clock!(), "$' AND {0} >= '0001')"), &[text])
}

/// A time without a zone.
pub(super) fn is_local(text: &SqlText) -> SqlText {
    const TEMPLATE: &str =
        concat!("({0} ~ '^", day!(), "[T ]", clock!(), fraction!(), "$' AND {0} >= '0001')");
    SqlText::fill(TEMPLATE, &[text])
}

/// A time with or without a zone.
pub(super) fn is_time(text: &SqlText) -> SqlText {
    const TEMPLATE: &str =
        concat!("({0} ~ '^", day!(), "[T ]", clock!(), fraction!(), zone!(), "?$' AND {0} >= '0001')");
    SqlText::fill(TEMPLATE, &[text])
}

/// The zone of a time, `''` if there is none.
pub(super) fn zone(text: &SqlText) -> SqlText {
    SqlText::fill("coalesce(substring(substr({0}, 20) FROM '[Z+-].*$'), '')", &[text])
}

/// Text that [`is_instant`] as epoch seconds, rounded up; NULL outside the years 1 to 9999.
pub(super) fn instant(text: &SqlText) -> SqlText {
    const EPOCH: &str = concat!("(", seconds!(), " + ", rounding!(), " - ", offset!(), ")");
    SqlText::fill(
        "(CASE WHEN {0} BETWEEN -62135596800 AND 253402300799 THEN {0} END)",
        &[&SqlText::fill(EPOCH, &[text])],
    )
}

/// Text that [`is_canonical_instant`] as epoch seconds.
pub(super) fn canonical_instant(text: &SqlText) -> SqlText {
    SqlText::fill(seconds!(), &[text])
}

/// Text that [`is_local`] as `YYYY-MM-DD HH:MM:SS`, rounded up; NULL after the year 9999.
pub(super) fn local(text: &SqlText) -> SqlText {
    const TEMPLATE: &str = concat!(
        "(CASE WHEN ",
        rounding!(),
        " = 0 THEN overlay(left({0}, 19) PLACING ' ' FROM 11 FOR 1) \
         WHEN overlay(left({0}, 19) PLACING ' ' FROM 11 FOR 1) < '9999-12-31 23:59:59' \
         THEN to_char(CAST(left({0}, 19) AS timestamp without time zone) + interval '1 second', \
         'YYYY-MM-DD HH24:MI:SS') END)"
    );
    SqlText::fill(TEMPLATE, &[text])
}

/// A day as the epoch seconds of its midnight in UTC. Throws for an infinite one.
pub(super) fn epoch_of_day(day: &SqlText) -> SqlText {
    SqlText::fill("(CAST({0} - DATE '1970-01-01' AS bigint) * 86400)", &[day])
}

/// The first instant that is no more before the year 1, in whole seconds and rounded up: itself outside.
pub(super) fn before_first_instant() -> SqlText {
    instant_value(iso::EPOCH_SECONDS_MIN - 1)
}

pub(super) fn last_instant() -> SqlText {
    instant_value(iso::EPOCH_SECONDS_MAX)
}

/// An instant as a value. Where there is none at these seconds, NULL.
pub(super) fn instant_value(seconds: i64) -> SqlText {
    let at: Option<DateTime<Utc>> = DateTime::from_timestamp(seconds, 0);
    SqlText::fill(
        "CAST({0} AS timestamp with time zone)",
        &[&SqlText::value(at.map_or(Value::Null, Value::Instant))],
    )
}

pub(super) fn date_value(date: NaiveDate) -> SqlText {
    SqlText::fill("CAST({0} AS date)", &[&SqlText::value(Value::Date(date))])
}

pub(super) fn text_value(text: String) -> SqlText {
    SqlText::fill("CAST({0} AS text)", &[&SqlText::value(Value::Text(text))])
}

pub(super) fn integer_value(number: i64) -> SqlText {
    SqlText::fill("CAST({0} AS bigint)", &[&SqlText::value(Value::Int(number))])
}

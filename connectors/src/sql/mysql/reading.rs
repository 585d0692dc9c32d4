//! Reading dates and times, exactly as [`crate::iso`] does, without a word that could fail.
//!
//! The server's own readers accept more than they should (`2023-02-30`, hour 24), and what they refuse
//! they warn of: in a statement that destroys, a warning is an error. So a text is first proved to be a
//! date by a pattern that knows the calendar, and only then handed to them, behind a CASE. `{0}` is a
//! string of utf8mb4 everywhere, or a column with a native type.

use crate::sql::SqlText;

/// A day that exists in the years 0001 to 9999. No braces: they are places of a template.
macro_rules! day {
    () => {
        "(?!0000)(?:[0-9][0-9][0-9][0-9]-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
         |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))\
         |(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
    };
}
macro_rules! time_of_day {
    () => {
        "[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?"
    };
}
macro_rules! zone {
    () => {
        "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
    };
}
/// The collation makes letters count as they are written.
macro_rules! matches {
    ($($pattern:expr),+) => { concat!("({0} COLLATE utf8mb4_bin REGEXP '\\A", $($pattern),+, "\\z')") };
}

const IS_DATE: &str = matches!(day!());
const IS_MIDNIGHT: &str = matches!(day!(), "(?: 00:00:00(?:[.]000)?)?");
const IS_MONTH: &str = matches!("(?!0000)[0-9][0-9][0-9][0-9]-(?:0[1-9]|1[0-2])");
const IS_YEAR: &str = matches!("(?!0000)[0-9][0-9][0-9][0-9]");
const IS_LOCAL: &str = matches!(day!(), time_of_day!());
const IS_INSTANT: &str = matches!(day!(), time_of_day!(), zone!());
const IS_TIME: &str = matches!(day!(), time_of_day!(), zone!(), "?");

/// 1 if there is a fraction other than zero.
const HAS_FRACTION: &str = "({0} REGEXP '[.][0-9]*[1-9]')";

/// What is written, as seconds since 1970-01-01 00:00:00 there, rounded up.
const SECONDS: &str = "((TO_DAYS(LEFT({0}, 10)) - 719528) * 86400 + CAST(SUBSTRING({0}, 12, 2) AS SIGNED) * 3600 \
     + CAST(SUBSTRING({0}, 15, 2) AS SIGNED) * 60 + CAST(SUBSTRING({0}, 18, 2) AS SIGNED) + {1})";

/// Seconds of an offset `±HH[[:]MM]` without its sign.
const OFFSET: &str = "(CAST(SUBSTRING({0}, 2, 2) AS SIGNED) * 3600 \
     + CAST(CONCAT('0', SUBSTRING(REPLACE({0}, ':', ''), 4)) AS SIGNED) * 60)";

/// A number of seconds, or NULL outside the years 1 to 9999.
const WITHIN_YEARS: &str =
    "NULLIF(NULLIF(GREATEST(LEAST({0}, 253402300800), -62135596801), 253402300800), -62135596801)";

/// Seconds since 1970 of a native date with a time, rounded up.
const NATIVE_SECONDS: &str = "(TO_SECONDS({0}) - 62167219200 + (MICROSECOND({0}) > 0))";

/// The day of the month exists. Months and days of 0, and 31 February, can be stored under some modes.
const DAY_EXISTS: &str = "(MONTH({0}) > 0 AND DAY({0}) > 0 AND (DAY({0}) <= 28 OR (DAY({0}) <= 30 AND MONTH({0}) <> 2) \
     OR (DAY({0}) = 31 AND MONTH({0}) IN (1, 3, 5, 7, 8, 10, 12)) \
     OR (DAY({0}) = 29 AND MONTH({0}) = 2 AND YEAR({0}) % 4 = 0 AND (YEAR({0}) % 100 <> 0 OR YEAR({0}) % 400 = 0))))";

/// True for exactly a `YYYY-MM-DD`.
pub(super) fn is_date(text: &SqlText) -> SqlText {
    SqlText::fill(IS_DATE, &[text])
}

/// True for a date, also with a midnight that some program added.
pub(super) fn is_date_or_midnight(text: &SqlText) -> SqlText {
    SqlText::fill(IS_MIDNIGHT, &[text])
}

pub(super) fn is_month(text: &SqlText) -> SqlText {
    SqlText::fill(IS_MONTH, &[text])
}

pub(super) fn is_year(text: &SqlText) -> SqlText {
    SqlText::fill(IS_YEAR, &[text])
}

/// True for a time that names no zone.
pub(super) fn is_local(text: &SqlText) -> SqlText {
    SqlText::fill(IS_LOCAL, &[text])
}

/// True for a time that names its zone.
pub(super) fn is_instant(text: &SqlText) -> SqlText {
    SqlText::fill(IS_INSTANT, &[text])
}

/// True for exactly what [`crate::iso::parse_time`] reads.
pub(super) fn is_time(text: &SqlText) -> SqlText {
    SqlText::fill(IS_TIME, &[text])
}

pub(super) fn has_fraction(text: &SqlText) -> SqlText {
    SqlText::fill(HAS_FRACTION, &[text])
}

/// The days of the first ten characters, which must be a date, as [`days_of`] counts them.
pub(super) fn days(text: &SqlText) -> SqlText {
    SqlText::fill("TO_DAYS(LEFT({0}, 10))", &[text])
}

/// Epoch seconds of a time with a zone; NULL outside the years 1 to 9999. Only behind [`is_instant`].
pub(super) fn instant(text: &SqlText) -> SqlText {
    let seconds = SqlText::fill(SECONDS, &[text, &has_fraction(text)]);
    let after = |sign: &'static str| SqlText::fill(OFFSET, &[&SqlText::fill(sign, &[text])]);
    let (east, west) =
        (after("SUBSTRING({0}, LOCATE('+', {0}, 20))"), after("SUBSTRING({0}, LOCATE('-', {0}, 20))"));
    let offset = SqlText::fill(
        "(CASE WHEN RIGHT({0}, 1) = 'Z' THEN 0 WHEN LOCATE('+', {0}, 20) > 0 THEN {1} ELSE - {2} END)",
        &[text, &east, &west],
    );
    SqlText::fill(WITHIN_YEARS, &[&SqlText::fill("({0} - {1})", &[&seconds, &offset])])
}

/// Seconds of a time without zone as if it were UTC; NULL if rounding up leaves the year 9999. Only
/// behind [`is_local`].
pub(super) fn local(text: &SqlText) -> SqlText {
    SqlText::fill(WITHIN_YEARS, &[&SqlText::fill(SECONDS, &[text, &has_fraction(text)])])
}

/// The zone as written, `''` if there is none. Only behind [`is_time`].
pub(super) fn zone(text: &SqlText) -> SqlText {
    SqlText::fill(
        "(CASE WHEN RIGHT({0}, 1) = 'Z' THEN 'Z' WHEN LOCATE('+', {0}, 20) > 0 THEN SUBSTRING({0}, LOCATE('+', {0}, 20)) \
         WHEN LOCATE('-', {0}, 20) > 0 THEN SUBSTRING({0}, LOCATE('-', {0}, 20)) ELSE '' END)",
        &[text],
    )
}

/// True for a native date, with or without a time, that exists in the years 1 to 9999.
pub(super) fn is_native(column: &SqlText) -> SqlText {
    SqlText::fill("(YEAR({0}) > 0 AND {1})", &[column, &SqlText::fill(DAY_EXISTS, &[column])])
}

/// True for a native date with a time that exists and does not round up out of the year 9999.
pub(super) fn is_native_time(column: &SqlText) -> SqlText {
    SqlText::fill("({1} AND {0} <= TIMESTAMP'9999-12-31 23:59:59')", &[column, &is_native(column)])
}

/// True for a TIMESTAMP other than the zero that stands for none.
pub(super) fn is_native_instant(column: &SqlText) -> SqlText {
    SqlText::fill("(YEAR({0}) > 0)", &[column])
}

/// Seconds since 1970 of a native date with a time, rounded up. Only behind one of the checks.
pub(super) fn native_seconds(column: &SqlText) -> SqlText {
    SqlText::fill(NATIVE_SECONDS, &[column])
}

/// A date in the count of `TO_DAYS`.
pub(super) fn days_of(date: chrono::NaiveDate) -> i64 {
    use chrono::Datelike as _;
    i64::from(date.num_days_from_ce()) + 365
}

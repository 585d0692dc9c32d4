//! Reading dates and times stored as text, exactly as [`crate::iso`] does.
//!
//! SQLite's own functions accept more than they should (`2023-02-30`, hour 24, `now`, Julian days), so
//! their result is compared with what was stored; `+0 days` makes them count it out first. `{0}` is the stored value everywhere. `octet_length =
//! length` holds only for ASCII without U+0000, at which SQLite's text functions stop. A bound such as
//! `0000:` (the end of the year 0) must not look like a number: a column of numeric affinity, and DATE is
//! one, would make it one.

use crate::sql::SqlText;
use crate::value::Value;

/// The first ten characters are a day that exists.
const DATE_PART: &str =
    "date(substr({0}, 1, 10), '+0 days') = substr({0}, 1, 10) AND {0} >= '0000:' COLLATE BINARY";

/// `YYYY-MM-DD[T ]HH:MM:SS` and anything after it, in ASCII.
const TIME_PART: &str = "typeof({0}) = 'text' AND octet_length({0}) = length({0}) \
     AND substr({0}, 11, 9) GLOB '[T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]' AND substr({0}, 12, 2) < '24'";

/// The zone: what follows the seconds and their fraction. NULL for a fraction without digits.
const ZONE: &str = "CASE WHEN substr({0}, 20, 1) <> '.' THEN substr({0}, 20) \
     WHEN substr({0}, 21, 1) GLOB '[0-9]' THEN ltrim(substr({0}, 21), '0123456789') END";

/// 1 if there is a fraction other than zero.
const FRACTION: &str = "(substr({0}, 20, 1) = '.' AND ltrim(substr({0}, 21), '0') GLOB '[1-9]*')";

/// Seconds east of UTC of a zone `z`; NULL when it is none.
const OFFSET: &str = "CASE WHEN z = 'Z' THEN 0 \
     WHEN (z GLOB '[-+][0-2][0-9]' OR z GLOB '[-+][0-2][0-9][0-5][0-9]' OR z GLOB '[-+][0-2][0-9]:[0-5][0-9]') \
     AND substr(z, 2, 2) < '24' \
     THEN (CASE substr(z, 1, 1) WHEN '-' THEN -1 ELSE 1 END) \
     * (CAST(substr(z, 2, 2) AS INTEGER) * 3600 + CAST(substr(replace(z, ':', ''), 4) AS INTEGER) * 60) END";

/// True exactly for a stored `YYYY-MM-DD`; false or NULL otherwise.
pub(super) fn is_date(column: &SqlText) -> SqlText {
    SqlText::fill(
        "(date({0}, '+0 days') = {0} COLLATE BINARY AND typeof({0}) = 'text' AND {0} >= '0000:' COLLATE BINARY)",
        &[column],
    )
}

/// A stored date as its text, NULL if it is none.
pub(super) fn date(column: &SqlText) -> SqlText {
    SqlText::fill("CASE WHEN {1} THEN {0} END", &[column, &is_date(column)])
}

/// True exactly for text that [`crate::iso::parse_time`] reads; false or NULL otherwise. Needs `zone`
/// to be [`zone`] of the column.
pub(super) fn is_time(column: &SqlText) -> SqlText {
    let zone_known = SqlText::fill(
        "(SELECT z = '' OR ({0}) IS NOT NULL FROM (SELECT {1} AS z))",
        &[&offset(), &zone(column)],
    );
    SqlText::fill("({0} AND {1} AND {2})", &[&time_part(column), &date_part(column), &zone_known])
}

/// The zone as written, `''` if there is none.
pub(super) fn zone(column: &SqlText) -> SqlText {
    SqlText::fill(ZONE, &[column])
}

/// True exactly for readable text of `octets` bytes in the form of `glob`, which fixes where everything
/// but the digits stands; the rest is checked by `date`, which takes an hour 24 into the next day. A third
/// of the cost of formatting the time again.
fn is_canonical(column: &SqlText, octets: i64, glob: &'static str) -> SqlText {
    SqlText::fill(
        "(octet_length({0}) = {1} AND {0} GLOB {2} AND date({0}, '+0 days') = substr({0}, 1, 10) \
         AND {0} >= '0000:' COLLATE BINARY)",
        &[column, &SqlText::value(Value::Int(octets)), &SqlText::value(Value::Text(glob.to_owned()))],
    )
}

/// True exactly for a stored `YYYY-MM-DDTHH:MM:SSZ`; false or NULL otherwise.
pub(super) fn is_instant(column: &SqlText) -> SqlText {
    is_canonical(column, 20, "????-??-??T??:??:??Z")
}

/// True exactly for a stored `YYYY-MM-DD HH:MM:SS`; false or NULL otherwise.
pub(super) fn is_local(column: &SqlText) -> SqlText {
    SqlText::fill(
        "(datetime({0}, '+0 days') = {0} COLLATE BINARY AND {0} >= '0000:' COLLATE BINARY)",
        &[column],
    )
}

/// Stored text with a zone as epoch seconds, rounded up; NULL if unreadable.
pub(super) fn instant(column: &SqlText) -> SqlText {
    let seconds = SqlText::fill(
        "(SELECT unixepoch(substr({0}, 1, 19)) + {1} - ({2}) AS e FROM (SELECT {3} AS z))",
        &[column, &SqlText::fill(FRACTION, &[column]), &offset(), &zone(column)],
    );
    SqlText::fill(
        "CASE WHEN {0} AND {1} THEN \
         (SELECT CASE WHEN e BETWEEN -62135596800 AND 253402300799 THEN e END FROM {2}) END",
        &[&time_part(column), &date_part(column), &seconds],
    )
}

/// Stored text without a zone as `YYYY-MM-DD HH:MM:SS`, rounded up; NULL if unreadable.
pub(super) fn local(column: &SqlText) -> SqlText {
    SqlText::fill(
        "CASE WHEN {1} AND {2} AND ({3}) = '' \
         THEN datetime(substr({0}, 1, 19), CASE {4} WHEN 1 THEN '+1 seconds' ELSE '+0 seconds' END) END",
        &[column, &time_part(column), &date_part(column), &zone(column), &SqlText::fill(FRACTION, &[column])],
    )
}

fn time_part(column: &SqlText) -> SqlText {
    SqlText::fill(TIME_PART, &[column])
}

fn date_part(column: &SqlText) -> SqlText {
    SqlText::fill(DATE_PART, &[column])
}

fn offset() -> SqlText {
    SqlText::new(OFFSET)
}

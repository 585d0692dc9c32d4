//! Start events as SQL: what they say of a row, what is due, overdue, and what sorts them.
//!
//! A text may be written in several ways. The usual ones are [`Spelling`]s: one cheap check proves that
//! such a text is readable, and then it is compared as it stands. All others are brought to one form first.

use super::reading;
use crate::iso;
use crate::selection::{StartCondition, StartEncoding};
use crate::sql::dialect::StartText;
use crate::sql::{SqlError, SqlText};
use crate::start::{self, Limits};
use crate::value::Value;
use chrono::{DateTime, Datelike, Days};

/// One way of writing a start that can be compared without being rewritten.
struct Spelling {
    /// True exactly for readable text of this spelling.
    is: SqlText,
    /// The same among readable texts only; cheaper.
    among_readable: SqlText,
    limits: Limits,
    /// The stored text as [`StartText::sortable`].
    sortable: SqlText,
}

/// The expressions of `condition` for the table known as `alias`; `None` if it has no event.
pub fn start(condition: &StartCondition, alias: &str) -> Result<Option<StartText>, SqlError> {
    let (StartCondition::Event { field, encoding, .. }, Some(limits), Some(limits_on)) =
        (condition, start::limits(condition), start::limits_on(condition))
    else {
        return Ok(None);
    };
    let column = SqlText::column(alias, &field.name)?;
    let spellings = spellings(*encoding, &column, &limits, limits_on);
    let other = rewritten(*encoding, &column);
    let due = due(&column, &spellings, &other, &limits);
    let due_quick = match bounds(*encoding, &spellings, &limits) {
        Some(bounds) => bounds.confine(&column, &due),
        None => due,
    };
    Ok(Some(StartText {
        standing: standing_case(&column, &spellings, &other, &limits),
        due_quick,
        not_yet_due: None,
        overdue: overdue(&column, &spellings, &other, &limits),
        overdue_is_plain: false,
        sortable: sortable(&spellings, &other),
        follows_column: false,
    }))
}

fn standing_case(column: &SqlText, spellings: &[Spelling], other: &SqlText, limits: &Limits) -> SqlText {
    // The dates and times of a spelling are compared as bytes, whatever the collation of the column.
    const COMPARED: &str =
        "CASE WHEN {0} <= {1} COLLATE BINARY THEN 0 WHEN {0} > {2} COLLATE BINARY THEN 3 ELSE 4 END";
    let value = |value: &Value| SqlText::value(value.clone());
    let mut case = SqlText::new("(CASE");
    for spelling in spellings {
        let limits = &spelling.limits;
        let compared = SqlText::fill(COMPARED, &[column, &value(&limits.due), &value(&limits.as_of)]);
        case.append(&SqlText::fill(" WHEN {0} THEN {1}", &[&spelling.is, &compared]));
    }
    case.append(&SqlText::fill(
        " WHEN {0} IS NULL OR (typeof({0}) = 'text' AND trim({0}, ' ' || char(9, 10, 13)) = '') THEN 1 \
         WHEN ({1}) <= {2} THEN 0 WHEN ({1}) > {3} THEN 3 WHEN ({1}) IS NOT NULL THEN 4 ELSE 2 END)",
        &[column, other, &value(&limits.due), &value(&limits.as_of)],
    ));
    case
}

fn due(column: &SqlText, spellings: &[Spelling], other: &SqlText, limits: &Limits) -> SqlText {
    let parts = spellings.iter().map(|spelling| (&spelling.is, &spelling.limits.due));
    at_or_before(column, parts, other, &limits.due)
}

fn overdue(column: &SqlText, spellings: &[Spelling], other: &SqlText, limits: &Limits) -> SqlText {
    let parts = spellings.iter().map(|spelling| (&spelling.among_readable, &spelling.limits.overdue));
    at_or_before(column, parts, other, &limits.overdue)
}

fn at_or_before<'a>(
    column: &SqlText,
    spelled: impl Iterator<Item = (&'a SqlText, &'a Value)>,
    other: &SqlText,
    limit: &Value,
) -> SqlText {
    let other = SqlText::fill("({0}) <= {1}", &[other, &SqlText::value(limit.clone())]);
    cases(
        spelled.map(|(is, limit)| {
            let limit = SqlText::value(limit.clone());
            (is, SqlText::fill("{0} <= {1} COLLATE BINARY", &[column, &limit]))
        }),
        &other,
    )
}

fn sortable(spellings: &[Spelling], other: &SqlText) -> SqlText {
    cases(spellings.iter().map(|spelling| (&spelling.among_readable, spelling.sortable.clone())), other)
}

fn cases<'a>(spelled: impl Iterator<Item = (&'a SqlText, SqlText)>, other: &SqlText) -> SqlText {
    let mut case = SqlText::default();
    for (condition, value) in spelled {
        case.append(&SqlText::fill(" WHEN {0} THEN {1}", &[condition, &value]));
    }
    if case == SqlText::default() {
        return SqlText::fill("({0})", &[other]);
    }
    SqlText::fill("(CASE{0} ELSE {1} END)", &[&case, other])
}

fn spellings(encoding: StartEncoding, column: &SqlText, limits: &Limits, on: Limits) -> Vec<Spelling> {
    let date = |sortable: SqlText| Spelling {
        is: reading::is_date(column),
        among_readable: SqlText::fill("octet_length({0}) = 10", &[column]),
        limits: on,
        sortable,
    };
    match encoding {
        StartEncoding::LocalText { .. } => vec![
            Spelling {
                is: reading::is_local(column),
                among_readable: SqlText::fill(
                    "octet_length({0}) = 19 AND substr({0}, 11, 1) = ' '",
                    &[column],
                ),
                limits: limits.clone(),
                sortable: column.clone(),
            },
            date(column.clone()),
        ],
        StartEncoding::InstantText => {
            let unixepoch = SqlText::fill("unixepoch({0})", &[column]);
            let spelled = |limit: &Value| match limit {
                Value::Int(seconds) => Value::Text(instant_text(*seconds)),
                other => other.clone(),
            };
            vec![
                Spelling {
                    is: reading::is_instant(column),
                    among_readable: SqlText::fill(
                        "octet_length({0}) = 20 AND substr({0}, 11, 1) = 'T'",
                        &[column],
                    ),
                    limits: Limits {
                        cutoff: spelled(&limits.cutoff),
                        as_of: spelled(&limits.as_of),
                        overdue: spelled(&limits.overdue),
                        due: spelled(&limits.due),
                    },
                    sortable: unixepoch.clone(),
                },
                date(unixepoch),
            ]
        }
        StartEncoding::CivilDate => vec![date(column.clone())],
        _ => Vec::new(),
    }
}

/// A start that has none of the [`spellings`] in the terms of [`start::limits`]; NULL if missing or
/// unreadable.
fn rewritten(encoding: StartEncoding, column: &SqlText) -> SqlText {
    match encoding {
        // SQLite has no native instants.
        StartEncoding::Instant => SqlText::new("NULL"),
        StartEncoding::InstantText => reading::instant(column),
        StartEncoding::LocalText { .. } => reading::local(column),
        StartEncoding::CivilDate => SqlText::fill(
            "CASE WHEN {1} THEN {0} \
             WHEN typeof({0}) = 'text' AND octet_length({0}) = length({0}) \
             AND substr({0}, 11) IN (' 00:00:00', ' 00:00:00.000') \
             AND date(substr({0}, 1, 10), '+0 days') = substr({0}, 1, 10) AND {0} >= '0000:' COLLATE BINARY \
             THEN substr({0}, 1, 10) END",
            &[column, &reading::is_date(column)],
        ),
        // SQLite has no date after the year 9999 to count back from.
        StartEncoding::CivilMonth => SqlText::fill(
            "CASE WHEN typeof({0}) = 'text' AND octet_length({0}) = 7 AND {0} >= '0000:' COLLATE BINARY \
             AND date({0} || '-01', '+0 days') = {0} || '-01' \
             THEN CASE WHEN {0} = '9999-12' THEN '9999-12-31' \
             ELSE date({0} || '-01', '+1 month', '-1 day') END END",
            &[column],
        ),
        StartEncoding::CivilYear => SqlText::fill(
            "CASE typeof({0}) WHEN 'text' THEN \
             CASE WHEN octet_length({0}) = 4 AND {0} GLOB '[0-9][0-9][0-9][0-9]' \
             AND {0} >= '0000:' COLLATE BINARY THEN {0} || '-12-31' END \
             WHEN 'integer' THEN CASE WHEN {0} BETWEEN 1 AND 9999 THEN printf('%04d-12-31', {0}) END END",
            &[column],
        ),
        StartEncoding::EpochSeconds => SqlText::fill(
            "CASE WHEN {1} AND {0} BETWEEN -62135596800 AND 253402300799 THEN CAST({0} AS INTEGER) END",
            &[column, &is_integral(column)],
        ),
        StartEncoding::EpochMillis => SqlText::fill(
            "CASE WHEN {1} AND {0} BETWEEN -62135596800000 AND 253402300799000 \
             THEN CASE WHEN {0} > 0 THEN (CAST({0} AS INTEGER) + 999) / 1000 \
             ELSE CAST({0} AS INTEGER) / 1000 END END",
            &[column, &is_integral(column)],
        ),
    }
}

fn is_integral(column: &SqlText) -> SqlText {
    SqlText::fill(
        "(typeof({0}) = 'integer' OR (typeof({0}) = 'real' AND CAST({0} AS INTEGER) = {0}))",
        &[column],
    )
}

/// What an index can find: everything due lies within.
struct IndexBounds {
    low: Value,
    high: Value,
    /// Whether `high` itself lies within.
    inclusive: bool,
}

impl IndexBounds {
    fn confine(self, column: &SqlText, due: &SqlText) -> SqlText {
        let (low, high) = (SqlText::value(self.low), SqlText::value(self.high));
        let template = if self.inclusive {
            "({0} >= {1} AND {0} <= {2} AND {3})"
        } else {
            "({0} >= {1} COLLATE BINARY AND {0} < {2} COLLATE BINARY AND {3})"
        };
        SqlText::fill(template, &[column, &low, &high, due])
    }
}

fn bounds(encoding: StartEncoding, spellings: &[Spelling], limits: &Limits) -> Option<IndexBounds> {
    // Every text that is due sorts before the day of its limit with a `U` for its `T`.
    let day_of = |limit: &Value| match limit {
        Value::Text(text) => format!("{}U", text.get(..10).unwrap_or(text)),
        _ => ":".to_owned(),
    };
    let latest_day = spellings.iter().map(|spelling| day_of(&spelling.limits.due)).max();
    let epoch = |factor: i64| {
        let Value::Int(due) = limits.due else { return None };
        Some(IndexBounds {
            low: Value::Int(iso::EPOCH_SECONDS_MIN.saturating_mul(factor)),
            high: Value::Int(due.min(iso::EPOCH_SECONDS_MAX).saturating_mul(factor)),
            inclusive: true,
        })
    };
    let text = |high: String| {
        Some(IndexBounds { low: Value::Text("0000:".to_owned()), high: Value::Text(high), inclusive: false })
    };
    match (encoding, &limits.due) {
        (StartEncoding::LocalText { .. }, _) => text(latest_day?),
        (StartEncoding::InstantText, Value::Int(due)) => text(latest_day?.max(day_beyond(*due))),
        (StartEncoding::EpochSeconds, _) => epoch(1),
        (StartEncoding::EpochMillis, _) => epoch(1000),
        _ => None,
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`; before the year 1 or after 9999 a text before or after all readable ones.
fn instant_text(seconds: i64) -> String {
    if seconds < iso::EPOCH_SECONDS_MIN {
        return "0000:".to_owned();
    }
    let at = iso::instant_of_epoch(seconds);
    at.map_or_else(|| ":".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A text after every text of an instant at or before this one: an offset puts the local date one day later
/// at most.
fn day_beyond(seconds: i64) -> String {
    let at = DateTime::from_timestamp(seconds, 0).map(|at| at.date_naive());
    match at.and_then(|date| date.checked_add_days(Days::new(2))) {
        _ if seconds < 0 && at.is_none_or(|date| date.year() < 1) => "0002:".to_owned(),
        Some(date) if date.year() <= 9999 => date.format("%Y-%m-%d").to_string(),
        _ => ":".to_owned(),
    }
}

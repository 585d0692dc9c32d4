//! The forms in which a start is written: how each is told, compared and sorted.

use super::kind::Kind;
use super::limits::{Limited, Triple, instant_text, latest_month, latest_year, whole_limits, whole_range};
use super::reading;
use crate::selection::StartEncoding;
use crate::sql::SqlText;
use crate::value::Value;
use chrono::NaiveDateTime;

/// One way in which a start is written.
pub(super) struct Form {
    /// True exactly for what is written so; false or NULL otherwise.
    pub(super) is: SqlText,
    /// What is compared. NULL for what turns out to be unreadable.
    pub(super) value: SqlText,
    /// In the terms of `value`.
    pub(super) limits: Triple<SqlText>,
    /// As [`StartText::sortable`].
    pub(super) sortable: SqlText,
}

pub(super) fn forms(
    encoding: StartEncoding,
    kind: Kind,
    column: &SqlText,
    text: &SqlText,
    limits: &Limited,
) -> Vec<Form> {
    match kind {
        Kind::Instant => native_instants(encoding, column, limits).into_iter().collect(),
        Kind::Date => native_dates(encoding, column, limits).into_iter().collect(),
        Kind::Local => native_locals(encoding, column, limits).into_iter().collect(),
        Kind::Int { .. } | Kind::Float | Kind::Real | Kind::Numeric(_) => {
            numbers(encoding, kind, column, limits).into_iter().collect()
        }
        Kind::Text(_) | Kind::Uuid | Kind::Other => texts(encoding, text, limits),
        Kind::Bool | Kind::Bytes => Vec::new(),
    }
}

fn native_instants(encoding: StartEncoding, column: &SqlText, limits: &Limited) -> Option<Form> {
    if !matches!(encoding, StartEncoding::Instant | StartEncoding::InstantText) {
        return None;
    }
    let range = [column, &reading::before_first_instant(), &reading::last_instant()];
    Some(Form {
        is: SqlText::fill("({0} > {1} AND {0} <= {2})", &range),
        value: column.clone(),
        limits: limits.at.map(reading::instant_value),
        sortable: SqlText::fill(
            "(CAST(extract(epoch FROM date_trunc('second', {0})) AS bigint) \
             + CASE WHEN date_trunc('second', {0}) < {0} THEN 1 ELSE 0 END)",
            &[column],
        ),
    })
}

fn native_dates(encoding: StartEncoding, column: &SqlText, limits: &Limited) -> Option<Form> {
    (encoding == StartEncoding::CivilDate).then(|| Form {
        is: SqlText::fill("({0} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31')", &[column]),
        value: column.clone(),
        limits: limits.on.map(reading::date_value),
        sortable: reading::epoch_of_day(column),
    })
}

/// Times without zone are read as the text that PostgreSQL writes for them.
fn native_locals(encoding: StartEncoding, column: &SqlText, limits: &Limited) -> Option<Form> {
    match encoding {
        StartEncoding::LocalText { .. } => Some(Form {
            is: SqlText::fill(
                "({0} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59')",
                &[column],
            ),
            value: column.clone(),
            limits: limits.local?.map(local_value),
            sortable: SqlText::fill(
                "to_char({0} + interval '999999 microseconds', 'YYYY-MM-DD HH24:MI:SS')",
                &[column],
            ),
        }),
        StartEncoding::CivilDate => {
            let day = SqlText::fill("CAST({0} AS date)", &[column]);
            Some(Form {
                is: SqlText::fill(
                    "({0} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31' \
                     AND date_trunc('day', {0}) = {0})",
                    &[column],
                ),
                sortable: reading::epoch_of_day(&day),
                value: day,
                limits: limits.on.map(reading::date_value),
            })
        }
        _ => None,
    }
}

/// A bound local time: the driver has no such parameter, so it comes as an instant in UTC.
pub(super) fn local_value(local: NaiveDateTime) -> SqlText {
    let at = SqlText::value(Value::Instant(local.and_utc()));
    SqlText::fill("(CAST({0} AS timestamp with time zone) AT TIME ZONE 'UTC')", &[&at])
}

fn numbers(encoding: StartEncoding, kind: Kind, column: &SqlText, limits: &Limited) -> Option<Form> {
    let (low, high) = whole_range(encoding)?;
    let float = reading::float(kind, column);
    if float.is_some() && encoding == StartEncoding::CivilYear {
        return None;
    }
    let number = float.as_ref().unwrap_or(column);
    let (low, high) = (reading::integer_value(low), reading::integer_value(high));
    let template = if float.is_some() {
        "({0} BETWEEN CAST({1} AS double precision) AND CAST({2} AS double precision) AND trunc({0}) = {0})"
    } else {
        "({0} BETWEEN {1} AND {2})"
    };
    let limit = |number: i64| {
        let number = reading::integer_value(number);
        if float.is_some() { SqlText::fill("CAST({0} AS double precision)", &[&number]) } else { number }
    };
    let sortable = match encoding {
        StartEncoding::CivilYear => {
            reading::epoch_of_day(&SqlText::fill("make_date(CAST({0} AS integer), 12, 31)", &[number]))
        }
        StartEncoding::EpochMillis => SqlText::fill(
            "(CASE WHEN {0} > 0 THEN (CAST({0} AS bigint) + 999) / 1000 ELSE CAST({0} AS bigint) / 1000 END)",
            &[number],
        ),
        _ => SqlText::fill("CAST({0} AS bigint)", &[number]),
    };
    Some(Form {
        is: SqlText::fill(template, &[number, &low, &high]),
        value: number.clone(),
        limits: whole_limits(encoding, limits).map(limit),
        sortable,
    })
}

fn texts(encoding: StartEncoding, text: &SqlText, limits: &Limited) -> Vec<Form> {
    let on = |form: &str| limits.on.map(|date| reading::text_value(date.format(form).to_string()));
    let day = |value: &SqlText| reading::epoch_of_day(&SqlText::fill("CAST({0} AS date)", &[value]));
    let date = |sortable: SqlText| Form {
        is: reading::is_date(text),
        value: text.clone(),
        limits: on("%Y-%m-%d"),
        sortable,
    };
    match encoding {
        StartEncoding::InstantText => {
            let mut forms = instants(text, limits);
            forms.push(date(day(text)));
            forms
        }
        StartEncoding::LocalText { .. } => {
            let mut forms = locals(text, limits);
            forms.push(date(text.clone()));
            forms
        }
        StartEncoding::CivilDate => {
            let value = SqlText::fill("left({0}, 10)", &[text]);
            vec![Form {
                is: reading::is_civil_date(text),
                sortable: day(&value),
                value,
                limits: on("%Y-%m-%d"),
            }]
        }
        StartEncoding::CivilMonth => vec![Form {
            is: reading::is_month(text),
            value: text.clone(),
            limits: limits.on.map(|date| reading::text_value(latest_month(date))),
            sortable: reading::epoch_of_day(&SqlText::fill(
                "CAST(CAST({0} || '-01' AS date) + interval '1 month' - interval '1 day' AS date)",
                &[text],
            )),
        }],
        StartEncoding::CivilYear => vec![Form {
            is: reading::is_year(text),
            value: text.clone(),
            limits: limits.on.map(|date| reading::text_value(format!("{:04}", latest_year(date)))),
            sortable: day(&SqlText::fill("({0} || '-12-31')", &[text])),
        }],
        StartEncoding::Instant | StartEncoding::EpochSeconds | StartEncoding::EpochMillis => Vec::new(),
    }
}

/// The usual spelling is compared as it stands, any other as epoch seconds.
fn instants(text: &SqlText, limits: &Limited) -> Vec<Form> {
    let value = reading::instant(text);
    vec![
        Form {
            is: reading::is_canonical_instant(text),
            value: text.clone(),
            limits: limits.at.map(|seconds| reading::text_value(instant_text(seconds))),
            sortable: reading::canonical_instant(text),
        },
        Form {
            is: reading::is_instant(text),
            sortable: value.clone(),
            value,
            limits: limits.at.map(reading::integer_value),
        },
    ]
}

fn locals(text: &SqlText, limits: &Limited) -> Vec<Form> {
    let Some(local) = limits.local else { return Vec::new() };
    let limits = local.map(|local| reading::text_value(local.format("%Y-%m-%d %H:%M:%S").to_string()));
    let value = reading::local(text);
    vec![
        Form {
            is: reading::is_canonical_local(text),
            value: text.clone(),
            limits: limits.clone(),
            sortable: text.clone(),
        },
        Form { is: reading::is_local(text), sortable: value.clone(), value, limits },
    ]
}

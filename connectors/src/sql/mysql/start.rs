//! Start events as SQL: what they say of a row, what is due, overdue, and what sorts them.
//!
//! Every way of writing a start is brought to one integer (epoch seconds, seconds of a local time, days,
//! years), with limits in the same count. Columns with a native type are compared as they stand where a
//! statement destroys, so that an index can serve it.

use super::kind::{Kind, kind_of};
use super::reading;
use crate::iso;
use crate::selection::{StartCondition, StartEncoding};
use crate::sql::dialect::{Row, StartText};
use crate::sql::{SqlError, SqlText};
use crate::start;
use crate::value::Value;
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::Tz;

/// One way of writing a start.
struct Way {
    /// True exactly for starts that are written so.
    is: SqlText,
    /// The same among readable starts only; cheaper.
    among_readable: SqlText,
    /// The start as an integer; NULL if it is out of range. Only where it is written so.
    value: SqlText,
    limits: Limits,
    /// The start as [`StartText::sortable`].
    sortable: SqlText,
    /// Due, in a form for an index; without it `value` is compared.
    due: Option<SqlText>,
    /// The column and the limits `due`, `as_of` and `overdue` in its own type: compared with less work than `value`.
    native: Option<[SqlText; 4]>,
}

/// The latest starts that are within, in the count of a [`Way`].
#[derive(Debug, Clone, Copy)]
struct Limits {
    due: i64,
    as_of: i64,
    overdue: i64,
}

/// The limits of a condition before they are brought to a count.
struct Event {
    encoding: StartEncoding,
    at: [DateTime<Utc>; 3],
    on: [NaiveDate; 3],
}

impl Event {
    fn of(condition: &StartCondition) -> Option<(&str, Self)> {
        let StartCondition::Event {
            field,
            encoding,
            cutoff_at,
            cutoff_on,
            as_of,
            as_of_on,
            overdue_at,
            overdue_on,
        } = condition
        else {
            return None;
        };
        // A start in the future is undecidable even before a cutoff.
        let event = Self {
            encoding: *encoding,
            at: [*cutoff_at.min(as_of), *as_of, *overdue_at],
            on: [*cutoff_on.min(as_of_on), *as_of_on, *overdue_on],
        };
        Some((&field.name, event))
    }

    fn at(&self, count: impl Fn(DateTime<Utc>) -> i64) -> Limits {
        let [due, as_of, overdue] = self.at.map(count);
        Limits { due, as_of, overdue }
    }

    fn on(&self, count: impl Fn(NaiveDate) -> i64) -> Limits {
        let [due, as_of, overdue] = self.on.map(count);
        Limits { due, as_of, overdue }
    }

    fn seconds(&self) -> Limits {
        self.at(|at| at.timestamp())
    }

    fn local_seconds(&self, zone: Tz) -> Limits {
        self.at(|at| start::latest_local(zone, at).and_utc().timestamp())
    }

    fn days(&self) -> Limits {
        self.on(reading::days_of)
    }

    /// Years whose last day is within.
    fn years(&self) -> Limits {
        self.on(|on| i64::from(on.year()) - i64::from((on.month(), on.day()) != (12, 31)))
    }
}

/// The expressions of `condition` over the row; `None` if it has no event.
pub(super) fn start(condition: &StartCondition, row: Row<'_>) -> Result<Option<StartText>, SqlError> {
    let Some((name, event)) = Event::of(condition) else { return Ok(None) };
    let column = SqlText::column(row.alias, name)?;
    let kind = kind_of(row.shape, name)?;
    let text = kind.text(&column);
    let ways = ways(kind, &column, text.as_ref(), &event);
    let missing = match &text {
        Some(text) => SqlText::fill("({0} IS NULL OR {1} REGEXP '\\A[ \\t\\r\\n]*\\z')", &[&column, text]),
        None => SqlText::fill("({0} IS NULL)", &[&column]),
    };
    let native = match ways.as_slice() {
        [way] => way.native.as_ref(),
        _ => None,
    };
    Ok(Some(StartText {
        follows_column: matches!(ways.as_slice(), [way] if way.due.is_some()),
        standing: standing_case(&ways, &missing),
        due_quick: due_quick(&ways),
        not_yet_due: match ways.as_slice() {
            [way] if way.due.is_some() => Some(between(way)),
            _ => None,
        },
        overdue: match native {
            Some([column, _, _, overdue]) => SqlText::fill("({0} <= {1})", &[column, overdue]),
            None => cases(&ways, |way| &way.among_readable, |way| at_or_before(way, way.limits.overdue)),
        },
        overdue_is_plain: native.is_some(),
        sortable: cases(&ways, |way| &way.among_readable, |way| way.sortable.clone()),
    }))
}

/// Where a start that can be read lies between the limits.
fn standing_of(way: &Way) -> SqlText {
    if let Some([column, due, as_of, _]) = &way.native {
        return SqlText::fill(
            "(CASE WHEN {0} <= {1} THEN 0 WHEN {0} <= {2} THEN 4 ELSE 3 END)",
            &[column, due, as_of],
        );
    }
    let after = |limit: i64| SqlText::value(Value::Int(limit.saturating_add(1)));
    // `INTERVAL` works the value out once.
    SqlText::fill(
        "(CASE INTERVAL({0}, {1}, {2}) WHEN 0 THEN 0 WHEN 1 THEN 4 WHEN 2 THEN 3 ELSE 2 END)",
        &[&way.value, &after(way.limits.due), &after(way.limits.as_of)],
    )
}

/// After the cutoff, and not in the future. Where the column itself is compared, that comes first, as the cheaper part.
fn between(way: &Way) -> SqlText {
    if let Some([column, due, as_of, _]) = &way.native {
        return SqlText::fill("({0} > {1} AND {0} <= {2} AND {3})", &[column, due, as_of, &way.is]);
    }
    let [due, as_of] = [way.limits.due, way.limits.as_of].map(|limit| SqlText::value(Value::Int(limit)));
    SqlText::fill("({3} AND {0} > {1} AND {0} <= {2})", &[&way.value, &due, &as_of, &way.is])
}

fn standing_case(ways: &[Way], missing: &SqlText) -> SqlText {
    let mut case = SqlText::new("(CASE");
    for way in ways {
        case.append(&SqlText::fill(" WHEN {0} THEN {1}", &[&way.is, &standing_of(way)]));
    }
    case.append(&SqlText::fill(" WHEN {0} THEN 1 ELSE 2 END)", &[missing]));
    case
}

fn due_quick(ways: &[Way]) -> SqlText {
    match ways {
        [way] if way.due.is_some() => way.due.clone().unwrap_or_default(),
        _ => cases(ways, |way| &way.is, |way| at_or_before(way, way.limits.due)),
    }
}

fn at_or_before(way: &Way, limit: i64) -> SqlText {
    SqlText::fill("({0} <= {1})", &[&way.value, &SqlText::value(Value::Int(limit))])
}

fn cases<'a>(
    ways: &'a [Way],
    when: impl Fn(&'a Way) -> &'a SqlText,
    then: impl Fn(&'a Way) -> SqlText,
) -> SqlText {
    let mut case = SqlText::default();
    for way in ways {
        case.append(&SqlText::fill(" WHEN {0} THEN {1}", &[when(way), &then(way)]));
    }
    if case == SqlText::default() { SqlText::new("(NULL)") } else { SqlText::fill("(CASE{0} END)", &[&case]) }
}

fn ways(kind: Kind, column: &SqlText, text: Option<&SqlText>, event: &Event) -> Vec<Way> {
    let way = match (event.encoding, kind) {
        (StartEncoding::Instant | StartEncoding::InstantText, Kind::Timestamp) => {
            Some(native_instant(column, event))
        }
        (StartEncoding::LocalText { zone }, Kind::Datetime { .. }) => Some(native_local(column, event, zone)),
        (StartEncoding::CivilDate, Kind::Date) => Some(native_date(column, event)),
        (StartEncoding::EpochSeconds, _) => epoch(kind, column, event, 1),
        (StartEncoding::EpochMillis, _) => epoch(kind, column, event, 1000),
        (StartEncoding::CivilYear, _) if text.is_none() => year_number(kind, column, event),
        _ => return text.map(|text| written(text, event)).unwrap_or_default(),
    };
    way.into_iter().collect()
}

/// Everything due lies within the years that a TIMESTAMP can have; a bound beyond them says no more.
fn native_instant(column: &SqlText, event: &Event) -> Way {
    /// 2106-02-07T06:28:15Z
    const LAST: i64 = 4_294_967_295;
    let limits = event.seconds();
    let is = reading::is_native_instant(column);
    let value = reading::native_seconds(column);
    let due = match DateTime::from_timestamp(limits.due.min(LAST), 0) {
        Some(due) if limits.due > 0 => {
            SqlText::fill("({0} <= {1} AND {2})", &[column, &SqlText::value(Value::Instant(due)), &is])
        }
        _ => SqlText::new("(FALSE)"),
    };
    let native = natively(column, limits, |seconds| {
        DateTime::from_timestamp(seconds.min(LAST), 0).filter(|_| seconds > 0)
    });
    let among_readable = SqlText::new("TRUE");
    Way { is, among_readable, sortable: value.clone(), value, limits, due: Some(due), native }
}

/// The limits as instants that the column can be compared with.
fn natively(
    column: &SqlText,
    limits: Limits,
    instant: impl Fn(i64) -> Option<DateTime<Utc>>,
) -> Option<[SqlText; 4]> {
    let limit = |seconds| Some(SqlText::value(Value::Instant(instant(seconds)?)));
    Some([column.clone(), limit(limits.due)?, limit(limits.as_of)?, limit(limits.overdue)?])
}

fn native_local(column: &SqlText, event: &Event, zone: Tz) -> Way {
    let limits = event.local_seconds(zone);
    let is = reading::is_native_time(column);
    let due =
        native_due(column, limits.due, "({0} <= {1} AND {0} >= TIMESTAMP'0001-01-01 00:00:00' AND {2})");
    let sortable = SqlText::fill(
        "(CAST(LEFT(CAST({0} + INTERVAL (MICROSECOND({0}) > 0) SECOND AS CHAR), 19) AS CHAR CHARACTER SET utf8mb4) \
         COLLATE utf8mb4_bin)",
        &[column],
    );
    let value = reading::native_seconds(column);
    let native =
        natively(column, limits, |seconds| iso::instant_of_epoch(seconds.min(iso::EPOCH_SECONDS_MAX)));
    Way { is, among_readable: SqlText::new("TRUE"), value, limits, sortable, due: Some(due), native }
}

/// A native date or time at or before `seconds`, in the years 1 to 9999.
fn native_due(column: &SqlText, seconds: i64, template: &'static str) -> SqlText {
    let Some(due) = iso::instant_of_epoch(seconds.min(iso::EPOCH_SECONDS_MAX)) else {
        return SqlText::new("(FALSE)");
    };
    SqlText::fill(template, &[column, &SqlText::value(Value::Instant(due)), &reading::is_native(column)])
}

fn native_date(column: &SqlText, event: &Event) -> Way {
    let [due, ..] = event.on;
    let due = NaiveDate::from_ymd_opt(9999, 12, 31).map_or(due, |last| due.min(last));
    let due = if due.year() < 1 {
        SqlText::new("(FALSE)")
    } else {
        SqlText::fill(
            "({0} <= {1} AND {0} >= DATE'0001-01-01' AND {2})",
            &[column, &SqlText::value(Value::Date(due)), &reading::is_native(column)],
        )
    };
    Way {
        is: reading::is_native(column),
        among_readable: SqlText::new("TRUE"),
        value: SqlText::fill("TO_DAYS({0})", &[column]),
        limits: event.days(),
        sortable: SqlText::fill("(CAST({0} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin)", &[column]),
        due: Some(due),
        native: None,
    }
}

/// Integers, or floats that are whole; `factor` of them make a second, rounded up.
fn epoch(kind: Kind, column: &SqlText, event: &Event, factor: i64) -> Option<Way> {
    let limits = event.seconds();
    let bound = |seconds: i64| SqlText::value(Value::Int(seconds.saturating_mul(factor)));
    let (low, high) = (bound(iso::EPOCH_SECONDS_MIN), bound(iso::EPOCH_SECONDS_MAX));
    let (number, whole) = match kind.whole(column) {
        Some(number) => (number.clone(), number),
        None if kind == Kind::Real => {
            let number = super::kind::real(column);
            let whole = SqlText::fill("CAST({0} AS SIGNED)", &[&number]);
            (number, whole)
        }
        None => return None,
    };
    let within = SqlText::fill("({0} >= {1} AND {0} <= {2})", &[&number, &low, &high]);
    let is = match kind {
        Kind::Real => SqlText::fill("({0} AND FLOOR({1}) = {1})", &[&within, &number]),
        _ => within,
    };
    let value = if factor == 1 {
        whole
    } else {
        // The quotient is cut towards 0, so that only what is left above 0 counts; nothing here overflows.
        SqlText::fill("({0} DIV {1} + ({0} % {1} > 0))", &[&whole, &SqlText::value(Value::Int(factor))])
    };
    let due = (kind != Kind::Real).then(|| {
        let due = bound(limits.due.clamp(iso::EPOCH_SECONDS_MIN - 1, iso::EPOCH_SECONDS_MAX));
        SqlText::fill("({0} <= {1} AND {0} >= {2})", &[&number, &due, &low])
    });
    Some(Way {
        is,
        among_readable: SqlText::new("TRUE"),
        sortable: value.clone(),
        value,
        limits,
        due,
        native: None,
    })
}

fn year_number(kind: Kind, column: &SqlText, event: &Event) -> Option<Way> {
    let number = kind.whole(column)?;
    let limits = event.years();
    let at_or_before =
        |template, last: i64| SqlText::fill(template, &[column, &number, &SqlText::value(Value::Int(last))]);
    let due = match kind {
        // Beside a YEAR a number below 100 means a year of 1970 to 2069; its years are 1901 to 2155.
        Kind::Year if limits.due < 1901 => SqlText::new("(FALSE)"),
        Kind::Year => at_or_before("({0} <= {2} AND {0} >= 1901)", limits.due.min(2155)),
        _ => at_or_before("({1} <= {2} AND {1} >= 1)", limits.due.clamp(0, 9999)),
    };
    Some(Way {
        is: SqlText::fill("({0} BETWEEN 1 AND 9999)", &[&number]),
        among_readable: SqlText::new("TRUE"),
        sortable: SqlText::fill(
            "(CONVERT(CONCAT(LPAD({0}, 4, '0'), '-12-31') USING utf8mb4) COLLATE utf8mb4_bin)",
            &[&number],
        ),
        due: Some(due),
        native: None,
        value: number,
        limits,
    })
}

fn written(text: &SqlText, event: &Event) -> Vec<Way> {
    let days = |is: SqlText, value: SqlText, sortable: SqlText| Way {
        is,
        among_readable: SqlText::fill("(CHAR_LENGTH({0}) = 10)", &[text]),
        value,
        limits: event.days(),
        sortable,
        due: None,
        native: None,
    };
    let on = |template: &'static str| SqlText::fill(template, &[text]);
    let alone = |way: Way| vec![Way { among_readable: SqlText::new("TRUE"), ..way }];
    match event.encoding {
        StartEncoding::InstantText => {
            let date = reading::days(text);
            let midnight = SqlText::fill("(({0} - 719528) * 86400)", &[&date]);
            let value = reading::instant(text);
            let time = Way {
                is: reading::is_instant(text),
                among_readable: SqlText::new("TRUE"),
                sortable: value.clone(),
                value,
                limits: event.seconds(),
                due: None,
                native: None,
            };
            vec![days(reading::is_date(text), date, midnight), time]
        }
        StartEncoding::LocalText { zone } => vec![
            days(reading::is_date(text), reading::days(text), on("({0} COLLATE utf8mb4_bin)")),
            local(text, event.local_seconds(zone)),
        ],
        StartEncoding::CivilDate => alone(days(
            reading::is_date_or_midnight(text),
            reading::days(text),
            on("(LEFT({0}, 10) COLLATE utf8mb4_bin)"),
        )),
        StartEncoding::CivilMonth => alone(days(
            reading::is_month(text),
            on("TO_DAYS(LAST_DAY(CONCAT({0}, '-01')))"),
            on("(CAST(LAST_DAY(CONCAT({0}, '-01')) AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin)"),
        )),
        StartEncoding::CivilYear => alone(days(
            reading::is_year(text),
            on("TO_DAYS(CONCAT({0}, '-12-31'))"),
            on("(CONCAT({0}, '-12-31') COLLATE utf8mb4_bin)"),
        )),
        StartEncoding::Instant | StartEncoding::EpochSeconds | StartEncoding::EpochMillis => Vec::new(),
    }
}

fn local(text: &SqlText, limits: Limits) -> Way {
    let plain = SqlText::fill("CONCAT(LEFT({0}, 10), ' ', SUBSTRING({0}, 12, 8))", &[text]);
    let sortable = SqlText::fill(
        "(CASE WHEN {1} THEN CAST(CAST({0} AS DATETIME) + INTERVAL 1 SECOND AS CHAR CHARACTER SET utf8mb4) \
         ELSE {0} END COLLATE utf8mb4_bin)",
        &[&plain, &reading::has_fraction(text)],
    );
    Way {
        is: reading::is_local(text),
        among_readable: SqlText::new("TRUE"),
        value: reading::local(text),
        limits,
        sortable,
        due: None,
        native: None,
    }
}

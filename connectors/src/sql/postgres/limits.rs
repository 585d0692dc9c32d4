//! The limits of a start condition in the terms in which PostgreSQL compares starts.

use crate::iso;
use crate::selection::{StartCondition, StartEncoding};
use crate::start::{self, Limits};
use crate::value::Value;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime};

/// The limits of a condition, each the latest start that is within.
#[derive(Debug, Clone, Copy)]
pub(super) struct Triple<T> {
    pub(super) due: T,
    pub(super) as_of: T,
    pub(super) overdue: T,
}

impl<T> Triple<T> {
    pub(super) fn map<U>(self, make: impl Fn(T) -> U) -> Triple<U> {
        Triple { due: make(self.due), as_of: make(self.as_of), overdue: make(self.overdue) }
    }
}

/// The limits of a condition in all the terms that are compared.
pub(super) struct Limited {
    pub(super) on: Triple<NaiveDate>,
    /// Epoch seconds, clamped to just outside the years 1 to 9999.
    pub(super) at: Triple<i64>,
    /// Local times, if the encoding has any.
    pub(super) local: Option<Triple<NaiveDateTime>>,
}

impl Limited {
    pub(super) fn of(condition: &StartCondition) -> Option<Self> {
        let StartCondition::Event { cutoff_at, as_of, overdue_at, .. } = condition else { return None };
        let seconds = |at: &chrono::DateTime<chrono::Utc>| {
            at.timestamp().clamp(iso::EPOCH_SECONDS_MIN - 1, iso::EPOCH_SECONDS_MAX)
        };
        let local = |value: Value| match value {
            Value::Text(text) => NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").ok(),
            _ => None,
        };
        let date = |value: Value| match value {
            Value::Text(text) => NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok(),
            _ => None,
        };
        let on = triple(start::limits_on(condition)?, date)?;
        Some(Self {
            on,
            at: Triple {
                due: seconds(cutoff_at.min(as_of)),
                as_of: seconds(as_of),
                overdue: seconds(overdue_at),
            },
            local: triple(start::limits(condition)?, local),
        })
    }

    /// A text after every text that is due, whatever the encoding: those begin with their year, month or day.
    /// `None` when no such day can be written.
    pub(super) fn day_after_all_due(&self) -> Option<String> {
        // An offset puts the day of an instant one day later at most.
        let at = DateTime::from_timestamp(self.at.due, 0)?.date_naive();
        let local = self.local.map(|local| local.due.date());
        let latest = self.on.due.max(at).max(local.unwrap_or(at));
        let after = latest.checked_add_days(Days::new(2))?;
        (1..=9999).contains(&after.year()).then(|| after.format("%Y-%m-%d").to_string())
    }
}

fn triple<T>(limits: Limits, read: impl Fn(Value) -> Option<T>) -> Option<Triple<T>> {
    Some(Triple { due: read(limits.due)?, as_of: read(limits.as_of)?, overdue: read(limits.overdue)? })
}

/// The least and the greatest whole number that is a start.
pub(super) fn whole_range(encoding: StartEncoding) -> Option<(i64, i64)> {
    match encoding {
        StartEncoding::CivilYear => Some((1, 9999)),
        StartEncoding::EpochSeconds => Some((iso::EPOCH_SECONDS_MIN, iso::EPOCH_SECONDS_MAX)),
        StartEncoding::EpochMillis => {
            Some((iso::EPOCH_SECONDS_MIN.saturating_mul(1000), iso::EPOCH_SECONDS_MAX.saturating_mul(1000)))
        }
        _ => None,
    }
}

pub(super) fn whole_limits(encoding: StartEncoding, limits: &Limited) -> Triple<i64> {
    match encoding {
        StartEncoding::CivilYear => limits.on.map(latest_year).map(i64::from),
        StartEncoding::EpochMillis => limits.at.map(|seconds| seconds.saturating_mul(1000)),
        _ => limits.at,
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`; before the year 1 a text before all readable ones.
pub(super) fn instant_text(seconds: i64) -> String {
    let at = iso::instant_of_epoch(seconds);
    at.map_or_else(|| "0000".to_owned(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The latest year that ends at or before the date.
pub(super) fn latest_year(date: NaiveDate) -> i32 {
    if (date.month(), date.day()) == (12, 31) { date.year() } else { date.year().saturating_sub(1).max(0) }
}

/// The latest month that ends at or before the date, as `YYYY-MM`.
pub(super) fn latest_month(date: NaiveDate) -> String {
    // The month of the day before the first of the month after: the day after lies in another month, or
    // else the month before counts.
    let next = date.checked_add_days(Days::new(1));
    let ended = if next.is_none_or(|next| next.day() == 1) {
        Some(date)
    } else {
        date.with_day(1).and_then(|first| first.pred_opt())
    };
    match ended {
        Some(ended) if ended.year() >= 0 => ended.format("%Y-%m").to_string(),
        _ => "0000-00".to_owned(),
    }
}

//! When a record is due, and until when it must have begun to be due (floor 1).

use super::calendar;
use super::period::Period;
use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

/// The clock of one rule: from a start to the instant at which the record is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionClock {
    pub period: Period,
    pub rounding: Rounding,
    pub zone: Tz,
    pub fiscal_year_ends: FiscalYearEnd,
}

/// What the start is moved to before the period runs: the exclusive end of its year or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    #[default]
    None,
    EndOfMonth,
    EndOfCalendarYear,
    EndOfFiscalYear,
}

/// The last day of the fiscal year, as month and day. 29 February means the last of February.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiscalYearEnd {
    month: u32,
    day: u32,
}

impl Default for FiscalYearEnd {
    fn default() -> Self {
        Self { month: 12, day: 31 }
    }
}

impl Serialize for FiscalYearEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}-{:02}", self.month, self.day))
    }
}

impl FiscalYearEnd {
    /// Reads `MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (month, day) = text.split_once('-')?;
        if month.len() != 2
            || day.len() != 2
            || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        {
            return None;
        }
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        // 2024 is a leap year: every day that some year has is a day of it.
        NaiveDate::from_ymd_opt(2024, month, day)?;
        Some(Self { month, day })
    }

    /// The last day of the fiscal year that ends in calendar year `year`.
    fn in_year(self, year: i32) -> Option<NaiveDate> {
        let exact = NaiveDate::from_ymd_opt(year, self.month, self.day);
        // The end of February is its end in every year.
        if self.month == 2 && self.day >= 28 {
            return NaiveDate::from_ymd_opt(year, 3, 1)?.pred_opt();
        }
        exact
    }
}

impl Rounding {
    /// The first day after the year or month that `day` is in; `None` without rounding (or at the
    /// end of the calendar).
    fn exclusive_end(self, day: NaiveDate, fiscal: FiscalYearEnd) -> Option<NaiveDate> {
        match self {
            Self::None => None,
            Self::EndOfMonth => day.with_day(1)?.checked_add_months(Months::new(1)),
            Self::EndOfCalendarYear => NaiveDate::from_ymd_opt(day.year().checked_add(1)?, 1, 1),
            Self::EndOfFiscalYear => {
                let this = fiscal.in_year(day.year())?;
                let last = if day <= this { this } else { fiscal.in_year(day.year().checked_add(1)?)? };
                last.succ_opt()
            }
        }
    }
}

impl RetentionClock {
    /// The instant at which a record that began at `start` is due: due is `due_at <= as_of`. Never
    /// before `start`, and monotone in it. `None` beyond the calendar: never due.
    #[must_use]
    pub fn due_at(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.rounding == Rounding::None && self.period.is_exact() {
            return self.add_time(start);
        }
        let local = calendar::local_start(start, self.zone)?;
        let from = match self.rounding {
            Rounding::None => local,
            rounding => calendar::midnight(rounding.exclusive_end(local.date(), self.fiscal_year_ends)?),
        };
        let due = self.add_time(calendar::resolve(calendar::add_to_local(from, self.period)?, self.zone)?)?;
        Some(due.max(start))
    }

    /// The same for a civil date, which belongs to its period whole: due at the midnight after the
    /// last day of the period.
    #[must_use]
    pub fn due_at_civil(&self, start_on: NaiveDate) -> Option<DateTime<Utc>> {
        let until = match self.rounding {
            Rounding::None => {
                let (last, _) = calendar::add_to_date(start_on, self.period)?;
                calendar::midnight(last.succ_opt()?)
            }
            rounding => {
                let end = rounding.exclusive_end(start_on, self.fiscal_year_ends)?;
                calendar::add_to_local(calendar::midnight(end), self.period)?
            }
        };
        self.add_time(calendar::resolve(until, self.zone)?)
    }

    /// The latest start, in whole seconds, that is due at `as_of`. `None`: no start is.
    #[must_use]
    pub fn cutoff_at(&self, as_of: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_due = |second: i64| {
            let due = DateTime::from_timestamp(second, 0).and_then(|start| self.due_at(start));
            due.is_some_and(|due| due <= as_of)
        };
        // A record is never due before it began.
        let second = last_that(EARLIEST_SECOND, as_of.timestamp(), is_due)?;
        DateTime::from_timestamp(second, 0)
    }

    /// The latest civil date of start that is due at `as_of`. `None`: no start is.
    #[must_use]
    pub fn cutoff_on(&self, as_of: DateTime<Utc>) -> Option<NaiveDate> {
        let is_due = |day: i64| {
            let due = day_of(day).and_then(|start_on| self.due_at_civil(start_on));
            due.is_some_and(|due| due <= as_of)
        };
        let today = calendar::local_at(as_of, self.zone)?.date();
        let latest = i64::from(today.num_days_from_ce());
        day_of(last_that(EARLIEST_DAY, latest, is_due)?)
    }

    fn add_time(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let seconds = i64::try_from(self.period.total_seconds()).ok()?;
        instant.checked_add_signed(Duration::try_seconds(seconds)?)
    }
}

/// 0001-01-02: before it no start is believed, and every zone's local time is still in year 1.
const EARLIEST_DAY: i64 = 2;
const EARLIEST_SECOND: i64 = -62_135_510_400;

fn day_of(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(day).ok()?)
}

/// The last number of `low..=high` that satisfies a predicate which, once false, stays false.
fn last_that(low: i64, high: i64, holds: impl Fn(i64) -> bool) -> Option<i64> {
    if high < low || !holds(low) {
        return None;
    }
    if holds(high) {
        return Some(high);
    }
    let (mut low, mut high) = (low, high);
    while high.checked_sub(low)? > 1 {
        let middle = low.midpoint(high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

//! ISO 8601 periods: `P3Y`, `P3Y6M`, `P2W`, `P30D`, `PT4H` (floor 1).
//!
//! A period is a calendar part and a time part; what it means from a given start is in
//! [`super::calendar`]. Weeks stand alone, as ISO 8601-1 wants. No fractions, no sign.

use crate::limits::{PERIOD_DIGITS_MAX, PERIOD_YEARS_MAX};
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A period as written. Two periods that mean the same (`P1Y`, `P12M`) are not equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Period {
    years: u32,
    months: u32,
    weeks: u32,
    days: u32,
    hours: u32,
    minutes: u32,
    seconds: u32,
}

/// Why a text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PeriodError {
    #[error("a period has the form P3Y, P3Y6M, P2W, P30D or PT4H")]
    Form,
    #[error("weeks stand alone in a period")]
    MixedWeeks,
    #[error("a period is at most {PERIOD_YEARS_MAX} years")]
    TooLong,
}

const SECONDS_OF_DAY: u64 = 86_400;
const DAYS_MAX: u64 = PERIOD_YEARS_MAX as u64 * 366;

/// Designators of the date part and of the time part, in the order in which they must come.
const DATE_UNITS: [u8; 4] = *b"YMWD";
const TIME_UNITS: [u8; 3] = *b"HMS";

impl Period {
    /// No time at all, `P0D`.
    pub const ZERO: Self = Self { years: 0, months: 0, weeks: 0, days: 0, hours: 0, minutes: 0, seconds: 0 };

    /// Whole days, `P30D`. More than the bound counts as the bound.
    #[must_use]
    pub fn days_of(days: u32) -> Self {
        let bound = u32::try_from(DAYS_MAX).unwrap_or(u32::MAX);
        Self { days: days.min(bound), ..Self::ZERO }
    }

    /// Years and months of the calendar part, as months.
    #[must_use]
    pub fn total_months(self) -> u32 {
        self.years.saturating_mul(12).saturating_add(self.months)
    }

    /// Weeks and days of the calendar part, as days.
    #[must_use]
    pub fn total_days(self) -> u32 {
        self.weeks.saturating_mul(7).saturating_add(self.days)
    }

    /// The time part in seconds.
    #[must_use]
    pub fn total_seconds(self) -> u64 {
        u64::from(self.hours) * 3600 + u64::from(self.minutes) * 60 + u64::from(self.seconds)
    }

    /// Whether the calendar plays no part: the period is an exact number of seconds.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.total_months() == 0 && self.total_days() == 0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.is_exact() && self.total_seconds() == 0
    }

    /// The instant one period after `start`, by the calendar of UTC; `None` beyond the calendar. For
    /// terms of the installation (backups, validity of plans); retention has a zone and roundings.
    #[must_use]
    pub fn after(self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let time_part = chrono::TimeDelta::try_seconds(i64::try_from(self.total_seconds()).ok()?)?;
        super::calendar::add_to_local(start.naive_utc(), self)?.and_utc().checked_add_signed(time_part)
    }

    /// The sum, part by part; `None` beyond the bound.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let sum = Self {
            years: self.years.checked_add(other.years)?,
            months: self.months.checked_add(other.months)?,
            weeks: 0,
            days: self.total_days().checked_add(other.total_days())?,
            hours: self.hours.checked_add(other.hours)?,
            minutes: self.minutes.checked_add(other.minutes)?,
            seconds: self.seconds.checked_add(other.seconds)?,
        };
        sum.is_bounded().then_some(sum)
    }

    /// The fewest and the most seconds that the period can last, over all starts. Two periods whose
    /// ranges do not overlap have an order on every calendar.
    #[must_use]
    pub fn seconds_range(self) -> (u64, u64) {
        let exact = u64::from(self.total_days()) * SECONDS_OF_DAY + self.total_seconds();
        let (years, months) = (u64::from(self.total_months() / 12), u64::from(self.total_months() % 12));
        let fewest = years * 365 + months * 28;
        let most = years * 366 + months * 31;
        (fewest * SECONDS_OF_DAY + exact, most * SECONDS_OF_DAY + exact)
    }

    fn is_bounded(self) -> bool {
        let days = u64::from(self.total_months()).div_ceil(12) * 366
            + u64::from(self.weeks) * 7
            + u64::from(self.days)
            + self.total_seconds() / SECONDS_OF_DAY;
        days <= DAYS_MAX && self.total_months() <= PERIOD_YEARS_MAX * 12
    }

    fn part_mut(&mut self, in_time: bool, unit: u8) -> &mut u32 {
        match (in_time, unit) {
            (false, b'Y') => &mut self.years,
            (false, b'M') => &mut self.months,
            (false, b'W') => &mut self.weeks,
            (false, _) => &mut self.days,
            (true, b'H') => &mut self.hours,
            (true, b'M') => &mut self.minutes,
            (true, _) => &mut self.seconds,
        }
    }

    /// Reads `digits unit` pairs whose units come in the order of `units`.
    fn read_part(&mut self, text: &str, in_time: bool) -> Result<(), PeriodError> {
        let units: &[u8] = if in_time { &TIME_UNITS } else { &DATE_UNITS };
        let mut left = units.iter();
        let mut rest = text;
        while !rest.is_empty() {
            let length = rest.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 {
                return Err(PeriodError::Form);
            }
            if length > PERIOD_DIGITS_MAX {
                return Err(PeriodError::TooLong);
            }
            let (digits, tail) = rest.split_at(length);
            let unit = *tail.as_bytes().first().ok_or(PeriodError::Form)?;
            if !left.any(|candidate| *candidate == unit) {
                return Err(PeriodError::Form);
            }
            *self.part_mut(in_time, unit) = digits.parse().map_err(|_| PeriodError::TooLong)?;
            rest = tail.get(1..).ok_or(PeriodError::Form)?;
        }
        Ok(())
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let body = text.strip_prefix('P').ok_or(PeriodError::Form)?;
        let (date, time) = match body.split_once('T') {
            Some((_, "")) => return Err(PeriodError::Form),
            Some((date, time)) => (date, time),
            None => (body, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(PeriodError::Form);
        }
        let mut period = Self::ZERO;
        period.read_part(date, false)?;
        period.read_part(time, true)?;
        let weeks_alone = Self { weeks: period.weeks, ..Self::ZERO };
        if date.contains('W')
            && (period != weeks_alone || body.bytes().filter(u8::is_ascii_alphabetic).count() > 1)
        {
            return Err(PeriodError::MixedWeeks);
        }
        if period.is_bounded() { Ok(period) } else { Err(PeriodError::TooLong) }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ZERO {
            return formatter.write_str("P0D");
        }
        let parts = |parts: &[(u32, char)], formatter: &mut fmt::Formatter<'_>| {
            parts
                .iter()
                .filter(|(count, _)| *count > 0)
                .try_for_each(|(count, unit)| write!(formatter, "{count}{unit}"))
        };
        formatter.write_str("P")?;
        parts(&[(self.years, 'Y'), (self.months, 'M'), (self.weeks, 'W'), (self.days, 'D')], formatter)?;
        if self.total_seconds() > 0 {
            formatter.write_str("T")?;
            parts(&[(self.hours, 'H'), (self.minutes, 'M'), (self.seconds, 'S')], formatter)?;
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

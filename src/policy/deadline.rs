//! Deadlines of requests, and the days on which nobody works (floor 1).
//!
//! Unlike periods of retention, deadlines roll to the next working day (Regulation 1182/71, art. 3,
//! on which GDPR art. 12(3) is counted).

use super::calendar::add_to_date;
use super::period::Period;
use crate::limits::ROLL_DAYS_MAX;
use chrono::{Datelike, Days, NaiveDate, Weekday};

/// Which days a deadline may end on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkingDays {
    /// Calendar days count and nothing rolls (California: 11 CCR 7021).
    EveryDay,
    /// Monday to Friday but for the public holidays of metropolitan France (Code du travail,
    /// art. L3133-1).
    France,
}

/// Whether the day of receipt is the first day of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptDay {
    /// The period begins the day after (Regulation 1182/71, art. 3(1)).
    NotCounted,
    /// The period begins on the day itself (11 CCR 7021(b)).
    Counted,
}

impl WorkingDays {
    #[must_use]
    pub fn is_working(self, day: NaiveDate) -> bool {
        match self {
            Self::EveryDay => true,
            Self::France => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !is_french_holiday(day),
        }
    }
}

/// The last day on which a request that came on `received_on` is answered in time. `None` beyond
/// the calendar. The time part of a period plays no role: deadlines are days.
#[must_use]
pub fn request_deadline(
    received_on: NaiveDate,
    period: Period,
    receipt: ReceiptDay,
    working: WorkingDays,
) -> Option<NaiveDate> {
    let (mut last, _) = add_to_date(received_on, period)?;
    if receipt == ReceiptDay::Counted && !period.is_exact() {
        last = last.pred_opt()?;
    }
    for _ in 0..ROLL_DAYS_MAX {
        if working.is_working(last) {
            return Some(last);
        }
        last = last.succ_opt()?;
    }
    None
}

/// The public holidays of metropolitan France.
#[must_use]
pub fn is_french_holiday(day: NaiveDate) -> bool {
    const FIXED: [(u32, u32); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    /// Easter Monday, Ascension, Whit Monday: days after Easter Sunday.
    const MOVABLE: [u64; 3] = [1, 39, 50];
    if FIXED.contains(&(day.month(), day.day())) {
        return true;
    }
    let Some(easter) = easter_sunday(day.year()) else { return false };
    MOVABLE.iter().any(|after| easter.checked_add_days(Days::new(*after)) == Some(day))
}

/// Easter Sunday of a Gregorian year (the computus of Meeus, Jones and Butcher).
#[must_use]
pub fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, rest) = (year.div_euclid(100), year.rem_euclid(100));
    let (leap_centuries, century_rest) = (century.div_euclid(4), century.rem_euclid(4));
    let moon_shift = (century - (century + 8).div_euclid(25) + 1).div_euclid(3);
    let epact = (19 * golden + century - leap_centuries - moon_shift + 15).rem_euclid(30);
    let (leap_years, year_rest) = (rest.div_euclid(4), rest.rem_euclid(4));
    let weekday = (32 + 2 * century_rest + 2 * leap_years - epact - year_rest).rem_euclid(7);
    let correction = (golden + 11 * epact + 22 * weekday).div_euclid(451);
    let day_of_spring = epact + weekday - 7 * correction + 114;
    let month = u32::try_from(day_of_spring.div_euclid(31)).ok()?;
    let day = u32::try_from(day_of_spring.rem_euclid(31) + 1).ok()?;
    NaiveDate::from_ymd_opt(year, month, day)
}

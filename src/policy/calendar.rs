//! Calendar arithmetic in a time zone (floor 1).
//!
//! Years and months are added at once and clamp to the end of a shorter month, then days, then, on
//! the instant, the time part. Every function here is monotone in its start, since a cutoff in a
//! store is one threshold: whatever began earlier must be due no later.

use super::period::Period;
use chrono::{
    DateTime, Datelike, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;

/// No offset of any zone was ever greater than this many hours.
const OFFSET_HOURS_MAX: i64 = 17;

/// Adds the date part of a period to a civil date. The flag tells that the day was clamped.
#[must_use]
pub fn add_to_date(start_on: NaiveDate, period: Period) -> Option<(NaiveDate, bool)> {
    let moved = start_on.checked_add_months(Months::new(period.total_months()))?;
    let clamped = moved.day() != start_on.day();
    Some((moved.checked_add_days(Days::new(u64::from(period.total_days())))?, clamped))
}

/// Adds the date part of a period to a local time. Where the day had to be clamped, the whole of
/// the last day belongs to the period and the answer is the midnight that ends it: with the time of
/// day kept, 31 January 10:00 would be due before 30 January 12:00, and no single threshold could
/// select the one without the other.
#[must_use]
pub fn add_to_local(start: NaiveDateTime, period: Period) -> Option<NaiveDateTime> {
    let moved = start.date().checked_add_months(Months::new(period.total_months()))?;
    let at = if moved.day() == start.date().day() {
        moved.and_time(start.time())
    } else {
        midnight(moved.succ_opt()?)
    };
    at.checked_add_days(Days::new(u64::from(period.total_days())))
}

/// The midnight that begins a day.
#[must_use]
pub fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(chrono::NaiveTime::MIN)
}

/// The instant of a local time: of a time that occurs twice the later one, of a time that never
/// occurs the end of the gap. Nothing becomes due early by it.
#[must_use]
pub fn resolve(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => Some(instant.with_timezone(&Utc)),
        LocalResult::Ambiguous(one, other) => Some(one.max(other).with_timezone(&Utc)),
        LocalResult::None => gap_end(local, zone),
    }
}

/// The local time of an instant, as a start. In an hour that is repeated the second pass counts as
/// its end, for local time runs backwards there and a later start must not be due earlier.
#[must_use]
pub fn local_start(start: DateTime<Utc>, zone: Tz) -> Option<NaiveDateTime> {
    let local = local_at(start, zone)?;
    match zone.from_local_datetime(&local) {
        LocalResult::Ambiguous(one, other) if one.max(other) == start => {
            let first = one.min(other).with_timezone(&Utc);
            let before = offset_seconds(first, zone);
            let change = first_second(first, start, |instant| offset_seconds(instant, zone) != before)?;
            change.naive_utc().checked_add_signed(Duration::seconds(before))
        }
        _ => Some(local),
    }
}

/// The local time of an instant; `None` at the ends of the calendar.
#[must_use]
pub fn local_at(instant: DateTime<Utc>, zone: Tz) -> Option<NaiveDateTime> {
    instant.naive_utc().checked_add_signed(Duration::seconds(offset_seconds(instant, zone)))
}

fn offset_seconds(instant: DateTime<Utc>, zone: Tz) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc())
}

fn gap_end(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let low = local.checked_sub_signed(Duration::hours(OFFSET_HOURS_MAX))?.and_utc();
    let high = local.checked_add_signed(Duration::hours(OFFSET_HOURS_MAX))?.and_utc();
    first_second(low, high, |instant| local_at(instant, zone).is_some_and(|at| at > local))
}

/// The first whole second after `low` and not after `high` for which `holds` is true, by bisection.
/// It must be false at `low` and stay true once it is.
fn first_second(
    low: DateTime<Utc>,
    high: DateTime<Utc>,
    holds: impl Fn(DateTime<Utc>) -> bool,
) -> Option<DateTime<Utc>> {
    let (mut low, mut high) = (low.timestamp(), high.timestamp());
    while high.checked_sub(low)? > 1 {
        let middle = low.midpoint(high);
        if holds(DateTime::from_timestamp(middle, 0)?) {
            high = middle;
        } else {
            low = middle;
        }
    }
    DateTime::from_timestamp(high, 0)
}

//! Reading the start of a period from what is stored, and the limits it is compared with.
//!
//! Pure: no clock, no store. `sql::sqlite::start` is the twin that reads the same in SQL; both work on
//! the same [`Limits`]. Starts have whole seconds, rounded up, so that nothing goes early.

use crate::iso;
use crate::selection::{StartCondition, StartEncoding};
use crate::value::Value;
use chrono::{
    DateTime, Datelike, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;
use std::cmp::Ordering;

/// White space that counts as nothing in a start column.
pub const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// What is known of the start of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartReading {
    /// NULL, or text of nothing but white space.
    Missing,
    /// Something that the encoding does not allow.
    Unreadable,
    At(DateTime<Utc>),
    On(NaiveDate),
}

/// Reads a stored start. Years outside 1 to 9999 are unreadable.
#[must_use]
pub fn read(encoding: &StartEncoding, value: &Value) -> StartReading {
    match value {
        Value::Null => return StartReading::Missing,
        Value::Text(text) if text.trim_matches(BLANK).is_empty() => return StartReading::Missing,
        _ => {}
    }
    let at = |instant: Option<DateTime<Utc>>| instant.map(StartReading::At);
    let on = |date: Option<NaiveDate>| date.map(StartReading::On);
    let reading = match (encoding, value) {
        (StartEncoding::Instant | StartEncoding::InstantText, Value::Instant(instant)) => {
            at(iso::round_up(*instant))
        }
        (StartEncoding::InstantText, Value::Text(text)) => {
            on(iso::parse_date(text)).or_else(|| at(iso::parse_time(text)?.instant()))
        }
        (StartEncoding::LocalText { zone }, Value::Text(text)) => {
            on(iso::parse_date(text)).or_else(|| at(read_local(*zone, text)))
        }
        (StartEncoding::CivilDate, Value::Date(date)) => {
            on((1..=9999).contains(&date.year()).then_some(*date))
        }
        (StartEncoding::CivilDate, Value::Text(text)) => on(read_civil_date(text)),
        (StartEncoding::CivilMonth, Value::Text(text)) => on(read_month(text)),
        (StartEncoding::CivilYear, Value::Text(text)) => on(read_year(text)),
        (StartEncoding::CivilYear, Value::Int(year)) => {
            on(i32::try_from(*year).ok().filter(|year| (1..=9999).contains(year)).and_then(end_of_year))
        }
        (StartEncoding::EpochSeconds, value) => at(integral(value).and_then(iso::instant_of_epoch)),
        (StartEncoding::EpochMillis, value) => at(integral(value).and_then(read_millis)),
        _ => None,
    };
    reading.unwrap_or(StartReading::Unreadable)
}

fn read_local(zone: Tz, text: &str) -> Option<DateTime<Utc>> {
    let time = iso::parse_time(text).filter(|time| time.offset_seconds.is_none())?;
    Some(instant_of_local(zone, time.local_rounded_up()?))
}

fn read_civil_date(text: &str) -> Option<NaiveDate> {
    let date = text.strip_suffix(" 00:00:00").or_else(|| text.strip_suffix(" 00:00:00.000"));
    iso::parse_date(date.unwrap_or(text))
}

fn read_month(text: &str) -> Option<NaiveDate> {
    if text.len() != 7 {
        return None;
    }
    let first = iso::parse_date(&format!("{text}-01"))?;
    first.checked_add_months(Months::new(1))?.pred_opt()
}

fn read_year(text: &str) -> Option<NaiveDate> {
    if text.len() != 4 {
        return None;
    }
    iso::parse_date(&format!("{text}-12-31"))
}

fn end_of_year(year: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, 12, 31)
}

fn read_millis(millis: i64) -> Option<DateTime<Utc>> {
    if !(iso::EPOCH_SECONDS_MIN * 1000..=iso::EPOCH_SECONDS_MAX * 1000).contains(&millis) {
        return None;
    }
    iso::instant_of_epoch(millis.div_euclid(1000) + i64::from(millis.rem_euclid(1000) > 0))
}

/// A whole number in the range of sane epochs, stored as an integer or as a float.
fn integral(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "whole and far inside the range of i64")]
        Value::Real(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(*number as i64),
        _ => None,
    }
}

/// The instant at which the clocks of `zone` pass `local` for good: the later of two, the end of a gap.
/// Monotone in `local`.
#[must_use]
pub fn instant_of_local(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    if let Some(latest) = zone.from_local_datetime(&local).latest() {
        return latest.with_timezone(&Utc);
    }
    // In a gap. The longest known is a day (Samoa, 2011); its end is the first local time that exists.
    let exists = |seconds: i64| {
        let later = local.checked_add_signed(Duration::seconds(seconds))?;
        zone.from_local_datetime(&later).earliest()
    };
    let (mut inside, mut outside) = (0_i64, 26 * 3600);
    while outside - inside > 1 {
        let middle = i64::midpoint(inside, outside);
        if exists(middle).is_some() {
            outside = middle;
        } else {
            inside = middle;
        }
    }
    exists(outside).map_or_else(|| local.and_utc(), |end| end.with_timezone(&Utc))
}

/// The latest local time, in whole seconds, that [`instant_of_local`] puts at or before `instant`.
#[must_use]
pub fn latest_local(zone: Tz, instant: DateTime<Utc>) -> NaiveDateTime {
    let shown = zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc();
    let shown = instant.timestamp().saturating_add(i64::from(shown));
    // No clock change is longer than a day, so the answer is near what the clock shows.
    let (mut within, mut beyond) = (shown.saturating_sub(27 * 3600), shown.saturating_add(27 * 3600));
    let local = |seconds: i64| DateTime::from_timestamp(seconds, 0).map(|at| at.naive_utc());
    while beyond - within > 1 {
        let middle = i64::midpoint(within, beyond);
        if local(middle).is_some_and(|middle| instant_of_local(zone, middle) <= instant) {
            within = middle;
        } else {
            beyond = middle;
        }
    }
    local(within).unwrap_or(NaiveDateTime::MIN)
}

/// Where a start lies between the limits of its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// After the moment of the plan.
    pub in_future: bool,
    pub due: bool,
    pub overdue: bool,
}

/// Where `reading` lies; `None` if it is missing or unreadable, or the condition has no event.
#[must_use]
pub fn standing(condition: &StartCondition, reading: StartReading) -> Option<Standing> {
    let StartCondition::Event { cutoff_at, cutoff_on, as_of, as_of_on, overdue_at, overdue_on, .. } =
        condition
    else {
        return None;
    };
    match reading {
        StartReading::At(start) => Some(Standing {
            in_future: start > *as_of,
            due: start <= *cutoff_at,
            overdue: start <= *overdue_at,
        }),
        StartReading::On(start) => Some(Standing {
            in_future: start > *as_of_on,
            due: start <= *cutoff_on,
            overdue: start <= *overdue_on,
        }),
        StartReading::Missing | StartReading::Unreadable => None,
    }
}

/// The limits of an event in the terms in which its starts are compared in a store: epoch seconds,
/// local text `YYYY-MM-DD HH:MM:SS`, or `YYYY-MM-DD`. Each is the latest start that is within.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    pub cutoff: Value,
    pub as_of: Value,
    pub overdue: Value,
    /// The earlier of `cutoff` and `as_of`: a start in the future is undecidable even before a cutoff.
    pub due: Value,
}

/// The limits of the civil dates that a condition reads, whatever its encoding; `None` if it has no event.
#[must_use]
pub fn limits_on(condition: &StartCondition) -> Option<Limits> {
    let StartCondition::Event { cutoff_on, as_of_on, overdue_on, .. } = condition else { return None };
    let make = |on: NaiveDate| Value::Text(date_text(on));
    Some(Limits {
        cutoff: make(*cutoff_on),
        as_of: make(*as_of_on),
        overdue: make(*overdue_on),
        due: make(*cutoff_on.min(as_of_on)),
    })
}

/// The limits of the instants of a condition, or of its civil dates if its encoding has no instants;
/// `None` if it has no event.
#[must_use]
pub fn limits(condition: &StartCondition) -> Option<Limits> {
    let StartCondition::Event { encoding, cutoff_at, as_of, overdue_at, .. } = condition else {
        return None;
    };
    let make = |at: DateTime<Utc>| match encoding {
        StartEncoding::LocalText { zone } => Value::Text(local_text(latest_local(*zone, at))),
        _ => Value::Int(at.timestamp()),
    };
    match encoding {
        StartEncoding::CivilDate | StartEncoding::CivilMonth | StartEncoding::CivilYear => {
            limits_on(condition)
        }
        _ => Some(Limits {
            cutoff: make(*cutoff_at),
            as_of: make(*as_of),
            overdue: make(*overdue_at),
            due: make(*cutoff_at.min(as_of)),
        }),
    }
}

/// `YYYY-MM-DD HH:MM:SS`, clamped to the years that starts can have.
fn local_text(local: NaiveDateTime) -> String {
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).and_then(|date| date.and_hms_opt(23, 59, 59));
    match year_order(local.year()) {
        Ordering::Less => "0000-01-01 00:00:00".to_owned(),
        Ordering::Equal => local.format("%Y-%m-%d %H:%M:%S").to_string(),
        Ordering::Greater => last.unwrap_or(local).format("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

fn date_text(date: NaiveDate) -> String {
    match year_order(date.year()) {
        Ordering::Less => "0000-01-01".to_owned(),
        Ordering::Equal => date.format("%Y-%m-%d").to_string(),
        Ordering::Greater => "9999-12-31".to_owned(),
    }
}

/// Whether a year lies before, in or after the years 1 to 9999.
fn year_order(year: i32) -> Ordering {
    match year {
        ..1 => Ordering::Less,
        1..=9999 => Ordering::Equal,
        _ => Ordering::Greater,
    }
}

/// A start in the terms of [`Limits`], back as an instant for a [`crate::Survey`]: a civil date as its
/// midnight in UTC. `None` for what no store gives for this encoding.
#[must_use]
pub fn instant_of_sortable(encoding: &StartEncoding, sortable: &Value) -> Option<DateTime<Utc>> {
    match (encoding, sortable) {
        (StartEncoding::LocalText { zone }, Value::Text(text)) if text.len() > 10 => {
            let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
            Some(instant_of_local(*zone, local))
        }
        (_, Value::Int(seconds)) => iso::instant_of_epoch(*seconds),
        (_, Value::Text(text)) => Some(iso::parse_date(text)?.and_time(NaiveTime::MIN).and_utc()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONES: [(Tz, &str); 7] = [
        (chrono_tz::Europe::Paris, "2020-03-29T01:00:00Z"),
        (chrono_tz::Europe::Paris, "2020-10-25T01:00:00Z"),
        (chrono_tz::America::New_York, "2020-11-01T06:00:00Z"),
        (chrono_tz::Australia::Lord_Howe, "2020-04-04T15:00:00Z"),
        (chrono_tz::Australia::Lord_Howe, "2020-10-03T15:30:00Z"),
        (chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
        (chrono_tz::UTC, "2020-01-01T00:00:00Z"),
    ];

    #[track_caller]
    fn check_local(zone: Tz, local: &str, expected: &str) {
        let value = Value::Text(local.to_owned());
        let expected = expected.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(read(&StartEncoding::LocalText { zone }, &value), StartReading::At(expected), "{local}");
    }

    #[test]
    fn a_local_time_that_occurs_twice_is_the_later_and_one_in_a_gap_is_its_end() {
        let paris = chrono_tz::Europe::Paris;
        check_local(paris, "2020-10-25 02:30:00", "2020-10-25T01:30:00Z");
        check_local(paris, "2020-03-29 02:30:00", "2020-03-29T01:00:00Z");
        check_local(paris, "2020-03-29T03:00:00", "2020-03-29T01:00:00Z");
        check_local(chrono_tz::Pacific::Apia, "2011-12-30 12:00:00", "2011-12-30T10:00:00Z");
        check_local(chrono_tz::Australia::Lord_Howe, "2020-10-04 02:15:00", "2020-10-03T15:30:00Z");
    }

    #[test]
    fn reading_local_times_is_monotone_and_the_latest_local_time_is_the_last_within() {
        for (zone, change) in ZONES {
            let change: DateTime<Utc> = change.parse().unwrap();
            let mut last = DateTime::<Utc>::MIN_UTC;
            let around = change.naive_utc()
                + Duration::seconds(i64::from(
                    zone.offset_from_utc_datetime(&change.naive_utc()).fix().local_minus_utc(),
                ));
            for step in -400..400_i64 {
                let read = instant_of_local(zone, around + Duration::seconds(step * 450));
                assert!(read >= last, "{zone} {step}");
                last = read;
            }
            for step in -400..400_i64 {
                let limit = change + Duration::seconds(step * 225 + step % 2);
                let latest = latest_local(zone, limit);
                assert!(instant_of_local(zone, latest) <= limit, "{zone} {limit}");
                assert!(instant_of_local(zone, latest + Duration::seconds(1)) > limit, "{zone} {limit}");
            }
        }
    }

    #[test]
    fn a_plain_date_among_texts_with_a_time_is_a_civil_date() {
        let zone = chrono_tz::Europe::Paris;
        let date = NaiveDate::from_ymd_opt(2021, 3, 15).unwrap();
        for encoding in [StartEncoding::InstantText, StartEncoding::LocalText { zone }] {
            let read = |text: &str| read(&encoding, &Value::Text(text.to_owned()));
            assert_eq!(read("2021-03-15"), StartReading::On(date));
            for text in ["2021-02-30", "2021-03-15 ", " 2021-03-15", "2021-03", "20210315", "0000-01-01"] {
                assert_eq!(read(text), StartReading::Unreadable, "{text:?}");
            }
        }
    }

    #[test]
    fn a_month_and_a_year_are_read_as_their_last_day() {
        let on = |year, month, day| StartReading::On(NaiveDate::from_ymd_opt(year, month, day).unwrap());
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(read(&StartEncoding::CivilMonth, &text("2024-02")), on(2024, 2, 29));
        assert_eq!(read(&StartEncoding::CivilMonth, &text("9999-12")), on(9999, 12, 31));
        assert_eq!(read(&StartEncoding::CivilMonth, &text("2024-13")), StartReading::Unreadable);
        assert_eq!(read(&StartEncoding::CivilYear, &text("2024")), on(2024, 12, 31));
        assert_eq!(read(&StartEncoding::CivilYear, &Value::Int(2024)), on(2024, 12, 31));
        assert_eq!(read(&StartEncoding::CivilYear, &text("0000")), StartReading::Unreadable);
        assert_eq!(read(&StartEncoding::CivilYear, &text(" \t")), StartReading::Missing);
    }
}

//! The one reading of dates and times written as ISO 8601 text.
//!
//! Deliberately narrow, and the same as what `sql::sqlite` accepts: `YYYY-MM-DD`, and
//! `YYYY-MM-DD[T ]HH:MM:SS[.digits][Z | ±HH[[:]MM]]`, years 0001 to 9999, calendar days that exist,
//! no leap second, no hour 24. Anything else is unreadable: in doubt a record is kept.
//!
//! Times have whole seconds: a fraction other than zero rounds *up*, so that nothing goes early.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Timelike, Utc};

/// Epoch seconds of 0001-01-01T00:00:00Z.
pub const EPOCH_SECONDS_MIN: i64 = -62_135_596_800;
/// Epoch seconds of 9999-12-31T23:59:59Z.
pub const EPOCH_SECONDS_MAX: i64 = 253_402_300_799;

/// Text that was read as a date with a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsoTime<'a> {
    /// As written, without the fraction.
    pub local: NaiveDateTime,
    /// There is a fraction other than zero.
    pub fraction: bool,
    /// Seconds east of UTC; `None` when the text names no zone.
    pub offset_seconds: Option<i64>,
    /// `T` or a space.
    pub separator: char,
    /// The zone as written, may be empty.
    pub zone: &'a str,
}

impl IsoTime<'_> {
    /// The local time in whole seconds; `None` if rounding leaves the year 9999.
    #[must_use]
    pub fn local_rounded_up(&self) -> Option<NaiveDateTime> {
        let rounded = self.local.checked_add_signed(Duration::seconds(i64::from(self.fraction)))?;
        (rounded.year() <= 9999).then_some(rounded)
    }

    /// The instant in whole seconds, if the text names a zone and the instant is in years 1 to 9999.
    #[must_use]
    pub fn instant(&self) -> Option<DateTime<Utc>> {
        let seconds = self.local.and_utc().timestamp() + i64::from(self.fraction) - self.offset_seconds?;
        instant_of_epoch(seconds)
    }
}

/// An instant of the years 1 to 9999.
#[must_use]
pub fn instant_of_epoch(seconds: i64) -> Option<DateTime<Utc>> {
    if !(EPOCH_SECONDS_MIN..=EPOCH_SECONDS_MAX).contains(&seconds) {
        return None;
    }
    DateTime::from_timestamp(seconds, 0)
}

/// An instant in whole seconds, rounded up; `None` outside the years 1 to 9999.
#[must_use]
pub fn round_up(instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let up = i64::from(instant.nanosecond() > 0);
    instant_of_epoch(instant.timestamp().checked_add(up)?)
}

/// Exactly `YYYY-MM-DD`, a day that exists, year 1 to 9999.
#[must_use]
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
    let year = digits(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
    if year == 0 {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// A date with a time of day.
#[must_use]
pub fn parse_time(text: &str) -> Option<IsoTime<'_>> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = parse_date(date)?;
    let (clock, tail) = rest.split_at_checked(9)?;
    let [separator @ (b'T' | b' '), h1, h2, b':', m1, m2, b':', s1, s2] = clock.as_bytes() else {
        return None;
    };
    let (hour, minute, second) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    let local = date.and_hms_opt(hour, minute, second)?;
    let (fraction, zone) = match tail.strip_prefix('.') {
        None => (false, tail),
        Some(tail) => {
            let zone = tail.trim_start_matches(|character: char| character.is_ascii_digit());
            let digits = tail.strip_suffix(zone)?;
            if digits.is_empty() {
                return None;
            }
            (digits.bytes().any(|digit| digit != b'0'), zone)
        }
    };
    let offset_seconds = if zone.is_empty() { None } else { Some(parse_zone(zone)?) };
    Some(IsoTime { local, fraction, offset_seconds, separator: char::from(*separator), zone })
}

/// `Z`, `±HH`, `±HHMM` or `±HH:MM`, in seconds east of UTC.
fn parse_zone(zone: &str) -> Option<i64> {
    let (sign, hours, minutes) = match zone.as_bytes() {
        [b'Z'] => return Some(0),
        [sign, h1, h2] => (sign, digits(&[*h1, *h2])?, 0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => {
            (sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = i64::from(hours * 3600 + minutes * 60);
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes
        .iter()
        .try_fold(0_u32, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let instant = parse_time(text).and_then(|time| time.instant());
        assert_eq!(instant.map(|at| at.to_rfc3339()).as_deref(), expected, "{text}");
    }

    #[test]
    fn an_offset_is_taken_off_and_a_fraction_rounds_up() {
        check("2024-02-29T12:00:00Z", Some("2024-02-29T12:00:00+00:00"));
        check("2024-02-29 12:00:00+02", Some("2024-02-29T10:00:00+00:00"));
        check("2024-02-29 12:00:00-0530", Some("2024-02-29T17:30:00+00:00"));
        check("2024-02-29 12:00:00.000+02:00", Some("2024-02-29T10:00:00+00:00"));
        check("2024-02-29 12:00:00.0001Z", Some("2024-02-29T12:00:01+00:00"));
    }

    #[test]
    fn what_is_not_exactly_written_is_unreadable() {
        for text in [
            "2023-02-29T12:00:00Z",
            "2023-02-28T24:00:00Z",
            "2023-02-28T12:00:60Z",
            "2023-02-28T12:00Z",
            "2023-02-28T12:00:00.Z",
            "2023-02-28T12:00:00z",
            "2023-02-28t12:00:00Z",
            " 2023-02-28T12:00:00Z",
            "0000-02-28T12:00:00Z",
            "2023-02-28T12:00:00+24:00",
            "2023-02-28T12:00:00+1:00",
            "2023-02-28T12:00:00",
            "9999-12-31T23:59:59.1Z",
            "é023-02-28T12:00:00Z",
            "2023-02-28T12:00:00é",
        ] {
            check(text, None);
        }
    }
}

//! Public holidays that are the same everywhere in a country.
//!
//! Floor 3; pure. Computed, for any year. Regional days (Alsace-Moselle, the Länder) are left out: a
//! deadline is then one day early, never late.

use super::is_weekend;
use chrono::{Datelike as _, Days, NaiveDate};
use chrono_tz::Tz;

/// Whose calendar a deadline is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Country {
    France,
    Germany,
    Belgium,
    Luxembourg,
    /// Holidays are not known here.
    Other,
}

impl Country {
    /// By its ISO 3166 code, in any case.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match code.to_ascii_uppercase().as_str() {
            "FR" => Self::France,
            "DE" => Self::Germany,
            "BE" => Self::Belgium,
            "LU" => Self::Luxembourg,
            _ => Self::Other,
        }
    }

    /// Where a day begins and ends.
    #[must_use]
    pub fn time_zone(self) -> Tz {
        match self {
            Self::France => Tz::Europe__Paris,
            Self::Germany => Tz::Europe__Berlin,
            Self::Belgium => Tz::Europe__Brussels,
            Self::Luxembourg => Tz::Europe__Luxembourg,
            Self::Other => Tz::UTC,
        }
    }

    #[must_use]
    pub fn is_working_day(self, day: NaiveDate) -> bool {
        !is_weekend(day) && !self.is_holiday(day)
    }

    #[must_use]
    pub fn is_holiday(self, day: NaiveDate) -> bool {
        let fixed: &[(u32, u32)] = match self {
            Self::France => &[(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)],
            Self::Germany => &[(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)],
            Self::Belgium => &[(1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25)],
            Self::Luxembourg => &[(1, 1), (5, 1), (5, 9), (6, 23), (8, 15), (11, 1), (12, 25), (12, 26)],
            Self::Other => &[],
        };
        // Days after Easter Sunday: Good Friday, Easter Monday, Ascension, Whit Monday.
        let movable: &[i64] = match self {
            Self::France | Self::Belgium | Self::Luxembourg => &[1, 39, 50],
            Self::Germany => &[-2, 1, 39, 50],
            Self::Other => &[],
        };
        fixed.contains(&(day.month(), day.day()))
            || easter(day.year())
                .is_some_and(|easter| movable.contains(&day.signed_duration_since(easter).num_days()))
    }
}

/// Easter Sunday of the Gregorian calendar (Butcher's algorithm, in whole numbers).
fn easter(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let moon =
        (19 * golden + century - century / 4 - (century - (century + 8) / 25 + 1) / 3 + 15).rem_euclid(30);
    let week = (32 + 2 * (century % 4) + 2 * (of_century / 4) - moon - of_century % 4).rem_euclid(7);
    let correction = (golden + 11 * moon + 22 * week) / 451;
    let days = moon + week - 7 * correction;
    let first = NaiveDate::from_ymd_opt(year, 3, 22)?;
    first.checked_add_days(Days::new(u64::try_from(days).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_almanac_has_it() {
        for (year, month, day) in [
            (2000, 4, 23),
            (2008, 3, 23),
            (2019, 4, 21),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day), "{year}");
        }
    }

    #[test]
    fn holidays_are_those_of_the_country() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert!(Country::France.is_holiday(day("2026-05-25")), "Whit Monday");
        assert!(
            Country::France.is_holiday(day("2026-07-14")) && !Country::Germany.is_holiday(day("2026-07-14"))
        );
        assert!(
            Country::Germany.is_holiday(day("2026-04-03")) && !Country::France.is_holiday(day("2026-04-03"))
        );
        assert!(Country::of_code("fr") == Country::France && Country::of_code("XX") == Country::Other);
        assert!(
            !Country::Other.is_holiday(day("2026-01-01"))
                && !Country::Other.is_working_day(day("2026-01-03"))
        );
    }
}

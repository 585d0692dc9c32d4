//! Time: periods, calendar, retention clock, deadlines.

use super::calendar::{add_to_date, local_start, resolve};
use super::deadline::{ReceiptDay, WorkingDays, easter_sunday, is_french_holiday, request_deadline};
use super::period::{Period, PeriodError};
use super::retention::{FiscalYearEnd, RetentionClock, Rounding};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use serde_json::Value;

const ZONES: [Tz; 6] = [
    Tz::Europe__Paris,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Africa__Casablanca,
    Tz::UTC,
    Tz::Pacific__Apia,
];
const ROUNDINGS: [Rounding; 4] =
    [Rounding::None, Rounding::EndOfMonth, Rounding::EndOfCalendarYear, Rounding::EndOfFiscalYear];
const PERIODS: [&str; 14] = [
    "P0D", "PT4H", "PT90M", "P1D", "P30D", "P2W", "P1M", "P13M", "P1Y", "P3Y6M", "P10Y", "P1M1DT1H", "P4Y",
    "P1DT30M",
];

fn period(text: &str) -> Period {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn clock(text: &str, rounding: Rounding, zone: Tz) -> RetentionClock {
    RetentionClock { period: period(text), rounding, zone, fiscal_year_ends: FiscalYearEnd::default() }
}

#[test]
fn periods_print_as_they_were_written() {
    for text in ["P3Y", "P3Y6M", "P2W", "P30D", "PT4H", "P1Y2M3DT4H5M6S", "PT90M", "P0D", "P13M", "P1000Y"] {
        assert_eq!(period(text).to_string(), text);
    }
    assert_eq!(period("PT0S"), Period::ZERO);
}

#[track_caller]
fn check_refused(text: &str, expected: PeriodError) {
    assert_eq!(text.parse::<Period>(), Err(expected), "{text}");
}

#[test]
fn what_is_no_period_is_refused() {
    for text in [
        "", "P", "PT", "3Y", "P3", "PY", "P3Y6", "P-3Y", "p3y", "P3M1Y", "P1.5Y", "P3Y ", "PT3", "P1H",
        "PT1D", "P1Y1Y", "P３Y",
    ] {
        check_refused(text, PeriodError::Form);
    }
    check_refused("P1Y2W", PeriodError::MixedWeeks);
    check_refused("P2WT1H", PeriodError::MixedWeeks);
    check_refused("P0W1D", PeriodError::MixedWeeks);
    check_refused("P1001Y", PeriodError::TooLong);
    check_refused("P4294967296D", PeriodError::TooLong);
    check_refused("P999999999Y", PeriodError::TooLong);
}

#[track_caller]
fn check_due(clock: &RetentionClock, start: &str, expected: &str) {
    assert_eq!(clock.due_at(at(start)), Some(at(expected)), "{start}");
}

#[test]
fn a_period_ends_at_the_same_time_of_day_in_the_zone() {
    let paris = clock("P6M", Rounding::None, Tz::Europe__Paris);
    check_due(&paris, "2026-01-15T09:00:00Z", "2026-07-15T08:00:00Z");
    check_due(
        &clock("P30D", Rounding::None, Tz::Europe__Paris),
        "2026-03-15T09:00:00Z",
        "2026-04-14T08:00:00Z",
    );
    check_due(
        &clock("PT4H", Rounding::None, Tz::Europe__Paris),
        "2026-03-29T00:30:00Z",
        "2026-03-29T04:30:00Z",
    );
}

#[test]
fn a_clamped_day_belongs_to_the_period_whole() {
    let month = clock("P1M", Rounding::None, Tz::UTC);
    check_due(&month, "2026-01-31T10:00:00Z", "2026-03-01T00:00:00Z");
    check_due(&month, "2026-01-28T10:00:00Z", "2026-02-28T10:00:00Z");
    check_due(&clock("P1Y", Rounding::None, Tz::UTC), "2024-02-29T10:00:00Z", "2025-03-01T00:00:00Z");
}

#[test]
fn a_due_time_that_never_is_becomes_the_end_of_the_gap() {
    check_due(
        &clock("P1D", Rounding::None, Tz::Europe__Paris),
        "2026-03-28T01:30:00Z",
        "2026-03-29T01:00:00Z",
    );
    // Lord Howe springs forward by half an hour only.
    let lord_howe = clock("P1D", Rounding::None, Tz::Australia__Lord_Howe);
    check_due(&lord_howe, "2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z");
    // Samoa had no 30 December 2011.
    check_due(
        &clock("P1D", Rounding::None, Tz::Pacific__Apia),
        "2011-12-29T20:00:00Z",
        "2011-12-30T10:00:00Z",
    );
}

#[test]
fn a_due_time_that_is_twice_becomes_the_later_one() {
    check_due(
        &clock("P1D", Rounding::None, Tz::Europe__Paris),
        "2026-10-24T00:30:00Z",
        "2026-10-25T01:30:00Z",
    );
}

#[test]
fn a_start_in_the_second_pass_of_an_hour_counts_as_its_end() {
    let paris = Tz::Europe__Paris;
    let local = |text: &str| local_start(at(text), paris).unwrap().to_string();
    assert_eq!(local("2026-10-25T00:30:00Z"), "2026-10-25 02:30:00");
    assert_eq!(local("2026-10-25T01:10:00Z"), "2026-10-25 03:00:00");
    assert_eq!(local("2026-10-25T02:00:00Z"), "2026-10-25 03:00:00");
}

#[test]
fn rounding_moves_the_start_to_the_exclusive_end() {
    let paris = Tz::Europe__Paris;
    check_due(
        &clock("P8Y", Rounding::EndOfCalendarYear, paris),
        "2017-03-15T12:00:00Z",
        "2025-12-31T23:00:00Z",
    );
    // New Year's Eve in Paris is still the old year; an hour later it is not.
    check_due(
        &clock("P1Y", Rounding::EndOfCalendarYear, paris),
        "2025-12-31T22:30:00Z",
        "2026-12-31T23:00:00Z",
    );
    check_due(
        &clock("P1Y", Rounding::EndOfCalendarYear, paris),
        "2025-12-31T23:30:00Z",
        "2027-12-31T23:00:00Z",
    );
    check_due(&clock("P1M", Rounding::EndOfMonth, Tz::UTC), "2026-01-31T10:00:00Z", "2026-03-01T00:00:00Z");
    let mut fiscal = clock("P10Y", Rounding::EndOfFiscalYear, Tz::UTC);
    fiscal.fiscal_year_ends = FiscalYearEnd::parse("03-31").unwrap();
    check_due(&fiscal, "2026-03-31T10:00:00Z", "2036-04-01T00:00:00Z");
    check_due(&fiscal, "2026-04-01T10:00:00Z", "2037-04-01T00:00:00Z");
    fiscal.fiscal_year_ends = FiscalYearEnd::parse("02-28").unwrap();
    check_due(&fiscal, "2024-02-29T10:00:00Z", "2034-03-01T00:00:00Z");
}

#[test]
fn fiscal_years_end_on_days_that_exist() {
    for text in ["13-01", "02-30", "6-30", "06-3", "0630", "06-30-", "-6-30", ""] {
        assert_eq!(FiscalYearEnd::parse(text), None, "{text}");
    }
    assert!(FiscalYearEnd::parse("02-29").is_some());
}

fn cases(kind: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../tests/cases/calendar.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    cases.iter().filter(|case| case["kind"].as_str().unwrap().starts_with(kind)).cloned().collect()
}

#[test]
fn request_deadlines_roll_to_the_next_working_day() {
    let cases = cases("request deadline");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let received = day(case["received"].as_str().unwrap());
        let period = period(case["period"].as_str().unwrap());
        let deadline = |working| request_deadline(received, period, ReceiptDay::NotCounted, working);
        assert_eq!(deadline(WorkingDays::EveryDay), Some(day(case["nominal"].as_str().unwrap())));
        assert_eq!(deadline(WorkingDays::France), Some(day(case["due_FR_calendar"].as_str().unwrap())));
    }
}

#[test]
fn retention_of_civil_dates_is_that_of_the_cases() {
    let cases = cases("retention");
    assert_eq!(cases.len(), 4);
    for case in cases {
        let start = day(case["start"].as_str().unwrap());
        let text = case["period"].as_str().map_or_else(|| format!("P{}M", case["months"]), str::to_owned);
        let rounded = case["kind"].as_str().unwrap().contains("end_of_calendar_year");
        let rounding = if rounded { Rounding::EndOfCalendarYear } else { Rounding::None };
        for zone in ZONES {
            let clock = clock(&text, rounding, zone);
            let through = day(case["retain_through"].as_str().unwrap());
            let erasable = through.succ_opt().unwrap();
            if let Some(expected) = case["erasable_from"].as_str() {
                assert_eq!(erasable, day(expected));
            }
            let due = clock.due_at_civil(start).unwrap();
            assert_eq!(due.with_timezone(&zone).naive_local().to_string(), format!("{erasable} 00:00:00"));
            assert!(clock.cutoff_on(due).unwrap() >= start);
            assert!(clock.cutoff_on(due - chrono::Duration::nanoseconds(1)).unwrap() < start);
        }
    }
}

#[test]
fn a_californian_request_counts_the_day_of_receipt() {
    let cases = cases("CCPA");
    assert_eq!(cases.len(), 1);
    for case in cases {
        let received = day(case["received"].as_str().unwrap());
        let period = period(case["period"].as_str().unwrap());
        let deadline = |receipt| request_deadline(received, period, receipt, WorkingDays::EveryDay);
        assert_eq!(
            deadline(ReceiptDay::NotCounted),
            Some(day(case["day_of_receipt_not_counted"].as_str().unwrap()))
        );
        assert_eq!(
            deadline(ReceiptDay::Counted),
            Some(day(case["day_of_receipt_counted"].as_str().unwrap()))
        );
    }
}

#[test]
fn easter_and_its_holidays_fall_where_the_church_has_them() {
    for (year, expected) in [
        (2000, "2000-04-23"),
        (2008, "2008-03-23"),
        (2011, "2011-04-24"),
        (2026, "2026-04-05"),
        (2038, "2038-04-25"),
    ] {
        assert_eq!(easter_sunday(year), Some(day(expected)));
    }
    for holiday in ["2026-04-06", "2026-05-14", "2026-05-25", "2026-07-14", "2026-11-11"] {
        assert!(is_french_holiday(day(holiday)), "{holiday}");
    }
    assert!(!is_french_holiday(day("2026-04-05").succ_opt().unwrap().succ_opt().unwrap()));
}

#[test]
fn at_the_ends_of_the_calendar_nothing_is_due_and_nothing_panics() {
    let long = clock("P1000Y", Rounding::EndOfCalendarYear, Tz::Europe__Paris);
    assert_eq!(long.due_at(DateTime::<Utc>::MAX_UTC), None);
    assert!(long.due_at(DateTime::<Utc>::MIN_UTC).is_none_or(|due| due > DateTime::<Utc>::MIN_UTC));
    assert_eq!(long.due_at_civil(NaiveDate::MAX), None);
    assert!(long.due_at_civil(NaiveDate::MIN).is_none_or(|due| due > DateTime::<Utc>::MIN_UTC));
    assert_eq!(long.cutoff_at(at("0500-01-01T00:00:00Z")), None);
    assert_eq!(long.cutoff_on(at("0500-01-01T00:00:00Z")), None);
    assert_eq!(long.cutoff_at(DateTime::<Utc>::MIN_UTC), None);
    assert!(long.cutoff_at(DateTime::<Utc>::MAX_UTC).is_some());
}

#[test]
fn minute_by_minute_over_a_change_of_the_clocks_nothing_is_due_earlier_than_what_began_before() {
    let changes = [
        (Tz::Europe__Paris, "2026-03-29T01:00:00Z"),
        (Tz::Europe__Paris, "2026-10-25T01:00:00Z"),
        (Tz::America__New_York, "2026-03-08T07:00:00Z"),
        (Tz::America__New_York, "2026-11-01T06:00:00Z"),
        (Tz::Australia__Lord_Howe, "2026-10-03T15:30:00Z"),
        (Tz::Australia__Lord_Howe, "2026-04-04T15:00:00Z"),
        (Tz::Africa__Casablanca, "2026-02-15T02:00:00Z"),
        (Tz::Africa__Casablanca, "2026-03-22T02:00:00Z"),
        (Tz::Pacific__Apia, "2011-12-30T10:00:00Z"),
    ];
    for (zone, change) in changes {
        for (text, rounding) in PERIODS.iter().flat_map(|text| ROUNDINGS.map(|rounding| (text, rounding))) {
            let clock = clock(text, rounding, zone);
            // A day before, so that what is due lands on the change too.
            let first = at(change).timestamp() - 26 * 3_600;
            let dues: Vec<_> =
                (0..28 * 60).map(|minute| clock.due_at(instant(first + minute * 60)).unwrap()).collect();
            assert!(dues.is_sorted(), "{zone} {text} {rounding:?}");
        }
    }
}

fn any_clock() -> impl Strategy<Value = RetentionClock> {
    let fiscal = prop_oneof![Just("12-31"), Just("02-28"), Just("06-30"), Just("04-05")];
    (0..ZONES.len(), 0..ROUNDINGS.len(), 0..PERIODS.len(), fiscal).prop_map(
        |(zone, rounding, text, fiscal)| RetentionClock {
            fiscal_year_ends: FiscalYearEnd::parse(fiscal).unwrap(),
            ..clock(PERIODS[text], ROUNDINGS[rounding], ZONES[zone])
        },
    )
}

/// Any second of 1990 to 2040, half of them within a day of a change of the clocks or a month's end.
fn any_second() -> impl Strategy<Value = i64> {
    let near = prop_oneof![
        Just("2026-03-29T01:00:00Z"),
        Just("2026-10-25T01:00:00Z"),
        Just("2026-03-08T07:00:00Z"),
        Just("2026-11-01T06:00:00Z"),
        Just("2026-10-03T15:30:00Z"),
        Just("2026-04-04T15:00:00Z"),
        Just("2026-02-15T02:00:00Z"),
        Just("2026-03-22T02:00:00Z"),
        Just("2011-12-30T10:00:00Z"),
        Just("2024-02-29T12:00:00Z"),
        Just("2025-12-31T23:59:59Z"),
        Just("2026-01-31T12:00:00Z"),
    ];
    prop_oneof![
        631_152_000_i64..2_208_988_800,
        (near, prop_oneof![-93_600_i64..93_600, -4_000_i64..4_000], 0_i64..3)
            .prop_map(|(near, seconds, months)| at(near).timestamp() + seconds - months * 30 * 86_400),
    ]
}

fn any_step() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..200_000, 0_i64..4_000]
}

fn instant(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_began_later_is_never_due_earlier(clock in any_clock(), one in any_second(), step in any_step()) {
        let (earlier, later) = (instant(one), instant(one + step));
        prop_assert!(clock.due_at(earlier) <= clock.due_at(later));
        prop_assert!(clock.due_at(earlier).unwrap() >= earlier);
        let (earlier_on, later_on) = (earlier.date_naive(), later.date_naive());
        prop_assert!(clock.due_at_civil(earlier_on) <= clock.due_at_civil(later_on));
    }

    #[test]
    fn the_cutoff_is_the_last_start_that_is_due(clock in any_clock(), second in any_second()) {
        let as_of = instant(second);
        let cutoff = clock.cutoff_at(as_of).unwrap();
        prop_assert!(clock.due_at(cutoff).unwrap() <= as_of);
        prop_assert!(clock.due_at(cutoff + chrono::Duration::seconds(1)).unwrap() > as_of);
        let cutoff_on = clock.cutoff_on(as_of).unwrap();
        prop_assert!(clock.due_at_civil(cutoff_on).unwrap() <= as_of);
        prop_assert!(clock.due_at_civil(cutoff_on.succ_opt().unwrap()).unwrap() > as_of);
    }

    #[test]
    fn a_day_is_never_due_before_the_last_instant_of_it(clock in any_clock(), second in any_second()) {
        let start = instant(second);
        let start_on = start.with_timezone(&clock.zone).date_naive();
        prop_assert!(clock.due_at_civil(start_on).unwrap() >= clock.due_at(start).unwrap());
    }

    #[test]
    fn resolving_is_monotone_and_exact_outside_of_gaps(second in any_second(), zone in 0..ZONES.len(), step in 0_i64..10_000) {
        let zone = ZONES[zone];
        let local = instant(second).naive_utc();
        let later = instant(second + step).naive_utc();
        let resolved = resolve(local, zone).unwrap();
        prop_assert!(resolved <= resolve(later, zone).unwrap());
        prop_assert!(resolved.with_timezone(&zone).naive_local() >= local);
    }

    #[test]
    fn a_period_survives_printing(years in 0_u32..800, months in 0_u32..1000, days in 0_u32..10_000, hours in 0_u32..1000) {
        let text = format!("P{years}Y{months}M{days}DT{hours}H");
        let read: Period = text.parse().unwrap();
        prop_assert_eq!(read.to_string().parse::<Period>(), Ok(read));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,24}") {
        prop_assert!(text.parse::<Period>().is_err() || text.starts_with('P'));
        prop_assert!(FiscalYearEnd::parse(&text).is_none() || text.len() == 5);
    }

    #[test]
    fn months_clamp_and_say_so(second in any_second(), months in 0_u32..40) {
        let start_on = instant(second).date_naive();
        let (moved, clamped) = add_to_date(start_on, period(&format!("P{months}M"))).unwrap();
        prop_assert_eq!(clamped, moved.day() != start_on.day());
        prop_assert!(!clamped || moved.succ_opt().unwrap().day() == 1);
    }
}

#[test]
fn a_term_of_hours_or_seconds_ends_that_much_later() {
    let start = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let after = |text: &str| text.parse::<Period>().unwrap().after(start).unwrap() - start;
    assert_eq!(after("PT2S"), chrono::TimeDelta::seconds(2));
    assert_eq!(after("P1DT12H"), chrono::TimeDelta::hours(36));
}

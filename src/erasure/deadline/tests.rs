//! Deadlines by the examples of the law.

use super::*;
use proptest::prelude::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[track_caller]
fn check(law: Law, country: Country, received: &str, due: &str, extended: &str) {
    let clock = law.clock();
    assert_eq!(clock.due_on(day(received), country), Ok(day(due)));
    assert_eq!(clock.extended_due_on(day(received), country), Ok(day(extended)));
}

#[test]
fn a_month_ends_on_the_same_date_or_the_last_day_and_rolls_past_days_off() {
    // Easter Sunday, then Easter Monday.
    check(Law::EuGdpr, Country::France, "2026-03-05", "2026-04-07", "2026-06-05");
    // A Saturday at the end of a short month.
    check(Law::EuGdpr, Country::France, "2026-01-31", "2026-03-02", "2026-04-30");
    // Three months end on a Sunday.
    check(Law::EuGdpr, Country::France, "2026-11-30", "2026-12-30", "2027-03-01");
    // 14 July 2026 is a Tuesday.
    check(Law::EuGdpr, Country::France, "2026-06-14", "2026-07-15", "2026-09-14");
    check(Law::EuGdpr, Country::Germany, "2026-06-14", "2026-07-14", "2026-09-14");
    // Holidays that are not known are not rolled past: early, never late.
    check(Law::EuGdpr, Country::Other, "2026-03-05", "2026-04-06", "2026-06-05");
}

#[test]
fn the_day_of_receipt_counts_in_california_and_nothing_rolls() {
    check(Law::UsCaCcpa, Country::Other, "2026-08-01", "2026-09-14", "2026-10-29");
    let confirm = Law::UsCaCcpa.clock().confirm_on(day("2026-08-03"), Country::Other);
    assert_eq!(confirm, Some(day("2026-08-17")));
    assert_eq!(Law::EuGdpr.clock().confirm_on(day("2026-08-03"), Country::France), None);
}

#[test]
fn every_law_is_read_by_its_code() {
    for clock in CLOCKS {
        assert_eq!(Law::parse(clock.law.as_str()), Some(clock.law));
        assert_eq!(clock.law.clock(), clock);
    }
    assert_eq!(Law::parse("gdpr"), None);
    let last = NaiveDate::MAX;
    assert_eq!(Law::EuGdpr.clock().due_on(last, Country::France), Err(DeadlineError));
}

proptest! {
    #[test]
    fn a_deadline_is_a_working_day_soon_after_a_month(days in 0_u64..60_000) {
        let received = day("1990-01-01").checked_add_days(Days::new(days)).unwrap();
        let clock = Law::EuGdpr.clock();
        let due = clock.due_on(received, Country::France).unwrap();
        prop_assert!(Country::France.is_working_day(due));
        let length = (due - received).num_days();
        prop_assert!((28..=36).contains(&length), "{}", length);
        prop_assert!(clock.extended_due_on(received, Country::France).unwrap() > due);
        // A later receipt is never due earlier.
        prop_assert!(clock.due_on(received.succ_opt().unwrap(), Country::France).unwrap() >= due);
    }
}

//! Due times over both changes of the clock, on both sides of the ocean.

use super::*;

fn times(cron: &str, zone: Tz) -> DueTimes {
    DueTimes::new(&Cron::parse(cron).unwrap(), zone)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The due times after `from`, as many as expected.
#[track_caller]
fn check(cron: &str, zone: Tz, from: &str, expected: &[&str]) {
    let times = times(cron, zone);
    let mut cursor = at(from);
    for text in expected {
        let next = times.next_after(cursor).expect("is due again");
        assert_eq!(next, at(text), "{cron} after {cursor}");
        cursor = next;
    }
}

#[test]
fn a_skipped_time_is_due_right_after_the_gap() {
    // Paris, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. New York, 8 March: at 07:00 UTC.
    let paris = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    check("0 30 2 * * *", Tz::Europe__Paris, "2026-03-28T00:00:00Z", &paris);
    let new_york = ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"];
    check("0 30 2 * * *", Tz::America__New_York, "2026-03-07T07:00:00Z", &new_york);
}

#[test]
fn a_repeated_time_is_due_once() {
    // Paris, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC. New York, 1 November: at 06:00 UTC.
    let paris = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
    check("0 30 2 * * *", Tz::Europe__Paris, "2026-10-23T22:00:00Z", &paris);
    let new_york = ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"];
    check("0 30 1 * * *", Tz::America__New_York, "2026-10-31T05:00:00Z", &new_york);
}

#[test]
fn a_time_that_no_change_touches_keeps_its_hour() {
    let paris = ["2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z"];
    check("0 0 6 * * *", Tz::Europe__Paris, "2026-03-28T00:00:00Z", &paris);
    let sundays = ["2026-10-18T04:00:00Z", "2026-10-25T05:00:00Z", "2026-11-01T05:00:00Z"];
    check("0 0 6 * * SUN", Tz::Europe__Paris, "2026-10-17T00:00:00Z", &sundays);
}

#[test]
fn intervals_go_on_through_both_changes() {
    let count = |from: &str, until: &str| {
        times("0 */30 * * * *", Tz::Europe__Paris).between(at(from), at(until)).map(|missed| missed.count)
    };
    // 23, 25 and 24 hours.
    assert_eq!(count("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), Some(46));
    assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), Some(50));
    assert_eq!(count("2026-07-01T22:00:00Z", "2026-07-02T22:00:00Z"), Some(48));
}

#[test]
fn a_step_from_a_number_goes_to_the_end_of_the_field() {
    let expected = ["2026-01-01T00:05:00Z", "2026-01-01T00:25:00Z", "2026-01-01T00:45:00Z"];
    check("0 5/20 * * * *", Tz::UTC, "2026-01-01T00:00:00Z", &expected);
}

#[test]
fn what_was_missed_is_one_thing_with_a_number() {
    let nightly = times("0 30 2 * * *", Tz::Europe__Paris);
    let missed = nightly.between(at("2026-03-20T12:00:00Z"), at("2026-04-02T12:00:00Z")).unwrap();
    assert_eq!(missed, Missed { last: at("2026-04-02T00:30:00Z"), count: 13 });
    assert_eq!(nightly.between(at("2026-04-02T00:30:00Z"), at("2026-04-02T23:00:00Z")), None);
}

#[test]
fn every_text_that_settings_take_is_due_some_day() {
    for text in ["0 0 0 29 2 *", "0 0 0 31 2 1", "59 59 23 31 12 7", "0 */10 8-18 * JAN-MAR mon,fri"] {
        assert!(times(text, Tz::Europe__Paris).next_after(at("2026-01-01T00:00:00Z")).is_some(), "{text}");
    }
}

#[test]
fn jitter_is_always_the_same_and_never_too_long() {
    let most = Duration::from_mins(10);
    let draws: Vec<Duration> = (0..200)
        .map(|day| jitter("nightly", at("2026-01-01T02:30:00Z") + chrono::Duration::days(day), most))
        .collect();
    assert!(draws.iter().all(|draw| *draw <= most));
    assert!(draws.iter().any(|draw| *draw > most / 2) && draws.iter().any(|draw| *draw < most / 2));
    assert_eq!(jitter("nightly", at("2026-01-01T02:30:00Z"), most), draws[0]);
    assert_ne!(jitter("weekly", at("2026-01-01T02:30:00Z"), most), draws[0]);
    assert_eq!(jitter("nightly", at("2026-01-01T02:30:00Z"), Duration::ZERO), Duration::ZERO);
}

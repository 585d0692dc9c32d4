//! What is due, over a stretch of time and a record that is kept.

use super::*;
use crate::schedule::Cron;
use chrono_tz::Tz;
use std::time::Duration as Elapsed;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn nightly(missed: MissedRuns, window: Option<&str>, jitter: u64) -> Entry {
    let schedule = Schedule {
        cron: Cron::parse("0 30 2 * * *").unwrap(),
        time_zone: Tz::UTC,
        policies: Vec::new(),
        window: window.map(|text| text.parse().unwrap()),
        jitter: Elapsed::from_secs(jitter),
        missed,
    };
    Entry::new("nightly", &schedule)
}

#[test]
fn nothing_before_the_beginning_is_caught_up() {
    let entry = nightly(MissedRuns::AtOnce, None, 0);
    let mut record = ScheduleRecord::new("nightly", at("2026-05-10T12:00:00Z"));
    assert_eq!(entry.advance(&mut record, at("2026-05-11T02:29:59Z")), Advance::Idle);
    assert_eq!(entry.wakes_at(&record), Some(at("2026-05-11T02:30:00Z")));
    assert_eq!(entry.advance(&mut record, at("2026-05-11T02:30:00Z")), Advance::Open);
    assert_eq!(record.due_at, Some(at("2026-05-11T02:30:00Z")));
}

#[test]
fn a_week_without_the_daemon_is_caught_up_once() {
    let entry = nightly(MissedRuns::NextWindow, None, 0);
    let mut record = ScheduleRecord::new("nightly", at("2026-05-10T12:00:00Z"));
    assert_eq!(entry.advance(&mut record, at("2026-05-17T09:00:00Z")), Advance::Open);
    close(&mut record);
    assert_eq!(entry.advance(&mut record, at("2026-05-17T09:00:01Z")), Advance::Idle);
    assert_eq!(entry.wakes_at(&record), Some(at("2026-05-18T02:30:00Z")));
}

#[test]
fn a_window_that_is_over_waits_for_the_next_or_is_caught_up_as_the_settings_say() {
    let now = at("2026-05-17T09:00:00Z");
    let start = || ScheduleRecord::new("nightly", at("2026-05-10T12:00:00Z"));
    let mut record = start();
    let missed = Advance::Missed { due_at: at("2026-05-17T02:30:00Z"), times: 7 };
    assert_eq!(nightly(MissedRuns::NextWindow, Some("PT4H"), 0).advance(&mut record, now), missed);
    assert_eq!(nightly(MissedRuns::NextWindow, Some("PT4H"), 0).advance(&mut record, now), Advance::Idle);
    let mut record = start();
    assert_eq!(nightly(MissedRuns::AtOnce, Some("PT4H"), 0).advance(&mut record, now), Advance::Open);
    assert_eq!(record.until, Some(at("2026-05-17T13:00:00Z")));
}

#[test]
fn what_failed_is_tried_again_until_its_window_ends() {
    let entry = nightly(MissedRuns::NextWindow, Some("PT4H"), 0);
    let mut record = ScheduleRecord::new("nightly", at("2026-05-10T12:00:00Z"));
    assert_eq!(entry.advance(&mut record, at("2026-05-11T02:30:00Z")), Advance::Open);
    record.retry_at = Some(at("2026-05-11T02:31:00Z"));
    record.attempts = 1;
    assert_eq!(entry.advance(&mut record, at("2026-05-11T02:30:30Z")), Advance::Later);
    assert_eq!(entry.wakes_at(&record), Some(at("2026-05-11T02:31:00Z")));
    assert_eq!(entry.advance(&mut record, at("2026-05-11T02:31:00Z")), Advance::Open);
    let over = Advance::Over { due_at: at("2026-05-11T02:30:00Z") };
    assert_eq!(entry.advance(&mut record, at("2026-05-11T06:30:00Z")), over);
    assert_eq!((record.due_at, record.attempts), (None, 0));
}

#[test]
fn a_new_due_time_takes_the_place_of_one_without_a_window() {
    let entry = nightly(MissedRuns::NextWindow, None, 0);
    let mut record = ScheduleRecord::new("nightly", at("2026-05-10T12:00:00Z"));
    entry.advance(&mut record, at("2026-05-11T02:30:00Z"));
    record.retry_at = Some(at("2026-05-12T02:45:00Z"));
    record.attempts = 9;
    assert_eq!(entry.advance(&mut record, at("2026-05-12T02:30:00Z")), Advance::Open);
    assert_eq!((record.due_at, record.attempts), (Some(at("2026-05-12T02:30:00Z")), 0));
}

#[test]
fn jitter_puts_off_and_never_skips() {
    let entry = nightly(MissedRuns::NextWindow, None, 3_600);
    let mut record = ScheduleRecord::new("nightly", at("2026-05-10T12:00:00Z"));
    let begins = entry.wakes_at(&record).unwrap();
    assert!(begins >= at("2026-05-11T02:30:00Z") && begins <= at("2026-05-11T03:30:00Z"));
    assert_eq!(entry.advance(&mut record, begins - Duration::seconds(1)), Advance::Idle);
    assert_eq!(entry.advance(&mut record, begins), Advance::Open);
    assert_eq!(record.due_at, Some(at("2026-05-11T02:30:00Z")));
}

#[test]
fn a_record_from_the_future_does_not_stop_the_schedule_for_ever() {
    let entry = nightly(MissedRuns::NextWindow, None, 0);
    let mut record = ScheduleRecord::new("nightly", at("2027-05-10T12:00:00Z"));
    assert_eq!(entry.advance(&mut record, at("2026-05-10T12:00:00Z")), Advance::Idle);
    assert_eq!(entry.advance(&mut record, at("2026-05-11T02:30:00Z")), Advance::Open);
}

//! The three databases of the simulation, their documents, and when each may be worked on, reckoned by the
//! calendar of its zone and not by the program.

use super::stage::policy;
use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveDateTime, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use std::fmt::Write as _;

/// A database with a rule and a schedule of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shop {
    pub(super) name: &'static str,
    pub(super) zone: Tz,
    /// When it is due, by the clock of the zone.
    at: (u32, u32),
    /// Only on Sundays.
    weekly: bool,
    window_hours: i64,
}

/// Paris changes its clock at 02:00 and 03:00: in spring its nightly time is skipped, in autumn it comes twice.
/// In New York it is 01:00 and 02:00, and in autumn the nightly time comes twice.
pub(super) const SHOPS: [Shop; 3] = [
    Shop { name: "paris", zone: Tz::Europe__Paris, at: (2, 30), weekly: false, window_hours: 4 },
    Shop { name: "newyork", zone: Tz::America__New_York, at: (1, 30), weekly: false, window_hours: 4 },
    Shop { name: "weekly", zone: Tz::Europe__Paris, at: (3, 0), weekly: true, window_hours: 6 },
];

/// How long a record is kept in the beginning.
pub(super) const DAYS_KEPT: u32 = 30;

/// A time that is skipped: the first instant after the gap.
fn after_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    // Every change of these zones is at a full hour.
    let hour = |more: i64| {
        let on_the_hour = local.date().and_hms_opt(chrono::Timelike::hour(&local), 0, 0).unwrap();
        zone.from_local_datetime(&(on_the_hour + Duration::hours(more))).earliest()
    };
    (1..=3).find_map(hour).unwrap().to_utc()
}

impl Shop {
    /// When it is due on a day of its zone.
    fn due_on(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let is_due = !self.weekly || day.weekday() == Weekday::Sun;
        let (hour, minute) = self.at;
        let local = day.and_hms_opt(hour, minute, 0).unwrap();
        // Once, the first time, where the hour comes twice.
        let found = self.zone.from_local_datetime(&local).earliest().map(|found| found.to_utc());
        is_due.then(|| found.unwrap_or_else(|| after_gap(self.zone, local)))
    }

    /// Every due time in a stretch of time.
    pub(super) fn dues(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let first = from.with_timezone(&self.zone).date_naive();
        let days = first
            .iter_days()
            .take_while(|day| day.and_hms_opt(0, 0, 0).unwrap() <= to.naive_utc() + Duration::days(1));
        days.filter_map(|day| self.due_on(day)).filter(|due| (from..to).contains(due)).collect()
    }

    pub(super) fn first_due_after(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.dues(at, at + Duration::days(9))[0]
    }

    pub(super) fn window_end(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        due + Duration::hours(self.window_hours)
    }

    /// The due time of the window in which an instant lies.
    pub(super) fn window_of(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let hours = Duration::hours(self.window_hours);
        self.dues(at - hours, at + Duration::seconds(1)).into_iter().find(|due| at <= *due + hours)
    }

    /// When a record is due that was seen at an instant: by the calendar of the zone, and the later time where
    /// the hour comes twice, because in doubt it is kept. One seen in the second pass of such an hour counts from
    /// its end, so that it is not due before one that was seen earlier.
    pub(super) fn due_at(&self, seen_at: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        let mut seen = seen_at.with_timezone(&self.zone).naive_local();
        if let Some(second) = self.zone.from_local_datetime(&seen).latest()
            && self.zone.from_local_datetime(&seen).earliest() != Some(second)
            && second == seen_at
        {
            seen = seen.date().and_hms_opt(chrono::Timelike::hour(&seen) + 1, 0, 0).unwrap();
        }
        let local = seen + Duration::days(i64::from(days));
        let found = self.zone.from_local_datetime(&local).latest().map(|found| found.to_utc());
        found.unwrap_or_else(|| after_gap(self.zone, local))
    }

    pub(super) fn database(&self) -> String {
        format!("{}.db", self.name)
    }

    pub(super) fn rule(&self) -> String {
        format!("{}/visit", self.name)
    }

    pub(super) fn policy(&self, days: u32) -> String {
        policy(self.name, &self.zone.to_string(), days)
    }

    fn cron(&self) -> String {
        let ((hour, minute), day) = (self.at, if self.weekly { "SUN" } else { "*" });
        format!("0 {minute} {hour} * * {day}")
    }
}

pub(super) fn settings() -> String {
    let mut text = String::from(
        "controller: {name: \"Boutique Exemple SAS\", contact: dpo@boutique.example}\n\
         guards: {max_share: 100%, empty_dataset: allow}\nstores:\n",
    );
    for Shop { name, .. } in SHOPS {
        let store = "{kind: sqlite, reader: NAME.db, writer: NAME.db, backups_kept: P0D}";
        writeln!(text, "  {name}: {}", store.replace("NAME", name)).unwrap();
    }
    text += "schedules:\n";
    for shop in SHOPS {
        let Shop { name, zone, window_hours, .. } = shop;
        writeln!(
            text,
            "  {name}: {{cron: \"{}\", time_zone: {zone}, policies: [{name}], window: PT{window_hours}H, jitter: PT10M}}",
            shop.cron()
        )
        .unwrap();
    }
    text
}

pub(super) fn data_map() -> String {
    let mut text = String::from("datasets:\n");
    for Shop { name, .. } in SHOPS {
        let dataset = "{name: NAME.visits, store: NAME, table: visits, record_type: visit-NAME, \
                       events: {seen: {column: seen_at}}}";
        writeln!(text, "  - {}", dataset.replace("NAME", name)).unwrap();
    }
    text
}

#[test]
fn a_record_is_due_at_the_later_of_two_times_and_after_a_gap() {
    #[track_caller]
    fn check(seen_at: &str, expected: &str) {
        let parsed = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(SHOPS[0].due_at(parsed(seen_at), 30), parsed(expected));
    }
    check("2026-09-25T00:10:00Z", "2026-10-25T01:10:00Z");
    check("2026-02-27T01:40:00Z", "2026-03-29T01:00:00Z");
    // 02:10 for the second time that night: as if at 03:00.
    check("2026-10-25T01:10:00Z", "2026-11-24T02:00:00Z");
}

#[test]
fn windows_follow_the_clock_of_the_zone_over_both_changes() {
    #[track_caller]
    fn check(shop: usize, from: &str, expected: &[&str]) {
        let from = from.parse::<DateTime<Utc>>().unwrap();
        let dues = SHOPS[shop].dues(from, from + Duration::days(3));
        let expected: Vec<DateTime<Utc>> = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(dues, expected);
    }
    // Paris: 29 March and 25 October 2026; New York: 8 March and 1 November 2026.
    check(
        0,
        "2026-03-27T12:00:00Z",
        &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    check(
        0,
        "2026-10-23T12:00:00Z",
        &["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    check(
        1,
        "2026-03-06T12:00:00Z",
        &["2026-03-07T06:30:00Z", "2026-03-08T06:30:00Z", "2026-03-09T05:30:00Z"],
    );
    check(
        1,
        "2026-10-30T12:00:00Z",
        &["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    check(2, "2026-03-27T12:00:00Z", &["2026-03-29T01:00:00Z"]);
}

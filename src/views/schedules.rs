//! Schedules and the verification scan (floor 8, pure).

use super::JSON_FORMAT_VERSION;
use super::text::{self, add_line, instant, printable};
use super::words::daemon as words;
use crate::app::Scan;
use crate::daemon::ScheduleOverview;
use crate::policy::Language;
use serde_json::{Value, json};

/// When each is due next, and what became of it the last time.
#[must_use]
pub fn schedules(all: &[ScheduleOverview], language: Language) -> String {
    if all.is_empty() {
        return words::NO_SCHEDULES.text(language).to_owned() + "\n";
    }
    let header = [words::COLUMN_SCHEDULE, words::COLUMN_NEXT, words::COLUMN_LAST, words::COLUMN_OUTCOME];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for one in all {
        let next = match &one.next_local {
            Some(local) => format!("{local} ({})", one.time_zone),
            None => words::NEVER.text(language).to_owned(),
        };
        let record = one.record.as_ref();
        let last = record.and_then(|record| record.last_ended_at);
        let last = last.map_or_else(|| words::NOT_YET.text(language).to_owned(), instant);
        let outcome = record.and_then(|record| record.last_outcome);
        let outcome = outcome.map_or("", |outcome| words::outcome(outcome).text(language));
        table.add_row([one.schedule.clone(), next, last, outcome.to_owned()]);
    }
    text::lines(&table)
}

#[must_use]
pub fn schedules_json(all: &[ScheduleOverview]) -> Value {
    json!({ "format_version": JSON_FORMAT_VERSION, "schedules": all })
}

/// What is beyond its time, also when nothing is.
#[must_use]
pub fn scan(scan: &Scan, language: Language) -> String {
    let mut page = String::new();
    let at = instant(scan.at);
    if scan.overdue() == 0 {
        add_line(&mut page, format_args!("{}", words::SCAN_NONE.fill(language, &[&at, &scan.rules.len()])));
    } else {
        let oldest = scan.oldest_due_at().map(instant).unwrap_or_default();
        let values: [&dyn std::fmt::Display; 3] = [&at, &scan.overdue(), &oldest];
        add_line(&mut page, format_args!("{}", words::SCAN_OVERDUE.fill(language, &values)));
    }
    for lost in &scan.unreachable {
        let values: [&dyn std::fmt::Display; 2] = [&lost.dataset, &printable(&lost.reason)];
        add_line(&mut page, format_args!("{}", words::SCAN_UNREACHABLE.fill(language, &values)));
    }
    for rule in scan.rules.iter().filter(|rule| rule.overdue > 0) {
        let name = format!("{}/{}", rule.policy, rule.rule);
        let oldest = rule.oldest_due_at.map(instant).unwrap_or_default();
        let values: [&dyn std::fmt::Display; 5] = [&rule.dataset, &name, &rule.overdue, &rule.due, &oldest];
        add_line(&mut page, format_args!("{}", words::SCAN_RULE.fill(language, &values)));
    }
    page
}

#[must_use]
pub fn scan_json(scan: &Scan) -> Value {
    json!({ "format_version": JSON_FORMAT_VERSION, "overdue": scan.overdue(), "scan": scan })
}

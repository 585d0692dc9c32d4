//! When a schedule is due: in the clock of its time zone, right through its changes (floor 1, pure).
//!
//! A time that a change of the clock skips is due at the first instant after the gap; one that comes twice
//! is due once, the first time. A schedule of intervals (`*/10`) goes on through both. The arithmetic is
//! croner's over chrono-tz, whose time zones are those known when the program was built.

use super::Cron;
use crate::digest::Digest32;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use std::time::Duration;

/// Due times looked through at once to find the last one missed; beyond, they are only said to be more.
const MISSED_MAX: u32 = 100_000;

/// The due times of one schedule.
#[derive(Debug, Clone)]
pub struct DueTimes {
    /// `None` when croner cannot read what [`Cron::parse`] took: such a schedule is never due.
    cron: Option<croner::Cron>,
    zone: Tz,
}

/// What was due in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// The last of them.
    pub last: DateTime<Utc>,
    /// How many there were.
    pub count: u32,
}

impl DueTimes {
    #[must_use]
    pub fn new(cron: &Cron, zone: Tz) -> Self {
        let parser = CronParser::builder().seconds(Seconds::Required).build();
        Self { cron: parser.parse(&spelled_out(cron.as_str())).ok(), zone }
    }

    /// The first due time after an instant; `None` when there is none within the calendar.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let start = after.with_timezone(&self.zone);
        let next = self.cron.as_ref()?.find_next_occurrence(&start, false).ok()?;
        Some(next.to_utc()).filter(|next| *next > after)
    }

    /// What was due after the first instant and not after the second.
    #[must_use]
    pub fn between(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<Missed> {
        let mut found: Option<Missed> = None;
        let mut cursor = after;
        for count in 1..=MISSED_MAX {
            match self.next_after(cursor).filter(|next| *next <= until) {
                Some(last) => {
                    found = Some(Missed { last, count });
                    cursor = last;
                }
                None => return found,
            }
        }
        // So many are not counted one by one: the last is looked for from the end.
        let start = until.with_timezone(&self.zone);
        let last = self.cron.as_ref()?.find_previous_occurrence(&start, true).ok()?.to_utc();
        Some(Missed { last: last.max(cursor), count: MISSED_MAX })
    }
}

/// `5/10` as croner wants it, `5-59/10`: the two say the same.
fn spelled_out(text: &str) -> String {
    let highest = ["59", "59", "23", "31", "12", "7"];
    let field = |(field, high): (&str, &&str)| {
        let item = |item: &str| match item.split_once('/') {
            Some((from, step)) if from != "*" && !from.contains('-') => format!("{from}-{high}/{step}"),
            _ => item.to_owned(),
        };
        field.split(',').map(item).collect::<Vec<_>>().join(",")
    };
    text.split(' ').zip(&highest).map(field).collect::<Vec<_>>().join(" ")
}

/// By how much a due time is put off, at most `most`: always the same for the same schedule and time, so
/// that it can be foreseen and is kept through a restart, and different for each, so that many installations
/// do not ask their stores at the same second. Whole seconds.
#[must_use]
pub fn jitter(schedule: &str, due_at: DateTime<Utc>, most: Duration) -> Duration {
    let text = format!("{schedule}\n{}", due_at.timestamp());
    let [a, b, c, d, ..] = *Digest32::of(text.as_bytes()).as_bytes();
    let draw = u64::from(u32::from_be_bytes([a, b, c, d]));
    Duration::from_secs(draw.checked_rem(most.as_secs().saturating_add(1)).unwrap_or(0))
}

#[cfg(test)]
mod tests;

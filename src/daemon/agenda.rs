//! Which schedule is due, and what is remembered of it (floor 7, pure).
//!
//! Due times are computed from what was last dealt with, so what passed while nothing ran shows up here by
//! itself, and once.

use crate::schedule::due::{DueTimes, Missed, jitter};
use crate::schedule::store::ScheduleRecord;
use crate::settings::{MissedRuns, Schedule};
use chrono::{DateTime, Duration, Utc};

/// A record from further ahead was written by a clock that was wrong.
const AHEAD_MAX: Duration = Duration::hours(1);

/// A schedule and its due times.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) schedule: Schedule,
    pub(super) times: DueTimes,
}

/// Where a schedule stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// Nothing to do; the record is as it was.
    Idle,
    /// To be worked on now.
    Open,
    /// Under way, and tried again later.
    Later,
    /// Its window ended before it was done.
    Over { due_at: DateTime<Utc> },
    /// Its window was over before it began.
    Missed { due_at: DateTime<Utc>, times: u32 },
}

impl Entry {
    pub(super) fn new(name: &str, schedule: &Schedule) -> Self {
        let times = DueTimes::new(&schedule.cron, schedule.time_zone);
        Self { name: name.to_owned(), schedule: schedule.clone(), times }
    }

    fn put_off(&self, due_at: DateTime<Utc>) -> DateTime<Utc> {
        let by = jitter(&self.name, due_at, self.schedule.jitter);
        Duration::from_std(by).ok().and_then(|by| due_at.checked_add_signed(by)).unwrap_or(due_at)
    }

    /// The newest due time that has come, its jitter over.
    fn newest(&self, after: DateTime<Utc>, now: DateTime<Utc>) -> Option<Missed> {
        let found = self.times.between(after, now)?;
        if self.put_off(found.last) <= now {
            return Some(found);
        }
        let before = found.last - Duration::seconds(1);
        self.times.between(after, before).filter(|earlier| self.put_off(earlier.last) <= now)
    }

    fn window_from(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedule.window.and_then(|window| window.after(start))
    }

    /// Brings the record up to `now`, and says what is to be done.
    pub(super) fn advance(&self, record: &mut ScheduleRecord, now: DateTime<Utc>) -> Advance {
        if record.handled_at > now + AHEAD_MAX {
            record.handled_at = now;
            close(record);
        }
        let newest = self.newest(record.handled_at, now);
        if let (Some(due_at), None) = (record.due_at, newest) {
            return go_on(record, due_at, now);
        }
        let Some(newest) = newest else { return Advance::Idle };
        close(record);
        record.handled_at = newest.last;
        let end = self.window_from(newest.last);
        record.until = match (end, self.schedule.missed) {
            (Some(end), MissedRuns::NextWindow) if end <= now => {
                return Advance::Missed { due_at: newest.last, times: newest.count };
            }
            (Some(end), MissedRuns::AtOnce) if end <= now => self.window_from(now),
            (end, _) => end,
        };
        record.due_at = Some(newest.last);
        Advance::Open
    }

    /// When [`Entry::advance`] will next say something else than now.
    pub(super) fn wakes_at(&self, record: &ScheduleRecord) -> Option<DateTime<Utc>> {
        let next = self.next_at(record);
        if record.due_at.is_none() {
            return next;
        }
        [record.retry_at, record.until, next].into_iter().flatten().min()
    }

    /// The next due time, with its jitter.
    pub(super) fn next_at(&self, record: &ScheduleRecord) -> Option<DateTime<Utc>> {
        self.times.next_after(record.handled_at).map(|due_at| self.put_off(due_at))
    }
}

fn go_on(record: &mut ScheduleRecord, due_at: DateTime<Utc>, now: DateTime<Utc>) -> Advance {
    if record.until.is_some_and(|until| until <= now) {
        close(record);
        return Advance::Over { due_at };
    }
    if record.retry_at.is_some_and(|retry_at| retry_at > now) { Advance::Later } else { Advance::Open }
}

/// Ends the due time that is being dealt with.
pub(super) fn close(record: &mut ScheduleRecord) {
    record.due_at = None;
    record.until = None;
    record.retry_at = None;
    record.attempts = 0;
}

#[cfg(test)]
mod tests;

//! The daemon: schedules, windows, and what is done unattended.
//!
//! Floor 7. One loop over a closed [`Event`]: it computes what is due from the clock of each schedule's zone
//! and from what the ledger remembers, does one piece of work at a time, and says what people must hear
//! through [`Notices`]. Nothing is carried out here that [`crate::app`] would not carry out by hand: the same
//! plans, approvals, guards and refusals. It never approves anything.
//!
//! Reading order: `event`, `status`, `agenda` (what is due), `judge` (may it go unattended), `work` (what is
//! done), this file (the loop), `upkeep` (what is looked at in between), `real` (signals, ticks and files).

mod agenda;
mod event;
mod judge;
mod listening;
mod overview;
mod progress;
mod real;
mod status;
mod upkeep;
mod work;

pub use crate::notice::{Announcement, LoggedNotices, Notice, NoticeSeverity, Notices, WaitReason};
pub use event::{Event, EventSource, Waiting};
pub use overview::{ScheduleOverview, overview};
pub use real::RealEvents;
pub use status::{
    CertificateStatus, DaemonStatus, Mode, Role, RuleStatus, ScanStatus, ScheduleStatus, StatusBoard, Totals,
    Trouble, TroubleCode, WorkStatus,
};

use crate::app::{App, AppError};
use crate::clock::Clock;
use crate::execution::ProgressSink;
use crate::journal::{JournalError, RunLease};
use crate::schedule::store::{ScheduleOutcome, ScheduleRecord};
use agenda::{Advance, Entry, close};
use chrono::{DateTime, Duration, Utc};
use listening::Listening;
use progress::BoardProgress;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use upkeep::Upkeep;
use work::{Bench, Done};

/// The first wait after a failure; it doubles with each.
const RETRY_FIRST_SECONDS: i64 = 60;
const RETRY_LONGEST_SECONDS: i64 = 30 * 60;

/// What a daemon is built of.
pub struct DaemonParts {
    pub settings_file: PathBuf,
    pub app: App,
    pub clock: Arc<dyn Clock>,
    pub notices: Arc<dyn Notices>,
    /// Hears of every batch, beside the status.
    pub progress: Arc<dyn ProgressSink>,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonEnd {
    /// Between batches, as asked.
    Stopped,
    /// Asked twice, or the batch under way took too long: settled at the next start.
    StoppedAtOnce,
    /// Everything that was due was done ([`Daemon::once`]).
    Done,
    /// Another daemon acts on the ledger ([`Daemon::once`]).
    Elsewhere,
}

/// One daemon.
pub struct Daemon {
    settings_file: PathBuf,
    app: App,
    clock: Arc<dyn Clock>,
    notices: Arc<dyn Notices>,
    board: Arc<StatusBoard>,
    progress: BoardProgress,
    /// The right to act on the schedules, while this process has it.
    lease: Option<Box<dyn RunLease>>,
    entries: Vec<Entry>,
    records: BTreeMap<String, ScheduleRecord>,
    upkeep: Upkeep,
    reload_wanted: bool,
    /// Runs that no schedule will go on with are gone on with at once, one time.
    looks_for_orphans: bool,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Daemon").field("settings_file", &self.settings_file).finish_non_exhaustive()
    }
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Job {
    Schedule(String),
    Orphans,
    Scan,
    /// A part of a run that another daemon leads.
    Help,
}

impl Daemon {
    #[must_use]
    pub fn new(parts: DaemonParts) -> Self {
        let DaemonParts { settings_file, app, clock, notices, progress } = parts;
        let now = clock.now();
        let digest = crate::plan::digest::of_catalog(app.catalog());
        let first = DaemonStatus::new(now, mode_of(&app), digest);
        let board = Arc::new(StatusBoard::new(first));
        Self {
            settings_file,
            entries: entries_of(&app),
            app,
            notices,
            progress: BoardProgress::new(Arc::clone(&board), progress),
            board,
            lease: None,
            records: BTreeMap::new(),
            upkeep: Upkeep::new(now, clock.monotonic()),
            clock,
            reload_wanted: false,
            looks_for_orphans: true,
        }
    }

    /// Where its status is shown.
    #[must_use]
    pub fn board(&self) -> Arc<StatusBoard> {
        Arc::clone(&self.board)
    }

    /// Works until it is asked to stop.
    pub async fn run(&mut self, events: &mut dyn EventSource) -> DaemonEnd {
        loop {
            let job = self.turn().await;
            let end = if let Some(job) = job {
                Box::pin(self.work(job, events)).await
            } else {
                let waiting = Waiting { busy: false, until: self.wakes_at() };
                let event = events.next(waiting).await;
                self.heard_idle(event)
            };
            if let Some(end) = end {
                self.leave();
                return end;
            }
        }
    }

    /// Does what is due now, and ends.
    pub async fn once(&mut self, events: &mut dyn EventSource) -> DaemonEnd {
        loop {
            let end = if let Some(job) = self.turn().await {
                Box::pin(self.work(job, events)).await
            } else {
                Some(if self.lease.is_some() { DaemonEnd::Done } else { DaemonEnd::Elsewhere })
            };
            if let Some(end) = end {
                self.leave();
                return end;
            }
        }
    }

    /// The schedules as people see them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn overview(&self) -> Result<Vec<ScheduleOverview>, AppError> {
        overview(&self.app, self.clock.now()).await
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn leave(&mut self) {
        self.board.change(|status| {
            status.stopping = true;
            status.work = None;
        });
        self.lease = None;
    }

    /// While nothing is under way.
    fn heard_idle(&mut self, event: Event) -> Option<DaemonEnd> {
        match event {
            Event::Tick | Event::WorkEnded => None,
            Event::Stop => Some(DaemonEnd::Stopped),
            Event::Reload | Event::FilesChanged => {
                self.reload_wanted = true;
                None
            }
        }
    }

    /// One turn of the loop, while nothing is under way: looks after everything, and finds the next work.
    async fn turn(&mut self) -> Option<Job> {
        let now = self.clock.now();
        if self.reload_wanted {
            self.reload_wanted = false;
            self.reload().await;
        }
        let job = match self.acting_turn(now).await {
            Ok(job) => job,
            Err(error) => {
                self.failed_between(&error);
                None
            }
        };
        self.show(now).await;
        job
    }

    async fn acting_turn(&mut self, now: DateTime<Utc>) -> Result<Option<Job>, AppError> {
        if !self.may_act().await? {
            return Ok(self.can_help(now).await?.then_some(Job::Help));
        }
        self.look_after(now).await?;
        if std::mem::take(&mut self.looks_for_orphans) {
            return Ok(Some(Job::Orphans));
        }
        if let Some(name) = self.next_schedule(now).await? {
            return Ok(Some(Job::Schedule(name)));
        }
        Ok(self.scan_is_due(now).await?.then_some(Job::Scan))
    }

    /// Takes the right to act, or finds out that it is lost.
    async fn may_act(&mut self) -> Result<bool, AppError> {
        if let Some(lease) = &self.lease {
            if lease.is_held() {
                return Ok(true);
            }
            tracing::warn!("another daemon took over");
            self.lease = None;
        }
        match self.app.act_on_schedules().await {
            Ok(lease) => {
                tracing::info!("this daemon acts on the schedules");
                self.lease = Some(lease);
                self.looks_for_orphans = true;
                let records = self.app.schedule_store().schedules().await?;
                self.records = records.into_iter().map(|record| (record.schedule.clone(), record)).collect();
                self.announce_void(None).await?;
                Ok(true)
            }
            Err(AppError::Journal(JournalError::Busy { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The first schedule that has work now; what passed its window on the way is announced.
    async fn next_schedule(&mut self, now: DateTime<Utc>) -> Result<Option<String>, AppError> {
        let mut next: Option<(DateTime<Utc>, String)> = None;
        for entry in self.entries.clone() {
            let is_new = !self.records.contains_key(&entry.name);
            let record = self
                .records
                .entry(entry.name.clone())
                .or_insert_with(|| ScheduleRecord::new(&entry.name, now));
            let before = record.clone();
            let advance = entry.advance(record, now);
            match advance {
                Advance::Missed { .. } => record.last_outcome = Some(ScheduleOutcome::Missed),
                Advance::Over { .. } if record.last_outcome.is_none() => {
                    record.last_outcome = Some(ScheduleOutcome::Missed);
                }
                _ => {}
            }
            let record = record.clone();
            if is_new || record != before {
                self.app.schedule_store().put_schedule(&record).await?;
            }
            let schedule = entry.name.clone();
            match advance {
                Advance::Missed { due_at, times } => {
                    self.announce(Notice::ScheduleMissed { schedule, due_at, times }).await;
                }
                Advance::Over { due_at } => {
                    let reason = format!("the window of {due_at} ended before everything was done");
                    if before.last_outcome != Some(ScheduleOutcome::Interrupted) {
                        self.announce(Notice::ScheduleFailed { schedule, reason, retry_at: None }).await;
                    }
                }
                Advance::Open => {
                    let due_at = record.due_at.unwrap_or(now);
                    if next.as_ref().is_none_or(|(first, _)| due_at < *first) {
                        next = Some((due_at, schedule));
                    }
                }
                Advance::Idle | Advance::Later => {}
            }
        }
        Ok(next.map(|(_, name)| name))
    }

    /// Does one piece of work while listening. `Some` when the loop must end.
    async fn work(&mut self, job: Job, events: &mut dyn EventSource) -> Option<DaemonEnd> {
        if job == Job::Scan {
            return self.scan(events).await;
        }
        let began_at = self.clock.now();
        let (name, policies, attempts, until) = match &job {
            Job::Schedule(name) => {
                let entry = self.entries.iter().find(|entry| &entry.name == name)?;
                let record = self.records.get(name)?;
                (name.clone(), entry.schedule.policies.clone(), record.attempts, record.until)
            }
            Job::Orphans | Job::Scan => (work::AUTHOR.to_owned(), Vec::new(), 0, None),
            Job::Help => ("help".to_owned(), Vec::new(), 0, None),
        };
        if job == Job::Orphans && !self.has_orphans(began_at).await {
            return None;
        }
        self.begins(&name, began_at, until);
        let control = self.app.control();
        let control = match until {
            Some(until) => control.with_window(Arc::clone(&self.clock), until),
            None => control,
        };
        let end = {
            let bench = Bench {
                app: &self.app,
                schedule: &name,
                policies: &policies,
                attempts,
                clock_is_doubtful: self.upkeep.clock_is_doubtful(),
                control: &control,
                progress: &self.progress,
            };
            let mut listening = Listening {
                control: &control,
                lease: self.lease.as_deref(),
                clock: &*self.clock,
                board: &self.board,
                stop_within: self.app.settings().daemon.stop_within,
                asked_at: None,
                reload_wanted: false,
                leaves_to_reload: job == Job::Help,
            };
            let ended = match job {
                Job::Orphans => listening.until(Box::pin(bench.resume_only()), events).await,
                Job::Help => listening.until(Box::pin(bench.help()), events).await,
                Job::Schedule(_) | Job::Scan => listening.until(Box::pin(bench.work()), events).await,
            };
            self.reload_wanted |= listening.reload_wanted;
            (ended, listening.asked_at.is_some())
        };
        let (Some(done), was_asked) = end else { return Some(DaemonEnd::StoppedAtOnce) };
        if job == Job::Help {
            // The run is the leader's, and so is the trouble with it.
            self.upkeep.helped(&done, self.clock.now());
            self.board.change(|status| status.work = None);
            return was_asked.then_some(DaemonEnd::Stopped);
        }
        let is_schedule = matches!(job, Job::Schedule(_));
        if let Err(error) = self.ended(&name, is_schedule, began_at, done).await {
            self.failed_between(&error);
        }
        was_asked.then_some(DaemonEnd::Stopped)
    }

    /// Records and announces how a piece of work ended.
    async fn ended(
        &mut self,
        name: &str,
        is_schedule: bool,
        began_at: DateTime<Utc>,
        mut done: Done,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        self.tell(&done, now);
        self.note_trouble(&done);
        for notice in std::mem::take(&mut done.notices) {
            self.announce(notice).await;
        }
        if !is_schedule {
            return Ok(());
        }
        let Some(mut record) = self.records.get(name).cloned() else { return Ok(()) };
        record.last_began_at = Some(began_at);
        record.last_ended_at = Some(now);
        record.last_outcome = done.outcome;
        if let Some(plan) = &done.plan {
            record.last_plan_id = Some(plan.plan_id.clone());
        }
        if let Some(id) = done.ends.iter().rev().find_map(|end| end.certificate_id.clone()) {
            record.last_certificate_id = Some(id);
        }
        let failed = after_work(&mut record, &done, now);
        self.records.insert(name.to_owned(), record.clone());
        self.app.schedule_store().put_schedule(&record).await?;
        if let Some(reason) = failed.then_some(done.failure).flatten() {
            let retry_at = record.retry_at.filter(|at| record.until.is_none_or(|until| *at < until));
            // Once for each occurrence: what was announced is not news the next minute.
            if record.attempts == 1 || retry_at.is_none() {
                let schedule = name.to_owned();
                self.announce(Notice::ScheduleFailed { schedule, reason, retry_at }).await;
            }
        }
        Ok(())
    }

    pub(super) async fn announce(&self, notice: Notice) {
        let announcement = Announcement { at: self.clock.now(), notice };
        self.notices.announce(&announcement).await;
    }

    /// When something is to be done next, if nothing else happens.
    fn wakes_at(&self) -> Option<DateTime<Utc>> {
        self.lease.as_ref()?;
        let schedules = self.entries.iter().filter_map(|entry| {
            let record = self.records.get(&entry.name)?;
            entry.wakes_at(record)
        });
        schedules.chain(self.upkeep.wakes_at(&self.app)).min()
    }
}

/// What becomes of the due time after it was worked on; `true` when it failed.
fn after_work(record: &mut ScheduleRecord, done: &Done, now: DateTime<Utc>) -> bool {
    match done.outcome {
        // In part because a store was away: it may come back in the window.
        Some(ScheduleOutcome::Failed | ScheduleOutcome::Partial) if is_tried_again(done) => {
            record.attempts = record.attempts.saturating_add(1);
            record.retry_at = Some(now + retry_pause(record.attempts));
            true
        }
        Some(ScheduleOutcome::Interrupted) => {
            use crate::execution::Interruption;
            match done.interruption {
                // The next window goes on with the run.
                Some(Interruption::WindowOver) => close(record),
                Some(Interruption::PauseFile) => {
                    record.retry_at = Some(now + Duration::seconds(RETRY_FIRST_SECONDS));
                }
                // The next start goes on.
                Some(Interruption::StopRequested) | None => record.retry_at = None,
            }
            false
        }
        Some(ScheduleOutcome::Complete | ScheduleOutcome::NothingDue) => {
            record.last_success_at = Some(now);
            close(record);
            false
        }
        _ => {
            close(record);
            false
        }
    }
}

fn is_tried_again(done: &Done) -> bool {
    done.outcome == Some(ScheduleOutcome::Failed) || done.failure.is_some()
}

fn retry_pause(attempts: u32) -> Duration {
    let doubled = RETRY_FIRST_SECONDS.checked_shl(attempts.saturating_sub(1).min(10));
    Duration::seconds(doubled.unwrap_or(RETRY_LONGEST_SECONDS).min(RETRY_LONGEST_SECONDS))
}

fn mode_of(app: &App) -> Mode {
    if app.settings().daemon.dry_run { Mode::DryRun } else { Mode::Enforce }
}

fn entries_of(app: &App) -> Vec<Entry> {
    app.settings().schedules.iter().map(|(name, schedule)| Entry::new(name, schedule)).collect()
}

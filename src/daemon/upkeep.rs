//! What is looked after between two pieces of work: documents, the clock, readiness, reminders, scans, and
//! the status that is shown.
//!
//! Floor 7. Nothing here disposes of anything.

use super::event::{Event, EventSource, Waiting};
use super::status::{
    CertificateStatus, Mode, Role, ScanStatus, ScheduleStatus, Trouble, TroubleCode, WorkStatus,
};
use super::work::{Done, author_of, disposed, is_elsewhere, trouble_of};
use super::{Daemon, DaemonEnd, Notice, entries_of, mode_of};
use crate::app::{App, AppError, Scan};
use crate::diagnostic::Severity;
use crate::execution::Interruption;
use crate::plan::digest;
use crate::schedule::due::DueTimes;
use crate::schedule::store::ScheduleOutcome;
use crate::spans;
use chrono::{DateTime, Days, Duration, NaiveTime, Utc};
use std::collections::BTreeMap;
use std::time::Duration as Elapsed;
use tracing::Instrument as _;

/// How often keys, archive and ledger are looked at.
const HEALTH_EVERY: Duration = Duration::seconds(60);
/// How long a daemon that helped with a run sees to its own business before it helps again.
const HELP_PAUSE: Duration = Duration::seconds(1);
/// The same after it could not help.
const HELP_AGAIN_AFTER: Duration = Duration::seconds(60);
/// However rarely the settings want it, so often everything is looked at.
const SCAN_DAYS_MAX: i64 = 92;
/// A deadline of a request is near.
const DEADLINE_DAYS: i64 = 7;
const SCANNED: &str = "scanned";
const DRY_RUN_SINCE: &str = "dry_run_since";
const DRY_RUN_TOLD: &str = "dry_run_told";
const DEADLINES_TOLD: &str = "deadlines_told";

/// What is remembered between turns.
#[derive(Debug)]
pub(super) struct Upkeep {
    troubles: BTreeMap<TroubleCode, String>,
    /// The wall clock and the monotonic one at the last turn.
    turned: (DateTime<Utc>, Elapsed),
    clock_jumped: bool,
    healthy_at: Option<DateTime<Utc>>,
    /// Of marks in the ledger.
    marks: BTreeMap<&'static str, Option<DateTime<Utc>>>,
    was_ready: bool,
    /// No run is helped with before.
    helps_from: Option<DateTime<Utc>>,
}

impl Upkeep {
    pub(super) fn new(now: DateTime<Utc>, elapsed: Elapsed) -> Self {
        Self {
            troubles: BTreeMap::new(),
            turned: (now, elapsed),
            clock_jumped: false,
            healthy_at: None,
            marks: BTreeMap::new(),
            was_ready: true,
            helps_from: None,
        }
    }

    /// A run was helped with, or could not be: then it is left alone for a while.
    pub(super) fn helped(&mut self, done: &Done, now: DateTime<Utc>) {
        let pause = if done.failure.is_some() { HELP_AGAIN_AFTER } else { HELP_PAUSE };
        self.helps_from = Some(now + pause);
    }

    pub(super) fn clock_is_doubtful(&self) -> bool {
        self.clock_jumped
    }

    /// When a reminder or a scan is due.
    pub(super) fn wakes_at(&self, app: &App) -> Vec<DateTime<Utc>> {
        let mark = |name: &str| self.marks.get(name).copied().flatten();
        let scan = mark(SCANNED).map(|last| next_scan(app, last));
        let reminder = mark(DRY_RUN_TOLD).map(|told| told + reminder_of(app));
        let deadlines = mark(DEADLINES_TOLD).and_then(day_after);
        [scan, reminder, deadlines].into_iter().flatten().collect()
    }
}

fn next_scan(app: &App, last: DateTime<Utc>) -> DateTime<Utc> {
    let settings = &app.settings().daemon;
    let times = DueTimes::new(&settings.scan_cron, settings.scan_zone);
    let latest = last + Duration::days(SCAN_DAYS_MAX);
    times.next_after(last).map_or(latest, |next| next.min(latest))
}

fn reminder_of(app: &App) -> Duration {
    Duration::days(i64::from(app.settings().daemon.dry_run_reminder_days))
}

fn day_after(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(at.date_naive().checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN).and_utc())
}

impl Daemon {
    /// Everything that is looked after at each turn.
    pub(super) async fn look_after(&mut self, now: DateTime<Utc>) -> Result<(), AppError> {
        self.compare_clocks(now);
        if self.upkeep.healthy_at.is_none_or(|at| now - at >= HEALTH_EVERY || at > now) {
            self.look_at_health(now).await;
        }
        self.remind_of_dry_run(now).await?;
        self.remind_of_deadlines(now).await
    }

    /// Whether another daemon, which acts, offers a part of its work that may be done here.
    pub(super) async fn can_help(&self, now: DateTime<Utc>) -> Result<bool, AppError> {
        let settings = &self.app.settings().daemon;
        if !settings.helps
            || settings.dry_run
            || self.upkeep.clock_jumped
            || self.upkeep.helps_from.is_some_and(|from| now < from)
            || self.app.control().interruption().is_some()
        {
            return Ok(false);
        }
        self.app.help_is_wanted().await
    }

    /// The wall clock must go as fast as the monotonic one. If it does not, nothing goes unattended until a
    /// store's own clock shows the same, or until the next start.
    fn compare_clocks(&mut self, now: DateTime<Utc>) {
        let elapsed = self.clock.monotonic();
        let (then, elapsed_then) = std::mem::replace(&mut self.upkeep.turned, (now, elapsed));
        let wall = now - then;
        let real = Duration::from_std(elapsed.saturating_sub(elapsed_then)).unwrap_or(Duration::MAX);
        let tolerance = Duration::from_std(self.app.settings().clock_tolerance).unwrap_or(Duration::MAX);
        if (wall - real).abs() > tolerance {
            self.upkeep.clock_jumped = true;
            let detail =
                format!("the clock moved by {} s while {} s passed", wall.num_seconds(), real.num_seconds());
            tracing::warn!("{detail}");
            self.upkeep.troubles.insert(TroubleCode::Clock, detail);
            self.upkeep.healthy_at = None;
        }
    }

    async fn look_at_health(&mut self, now: DateTime<Utc>) {
        self.upkeep.healthy_at = Some(now);
        for code in [TroubleCode::Key, TroubleCode::Archive, TroubleCode::Ledger, TroubleCode::Paused] {
            self.upkeep.troubles.remove(&code);
        }
        if self.app.control().interruption() == Some(Interruption::PauseFile) {
            self.upkeep.troubles.insert(TroubleCode::Paused, "the pause file exists".to_owned());
        }
        if let Err(error) = self.app.sound().await
            && let Some(trouble) = trouble_of(&error)
        {
            self.upkeep.troubles.insert(trouble.code, trouble.detail);
        }
        if self.upkeep.clock_jumped && matches!(self.app.clock_is_confirmed().await, Ok(true)) {
            self.upkeep.clock_jumped = false;
            self.upkeep.troubles.remove(&TroubleCode::Clock);
        }
        if let Ok(runs) = self.app.open_runs().await {
            let open_runs = u64::try_from(runs.len()).unwrap_or(u64::MAX);
            self.board.change(|status| status.open_runs = open_runs);
        }
    }

    async fn mark(&mut self, name: &'static str) -> Result<Option<DateTime<Utc>>, AppError> {
        if let Some(known) = self.upkeep.marks.get(name) {
            return Ok(*known);
        }
        let found = self.app.schedule_store().mark(name).await?;
        self.upkeep.marks.insert(name, found);
        Ok(found)
    }

    async fn put_mark(&mut self, name: &'static str, at: Option<DateTime<Utc>>) -> Result<(), AppError> {
        self.app.schedule_store().put_mark(name, at).await?;
        self.upkeep.marks.insert(name, at);
        Ok(())
    }

    async fn remind_of_dry_run(&mut self, now: DateTime<Utc>) -> Result<(), AppError> {
        let since = self.mark(DRY_RUN_SINCE).await?;
        if mode_of(&self.app) == Mode::Enforce {
            if since.is_some() {
                self.put_mark(DRY_RUN_SINCE, None).await?;
                self.put_mark(DRY_RUN_TOLD, None).await?;
            }
            return Ok(());
        }
        let Some(since) = since else {
            self.put_mark(DRY_RUN_SINCE, Some(now)).await?;
            return self.put_mark(DRY_RUN_TOLD, Some(now)).await;
        };
        let told = self.mark(DRY_RUN_TOLD).await?.unwrap_or(since);
        if now - told >= reminder_of(&self.app) {
            self.announce(Notice::DryRunLeftOn { since, days: (now - since).num_days() }).await;
            self.put_mark(DRY_RUN_TOLD, Some(now)).await?;
        }
        Ok(())
    }

    /// Once a day.
    async fn remind_of_deadlines(&mut self, now: DateTime<Utc>) -> Result<(), AppError> {
        let told = self.mark(DEADLINES_TOLD).await?;
        if told.and_then(day_after).is_some_and(|next| now < next) {
            return Ok(());
        }
        for (request, days_left) in self.app.request_list(false).await? {
            let Some(days_left) = days_left.filter(|days| *days <= DEADLINE_DAYS) else { continue };
            let (request_id, due_on) = (request.request_id, request.due_on);
            self.announce(Notice::DeadlineNear { request_id, due_on, days_left }).await;
        }
        self.put_mark(DEADLINES_TOLD, Some(now)).await
    }

    pub(super) async fn scan_is_due(&mut self, now: DateTime<Utc>) -> Result<bool, AppError> {
        let last = self.mark(SCANNED).await?;
        Ok(last.is_none_or(|last| last > now || next_scan(&self.app, last) <= now))
    }

    /// Looks at everything and says what it saw, also when that is nothing. A stop ends it where it is: it
    /// only reads, and the next start looks again. `Some` when the loop must end.
    pub(super) async fn scan(&mut self, events: &mut dyn EventSource) -> Option<DaemonEnd> {
        let now = self.clock.now();
        let looked = {
            let mut look = Box::pin(self.app.scan().instrument(spans::scan()));
            loop {
                let event = tokio::select! {
                    biased;
                    looked = &mut look => break looked,
                    event = events.next(Waiting { busy: true, until: None }) => event,
                };
                match event {
                    Event::Stop => return Some(DaemonEnd::Stopped),
                    Event::Reload | Event::FilesChanged => self.reload_wanted = true,
                    Event::Tick | Event::WorkEnded => {
                        let now = self.clock.now();
                        self.board.change(|status| status.turned_at = now);
                    }
                }
            }
        };
        self.scanned(now, looked).await;
        None
    }

    async fn scanned(&mut self, now: DateTime<Utc>, looked: Result<Scan, AppError>) {
        let outcome = match looked {
            Ok(scan) => {
                let mut unreachable: Vec<String> =
                    scan.unreachable.iter().map(|lost| lost.store.clone()).collect();
                unreachable.sort();
                unreachable.dedup();
                let (overdue, oldest_due_at) = (scan.overdue(), scan.oldest_due_at());
                self.board.change(|status| {
                    let unreachable = unreachable.clone();
                    status.last_scan = Some(ScanStatus { at: scan.at, overdue, oldest_due_at, unreachable });
                });
                self.announce(Notice::Scanned { overdue, oldest_due_at, unreachable }).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        // Also one that failed is not tried at each turn: it says so, and the next is due in its time.
        let marked = self.put_mark(SCANNED, Some(now)).await;
        for error in [outcome, marked].into_iter().filter_map(Result::err) {
            self.failed_between(&error);
        }
    }

    /// An error outside any work: told, and looked at again at the next turn.
    pub(super) fn failed_between(&mut self, error: &AppError) {
        if is_elsewhere(error) {
            tracing::info!(%error, "the daemon left off");
        } else {
            tracing::error!(%error, "the daemon could not go on");
        }
        if let Some(trouble) = trouble_of(error) {
            self.upkeep.troubles.insert(trouble.code, trouble.detail);
        }
        self.upkeep.healthy_at = None;
    }

    pub(super) fn note_trouble(&mut self, done: &Done) {
        match &done.trouble {
            Some(Trouble { code, detail }) => {
                self.upkeep.troubles.insert(*code, detail.clone());
            }
            None if done.outcome != Some(ScheduleOutcome::Failed) => {
                let documents = self.upkeep.troubles.remove(&TroubleCode::Documents);
                let clock = self.upkeep.troubles.remove(&TroubleCode::Clock);
                self.upkeep.troubles.clear();
                self.upkeep.troubles.extend(documents.map(|detail| (TroubleCode::Documents, detail)));
                let doubtful = clock.filter(|_| self.upkeep.clock_jumped);
                self.upkeep.troubles.extend(doubtful.map(|detail| (TroubleCode::Clock, detail)));
            }
            None => {}
        }
    }

    /// Reads the documents anew. With faults the old ones stay in force.
    pub(super) async fn reload(&mut self) {
        match self.app.reloaded(&self.settings_file) {
            Ok(app) => {
                let before = std::mem::replace(&mut self.app, app);
                self.upkeep.troubles.remove(&TroubleCode::Documents);
                self.entries = entries_of(&self.app);
                let catalog_digest = digest::of_catalog(self.app.catalog());
                let (now, mode) = (self.clock.now(), mode_of(&self.app));
                self.board.change(|status| {
                    status.catalog_digest.clone_from(&catalog_digest);
                    status.documents_loaded_at = now;
                    status.mode = mode;
                });
                if self.lease.is_some()
                    && let Err(error) = self.announce_void(Some(&before)).await
                {
                    self.failed_between(&error);
                }
                self.announce(Notice::DocumentsLoaded { catalog_digest }).await;
            }
            Err(error) => {
                let (faults, first) = faults_of(&error);
                self.upkeep.troubles.insert(TroubleCode::Documents, first.clone());
                self.announce(Notice::DocumentsFaulty { faults, first }).await;
            }
        }
    }

    /// Says which rules have lost their standing approval.
    pub(super) async fn announce_void(&self, before: Option<&App>) -> Result<(), AppError> {
        for (policy, rule) in self.app.void_standing(before).await? {
            self.announce(Notice::StandingVoid { policy, rule }).await;
        }
        Ok(())
    }

    /// Whether a run is open that no schedule will go on with in its window.
    pub(super) async fn has_orphans(&self, now: DateTime<Utc>) -> bool {
        if mode_of(&self.app) == Mode::DryRun || self.app.control().interruption().is_some() {
            return false;
        }
        let Ok(runs) = self.app.open_runs().await else { return false };
        for run in runs {
            let Ok(author) = self.app.author_of(&run).await else { continue };
            let own = self.entries.iter().find(|entry| author_of(&entry.name) == author);
            let record = own.and_then(|entry| self.records.get(&entry.name));
            let is_in_window = record.is_some_and(|record| {
                record.due_at.is_some() && record.until.is_none_or(|until| now < until)
            });
            let has_window = own.is_some_and(|entry| entry.schedule.window.is_some());
            if !is_in_window && !has_window {
                return true;
            }
        }
        false
    }

    pub(super) fn begins(&self, name: &str, began_at: DateTime<Utc>, until: Option<DateTime<Utc>>) {
        self.board.change(|status| {
            status.work = Some(WorkStatus {
                schedule: name.to_owned(),
                began_at,
                until,
                dataset: None,
                disposed: 0,
                planned: 0,
                slowed_by: Vec::new(),
            });
        });
    }

    /// Puts what came of a piece of work into the status.
    pub(super) fn tell(&self, done: &Done, now: DateTime<Utc>) {
        self.board.change(|status| {
            status.work = None;
            let totals = &mut status.totals;
            match done.outcome {
                Some(ScheduleOutcome::Complete) => totals.runs_complete += 1,
                Some(ScheduleOutcome::Partial) => totals.runs_partial += 1,
                Some(ScheduleOutcome::Interrupted) => totals.runs_interrupted += 1,
                Some(ScheduleOutcome::Failed) => totals.failures += 1,
                Some(ScheduleOutcome::Waiting) => totals.plans_waiting += 1,
                _ => {}
            }
            for end in &done.ends {
                totals.disposed = totals.disposed.saturating_add(disposed(end));
                if let (Some(certificate_id), Some(outcome)) = (&end.certificate_id, end.outcome) {
                    status.last_certificate = Some(CertificateStatus {
                        certificate_id: certificate_id.clone(),
                        outcome: outcome.as_str().to_owned(),
                        at: now,
                    });
                }
            }
            if let Some(plan) = &done.plan {
                super::progress::count_rules(&mut status.rules, plan, done);
            }
        });
    }

    /// Brings the shown status up to date, and announces that readiness changed.
    pub(super) async fn show(&mut self, now: DateTime<Utc>) {
        let troubles: Vec<Trouble> = self
            .upkeep
            .troubles
            .iter()
            .map(|(code, detail)| Trouble { code: *code, detail: detail.clone() })
            .collect();
        let before = self.board.get().troubles;
        for trouble in troubles.iter().filter(|trouble| !before.iter().any(|old| old.code == trouble.code)) {
            let (code, detail) = (trouble.code.word().to_owned(), trouble.detail.clone());
            self.announce(Notice::NotReady { trouble: code, detail }).await;
        }
        if troubles.is_empty() && !std::mem::replace(&mut self.upkeep.was_ready, troubles.is_empty()) {
            self.announce(Notice::ReadyAgain).await;
        }
        self.upkeep.was_ready = troubles.is_empty();
        let schedules: Vec<ScheduleStatus> = self.schedules_shown();
        let role = if self.lease.is_some() { Role::Acting } else { Role::Standby };
        let dry_run_since = self.upkeep.marks.get(DRY_RUN_SINCE).copied().flatten();
        self.board.change(|status| {
            status.turned_at = now;
            status.role = role;
            status.troubles = troubles;
            status.dry_run_since = dry_run_since;
            status.schedules = schedules;
        });
    }

    fn schedules_shown(&self) -> Vec<ScheduleStatus> {
        let shown = self.entries.iter().filter_map(|entry| {
            let record = self.records.get(&entry.name)?.clone();
            let next_at = entry.next_at(&record);
            Some(ScheduleStatus { next_at, time_zone: entry.schedule.time_zone.to_string(), record })
        });
        shown.collect()
    }
}

/// How many faults the documents have, and the first of them.
fn faults_of(error: &AppError) -> (usize, String) {
    let AppError::Documents(diagnostics) = error else { return (1, error.to_string()) };
    let errors: Vec<_> = diagnostics.items().iter().filter(|item| item.severity == Severity::Error).collect();
    let first = errors.first().map_or_else(String::new, |item| {
        format!("{}:{}:{}: {}", item.file, item.line, item.column, item.message)
    });
    (errors.len(), first)
}

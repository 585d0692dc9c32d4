//! What one occurrence of a schedule does.
//!
//! Floor 7. In this order: settle and go on with what was interrupted, plan again the requests of which
//! something may go by now, carry out what a person approved, try the notices to recipients that wait, then
//! plan the policies and carry that out if every rule has a standing approval and no limit is touched. It
//! answers with what happened; the loop records it, announces it, and decides when to try again.

use super::judge::{Verdict, due_counts, judge};
use super::status::{Trouble, TroubleCode};
use crate::app::{App, AppError, ApplyEnd, ApplyMode, NoticesDue, PlanRequest};
use crate::evidence::Outcome;
use crate::execution::{Control, ExecutionError, Interruption, ProgressSink};
use crate::journal::{JournalError, RunRecord};
use crate::ledger::LedgerError;
use crate::notice::{Notice, WaitReason};
use crate::plan::Plan;
use crate::plan::approval::CompileError;
use crate::schedule::store::{DueCounts, ScheduleOutcome, ScheduleStoreError};
use crate::spans;
use tracing::{Instrument as _, Span};

/// Attempts after which stores that cannot be reached no longer keep the others waiting.
const PATIENT_ATTEMPTS: u32 = 3;
/// A plan that went stale between drafting and applying is drafted anew so many times in a row.
const DRAFTS_MAX: u32 = 3;
/// Who drafts plans of requests when the daemon does.
pub(super) const AUTHOR: &str = "daemon";

/// What it works with.
pub(super) struct Bench<'a> {
    pub(super) app: &'a App,
    pub(super) schedule: &'a str,
    pub(super) policies: &'a [String],
    /// Failed attempts at this occurrence before.
    pub(super) attempts: u32,
    pub(super) clock_is_doubtful: bool,
    pub(super) control: &'a Control,
    pub(super) progress: &'a dyn ProgressSink,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) outcome: Option<ScheduleOutcome>,
    pub(super) notices: Vec<Notice>,
    pub(super) trouble: Option<Trouble>,
    /// Why it is tried again.
    pub(super) failure: Option<String>,
    pub(super) interruption: Option<Interruption>,
    /// The last plan drafted for the policies.
    pub(super) plan: Option<Plan>,
    pub(super) ends: Vec<ApplyEnd>,
}

impl Done {
    fn end(&mut self, worked: Result<(), AppError>, span: &Span) {
        if let Err(error) = worked {
            self.trouble = trouble_of(&error);
            self.failure = Some(error.to_string());
            self.outcome = Some(ScheduleOutcome::Failed);
            spans::failed(span);
        }
        if let Some(outcome) = self.outcome {
            spans::word(span, spans::OUTCOME, outcome.word());
        }
    }
}

/// Whether to go on with the next step.
enum Step {
    On,
    Stop,
}

impl Bench<'_> {
    /// Does it all.
    pub(super) async fn work(&self) -> Done {
        let mut done = Done::default();
        let span = spans::schedule(self.schedule);
        let worked = Box::pin(self.steps(&mut done)).instrument(span.clone()).await;
        done.end(worked, &span);
        done
    }

    /// Only what was interrupted.
    pub(super) async fn resume_only(&self) -> Done {
        let mut done = Done::default();
        let span = spans::schedule(self.schedule);
        let resumed = self.resume(&mut done).instrument(span.clone()).await;
        done.end(resumed.map(|_| ()), &span);
        done
    }

    /// A part of a run that another daemon leads.
    pub(super) async fn help(&self) -> Done {
        let mut done = Done::default();
        let span = spans::schedule(self.schedule);
        match self.app.help(self.control, self.progress).instrument(span.clone()).await {
            Ok(helped) => {
                let end = helped.unwrap_or_default();
                tracing::info!(ranges = end.ranges, disposed = end.disposed, "this daemon helped with a run");
            }
            // The leader went on without this process, or is gone itself.
            Err(error) if is_elsewhere(&error) => tracing::info!(%error, "this daemon helps no more"),
            Err(error) => {
                tracing::error!(%error, "this daemon could not help with a run");
                done.failure = Some(error.to_string());
                spans::failed(&span);
            }
        }
        done
    }

    async fn steps(&self, done: &mut Done) -> Result<(), AppError> {
        if self.control.interruption() == Some(Interruption::PauseFile) {
            done.interruption = Some(Interruption::PauseFile);
            done.trouble =
                Some(Trouble { code: TroubleCode::Paused, detail: "the pause file exists".to_owned() });
            done.outcome = Some(ScheduleOutcome::Interrupted);
            return Ok(());
        }
        self.app.sound().await?;
        self.app.trust_clock().await?;
        let pretends = self.app.settings().daemon.dry_run;
        if !pretends && matches!(self.resume(done).await?, Step::Stop) {
            return Ok(());
        }
        self.plan_requests(done).await?;
        if !pretends && matches!(self.approved(done).await?, Step::Stop) {
            return Ok(());
        }
        if !pretends {
            // Who received the data of an erased person and could not be told at the time (GDPR art. 19).
            self.app.notify_recipients(NoticesDue::ByNow).await?;
        }
        self.policies(done, pretends).await?;
        if done.interruption.is_none() {
            self.app.note_time_between_runs().await?;
        }
        Ok(())
    }

    /// Goes on with every open run, whoever began it: while one is open no other begins.
    async fn resume(&self, done: &mut Done) -> Result<Step, AppError> {
        for run in self.app.open_runs().await? {
            let plan = Some(run.plan_id.as_str());
            let end = match self.app.apply(plan, ApplyMode::Resume, self.control, self.progress).await {
                Err(AppError::NotAsBegun { reason, .. }) if !is_out_of_reach(&reason) => {
                    self.close(&run, &reason, done).await?
                }
                other => other?,
            };
            if matches!(self.ended(end, done), Step::Stop) {
                return Ok(Step::Stop);
            }
        }
        Ok(Step::On)
    }

    async fn close(&self, run: &RunRecord, reason: &AppError, done: &mut Done) -> Result<ApplyEnd, AppError> {
        let plan = Some(run.plan_id.as_str());
        let end = self.app.apply(plan, ApplyMode::Close, self.control, self.progress).await?;
        done.notices.push(Notice::RunClosed {
            run_id: run.run_id.clone(),
            certificate_id: end.certificate_id.clone(),
            reason: reason.to_string(),
        });
        Ok(end)
    }

    async fn plan_requests(&self, done: &mut Done) -> Result<(), AppError> {
        for (request_id, planned) in self.app.erase_due(Some(AUTHOR)).await? {
            match planned {
                Ok(standing) => {
                    done.notices.push(Notice::RequestWaits { request_id, plan_id: standing.plan.plan_id });
                }
                Err(error) => done.notices.push(Notice::ScheduleFailed {
                    schedule: format!("{}/{request_id}", self.schedule),
                    reason: error.to_string(),
                    retry_at: None,
                }),
            }
        }
        Ok(())
    }

    /// Carries out the plans of this schedule, and of requests, that a person has approved.
    async fn approved(&self, done: &mut Done) -> Result<Step, AppError> {
        for author in [AUTHOR.to_owned(), author_of(self.schedule)] {
            for plan in self.app.approved_by_a_person(&author).await? {
                if self.is_interrupted(done) {
                    return Ok(Step::Stop);
                }
                self.remember(&plan, false).await?;
                let id = plan.plan_id.as_str();
                let begun = self.app.apply(Some(id), ApplyMode::Begin, self.control, self.progress).await;
                let end = match begun {
                    Ok(end) => end,
                    // It is drafted anew below, and waits again.
                    Err(error) if is_outdated(&error) => {
                        tracing::info!(plan = id, %error, "an approved plan no longer fits");
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if matches!(self.ended(end, done), Step::Stop) {
                    return Ok(Step::Stop);
                }
            }
        }
        Ok(Step::On)
    }

    async fn policies(&self, done: &mut Done, pretends: bool) -> Result<(), AppError> {
        for draft in 1..=DRAFTS_MAX {
            let plan = self.draft().await?;
            done.plan = Some(plan.clone());
            let due: u64 = due_counts(&plan).iter().fold(0, |sum, count| sum.saturating_add(count.due));
            let is_clear =
                plan.findings.iter().all(|finding| finding.code != crate::plan::FindingCode::ClockDoubtful);
            done.failure = Self::out_of_reach(&plan, done);
            if done.failure.is_some() && self.attempts < PATIENT_ATTEMPTS && !pretends {
                done.outcome = Some(ScheduleOutcome::Failed);
                return Ok(());
            }
            if due == 0 && is_clear {
                self.remember(&plan, true).await?;
                Self::nothing_due(&plan, done);
                return Ok(());
            }
            let standing = self.app.keep(plan.clone()).await?;
            if pretends {
                done.outcome = Some(ScheduleOutcome::DryRun);
                return Ok(());
            }
            match judge(self.app, standing, self.clock_is_doubtful).await? {
                Verdict::Waits(reason, rules) => {
                    self.waits(&plan, reason, rules, due, done);
                    return Ok(());
                }
                Verdict::NotNow(error) => return Err(error),
                Verdict::MayGo => {}
            }
            if self.is_interrupted(done) {
                return Ok(());
            }
            self.remember(&plan, true).await?;
            let id = Some(plan.plan_id.as_str());
            match self.app.apply(id, ApplyMode::Begin, self.control, self.progress).await {
                Ok(end) => {
                    self.ended(end, done);
                    if done.outcome == Some(ScheduleOutcome::Complete) && !plan.unreachable.is_empty() {
                        done.outcome = Some(ScheduleOutcome::Partial);
                    }
                    return Ok(());
                }
                // Somebody changed something in between.
                Err(error) if is_outdated(&error) && draft < DRAFTS_MAX => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Nothing is begun that would have to stop at once.
    fn is_interrupted(&self, done: &mut Done) -> bool {
        done.interruption = self.control.interruption();
        if done.interruption.is_some() {
            done.outcome = Some(ScheduleOutcome::Interrupted);
        }
        done.interruption.is_some()
    }

    async fn draft(&self) -> Result<Plan, AppError> {
        let request = PlanRequest {
            policies: self.policies.to_vec(),
            as_of: None,
            author: Some(author_of(self.schedule)),
        };
        self.app.draft(request).await
    }

    /// Which store cannot be reached. After some attempts the others no longer wait for it; it is tried again
    /// all the same.
    fn out_of_reach(plan: &Plan, done: &mut Done) -> Option<String> {
        let lost = plan.unreachable.first()?;
        let detail = format!("store '{}': {}", lost.store, lost.reason);
        done.trouble = Some(Trouble { code: TroubleCode::Store, detail: detail.clone() });
        Some(detail)
    }

    fn nothing_due(plan: &Plan, done: &mut Done) {
        if !plan.unreachable.is_empty() {
            done.outcome = Some(ScheduleOutcome::Partial);
        } else if done.outcome.is_none() {
            done.outcome = Some(ScheduleOutcome::NothingDue);
        }
    }

    fn waits(&self, plan: &Plan, reason: WaitReason, rules: Vec<String>, due: u64, done: &mut Done) {
        done.outcome = Some(ScheduleOutcome::Waiting);
        done.notices.push(Notice::PlanWaits {
            schedule: self.schedule.to_owned(),
            plan_id: plan.plan_id.clone(),
            reason,
            rules,
            due,
        });
    }

    async fn remember(&self, plan: &Plan, unattended: bool) -> Result<(), AppError> {
        if plan.request.is_some() {
            return Ok(());
        }
        let counts = DueCounts {
            schedule: self.schedule.to_owned(),
            plan_id: plan.plan_id.clone(),
            at: plan.drafted_at,
            unattended,
            counts: due_counts(plan),
        };
        Ok(self.app.schedule_store().put_due_counts(&counts).await?)
    }

    /// Takes note of how a run ended.
    fn ended(&self, end: ApplyEnd, done: &mut Done) -> Step {
        let (schedule, run_id) = (self.schedule.to_owned(), end.run_id.clone());
        let step = match (end.interrupted, end.outcome) {
            (Some(interruption), _) => {
                done.interruption = Some(interruption);
                done.outcome = Some(ScheduleOutcome::Interrupted);
                let reason = word_of(interruption).to_owned();
                done.notices.push(Notice::RunInterrupted { schedule, run_id, reason });
                Step::Stop
            }
            (None, outcome) => {
                let is_whole = !matches!(outcome, Some(Outcome::Partial | Outcome::Failed) | None);
                let (certificate_id, outcome) = (
                    end.certificate_id.clone().unwrap_or_default(),
                    outcome.map_or_else(String::new, |outcome| outcome.as_str().to_owned()),
                );
                if is_whole {
                    let disposed = disposed(&end);
                    done.notices.push(Notice::RunComplete {
                        schedule,
                        run_id,
                        certificate_id,
                        outcome,
                        disposed,
                    });
                    if done.outcome != Some(ScheduleOutcome::Partial) {
                        done.outcome = Some(ScheduleOutcome::Complete);
                    }
                } else {
                    let failed = end.totals.iter().map(|total| total.counts.failed).sum();
                    done.notices.push(Notice::RunPartial {
                        schedule,
                        run_id,
                        certificate_id,
                        outcome,
                        failed,
                    });
                    done.outcome = Some(ScheduleOutcome::Partial);
                }
                Step::On
            }
        };
        done.ends.push(end);
        step
    }
}

/// Records that a run took away or changed, as certified.
pub(super) fn disposed(end: &ApplyEnd) -> u64 {
    let of_target = |counts: &crate::evidence::Counts| {
        counts.purged.saturating_add(counts.anonymized).saturating_add(counts.pseudonymized)
    };
    end.totals.iter().fold(0, |sum, total| sum.saturating_add(of_target(&total.counts)))
}

/// Who drafts the plans of a schedule.
pub(super) fn author_of(schedule: &str) -> String {
    format!("{AUTHOR}/{schedule}")
}

fn word_of(interruption: Interruption) -> &'static str {
    match interruption {
        Interruption::StopRequested => "stop_requested",
        Interruption::PauseFile => "pause_file",
        Interruption::WindowOver => "window_over",
    }
}

/// A plan that must be drafted again.
fn is_outdated(error: &AppError) -> bool {
    matches!(error, AppError::Stale(_))
        || matches!(error, AppError::Compile(reason) if !matches!(reason, CompileError::Unreachable { .. }))
        || matches!(error, AppError::Approval(_))
}

/// Another process acts, or took over: nothing is wrong with the ledger.
pub(super) fn is_elsewhere(error: &AppError) -> bool {
    let (AppError::Journal(journal) | AppError::Execution(ExecutionError::Journal(journal))) = error else {
        return matches!(error, AppError::Schedule(ScheduleStoreError::NotOurs));
    };
    matches!(journal, JournalError::Busy { .. } | JournalError::LeaseLost { .. })
}

fn is_out_of_reach(reason: &AppError) -> bool {
    matches!(reason, AppError::Compile(CompileError::Unreachable { .. }) | AppError::Store(_))
}

/// What kind of trouble an error is, if it is one that lasts.
pub(super) fn trouble_of(error: &AppError) -> Option<Trouble> {
    let code = match error {
        error if error.is_full() => TroubleCode::DiskFull,
        AppError::ClockBehind { .. }
        | AppError::ClockDoubtful { .. }
        | AppError::Approval(crate::plan::ApprovalError::Refused { .. }) => TroubleCode::Clock,
        AppError::Key(_) | AppError::Certificate(_) | AppError::Ledger(LedgerError::WrongKey) => {
            TroubleCode::Key
        }
        AppError::Archive(_) => TroubleCode::Archive,
        error if is_elsewhere(error) => return None,
        AppError::Ledger(_) | AppError::Journal(_) | AppError::PlanStore(_) | AppError::Schedule(_) => {
            TroubleCode::Ledger
        }
        AppError::Execution(ExecutionError::Journal(_)) => TroubleCode::Ledger,
        AppError::Store(_) | AppError::Execution(_) | AppError::Compile(CompileError::Unreachable { .. }) => {
            TroubleCode::Store
        }
        AppError::NotAsBegun { reason, .. } => return trouble_of(reason),
        AppError::Documents(_) => TroubleCode::Documents,
        _ => return None,
    };
    Some(Trouble { code, detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_another_daemon_works_on_is_no_trouble() {
        let scope = || "daemon".to_owned();
        let elsewhere = [
            AppError::Schedule(ScheduleStoreError::NotOurs),
            AppError::Journal(JournalError::Busy { scope: scope() }),
            AppError::Journal(JournalError::LeaseLost { scope: scope() }),
            AppError::Execution(ExecutionError::Journal(JournalError::LeaseLost { scope: scope() })),
        ];
        for error in elsewhere {
            assert_eq!(trouble_of(&error), None, "{error}");
        }
        let failed = AppError::Schedule(ScheduleStoreError::Failed { reason: "gone".to_owned() });
        assert_eq!(trouble_of(&failed).map(|trouble| trouble.code), Some(TroubleCode::Ledger));
    }
}

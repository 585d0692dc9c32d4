//! What must hold before anything is touched: the clock, the plan, the schemas.
//!
//! Floor 7.
#![expect(clippy::disallowed_methods, reason = "a plan file is named on the command line")]

use super::{App, AppError};
use crate::hold::HoldRegister as _;
use crate::journal::{JournalStore as _, RunRecord, RunState};
use crate::plan::staleness::{known_stale_reasons, observe_current, stale_reasons};
use crate::plan::{ApprovedPlan, Plan, digest};
use chrono::{DateTime, Utc};
use std::fs::File;
use std::path::Path;

impl App {
    /// Refuses to act by a clock that runs behind the last instant the ledger has seen, or that a
    /// store contradicts (invariant I6).
    pub(super) async fn guard_clock(&self) -> Result<(), AppError> {
        let now = self.now();
        if let Some(error) = self.clock_behind_ledger(now).await? {
            return Err(error);
        }
        if let Some(error) = self.clock_of_a_store_differs(now).await? {
            return Err(error);
        }
        Ok(())
    }

    /// Why no run of a plan may begin, as far as the ledger knows: it was begun, or another is open.
    pub(super) async fn begun_or_blocked(
        &self,
        run: Option<&RunRecord>,
    ) -> Result<Option<AppError>, AppError> {
        if let Some(run) = run {
            return Ok(Some(match run.state {
                RunState::Certified => {
                    AppError::AlreadyApplied { certificate_id: run.certificate_id.clone() }
                }
                RunState::Running | RunState::Certifying => {
                    AppError::Interrupted { run_id: run.run_id.clone() }
                }
            }));
        }
        let open = self.ledger.open_runs().await?.into_iter().next();
        // A batch in doubt of another run is settled by what is there; what this run would remove it
        // would then claim too. So a run begins only when no other is open.
        Ok(open.map(|run| AppError::OtherRunOpen { run_id: run.run_id, plan_id: run.plan_id }))
    }

    /// Whether a plan is stale, or the clock in doubt, as far as can be told without reading a store.
    pub(super) async fn known_to_be_current(&self, plan: &Plan) -> Result<Result<(), AppError>, AppError> {
        let now = self.now();
        if let Some(error) = self.clock_behind_ledger(now).await? {
            return Ok(Err(error));
        }
        let catalog_digest = digest::of_catalog(&self.catalog);
        let reasons = known_stale_reasons(plan, &catalog_digest, self.ledger.revision().await?, now);
        Ok(if reasons.is_empty() { Ok(()) } else { Err(AppError::Stale(reasons)) })
    }

    /// Refuses a plan that no longer speaks of the world as it is, with every reason at once.
    pub(super) async fn refuse_stale(
        &self,
        approved: &ApprovedPlan,
        now: DateTime<Utc>,
    ) -> Result<(), AppError> {
        let sources = self.sources().await?;
        let book = self.ledger.book().await?;
        let marks = self.clock_marks().await?;
        let plan = approved.plan();
        let current = observe_current(plan, &self.catalog, &sources, &book, marks).await?;
        let reasons = stale_reasons(plan, &current, self.settings.drift, now);
        if reasons.is_empty() { Ok(()) } else { Err(AppError::Stale(reasons)) }
    }
}

/// Opens a file for reading; `None` if there is none.
pub(super) fn open_file(path: &Path) -> Result<Option<File>, AppError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AppError::Argument {
            reason: format!("{} cannot be read: {error}", path.display()),
            hint: None,
        }),
    }
}

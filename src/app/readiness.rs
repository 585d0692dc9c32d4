//! What must hold before anything is touched: the clock, the plan, the schemas.
//!
//! Floor 7.
#![expect(clippy::disallowed_methods, reason = "a plan file is named on the command line")]

use super::{App, AppError};
use crate::hold::HoldRegister as _;
use crate::plan::ApprovedPlan;
use crate::plan::staleness::{observe_current, stale_reasons};
use chrono::{DateTime, Duration, Utc};
use std::fs::File;
use std::path::Path;

impl App {
    /// Refuses to act by a clock that runs behind the last instant the ledger has seen, or that a
    /// store contradicts (invariant I6).
    pub(super) async fn guard_clock(&self) -> Result<(), AppError> {
        let now = self.now();
        let tolerance = Duration::from_std(self.settings.clock_tolerance).unwrap_or(Duration::zero());
        if let Some(seen) = self.ledger.last_seen().await?
            && seen > now + tolerance
        {
            return Err(AppError::ClockDoubtful {
                reason: format!("it shows {now}, but the ledger has seen {seen} already"),
            });
        }
        let sources = self.sources().await?;
        for (store, source) in &sources {
            if let Ok(Some(there)) = source.store_clock().await
                && (there - now).abs() > tolerance
            {
                return Err(AppError::ClockDoubtful {
                    reason: format!("it shows {now}, but store '{store}' shows {there}"),
                });
            }
        }
        Ok(())
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

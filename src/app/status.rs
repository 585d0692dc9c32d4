//! What there is: plans, open runs, holds, certificates.
//!
//! Floor 7.

use super::{App, AppError};
use crate::execution::Control;
use crate::hold::HoldRegister as _;
use crate::journal::{JournalStore as _, RunRecord};
use crate::plan::store::{PlanEntry, PlanStore as _, StandingApproval};
use chrono::{DateTime, Utc};

/// The state of a project.
#[derive(Debug)]
pub struct Status {
    pub plans: Vec<PlanEntry>,
    pub open_runs: Vec<RunRecord>,
    pub standing: Vec<StandingApproval>,
    pub holds_active: u64,
    /// Active holds whose review date has passed.
    pub holds_review_due: u64,
    pub certificates: u64,
    pub last_certificate_at: Option<DateTime<Utc>>,
    /// The pause file exists: no batch is begun.
    pub paused: bool,
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// Plans shown.
const PLANS_SHOWN: u32 = 10;

impl App {
    /// # Errors
    /// When the ledger or the archive cannot be read.
    pub async fn status(&self) -> Result<Status, AppError> {
        let today = self.now().date_naive();
        let holds = self.ledger.book().await?.holds;
        let certificates = self.certificates()?;
        Ok(Status {
            plans: self.ledger.plans(PLANS_SHOWN).await?,
            open_runs: self.ledger.open_runs().await?,
            standing: self.ledger.standing().await?,
            holds_active: holds.len() as u64,
            holds_review_due: holds
                .iter()
                .filter(|hold| hold.review_on.is_some_and(|review_on| review_on <= today))
                .count() as u64,
            last_certificate_at: certificates.iter().map(|certificate| certificate.issued_at).max(),
            certificates: certificates.len() as u64,
            paused: self.control().interruption().is_some(),
            last_seen_at: self.ledger.last_seen().await?,
        })
    }

    /// A stop switch that also heeds the pause file of the settings.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.settings.pause_file.as_deref().map(|path| self.settings.path(path)))
    }
}

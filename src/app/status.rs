//! What there is: plans, open runs, holds, certificates.
//!
//! Floor 7.

use super::closures::{self, OpenResiduals};
use super::{App, AppError};
use crate::erasure::request::{Request, RequestState};
use crate::erasure::returned::Look;
use crate::execution::Control;
use crate::hold::HoldRegister as _;
use crate::journal::{JournalStore as _, RunRecord};
use crate::ledger::{ClockAcceptance, OutboxState};
use crate::plan::store::{PlanEntry, PlanStore as _, StandingApproval};
use chrono::{DateTime, NaiveDate, Utc};

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
    /// Copies that outlive runs and that no certificate says to have ended.
    pub open_residuals: Vec<OpenResiduals>,
    /// The date of one of them has passed.
    pub residuals_past: bool,
    /// The pause file exists: no batch is begun.
    pub paused: bool,
    pub last_seen_at: Option<DateTime<Utc>>,
    /// The clock runs behind the last instant seen: no run is begun.
    pub is_clock_behind: bool,
    /// Each time that somebody accepted such a clock.
    pub clock_acceptances: Vec<ClockAcceptance>,
    /// The newest look for erased persons; the stores are not read for it.
    pub returned: Option<Look>,
    /// Notices on their way to receivers.
    pub outbox: OutboxState,
    pub requests: OpenRequests,
}

/// Requests of persons that have not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenRequests {
    /// Something is to be done about them now.
    pub open: u64,
    /// Done, but for what waits until a duty or a hold ends.
    pub waiting: u64,
    /// Of the answers that are awaited, the one that is due first.
    pub next: Option<NextAnswer>,
}

/// The answer to a request, which is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextAnswer {
    pub request_id: String,
    pub due_on: NaiveDate,
    /// Negative when it is late.
    pub days_left: i64,
}

impl OpenRequests {
    fn of(requests: &[Request], now: DateTime<Utc>) -> Self {
        let answers = requests.iter().filter_map(|request| {
            let days_left = request.days_left(now)?;
            Some(NextAnswer { request_id: request.request_id.clone(), due_on: request.due_on, days_left })
        });
        Self {
            open: requests.iter().filter(|request| request.state.is_open()).count() as u64,
            waiting: requests.iter().filter(|request| request.state == RequestState::Waiting).count() as u64,
            next: answers.min_by_key(|answer| answer.due_on),
        }
    }
}

/// Plans shown.
const PLANS_SHOWN: u32 = 10;

impl App {
    /// # Errors
    /// When the ledger or the archive cannot be read.
    pub async fn status(&self) -> Result<Status, AppError> {
        let today = self.now().date_naive();
        let holds = self.ledger.book().await?.holds;
        let certificates = self.certificates().await?;
        let open_residuals = closures::open_of(&certificates);
        let now = self.now();
        let is_past = |open: &OpenResiduals| open.next_at().is_some_and(|at| at <= now);
        Ok(Status {
            plans: self.newest_plans().await?,
            open_runs: self.ledger.open_runs().await?,
            standing: self.ledger.standing().await?,
            holds_active: holds.len() as u64,
            holds_review_due: holds
                .iter()
                .filter(|hold| hold.review_on.is_some_and(|review_on| review_on <= today))
                .count() as u64,
            residuals_past: open_residuals.iter().any(is_past),
            open_residuals,
            last_certificate_at: certificates.iter().map(|certificate| certificate.issued_at).max(),
            certificates: certificates.len() as u64,
            paused: self.control().interruption().is_some(),
            last_seen_at: self.ledger.last_seen().await?,
            is_clock_behind: self.seen_ahead(self.now()).await?.is_some(),
            clock_acceptances: self.ledger.clock_acceptances().await?,
            returned: self.ledger.last_look().await?,
            outbox: self.ledger.outbox_state().await?,
            requests: OpenRequests::of(&self.ledger.requests(false).await?, now),
        })
    }

    /// The newest plans. One that was begun had an approval, of a person or standing, and one that
    /// standing approvals cover is approved too.
    async fn newest_plans(&self) -> Result<Vec<PlanEntry>, AppError> {
        let mut plans = self.ledger.plans(PLANS_SHOWN).await?;
        let now = self.now();
        for entry in plans.iter_mut().filter(|entry| !entry.approved) {
            entry.approved = match entry.run_id {
                Some(_) => true,
                // A plan of another program's format cannot be judged, and not be applied either.
                None => match self.stored_plan(&entry.plan_id).await {
                    Ok((plan, _)) => self.approved(&plan, now).await.is_ok(),
                    Err(_) => false,
                },
            };
        }
        Ok(plans)
    }

    /// A stop switch that also heeds the pause file of the settings.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.settings.pause_file.as_deref().map(|path| self.settings.path(path)))
    }
}

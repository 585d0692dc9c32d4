//! A few figures of the ledger, for the monitoring and the status.
//!
//! Floor 7. It reads; it names nobody.

use super::{App, AppError};
use crate::hold::HoldRegister as _;
use crate::journal::JournalStore as _;
use crate::ledger::OutboxState;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use std::collections::BTreeMap;

/// What the ledger holds now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    pub open_runs: u64,
    /// Intended, and not known to be committed.
    pub batches_in_doubt: u64,
    pub holds_active: u64,
    /// Active holds whose review date has passed.
    pub holds_review_due: u64,
    pub requests_open: u64,
    /// Of the open requests, those after their last day.
    pub requests_late: u64,
    /// The nearest last day of an open request.
    pub nearest_deadline: Option<NaiveDate>,
    pub outbox: OutboxState,
    /// What each rule does with a record: `purge`, `anonymize` or `pseudonymize`.
    pub actions: BTreeMap<(String, String), &'static str>,
}

impl Figures {
    /// The end of the nearest last day.
    #[must_use]
    pub fn nearest_deadline_at(&self) -> Option<DateTime<Utc>> {
        Some(self.nearest_deadline?.succ_opt()?.and_time(NaiveTime::MIN).and_utc())
    }
}

impl App {
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn figures(&self) -> Result<Figures, AppError> {
        let now = self.now();
        let today = now.date_naive();
        let open_runs = self.ledger.open_runs().await?;
        let mut batches_in_doubt = 0;
        for run in &open_runs {
            let open = self.ledger.open_batches(&run.run_id).await?;
            let in_doubt = open.iter().filter(|batch| batch.state == crate::journal::BatchState::Intended);
            batches_in_doubt += in_doubt.count() as u64;
        }
        let holds = self.ledger.book().await?.holds;
        let review = |on: Option<NaiveDate>| on.is_some_and(|on| on <= today);
        // What was answered and waits for a duty to end has no deadline any more.
        let requests = self.ledger.requests(false).await?;
        let deadlines = requests.iter().filter(|request| request.days_left(now).is_some());
        let deadlines: Vec<NaiveDate> = deadlines.map(|request| request.due_on).collect();
        Ok(Figures {
            open_runs: open_runs.len() as u64,
            batches_in_doubt,
            holds_active: holds.len() as u64,
            holds_review_due: holds.iter().filter(|hold| review(hold.review_on)).count() as u64,
            requests_open: requests.len() as u64,
            requests_late: deadlines.iter().filter(|due_on| **due_on < today).count() as u64,
            nearest_deadline: deadlines.into_iter().min(),
            outbox: self.ledger.outbox_state().await?,
            actions: self.actions(),
        })
    }

    fn actions(&self) -> BTreeMap<(String, String), &'static str> {
        let targets = self.catalog.targets(self.now());
        targets
            .iter()
            .map(|target| {
                let name = (target.policy.name.clone(), target.rule.id.clone());
                (name, target.rule.disposition.word())
            })
            .collect()
    }
}

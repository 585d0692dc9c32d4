//! Helping with a run that another process on the same ledger leads.
//!
//! Floor 7. The run is looked at as by whoever resumes it: the same plan, the approvals that it had when it began, the
//! same documents and schemas. What differs is refused, and the leader does the work alone.

use super::stores::Acting;
use super::{App, AppError};
use crate::execution::{self, Control, HelpEnd, NoWitness, ProgressSink};
use crate::journal::{JournalError, JournalStore as _, RunState};
use crate::plan::world::Sources;
use crate::spans;

impl App {
    /// Whether a leader that is alive offers a part of its work.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn help_is_wanted(&self) -> Result<bool, AppError> {
        match self.ledger.help() {
            Some(offers) => Ok(offers.wanted().await?.is_some()),
            None => Ok(false),
        }
    }

    /// Helps with a run of which something is offered; `None` if there is none.
    ///
    /// # Errors
    /// [`AppError::NotAsBegun`] when this process would plan or approve the run otherwise than its leader; see
    /// [`AppError`] for the rest. Whatever was left open is settled by the leader.
    pub async fn help(
        &self,
        control: &Control,
        progress: &dyn ProgressSink,
    ) -> Result<Option<HelpEnd>, AppError> {
        let Some(offers) = self.ledger.help() else { return Ok(None) };
        let Some(run_id) = offers.wanted().await? else { return Ok(None) };
        self.guard_clock().await?;
        let run = self.current_run(&run_id).await?;
        if run.state != RunState::Running {
            return Ok(None);
        }
        spans::run_is(&run.plan_id, &run.run_id);
        let not_as_begun =
            |reason: AppError| AppError::NotAsBegun { run_id: run_id.clone(), reason: Box::new(reason) };
        let plan = self.plan_of(&run).await?;
        let approved = self.approved(&plan, run.started_at).await.map_err(not_as_begun)?;
        let plan = self.prepare(approved).await.map_err(not_as_begun)?;
        let key = self.run_key(&run)?;
        let right = match offers.join(&run_id).await {
            Err(JournalError::RunOver { .. }) => return Ok(None),
            joined => joined?,
        };
        let acting = Acting { run_id: &run_id, hash_key: *key.bytes(), helper: Some(right.helper) };
        let stores = match self.open_stores(&self.servers_among(plan.stores()), acting).await {
            Ok(stores) => stores,
            Err(error) => {
                offers.leave(&run_id, right.helper).await?;
                return Err(error);
            }
        };
        // Only rows of tables are offered: nobody is asked who keeps an object.
        let sources = Sources::new();
        let executor = self.executor(&stores, &sources, (control, progress), &NoWitness);
        Ok(Some(execution::help(&executor, &plan, &run, &key, &right).await?))
    }
}

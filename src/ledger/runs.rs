//! Runs: beginning them, bringing them forward, destroying their keys.
//!
//! Floor 6. The rules of [`crate::journal::JournalStore`] on runs, each in one transaction.

use super::rows::{run_of, run_state_name, run_state_of, signed, text_of, unsigned};
use super::statement::statement;
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::journal::{JournalError, RunRecord, RunState};
use connectors::failpoint;

/// Runs with all that a record has; the condition follows.
macro_rules! select_runs {
    ($condition:literal) => {
        concat!(
            "SELECT run_id, plan_id, plan_digest, certificate_id, state, started_at, intent_index,
                    reconciled, statement, run_key_sealed
             FROM run WHERE ",
            $condition
        )
    };
}

impl Ledger {
    pub(super) async fn insert_run(&self, run: &RunRecord) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        let existing = statement("SELECT run_id FROM run WHERE plan_id = $1 OR run_id = $2")
            .bind(&run.plan_id)
            .bind(&run.run_id)
            .optional(&mut work)
            .await?;
        if let Some(row) = existing {
            return Err(JournalError::RunExists { run_id: row.text("run_id")? });
        }
        statement(
            "INSERT INTO run (run_id, plan_id, plan_digest, certificate_id, state, started_at,
                              intent_index, reconciled, statement, run_key_sealed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&run.run_id)
        .bind(&run.plan_id)
        .bind(&run.plan_digest)
        .bind(&run.certificate_id)
        .bind(run_state_name(run.state))
        .bind(text_of(run.started_at))
        .bind(run.intent_index.map(signed).transpose()?)
        .bind(run.reconciled)
        .bind(run.statement.as_deref())
        .bind(run.run_key_sealed.as_deref())
        .execute(&mut work)
        .await?;
        Ok(work.commit().await?)
    }

    pub(super) async fn find_run(&self, run_id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let row = self.store.optional(statement(select_runs!("run_id = $1")).bind(run_id)).await?;
        row.as_ref().map(run_of).transpose()
    }

    pub(super) async fn find_run_of_plan(&self, plan_id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let row = self.store.optional(statement(select_runs!("plan_id = $1")).bind(plan_id)).await?;
        row.as_ref().map(run_of).transpose()
    }

    pub(super) async fn find_open_runs(&self) -> Result<Vec<RunRecord>, LedgerError> {
        let rows = self.store.all(statement(select_runs!("state <> 'certified' ORDER BY line"))).await?;
        rows.iter().map(run_of).collect()
    }

    pub(super) async fn bring_forward(&self, run: &RunRecord) -> Result<(), JournalError> {
        // A helper that settles a batch marks its run as reconciled.
        let stays = run.state == RunState::Running;
        let mut work = if stays { self.write_batches().await? } else { self.write_journal().await? };
        let row = statement(select_runs!("run_id = $1")).bind(&run.run_id).optional(&mut work).await?;
        let before = row.as_ref().map(run_of).transpose()?.ok_or_else(|| unknown(&run.run_id))?;
        if !may_become(&before, run) {
            return Err(JournalError::NotForward {
                run_id: run.run_id.clone(),
                from: before.state,
                to: run.state,
            });
        }
        if run.state != RunState::Running {
            refuse_open_batches(&mut work, &run.run_id).await?;
        }
        statement(
            "UPDATE run SET state = $1, intent_index = $2, reconciled = $3, statement = $4 WHERE run_id = $5",
        )
        .bind(run_state_name(run.state))
        .bind(run.intent_index.map(signed).transpose()?)
        .bind(run.reconciled || before.reconciled)
        .bind(run.statement.as_deref())
        .bind(&run.run_id)
        .execute(&mut work)
        .await?;
        Ok(work.commit().await?)
    }

    pub(super) async fn destroy_keys(&self, run_id: &str) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        if state_of_run(&mut work, run_id).await? != RunState::Certified {
            return Err(JournalError::NotCertified { run_id: run_id.to_owned() });
        }
        // The run's key first: without it the sealed keys of records are noise, whatever happens next.
        statement("UPDATE run SET run_key_sealed = NULL WHERE run_id = $1")
            .bind(run_id)
            .execute(&mut work)
            .await?;
        failpoint::hit("before-destroy");
        work.commit().await?;
        let mut work = self.write_journal().await?;
        statement("DELETE FROM batch_keys WHERE run_id = $1").bind(run_id).execute(&mut work).await?;
        if self.store.is_shared() {
            statement("DELETE FROM offer WHERE run_id = $1").bind(run_id).execute(&mut work).await?;
            statement("DELETE FROM helper WHERE run_id = $1").bind(run_id).execute(&mut work).await?;
        }
        work.commit().await?;
        failpoint::hit("after-destroy");
        self.store.forget().await?;
        // Only now is it known: a process that dies before this line does it again.
        let mut work = self.write_journal().await?;
        statement("UPDATE run SET keys_destroyed = 1 WHERE run_id = $1")
            .bind(run_id)
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }

    pub(super) async fn find_undestroyed_runs(&self) -> Result<Vec<String>, LedgerError> {
        let rows = self
            .store
            .all(statement(
                "SELECT run_id FROM run WHERE state = 'certified' AND keys_destroyed = 0 ORDER BY line",
            ))
            .await?;
        rows.iter().map(|row| row.text("run_id")).collect()
    }
}

/// The state of a run inside a transaction.
pub(super) async fn state_of_run(work: &mut Work, run_id: &str) -> Result<RunState, JournalError> {
    let row = statement("SELECT state FROM run WHERE run_id = $1").bind(run_id).optional(work).await?;
    let row = row.ok_or_else(|| unknown(run_id))?;
    Ok(run_state_of(&row.text("state")?)?)
}

fn unknown(run_id: &str) -> JournalError {
    JournalError::UnknownRun { run_id: run_id.to_owned() }
}

/// Forward or where it is; what was fixed stays.
fn may_become(before: &RunRecord, after: &RunRecord) -> bool {
    let forward = matches!(
        (before.state, after.state),
        (RunState::Running, RunState::Running | RunState::Certifying)
            | (RunState::Certifying, RunState::Certifying | RunState::Certified)
            | (RunState::Certified, RunState::Certified)
    );
    let statement_stays = before.statement.is_none() || before.statement == after.statement;
    let intent_stays = before.intent_index.is_none() || before.intent_index == after.intent_index;
    let same_run = before.plan_id == after.plan_id
        && before.plan_digest == after.plan_digest
        && before.certificate_id == after.certificate_id
        && before.started_at == after.started_at;
    forward && statement_stays && intent_stays && same_run
}

async fn refuse_open_batches(work: &mut Work, run_id: &str) -> Result<(), JournalError> {
    let row = statement(
        "SELECT count(*) AS number FROM batch WHERE run_id = $1 AND state IN ('intended', 'acted')",
    )
    .bind(run_id)
    .one(work)
    .await?;
    match unsigned(row.number("number")?)? {
        0 => Ok(()),
        open => Err(JournalError::BatchesOpen { run_id: run_id.to_owned(), open }),
    }
}

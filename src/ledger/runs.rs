//! Runs: beginning them, bringing them forward, destroying their keys.
//!
//! Floor 6. The rules of [`crate::journal::JournalStore`] on runs, each in one transaction.

use super::rows::{run_of, run_state_name, run_state_of, signed, text_of, unsigned};
use super::{LedgerError, SqliteLedger, Work};
use crate::journal::{JournalError, RunRecord, RunState};
use connectors::failpoint;
use sqlx::Row;

impl SqliteLedger {
    pub(super) async fn insert_run(&self, run: &RunRecord) -> Result<(), JournalError> {
        let mut work = self.write().await?;
        let existing = sqlx::query("SELECT run_id FROM run WHERE plan_id = ? OR run_id = ?")
            .bind(&run.plan_id)
            .bind(&run.run_id)
            .fetch_optional(&mut *work)
            .await?;
        if let Some(row) = existing {
            return Err(JournalError::RunExists { run_id: row.try_get(0)? });
        }
        sqlx::query(
            "INSERT INTO run (run_id, plan_id, plan_digest, certificate_id, state, started_at,
                              intent_index, reconciled, statement, run_key_sealed)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&run.run_id)
        .bind(&run.plan_id)
        .bind(&run.plan_digest)
        .bind(&run.certificate_id)
        .bind(run_state_name(run.state))
        .bind(text_of(run.started_at))
        .bind(run.intent_index.map(signed).transpose()?)
        .bind(run.reconciled)
        .bind(&run.statement)
        .bind(&run.run_key_sealed)
        .execute(&mut *work)
        .await?;
        Ok(work.commit().await?)
    }

    pub(super) async fn find_run(&self, run_id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let row = sqlx::query("SELECT * FROM run WHERE run_id = ?")
            .bind(run_id)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(run_of).transpose()
    }

    pub(super) async fn find_run_of_plan(&self, plan_id: &str) -> Result<Option<RunRecord>, LedgerError> {
        let row = sqlx::query("SELECT * FROM run WHERE plan_id = ?")
            .bind(plan_id)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(run_of).transpose()
    }

    pub(super) async fn find_open_runs(&self) -> Result<Vec<RunRecord>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM run WHERE state <> 'certified' ORDER BY line")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(run_of).collect()
    }

    pub(super) async fn bring_forward(&self, run: &RunRecord) -> Result<(), JournalError> {
        let mut work = self.write().await?;
        let row = sqlx::query("SELECT * FROM run WHERE run_id = ?")
            .bind(&run.run_id)
            .fetch_optional(&mut *work)
            .await?;
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
        sqlx::query(
            "UPDATE run SET state = ?, intent_index = ?, reconciled = ?, statement = ? WHERE run_id = ?",
        )
        .bind(run_state_name(run.state))
        .bind(run.intent_index.map(signed).transpose()?)
        .bind(run.reconciled || before.reconciled)
        .bind(&run.statement)
        .bind(&run.run_id)
        .execute(&mut *work)
        .await?;
        Ok(work.commit().await?)
    }

    pub(super) async fn destroy_keys(&self, run_id: &str) -> Result<(), JournalError> {
        let mut work = self.write().await?;
        if state_of_run(&mut work, run_id).await? != RunState::Certified {
            return Err(JournalError::NotCertified { run_id: run_id.to_owned() });
        }
        sqlx::query("DELETE FROM batch_keys WHERE run_id = ?").bind(run_id).execute(&mut *work).await?;
        sqlx::query("UPDATE run SET run_key_sealed = NULL WHERE run_id = ?")
            .bind(run_id)
            .execute(&mut *work)
            .await?;
        failpoint::hit("before-destroy");
        work.commit().await?;
        failpoint::hit("after-destroy");
        self.empty_log().await?;
        // Only now is it known: a process that dies before this line does it again.
        let mut work = self.write().await?;
        sqlx::query("UPDATE run SET keys_destroyed = 1 WHERE run_id = ?")
            .bind(run_id)
            .execute(&mut *work)
            .await?;
        Ok(work.commit().await?)
    }

    pub(super) async fn find_undestroyed_runs(&self) -> Result<Vec<String>, LedgerError> {
        let rows = sqlx::query(
            "SELECT run_id FROM run WHERE state = 'certified' AND keys_destroyed = 0 ORDER BY line",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Moves the write-ahead log into the database and cuts it to nothing, because it still has the
    /// pages as they were. `secure_delete` has zeroed them in the database.
    async fn empty_log(&self) -> Result<(), LedgerError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await?;
        // The first column is 1 when somebody was still reading the old pages.
        if row.try_get::<i64, _>(0)? == 0 { Ok(()) } else { Err(LedgerError::Locked) }
    }
}

/// The state of a run inside a transaction.
pub(super) async fn state_of_run(work: &mut Work, run_id: &str) -> Result<RunState, JournalError> {
    let row = sqlx::query("SELECT state FROM run WHERE run_id = ?")
        .bind(run_id)
        .fetch_optional(&mut **work)
        .await?;
    let row = row.ok_or_else(|| unknown(run_id))?;
    Ok(run_state_of(row.try_get(0)?)?)
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
    let row = sqlx::query("SELECT count(*) FROM batch WHERE run_id = ? AND state IN ('intended', 'acted')")
        .bind(run_id)
        .fetch_one(&mut **work)
        .await?;
    match unsigned(row.try_get(0)?)? {
        0 => Ok(()),
        open => Err(JournalError::BatchesOpen { run_id: run_id.to_owned(), open }),
    }
}

//! The journal: lines that are only ever added, and what they say of each batch.
//!
//! Floor 6. Every transition is checked against [`state::next`] in the transaction that writes it.

use super::rows::{
    batch_of, batch_state_name, batch_state_of, json_of, signed, text_of, transition_name, unsigned,
};
use super::runs::state_of_run;
use super::statement::statement;
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::journal::{
    BatchId, BatchRecord, BatchState, HelpStore, JournalEntry, JournalError, JournalStore, RunLease,
    RunRecord, RunState, Transition, batch_numbers, state,
};
use async_trait::async_trait;

/// Batches with their sealed keys; the condition follows.
macro_rules! select_batches {
    ($condition:literal) => {
        concat!(
            "SELECT run_id, item, part, batch, attempt, state, dataset, counts, kept, hold_revision, at,
                reconciled,
                (SELECT sealed FROM batch_keys AS k WHERE k.run_id = batch.run_id AND k.item = batch.item
                    AND k.part = batch.part AND k.batch = batch.batch AND k.kind = 'intended') AS intended,
                (SELECT sealed FROM batch_keys AS k WHERE k.run_id = batch.run_id AND k.item = batch.item
                    AND k.part = batch.part AND k.batch = batch.batch AND k.kind = 'outcome') AS outcome
             FROM batch WHERE ",
            $condition
        )
    };
}

#[async_trait]
impl JournalStore for Ledger {
    async fn acquire(&self, scope: &str) -> Result<Box<dyn RunLease>, JournalError> {
        self.store.acquire(scope).await
    }

    async fn begin_run(&self, run: &RunRecord) -> Result<(), JournalError> {
        self.insert_run(run).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>, JournalError> {
        Ok(self.find_run(run_id).await?)
    }

    async fn run_of_plan(&self, plan_id: &str) -> Result<Option<RunRecord>, JournalError> {
        Ok(self.find_run_of_plan(plan_id).await?)
    }

    async fn open_runs(&self) -> Result<Vec<RunRecord>, JournalError> {
        Ok(self.find_open_runs().await?)
    }

    async fn update_run(&self, run: &RunRecord) -> Result<(), JournalError> {
        self.bring_forward(run).await
    }

    async fn append_all(&self, entries: &[JournalEntry]) -> Result<(), JournalError> {
        let mut work = self.write_batches().await?;
        for entry in entries {
            append(&mut work, entry).await?;
        }
        Ok(work.commit().await?)
    }

    async fn batches(
        &self,
        run_id: &str,
        after: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<BatchRecord>, JournalError> {
        let after =
            after.map_or((-1, -1, -1), |id| (i64::from(id.item), i64::from(id.part), i64::from(id.batch)));
        let rows = self
            .store
            .all(
                statement(select_batches!(
                    "run_id = $1 AND (item, part, batch) > ($2, $3, $4)
                     ORDER BY item, part, batch LIMIT $5"
                ))
                .bind(run_id)
                .bind(after.0)
                .bind(after.1)
                .bind(after.2)
                .bind(limit),
            )
            .await?;
        Ok(rows.iter().map(batch_of).collect::<Result<_, LedgerError>>()?)
    }

    async fn open_batches(&self, run_id: &str) -> Result<Vec<BatchRecord>, JournalError> {
        let rows = self
            .store
            .all(
                statement(select_batches!(
                    "run_id = $1 AND state IN ('intended', 'acted') ORDER BY item, part, batch"
                ))
                .bind(run_id),
            )
            .await?;
        Ok(rows.iter().map(batch_of).collect::<Result<_, LedgerError>>()?)
    }

    async fn last_proven(
        &self,
        run_id: &str,
        item: u32,
        part: u32,
    ) -> Result<Option<BatchRecord>, JournalError> {
        let row = self
            .store
            .optional(
                statement(select_batches!(
                    "run_id = $1 AND item = $2 AND part = $3 AND state = 'proven' ORDER BY batch DESC LIMIT 1"
                ))
                .bind(run_id)
                .bind(item)
                .bind(part),
            )
            .await?;
        Ok(row.as_ref().map(batch_of).transpose()?)
    }

    async fn next_batch(&self, run_id: &str, item: u32, part: u32) -> Result<u32, JournalError> {
        let mut work = self.store.read().await?;
        next_number(&mut work, run_id, item, part).await
    }

    fn help(&self) -> Option<&dyn HelpStore> {
        self.store.is_shared().then_some(self)
    }

    async fn destroy_sealed(&self, run_id: &str) -> Result<(), JournalError> {
        self.destroy_keys(run_id).await
    }

    async fn undestroyed_runs(&self) -> Result<Vec<String>, JournalError> {
        Ok(self.find_undestroyed_runs().await?)
    }
}

/// One line and what follows from it, inside the caller's transaction.
async fn append(work: &mut Work, entry: &JournalEntry) -> Result<(), JournalError> {
    let not_allowed = || JournalError::NotAllowed { transition: entry.transition };
    if state_of_run(work, &entry.id.run_id).await? != RunState::Running {
        return Err(not_allowed());
    }
    let before = state_of_batch(work, &entry.id).await?;
    let after = state::next(before, entry.transition).ok_or_else(not_allowed)?;
    if entry.transition == Transition::Intend {
        compare_holds(work, entry.hold_revision).await?;
        let BatchId { run_id, item, part, batch } = &entry.id;
        if next_number(work, run_id, *item, *part).await? != *batch {
            return Err(not_allowed());
        }
    }
    insert_line(work, entry).await?;
    put_batch(work, entry, after).await?;
    put_keys(work, entry).await?;
    if entry.transition == Transition::Settle {
        statement("UPDATE run SET reconciled = 1 WHERE run_id = $1")
            .bind(&entry.id.run_id)
            .execute(work)
            .await?;
    }
    Ok(())
}

/// In the transaction of the intent: a hold is either before it, or after it and sees it.
async fn compare_holds(work: &mut Work, revision: u64) -> Result<(), JournalError> {
    let row = statement("SELECT revision FROM hold_register WHERE one = 1").one(work).await?;
    if unsigned(row.number("revision")?)? == revision { Ok(()) } else { Err(JournalError::HoldsChanged) }
}

async fn state_of_batch(work: &mut Work, id: &BatchId) -> Result<Option<BatchState>, LedgerError> {
    let row =
        statement("SELECT state FROM batch WHERE run_id = $1 AND item = $2 AND part = $3 AND batch = $4")
            .bind(&id.run_id)
            .bind(id.item)
            .bind(id.part)
            .bind(id.batch)
            .optional(work)
            .await?;
    row.map(|row| batch_state_of(&row.text("state")?)).transpose()
}

async fn next_number(work: &mut Work, run_id: &str, item: u32, part: u32) -> Result<u32, JournalError> {
    let numbers = batch_numbers(part);
    let row = statement(
        "SELECT coalesce(max(batch) + 1, $3) AS number FROM batch
         WHERE run_id = $1 AND item = $2 AND batch >= $3 AND batch <= $4",
    )
    .bind(run_id)
    .bind(item)
    .bind(*numbers.start())
    .bind(*numbers.end())
    .one(work)
    .await?;
    let number = u32::try_from(row.number("number")?).ok().filter(|number| numbers.contains(number));
    Ok(number.ok_or_else(|| LedgerError::failed("an item has too many batches"))?)
}

async fn insert_line(work: &mut Work, entry: &JournalEntry) -> Result<(), LedgerError> {
    statement(
        "INSERT INTO journal (run_id, item, part, batch, attempt, transition, dataset, counts, kept,
                              hold_revision, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&entry.id.run_id)
    .bind(entry.id.item)
    .bind(entry.id.part)
    .bind(entry.id.batch)
    .bind(entry.attempt)
    .bind(transition_name(entry.transition))
    .bind(&entry.dataset)
    .bind(json_of(&entry.counts)?)
    .bind(json_of(&entry.kept)?)
    .bind(signed(entry.hold_revision)?)
    .bind(text_of(entry.at))
    .execute(work)
    .await?;
    Ok(())
}

async fn put_batch(work: &mut Work, entry: &JournalEntry, state: BatchState) -> Result<(), LedgerError> {
    // The hold revision of a batch is that of its intent: it says which holds it was built under.
    statement(
        "INSERT INTO batch (run_id, item, part, batch, attempt, state, dataset, counts, kept,
                            hold_revision, at, reconciled)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (run_id, item, part, batch) DO UPDATE SET
            attempt = excluded.attempt, state = excluded.state, dataset = excluded.dataset,
            counts = excluded.counts, kept = excluded.kept, at = excluded.at,
            reconciled = CASE WHEN excluded.reconciled = 1 THEN 1 ELSE batch.reconciled END",
    )
    .bind(&entry.id.run_id)
    .bind(entry.id.item)
    .bind(entry.id.part)
    .bind(entry.id.batch)
    .bind(entry.attempt)
    .bind(batch_state_name(state))
    .bind(&entry.dataset)
    .bind(json_of(&entry.counts)?)
    .bind(json_of(&entry.kept)?)
    .bind(signed(entry.hold_revision)?)
    .bind(text_of(entry.at))
    .bind(entry.transition == Transition::Settle)
    .execute(work)
    .await?;
    Ok(())
}

/// Sealed keys of an intent, and of the last outcome after it.
async fn put_keys(work: &mut Work, entry: &JournalEntry) -> Result<(), LedgerError> {
    let Some(sealed) = &entry.sealed else { return Ok(()) };
    let kind = if entry.transition == Transition::Intend { "intended" } else { "outcome" };
    statement(
        "INSERT INTO batch_keys (run_id, item, part, batch, kind, sealed) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (run_id, item, part, batch, kind) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind(&entry.id.run_id)
    .bind(entry.id.item)
    .bind(entry.id.part)
    .bind(entry.id.batch)
    .bind(kind)
    .bind(&sealed.0)
    .execute(work)
    .await?;
    Ok(())
}

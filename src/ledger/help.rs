//! Offers of ranges to other processes, and who takes them: only where the ledger is on a server.
//!
//! Floor 6. Every call writes under the lock of the ledger and after a look at the caller's own right, as the
//! journal does. The right of a helper is a lease of its own; it is taken away by deleting the lease, after which
//! its token is nobody's.

use super::rows::{signed, small, unsigned};
use super::runs::state_of_run;
use super::statement::{Row, statement};
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::journal::{
    Answer, HELPERS_MAX, HelpStore, HelperLease, JournalError, JournalStore as _, News, Offer, RunState,
    Sealed,
};
use async_trait::async_trait;

/// How the scopes of helpers' leases begin.
pub(super) const HELP: &str = "help/";

/// The lease of a helper, by run and number.
fn scope_of(run_id: &str, helper: u32) -> String {
    format!("{HELP}{run_id}/{helper}")
}

#[async_trait]
impl HelpStore for Ledger {
    async fn exchange(
        &self,
        run_id: &str,
        item: u32,
        offers: &[Offer],
        withdraw: bool,
    ) -> Result<News, JournalError> {
        let mut work = self.write_journal().await?;
        for offer in offers {
            insert(&mut work, run_id, offer).await?;
        }
        let mut news = News { answers: ended(&mut work, run_id, item).await?, ..News::default() };
        if withdraw {
            news.answers.extend(withdrawn(&mut work, run_id, item).await?);
        }
        (news.open, news.taken) = under_way(&mut work, run_id, item).await?;
        news.lost = lost(&mut work, run_id, item).await?;
        work.commit().await?;
        Ok(news)
    }

    async fn helpers(&self, run_id: &str) -> Result<Vec<u32>, JournalError> {
        let rows = self
            .store
            .all(
                statement("SELECT helper FROM helper WHERE run_id = $1 AND state <> 'left' ORDER BY helper")
                    .bind(run_id),
            )
            .await?;
        Ok(rows.iter().map(|row| small(row.number("helper")?)).collect::<Result<_, _>>()?)
    }

    async fn dismiss(&self, run_id: &str, helper: u32) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        statement("UPDATE helper SET state = 'dismissed' WHERE run_id = $1 AND helper = $2")
            .bind(run_id)
            .bind(helper)
            .execute(&mut work)
            .await?;
        statement("DELETE FROM lease WHERE scope = $1")
            .bind(scope_of(run_id, helper))
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }

    async fn cleared(&self, run_id: &str, helper: u32, item: u32) -> Result<Vec<u64>, JournalError> {
        let mut work = self.write_journal().await?;
        let rows = statement(
            "DELETE FROM offer WHERE run_id = $1 AND helper = $2 AND item = $3 AND state = 'taken' RETURNING number",
        )
        .bind(run_id)
        .bind(helper)
        .bind(item)
        .all(&mut work)
        .await?;
        set_left(&mut work, run_id, helper).await?;
        let numbers = rows.iter().map(|row| unsigned(row.number("number")?)).collect::<Result<_, _>>()?;
        work.commit().await?;
        Ok(numbers)
    }

    async fn forget_offers(&self, run_id: &str) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        statement("DELETE FROM offer WHERE run_id = $1").bind(run_id).execute(&mut work).await?;
        Ok(work.commit().await?)
    }

    async fn wanted(&self) -> Result<Option<String>, JournalError> {
        let row = self
            .store
            .optional(statement(
                "SELECT run_id FROM offer WHERE state = 'open' AND EXISTS (
                    SELECT 1 FROM lease WHERE scope = 'any' AND token = offer.leader
                        AND expires_at > clock_timestamp())
                 ORDER BY run_id LIMIT 1",
            ))
            .await?;
        Ok(row.map(|row| row.text("run_id")).transpose()?)
    }

    async fn join(&self, run_id: &str) -> Result<HelperLease, JournalError> {
        let mut work = self.store.write().await?;
        if state_of_run(&mut work, run_id).await? != RunState::Running {
            return Err(JournalError::RunOver { run_id: run_id.to_owned() });
        }
        // Whoever lost one of these may not write any more, whether its row is there or not.
        statement(
            "DELETE FROM lease WHERE scope LIKE 'help/%' AND expires_at < clock_timestamp() - INTERVAL '1 hour'",
        )
        .execute(&mut work)
        .await?;
        let row = statement(
            "INSERT INTO helper (run_id, helper, state)
             SELECT $1, coalesce(max(helper) + 1, 0), 'joined' FROM helper WHERE run_id = $1 RETURNING helper",
        )
        .bind(run_id)
        .one(&mut work)
        .await?;
        let helper = small(row.number("helper")?)?;
        if helper >= HELPERS_MAX {
            return Err(JournalError::RunOver { run_id: run_id.to_owned() });
        }
        work.commit().await?;
        let lease = self.acquire(&scope_of(run_id, helper)).await?;
        Ok(HelperLease { helper, lease })
    }

    async fn take(&self, run_id: &str, helper: u32) -> Result<Option<Offer>, JournalError> {
        let mut work = self.write_batches().await?;
        let row = statement(
            "UPDATE offer SET state = 'taken', helper = $2, taken_at = clock_timestamp()
             WHERE run_id = $1 AND (item, number) = (
                SELECT item, number FROM offer WHERE run_id = $1 AND state = 'open' AND EXISTS (
                    SELECT 1 FROM lease WHERE scope = 'any' AND token = offer.leader
                        AND expires_at > clock_timestamp())
                ORDER BY item, number LIMIT 1)
             AND EXISTS (SELECT 1 FROM helper WHERE run_id = $1 AND helper = $2 AND state = 'joined')
             AND EXISTS (SELECT 1 FROM run WHERE run_id = $1 AND state = 'running')
             RETURNING item, number, sealed",
        )
        .bind(run_id)
        .bind(helper)
        .optional(&mut work)
        .await?;
        let offer = row.as_ref().map(offer_of).transpose()?;
        work.commit().await?;
        Ok(offer)
    }

    async fn answer(
        &self,
        run_id: &str,
        helper: u32,
        (item, number): (u32, u64),
        answer: Answer,
    ) -> Result<(), JournalError> {
        let (state, disposed) = match answer {
            Answer::Done { disposed } => ("done", disposed),
            Answer::Returned | Answer::Withdrawn => ("returned", 0),
        };
        let mut work = self.write_batches().await?;
        let done = statement(
            "UPDATE offer SET state = $5, disposed = $6
             WHERE run_id = $1 AND helper = $2 AND item = $3 AND number = $4 AND state = 'taken'",
        )
        .bind(run_id)
        .bind(helper)
        .bind(item)
        .bind(signed(number)?)
        .bind(state)
        .bind(signed(disposed)?)
        .execute(&mut work)
        .await?;
        if done != 1 {
            return Err(LedgerError::failed("an offer was answered that was not taken").into());
        }
        Ok(work.commit().await?)
    }

    async fn leave(&self, run_id: &str, helper: u32) -> Result<(), JournalError> {
        let mut work = self.write_batches().await?;
        set_left(&mut work, run_id, helper).await?;
        Ok(work.commit().await?)
    }
}

async fn insert(work: &mut Work, run_id: &str, offer: &Offer) -> Result<(), LedgerError> {
    let inserted = statement(
        "INSERT INTO offer (run_id, item, number, state, sealed, leader)
         SELECT $1, $2, $3, 'open', $4, token FROM lease WHERE scope = 'any'",
    )
    .bind(run_id)
    .bind(offer.item)
    .bind(signed(offer.number)?)
    .bind(&offer.range.0)
    .execute(work)
    .await?;
    if inserted == 1 { Ok(()) } else { Err(LedgerError::failed("nobody has the right to offer anything")) }
}

/// Takes away what was answered.
async fn ended(work: &mut Work, run_id: &str, item: u32) -> Result<Vec<(u64, Answer)>, LedgerError> {
    let rows = statement(
        "DELETE FROM offer WHERE run_id = $1 AND item = $2 AND state IN ('done', 'returned')
         RETURNING number, state, disposed",
    )
    .bind(run_id)
    .bind(item)
    .all(work)
    .await?;
    let answer = |row: &Row| {
        let disposed = unsigned(row.number("disposed")?)?;
        let answer = if row.text("state")? == "done" { Answer::Done { disposed } } else { Answer::Returned };
        Ok((unsigned(row.number("number")?)?, answer))
    };
    rows.iter().map(answer).collect()
}

async fn withdrawn(work: &mut Work, run_id: &str, item: u32) -> Result<Vec<(u64, Answer)>, LedgerError> {
    let rows =
        statement("DELETE FROM offer WHERE run_id = $1 AND item = $2 AND state = 'open' RETURNING number")
            .bind(run_id)
            .bind(item)
            .all(work)
            .await?;
    rows.iter().map(|row| Ok((unsigned(row.number("number")?)?, Answer::Withdrawn))).collect()
}

/// How many offers nobody took, and how many somebody did.
async fn under_way(work: &mut Work, run_id: &str, item: u32) -> Result<(u32, u32), LedgerError> {
    let row = statement(
        "SELECT coalesce(sum(CASE state WHEN 'open' THEN 1 ELSE 0 END), 0) AS open,
                coalesce(sum(CASE state WHEN 'taken' THEN 1 ELSE 0 END), 0) AS taken
         FROM offer WHERE run_id = $1 AND item = $2",
    )
    .bind(run_id)
    .bind(item)
    .one(work)
    .await?;
    Ok((small(row.number("open")?)?, small(row.number("taken")?)?))
}

/// Helpers that have something and may not write any more, or have had it for longer than any statement may take: one
/// that is cut off from the store alone still renews its right.
async fn lost(work: &mut Work, run_id: &str, item: u32) -> Result<Vec<u32>, LedgerError> {
    let rows = statement(
        "SELECT DISTINCT helper FROM offer WHERE run_id = $1 AND item = $2 AND state = 'taken'
            AND (taken_at < clock_timestamp() - INTERVAL '10 minutes' OR NOT EXISTS (
                SELECT 1 FROM lease WHERE scope = 'help/' || $1 || '/' || offer.helper
                    AND expires_at > clock_timestamp()))
         ORDER BY helper",
    )
    .bind(run_id)
    .bind(item)
    .all(work)
    .await?;
    rows.iter().map(|row| small(row.number("helper")?)).collect()
}

async fn set_left(work: &mut Work, run_id: &str, helper: u32) -> Result<(), LedgerError> {
    statement("UPDATE helper SET state = 'left' WHERE run_id = $1 AND helper = $2")
        .bind(run_id)
        .bind(helper)
        .execute(work)
        .await?;
    Ok(())
}

fn offer_of(row: &Row) -> Result<Offer, LedgerError> {
    let range = row.optional_bytes("sealed")?.ok_or(LedgerError::Damaged)?;
    Ok(Offer {
        item: small(row.number("item")?)?,
        number: unsigned(row.number("number")?)?,
        range: Sealed(range),
    })
}

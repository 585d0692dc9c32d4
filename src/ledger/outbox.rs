//! The outbox: notices that are to reach receivers, although those may be away for a while.
//!
//! Floor 6. It keeps what was posted until every receiver has it or is given up, and does not post the
//! same again within a time. A notice is delivered at least once, under an id that stays the same. It
//! does not know what a notice says, nor how it is sent.

use super::rows::{instant_of, text_of, unsigned};
use super::statement::{Row, statement};
use super::{Ledger, LedgerError};
use crate::digest::Digest32;
use chrono::{DateTime, Utc};

/// Of an error, this much is kept.
const REASON_CHARACTERS_MAX: usize = 500;

/// A notice to post.
#[derive(Debug, Clone, Copy)]
pub struct NewNotice<'a> {
    pub notice_id: &'a str,
    /// Equal for notices of the same thing.
    pub sameness: &'a Digest32,
    pub raised_at: DateTime<Utc>,
    /// JSON with codes, names and counts; nothing personal.
    pub value: &'a str,
    /// Names of the receivers.
    pub targets: &'a [String],
}

/// One notice on its way to one receiver; claimed by whoever was given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub notice_id: String,
    pub target: String,
    pub raised_at: DateTime<Utc>,
    pub value: String,
    /// Attempts begun, with this one.
    pub attempts: u32,
}

/// What the outbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxState {
    pub waiting: u64,
    pub given_up: u64,
    /// Of those that wait.
    pub oldest_raised_at: Option<DateTime<Utc>>,
}

impl Ledger {
    /// Posts a notice to each of its receivers, unless the same thing was posted since `quiet_since`.
    /// Whether it was posted.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn post_notice(
        &self,
        notice: &NewNotice<'_>,
        quiet_since: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        let mut work = self.store.write().await?;
        // One from the future, by a clock that was ahead, keeps nobody quiet until then.
        let same = statement(
            "SELECT line FROM outbox
             WHERE sameness = $1 AND raised_at > $2 AND raised_at <= $3 LIMIT 1",
        )
        .bind(notice.sameness.hex())
        .bind(text_of(quiet_since))
        .bind(text_of(notice.raised_at))
        .optional(&mut work)
        .await?;
        if same.is_some() {
            return Ok(false);
        }
        let raised_at = text_of(notice.raised_at);
        statement("INSERT INTO outbox (notice_id, sameness, raised_at, value) VALUES ($1, $2, $3, $4)")
            .bind(notice.notice_id)
            .bind(notice.sameness.hex())
            .bind(&raised_at)
            .bind(notice.value)
            .execute(&mut work)
            .await?;
        for target in notice.targets {
            statement(
                "INSERT INTO outbox_delivery (notice_id, target, state, attempts, next_at)
                 VALUES ($1, $2, 'waiting', 0, $3)",
            )
            .bind(notice.notice_id)
            .bind(target)
            .bind(&raised_at)
            .execute(&mut work)
            .await?;
        }
        work.commit().await?;
        Ok(true)
    }

    /// Deliveries that are due at `now`, the longest waiting first, at most `limit`. They are claimed: nobody
    /// is given them again before `claimed_until`, by which the caller says how each went, or died.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn claim_deliveries(
        &self,
        now: DateTime<Utc>,
        claimed_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Delivery>, LedgerError> {
        let due = || {
            statement(
                "SELECT d.notice_id, d.target, d.attempts, n.raised_at, n.value
                 FROM outbox_delivery d JOIN outbox n ON n.notice_id = d.notice_id
                 WHERE d.state = 'waiting' AND d.next_at <= $1
                 ORDER BY d.next_at, n.line, d.target LIMIT $2",
            )
            .bind(text_of(now))
            .bind(limit)
        };
        // Most times nothing is due, and then nothing is locked.
        if self.store.all(due()).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut work = self.store.write().await?;
        let rows = due().all(&mut work).await?;
        let deliveries = rows.iter().map(delivery_of).collect::<Result<Vec<_>, _>>()?;
        for delivery in &deliveries {
            statement(
                "UPDATE outbox_delivery SET attempts = $1, next_at = $2
                 WHERE notice_id = $3 AND target = $4",
            )
            .bind(delivery.attempts)
            .bind(text_of(claimed_until))
            .bind(&delivery.notice_id)
            .bind(&delivery.target)
            .execute(&mut work)
            .await?;
        }
        work.commit().await?;
        Ok(deliveries)
    }

    /// The receiver has it.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn delivered(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        self.end_delivery(delivery, "delivered", None).await
    }

    /// The receiver will not have it: no further attempt is made.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn give_delivery_up(&self, delivery: &Delivery, reason: &str) -> Result<(), LedgerError> {
        self.end_delivery(delivery, "given_up", Some(reason)).await
    }

    /// The attempt failed; the next may begin at `next_at`.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn retry_delivery(
        &self,
        delivery: &Delivery,
        next_at: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "UPDATE outbox_delivery SET next_at = $1, reason = $2
             WHERE notice_id = $3 AND target = $4 AND state = 'waiting'",
        )
        .bind(text_of(next_at))
        .bind(shortened(reason))
        .bind(&delivery.notice_id)
        .bind(&delivery.target)
        .execute(&mut work)
        .await?;
        work.commit().await
    }

    async fn end_delivery(
        &self,
        delivery: &Delivery,
        state: &'static str,
        reason: Option<&str>,
    ) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "UPDATE outbox_delivery SET state = $1, reason = $2
             WHERE notice_id = $3 AND target = $4 AND state = 'waiting'",
        )
        .bind(state)
        .bind(reason.map(shortened))
        .bind(&delivery.notice_id)
        .bind(&delivery.target)
        .execute(&mut work)
        .await?;
        work.commit().await
    }

    /// # Errors
    /// When the ledger cannot be read.
    pub async fn outbox_state(&self) -> Result<OutboxState, LedgerError> {
        let row = statement(
            "SELECT COUNT(CASE WHEN d.state = 'waiting' THEN 1 END) AS waiting,
                    COUNT(CASE WHEN d.state = 'given_up' THEN 1 END) AS given_up,
                    MIN(CASE WHEN d.state = 'waiting' THEN n.raised_at END) AS oldest
             FROM outbox_delivery d JOIN outbox n ON n.notice_id = d.notice_id",
        );
        let row = self.store.one(row).await?;
        Ok(OutboxState {
            waiting: unsigned(row.number("waiting")?)?,
            given_up: unsigned(row.number("given_up")?)?,
            oldest_raised_at: row.optional_text("oldest")?.as_deref().map(instant_of).transpose()?,
        })
    }

    /// Removes notices that arose before `before` and wait for nobody; how many.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn trim_notices(&self, before: DateTime<Utc>) -> Result<u64, LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "DELETE FROM outbox_delivery WHERE state <> 'waiting' AND notice_id IN (
                 SELECT notice_id FROM outbox WHERE raised_at < $1)",
        )
        .bind(text_of(before))
        .execute(&mut work)
        .await?;
        let removed = statement(
            "DELETE FROM outbox WHERE raised_at < $1
             AND notice_id NOT IN (SELECT notice_id FROM outbox_delivery)",
        )
        .bind(text_of(before))
        .execute(&mut work)
        .await?;
        work.commit().await?;
        Ok(removed)
    }
}

fn delivery_of(row: &Row) -> Result<Delivery, LedgerError> {
    let attempts = u32::try_from(row.number("attempts")?).map_err(|_| LedgerError::Damaged)?;
    Ok(Delivery {
        notice_id: row.text("notice_id")?,
        target: row.text("target")?,
        raised_at: instant_of(&row.text("raised_at")?)?,
        value: row.text("value")?,
        attempts: attempts.saturating_add(1),
    })
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARACTERS_MAX).collect()
}

#[cfg(test)]
pub(in crate::ledger) mod tests;

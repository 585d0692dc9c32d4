//! What was done about each schedule, what plans found due, and the last scan.
//!
//! Floor 6. Only the process that has the right to act writes here: see [`Ledger::write_journal`].

use super::rows::{instant_of, signed, text_of, unsigned};
use super::statement::{Row, statement};
use super::{Ledger, LedgerError};
use crate::journal::JournalError;
use crate::schedule::store::{DueCounts, ScheduleOutcome, ScheduleRecord, ScheduleStore, ScheduleStoreError};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Scans kept.
const SCANS_KEPT: i64 = 100;

impl From<JournalError> for ScheduleStoreError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Busy { .. } | JournalError::LeaseLost { .. } => Self::NotOurs,
            JournalError::Full => Self::Full,
            JournalError::Failed { reason } => Self::Failed { reason },
            other => Self::Failed { reason: other.to_string() },
        }
    }
}

impl From<LedgerError> for ScheduleStoreError {
    fn from(error: LedgerError) -> Self {
        JournalError::from(error).into()
    }
}

#[async_trait]
impl ScheduleStore for Ledger {
    async fn schedules(&self) -> Result<Vec<ScheduleRecord>, ScheduleStoreError> {
        let all = statement(
            "SELECT schedule, handled_at, due_at, until, attempts, retry_at, last_began_at, last_ended_at,
                    last_outcome, last_success_at, last_plan_id, last_certificate_id
             FROM schedule ORDER BY schedule",
        );
        let rows = self.store.all(all).await?;
        Ok(rows.iter().map(record_of).collect::<Result<_, _>>()?)
    }

    async fn put_schedule(&self, record: &ScheduleRecord) -> Result<(), ScheduleStoreError> {
        let instant = |at: Option<DateTime<Utc>>| at.map(text_of);
        let mut work = self.write_journal().await?;
        statement(
            "INSERT INTO schedule (schedule, handled_at, due_at, until, attempts, retry_at, last_began_at,
                    last_ended_at, last_outcome, last_success_at, last_plan_id, last_certificate_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (schedule) DO UPDATE SET
                handled_at = excluded.handled_at, due_at = excluded.due_at, until = excluded.until,
                attempts = excluded.attempts, retry_at = excluded.retry_at,
                last_began_at = excluded.last_began_at, last_ended_at = excluded.last_ended_at,
                last_outcome = excluded.last_outcome, last_success_at = excluded.last_success_at,
                last_plan_id = excluded.last_plan_id, last_certificate_id = excluded.last_certificate_id",
        )
        .bind(&record.schedule)
        .bind(text_of(record.handled_at))
        .bind(instant(record.due_at))
        .bind(instant(record.until))
        .bind(record.attempts)
        .bind(instant(record.retry_at))
        .bind(instant(record.last_began_at))
        .bind(instant(record.last_ended_at))
        .bind(record.last_outcome.map(ScheduleOutcome::word))
        .bind(instant(record.last_success_at))
        .bind(record.last_plan_id.as_deref())
        .bind(record.last_certificate_id.as_deref())
        .execute(&mut work)
        .await?;
        Ok(work.commit().await?)
    }

    async fn put_due_counts(&self, counts: &DueCounts) -> Result<(), ScheduleStoreError> {
        let mut work = self.write_journal().await?;
        for count in &counts.counts {
            statement(
                "INSERT INTO due_count (plan_id, schedule, policy, rule, at, due, unattended)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (plan_id, policy, rule) DO NOTHING",
            )
            .bind(&counts.plan_id)
            .bind(&counts.schedule)
            .bind(&count.policy)
            .bind(&count.rule)
            .bind(text_of(counts.at))
            .bind(signed(count.due)?)
            .bind(counts.unattended)
            .execute(&mut work)
            .await?;
        }
        Ok(work.commit().await?)
    }

    async fn due_history(
        &self,
        policy: &str,
        rule: &str,
        limit: u32,
    ) -> Result<Vec<u64>, ScheduleStoreError> {
        let newest = statement(
            "SELECT due FROM due_count
             WHERE policy = $1 AND rule = $2
               AND (due = 0 OR EXISTS (SELECT 1 FROM run WHERE run.plan_id = due_count.plan_id))
             ORDER BY line DESC LIMIT $3",
        );
        let rows = self.store.all(newest.bind(policy).bind(rule).bind(limit)).await?;
        Ok(rows.iter().map(|row| unsigned(row.number("due")?)).collect::<Result<_, LedgerError>>()?)
    }

    async fn unattended_since(
        &self,
        policy: &str,
        rule: &str,
        from: DateTime<Utc>,
    ) -> Result<u64, ScheduleStoreError> {
        let rows = self
            .store
            .all(
                statement(
                    "SELECT due FROM due_count
                     WHERE policy = $1 AND rule = $2 AND at >= $3 AND unattended = 1
                       AND EXISTS (SELECT 1 FROM run WHERE run.plan_id = due_count.plan_id)",
                )
                .bind(policy)
                .bind(rule)
                .bind(text_of(from)),
            )
            .await?;
        let mut sum = 0_u64;
        for row in &rows {
            sum = sum.saturating_add(unsigned(row.number("due")?)?);
        }
        Ok(sum)
    }

    async fn mark(&self, name: &str) -> Result<Option<DateTime<Utc>>, ScheduleStoreError> {
        let row =
            self.store.optional(statement("SELECT at FROM daemon_mark WHERE name = $1").bind(name)).await?;
        Ok(row.map(|row| instant_of(&row.text("at")?)).transpose()?)
    }

    async fn put_mark(&self, name: &str, at: Option<DateTime<Utc>>) -> Result<(), ScheduleStoreError> {
        let mut work = self.write_journal().await?;
        let change = match at {
            Some(at) => statement(
                "INSERT INTO daemon_mark (name, at) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET at = excluded.at",
            )
            .bind(name)
            .bind(text_of(at)),
            None => statement("DELETE FROM daemon_mark WHERE name = $1").bind(name),
        };
        change.execute(&mut work).await?;
        Ok(work.commit().await?)
    }

    async fn last_scan(&self) -> Result<Option<String>, ScheduleStoreError> {
        let row = self.store.optional(statement("SELECT value FROM scan ORDER BY line DESC LIMIT 1")).await?;
        Ok(row.map(|row| row.text("value")).transpose()?)
    }

    async fn put_scan(&self, at: DateTime<Utc>, json: &str) -> Result<(), ScheduleStoreError> {
        let mut work = self.store.write().await?;
        statement("INSERT INTO scan (at, value) VALUES ($1, $2)")
            .bind(text_of(at))
            .bind(json)
            .execute(&mut work)
            .await?;
        statement("DELETE FROM scan WHERE line <= (SELECT max(line) FROM scan) - $1")
            .bind(SCANS_KEPT)
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }
}

fn record_of(row: &Row) -> Result<ScheduleRecord, LedgerError> {
    let instant = |column: &str| row.optional_text(column)?.as_deref().map(instant_of).transpose();
    let outcome = row.optional_text("last_outcome")?;
    Ok(ScheduleRecord {
        schedule: row.text("schedule")?,
        handled_at: instant_of(&row.text("handled_at")?)?,
        due_at: instant("due_at")?,
        until: instant("until")?,
        attempts: u32::try_from(row.number("attempts")?).map_err(|_| LedgerError::Damaged)?,
        retry_at: instant("retry_at")?,
        last_began_at: instant("last_began_at")?,
        last_ended_at: instant("last_ended_at")?,
        last_outcome: outcome
            .map(|word| ScheduleOutcome::of_word(&word).ok_or(LedgerError::Damaged))
            .transpose()?,
        last_success_at: instant("last_success_at")?,
        last_plan_id: row.optional_text("last_plan_id")?,
        last_certificate_id: row.optional_text("last_certificate_id")?,
    })
}

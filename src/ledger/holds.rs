//! The register of legal holds. Matter, reason, owner and scope are sealed; ids, dates and revisions
//! are in clear, because certificates name them and batches compare them.
//!
//! Floor 6. A register of which one hold cannot be opened cannot be read at all: nothing may be
//! disposed of past a hold that nobody can read.

use super::rows::{date_of, instant_of, signed, text_of, unsigned};
use super::{LedgerError, SqliteLedger, Work};
use crate::hold::{Hold, HoldBook, HoldError, HoldRegister, HoldScope};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// What of a hold may name a person.
#[derive(Serialize, Deserialize)]
struct SealedPart {
    matter: String,
    reason: String,
    owner: String,
    scope: HoldScope,
}

fn place_of(hold_id: &str) -> String {
    format!("ledger/hold/{hold_id}")
}

#[async_trait]
impl HoldRegister for SqliteLedger {
    async fn book(&self) -> Result<HoldBook, HoldError> {
        let mut work = self.read().await?;
        let revision = revision_in(&mut work).await?;
        let rows = sqlx::query("SELECT * FROM hold WHERE released_at IS NULL ORDER BY line")
            .fetch_all(&mut *work)
            .await?;
        let holds = rows.iter().map(|row| self.hold_of(row)).collect::<Result<_, _>>()?;
        Ok(HoldBook { revision, holds })
    }

    async fn all(&self) -> Result<Vec<Hold>, HoldError> {
        let rows = sqlx::query("SELECT * FROM hold ORDER BY line").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(|row| self.hold_of(row)).collect::<Result<_, _>>()?)
    }

    async fn revision(&self) -> Result<u64, HoldError> {
        let mut work = self.read().await?;
        Ok(revision_in(&mut work).await?)
    }

    async fn place(&self, hold: &Hold) -> Result<u64, HoldError> {
        let part = SealedPart {
            matter: hold.matter.clone(),
            reason: hold.reason.clone(),
            owner: hold.owner.clone(),
            scope: hold.scope.clone(),
        };
        let sealed = self.secret.seal(&place_of(&hold.hold_id), &part)?;
        let mut work = self.write().await?;
        let known = sqlx::query("SELECT 1 FROM hold WHERE hold_id = ?")
            .bind(&hold.hold_id)
            .fetch_optional(&mut *work)
            .await?;
        if known.is_some() {
            return Err(HoldError::Clash { hold_id: hold.hold_id.clone() });
        }
        let revision = advance(&mut work).await?;
        sqlx::query(
            "INSERT INTO hold (hold_id, placed_at, placed_revision, review_on, released_at, sealed)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&hold.hold_id)
        .bind(text_of(hold.placed_at))
        .bind(signed(revision)?)
        .bind(hold.review_on.map(|date| date.to_string()))
        .bind(hold.released_at.map(text_of))
        .bind(sealed)
        .execute(&mut *work)
        .await?;
        work.commit().await?;
        Ok(revision)
    }

    async fn release(&self, hold_id: &str, at: DateTime<Utc>) -> Result<u64, HoldError> {
        let mut work = self.write().await?;
        let revision = advance(&mut work).await?;
        let done = sqlx::query(
            "UPDATE hold SET released_at = ?, released_revision = ? WHERE hold_id = ? AND released_at IS NULL",
        )
        .bind(text_of(at))
        .bind(signed(revision)?)
        .bind(hold_id)
        .execute(&mut *work)
        .await?;
        if done.rows_affected() == 0 {
            // The revision goes back with the transaction.
            return Err(HoldError::Unknown { hold_id: hold_id.to_owned() });
        }
        work.commit().await?;
        Ok(revision)
    }

    async fn batches_before(&self, revision: u64) -> Result<u64, HoldError> {
        // The first condition is that of the index over open batches. A batch that acted is past the
        // point at which a hold could be overtaken.
        let row = sqlx::query(
            "SELECT count(*) FROM batch
             WHERE state IN ('intended', 'acted') AND state = 'intended' AND hold_revision < ?",
        )
        .bind(signed(revision)?)
        .fetch_one(&self.readers)
        .await?;
        Ok(unsigned(row.try_get(0)?)?)
    }
}

impl SqliteLedger {
    fn hold_of(&self, row: &SqliteRow) -> Result<Hold, LedgerError> {
        let hold_id: String = row.try_get("hold_id")?;
        let part: SealedPart = self.secret.open(&place_of(&hold_id), row.try_get("sealed")?)?;
        Ok(Hold {
            matter: part.matter,
            reason: part.reason,
            owner: part.owner,
            placed_at: instant_of(row.try_get("placed_at")?)?,
            review_on: row.try_get::<Option<&str>, _>("review_on")?.map(date_of).transpose()?,
            released_at: row.try_get::<Option<&str>, _>("released_at")?.map(instant_of).transpose()?,
            scope: part.scope,
            hold_id,
        })
    }
}

async fn revision_in(work: &mut Work) -> Result<u64, LedgerError> {
    let row = sqlx::query("SELECT revision FROM hold_register WHERE one = 1").fetch_one(&mut **work).await?;
    unsigned(row.try_get(0)?)
}

async fn advance(work: &mut Work) -> Result<u64, LedgerError> {
    let row =
        sqlx::query("UPDATE hold_register SET revision = revision + 1 WHERE one = 1 RETURNING revision")
            .fetch_one(&mut **work)
            .await?;
    unsigned(row.try_get(0)?)
}

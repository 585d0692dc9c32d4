//! The register of legal holds. Matter, reason, owner and scope are sealed; ids, dates and revisions
//! are in clear, because certificates name them and batches compare them.
//!
//! Floor 6. A register of which one hold cannot be opened cannot be read at all: nothing may be
//! disposed of past a hold that nobody can read.

use super::rows::{date_of, instant_of, signed, text_of, unsigned};
use super::statement::{Row, statement};
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::hold::{Hold, HoldBook, HoldError, HoldRegister, HoldScope};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

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
impl HoldRegister for Ledger {
    async fn book(&self) -> Result<HoldBook, HoldError> {
        let mut work = self.store.read().await?;
        let revision = revision_in(&mut work).await?;
        let rows = statement("SELECT hold_id, placed_at, review_on, released_at, sealed FROM hold WHERE released_at IS NULL ORDER BY line")
            .all(&mut work)
            .await?;
        let holds = rows.iter().map(|row| self.hold_of(row)).collect::<Result<_, _>>()?;
        Ok(HoldBook { revision, holds })
    }

    async fn all(&self) -> Result<Vec<Hold>, HoldError> {
        let rows = self
            .store
            .all(statement(
                "SELECT hold_id, placed_at, review_on, released_at, sealed FROM hold ORDER BY line",
            ))
            .await?;
        Ok(rows.iter().map(|row| self.hold_of(row)).collect::<Result<_, _>>()?)
    }

    async fn revision(&self) -> Result<u64, HoldError> {
        let mut work = self.store.read().await?;
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
        let mut work = self.store.write().await?;
        let known = statement("SELECT hold_id FROM hold WHERE hold_id = $1")
            .bind(&hold.hold_id)
            .optional(&mut work)
            .await?;
        if known.is_some() {
            return Err(HoldError::Clash { hold_id: hold.hold_id.clone() });
        }
        let revision = advance(&mut work).await?;
        statement(
            "INSERT INTO hold (hold_id, placed_at, placed_revision, review_on, released_at, sealed)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&hold.hold_id)
        .bind(text_of(hold.placed_at))
        .bind(signed(revision)?)
        .bind(hold.review_on.map(|date| date.to_string()))
        .bind(hold.released_at.map(text_of))
        .bind(sealed)
        .execute(&mut work)
        .await?;
        work.commit().await?;
        Ok(revision)
    }

    async fn release(&self, hold_id: &str, at: DateTime<Utc>) -> Result<u64, HoldError> {
        let mut work = self.store.write().await?;
        let revision = advance(&mut work).await?;
        let done = statement(
            "UPDATE hold SET released_at = $1, released_revision = $2 WHERE hold_id = $3 AND released_at IS NULL",
        )
        .bind(text_of(at))
        .bind(signed(revision)?)
        .bind(hold_id)
        .execute(&mut work).await?;
        if done == 0 {
            // The revision goes back with the transaction.
            return Err(HoldError::Unknown { hold_id: hold_id.to_owned() });
        }
        work.commit().await?;
        Ok(revision)
    }

    async fn batches_before(&self, revision: u64) -> Result<u64, HoldError> {
        // The first condition is that of the index over open batches. A batch that acted is past the
        // point at which a hold could be overtaken.
        let row = self
            .store
            .one(
                statement(
                    "SELECT count(*) AS number FROM batch
             WHERE state IN ('intended', 'acted') AND state = 'intended' AND hold_revision < $1",
                )
                .bind(signed(revision)?),
            )
            .await?;
        Ok(unsigned(row.number("number")?)?)
    }
}

impl Ledger {
    fn hold_of(&self, row: &Row) -> Result<Hold, LedgerError> {
        let hold_id: String = row.text("hold_id")?;
        let part: SealedPart = self.secret.open(&place_of(&hold_id), row.bytes("sealed")?)?;
        Ok(Hold {
            matter: part.matter,
            reason: part.reason,
            owner: part.owner,
            placed_at: instant_of(&row.text("placed_at")?)?,
            review_on: row.optional_text("review_on")?.as_deref().map(date_of).transpose()?,
            released_at: row.optional_text("released_at")?.as_deref().map(instant_of).transpose()?,
            scope: part.scope,
            hold_id,
        })
    }
}

async fn revision_in(work: &mut Work) -> Result<u64, LedgerError> {
    let row = statement("SELECT revision FROM hold_register WHERE one = 1").one(work).await?;
    unsigned(row.number("revision")?)
}

async fn advance(work: &mut Work) -> Result<u64, LedgerError> {
    let row = statement("UPDATE hold_register SET revision = revision + 1 WHERE one = 1 RETURNING revision")
        .one(work)
        .await?;
    unsigned(row.number("revision")?)
}

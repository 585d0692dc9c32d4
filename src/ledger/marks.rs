//! What the next run compares itself with: the clock and the archive's head as last seen.
//!
//! Floor 6. It only remembers; the clock guard and the archive judge.

use super::rows::{instant_of, text_of};
use super::statement::statement;
use super::{Ledger, LedgerError};
use crate::journal::JournalError;
use chrono::{DateTime, Utc};

impl Ledger {
    /// Remembers `now` as an instant that the clock guard accepted.
    pub async fn note_time(&self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let mut work = self.store.write().await?;
        statement(
            "INSERT INTO clock_seen (one, at) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET at = CASE WHEN excluded.at > clock_seen.at THEN excluded.at ELSE clock_seen.at END",
        )
        .bind(text_of(now))
        .execute(&mut work).await?;
        work.commit().await
    }

    /// The latest that [`Ledger::note_time`] was given: it never goes back, so that many small
    /// steps back within the tolerance do not add up.
    pub async fn last_seen(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let row = self.store.optional(statement("SELECT at FROM clock_seen WHERE one = 1")).await?;
        row.map(|row| instant_of(&row.text("at")?)).transpose()
    }

    /// Remembers the newest checkpoint (a signed note) of the log named `origin`. Whoever lost the right
    /// to act is refused, because its checkpoint may be an old one.
    pub async fn put_checkpoint(&self, origin: &str, note: &[u8]) -> Result<(), JournalError> {
        let mut work = self.write_journal().await?;
        statement(
            "INSERT INTO checkpoint (origin, note) VALUES ($1, $2)
             ON CONFLICT (origin) DO UPDATE SET note = excluded.note",
        )
        .bind(origin)
        .bind(note)
        .execute(&mut work)
        .await?;
        Ok(work.commit().await?)
    }

    /// The checkpoint last put for `origin`.
    pub async fn checkpoint(&self, origin: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let row = self
            .store
            .optional(statement("SELECT note FROM checkpoint WHERE origin = $1").bind(origin))
            .await?;
        row.map(|row| row.bytes("note")).transpose()
    }
}

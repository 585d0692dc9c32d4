//! What the next run compares itself with: the clock and the archive's head as last seen.
//!
//! Floor 6. It only remembers; the clock guard and the archive judge.

use super::rows::{instant_of, text_of};
use super::{LedgerError, SqliteLedger};
use chrono::{DateTime, Utc};
use sqlx::Row;

impl SqliteLedger {
    /// Remembers `now` as an instant that the clock guard accepted.
    pub async fn note_time(&self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let mut work = self.write().await?;
        sqlx::query(
            "INSERT INTO clock_seen (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = max(at, excluded.at)",
        )
        .bind(text_of(now))
        .execute(&mut *work)
        .await?;
        Ok(work.commit().await?)
    }

    /// The latest that [`SqliteLedger::note_time`] was given: it never goes back, so that many small
    /// steps back within the tolerance do not add up.
    pub async fn last_seen(&self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let row =
            sqlx::query("SELECT at FROM clock_seen WHERE one = 1").fetch_optional(&self.readers).await?;
        row.map(|row| instant_of(row.try_get(0)?)).transpose()
    }

    /// Remembers the newest checkpoint (a signed note) of the log named `origin`.
    pub async fn put_checkpoint(&self, origin: &str, note: &[u8]) -> Result<(), LedgerError> {
        let mut work = self.write().await?;
        sqlx::query(
            "INSERT INTO checkpoint (origin, note) VALUES (?, ?)
             ON CONFLICT (origin) DO UPDATE SET note = excluded.note",
        )
        .bind(origin)
        .bind(note)
        .execute(&mut *work)
        .await?;
        Ok(work.commit().await?)
    }

    /// The checkpoint last put for `origin`.
    pub async fn checkpoint(&self, origin: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let row = sqlx::query("SELECT note FROM checkpoint WHERE origin = ?")
            .bind(origin)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }
}

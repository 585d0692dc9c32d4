//! A clock that was wrong forwards, and the person who said that it is right now.
//!
//! Floor 6. It records and never forgets; whether it may be done is decided above.

use super::rows::{instant_of, text_of};
use super::statement::statement;
use super::{Ledger, LedgerError};
use crate::journal::JournalError;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One acceptance of a clock that is behind the last instant seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClockAcceptance {
    /// What the ledger had seen.
    pub seen_at: DateTime<Utc>,
    /// What the clock showed, and what the ledger goes by since.
    pub accepted_at: DateTime<Utc>,
    pub who: String,
    pub why: String,
}

#[derive(Serialize, Deserialize)]
struct SealedPart {
    who: String,
    why: String,
}

fn place_of(seen_at: &str, accepted_at: &str) -> String {
    format!("ledger/clock/{seen_at}/{accepted_at}")
}

impl Ledger {
    /// Sets the last instant seen back to the accepted one, and keeps who did it and why. Whoever lost the
    /// right to act is refused.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn accept_clock(&self, acceptance: &ClockAcceptance) -> Result<(), JournalError> {
        let (seen_at, accepted_at) = (text_of(acceptance.seen_at), text_of(acceptance.accepted_at));
        let part = SealedPart { who: acceptance.who.clone(), why: acceptance.why.clone() };
        let sealed = self.secret.seal(&place_of(&seen_at, &accepted_at), &part)?;
        let mut work = self.write_journal().await?;
        statement("INSERT INTO clock_accepted (seen_at, accepted_at, sealed) VALUES ($1, $2, $3)")
            .bind(seen_at)
            .bind(&accepted_at)
            .bind(sealed)
            .execute(&mut work)
            .await?;
        statement("UPDATE clock_seen SET at = $1 WHERE one = 1")
            .bind(&accepted_at)
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }

    /// Every acceptance, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn clock_acceptances(&self) -> Result<Vec<ClockAcceptance>, LedgerError> {
        let all = statement("SELECT seen_at, accepted_at, sealed FROM clock_accepted ORDER BY line");
        let mut found = Vec::new();
        for row in &self.store.all(all).await? {
            let (seen_at, accepted_at) = (row.text("seen_at")?, row.text("accepted_at")?);
            let part: SealedPart =
                self.secret.open(&place_of(&seen_at, &accepted_at), row.bytes("sealed")?)?;
            found.push(ClockAcceptance {
                seen_at: instant_of(&seen_at)?,
                accepted_at: instant_of(&accepted_at)?,
                who: part.who,
                why: part.why,
            });
        }
        Ok(found)
    }
}

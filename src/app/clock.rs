//! The clock, compared with what is known, and the deliberate way out when the ledger is wrong.
//!
//! Floor 7. A clock that once ran ahead leaves an instant in the ledger that is yet to come, and every
//! run is refused until then. Only a person can say that the clock is right now; it is never assumed.

use super::{App, AppError};
use crate::journal::JournalStore as _;
use crate::ledger::ClockAcceptance;
use chrono::{DateTime, Duration, Utc};

impl App {
    /// Accepts that the clock is right although the ledger has seen a later instant, and keeps who said
    /// so and why. Nothing else is changed: plans are approved and applied as ever.
    ///
    /// # Errors
    /// When the clock is not behind the ledger, a store's own clock contradicts it, or another process
    /// is applying a plan.
    pub async fn accept_clock(&self, who: &str, why: &str) -> Result<ClockAcceptance, AppError> {
        let _lease = self.ledger.acquire("any").await?;
        let now = self.now();
        let Some(seen_at) = self.seen_ahead(now).await? else {
            return Err(AppError::Argument {
                reason: "the clock is not behind the ledger: there is nothing to accept".to_owned(),
                hint: None,
            });
        };
        if let Some(error) = self.clock_of_a_store_differs(now).await? {
            return Err(error);
        }
        let acceptance =
            ClockAcceptance { seen_at, accepted_at: now, who: who.to_owned(), why: why.to_owned() };
        self.ledger.accept_clock(&acceptance).await?;
        Ok(acceptance)
    }

    /// The last instant in the ledger, if the clock runs behind it by more than the tolerance.
    pub(super) async fn seen_ahead(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, AppError> {
        let tolerance = self.clock_tolerance();
        Ok(self.ledger.last_seen().await?.filter(|seen| *seen > now + tolerance))
    }

    pub(super) async fn clock_behind_ledger(&self, now: DateTime<Utc>) -> Result<Option<AppError>, AppError> {
        Ok(self.seen_ahead(now).await?.map(|seen| AppError::ClockBehind { now, seen }))
    }

    /// A store with a clock of its own that shows another time.
    pub(super) async fn clock_of_a_store_differs(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Option<AppError>, AppError> {
        for (store, source) in &self.sources().await? {
            if let Ok(Some(there)) = source.store_clock().await
                && (there - now).abs() > self.clock_tolerance()
            {
                return Ok(Some(AppError::ClockDoubtful {
                    reason: format!("it shows {now}, but store '{store}' shows {there}"),
                }));
            }
        }
        Ok(None)
    }

    pub(super) fn clock_tolerance(&self) -> Duration {
        Duration::from_std(self.settings.clock_tolerance).unwrap_or(Duration::zero())
    }
}

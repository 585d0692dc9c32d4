//! Holds: place, list, release.
//!
//! Floor 7.

use super::{App, AppError, HoldRequest};
use crate::hold::{Hold, HoldBook, HoldError, HoldRegister as _, HoldScope};
use std::collections::BTreeMap;

/// A hold that was placed.
#[derive(Debug)]
pub struct HoldPlaced {
    pub hold: Hold,
    /// Batches that had begun before the hold and are not settled: what they touched may be gone. The
    /// hold is in force from the next batch on.
    pub overtaken_batches: u64,
    /// Datasets that the hold reaches.
    pub datasets: Vec<String>,
}

/// Why a hold is refused. It was never placed, so its id names nothing and is not told.
fn not_placed(error: HoldError) -> AppError {
    match error {
        HoldError::Unreadable { dataset, reason, .. } => AppError::Argument {
            reason: format!("the hold was not placed: it does not fit dataset '{dataset}': {reason}"),
            hint: None,
        },
        error => error.into(),
    }
}

impl App {
    /// Places a hold. It is checked against the live stores first: a hold that cannot be read would
    /// stop every run.
    ///
    /// # Errors
    /// When the hold reaches nothing or its predicate does not fit.
    pub async fn hold_add(&self, request: HoldRequest) -> Result<HoldPlaced, AppError> {
        let hold = Hold {
            hold_id: self.environment.ids.new_id("hold")?,
            matter: request.matter,
            reason: request.reason,
            owner: request.owner,
            placed_at: self.now(),
            review_on: request.review_on,
            released_at: None,
            scope: request.scope,
        };
        let datasets = self.reached(&hold).await?;
        let revision = self.ledger.place(&hold).await?;
        let overtaken_batches = self.ledger.batches_before(revision).await?;
        Ok(HoldPlaced { hold, overtaken_batches, datasets })
    }

    /// Active holds, or all, oldest first.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn hold_list(&self, released_too: bool) -> Result<Vec<Hold>, AppError> {
        let mut holds = self.ledger.all().await?;
        holds.retain(|hold| released_too || hold.released_at.is_none());
        Ok(holds)
    }

    /// Releases a hold: its records become due again.
    ///
    /// # Errors
    /// When there is no such active hold.
    pub async fn hold_release(&self, hold_id: &str) -> Result<(), AppError> {
        self.ledger.release(hold_id, self.now()).await?;
        Ok(())
    }

    /// The datasets a hold reaches, by trying it on each.
    async fn reached(&self, hold: &Hold) -> Result<Vec<String>, AppError> {
        let sources = self.sources().await?;
        let book = HoldBook { revision: 0, holds: vec![hold.clone()] };
        let mut reached = Vec::new();
        for dataset in self.catalog.datasets().values() {
            let named = match &hold.scope {
                HoldScope::Dataset { dataset: held } | HoldScope::Predicate { dataset: held, .. } => {
                    held == &dataset.name
                }
                HoldScope::Subject { identity, .. } => dataset.subject.contains_key(identity),
            };
            if !named {
                continue;
            }
            let source = sources.get(&dataset.store);
            let source = source.ok_or_else(|| AppError::Argument {
                reason: format!("store '{}' cannot be opened, so the hold cannot be checked", dataset.store),
                hint: None,
            })?;
            let shape = source.inspect(&dataset.address()).await?;
            let subject: BTreeMap<String, String> = dataset.subject.clone();
            let exclusions = book.exclusions(&dataset.name, &subject, &shape).map_err(not_placed)?;
            if !exclusions.is_empty() {
                reached.push(dataset.name.clone());
            }
        }
        if reached.is_empty() {
            return Err(AppError::Argument {
                reason: "the hold reaches no dataset of the data map".to_owned(),
                hint: Some(
                    "name a dataset, or an identity that some dataset declares under `subject`".to_owned(),
                ),
            });
        }
        Ok(reached)
    }
}

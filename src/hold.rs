//! Legal holds: what must not be disposed of, by whom and why.
//!
//! Floor 1. A hold suspends disposition; a release makes the records due again. This module holds
//! the value, its port, and how a hold becomes an exclusion of one dataset. The ledger keeps matter,
//! reason and scope sealed, because each may name a person.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use connectors::{DatasetShape, Exclusion, Field, Predicate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Opaque; appears on certificates.
    pub hold_id: String,
    /// The dispute or inquiry, for people.
    pub matter: String,
    pub reason: String,
    pub owner: String,
    pub placed_at: DateTime<Utc>,
    pub review_on: Option<NaiveDate>,
    pub released_at: Option<DateTime<Utc>>,
    pub scope: HoldScope,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldScope {
    /// Every record of the dataset.
    Dataset { dataset: String },
    /// The records of the dataset for which the predicate is true or unknown.
    Predicate { dataset: String, text: String },
    /// Every record of every dataset whose declared subject columns name this identity.
    Subject { identity: String, value: String },
}

impl std::fmt::Debug for HoldScope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dataset { dataset } => write!(formatter, "Dataset({dataset})"),
            Self::Predicate { dataset, .. } => write!(formatter, "Predicate({dataset}, redacted)"),
            Self::Subject { identity, .. } => write!(formatter, "Subject({identity}, redacted)"),
        }
    }
}

/// The active holds at one revision of the register.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HoldBook {
    /// Grows by one with each hold placed or released.
    pub revision: u64,
    pub holds: Vec<Hold>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HoldError {
    /// A hold whose predicate does not fit the dataset: nothing of the dataset may be touched.
    #[error("hold '{hold_id}' cannot be read for dataset '{dataset}': {reason}")]
    Unreadable { hold_id: String, dataset: String, reason: String },
    #[error("there is no active hold '{hold_id}'")]
    Unknown { hold_id: String },
    #[error("hold '{hold_id}' is already in the register")]
    Clash { hold_id: String },
    #[error("the ledger has no room left")]
    Full,
    #[error("the ledger failed: {reason}")]
    Failed { reason: String },
}

#[async_trait]
pub trait HoldRegister: Send + Sync + std::fmt::Debug {
    async fn book(&self) -> Result<HoldBook, HoldError>;
    /// Every hold, released ones included, oldest first.
    async fn all(&self) -> Result<Vec<Hold>, HoldError>;
    /// Only the revision: cheap enough for every batch.
    async fn revision(&self) -> Result<u64, HoldError>;
    /// Places a hold; the revision from which it counts. A hold's id is used once.
    async fn place(&self, hold: &Hold) -> Result<u64, HoldError>;
    async fn release(&self, hold_id: &str, at: DateTime<Utc>) -> Result<u64, HoldError>;
    /// Batches that were intended under an older revision and are not settled yet: until there are
    /// none, a new hold may still be overtaken by a batch that began before it.
    async fn batches_before(&self, revision: u64) -> Result<u64, HoldError>;
}

impl HoldBook {
    /// The exclusions for one dataset. `subject` maps identity kinds to columns of the dataset.
    ///
    /// # Errors
    /// [`HoldError::Unreadable`] when a hold names this dataset but cannot be checked against its
    /// shape: then nothing of the dataset may be touched.
    pub fn exclusions(
        &self,
        dataset: &str,
        subject: &BTreeMap<String, String>,
        shape: &DatasetShape,
    ) -> Result<Vec<Exclusion>, HoldError> {
        let mut exclusions = Vec::new();
        for hold in self.holds.iter().filter(|hold| hold.released_at.is_none()) {
            if let Some(predicate) = predicate_of(hold, dataset, subject, shape)? {
                exclusions.push(Exclusion { hold_id: hold.hold_id.clone(), predicate });
            }
        }
        Ok(exclusions)
    }
}

fn predicate_of(
    hold: &Hold,
    dataset: &str,
    subject: &BTreeMap<String, String>,
    shape: &DatasetShape,
) -> Result<Option<Predicate>, HoldError> {
    let unreadable = |reason: &str| HoldError::Unreadable {
        hold_id: hold.hold_id.clone(),
        dataset: dataset.to_owned(),
        reason: reason.to_owned(),
    };
    match &hold.scope {
        HoldScope::Dataset { dataset: held } => Ok((held == dataset).then(Predicate::always)),
        HoldScope::Predicate { dataset: held, .. } if held != dataset => Ok(None),
        HoldScope::Predicate { text, .. } => {
            // The parser's message may quote the text, which may name a person.
            let parsed = connectors::predicate::parse(text)
                .map_err(|_| unreadable("its predicate is not in the predicate language"))?;
            let names: Vec<&str> = shape.columns.iter().map(|column| column.name.as_str()).collect();
            let types = |name: &str| shape.column(name).map(|column| column.value_type);
            parsed
                .check(&types, &names)
                .map(Some)
                .map_err(|_| unreadable("its predicate does not fit the columns of the dataset"))
        }
        HoldScope::Subject { identity, value } => {
            let Some(column) = subject.get(identity) else { return Ok(None) };
            let found = shape.column(column).ok_or_else(|| unreadable("its subject column is gone"))?;
            let field = Field { name: column.clone(), value_type: found.value_type };
            Ok(Some(Predicate::identity(field, value)))
        }
    }
}

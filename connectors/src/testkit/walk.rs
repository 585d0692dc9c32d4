//! Selections, sinks and loops that the checks share.

use super::fixture::TestDataset;
use crate::batch::{Batch, BatchOutcome, BatchRange, Intended, IntentSink};
use crate::error::ConnectorError;
use crate::port::RecordDisposer;
use crate::predicate::Predicate;
use crate::selection::{Selection, StartCondition};
use crate::transform::Disposal;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::Mutex;

/// The day whose end is the cutoff of [`purge_selection`].
pub(super) const CUTOFF_ON: NaiveDate = day(2020, 12, 31);
/// The day on which the plan of [`purge_selection`] is made.
pub(super) const AS_OF_ON: NaiveDate = day(2024, 6, 30);

pub(super) const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

pub(super) fn end_of(date: NaiveDate) -> DateTime<Utc> {
    date.and_hms_opt(23, 59, 59).unwrap_or_default().and_utc()
}

/// Purges what started in 2020 or before, seen from mid-2024; overdue is what started before 2011.
#[must_use]
pub fn purge_selection(dataset: &TestDataset) -> Selection {
    Selection {
        address: dataset.address.clone(),
        shape: dataset.shape.clone(),
        scope: Predicate::always(),
        start: StartCondition::Event {
            field: dataset.start.clone(),
            encoding: dataset.encoding,
            cutoff_at: end_of(CUTOFF_ON),
            cutoff_on: CUTOFF_ON,
            as_of: end_of(AS_OF_ON),
            as_of_on: AS_OF_ON,
            overdue_at: end_of(day(2010, 12, 31)),
            overdue_on: day(2010, 12, 31),
        },
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: dataset.unchanged_since,
        disposal: Disposal::Purge,
    }
}

/// Accepts and keeps every intent.
#[derive(Debug, Default)]
pub struct AcceptedIntents(pub Mutex<Vec<Intended>>);

#[async_trait]
impl IntentSink for AcceptedIntents {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError> {
        self.0.lock().await.push(intended.clone());
        Ok(())
    }
}

/// Refuses every intent.
#[derive(Debug, Default)]
pub struct RefusedIntents;

#[async_trait]
impl IntentSink for RefusedIntents {
    async fn intend(&self, _: &Intended) -> Result<(), ConnectorError> {
        Err(ConnectorError::IntentRefused { reason: "the ledger is full".to_owned() })
    }
}

/// Batches of at most `records_max` until nothing due is left.
///
/// # Errors
/// The first error of the disposer; `Failed` if the walk does not end.
pub async fn dispose_all(
    disposer: &dyn RecordDisposer,
    selection: &Selection,
    records_max: u32,
    intents: &dyn IntentSink,
) -> Result<Vec<BatchOutcome>, ConnectorError> {
    const BATCHES_MAX: usize = 10_000;
    let mut outcomes = Vec::new();
    let mut after = None;
    for _ in 0..BATCHES_MAX {
        let range = BatchRange { after, up_to: None, due: None, records_max };
        let batch = Batch { selection: selection.clone(), range, only_keys: None };
        let outcome = disposer.dispose(&batch, intents).await?;
        let (last_key, exhausted) = (outcome.last_key.clone(), outcome.exhausted);
        outcomes.push(outcome);
        if exhausted {
            return Ok(outcomes);
        }
        after = last_key;
    }
    let store = selection.address.store.clone();
    Err(ConnectorError::Failed { store, reason: "the walk does not end".to_owned() })
}

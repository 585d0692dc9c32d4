//! The two ports. A source reads; a disposer destroys. They are opened with different credentials,
//! and what holds only a source cannot destroy (invariant I7).

use crate::batch::{Batch, BatchOutcome, DatasetKeys, IntentSink, Observation};
use crate::capability::Capabilities;
use crate::dataset::{DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::selection::{Page, RecordFacts, Selection, Survey};
use crate::value::RecordKey;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::fmt::Debug;

/// Reads records of one store. Every call is read-only by construction: a database is opened
/// read-only, a directory has no call that writes.
#[async_trait]
pub trait RecordSource: Debug + Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// The shape of one dataset, from the live catalogue.
    async fn inspect(&self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError>;

    /// Every table (or, for objects, nothing) with its shape, so that what nobody declared is found.
    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError>;

    /// Counts where each record of the dataset falls, in one consistent reading if the store can.
    async fn survey(&self, selection: &Selection) -> Result<Survey, ConnectorError>;

    /// The next due records in key order, strictly after `after`.
    async fn page(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<Page, ConnectorError>;

    /// All that is known of one record; `None` if there is none with this key.
    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ConnectorError>;

    /// Of these names of objects, those that a record of the dataset that is *not* due has in one of
    /// [`Selection::link_columns`]: such an object must stay. A store without such columns names none.
    async fn names_to_keep(
        &self,
        _selection: &Selection,
        _names: &[String],
    ) -> Result<Vec<String>, ConnectorError> {
        Ok(Vec::new())
    }

    /// What is there now for these keys, in their order. Keys of the selection's own dataset are
    /// `Anonymized` when its disposal is to anonymize and every field is final; keys of its
    /// dependents are absent or present. Evidence stands on this.
    async fn observe(
        &self,
        selection: &Selection,
        group: &DatasetKeys,
    ) -> Result<Vec<Observation>, ConnectorError>;

    /// The store's own clock; `None` if it has none ([`Capabilities::own_clock`]).
    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError>;

    /// What speaks for going slower. Looked at between batches.
    async fn pressure(&self) -> Result<Pressure, ConnectorError>;
}

/// Destroys records of one store. What it was not asked to touch it does not touch.
#[async_trait]
pub trait RecordDisposer: Debug + Send + Sync {
    /// Disposes of the next due records of the batch. Selects the keys, hands them to `intent`
    /// *before* anything is durable, repeats the whole selection in the destroying statement, and
    /// answers with the keys it really touched. Retries nothing: each attempt is journaled by the
    /// caller.
    async fn dispose(&self, batch: &Batch, intent: &dyn IntentSink) -> Result<BatchOutcome, ConnectorError>;

    /// What belongs to the work after the last batch of a run (checkpoint, vacuum); what erased
    /// values would otherwise survive in. Answers with what was done, in codes for the certificate.
    async fn finish(&self) -> Result<Vec<&'static str>, ConnectorError>;
}

/// Reasons to slow down; empty when there are none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pressure {
    /// Each a short phrase for the status line, such as "write-ahead log 80 MB".
    pub reasons: Vec<String>,
    /// How long to pause before the next batch, in milliseconds.
    pub pause_ms: u64,
}

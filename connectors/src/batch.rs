//! Batches: the unit of journaling, what a store intends, what it answers, what is seen afterwards.

use crate::error::ConnectorError;
use crate::selection::Selection;
use crate::value::RecordKey;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// One batch to be disposed of: the next due records of `selection` after `range.after`.
#[derive(Debug, Clone)]
pub struct Batch {
    pub selection: Selection,
    pub range: BatchRange,
    /// Only these records, sorted by key; they must be due all the same. For rows whose objects went
    /// first, and for objects that rows name.
    pub only_keys: Option<Vec<RecordKey>>,
}

/// A walk over the key: strictly after `after`, at most `records_max` due records.
#[derive(Debug, Clone)]
pub struct BatchRange {
    pub after: Option<RecordKey>,
    /// The last key of the batch, as [`crate::RecordSource::bound`] told it: then all that is due up to
    /// there belongs to the batch, however many. `None`: the store finds the end itself.
    pub up_to: Option<RecordKey>,
    pub records_max: u32,
}

/// The keys that a batch is about to touch, told before anything becomes durable in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intended {
    /// Dependents first, the dataset of the selection last.
    pub groups: Vec<DatasetKeys>,
    /// Where the walk goes on after this batch.
    pub last_key: Option<RecordKey>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetKeys {
    pub dataset: String,
    pub keys: Vec<RecordKey>,
}

/// Makes an intent durable. Called at most once by [`crate::RecordDisposer::dispose`], inside the
/// store's transaction and before its commit, or before the first object is touched. If it fails,
/// the store rolls back and nothing was disposed of.
#[async_trait]
pub trait IntentSink: Send + Sync {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError>;
}

/// What the store answered. Not yet evidence: that is what [`crate::RecordSource::observe`] sees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchOutcome {
    /// Dependents first, the dataset of the selection last. Empty when nothing was due.
    pub groups: Vec<DatasetOutcome>,
    /// Where the walk goes on.
    pub last_key: Option<RecordKey>,
    /// Nothing due is left after `last_key`.
    pub exhausted: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct DatasetOutcome {
    pub dataset: String,
    pub disposed: Vec<RecordKey>,
    /// Intended, but gone before this batch touched it.
    pub already_absent: Vec<RecordKey>,
    pub kept: Vec<KeptKey>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct KeptKey {
    pub key: RecordKey,
    pub reason: KeptReason,
}

/// Why a record that was due when the batch began is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptReason {
    /// No longer due: its start moved, a hold came, it was changed.
    NoLongerDue,
    ChangedSincePlan,
    Held,
    /// The store refused (rights, a lock, an I/O error).
    Refused,
    /// An object that the row names could not go first.
    LinkedKept,
}

/// What was seen for one key, by reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub key: RecordKey,
    pub state: ObservedState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedState {
    Absent,
    /// Present, and all fields of the disposal have their final value.
    Anonymized,
    Present,
}

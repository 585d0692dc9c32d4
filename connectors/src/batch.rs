//! Batches: the unit of journaling, what a store intends, what it answers, what is seen afterwards.

use crate::error::ConnectorError;
use crate::selection::{Class, Selection};
use crate::value::RecordKey;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

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
    /// The last key of the batch, as [`crate::RecordSource::stretch`] told it: then all that is due up to
    /// there belongs to the batch, however many. `None`: the store finds the end itself, or it is that of the
    /// dataset if `due` is told.
    pub up_to: Option<RecordKey>,
    /// The due records of the range, as [`crate::RecordSource::stretch`] saw them: then the batch is these, if
    /// the store finds every one of them still due, and otherwise whatever it finds to be due in the range.
    pub due: Option<Vec<RecordKey>>,
    pub records_max: u32,
}

/// The keys that a batch is about to touch, told before anything becomes durable in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intended {
    /// Dependents first, the dataset of the selection last.
    pub groups: Vec<DatasetKeys>,
    /// Where the walk goes on after this batch. Of a piece of a partition: what the partition is found
    /// again by ([`crate::RecordSource::has_partition`]).
    pub last_key: Option<RecordKey>,
    /// What the transaction of the batch leaves in the store, and only that, if it keeps such marks:
    /// [`crate::RecordDisposer::committed`].
    #[serde(default)]
    pub mark: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetKeys {
    pub dataset: String,
    pub keys: Vec<RecordKey>,
}

/// Makes an intent durable. Called at most once by [`crate::RecordDisposer::dispose`], inside the
/// store's transaction and before its commit, or before the first object is touched; and by
/// [`crate::RecordDisposer::drop_partition`] for each piece, before the partition is touched. If it fails,
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
    /// The store refused (rights, an I/O error).
    Refused,
    /// The store keeps it under a lock of its own.
    Locked,
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

impl DatasetOutcome {
    /// Of the records asked for by key, those that are due now, in the order asked; the others are noted with
    /// why they stay. `found` is the class of each that is there.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn sort_out(
        &mut self,
        wanted: &[RecordKey],
        found: Vec<(RecordKey, Class)>,
    ) -> Vec<RecordKey> {
        let found: HashMap<String, Class> =
            found.into_iter().map(|(key, class)| (key.canonical(), class)).collect();
        let mut due = Vec::with_capacity(wanted.len());
        for key in wanted {
            let reason = match found.get(&key.canonical()) {
                None => {
                    self.already_absent.push(key.clone());
                    continue;
                }
                Some(Class::Due) => {
                    due.push(key.clone());
                    continue;
                }
                Some(Class::Held) => KeptReason::Held,
                Some(Class::Locked) => KeptReason::Locked,
                Some(Class::ChangedSincePlan) => KeptReason::ChangedSincePlan,
                Some(_) => KeptReason::NoLongerDue,
            };
            self.kept.push(KeptKey { key: key.clone(), reason });
        }
        due
    }

    /// The committed groups as an answer; what was kept belongs to the dataset of the selection, whose
    /// outcome this is.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn answer(self, groups: Vec<DatasetKeys>) -> Vec<Self> {
        let mut answered: Vec<Self> = groups
            .into_iter()
            .map(|group| Self { dataset: group.dataset, disposed: group.keys, ..Self::default() })
            .collect();
        match answered.iter_mut().find(|group| group.dataset == self.dataset) {
            Some(group) => {
                group.already_absent = self.already_absent;
                group.kept = self.kept;
            }
            None => answered.push(self),
        }
        answered
    }
}

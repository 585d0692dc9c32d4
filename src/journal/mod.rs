//! The journal of a run: what was intended, what was answered, what was seen.
//!
//! Floor 4. Nothing is disposed of before its [`BatchState::Intended`] is durable, and a batch in
//! doubt is settled by looking. This module holds the states, the record of one batch
//! and the port; the ledger keeps it. Keys of records are in it only sealed, under a key of the run
//! that is destroyed when the run is certified.

pub mod codec;
pub mod help;
pub mod seal;
pub mod state;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use thiserror::Error;

pub use help::{Answer, HelpStore, HelperLease, News, Offer};
pub use seal::{RunKey, Sealed};
pub use state::{BatchState, Transition};

/// One batch of one item of one run. Linked objects that go before rows have batches of their own,
/// told apart by `part`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId {
    pub run_id: String,
    /// Position in the plan.
    pub item: u32,
    /// 0 for the item's own dataset; 1 and on for its link columns; from [`PARTITIONS_FROM`] on for
    /// partitions that go as a whole, in the order of the plan; from [`HELPERS_FROM`] on for ranges of the
    /// item's own dataset that a helper carried out, by the number of the helper.
    pub part: u32,
    /// From 0, without gaps, over all parts of the item; those of helpers have numbers of
    /// their own ([`batch_numbers`]).
    pub batch: u32,
}

/// The part of an item's first partition. No dataset has so many link columns.
pub const PARTITIONS_FROM: u32 = 1 << 20;
/// The part of the first helper. No table has so many partitions.
pub const HELPERS_FROM: u32 = 1 << 21;
/// Most helpers of one run: so many have numbers for their batches.
pub const HELPERS_MAX: u32 = 1 << 11;
/// The first number of a helper's batches, and how many each helper has.
const HELPER_BATCHES_FROM: u32 = 1 << 31;
const HELPER_BATCHES: u32 = 1 << 20;

/// The numbers that batches of a part have. Those of helpers have their own, so that nobody has to know how far the
/// others are.
#[must_use]
pub fn batch_numbers(part: u32) -> RangeInclusive<u32> {
    match part.checked_sub(HELPERS_FROM) {
        None => 0..=HELPER_BATCHES_FROM - 1,
        Some(helper) => {
            let first = HELPER_BATCHES_FROM.saturating_add(helper.saturating_mul(HELPER_BATCHES));
            first..=first.saturating_add(HELPER_BATCHES - 1)
        }
    }
}

impl BatchId {
    /// Whether it is a piece of a partition that goes as a whole.
    #[must_use]
    pub fn is_of_partition(&self) -> bool {
        (PARTITIONS_FROM..HELPERS_FROM).contains(&self.part)
    }

    /// Of which helper it is.
    #[must_use]
    pub fn helper(&self) -> Option<u32> {
        self.part.checked_sub(HELPERS_FROM)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Begun; batches may be open. A run whose process died stays here until it is resumed.
    Running,
    /// Every batch is settled; the statement is fixed and is being signed and archived.
    Certifying,
    /// Archived; the run key and the sealed keys are destroyed.
    Certified,
}

/// One execution of one approved plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub run_id: String,
    pub plan_id: String,
    pub plan_digest: String,
    pub certificate_id: String,
    pub state: RunState,
    pub started_at: DateTime<Utc>,
    /// Index of the intent in the archive's log.
    pub intent_index: Option<u64>,
    /// Set once some batch was settled by looking instead of by the store's answer.
    pub reconciled: bool,
    /// The statement to be signed, fixed when the state became `Certifying`.
    pub statement: Option<String>,
    /// The run key under the ledger's sealing key; `None` once destroyed.
    pub run_key_sealed: Option<Vec<u8>>,
}

/// Counts of one batch for one dataset, as the journal keeps them in clear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCounts {
    pub intended: u64,
    pub disposed: u64,
    pub already_absent: u64,
    /// Kept for a reason that is an exception (a hold, a change).
    pub excepted: u64,
    /// Kept because the store refused, or still present when looked at.
    pub failed: u64,
}

impl BatchCounts {
    /// Every intended record has exactly one end.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.intended == self.disposed + self.already_absent + self.excepted + self.failed
    }
}

/// What the journal knows of one batch: its last entry.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    pub id: BatchId,
    pub attempt: u32,
    pub state: BatchState,
    /// The dataset of this batch; dependents are inside the sealed keys.
    pub dataset: String,
    /// [`connectors::Intended`] under the run key.
    pub intended: Option<Sealed>,
    /// What differs from the intent, under the run key: [`codec::OutcomeDelta`].
    pub outcome: Option<Sealed>,
    /// Counts by dataset (dependents and the dataset itself).
    pub counts: BTreeMap<String, BatchCounts>,
    /// Kept records by reason code, by dataset.
    pub kept: BTreeMap<String, BTreeMap<String, u64>>,
    pub hold_revision: u64,
    pub at: DateTime<Utc>,
    pub reconciled: bool,
}

/// One line of the journal. The store appends; it never edits a line.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    pub id: BatchId,
    pub attempt: u32,
    pub transition: Transition,
    pub dataset: String,
    pub sealed: Option<Sealed>,
    pub counts: BTreeMap<String, BatchCounts>,
    pub kept: BTreeMap<String, BTreeMap<String, u64>>,
    pub hold_revision: u64,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A hold was placed or released since `hold_revision`: build the selection anew.
    #[error("the hold register changed while the batch was prepared")]
    HoldsChanged,
    #[error("the journal does not allow {transition:?} here")]
    NotAllowed { transition: Transition },
    #[error("run '{run_id}' is not in the ledger")]
    UnknownRun { run_id: String },
    /// Nobody can help with a run that is not under way any more, or with which [`HELPERS_MAX`] have helped.
    #[error("nobody can help with run '{run_id}' any more")]
    RunOver { run_id: String },
    /// The plan was begun before: resume that run.
    #[error("the plan already has run '{run_id}'")]
    RunExists { run_id: String },
    /// A run goes from running to certifying to certified, and its statement is fixed on the way.
    #[error("run '{run_id}' cannot change from {from:?} to {to:?} like that")]
    NotForward { run_id: String, from: RunState, to: RunState },
    /// Settle every batch first.
    #[error("run '{run_id}' has {open} batches that are not settled")]
    BatchesOpen { run_id: String, open: u64 },
    /// Sealed keys are needed until the certificate is archived.
    #[error("run '{run_id}' is not certified yet")]
    NotCertified { run_id: String },
    /// Another process has the right to act on what `scope` names.
    #[error("a plan is being applied by another process")]
    Busy { scope: String },
    /// This process was taken for dead (it was paused, or cut off from the ledger) and another one has
    /// the right to act since. Nothing was written.
    #[error("another process took over the right to apply plans")]
    LeaseLost { scope: String },
    #[error("the ledger has no room left")]
    Full,
    #[error("the ledger failed: {reason}")]
    Failed { reason: String },
}

/// The right to act on what a scope names. Dropping it gives the right back.
pub trait RunLease: Send + Sync + std::fmt::Debug {
    /// Whether the right is still there as far as this process can know without asking: `false` once it
    /// was taken over, or could have been because it was not renewed in time. The journal refuses by
    /// itself what is written without the right; this is for what is done elsewhere.
    fn is_held(&self) -> bool;
}

/// Keeps journals. Every call that returned `Ok` is durable (fsync), whatever happens next.
#[async_trait]
pub trait JournalStore: Send + Sync + std::fmt::Debug {
    /// Takes the right to act on what `scope` names until the lease is dropped or the process dies,
    /// however it dies. [`JournalError::Busy`] while somebody else has it. Where the right can pass to
    /// another process while this one lives, every later write to the journal through this store is
    /// refused with [`JournalError::LeaseLost`] until the lost lease is dropped.
    async fn acquire(&self, scope: &str) -> Result<Box<dyn RunLease>, JournalError>;

    /// Records a new run; [`JournalError::RunExists`] when the plan already has one.
    async fn begin_run(&self, run: &RunRecord) -> Result<(), JournalError>;
    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>, JournalError>;
    async fn run_of_plan(&self, plan_id: &str) -> Result<Option<RunRecord>, JournalError>;
    /// Runs that are not certified, oldest first.
    async fn open_runs(&self) -> Result<Vec<RunRecord>, JournalError>;
    /// Replaces the run's state, intent index, reconciled mark and statement. The state may only go
    /// forward, a statement stays as it was fixed, a reconciled run stays so, no batch may be open once
    /// it is certifying; the run key is only ever changed by [`JournalStore::destroy_sealed`].
    async fn update_run(&self, run: &RunRecord) -> Result<(), JournalError>;

    /// Appends one entry. Its batch must be able to make the transition (see [`state::next`]), its run
    /// must be running, and an intended batch must take the item's next number. For
    /// `Transition::Intend` the hold revision of the entry is compared with the register's in the same
    /// transaction, so that a hold is either before the intent (and the
    /// intent fails with [`JournalError::HoldsChanged`]) or after it (invariant I4).
    async fn append(&self, entry: &JournalEntry) -> Result<(), JournalError> {
        self.append_all(std::slice::from_ref(entry)).await
    }
    /// Appends entries in order in one transaction, all or none: one wait for the disk instead of
    /// one for each, as for what a store answered and what was seen right after.
    async fn append_all(&self, entries: &[JournalEntry]) -> Result<(), JournalError>;

    /// The last state of each batch of the run, in the order of [`BatchId`], at most `limit` after `after`, so
    /// that memory stays bounded.
    async fn batches(
        &self,
        run_id: &str,
        after: Option<&BatchId>,
        limit: u32,
    ) -> Result<Vec<BatchRecord>, JournalError>;
    /// Batches that are neither proven nor abandoned.
    async fn open_batches(&self, run_id: &str) -> Result<Vec<BatchRecord>, JournalError>;
    /// The last batch of the item's part that is proven: where the walk goes on; and the number
    /// that the next batch of the part takes, of its [`batch_numbers`].
    async fn last_proven(
        &self,
        run_id: &str,
        item: u32,
        part: u32,
    ) -> Result<Option<BatchRecord>, JournalError>;
    async fn next_batch(&self, run_id: &str, item: u32, part: u32) -> Result<u32, JournalError>;

    /// Where other processes can be offered a part of a run's work, if there can be any.
    fn help(&self) -> Option<&dyn HelpStore> {
        None
    }

    /// Destroys the run key and every sealed byte of a certified run, so that they are in no file of
    /// the ledger any more. After an error it can be called again.
    async fn destroy_sealed(&self, run_id: &str) -> Result<(), JournalError>;
    /// Certified runs for which [`JournalStore::destroy_sealed`] has not succeeded yet, oldest first:
    /// a process that starts calls it for each.
    async fn undestroyed_runs(&self) -> Result<Vec<String>, JournalError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_helper_has_numbers_of_its_own() {
        assert_eq!(batch_numbers(0), batch_numbers(PARTITIONS_FROM));
        let mut last = *batch_numbers(0).end();
        for helper in [0, 1, 2, HELPERS_MAX - 1] {
            let numbers = batch_numbers(HELPERS_FROM + helper);
            assert!(*numbers.start() > last && numbers.end() > numbers.start(), "{numbers:?} after {last}");
            last = *numbers.end();
        }
        assert_eq!(last, u32::MAX);
    }
}

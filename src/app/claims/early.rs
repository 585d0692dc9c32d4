//! Commitments made while the run goes on: hashing is work for this machine, and the next batch for the store.
//!
//! Only a preparation. The journal tells what may be claimed; a batch of which this module did not hear, or for
//! which it had no time, is committed to at the end.

use super::evidence;
use crate::catalog::Catalog;
use crate::certificate::{Commitment, CommitmentKey, Committer, RecordSetBuilder, RecordSetError};
use crate::execution::Witness;
use crate::journal::BatchId;
use anyhow::Context as _;
use connectors::{DatasetKeys, RecordKey};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::task::JoinHandle;

/// Batches that may wait: their keys are in memory.
const WAITING_MAX: usize = 4;

/// What is committed to: how many records of each dataset, by batch.
pub(super) struct Committed {
    pub(super) builder: RecordSetBuilder,
    pub(super) batches: BTreeMap<BatchId, BTreeMap<String, u64>>,
}

/// Store and dataset as certificates name them, by dataset.
type Names = BTreeMap<String, (String, String)>;
type Heard = (BatchId, Vec<DatasetKeys>);

/// Commits to the records of proven batches on a thread of its own.
pub(crate) struct Early {
    heard: SyncSender<Heard>,
    work: JoinHandle<Result<Committed, RecordSetError>>,
}

impl Early {
    /// Begins with an empty record set in the directory `work`.
    ///
    /// # Errors
    /// When the directory cannot be made, or a name is none for a certificate.
    pub(crate) fn begin(catalog: &Catalog, key: &CommitmentKey, work: &Path) -> anyhow::Result<Self> {
        let mut names = Names::new();
        for dataset in catalog.datasets().values() {
            let (store, public) = evidence::names(catalog, &dataset.name)?;
            names.insert(dataset.name.clone(), (store.as_str().to_owned(), public.as_str().to_owned()));
        }
        let committed = Committed { builder: RecordSetBuilder::create(work)?, batches: BTreeMap::new() };
        let (heard, batches) = sync_channel(WAITING_MAX);
        let key = key.clone();
        let work = tokio::task::spawn_blocking(move || commit_to_all(&batches, &names, &key, committed));
        Ok(Self { heard, work })
    }

    /// Everything that was heard of.
    pub(super) async fn end(self) -> anyhow::Result<Committed> {
        drop(self.heard);
        Ok(self.work.await.context("the commitments made during the run are lost")??)
    }
}

impl Witness for Early {
    fn proven(&self, batch: &BatchId, disposed: Vec<DatasetKeys>) {
        // Full, or its thread has ended with an error: the journal has the batch, and is read at the end.
        self.heard.try_send((batch.clone(), disposed)).ok();
    }
}

fn commit_to_all(
    batches: &Receiver<Heard>,
    names: &Names,
    key: &CommitmentKey,
    mut committed: Committed,
) -> Result<Committed, RecordSetError> {
    while let Ok((batch, groups)) = batches.recv() {
        if !groups.iter().all(|group| names.contains_key(&group.dataset)) {
            continue;
        }
        let mut counts = BTreeMap::new();
        for group in groups.iter().filter(|group| !group.keys.is_empty()) {
            let Some((store, dataset)) = names.get(&group.dataset) else { continue };
            committed.builder.add_batch(commitments(key.committer(store, dataset), &group.keys))?;
            *counts.entry(group.dataset.clone()).or_default() += group.keys.len() as u64;
        }
        committed.batches.insert(batch, counts);
    }
    Ok(committed)
}

/// The commitments to these records.
pub(super) fn commitments(mut committer: Committer, keys: &[RecordKey]) -> Vec<Commitment> {
    keys.iter().map(|key| committer.commit(&key.canonical())).collect()
}

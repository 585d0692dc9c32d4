//! What a run claims: the keys that the journal has proven, as counts and as commitments.
//!
//! Floor 7. Reads the journal page by page, opens the sealed keys one batch at a time, and hands the
//! commitments to the spooling record set, so that memory does not grow with the run.

mod early;

pub(super) use early::Early;

use super::evidence;
use crate::catalog::Catalog;
use crate::certificate::{CommitmentKey, RecordSet, RecordSetBuilder};
use crate::execution::place_of;
use crate::journal::codec::{self, OutcomeDelta};
use crate::journal::{BatchId, BatchRecord, BatchState, JournalStore, RunKey};
use anyhow::{Context, bail};
use connectors::{DatasetKeys, Intended, RecordKey};
use early::Committed;
use std::collections::BTreeMap;
use std::path::Path;

/// Batches read from the journal at once: with long keys each of them takes a megabyte.
const BATCHES_PER_PAGE: u32 = 8;

/// What was proven gone or changed, for one dataset under one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) disposed: u64,
    pub(super) already_absent: u64,
    /// Disposed of as the store answered, and yet there when looked at: somebody uses the key again. Records
    /// that the store refused count here, too.
    pub(super) there_again: u64,
    /// Of the records disposed of, those that went with a whole partition.
    pub(super) in_partitions: u64,
    /// Kept records by reason code; for messages, since the last survey has the final counts.
    pub(super) kept: BTreeMap<String, u64>,
}

/// Claims by position of the item and name of the dataset.
pub(super) type Claims = BTreeMap<(u32, String), Claim>;

/// Gathers every claim of the run and commits to each record, but for those that `early` has committed to
/// already.
///
/// # Errors
/// If the journal cannot be read, a batch is not settled, or the record set cannot be written.
pub(super) async fn gather(
    journal: &dyn JournalStore,
    catalog: &Catalog,
    run_id: &str,
    keys: (&RunKey, &CommitmentKey),
    (work, out): (&Path, &Path),
    early: Option<Early>,
) -> anyhow::Result<(Claims, RecordSet)> {
    let mut gathering = match early {
        Some(early) => Gathering { catalog, keys, claims: Claims::new(), committed: early.end().await? },
        None => Gathering::anew(catalog, keys, work)?,
    };
    if !gathering.read(journal, run_id).await? {
        // Only the journal tells what may be claimed: what was prepared does not agree with it.
        gathering = Gathering::anew(catalog, keys, work)?;
        gathering.read(journal, run_id).await?;
    }
    let Gathering { claims, committed: Committed { builder, .. }, .. } = gathering;
    let out = out.to_path_buf();
    // Beside, since whoever waits for the stores meanwhile needs this thread.
    let merged = tokio::task::spawn_blocking(move || builder.finish(&out)).await;
    let set = merged.context("the record set was not merged to its end")??;
    remove_work(work)?;
    Ok((claims, set))
}

/// The keys that the journal has of one dataset under one item.
#[derive(Debug, Default)]
pub(super) struct TouchedKeys {
    /// Seen in their final state.
    pub(super) disposed: Vec<RecordKey>,
    /// Intended, and gone before the batch that intended them touched them.
    pub(super) absent: Vec<RecordKey>,
}

/// By position of the item and name of the dataset.
pub(super) type Touched = BTreeMap<(u32, String), TouchedKeys>;

/// Every key of the run's proven batches: in memory, so only where their number is bounded, as that of requests is.
///
/// # Errors
/// If the journal cannot be read.
pub(super) async fn touched(
    journal: &dyn JournalStore,
    run_id: &str,
    key: &RunKey,
) -> anyhow::Result<Touched> {
    let (mut touched, mut after) = (Touched::new(), None);
    loop {
        let page = journal.batches(run_id, after.as_ref(), BATCHES_PER_PAGE).await?;
        let Some(last) = page.last() else { return Ok(touched) };
        after = Some(last.id.clone());
        for batch in page.iter().filter(|batch| batch.state == BatchState::Proven) {
            let (intended, outcome) = opened(batch, key)?;
            for group in outcome.disposed(&intended) {
                let known = touched.entry((batch.id.item, group.dataset)).or_default();
                known.disposed.extend(group.keys);
            }
            for (dataset, counts) in batch.counts.iter().filter(|(_, counts)| counts.already_absent > 0) {
                // Where some were kept too, those are told by reading them again.
                let groups = outcome.groups.iter().filter(|group| group.dataset == *dataset);
                let keys = groups.flat_map(|group| group.not_disposed.iter().cloned());
                let most = usize::try_from(counts.already_absent).unwrap_or(usize::MAX);
                let known = touched.entry((batch.id.item, dataset.clone())).or_default();
                known.absent.extend(keys.take(most));
            }
        }
    }
}

/// The work directory is empty by now.
#[expect(clippy::disallowed_methods, reason = "the work directory of the record set")]
fn remove_work(work: &Path) -> anyhow::Result<()> {
    std::fs::remove_dir(work).with_context(|| format!("{} cannot be removed", work.display()))
}

struct Gathering<'a> {
    catalog: &'a Catalog,
    keys: (&'a RunKey, &'a CommitmentKey),
    claims: Claims,
    committed: Committed,
}

impl<'a> Gathering<'a> {
    fn anew(
        catalog: &'a Catalog,
        keys: (&'a RunKey, &'a CommitmentKey),
        work: &Path,
    ) -> anyhow::Result<Self> {
        let committed = Committed { builder: RecordSetBuilder::create(work)?, batches: BTreeMap::new() };
        Ok(Self { catalog, keys, claims: Claims::new(), committed })
    }

    /// Goes through the journal. False if something is committed to that the journal does not have so.
    async fn read(&mut self, journal: &dyn JournalStore, run_id: &str) -> anyhow::Result<bool> {
        let mut after: Option<BatchId> = None;
        loop {
            let page = journal.batches(run_id, after.as_ref(), BATCHES_PER_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            for batch in &page {
                match batch.state {
                    BatchState::Abandoned => {}
                    BatchState::Proven => {
                        if !self.take(batch)? {
                            return Ok(false);
                        }
                        // The stores are read meanwhile.
                        tokio::task::yield_now().await;
                    }
                    BatchState::Intended | BatchState::Acted => bail!("a batch of the run is not settled"),
                }
            }
        }
        Ok(self.committed.batches.is_empty())
    }

    fn take(&mut self, batch: &BatchRecord) -> anyhow::Result<bool> {
        match self.committed.batches.remove(&batch.id) {
            Some(committed) => {
                let told = batch.counts.iter().map(|(dataset, counts)| (dataset.clone(), counts.disposed));
                if !told.filter(|(_, disposed)| *disposed > 0).eq(committed.clone()) {
                    return Ok(false);
                }
                for (dataset, disposed) in committed {
                    self.claim(batch, dataset, disposed);
                }
            }
            None => self.commit(batch)?,
        }
        for (dataset, counts) in &batch.counts {
            let claim = self.claims.entry((batch.id.item, dataset.clone())).or_default();
            claim.already_absent += counts.already_absent;
            claim.there_again += counts.failed;
        }
        for (dataset, kept) in &batch.kept {
            let claim = self.claims.entry((batch.id.item, dataset.clone())).or_default();
            for (code, count) in kept {
                *claim.kept.entry(code.clone()).or_default() += count;
            }
        }
        Ok(true)
    }

    fn commit(&mut self, batch: &BatchRecord) -> anyhow::Result<()> {
        let (run_key, commitment_key) = self.keys;
        for group in disposed_keys(batch, run_key)? {
            let (store, dataset) = evidence::names(self.catalog, &group.dataset)?;
            let committer = commitment_key.committer(store.as_str(), dataset.as_str());
            self.committed.builder.add_batch(early::commitments(committer, &group.keys))?;
            self.claim(batch, group.dataset, group.keys.len() as u64);
        }
        Ok(())
    }

    fn claim(&mut self, batch: &BatchRecord, dataset: String, disposed: u64) {
        let claim = self.claims.entry((batch.id.item, dataset)).or_default();
        claim.disposed += disposed;
        if batch.id.is_of_partition() {
            claim.in_partitions += disposed;
        }
    }
}

/// The keys of one proven batch that were seen in their final state: intended less what the outcome
/// takes back.
fn disposed_keys(batch: &BatchRecord, key: &RunKey) -> anyhow::Result<Vec<DatasetKeys>> {
    let (intended, outcome) = opened(batch, key)?;
    Ok(outcome.disposed(&intended))
}

fn opened(batch: &BatchRecord, key: &RunKey) -> anyhow::Result<(Intended, OutcomeDelta)> {
    let sealed = batch.intended.as_ref().context("a proven batch has no keys")?;
    let plain = key.open(&place_of(&batch.id, "intended"), sealed)?;
    let intended = codec::decode_intended(&plain)?;
    let sealed = batch.outcome.as_ref().context("a proven batch has no outcome")?;
    let plain = key.open(&place_of(&batch.id, "outcome"), sealed)?;
    Ok((intended, codec::decode_outcome(&plain)?))
}

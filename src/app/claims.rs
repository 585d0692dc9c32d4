//! What a run claims: the keys that the journal has proven, as counts and as commitments.
//!
//! Floor 7. Reads the journal page by page, opens the sealed keys one batch at a time, and hands the
//! commitments to the spooling record set, so that memory does not grow with the run.

use super::evidence;
use crate::catalog::Catalog;
use crate::certificate::{CommitmentKey, RecordSet, RecordSetBuilder};
use crate::execution::place_of;
use crate::journal::codec;
use crate::journal::{BatchId, BatchRecord, BatchState, JournalStore, PARTITIONS_FROM, RunKey};
use anyhow::{Context, bail};
use connectors::DatasetKeys;
use std::collections::BTreeMap;
use std::path::Path;

/// Batches read from the journal at once.
const BATCHES_PER_PAGE: u32 = 64;

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

/// Gathers every claim of the run and commits to each record.
///
/// # Errors
/// If the journal cannot be read, a batch is not settled, or the record set cannot be written.
pub(super) async fn gather(
    journal: &dyn JournalStore,
    catalog: &Catalog,
    run_id: &str,
    keys: (&RunKey, &CommitmentKey),
    (work, out): (&Path, &Path),
) -> anyhow::Result<(Claims, RecordSet)> {
    let mut builder = RecordSetBuilder::create(work)?;
    let mut claims = Claims::new();
    let mut after: Option<BatchId> = None;
    loop {
        let page = journal.batches(run_id, after.as_ref(), BATCHES_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for batch in &page {
            match batch.state {
                BatchState::Abandoned => {}
                BatchState::Proven => {
                    take(batch, keys, catalog, &mut claims, &mut builder)?;
                    // The stores are read meanwhile.
                    tokio::task::yield_now().await;
                }
                BatchState::Intended | BatchState::Acted => bail!("a batch of the run is not settled"),
            }
        }
    }
    let set = builder.finish(out)?;
    remove_work(work)?;
    Ok((claims, set))
}

/// The work directory is empty by now.
#[expect(clippy::disallowed_methods, reason = "the work directory of the record set")]
fn remove_work(work: &Path) -> anyhow::Result<()> {
    std::fs::remove_dir(work).with_context(|| format!("{} cannot be removed", work.display()))
}

fn take(
    batch: &BatchRecord,
    (run_key, commitment_key): (&RunKey, &CommitmentKey),
    catalog: &Catalog,
    claims: &mut Claims,
    builder: &mut RecordSetBuilder,
) -> anyhow::Result<()> {
    for group in disposed_keys(batch, run_key)? {
        let (store, dataset) = evidence::names(catalog, &group.dataset)?;
        let mut committer = commitment_key.committer(store.as_str(), dataset.as_str());
        let commitments = group.keys.iter().map(|key| committer.commit(&key.canonical())).collect();
        builder.add_batch(commitments)?;
        let claim = claims.entry((batch.id.item, group.dataset)).or_default();
        claim.disposed += group.keys.len() as u64;
        if batch.id.part >= PARTITIONS_FROM {
            claim.in_partitions += group.keys.len() as u64;
        }
    }
    for (dataset, counts) in &batch.counts {
        let claim = claims.entry((batch.id.item, dataset.clone())).or_default();
        claim.already_absent += counts.already_absent;
        claim.there_again += counts.failed;
    }
    for (dataset, kept) in &batch.kept {
        let claim = claims.entry((batch.id.item, dataset.clone())).or_default();
        for (code, count) in kept {
            *claim.kept.entry(code.clone()).or_default() += count;
        }
    }
    Ok(())
}

/// The keys of one proven batch that were seen in their final state: intended less what the outcome
/// takes back.
fn disposed_keys(batch: &BatchRecord, key: &RunKey) -> anyhow::Result<Vec<DatasetKeys>> {
    let sealed = batch.intended.as_ref().context("a proven batch has no keys")?;
    let plain = key.open(&place_of(&batch.id, "intended"), sealed)?;
    let intended = codec::decode_intended(&plain)?;
    let sealed = batch.outcome.as_ref().context("a proven batch has no outcome")?;
    let plain = key.open(&place_of(&batch.id, "outcome"), sealed)?;
    Ok(codec::decode_outcome(&plain)?.disposed(&intended))
}

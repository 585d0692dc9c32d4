//! Settles batches in doubt, by looking.
//!
//! After a crash or a lost answer nobody knows whether an intended batch was carried out. A store that
//! keeps marks tells: then exactly what it carried out is claimed, as far as it is seen, and otherwise nothing.
//! Elsewhere every key that was intended and is seen in its final state is claimed; the others are not, and are
//! planned anew. Where a batch is a transaction and only some of its keys are in their final state, somebody
//! else was at work on them: those are told as absent, and not claimed. So nothing is claimed that was not seen
//! to be gone.

use crate::execution::attempt::{self, Seen, place_of};
use crate::execution::{ExecutionError, OpenStore, Session, partitions};
use crate::journal::codec::{self, DeltaGroup, OutcomeDelta};
use crate::journal::{BatchCounts, BatchId, BatchRecord, BatchState, JournalEntry, RunRecord, Transition};
use crate::plan::compile::ExecutableItem;
use connectors::{Intended, Selection};
use std::collections::{BTreeMap, BTreeSet};

/// A batch whose answer is not known, or not yet proven.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt<'a> {
    pub(super) id: &'a BatchId,
    pub(super) state: BatchState,
}

/// Settles every open batch of the run. Answers with the items whose walk must begin anew, because
/// records may have been left behind the cursor.
pub(super) async fn settle_all(
    session: &Session<'_>,
    items: &[ExecutableItem],
) -> Result<BTreeSet<u32>, ExecutionError> {
    let mut redo = BTreeSet::new();
    let open_batches = session.executor.journal.open_batches(&session.run.run_id).await?;
    for batch in open_batches {
        // The run was interrupted, whatever the batch comes to.
        mark_reconciled(session).await?;
        let (store, selection) = place(session, items, &batch.id)?;
        let intended = open_intended(session, &batch)?;
        let doubt = Doubt { id: &batch.id, state: batch.state };
        let open = session.store(store)?;
        if partitions::stays(session, open, selection, (&batch.id, &intended)).await? {
            // It goes whole or not at all, so nothing of this batch is gone by our doing.
            abandon(session, selection, &batch.id).await?;
        } else {
            settle(session, open, selection, doubt, &intended).await?;
        }
        redo.insert(batch.id.item);
    }
    Ok(redo)
}

/// Settles what a dismissed helper left open of the item.
pub(super) async fn settle_of_helper(
    session: &Session<'_>,
    item: &ExecutableItem,
    helper: u32,
) -> Result<(), ExecutionError> {
    let open = session.store(&item.item.store)?;
    for batch in session.executor.journal.open_batches(&session.run.run_id).await? {
        if batch.id.helper() == Some(helper) && batch.id.item == item.item.item {
            let intended = open_intended(session, &batch)?;
            let doubt = Doubt { id: &batch.id, state: batch.state };
            settle(session, open, &item.selection, doubt, &intended).await?;
        }
    }
    Ok(())
}

/// Looks at every intended key and records what is seen.
pub(super) async fn settle(
    session: &Session<'_>,
    open: &OpenStore,
    selection: &Selection,
    doubt: Doubt<'_>,
    intended: &Intended,
) -> Result<(), ExecutionError> {
    // What a lost session began could still become durable after we looked.
    attempt::patiently(session, || open.disposer.settle()).await?;
    let committed = attempt::patiently(session, || open.disposer.committed(intended)).await?;
    let mut found = Vec::with_capacity(intended.groups.len());
    for group in intended.groups.iter().filter(|_| committed != Some(false)) {
        let keys = attempt::patiently(session, || attempt::final_keys(open, selection, group)).await?;
        found.push((group, keys));
    }
    let is_whole = found.iter().all(|(group, keys)| group.keys.len() == keys.len());
    let transactional = open.source.capabilities().transactional;
    let mut seen = Seen::default();
    let mut told = 0_u64;
    for (group, keys) in &found {
        let (intended, final_) = (group.keys.len() as u64, keys.len() as u64);
        let (counts, disposed) = match committed {
            Some(_) => (
                BatchCounts {
                    intended,
                    disposed: final_,
                    failed: intended - final_,
                    ..BatchCounts::default()
                },
                &keys[..],
            ),
            // A transaction is whole: somebody else had a hand in this. What is absent is told, not claimed.
            None if transactional && !is_whole => {
                (BatchCounts { intended: final_, already_absent: final_, ..BatchCounts::default() }, &[][..])
            }
            None => (BatchCounts { intended: final_, disposed: final_, ..BatchCounts::default() }, &keys[..]),
        };
        told += counts.intended;
        seen.counts.insert(group.dataset.clone(), counts);
        seen.not_disposed.extend(DeltaGroup::between(&group.dataset, &group.keys, disposed));
    }
    open.disposer.note_changed_elsewhere(selection);
    match (told, doubt.state) {
        // Nothing is gone by our doing, as where a store refused: nothing had to be put together afterwards.
        (0, BatchState::Intended) => abandon(session, selection, doubt.id).await,
        (_, BatchState::Intended) => {
            mark_reconciled(session).await?;
            let delta = OutcomeDelta { groups: seen.not_disposed.clone(), last_key: None, exhausted: false };
            attempt::record(session, selection, doubt.id, Transition::Settle, &delta, &seen).await
        }
        (_, state) => Err(session.unreadable(format!("a batch is {state:?} without a proof"))),
    }
}

pub(super) async fn abandon(
    session: &Session<'_>,
    selection: &Selection,
    id: &BatchId,
) -> Result<(), ExecutionError> {
    let entry = JournalEntry {
        id: id.clone(),
        attempt: 1,
        transition: Transition::Abandon,
        dataset: selection.address.dataset.clone(),
        sealed: None,
        counts: BTreeMap::new(),
        kept: BTreeMap::new(),
        hold_revision: 0,
        at: session.executor.clock.now(),
    };
    Ok(session.executor.journal.append(&entry).await?)
}

async fn mark_reconciled(session: &Session<'_>) -> Result<(), ExecutionError> {
    let journal = session.executor.journal;
    let Some(run) = journal.run(&session.run.run_id).await? else {
        return Err(session.unreadable("the run is gone"));
    };
    if !run.reconciled {
        journal.update_run(&RunRecord { reconciled: true, ..run }).await?;
    }
    Ok(())
}

pub(super) fn open_intended(session: &Session<'_>, batch: &BatchRecord) -> Result<Intended, ExecutionError> {
    let sealed = batch.intended.as_ref().ok_or_else(|| session.unreadable("an intent has no keys"))?;
    let plain = session
        .key
        .open(&place_of(&batch.id, "intended"), sealed)
        .map_err(|error| session.unreadable(error.to_string()))?;
    codec::decode_intended(&plain).map_err(|error| session.unreadable(error.to_string()))
}

fn place<'p>(
    session: &Session<'_>,
    items: &'p [ExecutableItem],
    id: &BatchId,
) -> Result<(&'p str, &'p Selection), ExecutionError> {
    let item = items
        .iter()
        .find(|item| item.item.item == id.item)
        .ok_or_else(|| session.unreadable("a batch belongs to no item of the plan"))?;
    let selection = match id.part.checked_sub(1) {
        None => &item.selection,
        Some(_) if id.is_of_partition() || id.helper().is_some() => &item.selection,
        Some(link) => usize::try_from(link)
            .ok()
            .and_then(|link| item.links.get(link))
            .map(|link| &link.selection)
            .ok_or_else(|| session.unreadable("a batch belongs to no link of its item"))?,
    };
    Ok((&selection.address.store, selection))
}

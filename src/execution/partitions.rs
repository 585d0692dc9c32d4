//! Partitions of an item that go as a whole, before what is left goes row by row.
//!
//! The keys of a partition are journaled in pieces, each a batch of its own, before the store drops it.
//! Whether it was dropped is told by whether it is still there: it goes whole or not at all. Each piece is
//! then read back like any other batch. A partition that cannot go is no failure: its due records go row
//! by row.

use crate::execution::attempt::{self, Place, Seen};
use crate::execution::walk::WalkError;
use crate::execution::{ExecutionError, Interruption, OpenStore, Session, Snapshot, recovery};
use crate::hold::HoldBook;
use crate::journal::codec::OutcomeDelta;
use crate::journal::{BatchCounts, BatchId, BatchState, JournalError, PARTITIONS_FROM, Transition};
use crate::plan::compile::ExecutableItem;
use crate::spans;
use async_trait::async_trait;
use connectors::{ConnectorError, Intended, IntentSink, PartitionEnd, Selection, failpoint};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing::Instrument as _;

/// Keys of one piece.
const PIECE_RECORDS: u32 = 20_000;
/// How often a partition that is in use is tried, and how long others are left alone in between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Drops what the plan says can go as a whole. What was dropped by an earlier process is not there any more.
pub(super) async fn drop_all(
    session: &Session<'_>,
    item: &ExecutableItem,
    open: &OpenStore,
) -> Result<Option<Interruption>, WalkError> {
    let began = session.executor.clock.monotonic();
    let mut disposed = 0;
    for (place, partition) in item.item.partitions.iter().enumerate() {
        let part = u32::try_from(place).unwrap_or(u32::MAX).saturating_add(PARTITIONS_FROM);
        for turn in 0..TRIES {
            if let Some(interruption) = session.executor.control.interruption() {
                return Ok(Some(interruption));
            }
            if turn > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let dropping = drop_one(session, item, open, (part, &partition.name));
            match dropping.instrument(spans::partition()).await? {
                Tried::Again => {}
                Tried::Done(records) => {
                    disposed += records;
                    session.executor.progress.advanced(&Snapshot {
                        item: item.item.item,
                        dataset: item.item.dataset.clone(),
                        disposed,
                        planned: item.item.counts.due,
                        elapsed: session.executor.clock.monotonic().saturating_sub(began),
                        slowed_by: Vec::new(),
                    });
                    break;
                }
            }
        }
    }
    Ok(None)
}

/// What one attempt came to.
enum Tried {
    /// It is gone with so many records by this attempt, or stays for the walk over its rows.
    Done(u64),
    /// Others were using it, or a hold came.
    Again,
}

async fn drop_one(
    session: &Session<'_>,
    item: &ExecutableItem,
    open: &OpenStore,
    (part, name): (u32, &str),
) -> Result<Tried, ExecutionError> {
    let book: HoldBook = session.executor.holds.book().await?;
    let selection = item.with_holds(&book)?;
    let place = Place { item: item.item.item, part, hold_revision: book.revision };
    let sink = Pieces { session, place, dataset: &selection.address.dataset, state: Mutex::default() };
    let piece = failpoint::number("OUBLIETTE_BATCH_RECORDS").unwrap_or(PIECE_RECORDS);
    let end = open.disposer.drop_partition(&selection, name, piece, &sink).await;
    failpoint::hit("partition-after-dispose");
    let PiecesState { intended, refused } = sink.take();
    match end {
        Ok(PartitionEnd::Dropped) => {
            let mut records = 0;
            for id in &intended {
                records += prove(session, open, &selection, id).await?;
            }
            Ok(Tried::Done(records))
        }
        Ok(PartitionEnd::Absent | PartitionEnd::Kept(_)) => {
            abandon_all(session, &selection, &intended).await?;
            Ok(Tried::Done(0))
        }
        Err(error) => {
            if let Some(refused) = refused {
                abandon_all(session, &selection, &intended).await?;
                return match refused {
                    JournalError::HoldsChanged => Ok(Tried::Again),
                    refused => Err(refused.into()),
                };
            }
            settle(session, open, &selection, &intended).await?;
            Ok(if error.is_transient() { Tried::Again } else { Tried::Done(0) })
        }
    }
}

/// Whether a batch is a piece of a partition that is still there.
pub(super) async fn stays(
    session: &Session<'_>,
    open: &OpenStore,
    selection: &Selection,
    (id, intended): (&BatchId, &Intended),
) -> Result<bool, ExecutionError> {
    if !id.is_of_partition() {
        return Ok(false);
    }
    let mark = intended.last_key.as_ref();
    let mark = mark.ok_or_else(|| session.unreadable("a piece does not say of which partition it is"))?;
    // What a lost session began could still become durable after we looked.
    attempt::patiently(session, || open.disposer.settle()).await?;
    attempt::patiently(session, || open.source.has_partition(selection, mark)).await
}

/// The answer was lost: the partition tells whether it went.
async fn settle(
    session: &Session<'_>,
    open: &OpenStore,
    selection: &Selection,
    intended: &[BatchId],
) -> Result<(), ExecutionError> {
    let Some(first) = intended.first() else { return Ok(()) };
    let piece = journaled(session, first).await?;
    if stays(session, open, selection, (first, &piece)).await? {
        return abandon_all(session, selection, intended).await;
    }
    for id in intended {
        let doubt = recovery::Doubt { id, state: BatchState::Intended };
        recovery::settle(session, open, selection, doubt, &journaled(session, id).await?).await?;
    }
    Ok(())
}

/// Nothing of these is gone by our doing.
async fn abandon_all(
    session: &Session<'_>,
    selection: &Selection,
    intended: &[BatchId],
) -> Result<(), ExecutionError> {
    for id in intended {
        recovery::abandon(session, selection, id).await?;
    }
    Ok(())
}

/// Reads one piece back and records what is seen.
async fn prove(
    session: &Session<'_>,
    open: &OpenStore,
    selection: &Selection,
    id: &BatchId,
) -> Result<u64, ExecutionError> {
    let intended = journaled(session, id).await?;
    let mut seen = Seen::default();
    let mut disposed = 0;
    for group in &intended.groups {
        let proven = attempt::patiently(session, || attempt::final_keys(open, selection, group)).await?;
        disposed += proven.len() as u64;
        let counts = BatchCounts {
            intended: group.keys.len() as u64,
            disposed: proven.len() as u64,
            failed: (group.keys.len() - proven.len()) as u64,
            ..BatchCounts::default()
        };
        seen.counts.insert(group.dataset.clone(), counts);
        seen.not_disposed.extend(crate::journal::codec::DeltaGroup::between(
            &group.dataset,
            &group.keys,
            &proven,
        ));
    }
    let delta = OutcomeDelta { groups: seen.not_disposed.clone(), last_key: None, exhausted: false };
    attempt::record(session, selection, id, Transition::Act, &delta, &seen).await?;
    Ok(disposed)
}

/// The keys of a piece, out of the journal: in memory there is one piece at a time.
async fn journaled(session: &Session<'_>, id: &BatchId) -> Result<Intended, ExecutionError> {
    let before = match id.batch.checked_sub(1) {
        Some(batch) => BatchId { batch, ..id.clone() },
        None => BatchId { part: id.part.saturating_sub(1), batch: u32::MAX, ..id.clone() },
    };
    let found = session.executor.journal.batches(&session.run.run_id, Some(&before), 1).await?;
    match found.first().filter(|batch| batch.id == *id) {
        Some(batch) => recovery::open_intended(session, batch),
        None => Err(session.unreadable("a piece of a partition is gone from the journal")),
    }
}

/// Journals each piece as an intent of its own.
struct Pieces<'a> {
    session: &'a Session<'a>,
    place: Place,
    dataset: &'a str,
    state: Mutex<PiecesState>,
}

#[derive(Debug, Default)]
struct PiecesState {
    intended: Vec<BatchId>,
    refused: Option<JournalError>,
}

impl Pieces<'_> {
    fn take(&self) -> PiecesState {
        std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl IntentSink for Pieces<'_> {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError> {
        failpoint::hit("before-intent");
        let appended = attempt::append_intent(self.session, self.place, self.dataset, intended).await;
        failpoint::hit("after-intent");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match appended {
            Ok(id) => {
                state.intended.push(id);
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                state.refused = Some(error);
                Err(ConnectorError::IntentRefused { reason })
            }
        }
    }
}

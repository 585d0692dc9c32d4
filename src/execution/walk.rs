//! The walk over one item: batch after batch in key order until nothing due is left.

use crate::execution::attempt::{self, Act, BatchEnd, BatchError, Place, Unproven};
use crate::execution::{
    ExecutionError, Interruption, OpenStore, Session, Snapshot, lanes, linked, partitions, patience,
};
use crate::hold::HoldBook;
use crate::journal::codec;
use crate::plan::compile::ExecutableItem;
use crate::spans;
use connectors::{Batch, BatchRange, ConnectorError, RecordKey, Selection, failpoint};
use std::time::Duration;
use tracing::Span;

#[derive(Debug)]
pub(super) enum WalkError {
    /// This item cannot be finished; the others can.
    Item(ConnectorError),
    Run(ExecutionError),
}

impl From<ExecutionError> for WalkError {
    fn from(error: ExecutionError) -> Self {
        Self::Run(error)
    }
}

/// How the walk over an item ended.
pub(super) fn word_of(walked: &Result<Option<Interruption>, WalkError>) -> &'static str {
    match walked {
        Ok(None) => "done",
        Ok(Some(_)) => "interrupted",
        Err(WalkError::Item(_)) => "given_up",
        Err(WalkError::Run(_)) => "stopped",
    }
}

/// How often the stop switch is looked at while waiting.
pub(super) const WAIT_SLICE: Duration = Duration::from_millis(100);

/// Aim of a batch in a store that keeps nobody waiting for it.
const UNLOCKED_TARGET: Duration = Duration::from_secs(3);

/// Tests of one server disturb one another, and would wait for each other.
pub(super) fn ignores_pressure() -> bool {
    failpoint::number("OUBLIETTE_IGNORE_PRESSURE").is_some()
}

/// Walks one item. `redo` begins at the start of the key, because a batch in doubt was settled.
pub(super) async fn item(
    session: &Session<'_>,
    item: &ExecutableItem,
    redo: bool,
) -> Result<Option<Interruption>, WalkError> {
    let open = session.store(&item.item.store)?;
    if let Some(interruption) = partitions::drop_all(session, item, open).await? {
        return Ok(Some(interruption));
    }
    if item.links.is_empty() && open.source.capabilities().bounded_batches {
        let cursor = if redo { None } else { cursor(session, item.item.item).await? };
        return lanes::item(session, item, open, cursor).await;
    }
    let mut walk = Walk::begin(session, item, redo).await?;
    let end = walk.run().await;
    spans::count(&Span::current(), spans::DISPOSED, walk.disposed);
    session.executor.progress.ended(&walk.snapshot());
    end
}

struct Walk<'a> {
    session: &'a Session<'a>,
    item: &'a ExecutableItem,
    open: &'a OpenStore,
    book: HoldBook,
    cursor: Option<RecordKey>,
    records_max: u32,
    /// Carried out and not read back yet.
    unproven: Option<Box<(Selection, Unproven)>>,
    disposed: u64,
    disposed_in_pass: u64,
    passes: u32,
    tries: u32,
    began: Duration,
    slowed_by: Vec<String>,
    /// What the last batch took.
    took: Duration,
}

impl<'a> Walk<'a> {
    async fn begin(
        session: &'a Session<'a>,
        item: &'a ExecutableItem,
        redo: bool,
    ) -> Result<Self, WalkError> {
        let executor = session.executor;
        let number = item.item.item;
        let open = session.store(&item.item.store)?;
        let cursor = if redo { None } else { cursor(session, number).await? };
        let store_max = open.source.capabilities().batch_records_max;
        Ok(Self {
            session,
            item,
            open,
            book: executor.holds.book().await.map_err(ExecutionError::from)?,
            cursor,
            records_max: executor.tuning.clamp(executor.tuning.records_start, store_max),
            unproven: None,
            disposed: 0,
            disposed_in_pass: 0,
            passes: 1,
            tries: 0,
            began: executor.clock.monotonic(),
            slowed_by: Vec::new(),
            took: Duration::ZERO,
        })
    }

    async fn run(&mut self) -> Result<Option<Interruption>, WalkError> {
        let end = self.walk().await;
        // Whatever ended it, what was carried out is read back.
        match self.unproven.take() {
            Some(unproven) if !matches!(end, Err(WalkError::Run(_))) => {
                match self.prove(*unproven).await {
                    Ok(proven) => self.disposed += proven.disposed,
                    Err(BatchError::Run(error)) => return Err(error.into()),
                    Err(BatchError::Store { error, .. }) => return Err(WalkError::Item(error)),
                    Err(BatchError::HoldsChanged) => {
                        return Err(self.session.unreadable("a proof was refused because of a hold").into());
                    }
                }
                end
            }
            _ => end,
        }
    }

    async fn walk(&mut self) -> Result<Option<Interruption>, WalkError> {
        loop {
            if let Some(interruption) = self.session.executor.control.interruption() {
                return Ok(Some(interruption));
            }
            self.heed_pressure().await?;
            self.refresh_holds().await?;
            let began = self.session.executor.clock.monotonic();
            match self.batch().await {
                Ok(end) => {
                    let took = self.session.executor.clock.monotonic().saturating_sub(began);
                    if self.advance(end, took) {
                        return Ok(None);
                    }
                }
                Err(BatchError::HoldsChanged) => {}
                Err(BatchError::Run(error)) => return Err(error.into()),
                Err(BatchError::Store { error, was_in_doubt }) => self.bear(error, was_in_doubt).await?,
            }
        }
    }

    async fn batch(&mut self) -> Result<BatchEnd, BatchError> {
        let selection = self.item.with_holds(&self.book).map_err(ExecutionError::from)?;
        if !self.item.links.is_empty() {
            let step = linked::Step {
                session: self.session,
                item: self.item,
                open: self.open,
                book: &self.book,
                cursor: self.cursor.as_ref(),
                records_max: self.records_max,
            };
            return linked::batch(step, selection).await;
        }
        if !self.item.keepers.is_empty() {
            let step = linked::Step {
                session: self.session,
                item: self.item,
                open: self.open,
                book: &self.book,
                cursor: self.cursor.as_ref(),
                records_max: self.records_max,
            };
            return linked::batch_of_objects(step, selection).await;
        }
        let range =
            BatchRange { after: self.cursor.clone(), up_to: None, due: None, records_max: self.records_max };
        let batch = Batch { selection, range, only_keys: None };
        let place = Place { item: self.item.item.item, part: 0, hold_revision: self.book.revision };
        if self.open.source.capabilities().reads_beside {
            return self.overlapped(place, batch).await;
        }
        attempt::batch(self.session, self.open, place, &batch).await
    }

    /// Carries a batch out while the one before is read back. The last one is read back at once.
    async fn overlapped(&mut self, place: Place, batch: Batch) -> Result<BatchEnd, BatchError> {
        let act = attempt::act(self.session, self.open, place, &batch, None);
        let act = match self.unproven.take() {
            None => act.await,
            Some(before) => {
                let (proven, act) = tokio::join!(self.prove(*before), act);
                let proven = proven?.disposed;
                self.disposed += proven;
                self.disposed_in_pass += proven;
                act
            }
        };
        let unproven = match act? {
            Act::Nothing(end) => return Ok(end),
            Act::Done(unproven) => Box::new((batch.selection, *unproven)),
        };
        if unproven.1.outcome.exhausted {
            return self.prove(*unproven).await;
        }
        let last_key = unproven.1.outcome.last_key.clone();
        self.unproven = Some(unproven);
        Ok(BatchEnd { journaled: true, disposed: 0, last_key, exhausted: false })
    }

    async fn prove(&self, (selection, unproven): (Selection, Unproven)) -> Result<BatchEnd, BatchError> {
        let cursor = unproven.outcome.last_key.clone();
        attempt::prove(self.session, self.open, &selection, unproven, cursor).await
    }

    /// Takes one batch into account; true when the walk is over.
    fn advance(&mut self, end: BatchEnd, took: Duration) -> bool {
        self.tries = 0;
        self.took = took;
        self.disposed += end.disposed;
        self.disposed_in_pass += end.disposed;
        self.cursor = end.last_key.or(self.cursor.take());
        let capabilities = self.open.source.capabilities();
        let mut tuning = self.session.executor.tuning;
        if !capabilities.transactional {
            tuning.batch_target = tuning.batch_target.max(UNLOCKED_TARGET);
        }
        if end.journaled {
            self.records_max = tuning.next_records(self.records_max, took, capabilities.batch_records_max);
        }
        self.session.executor.progress.advanced(&self.snapshot());
        if !end.exhausted {
            return false;
        }
        // A listing can miss what was there; only a walk that finds nothing is the end of it.
        let again =
            !capabilities.transactional && self.disposed_in_pass > 0 && self.passes < tuning.passes_max;
        if again {
            self.passes += 1;
            self.disposed_in_pass = 0;
            self.cursor = None;
        }
        !again
    }

    async fn refresh_holds(&mut self) -> Result<(), ExecutionError> {
        let holds = self.session.executor.holds;
        if holds.revision().await? != self.book.revision {
            self.book = holds.book().await?;
        }
        Ok(())
    }

    async fn heed_pressure(&mut self) -> Result<(), WalkError> {
        if ignores_pressure() {
            return Ok(());
        }
        match self.open.source.pressure().await {
            Ok(pressure) => {
                self.slowed_by = pressure.reasons;
                if pressure.pause_ms > 0 {
                    self.session.executor.progress.advanced(&self.snapshot());
                    // On a server at least as long as the work.
                    let is_server = self.open.source.capabilities().is_server;
                    let work = if is_server { self.took } else { Duration::ZERO };
                    self.wait(work.max(Duration::from_millis(pressure.pause_ms))).await;
                }
                Ok(())
            }
            Err(error) => self.bear(error, false).await,
        }
    }

    /// Bears with a store that may recover; gives the item, or the run, up if it will not.
    async fn bear(&mut self, error: ConnectorError, was_in_doubt: bool) -> Result<(), WalkError> {
        self.tries += 1;
        if was_in_doubt {
            self.cursor = None;
        }
        if matches!(error, ConnectorError::Full { .. }) {
            return Err(WalkError::Run(ExecutionError::Store(error)));
        }
        if !patience::is_worth_a_try(&error, self.tries, self.session.executor.tuning.attempts_max) {
            return Err(WalkError::Item(error));
        }
        self.slowed_by = vec![error.to_string()];
        self.session.executor.progress.advanced(&self.snapshot());
        self.wait(patience::back_off(self.tries)).await;
        Ok(())
    }

    async fn wait(&self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && self.session.executor.control.interruption().is_none() {
            let slice = left.min(WAIT_SLICE);
            tokio::time::sleep(slice).await;
            left = left.saturating_sub(slice);
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            item: self.item.item.item,
            dataset: self.item.item.dataset.clone(),
            disposed: self.disposed,
            planned: self.item.item.counts.due,
            elapsed: self.session.executor.clock.monotonic().saturating_sub(self.began),
            slowed_by: self.slowed_by.clone(),
        }
    }
}

/// Where the walk over the item goes on: after the last proven batch.
async fn cursor(session: &Session<'_>, item: u32) -> Result<Option<RecordKey>, ExecutionError> {
    let Some(batch) = session.executor.journal.last_proven(&session.run.run_id, item, 0).await? else {
        return Ok(None);
    };
    let Some(sealed) = &batch.outcome else { return Ok(None) };
    let plain = session
        .key
        .open(&attempt::place_of(&batch.id, "outcome"), sealed)
        .map_err(|error| session.unreadable(error.to_string()))?;
    let delta = codec::decode_outcome(&plain).map_err(|error| session.unreadable(error.to_string()))?;
    Ok(delta.last_key)
}

//! Helping with a run that another process leads: ranges that it offers are carried out here.
//!
//! A helper journals, settles and proves its batches by itself, under its own number and its own sessions. It begins
//! nothing that was not offered, never certifies, and stops where its right is gone; then the leader settles what it
//! left.

use crate::execution::attempt::{self, BatchError, Place, place_of_offer};
use crate::execution::walk;
use crate::execution::{ExecutionError, Executor, OpenStore, Session, Snapshot};
use crate::journal::codec::{self, KeyRange};
use crate::journal::{Answer, HELPERS_FROM, HelpStore, HelperLease, JournalError, Offer, RunKey, RunRecord};
use crate::plan::compile::ExecutableItem;
use crate::plan::executable::ExecutablePlan;
use connectors::{Batch, BatchRange, ConnectorError};
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often something to do is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A helper that found nothing to do for so long goes.
const IDLE_MAX: Duration = Duration::from_secs(3);
/// After so many ranges in a row that the store did not let it carry out it goes: the leader does better.
const RETURNED_MAX: u32 = 3;
/// No range takes longer: whoever waits longer for a store is cut off from it. The leader waits a little longer than
/// that.
const RANGE_MAX: Duration = Duration::from_mins(8);
/// Ranges that a leader is taken to have under way.
const RANGES_OF_LEADER: u32 = 4;

/// What a helper did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HelpEnd {
    pub ranges: u64,
    /// Records of the items' own datasets.
    pub disposed: u64,
}

/// Carries out ranges that the leader of the run offers, until there are none for some seconds, or this process is to
/// stop.
///
/// # Errors
/// See [`ExecutionError`]. What is left open then is settled by the leader.
pub async fn help(
    executor: &Executor<'_>,
    plan: &ExecutablePlan,
    run: &RunRecord,
    key: &RunKey,
    right: &HelperLease,
) -> Result<HelpEnd, ExecutionError> {
    let Some(store) = executor.journal.help() else { return Ok(HelpEnd::default()) };
    let numbering = tokio::sync::Mutex::new(());
    let session = Session { executor, run, key, numbering: &numbering };
    let state = State { idle_since: executor.clock.monotonic(), ..State::default() };
    let helping = Helping {
        session: &session,
        store,
        plan,
        right,
        began: executor.clock.monotonic(),
        state: Mutex::new(state),
    };
    for open in executor.stores.values() {
        open.source.expect_company(RANGES_OF_LEADER);
    }
    // Every call to the ledger is made inside a lane: a lane that is not polled could keep its lock from the others.
    let lanes = (0..helping.lanes()).map(|_| helping.lane());
    let ended = tokio::select! {
        ended = try_join_all(lanes) => ended,
        () = helping.until_lost() => Err(lost(run, right)),
    };
    for open in executor.stores.values() {
        open.source.let_go().await;
    }
    ended?;
    let State { end, failure, .. } = std::mem::take(&mut *helping.state());
    store.leave(&run.run_id, right.helper).await?;
    match failure {
        Some(error) => Err(ExecutionError::Store(error)),
        None => Ok(end),
    }
}

fn lost(run: &RunRecord, right: &HelperLease) -> ExecutionError {
    JournalError::LeaseLost { scope: format!("help/{}/{}", run.run_id, right.helper) }.into()
}

#[derive(Debug, Default)]
struct State {
    /// When a range was last carried out.
    idle_since: Duration,
    /// Ranges that went back one after the other.
    returned: u32,
    /// Why, when there were too many.
    failure: Option<ConnectorError>,
    /// By item.
    disposed: BTreeMap<u32, u64>,
    end: HelpEnd,
}

struct Helping<'s> {
    session: &'s Session<'s>,
    store: &'s dyn HelpStore,
    plan: &'s ExecutablePlan,
    right: &'s HelperLease,
    began: Duration,
    state: Mutex<State>,
}

impl Helping<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.session.executor.clock.monotonic()
    }

    fn lanes(&self) -> u32 {
        self.session.executor.stores.values().map(|open| open.connections).max().unwrap_or(1)
    }

    /// One range after the other.
    async fn lane(&self) -> Result<(), ExecutionError> {
        let (run_id, helper) = (&self.session.run.run_id, self.right.helper);
        while !self.is_over() {
            let Some(offer) = self.store.take(run_id, helper).await? else {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            };
            let carrying = tokio::time::timeout(RANGE_MAX, self.carry_out(&offer));
            let answer = carrying.await.unwrap_or_else(|_| Err(self.stuck(offer.item)))?;
            self.store.answer(run_id, helper, (offer.item, offer.number), answer).await?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let stops = self.session.executor.control.interruption().is_some();
        let state = self.state();
        stops || state.failure.is_some() || self.now().saturating_sub(state.idle_since) >= IDLE_MAX
    }

    async fn until_lost(&self) {
        while self.right.lease.is_held() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn item(&self, number: u32) -> Result<&ExecutableItem, ExecutionError> {
        let found = self.plan.items().iter().find(|item| item.item.item == number);
        found.ok_or_else(|| self.session.unreadable("an offer belongs to no item of the plan"))
    }

    fn stuck(&self, item: u32) -> ExecutionError {
        let store = self.item(item).map(|item| item.item.store.clone()).unwrap_or_default();
        let reason = "it does not answer".to_owned();
        ExecutionError::InDoubt { batches: 1, error: ConnectorError::Unreachable { store, reason } }
    }

    async fn carry_out(&self, offer: &Offer) -> Result<Answer, ExecutionError> {
        let session = self.session;
        let item = self.item(offer.item)?;
        let ended = carry_out(session, item, opened(session, offer)?, self.right.helper).await?;
        let mut state = self.state();
        match ended {
            Ok(disposed) => {
                (state.idle_since, state.returned) = (self.now(), 0);
                state.end.ranges += 1;
                state.end.disposed += disposed;
                let of_item = state.disposed.entry(offer.item).or_default();
                *of_item += disposed;
                let so_far = *of_item;
                drop(state);
                self.tell(item, so_far);
                Ok(Answer::Done { disposed })
            }
            Err(error) => {
                tracing::info!(%error, "a range goes back to the leader");
                state.returned += 1;
                if state.returned >= RETURNED_MAX {
                    state.failure = Some(error);
                }
                Ok(Answer::Returned)
            }
        }
    }

    fn tell(&self, item: &ExecutableItem, disposed: u64) {
        self.session.executor.progress.advanced(&Snapshot {
            item: item.item.item,
            dataset: item.item.dataset.clone(),
            disposed,
            planned: item.item.counts.due,
            elapsed: self.now().saturating_sub(self.began),
            slowed_by: Vec::new(),
        });
    }
}

fn opened(session: &Session<'_>, offer: &Offer) -> Result<KeyRange, ExecutionError> {
    let place = place_of_offer(&session.run.run_id, offer.item, offer.number);
    let plain =
        session.key.open(&place, &offer.range).map_err(|error| session.unreadable(error.to_string()))?;
    codec::decode_range(&plain).map_err(|error| session.unreadable(error.to_string()))
}

/// One range, as often as holds come or go meanwhile: how many records of the item's own dataset are proven gone, or
/// why the store could not do it. That is left to the leader, which knows how often it was tried; nothing is open then.
async fn carry_out(
    session: &Session<'_>,
    item: &ExecutableItem,
    range: KeyRange,
    helper: u32,
) -> Result<Result<u64, ConnectorError>, ExecutionError> {
    let open = session.store(&item.item.store)?;
    give_way(open).await;
    loop {
        let book = session.executor.holds.book().await?;
        let part = HELPERS_FROM.saturating_add(helper);
        let place = Place { item: item.item.item, part, hold_revision: book.revision };
        let (after, up_to) = (range.after.clone(), range.up_to.clone());
        let batch = Batch {
            selection: item.with_holds(&book)?,
            range: BatchRange { after, up_to, due: None, records_max: u32::MAX },
            only_keys: None,
        };
        match attempt::batch(session, open, place, &batch).await {
            Ok(end) => return Ok(Ok(end.disposed)),
            Err(BatchError::HoldsChanged) => {}
            Err(BatchError::Store { error, .. }) => return Ok(Err(error)),
            Err(BatchError::Run(error)) => return Err(error),
        }
    }
}

/// Waits once as long as others need the store.
async fn give_way(open: &OpenStore) {
    if walk::ignores_pressure() {
        return;
    }
    if let Ok(pressure) = open.source.pressure().await {
        tokio::time::sleep(Duration::from_millis(pressure.pause_ms)).await;
    }
}

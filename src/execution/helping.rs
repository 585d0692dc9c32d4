//! Helping with a run that another process leads: ranges that it offers are carried out here.
//!
//! A helper journals, settles and proves its batches by itself, under its own number and its own sessions. It begins
//! nothing that was not offered, never certifies, and stops where its right is gone; then the leader settles what it
//! left.

use crate::execution::attempt::{self, Act, BatchError, Place, place_of_offer};
use crate::execution::walk;
use crate::execution::{ExecutionError, Executor, OpenStore, Session, Snapshot};
use crate::journal::codec::{self, KeyRange};
use crate::journal::{Answer, HELPERS_FROM, HelpStore, HelperLease, Offer, RunKey, RunRecord};
use crate::plan::compile::ExecutableItem;
use crate::plan::executable::ExecutablePlan;
use connectors::{Batch, BatchRange};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How often something to do is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A helper that found nothing to do for so long goes.
const IDLE_MAX: Duration = Duration::from_secs(3);

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
    let mut helping = Helping {
        session: &session,
        store,
        plan,
        right,
        steps: FuturesUnordered::new(),
        idle_since: executor.clock.monotonic(),
        began: executor.clock.monotonic(),
        disposed: BTreeMap::new(),
        end: HelpEnd::default(),
    };
    helping.work().await?;
    let end = helping.end;
    store.leave(&run.run_id, right.helper).await?;
    Ok(end)
}

type Step<'s> = Pin<Box<dyn Future<Output = (Offer, Result<Answer, ExecutionError>)> + Send + 's>>;

struct Helping<'s> {
    session: &'s Session<'s>,
    store: &'s dyn HelpStore,
    plan: &'s ExecutablePlan,
    right: &'s HelperLease,
    steps: FuturesUnordered<Step<'s>>,
    idle_since: Duration,
    began: Duration,
    /// By item.
    disposed: BTreeMap<u32, u64>,
    end: HelpEnd,
}

impl Helping<'_> {
    async fn work(&mut self) -> Result<(), ExecutionError> {
        loop {
            let more = self.may_begin() && self.begin().await?;
            if more {
                continue;
            }
            if self.steps.is_empty() && self.is_over() {
                return Ok(());
            }
            tokio::select! {
                Some((offer, answer)) = self.steps.next() => self.ended(&offer, answer?).await?,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn may_begin(&self) -> bool {
        let lanes = self.session.executor.stores.values().map(|open| open.connections).max().unwrap_or(1);
        !self.must_stop() && self.steps.len() < usize::try_from(lanes).unwrap_or(1)
    }

    fn must_stop(&self) -> bool {
        self.session.executor.control.interruption().is_some() || !self.right.lease.is_held()
    }

    fn is_over(&self) -> bool {
        let idle = self.session.executor.clock.monotonic().saturating_sub(self.idle_since);
        self.must_stop() || idle >= IDLE_MAX
    }

    /// Takes an offer up, if there is one.
    async fn begin(&mut self) -> Result<bool, ExecutionError> {
        let (session, helper) = (self.session, self.right.helper);
        let Some(offer) = self.store.take(&session.run.run_id, helper).await? else { return Ok(false) };
        let found = self.plan.items().iter().find(|item| item.item.item == offer.item);
        let item = found.ok_or_else(|| session.unreadable("an offer belongs to no item of the plan"))?;
        let range = opened(session, &offer)?;
        self.steps.push(Box::pin(async move {
            let answer = carry_out(session, item, range, helper).await;
            (offer, answer)
        }));
        Ok(true)
    }

    async fn ended(&mut self, offer: &Offer, answer: Answer) -> Result<(), ExecutionError> {
        let (run_id, helper) = (&self.session.run.run_id, self.right.helper);
        self.store.answer(run_id, helper, (offer.item, offer.number), answer).await?;
        self.idle_since = self.session.executor.clock.monotonic();
        if let Answer::Done { disposed } = answer {
            self.end.ranges += 1;
            self.end.disposed += disposed;
            *self.disposed.entry(offer.item).or_default() += disposed;
            self.tell(offer.item);
        }
        Ok(())
    }

    fn tell(&self, number: u32) {
        let Some(item) = self.plan.items().iter().find(|item| item.item.item == number) else { return };
        self.session.executor.progress.advanced(&Snapshot {
            item: number,
            dataset: item.item.dataset.clone(),
            disposed: self.disposed.get(&number).copied().unwrap_or_default(),
            planned: item.item.counts.due,
            elapsed: self.session.executor.clock.monotonic().saturating_sub(self.began),
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

/// One range, as often as holds come or go meanwhile. What the store refuses is left to the leader, which knows how
/// often it was tried.
async fn carry_out(
    session: &Session<'_>,
    item: &ExecutableItem,
    range: KeyRange,
    helper: u32,
) -> Result<Answer, ExecutionError> {
    let open = session.store(&item.item.store)?;
    give_way(open).await;
    loop {
        let book = session.executor.holds.book().await?;
        let part = HELPERS_FROM.saturating_add(helper);
        let place = Place { item: item.item.item, part, hold_revision: book.revision };
        let batch = Batch {
            selection: item.with_holds(&book)?,
            range: BatchRange {
                after: range.after.clone(),
                up_to: range.up_to.clone(),
                records_max: u32::MAX,
            },
            only_keys: None,
        };
        let proven = match attempt::act(session, open, place, &batch).await {
            Ok(Act::Nothing(_)) => return Ok(Answer::Done { disposed: 0 }),
            Ok(Act::Done(unproven)) => attempt::prove(session, open, &batch.selection, *unproven, None).await,
            Err(error) => Err(error),
        };
        match proven {
            Ok(end) => return Ok(Answer::Done { disposed: end.disposed }),
            Err(BatchError::HoldsChanged) => {}
            Err(BatchError::Store { error, .. }) => {
                tracing::info!(%error, "a range goes back to the leader");
                return Ok(Answer::Returned);
            }
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

//! One range carried out as a step of the walk: under the holds of the moment, telling when its statements are through.
//!
//! What is then left of the step is the intent and the store's commit, in which both wait for a disk: the next range
//! may begin.

use crate::execution::attempt::{self, Act, BatchError, Place};
use crate::execution::ranges::Range;
use crate::execution::{ExecutionError, OpenStore, Session};
use crate::hold::HoldBook;
use crate::plan::compile::ExecutableItem;
use connectors::{Batch, BatchRange, Selection};
use std::time::Duration;
use tokio::sync::Notify;

/// What became of a range.
pub(super) struct Acted {
    pub(super) range: Range,
    pub(super) selection: Selection,
    /// Holds that came since the step was begun, under which the selection is.
    pub(super) newer: Option<HoldBook>,
    pub(super) took: Duration,
    pub(super) act: Result<Act, BatchError>,
}

/// How many steps of each kind are under way.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    pub(super) bound: bool,
    pub(super) acts: u32,
    /// Of the acts, those whose statements the store still carries out.
    pub(super) changing: u32,
    pub(super) proofs: u32,
    pub(super) pressure: bool,
    pub(super) wait: bool,
}

impl UnderWay {
    /// Nothing reads or changes records.
    pub(super) fn is_idle(&self) -> bool {
        !self.bound && self.acts == 0 && self.proofs == 0
    }
}

/// What a range is carried out with.
pub(super) struct Acting<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) open: &'a OpenStore,
    pub(super) item: &'a ExecutableItem,
    /// Revision of the holds of `selection`.
    pub(super) revision: u64,
    pub(super) selection: Selection,
}

impl Acting<'_> {
    /// Carries `range` out. `changed` hears when the store has changed the records, or that it will not; if
    /// it has, before anything is intended.
    ///
    /// Looks at the holds as a part of the step: the ledger is asked by steps alone, since one that is not polled
    /// could keep what the others wait for.
    pub(super) async fn carry_out(self, mut range: Range, changed: &Notify) -> Acted {
        let clock = self.session.executor.clock;
        let began = clock.monotonic();
        let (after, up_to) = (range.after.clone(), range.up_to.clone());
        let key_range = BatchRange { after, up_to, due: range.due.take(), records_max: u32::MAX };
        let mut batch = Batch { selection: self.selection, range: key_range, only_keys: None };
        let of = (self.session, self.open, self.item, self.revision);
        let acted = act_under_newest_holds(of, &mut batch, changed).await;
        changed.notify_one();
        let took = clock.monotonic().saturating_sub(began);
        let (newer, act) = match acted {
            Ok((newer, act)) => (newer, Ok(act)),
            Err(error) => (None, Err(error)),
        };
        Acted { range, selection: batch.selection, newer, took, act }
    }
}

/// Carries a batch out under the holds that there are now. Answers with these if they are newer than `revision`.
async fn act_under_newest_holds(
    (session, open, item, revision): (&Session<'_>, &OpenStore, &ExecutableItem, u64),
    batch: &mut Batch,
    changed: &Notify,
) -> Result<(Option<HoldBook>, Act), BatchError> {
    let holds = session.executor.holds;
    let mut newer = None;
    if holds.revision().await.map_err(ExecutionError::from)? != revision {
        let book = holds.book().await.map_err(ExecutionError::from)?;
        batch.selection = item.with_holds(&book).map_err(ExecutionError::from)?;
        // What is due in the range was seen under the holds before.
        batch.range.due = None;
        newer = Some(book);
    }
    let hold_revision = newer.as_ref().map_or(revision, |book| book.revision);
    let place = Place { item: item.item.item, part: 0, hold_revision };
    Ok((newer, attempt::act(session, open, place, batch, Some(changed)).await?))
}

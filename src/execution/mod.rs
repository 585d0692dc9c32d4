//! Carries out an approved plan, batch by batch, under the journal.
//!
//! Floor 4. [`execute`] keeps all control flow: it takes an [`ExecutablePlan`] and nothing else that
//! says what may be touched. It never decides what is due (the store does, from the selection), reads
//! no policy, and writes no certificate. Whatever stops it, a later call goes on from the journal.

mod acting;
mod attempt;
pub mod control;
mod giving_way;
mod helping;
mod lanes;
mod linked;
mod partitions;
pub mod patience;
pub mod progress;
mod ranges;
mod reach;
mod recovery;
mod sharing;
mod tuning;
mod walk;
pub mod witness;

pub(crate) use attempt::place_of;

use crate::clock::Clock;
use crate::hold::{HoldError, HoldRegister};
use crate::ids::IdSource;
use crate::journal::{JournalError, JournalStore, RunKey, RunRecord};
use crate::plan::compile::ExecutableItem;
use crate::plan::executable::ExecutablePlan;
use crate::plan::world::Sources;
use crate::spans;
use connectors::{ConnectorError, RecordDisposer, RecordSource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;
use tracing::Instrument as _;

pub use control::Control;
pub use helping::{HelpEnd, help};
pub use progress::{ProgressSink, Snapshot};
pub use tuning::Tuning;
pub use witness::{NoWitness, Witness};

/// A store as execution sees it: opened twice, with the reader's and the writer's credentials.
#[derive(Debug, Clone)]
pub struct OpenStore {
    pub source: Arc<dyn RecordSource>,
    pub disposer: Arc<dyn RecordDisposer>,
    /// Most batches at once over disjoint ranges, each on a connection of its own, where the store can.
    pub connections: u32,
}

/// The ports that execution works through.
pub struct Executor<'a> {
    pub journal: &'a dyn JournalStore,
    pub holds: &'a dyn HoldRegister,
    pub clock: &'a dyn Clock,
    pub ids: &'a dyn IdSource,
    pub stores: &'a BTreeMap<String, OpenStore>,
    /// Every store of the settings, to be read only: rows of any may keep an object.
    pub sources: &'a Sources,
    pub control: &'a Control,
    pub progress: &'a dyn ProgressSink,
    pub witness: &'a dyn Witness,
    pub tuning: Tuning,
}

/// How one execution ended. Not evidence: that is read back afterwards.
#[derive(Debug, Default)]
pub struct RunEnd {
    /// Stopped between batches at somebody's request; the run can go on.
    pub interrupted: Option<Interruption>,
    /// Items that could not be finished, with the error that stopped them.
    pub failures: Vec<ItemFailure>,
    /// What was done in each store after the last batch, in codes.
    pub residue_steps: BTreeMap<String, Vec<&'static str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Ctrl-C or a termination signal.
    StopRequested,
    /// The pause file exists.
    PauseFile,
    /// The window of the schedule ended.
    WindowOver,
}

#[derive(Debug)]
pub struct ItemFailure {
    pub item: u32,
    pub error: ConnectorError,
}

/// What stops a whole run. Nothing is lost: the journal tells where to go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExecutionError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Hold(#[from] HoldError),
    #[error("a store stopped the run: {0}")]
    Store(#[source] ConnectorError),
    #[error(transparent)]
    Randomness(#[from] crate::ids::RandomnessError),
    #[error("the store '{store}' of the plan is not open")]
    StoreMissing { store: String },
    /// A sealed entry of the journal cannot be read: somebody changed the ledger or its key.
    #[error("the journal of run '{run_id}' cannot be read: {reason}")]
    JournalUnreadable { run_id: String, reason: String },
    /// A batch could not be settled because its store cannot be read.
    #[error("{batches} batches are in doubt and their store cannot be read: {error}")]
    InDoubt { batches: u64, error: ConnectorError },
}

/// Carries out `plan` as run `run`, or goes on with it: settles what is in doubt first, then
/// walks each item until nothing due is left.
///
/// # Errors
/// See [`ExecutionError`]; a failure of one item is in [`RunEnd::failures`] instead, so that the
/// others are carried out.
pub async fn execute(
    executor: &Executor<'_>,
    plan: &ExecutablePlan,
    run: &RunRecord,
    key: &RunKey,
) -> Result<RunEnd, ExecutionError> {
    let numbering = tokio::sync::Mutex::new(());
    let session = Session { executor, run, key, numbering: &numbering };
    let attempts_max = executor.tuning.attempts_max;
    for store in plan.stores() {
        // What a killed process of this run left open holds locks that we would wait for.
        let disposer = &session.store(store)?.disposer;
        patience::retrying(attempts_max, || disposer.settle()).await.map_err(ExecutionError::Store)?;
    }
    let redo = settle_everything(&session, plan.items()).await?;
    note_earlier_changes(&session, plan.items()).await?;
    let mut end = RunEnd::default();
    for item in plan.items().iter().filter(|item| item.item.counts.due > 0) {
        let span = spans::rule(item.item.names(), item.item.counts.due);
        let walked =
            walk::item(&session, item, redo.contains(&item.item.item)).instrument(span.clone()).await;
        session.store(&item.item.store)?.source.let_go().await;
        spans::word(&span, spans::OUTCOME, walk::word_of(&walked));
        match walked {
            Ok(None) => {}
            Ok(Some(interruption)) => {
                end.interrupted = Some(interruption);
                return Ok(end);
            }
            Err(walk::WalkError::Item(error)) => {
                end.failures.push(ItemFailure { item: item.item.item, error });
            }
            Err(walk::WalkError::Run(error)) => return Err(error),
        }
    }
    for store in plan.stores() {
        let open = session.store(store)?;
        match patience::retrying(attempts_max, || open.disposer.finish()).await {
            Ok(steps) => {
                end.residue_steps.insert(store.to_owned(), steps);
            }
            Err(error) => return Err(ExecutionError::Store(error)),
        }
    }
    Ok(end)
}

/// Ends a run without going on with it: what is in doubt is settled by looking, and nothing more is
/// disposed of. `items` are those with batches in doubt.
///
/// # Errors
/// See [`ExecutionError`].
pub async fn settle(
    executor: &Executor<'_>,
    items: &[ExecutableItem],
    run: &RunRecord,
    key: &RunKey,
) -> Result<(), ExecutionError> {
    let numbering = tokio::sync::Mutex::new(());
    let session = Session { executor, run, key, numbering: &numbering };
    settle_everything(&session, items).await.map(|_| ())
}

/// What belongs to the end of the work on a store is for what earlier processes of the run did, too.
async fn note_earlier_changes(session: &Session<'_>, items: &[ExecutableItem]) -> Result<(), ExecutionError> {
    if session.executor.journal.batches(&session.run.run_id, None, 1).await?.is_empty() {
        return Ok(());
    }
    for item in items.iter().filter(|item| item.item.counts.due > 0) {
        session.store(&item.item.store)?.disposer.note_changed_elsewhere(&item.selection);
    }
    Ok(())
}

/// Settles what is open, also of those who helped with the run before. Answers with the items whose walk must begin
/// anew.
async fn settle_everything(
    session: &Session<'_>,
    items: &[ExecutableItem],
) -> Result<BTreeSet<u32>, ExecutionError> {
    let helpers = sharing::dismiss_all(session).await?;
    let redo = recovery::settle_all(session, items).await?;
    sharing::cleared(session, &helpers).await?;
    Ok(redo)
}

/// What every step of one run shares.
#[derive(Clone, Copy)]
struct Session<'a> {
    executor: &'a Executor<'a>,
    run: &'a RunRecord,
    key: &'a RunKey,
    /// Whoever intends a batch holds it from its number to its entry.
    numbering: &'a tokio::sync::Mutex<()>,
}

impl<'a> Session<'a> {
    fn store(&self, name: &str) -> Result<&'a OpenStore, ExecutionError> {
        self.executor.stores.get(name).ok_or_else(|| ExecutionError::StoreMissing { store: name.to_owned() })
    }

    fn unreadable(&self, reason: impl Into<String>) -> ExecutionError {
        ExecutionError::JournalUnreadable { run_id: self.run.run_id.clone(), reason: reason.into() }
    }
}

//! The writing port: one batch in one transaction, and what belongs to the end of a run.
//!
//! It commits nothing whose intent is not durable. It does not retry and does not look afterwards: that is
//! the caller's and the source's.

use super::backend::{Access, Backend};
use super::change::{self, Change};
use super::marks;
use super::partition;
use super::session::{Lease, Sessions};
use super::snapshot;
use super::table::Restriction;
use super::target::Target;
use crate::batch::{Batch, BatchOutcome, DatasetKeys, DatasetOutcome, Intended, IntentSink};
use crate::dataset::{DatasetAddress, Location};
use crate::drift;
use crate::error::ConnectorError;
use crate::failpoint;
use crate::partition::PartitionEnd;
use crate::port::{Reach, RecordDisposer};
use crate::selection::Selection;
use crate::value::RecordKey;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Destroys records of one database, with the writer's credentials.
pub struct ServerDisposer<B: Backend> {
    sessions: Sessions<B>,
    /// The run on whose behalf it acts.
    scope: String,
    /// Whether each batch leaves a mark.
    marked: bool,
    hash_key: Option<[u8; 32]>,
    /// Tables that this disposer has changed, by dataset.
    changed: Mutex<BTreeMap<String, DatasetAddress>>,
}

impl<B: Backend> fmt::Debug for ServerDisposer<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServerDisposer").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl<B: Backend> ServerDisposer<B> {
    /// Connects with the writer's credentials, which `backend` holds. Its sessions are findable on the
    /// server under `scope`, the run on whose behalf it acts, so that what a killed process left open can
    /// be ended before anybody looks what became of it.
    ///
    /// # Errors
    /// `Unreachable`, `Denied`: as the server answers.
    pub async fn open(backend: B, scope: &str) -> Result<Self, ConnectorError> {
        Self::open_within(backend, scope, scope.to_owned()).await
    }

    /// As [`ServerDisposer::open`], for a process that helps with the run of another one under the number
    /// `helper`: its sessions are found apart from those of the run.
    ///
    /// # Errors
    /// As [`ServerDisposer::open`].
    pub async fn open_to_help(backend: B, scope: &str, helper: u32) -> Result<Self, ConnectorError> {
        Self::open_within(backend, scope, helper_scope(scope, helper)).await
    }

    async fn open_within(backend: B, scope: &str, sessions_scope: String) -> Result<Self, ConnectorError> {
        let sessions = Sessions::open(backend, Access::Write, Some(sessions_scope)).await?;
        let mut lease = sessions.lease().await?;
        let marked = marks::are_kept(&mut lease).await;
        let marked = lease.end(marked)?;
        Ok(Self { sessions, scope: scope.to_owned(), marked, hash_key: None, changed: Mutex::default() })
    }

    /// Gives the run's key for [`crate::Transform::Hash`], without which a hash is refused.
    #[must_use]
    pub fn with_hash_key(mut self, hash_key: [u8; 32]) -> Self {
        self.hash_key = Some(hash_key);
        self
    }

    fn note_changed(&self, selection: &Selection, outcome: &BatchOutcome) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for group in outcome.groups.iter().filter(|group| !group.disposed.is_empty()) {
            if let Some((address, _)) = drift::dataset_of(selection, &group.dataset) {
                changed.entry(group.dataset.clone()).or_insert_with(|| address.clone());
            }
        }
    }
}

/// Under which the sessions of a helper are found.
fn helper_scope(scope: &str, helper: u32) -> String {
    format!("{scope}/helper/{helper}")
}

#[async_trait]
impl<B: Backend> RecordDisposer for ServerDisposer<B> {
    async fn dispose(&self, batch: &Batch, intent: &dyn IntentSink) -> Result<BatchOutcome, ConnectorError> {
        let mut lease = self.sessions.lease().await?;
        let scope = self.marked.then_some(self.scope.as_str());
        let result = dispose(&mut lease, batch, intent, (self.hash_key.as_ref(), scope)).await;
        let outcome = lease.end(result)?;
        self.note_changed(&batch.selection, &outcome);
        Ok(outcome)
    }

    async fn drop_partition(
        &self,
        selection: &Selection,
        name: &str,
        piece_records: u32,
        intent: &dyn IntentSink,
    ) -> Result<PartitionEnd, ConnectorError> {
        let mut lease = self.sessions.lease().await?;
        let result = partition::drop_partition(&mut lease, selection, name, piece_records, intent).await;
        lease.end(result)
    }

    async fn settle(&self) -> Result<(), ConnectorError> {
        self.sessions.settle().await
    }

    async fn settle_helper(&self, helper: u32) -> Result<(), ConnectorError> {
        self.sessions.end_all_of(&helper_scope(&self.scope, helper)).await
    }

    fn note_changed_elsewhere(&self, selection: &Selection) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let along = drift::dependents(selection).into_iter().map(|dependent| &dependent.address);
        for address in std::iter::once(&selection.address).chain(along) {
            changed.entry(address.dataset.clone()).or_insert_with(|| address.clone());
        }
    }

    async fn committed(&self, intended: &Intended) -> Result<Option<bool>, ConnectorError> {
        // Without the table nobody can tell any more.
        let Some(mark) = intended.mark.as_ref().filter(|_| self.marked) else { return Ok(None) };
        let mut lease = self.sessions.lease().await?;
        let found = marks::is_there(&mut lease, mark).await;
        lease.end(found).map(Some)
    }

    async fn finish(&self) -> Result<Vec<&'static str>, ConnectorError> {
        if self.marked {
            let mut lease = self.sessions.lease().await?;
            let taken = marks::take_away(&mut lease, &self.scope).await;
            lease.end(taken)?;
        }
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let tables: Vec<DatasetAddress> = changed.into_values().collect();
        let mut lease = self.sessions.lease().await?;
        let result = lease.clean_up(&tables).await;
        let codes = lease.end(result)?;
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(codes)
    }
}

/// Where a batch ends, found by reading, so that nobody waits for a walk over rows that are not due.
struct Extent {
    restriction: Restriction,
    last: Option<RecordKey>,
    /// No due record was found after `last`.
    exhausted: bool,
}

/// What an attempt needs besides its batch: the key of hashes, and the scope of its mark.
type Means<'a> = (Option<&'a [u8; 32]>, Option<&'a str>);

async fn dispose<B: Backend>(
    lease: &mut Lease<'_, B>,
    batch: &Batch,
    intent: &dyn IntentSink,
    means: Means<'_>,
) -> Result<BatchOutcome, ConnectorError> {
    refuse_unfit(&batch.selection)?;
    let may_be_listed = batch.only_keys.is_none() && change::is_alone(&batch.selection);
    if let Some(listed) = batch.range.due.as_deref().filter(|_| may_be_listed) {
        if listed.is_empty() {
            return Ok(nothing_due(batch));
        }
        if let Some(outcome) = attempt(lease, batch, intent, means, Form::Listed(listed)).await? {
            return Ok(outcome);
        }
    }
    if let Some(begin) = snapshot::beginning(lease, batch)
        && let Some(outcome) = attempt(lease, batch, intent, means, Form::Snapshot(begin)).await?
    {
        return Ok(outcome);
    }
    attempt(lease, batch, intent, means, Form::Plain).await?.ok_or_else(|| lease.unexpected())
}

/// How an attempt comes to know which records it changes.
#[derive(Debug, Clone, Copy)]
enum Form<'a> {
    /// From its own answers, or by locking them first.
    Plain,
    /// By listing them in a snapshot, which begins so.
    Snapshot(&'static str),
    /// A reader has listed them.
    Listed(&'a [RecordKey]),
}

/// A reader has seen that nothing is due in the range.
fn nothing_due(batch: &Batch) -> BatchOutcome {
    let range = &batch.range;
    let last_key = range.up_to.clone().or_else(|| range.after.clone());
    BatchOutcome { groups: Vec::new(), last_key, exhausted: range.up_to.is_none() }
}

/// One transaction. `None`: it was rolled back, because others were at its rows.
async fn attempt<B: Backend>(
    lease: &mut Lease<'_, B>,
    batch: &Batch,
    intent: &dyn IntentSink,
    (hash_key, scope): Means<'_>,
    form: Form<'_>,
) -> Result<Option<BatchOutcome>, ConnectorError> {
    let selection = &batch.selection;
    let dataset = selection.address.dataset.as_str();
    let begin = if let Form::Snapshot(begin) = form { begin } else { "BEGIN" };
    lease.run(dataset, begin).await?;
    lease.hold_schema(selection).await?;
    lease.verify(selection).await?;
    let target = Target::of(lease, selection)?;
    let mut extent = extent(lease, &target, batch).await?;
    let mut own = DatasetOutcome { dataset: dataset.to_owned(), ..DatasetOutcome::default() };
    if let Some(wanted) = &batch.only_keys {
        let due = sort_out(lease, &target, wanted, &mut own).await?;
        extent.restriction = Restriction::Keys(due);
    }
    let change = Change { target, restriction: extent.restriction, hash_key };
    let groups = match form {
        _ if change.is_empty() => Some(Vec::new()),
        Form::Plain => Some(change.carry_out(lease).await?),
        Form::Snapshot(_) => change.carry_out_in_snapshot(lease).await?,
        Form::Listed(listed) => change.carry_out_listed(lease, listed).await?,
    };
    let Some(groups) = groups else {
        lease.run(dataset, "ROLLBACK").await?;
        return Ok(None);
    };
    let last_key = extent.last.clone().or_else(|| last_of(&groups, dataset));
    let last_key = last_key.or_else(|| batch.range.after.clone());
    let mut outcome = BatchOutcome { groups: Vec::new(), last_key, exhausted: extent.exhausted };
    if groups.iter().all(|group| group.keys.is_empty()) {
        lease.run(dataset, "ROLLBACK").await?;
        if !own.already_absent.is_empty() || !own.kept.is_empty() {
            outcome.groups.push(own);
        }
        return Ok(Some(outcome));
    }
    let mark = match scope {
        Some(scope) => Some(marks::leave(lease, scope).await?),
        None => None,
    };
    let intended = Intended { groups, last_key: outcome.last_key.clone(), mark };
    intent.intend(&intended).await?;
    failpoint::hit("before-commit");
    lease.run(dataset, "COMMIT").await?;
    failpoint::hit("after-commit");
    outcome.groups = own.answer(intended.groups);
    Ok(Some(outcome))
}

fn refuse_unfit(selection: &Selection) -> Result<(), ConnectorError> {
    let store = || selection.address.store.clone();
    let dataset = &selection.address.dataset;
    if let Location::Objects { .. } = selection.address.location {
        let reason = format!("dataset '{dataset}' speaks of objects, and a database holds tables");
        return Err(ConnectorError::NotSupported { store: store(), reason });
    }
    drift::refuse_companions_of_what_stays(selection)
}

async fn extent<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    batch: &Batch,
) -> Result<Extent, ConnectorError> {
    if let Some(wanted) = &batch.only_keys {
        let (restriction, last) = (Restriction::Keys(Vec::new()), wanted.last().cloned());
        return Ok(Extent { restriction, last, exhausted: true });
    }
    let after = batch.range.after.clone();
    let (last, exhausted) = if batch.range.up_to.is_some() || batch.range.due.is_some() {
        (batch.range.up_to.clone(), batch.range.up_to.is_none())
    } else {
        let bound = target.bound_after(lease, after.as_ref(), Reach::Due(batch.range.records_max)).await?;
        let exhausted = bound.is_none();
        (bound, exhausted)
    };
    Ok(Extent { restriction: Restriction::Range { after, last: last.clone() }, last, exhausted })
}

/// Of the records asked for by key, those that are due now, locked; the others go into `outcome` with why.
async fn sort_out<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    wanted: &[RecordKey],
    outcome: &mut DatasetOutcome,
) -> Result<Vec<RecordKey>, ConnectorError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let found = target.classes_of(lease, wanted, change::LOCKING).await?;
    Ok(outcome.sort_out(wanted, found))
}

fn last_of(groups: &[DatasetKeys], dataset: &str) -> Option<RecordKey> {
    groups.iter().rev().find(|group| group.dataset == dataset)?.keys.last().cloned()
}

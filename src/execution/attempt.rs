//! One attempt at one batch: intend, dispose, look, record.

use crate::execution::{ExecutionError, OpenStore, Session, patience, recovery};
use crate::journal::codec::{self, DeltaGroup, OutcomeDelta};
use crate::journal::{BatchCounts, BatchId, JournalEntry, JournalError, Transition};
use crate::spans;
use async_trait::async_trait;
use connectors::{
    Batch, BatchOutcome, ConnectorError, DatasetKeys, DatasetOutcome, Intended, IntentSink, KeptReason,
    ObservedState, RecordKey, Selection, failpoint,
};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use tracing::{Instrument as _, Span};

/// What a batch came to, as far as the walk needs to know.
#[derive(Debug, Default)]
pub(super) struct BatchEnd {
    /// Whether the batch is in the journal (nothing due makes no entry).
    pub(super) journaled: bool,
    /// Records of the item's own dataset; what went along is not counted here.
    pub(super) disposed: u64,
    pub(super) last_key: Option<RecordKey>,
    pub(super) exhausted: bool,
}

#[derive(Debug)]
pub(super) enum BatchError {
    /// A hold came or went: build the selection anew. Nothing was touched.
    HoldsChanged,
    /// The store failed. If the batch was in doubt it has been settled by looking, and the walk must
    /// begin anew because some records may be left behind the cursor.
    Store {
        error: ConnectorError,
        was_in_doubt: bool,
    },
    Run(ExecutionError),
}

impl From<ExecutionError> for BatchError {
    fn from(error: ExecutionError) -> Self {
        Self::Run(error)
    }
}

/// Of which item a batch is, and under which holds it was built. Its number in the journal follows when
/// it is intended: batches of several lanes overtake one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) item: u32,
    /// 0 for rows and files of the item, from 1 for its links.
    pub(super) part: u32,
    pub(super) hold_revision: u64,
}

/// Disposes of one batch under the journal and proves it by reading back.
pub(super) async fn batch(
    session: &Session<'_>,
    open: &OpenStore,
    place: Place,
    batch: &Batch,
) -> Result<BatchEnd, BatchError> {
    match act(session, open, place, batch, None).await? {
        Act::Nothing(end) => Ok(end),
        Act::Done(unproven) => {
            let cursor = unproven.outcome.last_key.clone();
            prove(session, open, &batch.selection, *unproven, cursor).await
        }
    }
}

/// What became of an attempt whose store answered.
#[derive(Debug)]
pub(super) enum Act {
    /// Nothing was due.
    Nothing(BatchEnd),
    Done(Box<Unproven>),
}

/// A batch that the store has carried out and nobody has looked at yet.
#[derive(Debug)]
pub(super) struct Unproven {
    id: BatchId,
    intended: Intended,
    pub(super) outcome: BatchOutcome,
    /// Under which it was carried out.
    span: Span,
}

impl Unproven {
    /// Records of the dataset of the batch, which is the last group, that were to be disposed of.
    pub(super) fn intended_records(&self) -> u64 {
        self.intended.groups.last().map_or(0, |group| group.keys.len() as u64)
    }
}

/// Has the store carry out one batch under a durable intent. `changed` hears when the statements are through, before
/// anything is intended. A batch in doubt is settled before this returns.
pub(super) async fn act(
    session: &Session<'_>,
    open: &OpenStore,
    place: Place,
    batch: &Batch,
    changed: Option<&Notify>,
) -> Result<Act, BatchError> {
    let span = spans::batch();
    let dataset = &batch.selection.address.dataset;
    let sink = JournalIntent { session, place, dataset, state: Mutex::default(), when_changed: changed };
    let act = act_under(&span, open, batch, &sink).instrument(span.clone()).await;
    spans::word(&span, spans::OUTCOME, word_of(&act));
    if let Ok(Act::Done(unproven)) = &act {
        spans::count(&span, spans::BATCH, u64::from(unproven.id.batch));
        spans::count(&span, spans::RECORDS, unproven.intended_records());
    }
    act
}

fn word_of(act: &Result<Act, BatchError>) -> &'static str {
    match act {
        Ok(Act::Done(_)) => "done",
        Ok(Act::Nothing(_)) => "nothing_due",
        Err(BatchError::HoldsChanged) => "holds_changed",
        Err(BatchError::Store { was_in_doubt: true, .. }) => "in_doubt",
        Err(BatchError::Store { .. }) => "store_failed",
        Err(BatchError::Run(_)) => "stopped",
    }
}

async fn act_under(
    span: &Span,
    open: &OpenStore,
    batch: &Batch,
    sink: &JournalIntent<'_>,
) -> Result<Act, BatchError> {
    let answer = open.disposer.dispose(batch, sink).await;
    failpoint::hit("after-dispose");
    let IntentState { intended, refused } = sink.take();
    match (answer, intended, refused) {
        (_, _, Some(JournalError::HoldsChanged)) => Err(BatchError::HoldsChanged),
        (_, _, Some(error)) => Err(BatchError::Run(error.into())),
        (Ok(outcome), None, None) => Ok(Act::Nothing(BatchEnd {
            journaled: false,
            disposed: 0,
            last_key: outcome.last_key,
            exhausted: outcome.exhausted,
        })),
        (Ok(outcome), Some((id, intended)), None) => {
            Ok(Act::Done(Box::new(Unproven { id, intended, outcome, span: span.clone() })))
        }
        (Err(error), None, None) => {
            // A session whose connection was lost may live on in the store and hold locks on these records, for
            // which the next attempts would wait in vain.
            let settled = if error.is_transient() { open.disposer.settle().await } else { Ok(()) };
            Err(BatchError::Store { error: settled.err().unwrap_or(error), was_in_doubt: false })
        }
        (Err(error), Some((id, intended)), None) => {
            let doubt = recovery::Doubt { id: &id, state: crate::journal::BatchState::Intended };
            recovery::settle(sink.session, open, &batch.selection, doubt, &intended).await?;
            Err(BatchError::Store { error, was_in_doubt: true })
        }
    }
}

/// Reads back what a batch has done and records what is seen. `cursor` is where the walk would go on if
/// this were the last that is known of it.
pub(super) async fn prove(
    session: &Session<'_>,
    open: &OpenStore,
    selection: &Selection,
    unproven: Unproven,
    cursor: Option<RecordKey>,
) -> Result<BatchEnd, BatchError> {
    let span = spans::prove(&unproven.span);
    let end = read_back(session, open, selection, unproven, cursor).instrument(span.clone()).await;
    if let Ok(end) = &end {
        spans::count(&span, spans::DISPOSED, end.disposed);
    }
    end
}

async fn read_back(
    session: &Session<'_>,
    open: &OpenStore,
    selection: &Selection,
    unproven: Unproven,
    cursor: Option<RecordKey>,
) -> Result<BatchEnd, BatchError> {
    let Unproven { id, intended, outcome, span: _ } = unproven;
    let (mut seen, mut disposed_keys) = (Seen::default(), Vec::new());
    for group in &outcome.groups {
        let claimed = DatasetKeys { dataset: group.dataset.clone(), keys: group.disposed.clone() };
        // The store answered but cannot be read back: stays in doubt until it can.
        let proven = patiently(session, || final_keys(open, selection, &claimed)).await?;
        seen.add(&intended, group, &proven);
        disposed_keys.push(DatasetKeys { dataset: group.dataset.clone(), keys: proven });
    }
    let disposed = seen.counts.get(&selection.address.dataset).map_or(0, |counts| counts.disposed);
    let delta =
        OutcomeDelta { groups: seen.not_disposed.clone(), last_key: cursor, exhausted: outcome.exhausted };
    record(session, selection, &id, Transition::Act, &delta, &seen).await?;
    session.executor.witness.proven(&id, disposed_keys);
    Ok(BatchEnd { journaled: true, disposed, last_key: outcome.last_key, exhausted: outcome.exhausted })
}

/// Looks at a store that may be about to come back. What it was to settle stays in doubt if it does not.
pub(super) async fn patiently<T, F: Future<Output = Result<T, ConnectorError>>>(
    session: &Session<'_>,
    look: impl FnMut() -> F,
) -> Result<T, ExecutionError> {
    let seen = patience::retrying(session.executor.tuning.attempts_max, look).await;
    seen.map_err(|error| ExecutionError::InDoubt { batches: 1, error })
}

/// Of the keys given, those whose final state is seen now, in their order.
pub(super) async fn final_keys(
    open: &OpenStore,
    selection: &Selection,
    group: &DatasetKeys,
) -> Result<Vec<RecordKey>, ConnectorError> {
    if group.keys.is_empty() {
        return Ok(Vec::new());
    }
    let observations = open.source.observe(selection, group).await?;
    Ok(observations
        .into_iter()
        .filter(|observation| observation.state != ObservedState::Present)
        .map(|observation| observation.key)
        .collect())
}

/// Writes what is claimed of a batch, and that it was seen, in one durable step.
pub(super) async fn record(
    session: &Session<'_>,
    selection: &Selection,
    id: &BatchId,
    transition: Transition,
    delta: &OutcomeDelta,
    seen: &Seen,
) -> Result<(), ExecutionError> {
    if let Some((dataset, _)) = seen.counts.iter().find(|(_, counts)| !counts.adds_up()) {
        return Err(session.unreadable(format!("the counts of a batch of '{dataset}' do not add up")));
    }
    let encoded_outcome =
        codec::encode_outcome(delta).map_err(|error| session.unreadable(error.to_string()))?;
    let acted = JournalEntry {
        id: id.clone(),
        attempt: 1,
        transition,
        dataset: selection.address.dataset.clone(),
        sealed: Some(seal(session, id, "outcome", &encoded_outcome)?),
        counts: seen.counts.clone(),
        kept: seen.kept.clone(),
        hold_revision: 0,
        at: session.executor.clock.now(),
    };
    let proven = JournalEntry { transition: Transition::Prove, sealed: None, ..acted.clone() };
    failpoint::hit("before-prove");
    session.executor.journal.append_all(&[acted, proven]).await?;
    failpoint::hit("after-prove");
    Ok(())
}

/// Seals `plain` for one place of the journal.
pub(super) fn seal(
    session: &Session<'_>,
    id: &BatchId,
    what: &str,
    plain: &[u8],
) -> Result<crate::journal::Sealed, ExecutionError> {
    let nonce = random_nonce(session)?;
    session.key.seal(nonce, &place_of(id, what), plain).map_err(|error| session.unreadable(error.to_string()))
}

pub(super) fn random_nonce(
    session: &Session<'_>,
) -> Result<[u8; crate::journal::seal::NONCE_BYTES], ExecutionError> {
    let mut nonce = [0; crate::journal::seal::NONCE_BYTES];
    session.executor.ids.fill(&mut nonce)?;
    Ok(nonce)
}

/// Where a range that is offered belongs.
pub(super) fn place_of_offer(run_id: &str, item: u32, number: u64) -> String {
    format!("{run_id}/{item}/offer/{number}")
}

/// The associated data of a sealed entry: where it belongs.
#[must_use]
pub(crate) fn place_of(id: &BatchId, what: &str) -> String {
    format!("{}/{}/{}/{}/{what}", id.run_id, id.item, id.part, id.batch)
}

/// What was seen of a batch, dataset by dataset.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) counts: BTreeMap<String, BatchCounts>,
    pub(super) kept: BTreeMap<String, BTreeMap<String, u64>>,
    pub(super) not_disposed: Vec<DeltaGroup>,
}

impl Seen {
    /// Adds one dataset: what was intended, what the store answered, and which of the disposed keys
    /// were then seen in their final state. Keys that were asked for and never intended (absent or
    /// kept from the beginning) make no count: nothing was to be done with them.
    fn add(&mut self, intended: &Intended, outcome: &DatasetOutcome, proven: &[RecordKey]) {
        let dataset = &outcome.dataset;
        let intended_keys = intended
            .groups
            .iter()
            .find(|group| &group.dataset == dataset)
            .map_or(&[][..], |group| &group.keys);
        let meant = Meant::of(intended_keys, outcome);
        let mut counts = BatchCounts {
            intended: intended_keys.len() as u64,
            disposed: proven.len() as u64,
            already_absent: outcome.already_absent.iter().filter(|key| meant.has(key)).count() as u64,
            excepted: 0,
            failed: (outcome.disposed.len() - proven.len()) as u64,
        };
        let kept = self.kept.entry(dataset.clone()).or_default();
        for record in outcome.kept.iter().filter(|record| meant.has(&record.key)) {
            *kept.entry(code(record.reason).to_owned()).or_default() += 1;
            match record.reason {
                KeptReason::Refused => counts.failed += 1,
                _ => counts.excepted += 1,
            }
        }
        self.not_disposed.extend(DeltaGroup::between(dataset, intended_keys, proven));
        self.counts.insert(dataset.clone(), counts);
    }
}

/// The intended keys, looked up only where the store answered more than that all are disposed of.
struct Meant(HashSet<String>);

impl Meant {
    fn of(intended: &[RecordKey], outcome: &DatasetOutcome) -> Self {
        let all_disposed = outcome.already_absent.is_empty() && outcome.kept.is_empty();
        let keys = if all_disposed { &[][..] } else { intended };
        Self(keys.iter().map(RecordKey::canonical).collect())
    }

    fn has(&self, key: &RecordKey) -> bool {
        self.0.contains(&key.canonical())
    }
}

impl DeltaGroup {
    /// The intended keys that are not among the proven ones; `None` if there are none.
    pub(super) fn between(dataset: &str, intended: &[RecordKey], proven: &[RecordKey]) -> Option<Self> {
        if intended.len() == proven.len() {
            return None;
        }
        let proven: HashSet<String> = proven.iter().map(RecordKey::canonical).collect();
        let not_disposed: Vec<RecordKey> =
            intended.iter().filter(|key| !proven.contains(&key.canonical())).cloned().collect();
        Some(Self { dataset: dataset.to_owned(), not_disposed })
    }
}

/// The code of a reason, as the journal and the certificate spell it.
#[must_use]
pub(crate) fn code(reason: KeptReason) -> &'static str {
    match reason {
        KeptReason::NoLongerDue => "no-longer-due",
        KeptReason::ChangedSincePlan => "changed-since-plan",
        KeptReason::Held => "legal-hold",
        KeptReason::Refused => "refused-by-store",
        KeptReason::Locked => "locked-by-store",
        KeptReason::LinkedKept => "linked-object-kept",
    }
}

/// Writes the intent of one batch into the journal, inside the store's transaction.
struct JournalIntent<'a> {
    session: &'a Session<'a>,
    place: Place,
    dataset: &'a str,
    state: Mutex<IntentState>,
    when_changed: Option<&'a Notify>,
}

#[derive(Debug, Default)]
struct IntentState {
    intended: Option<(BatchId, Intended)>,
    refused: Option<JournalError>,
}

impl JournalIntent<'_> {
    fn take(&self) -> IntentState {
        std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn append(&self, intended: &Intended) -> Result<BatchId, JournalError> {
        append_intent(self.session, self.place, self.dataset, intended).await
    }
}

/// Writes one intent into the journal. Numbers are given and used one after the other, so that the
/// journal has no gap.
pub(super) async fn append_intent(
    session: &Session<'_>,
    place: Place,
    dataset: &str,
    intended: &Intended,
) -> Result<BatchId, JournalError> {
    let journal = session.executor.journal;
    let run_id = session.run.run_id.clone();
    let Place { item, part, hold_revision } = place;
    let _turn = session.numbering.lock().await;
    let id = BatchId { batch: journal.next_batch(&run_id, item, part).await?, run_id, item, part };
    let encoded = codec::encode_intended(intended)
        .map_err(|error| JournalError::Failed { reason: error.to_string() })?;
    let sealed = seal(session, &id, "intended", &encoded)
        .map_err(|error| JournalError::Failed { reason: error.to_string() })?;
    let counts = intended
        .groups
        .iter()
        .map(|group| {
            let intended = group.keys.len() as u64;
            (group.dataset.clone(), BatchCounts { intended, ..BatchCounts::default() })
        })
        .collect();
    let entry = JournalEntry {
        id: id.clone(),
        attempt: 1,
        transition: Transition::Intend,
        dataset: dataset.to_owned(),
        sealed: Some(sealed),
        counts,
        kept: BTreeMap::new(),
        hold_revision,
        at: session.executor.clock.now(),
    };
    journal.append(&entry).await?;
    Ok(id)
}

#[async_trait]
impl IntentSink for JournalIntent<'_> {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError> {
        self.when_changed.iter().for_each(|when| when.notify_one());
        failpoint::hit("before-intent");
        let appended = self.append(intended).await;
        failpoint::hit("after-intent");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match appended {
            Ok(id) => {
                state.intended = Some((id, intended.clone()));
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

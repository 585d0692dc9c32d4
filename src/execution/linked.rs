//! Rows that name objects: the objects go first, and a row goes only when they are seen to be gone.

use crate::execution::attempt::{self, BatchEnd, BatchError};
use crate::execution::{ExecutionError, OpenStore, Session, walk};
use crate::hold::HoldBook;
use crate::plan::compile::ExecutableItem;
use connectors::{Batch, BatchRange, DatasetKeys, ObservedState, PageRecord, RecordKey, Selection};
use std::collections::BTreeSet;

pub(super) struct Step<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) item: &'a ExecutableItem,
    pub(super) open: &'a OpenStore,
    pub(super) book: &'a HoldBook,
    pub(super) cursor: Option<&'a RecordKey>,
    pub(super) records_max: u32,
}

/// One page of rows: their objects, then the rows whose objects are all gone.
pub(super) async fn batch(step: Step<'_>, selection: Selection) -> Result<BatchEnd, BatchError> {
    let page = step
        .open
        .source
        .page(&selection, step.cursor, step.records_max)
        .await
        .map_err(|error| BatchError::Store { error, was_in_doubt: false })?;
    let Some(last) = page.records.last() else {
        return Ok(BatchEnd { exhausted: true, ..BatchEnd::default() });
    };
    let last_key = last.key.clone();
    let shared = shared(&step, &selection, &page.records).await?;
    let mut kept: Vec<BTreeSet<String>> = Vec::new();
    for link in 0..step.item.links.len() {
        kept.push(objects(&step, link, &page.records, &shared).await?);
    }
    let rows: Vec<RecordKey> = page
        .records
        .iter()
        .filter(|record| !names_any(record, &kept))
        .map(|record| record.key.clone())
        .collect();
    let range = BatchRange { after: step.cursor.cloned(), records_max: step.records_max };
    let mut end = BatchEnd::default();
    if !rows.is_empty() {
        let batch = Batch { selection, range, only_keys: Some(rows) };
        let place = walk::place(step.session, step.item.item.item, 0, step.book).await?;
        end = attempt::batch(step.session, step.open, place, &batch).await?;
    }
    Ok(BatchEnd {
        journaled: true,
        disposed: end.disposed,
        last_key: Some(last_key),
        exhausted: page.exhausted,
    })
}

/// Objects that a row which is not due names too. They stay, whatever the data map says of who owns
/// them, and so do the rows of this page that name them.
async fn shared(
    step: &Step<'_>,
    selection: &Selection,
    records: &[PageRecord],
) -> Result<BTreeSet<String>, BatchError> {
    let names: BTreeSet<&String> = records.iter().flat_map(|record| record.links.iter().flatten()).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let kept = step.open.source.names_to_keep(selection, &names).await;
    let kept = kept.map_err(|error| BatchError::Store { error, was_in_doubt: false })?;
    Ok(kept.into_iter().collect())
}

fn names_any(record: &PageRecord, kept: &[BTreeSet<String>]) -> bool {
    record.links.iter().zip(kept).any(|(name, kept)| name.as_ref().is_some_and(|name| kept.contains(name)))
}

/// Disposes of the objects that the rows name in one link column. Answers with the names that are
/// still there.
async fn objects(
    step: &Step<'_>,
    link: usize,
    records: &[PageRecord],
    shared: &BTreeSet<String>,
) -> Result<BTreeSet<String>, BatchError> {
    let names = records.iter().filter_map(|record| record.links.get(link).cloned().flatten());
    let (mut kept, names): (BTreeSet<String>, BTreeSet<String>) =
        names.partition(|name| shared.contains(name));
    let Some(linked) = step.item.links.get(link).filter(|_| !names.is_empty()) else {
        return Ok(kept);
    };
    let selection = linked.with_holds(step.book).map_err(ExecutionError::from)?;
    let open = step.session.store(&selection.address.store)?;
    let keys: Vec<RecordKey> = names.into_iter().map(RecordKey::text).collect();
    let observed = DatasetKeys { dataset: selection.address.dataset.clone(), keys: keys.clone() };
    let range = BatchRange { after: None, records_max: u32::try_from(keys.len()).unwrap_or(u32::MAX) };
    let batch = Batch { selection, range, only_keys: Some(keys) };
    let part = u32::try_from(link).unwrap_or(u32::MAX).saturating_add(1);
    let place = walk::place(step.session, step.item.item.item, part, step.book).await?;
    attempt::batch(step.session, open, place, &batch).await?;
    let left = open
        .source
        .observe(&batch.selection, &observed)
        .await
        .map_err(|error| BatchError::Store { error, was_in_doubt: false })?
        .into_iter()
        .filter(|observation| observation.state == ObservedState::Present)
        .filter_map(|observation| match observation.key.0.into_iter().next() {
            Some(connectors::Value::Text(name)) => Some(name),
            _ => None,
        });
    kept.extend(left);
    Ok(kept)
}

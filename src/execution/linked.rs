//! Rows that name objects: the objects go first, and a row goes only when they are seen to be gone. No
//! object goes that a row which stays names too, by whatever rule.

use crate::execution::attempt::{self, BatchEnd, BatchError, Place};
use crate::execution::{ExecutionError, OpenStore, Session};
use crate::hold::HoldBook;
use crate::plan::compile::keepers::Keeper;
use crate::plan::compile::{ExecutableItem, LinkedItem};
use crate::plan::keeping::{self, KeepError};
use connectors::{Batch, BatchRange, DatasetKeys, ObservedState, PageRecord, Prospect, RecordKey, Selection};
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
    let mut staying: Vec<BTreeSet<String>> = Vec::new();
    let mut absent: Vec<BTreeSet<String>> = Vec::new();
    for (link, linked) in step.item.links.iter().enumerate() {
        let (stays, gone) = foresee(&step, linked, names_in(&page.records, link)).await?;
        staying.push(stays);
        absent.push(gone);
    }
    keep_of_staying_rows(step.item, &page.records, &mut staying);
    let mut kept: Vec<BTreeSet<String>> = Vec::new();
    for (link, (staying, absent)) in staying.into_iter().zip(&absent).enumerate() {
        kept.push(objects(&step, link, &page.records, staying, absent).await?);
    }
    let rows: Vec<RecordKey> = page
        .records
        .iter()
        .filter(|record| !names_any(record, &kept))
        .map(|record| record.key.clone())
        .collect();
    let range =
        BatchRange { after: step.cursor.cloned(), up_to: None, due: None, records_max: step.records_max };
    let mut end = BatchEnd::default();
    if !rows.is_empty() {
        let batch = Batch { selection, range, only_keys: Some(rows) };
        let place = Place { item: step.item.item.item, part: 0, hold_revision: step.book.revision };
        end = attempt::batch(step.session, step.open, place, &batch).await?;
    }
    Ok(BatchEnd {
        journaled: true,
        disposed: end.disposed,
        last_key: Some(last_key),
        exhausted: page.exhausted,
    })
}

/// Of these names those that a row which stays has too. They stay, whatever the data map says of who owns
/// them, and so do the rows of this page that name them.
async fn kept(step: &Step<'_>, keepers: &[Keeper], names: &[String]) -> Result<BTreeSet<String>, BatchError> {
    let kept = keeping::kept_names(keepers, step.session.executor.sources, step.book, names).await;
    kept.map_err(|error| match error {
        KeepError::Hold(error) => BatchError::Run(error.into()),
        KeepError::Store(error) => BatchError::Store { error, was_in_doubt: false },
    })
}

/// One page of objects that go by a rule of their own, without those that a row keeps.
pub(super) async fn batch_of_objects(step: Step<'_>, selection: Selection) -> Result<BatchEnd, BatchError> {
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
    let named: Vec<(RecordKey, Option<String>)> =
        page.records.into_iter().map(|record| (record.key.clone(), name_of(record.key))).collect();
    let names: Vec<String> = named.iter().filter_map(|(_, name)| name.clone()).collect();
    let kept = kept(&step, &step.item.keepers, &names).await?;
    let free = |name: &Option<String>| name.as_ref().is_some_and(|name| !kept.contains(name));
    let keys: Vec<RecordKey> = named.into_iter().filter(|(_, name)| free(name)).map(|(key, _)| key).collect();
    let range =
        BatchRange { after: step.cursor.cloned(), up_to: None, due: None, records_max: step.records_max };
    let mut end = BatchEnd::default();
    if !keys.is_empty() {
        let batch = Batch { selection, range, only_keys: Some(keys) };
        let place = Place { item: step.item.item.item, part: 0, hold_revision: step.book.revision };
        end = attempt::batch(step.session, step.open, place, &batch).await?;
    }
    Ok(BatchEnd {
        journaled: true,
        disposed: end.disposed,
        last_key: Some(last_key),
        exhausted: page.exhausted,
    })
}

/// The key of an object as a row would name it.
fn name_of(key: RecordKey) -> Option<String> {
    match key.0.into_iter().next() {
        Some(connectors::Value::Text(name)) => Some(name),
        _ => None,
    }
}

fn names_any(record: &PageRecord, kept: &[BTreeSet<String>]) -> bool {
    record.links.iter().zip(kept).any(|(name, kept)| name.as_ref().is_some_and(|name| kept.contains(name)))
}

fn names_in(records: &[PageRecord], link: usize) -> BTreeSet<String> {
    records.iter().filter_map(|record| record.links.get(link).cloned().flatten()).collect()
}

/// Of these names those that certainly stay, and those of which there is no object.
async fn foresee(
    step: &Step<'_>,
    linked: &LinkedItem,
    names: BTreeSet<String>,
) -> Result<(BTreeSet<String>, BTreeSet<String>), BatchError> {
    let names: Vec<String> = names.into_iter().collect();
    if names.is_empty() {
        return Ok((BTreeSet::new(), BTreeSet::new()));
    }
    let selection = linked.with_holds(step.book).map_err(ExecutionError::from)?;
    let open = step.session.store(&selection.address.store)?;
    let prospects = open.source.prospects(&selection, &names).await;
    let prospects = prospects.map_err(|error| BatchError::Store { error, was_in_doubt: false })?;
    let (mut staying, mut absent, mut going) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (name, prospect) in names.into_iter().zip(prospects) {
        match prospect {
            Prospect::Going => going.push(name),
            Prospect::Absent => drop(absent.insert(name)),
            Prospect::Claimed | Prospect::Held | Prospect::CannotGo => drop(staying.insert(name)),
        }
    }
    staying.extend(kept(step, &linked.keepers, &going).await?);
    Ok((staying, absent))
}

/// A row of the page that stays because of one object keeps the others that it names, and with them the
/// other rows that name those.
fn keep_of_staying_rows(item: &ExecutableItem, records: &[PageRecord], staying: &mut [BTreeSet<String>]) {
    let stores: Vec<&str> = item.links.iter().map(|link| link.selection.address.store.as_str()).collect();
    loop {
        let mut grown = false;
        for record in records.iter().filter(|record| names_any(record, staying)).collect::<Vec<_>>() {
            for (name, store) in record.links.iter().zip(&stores) {
                let Some(name) = name else { continue };
                for (names, other) in staying.iter_mut().zip(&stores) {
                    grown |= other == store && names.insert(name.clone());
                }
            }
        }
        if !grown {
            return;
        }
    }
}

/// Disposes of the objects that the rows name in one link column, but for those that stay. Answers with
/// the names that are still there; those that were absent are looked for once more.
async fn objects(
    step: &Step<'_>,
    link: usize,
    records: &[PageRecord],
    mut staying: BTreeSet<String>,
    absent: &BTreeSet<String>,
) -> Result<BTreeSet<String>, BatchError> {
    let Some(linked) = step.item.links.get(link) else { return Ok(staying) };
    let names: Vec<String> =
        names_in(records, link).into_iter().filter(|name| !staying.contains(name)).collect();
    if names.is_empty() {
        return Ok(staying);
    }
    let selection = linked.with_holds(step.book).map_err(ExecutionError::from)?;
    let open = step.session.store(&selection.address.store)?;
    let dataset = selection.address.dataset.clone();
    let observed = DatasetKeys { dataset, keys: names.iter().map(RecordKey::text).collect() };
    // Nobody was asked who keeps an object that was not there.
    let keys: Vec<RecordKey> =
        names.into_iter().filter(|name| !absent.contains(name)).map(RecordKey::text).collect();
    let range = BatchRange {
        after: None,
        up_to: None,
        due: None,
        records_max: u32::try_from(keys.len()).unwrap_or(u32::MAX),
    };
    let batch = Batch { selection, range, only_keys: Some(keys) };
    if batch.only_keys.as_ref().is_some_and(|keys| !keys.is_empty()) {
        let part = u32::try_from(link).unwrap_or(u32::MAX).saturating_add(1);
        let place = Place { item: step.item.item.item, part, hold_revision: step.book.revision };
        attempt::batch(step.session, open, place, &batch).await?;
    }
    let left = open
        .source
        .observe(&batch.selection, &observed)
        .await
        .map_err(|error| BatchError::Store { error, was_in_doubt: false })?
        .into_iter()
        .filter(|observation| observation.state == ObservedState::Present)
        .filter_map(|observation| name_of(observation.key));
    staying.extend(left);
    Ok(staying)
}

//! Finds the next due records after a key, or those that a walk comes to next.

use super::bounds::Bounds;
use super::client::Bucket;
use super::judge::Judge;
use super::key::record_key;
use super::listing::Entry;
use super::walk::Walk;
use crate::error::ConnectorError;
use crate::selection::{Class, RowPage, RowValues, Selection};
use crate::value::RecordKey;

/// The next due records.
#[derive(Debug, Default)]
pub(super) struct DueRecords {
    pub(super) entries: Vec<Entry>,
    /// Nothing due is left after them.
    pub(super) exhausted: bool,
}

impl DueRecords {
    /// Where the walk goes on.
    pub(super) fn last_key(&self, after: Option<&RecordKey>) -> Option<RecordKey> {
        self.entries.last().map(record_key).or_else(|| after.cloned())
    }
}

/// Pages that are listed after the first due record was found: what is about to be deleted was seen a moment
/// ago.
pub(super) const PAGES_MAX: u32 = 5;

/// The next due records strictly after `after`, at most `records_max`.
pub(super) async fn next_due(
    bucket: &Bucket,
    selection: &Selection,
    after: Option<&RecordKey>,
    records_max: u32,
) -> Result<DueRecords, ConnectorError> {
    let mut walk = walk_after(bucket, selection, after).await?;
    due_of(bucket, selection, &mut walk, records_max).await
}

/// A walk over whatever may be due after this record.
pub(super) async fn walk_after(
    bucket: &Bucket,
    selection: &Selection,
    after: Option<&RecordKey>,
) -> Result<Walk, ConnectorError> {
    super::refuse_linked(selection)?;
    let bounds = Bounds::of_due(selection)?;
    let prefixes = bounds.prefixes(bucket).await?;
    let walk = Walk::start(bucket, &prefixes, Some(bounds.literal_prefix()), after)?;
    Ok(if bucket.never_kept_versions().await? { walk.over_objects() } else { walk })
}

/// The next due records of a walk, at most `records_max`; it can go on after the last of them.
pub(super) async fn due_of(
    bucket: &Bucket,
    selection: &Selection,
    walk: &mut Walk,
    records_max: u32,
) -> Result<DueRecords, ConnectorError> {
    let records_max = records_of(records_max);
    let judge = Judge::new(bucket, selection).await?;
    let mut due = DueRecords::default();
    let mut last_page = u32::MAX;
    while due.entries.len() < records_max {
        let Some(group) = walk.advance().await? else {
            due.exhausted = true;
            return Ok(due);
        };
        let Some(captures) = judge.captures(group.key()) else { continue };
        if judge.is_early(&group, &captures) {
            continue;
        }
        let facts = judge.facts_of(&group, &captures, true).await?;
        let judged = group.entries.iter().zip(&facts).skip(group.skipped);
        let found = judged.filter(|(entry, facts)| judge.class(entry, facts) == Class::Due);
        due.entries.extend(found.map(|(entry, _)| entry.clone()));
        if due.entries.len() >= records_max {
            due.entries.truncate(records_max);
            if let Some(last) = due.entries.last() {
                walk.go_on_after(last, Some(group.entries));
            }
            return Ok(due);
        }
        if !due.entries.is_empty() {
            last_page = last_page.min(walk.pages().saturating_add(PAGES_MAX));
            if walk.pages() > last_page {
                break;
            }
        }
    }
    if let Some(last) = due.entries.last() {
        walk.go_on_after(last, None);
    }
    Ok(due)
}

/// The next records in scope strictly after `after`, whatever else is to be said of them: what a lock keeps is
/// somebody's record too.
pub(super) async fn rows(
    bucket: &Bucket,
    selection: &Selection,
    columns: &[String],
    after: Option<&RecordKey>,
    records_max: u32,
) -> Result<RowPage, ConnectorError> {
    let records_max = records_of(records_max);
    let mut walk = walk_after(bucket, selection, after).await?;
    let judge = Judge::new(bucket, selection).await?;
    let mut page = RowPage::default();
    while page.rows.len() < records_max {
        let Some(group) = walk.advance().await? else {
            page.exhausted = true;
            return Ok(page);
        };
        let Some(captures) = judge.captures(group.key()) else { continue };
        let facts = judge.facts_of(&group, &captures, true).await?;
        for (entry, facts) in group.entries.iter().zip(&facts).skip(group.skipped) {
            if judge.class(entry, facts) != Class::OutOfScope {
                page.rows.push(RowValues::of_facts(record_key(entry), facts, columns));
            }
        }
    }
    page.rows.truncate(records_max);
    Ok(page)
}

/// The most records that are looked for at once.
pub(super) fn records_of(records_max: u32) -> usize {
    usize::try_from(records_max.min(super::BATCH_RECORDS_MAX)).unwrap_or(0)
}

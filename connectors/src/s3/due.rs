//! Finds the next due records after a key.

use super::bounds::Bounds;
use super::client::Bucket;
use super::judge::Judge;
use super::key::record_key;
use super::listing::Entry;
use super::walk::Walk;
use crate::error::ConnectorError;
use crate::selection::{Class, Selection};
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
const PAGES_MAX: u32 = 5;

/// The next due records strictly after `after`, at most `records_max`.
pub(super) async fn next_due(
    bucket: &Bucket,
    selection: &Selection,
    after: Option<&RecordKey>,
    records_max: u32,
) -> Result<DueRecords, ConnectorError> {
    super::refuse_linked(selection)?;
    let records_max = usize::try_from(records_max.min(super::BATCH_RECORDS_MAX)).unwrap_or(0);
    let judge = Judge::new(bucket, selection).await?;
    let bounds = Bounds::of_due(selection)?;
    let prefixes = bounds.prefixes(bucket).await?;
    let mut walk = Walk::start(bucket, &prefixes, Some(bounds.literal_prefix()), after)?;
    let mut due = DueRecords::default();
    let mut last_page = u32::MAX;
    while due.entries.len() < records_max {
        let Some(mut group) = walk.advance().await? else {
            due.exhausted = true;
            return Ok(due);
        };
        let Some(captures) = judge.captures(group.key()) else { continue };
        if judge.is_early(&group, &captures) {
            continue;
        }
        let facts = judge.facts_of(&group, &captures, true).await?;
        let skipped = group.skipped;
        let judged = group.entries.drain(..).zip(facts).skip(skipped);
        let found = judged.filter(|(entry, facts)| judge.class(entry, facts) == Class::Due);
        due.entries.extend(found.map(|(entry, _)| entry));
        if !due.entries.is_empty() {
            last_page = last_page.min(walk.pages().saturating_add(PAGES_MAX));
            if walk.pages() > last_page {
                break;
            }
        }
    }
    due.entries.truncate(records_max);
    Ok(due)
}

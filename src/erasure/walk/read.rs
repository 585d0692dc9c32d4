//! How a walk reads: one dataset, one predicate, every row with the values that lead on.
//!
//! Floor 3. A dataset that fails is lost for the whole walk, with the reason; it is not asked again.

use super::Ground;
use crate::erasure::compile::exactly;
use crate::erasure::found::{FoundRow, Standing};
use crate::erasure::graph::Place;
use connectors::{ConnectorError, Disposal, Predicate, RecordKey, RowPage, Selection, StartCondition};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one page.
const PAGE_ROWS: u32 = 1_000;
/// Keys of one statement.
const KEYS_AT_ONCE: usize = 1_000;

#[derive(Debug)]
pub struct Reader<'a> {
    ground: Ground<'a>,
    lost: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(ground: Ground<'a>) -> Self {
        Self { ground, lost: BTreeMap::new() }
    }

    /// Whether the dataset can be relied on to have been read.
    #[must_use]
    pub fn is_lost(&self, dataset: &str) -> bool {
        self.lost.contains_key(dataset) || !self.ground.graph.datasets.contains_key(dataset)
    }

    /// What could not be read so far, with the reason.
    #[must_use]
    pub fn lost(&self) -> &BTreeMap<String, String> {
        &self.lost
    }

    #[must_use]
    pub fn into_lost(self) -> BTreeMap<String, String> {
        self.lost
    }

    /// Every row of the dataset for which the predicate is true; none if it is lost.
    pub async fn rows(&mut self, dataset: &str, predicate: Predicate) -> Vec<FoundRow> {
        if self.is_lost(dataset) {
            return Vec::new();
        }
        match self.try_rows(dataset, predicate).await {
            Ok(rows) => rows,
            Err(error) => {
                self.lost.insert(dataset.to_owned(), error.to_string());
                Vec::new()
            }
        }
    }

    /// Leaves out the rows that are not in their store any more; all of them if the dataset is lost.
    pub async fn keep_those_there(&mut self, dataset: &str, rows: &mut Vec<FoundRow>) {
        let Some(place) = self.ground.graph.datasets.get(dataset) else { return };
        let mut there = BTreeSet::new();
        for rows in rows.chunks(KEYS_AT_ONCE) {
            let keys: Vec<RecordKey> = rows.iter().map(|row| row.key.clone()).collect();
            let Some(scope) = exactly(place, &keys) else { return };
            there.extend(self.rows(dataset, scope).await.into_iter().map(|row| row.key.canonical()));
        }
        rows.retain(|row| there.contains(&row.key.canonical()));
    }

    async fn try_rows(&self, dataset: &str, predicate: Predicate) -> Result<Vec<FoundRow>, ConnectorError> {
        let Some(place) = self.ground.graph.datasets.get(dataset) else { return Ok(Vec::new()) };
        let store = &place.dataset.store;
        let source = self.ground.sources.get(store).ok_or_else(|| ConnectorError::Unreachable {
            store: store.clone(),
            reason: "it is not open".to_owned(),
        })?;
        let selection = on_request(place, predicate);
        let (mut found, mut after): (Vec<FoundRow>, Option<RecordKey>) = (Vec::new(), None);
        loop {
            let RowPage { rows, exhausted } =
                source.rows(&selection, &place.columns, after.as_ref(), PAGE_ROWS).await?;
            after = rows.last().map(|row| row.key.clone());
            found.extend(rows.into_iter().map(|row| FoundRow {
                key: row.key,
                values: place.columns.iter().cloned().zip(row.values).collect(),
                standing: Standing::Own,
            }));
            if exhausted || after.is_none() {
                return Ok(found);
            }
        }
    }
}

/// A selection of exactly the rows of a predicate, whatever refers to them.
#[must_use]
pub fn on_request(place: &Place<'_>, scope: Predicate) -> Selection {
    Selection {
        address: place.dataset.address(),
        shape: place.shape.clone(),
        scope,
        start: StartCondition::OnRequest,
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

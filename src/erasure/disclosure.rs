//! What of a record the person may be shown (GDPR art. 15 and 20).
//!
//! Floor 3; pure. Of their own records everything, and of one that others' records name too (a shared address)
//! everything as well: it is about them. Of a record that names somebody else, or is part of somebody else's,
//! only what names the person and what the data map declares to be about nobody or an event: a copy must not
//! adversely affect the rights of others (art. 15(4)). The rest is named, so that a person can decide.

use super::found::{FoundRow, Standing, Why};
use super::walk::Ground;
use crate::data_map::{Dataset, EventSource};
use crate::subject::Identity;
use connectors::Value;
use std::collections::BTreeSet;

/// Which columns of one record go to the person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disclosure {
    /// In the order of the store.
    pub shown: Vec<String>,
    /// Named only.
    pub left_out: Vec<String>,
}

/// What the person may be shown of a row that a walk has found.
#[must_use]
pub fn disclosure(
    ground: Ground<'_>,
    dataset: &str,
    everyone: &BTreeSet<Identity>,
    row: &FoundRow,
) -> Disclosure {
    let Some(place) = ground.graph.datasets.get(dataset) else { return Disclosure::default() };
    let all = place.shape.columns.iter().map(|column| column.name.clone());
    if matches!(row.standing, Standing::Own | Standing::Shared(Why::NamedByOthers)) {
        return Disclosure { shown: all.collect(), left_out: Vec::new() };
    }
    let subjects = ground.graph.subjects(dataset, ground.catalog);
    let names_another = |column: &str| {
        let value = row.values.get(column).unwrap_or(&Value::Null);
        let mut kinds = subjects.iter().filter(|(_, named)| *named == column).map(|(kind, _)| kind);
        kinds.any(|kind| Identity::stored(kind, value).is_none_or(|identity| !everyone.contains(&identity)))
    };
    let names_somebody = |column: &str| subjects.iter().any(|(_, named)| *named == column);
    let about_nobody = harmless(place.dataset);
    let (shown, left_out) = all.partition(|column| {
        if names_somebody(column) { !names_another(column) } else { about_nobody.contains(column.as_str()) }
    });
    Disclosure { shown, left_out }
}

/// Columns that the data map declares to be personal to nobody, and those of events.
fn harmless(dataset: &Dataset) -> BTreeSet<&str> {
    let mut harmless: BTreeSet<&str> = dataset.not_personal.iter().map(String::as_str).collect();
    harmless.extend(dataset.events.values().filter_map(|event| match event {
        EventSource::Column { column, .. } => Some(column.as_str()),
        _ => None,
    }));
    harmless
}

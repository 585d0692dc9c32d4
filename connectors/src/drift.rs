//! What must still be as it was when a selection was made, for stores that keep tables.
//!
//! Pure: compares shapes that somebody else has read.

use crate::dataset::{DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::selection::{Dependent, Selection, StartCondition};
use crate::transform::Disposal;

/// A table that a selection speaks of, with the shape it was planned with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedTable<'a> {
    pub(crate) address: &'a DatasetAddress,
    pub(crate) shape: &'a DatasetShape,
}

/// Every table that a selection speaks of: its own, what may refer to it, what goes with it, and who else
/// owns that.
pub(crate) fn tables(selection: &Selection) -> Vec<PlannedTable<'_>> {
    let mut tables = vec![PlannedTable { address: &selection.address, shape: &selection.shape }];
    for none_left in &selection.none_left {
        tables.push(PlannedTable { address: &none_left.address, shape: &none_left.shape });
        if let Some(other) = &none_left.disregarding {
            tables.push(PlannedTable { address: &other.address, shape: &other.shape });
        }
    }
    for dependent in dependents(selection) {
        tables.push(PlannedTable { address: &dependent.address, shape: &dependent.shape });
        for owner in &dependent.co_owners {
            tables.push(PlannedTable { address: &owner.address, shape: &owner.shape });
            owner.going.iter().for_each(|going| tables.extend(self::tables(going)));
        }
    }
    tables
}

/// The dependents of a selection at every depth.
pub(crate) fn dependents(selection: &Selection) -> Vec<&Dependent> {
    let mut found = Vec::new();
    let mut open: Vec<&Dependent> = selection.dependents.iter().collect();
    while let Some(dependent) = open.pop() {
        open.extend(&dependent.dependents);
        found.push(dependent);
    }
    found
}

/// The address and shape of a dataset of the selection: its own, or that of a dependent.
pub(crate) fn dataset_of<'a>(
    selection: &'a Selection,
    dataset: &str,
) -> Option<(&'a DatasetAddress, &'a DatasetShape)> {
    if selection.address.dataset == dataset {
        return Some((&selection.address, &selection.shape));
    }
    let found = dependents(selection).into_iter().find(|dependent| dependent.address.dataset == dataset)?;
    Some((&found.address, &found.shape))
}

/// Refuses a selection that no table can carry out.
pub(crate) fn refuse_unusable(selection: &Selection) -> Result<(), ConnectorError> {
    refuse_endless(selection)?;
    refuse_keyless(&selection.address, &selection.shape)?;
    dependents(selection)
        .into_iter()
        .try_for_each(|dependent| refuse_keyless(&dependent.address, &dependent.shape))
}

/// A state that consists of nothing is reached by every record, which nobody can have meant.
fn refuse_endless(selection: &Selection) -> Result<(), ConnectorError> {
    let reason = match &selection.start {
        StartCondition::Event { .. } => return Ok(()),
        StartCondition::NoneLeft if !selection.none_left.is_empty() => return Ok(()),
        StartCondition::OnRequest if selection.names_records() => return Ok(()),
        StartCondition::OnRequest => "goes on request, but its scope names no records",
        StartCondition::NoneLeft => "waits for the last reference, but names no table that could refer to it",
        StartCondition::Linked => "has no start of its own, which only objects can have",
    };
    Err(ConnectorError::NotSupported {
        store: selection.address.store.clone(),
        reason: format!("dataset '{}' {reason}", selection.address.dataset),
    })
}

fn refuse_keyless(address: &DatasetAddress, shape: &DatasetShape) -> Result<(), ConnectorError> {
    if !shape.key.is_empty() {
        return Ok(());
    }
    let reason =
        format!("dataset '{}' has no declared primary key, and row identifiers may change", address.dataset);
    Err(ConnectorError::NotSupported { store: address.store.clone(), reason })
}

/// Refuses when the key of a dataset is no longer what it was.
pub(crate) fn refuse_changed_key(
    address: &DatasetAddress,
    planned: &DatasetShape,
    found: &DatasetShape,
) -> Result<(), ConnectorError> {
    refuse_keyless(address, planned)?;
    if found.key == planned.key {
        return Ok(());
    }
    let reason = "its primary key changed since it was inspected".to_owned();
    Err(ConnectorError::SchemaDrift { dataset: address.dataset.clone(), reason })
}

/// Refuses when a table is no longer as it was planned with.
pub(crate) fn refuse_changed(table: &PlannedTable<'_>, found: &DatasetShape) -> Result<(), ConnectorError> {
    let planned = table.shape;
    let changed = [
        (found.columns != planned.columns, "its columns"),
        (found.key != planned.key, "its primary key"),
        (found.references != planned.references, "its foreign keys"),
        (found.referenced_by != planned.referenced_by, "the foreign keys that point to it"),
        (found.triggers != planned.triggers, "its triggers"),
    ];
    match changed.iter().find(|(changed, _)| *changed) {
        None => Ok(()),
        Some((_, what)) => Err(ConnectorError::SchemaDrift {
            dataset: table.address.dataset.clone(),
            reason: format!("{what} changed since it was inspected"),
        }),
    }
}

/// Refuses to anonymize records that have dependents: those would go, and what they depend on would stay.
pub(crate) fn refuse_companions_of_what_stays(selection: &Selection) -> Result<(), ConnectorError> {
    if matches!(selection.disposal, Disposal::Purge) || selection.dependents.is_empty() {
        return Ok(());
    }
    let dataset = &selection.address.dataset;
    let reason = format!("the rows of dataset '{dataset}' stay, so their dependents cannot go with them");
    Err(ConnectorError::NotSupported { store: selection.address.store.clone(), reason })
}

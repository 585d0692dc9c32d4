//! Looks which of given records are there now: what evidence stands on.
//!
//! Reads only, and never infers: a key that is not found among the rows read is absent, one that is found
//! is present, exactly spelled.

use super::backend::Backend;
use super::session::Lease;
use super::target::whole;
use crate::batch::{DatasetKeys, Observation, ObservedState};
use crate::drift;
use crate::error::ConnectorError;
use crate::selection::Selection;
use crate::sql::{SqlText, class};
use crate::transform::Disposal;
use std::collections::HashMap;

/// Keys that are looked up in one statement.
const LOOKUP_KEYS: usize = 20_000;

pub(super) async fn observe<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    group: &DatasetKeys,
) -> Result<Vec<Observation>, ConnectorError> {
    let dataset = group.dataset.as_str();
    let drift =
        |reason: &str| ConnectorError::SchemaDrift { dataset: dataset.to_owned(), reason: reason.to_owned() };
    let Some((address, planned)) = drift::dataset_of(selection, dataset) else {
        return Err(drift("it is no part of the selection"));
    };
    lease.verify(selection).await?;
    let backend = lease.backend();
    let alias = "r";
    let table = lease.table(address, planned, alias)?;
    let done = match &selection.disposal {
        Disposal::Anonymize { .. } if address.dataset == selection.address.dataset => {
            lease.written(class::already_done(backend.dialect(), &selection.disposal, table.row()))?
        }
        _ => None,
    };
    let done = done
        .map_or_else(|| SqlText::new("0"), |done| SqlText::fill("CASE WHEN {0} THEN 1 ELSE 0 END", &[&done]));
    let mut observations = Vec::with_capacity(group.keys.len());
    for keys in group.keys.chunks(LOOKUP_KEYS) {
        let among = lease.written(table.among(backend, keys))?;
        let sql = SqlText::fill(
            "SELECT {0}, {1} FROM {2} WHERE {3}",
            &[&table.list(backend), &done, &table.from, &among],
        );
        let rows = lease.rows(dataset, sql).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for mut row in rows {
            let done = row.pop().as_ref().and_then(whole) == Some(1);
            let state = if done { ObservedState::Anonymized } else { ObservedState::Present };
            found.insert(lease.key(row)?.canonical(), state);
        }
        observations
            .extend(keys.iter().map(|key| Observation { key: key.clone(), state: state_of(&found, key) }));
    }
    Ok(observations)
}

/// Most lookups find nothing at all, and need no spelled key.
fn state_of(found: &HashMap<String, ObservedState>, key: &crate::value::RecordKey) -> ObservedState {
    if found.is_empty() {
        return ObservedState::Absent;
    }
    found.get(&key.canonical()).copied().unwrap_or(ObservedState::Absent)
}

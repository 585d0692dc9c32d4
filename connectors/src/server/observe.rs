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
use crate::value::{RecordKey, Value};
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
        let among = lease.written(table.around(backend, keys))?;
        let sql = SqlText::fill(
            "SELECT {0}, {1} FROM {2} WHERE {3}",
            &[&table.list(backend), &done, &table.from, &among],
        );
        let rows = lease.rows(dataset, sql).await?;
        let mut found = Found::default();
        for mut row in rows {
            let done = row.pop().as_ref().and_then(whole) == Some(1);
            let state = if done { ObservedState::Anonymized } else { ObservedState::Present };
            found.add(&lease.key(row)?, state);
        }
        observations
            .extend(keys.iter().map(|key| Observation { key: key.clone(), state: found.state_of(key) }));
    }
    Ok(observations)
}

/// What was found, by key: whole numbers, of which a walk may find many, without spelling them.
#[derive(Default)]
struct Found {
    numbers: HashMap<i64, ObservedState>,
    spelled: HashMap<String, ObservedState>,
}

impl Found {
    fn add(&mut self, key: &RecordKey, state: ObservedState) {
        match key.0.as_slice() {
            [Value::Int(number)] => self.numbers.insert(*number, state),
            _ => self.spelled.insert(key.canonical(), state),
        };
    }

    fn state_of(&self, key: &RecordKey) -> ObservedState {
        let found = match key.0.as_slice() {
            [Value::Int(number)] => self.numbers.get(number),
            // Most lookups find nothing at all, and need no spelled key.
            _ if self.spelled.is_empty() => None,
            _ => self.spelled.get(&key.canonical()),
        };
        found.copied().unwrap_or(ObservedState::Absent)
    }
}

//! Looks which of given records are there now: what evidence stands on.
//!
//! Reads only, and never infers: a key that is not found among the rows read is absent, one that is found
//! is present, exactly spelled.

use super::backend::Backend;
use super::session::Lease;
use super::table::KeyedTable;
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
    let mut observations = Vec::with_capacity(group.keys.len());
    for keys in group.keys.chunks(LOOKUP_KEYS) {
        let found = found(lease, dataset, &table, done.as_ref(), keys).await?;
        observations
            .extend(keys.iter().map(|key| Observation { key: key.clone(), state: found.state_of(key) }));
    }
    Ok(observations)
}

/// Which of these keys are there, and whether they are done.
async fn found<B: Backend>(
    lease: &mut Lease<'_, B>,
    dataset: &str,
    table: &KeyedTable<'_>,
    done: Option<&SqlText>,
    keys: &[RecordKey],
) -> Result<Found, ConnectorError> {
    let backend = lease.backend();
    let (among, list) = (lease.written(table.around(backend, keys))?, table.list(backend));
    let mut found = Found::default();
    if let Some(listed) = backend.listed_numbers().filter(|_| table.is_integer()) {
        let told = done.map_or_else(|| list.clone(), |done| SqlText::fill(TOLD, &[&list, done]));
        let row = lease.row(dataset, SqlText::fill(listed, &[&told, &table.from, &among])).await?;
        let [Value::Text(text)] = row.as_slice() else {
            return if row == [Value::Null] { Ok(found) } else { Err(lease.unexpected()) };
        };
        for told in text.split(',') {
            let (number, state) = match told.strip_suffix(DONE) {
                Some(number) => (number, ObservedState::Anonymized),
                None => (told, ObservedState::Present),
            };
            found.numbers.insert(number.parse().map_err(|_| lease.unexpected())?, state);
        }
        return Ok(found);
    }
    let done = done
        .map_or_else(|| SqlText::new("0"), |done| SqlText::fill("CASE WHEN {0} THEN 1 ELSE 0 END", &[done]));
    let sql = SqlText::fill("SELECT {0}, {1} FROM {2} WHERE {3}", &[&list, &done, &table.from, &among]);
    for mut row in lease.rows(dataset, sql).await? {
        let done = row.pop().as_ref().and_then(whole) == Some(1);
        let state = if done { ObservedState::Anonymized } else { ObservedState::Present };
        found.add(&lease.key(row)?, state);
    }
    Ok(found)
}

/// A number, with [`DONE`] behind it where the record is done.
const TOLD: &str = "concat({0}, CASE WHEN {1} THEN 'd' END)";
const DONE: char = 'd';

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

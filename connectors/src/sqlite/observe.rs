//! Looks which of given records are there now: what evidence stands on.
//!
//! Reads only, and never infers: a key that is not found among the rows read is absent, one that is found
//! is present, exactly spelled.

use super::keys::{self, KeyedTable, Restriction};
use super::rows;
use super::select::{self, ROW};
use super::session::Lease;
use crate::batch::{DatasetKeys, Observation, ObservedState};
use crate::drift;
use crate::error::ConnectorError;
use crate::selection::Selection;
use crate::sql::{SqlText, sqlite as dialect};
use crate::transform::Disposal;
use crate::value::{RecordKey, Value};
use sqlx::Row as _;
use std::collections::HashMap;

/// Keys that are looked up in one statement.
const LOOKUP_KEYS: usize = 10_000;

pub(super) async fn observe(
    lease: &mut Lease<'_>,
    selection: &Selection,
    group: &DatasetKeys,
) -> Result<Vec<Observation>, ConnectorError> {
    let dataset = group.dataset.as_str();
    let (address, shape) =
        drift::dataset_of(selection, dataset).ok_or_else(|| ConnectorError::SchemaDrift {
            dataset: dataset.to_owned(),
            reason: "it is no part of the selection".to_owned(),
        })?;
    lease.verify_key_of(address, shape).await?;
    let done = match &selection.disposal {
        Disposal::Anonymize { .. } if address.dataset == selection.address.dataset => {
            dialect::already_done(&selection.disposal, &selection.shape, ROW)
                .map_err(|error| lease.unwritable(&error))?
        }
        _ => None,
    };
    let table = lease.keyed(address, shape, ROW).await?;
    if done.is_none() && table.may_be_integers && keys::is_dense(&group.keys) && is_sorted(&group.keys) {
        return by_walking(lease, dataset, &table, &group.keys).await;
    }
    let mut observations = Vec::with_capacity(group.keys.len());
    for keys in group.keys.chunks(LOOKUP_KEYS) {
        by_looking_up(lease, dataset, &table, done.as_ref(), keys, &mut observations).await?;
    }
    Ok(observations)
}

fn integer(key: &RecordKey) -> Option<i64> {
    match key.0.as_slice() {
        [Value::Int(number)] => Some(*number),
        _ => None,
    }
}

fn is_sorted(keys: &[RecordKey]) -> bool {
    keys.is_sorted_by(|left, right| {
        integer(left).zip(integer(right)).is_some_and(|(left, right)| left < right)
    })
}

/// Reads all keys of the range and merges them with the sorted ones asked for.
async fn by_walking(
    lease: &mut Lease<'_>,
    dataset: &str,
    table: &KeyedTable,
    asked: &[RecordKey],
) -> Result<Vec<Observation>, ConnectorError> {
    let (Some(first), Some(last)) = (asked.first(), asked.last()) else { return Ok(Vec::new()) };
    let before = integer(first).and_then(|first| first.checked_sub(1)).map(RecordKey::int);
    let range = Restriction::Range { after: before, last: last.clone() };
    let condition = table.within(&range)?;
    let found = select::first_keys(lease, dataset, table, &condition, None).await?;
    let mut found = found.iter().filter_map(integer).peekable();
    Ok(asked
        .iter()
        .map(|key| {
            let number = integer(key);
            while found.next_if(|found| number.is_some_and(|number| *found < number)).is_some() {}
            let present = found.peek().copied() == number;
            Observation {
                key: key.clone(),
                state: if present { ObservedState::Present } else { ObservedState::Absent },
            }
        })
        .collect())
}

async fn by_looking_up(
    lease: &mut Lease<'_>,
    dataset: &str,
    table: &KeyedTable,
    done: Option<&SqlText>,
    asked: &[RecordKey],
    observations: &mut Vec<Observation>,
) -> Result<(), ConnectorError> {
    let among = table.among(asked)?;
    let never = SqlText::new("0");
    let sql = SqlText::fill(
        "SELECT {0}, coalesce({1}, 0) FROM {2} WHERE {3}",
        &[&table.list(), done.unwrap_or(&never), &table.from, &among],
    );
    let rows = lease.rows(dataset, sql).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = lease.decoded(dataset, rows::key(row, table.parts()))?;
        let done: bool = lease.decoded(dataset, row.try_get(table.parts()))?;
        let state = if done { ObservedState::Anonymized } else { ObservedState::Present };
        found.insert(key.canonical(), state);
    }
    observations.extend(asked.iter().map(|key| Observation {
        key: key.clone(),
        state: found.get(&key.canonical()).copied().unwrap_or(ObservedState::Absent),
    }));
    Ok(())
}

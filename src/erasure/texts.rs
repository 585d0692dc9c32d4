//! Free text in which a person may be named: columns that the data map names for search.
//!
//! Floor 3; reads only. The store finds the rows that hold one of the person's identities somewhere, as bound
//! values; whether it stands there by itself, and not inside of a longer one, is judged here, page by page. An
//! identity that is too short to mean this person is not searched ([`Identity::forms_in_text`]).

use super::walk::{Ground, on_request};
use crate::subject::Identity;
use connectors::{ConnectorError, Predicate, RecordKey, Value};
use std::collections::BTreeSet;

/// Texts may be long.
const PAGE_ROWS: u32 = 100;

/// How many rows of a dataset name the person in a text, without those of which `known` is true; `None` where no
/// column is named for search, or no identity can be searched.
///
/// # Errors
/// When the store fails.
pub async fn naming_in_text(
    ground: Ground<'_>,
    dataset: &str,
    everyone: &BTreeSet<Identity>,
    known: Predicate,
) -> Result<Option<u64>, ConnectorError> {
    let rows = naming(ground, dataset, &[everyone], known).await?;
    Ok(rows.map(|rows| rows.len() as u64))
}

/// The rows of a dataset that name one of these persons in a text, with the places of those whom they name; `None`
/// as for [`naming_in_text`].
///
/// # Errors
/// When the store fails.
pub async fn rows_naming_in_text(
    ground: Ground<'_>,
    dataset: &str,
    persons: &[&BTreeSet<Identity>],
) -> Result<Option<Vec<(RecordKey, Vec<usize>)>>, ConnectorError> {
    naming(ground, dataset, persons, Predicate::or([])).await
}

async fn naming(
    ground: Ground<'_>,
    dataset: &str,
    persons: &[&BTreeSet<Identity>],
    known: Predicate,
) -> Result<Option<Vec<(RecordKey, Vec<usize>)>>, ConnectorError> {
    let Some(place) = ground.graph.datasets.get(dataset) else { return Ok(None) };
    let columns = columns(ground, dataset);
    if columns.is_empty() {
        return Ok(None);
    }
    let identities = persons.iter().flat_map(|identities| identities.iter());
    let forms: BTreeSet<String> = identities.flat_map(Identity::forms_in_text).collect();
    if forms.is_empty() {
        return Ok(None);
    }
    let fields = columns.iter().filter_map(|column| ground.graph.field(dataset, column));
    let anywhere = Predicate::or(fields.map(|field| Predicate::contains_any(field, forms.clone())));
    let selection = on_request(place, Predicate::and([anywhere, known.is_not_true()]));
    let store = &place.dataset.store;
    let source = ground.sources.get(store).ok_or_else(|| ConnectorError::Unreachable {
        store: store.clone(),
        reason: "it is not open".to_owned(),
    })?;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = source.rows(&selection, &columns, after.as_ref(), PAGE_ROWS).await?;
        after = page.rows.last().map(|row| row.key.clone());
        for row in page.rows {
            let is_named =
                |everyone: &BTreeSet<Identity>| row.values.iter().any(|value| names(everyone, value));
            let all = persons.iter().enumerate().filter(|(_, everyone)| is_named(everyone));
            let who: Vec<usize> = all.map(|(place, _)| place).collect();
            if !who.is_empty() {
                found.push((row.key, who));
            }
        }
        if page.exhausted || after.is_none() {
            return Ok(Some(found));
        }
    }
}

/// The columns named for search, of every dataset that speaks of the place.
fn columns(ground: Ground<'_>, dataset: &str) -> Vec<String> {
    let Some(place) = ground.graph.datasets.get(dataset) else { return Vec::new() };
    let others = place.others.iter().filter_map(|other| ground.catalog.dataset(other));
    let named = std::iter::once(place.dataset).chain(others).flat_map(|dataset| &dataset.search_text);
    let named: BTreeSet<&String> = named.filter(|column| place.shape.column(column).is_some()).collect();
    named.into_iter().cloned().collect()
}

fn names(everyone: &BTreeSet<Identity>, value: &Value) -> bool {
    let Value::Text(text) = value else { return false };
    everyone.iter().any(|identity| identity.is_named_in(text))
}

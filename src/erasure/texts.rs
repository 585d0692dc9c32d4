//! Free text in which a person may be named: columns that the data map names for search.
//!
//! Floor 3; reads only. The store finds the rows that hold one of the person's identities somewhere, as bound
//! values; whether it stands there by itself, and not inside of a longer one, is judged here, page by page. An
//! identity that is too short to mean this person is not searched ([`Identity::forms_in_text`]).

use super::walk::{Ground, on_request};
use crate::subject::Identity;
use connectors::{ConnectorError, Predicate, Value};
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
    let Some(place) = ground.graph.datasets.get(dataset) else { return Ok(None) };
    let columns = columns(ground, dataset);
    let forms: BTreeSet<String> = everyone.iter().flat_map(Identity::forms_in_text).collect();
    if columns.is_empty() || forms.is_empty() {
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
    let (mut count, mut after) = (0, None);
    loop {
        let page = source.rows(&selection, &columns, after.as_ref(), PAGE_ROWS).await?;
        after = page.rows.last().map(|row| row.key.clone());
        let naming = page.rows.iter().filter(|row| row.values.iter().any(|value| names(everyone, value)));
        count += naming.count() as u64;
        if page.exhausted || after.is_none() {
            return Ok(Some(count));
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

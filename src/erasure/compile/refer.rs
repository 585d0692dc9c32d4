//! What still refers to a record keeps it: repeated by the store in the very statement that destroys.
//!
//! Floor 3; pure. When counting, rows that the same plan removes do not count.

use super::{RequestItem, refusal};
use crate::erasure::found::{Found, Standing};
use crate::erasure::graph::{Edge, Graph, Place};
use crate::erasure::walk::on_request;
use crate::plan::FindingCode;
use crate::plan::compile::{Surroundings, name};
use crate::plan::world::{datasets_of_table, same_place};
use connectors::{
    DatasetAddress, Field, ForeignKey, Location, NoneLeft, Predicate, RecordKey, Selection, Value,
};
use std::collections::BTreeSet;

/// Fills in [`Selection::none_left`] of a record that is to be purged.
pub(super) fn add(around: &Surroundings<'_>, graph: &Graph<'_>, found: &Found, item: &mut RequestItem<'_>) {
    let Some(place) = graph.datasets.get(item.dataset) else { return };
    if !place.dataset.is_table() {
        return;
    }
    for edge in graph.edges.iter().filter(|edge| edge.to == item.dataset && edge.keeps()) {
        if let Some(entry) = none_left(graph, place, edge) {
            item.selection.none_left.push(entry);
        }
    }
    let keys = found.together.get(&item.id()).cloned().unwrap_or_else(|| found.own(item.dataset));
    item.selection = going_together(graph, &item.selection, &keys);
    add_undeclared(around, place, item);
}

/// True for rows that still name what the person's rows named when they were found, in every column that
/// says whose a row is: one that was given to somebody else since is not touched.
pub(super) fn still_theirs(
    around: &Surroundings<'_>,
    graph: &Graph<'_>,
    place: &Place<'_>,
    found: &Found,
) -> Predicate {
    let own = place.dataset.name.as_str();
    let mut columns: BTreeSet<&str> =
        graph.subjects(own, around.catalog).into_iter().map(|(_, column)| column).collect();
    let parts = graph.edges.iter().filter(|edge| edge.from == own && (edge.makes_part() || edge.ends_with()));
    columns.extend(parts.flat_map(|edge| edge.pairs.iter().map(|(column, _)| column.as_str())));
    let rows = found.rows.get(own).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<_> = rows.iter().filter(|row| row.standing == Standing::Own).collect();
    Predicate::and(columns.into_iter().filter_map(|column| {
        let field = graph.field(own, column)?;
        let mut values: Vec<Value> = Vec::new();
        for value in rows.iter().filter_map(|row| row.values.get(column)) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        // Fields that a duty did not cover may have been anonymized by an earlier run.
        let meanwhile = around.targets.iter().filter(|target| same_place(target.dataset, place.dataset));
        let meanwhile = meanwhile.filter_map(|target| target.rule.exempt.as_ref()?.meanwhile.get(column));
        let changed: Vec<Value> = meanwhile
            .flat_map(|transform| values.iter().map(|value| transform.apply(value, field.value_type, None)))
            .collect();
        values.extend(changed);
        Some(Predicate::or([Predicate::one_of(field.clone(), values), Predicate::is_null(field)]))
    }))
}

/// The same selection where these rows of its own table do not keep others: they go together.
#[must_use]
pub fn going_together(graph: &Graph<'_>, selection: &Selection, keys: &[RecordKey]) -> Selection {
    let mut together = selection.clone();
    let own = selection.address.dataset.as_str();
    let others = graph.datasets.get(own).and_then(|place| named(place, keys));
    for entry in together.none_left.iter_mut().filter(|entry| entry.address.dataset == own) {
        entry.disregarding = others.clone().map(Box::new);
    }
    together
}

/// Whether rows of the dataset refer to rows of the same.
#[must_use]
pub fn refers_to_itself(selection: &Selection) -> bool {
    selection.none_left.iter().any(|entry| entry.address.dataset == selection.address.dataset)
}

/// Exactly these records; `None` for none.
fn named(place: &Place<'_>, keys: &[RecordKey]) -> Option<Selection> {
    let field = |column: &String| {
        let found = place.shape.column(column)?;
        Some(Field { name: found.name.clone(), value_type: found.value_type })
    };
    let fields: Vec<Field> = place.shape.key.iter().map(field).collect::<Option<_>>()?;
    (!keys.is_empty()).then(|| on_request(place, Predicate::keys(&fields, keys)))
}

/// `None` where the store itself cannot compare the two ends: in another store, or of another type.
fn none_left(graph: &Graph<'_>, place: &Place<'_>, edge: &Edge<'_>) -> Option<NoneLeft> {
    let child = graph.datasets.get(edge.from)?;
    let comparable = edge.pairs.iter().all(|(there, here)| {
        let types = (child.shape.column(there), place.shape.column(here));
        matches!(types, (Some(there), Some(here)) if there.value_type == here.value_type)
    });
    (child.dataset.store == place.dataset.store && comparable).then(|| NoneLeft {
        address: child.dataset.address(),
        shape: child.shape.clone(),
        pairs: edge.pairs.clone(),
        disregarding: None,
    })
}

/// Rows of a table that no dataset declares: nothing is known of them, so they keep what they refer to.
fn add_undeclared(around: &Surroundings<'_>, place: &Place<'_>, item: &mut RequestItem<'_>) {
    let store = &place.dataset.store;
    for key in &place.shape.referenced_by {
        let schema = key.child_schema.as_deref();
        if !datasets_of_table(around.catalog, store, schema, &key.child_table).is_empty() {
            continue;
        }
        match undeclared(around, place, key) {
            Some(entry) => item.selection.none_left.push(entry),
            None => item.findings.push(refusal(
                FindingCode::CascadeUndeclared,
                format!(
                    "table {} refers to dataset {} and cannot be read: declare it in the data map",
                    name(&key.child_table),
                    name(item.dataset)
                ),
            )),
        }
    }
}

fn undeclared(around: &Surroundings<'_>, place: &Place<'_>, key: &ForeignKey) -> Option<NoneLeft> {
    let store = &place.dataset.store;
    let shape = around.world.undeclared(store, key.child_schema.as_deref(), &key.child_table)?;
    let parents = if key.parent_columns.is_empty() { &place.shape.key } else { &key.parent_columns };
    if key.child_columns.is_empty() || parents.len() != key.child_columns.len() {
        return None;
    }
    Some(NoneLeft {
        address: DatasetAddress {
            store: store.clone(),
            dataset: format!("undeclared {}", key.child_table),
            location: Location::Table { schema: key.child_schema.clone(), table: key.child_table.clone() },
        },
        shape: shape.clone(),
        pairs: key.child_columns.iter().cloned().zip(parents.iter().cloned()).collect(),
        disregarding: None,
    })
}

/// The same selection where these rows of other datasets do not count.
#[must_use]
pub fn disregarding(
    graph: &Graph<'_>,
    selection: &Selection,
    keys_of: &dyn Fn(&str) -> Vec<RecordKey>,
) -> Selection {
    let mut counted = selection.clone();
    for entry in &mut counted.none_left {
        let dataset = entry.address.dataset.clone();
        if dataset == selection.address.dataset {
            continue;
        }
        let place = graph.datasets.get(dataset.as_str());
        entry.disregarding = place.and_then(|place| named(place, &keys_of(&dataset))).map(Box::new);
    }
    counted
}

/// The same where no row of the person counts: what is then still referred to is so by others.
#[must_use]
pub fn own_of(graph: &Graph<'_>, selection: &Selection, found: &Found) -> Selection {
    disregarding(graph, selection, &|dataset| found.own(dataset))
}

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
    DatasetAddress, Disposal, Field, ForeignKey, Location, NoneLeft, Predicate, RecordKey, Selection, Value,
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

/// A part without a rule of its own goes with the record that it is part of: where a duty keeps that one, the part
/// stays, until the record is due by the rule. Only within one store, and where one rule speaks of the record.
pub(super) fn stay_with_kept<'a>(graph: &Graph<'a>, items: &mut [RequestItem<'a>]) {
    let mut done: BTreeSet<(usize, usize)> = BTreeSet::new();
    // From records to their parts, and then to the parts of those.
    while let Some((part, edge, entry)) = next_part(graph, items, &done) {
        done.insert((part, edge));
        if let Some(item) = items.get_mut(part) {
            item.selection.none_left.extend(entry);
        }
    }
}

/// An item of parts whose owners are settled, the number of the edge, and what is to be none of.
fn next_part(
    graph: &Graph<'_>,
    items: &[RequestItem<'_>],
    done: &BTreeSet<(usize, usize)>,
) -> Option<(usize, usize, Option<NoneLeft>)> {
    let waiting = |dataset: &str| {
        let here = items.iter().enumerate().filter(|(_, item)| item.dataset == dataset);
        let edges = here.flat_map(|(part, item)| {
            let all = graph.edges.iter().enumerate();
            let parts = all.filter(|(_, edge)| is_without_rule(item) && edge.from == item.dataset);
            parts.filter(|(_, edge)| edge.makes_part() && edge.to != edge.from).map(move |one| (part, one))
        });
        let fresh = edges.filter(|(part, (number, edge))| {
            !done.contains(&(*part, *number)) && only_item(items, edge.to).is_some_and(keeps_some)
        });
        fresh.collect::<Vec<_>>()
    };
    let datasets: BTreeSet<&str> = items.iter().map(|item| item.dataset).collect();
    let all = datasets.into_iter().flat_map(waiting);
    let (part, (number, edge)) = all.into_iter().find(|(_, (_, edge))| waiting(edge.to).is_empty())?;
    Some((part, number, owner_left(graph, items, edge)))
}

fn is_without_rule(item: &RequestItem<'_>) -> bool {
    item.target.is_none() && item.selection.disposal == Disposal::Purge
}

/// The item of a dataset, if it has one only.
fn only_item<'i, 'a>(items: &'i [RequestItem<'a>], dataset: &str) -> Option<&'i RequestItem<'a>> {
    let mut here = items.iter().filter(|item| item.dataset == dataset && item.part.is_whole());
    here.next().filter(|_| here.next().is_none())
}

/// A duty keeps some of its records, or those that they are part of.
fn keeps_some(item: &RequestItem<'_>) -> bool {
    let waits_for_owner = |entry: &NoneLeft| {
        entry.disregarding.is_some() && entry.address.dataset != item.selection.address.dataset
    };
    item.exception.is_some() || item.selection.none_left.iter().any(waits_for_owner)
}

/// No record that stays may have the row as its part. `None` where the store cannot tell.
fn owner_left(graph: &Graph<'_>, items: &[RequestItem<'_>], edge: &Edge<'_>) -> Option<NoneLeft> {
    let (place, there) = (graph.datasets.get(edge.from)?, graph.datasets.get(edge.to)?);
    let comparable = edge.pairs.iter().all(|(here, named)| {
        let types = (place.shape.column(here), there.shape.column(named));
        matches!(types, (Some(here), Some(named)) if here.value_type == named.value_type)
    });
    let mut going = only_item(items, edge.to)?.selection.clone();
    // Its parts go before it, if it goes.
    let parts = graph.edges.iter().filter(|one| one.to == edge.to && one.makes_part());
    let parts: BTreeSet<&str> = parts
        .map(|one| one.from)
        .filter(|part| items.iter().filter(|item| item.dataset == *part).all(is_without_rule))
        .collect();
    going.none_left.retain(|entry| !parts.contains(entry.address.dataset.as_str()));
    (place.dataset.store == there.dataset.store && comparable).then(|| NoneLeft {
        address: there.dataset.address(),
        shape: there.shape.clone(),
        pairs: edge.pairs.iter().map(|(here, named)| (named.clone(), here.clone())).collect(),
        disregarding: Some(Box::new(going)),
    })
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
        let mut known: BTreeSet<String> = BTreeSet::new();
        for value in rows.iter().filter_map(|row| row.values.get(column)) {
            if known.insert(RecordKey::of(vec![value.clone()]).canonical()) {
                values.push(value.clone());
            }
        }
        // Anonymized by this run, or, as fields that a duty did not cover, by an earlier one: they are the person's
        // still.
        let here = around.targets.iter().filter(|target| same_place(target.dataset, place.dataset));
        let transforms = here.flat_map(|target| {
            let meanwhile = target.rule.exempt.as_ref().and_then(|exempt| exempt.meanwhile.get(column));
            let fields = target.rule.disposition.fields();
            meanwhile.into_iter().chain(fields.and_then(|fields| fields.get(column)))
        });
        let changed: Vec<Value> = transforms
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
        let keys = keys_of(&dataset);
        // What a record that stays keeps with it says by itself which records go.
        if keys.is_empty() && entry.disregarding.is_some() {
            continue;
        }
        let place = graph.datasets.get(dataset.as_str());
        entry.disregarding = place.and_then(|place| named(place, &keys)).map(Box::new);
    }
    counted
}

/// The same where no row of the person counts: what is then still referred to is so by others.
#[must_use]
pub fn own_of(graph: &Graph<'_>, selection: &Selection, found: &Found) -> Selection {
    disregarding(graph, selection, &|dataset| found.own(dataset))
}

//! The order in which a plan is carried out, and circles of references.
//!
//! Floor 3; pure. In a circle the store's own constraints count, and what only the data map declares does not. A
//! circle of constraints is opened where a column of it may be empty: that column is emptied first, for exactly the
//! records that go. Where none may be, it is refused before anything is done.

use super::{RequestItem, refusal, waits};
use crate::erasure::graph::{Edge, Graph};
use crate::plan::compile::name;
use crate::plan::order::order;
use crate::plan::{self, FieldPlan, FindingCode, ItemPart};
use connectors::{Disposal, FieldTransform, StartCondition, Transform};
use std::collections::{BTreeMap, BTreeSet};

/// The order of execution, with items for the columns that are emptied first.
pub(super) fn sequence(graph: &Graph<'_>, items: &mut Vec<RequestItem<'_>>) -> Vec<usize> {
    let every = |_: &Edge<'_>| true;
    let (sequence, circular) = order(items.len(), &waits(graph, items, &every));
    if circular.is_empty() {
        return sequence;
    }
    let purged: BTreeSet<&str> = items
        .iter()
        .filter(|item| item.selection.disposal == Disposal::Purge)
        .map(|item| item.dataset)
        .collect();
    let in_circle: Vec<&Edge<'_>> =
        graph.edges.iter().filter(|edge| stands_in_circle(graph, &purged, edge)).collect();
    let binding = |edge: &Edge<'_>| edge.is_foreign_key || !is_among(&in_circle, edge);
    loosen(graph, items, &binding);
    let (mut sequence, mut circular) = order(items.len(), &waits(graph, items, &binding));
    let mut open: Vec<&Edge<'_>> = Vec::new();
    while !circular.is_empty() {
        let next = in_circle.iter().copied().find(|edge| {
            !is_among(&open, edge) && edge.is_foreign_key && can_open(graph, items, &circular, edge)
        });
        let Some(next) = next else {
            refuse(items, &circular);
            return sequence;
        };
        open.push(next);
        let counts = |edge: &Edge<'_>| binding(edge) && !is_among(&open, edge);
        (sequence, circular) = order(items.len(), &waits(graph, items, &counts));
    }
    if open.is_empty() {
        return sequence;
    }
    let circle: BTreeSet<&str> = in_circle.iter().flat_map(|edge| [edge.from, edge.to]).collect();
    let mut more = Vec::new();
    for edge in &open {
        let whole = items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.dataset == edge.from && item.selection.disposal == Disposal::Purge);
        let unlinking: Vec<_> =
            whole.map(|(index, item)| (index, unlinking(graph, item, edge, &circle))).collect();
        for (index, unlinking) in unlinking {
            let place = items.len();
            more.push((index, place));
            let named = items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.dataset == edge.to && item.selection.disposal == Disposal::Purge);
            more.extend(named.map(|(named, _)| (named, place)));
            items.push(unlinking);
        }
    }
    let counts = |edge: &Edge<'_>| binding(edge) && !is_among(&open, edge);
    more.extend(waits(graph, items, &counts));
    order(items.len(), &more).0
}

fn is_among(edges: &[&Edge<'_>], edge: &Edge<'_>) -> bool {
    edges.contains(&edge)
}

/// What only the data map declares keeps nothing in a circle.
fn loosen(graph: &Graph<'_>, items: &mut [RequestItem<'_>], binding: &dyn Fn(&Edge<'_>) -> bool) {
    let loose: Vec<&Edge<'_>> = graph.edges.iter().filter(|edge| !binding(edge)).collect();
    for item in items {
        item.selection.none_left.retain(|entry| {
            let from_here =
                |edge: &&&Edge<'_>| edge.from == entry.address.dataset && edge.pairs == entry.pairs;
            !loose.iter().any(|edge| edge.to == item.dataset && from_here(&edge))
        });
    }
}

/// Whether the references lead from what the edge names back to where it begins.
fn stands_in_circle(graph: &Graph<'_>, purged: &BTreeSet<&str>, edge: &Edge<'_>) -> bool {
    let (mut open, mut seen) = (vec![edge.to], BTreeSet::new());
    if edge.from == edge.to || edge.to_objects {
        return false;
    }
    while let Some(next) = open.pop() {
        if next == edge.from {
            return true;
        }
        if seen.insert(next) && purged.contains(next) {
            let on = graph.edges.iter().filter(|one| one.from == next && one.keeps() && !one.to_objects);
            open.extend(on.map(|one| one.to));
        }
    }
    false
}

/// Whether the rows that name the others can let go of them: a column may be empty, and all of them go now.
fn can_open(
    graph: &Graph<'_>,
    items: &[RequestItem<'_>],
    circular: &BTreeSet<usize>,
    edge: &Edge<'_>,
) -> bool {
    let at = |dataset: &str| {
        circular.iter().any(|index| items.get(*index).is_some_and(|item| item.dataset == dataset))
    };
    let mut here = items.iter().filter(|item| item.dataset == edge.from);
    let go_now = here.all(|item| {
        item.selection.disposal == Disposal::Purge && item.selection.start == StartCondition::OnRequest
    });
    at(edge.from) && at(edge.to) && go_now && !columns(graph, edge).is_empty()
}

/// The columns of the reference that may be empty. One is enough: a reference with a part that is NULL names nothing.
fn columns(graph: &Graph<'_>, edge: &Edge<'_>) -> Vec<FieldTransform> {
    let Some(place) = graph.datasets.get(edge.from) else { return Vec::new() };
    let columns = edge.pairs.iter().filter_map(|(own, _)| place.shape.column(own));
    let free = columns.filter(|column| {
        column.nullable && !column.generated && !column.checked && !place.shape.key.contains(&column.name)
    });
    free.map(|column| FieldTransform {
        column: column.name.clone(),
        value_type: column.value_type,
        transform: Transform::Null,
    })
    .collect()
}

/// The same records, of which only the columns of the reference are emptied. What keeps them there keeps them from
/// this too.
fn unlinking<'a>(
    graph: &Graph<'_>,
    whole: &RequestItem<'a>,
    edge: &Edge<'_>,
    circle: &BTreeSet<&str>,
) -> RequestItem<'a> {
    let fields = columns(graph, edge);
    let named: BTreeMap<String, Transform> =
        fields.iter().map(|field| (field.column.clone(), field.transform.clone())).collect();
    let mut selection = whole.selection.clone();
    selection.none_left.retain(|entry| !circle.contains(entry.address.dataset.as_str()));
    selection.disposal = Disposal::Anonymize { fields, marker: None };
    RequestItem {
        selection,
        disposition: plan::Disposition::Anonymize { fields: FieldPlan::of(&named), marker: None },
        part: ItemPart::Unlinking,
        findings: Vec::new(),
        ..whole.clone()
    }
}

fn refuse(items: &mut [RequestItem<'_>], circular: &BTreeSet<usize>) {
    for index in circular {
        let Some(item) = items.get_mut(*index) else { continue };
        item.findings.push(refusal(
            FindingCode::ForeignKeyBlocks,
            format!(
                "records of dataset {} stand in a circle of foreign keys with records of other datasets, and no column \
                 of it may be empty, or a duty keeps some of them: make one of its columns nullable",
                name(item.dataset)
            ),
        ));
    }
}

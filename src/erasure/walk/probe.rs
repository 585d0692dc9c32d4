//! What a walk asks of a dataset, so that the questions of many walks can be put in one statement.
//!
//! Floor 3; pure. A probe is met by rows that hold certain values in certain columns. Which probe a row that came
//! back meets is told here as the stores compare ([`Predicate::evaluate`]); a row of which that cannot be told
//! makes whoever reads ask for each walk by itself.

use super::{Ground, Side};
use crate::erasure::graph::Edge;
use crate::subject::Identity;
use connectors::{Field, Predicate, RecordKey, Value, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Compared {
    /// Text without outer blanks and in small letters of ASCII.
    AsIdentity,
    Exactly,
}

/// The columns of a probe, and how they are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shape {
    pub(super) columns: Vec<String>,
    pub(super) compared: Compared,
}

/// Met by rows that hold these values.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) shape: Shape,
    fields: Vec<Field>,
    values: Vec<Value>,
    /// The values as they are compared.
    pub(super) form: Vec<String>,
}

impl Probe {
    fn new(fields: Vec<Field>, compared: Compared, values: Vec<Value>) -> Option<Self> {
        let form = fields
            .iter()
            .zip(&values)
            .map(|(field, value)| form(value, field.value_type, compared))
            .collect::<Option<_>>()?;
        let columns = fields.iter().map(|field| field.name.clone()).collect();
        Some(Self { shape: Shape { columns, compared }, fields, values, form })
    }
}

impl Shape {
    /// What a row holds in these columns, as it is compared; `None` if it meets no probe of this shape.
    pub(super) fn form_of(&self, fields: &[Field], values: &BTreeMap<String, Value>) -> Option<Vec<String>> {
        fields.iter().map(|field| form(values.get(&field.name)?, field.value_type, self.compared)).collect()
    }
}

/// A value as stores compare it, so that equal forms are equal values.
fn form(value: &Value, value_type: ValueType, compared: Compared) -> Option<String> {
    if *value == Value::Null {
        return None;
    }
    match (compared, value_type, value) {
        (_, ValueType::Int, Value::Int(number)) => Some(format!("i{number}")),
        #[expect(clippy::cast_possible_truncation, reason = "whole, and inside the range of exact floats")]
        (_, ValueType::Int, Value::Real(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Some(format!("i{}", *number as i64))
        }
        (Compared::AsIdentity, ValueType::Int, Value::Text(text)) => {
            text.trim().parse::<i64>().ok().map(|number| format!("i{number}"))
        }
        (Compared::AsIdentity, ValueType::Text | ValueType::Unknown, Value::Text(text)) => {
            Some(format!("t{}", text.trim_matches(' ').to_ascii_lowercase()))
        }
        (Compared::AsIdentity, _, _) => None,
        (Compared::Exactly, ValueType::Text, Value::Text(text)) => Some(format!("t{text}")),
        (Compared::Exactly, _, other) => Some(format!("o{}", RecordKey::of(vec![other.clone()]).canonical())),
    }
}

/// Met by rows of the dataset that one of these identities names; `None` if no column could.
pub(super) fn naming_probes(
    ground: Ground<'_>,
    dataset: &str,
    identities: &BTreeSet<Identity>,
) -> Option<Vec<Probe>> {
    let mut probes = Vec::new();
    let mut is_possible = false;
    for (kind, column) in ground.graph.subjects(dataset, ground.catalog) {
        let field = ground.graph.field(dataset, column)?;
        for identity in identities.iter().filter(|identity| identity.kind() == kind) {
            is_possible = true;
            probes.extend(of_identity(&field, identity));
        }
    }
    is_possible.then_some(probes)
}

fn of_identity(field: &Field, identity: &Identity) -> Vec<Probe> {
    let forms = identity.search_forms().into_iter();
    forms
        .filter_map(|text| Probe::new(vec![field.clone()], Compared::AsIdentity, vec![Value::Text(text)]))
        .collect()
}

/// Met by rows whose columns at this side of the edge hold one of the tuples.
pub(super) fn meeting_probes(
    ground: Ground<'_>,
    dataset: &str,
    edge: &Edge<'_>,
    (side, tuples): (Side, &[Vec<Value>]),
) -> Vec<Probe> {
    let columns = edge.pairs.iter().map(|(from, to)| if side == Side::From { from } else { to });
    let fields: Option<Vec<Field>> = columns.map(|column| ground.graph.field(dataset, column)).collect();
    let Some(fields) = fields else { return Vec::new() };
    let mut probes = Vec::new();
    for tuple in tuples {
        if let (Some(kind), [field], [value]) = (edge.identity, fields.as_slice(), tuple.as_slice()) {
            probes.extend(Identity::stored(kind, value).iter().flat_map(|one| of_identity(field, one)));
            continue;
        }
        let values: Option<Vec<Value>> =
            fields.iter().zip(tuple).map(|(field, value)| as_stored(value, field.value_type)).collect();
        let probe = values.and_then(|values| Probe::new(fields.clone(), Compared::Exactly, values));
        probes.extend(probe.filter(|_| edge.identity.is_none()));
    }
    probes
}

/// True for the rows that meet one of these probes.
pub(super) fn predicate_of<'p>(probes: impl IntoIterator<Item = &'p Probe>) -> Predicate {
    let mut by_shape: BTreeMap<&Shape, Vec<&Probe>> = BTreeMap::new();
    for probe in probes {
        by_shape.entry(&probe.shape).or_default().push(probe);
    }
    Predicate::or(by_shape.into_iter().map(|(shape, probes)| {
        let first = probes.first().map(|probe| probe.fields.as_slice()).unwrap_or_default();
        match (first, shape.compared) {
            ([field], Compared::AsIdentity) => {
                let values = probes.iter().filter_map(|probe| match probe.values.first() {
                    Some(Value::Text(text)) => Some(text.clone()),
                    _ => None,
                });
                Predicate::one_of_identities(field.clone(), values)
            }
            ([field], Compared::Exactly) => {
                let values = probes.iter().filter_map(|probe| probe.values.first().cloned());
                Predicate::one_of(field.clone(), values)
            }
            (fields, _) => Predicate::or(probes.iter().map(|probe| {
                let parts = fields.iter().zip(&probe.values);
                Predicate::and(parts.map(|(field, value)| Predicate::one_of(field.clone(), [value.clone()])))
            })),
        }
    }))
}

/// The fields of each shape among the probes.
pub(super) fn shapes_of<'p>(probes: impl IntoIterator<Item = &'p Probe>) -> BTreeMap<&'p Shape, &'p [Field]> {
    probes.into_iter().map(|probe| (&probe.shape, probe.fields.as_slice())).collect()
}

/// A value as a column of this type holds it: the two ends of a link may be number and text. A text that
/// is not exactly how the number is written is no number.
fn as_stored(value: &Value, value_type: ValueType) -> Option<Value> {
    match (value, value_type) {
        (Value::Int(number), ValueType::Text) => Some(Value::Text(number.to_string())),
        (Value::Text(text), ValueType::Int) => {
            let number: i64 = text.parse().ok()?;
            (number.to_string() == *text).then_some(Value::Int(number))
        }
        (value, wanted) => (value.value_type() == Some(wanted)).then(|| value.clone()),
    }
}

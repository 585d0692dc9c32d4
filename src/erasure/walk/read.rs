//! How a walk reads: one dataset, one predicate, every row with the values that lead on.
//!
//! Floor 3. A dataset that fails is lost for the whole walk, with the reason; it is not asked again.

use super::{Ground, Side};
use crate::erasure::found::{FoundRow, Standing};
use crate::erasure::graph::{Edge, Place};
use crate::subject::Identity;
use connectors::{
    ConnectorError, Disposal, Field, Predicate, RecordKey, RowPage, Selection, StartCondition, Value,
    ValueType,
};
use std::collections::BTreeMap;

/// Rows of one page.
const PAGE_ROWS: u32 = 1_000;
/// Values of one predicate: far below what a statement can bind.
const VALUES_PER_QUERY: usize = 500;

#[derive(Debug)]
pub struct Reader<'a> {
    ground: Ground<'a>,
    lost: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    #[must_use]
    pub fn new(ground: Ground<'a>) -> Self {
        Self { ground, lost: BTreeMap::new() }
    }

    /// Whether the dataset can be relied on to have been read.
    #[must_use]
    pub fn is_lost(&self, dataset: &str) -> bool {
        self.lost.contains_key(dataset) || !self.ground.graph.datasets.contains_key(dataset)
    }

    #[must_use]
    pub fn into_lost(self) -> BTreeMap<String, String> {
        self.lost
    }

    /// Every row of the dataset for which the predicate is true; none if it is lost.
    pub async fn rows(&mut self, dataset: &str, predicate: Predicate) -> Vec<FoundRow> {
        if self.is_lost(dataset) {
            return Vec::new();
        }
        match self.try_rows(dataset, predicate).await {
            Ok(rows) => rows,
            Err(error) => {
                self.lost.insert(dataset.to_owned(), error.to_string());
                Vec::new()
            }
        }
    }

    /// Rows whose end of the edge holds one of these values.
    pub(super) async fn rows_with(
        &mut self,
        dataset: &str,
        edge: &Edge<'_>,
        side: Side,
        tuples: &[Vec<Value>],
    ) -> Vec<FoundRow> {
        let mut found = Vec::new();
        for tuples in tuples.chunks(VALUES_PER_QUERY) {
            if let Some(predicate) = self.meeting(dataset, edge, side, tuples) {
                found.extend(self.rows(dataset, predicate).await);
            }
        }
        found
    }

    /// True for rows whose columns at this side of the edge hold one of the tuples. `None`: none can.
    fn meeting(
        &self,
        dataset: &str,
        edge: &Edge<'_>,
        side: Side,
        tuples: &[Vec<Value>],
    ) -> Option<Predicate> {
        let columns = edge.pairs.iter().map(|(from, to)| if side == Side::From { from } else { to });
        let fields: Vec<Field> =
            columns.map(|column| self.ground.graph.field(dataset, column)).collect::<Option<_>>()?;
        let mut parts = Vec::new();
        if let ([field], None) = (fields.as_slice(), edge.identity) {
            let values: Vec<Value> =
                tuples.iter().filter_map(|tuple| as_stored(tuple.first()?, field.value_type)).collect();
            return (!values.is_empty()).then(|| Predicate::one_of(field.clone(), values));
        }
        for tuple in tuples {
            let each: Option<Vec<Predicate>> = fields
                .iter()
                .zip(tuple)
                .map(|(field, value)| match edge.identity {
                    Some(kind) => Some(Identity::stored(kind, value)?.predicate(field.clone())),
                    None => Some(Predicate::one_of(field.clone(), [as_stored(value, field.value_type)?])),
                })
                .collect();
            parts.extend(each.map(Predicate::and));
        }
        (!parts.is_empty()).then(|| Predicate::or(parts))
    }

    async fn try_rows(&self, dataset: &str, predicate: Predicate) -> Result<Vec<FoundRow>, ConnectorError> {
        let Some(place) = self.ground.graph.datasets.get(dataset) else { return Ok(Vec::new()) };
        let store = &place.dataset.store;
        let source = self.ground.sources.get(store).ok_or_else(|| ConnectorError::Unreachable {
            store: store.clone(),
            reason: "it is not open".to_owned(),
        })?;
        let selection = on_request(place, predicate);
        let (mut found, mut after): (Vec<FoundRow>, Option<RecordKey>) = (Vec::new(), None);
        loop {
            let RowPage { rows, exhausted } =
                source.rows(&selection, &place.columns, after.as_ref(), PAGE_ROWS).await?;
            after = rows.last().map(|row| row.key.clone());
            found.extend(rows.into_iter().map(|row| FoundRow {
                key: row.key,
                values: place.columns.iter().cloned().zip(row.values).collect(),
                standing: Standing::Own,
            }));
            if exhausted || after.is_none() {
                return Ok(found);
            }
        }
    }
}

/// A selection of exactly the rows of a predicate, whatever refers to them.
#[must_use]
pub fn on_request(place: &Place<'_>, scope: Predicate) -> Selection {
    Selection {
        address: place.dataset.address(),
        shape: place.shape.clone(),
        scope,
        start: StartCondition::OnRequest,
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
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

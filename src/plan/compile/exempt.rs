//! What of a record a duty does not cover: columns of which a rule says nothing are found here.
//!
//! Floor 3; pure.

use super::{finding, name};
use crate::data_map::{Dataset, EventSource};
use crate::plan::{FindingCode, FindingSeverity, PlanFinding};
use crate::policy::Rule;
use connectors::DatasetShape;

/// A refusal if the rule's exception covers some fields only and says nothing of others: what would stay without
/// anybody having said why.
#[must_use]
pub fn unsaid(rule: &Rule, dataset: &Dataset, shape: &DatasetShape) -> Option<PlanFinding> {
    let exempt = rule.exempt.as_ref()?;
    let is_structure = |column: &str| {
        shape.key.iter().any(|key| key == column)
            || shape.references.iter().any(|key| key.child_columns.iter().any(|child| child == column))
            || dataset.links.iter().any(|link| link.column == column)
            || dataset.not_personal.iter().chain(&dataset.marker).any(|known| known == column)
            || dataset
                .events
                .values()
                .any(|event| matches!(event, EventSource::Column { column: named, .. } if named == column))
    };
    let is_said = |column: &str| {
        exempt.keeps.iter().any(|kept| kept == column) || exempt.meanwhile.contains_key(column)
    };
    let columns = shape.columns.iter().map(|column| column.name.as_str());
    let unsaid: Vec<&str> = columns.filter(|column| !is_said(column) && !is_structure(column)).collect();
    (!unsaid.is_empty()).then(|| {
        let message = format!(
            "rule {} does not say what becomes of columns {} of dataset {} while a duty keeps the rest: name them under \
             'keeps', 'meanwhile' or, in the data map, 'not_personal'",
            name(&rule.id),
            name(&unsaid.join(", ")),
            name(&dataset.name)
        );
        finding(FindingSeverity::Refusal, FindingCode::ConstraintViolated, message)
    })
}

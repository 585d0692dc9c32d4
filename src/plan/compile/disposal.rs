//! From a disposition to what a store does to a record, checked against the live constraints.
//!
//! Floor 3. A transform that a constraint of the table would refuse, or that would break what other
//! records stand on, is a refusal at plan time with the fix in words.

use super::{finding, name};
use crate::data_map::Dataset;
use crate::plan::{self, FieldPlan, FindingCode, FindingSeverity, PlanFinding};
use crate::policy::Disposition;
use chrono::{DateTime, NaiveDate, Utc};
use connectors::{ColumnShape, DatasetShape, Disposal, FieldTransform, Marker, Transform, ValueType};
use std::collections::BTreeMap;

/// Hexadecimal digits of a hash below which two records of a unique column may well clash.
const UNIQUE_HASH_DIGITS_MIN: u8 = 16;

/// The disposal, its form in the plan, and what is against it. `at` is what a marker is set to.
#[must_use]
pub fn disposal_of(
    disposition: &Disposition,
    dataset: &Dataset,
    shape: &DatasetShape,
    at: DateTime<Utc>,
) -> (Disposal, plan::Disposition, Vec<PlanFinding>) {
    let Some(fields) = disposition.fields() else {
        return (Disposal::Purge, plan::Disposition::Purge, Vec::new());
    };
    let mut findings = Vec::new();
    let transforms = transforms_of(fields, dataset, shape, &mut findings);
    let marker = marker_of(fields, dataset, shape, &mut findings);
    let plans = FieldPlan::of(fields);
    let planned = match disposition {
        Disposition::Pseudonymize { .. } => {
            plan::Disposition::Pseudonymize { fields: plans, marker: marker.clone() }
        }
        _ => plan::Disposition::Anonymize { fields: plans, marker: marker.clone() },
    };
    let marker = marker.map(|column| Marker { column, at });
    (Disposal::Anonymize { fields: transforms, marker }, planned, findings)
}

/// The same for the fields that a duty does not cover; no marker, which would say that the record is done.
#[must_use]
pub fn disposal_beside_duty(
    fields: &BTreeMap<String, Transform>,
    dataset: &Dataset,
    shape: &DatasetShape,
) -> (Disposal, plan::Disposition, Vec<PlanFinding>) {
    let mut findings = Vec::new();
    let transforms = transforms_of(fields, dataset, shape, &mut findings);
    let planned = plan::Disposition::Anonymize { fields: FieldPlan::of(fields), marker: None };
    (Disposal::Anonymize { fields: transforms, marker: None }, planned, findings)
}

fn transforms_of(
    fields: &BTreeMap<String, Transform>,
    dataset: &Dataset,
    shape: &DatasetShape,
    findings: &mut Vec<PlanFinding>,
) -> Vec<FieldTransform> {
    let mut transforms = Vec::new();
    for (column, transform) in fields {
        let Some(found) = shape.column(column) else {
            findings.push(refusal(format!(
                "dataset {} has no column {} to anonymize: correct the rule",
                name(&dataset.name),
                name(column)
            )));
            continue;
        };
        let against = objections(found, transform, shape);
        findings.extend(against.into_iter().map(|reason| {
            refusal(format!("column {} of dataset {} {reason}", name(column), name(&dataset.name)))
        }));
        if found.checked {
            findings.push(finding(
                FindingSeverity::Note,
                FindingCode::ConstraintViolated,
                format!(
                    "column {} of dataset {} stands in a CHECK constraint: if the new value breaks it, the \
                     batch fails and nothing of it is changed",
                    name(column),
                    name(&dataset.name)
                ),
            ));
        }
        transforms.push(FieldTransform {
            column: column.clone(),
            value_type: found.value_type,
            transform: transform.clone(),
        });
    }
    transforms
}

fn marker_of(
    fields: &BTreeMap<String, Transform>,
    dataset: &Dataset,
    shape: &DatasetShape,
    findings: &mut Vec<PlanFinding>,
) -> Option<String> {
    let needs_marker = fields.values().any(|transform| !transform.is_fixpoint());
    let Some(marker) = &dataset.marker else {
        if needs_marker {
            findings.push(refusal(format!(
                "dataset {} needs a 'marker' column: a hash cannot tell which records it already did",
                name(&dataset.name)
            )));
        }
        return None;
    };
    let problem = match shape.column(marker) {
        None => Some("does not exist"),
        Some(_) if fields.contains_key(marker) => Some("is among the fields to anonymize"),
        Some(column) if !column.nullable => Some("is NOT NULL: a record without a marker has NULL there"),
        Some(column) if column.generated => Some("is a generated column"),
        Some(column) if column.unique => Some("is unique: every record gets the same instant"),
        Some(column)
            if !matches!(column.value_type, ValueType::Text | ValueType::Instant | ValueType::Unknown) =>
        {
            Some("cannot hold an instant as text")
        }
        Some(_) => None,
    };
    if let Some(problem) = problem {
        findings.push(refusal(format!(
            "the marker column {} of dataset {} {problem}",
            name(marker),
            name(&dataset.name)
        )));
    }
    Some(marker.clone())
}

fn refusal(message: String) -> PlanFinding {
    finding(FindingSeverity::Refusal, FindingCode::ConstraintViolated, message)
}

/// What stands against one transform on one column, as ends of a sentence that begins with the
/// column.
fn objections(column: &ColumnShape, transform: &Transform, shape: &DatasetShape) -> Vec<String> {
    let mut reasons = Vec::new();
    if shape.key.contains(&column.name) {
        reasons.push("is part of the key: the record could not be found again".to_owned());
    }
    if column.generated {
        reasons.push("is generated: anonymize the columns it is made from".to_owned());
    }
    if shape.references.iter().any(|key| key.child_columns.contains(&column.name)) {
        reasons.push("is part of a foreign key: leave it as it is, or purge the record".to_owned());
    }
    if shape.referenced_by.iter().any(|key| key.parent_columns.contains(&column.name)) {
        reasons.push("is what a foreign key of another table refers to: leave it as it is".to_owned());
    }
    if !column.nullable && *transform == Transform::Null {
        reasons.push("is NOT NULL: use 'replace' with a fixed text, or make it nullable".to_owned());
    }
    if column.unique && !keeps_unique(transform) {
        reasons.push(
            "must be unique, and the transform gives several records the same value: use 'null', or a \
             'hash' of at least 16 digits with a marker"
                .to_owned(),
        );
    }
    reasons.extend(type_objection(column, transform));
    reasons.extend(length_objection(column, transform));
    reasons
}

/// NULL is never equal to NULL in a unique constraint; a long hash practically never clashes.
fn keeps_unique(transform: &Transform) -> bool {
    match transform {
        Transform::Null => true,
        Transform::Hash { hex_length } => *hex_length >= UNIQUE_HASH_DIGITS_MIN,
        _ => false,
    }
}

fn type_objection(column: &ColumnShape, transform: &Transform) -> Option<String> {
    let kind = column.value_type;
    let fits = match transform {
        Transform::Null => true,
        Transform::Replace { text } => replacement_fits(kind, text),
        Transform::Hash { .. } | Transform::Mask { .. } | Transform::Truncate { .. } => {
            matches!(kind, ValueType::Text | ValueType::Unknown)
        }
        Transform::GeneralizeYear | Transform::GeneralizeMonth => {
            matches!(kind, ValueType::Date | ValueType::Instant | ValueType::Text)
        }
        Transform::GeneralizeBucket { step } => *step > 0 && matches!(kind, ValueType::Int | ValueType::Real),
    };
    let declared = if column.declared_type.is_empty() { "nothing" } else { &column.declared_type };
    (!fits).then(|| format!("is declared as {}, which the transform does not fit", name(declared)))
}

fn replacement_fits(kind: ValueType, text: &str) -> bool {
    match kind {
        ValueType::Text | ValueType::Unknown => true,
        ValueType::Int => text.parse::<i64>().is_ok(),
        ValueType::Real => text.parse::<f64>().is_ok_and(f64::is_finite),
        ValueType::Bool => matches!(text, "true" | "false"),
        ValueType::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
        ValueType::Instant => DateTime::parse_from_rfc3339(text).is_ok(),
        ValueType::Bytes => false,
    }
}

fn length_objection(column: &ColumnShape, transform: &Transform) -> Option<String> {
    let limit = column.length_max?;
    let length = match transform {
        Transform::Replace { text } => u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
        Transform::Hash { hex_length } => u32::from(*hex_length),
        _ => return None,
    };
    (length > limit).then(|| format!("holds {limit} characters, and the new value has {length}: shorten it"))
}

//! One rule at one dataset, compiled.
//!
//! Floor 3; pure. Puts together the parts of its sibling modules. A part that cannot be made leaves
//! a refusal, and the selection it leaves behind is never executed.

use super::family::{Family, Kin, add_none_left, family_of, references_between};
use super::keepers::{Keeper, keepers_of};
use super::{LinkedItem, Refused, Subjects, disposal, finding, links, name, start};
use crate::catalog::{Catalog, Target};
use crate::data_map::StoreKind;
use crate::plan::world::{World, same_place};
use crate::plan::{Cutoff, Disposition, FindingCode, FindingSeverity, PlanFinding, digest};
use crate::policy::StartsFrom;
use chrono::{DateTime, Utc};
use connectors::predicate::{self, Predicate};
use connectors::{DatasetShape, Dependent, Disposal, Selection, StartCondition};

/// What a rule is compiled against.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub catalog: &'a Catalog,
    pub world: &'a World,
    /// Every effective rule at every dataset ([`Catalog::targets`]).
    pub targets: &'a [Target<'a>],
    pub as_of: DateTime<Utc>,
    /// When the plan was drafted: markers are set to it, and objects changed after it are kept.
    pub drafted_at: DateTime<Utc>,
}

/// A compiled rule. The selection has neither holds nor `disregarding`.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub selection: Selection,
    pub subjects: Subjects,
    pub links: Vec<LinkedItem>,
    /// Of a dataset of objects: rows that keep them.
    pub keepers: Vec<Keeper>,
    pub disposition: Disposition,
    pub cutoff: Option<Cutoff>,
    pub schema_digest: String,
    pub family: Family,
    /// What was found on the way, refusals among them.
    pub findings: Vec<PlanFinding>,
}

/// Compiles one rule at one dataset.
///
/// # Errors
/// [`Refused`] when there is nothing to survey: no key, no readable start, no readable scope.
pub fn compile(
    target: &Target<'_>,
    shape: &DatasetShape,
    around: &Surroundings<'_>,
) -> Result<Compiled, Refused> {
    let (rule, dataset) = (target.rule, target.dataset);
    if shape.key.is_empty() {
        return Err(Refused::new(
            FindingCode::KeyMissing,
            format!("dataset {} has no primary key, so no record of it can be named", name(&dataset.name)),
        ));
    }
    let kind = around.catalog.stores().get(&dataset.store).map_or(StoreKind::Sqlite, |terms| terms.kind);
    let (condition, cutoff) = start::start_of(rule, dataset, shape, kind, around.as_of)?;
    let scope = scope_of(target, shape)?;
    let conflicts = conflicts_of(target, shape, around)?;
    let (disposal, disposition, mut findings) =
        disposal::disposal_of(&rule.disposition, dataset, shape, around.drafted_at);
    if disposal != Disposal::Purge && !around.world.anonymizes(&dataset.store) {
        findings.push(finding(
            FindingSeverity::Refusal,
            FindingCode::ConstraintViolated,
            format!("store {} cannot anonymize: purge, or leave the records out", name(&dataset.store)),
        ));
    }
    findings.extend(start_transformed(target, &condition, &disposal));
    let mut family = family(target, shape, around, &disposal);
    findings.append(&mut family.findings);
    let unchanged_since = (!dataset.is_table()).then_some(around.drafted_at);
    let (linked, notes) =
        links::links_of(target, around.targets, around.catalog, around.world, Some(around.drafted_at));
    findings.extend(notes);
    if condition == StartCondition::NoneLeft && family.none_left.is_empty() {
        return Err(none_left_unresolved(target));
    }
    refuse_keyless(&family, &dataset.name)?;
    let mut subjects = std::mem::take(&mut family.subjects);
    subjects.insert(dataset.name.clone(), dataset.subject.clone());
    let selection = Selection {
        address: dataset.address(),
        shape: shape.clone(),
        scope,
        start: condition,
        conflicts,
        holds: Vec::new(),
        none_left: std::mem::take(&mut family.none_left),
        dependents: std::mem::take(&mut family.dependents),
        link_columns: linked.iter().map(|link| link.column.clone()).collect(),
        unchanged_since,
        disposal,
    };
    let schema_digest = schema_digest(&selection, &linked);
    let keepers = if dataset.is_table() {
        Vec::new()
    } else {
        keepers_of(around.catalog, around.world, &dataset.store)
    };
    Ok(Compiled {
        selection,
        subjects,
        links: linked,
        keepers,
        disposition,
        cutoff,
        schema_digest,
        family,
        findings,
    })
}

/// Without its start nobody could tell any more that the record was due and is done.
fn start_transformed(
    target: &Target<'_>,
    condition: &StartCondition,
    disposal: &Disposal,
) -> Option<PlanFinding> {
    let (StartCondition::Event { field, .. }, Disposal::Anonymize { fields, .. }) = (condition, disposal)
    else {
        return None;
    };
    fields.iter().any(|changed| changed.column == field.name).then(|| {
        finding(
            FindingSeverity::Refusal,
            FindingCode::ConstraintViolated,
            format!(
                "column {} of dataset {} is the one from which its period runs: leave it as it is",
                name(&field.name),
                name(&target.dataset.name)
            ),
        )
    })
}

fn refuse_keyless(family: &Family, dataset: &str) -> Result<(), Refused> {
    let Some(keyless) = family.dependents.iter().find_map(keyless) else { return Ok(()) };
    Err(Refused::new(
        FindingCode::KeyMissing,
        format!(
            "rows of dataset {} would go along with dataset {}, but it has no primary key, so none of them can be \
             named",
            name(keyless),
            name(dataset)
        ),
    ))
}

/// A dependent without a key, at any depth.
fn keyless(dependent: &Dependent) -> Option<&str> {
    if dependent.shape.key.is_empty() {
        return Some(&dependent.address.dataset);
    }
    dependent.dependents.iter().find_map(keyless)
}

/// The scope of a rule, checked against the live columns.
///
/// # Errors
/// When the text does not parse or names what is not there.
pub fn scope_of(target: &Target<'_>, shape: &DatasetShape) -> Result<Predicate, Refused> {
    let Some(scope) = &target.rule.scope else { return Ok(Predicate::always()) };
    let names: Vec<&str> = shape.columns.iter().map(|column| column.name.as_str()).collect();
    let types = |column: &str| shape.column(column).map(|found| found.value_type);
    let refused = |reason: String| {
        Refused::new(
            FindingCode::ScopeUnreadable,
            format!(
                "the scope of rule {} does not fit dataset {}: {reason}",
                name(&target.rule.id),
                name(&target.dataset.name)
            ),
        )
    };
    let parsed = predicate::parse(&scope.text).map_err(|error| refused(error.to_string()))?;
    parsed
        .check(&types, &names)
        .map_err(|errors| refused(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
}

/// The scopes of every other rule that claims records of the same place.
fn conflicts_of(
    target: &Target<'_>,
    shape: &DatasetShape,
    around: &Surroundings<'_>,
) -> Result<Vec<Predicate>, Refused> {
    around
        .targets
        .iter()
        .filter(|other| same_place(other.dataset, target.dataset) && !is_same(other, target))
        .map(|other| scope_of(other, shape))
        .collect()
}

/// Whether two targets are the same rule at the same dataset.
#[must_use]
pub fn is_same(one: &Target<'_>, other: &Target<'_>) -> bool {
    one.policy.name == other.policy.name
        && one.rule.id == other.rule.id
        && one.dataset.name == other.dataset.name
}

/// Foreign keys matter to what is removed; what is anonymized keeps its key.
fn family(
    target: &Target<'_>,
    shape: &DatasetShape,
    around: &Surroundings<'_>,
    disposal: &Disposal,
) -> Family {
    let kin = Kin { catalog: around.catalog, world: around.world, targets: around.targets };
    let mut family = if *disposal == Disposal::Purge && target.dataset.is_table() {
        family_of(kin, target.dataset, shape)
    } else {
        Family::default()
    };
    let StartsFrom::NoneLeft { record_types } = &target.rule.starts_from else { return family };
    for record_type in record_types {
        if let Err(refused) = add_state(kin, target, shape, record_type, &mut family) {
            family.findings.push(refused.into());
        }
    }
    family
}

/// The start "no record of this type refers to it any more".
fn add_state(
    kin: Kin<'_>,
    target: &Target<'_>,
    shape: &DatasetShape,
    record_type: &str,
    family: &mut Family,
) -> Result<(), Refused> {
    let here = target.dataset;
    let of_type: Vec<_> = kin
        .catalog
        .datasets()
        .values()
        .filter(|there| there.record_type == record_type && !same_place(there, here))
        .collect();
    let refused = |reason: String| {
        Refused::new(
            FindingCode::StartUnresolved,
            format!(
                "rule {} starts when no record of type {} is left, but {reason}",
                name(&target.rule.id),
                name(record_type)
            ),
        )
    };
    if of_type.is_empty() {
        return Err(refused("no dataset has that record type".to_owned()));
    }
    for there in of_type {
        if there.store != here.store {
            return Err(refused(format!("dataset {} is in another store", name(&there.name))));
        }
        let Some(there_shape) = kin.world.shape(&there.name) else {
            return Err(refused(format!("dataset {} cannot be read", name(&there.name))));
        };
        let references = references_between(kin, there, here, shape);
        if references.is_empty() {
            return Err(refused(format!(
                "neither a foreign key nor a link leads from dataset {} to dataset {}",
                name(&there.name),
                name(&here.name)
            )));
        }
        for pairs in references {
            add_none_left(there, there_shape, pairs, family);
        }
    }
    Ok(())
}

fn none_left_unresolved(target: &Target<'_>) -> Refused {
    Refused::new(
        FindingCode::StartUnresolved,
        format!(
            "rule {} starts when no record refers to dataset {} any more, but no such reference can be found: \
             check the record types it names, and link them in the data map",
            name(&target.rule.id),
            name(&target.dataset.name)
        ),
    )
}

/// SHA-256 over the shapes of everything the selection stands on, by dataset.
pub(crate) fn schema_digest(selection: &Selection, links: &[LinkedItem]) -> String {
    let mut shapes = vec![(selection.address.dataset.as_str(), &selection.shape)];
    shapes.extend(selection.none_left.iter().map(|entry| (entry.address.dataset.as_str(), &entry.shape)));
    shapes.extend(links.iter().map(|link| (link.selection.address.dataset.as_str(), &link.selection.shape)));
    for dependent in &selection.dependents {
        collect_shapes(dependent, &mut shapes);
    }
    shapes.sort_by_key(|(dataset, _)| *dataset);
    shapes.dedup_by_key(|(dataset, _)| *dataset);
    digest::of(&shapes)
}

fn collect_shapes<'a>(dependent: &'a Dependent, shapes: &mut Vec<(&'a str, &'a DatasetShape)>) {
    shapes.push((dependent.address.dataset.as_str(), &dependent.shape));
    shapes.extend(dependent.co_owners.iter().map(|owner| (owner.address.dataset.as_str(), &owner.shape)));
    for grandchild in &dependent.dependents {
        collect_shapes(grandchild, shapes);
    }
}

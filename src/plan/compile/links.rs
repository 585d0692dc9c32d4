//! Objects that rows name: they go before the row.
//!
//! Floor 3. Only what a link declares as owned goes along. An object that a rule of its own governs
//! too is claimed twice: it goes by that rule alone, and the row that names it stays until it is gone.

use super::keepers::keepers_of;
use super::{LinkedItem, Subjects, finding, name};
use crate::catalog::{Catalog, Target};
use crate::data_map::{Dataset, Link, Ownership};
use crate::plan::world::{World, same_place};
use crate::plan::{FindingCode, FindingSeverity, PlanFinding};
use chrono::{DateTime, Utc};
use connectors::predicate::Predicate;
use connectors::{DatasetShape, Disposal, Selection, StartCondition};

/// The linked items of a dataset, and what the reviewer must know about them. `unchanged_since` is
/// when the plan was drafted: an object changed later is not what the reviewer saw.
#[must_use]
pub fn links_of(
    target: &Target<'_>,
    targets: &[Target<'_>],
    catalog: &Catalog,
    world: &World,
    unchanged_since: Option<DateTime<Utc>>,
) -> (Vec<LinkedItem>, Vec<PlanFinding>) {
    let mut items: Vec<LinkedItem> = Vec::new();
    let mut findings = Vec::new();
    for link in &target.dataset.links {
        let Some(objects) = owned_objects(link, catalog) else { continue };
        if let Some(fields) = target.rule.disposition.fields() {
            findings.extend(stays_behind(fields.contains_key(&link.column), link, target.dataset));
            continue;
        }
        let Some(shape) = world.shape(&objects.name) else {
            findings.push(refusal(format!(
                "the files named by column {} of dataset {} cannot be read, and they must go before the row",
                name(&link.column),
                name(&target.dataset.name)
            )));
            continue;
        };
        if world.shape(&target.dataset.name).is_some_and(|own| own.column(&link.column).is_none()) {
            findings.push(refusal(format!(
                "dataset {} has no column {} to name files: correct its links",
                name(&target.dataset.name),
                name(&link.column)
            )));
            continue;
        }
        let claims = targets.iter().filter(|other| same_place(other.dataset, objects)).count();
        if claims > 0 {
            findings.push(claimed_twice(link, target.dataset, objects));
        }
        items.push(LinkedItem {
            column_index: items.len(),
            column: link.column.clone(),
            selection: linked_selection(objects, shape, claims > 0, unchanged_since),
            subjects: Subjects::from([(objects.name.clone(), objects.subject.clone())]),
            keepers: keepers_of(catalog, world, &objects.store),
        });
    }
    (items, findings)
}

/// The dataset of objects that a link owns; `None` for every other link.
fn owned_objects<'a>(link: &Link, catalog: &'a Catalog) -> Option<&'a Dataset> {
    let named = catalog.dataset(&link.to.dataset)?;
    (link.ownership == Ownership::Owns && !named.is_table()).then_some(named)
}

fn linked_selection(
    objects: &Dataset,
    shape: &DatasetShape,
    claimed: bool,
    unchanged_since: Option<DateTime<Utc>>,
) -> Selection {
    Selection {
        address: objects.address(),
        shape: shape.clone(),
        scope: Predicate::always(),
        start: StartCondition::Linked,
        // The scope of the other rule could be narrower; that it may claim the object is enough.
        conflicts: if claimed { vec![Predicate::always()] } else { Vec::new() },
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since,
        disposal: Disposal::Purge,
    }
}

/// An anonymized row stays, and so do the files it names.
fn stays_behind(transformed: bool, link: &Link, dataset: &Dataset) -> Vec<PlanFinding> {
    if transformed {
        return vec![refusal(format!(
            "column {} of dataset {} names files that would stay without anything that names them: purge the \
             records, or leave the column and give the files a rule of their own",
            name(&link.column),
            name(&dataset.name)
        ))];
    }
    vec![finding(
        FindingSeverity::Note,
        FindingCode::LinkedStay,
        format!(
            "the files named by column {} of dataset {} stay: only a purge takes them along",
            name(&link.column),
            name(&dataset.name)
        ),
    )]
}

fn claimed_twice(link: &Link, dataset: &Dataset, objects: &Dataset) -> PlanFinding {
    finding(
        FindingSeverity::Note,
        FindingCode::RulesConflict,
        format!(
            "the files of dataset {} have a rule of their own and are owned by column {} of dataset {} too: a \
             file goes by its rule once every row that names it is due, and the rows stay until it is gone; drop the \
             rule if files are to go with their rows",
            name(&objects.name),
            name(&link.column),
            name(&dataset.name)
        ),
    )
}

fn refusal(message: String) -> PlanFinding {
    finding(FindingSeverity::Refusal, FindingCode::LinkedStay, message)
}

//! What refers to the records of a dataset: rows that go along, rows that must be gone before, rows
//! that stand in the way.
//!
//! Floor 3. Foreign keys come from the live catalogue, other references from the links of the data
//! map. A table that refers here either
//! - is governed by a rule of its own: the record stays while such a row is left;
//! - is declared as owned by the record and has no rule: its rows go first, in the same transaction;
//! - is declared, but neither: the record stays, and the reviewer is told;
//! - is in no dataset: refused, because its rows would be removed or changed outside the plan.

use super::owners::{Way, co_owners_of};
use super::{Subjects, finding, name};
use crate::catalog::{Catalog, Target};
use crate::data_map::{Dataset, Link, Ownership};
use crate::plan::world::{World, datasets_of_table, same_place};
use crate::plan::{FindingCode, FindingSeverity, PlanFinding};
use connectors::dataset::ReferentialAction;
use connectors::{DatasetAddress, DatasetShape, Dependent, ForeignKey, Location, NoneLeft};

/// Children of children are followed this deep.
const DEPTH_MAX: usize = 8;

/// Everything that refers to the records of one dataset.
#[derive(Debug, Clone, Default)]
pub struct Family {
    pub dependents: Vec<Dependent>,
    /// Of the dependents.
    pub subjects: Subjects,
    pub none_left: Vec<NoneLeft>,
    pub findings: Vec<PlanFinding>,
    /// Rows of undeclared tables: counted for the message, never touched.
    pub undeclared: Vec<Undeclared>,
    /// Foreign keys whose check costs a scan for each record.
    pub unindexed: Vec<Unindexed>,
    /// The table refers to itself.
    pub refers_to_itself: bool,
}

/// A table in no dataset that refers to the dataset.
#[derive(Debug, Clone)]
pub struct Undeclared {
    pub foreign_key: ForeignKey,
    /// How its rows are counted; `None` when the table cannot be read or has no key.
    pub dependent: Option<Dependent>,
}

/// A foreign key without an index on the side of the child.
#[derive(Debug, Clone)]
pub struct Unindexed {
    pub foreign_key: ForeignKey,
    pub address: DatasetAddress,
    pub shape: DatasetShape,
}

/// What the family of a dataset is looked up in.
#[derive(Debug, Clone, Copy)]
pub struct Kin<'a> {
    pub catalog: &'a Catalog,
    pub world: &'a World,
    /// Every effective rule at every dataset, those that keep forever included.
    pub targets: &'a [Target<'a>],
}

/// The family of a dataset whose records are to be removed.
#[must_use]
pub fn family_of(kin: Kin<'_>, dataset: &Dataset, shape: &DatasetShape) -> Family {
    let mut family = Family::default();
    for foreign_key in &shape.referenced_by {
        add_foreign_key(kin, dataset, shape, foreign_key, &mut family);
    }
    for (child, pair, ownership) in linked_children(kin, dataset, shape) {
        add_linked(kin, dataset, child, pair, ownership, &mut family);
    }
    family
}

/// The pairs (column of the child, column of the parent) of a foreign key; `None` if the catalogue
/// does not tell them.
fn pairs_of(foreign_key: &ForeignKey, parent: &DatasetShape) -> Option<Vec<(String, String)>> {
    let parents =
        if foreign_key.parent_columns.is_empty() { &parent.key } else { &foreign_key.parent_columns };
    (!foreign_key.child_columns.is_empty() && parents.len() == foreign_key.child_columns.len())
        .then(|| foreign_key.child_columns.iter().cloned().zip(parents.iter().cloned()).collect())
}

/// The one dataset that stands for a child table: a governed one if there is any.
fn child_of<'a>(kin: Kin<'a>, store: &str, foreign_key: &ForeignKey) -> Option<&'a Dataset> {
    let schema = foreign_key.child_schema.as_deref();
    let declared = datasets_of_table(kin.catalog, store, schema, &foreign_key.child_table);
    declared.iter().find(|child| is_governed(kin, child)).or(declared.first()).copied()
}

fn is_governed(kin: Kin<'_>, dataset: &Dataset) -> bool {
    kin.targets.iter().any(|target| same_place(target.dataset, dataset))
}

fn ownership_of(child: &Dataset, parent: &Dataset, foreign_key: &ForeignKey) -> Option<Ownership> {
    child
        .links
        .iter()
        .find(|link| {
            link.to.dataset == parent.name
                && foreign_key.child_columns.iter().any(|column| column.eq_ignore_ascii_case(&link.column))
        })
        .map(|link| link.ownership)
}

fn add_foreign_key(
    kin: Kin<'_>,
    dataset: &Dataset,
    shape: &DatasetShape,
    foreign_key: &ForeignKey,
    family: &mut Family,
) {
    let Some(pairs) = pairs_of(foreign_key, shape) else {
        family.findings.push(blocked(format!(
            "the columns of the foreign key from table {} to dataset {} cannot be told",
            name(&foreign_key.child_table),
            name(&dataset.name)
        )));
        return;
    };
    let Some(child) = child_of(kin, &dataset.store, foreign_key) else {
        family.undeclared.push(undeclared(kin, dataset, foreign_key, pairs));
        return;
    };
    let Some(child_shape) = kin.world.shape(&child.name) else {
        family.findings.push(blocked(format!(
            "dataset {} refers to dataset {} and cannot be read",
            name(&child.name),
            name(&dataset.name)
        )));
        return;
    };
    if !foreign_key.child_indexed {
        family.unindexed.push(Unindexed {
            foreign_key: foreign_key.clone(),
            address: child.address(),
            shape: child_shape.clone(),
        });
    }
    if same_place(child, dataset) {
        family.refers_to_itself = true;
        add_none_left(child, child_shape, pairs, family);
        return;
    }
    let ownership = ownership_of(child, dataset, foreign_key);
    if is_governed(kin, child) {
        add_none_left(child, child_shape, pairs, family);
    } else if let Some(ownership) = ownership.filter(|ownership| ownership.goes_along()) {
        let mut path = vec![dataset.name.as_str(), child.name.as_str()];
        let way = Way { child, parent: dataset, pairs, ownership };
        let dependent = dependent_of(kin, way, child_shape, &mut path, family);
        family.dependents.push(dependent);
    } else {
        if ownership.is_none() {
            family.findings.push(ungoverned(child, dataset, &foreign_key.child_columns));
        }
        add_none_left(child, child_shape, pairs, family);
    }
}

/// A rule-less child that nobody said anything about keeps its parent.
fn ungoverned(child: &Dataset, dataset: &Dataset, columns: &[String]) -> PlanFinding {
    finding(
        FindingSeverity::Note,
        FindingCode::ForeignKeyBlocks,
        format!(
            "records of dataset {} stay while rows of dataset {} refer to them, and no rule ever removes those: \
             if they go along, link column {} with 'ownership: owns'; otherwise write a rule for record type {}",
            name(&dataset.name),
            name(&child.name),
            name(&columns.join(", ")),
            name(&child.record_type)
        ),
    )
}

pub(super) fn blocked(message: String) -> PlanFinding {
    finding(FindingSeverity::Refusal, FindingCode::ForeignKeyBlocks, message)
}

pub(super) fn add_none_left(
    child: &Dataset,
    shape: &DatasetShape,
    pairs: Vec<(String, String)>,
    family: &mut Family,
) {
    let known =
        family.none_left.iter().any(|entry| entry.address.dataset == child.name && entry.pairs == pairs);
    if !known {
        family.none_left.push(NoneLeft {
            address: child.address(),
            shape: shape.clone(),
            pairs,
            disregarding: None,
        });
    }
}

fn undeclared(
    kin: Kin<'_>,
    dataset: &Dataset,
    foreign_key: &ForeignKey,
    pairs: Vec<(String, String)>,
) -> Undeclared {
    let schema = foreign_key.child_schema.as_deref();
    let shape = kin.world.undeclared(&dataset.store, schema, &foreign_key.child_table);
    let dependent = shape.filter(|shape| !shape.key.is_empty()).map(|shape| Dependent {
        address: DatasetAddress {
            store: dataset.store.clone(),
            dataset: format!("undeclared {}", foreign_key.child_table),
            location: Location::Table {
                schema: foreign_key.child_schema.clone(),
                table: foreign_key.child_table.clone(),
            },
        },
        shape: shape.clone(),
        pairs,
        holds: Vec::new(),
        co_owners: Vec::new(),
        dependents: Vec::new(),
    });
    Undeclared { foreign_key: foreign_key.clone(), dependent }
}

fn dependent_of<'a>(
    kin: Kin<'a>,
    way: Way<'a>,
    shape: &DatasetShape,
    path: &mut Vec<&'a str>,
    family: &mut Family,
) -> Dependent {
    let child = way.child;
    family.subjects.insert(child.name.clone(), child.subject.clone());
    let owns_files = |link: &&Link| {
        link.ownership == Ownership::Owns
            && kin.catalog.dataset(&link.to.dataset).is_some_and(|named| !named.is_table())
    };
    if let Some(link) = child.links.iter().find(owns_files) {
        family.findings.push(finding(
            FindingSeverity::Refusal,
            FindingCode::LinkedStay,
            format!(
                "rows of dataset {} would go along with dataset {}, and the files that their column {} names would be \
                 left behind: write a rule for record type {}",
                name(&child.name),
                name(path.first().copied().unwrap_or_default()),
                name(&link.column),
                name(&child.record_type)
            ),
        ));
    }
    let mut dependents = Vec::new();
    for foreign_key in &shape.referenced_by {
        match grandchild_of(kin, child, shape, foreign_key, path, family) {
            Ok(Some(dependent)) => dependents.push(dependent),
            Ok(None) => {}
            Err(reason) => family.findings.push(blocked(format!(
                "table {} refers to dataset {}, whose rows would go along, but {reason}",
                name(&foreign_key.child_table),
                name(&child.name)
            ))),
        }
    }
    Dependent {
        address: child.address(),
        shape: shape.clone(),
        holds: Vec::new(),
        co_owners: co_owners_of(kin, &way, family),
        pairs: way.pairs,
        dependents,
    }
}

fn grandchild_of<'a>(
    kin: Kin<'a>,
    parent: &'a Dataset,
    parent_shape: &DatasetShape,
    foreign_key: &ForeignKey,
    path: &mut Vec<&'a str>,
    family: &mut Family,
) -> Result<Option<Dependent>, &'static str> {
    let pairs = pairs_of(foreign_key, parent_shape).ok_or("the columns of its foreign key cannot be told")?;
    let grandchild = child_of(kin, &parent.store, foreign_key)
        .ok_or("it is in no dataset: declare it, and link it with 'ownership: owns'")?;
    if path.contains(&grandchild.name.as_str()) {
        return Err("it is above that dataset already: such a circle is not supported");
    }
    if path.len() >= DEPTH_MAX {
        return Err("the chain of foreign keys is too long");
    }
    if is_governed(kin, grandchild) {
        return Err("it has a rule of its own: write a rule for the dataset that it refers to, too");
    }
    let ownership = ownership_of(grandchild, parent, foreign_key)
        .filter(|ownership| ownership.goes_along())
        .ok_or("it is not declared as owned: link it with 'ownership: owns'")?;
    let shape = kin.world.shape(&grandchild.name).ok_or("it cannot be read")?;
    if !foreign_key.child_indexed {
        family.unindexed.push(Unindexed {
            foreign_key: foreign_key.clone(),
            address: grandchild.address(),
            shape: shape.clone(),
        });
    }
    path.push(&grandchild.name);
    let way = Way { child: grandchild, parent, pairs, ownership };
    let dependent = dependent_of(kin, way, shape, path, family);
    path.pop();
    Ok(Some(dependent))
}

type LinkedChild<'a> = (&'a Dataset, (String, String), Ownership);

/// Tables that refer here by a declared link and not by a foreign key.
fn linked_children<'a>(kin: Kin<'a>, dataset: &Dataset, shape: &DatasetShape) -> Vec<LinkedChild<'a>> {
    let mut found = Vec::new();
    for child in kin.catalog.datasets().values().filter(|child| child.is_table()) {
        for link in child.links.iter().filter(|link| link.to.dataset == dataset.name) {
            let by_foreign_key = shape.referenced_by.iter().any(|key| {
                child.store == dataset.store
                    && datasets_of_table(
                        kin.catalog,
                        &child.store,
                        key.child_schema.as_deref(),
                        &key.child_table,
                    )
                    .iter()
                    .any(|declared| declared.name == child.name)
                    && key.child_columns.iter().any(|column| column.eq_ignore_ascii_case(&link.column))
            });
            let single_key = match shape.key.as_slice() {
                [key] => Some(key.clone()),
                _ => None,
            };
            let column_here = link.to.column.clone().or(single_key);
            if let (false, Some(here)) = (by_foreign_key, column_here) {
                found.push((child, (link.column.clone(), here), link.ownership));
            }
        }
    }
    found
}

fn add_linked(
    kin: Kin<'_>,
    dataset: &Dataset,
    child: &Dataset,
    pair: (String, String),
    ownership: Ownership,
    family: &mut Family,
) {
    // Nothing but the data map says that they belong together: a mere mention keeps nobody.
    if ownership == Ownership::Mentions || !dataset.is_table() {
        return;
    }
    if child.store != dataset.store {
        family.findings.push(blocked(format!(
            "dataset {} is in another store than dataset {}, so their rows cannot go together: link them as \
             'mentions' and give each a rule",
            name(&child.name),
            name(&dataset.name)
        )));
        return;
    }
    let Some(shape) = kin.world.shape(&child.name) else {
        family.findings.push(blocked(format!(
            "dataset {} refers to dataset {} and cannot be read",
            name(&child.name),
            name(&dataset.name)
        )));
        return;
    };
    if ownership.goes_along() && !is_governed(kin, child) && !same_place(child, dataset) {
        let mut path = vec![dataset.name.as_str(), child.name.as_str()];
        let way = Way { child, parent: dataset, pairs: vec![pair], ownership };
        let dependent = dependent_of(kin, way, shape, &mut path, family);
        family.dependents.push(dependent);
        return;
    }
    family.refers_to_itself |= same_place(child, dataset);
    add_none_left(child, shape, vec![pair], family);
}

/// The references from one dataset to another, by foreign key or link: pairs of (column there,
/// column here), one list for each reference.
#[must_use]
pub fn references_between(
    kin: Kin<'_>,
    there: &Dataset,
    here: &Dataset,
    shape: &DatasetShape,
) -> Vec<Vec<(String, String)>> {
    let mut found: Vec<Vec<(String, String)>> = shape
        .referenced_by
        .iter()
        .filter(|key| {
            datasets_of_table(kin.catalog, &here.store, key.child_schema.as_deref(), &key.child_table)
                .iter()
                .any(|declared| declared.name == there.name)
        })
        .filter_map(|key| pairs_of(key, shape))
        .collect();
    let linked = linked_children(kin, here, shape);
    found.extend(
        linked.into_iter().filter(|(child, ..)| child.name == there.name).map(|(_, pair, _)| vec![pair]),
    );
    found
}

/// What the store would do with the rows of an undeclared table.
#[must_use]
pub fn undeclared_finding(dataset: &str, undeclared: &Undeclared, rows: Option<u64>) -> PlanFinding {
    let foreign_key = &undeclared.foreign_key;
    let counted = rows.map_or_else(|| "an unknown number of rows".to_owned(), |rows| format!("{rows} rows"));
    let (code, effect, harmless) = match foreign_key.on_delete {
        ReferentialAction::NoAction | ReferentialAction::Restrict => {
            (FindingCode::ForeignKeyBlocks, "the store would refuse to delete", rows == Some(0))
        }
        ReferentialAction::Cascade => {
            (FindingCode::CascadeUndeclared, "the store would delete them too, outside the plan", false)
        }
        ReferentialAction::SetNull | ReferentialAction::SetDefault => {
            (FindingCode::CascadeUndeclared, "the store would change them, outside the plan", false)
        }
    };
    let severity = if harmless { FindingSeverity::Note } else { FindingSeverity::Refusal };
    finding(
        severity,
        code,
        format!(
            "{counted} of table {} refer to due records of dataset {} through {}, and the table is in no dataset: \
             {effect}; declare it in the data map and link the column with 'ownership: owns', or write a rule \
             for it",
            name(&foreign_key.child_table),
            name(dataset),
            name(&foreign_key.child_columns.join(", "))
        ),
    )
}

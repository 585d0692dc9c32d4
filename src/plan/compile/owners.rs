//! Rows that more than one record owns: they go along only when every owner goes.
//!
//! Floor 3; pure. Who else owns a child is read from the links of the data map; what becomes of those
//! owners is known only once every rule of the plan is compiled, and is filled in then ([`set_going`]).

use super::family::{Family, Kin, blocked, references_between};
use super::{Subjects, name};
use crate::data_map::{Dataset, Ownership};
use crate::plan::world::same_place;
use connectors::{CoOwner, Dependent, Disposal, Selection};

/// One way from a child up to a record that owns it.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    pub(super) child: &'a Dataset,
    pub(super) parent: &'a Dataset,
    /// (column of the child, column of the parent).
    pub(super) pairs: Vec<(String, String)>,
    /// `owns` or `accesses`.
    pub(super) ownership: Ownership,
}

/// Everybody who owns rows of the child besides the parent of this way. Access ends with whom it is for, whoever
/// owns the row.
pub(super) fn co_owners_of(kin: Kin<'_>, way: &Way<'_>, family: &mut Family) -> Vec<CoOwner> {
    let mut found: Vec<CoOwner> = Vec::new();
    if way.ownership == Ownership::Accesses {
        return found;
    }
    let here = kin.catalog.datasets().values().filter(|other| same_place(other, way.child));
    for (declared, link) in here.flat_map(|declared| declared.links.iter().map(move |link| (declared, link)))
    {
        let Some(owner) = kin.catalog.dataset(&link.to.dataset).filter(|owner| owner.is_table()) else {
            continue;
        };
        if link.ownership != Ownership::Owns {
            continue;
        }
        let Some(shape) = kin.world.shape(&owner.name).filter(|_| owner.store == way.child.store) else {
            family.findings.push(blocked(format!(
                "rows of dataset {} would go along with dataset {}, but dataset {} owns them too and is in another \
                 store or cannot be read",
                name(&way.child.name),
                name(&way.parent.name),
                name(&owner.name)
            )));
            continue;
        };
        for pairs in references_between(kin, declared, owner, shape) {
            let by_this_link = pairs.iter().any(|(column, _)| column.eq_ignore_ascii_case(&link.column));
            let is_this_way = same_place(owner, way.parent) && pairs == way.pairs;
            let known =
                found.iter().any(|other| other.address.location == owner.location && other.pairs == pairs);
            if by_this_link && !is_this_way && !known {
                found.push(CoOwner {
                    address: owner.address(),
                    shape: shape.clone(),
                    pairs,
                    going: Vec::new(),
                });
            }
        }
    }
    found
}

/// Fills in by what a plan purges the other owners of what goes along. `purging` are the selections of the
/// plan with their subjects, none with anything filled in.
pub fn set_going(selection: &mut Selection, subjects: &mut Subjects, purging: &[(&Selection, &Subjects)]) {
    for dependent in &mut selection.dependents {
        set_of_dependent(dependent, subjects, purging);
    }
}

fn set_of_dependent(dependent: &mut Dependent, subjects: &mut Subjects, purging: &[(&Selection, &Subjects)]) {
    for owner in &mut dependent.co_owners {
        for (going, theirs) in purging {
            let there = going.address.store == owner.address.store
                && going.address.location == owner.address.location;
            if there && going.disposal == Disposal::Purge {
                owner.going.push((*going).clone());
                subjects.extend(theirs.iter().map(|(dataset, columns)| (dataset.clone(), columns.clone())));
            }
        }
    }
    for child in &mut dependent.dependents {
        set_of_dependent(child, subjects, purging);
    }
}

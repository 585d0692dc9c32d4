//! From a rule at a dataset to the selection that a store evaluates.
//!
//! Floor 3; pure. The selection that comes out has no holds: they are filled in for every batch
//! from the register as it is then ([`ExecutableItem::with_holds`]). What cannot end well (a foreign
//! key in the way, a constraint that the disposition would break, a start that can be read in two
//! ways) becomes a finding here, before anything begins.

pub mod disposal;
pub mod exempt;
pub mod family;
pub mod keepers;
pub mod links;
pub mod owners;
pub mod start;
pub mod target;

pub use target::{Compiled, Surroundings, compile};

use crate::hold::{HoldBook, HoldError};
use crate::plan::{FindingCode, FindingSeverity, PlanFinding, PlanItem};
use connectors::{Dependent, Selection};
use keepers::Keeper;
use std::collections::BTreeMap;

/// For each dataset the columns that identify the person, by identity.
pub type Subjects = BTreeMap<String, BTreeMap<String, String>>;

/// One item of an approved plan, ready for execution.
#[derive(Debug, Clone)]
pub struct ExecutableItem {
    pub item: PlanItem,
    /// Without holds and without `disregarding`: what still refers to a record counts.
    pub selection: Selection,
    /// Of the dataset, of its dependents, and of what the plan purges of their other owners.
    pub subjects: Subjects,
    /// Objects that go before the row, in the order of [`Selection::link_columns`].
    pub links: Vec<LinkedItem>,
    /// Of a dataset of objects: rows that keep them. Of a table there are none here.
    pub keepers: Vec<Keeper>,
}

/// The objects that one column of a dataset names.
#[derive(Debug, Clone)]
pub struct LinkedItem {
    /// Position in [`Selection::link_columns`].
    pub column_index: usize,
    pub column: String,
    /// Over the dataset of the objects, with [`connectors::StartCondition::Linked`]. The value of the
    /// column is the object's key.
    pub selection: Selection,
    pub subjects: Subjects,
    /// Rows that name objects of the same store, and keep them.
    pub keepers: Vec<Keeper>,
}

impl ExecutableItem {
    /// The selection with the holds of a book, on the dataset and on its dependents.
    ///
    /// # Errors
    /// [`HoldError::Unreadable`]: then nothing of the item may be touched.
    pub fn with_holds(&self, book: &HoldBook) -> Result<Selection, HoldError> {
        with_holds(&self.selection, &self.subjects, book)
    }
}

impl LinkedItem {
    /// The selection of the objects with the holds of a book.
    ///
    /// # Errors
    /// [`HoldError::Unreadable`]: then no object, and no row that names one, may be touched.
    pub fn with_holds(&self, book: &HoldBook) -> Result<Selection, HoldError> {
        with_holds(&self.selection, &self.subjects, book)
    }
}

/// Fills in the holds of a selection, of its dependents, of what else owns those, and of what does not count.
///
/// # Errors
/// [`HoldError::Unreadable`]: then nothing of the selection may be touched.
pub fn with_holds(
    selection: &Selection,
    subjects: &Subjects,
    book: &HoldBook,
) -> Result<Selection, HoldError> {
    let mut held = selection.clone();
    let none = BTreeMap::new();
    let own = subjects.get(&held.address.dataset).unwrap_or(&none);
    held.holds = book.exclusions(&held.address.dataset, own, &held.shape)?;
    for other in held.none_left.iter_mut().filter_map(|entry| entry.disregarding.as_deref_mut()) {
        *other = with_holds(other, subjects, book)?;
    }
    for dependent in &mut held.dependents {
        hold_dependent(dependent, subjects, book)?;
    }
    Ok(held)
}

fn hold_dependent(dependent: &mut Dependent, subjects: &Subjects, book: &HoldBook) -> Result<(), HoldError> {
    let none = BTreeMap::new();
    let own = subjects.get(&dependent.address.dataset).unwrap_or(&none);
    dependent.holds = book.exclusions(&dependent.address.dataset, own, &dependent.shape)?;
    for going in dependent.co_owners.iter_mut().flat_map(|owner| &mut owner.going) {
        *going = with_holds(going, subjects, book)?;
    }
    for grandchild in &mut dependent.dependents {
        hold_dependent(grandchild, subjects, book)?;
    }
    Ok(())
}

/// Why a rule cannot be carried out at a dataset as things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: FindingCode,
    /// English, with the fix in words, without values of records.
    pub message: String,
}

impl Refused {
    #[must_use]
    pub fn new(code: FindingCode, message: String) -> Self {
        Self { code, message }
    }
}

impl From<Refused> for PlanFinding {
    fn from(refused: Refused) -> Self {
        finding(FindingSeverity::Refusal, refused.code, refused.message)
    }
}

/// A finding that is not tied to an item yet.
#[must_use]
pub fn finding(severity: FindingSeverity, code: FindingCode, message: String) -> PlanFinding {
    PlanFinding { severity, code, item: None, message }
}

/// A name for a message: quoted, with control characters made visible, because names come from
/// documents and catalogues that nobody here wrote.
#[must_use]
pub fn name(text: &str) -> String {
    let shown: String = text.chars().take(NAME_SHOWN_MAX).flat_map(char::escape_debug).collect();
    format!("'{shown}'")
}

const NAME_SHOWN_MAX: usize = 120;

#[cfg(test)]
mod tests;

//! The selection of an item as it is counted at plan time.
//!
//! Floor 3. It differs from the one that is executed in three ways: records that the same plan
//! disposes of do not keep others (`disregarding`), rows of undeclared tables are counted for the
//! message, and objects changed since are not told apart, for nothing was drafted before.

use super::compile::owners::set_going;
use super::compile::{Compiled, Subjects, with_holds};
use super::world::same_place;
use crate::catalog::Target;
use crate::hold::{HoldBook, HoldError};
use connectors::{Disposal, Selection};

/// One compiled rule among those of the plan.
#[derive(Debug)]
pub struct Slot<'a> {
    pub target: Target<'a>,
    pub compiled: Compiled,
    /// Its selection as counted, once it was.
    pub counted: Option<Selection>,
}

/// For every `none_left` of a slot: the slot whose records do not count, if there is exactly one
/// that purges there.
#[must_use]
pub fn disregarded(slots: &[Slot<'_>], index: usize) -> Vec<Option<usize>> {
    let Some(slot) = slots.get(index) else { return Vec::new() };
    let entries = &slot.compiled.selection.none_left;
    entries
        .iter()
        .map(|entry| match purging(slots, index, &entry.address.dataset).as_slice() {
            [one] => Some(*one),
            _ => None,
        })
        .collect()
}

/// Pairs (waiting, waited for). Records are counted as if the one rule that purges what refers to
/// them had been carried out, so it goes first. Of several rules no one selection tells what they
/// leave: then records are counted as they are now and go before, and what the others set free is due
/// in the next plan.
#[must_use]
pub fn waits(slots: &[Slot<'_>]) -> Vec<(usize, usize)> {
    let mut waits = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        for entry in &slot.compiled.selection.none_left {
            match purging(slots, index, &entry.address.dataset).as_slice() {
                [one] => waits.push((index, *one)),
                several => waits.extend(several.iter().map(|other| (*other, index))),
            }
        }
        // A file with a rule of its own goes before the rows that own it: they stay until it is gone.
        for link in &slot.compiled.links {
            waits.extend(
                purging(slots, index, &link.selection.address.dataset).iter().map(|one| (index, *one)),
            );
        }
    }
    waits
}

fn purging(slots: &[Slot<'_>], index: usize, dataset: &str) -> Vec<usize> {
    let is_there = |slot: &Slot<'_>| {
        slot.target.dataset.name == dataset
            || slots.iter().any(|other| {
                other.target.dataset.name == dataset && same_place(other.target.dataset, slot.target.dataset)
            })
    };
    slots
        .iter()
        .enumerate()
        .filter(|(position, slot)| {
            *position != index && slot.compiled.selection.disposal == Disposal::Purge && is_there(slot)
        })
        .map(|(position, _)| position)
        .collect()
}

/// The selection to count by. Slots that this one waits for must have been counted before.
///
/// # Errors
/// [`HoldError`] when a hold cannot be checked.
pub fn counting_selection(
    slots: &[Slot<'_>],
    index: usize,
    holds: &HoldBook,
) -> Result<Option<Selection>, HoldError> {
    let Some(slot) = slots.get(index) else { return Ok(None) };
    let mut selection = slot.compiled.selection.clone();
    let mut subjects = slot.compiled.subjects.clone();
    set_going(&mut selection, &mut subjects, &purging_of(slots));
    let mut selection = with_holds(&selection, &subjects, holds)?;
    selection.unchanged_since = None;
    let disregarded = disregarded(slots, index);
    for (entry, disregarded) in selection.none_left.iter_mut().zip(disregarded) {
        entry.disregarding = disregarded.and_then(|other| slots.get(other)?.counted.clone()).map(Box::new);
    }
    Ok(Some(selection))
}

fn purging_of<'s>(slots: &'s [Slot<'_>]) -> Vec<(&'s Selection, &'s Subjects)> {
    slots.iter().map(|slot| (&slot.compiled.selection, &slot.compiled.subjects)).collect()
}

/// Fills in by what the plan purges rows that name objects.
pub fn fill_keepers(slots: &mut [Slot<'_>]) {
    let mut purging: Vec<(Selection, Subjects)> = Vec::with_capacity(slots.len());
    for slot in slots.iter() {
        let (mut selection, mut subjects) = (slot.compiled.selection.clone(), slot.compiled.subjects.clone());
        set_going(&mut selection, &mut subjects, &purging_of(slots));
        purging.push((selection, subjects));
    }
    let purging: Vec<(&Selection, &Subjects)> =
        purging.iter().map(|(selection, subjects)| (selection, subjects)).collect();
    for slot in slots {
        let of_links = slot.compiled.links.iter_mut().flat_map(|link| &mut link.keepers);
        for keeper in of_links.chain(&mut slot.compiled.keepers) {
            keeper.set_going(&purging);
        }
    }
}

/// The same with the rows of undeclared tables as dependents, so that they are counted.
#[must_use]
pub fn with_undeclared(selection: &Selection, compiled: &Compiled) -> Selection {
    let mut counted = selection.clone();
    let undeclared = compiled.family.undeclared.iter().filter_map(|one| one.dependent.clone());
    counted.dependents.extend(undeclared);
    counted
}

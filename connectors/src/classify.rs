//! Where one record falls: the oracle of every store's set-based answer, and what `explain` shows.
//!
//! Pure: everything that decides is in the selection and the facts.

use crate::predicate::{Field, Predicate};
use crate::selection::{Class, DoubtReason, RecordFacts, Selection, StartCondition};
use crate::transform::{Disposal, same_stored};
use crate::value::Value;

pub use crate::start::{StartReading, read as read_start};

/// The class of one record, by the precedence of [`Class`].
///
/// Scope must be true; a conflict counts if true; a hold counts unless false. What makes a record
/// ungovernable is not found here: whoever lists objects knows it before there are facts.
#[must_use]
pub fn classify(selection: &Selection, facts: &RecordFacts) -> Class {
    let holds_true = |predicate: &Predicate| evaluate(predicate, facts) == Some(true);
    if !holds_true(&selection.scope) {
        return Class::OutOfScope;
    }
    if selection.conflicts.iter().any(holds_true) {
        return Class::Undecidable(DoubtReason::Conflict);
    }
    if let Some(class) = class_of_start(&selection.start, facts) {
        return class;
    }
    if facts.referenced.contains(&true) {
        return Class::Referenced;
    }
    if already_done(&selection.disposal, facts) {
        return Class::AlreadyDone;
    }
    if let (Some(limit), Some(changed_at)) = (selection.unchanged_since, facts.changed_at)
        && changed_at > limit
    {
        return Class::ChangedSincePlan;
    }
    if !holding(selection, facts).is_empty() {
        return Class::Held;
    }
    if facts.lock.is_some() {
        return Class::Locked;
    }
    Class::Due
}

/// Ids of the holds over the record or over one of its dependents, without repetition.
#[must_use]
pub fn holding<'a>(selection: &'a Selection, facts: &'a RecordFacts) -> Vec<&'a str> {
    let own = selection
        .holds
        .iter()
        .filter(|hold| evaluate(&hold.predicate, facts) != Some(false))
        .map(|hold| hold.hold_id.as_str());
    let mut ids: Vec<&str> = own.chain(facts.dependent_holds.iter().map(String::as_str)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The predicate over the facts of one record.
#[must_use]
pub fn evaluate(predicate: &Predicate, facts: &RecordFacts) -> Option<bool> {
    predicate.evaluate(&|field: &Field| stored(facts, &field.name).clone())
}

fn class_of_start(condition: &StartCondition, facts: &RecordFacts) -> Option<Class> {
    let StartCondition::Event { field, encoding, .. } = condition else { return None };
    let reading = read_start(encoding, stored(facts, &field.name));
    let doubt = |reason| Some(Class::Undecidable(reason));
    match crate::start::standing(condition, reading) {
        None if reading == StartReading::Missing => doubt(DoubtReason::StartMissing),
        None => doubt(DoubtReason::StartUnreadable),
        Some(standing) if standing.in_future => doubt(DoubtReason::StartInFuture),
        Some(standing) if !standing.due => Some(Class::NotYetDue),
        Some(_) => None,
    }
}

/// The disposal would change nothing: the record is marked, or every field already has its final value.
#[must_use]
pub fn already_done(disposal: &Disposal, facts: &RecordFacts) -> bool {
    let Disposal::Anonymize { fields, marker } = disposal else { return false };
    let marked = marker.as_ref().is_some_and(|marker| *stored(facts, &marker.column) != Value::Null);
    marked
        || fields.iter().all(|field| {
            let value = stored(facts, &field.column);
            field.transform.is_fixpoint()
                && same_stored(value, &field.transform.apply(value, field.value_type, None))
        })
}

fn stored<'a>(facts: &'a RecordFacts, name: &str) -> &'a Value {
    facts.fields.get(name).unwrap_or(&Value::Null)
}

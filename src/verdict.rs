//! The verdict on one record: retain, dispose, or nothing certain can be said.
//!
//! Floor 2; pure, no IO and no clock. It computes the due date *forward* from the start of the
//! record and compares it with `as_of`, where stores compare the start with a cutoff that was
//! computed backward. The two must agree on every record: property tests hold them against each
//! other, and `explain` shows this one.

use crate::policy::RetentionClock;
use chrono::{DateTime, Utc};
use connectors::classify::{StartReading, already_done, evaluate, read_start};
use connectors::{Disposal, DoubtReason, Exclusion, Field, Predicate, RecordFacts, StartEncoding, Value};

/// What a rule says of the records of one dataset.
#[derive(Debug, Clone, Copy)]
pub struct RuleFacts<'a> {
    pub scope: &'a Predicate,
    /// Scopes of the other rules over the same records.
    pub conflicts: &'a [Predicate],
    pub start: RuleStart<'a>,
    pub disposal: &'a Disposal,
}

/// From when the period of a rule runs.
#[derive(Debug, Clone, Copy)]
pub enum RuleStart<'a> {
    Event {
        field: &'a Field,
        encoding: StartEncoding,
        clock: RetentionClock,
    },
    /// The state "nothing refers to it any more" is the start.
    NoneLeft,
}

/// What becomes of one record, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Retain(Reason),
    /// `due_at` is `None` when the state itself is the start.
    Dispose {
        due_at: Option<DateTime<Utc>>,
    },
    Undecidable(DoubtReason),
}

/// Why a record is retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The rule does not speak of it.
    OutOfScope,
    /// `None`: the due date lies beyond the calendar.
    NotYetDue {
        due_at: Option<DateTime<Utc>>,
    },
    /// Records that must go first still refer to it: positions in the selection's `none_left`.
    ReferencedBy {
        references: Vec<usize>,
        due_at: Option<DateTime<Utc>>,
    },
    /// The disposition would change nothing.
    AlreadyDone,
    LegalHold {
        hold_ids: Vec<String>,
        due_at: Option<DateTime<Utc>>,
    },
    /// The store keeps it under a lock of its own; `until` is when that ends by itself.
    Locked {
        until: Option<DateTime<Utc>>,
        due_at: Option<DateTime<Utc>>,
    },
}

/// The verdict on one record. Scope must be true; a conflict counts if true; a hold counts unless it
/// is certainly false.
#[must_use]
pub fn decide(
    facts: &RecordFacts,
    rule: &RuleFacts<'_>,
    holds: &[Exclusion],
    as_of: DateTime<Utc>,
) -> Verdict {
    if evaluate(rule.scope, facts) != Some(true) {
        return Verdict::Retain(Reason::OutOfScope);
    }
    if rule.conflicts.iter().any(|other| evaluate(other, facts) == Some(true)) {
        return Verdict::Undecidable(DoubtReason::Conflict);
    }
    let due_at = match due_of(facts, rule.start, as_of) {
        Due::Doubt(reason) => return Verdict::Undecidable(reason),
        Due::At(due_at) if due_at <= as_of => Some(due_at),
        Due::At(due_at) => return Verdict::Retain(Reason::NotYetDue { due_at: Some(due_at) }),
        Due::Never => return Verdict::Retain(Reason::NotYetDue { due_at: None }),
        Due::ByState => None,
    };
    let references: Vec<usize> =
        facts.referenced.iter().enumerate().filter(|(_, is)| **is).map(|(position, _)| position).collect();
    if !references.is_empty() {
        return Verdict::Retain(Reason::ReferencedBy { references, due_at });
    }
    if already_done(rule.disposal, facts) {
        return Verdict::Retain(Reason::AlreadyDone);
    }
    let hold_ids = holding(facts, holds);
    if !hold_ids.is_empty() {
        return Verdict::Retain(Reason::LegalHold { hold_ids, due_at });
    }
    if let Some(lock) = facts.lock {
        return Verdict::Retain(Reason::Locked { until: lock.until, due_at });
    }
    Verdict::Dispose { due_at }
}

enum Due {
    At(DateTime<Utc>),
    Never,
    ByState,
    Doubt(DoubtReason),
}

fn due_of(facts: &RecordFacts, start: RuleStart<'_>, as_of: DateTime<Utc>) -> Due {
    let RuleStart::Event { field, encoding, clock } = start else { return Due::ByState };
    let stored = facts.fields.get(&field.name).unwrap_or(&Value::Null);
    let due_at = match read_start(&encoding, stored) {
        StartReading::Missing => return Due::Doubt(DoubtReason::StartMissing),
        StartReading::Unreadable => return Due::Doubt(DoubtReason::StartUnreadable),
        StartReading::At(start) if start > as_of => return Due::Doubt(DoubtReason::StartInFuture),
        StartReading::At(start) => clock.due_at(start),
        StartReading::On(day) if day > as_of.with_timezone(&clock.zone).date_naive() => {
            return Due::Doubt(DoubtReason::StartInFuture);
        }
        StartReading::On(day) => clock.due_at_civil(day),
    };
    due_at.map_or(Due::Never, Due::At)
}

fn holding(facts: &RecordFacts, holds: &[Exclusion]) -> Vec<String> {
    let own = holds
        .iter()
        .filter(|hold| evaluate(&hold.predicate, facts) != Some(false))
        .map(|hold| hold.hold_id.clone());
    let mut ids: Vec<String> = own.chain(facts.dependent_holds.iter().cloned()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests;

//! What a request does not reach: records of the person that stay although they asked, because they objected to
//! something else, withdrew a consent on which these do not stand, or named other record types.
//!
//! Floor 3; pure. A record that a rule within reach speaks of too is that rule's to tell.

use super::{Reach, keys_scope, reaches, reaches_unruled, reference_without_rule};
use crate::erasure::found::Found;
use crate::erasure::graph::{Graph, Place};
use crate::plan::compile::{Surroundings, target};
use crate::plan::world::same_place;
use crate::plan::{RuleReference, reference_of};
use connectors::{Predicate, RecordKey};

/// Records of one rule in one dataset.
#[derive(Debug, Clone)]
pub struct Beyond<'a> {
    /// The dataset that stands for the place.
    pub dataset: &'a str,
    /// The rule that speaks of them, or what stands in its place.
    pub rule: RuleReference,
    pub scope: Predicate,
}

/// What of the records found the request does not reach, by dataset and rule. Each record is in one of them at most.
#[must_use]
pub fn beyond<'a>(
    around: &Surroundings<'a>,
    graph: &'a Graph<'a>,
    found: &Found,
    reach: Reach<'_>,
) -> Vec<Beyond<'a>> {
    let mut all = Vec::new();
    for place in graph.datasets.values() {
        let keys = found.own(&place.dataset.name);
        if !keys.is_empty() {
            all.extend(beyond_of(around, place, &keys, reach));
        }
    }
    all
}

fn beyond_of<'a>(
    around: &Surroundings<'a>,
    place: &Place<'a>,
    keys: &[RecordKey],
    reach: Reach<'_>,
) -> Vec<Beyond<'a>> {
    let here = around.targets.iter().filter(|one| same_place(one.dataset, place.dataset));
    // A scope that cannot be read is a refusal of the plan.
    let scopes = here.filter_map(|one| Some((*one, target::scope_of(one, place.shape).ok()?)));
    let (within, outside): (Vec<_>, Vec<_>) = scopes.partition(|(target, _)| reaches(target, reach));
    let is_spoken_of = within.iter().chain(&outside).any(|(target, _)| target.rule.scope.is_none());
    let mut rest = vec![keys_scope(place, keys).0];
    rest.extend(within.into_iter().map(|(_, scope)| scope.is_not_true()));
    let mut all = Vec::new();
    let one = |rule, scope| Beyond { dataset: place.dataset.name.as_str(), rule, scope };
    for (target, scope) in outside {
        let theirs = Predicate::and(rest.iter().cloned().chain([scope.clone()]));
        all.push(one(reference_of(&target, around.catalog), theirs));
        rest.push(scope.is_not_true());
    }
    if !is_spoken_of && !reaches_unruled(place, reach) {
        all.push(one(reference_without_rule(reach.ground), Predicate::and(rest)));
    }
    all
}

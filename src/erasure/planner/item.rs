//! One item of the plan of a request, and the same ready for execution.
//!
//! Floor 3; pure.

use crate::catalog::Catalog;
use crate::erasure::compile::{RequestItem, all_subjects_of};
use crate::plan::compile::{ExecutableItem, Subjects, Surroundings};
use crate::plan::{GuardLimits, ItemCounts, PlanItem};
use connectors::Survey;
use std::collections::BTreeMap;

pub(super) fn plan_item(
    position: u32,
    item: &RequestItem<'_>,
    catalog: &Catalog,
    survey: &Survey,
) -> PlanItem {
    let dataset = catalog.dataset(item.dataset);
    let store = item.selection.address.store.clone();
    let without_zeros = |counts: &BTreeMap<String, u64>| {
        counts.iter().filter(|(_, count)| **count > 0).map(|(id, count)| (id.clone(), *count)).collect()
    };
    let undecidable = survey.undecidable.iter().filter(|(_, count)| **count > 0);
    PlanItem {
        part: item.part,
        item: position,
        rule: item.rule.clone(),
        record_type: dataset.map(|dataset| dataset.record_type.clone()).unwrap_or_default(),
        store_alias: catalog.public_store(&store).to_owned(),
        dataset: item.dataset.to_owned(),
        dataset_alias: dataset.map(|dataset| dataset.public_name().to_owned()).unwrap_or_default(),
        schema_digest: item.schema_digest.clone(),
        disposition: item.disposition.clone(),
        cutoff: item.cutoff,
        counts: ItemCounts {
            total: survey.total,
            in_scope: survey.in_scope,
            due: survey.due,
            overdue: survey.overdue.min(survey.due),
            held: survey.held,
            held_by: without_zeros(&survey.held_by),
            not_yet_due: survey.not_yet_due,
            referenced: survey.referenced,
            already_done: survey.already_done,
            locks: survey.locks.clone(),
            undecidable: undecidable.map(|(reason, count)| (*reason, *count)).collect(),
        },
        undecidable_samples: BTreeMap::new(),
        inventory_at: None,
        due_samples: Vec::new(),
        oldest_due_at: None,
        newest_due_at: None,
        due_bytes: survey.due_bytes,
        effects: Vec::new(),
        partitions: Vec::new(),
        named: Vec::new(),
        guards: GuardLimits { records_max: u64::from(u32::MAX), share_max_percent: 100, keep_newest: 0 },
        backups_kept: catalog
            .stores()
            .get(&store)
            .and_then(|terms| terms.backups_kept)
            .map(|period| period.to_string()),
        store,
    }
}

/// An item of a request, ready for execution.
#[must_use]
pub fn executable(around: &Surroundings<'_>, planned: &PlanItem, item: RequestItem<'_>) -> ExecutableItem {
    let subjects: Subjects = all_subjects_of(around, &item.selection);
    ExecutableItem {
        item: planned.clone(),
        selection: item.selection,
        subjects,
        links: Vec::new(),
        keepers: item.keepers,
    }
}

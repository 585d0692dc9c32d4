//! Batches as they go, into the status.

use super::status::{RuleStatus, StatusBoard};
use super::work::Done;
use crate::execution::{ProgressSink, Snapshot};
use crate::plan::Plan;
use crate::schedule::store::ScheduleOutcome;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct BoardProgress {
    board: Arc<StatusBoard>,
    also: Arc<dyn ProgressSink>,
}

impl BoardProgress {
    pub(super) fn new(board: Arc<StatusBoard>, also: Arc<dyn ProgressSink>) -> Self {
        Self { board, also }
    }

    fn show(&self, snapshot: &Snapshot) {
        self.board.change(|status| {
            if let Some(work) = &mut status.work {
                work.dataset = Some(snapshot.dataset.clone());
                work.disposed = snapshot.disposed;
                work.planned = snapshot.planned;
                work.slowed_by.clone_from(&snapshot.slowed_by);
            }
        });
    }
}

impl ProgressSink for BoardProgress {
    fn advanced(&self, snapshot: &Snapshot) {
        self.show(snapshot);
        self.also.advanced(snapshot);
    }

    fn ended(&self, snapshot: &Snapshot) {
        self.show(snapshot);
        self.also.ended(snapshot);
    }
}

/// What was counted for the plan, and what went of it.
pub(super) fn count_rules(rules: &mut Vec<RuleStatus>, plan: &Plan, done: &Done) {
    let is_whole = matches!(done.outcome, Some(ScheduleOutcome::Complete | ScheduleOutcome::NothingDue));
    for item in &plan.items {
        let gone: u64 = done
            .ends
            .iter()
            .flat_map(|end| &end.totals)
            .filter(|total| total.dataset == item.dataset && total.rule == item.rule.rule)
            .map(|total| total.counts.purged + total.counts.anonymized + total.counts.pseudonymized)
            .sum();
        let (policy, rule) = (&item.rule.policy, &item.rule.rule);
        let same =
            |one: &RuleStatus| &one.policy == policy && &one.rule == rule && one.dataset == item.dataset;
        let before = rules.iter().position(same).map(|index| rules.remove(index));
        let due = item.counts.due.saturating_sub(gone);
        rules.push(RuleStatus {
            policy: policy.clone(),
            rule: rule.clone(),
            dataset: item.dataset.clone(),
            due,
            overdue: item.counts.overdue.min(due),
            held: item.counts.held,
            undecidable: item.counts.undecidable_total(),
            oldest_due_at: item.oldest_due_at.filter(|_| due > 0),
            counted_at: plan.drafted_at,
            disposed: before.as_ref().map_or(0, |before| before.disposed).saturating_add(gone),
            last_success_at: match before {
                _ if is_whole => Some(plan.drafted_at),
                before => before.and_then(|before| before.last_success_at),
            },
        });
    }
}

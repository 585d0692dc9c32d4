//! Whether a plan still speaks of the world as it is.
//!
//! Floor 3. The cutoffs of a plan are fixed, so time alone makes nothing more due: counts that grew
//! were changed by somebody. Every reason is told at once.

use super::Plan;
use super::planner::{Depth, DraftInput, PlanError, draft};
use super::world::Sources;
use crate::catalog::Catalog;
use crate::hold::HoldBook;
use crate::policy::Share;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::fmt;

/// How far the due records of an item may move, up or down, between its plan and its execution. Over
/// either limit the plan is stale, as over either limit of a guard it needs an approval of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftMargin {
    /// Of the planned count.
    pub share_max: Share,
    pub records_max: u64,
}

impl Default for DriftMargin {
    fn default() -> Self {
        Self { share_max: Share::from_basis_points(500), records_max: 100 }
    }
}

impl DriftMargin {
    #[must_use]
    pub fn allows(self, planned: u64, now: u64) -> bool {
        let moved = planned.abs_diff(now);
        moved <= self.records_max && !self.share_max.is_exceeded(moved, planned)
    }
}

/// The world at the time of execution, as far as a plan depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CurrentState {
    pub catalog_digest: String,
    pub hold_revision: u64,
    /// By item; one that is missing could not be compiled or read.
    pub schema_digests: BTreeMap<u32, String>,
    /// Due records by item, counted with the cutoffs of the plan.
    pub due: BTreeMap<u32, u64>,
}

/// Why a plan must be drafted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleReason {
    Expired { expired_at: DateTime<Utc> },
    PolicyChanged,
    HoldsChanged { planned: u64, now: u64 },
    SchemaChanged { item: u32, dataset: String },
    CountsDrifted { item: u32, dataset: String, planned: u64, now: u64 },
}

impl StaleReason {
    /// Stable, kebab-case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::PolicyChanged => "policy-changed",
            Self::HoldsChanged { .. } => "holds-changed",
            Self::SchemaChanged { .. } => "schema-changed",
            Self::CountsDrifted { .. } => "counts-drifted",
        }
    }
}

impl fmt::Display for StaleReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { expired_at } => write!(formatter, "the plan expired at {expired_at}"),
            Self::PolicyChanged => formatter.write_str("a policy or the data map changed"),
            Self::HoldsChanged { planned, now } => {
                write!(formatter, "holds were placed or released (revision {planned}, now {now})")
            }
            Self::SchemaChanged { dataset, .. } => {
                write!(formatter, "the tables behind dataset '{dataset}' changed or cannot be read")
            }
            Self::CountsDrifted { dataset, planned, now, .. } => write!(
                formatter,
                "of dataset '{dataset}' {planned} records were due in the plan and {now} are now"
            ),
        }
    }
}

/// Every reason for which a plan is stale; empty when it is not. Items with nothing due are not
/// looked at: nothing is done there.
#[must_use]
pub fn stale_reasons(
    plan: &Plan,
    current: &CurrentState,
    margin: DriftMargin,
    now: DateTime<Utc>,
) -> Vec<StaleReason> {
    let mut reasons = known_stale_reasons(plan, &current.catalog_digest, current.hold_revision, now);
    for item in plan.items.iter().filter(|item| item.counts.due > 0) {
        if current.schema_digests.get(&item.item) != Some(&item.schema_digest) {
            reasons.push(StaleReason::SchemaChanged { item: item.item, dataset: item.dataset.clone() });
        }
        let planned = item.counts.due;
        if let Some(now) = current.due.get(&item.item).copied().filter(|now| !margin.allows(planned, *now)) {
            let dataset = item.dataset.clone();
            reasons.push(StaleReason::CountsDrifted { item: item.item, dataset, planned, now });
        }
    }
    reasons
}

/// The reasons that can be told without reading a store.
#[must_use]
pub fn known_stale_reasons(
    plan: &Plan,
    catalog_digest: &str,
    hold_revision: u64,
    now: DateTime<Utc>,
) -> Vec<StaleReason> {
    let mut reasons = Vec::new();
    if now >= plan.expires_at {
        reasons.push(StaleReason::Expired { expired_at: plan.expires_at });
    }
    if catalog_digest != plan.catalog_digest {
        reasons.push(StaleReason::PolicyChanged);
    }
    if hold_revision != plan.hold_revision {
        reasons.push(StaleReason::HoldsChanged { planned: plan.hold_revision, now: hold_revision });
    }
    reasons
}

/// Reads the stores again, with the instants of the plan, so that only their content can differ.
///
/// # Errors
/// [`PlanError`] when the counts of a store do not add up.
pub async fn observe_current(
    plan: &Plan,
    catalog: &Catalog,
    sources: &Sources,
    holds: &HoldBook,
    clock: super::planner::ClockMarks,
) -> Result<CurrentState, PlanError> {
    let again = draft(DraftInput {
        catalog,
        sources,
        holds,
        policies: Some(&plan.policies.iter().map(|policy| policy.policy.clone()).collect()),
        as_of: plan.as_of,
        drafted_at: plan.drafted_at,
        valid_for: plan.expires_at - plan.drafted_at,
        plan_id: plan.plan_id.clone(),
        author: plan.author.clone(),
        tool_version: plan.tool_version.clone(),
        simulated: plan.simulated,
        clock,
        previous: None,
        depth: Depth::Recount,
    })
    .await?;
    let mut current = CurrentState {
        catalog_digest: again.catalog_digest.clone(),
        hold_revision: again.hold_revision,
        ..CurrentState::default()
    };
    for item in &plan.items {
        let same = again.items.iter().find(|other| {
            (&other.rule.policy, &other.rule.rule, &other.dataset)
                == (&item.rule.policy, &item.rule.rule, &item.dataset)
        });
        if let Some(same) = same {
            current.schema_digests.insert(item.item, same.schema_digest.clone());
            current.due.insert(item.item, same.counts.due);
        }
    }
    Ok(current)
}

#[cfg(test)]
mod tests;

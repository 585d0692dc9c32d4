//! What of a plan and of a policy goes into the archive.
//!
//! Floor 7; pure. The archive may be given to anybody, so a plan is published without its sample keys
//! (masked as they are) and without the name of the member of staff who drafted it. The digest of the
//! plan that was approved stands beside it.

use crate::catalog::Catalog;
use crate::plan::{Plan, PlanItem};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct PublicPlan<'a> {
    approved_plan_digest: &'a str,
    plan: Plan,
}

/// The canonical bytes of the plan as it is published.
///
/// # Errors
/// If the plan has no canonical form, which no plan lacks.
pub(super) fn public_plan(plan: &Plan, digest: &str) -> anyhow::Result<Vec<u8>> {
    let items = plan.items.iter().map(|item| PlanItem {
        undecidable_samples: BTreeMap::new(),
        due_samples: Vec::new(),
        ..item.clone()
    });
    let plan = Plan { author: String::new(), items: items.collect(), ..plan.clone() };
    Ok(serde_json_canonicalizer::to_vec(&PublicPlan { approved_plan_digest: digest, plan })?)
}

/// The canonical form of each policy that the plan names (JSON is YAML): the bytes whose digest the
/// certificate gives.
pub(super) fn policies(catalog: &Catalog, plan: &Plan) -> Vec<Vec<u8>> {
    plan.policies
        .iter()
        .filter_map(|named| {
            catalog
                .policies()
                .iter()
                .find(|policy| policy.name == named.policy && policy.version == named.version)
        })
        .filter_map(|policy| serde_json_canonicalizer::to_vec(policy).ok())
        .collect()
}

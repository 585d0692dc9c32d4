//! The port that keeps plans and approvals.

use crate::plan::Plan;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One person's yes to exactly one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub plan_id: String,
    /// SHA-256 of the plan's canonical JSON: the approval is for these bytes and no others.
    pub plan_digest: String,
    pub approver: String,
    pub approved_at: DateTime<Utc>,
    pub note: Option<String>,
    /// Of the lines of [`crate::plan::signature::plan_lines`], by a key of the approver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A yes to one rule as it stands, so that it may be carried out unattended. It binds the rule's
/// digest, which covers its guards and datasets: any change makes it void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingApproval {
    pub policy: String,
    pub rule: String,
    pub rule_digest: String,
    pub approver: String,
    pub approved_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Of the lines of [`crate::plan::signature::standing_lines`], by a key of the approver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanStoreError {
    #[error("there is no plan '{plan_id}' in the ledger")]
    Unknown { plan_id: String },
    #[error("plan '{plan_id}' is already in the ledger with other content")]
    Clash { plan_id: String },
    #[error("the ledger has no room left")]
    Full,
    #[error("the ledger failed: {reason}")]
    Failed { reason: String },
}

#[async_trait]
pub trait PlanStore: Send + Sync + std::fmt::Debug {
    /// Keeps the plan's canonical JSON. Saving the same bytes again changes nothing.
    async fn save_plan(&self, plan: &Plan, canonical: &[u8], digest: &str) -> Result<(), PlanStoreError>;
    /// Canonical JSON and digest.
    async fn plan(&self, plan_id: &str) -> Result<Option<(Vec<u8>, String)>, PlanStoreError>;
    /// Ids, newest first, at most `limit`.
    async fn plans(&self, limit: u32) -> Result<Vec<PlanEntry>, PlanStoreError>;
    /// [`PlanStoreError::Clash`] when the approval is for other bytes than those kept.
    async fn approve(&self, approval: &Approval) -> Result<(), PlanStoreError>;
    /// In the order in which they were given; one person may be there twice.
    async fn approvals(&self, plan_id: &str) -> Result<Vec<Approval>, PlanStoreError>;
    async fn approve_standing(&self, approval: &StandingApproval) -> Result<(), PlanStoreError>;
    async fn revoke_standing(
        &self,
        policy: &str,
        rule: &str,
        at: DateTime<Utc>,
    ) -> Result<u64, PlanStoreError>;
    /// Active standing approvals.
    async fn standing(&self) -> Result<Vec<StandingApproval>, PlanStoreError>;
    /// The standing approvals that were active at an instant, as they were then (not revoked).
    async fn standing_at(&self, at: DateTime<Utc>) -> Result<Vec<StandingApproval>, PlanStoreError>;
}

/// One line of the list of plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanEntry {
    pub plan_id: String,
    pub digest: String,
    pub drafted_at: DateTime<Utc>,
    pub approved: bool,
    /// State of its run, if it has one.
    pub run_id: Option<String>,
}

//! Plans and approvals. A plan's canonical JSON is kept as it is, since it names no record;
//! who approved and with what words is sealed.
//!
//! Floor 6. It keeps; whether an approval suffices is decided by the plan.

use super::rows::{instant_of, text_of};
use super::statement::{Row, statement};
use super::store::Work;
use super::{Ledger, LedgerError};
use crate::plan::Plan;
use crate::plan::store::{Approval, PlanEntry, PlanStore, PlanStoreError, StandingApproval};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What of an approval names a person.
#[derive(Serialize, Deserialize)]
struct SealedPart {
    approver: String,
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

fn place_of_approval(plan_id: &str, digest: &str) -> String {
    format!("ledger/approval/{plan_id}/{digest}")
}

fn place_of_standing(policy: &str, rule: &str, digest: &str) -> String {
    format!("ledger/standing/{policy}/{rule}/{digest}")
}

#[async_trait]
impl PlanStore for Ledger {
    async fn save_plan(&self, plan: &Plan, canonical: &[u8], digest: &str) -> Result<(), PlanStoreError> {
        let mut work = self.store.write().await?;
        if let Some((kept, kept_digest)) = plan_in(&mut work, &plan.plan_id).await? {
            let same = kept == canonical && kept_digest == digest;
            return if same { Ok(()) } else { Err(PlanStoreError::Clash { plan_id: plan.plan_id.clone() }) };
        }
        statement("INSERT INTO plan (plan_id, digest, drafted_at, canonical) VALUES ($1, $2, $3, $4)")
            .bind(&plan.plan_id)
            .bind(digest)
            .bind(text_of(plan.drafted_at))
            .bind(canonical)
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }

    async fn plan(&self, plan_id: &str) -> Result<Option<(Vec<u8>, String)>, PlanStoreError> {
        let mut work = self.store.read().await?;
        Ok(plan_in(&mut work, plan_id).await?)
    }

    async fn plans(&self, limit: u32) -> Result<Vec<PlanEntry>, PlanStoreError> {
        let rows = self
            .store
            .all(
                statement(
                    "SELECT plan_id, digest, drafted_at,
                    (SELECT count(*) FROM approval WHERE approval.plan_id = plan.plan_id) AS approvals,
                    (SELECT run_id FROM run WHERE run.plan_id = plan.plan_id) AS run_id
             FROM plan ORDER BY drafted_at DESC, line DESC LIMIT $1",
                )
                .bind(limit),
            )
            .await?;
        Ok(rows.iter().map(entry_of).collect::<Result<_, _>>()?)
    }

    async fn approve(&self, approval: &Approval) -> Result<(), PlanStoreError> {
        let mut work = self.store.write().await?;
        let plan_id = approval.plan_id.clone();
        match plan_in(&mut work, &plan_id).await? {
            None => return Err(PlanStoreError::Unknown { plan_id }),
            Some((_, digest)) if digest != approval.plan_digest => {
                return Err(PlanStoreError::Clash { plan_id });
            }
            Some(_) => {}
        }
        let part = SealedPart {
            approver: approval.approver.clone(),
            note: approval.note.clone(),
            signature: approval.signature.clone(),
        };
        let sealed = self.secret.seal(&place_of_approval(&plan_id, &approval.plan_digest), &part)?;
        statement("INSERT INTO approval (plan_id, plan_digest, approved_at, sealed) VALUES ($1, $2, $3, $4)")
            .bind(&plan_id)
            .bind(&approval.plan_digest)
            .bind(text_of(approval.approved_at))
            .bind(sealed)
            .execute(&mut work)
            .await?;
        Ok(work.commit().await?)
    }

    async fn approvals(&self, plan_id: &str) -> Result<Vec<Approval>, PlanStoreError> {
        let rows = self.store.all(statement("SELECT plan_id, plan_digest, approved_at, sealed FROM approval WHERE plan_id = $1 ORDER BY line")
            .bind(plan_id))
            .await?;
        Ok(rows.iter().map(|row| self.approval_of(row)).collect::<Result<_, _>>()?)
    }

    async fn approve_standing(&self, approval: &StandingApproval) -> Result<(), PlanStoreError> {
        let place = place_of_standing(&approval.policy, &approval.rule, &approval.rule_digest);
        let signature = approval.signature.clone();
        let part = SealedPart { approver: approval.approver.clone(), note: None, signature };
        let sealed = self.secret.seal(&place, &part)?;
        let mut work = self.store.write().await?;
        statement(
            "INSERT INTO standing_approval (policy, rule, rule_digest, approved_at, revoked_at, sealed)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&approval.policy)
        .bind(&approval.rule)
        .bind(&approval.rule_digest)
        .bind(text_of(approval.approved_at))
        .bind(approval.revoked_at.map(text_of))
        .bind(sealed)
        .execute(&mut work)
        .await?;
        Ok(work.commit().await?)
    }

    async fn revoke_standing(
        &self,
        policy: &str,
        rule: &str,
        at: DateTime<Utc>,
    ) -> Result<u64, PlanStoreError> {
        let mut work = self.store.write().await?;
        let done = statement(
            "UPDATE standing_approval SET revoked_at = $1 WHERE policy = $2 AND rule = $3 AND revoked_at IS NULL",
        )
        .bind(text_of(at))
        .bind(policy)
        .bind(rule)
        .execute(&mut work).await?;
        work.commit().await?;
        Ok(done)
    }

    async fn standing(&self) -> Result<Vec<StandingApproval>, PlanStoreError> {
        let rows = self.store.all(statement("SELECT policy, rule, rule_digest, approved_at, revoked_at, sealed FROM standing_approval WHERE revoked_at IS NULL ORDER BY line"))
            .await?;
        Ok(rows.iter().map(|row| self.standing_of(row)).collect::<Result<_, _>>()?)
    }

    async fn standing_at(&self, at: DateTime<Utc>) -> Result<Vec<StandingApproval>, PlanStoreError> {
        let rows =
            self.store.all(statement("SELECT policy, rule, rule_digest, approved_at, revoked_at, sealed FROM standing_approval ORDER BY line")).await?;
        let all: Vec<StandingApproval> =
            rows.iter().map(|row| self.standing_of(row)).collect::<Result<_, _>>()?;
        Ok(all
            .into_iter()
            .filter(|one| one.approved_at <= at && one.revoked_at.is_none_or(|revoked_at| revoked_at > at))
            .map(|one| StandingApproval { revoked_at: None, ..one })
            .collect())
    }
}

impl Ledger {
    /// Takes back the standing approvals of a rule as it once was, and of no other form of it.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub async fn revoke_standing_of(
        &self,
        policy: &str,
        rule: &str,
        rule_digest: &str,
        at: DateTime<Utc>,
    ) -> Result<u64, LedgerError> {
        let mut work = self.store.write().await?;
        let done = statement(
            "UPDATE standing_approval SET revoked_at = $1
             WHERE policy = $2 AND rule = $3 AND rule_digest = $4 AND revoked_at IS NULL",
        )
        .bind(text_of(at))
        .bind(policy)
        .bind(rule)
        .bind(rule_digest)
        .execute(&mut work)
        .await?;
        work.commit().await?;
        Ok(done)
    }

    fn approval_of(&self, row: &Row) -> Result<Approval, LedgerError> {
        let (plan_id, plan_digest) = (row.text("plan_id")?, row.text("plan_digest")?);
        let place = place_of_approval(&plan_id, &plan_digest);
        let part: SealedPart = self.secret.open(&place, row.bytes("sealed")?)?;
        let approved_at = instant_of(&row.text("approved_at")?)?;
        let SealedPart { approver, note, signature } = part;
        Ok(Approval { plan_id, plan_digest, approver, approved_at, note, signature })
    }

    fn standing_of(&self, row: &Row) -> Result<StandingApproval, LedgerError> {
        let (policy, rule) = (row.text("policy")?, row.text("rule")?);
        let rule_digest = row.text("rule_digest")?;
        let place = place_of_standing(&policy, &rule, &rule_digest);
        let part: SealedPart = self.secret.open(&place, row.bytes("sealed")?)?;
        Ok(StandingApproval {
            policy,
            rule,
            rule_digest,
            approver: part.approver,
            approved_at: instant_of(&row.text("approved_at")?)?,
            revoked_at: row.optional_text("revoked_at")?.as_deref().map(instant_of).transpose()?,
            signature: part.signature,
        })
    }
}

async fn plan_in(work: &mut Work, plan_id: &str) -> Result<Option<(Vec<u8>, String)>, LedgerError> {
    let row = statement("SELECT canonical, digest FROM plan WHERE plan_id = $1")
        .bind(plan_id)
        .optional(work)
        .await?;
    row.map(|row| Ok((row.bytes("canonical")?, row.text("digest")?))).transpose()
}

fn entry_of(row: &Row) -> Result<PlanEntry, LedgerError> {
    Ok(PlanEntry {
        plan_id: row.text("plan_id")?,
        digest: row.text("digest")?,
        drafted_at: instant_of(&row.text("drafted_at")?)?,
        approved: row.number("approvals")? > 0,
        run_id: row.optional_text("run_id")?,
    })
}

//! Checking, planning, showing, explaining, approving.
//!
//! Floor 7. Reading ports only.

use super::returned::check_returned;
use super::{App, AppError, PlanRequest};
use crate::check::{LiveCheck, check_live, check_readers};
use crate::diagnostic::Diagnostics;
use crate::hold::HoldRegister as _;
use crate::journal::JournalStore as _;
use crate::plan::approval::Approvals;
use crate::plan::explain::{ExplainInput, Explanation, explain};
use crate::plan::file::{parse_plan, read_plan};
use crate::plan::planner::{ClockMarks, Depth, DraftInput, draft};
use crate::plan::signature::{Signers, plan_lines, standing_lines};
use crate::plan::store::{Approval, PlanEntry, PlanStore as _, StandingApproval};
use crate::plan::{ApprovalRules, ApprovedPlan, Plan, digest};
use anyhow::Context as _;
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeSet;
use std::path::Path;

/// A plan with everything that decides whether it may be carried out.
#[derive(Debug)]
pub struct PlanStanding {
    pub plan: Plan,
    pub digest: String,
    pub approvals: Vec<Approval>,
    /// Whether a person or standing approvals cover it.
    pub is_approved: bool,
    /// Whether `apply` would carry it out as far as the ledger, the documents and the clock tell; why
    /// not, if not. The stores are not looked at: `apply` does that.
    pub ready: Result<(), AppError>,
    /// The run of this plan, if there is one.
    pub run: Option<crate::journal::RunRecord>,
}

/// What may go with an approval of a plan.
#[derive(Debug, Clone, Default)]
pub struct ApprovalExtras {
    pub note: Option<String>,
    /// In the form of [`crate::plan::signature::kept_form`].
    pub signature: Option<String>,
}

/// Plans looked at to find one by the beginning of its id.
const PLANS_SEARCHED_MAX: u32 = 1_000;

impl App {
    /// Checks the documents, and unless `offline` the live stores.
    ///
    /// # Errors
    /// When the ledger cannot be read; faults are in the diagnostics.
    pub async fn check(&self, offline: bool) -> Result<Diagnostics, AppError> {
        let mut diagnostics = self.warnings.clone();
        if !offline {
            let sources = self.sources().await?;
            let book = self.ledger.book().await?;
            let input = LiveCheck {
                catalog: &self.catalog,
                sources: &sources,
                holds: &book,
                as_of: self.now(),
                places: &self.places,
            };
            diagnostics.extend(check_live(input).await);
            let told = self.stores_of_one_role();
            diagnostics.extend(check_readers(&self.catalog, &sources, &told, &self.places).await);
            diagnostics.extend(self.check_archive().await?);
            if let Some(look) = self.look_for_returned().await? {
                diagnostics.extend(check_returned(&look, &self.places));
            }
        }
        Ok(diagnostics)
    }

    /// Drafts a plan and keeps it in the ledger.
    ///
    /// # Errors
    /// When the counts of a store do not add up, or the ledger fails.
    pub async fn plan(&self, request: PlanRequest) -> Result<PlanStanding, AppError> {
        let plan = self.draft(request).await?;
        self.keep(plan).await
    }

    /// Keeps a drafted plan in the ledger.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn keep(&self, plan: Plan) -> Result<PlanStanding, AppError> {
        self.ledger.save_plan(&plan, &plan.canonical(), &plan.digest()).await?;
        self.standing(plan).await
    }

    /// Drafts a plan and keeps it nowhere.
    ///
    /// # Errors
    /// When the counts of a store do not add up, or the ledger fails.
    pub async fn draft(&self, request: PlanRequest) -> Result<Plan, AppError> {
        for policy in &request.policies {
            if !self.catalog.policies().iter().any(|known| &known.name == policy) {
                let known = self.catalog.policies().iter().map(|policy| policy.name.as_str());
                let hint =
                    connectors::nearest::nearest(policy, known).map(|near| format!("did you mean '{near}'?"));
                return Err(AppError::Argument { reason: format!("there is no policy '{policy}'"), hint });
            }
        }
        let now = self.now();
        let sources = self.sources().await?;
        let book = self.ledger.book().await?;
        let previous = self.previous_plan().await?;
        let author = request.author.or_else(|| self.settings.author.clone());
        let policies: BTreeSet<String> = request.policies.into_iter().collect();
        Ok(draft(DraftInput {
            catalog: &self.catalog,
            sources: &sources,
            holds: &book,
            policies: Some(&policies).filter(|policies| !policies.is_empty()),
            as_of: request.as_of.unwrap_or(now),
            drafted_at: now,
            valid_for: self.validity(now)?,
            plan_id: self.environment.ids.new_id("plan")?,
            author: author.unwrap_or_else(|| "unnamed".to_owned()),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            simulated: request.as_of.is_some(),
            clock: self.clock_marks().await?,
            previous: previous.as_ref(),
            depth: Depth::Review,
        })
        .await?)
    }

    /// What all policies find now, for looking only: it is not kept.
    pub(super) async fn reading_plan(&self) -> Result<Plan, AppError> {
        let now = self.now();
        let sources = self.sources().await?;
        let book = self.ledger.book().await?;
        let drafted = draft(DraftInput {
            catalog: &self.catalog,
            sources: &sources,
            holds: &book,
            policies: None,
            as_of: now,
            drafted_at: now,
            valid_for: self.validity(now)?,
            plan_id: self.environment.ids.new_id("plan")?,
            author: "unnamed".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            simulated: true,
            clock: self.clock_marks().await?,
            previous: None,
            depth: Depth::Survey,
        });
        Ok(drafted.await?)
    }

    /// A plan by `latest`, its id or the beginning of it, or the path of a plan file.
    ///
    /// # Errors
    /// [`AppError::NoSuchPlan`] and [`AppError::AmbiguousPlan`]; a file that is no plan.
    pub async fn show(&self, reference: &str) -> Result<PlanStanding, AppError> {
        let (plan, _) = self.stored_plan(reference).await?;
        self.standing(plan).await
    }

    /// The newest plans.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn plans(&self, limit: u32) -> Result<Vec<PlanEntry>, AppError> {
        Ok(self.ledger.plans(limit).await?)
    }

    /// Why one record is kept or due.
    ///
    /// # Errors
    /// When dataset or record are not there, or the key cannot be read.
    pub async fn explain(
        &self,
        dataset: &str,
        key: &str,
        as_of: Option<DateTime<Utc>>,
    ) -> Result<Explanation, AppError> {
        let sources = self.sources().await?;
        let book = self.ledger.book().await?;
        let as_of = as_of.unwrap_or_else(|| self.now());
        let input = ExplainInput { catalog: &self.catalog, sources: &sources, holds: &book, as_of };
        Ok(explain(input, dataset, &key_parts(key)).await?)
    }

    /// Records a person's yes to exactly this plan.
    ///
    /// # Errors
    /// When the plan may not be approved by this person, or at all.
    pub async fn approve(
        &self,
        reference: &str,
        approver: &str,
        with: ApprovalExtras,
    ) -> Result<Approval, AppError> {
        let (plan, digest) = self.stored_plan(reference).await?;
        let approval = Approval {
            plan_id: plan.plan_id.clone(),
            plan_digest: digest,
            approver: approver.to_owned(),
            approved_at: self.now(),
            note: with.note,
            signature: with.signature,
        };
        // The same check as before execution, so that a yes that would be worthless is not recorded.
        let approvals = Approvals { of_plan: std::slice::from_ref(&approval), standing: &[] };
        ApprovedPlan::new(plan, approvals, self.approval_rules(), self.now())?;
        self.ledger.approve(&approval).await?;
        Ok(approval)
    }

    /// Records a yes to one rule as it stands.
    ///
    /// # Errors
    /// [`AppError::NoSuchRule`].
    pub async fn approve_standing(
        &self,
        policy: &str,
        rule: &str,
        approver: &str,
        signature: Option<String>,
    ) -> Result<StandingApproval, AppError> {
        let rule_digest = self.rule_digest(policy, rule)?;
        let lines = standing_lines(policy, rule, &rule_digest, approver);
        self.signers()
            .check(approver, signature.as_deref(), &lines)
            .map_err(crate::plan::ApprovalError::Signature)?;
        let approval = StandingApproval {
            policy: policy.to_owned(),
            rule: rule.to_owned(),
            rule_digest,
            approver: approver.to_owned(),
            approved_at: self.now(),
            revoked_at: None,
            signature,
        };
        self.ledger.approve_standing(&approval).await?;
        Ok(approval)
    }

    /// The lines that an approver of this plan signs.
    ///
    /// # Errors
    /// When there is no such plan.
    pub async fn lines_to_sign(&self, reference: &str, approver: &str) -> Result<String, AppError> {
        let (plan, digest) = self.stored_plan(reference).await?;
        Ok(plan_lines(&plan.plan_id, &digest, approver))
    }

    /// The lines that somebody signs who approves a rule as it stands.
    ///
    /// # Errors
    /// [`AppError::NoSuchRule`].
    pub fn standing_lines_to_sign(
        &self,
        policy: &str,
        rule: &str,
        approver: &str,
    ) -> Result<String, AppError> {
        Ok(standing_lines(policy, rule, &self.rule_digest(policy, rule)?, approver))
    }

    fn rule_digest(&self, policy: &str, rule: &str) -> Result<String, AppError> {
        let targets = self.catalog.targets(self.now());
        let target = targets.iter().find(|target| target.policy.name == policy && target.rule.id == rule);
        let target = target
            .ok_or_else(|| AppError::NoSuchRule { policy: policy.to_owned(), rule: rule.to_owned() })?;
        Ok(digest::of_rule(&self.catalog, target))
    }

    fn signers(&self) -> Signers<'_> {
        let approvals = &self.settings.approvals;
        Signers { approvers: &approvals.approvers, required: approvals.require_signature }
    }

    /// Takes the standing approvals of a rule back; how many there were.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn revoke_standing(&self, policy: &str, rule: &str) -> Result<u64, AppError> {
        Ok(self.ledger.revoke_standing(policy, rule, self.now()).await?)
    }

    pub(super) async fn standing(&self, plan: Plan) -> Result<PlanStanding, AppError> {
        let approvals = self.ledger.approvals(&plan.plan_id).await?;
        let approved = match self.approved(&plan, self.now()).await {
            Ok(_) => Ok(()),
            Err(error @ AppError::Approval(_)) => Err(error),
            Err(error) => return Err(error),
        };
        let is_approved = approved.is_ok();
        let run = self.ledger.run_of_plan(&plan.plan_id).await?;
        let ready = match self.begun_or_blocked(run.as_ref()).await? {
            Some(error) => Err(error),
            None => match approved {
                Ok(()) => self.known_to_be_current(&plan).await?,
                Err(error) => Err(error),
            },
        };
        Ok(PlanStanding { digest: plan.digest(), approvals, is_approved, ready, run, plan })
    }

    /// The approved plan, if the ledger has what it takes.
    pub(super) async fn approved(&self, plan: &Plan, now: DateTime<Utc>) -> Result<ApprovedPlan, AppError> {
        let of_plan = self.ledger.approvals(&plan.plan_id).await?;
        let standing = self.ledger.standing().await?;
        let approvals = Approvals { of_plan: &of_plan, standing: &standing };
        Ok(ApprovedPlan::new(plan.clone(), approvals, self.approval_rules(), now)?)
    }

    fn approval_rules(&self) -> ApprovalRules<'_> {
        ApprovalRules {
            approver_not_author: self.settings.approvals.approver_not_author,
            signers: Some(self.signers()),
        }
    }

    /// A plan of the ledger with its digest. A plan file is taken only if the ledger has the same.
    pub(super) async fn stored_plan(&self, reference: &str) -> Result<(Plan, String), AppError> {
        let plan_id = self.plan_id(reference).await?;
        let stored = self.ledger.plan(&plan_id).await?;
        let (bytes, digest) =
            stored.ok_or_else(|| AppError::NoSuchPlan { reference: reference.to_owned() })?;
        let plan = parse_plan(&bytes)?;
        if plan.digest() != digest {
            return Err(AppError::PlanDamaged { plan_id });
        }
        Ok((plan, digest))
    }

    async fn plan_id(&self, reference: &str) -> Result<String, AppError> {
        let plans = self.ledger.plans(PLANS_SEARCHED_MAX).await?;
        if reference == "latest" {
            // A plan drafted while the clock ran ahead would be the newest until that day comes.
            let until = self.now() + self.clock_tolerance();
            let drafted = plans.iter().find(|plan| plan.drafted_at <= until).or(plans.first()).cloned();
            return drafted
                .map(|plan| plan.plan_id)
                .ok_or_else(|| AppError::NoSuchPlan { reference: reference.to_owned() });
        }
        let mut matching: Vec<String> = plans
            .into_iter()
            .map(|plan| plan.plan_id)
            .filter(|id| {
                id == reference || id.starts_with(reference) || id.starts_with(&format!("plan-{reference}"))
            })
            .collect();
        match matching.len() {
            0 => self.plan_of_file(Path::new(reference)).await,
            1 => Ok(matching.remove(0)),
            _ if matching.iter().any(|id| id == reference) => Ok(reference.to_owned()),
            _ => Err(AppError::AmbiguousPlan { reference: reference.to_owned() }),
        }
    }

    async fn plan_of_file(&self, path: &Path) -> Result<String, AppError> {
        let unknown = || AppError::NoSuchPlan { reference: path.display().to_string() };
        let Some(file) = super::readiness::open_file(path)? else { return Err(unknown()) };
        let plan = read_plan(file)?;
        let stored = self.ledger.plan(&plan.plan_id).await?;
        match stored {
            Some((_, digest)) if digest == plan.digest() => Ok(plan.plan_id),
            Some(_) => Err(AppError::PlanDamaged { plan_id: plan.plan_id }),
            None => Err(unknown()),
        }
    }

    async fn previous_plan(&self) -> Result<Option<Plan>, AppError> {
        let newest = self.ledger.plans(1).await?;
        let Some(entry) = newest.first() else { return Ok(None) };
        // A plan of an older format is no reason not to draft a new one.
        Ok(self.stored_plan(&entry.plan_id).await.ok().map(|(plan, _)| plan))
    }

    pub(super) fn validity(&self, now: DateTime<Utc>) -> Result<Duration, AppError> {
        let until = self.settings.approvals.plan_valid_for.after(now);
        Ok(until.context("plans are valid beyond the calendar")? - now)
    }

    pub(super) async fn clock_marks(&self) -> Result<ClockMarks, AppError> {
        let tolerance = Duration::from_std(self.settings.clock_tolerance).context("the clock tolerance")?;
        let seen = self.ledger.last_seen().await?;
        Ok(ClockMarks { last_seen_at: seen, last_run_at: seen, tolerance })
    }
}

/// The parts of a key as people type it: the value itself, or for several key columns a JSON array.
fn key_parts(text: &str) -> Vec<String> {
    let array = serde_json::from_str::<Vec<serde_json::Value>>(text);
    let Ok(values) = array else { return vec![text.to_owned()] };
    values.into_iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
}

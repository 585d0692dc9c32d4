//! From a plan and a yes to an approved plan.
//!
//! Floor 3; pure. [`ApprovedPlan::new`] is the only way there, and execution takes nothing else.

use super::compile::{self, Compiled, ExecutableItem, Refused, Subjects, Surroundings, owners};
use super::signature::{SignatureError, Signers, is_same_person, plan_lines, standing_lines};
use super::store::{Approval, StandingApproval};
use super::world::World;
use super::{FindingCode, FindingSeverity, Plan, PlanFinding, PlanItem, digest};
use crate::catalog::{Catalog, Target};
use chrono::{DateTime, Utc};
use connectors::Selection;
use thiserror::Error;

/// A plan that may be carried out: somebody said yes to exactly its bytes, or every rule in it that
/// has something to do has a standing approval.
///
/// It cannot be made in any other way:
/// ```compile_fail,E0451
/// # fn forged(plan: oubliette::plan::Plan) -> oubliette::plan::ApprovedPlan {
/// oubliette::plan::ApprovedPlan { plan, digest: String::new(), basis: unreachable!(), warnings: Vec::new() }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovedPlan {
    plan: Plan,
    digest: String,
    basis: ApprovalBasis,
    warnings: Vec<ApprovalWarning>,
}

/// On what an approved plan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalBasis {
    /// A person's yes to this very plan.
    Person(Approval),
    /// Standing approvals of every rule with records due.
    Standing(Vec<StandingApproval>),
}

/// What is allowed, but worth saying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalWarning {
    /// Who drafted the plan approved it too.
    AuthorIsApprover,
    /// Datasets that could not be read are not in the plan.
    Incomplete,
}

/// What the settings ask of an approval.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApprovalRules<'a> {
    /// Who drafted a plan may not approve it.
    pub approver_not_author: bool,
    /// Whose signatures are asked for; `None`: signatures are not looked at, because they were.
    pub signers: Option<Signers<'a>>,
}

/// The yeses that the ledger has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Approvals<'a> {
    pub of_plan: &'a [Approval],
    /// Active ones.
    pub standing: &'a [StandingApproval],
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApprovalError {
    #[error("plan '{plan_id}' is not approved")]
    NotApproved { plan_id: String },
    /// There is a yes, but to other bytes.
    #[error("plan '{plan_id}' was approved in another form: approve it again")]
    OtherDigest { plan_id: String },
    #[error("plan '{plan_id}' expired at {expired_at}: draft it again")]
    Expired { plan_id: String, expired_at: DateTime<Utc> },
    #[error("plan '{plan_id}' was drafted after now: the clock is wrong")]
    FromTheFuture { plan_id: String },
    #[error("plan '{plan_id}' is a simulation and cannot be carried out")]
    Simulated { plan_id: String },
    #[error("plan '{plan_id}' was drafted and approved by the same person, which the settings forbid")]
    AuthorIsApprover { plan_id: String },
    /// What stands against the plan must be put right, then it is drafted again.
    #[error("plan '{plan_id}' cannot be carried out: {}", messages(findings))]
    Refused { plan_id: String, findings: Vec<PlanFinding> },
    #[error("plan '{plan_id}' needs a person's approval: {}", messages(findings))]
    NeedsPerson { plan_id: String, findings: Vec<PlanFinding> },
    #[error(
        "the standing approval of rule '{rule}' of policy '{policy}' is void: the rule or its datasets changed"
    )]
    StandingVoid { policy: String, rule: String },
    /// There is a yes, and nothing shows that it was given by whom it names.
    #[error("the approval does not stand: {0}")]
    Signature(#[from] SignatureError),
}

fn messages(findings: &[PlanFinding]) -> String {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl ApprovedPlan {
    /// Checks everything that must be true of a plan before it may be carried out at `now`. Whether
    /// the stores still look as they did is [`super::staleness`]'s.
    ///
    /// # Errors
    /// [`ApprovalError`] says which condition does not hold.
    pub fn new(
        plan: Plan,
        approvals: Approvals<'_>,
        rules: ApprovalRules<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, ApprovalError> {
        check_plan(&plan, now)?;
        let digest = plan.digest();
        let basis = match basis_of_person(&plan, &digest, approvals.of_plan, rules) {
            Ok(approval) => ApprovalBasis::Person(approval),
            Err(
                reason @ (ApprovalError::OtherDigest { .. }
                | ApprovalError::AuthorIsApprover { .. }
                | ApprovalError::Signature(_)),
            ) => basis_of_standing(&plan, approvals.standing, rules).map_err(|_| reason)?,
            Err(_) => basis_of_standing(&plan, approvals.standing, rules)?,
        };
        let warnings = warnings_of(&plan, &basis);
        Ok(Self { plan, digest, basis, warnings })
    }

    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// SHA-256 of the plan's canonical JSON.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    #[must_use]
    pub fn basis(&self) -> &ApprovalBasis {
        &self.basis
    }

    #[must_use]
    pub fn warnings(&self) -> &[ApprovalWarning] {
        &self.warnings
    }

    /// Every item, also those with nothing due, in the order of execution, compiled again from the catalog
    /// and checked against what was approved.
    ///
    /// # Errors
    /// [`CompileError`] when catalog or stores are not those of the plan.
    pub fn executable(&self, catalog: &Catalog, world: &World) -> Result<Vec<ExecutableItem>, CompileError> {
        if self.plan.request.is_some() || digest::of_catalog(catalog) != self.plan.catalog_digest {
            return Err(CompileError::CatalogChanged);
        }
        let targets = catalog.targets(self.plan.as_of);
        let around = Surroundings {
            catalog,
            world,
            targets: &targets,
            as_of: self.plan.as_of,
            drafted_at: self.plan.drafted_at,
        };
        let mut items = Vec::with_capacity(self.plan.items.len());
        for item in &self.plan.items {
            items.push(executable_item(item, &around)?);
        }
        // First without, then with what goes along: what keeps objects must know the whole of it.
        let compiled = items.clone();
        for item in &mut items {
            owners::set_going(&mut item.selection, &mut item.subjects, &purging_of(&compiled));
        }
        let complete = items.clone();
        for item in &mut items {
            let of_links = item.links.iter_mut().flat_map(|link| &mut link.keepers);
            for keeper in of_links.chain(&mut item.keepers) {
                keeper.set_going(&purging_of(&complete));
            }
        }
        Ok(items)
    }
}

/// By what the plan purges. An item with nothing due is not carried out, so it purges nobody.
fn purging_of(items: &[ExecutableItem]) -> Vec<(&Selection, &Subjects)> {
    let carried_out = items.iter().filter(|item| item.item.counts.due > 0);
    carried_out.map(|item| (&item.selection, &item.subjects)).collect()
}

/// Compiles one item of a plan for looking only, whatever has changed since the plan was drafted:
/// enough to find its records again and to tell whether they are in their final state.
///
/// # Errors
/// [`CompileError`] when rule, dataset or disposition are not those of the plan any more.
pub fn observable(
    item: &PlanItem,
    catalog: &Catalog,
    world: &World,
    plan: &Plan,
) -> Result<ExecutableItem, CompileError> {
    let targets = catalog.targets(plan.as_of);
    let around =
        Surroundings { catalog, world, targets: &targets, as_of: plan.as_of, drafted_at: plan.drafted_at };
    let target = target_of(item, &targets).ok_or(CompileError::CatalogChanged)?;
    let compiled = compiled_target(item, &target, &around)?;
    executable_of(item, compiled)
}

/// Why an approved plan cannot be compiled for execution: nothing was touched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    #[error("the policies or the data map are not those of the plan")]
    CatalogChanged,
    #[error("dataset '{dataset}' cannot be read: {reason}")]
    Unreachable { dataset: String, reason: String },
    #[error("the tables behind dataset '{dataset}' are not as they were in the plan")]
    SchemaChanged { dataset: String },
    #[error("rule '{rule}' at dataset '{dataset}' gives another cutoff than in the plan")]
    CutoffChanged { rule: String, dataset: String },
    #[error("rule '{rule}' at dataset '{dataset}' cannot be carried out: {reason}")]
    Refused { rule: String, dataset: String, reason: String },
}

fn executable_item(item: &PlanItem, around: &Surroundings<'_>) -> Result<ExecutableItem, CompileError> {
    let target = target_of(item, around.targets).ok_or(CompileError::CatalogChanged)?;
    let dataset = || item.dataset.clone();
    let compiled = compiled_target(item, &target, around)?;
    if compiled.schema_digest != item.schema_digest {
        return Err(CompileError::SchemaChanged { dataset: dataset() });
    }
    if compiled.cutoff != item.cutoff {
        return Err(CompileError::CutoffChanged { rule: item.rule.rule.clone(), dataset: dataset() });
    }
    if let Some(finding) =
        compiled.findings.iter().find(|finding| finding.severity == FindingSeverity::Refusal)
    {
        return Err(refused(item, Refused::new(finding.code, finding.message.clone())));
    }
    executable_of(item, compiled)
}

fn compiled_target(
    item: &PlanItem,
    target: &Target<'_>,
    around: &Surroundings<'_>,
) -> Result<Compiled, CompileError> {
    let shape = around.world.shape(&item.dataset).ok_or_else(|| {
        let lost = around.world.unreachable().get(&item.dataset);
        let reason = lost.map_or("its store is not open", |lost| lost.reason.as_str()).to_owned();
        CompileError::Unreachable { dataset: item.dataset.clone(), reason }
    })?;
    compile::compile(target, shape, around).map_err(|reason| refused(item, reason))
}

fn refused(item: &PlanItem, refused: Refused) -> CompileError {
    CompileError::Refused {
        rule: item.rule.rule.clone(),
        dataset: item.dataset.clone(),
        reason: refused.message,
    }
}

fn executable_of(item: &PlanItem, compiled: Compiled) -> Result<ExecutableItem, CompileError> {
    if compiled.disposition != item.disposition {
        return Err(CompileError::CatalogChanged);
    }
    let mut selection = compiled.selection;
    // What is newer than the inventory was counted by nobody.
    selection.unchanged_since =
        selection.unchanged_since.min(item.inventory_at.or(selection.unchanged_since));
    Ok(ExecutableItem {
        item: item.clone(),
        selection,
        subjects: compiled.subjects,
        links: compiled.links,
        keepers: compiled.keepers,
    })
}

/// The rule and dataset of an item in the catalog.
#[must_use]
pub fn target_of<'a>(item: &PlanItem, targets: &[Target<'a>]) -> Option<Target<'a>> {
    targets
        .iter()
        .find(|target| {
            target.policy.name == item.rule.policy
                && target.rule.id == item.rule.rule
                && target.dataset.name == item.dataset
        })
        .copied()
}

fn check_plan(plan: &Plan, now: DateTime<Utc>) -> Result<(), ApprovalError> {
    let plan_id = || plan.plan_id.clone();
    if plan.simulated {
        return Err(ApprovalError::Simulated { plan_id: plan_id() });
    }
    if now < plan.drafted_at {
        return Err(ApprovalError::FromTheFuture { plan_id: plan_id() });
    }
    if now >= plan.expires_at {
        return Err(ApprovalError::Expired { plan_id: plan_id(), expired_at: plan.expires_at });
    }
    let findings = with_severity(plan, FindingSeverity::Refusal);
    if !findings.is_empty() {
        return Err(ApprovalError::Refused { plan_id: plan_id(), findings });
    }
    Ok(())
}

fn with_severity(plan: &Plan, severity: FindingSeverity) -> Vec<PlanFinding> {
    plan.findings.iter().filter(|finding| finding.severity == severity).cloned().collect()
}

impl ApprovalRules<'_> {
    fn check(self, approver: &str, signature: Option<&str>, lines: &str) -> Result<(), SignatureError> {
        self.signers.map_or(Ok(()), |signers| signers.check(approver, signature, lines))
    }
}

/// Those whose signatures hold, and why the last of the others does not.
fn signed<T>(
    approvals: Vec<T>,
    check: impl Fn(&T) -> Result<(), SignatureError>,
) -> (Vec<T>, Option<SignatureError>) {
    let mut unsigned = None;
    let good = approvals.into_iter().filter(|approval| match check(approval) {
        Ok(()) => true,
        Err(reason) => {
            unsigned = Some(reason);
            false
        }
    });
    (good.collect(), unsigned)
}

fn basis_of_person(
    plan: &Plan,
    digest: &str,
    approvals: &[Approval],
    rules: ApprovalRules<'_>,
) -> Result<Approval, ApprovalError> {
    let plan_id = || plan.plan_id.clone();
    let of_plan: Vec<&Approval> =
        approvals.iter().filter(|approval| approval.plan_id == plan.plan_id).collect();
    let of_bytes: Vec<&&Approval> =
        of_plan.iter().filter(|approval| approval.plan_digest == digest).collect();
    let (of_bytes, unsigned) = signed(of_bytes, |approval| {
        let lines = plan_lines(&plan.plan_id, digest, &approval.approver);
        rules.check(&approval.approver, approval.signature.as_deref(), &lines)
    });
    // Somebody else's yes is worth more than the author's own.
    let other = of_bytes.iter().find(|approval| !is_same_person(&approval.approver, &plan.author));
    match other.or(of_bytes.first()) {
        Some(_) if other.is_none() && rules.approver_not_author => {
            Err(ApprovalError::AuthorIsApprover { plan_id: plan_id() })
        }
        Some(approval) => Ok((**approval).clone()),
        None => Err(match unsigned {
            Some(reason) => ApprovalError::Signature(reason),
            None if of_plan.is_empty() => ApprovalError::NotApproved { plan_id: plan_id() },
            None => ApprovalError::OtherDigest { plan_id: plan_id() },
        }),
    }
}

fn basis_of_standing(
    plan: &Plan,
    standing: &[StandingApproval],
    rules: ApprovalRules<'_>,
) -> Result<ApprovalBasis, ApprovalError> {
    // What becomes of one person's records is looked at by a person.
    if plan.request.is_some() {
        return Err(ApprovalError::NotApproved { plan_id: plan.plan_id.clone() });
    }
    let mut used: Vec<StandingApproval> = Vec::new();
    for item in plan.items.iter().filter(|item| item.counts.due > 0) {
        let of_rule: Vec<&StandingApproval> = standing
            .iter()
            .filter(|one| {
                one.revoked_at.is_none() && one.policy == item.rule.policy && one.rule == item.rule.rule
            })
            .collect();
        let of_digest = of_rule.iter().filter(|one| one.rule_digest == item.rule.digest).collect();
        let (of_digest, unsigned) = signed(of_digest, |one| {
            let lines = standing_lines(&one.policy, &one.rule, &one.rule_digest, &one.approver);
            rules.check(&one.approver, one.signature.as_deref(), &lines)
        });
        let Some(binding) = of_digest.first() else {
            return Err(if let Some(reason) = unsigned {
                ApprovalError::Signature(reason)
            } else if of_rule.is_empty() {
                ApprovalError::NotApproved { plan_id: plan.plan_id.clone() }
            } else {
                ApprovalError::StandingVoid { policy: item.rule.policy.clone(), rule: item.rule.rule.clone() }
            });
        };
        if !used.contains(*binding) {
            used.push((**binding).clone());
        }
    }
    // A plan with nothing to do stands on no approval at all.
    if used.is_empty() {
        return Err(ApprovalError::NotApproved { plan_id: plan.plan_id.clone() });
    }
    let findings = with_severity(plan, FindingSeverity::NeedsApproval);
    if !findings.is_empty() {
        return Err(ApprovalError::NeedsPerson { plan_id: plan.plan_id.clone(), findings });
    }
    Ok(ApprovalBasis::Standing(used))
}

fn warnings_of(plan: &Plan, basis: &ApprovalBasis) -> Vec<ApprovalWarning> {
    let mut warnings = Vec::new();
    if let ApprovalBasis::Person(approval) = basis
        && is_same_person(&approval.approver, &plan.author)
    {
        warnings.push(ApprovalWarning::AuthorIsApprover);
    }
    let is_lost = |finding: &PlanFinding| finding.code == FindingCode::DatasetUnreachable;
    if !plan.unreachable.is_empty() || plan.findings.iter().any(is_lost) {
        warnings.push(ApprovalWarning::Incomplete);
    }
    warnings
}

#[cfg(test)]
mod tests;

//! Tests of `plan::approval`.

use super::*;
use crate::plan::testing::{at, finding, item, plan};

fn approval_of(plan: &Plan, approver: &str) -> Approval {
    Approval {
        plan_id: plan.plan_id.clone(),
        plan_digest: plan.digest(),
        approver: approver.to_owned(),
        approved_at: at("2026-06-15T13:00:00Z"),
        note: None,
        signature: None,
    }
}

fn standing(rule: &str, digest: &str) -> StandingApproval {
    StandingApproval {
        policy: "p".to_owned(),
        rule: rule.to_owned(),
        rule_digest: digest.to_owned(),
        approver: "bea".to_owned(),
        approved_at: at("2026-01-01T00:00:00Z"),
        revoked_at: None,
        signature: None,
    }
}

fn of_person(plan: &Plan, approver: &str) -> Result<ApprovedPlan, ApprovalError> {
    let approval = approval_of(plan, approver);
    let approvals = Approvals { of_plan: std::slice::from_ref(&approval), standing: &[] };
    ApprovedPlan::new(
        plan.clone(),
        approvals,
        ApprovalRules { approver_not_author: true, ..ApprovalRules::default() },
        at("2026-06-15T14:00:00Z"),
    )
}

fn of_rules(plan: &Plan, standing: &[StandingApproval]) -> Result<ApprovedPlan, ApprovalError> {
    let approvals = Approvals { of_plan: &[], standing };
    ApprovedPlan::new(plan.clone(), approvals, ApprovalRules::default(), at("2026-06-15T14:00:00Z"))
}

#[test]
fn a_yes_of_another_person_to_these_bytes_approves() {
    let approved = of_person(&plan(), "bea").unwrap();
    assert_eq!(approved.digest(), plan().digest());
    assert!(matches!(approved.basis(), ApprovalBasis::Person(approval) if approval.approver == "bea"));
    assert!(approved.warnings().is_empty());
}

#[test]
fn the_author_cannot_approve_where_the_settings_forbid_it() {
    assert!(matches!(of_person(&plan(), " Anna "), Err(ApprovalError::AuthorIsApprover { .. })));
    let approval = approval_of(&plan(), "anna");
    let approvals = Approvals { of_plan: std::slice::from_ref(&approval), standing: &[] };
    let approved =
        ApprovedPlan::new(plan(), approvals, ApprovalRules::default(), at("2026-06-15T14:00:00Z")).unwrap();
    assert_eq!(approved.warnings(), [ApprovalWarning::AuthorIsApprover]);
}

#[test]
fn a_yes_to_other_bytes_is_none() {
    let approval = approval_of(&plan(), "bea");
    let changed = Plan { hold_revision: 4, ..plan() };
    let approvals = Approvals { of_plan: std::slice::from_ref(&approval), standing: &[] };
    let result = ApprovedPlan::new(changed, approvals, ApprovalRules::default(), at("2026-06-15T14:00:00Z"));
    assert!(matches!(result, Err(ApprovalError::OtherDigest { .. })));
}

#[test]
fn an_expired_simulated_or_refused_plan_cannot_be_approved() {
    let expired = Plan { expires_at: at("2026-06-15T14:00:00Z"), ..plan() };
    assert!(matches!(of_person(&expired, "bea"), Err(ApprovalError::Expired { .. })));
    let simulated = Plan { simulated: true, ..plan() };
    assert!(matches!(of_person(&simulated, "bea"), Err(ApprovalError::Simulated { .. })));
    let future = Plan { drafted_at: at("2026-06-15T15:00:00Z"), ..plan() };
    assert!(matches!(of_person(&future, "bea"), Err(ApprovalError::FromTheFuture { .. })));
    let refused =
        Plan { findings: vec![finding(FindingSeverity::Refusal, FindingCode::ForeignKeyBlocks)], ..plan() };
    assert!(matches!(
        of_person(&refused, "bea"),
        Err(ApprovalError::Refused { findings, .. }) if findings.len() == 1
    ));
}

#[test]
fn standing_approvals_cover_a_plan_only_if_they_cover_every_rule_with_records_due() {
    let both = Plan { items: vec![item(0, 5), item(1, 5)], ..plan() };
    let (first, second) = (standing("rule-0", "digest-0"), standing("rule-1", "digest-1"));
    assert!(matches!(of_rules(&both, &[]), Err(ApprovalError::NotApproved { .. })));
    assert!(matches!(of_rules(&both, std::slice::from_ref(&first)), Err(ApprovalError::NotApproved { .. })));
    let approved = of_rules(&both, &[first.clone(), second.clone()]).unwrap();
    assert_eq!(approved.basis(), &ApprovalBasis::Standing(vec![first.clone(), second]));
    let idle = Plan { items: vec![item(0, 5), item(1, 0)], ..plan() };
    assert!(of_rules(&idle, &[first]).is_ok());
}

#[test]
fn a_standing_approval_is_void_once_the_rule_changed_or_it_was_revoked() {
    let changed = standing("rule-0", "another");
    assert!(matches!(
        of_rules(&plan(), &[changed]),
        Err(ApprovalError::StandingVoid { rule, .. }) if rule == "rule-0"
    ));
    let revoked =
        StandingApproval { revoked_at: Some(at("2026-02-01T00:00:00Z")), ..standing("rule-0", "digest-0") };
    assert!(matches!(of_rules(&plan(), &[revoked]), Err(ApprovalError::NotApproved { .. })));
}

#[test]
fn a_plan_over_a_guard_needs_a_person() {
    let over =
        Plan { findings: vec![finding(FindingSeverity::NeedsApproval, FindingCode::GuardShare)], ..plan() };
    let rules = [standing("rule-0", "digest-0")];
    assert!(matches!(of_rules(&over, &rules), Err(ApprovalError::NeedsPerson { .. })));
    assert!(of_person(&over, "bea").is_ok());
}

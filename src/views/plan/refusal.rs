//! Why a plan cannot be applied, in both languages (floor 8, pure).

use crate::app::AppError;
use crate::plan::staleness::StaleReason;
use crate::plan::{ApprovalError, Plan, PlanFinding};
use crate::policy::Language;
use crate::views::text::{instant, printable};
use crate::views::words::plan as words;

/// The reason as the end of a sentence. What has no words of its own is said in English.
#[must_use]
pub fn refusal(error: &AppError, plan: &Plan, language: Language) -> String {
    match error {
        AppError::Approval(reason) => approval(reason, plan, language),
        AppError::Stale(reasons) => {
            reasons.iter().map(|reason| stale(reason, language)).collect::<Vec<_>>().join("; ")
        }
        AppError::OtherRunOpen { run_id, .. } => words::NOT_READY_OTHER_RUN.fill(language, &[run_id]),
        AppError::ClockBehind { seen, .. } => words::NOT_READY_CLOCK.fill(language, &[&instant(*seen)]),
        other => printable(&other.to_string()),
    }
}

fn approval(reason: &ApprovalError, plan: &Plan, language: Language) -> String {
    let findings = |findings: &[PlanFinding]| {
        let each = findings.iter().map(|finding| super::finding::line(finding, plan, language));
        each.collect::<Vec<_>>().join("; ")
    };
    match reason {
        ApprovalError::NotApproved { .. } => words::NOT_READY_UNAPPROVED.text(language).to_owned(),
        ApprovalError::OtherDigest { .. } => words::NOT_READY_OTHER_DIGEST.text(language).to_owned(),
        ApprovalError::Expired { expired_at, .. } => {
            words::NOT_READY_EXPIRED.fill(language, &[&instant(*expired_at)])
        }
        ApprovalError::FromTheFuture { .. } => words::NOT_READY_FUTURE.text(language).to_owned(),
        ApprovalError::Simulated { .. } => words::NOT_READY_SIMULATED.text(language).to_owned(),
        ApprovalError::AuthorIsApprover { .. } => words::NOT_READY_AUTHOR.text(language).to_owned(),
        ApprovalError::Refused { findings: found, .. } => findings(found),
        ApprovalError::NeedsPerson { findings: found, .. } => {
            words::NOT_READY_PERSON.fill(language, &[&findings(found)])
        }
        ApprovalError::Signature(reason) => words::NOT_READY_SIGNATURE.fill(language, &[reason]),
        ApprovalError::StandingVoid { policy, rule } => words::NOT_READY_VOID.fill(language, &[policy, rule]),
    }
}

fn stale(reason: &StaleReason, language: Language) -> String {
    match reason {
        StaleReason::Expired { expired_at } => {
            words::NOT_READY_EXPIRED.fill(language, &[&instant(*expired_at)])
        }
        StaleReason::PolicyChanged => words::NOT_READY_POLICY.text(language).to_owned(),
        StaleReason::HoldsChanged { .. } => words::NOT_READY_HOLDS.text(language).to_owned(),
        other => printable(&other.to_string()),
    }
}

//! Whether a plan may be carried out unattended, and if not, why a person is asked.
//!
//! Floor 7. Standing approvals and the guards of the plan are the plan's own to check; here are the limits
//! that only exist over time: a sudden rise against a rule's own history, and the most of a day.

use crate::app::{App, AppError, PlanStanding};
use crate::notice::WaitReason;
use crate::plan::{ApprovalError, FindingCode, Plan, PlanFinding};
use crate::schedule::store::{DueCount, ScheduleStore};
use crate::settings::JumpGuard;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Runs of a rule that its history is made of.
const HISTORY: u32 = 20;
/// With fewer there is no history yet.
const HISTORY_MIN: usize = 3;

/// What becomes of a plan that a schedule drafted.
#[derive(Debug)]
pub(super) enum Verdict {
    MayGo,
    /// A person must look; with the rules because of which.
    Waits(WaitReason, Vec<String>),
    /// Neither: tried again.
    NotNow(AppError),
}

/// Judges a plan that was just drafted.
pub(super) async fn judge(
    app: &App,
    standing: PlanStanding,
    clock_is_doubtful: bool,
) -> Result<Verdict, AppError> {
    let plan = &standing.plan;
    if let Err(error) = standing.ready {
        return Ok(refused(error, plan));
    }
    if clock_is_doubtful {
        return Ok(Verdict::Waits(WaitReason::ClockDoubtful, Vec::new()));
    }
    let counts = due_counts(plan);
    let store = app.schedule_store();
    let jumped = jumps(store, &counts, app.settings().daemon.jump).await?;
    if !jumped.is_empty() {
        return Ok(Verdict::Waits(WaitReason::Jumped, jumped));
    }
    let over = over_the_ceiling(app, &counts, plan.drafted_at).await?;
    if !over.is_empty() {
        return Ok(Verdict::Waits(WaitReason::DailyCeiling, over));
    }
    Ok(Verdict::MayGo)
}

fn refused(error: AppError, plan: &Plan) -> Verdict {
    let rules = || due_counts(plan).iter().filter(|count| count.due > 0).map(name).collect();
    match error {
        AppError::Approval(ApprovalError::NotApproved { .. }) => {
            Verdict::Waits(WaitReason::NotApproved, rules())
        }
        AppError::Approval(ApprovalError::StandingVoid { policy, rule }) => {
            Verdict::Waits(WaitReason::StandingVoid, vec![format!("{policy}/{rule}")])
        }
        AppError::Approval(ApprovalError::NeedsPerson { findings, .. }) => {
            Verdict::Waits(WaitReason::NeedsPerson, rules_of(&findings, plan))
        }
        AppError::Approval(ApprovalError::Refused { ref findings, .. }) => {
            if findings.iter().any(|finding| finding.code == FindingCode::ClockDoubtful) {
                return Verdict::NotNow(error);
            }
            Verdict::Waits(WaitReason::Refused, rules_of(findings, plan))
        }
        other => Verdict::NotNow(other),
    }
}

fn rules_of(findings: &[PlanFinding], plan: &Plan) -> Vec<String> {
    let items = findings.iter().filter_map(|finding| finding.item);
    let items = items.filter_map(|number| plan.items.iter().find(|item| item.item == number));
    let mut rules: Vec<String> =
        items.map(|item| format!("{}/{}", item.rule.policy, item.rule.rule)).collect();
    rules.sort();
    rules.dedup();
    rules
}

fn name(count: &DueCount) -> String {
    format!("{}/{}", count.policy, count.rule)
}

/// What is due by rule, over all its datasets.
pub(super) fn due_counts(plan: &Plan) -> Vec<DueCount> {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for item in &plan.items {
        let sum = sums.entry((&item.rule.policy, &item.rule.rule)).or_default();
        *sum = sum.saturating_add(item.counts.due);
    }
    let count = |((policy, rule), due): ((&str, &str), u64)| DueCount {
        policy: policy.to_owned(),
        rule: rule.to_owned(),
        due,
    };
    sums.into_iter().map(count).collect()
}

async fn jumps(
    store: &dyn ScheduleStore,
    counts: &[DueCount],
    guard: JumpGuard,
) -> Result<Vec<String>, AppError> {
    let mut jumped = Vec::new();
    for count in counts.iter().filter(|count| count.due > guard.floor) {
        let history = store.due_history(&count.policy, &count.rule, HISTORY).await?;
        if is_jump(count.due, &history, guard) {
            jumped.push(name(count));
        }
    }
    Ok(jumped)
}

/// Over the floor, and over so many times the median of what usually is due. Runs that found nothing say
/// nothing about how much there is when there is something, so they count only if there are no others.
fn is_jump(due: u64, history: &[u64], guard: JumpGuard) -> bool {
    if due <= guard.floor || history.len() < HISTORY_MIN {
        return false;
    }
    let mut found: Vec<u64> = history.iter().copied().filter(|count| *count > 0).collect();
    found.sort_unstable();
    let median = found.get(found.len() / 2).copied().unwrap_or(0);
    due > median.saturating_mul(guard.factor)
}

async fn over_the_ceiling(
    app: &App,
    counts: &[DueCount],
    now: DateTime<Utc>,
) -> Result<Vec<String>, AppError> {
    let mut over = Vec::new();
    let targets = app.catalog().targets(now);
    for count in counts.iter().filter(|count| count.due > 0) {
        let of_rule = |target: &&crate::catalog::Target<'_>| {
            target.policy.name == count.policy && target.rule.id == count.rule
        };
        let Some(target) = targets.iter().find(of_rule) else { continue };
        let Some(ceiling) = target.rule.guards.max_records_per_day else { continue };
        let today = now.with_timezone(&target.policy.time_zone).date_naive();
        let midnight = today.and_time(chrono::NaiveTime::MIN);
        let midnight = midnight.and_local_timezone(target.policy.time_zone).earliest();
        let from = midnight.map_or(now - chrono::Duration::days(1), |midnight| midnight.to_utc());
        let before = app.schedule_store().unattended_since(&count.policy, &count.rule, from).await?;
        if before.saturating_add(count.due) > ceiling {
            over.push(name(count));
        }
    }
    Ok(over)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: JumpGuard = JumpGuard { factor: 10, floor: 100 };

    #[track_caller]
    fn check(due: u64, history: &[u64], expected: bool) {
        assert_eq!(is_jump(due, history, GUARD), expected, "{due} after {history:?}");
    }

    #[test]
    fn a_rule_is_measured_by_its_own_history() {
        check(1_000, &[90, 100, 110], false);
        check(1_001, &[90, 100, 110], true);
        check(101, &[1, 1, 1, 1], true);
        check(100, &[1, 1, 1, 1], false);
    }

    #[test]
    fn without_a_history_nothing_is_a_jump() {
        check(1_000_000, &[], false);
        check(1_000_000, &[5, 5], false);
    }

    #[test]
    fn empty_runs_do_not_make_a_usual_one_a_jump() {
        check(150, &[0, 0, 0, 0, 140, 0, 0], false);
        check(101, &[0, 0, 0], true);
    }
}

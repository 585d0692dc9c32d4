//! The plan as its reviewer reads it: enough to say yes or no without a database at hand
//! (floor 8, pure).
//!
//! The JSON form is the plan itself, which is a contract of its own; `standing` wraps it.

mod item;

use super::JSON_FORMAT_VERSION;
use super::text::{self, add_line, instant, number, printable};
use super::words::plan as words;
use crate::journal::{RunRecord, RunState};
use crate::plan::store::Approval;
use crate::plan::{FindingCode, Plan, PlanFinding, PlanItem};
use crate::policy::Language;
use comfy_table::{Cell, CellAlignment};
use serde::Serialize;

/// Widths of the columns of the overview: 100 together with the blanks between them.
const COLUMN_WIDTHS: [u16; 9] = [25, 12, 8, 8, 6, 7, 7, 9, 10];

/// Where a plan stands, as far as its reader must know.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub plan: &'a Plan,
    pub digest: &'a str,
    pub approvals: &'a [Approval],
    /// Its run, if it was ever begun.
    pub run: Option<&'a RunRecord>,
    /// Why it cannot be applied now; `None` when it can.
    pub not_ready: Option<&'a str>,
}

/// Header, table, items, findings and how to approve.
#[must_use]
pub fn human(standing: &Standing<'_>, language: Language) -> String {
    let plan = standing.plan;
    let mut page = header(plan, standing.digest, language);
    if !plan.items.is_empty() {
        page.push('\n');
        page.push_str(&overview(&plan.items, language));
    }
    for entry in &plan.items {
        page.push('\n');
        page.push_str(&item::details(entry, language));
    }
    page.push_str(&must_know(plan, language));
    page
}

/// Approvals, readiness and the next commands: what follows [`human`].
#[must_use]
pub fn next_steps(standing: &Standing<'_>, language: Language) -> String {
    let plan = standing.plan;
    let mut page = String::from("\n");
    if plan.items.iter().all(|item| item.counts.due == 0) && plan.unreachable.is_empty() {
        return page + words::NOTHING_DUE.text(language) + "\n";
    }
    if plan.simulated {
        return page + words::SIMULATED.text(language) + "\n";
    }
    if standing.not_ready.is_none() {
        page.push_str(words::APPLY_WITH.text(language));
        add_line(&mut page, format_args!("\n  oubliette apply {}", plan.plan_id));
    } else if standing.approvals.is_empty() {
        page.push_str(words::APPROVE_WITH.text(language));
        add_line(&mut page, format_args!("\n  oubliette approve {} --as NAME", plan.plan_id));
    }
    page
}

/// Who approved, and whether the plan can be applied.
#[must_use]
pub fn approvals(standing: &Standing<'_>, language: Language) -> String {
    let mut page = format!("\n{}\n", words::APPROVALS.text(language));
    let covered_by_standing = standing.not_ready.is_none() && standing.approvals.is_empty();
    if standing.approvals.is_empty() && !covered_by_standing {
        add_line(&mut page, format_args!("  {}", words::NO_APPROVAL.text(language)));
    }
    for approval in standing.approvals {
        let (who, when) = (printable(&approval.approver), instant(approval.approved_at));
        let line = match &approval.note {
            Some(note) => words::APPROVED_BY_NOTE.fill(language, &[&who, &when, &printable(note)]),
            None => words::APPROVED_BY.fill(language, &[&who, &when]),
        };
        add_line(&mut page, format_args!("  {line}"));
    }
    if covered_by_standing {
        add_line(&mut page, format_args!("  {}", words::COVERED.text(language)));
    }
    let readiness = match (standing.run, standing.not_ready) {
        (Some(run), _) if run.state == RunState::Certified => {
            words::CARRIED_OUT.fill(language, &[&run.run_id, &run.certificate_id])
        }
        (Some(run), _) => words::RUN_OPEN.fill(language, &[&run.run_id]),
        (None, None) => words::READY.text(language).to_owned(),
        (None, Some(reason)) => words::NOT_READY.fill(language, &[&reason]),
    };
    page + "  " + &readiness + "\n"
}

fn header(plan: &Plan, digest: &str, language: Language) -> String {
    let policies: Vec<String> = plan
        .policies
        .iter()
        .map(|policy| words::POLICY_VERSION.fill(language, &[&policy.policy, &policy.version]))
        .collect();
    let policies =
        if policies.is_empty() { words::NONE.text(language).to_owned() } else { policies.join(", ") };
    let author = printable(&plan.author);
    let drafted = words::DRAFTED_BY.fill(language, &[&instant(plan.drafted_at), &author]);
    let rows = [
        (words::DIGEST, digest.to_owned()),
        (words::AS_OF, instant(plan.as_of)),
        (words::DRAFTED, drafted),
        (words::EXPIRES, instant(plan.expires_at)),
        (words::POLICIES, policies),
    ];
    let mut page = words::HEADING.fill(language, &[&plan.plan_id]) + "\n";
    for (name, value) in rows {
        add_line(&mut page, format_args!("  {:<13}{value}", name.text(language)));
    }
    let note = if plan.simulated { words::SIMULATED } else { words::NOTHING_CHANGED };
    page + "  " + note.text(language) + "\n"
}

fn overview(items: &[PlanItem], language: Language) -> String {
    let header = [
        words::COLUMN_RULE,
        words::COLUMN_DISPOSITION,
        words::COLUMN_DUE,
        words::COLUMN_OVERDUE,
        words::COLUMN_HELD,
        words::COLUMN_UNDECIDABLE,
        words::COLUMN_NOT_YET,
        words::COLUMN_SHARE,
        words::COLUMN_RANGE,
    ];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for item in items {
        table.add_row(item::row(item, language));
    }
    if items.len() > 1 {
        table.add_row(total_row(items, language));
    }
    for (column, width) in COLUMN_WIDTHS.into_iter().enumerate() {
        text::fix_width(&mut table, column, width);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    text::lines(&table)
}

fn total_row(items: &[PlanItem], language: Language) -> Vec<Cell> {
    let sum = |count: fn(&PlanItem) -> u64| {
        number(items.iter().fold(0, |total: u64, item| total.saturating_add(count(item))))
    };
    let bytes = items.iter().fold(0, |total: u64, item| total.saturating_add(item.due_bytes));
    [
        words::TOTAL.text(language).to_owned(),
        String::new(),
        sum(|item| item.counts.due),
        sum(|item| item.counts.overdue),
        sum(|item| item.counts.held),
        sum(|item| item.counts.undecidable_total()),
        sum(|item| item.counts.not_yet_due),
        text::size(bytes, language),
        String::new(),
    ]
    .map(Cell::new)
    .into()
}

fn must_know(plan: &Plan, language: Language) -> String {
    let mut page = String::new();
    // That nothing is due is the last line of the page already.
    let mut findings: Vec<&PlanFinding> = plan
        .findings
        .iter()
        .filter(|finding| finding.code != FindingCode::NothingDue || !plan.unreachable.is_empty())
        .collect();
    if findings.is_empty() && plan.unreachable.is_empty() {
        return page;
    }
    add_line(&mut page, format_args!("\n{}", words::MUST_KNOW.text(language)));
    for missing in &plan.unreachable {
        let line = words::UNREACHABLE.fill(language, &[&missing.dataset, &missing.store, &missing.reason]);
        add_line(&mut page, format_args!("  ! {line}"));
    }
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.item.cmp(&b.item)));
    for finding in findings {
        add_line(&mut page, format_args!("  ! {}", finding_line(finding, plan, language)));
    }
    page
}

fn finding_line(finding: &PlanFinding, plan: &Plan, language: Language) -> String {
    let place = finding
        .item
        .map_or_else(String::new, |item| words::ON_ITEM.fill(language, &[&(u64::from(item) + 1)]));
    let weight = words::severity(finding.severity).text(language);
    let what = words::finding(finding.code).text(language);
    let details = match guard_figures(finding, plan, language) {
        Some(figures) => format!("{what} ({figures})"),
        // The message says it all, in English whatever the language.
        None if language == Language::En => printable(&finding.message),
        None => format!("{what} ({})", printable(&finding.message)),
    };
    format!("[{weight}] {place}{details}")
}

/// The figures of a guard in the language of the reader; `None` for what is no count against a limit.
fn guard_figures(finding: &PlanFinding, plan: &Plan, language: Language) -> Option<String> {
    let item = plan.items.iter().find(|item| Some(item.item) == finding.item)?;
    let (counts, guards) = (&item.counts, &item.guards);
    match finding.code {
        FindingCode::GuardRecords => {
            Some(words::FIGURES_RECORDS.fill(language, &[&number(counts.due), &number(guards.records_max)]))
        }
        FindingCode::GuardShare => Some(
            words::FIGURES_SHARE
                .fill(language, &[&number(counts.due), &number(counts.total), &guards.share_max_percent]),
        ),
        _ => None,
    }
}

/// The JSON form of `plan` and `show`: the plan is a contract of its own and stands as it is.
#[derive(Debug, Serialize)]
pub struct StandingJson<'a> {
    format_version: u32,
    digest: &'a str,
    ready: bool,
    not_ready_because: Option<&'a str>,
    run_id: Option<&'a str>,
    approvals: Vec<ApprovalJson<'a>>,
    plan: &'a Plan,
}

#[derive(Debug, Serialize)]
struct ApprovalJson<'a> {
    approver: &'a str,
    approved_at: String,
    note: Option<&'a str>,
}

impl<'a> StandingJson<'a> {
    #[must_use]
    pub fn new(standing: &Standing<'a>) -> Self {
        let approvals = standing.approvals.iter().map(|approval| ApprovalJson {
            approver: &approval.approver,
            approved_at: instant(approval.approved_at),
            note: approval.note.as_deref(),
        });
        Self {
            format_version: JSON_FORMAT_VERSION,
            digest: standing.digest,
            ready: standing.not_ready.is_none(),
            not_ready_because: standing.not_ready,
            run_id: standing.run.map(|run| run.run_id.as_str()),
            approvals: approvals.collect(),
            plan: standing.plan,
        }
    }
}

#[cfg(test)]
mod tests;

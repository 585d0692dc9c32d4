//! The plan as its reviewer reads it: enough to say yes or no without a database at hand
//! (floor 8, pure).
//!
//! The JSON form is the plan itself, which is a contract of its own; `standing` wraps it.

mod finding;
mod item;
mod refusal;
mod together;

pub use refusal::refusal;

use super::JSON_FORMAT_VERSION;
use super::text::{self, add_line, instant, number, printable};
use super::words::plan as words;
use crate::app::AppError;
use crate::journal::{RunRecord, RunState};
use crate::plan::store::Approval;
use crate::plan::{FindingCode, FindingSeverity, Plan, PlanFinding, PlanItem};
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
    /// Whether a person or standing approvals cover it.
    pub is_approved: bool,
    /// Why it cannot be applied now, as far as can be told without the stores; `None` when it can.
    pub not_ready: Option<&'a AppError>,
}

/// Header, table, items, findings and how to approve.
#[must_use]
pub fn human(standing: &Standing<'_>, language: Language) -> String {
    let plan = &*together::for_reading(standing.plan);
    let mut page = header(plan, standing.digest, language);
    if let Some(request) = &plan.request {
        page.push('\n');
        page.push_str(&super::requests::searched(plan, request, language));
    }
    if !plan.items.is_empty() {
        page.push('\n');
        page.push_str(&overview(plan, language));
    }
    for entry in &plan.items {
        page.push('\n');
        page.push_str(&match &plan.request {
            Some(_) => item::details_of_request(entry, language),
            None => item::details(entry, is_uncounted(entry, plan), language),
        });
    }
    page.push_str(&must_know(plan, language));
    page
}

/// Approvals, readiness and the next commands: what follows [`human`].
#[must_use]
pub fn next_steps(standing: &Standing<'_>, language: Language) -> String {
    let plan = standing.plan;
    let mut page = String::from("\n");
    let is_whole = plan.unreachable.is_empty() && !plan.items.iter().any(|item| is_uncounted(item, plan));
    // Of a request somebody is told that nothing was found, on a certificate.
    if plan.request.is_none() && is_whole && plan.items.iter().all(|item| item.counts.due == 0) {
        return page + words::NOTHING_DUE.text(language) + "\n";
    }
    if plan.simulated {
        return page + words::SIMULATED.text(language) + "\n";
    }
    if standing.not_ready.is_none() {
        page.push_str(words::APPLY_WITH.text(language));
        add_line(&mut page, format_args!("\n  oubliette apply {}", plan.plan_id));
    } else if !standing.is_approved && standing.approvals.is_empty() {
        page.push_str(words::APPROVE_WITH.text(language));
        add_line(&mut page, format_args!("\n  oubliette approve {} --as NAME", plan.plan_id));
    }
    page
}

/// Who approved, and whether the plan can be applied.
#[must_use]
pub fn approvals(standing: &Standing<'_>, language: Language) -> String {
    let mut page = format!("\n{}\n", words::APPROVALS.text(language));
    let covered_by_standing = standing.is_approved && standing.approvals.is_empty();
    if standing.approvals.is_empty() && !covered_by_standing {
        add_line(&mut page, format_args!("  {}", words::NO_APPROVAL.text(language)));
    }
    for approval in standing.approvals {
        let (who, when) = (printable(&approval.approver), instant(approval.approved_at));
        let line = match &approval.note {
            Some(note) => words::APPROVED_BY_NOTE.fill(language, &[&who, &when, &printable(note)]),
            None => words::APPROVED_BY.fill(language, &[&who, &when]),
        };
        let signed = approval.signature.as_ref().map(|_| words::APPROVAL_SIGNED.text(language));
        add_line(&mut page, format_args!("  {line}{}", signed.unwrap_or_default()));
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
        (None, Some(reason)) => words::NOT_READY.fill(language, &[&refusal(reason, standing.plan, language)]),
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

fn overview(plan: &Plan, language: Language) -> String {
    let items = &plan.items;
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
        let row = if is_uncounted(item, plan) { item::uncounted_row } else { item::row };
        table.add_row(row(item, language));
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
    let mut lines: Vec<String> = Vec::new();
    for finding in findings {
        let line = finding::line(finding, plan, language);
        // Two doubts of one kind are one line where it is made of the counts of the item.
        if !lines.contains(&line) {
            add_line(&mut page, format_args!("  ! {line}"));
            lines.push(line);
        }
    }
    page
}

/// Whether a rule was refused before its records could be counted: its zeros say nothing then.
fn is_uncounted(item: &PlanItem, plan: &Plan) -> bool {
    let stops_counting = |code: FindingCode| {
        matches!(
            code,
            FindingCode::KeyMissing
                | FindingCode::StartUnresolved
                | FindingCode::ScopeUnreadable
                | FindingCode::HoldUnreadable
        )
    };
    item.counts.total == 0
        && plan.findings.iter().any(|finding| {
            finding.item == Some(item.item)
                && finding.severity == FindingSeverity::Refusal
                && stops_counting(finding.code)
        })
}

/// The JSON form of `plan` and `show`: the plan is a contract of its own and stands as it is.
#[derive(Debug, Serialize)]
pub struct StandingJson<'a> {
    format_version: u32,
    digest: &'a str,
    /// Without a look at the stores, with which `apply` compares the plan once more.
    ready: bool,
    not_ready_because: Option<String>,
    run_id: Option<&'a str>,
    approvals: Vec<ApprovalJson<'a>>,
    plan: &'a Plan,
}

#[derive(Debug, Serialize)]
struct ApprovalJson<'a> {
    approver: &'a str,
    approved_at: String,
    note: Option<&'a str>,
    /// As it was given, so that others can verify it.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
}

impl<'a> StandingJson<'a> {
    #[must_use]
    pub fn new(standing: &Standing<'a>) -> Self {
        let approvals = standing.approvals.iter().map(|approval| ApprovalJson {
            approver: &approval.approver,
            approved_at: instant(approval.approved_at),
            note: approval.note.as_deref(),
            signature: approval.signature.as_deref(),
        });
        Self {
            format_version: JSON_FORMAT_VERSION,
            digest: standing.digest,
            ready: standing.not_ready.is_none(),
            not_ready_because: standing.not_ready.map(ToString::to_string),
            run_id: standing.run.map(|run| run.run_id.as_str()),
            approvals: approvals.collect(),
            plan: standing.plan,
        }
    }
}

#[cfg(test)]
mod tests;

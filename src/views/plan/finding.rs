//! One finding of a plan as a line (floor 8, pure).
//!
//! A finding's own message is English, because the plan is a value with one text. In English it is the
//! line. In French the line is made of the code and of the counts and names that the plan holds; where
//! those do not tell all, the message follows and is said to be in English.

use crate::plan::{EffectKind, FindingCode, Plan, PlanFinding, PlanItem, PlanLeak};
use crate::policy::Language;
use crate::views::text::{joined, number, printable};
use crate::views::words::{Message, plan as words};
use connectors::DoubtReason;

pub(super) fn line(finding: &PlanFinding, plan: &Plan, language: Language) -> String {
    let place = finding
        .item
        .map_or_else(String::new, |item| words::ON_ITEM.fill(language, &[&(u64::from(item) + 1)]));
    let weight = words::severity(finding.severity).text(language);
    let what = words::finding(finding.code).text(language);
    let item = plan.items.iter().find(|item| Some(item.item) == finding.item);
    let details = match guard_figures(finding, item, language) {
        Some(figures) => format!("{what} ({figures})"),
        None if language == Language::En => printable(&finding.message),
        None => in_other_words(finding, plan, item, language),
    };
    format!("[{weight}] {place}{details}")
}

/// The figures of a guard; `None` for what is no count against a limit.
fn guard_figures(finding: &PlanFinding, item: Option<&PlanItem>, language: Language) -> Option<String> {
    let item = item?;
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

/// The finding without its English message, where the plan holds what there is to say.
fn in_other_words(finding: &PlanFinding, plan: &Plan, item: Option<&PlanItem>, language: Language) -> String {
    let what = words::finding(finding.code).text(language);
    let with = |message: Message, values: &[&dyn std::fmt::Display]| {
        format!("{what} ({})", message.fill(language, values))
    };
    let whole = match (finding.code, item) {
        (FindingCode::GuardWholeDataset | FindingCode::NothingDue, _) => Some(what.to_owned()),
        (FindingCode::KeyMissing, Some(item)) => {
            Some(with(words::FIGURES_DATASET, &[&printable(&item.dataset)]))
        }
        (FindingCode::GuardKeepNewest, Some(item)) => Some(with(
            words::FIGURES_NEWEST,
            &[&number(item.guards.keep_newest), &number(item.counts.not_yet_due)],
        )),
        (FindingCode::ShareUndecidable, Some(item)) => {
            Some(with(words::FIGURES_UNDECIDABLE, &[&number(item.counts.in_scope), &doubts(item, language)]))
        }
        (FindingCode::StartNeverSet, Some(item)) => {
            Some(with(words::FIGURES_NEVER, &[&number(item.counts.in_scope)]))
        }
        (FindingCode::StartUnresolved, Some(item)) if doubt(item, DoubtReason::StartUnreadable) > 0 => {
            let unreadable = number(doubt(item, DoubtReason::StartUnreadable));
            Some(with(words::FIGURES_ZONE, &[&unreadable]))
        }
        (FindingCode::RulesConflict, Some(item)) if doubt(item, DoubtReason::Conflict) > 0 => {
            Some(with(words::FIGURES_CONFLICT, &[&number(doubt(item, DoubtReason::Conflict))]))
        }
        (FindingCode::BackupsUnknown, Some(item)) => {
            Some(with(words::FIGURES_BACKUPS, &[&printable(&item.store)]))
        }
        (FindingCode::PartitionsGo, Some(item)) => {
            let records: u64 = item.partitions.iter().map(|partition| partition.records).sum();
            Some(with(words::FIGURES_PARTITIONS, &[&item.partitions.len(), &number(records)]))
        }
        (FindingCode::TriggersFire, Some(item)) => triggers(item).map(|(records, dataset)| {
            with(words::FIGURES_TRIGGERS, &[&number(records), &printable(dataset)])
        }),
        _ if leak_of(finding, plan).is_some() => {
            leak_of(finding, plan).map(|leak| leak_line(leak, what, language))
        }
        (FindingCode::DatasetUnreachable, _) => {
            let names: Vec<String> = plan.unreachable.iter().map(|lost| printable(&lost.dataset)).collect();
            (!names.is_empty()).then(|| format!("{what} ({})", joined(&names, language)))
        }
        _ => None,
    };
    whole.unwrap_or_else(|| with(words::FIGURES_IN_ENGLISH, &[&printable(&finding.message)]))
}

/// What a finding on leaks is made of.
fn leak_of<'p>(finding: &PlanFinding, plan: &'p Plan) -> Option<&'p PlanLeak> {
    plan.leaks.iter().find(|leak| leak.code() == finding.code && leak.finding().message == finding.message)
}

fn leak_line(leak: &PlanLeak, what: &str, language: Language) -> String {
    let signs = printable(&leak.signs.join(", "));
    let figures = match &leak.dataset {
        _ if !leak.seen => {
            let kind = words::leak(leak.kind).text(language);
            words::FIGURES_LEAK_UNSEEN.fill(language, &[&printable(&leak.store), &kind, &signs])
        }
        Some(dataset) => words::FIGURES_LEAK_DATASET.fill(language, &[&printable(dataset), &signs]),
        None => words::FIGURES_LEAK.fill(language, &[&printable(&leak.store), &signs]),
    };
    format!("{what} ({figures})")
}

fn doubt(item: &PlanItem, reason: DoubtReason) -> u64 {
    item.counts.undecidable.get(&reason).copied().unwrap_or(0)
}

fn doubts(item: &PlanItem, language: Language) -> String {
    let undecidable = item.counts.undecidable.iter();
    let each: Vec<String> = undecidable
        .map(|(reason, records)| words::doubt(*reason).fill(language, &[&number(*records)]))
        .collect();
    joined(&each, language)
}

fn triggers(item: &PlanItem) -> Option<(u64, &str)> {
    let effect = item.effects.iter().find(|effect| effect.kind == EffectKind::Trigger)?;
    Some((effect.records, &effect.dataset))
}

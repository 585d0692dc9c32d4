//! One item of a plan: its row of the table, and its details.

use crate::plan::{CountedBy, Cutoff, Disposition, FieldPlan, ItemCounts, NamedObjects, PlanItem};
use crate::policy::Language;
use crate::views::text::{day, joined, legal_basis, number, period, printable, samples, share, size};
use crate::views::words::plan as words;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use comfy_table::Cell;
use connectors::{LockKind, LockedRecords, Transform};
use std::fmt::Display;

/// The row of one item in the overview.
pub(super) fn row(item: &PlanItem, language: Language) -> Vec<Cell> {
    let counts = &item.counts;
    let range = match (item.oldest_due_at, item.newest_due_at) {
        (Some(oldest), Some(newest)) => format!("{}\n{}", start_day(item, oldest), start_day(item, newest)),
        _ => String::new(),
    };
    [
        format!("{}. {}\n{}", u64::from(item.item) + 1, title(item, language), printable(&item.dataset)),
        words::disposition(&item.disposition).text(language).to_owned(),
        number(counts.due),
        number(counts.overdue),
        number(counts.held),
        number(counts.undecidable_total()),
        number(counts.not_yet_due),
        format!("{}\n{}", share(counts.due, counts.total, language), size(item.due_bytes, language)),
        range,
    ]
    .map(Cell::new)
    .into()
}

/// The row of an item that could not be counted.
pub(super) fn uncounted_row(item: &PlanItem, language: Language) -> Vec<Cell> {
    let name =
        format!("{}. {}\n{}", u64::from(item.item) + 1, title(item, language), printable(&item.dataset));
    let disposition = words::disposition(&item.disposition).text(language).to_owned();
    [name, disposition]
        .into_iter()
        .chain(std::iter::repeat_n("?".to_owned(), 6))
        .chain([String::new()])
        .map(Cell::new)
        .collect()
}

/// What the rule says, what is due, what goes along, what is kept and why.
pub(super) fn details(item: &PlanItem, is_uncounted: bool, language: Language) -> String {
    let mut lines = vec![period_line(item, language)];
    lines.push(
        words::ITEM_BASIS.fill(language, &[&printable(&legal_basis(&item.rule.legal_basis, language))]),
    );
    if !item.rule.citations.is_empty() {
        lines.push(words::ITEM_CITATIONS.fill(language, &[&printable(&item.rule.citations.join("; "))]));
    }
    lines.push(match &item.cutoff {
        Some(cutoff) => cutoff_line(cutoff, &item.rule.time_zone, language),
        None => words::ITEM_NO_CUTOFF.text(language).to_owned(),
    });
    lines.push(if is_uncounted {
        words::ITEM_UNCOUNTED.text(language).to_owned()
    } else {
        due_line(item, language)
    });
    if let Some(keys) = samples(&item.due_samples) {
        lines.push(words::ITEM_DUE_SAMPLES.fill(language, &[&keys]));
    }
    lines.extend(field_lines(&item.disposition, language));
    let along: Vec<String> = item
        .effects
        .iter()
        .filter(|effect| effect.records > 0)
        .map(|effect| {
            words::effect(effect.kind).fill(language, &[&number(effect.records), &printable(&effect.dataset)])
        })
        .collect();
    if !along.is_empty() {
        lines.push(words::ALONG.fill(language, &[&joined(&along, language)]));
    }
    lines.extend(item.named.iter().filter_map(|named| named_line(named, language)));
    if !item.partitions.is_empty() {
        let each = item.partitions.iter();
        let each: Vec<String> =
            each.map(|one| format!("{} ({})", printable(&one.name), number(one.records))).collect();
        lines.push(words::ITEM_PARTITIONS.fill(language, &[&joined(&each, language)]));
    }
    let kept = kept(item, language);
    if !kept.is_empty() {
        lines.push(words::KEPT.fill(language, &[&joined(&kept, language)]));
    }
    lines.push(match &item.backups_kept {
        Some(kept) => words::BACKUPS_KNOWN.fill(language, &[&period(kept, language)]),
        None => words::BACKUPS_UNKNOWN.text(language).to_owned(),
    });
    let guards = &item.guards;
    let limits = if guards.keep_newest > 0 { words::GUARD_LIMITS_NEWEST } else { words::GUARD_LIMITS };
    lines.push(limits.fill(
        language,
        &[&number(guards.records_max), &guards.share_max_percent, &number(guards.keep_newest)],
    ));
    let values: [&dyn Display; 5] = [
        &(u64::from(item.item) + 1),
        &title(item, language),
        &format!("{}/{}", item.rule.policy, item.rule.rule),
        &printable(&item.dataset),
        &words::disposition(&item.disposition).text(language),
    ];
    let heading = words::ITEM_HEADING.fill(language, &values) + "\n";
    lines.iter().fold(heading, |page, line| page + "   " + line + "\n")
}

/// What becomes of the records of one person in one dataset.
pub(super) fn details_of_request(item: &PlanItem, language: Language) -> String {
    let counts = &item.counts;
    let mut lines = vec![
        words::ITEM_BASIS.fill(language, &[&printable(&legal_basis(&item.rule.legal_basis, language))]),
        words::ITEM_OF_REQUEST.fill(language, &[&number(counts.in_scope), &number(counts.due)]),
    ];
    lines.extend(field_lines(&item.disposition, language));
    let of_person = ItemCounts { total: counts.in_scope, ..counts.clone() };
    let kept = kept(&PlanItem { counts: of_person, ..item.clone() }, language);
    if !kept.is_empty() {
        lines.push(words::KEPT.fill(language, &[&joined(&kept, language)]));
    }
    lines.push(match &item.backups_kept {
        Some(kept) => words::BACKUPS_KNOWN.fill(language, &[&period(kept, language)]),
        None => words::BACKUPS_UNKNOWN.text(language).to_owned(),
    });
    let rule = match item.rule.policy.as_str() {
        "" => item.rule.rule.clone(),
        policy => format!("{policy}/{}", item.rule.rule),
    };
    let values: [&dyn Display; 5] = [
        &(u64::from(item.item) + 1),
        &title(item, language),
        &rule,
        &printable(&item.dataset),
        &words::disposition(&item.disposition).text(language),
    ];
    let heading = words::ITEM_HEADING.fill(language, &values) + "\n";
    lines.iter().fold(heading, |page, line| page + "   " + line + "\n")
}

/// The title in the language, else in any other, else the rule's id.
pub(super) fn title(item: &PlanItem, language: Language) -> String {
    let wanted = match language {
        Language::Fr => "fr",
        Language::En => "en",
    };
    let titles = &item.rule.title;
    printable(titles.get(wanted).or_else(|| titles.values().next()).unwrap_or(&item.rule.rule))
}

fn period_line(item: &PlanItem, language: Language) -> String {
    let rule = &item.rule;
    let length = period(&rule.retain_for, language);
    let (start, zone) = (printable(&rule.starts_from), &rule.time_zone);
    match &rule.rounding {
        Some(rounding) => {
            let end = words::rounding(rounding).map_or(rounding.as_str(), |end| end.text(language));
            words::ITEM_KEPT_FOR_ROUNDED.fill(language, &[&length, &start, zone, &end])
        }
        None => words::ITEM_KEPT_FOR.fill(language, &[&length, &start, zone]),
    }
}

/// What a start is compared with, as the store's values have it: an instant in the policy's zone, or a
/// day.
fn cutoff_line(cutoff: &Cutoff, zone: &str, language: Language) -> String {
    let at = |instant: DateTime<Utc>| local(instant, zone).format("%Y-%m-%d %H:%M:%S").to_string();
    let (due_at, overdue_at) = (at(cutoff.cutoff_at), at(cutoff.overdue_at));
    let (due_on, overdue_on) = (cutoff.cutoff_on, cutoff.overdue_on);
    match cutoff.counted_by {
        Some(CountedBy::Instants) => {
            words::ITEM_CUTOFF_INSTANT.fill(language, &[&due_at, &overdue_at, &zone])
        }
        Some(CountedBy::InstantsOrDays) => {
            words::ITEM_CUTOFF_EITHER.fill(language, &[&due_at, &overdue_at, &zone, &due_on, &overdue_on])
        }
        Some(CountedBy::Days) | None => words::ITEM_CUTOFF.fill(language, &[&due_on, &overdue_on]),
    }
}

/// An instant in the zone of a policy, whose name was checked when the policy was read.
fn local(at: DateTime<Utc>, zone: &str) -> DateTime<Tz> {
    at.with_timezone(&zone.parse().unwrap_or(Tz::UTC))
}

/// The day of a start. Those that can only be instants are shown in the policy's zone; a civil date is
/// midnight in UTC.
fn start_day(item: &PlanItem, at: DateTime<Utc>) -> String {
    match item.cutoff.and_then(|cutoff| cutoff.counted_by) {
        Some(CountedBy::Instants) => local(at, &item.rule.time_zone).date_naive().to_string(),
        _ => day(at),
    }
}

fn due_line(item: &PlanItem, language: Language) -> String {
    let counts = &item.counts;
    let (due, total) = (number(counts.due), number(counts.total));
    let bytes = size(item.due_bytes, language);
    match (item.oldest_due_at, item.newest_due_at) {
        (Some(oldest), Some(newest)) => words::ITEM_DUE_RANGE
            .fill(language, &[&due, &total, &bytes, &start_day(item, oldest), &start_day(item, newest)]),
        _ => words::ITEM_DUE.fill(language, &[&due, &total, &bytes]),
    }
}

fn field_lines(disposition: &Disposition, language: Language) -> Vec<String> {
    let (Disposition::Anonymize { fields, marker } | Disposition::Pseudonymize { fields, marker }) =
        disposition
    else {
        return Vec::new();
    };
    let listed: Vec<String> = fields.iter().map(|field| field_words(field, language)).collect();
    let mut lines = vec![words::ITEM_FIELDS.fill(language, &[&listed.join(", ")])];
    lines.extend(marker.as_ref().map(|marker| words::ITEM_MARKER.fill(language, &[&printable(marker)])));
    lines
}

fn field_words(field: &FieldPlan, language: Language) -> String {
    let transform = match &field.transform {
        Transform::Null => "null".to_owned(),
        Transform::Replace { text } => format!("replace \"{}\"", printable(text)),
        Transform::Hash { hex_length } => format!("hash {hex_length}"),
        Transform::GeneralizeYear => "generalize year".to_owned(),
        Transform::GeneralizeMonth => "generalize month".to_owned(),
        Transform::GeneralizeBucket { step } => format!("generalize {step}"),
        Transform::Mask { keep_first, keep_last } => format!("mask {keep_first}..{keep_last}"),
        Transform::Truncate { characters } => format!("truncate {characters}"),
    };
    format!("{} [{transform}: {}]", printable(&field.column), words::class(field.class).text(language))
}

/// What of the named files does not go; `None` if all do.
fn named_line(named: &NamedObjects, language: Language) -> Option<String> {
    let parts = [
        (words::NAMED_ABSENT, named.absent),
        (words::NAMED_KEPT, named.kept_by_rows),
        (words::NAMED_HELD, named.held),
        (words::NAMED_CLAIMED, named.claimed),
        (words::NAMED_CANNOT, named.cannot_go),
        (words::NAMED_ROWS, named.rows_staying),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(message, count)| message.fill(language, &[&number(count)]))
        .collect();
    if parts.is_empty() && !named.more_rows {
        return None;
    }
    let message = if named.more_rows { words::NAMED_AT_LEAST } else { words::NAMED };
    let (dataset, column) = (printable(&named.dataset), printable(&named.column));
    let rows = number(named.rows_looked_at);
    Some(message.fill(language, &[&dataset, &column, &joined(&parts, language), &rows]))
}

fn kept(item: &PlanItem, language: Language) -> Vec<String> {
    let counts = &item.counts;
    let mut kept = Vec::new();
    if counts.held > 0 {
        let holds: Vec<String> =
            counts.held_by.iter().map(|(hold, records)| format!("{hold}: {}", number(*records))).collect();
        kept.push(words::KEPT_HELD.fill(language, &[&number(counts.held), &holds.join(", ")]));
    }
    if counts.locked_total() > 0 {
        let locks: Vec<String> =
            counts.locks.iter().map(|(kind, locked)| lock(*kind, locked, language)).collect();
        kept.push(words::KEPT_LOCKED.fill(language, &[&number(counts.locked_total()), &locks.join(", ")]));
    }
    if counts.undecidable_total() > 0 {
        kept.push(undecidable(item, language));
    }
    let others = [
        (words::KEPT_NOT_YET, counts.not_yet_due),
        (words::KEPT_REFERENCED, counts.referenced),
        (words::KEPT_DONE, counts.already_done),
        (words::KEPT_OUT_OF_SCOPE, counts.total.saturating_sub(counts.in_scope)),
    ];
    for (message, records) in others.into_iter().filter(|(_, records)| *records > 0) {
        kept.push(message.fill(language, &[&number(records)]));
    }
    kept
}

fn lock(kind: LockKind, locked: &LockedRecords, language: Language) -> String {
    // The words of the store itself, in every language.
    let kind = match kind {
        LockKind::Governance => "governance",
        LockKind::Compliance => "compliance",
        LockKind::EventHold => "event hold",
        LockKind::LegalHold => "legal hold",
    };
    let count = number(locked.count);
    match locked.until {
        Some(until) => words::LOCK_UNTIL.fill(language, &[&kind, &count, &until.format("%Y-%m-%d")]),
        None => words::LOCK_ENDLESS.fill(language, &[&kind, &count]),
    }
}

fn undecidable(item: &PlanItem, language: Language) -> String {
    let reasons: Vec<String> = item
        .counts
        .undecidable
        .iter()
        .map(|(reason, records)| words::doubt(*reason).fill(language, &[&number(*records)]))
        .collect();
    let (total, reasons) = (number(item.counts.undecidable_total()), reasons.join(", "));
    match samples(item.undecidable_samples.values().flatten()) {
        Some(keys) => words::KEPT_UNDECIDABLE_SAMPLES.fill(language, &[&total, &reasons, &keys]),
        None => words::KEPT_UNDECIDABLE.fill(language, &[&total, &reasons]),
    }
}

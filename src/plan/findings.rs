//! What the counts of one item say: guards, floors, doubts.
//!
//! Floor 3; pure. Findings name numbers and datasets, never a record.

use super::compile::{finding, name};
use super::survey::Slot;
use super::{FindingCode, FindingSeverity, GuardLimits, ItemCounts, PlanFinding, PlanItem};
use crate::policy::{EmptyDataset, Guards, Share};
use chrono::SecondsFormat;
use connectors::{
    Circumstance, DoubtReason, InventoryNote, LockKind, Partition, StartCondition, StartEncoding,
};

/// The share of undecidable records over which the reviewer is told.
const UNDECIDABLE_SHARE: Share = Share::from_basis_points(500);

/// The limits as a plan shows them. A share with a fraction is rounded down here; the comparison is
/// exact.
#[must_use]
pub fn limits_of(guards: &Guards) -> GuardLimits {
    GuardLimits {
        records_max: guards.max_records,
        share_max_percent: u8::try_from(guards.max_share.basis_points() / 100).unwrap_or(100),
        keep_newest: guards.keep_newest,
    }
}

/// Which guards the counts of an item are over.
#[must_use]
pub fn guard_findings(dataset: &str, counts: &ItemCounts, guards: &Guards) -> Vec<PlanFinding> {
    let mut found = Vec::new();
    let (due, total) = (counts.due, counts.total);
    if due == 0 {
        return found;
    }
    let dataset = name(dataset);
    if due > guards.max_records {
        found.push(finding(
            FindingSeverity::NeedsApproval,
            FindingCode::GuardRecords,
            format!("{due} records of dataset {dataset} are due, more than the {} that the rule allows unattended", guards.max_records),
        ));
    }
    if guards.max_share.is_exceeded(due, total) {
        found.push(finding(
            FindingSeverity::NeedsApproval,
            FindingCode::GuardShare,
            format!(
                "{due} of the {total} records of dataset {dataset} are due, a greater share than the {} % that the \
                 rule allows unattended",
                percent(guards.max_share)
            ),
        ));
    }
    if due == total {
        let severity = match guards.empty_dataset {
            EmptyDataset::Refuse => FindingSeverity::NeedsApproval,
            EmptyDataset::Allow => FindingSeverity::Note,
        };
        found.push(finding(
            severity,
            FindingCode::GuardWholeDataset,
            format!("every record of dataset {dataset} is due: the plan would leave none as it is"),
        ));
    }
    // Due records are the oldest ones, so the newest are those that are not due yet. What is held,
    // in doubt or referred to may be older than a due one, so it does not count.
    if counts.not_yet_due < guards.keep_newest {
        found.push(finding(
            FindingSeverity::Refusal,
            FindingCode::GuardKeepNewest,
            format!(
                "the rule keeps the newest {} records of dataset {dataset}, and only {} are not due yet: narrow its \
                 scope, lengthen its period, or lower 'keep_newest'",
                guards.keep_newest, counts.not_yet_due
            ),
        ));
    }
    found
}

/// Of which inventory the counts are, and what that means.
#[must_use]
pub fn inventory_finding(dataset: &str, inventory: &InventoryNote) -> PlanFinding {
    let newer = match inventory.newer {
        0 => String::new(),
        newer => format!("; it lists {newer} later ones, which are not counted either"),
    };
    note(
        FindingCode::CountsOfInventory,
        format!(
            "the counts of dataset {} are those of the inventory of {}, {} hours old when it was read, which lists {} \
             versions: what was written since is not counted and stays for the next run{newer}",
            name(dataset),
            inventory.made_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            inventory.age_seconds / 3_600,
            inventory.listed
        ),
    )
}

fn percent(share: Share) -> String {
    let (whole, rest) = (share.basis_points() / 100, share.basis_points() % 100);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:02}") }
}

/// What is doubtful about the records of an item.
#[must_use]
pub fn doubt_findings(dataset: &str, counts: &ItemCounts) -> Vec<PlanFinding> {
    let mut found = Vec::new();
    let dataset = name(dataset);
    let of = |reason| counts.undecidable.get(&reason).copied().unwrap_or(0);
    if UNDECIDABLE_SHARE.is_exceeded(counts.undecidable_total(), counts.in_scope) {
        found.push(note(
            FindingCode::ShareUndecidable,
            format!(
                "of {} of the {} records of dataset {dataset} in scope nothing certain can be said: they are kept",
                counts.undecidable_total(),
                counts.in_scope
            ),
        ));
    }
    if counts.in_scope > 0 && of(DoubtReason::StartMissing) == counts.in_scope {
        found.push(note(
            FindingCode::StartNeverSet,
            format!("no record of dataset {dataset} in scope has a start: nothing there will ever be due"),
        ));
    }
    let unreadable = of(DoubtReason::StartUnreadable);
    if UNDECIDABLE_SHARE.is_exceeded(unreadable, counts.in_scope) {
        found.push(note(
            FindingCode::ShareUndecidable,
            format!(
                "{unreadable} records of dataset {dataset} have a start that cannot be read: a text is ISO 8601 with a \
                 time of day, in the declared 'zone' exactly if it names none; plain dates need a column declared as \
                 DATE"
            ),
        ));
    }
    let conflicts = of(DoubtReason::Conflict);
    if conflicts > 0 {
        found.push(note(
            FindingCode::RulesConflict,
            format!(
                "{conflicts} records of dataset {dataset} are claimed by more than one rule and are kept: narrow \
                 the scope of one"
            ),
        ));
    }
    found
}

/// Texts without a zone where the data map names none: most often the zone is what is missing there.
#[must_use]
pub fn zone_finding(dataset: &str, counts: &ItemCounts, start: &StartCondition) -> Option<PlanFinding> {
    let StartCondition::Event { field, encoding: StartEncoding::InstantText, .. } = start else {
        return None;
    };
    let unreadable = *counts.undecidable.get(&DoubtReason::StartUnreadable)?;
    (unreadable > 0).then(|| {
        note(
            FindingCode::StartUnresolved,
            format!(
                "{unreadable} records of dataset {} have a start in {} that is neither a date nor a time with its \
                 zone, and are kept: if these are local times, name their 'zone' in the data map",
                name(dataset),
                name(&field.name)
            ),
        )
    })
}

/// Due rows that will be there after the run, because a file that they name will be.
pub(super) fn named_findings(item: &PlanItem) -> Vec<PlanFinding> {
    let staying = item.named.iter().filter(|named| named.rows_staying > 0);
    staying
        .map(|named| {
            let least = if named.more_rows { "at least " } else { "" };
            note(
                FindingCode::LinkedStay,
                format!(
                    "{least}{} due rows of dataset {} stay, because the file that their column {} names cannot go",
                    named.rows_staying,
                    name(&item.dataset),
                    name(&named.column)
                ),
            )
        })
        .collect()
}

/// What rows keep of the files of an item, and tables that keep all of them because they cannot be read.
pub(super) fn keeper_findings(slot: &Slot<'_>, item: &PlanItem) -> Vec<PlanFinding> {
    let mut found = Vec::new();
    if !slot.compiled.keepers.is_empty() && item.counts.referenced > 0 {
        let message = format!(
            "{} files of dataset {} are due by their rule and stay, because a row that stays names them",
            item.counts.referenced,
            name(&item.dataset)
        );
        found.push(note(FindingCode::LinkedStay, message));
    }
    let of_links = slot.compiled.links.iter().flat_map(|link| &link.keepers);
    let mut unreadable: Vec<&str> = of_links
        .chain(&slot.compiled.keepers)
        .filter(|keeper| keeper.is_unreadable())
        .map(|keeper| keeper.dataset.as_str())
        .collect();
    unreadable.sort_unstable();
    unreadable.dedup();
    found.extend(unreadable.into_iter().map(|dataset| {
        let message = format!(
            "no file goes with or by dataset {}: rows of dataset {} may name the same files and cannot be read",
            name(&item.dataset),
            name(dataset)
        );
        note(FindingCode::LinkedStay, message)
    }));
    found
}

/// Partitions that go as a whole, or could.
#[must_use]
pub(super) fn partition_finding(item: &PlanItem, partitions: &[Partition]) -> Option<PlanFinding> {
    let whole: Vec<&Partition> = partitions.iter().filter(|partition| partition.is_wholly_due()).collect();
    if whole.is_empty() {
        return None;
    }
    let records: u64 = whole.iter().map(|partition| partition.records).sum();
    let names: Vec<String> = whole.iter().take(NAMES_MAX).map(|partition| name(&partition.name)).collect();
    let more = if whole.len() > names.len() { ", …" } else { "" };
    let what = format!("{} ({} with {records} records)", names.join(", ") + more, whole.len());
    let dataset = name(&item.dataset);
    Some(if item.partitions.is_empty() {
        let message = format!(
            "every record of partitions of dataset {dataset} is due: {what}; they are emptied row by row, and could be \
             dropped as a whole with 'partitions: drop' in the settings of the store"
        );
        note(FindingCode::PartitionsCould, message)
    } else {
        let message = format!(
            "partitions of dataset {dataset} in which every record is due are dropped as a whole: {what}; rows of their \
             range have no place then, until somebody makes one"
        );
        note(FindingCode::PartitionsGo, message)
    })
}

/// Most partitions that a finding names.
const NAMES_MAX: usize = 12;

/// Records that the store keeps.
pub(super) fn lock_findings(item: &PlanItem) -> Vec<PlanFinding> {
    let locks = item.counts.locks.iter();
    locks
        .map(|(kind, locked)| {
            let what = match kind {
                LockKind::Governance => "a governance retention of Object Lock",
                LockKind::Compliance => "a compliance retention of Object Lock",
                LockKind::EventHold => "a retention of Object Lock that waits for an event",
                LockKind::LegalHold => "a legal hold of the store",
            };
            let until = locked.until.map_or_else(
                || "without an end, so the certificate will be partial".to_owned(),
                |until| format!("until {} at the latest", until.format("%Y-%m-%d")),
            );
            note(
                FindingCode::LockedByStore,
                format!(
                    "{} records of dataset {} are due and stay under {what}, {until}",
                    locked.count,
                    name(&item.dataset)
                ),
            )
        })
        .collect()
}

/// How the store of an item is set up.
pub(super) fn set_up_findings(dataset: &str, store: &str, found: &[Circumstance]) -> Vec<PlanFinding> {
    let (dataset, store) = (name(dataset), name(store));
    found
        .iter()
        .map(|circumstance| match circumstance {
            Circumstance::NeedsSecondFactor => finding(
                FindingSeverity::Refusal,
                FindingCode::StoreForbids,
                format!(
                    "store {store} asks for a second factor for each deletion of a version (MFA delete), which no \
                     program has: suspend it for the run, or leave dataset {dataset} out"
                ),
            ),
            Circumstance::GovernanceBypassed => finding(
                FindingSeverity::NeedsApproval,
                FindingCode::LockBypassed,
                format!(
                    "versions of dataset {dataset} under a governance retention go too, because the settings of \
                     store {store} say bypass_governance"
                ),
            ),
            Circumstance::Replicated => note(
                FindingCode::StoreSetUp,
                format!(
                    "store {store} is replicated, and a deletion of a version is not repeated in the copies: give \
                     them a dataset of their own; until then its certificates will be partial"
                ),
            ),
            Circumstance::ArchiveTiers { classes } => note(
                FindingCode::StoreSetUp,
                format!(
                    "objects of store {store} move to storage classes with a least time ({}): who deletes earlier \
                     pays for the rest",
                    classes.join(", ")
                ),
            ),
            Circumstance::NotVisible { what } => note(
                FindingCode::StoreSetUp,
                format!("it cannot be seen {what} of store {store}: `oubliette grants` lists the rights"),
            ),
        })
        .collect()
}

/// Something the approver must know.
#[must_use]
pub fn note(code: FindingCode, message: String) -> PlanFinding {
    finding(FindingSeverity::Note, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn counts(total: u64, due: u64) -> ItemCounts {
        ItemCounts { total, in_scope: total, due, not_yet_due: total - due, ..ItemCounts::default() }
    }

    #[track_caller]
    fn check(counts: &ItemCounts, guards: &Guards, expected: &[(FindingCode, FindingSeverity)]) {
        let found: Vec<_> = guard_findings("crm.people", counts, guards)
            .into_iter()
            .map(|finding| (finding.code, finding.severity))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_share_is_over_its_guard_only_when_it_is_greater() {
        let guards = Guards::default();
        check(&counts(100, 20), &guards, &[]);
        check(&counts(100, 21), &guards, &[(FindingCode::GuardShare, FindingSeverity::NeedsApproval)]);
        check(&counts(0, 0), &guards, &[]);
    }

    #[test]
    fn emptying_a_dataset_needs_a_person_unless_the_rule_allows_it() {
        let everything = Guards { max_share: Share::from_basis_points(10_000), ..Guards::default() };
        check(
            &counts(3, 3),
            &everything,
            &[(FindingCode::GuardWholeDataset, FindingSeverity::NeedsApproval)],
        );
        let allowed = Guards { empty_dataset: EmptyDataset::Allow, ..everything };
        check(&counts(3, 3), &allowed, &[(FindingCode::GuardWholeDataset, FindingSeverity::Note)]);
    }

    #[test]
    fn too_many_records_need_a_person() {
        let guards = Guards { max_records: 10, ..Guards::default() };
        check(&counts(1_000, 11), &guards, &[(FindingCode::GuardRecords, FindingSeverity::NeedsApproval)]);
        check(&counts(1_000, 10), &guards, &[]);
    }

    #[test]
    fn the_newest_records_are_a_floor_that_refuses() {
        let guards = Guards { keep_newest: 90, ..Guards::default() };
        check(&counts(100, 10), &guards, &[]);
        check(&counts(100, 11), &guards, &[(FindingCode::GuardKeepNewest, FindingSeverity::Refusal)]);
        check(&counts(100, 0), &guards, &[]);
    }

    #[test]
    fn doubts_are_told_to_the_reviewer() {
        let all = ItemCounts {
            total: 4,
            in_scope: 4,
            undecidable: BTreeMap::from([(DoubtReason::StartMissing, 4)]),
            ..ItemCounts::default()
        };
        let codes: Vec<_> = doubt_findings("x", &all).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [FindingCode::ShareUndecidable, FindingCode::StartNeverSet]);
        assert!(doubt_findings("x", &counts(10, 0)).is_empty());
    }
}

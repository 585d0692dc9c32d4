//! One item of a plan, from a compiled rule and the counts of its survey.
//!
//! Floor 3; pure.

use super::compile::family::undeclared_finding;
use super::compile::{Compiled, finding, name};
use super::findings::{
    doubt_findings, guard_findings, keeper_findings, limits_of, lock_findings, named_findings, note,
    zone_finding,
};
use super::mask::mask_key;
use super::named::NamedObjects;
use super::survey::Slot;
use super::{
    Disposition, Effect, EffectKind, FieldPlan, FindingCode, FindingSeverity, ItemCounts, ItemPart, Plan,
    PlanFinding, PlanItem, PlanPartition, RuleReference, digest,
};
use crate::catalog::{Catalog, Target};
use crate::policy::{Period, RetainFor, Rounding, StartsFrom};
use chrono::{DateTime, Utc};
use connectors::predicate::Predicate;
use connectors::{
    DatasetAddress, DatasetShape, Disposal, Field, Partition, Selection, StartCondition, StartEncoding,
    Survey, ValueType,
};
use std::collections::BTreeMap;

/// Rows of a child from which a foreign key without an index makes a purge take too long.
const UNINDEXED_ROWS_MAX: u64 = 10_000;

#[derive(Debug)]
pub(super) struct ItemInput<'a> {
    pub(super) position: u32,
    pub(super) target: &'a Target<'a>,
    pub(super) compiled: &'a Compiled,
    pub(super) catalog: &'a Catalog,
    pub(super) survey: &'a Survey,
    pub(super) named: &'a [NamedObjects],
    pub(super) partitions: &'a [Partition],
}

pub(super) fn item_of(input: &ItemInput<'_>) -> PlanItem {
    let survey = input.survey;
    let masked = |keys: &[connectors::RecordKey]| keys.iter().map(mask_key).collect();
    PlanItem {
        schema_digest: input.compiled.schema_digest.clone(),
        disposition: input.compiled.disposition.clone(),
        cutoff: input.compiled.cutoff,
        counts: counts_of(survey),
        undecidable_samples: survey
            .undecidable_samples
            .iter()
            .map(|(reason, keys)| (*reason, masked(keys)))
            .collect(),
        due_samples: masked(&survey.due_samples),
        oldest_due_at: survey.oldest_due_at,
        newest_due_at: survey.newest_due_at,
        due_bytes: survey.due_bytes,
        effects: effects_of(input),
        named: input.named.to_vec(),
        partitions: partitions_of(input),
        ..frame(input.position, input.target, input.catalog)
    }
}

/// What does not depend on the store.
fn frame(position: u32, target: &Target<'_>, catalog: &Catalog) -> PlanItem {
    let dataset = target.dataset;
    let terms = catalog.stores().get(&dataset.store);
    PlanItem {
        item: position,
        rule: reference_of(target, catalog),
        record_type: dataset.record_type.clone(),
        store: dataset.store.clone(),
        dataset: dataset.name.clone(),
        store_alias: catalog.public_store(&dataset.store).to_owned(),
        dataset_alias: dataset.public_name().to_owned(),
        schema_digest: String::new(),
        disposition: Disposition::Purge,
        cutoff: None,
        counts: ItemCounts::default(),
        inventory_at: None,
        undecidable_samples: BTreeMap::new(),
        due_samples: Vec::new(),
        oldest_due_at: None,
        newest_due_at: None,
        due_bytes: 0,
        effects: Vec::new(),
        named: Vec::new(),
        partitions: Vec::new(),
        part: ItemPart::Whole,
        guards: limits_of(&target.rule.guards),
        backups_kept: terms.and_then(|terms| terms.backups_kept).map(|period| period.to_string()),
    }
}

/// The item of a rule that cannot be compiled: nothing is counted, and a refusal goes with it.
pub(super) fn refused_item(
    position: u32,
    target: &Target<'_>,
    catalog: &Catalog,
    shape: &DatasetShape,
    as_of: DateTime<Utc>,
) -> PlanItem {
    let has_event = matches!(target.rule.starts_from, StartsFrom::Event { .. });
    PlanItem {
        schema_digest: digest::of(shape),
        disposition: declared_disposition(target),
        cutoff: has_event.then(|| super::compile::start::cutoff_of(target.rule, as_of)),
        ..frame(position, target, catalog)
    }
}

fn declared_disposition(target: &Target<'_>) -> Disposition {
    let marker = target.dataset.marker.clone();
    let Some(fields) = target.rule.disposition.fields() else { return Disposition::Purge };
    let fields = FieldPlan::of(fields);
    match target.rule.disposition {
        crate::policy::Disposition::Pseudonymize { .. } => Disposition::Pseudonymize { fields, marker },
        _ => Disposition::Anonymize { fields, marker },
    }
}

/// The rule of a target as plans and certificates name it.
#[must_use]
pub fn reference_of(target: &Target<'_>, catalog: &Catalog) -> RuleReference {
    let (policy, rule) = (target.policy, target.rule);
    let (starts_from, rounding) = match &rule.starts_from {
        StartsFrom::Event { event, rounding } => (event.clone(), rounding_name(*rounding)),
        StartsFrom::NoneLeft { record_types } => (format!("none_left: {}", record_types.join(", ")), None),
    };
    let texts = [("fr", &rule.title.fr), ("en", &rule.title.en)];
    RuleReference {
        policy: policy.name.clone(),
        policy_version: policy.version,
        rule: rule.id.clone(),
        digest: digest::of_rule(catalog, target),
        title: texts
            .into_iter()
            .filter_map(|(language, text)| Some((language.to_owned(), text.clone()?)))
            .collect(),
        legal_basis: rule.legal_basis.clone(),
        starts_from,
        rounding: rounding.map(str::to_owned),
        retain_for: match rule.retain_for {
            RetainFor::Period(period) => period.to_string(),
            RetainFor::Forever => "forever".to_owned(),
        },
        delete_within: rule.delete_within.map(|period| period.to_string()),
        time_zone: rule.time_zone.name().to_owned(),
        citations: rule
            .erasure_citation
            .iter()
            .cloned()
            .chain(rule.bounds.iter().map(|bound| bound.citation.clone()))
            .collect(),
    }
}

fn rounding_name(rounding: Rounding) -> Option<&'static str> {
    match rounding {
        Rounding::None => None,
        Rounding::EndOfMonth => Some("end_of_month"),
        Rounding::EndOfCalendarYear => Some("end_of_calendar_year"),
        Rounding::EndOfFiscalYear => Some("end_of_fiscal_year"),
    }
}

pub(super) fn counts_of(survey: &Survey) -> ItemCounts {
    ItemCounts {
        total: survey.total,
        in_scope: survey.in_scope,
        due: survey.due,
        overdue: survey.overdue,
        held: survey.held,
        held_by: without_zeros(&survey.held_by),
        not_yet_due: survey.not_yet_due,
        referenced: survey.referenced,
        already_done: survey.already_done,
        locks: survey.locks.clone(),
        undecidable: without_zeros(&survey.undecidable),
    }
}

/// Stores may count what there is none of; a plan does not name it.
fn without_zeros<K: Ord + Clone>(counts: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    counts.iter().filter(|(_, count)| **count > 0).map(|(what, count)| (what.clone(), *count)).collect()
}

/// Those that go as a whole, where the settings allow it.
fn partitions_of(input: &ItemInput<'_>) -> Vec<PlanPartition> {
    let terms = input.catalog.stores().get(&input.target.dataset.store);
    if !terms.is_some_and(|terms| terms.drops_partitions) {
        return Vec::new();
    }
    let going = input.partitions.iter().filter(|partition| partition.is_wholly_due());
    going.map(|one| PlanPartition { name: one.name.clone(), records: one.records }).collect()
}

fn effects_of(input: &ItemInput<'_>) -> Vec<Effect> {
    let alias = |dataset: &str| {
        let declared = input.catalog.dataset(dataset);
        declared.map_or_else(|| dataset.to_owned(), |declared| declared.public_name().to_owned())
    };
    let effect = |kind, dataset: &str, records| Effect {
        kind,
        dataset: dataset.to_owned(),
        dataset_alias: alias(dataset),
        records,
    };
    let dependents = input.survey.dependents.iter();
    let declared = dependents.filter(|(dataset, _)| input.compiled.subjects.contains_key(*dataset));
    let mut effects: Vec<Effect> =
        declared.map(|(dataset, rows)| effect(EffectKind::Dependents, dataset, *rows)).collect();
    let mut going: BTreeMap<&str, u64> = BTreeMap::new();
    for named in input.named {
        *going.entry(&named.dataset).or_default() += named.going;
    }
    effects
        .extend(going.iter().map(|(dataset, objects)| effect(EffectKind::LinkedObjects, dataset, *objects)));
    if !input.compiled.selection.shape.triggers.is_empty() && input.survey.due > 0 {
        effects.push(effect(EffectKind::Trigger, &input.target.dataset.name, input.survey.due));
    }
    effects
}

/// Everything the approver must know about one item.
pub(super) fn findings_of(
    target: &Target<'_>,
    slot: &Slot<'_>,
    item: &PlanItem,
    survey: &Survey,
    unindexed_rows: &[Option<u64>],
    previous: Option<&Plan>,
) -> Vec<PlanFinding> {
    let mut found = slot.compiled.findings.clone();
    found.extend(guard_findings(&item.dataset, &item.counts, &target.rule.guards));
    found.extend(doubt_findings(&item.dataset, &item.counts));
    found.extend(zone_finding(&item.dataset, &item.counts, &slot.compiled.selection.start));
    found.extend(named_findings(item));
    found.extend(keeper_findings(slot, item));
    found.extend(lock_findings(item));
    found.extend(foreign_key_findings(slot, item, survey, unindexed_rows));
    let triggers = &slot.compiled.selection.shape.triggers;
    if !triggers.is_empty() && item.counts.due > 0 {
        let message = format!(
            "{} triggers fire on dataset {}; what they do cannot be foreseen: {}",
            triggers.len(),
            name(&item.dataset),
            triggers.iter().map(|trigger| name(trigger)).collect::<Vec<_>>().join(", ")
        );
        // What a trigger does elsewhere stands on no certificate: never without a person who knows.
        found.push(finding(FindingSeverity::NeedsApproval, FindingCode::TriggersFire, message));
    }
    if item.backups_kept.is_none() {
        let message = format!(
            "how long backups of store {} are kept is unknown, so its certificates will be partial: set \
             'backups_kept' in the settings",
            name(&item.store)
        );
        found.push(note(FindingCode::BackupsUnknown, message));
    }
    found.extend(previous.and_then(|previous| shortened(item, previous)));
    found
}

fn foreign_key_findings(
    slot: &Slot<'_>,
    item: &PlanItem,
    survey: &Survey,
    unindexed_rows: &[Option<u64>],
) -> Vec<PlanFinding> {
    let family = &slot.compiled.family;
    let mut found = Vec::new();
    for undeclared in &family.undeclared {
        let counted = undeclared.dependent.as_ref();
        let rows = counted.map(|one| survey.dependents.get(&one.address.dataset).copied().unwrap_or(0));
        found.push(undeclared_finding(&item.dataset, undeclared, rows));
    }
    if family.refers_to_itself && item.counts.referenced > 0 {
        found.push(finding(
            FindingSeverity::Refusal,
            FindingCode::ForeignKeyBlocks,
            format!(
                "records of dataset {} refer to each other: each one removed would make others due that this plan \
                 does not count; such tables are not supported yet",
                name(&item.dataset)
            ),
        ));
    }
    let mut co_owned: Vec<&str> = slot.compiled.selection.co_owned().collect();
    co_owned.dedup();
    if !co_owned.is_empty() && item.counts.referenced > 0 {
        let datasets: Vec<String> = co_owned.into_iter().map(name).collect();
        let message = format!(
            "rows of {} that go along with records of dataset {} may have several owners: such a row goes when \
             every owner goes, and until then it stays and keeps each of them",
            datasets.join(", "),
            name(&item.dataset)
        );
        found.push(note(FindingCode::SharedChildren, message));
    }
    for (child, rows) in family.unindexed.iter().zip(unindexed_rows) {
        let large = rows.is_none_or(|rows| rows > UNINDEXED_ROWS_MAX) && item.counts.due > 0;
        let severity = if large { FindingSeverity::Refusal } else { FindingSeverity::Note };
        let key = &child.foreign_key;
        found.push(finding(
            severity,
            FindingCode::ForeignKeyNotIndexed,
            format!(
                "every record removed from dataset {} costs a scan of table {}: {}",
                name(&item.dataset),
                name(&key.child_table),
                index_statement(&key.child_table, &key.child_columns)
            ),
        ));
    }
    found
}

/// The statement for a person to run; nothing here sends it.
fn index_statement(table: &str, columns: &[String]) -> String {
    let quoted = |text: &str| {
        format!("\"{}\"", text.replace('"', "\"\"").escape_debug().to_string().replace("\\\"", "\""))
    };
    let index = format!("{table}_{}", columns.join("_"));
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    format!("CREATE INDEX {} ON {} ({});", quoted(&index), quoted(table), columns.join(", "))
}

/// A period that is shorter than in the last plan makes records due that nobody has seen due before.
fn shortened(item: &PlanItem, previous: &Plan) -> Option<PlanFinding> {
    let before = previous.items.iter().find(|before| {
        (&before.rule.policy, &before.rule.rule, &before.dataset)
            == (&item.rule.policy, &item.rule.rule, &item.dataset)
    })?;
    let old: Period = before.rule.retain_for.parse().ok()?;
    let new: Period = item.rule.retain_for.parse().ok()?;
    (new.seconds_range().1 < old.seconds_range().0).then(|| {
        finding(
            FindingSeverity::NeedsApproval,
            FindingCode::PeriodShortened,
            format!(
                "the period of rule {} is now {new}, and was {old} in the last plan: more is due than before",
                name(&item.rule.rule)
            ),
        )
    })
}

/// A selection that only counts and looks: no record is in its scope, so none is ever due by it.
pub(super) fn everything_of(address: &DatasetAddress, shape: &DatasetShape) -> Selection {
    let never_on = chrono::NaiveDate::MIN;
    let never_at = DateTime::<Utc>::MIN_UTC;
    let first_key = shape.key.first().cloned().unwrap_or_default();
    Selection {
        address: address.clone(),
        shape: shape.clone(),
        scope: Predicate::always().negate(),
        start: StartCondition::Event {
            field: Field { name: first_key, value_type: ValueType::Unknown },
            encoding: StartEncoding::InstantText,
            cutoff_at: never_at,
            cutoff_on: never_on,
            as_of: never_at,
            as_of_on: never_on,
            overdue_at: never_at,
            overdue_on: never_on,
        },
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

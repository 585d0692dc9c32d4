//! From what was seen to the evidence that a certificate is made of.
//!
//! Floor 7. The counts come from two readings: the journal's proven batches (every claimed record was
//! looked up after the act) and one more survey of each dataset under the plan's own cutoff. What the
//! survey still finds is an exception or a failure; nothing is inferred from what the run attempted.

use super::claims::{Claim, Claims};
use crate::catalog::{Catalog, Target};
use crate::data_map::StoreKind;
use crate::evidence::{
    Action, Code, Counts, Exception, Failure, PublicText, RuleReference, TargetEvidence, Verification,
    VerificationMethod,
};
use crate::hold::HoldBook;
use crate::plan::{self, Disposition, Effect, EffectKind, PlanItem, reference_of};
use crate::policy;
use anyhow::Context;
use chrono::{DateTime, Utc};
use connectors::{ConnectorError, DoubtReason, LockKind, Survey};
use std::collections::BTreeMap;

/// One item with everything that was seen of it.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) item: &'a PlanItem,
    pub(super) has_links: bool,
    pub(super) reading: Reading,
    /// Why the walk over the item was given up, if it was.
    pub(super) failure: Option<&'static str>,
    pub(super) residue_steps: Vec<&'static str>,
    pub(super) at: DateTime<Utc>,
}

/// The reading of a dataset after the act.
#[derive(Debug)]
pub(super) enum Reading {
    Survey(Box<Survey>),
    /// The store could not be read any more.
    Lost(ConnectorError),
    /// The run was ended before its time: its records were looked up, the dataset was not surveyed.
    RunClosed,
}

/// The targets of one item: what went along with it first, the dataset itself last.
pub(super) fn targets(
    seen: &Seen<'_>,
    catalog: &Catalog,
    claims: &Claims,
    book: &HoldBook,
) -> anyhow::Result<Vec<TargetEvidence>> {
    let item = seen.item;
    let mut targets = Vec::new();
    for effect in &item.effects {
        let claim = claims.get(&(item.item, effect.dataset.clone()));
        if let Some(claim) = claim.filter(|_| effect.kind != EffectKind::Trigger) {
            targets.push(companion(seen, catalog, effect, claim)?);
        }
    }
    let none = Claim::default();
    let claim = claims.get(&(item.item, item.dataset.clone())).unwrap_or(&none);
    targets.push(main_target(seen, catalog, claim, book)?);
    Ok(targets)
}

/// A dataset whose records went because those of the item did.
fn companion(
    seen: &Seen<'_>,
    catalog: &Catalog,
    effect: &Effect,
    claim: &Claim,
) -> anyhow::Result<TargetEvidence> {
    let technique = match effect.kind {
        EffectKind::LinkedObjects => removing(catalog, &effect.dataset),
        EffectKind::Dependents | EffectKind::Trigger => "sql.delete",
    };
    let counts = Counts {
        matched: claim.disposed + claim.already_absent + claim.there_again,
        purged: claim.disposed,
        already_absent: claim.already_absent,
        failed: claim.there_again,
        ..Counts::default()
    };
    let item = seen.item;
    let (store, dataset) = names(catalog, &effect.dataset)?;
    Ok(TargetEvidence {
        store,
        dataset,
        record_type: alias("record-type", &item.record_type)?,
        rule: rule(&item.rule)?,
        action: Action::Purge,
        technique: Code::new(technique)?,
        counts,
        verification: Some(looked_up(claim, seen.at)),
        exceptions: Vec::new(),
        failures: there_again(claim.there_again)?,
        residue_steps: codes(&seen.residue_steps)?,
        records_before: None,
        records_after: None,
    })
}

/// What the plan's own query finds when it is asked again: every record that is still due, whether it
/// was kept on purpose, changed since, left because nothing certain can be said of it, or failed.
fn asked_again(survey: &Survey, claim: &Claim, at: DateTime<Utc>) -> Verification {
    let undecidable: u64 = survey.undecidable.values().sum();
    Verification {
        method: VerificationMethod::ReQuery,
        checked: survey.in_scope,
        remaining: survey.due
            + survey.held
            + survey.locked
            + survey.changed_since_plan
            + undecidable
            + in_use_again(survey, claim),
        at,
    }
}

/// Records that the store said were gone and that were there when looked at, and that the query does not
/// find: others took up the key, with a record that is not due.
fn in_use_again(survey: &Survey, claim: &Claim) -> u64 {
    claim.there_again.saturating_sub(survey.due)
}

/// Nothing that was seen is claimed to be gone, whoever brought it back.
fn there_again(count: u64) -> anyhow::Result<Vec<Failure>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    Ok(vec![Failure { code: Code::new("there_again")?, count }])
}

/// Every record was looked up by its key after the act, and none of those claimed was there.
fn looked_up(claim: &Claim, at: DateTime<Utc>) -> Verification {
    let (checked, remaining) = (claim.disposed + claim.there_again, claim.there_again);
    Verification { method: VerificationMethod::KeyLookup, checked, remaining, at }
}

/// What was done, kept and missed of one target. They add up to what was matched.
pub(super) fn counts_of(
    action: Action,
    claim: &Claim,
    exceptions: &[Exception],
    failures: &[Failure],
) -> Counts {
    let mut counts = Counts {
        already_absent: claim.already_absent,
        excepted: exceptions.iter().map(|exception| exception.count).sum(),
        failed: failures.iter().map(|failure| failure.count).sum(),
        ..Counts::default()
    };
    match action {
        Action::Purge => counts.purged = claim.disposed,
        Action::Anonymize => counts.anonymized = claim.disposed,
        Action::Pseudonymize => counts.pseudonymized = claim.disposed,
    }
    counts.matched = counts.disposed() + counts.already_absent + counts.excepted + counts.failed;
    counts
}

fn main_target(
    seen: &Seen<'_>,
    catalog: &Catalog,
    claim: &Claim,
    book: &HoldBook,
) -> anyhow::Result<TargetEvidence> {
    let item = seen.item;
    let (exceptions, failures, verification, records_after) = match &seen.reading {
        Reading::Survey(survey) => {
            let (exceptions, mut failures) = (exceptions(survey, book)?, failures(seen, survey)?);
            failures.extend(there_again(in_use_again(survey, claim))?);
            let verification = asked_again(survey, claim, seen.at);
            (exceptions, failures, Some(verification), Some(survey.total))
        }
        Reading::Lost(error) => {
            let mut failures = vec![Failure { code: Code::new(error_code(error))?, count: 0 }];
            failures.extend(there_again(claim.there_again)?);
            (Vec::new(), failures, None, None)
        }
        Reading::RunClosed => {
            let failure = Failure { code: Code::new("run_closed")?, count: 0 };
            let mut failures = if item.counts.due > 0 { vec![failure] } else { Vec::new() };
            failures.extend(there_again(claim.there_again)?);
            (Vec::new(), failures, Some(looked_up(claim, seen.at)), None)
        }
    };
    let (action, technique) = action(&item.disposition, catalog, &item.dataset);
    let counts = counts_of(action, claim, &exceptions, &failures);
    let (store, dataset) = names(catalog, &item.dataset)?;
    let mut steps = codes(&seen.residue_steps)?;
    if claim.in_partitions > 0 {
        // Stands beside the technique: some of the records, or all, went with their table.
        steps.insert(0, Code::new("sql.drop_partition")?);
    }
    Ok(TargetEvidence {
        store,
        dataset,
        record_type: alias("record-type", &item.record_type)?,
        rule: rule(&item.rule)?,
        action,
        technique: Code::new(technique)?,
        counts,
        verification,
        exceptions,
        failures,
        residue_steps: steps,
        records_before: Some(item.counts.total),
        records_after,
    })
}

/// A dataset of the plan that could not be read when it was drafted: nothing was done there, and the
/// run is not whole without it (invariant I8).
pub(super) fn unreached(catalog: &Catalog, target: &Target<'_>) -> anyhow::Result<TargetEvidence> {
    let reference = reference_of(target, catalog);
    let (store, dataset) = names(catalog, &target.dataset.name)?;
    let name = &target.dataset.name;
    let (action, technique) = match &target.rule.disposition {
        policy::Disposition::Purge => (Action::Purge, removing(catalog, name)),
        policy::Disposition::Anonymize { .. } => (Action::Anonymize, changing(catalog, name)),
        policy::Disposition::Pseudonymize { .. } => (Action::Pseudonymize, changing(catalog, name)),
    };
    Ok(TargetEvidence {
        store,
        dataset,
        record_type: alias("record-type", &target.rule.record_type)?,
        rule: rule(&reference)?,
        action,
        technique: Code::new(technique)?,
        counts: Counts::default(),
        verification: None,
        exceptions: Vec::new(),
        failures: vec![Failure { code: Code::new("unreachable")?, count: 0 }],
        residue_steps: Vec::new(),
        records_before: None,
        records_after: None,
    })
}

/// What was kept on purpose, or because nothing certain could be said of it.
pub(super) fn exceptions(survey: &Survey, book: &HoldBook) -> anyhow::Result<Vec<Exception>> {
    let mut exceptions = Vec::new();
    if survey.held > 0 {
        let only = survey.held_by.keys().next().filter(|_| survey.held_by.len() == 1);
        let review_on = only
            .and_then(|id| book.holds.iter().find(|hold| &hold.hold_id == id))
            .and_then(|hold| hold.review_on);
        exceptions.push(Exception {
            code: Code::new("legal_hold")?,
            count: survey.held,
            hold_ref: only.map(|id| Code::new(id.as_str())).transpose()?,
            review_from: None,
            review_on,
        });
    }
    for (kind, locked) in &survey.locks {
        let until = locked.until.map(|until| until.date_naive());
        let locked = Exception::new(Code::new(lock_code(*kind))?, locked.count);
        exceptions.push(Exception { review_on: until, ..locked });
    }
    let mut add = |code: &str, count: u64| -> anyhow::Result<()> {
        if count > 0 {
            exceptions.push(Exception::new(Code::new(code)?, count));
        }
        Ok(())
    };
    add("changed_since_plan", survey.changed_since_plan)?;
    for (reason, count) in &survey.undecidable {
        add(doubt_code(*reason), *count)?;
    }
    Ok(exceptions)
}

/// What keeps a record that a store has locked.
fn lock_code(kind: LockKind) -> &'static str {
    match kind {
        LockKind::Governance => "object_lock.governance",
        LockKind::Compliance => "object_lock.compliance",
        LockKind::EventHold => "object_lock.event_hold",
        LockKind::LegalHold => "object_lock.legal_hold",
    }
}

fn doubt_code(reason: DoubtReason) -> &'static str {
    match reason {
        DoubtReason::Conflict => "undecidable.conflict",
        DoubtReason::StartMissing => "undecidable.start_missing",
        DoubtReason::StartUnreadable => "undecidable.start_unreadable",
        DoubtReason::StartInFuture => "undecidable.start_in_future",
        DoubtReason::NotGovernable => "undecidable.not_governable",
        DoubtReason::NoRegularFile => "undecidable.no_regular_file",
        DoubtReason::SeveralNames => "undecidable.several_names",
        DoubtReason::NameUnreadable => "undecidable.name_unreadable",
    }
}

/// What should have gone and is still there.
fn failures(seen: &Seen<'_>, survey: &Survey) -> anyhow::Result<Vec<Failure>> {
    let code = match seen.failure {
        Some(code) => code,
        None if seen.has_links => "linked_object_kept",
        None => "still_present",
    };
    if survey.due > 0 || seen.failure.is_some() {
        return Ok(vec![Failure { code: Code::new(code)?, count: survey.due }]);
    }
    Ok(Vec::new())
}

/// The class of an error, without its message.
pub(super) fn error_code(error: &ConnectorError) -> &'static str {
    match error {
        ConnectorError::Unreachable { .. } => "unreachable",
        ConnectorError::Denied { .. } => "denied",
        ConnectorError::SchemaDrift { .. } => "schema_drift",
        ConnectorError::Busy { .. } => "busy",
        ConnectorError::Full { .. } => "full",
        ConnectorError::Constraint { .. } => "constraint",
        ConnectorError::NotSupported { .. } => "not_supported",
        _ => "failed",
    }
}

pub(super) fn action_of(disposition: &Disposition) -> Action {
    match disposition {
        Disposition::Purge => Action::Purge,
        Disposition::Anonymize { .. } => Action::Anonymize,
        Disposition::Pseudonymize { .. } => Action::Pseudonymize,
    }
}

pub(super) fn action(disposition: &Disposition, catalog: &Catalog, dataset: &str) -> (Action, &'static str) {
    let action = action_of(disposition);
    let technique = match action {
        Action::Purge => removing(catalog, dataset),
        Action::Anonymize | Action::Pseudonymize => changing(catalog, dataset),
    };
    (action, technique)
}

/// By what records of a dataset are removed.
fn removing(catalog: &Catalog, dataset: &str) -> &'static str {
    match kind_of(catalog, dataset) {
        (StoreKind::Directory, _) => "file.unlink",
        (StoreKind::S3, false) => "s3.delete-version",
        (StoreKind::S3, true) => "s3.delete-version.bypass-governance",
        (StoreKind::Sqlite | StoreKind::Postgres | StoreKind::Mysql, _) => "sql.delete",
    }
}

/// By what records of a dataset are changed.
fn changing(catalog: &Catalog, dataset: &str) -> &'static str {
    match kind_of(catalog, dataset) {
        (StoreKind::S3, _) => "s3.put-tagging",
        _ => "sql.update",
    }
}

/// The kind of its store, and whether that bypasses governance.
fn kind_of(catalog: &Catalog, dataset: &str) -> (StoreKind, bool) {
    let declared = catalog.dataset(dataset);
    let terms = declared.and_then(|declared| catalog.stores().get(&declared.store));
    let kind = terms.map_or(StoreKind::Sqlite, |terms| terms.kind);
    // A store that the settings lost is told by what the dataset is.
    let is_objects = declared.is_some_and(|declared| !declared.is_table());
    let kind = if is_objects && terms.is_none() { StoreKind::Directory } else { kind };
    (kind, terms.is_some_and(|terms| terms.bypass_governance))
}

pub(super) fn rule(rule: &plan::RuleReference) -> anyhow::Result<RuleReference> {
    let mut title = BTreeMap::new();
    for (language, text) in &rule.title {
        title.insert(Code::new(language.as_str())?, PublicText::new(text.as_str())?);
    }
    Ok(RuleReference {
        id: alias("rule", &rule.rule)?,
        version: u64::from(rule.policy_version),
        period: Code::new(rule.retain_for.as_str())?,
        starts_from: alias("event", &rule.starts_from)?,
        legal_basis: alias("basis", &rule.legal_basis)?,
        citation: rule.citations.first().map(|text| PublicText::new(text.as_str())).transpose()?,
        title,
    })
}

pub(super) fn codes(steps: &[&'static str]) -> anyhow::Result<Vec<Code>> {
    steps.iter().map(|step| Code::new(*step).context("a residue step is no code")).collect()
}

/// Store and dataset as certificates and receipts name them.
pub(super) fn names(catalog: &Catalog, dataset: &str) -> anyhow::Result<(Code, Code)> {
    let declared =
        catalog.dataset(dataset).with_context(|| format!("dataset '{dataset}' is not declared"))?;
    Ok((alias("store", catalog.public_store(&declared.store))?, alias("dataset", declared.public_name())?))
}

/// A name as it may stand on a certificate. One that is no code (spaces, quotes, accents) is replaced
/// by its digest, which the plan's reader can compute; an alias in the data map reads better.
pub(super) fn alias(kind: &str, name: &str) -> anyhow::Result<Code> {
    if let Ok(code) = Code::new(name) {
        return Ok(code);
    }
    let digest = crate::digest::Digest32::of(name.as_bytes()).hex();
    Ok(Code::new(format!("{kind}-{}", digest.get(..16).unwrap_or_default()))?)
}

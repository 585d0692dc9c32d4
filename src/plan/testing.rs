//! Catalogs and plans for tests.

use super::{ItemCounts, Plan, PlanFinding, PlanItem};
use crate::catalog::Catalog;
use crate::check::Places;
use crate::plan::{Disposition, FindingCode, FindingSeverity, GuardLimits, RuleReference};
use crate::settings::files::{FileError, FileReader, Found};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One document in memory.
struct OneFile<'a>(&'a str);

impl FileReader for OneFile<'_> {
    fn find(&self, _: &Path) -> Result<Found, FileError> {
        Ok(Found::File)
    }

    fn read(&self, _: &Path, _: u64) -> Result<Vec<u8>, FileError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The catalog of one YAML text with settings, data map and policies.
#[track_caller]
pub(crate) fn catalog(yaml: &str) -> Catalog {
    catalog_and_places(yaml).0
}

/// The same, with the places of its declarations.
#[track_caller]
pub(crate) fn catalog_and_places(yaml: &str) -> (Catalog, Places) {
    let loaded =
        crate::settings::load::load(&[PathBuf::from("all.yaml")], at("2026-06-15T12:00:00Z"), &OneFile(yaml));
    match loaded.catalog {
        Some(catalog) => (catalog, loaded.places),
        None => panic!("{}", loaded.diagnostics),
    }
}

/// A small plan with one item that has 5 of 100 records due.
pub(crate) fn plan() -> Plan {
    Plan {
        format_version: super::PLAN_FORMAT_VERSION,
        plan_id: "plan-1".to_owned(),
        tool_version: "0.0.0".to_owned(),
        author: "anna".to_owned(),
        drafted_at: at("2026-06-15T12:00:00Z"),
        as_of: at("2026-06-15T12:00:00Z"),
        expires_at: at("2026-06-16T12:00:00Z"),
        catalog_digest: "c".repeat(64),
        policies: Vec::new(),
        hold_revision: 3,
        items: vec![item(0, 5)],
        findings: Vec::new(),
        unreachable: Vec::new(),
        leaks: Vec::new(),
        simulated: false,
        request: None,
    }
}

pub(crate) fn item(position: u32, due: u64) -> PlanItem {
    PlanItem {
        part: super::ItemPart::Whole,
        item: position,
        rule: RuleReference {
            policy: "p".to_owned(),
            policy_version: 1,
            rule: format!("rule-{position}"),
            digest: format!("digest-{position}"),
            title: BTreeMap::new(),
            legal_basis: "eu-gdpr:A6-1-f".to_owned(),
            starts_from: "created".to_owned(),
            rounding: None,
            retain_for: "P3Y".to_owned(),
            delete_within: None,
            time_zone: "Europe/Paris".to_owned(),
            citations: Vec::new(),
        },
        record_type: "prospect".to_owned(),
        store: "crm".to_owned(),
        dataset: "crm.prospects".to_owned(),
        store_alias: "crm".to_owned(),
        dataset_alias: "crm.prospects".to_owned(),
        schema_digest: "s".repeat(64),
        disposition: Disposition::Purge,
        cutoff: None,
        counts: ItemCounts {
            total: 100,
            in_scope: 100,
            due,
            not_yet_due: 100 - due,
            ..ItemCounts::default()
        },
        inventory_at: None,
        undecidable_samples: BTreeMap::new(),
        due_samples: Vec::new(),
        oldest_due_at: None,
        newest_due_at: None,
        due_bytes: 0,
        effects: Vec::new(),
        named: Vec::new(),
        partitions: Vec::new(),
        guards: GuardLimits { records_max: 100_000, share_max_percent: 20, keep_newest: 0 },
        backups_kept: None,
    }
}

pub(crate) fn finding(severity: FindingSeverity, code: FindingCode) -> PlanFinding {
    PlanFinding { severity, code, item: Some(0), message: "something".to_owned() }
}

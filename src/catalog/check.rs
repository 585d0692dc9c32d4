//! What documents mean together: rules against datasets, datasets against stores (floor 1).
//!
//! Only the declared is looked at. Whether columns exist is for the live schema to say.

use super::Catalog;
use crate::data_map::read::ReadDataset;
use crate::data_map::{Dataset, EventSource, Ownership, StoreKind};
use crate::diagnostic::{Diagnostics, Severity};
use crate::policy::read::ReadPolicy;
use crate::policy::{Disposition, Policy, Rule, StartsFrom};
use crate::yaml::{Node, Place, Report, Source};
use chrono::{DateTime, Utc};
use connectors::Location;
use std::collections::{BTreeMap, BTreeSet};

/// A value read from a document, with its source for messages.
#[derive(Debug, Clone, Copy)]
pub struct From<'a, T> {
    pub source: &'a Source,
    pub read: &'a T,
}

/// Everything that was read.
#[derive(Debug)]
pub struct Documents<'a> {
    pub datasets: Vec<From<'a, ReadDataset<'a>>>,
    pub policies: Vec<From<'a, ReadPolicy<'a>>>,
    /// Names of the stores in the settings, also of faulty ones; `None` without settings, when
    /// nothing is known of stores.
    pub store_names: Option<BTreeSet<&'a str>>,
    /// Names of the datasets, also of faulty ones.
    pub dataset_names: &'a BTreeSet<String>,
    /// Whether every document was read: only then does something that is not there mean anything.
    pub is_whole: bool,
}

/// Checks the documents against each other.
pub fn check(
    catalog: &Catalog,
    documents: &Documents<'_>,
    as_of: DateTime<Utc>,
    diagnostics: &mut Diagnostics,
) {
    check_names(documents, diagnostics);
    for dataset in &documents.datasets {
        let mut report = Report { source: dataset.source, diagnostics };
        if let Some(names) = &documents.store_names {
            check_store(catalog, names, dataset.read, &mut report);
        }
    }
    let effective: Vec<&Policy> = catalog.effective_policies(as_of);
    for policy in &documents.policies {
        let is_past = effective.iter().any(|newest| {
            newest.name == policy.read.policy.name && newest.version > policy.read.policy.version
        });
        if is_past {
            continue;
        }
        let mut report = Report { source: policy.source, diagnostics };
        for (rule, node) in policy.read.policy.rules.iter().zip(&policy.read.rule_nodes) {
            check_rule(catalog, documents, rule, node, &mut report);
        }
    }
    if documents.is_whole {
        check_coverage(catalog, documents, as_of, diagnostics);
    }
}

fn check_names(documents: &Documents<'_>, diagnostics: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for dataset in &documents.datasets {
        let name = dataset.read.dataset.name.as_str();
        if let Some(first) = seen.insert(name, dataset.source.file()) {
            let mut report = Report { source: dataset.source, diagnostics };
            let message = format!("a second dataset `{name}`; the other is in {first}");
            report.error("duplicate-dataset", place_of(dataset.read.node, "name"), message, None);
        }
    }
    check_public_names(documents, diagnostics);
    let mut seen = BTreeMap::new();
    for policy in &documents.policies {
        let (name, version) = (policy.read.policy.name.as_str(), policy.read.policy.version);
        if let Some(first) = seen.insert((name, version), policy.source.file()) {
            let mut report = Report { source: policy.source, diagnostics };
            let message = format!("policy `{name}` has version {version} twice; the other is in {first}");
            let hint = Some("give the newer one a greater version".to_owned());
            report.error("duplicate-policy", place_of(policy.read.node, "version"), message, hint);
        }
    }
}

/// On a certificate two datasets must not look like one.
fn check_public_names(documents: &Documents<'_>, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for dataset in &documents.datasets {
        let read = &dataset.read.dataset;
        match seen.insert(read.public_name(), &read.name) {
            Some(other) if other != read.name => {
                let mut report = Report { source: dataset.source, diagnostics };
                let message =
                    format!("`{}` is what dataset `{other}` is called in public", read.public_name());
                let hint = Some("give each dataset an alias of its own".to_owned());
                report.error("duplicate-alias", place_of(dataset.read.node, "alias"), message, hint);
            }
            _ => {}
        }
    }
}

/// In a directory no file has such a name, so nothing would ever be found; and `..` looks like a way out
/// of the directory, which there is none.
fn check_path(kind: StoreKind, read: &ReadDataset<'_>, report: &mut Report<'_>) {
    let Location::Objects { key } = &read.dataset.location else { return };
    if kind == StoreKind::Directory && key.text().split('/').any(|part| matches!(part, "" | "." | "..")) {
        let place = read.node.get("objects").map_or(read.node.place, |objects| place_of(objects, "key"));
        let message = "no file in a directory has a key with an empty part, `.` or `..`".to_owned();
        let hint =
            Some("write the path below the store's directory, such as receipts/{year}/{file}".to_owned());
        report.error("bad-template", place, message, hint);
    }
}

fn check_store(catalog: &Catalog, names: &BTreeSet<&str>, read: &ReadDataset<'_>, report: &mut Report<'_>) {
    let dataset = &read.dataset;
    let place = place_of(read.node, "store");
    if !names.contains(dataset.store.as_str()) {
        let hint = report.did_you_mean(&dataset.store, names.iter().copied());
        report.error("unknown-store", place, format!("no store is called `{}`", dataset.store), hint);
    }
    // A store with a fault of its own is reported already.
    let Some(terms) = catalog.stores().get(&dataset.store) else { return };
    if terms.kind.has_tables() != dataset.is_table() {
        let (has, wants) = if dataset.is_table() { ("objects", "a table") } else { ("tables", "objects") };
        let message =
            format!("store `{}` has {has}, dataset `{}` names {wants}", dataset.store, dataset.name);
        report.error("wrong-store-kind", place, message, None);
    }
    check_path(terms.kind, read, report);
    for (event, source) in &dataset.events {
        if matches!(source, EventSource::Tag { .. } | EventSource::Metadata { .. }) {
            let message = format!("event `{event}`: files have neither tags nor metadata");
            report.error("wrong-store-kind", place_of(read.node, "events"), message, None);
        }
    }
}

fn check_rule(
    catalog: &Catalog,
    documents: &Documents<'_>,
    rule: &Rule,
    node: &Node,
    report: &mut Report<'_>,
) {
    for item in node.get("applies_to").map(Node::items).unwrap_or_default() {
        if let Some(name) = item.text().filter(|name| !documents.dataset_names.contains(*name)) {
            let hint = report.did_you_mean(name, documents.dataset_names.iter().map(String::as_str));
            report.error("unknown-dataset", item.place, format!("no dataset is called `{name}`"), hint);
        }
    }
    let datasets: Vec<&Dataset> = catalog.datasets_of(rule).collect();
    if datasets.is_empty() && rule.applies_to.is_empty() && documents.is_whole {
        let types: BTreeSet<&str> = catalog.datasets().values().map(|set| set.record_type.as_str()).collect();
        let hint = report.did_you_mean(&rule.record_type, types);
        let message =
            format!("no dataset has the record type `{}`, rule `{}` does nothing", rule.record_type, rule.id);
        report.warning("rule-without-dataset", place_of(node, "record_type"), message, hint);
    }
    for dataset in datasets {
        check_start(catalog, rule, dataset, node, report);
        check_disposition(rule, dataset, node, report);
    }
}

fn check_start(catalog: &Catalog, rule: &Rule, dataset: &Dataset, node: &Node, report: &mut Report<'_>) {
    let place = place_of(node, "starts_from");
    match &rule.starts_from {
        StartsFrom::Event { event, .. } if !dataset.events.contains_key(event) => {
            let hint = report
                .did_you_mean(event, dataset.events.keys().map(String::as_str))
                .unwrap_or_else(|| format!("add `{event}` to its `events` in the data map"));
            let message = format!("dataset `{}` does not say where event `{event}` is written", dataset.name);
            report.error("unknown-event", place, message, Some(hint));
        }
        StartsFrom::Event { .. } => {}
        StartsFrom::NoneLeft { record_types } => {
            for record_type in record_types {
                if !catalog.datasets().values().any(|set| set.record_type == *record_type) {
                    let message = format!("no dataset has the record type `{record_type}`");
                    report.error("unknown-record-type", place, message, None);
                }
            }
            if !dataset.is_table() {
                let message = format!("dataset `{}` holds objects, to which nothing refers", dataset.name);
                report.error("not-for-objects", place, message, None);
            }
        }
    }
}

fn check_disposition(rule: &Rule, dataset: &Dataset, node: &Node, report: &mut Report<'_>) {
    if rule.exempt.is_some() && matches!(dataset.location, Location::Objects { .. }) {
        let message = format!("dataset `{}` holds objects, of which no field can be kept", dataset.name);
        let hint = Some("name the datasets in `applies_to`".to_owned());
        report.error("not-for-objects", place_of(node, "erasure"), message, hint);
    }
    let place = place_of(node, "disposition");
    let Some(fields) = rule.disposition.fields() else { return };
    if matches!(dataset.location, Location::Objects { .. }) {
        let message = format!("dataset `{}` holds objects, which can only be purged", dataset.name);
        report.error("not-for-objects", place, message, Some("name the datasets in `applies_to`".to_owned()));
        return;
    }
    // A rule must tell what it already did, else a second run would hash the hash.
    if fields.values().any(|transform| !transform.is_fixpoint()) && dataset.marker.is_none() {
        let message = format!("rule `{}` cannot tell which records of `{}` are done", rule.id, dataset.name);
        let hint =
            "add a nullable column as `marker` to the dataset, or use a transform without a hash".to_owned();
        report.error("not-idempotent", place, message, Some(hint));
    }
    let identifies = dataset.subject.values().any(|column| !fields.contains_key(column));
    if identifies && matches!(rule.disposition, Disposition::Anonymize { .. }) {
        let left = dataset.subject.values().filter(|column| !fields.contains_key(*column));
        let left: Vec<String> = left.map(|column| format!("`{column}`")).collect();
        let message = format!(
            "rule `{}` leaves columns of `{}` that identify the person: {}",
            rule.id,
            dataset.name,
            left.join(", ")
        );
        report.warning(
            "subject-left",
            place,
            message,
            Some(
                "give each a transform too, or take it out of `subject` if it no longer leads to the person"
                    .to_owned(),
            ),
        );
    }
}

/// The datasets that a dataset is tied to by an owning link.
fn owned(dataset: &Dataset) -> impl Iterator<Item = &str> {
    let links = dataset.links.iter().filter(|link| link.ownership == Ownership::Owns);
    links.map(|link| link.to.dataset.as_str())
}

/// Datasets that no rule speaks of, and those that several may claim.
fn check_coverage(
    catalog: &Catalog,
    documents: &Documents<'_>,
    as_of: DateTime<Utc>,
    diagnostics: &mut Diagnostics,
) {
    let mut claims: BTreeMap<&str, Vec<(&Policy, &Rule)>> = BTreeMap::new();
    let targets = catalog.targets(as_of);
    for target in &targets {
        claims.entry(&target.dataset.name).or_default().push((target.policy, target.rule));
    }
    for dataset in &documents.datasets {
        let name = dataset.read.dataset.name.as_str();
        let place = place_of(dataset.read.node, "name");
        let mut report = Report { source: dataset.source, diagnostics };
        let rules = claims.get(name).map(Vec::as_slice).unwrap_or_default();
        if rules.is_empty() && !goes_along(catalog, name) {
            let message = format!("no effective rule speaks of dataset `{name}`: nothing in it ends");
            report.push(Severity::Warning, "dataset-without-rule", place, message, None);
        }
        if rules.len() > 1 && rules.iter().filter(|(_, rule)| rule.scope.is_none()).count() > 0 {
            let names: Vec<String> =
                rules.iter().map(|(policy, rule)| format!("{}/{}", policy.name, rule.id)).collect();
            let message =
                format!("several rules may claim the same record of `{name}`: {}", names.join(", "));
            let hint = "such records are kept as undecidable; give each rule a `where` of its own".to_owned();
            report.warning("overlapping-rules", place, message, Some(hint));
        }
    }
}

/// Whether the records go with those of another dataset: rows that belong to a row of another table,
/// objects that a row names.
fn goes_along(catalog: &Catalog, name: &str) -> bool {
    let is_table = |dataset: &str| catalog.dataset(dataset).is_some_and(Dataset::is_table);
    if is_table(name) {
        return catalog.dataset(name).is_some_and(|dataset| owned(dataset).any(is_table));
    }
    catalog.datasets().values().any(|other| owned(other).any(|named| named == name))
}

fn place_of(node: &Node, key: &str) -> Place {
    node.get(key).map_or(node.place, |value| value.place)
}

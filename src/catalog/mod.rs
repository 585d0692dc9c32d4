//! The catalog: every validated document together, sorted, with a digest (floor 1).
//!
//! Plans and standing approvals bind digests made here. The catalog reads no file and no clock.

pub mod check;
mod digest;

pub use digest::CanonicalError;

use crate::data_map::{Dataset, StoreKind, StoreTerms};
use crate::policy::{Policy, Rule};
use crate::spans::TargetNames;
use chrono::{DateTime, Utc};
use connectors::Location;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// All policies, datasets and stores. Made by [`Catalog::new`], which sorts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Catalog {
    stores: BTreeMap<String, StoreTerms>,
    datasets: BTreeMap<String, Dataset>,
    /// By name, then by version.
    policies: Vec<Policy>,
}

/// One rule at one dataset: the unit of planning.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub policy: &'a Policy,
    pub rule: &'a Rule,
    pub dataset: &'a Dataset,
}

impl<'a> Target<'a> {
    /// The names by which others may know it.
    #[must_use]
    pub fn names(&self, catalog: &'a Catalog) -> TargetNames<'a> {
        TargetNames {
            policy: &self.policy.name,
            rule: &self.rule.id,
            dataset: self.dataset.public_name(),
            store: catalog.public_store(&self.dataset.store),
        }
    }
}

impl Catalog {
    #[must_use]
    pub fn new(
        stores: BTreeMap<String, StoreTerms>,
        datasets: Vec<Dataset>,
        mut policies: Vec<Policy>,
    ) -> Self {
        policies.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        for policy in &mut policies {
            policy.rules.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let datasets = datasets
            .into_iter()
            .map(|mut dataset| {
                if let Some(terms) = stores.get(&dataset.store) {
                    leave_default_schema_out(&mut dataset, terms.kind);
                }
                (dataset.name.clone(), dataset)
            })
            .collect();
        Self { stores, datasets, policies }
    }

    #[must_use]
    pub fn stores(&self) -> &BTreeMap<String, StoreTerms> {
        &self.stores
    }

    #[must_use]
    pub fn datasets(&self) -> &BTreeMap<String, Dataset> {
        &self.datasets
    }

    #[must_use]
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.get(name)
    }

    /// The name of a store that may stand on a certificate.
    #[must_use]
    pub fn public_store<'n>(&'n self, store: &'n str) -> &'n str {
        let terms = self.stores.get(store);
        terms.and_then(|terms| terms.alias.as_deref()).unwrap_or(store)
    }

    /// Every version of every policy, effective or not.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Of each policy the newest version that is effective, by name.
    #[must_use]
    pub fn effective_policies(&self, as_of: DateTime<Utc>) -> Vec<&Policy> {
        let mut newest: BTreeMap<&str, &Policy> = BTreeMap::new();
        for policy in self.policies.iter().filter(|policy| policy.is_effective(as_of)) {
            newest.insert(&policy.name, policy);
        }
        newest.into_values().collect()
    }

    /// Every effective rule at every dataset it lives in, by policy, rule and dataset. Rules that
    /// keep forever are among them: they claim their records.
    #[must_use]
    pub fn targets(&self, as_of: DateTime<Utc>) -> Vec<Target<'_>> {
        let mut targets = Vec::new();
        for policy in self.effective_policies(as_of) {
            for rule in &policy.rules {
                targets.extend(self.datasets_of(rule).map(|dataset| Target { policy, rule, dataset }));
            }
        }
        targets
    }

    /// The datasets a rule lives in, by name.
    pub fn datasets_of<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = &'a Dataset> {
        let named: BTreeSet<&str> = rule.applies_to.iter().map(String::as_str).collect();
        self.datasets.values().filter(move |dataset| {
            if named.is_empty() {
                dataset.record_type == rule.record_type
            } else {
                named.contains(dataset.name.as_str())
            }
        })
    }
}

/// The same table is named in one way only: without the schema that its store would take anyway.
fn leave_default_schema_out(dataset: &mut Dataset, kind: StoreKind) {
    let default = match kind {
        StoreKind::Sqlite => "main",
        StoreKind::Postgres => "public",
        // The default database stands in the address, which is a secret.
        StoreKind::Mysql | StoreKind::Directory | StoreKind::S3 => return,
    };
    if let Location::Table { schema, table } = &mut dataset.location
        && schema.as_deref() == Some(default)
        // A table of PostgreSQL with the name of a system table needs its schema.
        && !table.starts_with("pg_")
    {
        *schema = None;
    }
}

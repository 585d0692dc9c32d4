//! Digests of the catalog and of single rules (floor 1).
//!
//! SHA-256 over canonical JSON (RFC 8785) of what was validated: spelling, comments, order and
//! places of the documents do not count, nothing that decides does.

use super::{Catalog, Target};
use crate::data_map::{Dataset, StoreTerms};
use crate::digest::Digest32;
use crate::policy::Rule;
use serde::Serialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// A value that has no canonical form: a number beyond JSON. Not reachable from validated documents.
#[derive(Debug, Error)]
#[error("the catalog has no canonical form")]
pub struct CanonicalError(#[from] serde_json::Error);

/// What a standing approval binds.
#[derive(Serialize)]
struct RuleScope<'a> {
    policy: &'a str,
    rule: &'a Rule,
    datasets: Vec<&'a Dataset>,
    stores: BTreeMap<&'a str, &'a StoreTerms>,
}

impl Catalog {
    /// The digest of everything, 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`CanonicalError`], which no validated catalog causes.
    pub fn digest(&self) -> Result<String, CanonicalError> {
        digest_of(self)
    }

    /// The digest of a rule with its guards, the datasets it lives in and their stores. The number
    /// of the policy's version is not in it: a version that leaves the rule alone leaves it valid.
    ///
    /// # Errors
    /// [`CanonicalError`], which no validated catalog causes.
    pub fn rule_digest(&self, policy: &str, rule: &Rule) -> Result<String, CanonicalError> {
        let datasets: Vec<&Dataset> = self.datasets_of(rule).collect();
        let stores = datasets
            .iter()
            .filter_map(|dataset| Some((dataset.store.as_str(), self.stores().get(&dataset.store)?)))
            .collect();
        digest_of(&RuleScope { policy, rule, datasets, stores })
    }
}

impl Target<'_> {
    /// `policy/rule@dataset`, unique in a catalog at one instant.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}@{}", self.policy.name, self.rule.id, self.dataset.name)
    }
}

fn digest_of(value: &impl Serialize) -> Result<String, CanonicalError> {
    Ok(Digest32::of_canonical(value)?.hex())
}

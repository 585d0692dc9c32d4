//! What a person gave anew after they were erased: kept, unless a person approves otherwise.
//!
//! Floor 3; reads only.

use super::read::Reader;
use super::{Ground, naming};
use crate::erasure::returned::{Age, Collected, age};
use crate::subject::{FormHash, FormHasher, Identity, stored_form};
use chrono::{DateTime, Utc};
use connectors::Value;
use std::collections::{BTreeMap, BTreeSet};

/// When the data under the identities of a request were erased before.
#[derive(Debug)]
pub struct Renewal {
    /// What was given anew goes too: a person has decided it.
    takes_new: bool,
    collected: Collected,
    /// By kind and form: when, and of whom (a number).
    erased: BTreeMap<(String, String), (DateTime<Utc>, usize)>,
    identities: BTreeSet<Identity>,
    /// Who gave something anew.
    renewed: BTreeSet<usize>,
    hasher: FormHasher,
    /// Read from the person's records once: searched after what they gave.
    later: BTreeSet<Identity>,
    /// Identities that are known to be the person's and are not searched: somebody else has them by now.
    withheld: BTreeSet<FormHash>,
}

impl Renewal {
    #[must_use]
    pub fn new(hasher: FormHasher, takes_new: bool) -> Self {
        Self {
            takes_new,
            collected: Collected::new(),
            erased: BTreeMap::new(),
            identities: BTreeSet::new(),
            renewed: BTreeSet::new(),
            hasher,
            later: BTreeSet::new(),
            withheld: BTreeSet::new(),
        }
    }

    /// One person: the identities under which they are searched, and when they were erased.
    pub fn add(&mut self, person: usize, identities: &BTreeSet<Identity>, at: DateTime<Utc>) {
        for identity in identities {
            for form in identity.search_forms() {
                let known = self.erased.entry((identity.kind().to_owned(), form));
                let known = known.or_insert((at, person));
                // Erased twice: what was given between the two went with the second.
                known.0 = known.0.max(at);
            }
        }
        self.identities.extend(identities.iter().cloned());
    }

    /// Searched once the records that name what the person gave are settled: a record with another customer
    /// number beside their address is theirs all the same.
    pub fn search_later(&mut self, identities: BTreeSet<Identity>) {
        self.later.extend(identities);
    }

    pub(super) fn later(&self) -> &BTreeSet<Identity> {
        &self.later
    }

    /// Identities by the hashes of their forms that lead nowhere.
    pub fn withhold(&mut self, hashes: impl IntoIterator<Item = FormHash>) {
        self.withheld.extend(hashes);
    }

    /// Looks who gave something anew; `collected` says where records tell when they were collected.
    pub async fn look(&mut self, ground: Ground<'_>, collected: Collected) {
        self.collected = collected;
        if self.takes_new {
            return;
        }
        let mut reader = Reader::new(ground);
        let datasets: Vec<String> = self.collected.keys().cloned().collect();
        for dataset in datasets {
            let Some(predicate) = naming(ground, &dataset, &self.identities) else { continue };
            let subjects = ground.graph.subjects(&dataset, ground.catalog);
            for row in reader.rows(&dataset, predicate).await {
                let named = self.named(&dataset, &subjects, &row.values);
                self.renewed.extend(named.iter().filter(|(_, age)| *age == Age::After).map(|(one, _)| *one));
            }
        }
    }

    /// An identity that names somebody else by now leads nowhere.
    pub(super) fn is_withheld(&self, identity: &Identity) -> bool {
        self.withheld.contains(&self.hasher.hash(identity.kind(), identity.value()))
    }

    /// Whether the row was given anew, or may have been by somebody who gave something anew.
    pub(super) fn keeps(
        &self,
        dataset: &str,
        subjects: &[(&str, &str)],
        values: &BTreeMap<String, Value>,
    ) -> bool {
        let named = self.named(dataset, subjects, values);
        !self.takes_new
            && named.into_iter().any(|(person, age)| match age {
                Age::Before => false,
                Age::After => true,
                Age::Unknown => self.renewed.contains(&person),
            })
    }

    fn named(
        &self,
        dataset: &str,
        subjects: &[(&str, &str)],
        values: &BTreeMap<String, Value>,
    ) -> Vec<(usize, Age)> {
        let when = self.collected.get(dataset);
        let value = when.and_then(|(column, _)| values.get(column));
        let encoding = when.map(|(_, encoding)| encoding);
        let named = subjects.iter().filter_map(|(kind, column)| {
            let form = stored_form(values.get(*column)?)?;
            self.erased.get(&((*kind).to_owned(), form))
        });
        named.map(|(at, person)| (*person, age(value, encoding, *at))).collect()
    }
}

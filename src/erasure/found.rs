//! What a walk found: keys of rows by dataset, and why some of them are not the person's alone.
//!
//! Floor 3; pure. This is personal data and rests in the ledger only sealed; a plan has a keyed digest of
//! it. It is also what a half-done request goes on from: the values that led from table to table are in
//! it, so that nothing is lost when the rows that held them are gone.

use crate::subject::Identity;
use connectors::{RecordKey, Value};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything found of one person.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// As the person gave them.
    pub given: BTreeSet<Identity>,
    /// Read from rows that are the person's.
    pub derived: BTreeSet<Identity>,
    /// Rows by dataset, in key order.
    pub rows: BTreeMap<String, Vec<FoundRow>>,
    /// Rows of a table that refers to itself which go together, by item: those that nothing which stays
    /// refers to.
    pub together: BTreeMap<String, Vec<RecordKey>>,
    /// Under this key the plan has a digest of the rest.
    pub key: [u8; 32],
}

/// One row that has to do with the person.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundRow {
    pub key: RecordKey,
    /// Of the columns that identify and link.
    pub values: BTreeMap<String, Value>,
    pub standing: Standing,
}

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The person's, and nobody else's as far as the data map tells.
    Own,
    Shared(Why),
}

/// Why a row is not the person's alone: it is kept, and listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A column that identifies a person names somebody else.
    AnotherIdentity,
    /// It is part of a record that is not the person's.
    AnotherOwner,
    /// Rows that are not the person's name it.
    NamedByOthers,
    /// The person gave it after they were erased.
    GivenAnew,
}

impl fmt::Debug for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Found({} datasets, redacted)", self.rows.len())
    }
}

impl fmt::Debug for FoundRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FoundRow({:?}, redacted)", self.standing)
    }
}

impl Found {
    /// The keys of the person's own rows of a dataset.
    #[must_use]
    pub fn own(&self, dataset: &str) -> Vec<RecordKey> {
        self.keys(dataset, |standing| standing == Standing::Own)
    }

    /// The keys of rows that are others' too.
    #[must_use]
    pub fn shared(&self, dataset: &str) -> Vec<RecordKey> {
        let anew = Standing::Shared(Why::GivenAnew);
        self.keys(dataset, |standing| standing != Standing::Own && standing != anew)
    }

    /// The keys of rows that the person gave anew after they were erased.
    #[must_use]
    pub fn given_anew(&self, dataset: &str) -> Vec<RecordKey> {
        self.keys(dataset, |standing| standing == Standing::Shared(Why::GivenAnew))
    }

    fn keys(&self, dataset: &str, fits: impl Fn(Standing) -> bool) -> Vec<RecordKey> {
        let rows = self.rows.get(dataset).map(Vec::as_slice).unwrap_or_default();
        rows.iter().filter(|row| fits(row.standing)).map(|row| row.key.clone()).collect()
    }

    /// Every identity under which the person is searched.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.given.iter().chain(&self.derived)
    }

    /// HMAC-SHA-256 over everything, in lower-case hexadecimal: binds a plan to exactly these records
    /// without telling one. Not to be computed from guesses, for its key is random and sealed.
    #[must_use]
    pub fn digest(&self) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        mac.update(b"oubliette found v1\0");
        for identity in self.given.iter().chain(&self.derived) {
            part(&mut mac, identity.kind().as_bytes());
            part(&mut mac, identity.value().as_bytes());
        }
        for (dataset, rows) in &self.rows {
            part(&mut mac, dataset.as_bytes());
            for row in rows {
                part(&mut mac, row.key.canonical().as_bytes());
                part(&mut mac, format!("{:?}", row.standing).as_bytes());
            }
        }
        for (item, keys) in &self.together {
            part(&mut mac, item.as_bytes());
            for key in keys {
                part(&mut mac, key.canonical().as_bytes());
            }
        }
        crate::digest::hex(&mac.finalize().into_bytes())
    }
}

/// With its length, so that parts cannot run into one another.
fn part(mac: &mut Hmac<Sha256>, bytes: &[u8]) {
    mac.update(&(bytes.len() as u64).to_be_bytes());
    mac.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_binds_every_record_and_its_standing() {
        let row = |key, standing| FoundRow { key: RecordKey::int(key), values: BTreeMap::new(), standing };
        let of = |rows: Vec<FoundRow>, key| Found {
            rows: BTreeMap::from([("crm.customers".to_owned(), rows)]),
            key: [key; 32],
            ..Found::default()
        };
        let one = of(vec![row(1, Standing::Own)], 1);
        assert_eq!(one.digest(), one.clone().digest());
        for other in [
            of(vec![row(2, Standing::Own)], 1),
            of(vec![row(1, Standing::Shared(Why::AnotherOwner))], 1),
            of(vec![row(1, Standing::Own)], 2),
            of(vec![row(1, Standing::Own), row(2, Standing::Own)], 1),
        ] {
            assert_ne!(one.digest(), other.digest());
        }
        assert_eq!(format!("{one:?}"), "Found(1 datasets, redacted)");
    }
}

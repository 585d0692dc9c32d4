//! What one plan is bound to: what was found of the person of a request, or of many persons who are erased together.
//!
//! Floor 3; pure. Persons who are erased together are carried out in groups: each group is one set of records, as one
//! person's are, small enough for a statement. Whose a record is stays known, so that every request has counts of its
//! own. Personal data, which rests in the ledger only sealed.

use super::found::{Found, FoundRow, Standing};
use crate::subject::Identity;
use connectors::RecordKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Persons of one group.
const GROUP_PERSONS_MAX: usize = 200;
/// Records of one dataset in one group, unless one person or one household has more: a statement binds each of them,
/// and what they hold, several times.
const GROUP_RECORDS_MAX: usize = 1_000;

/// What was found for one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub request_id: String,
    /// Counted from 0.
    pub group: u32,
    pub found: Found,
}

/// Everything that a plan is bound to, in the order of its requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    pub members: Vec<Member>,
}

impl Gathered {
    /// What was found for a request alone.
    #[must_use]
    pub fn of_one(request_id: String, found: Found) -> Self {
        Self { members: vec![Member { request_id, group: 0, found }] }
    }

    /// Puts persons into groups; those with the same `tied` are in the same.
    #[must_use]
    pub fn in_groups(found: Vec<(String, Found, usize)>, key: [u8; 32]) -> Self {
        let mut tied: BTreeMap<usize, Vec<(String, Found)>> = BTreeMap::new();
        for (request_id, found, first) in found {
            tied.entry(first).or_default().push((request_id, Found { key, ..found }));
        }
        let mut members = Vec::new();
        let (mut group, mut persons) = (0, 0);
        let mut records: BTreeMap<String, usize> = BTreeMap::new();
        for together in tied.into_values() {
            let mut after = records.clone();
            for (name, rows) in together.iter().flat_map(|(_, found)| &found.rows) {
                *after.entry(name.clone()).or_default() += rows.len();
            }
            let is_full = persons + together.len() > GROUP_PERSONS_MAX
                || after.values().any(|count| *count > GROUP_RECORDS_MAX);
            if is_full && persons > 0 {
                (group, persons) = (group + 1, 0);
                records.clear();
            }
            for (request_id, found) in together {
                for (name, rows) in &found.rows {
                    *records.entry(name.clone()).or_default() += rows.len();
                }
                persons += 1;
                members.push(Member { request_id, group, found });
            }
        }
        Self { members }
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> u32 {
        self.members.iter().map(|member| member.group + 1).max().unwrap_or(0)
    }

    /// The members of a group, with their places in the list.
    pub fn of_group(&self, group: u32) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().enumerate().filter(move |(_, member)| member.group == group)
    }

    /// The records of a group as one.
    #[must_use]
    pub fn whole(&self, group: u32) -> Found {
        union(self.of_group(group).map(|(_, member)| &member.found))
    }

    /// Everything as one.
    #[must_use]
    pub fn all(&self) -> Found {
        union(self.members.iter().map(|member| &member.found))
    }

    /// Rows that go together, by item, given back to those whose they are.
    pub fn keep_together(&mut self, group: u32, together: &BTreeMap<String, Vec<RecordKey>>) {
        for member in self.members.iter_mut().filter(|member| member.group == group) {
            for (item, keys) in together {
                let is_here = |dataset: &&String| {
                    item.strip_prefix(dataset.as_str()).is_some_and(|rest| rest.starts_with('/'))
                };
                let Some(dataset) = member.found.rows.keys().find(is_here) else { continue };
                let own: BTreeSet<String> =
                    member.found.own(dataset).iter().map(RecordKey::canonical).collect();
                let keys = keys.iter().filter(|key| own.contains(&key.canonical())).cloned().collect();
                member.found.together.insert(item.clone(), keys);
            }
        }
    }

    /// Binds a plan to exactly these records, see [`Found::digest`].
    #[must_use]
    pub fn digest(&self) -> String {
        if let [only] = self.members.as_slice() {
            return only.found.digest();
        }
        let key = self.members.first().map(|member| member.found.key).unwrap_or_default();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
        mac.update(b"oubliette found together v1\0");
        for member in &self.members {
            mac.update(&(member.request_id.len() as u64).to_be_bytes());
            mac.update(member.request_id.as_bytes());
            mac.update(&member.group.to_be_bytes());
            mac.update(member.found.digest().as_bytes());
        }
        crate::digest::hex(&mac.finalize().into_bytes())
    }

    /// Whose each record of a dataset is, by canonical key: places in the list of members of the group.
    #[must_use]
    pub fn owners(&self, group: u32, dataset: &str) -> HashMap<String, usize> {
        let mut owners = HashMap::new();
        for (place, member) in self.of_group(group) {
            owners.extend(member.found.own(dataset).iter().map(|key| (key.canonical(), place)));
        }
        owners
    }

    /// Every identity under which anybody is searched.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.members.iter().flat_map(|member| member.found.identities())
    }
}

/// A row is theirs if it is one person's own, else it is what the first of them says.
fn union<'f>(all: impl Iterator<Item = &'f Found>) -> Found {
    let all: Vec<&Found> = all.collect();
    if let [only] = all.as_slice() {
        return (*only).clone();
    }
    let mut whole = Found { key: all.first().map(|one| one.key).unwrap_or_default(), ..Found::default() };
    let mut rows: BTreeMap<&str, BTreeMap<String, &FoundRow>> = BTreeMap::new();
    for found in all {
        whole.given.extend(found.given.iter().cloned());
        whole.derived.extend(found.derived.iter().cloned());
        for (dataset, of_dataset) in &found.rows {
            let known = rows.entry(dataset).or_default();
            for row in of_dataset {
                let entry = known.entry(row.key.canonical()).or_insert(row);
                if row.standing == Standing::Own {
                    *entry = row;
                }
            }
        }
        for (item, keys) in &found.together {
            whole.together.entry(item.clone()).or_default().extend(keys.iter().cloned());
        }
    }
    whole.derived.retain(|identity| !whole.given.contains(identity));
    for (dataset, of_dataset) in rows {
        whole.rows.insert(dataset.to_owned(), of_dataset.into_values().cloned().collect());
    }
    whole
}

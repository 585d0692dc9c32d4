//! What is left of an erased person: keyed hashes by which they are known when they come back.
//!
//! Floor 3; pure. An entry is personal data too (whoever has the key can try values), so it holds hashes
//! only, serves to find what came back and nothing else, and ends. It stands on what the controller must be
//! able to show and to keep up: that the person stays erased (GDPR art. 5(2), 17(1)), also after a backup is
//! restored, and not for longer than a backup can bring anybody back (art. 5(1)(e)).

use super::ground::{Ground, RequestKind, is_consent};
use super::request::Request;
use crate::catalog::Catalog;
use crate::subject::{FormHash, FormHasher, Identity, stored_form};
use chrono::{DateTime, Utc};
use connectors::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One form of an identity of an erased person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuppressedForm {
    pub kind: String,
    pub hash: FormHash,
}

/// One request that was carried out, and of which something may come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    pub request: Request,
    /// Of its first run.
    pub certificate_id: String,
    /// When its first run ended: what a person gave later was given anew.
    pub erased_at: DateTime<Utc>,
    /// When its last run ended: what was saved later cannot bring anything back.
    pub last_erased_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub forms: BTreeSet<SuppressedForm>,
    /// Those of identities that the person gave; the others were read from their records.
    pub given: BTreeSet<FormHash>,
    /// Hashes of what was kept on purpose, see [`FormHasher::hash_in_record`].
    pub kept: BTreeSet<FormHash>,
}

/// Every entry that has not expired, made for looking up millions of values.
#[derive(Debug)]
pub struct SuppressionBook {
    hasher: FormHasher,
    persons: Vec<Suppressed>,
    by_form: HashMap<FormHash, Vec<usize>>,
    kept: HashSet<FormHash>,
    kinds: BTreeSet<String>,
}

/// What one stored value says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'a> {
    pub kind: &'a str,
    /// As it is compared.
    pub form: String,
    pub hash: FormHash,
    /// Places in [`SuppressionBook::persons`]; none for somebody else.
    pub persons: &'a [usize],
}

impl SuppressionBook {
    #[must_use]
    pub fn new(hasher: FormHasher, persons: Vec<Suppressed>) -> Self {
        let mut book = Self {
            hasher,
            persons: Vec::new(),
            by_form: HashMap::new(),
            kept: HashSet::new(),
            kinds: BTreeSet::new(),
        };
        for (place, person) in persons.iter().enumerate() {
            for form in &person.forms {
                book.kinds.insert(form.kind.clone());
                book.by_form.entry(form.hash).or_default().push(place);
            }
            book.kept.extend(&person.kept);
        }
        book.persons = persons;
        book
    }

    #[must_use]
    pub fn persons(&self) -> &[Suppressed] {
        &self.persons
    }

    /// Whether identities of this kind are looked for.
    #[must_use]
    pub fn knows_kind(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// Whom a stored value names; `None` for a blank one.
    #[must_use]
    pub fn named<'a>(&'a self, kind: &'a str, value: &Value) -> Option<Named<'a>> {
        let form = stored_form(value)?;
        let found = self.lookup(kind, &form);
        // Letters that a store does not lower, or composes otherwise.
        let other = Identity::stored(kind, value).filter(|one| found.1.is_empty() && one.value() != form);
        if let Some(identity) = other {
            let (hash, persons) = self.lookup(kind, identity.value());
            if !persons.is_empty() {
                return Some(Named { kind, form, hash, persons });
            }
        }
        Some(Named { kind, form, hash: found.0, persons: found.1 })
    }

    fn lookup(&self, kind: &str, form: &str) -> (FormHash, &[usize]) {
        let hash = self.hasher.hash(kind, form);
        let persons = self.by_form.get(&hash);
        (hash, persons.map(Vec::as_slice).unwrap_or_default())
    }

    /// Whether the record was kept on purpose although it names the person so.
    #[must_use]
    pub fn is_kept(&self, dataset: &str, key: &str, named: &Named<'_>) -> bool {
        self.kept.contains(&self.hasher.hash_in_record(dataset, key, named.kind, &named.form))
    }

    /// Whether the form is one of this person's.
    #[must_use]
    pub fn is_form_of(&self, place: usize, kind: &str, form: &str) -> bool {
        self.lookup(kind, form).1.contains(&place)
    }

    /// Whether the person gave this identity themselves.
    #[must_use]
    pub fn is_given(&self, place: usize, hash: &FormHash) -> bool {
        self.persons.get(place).is_some_and(|person| person.given.contains(hash))
    }

    /// Whether an identity of this kind is known of the person.
    #[must_use]
    pub fn has_kind(&self, place: usize, kind: &str) -> bool {
        self.persons.get(place).is_some_and(|person| person.forms.iter().any(|form| form.kind == kind))
    }
}

/// The forms of identities, hashed.
#[must_use]
pub fn forms_of<'a>(
    hasher: &FormHasher,
    identities: impl IntoIterator<Item = &'a Identity>,
) -> BTreeSet<SuppressedForm> {
    let mut forms = BTreeSet::new();
    for identity in identities {
        let kind = identity.kind();
        forms.extend(
            identity
                .search_forms()
                .into_iter()
                .map(|form| SuppressedForm { kind: kind.to_owned(), hash: hasher.hash(kind, &form) }),
        );
    }
    forms
}

/// The datasets whose records a request of this kind takes away.
#[must_use]
pub fn reached<'a>(catalog: &'a Catalog, request: &Request, as_of: DateTime<Utc>) -> BTreeSet<&'a str> {
    let named = |record_type: &str| request.record_types.contains(record_type);
    let consent: BTreeSet<&str> = catalog
        .targets(as_of)
        .iter()
        .filter(|target| is_consent(&target.rule.legal_basis))
        .map(|target| target.dataset.name.as_str())
        .collect();
    let datasets = catalog.datasets().values().filter(|dataset| match request.kind {
        RequestKind::Erasure => request.record_types.is_empty() || named(&dataset.record_type),
        RequestKind::ConsentWithdrawal => {
            consent.contains(dataset.name.as_str())
                && (request.record_types.is_empty() || named(&dataset.record_type))
        }
        RequestKind::MarketingObjection => named(&dataset.record_type),
    });
    datasets.map(|dataset| dataset.name.as_str()).collect()
}

/// Requests that reach the same records are done again together: kind, ground and record types.
#[must_use]
pub fn by_reach(persons: &[Suppressed]) -> BTreeMap<(RequestKind, Ground, BTreeSet<String>), Vec<usize>> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (place, person) in persons.iter().enumerate() {
        let request = &person.request;
        groups.entry((request.kind, request.ground, request.record_types.clone())).or_default().push(place);
    }
    groups
}

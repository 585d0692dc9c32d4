//! Looking for erased persons: every value of every column that identifies a person, by its hash.
//!
//! Floor 3; reads only. No store can be asked for a hash, so whole tables are read, page by page: what is
//! held in memory grows with the number of erased persons and not with the tables. A record names an erased
//! person when a column holds one of their identities and no other column names somebody else. What they
//! gave anew after their erasure is told apart by the dataset's collection event; where none says when a
//! record was collected, or the number that names them was given to somebody else since, it is in doubt.

use super::graph::{Graph, Place};
use super::suppression::{Named, SuppressionBook, reached};
use super::walk::{Ground, on_request};
use crate::catalog::Catalog;
use crate::data_map::{Dataset, StoreKind};
use crate::plan::compile::start::field_of;
use crate::policy::{StartType, StartsFrom};
use crate::subject::{FormHash, Identity, recovered};
use chrono::{DateTime, NaiveDate, Utc};
use connectors::start::{StartReading, read};
use connectors::{ConnectorError, Predicate, RecordKey, RowValues, StartEncoding, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one page.
const PAGE_ROWS: u32 = 2_000;

/// What a look for erased persons came to: counts, no key and no identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    pub at: DateTime<Utc>,
    /// Erased persons who were looked for.
    pub persons: u64,
    pub records_read: u64,
    /// Datasets in which some were seen, by name.
    pub datasets: Vec<Returned>,
    /// Datasets that could not be read, with the reason.
    pub lost: BTreeMap<String, String>,
}

/// Records of erased persons in one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    pub dataset: String,
    /// Collected before the erasure: brought back.
    pub came_back: u64,
    /// Collected after it.
    pub given_anew: u64,
    /// Nothing says which of the two.
    pub in_doubt: u64,
}

impl Look {
    /// Whether something was brought back, or may have been.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        self.datasets.iter().any(|one| one.came_back + one.in_doubt > 0)
    }
}

/// The same with what a plan needs. Personal data: it stays in memory.
#[derive(Debug)]
pub struct Sight {
    pub look: Look,
    /// By place in the book.
    pub persons: BTreeMap<usize, Seen>,
    /// Identities that name somebody else by now.
    pub reused: BTreeSet<Identity>,
}

/// What was seen of one person.
#[derive(Debug, Default)]
pub struct Seen {
    pub identities: BTreeSet<Identity>,
    pub came_back: u64,
    pub given_anew: u64,
    pub in_doubt: u64,
}

/// Where a dataset says when its records were collected: the column and how it is written.
pub type Collected = BTreeMap<String, (String, StartEncoding)>;

/// When a record was collected, seen from an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    Before,
    After,
    Unknown,
}

/// The collection event of each dataset: the one of that name, else that from which a rule of the kind
/// `collection` starts.
#[must_use]
pub fn collected(catalog: &Catalog, graph: &Graph<'_>, as_of: DateTime<Utc>) -> Collected {
    let targets = catalog.targets(as_of);
    let event_of = |dataset: &Dataset| {
        let named = dataset.events.contains_key("collection").then_some("collection");
        let by_rule = targets.iter().filter(|target| target.dataset.name == dataset.name);
        named.or_else(|| {
            by_rule.into_iter().find_map(|target| match (&target.rule.starts_from, target.rule.start_type) {
                (StartsFrom::Event { event, .. }, StartType::Collection) => Some(event.as_str()),
                _ => None,
            })
        })
    };
    let mut all = Collected::new();
    for (name, place) in &graph.datasets {
        let kind = catalog.stores().get(&place.dataset.store).map_or(StoreKind::Sqlite, |terms| terms.kind);
        let event = event_of(place.dataset);
        if let Some(Ok((field, encoding))) =
            event.map(|event| field_of(event, place.dataset, place.shape, kind))
        {
            all.insert((*name).to_owned(), (field.name, encoding));
        }
    }
    all
}

/// When a record was collected. A civil day next to that of the erasure says nothing: nobody knows in whose
/// zone it was written.
#[must_use]
pub fn age(value: Option<&Value>, encoding: Option<&StartEncoding>, erased_at: DateTime<Utc>) -> Age {
    let (Some(value), Some(encoding)) = (value, encoding) else { return Age::Unknown };
    let erased_on: NaiveDate = erased_at.date_naive();
    match read(encoding, value) {
        StartReading::At(at) if at > erased_at => Age::After,
        StartReading::At(_) => Age::Before,
        StartReading::On(day) if day > erased_on => Age::After,
        StartReading::On(day) if Some(day) < erased_on.pred_opt() => Age::Before,
        StartReading::On(_) | StartReading::Missing | StartReading::Unreadable => Age::Unknown,
    }
}

/// Looks through every dataset whose columns identify persons.
pub async fn look(
    ground: Ground<'_>,
    book: &SuppressionBook,
    collected: &Collected,
    at: DateTime<Utc>,
) -> Sight {
    let mut looking = Looking::new(ground, book, collected, at);
    let mut lost = BTreeMap::new();
    for (name, place) in &ground.graph.datasets {
        if let Err(error) = looking.dataset(place).await {
            lost.insert((*name).to_owned(), error.to_string());
        }
    }
    for dataset in ground.catalog.datasets().keys() {
        if ground.graph.place_of(ground.catalog, dataset).is_none() {
            lost.insert(dataset.clone(), "it cannot be read".to_owned());
        }
    }
    looking.into_sight(at, lost)
}

/// Whom a row names, by which hashes.
type Match = (usize, Vec<FormHash>, Age);

struct Looking<'a> {
    ground: Ground<'a>,
    book: &'a SuppressionBook,
    collected: &'a Collected,
    /// By place in the book: the datasets that the request reaches.
    reached: Vec<BTreeSet<&'a str>>,
    records_read: u64,
    /// Rows by dataset and by whom they name: few, however many rows there are.
    matches: BTreeMap<&'a str, BTreeMap<Vec<Match>, u64>>,
    identities: BTreeMap<(usize, FormHash), Identity>,
    /// Hashes that stand in a row which names somebody else.
    reused: BTreeSet<(usize, FormHash)>,
}

impl<'a> Looking<'a> {
    fn new(
        ground: Ground<'a>,
        book: &'a SuppressionBook,
        collected: &'a Collected,
        at: DateTime<Utc>,
    ) -> Self {
        let reached = book.persons().iter().map(|person| reached(ground.catalog, &person.request, at));
        Self {
            ground,
            book,
            collected,
            reached: reached.collect(),
            records_read: 0,
            matches: BTreeMap::new(),
            identities: BTreeMap::new(),
            reused: BTreeSet::new(),
        }
    }

    async fn dataset(&mut self, place: &'a Place<'a>) -> Result<(), ConnectorError> {
        let (name, store) = (place.dataset.name.as_str(), &place.dataset.store);
        let mut subjects = self.ground.graph.subjects(name, self.ground.catalog);
        subjects.retain(|(kind, _)| self.book.knows_kind(kind));
        let concerns = self.reached.iter().any(|reached| reached.contains(name));
        if subjects.is_empty() || !concerns {
            return Ok(());
        }
        let source = self.ground.sources.get(store).ok_or_else(|| ConnectorError::Unreachable {
            store: store.clone(),
            reason: "it is not open".to_owned(),
        })?;
        let when = self.collected.get(name);
        let mut columns: Vec<String> = subjects.iter().map(|(_, column)| (*column).to_owned()).collect();
        columns.extend(when.map(|(column, _)| column.clone()));
        let fields = subjects.iter().filter_map(|(_, column)| self.ground.graph.field(name, column));
        // Every row in which somebody may be named.
        let anybody = Predicate::or(fields.map(|field| Predicate::is_null(field).is_not_true()));
        let selection = on_request(place, anybody);
        let mut after: Option<RecordKey> = None;
        loop {
            let page = source.rows(&selection, &columns, after.as_ref(), PAGE_ROWS).await?;
            after = page.rows.last().map(|row| row.key.clone());
            for row in &page.rows {
                self.row(name, &subjects, row, when.map(|(_, encoding)| encoding));
            }
            self.records_read += page.rows.len() as u64;
            if page.exhausted || after.is_none() {
                return Ok(());
            }
        }
    }

    fn row(
        &mut self,
        dataset: &'a str,
        subjects: &[(&'a str, &'a str)],
        row: &RowValues,
        encoding: Option<&StartEncoding>,
    ) {
        let names: Vec<(Named<'a>, &Value)> = subjects
            .iter()
            .zip(&row.values)
            .filter_map(|((kind, _), value)| Some((self.book.named(kind, value)?, value)))
            .collect();
        if names.iter().all(|(named, _)| named.persons.is_empty()) {
            return;
        }
        let key = row.key.canonical();
        let mut found: Vec<Match> = Vec::new();
        let persons: BTreeSet<usize> =
            names.iter().flat_map(|(named, _)| named.persons.iter().copied()).collect();
        for person in persons {
            let erased_at = self.book.persons().get(person).map(|one| one.erased_at);
            let value = row.values.get(subjects.len());
            let age = erased_at.map_or(Age::Unknown, |erased_at| age(value, encoding, erased_at));
            found.extend(self.matched(person, (dataset, &key), &names, age));
        }
        if !found.is_empty() {
            *self.matches.entry(dataset).or_default().entry(found).or_default() += 1;
        }
    }

    /// What the row is to the person: nothing if it was kept on purpose, or if it is somebody else's who
    /// got the same number later.
    fn matched(
        &mut self,
        person: usize,
        (dataset, key): (&str, &str),
        names: &[(Named<'a>, &Value)],
        age: Age,
    ) -> Option<Match> {
        let own: Vec<&(Named<'a>, &Value)> =
            names.iter().filter(|(named, _)| named.persons.contains(&person)).collect();
        for (named, value) in &own {
            self.remember(person, named, value);
        }
        let names_another = names
            .iter()
            .any(|(named, _)| !named.persons.contains(&person) && self.book.has_kind(person, named.kind));
        // The person's own new customer number makes no stranger of them; somebody else's address does.
        let is_given = own.iter().any(|(named, _)| self.book.is_given(person, &named.hash));
        if names_another {
            let read = own.iter().filter(|(named, _)| !self.book.is_given(person, &named.hash));
            self.reused.extend(read.map(|(named, _)| (person, named.hash)));
        }
        let is_reached = self.reached.get(person).is_some_and(|reached| reached.contains(dataset));
        let is_kept = own.iter().all(|(named, _)| self.book.is_kept(dataset, key, named));
        let is_others = names_another && age == Age::After && !is_given;
        if !is_reached || is_kept || is_others {
            return None;
        }
        let age = if names_another && age == Age::Before { Age::Unknown } else { age };
        Some((person, own.iter().map(|(named, _)| named.hash).collect(), age))
    }

    /// The identity itself, which is in the store again.
    fn remember(&mut self, person: usize, named: &Named<'a>, value: &Value) {
        let known = (person, named.hash);
        if !self.identities.contains_key(&known) {
            let is_known = |form: &str| self.book.is_form_of(person, named.kind, form);
            if let Some(identity) = recovered(named.kind, value, &is_known) {
                self.identities.insert(known, identity);
            }
        }
    }

    fn into_sight(self, at: DateTime<Utc>, lost: BTreeMap<String, String>) -> Sight {
        let mut persons: BTreeMap<usize, Seen> = BTreeMap::new();
        let mut datasets = Vec::new();
        for (dataset, matches) in &self.matches {
            let mut returned = Returned { dataset: (*dataset).to_owned(), ..Returned::default() };
            for (found, rows) in matches {
                let mut ages = Vec::new();
                for (person, hashes, age) in found {
                    let is_reused = hashes.iter().all(|hash| self.reused.contains(&(*person, *hash)));
                    let age = if is_reused && *age == Age::Before { Age::Unknown } else { *age };
                    let seen = persons.entry(*person).or_default();
                    let own = hashes.iter().filter_map(|hash| self.identities.get(&(*person, *hash)));
                    seen.identities.extend(own.cloned());
                    match age {
                        Age::Before => seen.came_back += rows,
                        Age::After => seen.given_anew += rows,
                        Age::Unknown => seen.in_doubt += rows,
                    }
                    ages.push(age);
                }
                // Of several persons, or of one who was erased twice: brought back for any is brought back.
                match ages.into_iter().min_by_key(|age| (*age == Age::After, *age)) {
                    Some(Age::Before) => returned.came_back += rows,
                    Some(Age::After) => returned.given_anew += rows,
                    Some(Age::Unknown) | None => returned.in_doubt += rows,
                }
            }
            datasets.push(returned);
        }
        let reused = self.reused.iter().filter_map(|one| self.identities.get(one)).cloned().collect();
        let look = Look {
            at,
            persons: self.book.persons().len() as u64,
            records_read: self.records_read,
            datasets,
            lost,
        };
        Sight { look, persons, reused }
    }
}

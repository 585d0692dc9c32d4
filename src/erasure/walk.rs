//! Finding the person: from identities over rows, references and links to a fixpoint.
//!
//! Floor 3; reads only. A row is the person's when one of their identities names it, or when it is part of a
//! row that is (ownership `owns`), or gives them access to something (`accesses`), or when their rows name it and nobody else's do (`shared`); and only if no
//! identifying column of it names somebody else and every record it is part of is the person's or does not
//! exist. What fails one of these is kept and listed. Whenever it cannot be told (a store is out of reach),
//! the row counts as somebody else's.
//!
//! The walk goes in rounds, and everything that one round finds is judged by what the rounds before have
//! settled, so that the order of datasets decides nothing. Identities are taken from settled rows only.

mod desk;
mod probe;
mod read;
mod renewal;
mod settle;
mod together;

pub use read::{Reader, on_request};
pub use renewal::Renewal;
pub use together::{Seeker, Together, naming_each, staying_with, walk_together};

use super::found::{Found, FoundRow, Standing, Why};
use super::graph::{Edge, Graph};
use crate::catalog::Catalog;
use crate::plan::world::Sources;
use crate::subject::Identity;
use connectors::{Predicate, RecordKey, Value};
use desk::Desk;
use probe::{meeting_probes, naming_probes};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Bounds of one walk: a person is not a table.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub rows_max: usize,
    pub identities_max: usize,
    pub rounds_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rows_max: 100_000, identities_max: 200, rounds_max: 64 }
    }
}

impl Bounds {
    /// For a walk that looks for so many persons at once, as after a restore.
    #[must_use]
    pub fn of_persons(persons: usize) -> Self {
        let (one, persons) = (Self::default(), persons.max(1));
        Self {
            rows_max: one.rows_max.saturating_mul(persons.min(10)),
            identities_max: one.identities_max.saturating_mul(persons),
            ..one
        }
    }
}

/// Why a walk was given up: nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WalkError {
    #[error(
        "more than {most} records have to do with the request: is an identity one that many people share?"
    )]
    TooManyRows { most: usize },
    #[error("the request leads to more than {most} identities: is one of them one that many people share?")]
    TooManyIdentities { most: usize },
    #[error("after {most} rounds the walk still finds more")]
    TooManyRounds { most: usize },
}

/// What was found, and what could not be looked at.
#[derive(Debug, Clone)]
pub struct Walk {
    pub found: Found,
    /// Datasets that could not be read, with the reason in words.
    pub lost: BTreeMap<String, String>,
}

/// What a walk goes over.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub catalog: &'a Catalog,
    pub graph: &'a Graph<'a>,
    pub sources: &'a Sources,
}

/// Walks from `given`. `before` is what an earlier walk for the same request found: its rows still lead on
/// although they may be gone. `renewal` tells what they gave anew after an earlier erasure, which is kept.
///
/// # Errors
/// [`WalkError`] when the bounds are passed. A store that fails is no error: it is in [`Walk::lost`].
pub async fn walk(
    ground: Ground<'_>,
    given: BTreeSet<Identity>,
    before: Option<&Found>,
    renewal: Option<&Renewal>,
    bounds: Bounds,
) -> Result<Walk, WalkError> {
    let seeker = Seeker { given, before, renewal, bounds };
    let Together { found, lost, .. } =
        walk_together(ground, vec![seeker], bounds.rows_max, &BTreeSet::new()).await?;
    let found = found.into_iter().next().unwrap_or_else(|| Ok(Found::default()))?;
    Ok(Walk { found, lost })
}

/// A row by dataset and canonical key.
type Id<'a> = (&'a str, String);

/// How sure it is yet whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Reached as the person's; its owners are not settled yet.
    Pending,
    /// Named by the person's rows; whether others name it too is not settled yet.
    Named,
    /// Part of a row that is not settled yet: looked at only to find rows that are parts of one another.
    Tentative,
    Settled(Standing),
}

struct Row {
    key: RecordKey,
    values: BTreeMap<String, Value>,
    claim: Claim,
    /// It gives the person access to something: it ends with them, whoever owns it.
    is_access: bool,
}

struct Walker<'a> {
    ground: Ground<'a>,
    desk: &'a Desk,
    renewal: Option<&'a Renewal>,
    bounds: Bounds,
    given: BTreeSet<Identity>,
    derived: BTreeSet<Identity>,
    /// In the person's rows, and in rows that name somebody else too: whose they are is not certain.
    contested: BTreeSet<Identity>,
    rows: BTreeMap<&'a str, BTreeMap<String, Row>>,
    /// What the person's own rows have in the named columns of each edge.
    own_links: BTreeMap<usize, BTreeSet<Vec<String>>>,
    /// Of references to records that are not the person's: whether the record exists.
    exists: BTreeMap<(usize, Vec<String>), bool>,
    /// Rows that are not settled and whose parts were looked for.
    explored: BTreeSet<Id<'a>>,
    /// Rows of persons who are erased together with this one: they keep nothing that these rows name.
    granted: BTreeSet<Id<'a>>,
}

impl<'a> Walker<'a> {
    fn new(ground: Ground<'a>, desk: &'a Desk, seeker: Seeker<'a>) -> Self {
        let Seeker { given, before, renewal, bounds } = seeker;
        let mut walker = Self {
            ground,
            desk,
            renewal,
            bounds,
            given,
            derived: BTreeSet::new(),
            contested: BTreeSet::new(),
            rows: BTreeMap::new(),
            own_links: BTreeMap::new(),
            exists: BTreeMap::new(),
            explored: BTreeSet::new(),
            granted: BTreeSet::new(),
        };
        if let Some(before) = before {
            walker.remember(before);
        }
        walker
    }

    fn remember(&mut self, before: &Found) {
        self.derived.extend(before.derived.iter().cloned());
        let graph = self.ground.graph;
        for (dataset, rows) in &before.rows {
            let Some((name, _)) = graph.datasets.get_key_value(dataset.as_str()) else { continue };
            for row in rows.iter().filter(|row| row.standing == Standing::Own) {
                let is_access = graph.edges.iter().any(|edge| edge.from == *name && edge.ends_with());
                let (key, values) = (row.key.clone(), row.values.clone());
                let known = Row { key, values, claim: Claim::Pending, is_access };
                self.rows.entry(name).or_default().insert(row.key.canonical(), known);
            }
        }
    }

    async fn run(&mut self) -> Result<(), WalkError> {
        let identities: BTreeSet<Identity> = self.given.union(&self.derived).cloned().collect();
        for (name, found) in self.search(&identities).await {
            self.add(name, found, Claim::Pending)?;
        }
        let later = self.renewal.map(|one| one.later().clone()).unwrap_or_default();
        self.go_on(later).await
    }

    /// Until nothing more is found.
    async fn go_on(&mut self, mut later: BTreeSet<Identity>) -> Result<(), WalkError> {
        for _ in 0..self.bounds.rounds_max {
            let settled = self.settle().await;
            let mut own = settled;
            if own.is_empty() {
                self.explore().await?;
                own = self.settle_circles().await;
            }
            if own.is_empty() {
                own = self.settle_named().await;
            }
            let has_settled = !own.is_empty();
            self.harvest(&mut own).await?;
            let has_later = !later.is_empty();
            self.take(std::mem::take(&mut later)).await?;
            if !has_settled && !has_later {
                return Ok(());
            }
            self.follow(&own).await?;
        }
        Err(WalkError::TooManyRounds { most: self.bounds.rounds_max })
    }

    /// Rows that one of these identities names.
    async fn search(&mut self, identities: &BTreeSet<Identity>) -> Vec<(&'a str, Vec<FoundRow>)> {
        let graph = self.ground.graph;
        let mut found = Vec::new();
        for name in graph.datasets.keys().copied() {
            if let Some(probes) = naming_probes(self.ground, name, identities) {
                found.push((name, self.desk.ask(name, probes).await));
            }
        }
        found
    }

    fn add(&mut self, dataset: &'a str, found: Vec<FoundRow>, claim: Claim) -> Result<(), WalkError> {
        let subjects = self.ground.graph.subjects(dataset, self.ground.catalog);
        let rows = self.rows.entry(dataset).or_default();
        for row in found {
            let is_new = self.renewal.is_some_and(|one| one.keeps(dataset, &subjects, &row.values));
            let claim = if is_new { Claim::Settled(Standing::Shared(Why::GivenAnew)) } else { claim };
            let entry = rows.entry(row.key.canonical());
            let known = entry.or_insert(Row { key: row.key, values: row.values, claim, is_access: false });
            // What was only named, and is now reached as the person's, is judged as theirs.
            let is_weaker = matches!(known.claim, Claim::Named | Claim::Tentative);
            if is_weaker && claim == Claim::Pending
                || known.claim == Claim::Tentative && claim == Claim::Named
            {
                known.claim = claim;
            }
        }
        let most = self.bounds.rows_max;
        let count: usize = self.rows.values().map(BTreeMap::len).sum();
        if count > most { Err(WalkError::TooManyRows { most }) } else { Ok(()) }
    }

    /// Takes the identities in rows that were just settled as the person's, and the rows that those name. One that
    /// stands beside somebody else's identity anywhere is not taken, and the row that it was read from is others'
    /// too.
    async fn harvest(&mut self, own: &mut Vec<Id<'a>>) -> Result<(), WalkError> {
        loop {
            let fresh = self.fresh(own);
            let most = self.bounds.identities_max;
            if self.derived.len() + fresh.len() > most {
                return Err(WalkError::TooManyIdentities { most });
            }
            let found = self.search(&fresh).await;
            let contested = self.contested_among(&fresh, &found);
            if contested.is_empty() {
                self.derived.extend(fresh);
                for (name, found) in found {
                    self.add(name, found, Claim::Pending)?;
                }
                return Ok(());
            }
            self.contested.extend(contested);
            self.give_up(own);
        }
    }

    /// Takes identities that were read from the person's records once, but for those that stand beside somebody
    /// else's by now.
    async fn take(&mut self, mut identities: BTreeSet<Identity>) -> Result<(), WalkError> {
        loop {
            identities.retain(|one| {
                ![&self.given, &self.derived, &self.contested].iter().any(|known| known.contains(one))
            });
            let found = self.search(&identities).await;
            let contested = self.contested_among(&identities, &found);
            if contested.is_empty() {
                self.derived.extend(identities);
                for (name, found) in found {
                    self.add(name, found, Claim::Pending)?;
                }
                return Ok(());
            }
            self.contested.extend(contested);
        }
    }

    /// Identities in these rows that were not known yet.
    fn fresh(&self, own: &[Id<'a>]) -> BTreeSet<Identity> {
        let mut fresh = BTreeSet::new();
        for (dataset, key) in own {
            let Some(row) = self.rows.get(dataset).and_then(|rows| rows.get(key)) else { continue };
            for (kind, column) in self.ground.graph.subjects(dataset, self.ground.catalog) {
                let identity = row.values.get(column).and_then(|value| Identity::stored(kind, value));
                let is_others = |one: &Identity| self.renewal.is_some_and(|known| known.is_withheld(one));
                fresh.extend(identity.filter(|one| !is_others(one)));
            }
        }
        fresh.retain(|one| {
            ![&self.given, &self.derived, &self.contested].iter().any(|known| known.contains(one))
        });
        fresh
    }

    /// From rows that were just settled as the person's to their parts, and to what they name.
    async fn follow(&mut self, own: &[Id<'a>]) -> Result<(), WalkError> {
        let graph = self.ground.graph;
        for (number, edge) in graph.edges.iter().enumerate() {
            let into: Vec<&Row> = self.rows_of(own, edge.to);
            let mut texts = BTreeSet::new();
            let mut tuples = Vec::new();
            for row in into {
                if let Some((text, values)) = end_of(edge, &row.values, |pair| &pair.1)
                    && texts.insert(text)
                {
                    tuples.push(values);
                }
            }
            if edge.makes_part() && !tuples.is_empty() {
                let found = self.rows_with(edge.from, edge, Side::From, &tuples).await;
                self.add(edge.from, found, Claim::Pending)?;
            }
            if edge.ends_with() && !tuples.is_empty() {
                let found = self.rows_with(edge.from, edge, Side::From, &tuples).await;
                let keys: Vec<String> = found.iter().map(|row| row.key.canonical()).collect();
                self.add(edge.from, found, Claim::Pending)?;
                let rows = self.rows.entry(edge.from).or_default();
                for key in keys {
                    if let Some(row) = rows.get_mut(&key) {
                        row.is_access = true;
                    }
                }
            }
            self.own_links.entry(number).or_default().extend(texts);
            if edge.shares() {
                let from = self.rows_of(own, edge.from);
                let named: Vec<Vec<Value>> = from
                    .into_iter()
                    .filter_map(|row| Some(end_of(edge, &row.values, |pair| &pair.0)?.1))
                    .collect();
                let found = self.rows_with(edge.to, edge, Side::To, &named).await;
                self.add(edge.to, found, Claim::Named)?;
            }
        }
        Ok(())
    }

    /// Rows whose end of the edge holds one of these values.
    async fn rows_with(
        &self,
        dataset: &str,
        edge: &Edge<'_>,
        side: Side,
        tuples: &[Vec<Value>],
    ) -> Vec<FoundRow> {
        self.desk.ask(dataset, meeting_probes(self.ground, dataset, edge, (side, tuples))).await
    }

    /// The parts of rows that are not settled, and their parts.
    async fn explore(&mut self) -> Result<(), WalkError> {
        let graph = self.ground.graph;
        loop {
            let mut fresh = self.with_claim(Claim::Pending);
            fresh.extend(self.with_claim(Claim::Tentative));
            fresh.retain(|id| !self.explored.contains(id));
            if fresh.is_empty() {
                return Ok(());
            }
            for edge in graph.edges.iter().filter(|edge| edge.makes_part()) {
                let into = self.rows_of(&fresh, edge.to).into_iter();
                let tuples: Vec<Vec<Value>> =
                    into.filter_map(|row| Some(end_of(edge, &row.values, |pair| &pair.1)?.1)).collect();
                let found = self.rows_with(edge.from, edge, Side::From, &tuples).await;
                self.add(edge.from, found, Claim::Tentative)?;
            }
            self.explored.extend(fresh);
        }
    }

    pub(super) fn rows_of(&self, ids: &[Id<'a>], dataset: &str) -> Vec<&Row> {
        let rows = self.rows.get(dataset);
        let of_dataset = ids.iter().filter(|(name, _)| *name == dataset);
        of_dataset.filter_map(|(_, key)| rows?.get(key)).collect()
    }

    fn into_found(self) -> Found {
        let mut found = Found { given: self.given, derived: self.derived, ..Found::default() };
        for (dataset, rows) in self.rows {
            let rows: Vec<FoundRow> = rows
                .into_values()
                .filter(|row| row.claim != Claim::Tentative)
                .map(|row| FoundRow {
                    key: row.key,
                    values: row.values,
                    standing: match row.claim {
                        Claim::Settled(standing) => standing,
                        Claim::Pending => Standing::Shared(Why::AnotherOwner),
                        Claim::Named | Claim::Tentative => Standing::Shared(Why::NamedByOthers),
                    },
                })
                .collect();
            if !rows.is_empty() {
                found.rows.insert(dataset.to_owned(), rows);
            }
        }
        found
    }
}

/// Which end of an edge is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    From,
    To,
}

/// True for rows of the dataset that one of these identities names; `None` if no column could.
#[must_use]
pub fn naming(ground: Ground<'_>, dataset: &str, identities: &BTreeSet<Identity>) -> Option<Predicate> {
    let mut parts = Vec::new();
    for (kind, column) in ground.graph.subjects(dataset, ground.catalog) {
        let field = ground.graph.field(dataset, column)?;
        parts.extend(
            identities
                .iter()
                .filter(|identity| identity.kind() == kind)
                .map(|identity| identity.predicate(field.clone())),
        );
    }
    (!parts.is_empty()).then(|| Predicate::or(parts))
}

/// One end of a reference: as text that is the same at both ends whatever their types, and as values.
/// `None` for a reference that names nothing.
fn end_of(
    edge: &Edge<'_>,
    values: &BTreeMap<String, Value>,
    pick: fn(&(String, String)) -> &String,
) -> Option<(Vec<String>, Vec<Value>)> {
    let mut texts = Vec::with_capacity(edge.pairs.len());
    let mut parts = Vec::with_capacity(edge.pairs.len());
    for pair in &edge.pairs {
        let value = values.get(pick(pair))?;
        texts.push(match (edge.identity, value) {
            (_, Value::Null) => return None,
            (Some(kind), value) => Identity::stored(kind, value)?.value().to_owned(),
            (None, Value::Int(number)) => number.to_string(),
            (None, Value::Text(text)) => text.clone(),
            (None, other) => RecordKey::of(vec![other.clone()]).canonical(),
        });
        parts.push(value.clone());
    }
    Some((texts, parts))
}

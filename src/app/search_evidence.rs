//! The search after the run of a request, by a second path that knows nothing of the first.
//!
//! Floor 7. The identities are looked for again in every column that identifies a person, and in every text that the
//! data map names for search. What that finds and nobody kept on purpose is a failure. Of several persons everybody is
//! searched at once, and what is found is told of each.

use super::apply::Running;
use super::erasing::request_of;
use super::evidence::{self as seen, error_code, names, rule};
use super::requests::{GIVEN_ANEW, SHARED};
use super::shares::Shares;
use super::suppress::StillNamed;
use super::{App, AppError};
use crate::erasure::compile::reference_without_rule;
use crate::erasure::found::Found;
use crate::erasure::gathered::Gathered;
use crate::erasure::graph::Graph;
use crate::erasure::texts::{naming_in_text, rows_naming_in_text};
use crate::erasure::walk::{Ground, Reader, naming_each};
use crate::evidence::{
    Action, Code, Counts, Exception, Failure, RequestPart, TargetEvidence, Verification, VerificationMethod,
};
use crate::plan::{Plan, RequestPlan, Search, SearchedDataset};
use crate::subject::Identity;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::{ConnectorError, Field, Predicate, RecordKey};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of one statement.
const KEYS_AT_ONCE: usize = 1_000;

/// Everything that the search goes by.
struct Searching<'a> {
    ground: Ground<'a>,
    running: &'a Running<'a>,
    gathered: &'a Gathered,
    /// The identities of each person.
    persons: Vec<BTreeSet<Identity>>,
    /// Everything about them is asked for.
    reaches_all: bool,
    /// For each item the group that it is for.
    groups: Vec<u32>,
}

impl App {
    /// The identities once more, in every column that identifies a person.
    pub(super) async fn searched_again(
        &self,
        running: &Running<'_>,
        graph: &Graph<'_>,
        gathered: &Gathered,
        at: DateTime<Utc>,
        (still, shares): (&mut [StillNamed], &mut Shares),
    ) -> Result<(), AppError> {
        let plan = running.approved.plan();
        let planned = request_of(plan)?;
        let sources = self.sources().await?;
        let searching = Searching {
            ground: Ground { catalog: &self.catalog, graph, sources: &sources },
            running,
            gathered,
            persons: gathered.members.iter().map(|one| one.found.identities().cloned().collect()).collect(),
            reaches_all: self.first_request(plan).await?.reaches_all(),
            groups: planned.groups_of_items(plan.items.len()),
        };
        let mut reader = Reader::new(searching.ground);
        for searched in &planned.datasets {
            // What was searched for the plan and cannot be looked into now is lost as well.
            let is_there = graph.datasets.contains_key(searched.dataset.as_str());
            let again = match &searched.search {
                Search::NotReached { .. } => Some(Again::lost(searching.persons.len(), "unreachable")),
                Search::Found { .. } | Search::NothingFound if !is_there => {
                    Some(Again::lost(searching.persons.len(), "unreachable"))
                }
                _ => searching.dataset(&mut reader, searched, at, still).await,
            };
            if let Some(again) = again {
                let (target, parts) = self.searched_target(plan, planned, searched, &again)?;
                shares.add(&searched.dataset, target, parts);
            }
        }
        Ok(())
    }

    fn searched_target(
        &self,
        plan: &Plan,
        planned: &RequestPlan,
        searched: &SearchedDataset,
        again: &Again,
    ) -> anyhow::Result<(TargetEvidence, BTreeMap<usize, RequestPart>)> {
        let declared = self.catalog.dataset(&searched.dataset).context("a dataset is not declared")?;
        let (store, dataset) = names(&self.catalog, &searched.dataset)?;
        let (exceptions, failures) = again.told(&again.all)?;
        let failed = again.all.new + again.all.texts;
        let kept = again.all.shared + again.all.anew;
        let left = kept + failed;
        let target = TargetEvidence {
            store,
            dataset,
            record_type: seen::alias("record-type", &declared.record_type)?,
            rule: rule(&reference_without_rule(&request_of(plan)?.ground))?,
            action: Action::Purge,
            technique: Code::new("search.identity")?,
            counts: Counts { matched: left, excepted: kept, failed, ..Counts::default() },
            verification: again.at.map(|at| Verification {
                method: VerificationMethod::ReQuery,
                checked: again.all.checked,
                remaining: left,
                at,
            }),
            exceptions,
            failures,
            residue_steps: Vec::new(),
            records_before: None,
            records_after: None,
        };
        let mut parts = BTreeMap::new();
        if !planned.members.is_empty() {
            for (place, one) in again.each.iter().enumerate() {
                let (exceptions, failures) = again.told(one)?;
                parts.insert(place, RequestPart { exceptions, failures, ..RequestPart::default() });
            }
        }
        Ok((target, parts))
    }
}

impl Searching<'_> {
    /// One dataset; `None` where nobody is searched.
    async fn dataset(
        &self,
        reader: &mut Reader<'_>,
        searched: &SearchedDataset,
        at: DateTime<Utc>,
        still: &mut [StillNamed],
    ) -> Option<Again> {
        let name = searched.dataset.as_str();
        let mut again = Again::new(self.persons.len(), at);
        let mut has_texts = false;
        // Somebody who asks for less than everything may go on to be named.
        if self.reaches_all {
            match self.texts(name, &mut again).await {
                Ok(texts) => has_texts = texts,
                Err(error) => return Some(Again::lost(self.persons.len(), error_code(&error))),
            }
        }
        let found = || self.gathered.members.iter().map(|member| &member.found);
        let persons: Vec<&BTreeSet<Identity>> = self.persons.iter().collect();
        let named = match searched.search {
            Search::NotSearched => None,
            _ => naming_each(self.ground, reader, name, &persons).await,
        };
        let is_kept =
            found().any(|found| !found.shared(name).is_empty() || !found.given_anew(name).is_empty());
        if !has_texts && (named.is_none() && !is_kept || searched.search == Search::NotSearched) {
            return None;
        }
        if let Some(named) = named {
            let subjects = self.ground.graph.subjects(name, self.ground.catalog);
            let mut seen: BTreeSet<String> = BTreeSet::new();
            for ((rows, still), one) in named.iter().zip(still.iter_mut()).zip(&mut again.each) {
                still.add(name, &subjects, rows);
                one.checked += rows.len() as u64;
                seen.extend(rows.iter().map(|row| row.key.canonical()));
            }
            again.all.checked += seen.len() as u64;
            let named: Vec<Vec<RecordKey>> =
                named.into_iter().map(|rows| rows.into_iter().map(|row| row.key).collect()).collect();
            self.left_over(reader, name, &named, &mut again).await;
        }
        let shared: Vec<Vec<RecordKey>> = found().map(|found| found.shared(name)).collect();
        let counts = self.still_there(reader, name, &shared).await;
        again.add(counts, |counted| &mut counted.shared);
        let anew: Vec<Vec<RecordKey>> = found().map(|found| found.given_anew(name)).collect();
        let counts = self.still_there(reader, name, &anew).await;
        again.add(counts, |counted| &mut counted.anew);
        for one in again.each.iter_mut().chain([&mut again.all]) {
            one.checked += one.shared + one.anew;
        }
        if reader.is_lost(name) {
            return Some(Again::lost(self.persons.len(), "unreachable"));
        }
        Some(again)
    }

    /// What the items of a group speak of in a dataset.
    fn spoken_of(&self, name: &str, group: u32) -> Predicate {
        let items = self.running.items.into_iter().flatten().zip(&self.groups);
        let here = items.filter(|(item, of)| **of == group && item.item.dataset == name);
        Predicate::or(here.map(|(item, _)| item.selection.scope.clone()))
    }

    /// Records that name persons in a text and are not theirs. False where no text is searched.
    async fn texts(&self, name: &str, again: &mut Again) -> Result<bool, ConnectorError> {
        if let [only] = self.persons.as_slice() {
            let texts = naming_in_text(self.ground, name, only, self.spoken_of(name, 0)).await?;
            let count = texts.unwrap_or_default();
            for one in again.each.iter_mut().chain([&mut again.all]) {
                one.texts = count;
                one.checked += count;
            }
            return Ok(texts.is_some());
        }
        let (mut is_searched, mut all) = (false, BTreeSet::new());
        for group in 0..self.gathered.groups() {
            let members: Vec<(usize, &Found)> =
                self.gathered.of_group(group).map(|(place, member)| (place, &member.found)).collect();
            let persons: Vec<&BTreeSet<Identity>> =
                members.iter().filter_map(|(place, _)| self.persons.get(*place)).collect();
            let Some(rows) = rows_naming_in_text(self.ground, name, &persons).await? else { continue };
            is_searched = true;
            let own: Vec<BTreeSet<String>> =
                members.iter().map(|(_, found)| canonical(&found.own(name))).collect();
            for (key, who) in rows {
                let key = key.canonical();
                let others =
                    who.into_iter().filter(|one| !own.get(*one).is_some_and(|own| own.contains(&key)));
                for (place, _) in others.filter_map(|one| members.get(one)) {
                    if let Some(one) = again.each.get_mut(*place) {
                        one.texts += 1;
                        one.checked += 1;
                        all.insert(key.clone());
                    }
                }
            }
        }
        again.all.texts = all.len() as u64;
        again.all.checked += again.all.texts;
        Ok(is_searched)
    }

    /// Of records that name persons those that no item spoke of and nobody kept on purpose: nobody knew of them when
    /// the plan was drafted. Where everything is asked for, they count whatever was known of them.
    async fn left_over(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        named: &[Vec<RecordKey>],
        again: &mut Again,
    ) {
        let mut all: BTreeSet<String> = BTreeSet::new();
        for group in 0..self.gathered.groups() {
            // Their own, of which an item may speak.
            let mut own: BTreeMap<String, (RecordKey, usize)> = BTreeMap::new();
            for (place, member) in self.gathered.of_group(group) {
                let found = &member.found;
                let theirs = canonical(&found.own(name));
                let kept = canonical(&[found.shared(name), found.given_anew(name)].concat());
                for key in named.get(place).into_iter().flatten() {
                    let text = key.canonical();
                    if kept.contains(&text) {
                        continue;
                    }
                    if !theirs.contains(&text) {
                        again.add_new(place, &mut all, text);
                    } else if self.reaches_all {
                        own.insert(text, (key.clone(), place));
                    }
                }
            }
            if own.is_empty() {
                continue;
            }
            let spoken_of = self.spoken_of(name, group).is_not_true();
            let keys: Vec<RecordKey> = own.values().map(|(key, _)| key.clone()).collect();
            for keys in keys.chunks(KEYS_AT_ONCE) {
                let these = Predicate::keys(&place_fields(self.ground.graph, name), keys);
                let left = Predicate::and([these, spoken_of.clone()]);
                for row in reader.rows(name, left).await {
                    let text = row.key.canonical();
                    if let Some((_, place)) = own.get(&text) {
                        again.add_new(*place, &mut all, text);
                    }
                }
            }
        }
        again.all.new = all.len() as u64;
    }

    /// How many of these records are there: in all, and of each.
    async fn still_there(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        keys: &[Vec<RecordKey>],
    ) -> (u64, Vec<u64>) {
        let mut asked: BTreeMap<String, &RecordKey> = BTreeMap::new();
        asked.extend(keys.iter().flatten().map(|key| (key.canonical(), key)));
        let all: Vec<RecordKey> = asked.into_values().cloned().collect();
        let fields = place_fields(self.ground.graph, name);
        let mut there: BTreeSet<String> = BTreeSet::new();
        for keys in all.chunks(KEYS_AT_ONCE) {
            let rows = reader.rows(name, Predicate::keys(&fields, keys)).await;
            there.extend(rows.iter().map(|row| row.key.canonical()));
        }
        let each = keys.iter().map(|keys| keys.iter().filter(|key| there.contains(&key.canonical())).count());
        (there.len() as u64, each.map(|count| count as u64).collect())
    }
}

fn canonical(keys: &[RecordKey]) -> BTreeSet<String> {
    keys.iter().map(RecordKey::canonical).collect()
}

/// The key of a dataset as fields.
fn place_fields(graph: &Graph<'_>, dataset: &str) -> Vec<Field> {
    let Some(place) = graph.datasets.get(dataset) else { return Vec::new() };
    place.shape.key.iter().filter_map(|column| graph.field(dataset, column)).collect()
}

/// What the second path found in one dataset.
struct Again {
    /// Of everybody, each record once.
    all: Counted,
    each: Vec<Counted>,
    /// `None`: nobody could look.
    at: Option<DateTime<Utc>>,
    /// Why nobody could.
    code: &'static str,
}

#[derive(Debug, Clone, Default)]
struct Counted {
    checked: u64,
    /// Other people's too, and still there.
    shared: u64,
    /// Given anew after the erasure, and kept.
    anew: u64,
    /// Nobody knew of it when the plan was drafted.
    new: u64,
    /// Named in texts of records that are not theirs, or of which nobody knew.
    texts: u64,
}

impl Again {
    fn new(persons: usize, at: DateTime<Utc>) -> Self {
        Self { all: Counted::default(), each: vec![Counted::default(); persons], at: Some(at), code: "" }
    }

    fn lost(persons: usize, code: &'static str) -> Self {
        Self { all: Counted::default(), each: vec![Counted::default(); persons], at: None, code }
    }

    fn add(&mut self, (all, each): (u64, Vec<u64>), pick: fn(&mut Counted) -> &mut u64) {
        *pick(&mut self.all) += all;
        for (one, count) in self.each.iter_mut().zip(each) {
            *pick(one) += count;
        }
    }

    fn add_new(&mut self, place: usize, all: &mut BTreeSet<String>, key: String) {
        if let Some(one) = self.each.get_mut(place) {
            one.new += 1;
        }
        all.insert(key);
    }

    /// What was kept on purpose, and what should not be there.
    fn told(&self, counted: &Counted) -> anyhow::Result<(Vec<Exception>, Vec<Failure>)> {
        let (mut exceptions, mut failures) = (Vec::new(), Vec::new());
        for (code, count) in [(SHARED, counted.shared), (GIVEN_ANEW, counted.anew)] {
            if count > 0 {
                exceptions.push(Exception::new(Code::new(code)?, count));
            }
        }
        for (code, count) in [("found_again", counted.new), ("found_in_text", counted.texts)] {
            if count > 0 {
                failures.push(Failure { code: Code::new(code)?, count });
            }
        }
        if self.at.is_none() {
            failures.push(Failure { code: Code::new(self.code)?, count: 0 });
        }
        Ok((exceptions, failures))
    }
}

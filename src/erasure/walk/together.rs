//! Finding many persons at once: each by a walk of their own, all of which read together.
//!
//! Floor 3; reads only. What each walk finds is what it finds alone, with one addition: a record that rows of several
//! of these persons name (an address of a household), and nobody else's, is not kept by those who go. It goes with the
//! last of them, as it would if they were erased one after the other; where that cannot be said for sure it is kept
//! and listed. A record that two of them have as their own alone leaves the later one out: that is for two requests,
//! one after the other.

use super::desk::{Desk, rows_for_each};
use super::probe::{Probe, meeting_probes, naming_probes};
use super::read::Reader;
use super::{Bounds, Claim, Ground, Id, Renewal, Side, WalkError, Walker, end_of};
use crate::erasure::found::{Found, FoundRow, Standing};
use crate::erasure::graph::Edge;
use crate::subject::Identity;
use connectors::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Persons who are tied by records that they share: what binds more is kept and listed.
const TIED_MAX: usize = 100;

/// Whom one walk is for; see [`super::walk`].
#[derive(Debug)]
pub struct Seeker<'a> {
    pub given: BTreeSet<Identity>,
    pub before: Option<&'a Found>,
    pub renewal: Option<&'a Renewal>,
    pub bounds: Bounds,
}

/// What was found of each, in their order.
#[derive(Debug)]
pub struct Together {
    pub found: Vec<Result<Found, WalkError>>,
    /// Datasets that could not be read, with the reason.
    pub lost: BTreeMap<String, String>,
    /// Persons of whom a record is another's too, who is in the list before them.
    pub overlapping: BTreeSet<usize>,
    /// For each person the first of those with whom they share a record that goes.
    pub tied: Vec<usize>,
}

/// Walks for all of these. At most `rows_max` rows are found for them together; `may_stay` are the datasets of which
/// records may stay although their person asks.
///
/// # Errors
/// [`WalkError::TooManyRows`]; what goes wrong with one walk is in its place.
pub async fn walk_together<'a>(
    ground: Ground<'a>,
    seekers: Vec<Seeker<'a>>,
    rows_max: usize,
    may_stay: &BTreeSet<&str>,
) -> Result<Together, WalkError> {
    let desk = Desk::default();
    let mut reader = Reader::new(ground);
    let walks = seekers.into_iter().enumerate().map(|(place, seeker)| {
        let mut walker = Walker::new(ground, &desk, seeker);
        async move {
            let ended = walker.run().await;
            (place, ended.map(|()| walker))
        }
    });
    let is_one = walks.len() == 1;
    // One by itself looks after its own bounds.
    let given_max = if is_one { usize::MAX } else { rows_max.saturating_mul(GIVEN_TIMES) };
    let mut walkers = desk.serve(walks, &mut reader, given_max).await?;
    walkers.sort_by_key(|(place, _)| *place);
    let mut walkers: Vec<_> = walkers.into_iter().map(|(_, walker)| walker).collect();
    let mut ties = Ties::none(walkers.len());
    let mut overlapping = BTreeSet::new();
    if !is_one {
        overlapping = overlaps(&walkers);
        while grant((ground, may_stay), &mut reader, &mut walkers, &overlapping, &mut ties).await {
            let again = walkers.into_iter().enumerate().map(|(place, walker)| async move {
                let Ok(mut walker) = walker else { return (place, walker) };
                let ended =
                    if walker.granted.is_empty() { Ok(()) } else { walker.go_on(BTreeSet::new()).await };
                (place, ended.map(|()| walker))
            });
            let mut ended = desk.serve(again, &mut reader, given_max).await?;
            ended.sort_by_key(|(place, _)| *place);
            walkers = ended.into_iter().map(|(_, walker)| walker).collect();
        }
        overlapping.extend(overlaps(&walkers));
    }
    let found: Vec<_> = walkers.into_iter().map(|walker| walker.map(Walker::into_found)).collect();
    let kept: usize = found.iter().flatten().flat_map(|found| found.rows.values()).map(Vec::len).sum();
    if kept > rows_max {
        return Err(WalkError::TooManyRows { most: rows_max });
    }
    let tied = (0..found.len()).map(|place| ties.first(place)).collect();
    Ok(Together { found, lost: reader.into_lost(), overlapping, tied })
}

/// A row may be given to a walk several times, as it is reached in several ways.
const GIVEN_TIMES: usize = 10;

/// For each of these sets of identities the rows of the dataset that they name; `None` if no column could.
pub async fn naming_each(
    ground: Ground<'_>,
    reader: &mut Reader<'_>,
    dataset: &str,
    persons: &[&BTreeSet<Identity>],
) -> Option<Vec<Vec<FoundRow>>> {
    let asked: Vec<Option<Vec<Probe>>> =
        persons.iter().map(|identities| naming_probes(ground, dataset, identities)).collect();
    if asked.iter().all(Option::is_none) {
        return None;
    }
    let asked: Vec<Vec<Probe>> = asked.into_iter().map(Option::unwrap_or_default).collect();
    Some(rows_for_each(reader, dataset, &asked).await)
}

type Walked<'a> = Result<Walker<'a>, WalkError>;

/// Those who have a row as their own that one before them has as theirs.
fn overlaps(walkers: &[Walked<'_>]) -> BTreeSet<usize> {
    let mut owners: HashMap<(&str, &str), usize> = HashMap::new();
    let mut overlapping = BTreeSet::new();
    for (place, walker) in walkers.iter().enumerate() {
        let Ok(walker) = walker else { continue };
        let own: Vec<(&str, &str)> = own_rows(walker).collect();
        if own.iter().any(|row| owners.contains_key(row)) {
            overlapping.insert(place);
        } else {
            owners.extend(own.into_iter().map(|row| (row, place)));
        }
    }
    overlapping
}

fn own_rows<'w>(walker: &'w Walker<'_>) -> impl Iterator<Item = (&'w str, &'w str)> {
    let all =
        walker.rows.iter().flat_map(|(name, rows)| rows.iter().map(move |(key, row)| (*name, key, row)));
    all.filter(|(_, _, row)| row.claim == Claim::Settled(Standing::Own))
        .map(|(name, key, _)| (name, key.as_str()))
}

/// A record that rows of some of these persons name.
struct Named<'a> {
    id: Id<'a>,
    values: BTreeMap<String, Value>,
    /// Of whom rows that may yet turn out to be alone in naming it.
    who: Vec<usize>,
}

/// Lets records that only rows of these persons name go with the last of them. Whether there was one.
async fn grant<'a>(
    (ground, may_stay): (Ground<'a>, &BTreeSet<&str>),
    reader: &mut Reader<'a>,
    walkers: &mut [Walked<'a>],
    overlapping: &BTreeSet<usize>,
    ties: &mut Ties,
) -> bool {
    let named = named_by_several(walkers, overlapping);
    if named.is_empty() {
        return false;
    }
    let mut naming: Vec<Vec<(&'a str, String)>> = vec![Vec::new(); named.len()];
    let mut is_certain = vec![true; named.len()];
    for edge in ground.graph.edges.iter().filter(|edge| keeps_as_named(edge)) {
        let places: Vec<usize> = (0..named.len()).filter(|place| named[*place].id.0 == edge.to).collect();
        let asked: Vec<Vec<Probe>> = places
            .iter()
            .map(|place| {
                let tuple = end_of(edge, &named[*place].values, |pair| &pair.1).map(|(_, values)| values);
                let tuples: Vec<Vec<Value>> = tuple.into_iter().collect();
                meeting_probes(ground, edge.from, edge, (Side::From, &tuples))
            })
            .collect();
        if places.is_empty() {
            continue;
        }
        // Two walks at least, so that the answers are told apart.
        let found = rows_for_each(reader, edge.from, &[asked, vec![Vec::new()]].concat()).await;
        let is_told =
            !reader.is_lost(edge.from) && is_repeated(ground, edge) && !may_stay.contains(edge.from);
        for (place, rows) in places.into_iter().zip(found) {
            is_certain[place] &= is_told || rows.is_empty() && !reader.is_lost(edge.from);
            naming[place].extend(rows.into_iter().map(|row| (edge.from, row.key.canonical())));
        }
    }
    let mut owners: HashMap<(&str, &str), usize> = HashMap::new();
    for (place, walker) in walkers.iter().enumerate().filter(|(place, _)| !overlapping.contains(place)) {
        owners.extend(walker.iter().flat_map(own_rows).map(|row| (row, place)));
    }
    let mut granted: Vec<(usize, Vec<Id<'a>>)> = Vec::new();
    for ((one, naming), is_certain) in named.iter().zip(naming).zip(is_certain) {
        let who: Option<BTreeSet<usize>> =
            naming.iter().map(|(name, key)| owners.get(&(*name, key.as_str())).copied()).collect();
        let Some(who) = who.filter(|who| is_certain && !who.is_empty()) else { continue };
        let last = one.who.iter().filter(|place| who.contains(place)).max().copied();
        if let Some(last) = last.filter(|_| ties.tie(&who)) {
            granted.push((last, naming));
        }
    }
    drop(owners);
    let mut is_new = false;
    for (place, rows) in granted {
        if let Some(Ok(walker)) = walkers.get_mut(place) {
            for row in rows {
                is_new |= walker.granted.insert(row);
            }
        }
    }
    is_new
}

/// A row that names a record by it keeps the record, and is no part of it.
fn keeps_as_named(edge: &Edge<'_>) -> bool {
    edge.keeps() && !edge.makes_part() && !edge.ends_with()
}

/// The datasets of which records may stay, because one of these does that they are part of, or that refers to them.
#[must_use]
pub fn staying_with<'a>(ground: Ground<'a>, rules: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut all = rules;
    loop {
        let edges = ground.graph.edges.iter();
        let parts = edges.clone().filter(|edge| edge.makes_part()).map(|edge| (edge.to, edge.from));
        let named = edges.filter(|edge| edge.keeps()).map(|edge| (edge.from, edge.to));
        let more: Vec<&str> = parts
            .chain(named)
            .filter(|(first, then)| all.contains(first) && !all.contains(then))
            .map(|(_, then)| then)
            .collect();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// Whether the store repeats, when the record goes, that nothing names it any more.
fn is_repeated(ground: Ground<'_>, edge: &Edge<'_>) -> bool {
    let (Some(child), Some(place)) =
        (ground.graph.datasets.get(edge.from), ground.graph.datasets.get(edge.to))
    else {
        return false;
    };
    child.dataset.store == place.dataset.store
        && edge.pairs.iter().all(|(there, here)| {
            let types = (child.shape.column(there), place.shape.column(here));
            matches!(types, (Some(there), Some(here)) if there.value_type == here.value_type)
        })
}

/// Records that are left as named by others too, of each those who look at it so.
fn named_by_several<'a>(walkers: &[Walked<'a>], overlapping: &BTreeSet<usize>) -> Vec<Named<'a>> {
    let mut named: BTreeMap<Id<'a>, Named<'a>> = BTreeMap::new();
    for (place, walker) in walkers.iter().enumerate().filter(|(place, _)| !overlapping.contains(place)) {
        let Ok(walker) = walker else { continue };
        for id in walker.with_claim(Claim::Named) {
            let Some(row) = walker.rows.get(id.0).and_then(|rows| rows.get(&id.1)) else { continue };
            let known = named.entry(id.clone());
            let known = known.or_insert_with(|| Named { id, values: row.values.clone(), who: Vec::new() });
            known.who.push(place);
        }
    }
    named.into_values().filter(|one| one.who.len() > 1).collect()
}

/// Who is tied to whom by records that they share.
struct Ties {
    first: Vec<usize>,
    count: Vec<usize>,
}

impl Ties {
    fn none(persons: usize) -> Self {
        Self { first: (0..persons).collect(), count: vec![1; persons] }
    }

    fn first(&self, mut place: usize) -> usize {
        while let Some(before) = self.first.get(place).copied().filter(|before| *before != place) {
            place = before;
        }
        place
    }

    /// Ties all of these, unless that would tie too many.
    fn tie(&mut self, persons: &BTreeSet<usize>) -> bool {
        let firsts: BTreeSet<usize> = persons.iter().map(|place| self.first(*place)).collect();
        let count = firsts.iter().filter_map(|place| self.count.get(*place)).sum();
        let Some(first) = firsts.first().copied().filter(|_| count <= TIED_MAX) else { return false };
        for place in firsts {
            if let Some(before) = self.first.get_mut(place) {
                *before = first;
            }
        }
        if let Some(known) = self.count.get_mut(first) {
            *known = count;
        }
        true
    }
}

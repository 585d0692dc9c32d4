//! Counts what rows and objects mean to each other, so that a plan says what will really go.
//!
//! Floor 3; reads only. Two questions: of the objects that due rows name, how many can go with them; and
//! of the objects that are due by a rule of their own, how many a row keeps.

use super::compile::LinkedItem;
use super::compile::keepers::Keeper;
use super::keeping::{KeepError, kept_names};
use super::world::Sources;
use crate::hold::HoldBook;
use connectors::{
    ConnectorError, PageRecord, Prospect, RecordKey, RecordSource, Selection, StartCondition, Survey, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows that are asked for at once.
const PAGE_RECORDS: u32 = 5_000;
/// Rows whose objects are looked for; what is beyond is not counted, and the plan says so.
const ROWS_MAX: u64 = 100_000;

/// What would become of the objects that due rows name in one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedObjects {
    pub column: String,
    /// The dataset of the objects.
    pub dataset: String,
    /// Due rows that were looked at, with and without a name.
    pub rows_looked_at: u64,
    /// There are more due rows than were looked at: every count is "at least".
    pub more_rows: bool,
    /// Objects that go with the rows, each counted once; so are those below.
    pub going: u64,
    /// There is no such object: the row goes without it.
    pub absent: u64,
    /// A row that stays names them too.
    pub kept_by_rows: u64,
    pub held: u64,
    /// A rule of their own speaks of them: the row stays until they are gone by it.
    pub claimed: u64,
    /// No object of the dataset, or one that cannot be governed.
    pub cannot_go: u64,
    /// Due rows that stay because the object they name does, claimed ones included.
    pub rows_staying: u64,
}

impl NamedObjects {
    /// The greatest of the counts.
    #[must_use]
    pub fn largest(&self) -> u64 {
        let counts = [
            self.rows_looked_at,
            self.going,
            self.absent,
            self.kept_by_rows,
            self.held,
            self.claimed,
            self.cannot_go,
            self.rows_staying,
        ];
        counts.into_iter().max().unwrap_or(0)
    }
}

/// What becomes of one named object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Is(Prospect),
    KeptByRows,
}

impl Fate {
    /// Whether the row that names it can go.
    fn lets_go(self) -> bool {
        matches!(self, Self::Is(Prospect::Going | Prospect::Absent))
    }
}

/// Where the objects of a plan are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'a> {
    pub sources: &'a Sources,
    pub book: &'a HoldBook,
}

/// What would become of the objects that the due rows of a selection name, by column.
///
/// # Errors
/// When a store cannot be read or a hold cannot be checked.
pub async fn named_objects(
    looking: Looking<'_>,
    source: &dyn RecordSource,
    selection: &Selection,
    links: &[LinkedItem],
) -> Result<Vec<NamedObjects>, KeepError> {
    let mut counted: Vec<(NamedObjects, BTreeMap<String, Fate>)> = links
        .iter()
        .map(|link| {
            let (column, dataset) = (link.column.clone(), link.selection.address.dataset.clone());
            (NamedObjects { column, dataset, ..NamedObjects::default() }, BTreeMap::new())
        })
        .collect();
    let (mut after, mut rows) = (None, 0_u64);
    while rows < ROWS_MAX {
        let page = source.page(selection, after.as_ref(), PAGE_RECORDS).await?;
        rows += page.records.len() as u64;
        for (place, (link, (_, fates))) in links.iter().zip(&mut counted).enumerate() {
            look(looking, link, names_of(&page.records, place, fates), fates).await?;
        }
        keep_of_staying_rows(links, &page.records, &mut counted);
        for (place, (count, fates)) in counted.iter_mut().enumerate() {
            let names = page.records.iter().filter_map(|record| record.links.get(place)?.as_ref());
            let stays = |name: &&String| fates.get(*name).is_none_or(|fate| !fate.lets_go());
            count.rows_staying += names.filter(stays).count() as u64;
        }
        after = page.records.last().map(|record| record.key.clone());
        let more = !page.exhausted && after.is_some();
        for (count, _) in &mut counted {
            count.more_rows = more;
        }
        if !more {
            break;
        }
    }
    Ok(counted
        .into_iter()
        .map(|(count, fates)| tally(NamedObjects { rows_looked_at: rows, ..count }, &fates))
        .collect())
}

/// A row that stays because of one object keeps the others that it names, as it will when the plan is
/// carried out; seen within one page.
fn keep_of_staying_rows(
    links: &[LinkedItem],
    records: &[PageRecord],
    counted: &mut [(NamedObjects, BTreeMap<String, Fate>)],
) {
    if links.len() < 2 {
        return;
    }
    let stores: Vec<&str> = links.iter().map(|link| link.selection.address.store.as_str()).collect();
    loop {
        let mut grown = false;
        for record in records {
            let named = || {
                record.links.iter().zip(&stores).filter_map(|(name, store)| Some((name.as_ref()?, *store)))
            };
            let mut fates = record.links.iter().zip(counted.iter());
            let stays = fates.any(|(name, (_, fates))| {
                name.as_ref().and_then(|name| fates.get(name)).is_some_and(|fate| !fate.lets_go())
            });
            for (name, store) in named().filter(|_| stays) {
                for ((_, fates), _) in counted.iter_mut().zip(&stores).filter(|(_, other)| **other == store) {
                    if let Some(fate) = fates.get_mut(name).filter(|fate| **fate == Fate::Is(Prospect::Going))
                    {
                        *fate = Fate::KeptByRows;
                        grown = true;
                    }
                }
            }
        }
        if !grown {
            return;
        }
    }
}

/// What becomes of one object that a due row names.
///
/// # Errors
/// When a store cannot be read or a hold cannot be checked.
pub async fn fate_of(looking: Looking<'_>, link: &LinkedItem, name: &str) -> Result<Fate, KeepError> {
    let mut fates = BTreeMap::new();
    look(looking, link, vec![name.to_owned()], &mut fates).await?;
    Ok(fates.get(name).copied().unwrap_or(Fate::KeptByRows))
}

/// The names in one column that were not looked for yet.
fn names_of(records: &[PageRecord], place: usize, known: &BTreeMap<String, Fate>) -> Vec<String> {
    let mut names: Vec<String> = records
        .iter()
        .filter_map(|record| record.links.get(place)?.clone())
        .filter(|name| !known.contains_key(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

async fn look(
    looking: Looking<'_>,
    link: &LinkedItem,
    names: Vec<String>,
    fates: &mut BTreeMap<String, Fate>,
) -> Result<(), KeepError> {
    if names.is_empty() {
        return Ok(());
    }
    let mut selection = link.with_holds(looking.book)?;
    // Nothing was drafted before: a change since then cannot be told.
    selection.unchanged_since = None;
    let source = looking.sources.get(&selection.address.store).ok_or_else(|| {
        let store = selection.address.store.clone();
        ConnectorError::Unreachable { store, reason: "it is not open".to_owned() }
    })?;
    let prospects = source.prospects(&selection, &names).await?;
    let there: Vec<String> = names
        .iter()
        .zip(&prospects)
        .filter(|(_, prospect)| **prospect == Prospect::Going)
        .map(|(name, _)| name.clone())
        .collect();
    let kept = kept_names(&link.keepers, looking.sources, looking.book, &there).await?;
    for (name, prospect) in names.into_iter().zip(prospects) {
        let fate = if kept.contains(&name) { Fate::KeptByRows } else { Fate::Is(prospect) };
        fates.insert(name, fate);
    }
    Ok(())
}

fn tally(mut count: NamedObjects, fates: &BTreeMap<String, Fate>) -> NamedObjects {
    for fate in fates.values() {
        let counter = match fate {
            Fate::KeptByRows => &mut count.kept_by_rows,
            Fate::Is(Prospect::Going) => &mut count.going,
            Fate::Is(Prospect::Absent) => &mut count.absent,
            Fate::Is(Prospect::Held) => &mut count.held,
            Fate::Is(Prospect::Claimed) => &mut count.claimed,
            Fate::Is(Prospect::CannotGo) => &mut count.cannot_go,
        };
        *counter += 1;
    }
    count
}

/// The survey of objects with a rule of their own, where those that a row keeps count as referred to.
///
/// # Errors
/// When a store cannot be read or a hold cannot be checked.
pub async fn without_kept(
    looking: Looking<'_>,
    source: &dyn RecordSource,
    selection: &Selection,
    keepers: &[Keeper],
    mut survey: Survey,
) -> Result<Survey, KeepError> {
    if keepers.is_empty() || survey.due == 0 {
        return Ok(survey);
    }
    let kept = kept_of(looking, source, selection, keepers).await?;
    if kept == 0 {
        return Ok(survey);
    }
    let kept_overdue = match overdue_only(selection) {
        Some(overdue) if survey.overdue > 0 => kept_of(looking, source, &overdue, keepers).await?,
        _ => 0,
    };
    let due = survey.due.saturating_sub(kept);
    // An estimate stays one: files are taken to be alike.
    let share = u128::from(survey.due_bytes) * u128::from(due) / u128::from(survey.due);
    survey.due_bytes = u64::try_from(share).unwrap_or(u64::MAX);
    survey.referenced += survey.due - due;
    survey.due = due;
    survey.overdue = survey.overdue.saturating_sub(kept_overdue).min(due);
    let samples: Vec<String> = survey.due_samples.iter().filter_map(name_of).collect();
    let kept = kept_names(keepers, looking.sources, looking.book, &samples).await?;
    survey.due_samples.retain(|key| name_of(key).is_some_and(|name| !kept.contains(&name)));
    if due == 0 {
        (survey.oldest_due_at, survey.newest_due_at) = (None, None);
    }
    Ok(survey)
}

/// How many due objects of the selection a row keeps.
async fn kept_of(
    looking: Looking<'_>,
    source: &dyn RecordSource,
    selection: &Selection,
    keepers: &[Keeper],
) -> Result<u64, KeepError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = source.page(selection, after.as_ref(), PAGE_RECORDS).await?;
        let names: Vec<String> = page.records.iter().filter_map(|record| name_of(&record.key)).collect();
        count += kept_names(keepers, looking.sources, looking.book, &names).await?.len() as u64;
        after = page.records.last().map(|record| record.key.clone());
        if page.exhausted || after.is_none() {
            return Ok(count);
        }
    }
}

fn overdue_only(selection: &Selection) -> Option<Selection> {
    let mut only = selection.clone();
    let StartCondition::Event { cutoff_at, cutoff_on, overdue_at, overdue_on, .. } = &mut only.start else {
        return None;
    };
    (*cutoff_at, *cutoff_on) = (*overdue_at, *overdue_on);
    Some(only)
}

/// The key of an object as a row would name it.
fn name_of(key: &RecordKey) -> Option<String> {
    match key.0.first() {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    }
}

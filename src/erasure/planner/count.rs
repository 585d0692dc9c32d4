//! Counting one item of the plan of a request, as if what goes before it were gone.
//!
//! Floor 3; reads only.

use super::Drafting;
use crate::data_map::Dataset;
use crate::erasure::compile::{
    RequestItem, all_subjects_of, disregarding, exactly, going_together, own_of, refers_to_itself, set_going,
};
use crate::erasure::walk::on_request;
use crate::plan::ItemPart;
use crate::plan::compile::with_holds;
use crate::plan::named::{Looking, without_kept};
use crate::spans::{self, TargetNames};
use chrono::{DateTime, NaiveDate, Utc};
use connectors::classify::{StartReading, read_start};
use connectors::{
    Class, ConnectorError, Disposal, Predicate, RecordKey, RecordSource, Selection, StartCondition, Survey,
    Value,
};
use std::collections::BTreeMap;
use tracing::Instrument as _;

/// Records of one page.
const PAGE_RECORDS: u32 = 5_000;
/// Records whose end of duty is computed; of more no end is told.
const DUTY_RECORDS_MAX: usize = 2_000;

/// What was read for one item.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) survey: Survey,
    /// Referred to by rows that are not the person's.
    pub(super) by_others: u64,
    /// What a duty keeps, by canonical key, and until when; `None` for an end that nobody can tell.
    pub(super) kept: BTreeMap<String, Option<NaiveDate>>,
    /// Whether the ends of all of them were looked for.
    pub(super) is_kept_known: bool,
}

impl Counted {
    /// The days on which the first and the last of these may go.
    pub(super) fn days(
        &self,
        mut keys: impl Iterator<Item = Option<NaiveDate>>,
    ) -> Option<(NaiveDate, NaiveDate)> {
        if !self.is_kept_known {
            return None;
        }
        // One whose end nobody can tell makes the whole unknown.
        let first = keys.next()??;
        keys.try_fold((first, first), |(first, last), day| day.map(|day| (first.min(day), last.max(day))))
    }
}

impl<'a> Drafting<'a> {
    /// The survey of one item as if what goes before it were gone.
    pub(super) async fn count(
        &mut self,
        item: &RequestItem<'a>,
        all: &[RequestItem<'a>],
    ) -> Result<Counted, String> {
        let catalog = self.input.catalog;
        let span = spans::survey(TargetNames {
            policy: &item.rule.policy,
            rule: &item.rule.rule,
            dataset: catalog.dataset(item.dataset).map_or("", Dataset::public_name),
            store: catalog.public_store(&item.selection.address.store),
        });
        let counted = self.count_under_span(item, all).instrument(span.clone()).await;
        match &counted {
            Ok(counted) => spans::count(&span, spans::DUE, counted.survey.due),
            Err(_) => spans::failed(&span),
        }
        counted
    }

    async fn count_under_span(
        &mut self,
        item: &RequestItem<'a>,
        all: &[RequestItem<'a>],
    ) -> Result<Counted, String> {
        let source = self.input.sources.get(&item.selection.address.store).ok_or("its store is not open")?;
        let source = source.as_ref();
        let said = |error: ConnectorError| error.to_string();
        let gone = self.going.clone();
        let going = |dataset: &str| gone.get(dataset).cloned().unwrap_or_default();
        let mut selection = self.held(&disregarding(self.graph, &item.selection, &going))?;
        if item.part == ItemPart::BesideDuty
            && let Some(scope) =
                self.graph.datasets.get(item.dataset).and_then(|place| exactly(place, &going(item.dataset)))
        {
            // What is due by the same rule is gone by then.
            selection.scope = Predicate::and([selection.scope, scope.is_not_true()]);
        }
        let selection = self.together(item, source, selection).await.map_err(said)?;
        let mut survey = source.survey(&selection).await.map_err(said)?;
        if self.goes_on() && item.part.is_whole() && survey.already_done > 0 {
            let classes = source.classes(&selection, &self.found.own(item.dataset)).await.map_err(said)?;
            let done = classes.into_iter().filter(|(_, class)| *class == Class::AlreadyDone);
            let known = self.done.entry(item.dataset.to_owned()).or_default();
            known.extend(done.map(|(key, _)| key.canonical()));
        }
        if !item.keepers.is_empty() {
            let looking = Looking { sources: self.input.sources, book: self.input.holds };
            let mut keepers = item.keepers.clone();
            let counted: Vec<RequestItem<'_>> = all
                .iter()
                .map(|one| RequestItem {
                    selection: disregarding(self.graph, &one.selection, &going),
                    ..one.clone()
                })
                .collect();
            set_going(&mut keepers, &self.around, &counted);
            let kept = without_kept(looking, source, &selection, &keepers, survey).await;
            survey = kept.map_err(|error| error.to_string())?;
        }
        let mut by_others = 0;
        if survey.referenced > 0 {
            let own = self.held(&own_of(self.graph, &item.selection, &self.found))?;
            by_others = source.survey(&own).await.map_err(said)?.referenced;
        }
        let lets_go = item.selection.disposal == Disposal::Purge || item.part == ItemPart::Unlinking;
        if lets_go && survey.due > 0 {
            let keys = due_keys(source, &selection).await.map_err(said)?;
            self.going.entry(item.dataset.to_owned()).or_default().extend(keys);
        }
        let mut counted = Counted { survey, by_others, ..Counted::default() };
        if item.exception.is_some() && counted.survey.not_yet_due > 0 {
            self.kept_by_duty(item, source, &mut counted).await.map_err(said)?;
        }
        Ok(counted)
    }

    /// Of a table that refers to itself: the rows that go together are those that no row which stays refers
    /// to, found by asking again until nothing changes.
    async fn together(
        &mut self,
        item: &RequestItem<'_>,
        source: &dyn RecordSource,
        selection: Selection,
    ) -> Result<Selection, ConnectorError> {
        if item.selection.disposal != Disposal::Purge || !refers_to_itself(&selection) {
            return Ok(selection);
        }
        let mut keys = self.found.own(item.dataset);
        loop {
            let together = going_together(self.graph, &selection, &keys);
            let due = due_keys(source, &together).await?;
            if due.len() >= keys.len() || due.is_empty() {
                self.together.insert(item.id(), due);
                return Ok(together);
            }
            keys = due;
        }
    }

    fn held(&self, selection: &Selection) -> Result<Selection, String> {
        let subjects = all_subjects_of(&self.around, selection);
        let held = with_holds(selection, &subjects, self.input.holds);
        let mut held = held.map_err(|error| error.to_string())?;
        held.unchanged_since = None;
        Ok(held)
    }

    /// Which records a duty keeps, and when each may go.
    async fn kept_by_duty(
        &self,
        item: &RequestItem<'_>,
        source: &dyn RecordSource,
        counted: &mut Counted,
    ) -> Result<(), ConnectorError> {
        let keys = self.found.own(item.dataset);
        let clock = item.target.and_then(|target| target.rule.clock());
        let (Some(clock), true) = (clock, self.is_together || keys.len() <= DUTY_RECORDS_MAX) else {
            return Ok(());
        };
        let StartCondition::Event { field, encoding, .. } = &item.selection.start else { return Ok(()) };
        counted.is_kept_known = true;
        let classes = source.classes(&item.selection, &keys).await?;
        let waiting: Vec<RecordKey> =
            classes.into_iter().filter(|(_, class)| *class == Class::NotYetDue).map(|(key, _)| key).collect();
        for (key, stored) in self.stored(item, source, &waiting, &field.name).await? {
            let due: Option<DateTime<Utc>> = match read_start(encoding, &stored) {
                StartReading::At(start) => clock.due_at(start),
                StartReading::On(day) => clock.due_at_civil(day),
                _ => None,
            };
            counted.kept.insert(key, due.map(|at| at.with_timezone(&clock.zone).date_naive()));
        }
        Ok(())
    }

    /// What these records hold in one column, by canonical key.
    async fn stored(
        &self,
        item: &RequestItem<'_>,
        source: &dyn RecordSource,
        keys: &[RecordKey],
        column: &str,
    ) -> Result<Vec<(String, Value)>, ConnectorError> {
        let place = self.graph.datasets.get(item.dataset);
        let scope = place.and_then(|place| Some((place, exactly(place, keys)?)));
        let mut stored = Vec::with_capacity(keys.len());
        match scope.filter(|(place, _)| place.dataset.is_table()) {
            Some((place, scope)) => {
                let (selection, columns) = (on_request(place, scope), [column.to_owned()]);
                let mut after = None;
                loop {
                    let page = source.rows(&selection, &columns, after.as_ref(), PAGE_RECORDS).await?;
                    after = page.rows.last().map(|row| row.key.clone());
                    stored.extend(page.rows.into_iter().map(|row| {
                        let value = row.values.into_iter().next().unwrap_or(Value::Null);
                        (row.key.canonical(), value)
                    }));
                    if page.exhausted || after.is_none() {
                        break;
                    }
                }
            }
            None => {
                for key in keys {
                    let Some(facts) = source.facts(&item.selection, key).await? else { continue };
                    let value = facts.fields.get(column).cloned().unwrap_or(Value::Null);
                    stored.push((key.canonical(), value));
                }
            }
        }
        Ok(stored)
    }
}

async fn due_keys(
    source: &dyn RecordSource,
    selection: &Selection,
) -> Result<Vec<RecordKey>, ConnectorError> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = source.page(selection, after.as_ref(), PAGE_RECORDS).await?;
        after = page.records.last().map(|record| record.key.clone());
        keys.extend(page.records.into_iter().map(|record| record.key));
        if page.exhausted || after.is_none() {
            return Ok(keys);
        }
    }
}

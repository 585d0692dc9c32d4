//! What was seen after the run of a request.
//!
//! Floor 7. Three readings: the journal's proven batches, one more survey of every item, and a search by a
//! second path that knows nothing of the first: the identities are looked for again in every column that
//! identifies a person, and in every text that the data map names for search. What that finds and nobody kept on
//! purpose is a failure.

use super::apply::Running;
use super::certify::Locks;
use super::claims::{self, Claim, Claims, Touched, TouchedKeys};
use super::erasing::request_of;
use super::evidence::{self as seen, codes, error_code, names, rule};
use super::shares::Shares;
use super::{App, AppError};
use crate::erasure::compile::own_of;
use crate::erasure::found::Found;
use crate::erasure::graph::Graph;
use crate::evidence::{
    Code, Exception, Failure, RequestPart, TargetEvidence, Verification, VerificationMethod,
};
use crate::execution::{RunEnd, Tuning, patience};
use crate::hold::{HoldBook, HoldRegister as _};
use crate::plan::compile::ExecutableItem;
use crate::plan::keeping::{KeepError, kept_names};
use crate::plan::named::{Looking, without_kept};
use crate::plan::{ItemPart, KeptByDuty, Plan, PlanItem, RequestPlan};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::{Class, ConnectorError, LockedRecords, RecordKey, RecordSource, Selection, Survey, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The technique of fields that a duty does not cover: the record itself stays, and is among the exceptions.
pub const BESIDE_DUTY: &str = "sql.update.beside_duty";
/// The technique of columns that are emptied so that records which refer to one another can go.
pub const UNLINKING: &str = "sql.update.unlink";

/// The survey of an item after the act.
struct ItemReading {
    survey: Survey,
    /// Referred to by rows that are not the person's.
    by_others: u64,
    /// Why the others that are referred to stay.
    kept_because: &'static str,
}

/// What was seen of one item of one group.
struct ItemSeen<'a> {
    item: &'a PlanItem,
    /// Everything found of the group.
    found: &'a Found,
    /// Of several requests: whose each record is.
    owners: Option<HashMap<String, usize>>,
}

/// What a reading came to: of all, and of each of several persons.
struct Read {
    all: ItemReading,
    each: BTreeMap<usize, ItemReading>,
}

impl App {
    /// One target for each item, and one for each place where the persons were looked for; of several persons with
    /// what of it is whose. What is needed to know them again is kept with it.
    pub(super) async fn targets_of_request(
        &self,
        running: &Running<'_>,
        end: &RunEnd,
        claims: &Claims,
        at: DateTime<Utc>,
    ) -> Result<(Shares, Vec<Locks>), AppError> {
        let plan = running.approved.plan();
        let planned = request_of(plan)?;
        let gathered = self.found_of(plan).await?;
        let is_together = !planned.members.is_empty();
        let mut still = self.still_named(&gathered)?;
        let book = self.ledger.book().await?;
        let world = self.world().await?;
        let graph = Graph::of(&self.catalog, &world);
        let (mut shares, mut locks) = (Shares::of(planned), Vec::new());
        let touched = if is_together { self.touched(running).await? } else { Touched::new() };
        let groups = planned.groups_of_items(plan.items.len());
        let (mut found, mut group) = (gathered.whole(0), 0);
        for (place, item) in plan.items.iter().enumerate() {
            let of = groups.get(place).copied().unwrap_or(0);
            if of != group {
                (found, group) = (gathered.whole(of), of);
            }
            let executable = running.items.and_then(|items| items.get(place));
            let owners = is_together.then(|| gathered.owners(group, &item.dataset));
            let seen = ItemSeen { item, found: &found, owners };
            let reading = match executable {
                Some(executable) => Some(self.item_reading(running, &graph, executable, &seen, &book).await?),
                None => None,
            };
            if let Some(Ok(read)) = &reading {
                let (store, _) = names(&self.catalog, &item.dataset)?;
                locks.push(Locks { store, of: read.all.survey.locks.values().copied().collect() });
            }
            let failure = end.failures.iter().find(|failure| failure.item == item.item);
            let failure = failure.map(|failure| error_code(&failure.error));
            let none = Claim::default();
            let claim = claims.get(&(item.item, item.dataset.clone())).unwrap_or(&none);
            let steps = codes(&end.residue_steps.get(&item.store).cloned().unwrap_or_default())?;
            let parts = match &seen.owners {
                Some(owners) => {
                    let touched = touched.get(&(item.item, item.dataset.clone()));
                    parts_of(&seen, owners, (planned, &book), (touched, &reading, failure))?
                }
                None => BTreeMap::new(),
            };
            let all = reading.map(|reading| reading.map(|read| read.all));
            let mut target = self.item_target(plan, item, claim, all, failure, &book, at)?;
            target.residue_steps = steps;
            shares.add(&item.dataset, target, parts);
        }
        if running.items.is_some() {
            self.searched_again(running, &graph, &gathered, at, (&mut still, &mut shares)).await?;
            self.add_beyond(running, (&world, &graph), &gathered, at, &mut shares).await?;
        }
        let certificate = (running.run.certificate_id.as_str(), at);
        self.suppress(&gathered, &still, certificate).await?;
        Ok((shares, locks))
    }

    /// The keys that the journal has for each item and dataset.
    async fn touched(&self, running: &Running<'_>) -> Result<Touched, AppError> {
        Ok(claims::touched(&*self.ledger, &running.run.run_id, &running.key).await?)
    }

    async fn item_reading(
        &self,
        running: &Running<'_>,
        graph: &Graph<'_>,
        item: &ExecutableItem,
        seen: &ItemSeen<'_>,
        book: &HoldBook,
    ) -> Result<Result<Read, ConnectorError>, AppError> {
        let selection = item.with_holds(book)?;
        let store = running.stores.get(&item.item.store);
        let store = store.with_context(|| format!("store '{}' is not open", item.item.store))?;
        let attempts_max = Tuning::default().attempts_max;
        // Whose rows name a file is not told apart.
        let kept_because = if item.keepers.is_empty() { "kept_with_retained" } else { "named_by_rows" };
        if let Some(owners) = &seen.owners {
            let looking = (store.source.as_ref(), kept_because);
            let read = patience::retrying(attempts_max, || {
                self.classes_of(looking, (graph, item), &selection, (seen, owners, book))
            });
            return Ok(read.await);
        }
        let survey = patience::retrying(attempts_max, || store.source.survey(&selection)).await;
        let mut survey = match survey {
            Ok(survey) => survey,
            Err(error) => return Ok(Err(error)),
        };
        if !item.keepers.is_empty() {
            let sources = self.sources().await?;
            let looking = Looking { sources: &sources, book };
            let kept = without_kept(looking, store.source.as_ref(), &selection, &item.keepers, survey).await;
            survey = match kept {
                Ok(survey) => survey,
                Err(KeepError::Store(error)) => return Ok(Err(error)),
                Err(KeepError::Hold(error)) => return Err(error.into()),
            };
        }
        let mut by_others = 0;
        if survey.referenced > 0 && item.keepers.is_empty() {
            let others = own_of(graph, &selection, seen.found);
            match store.source.survey(&others).await {
                Ok(seen) => by_others = seen.referenced.min(survey.referenced),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Read { all: ItemReading { survey, by_others, kept_because }, each: BTreeMap::new() }))
    }

    /// The same of several persons, record by record, so that it is known whose is what.
    async fn classes_of(
        &self,
        (source, kept_because): (&dyn RecordSource, &'static str),
        (graph, item): (&Graph<'_>, &ExecutableItem),
        selection: &Selection,
        (seen, owners, book): (&ItemSeen<'_>, &HashMap<String, usize>, &HoldBook),
    ) -> Result<Read, ConnectorError> {
        let keys = seen.found.own(&item.item.dataset);
        let mut classes = source.classes(selection, &keys).await?;
        if !item.keepers.is_empty() {
            self.keep_named(item, book, &mut classes).await?;
        }
        let is_referenced = |(_, class): &&(RecordKey, Class)| *class == Class::Referenced;
        let referenced: Vec<RecordKey> =
            classes.iter().filter(is_referenced).map(|(key, _)| key.clone()).collect();
        let mut by_others: BTreeSet<String> = BTreeSet::new();
        if !referenced.is_empty() && item.keepers.is_empty() {
            let others = own_of(graph, selection, seen.found);
            let still = source.classes(&others, &referenced).await?;
            by_others.extend(still.iter().filter(is_referenced).map(|(key, _)| key.canonical()));
        }
        let reading = || ItemReading { survey: Survey::default(), by_others: 0, kept_because };
        let mut read = Read { all: reading(), each: BTreeMap::new() };
        for (key, class) in &classes {
            let key = key.canonical();
            let Some(place) = owners.get(&key).filter(|_| *class != Class::OutOfScope) else { continue };
            for one in [&mut read.all, read.each.entry(*place).or_insert_with(reading)] {
                count(&mut one.survey, *class);
                one.by_others += u64::from(by_others.contains(&key));
            }
        }
        if read.all.survey.held > 0 || read.all.survey.locked > 0 {
            // Which holds and locks they are.
            let survey = source.survey(selection).await?;
            for one in std::iter::once(&mut read.all).chain(read.each.values_mut()) {
                if one.survey.held > 0 {
                    one.survey.held_by.clone_from(&survey.held_by);
                }
                // The strictest stands for all of them, with the latest end.
                if let Some((kind, locked)) =
                    survey.locks.iter().next_back().filter(|_| one.survey.locked > 0)
                {
                    let locked = LockedRecords { count: one.survey.locked, ..*locked };
                    one.survey.locks.insert(*kind, locked);
                }
            }
        }
        Ok(read)
    }

    /// Files that a row names stay with it.
    async fn keep_named(
        &self,
        item: &ExecutableItem,
        book: &HoldBook,
        classes: &mut [(RecordKey, Class)],
    ) -> Result<(), ConnectorError> {
        let failed = |reason: String| ConnectorError::Failed { store: item.item.store.clone(), reason };
        let sources = self.sources().await.map_err(|error| failed(error.to_string()))?;
        let due = classes.iter().filter(|(_, class)| *class == Class::Due);
        let names: Vec<String> = due.filter_map(|(key, _)| name_of(key)).collect();
        let kept = kept_names(&item.keepers, &sources, book, &names).await.map_err(|error| match error {
            KeepError::Store(error) => error,
            KeepError::Hold(error) => failed(error.to_string()),
        })?;
        for (key, class) in classes.iter_mut().filter(|(_, class)| *class == Class::Due) {
            if name_of(key).is_some_and(|name| kept.contains(&name)) {
                *class = Class::Referenced;
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "everything that was seen of one item")]
    fn item_target(
        &self,
        plan: &Plan,
        item: &PlanItem,
        claim: &Claim,
        reading: Option<Result<ItemReading, ConnectorError>>,
        failure: Option<&'static str>,
        book: &HoldBook,
        at: DateTime<Utc>,
    ) -> anyhow::Result<TargetEvidence> {
        let kept = request_of(plan)?.kept.iter().find(|kept| kept.item == item.item);
        let (exceptions, failures, verification, after) = match reading {
            Some(Ok(reading)) => {
                let survey = &reading.survey;
                let exceptions = exceptions(item, &reading, kept, book)?;
                let failures = failures(&reading, failure)?;
                let undecidable: u64 = survey.undecidable.values().sum();
                let remaining = survey.due
                    + survey.held
                    + survey.locked
                    + survey.not_yet_due
                    + survey.referenced
                    + survey.changed_since_plan
                    + undecidable;
                let method = VerificationMethod::ReQuery;
                let seen = Verification { method, checked: survey.in_scope, remaining, at };
                (exceptions, failures, Some(seen), Some(survey.total))
            }
            Some(Err(error)) => {
                let failure = Failure { code: Code::new(error_code(&error))?, count: 0 };
                (Vec::new(), vec![failure], None, None)
            }
            None => {
                let failure = Failure { code: Code::new("run_closed")?, count: 0 };
                let failures = if item.counts.due > 0 { vec![failure] } else { Vec::new() };
                let method = VerificationMethod::KeyLookup;
                let seen = Verification { method, checked: claim.disposed, remaining: 0, at };
                (Vec::new(), failures, Some(seen), None)
            }
        };
        let (action, technique) = seen::action(&item.disposition, &self.catalog, &item.dataset);
        let technique = match item.part {
            ItemPart::Whole => technique,
            ItemPart::BesideDuty => BESIDE_DUTY,
            ItemPart::Unlinking => UNLINKING,
        };
        let counts = seen::counts_of(action, claim, &exceptions, &failures);
        let (store, dataset) = names(&self.catalog, &item.dataset)?;
        Ok(TargetEvidence {
            store,
            dataset,
            record_type: seen::alias("record-type", &item.record_type)?,
            rule: rule(&item.rule)?,
            action,
            technique: Code::new(technique)?,
            counts,
            verification,
            exceptions,
            failures,
            residue_steps: Vec::new(),
            // Of what goes on request only the person's records are counted.
            records_before: item.cutoff.map(|_| item.counts.total),
            records_after: after.filter(|_| item.cutoff.is_some()),
        })
    }
}

/// The key of an object as a row would name it.
fn name_of(key: &RecordKey) -> Option<String> {
    match key.0.first() {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    }
}

/// Counts one record that is there.
fn count(survey: &mut Survey, class: Class) {
    survey.in_scope += 1;
    let counter = match class {
        Class::OutOfScope => return,
        Class::Undecidable(reason) => survey.undecidable.entry(reason).or_default(),
        Class::NotYetDue => &mut survey.not_yet_due,
        Class::Referenced => &mut survey.referenced,
        Class::AlreadyDone => &mut survey.already_done,
        Class::ChangedSincePlan => &mut survey.changed_since_plan,
        Class::Held => &mut survey.held,
        Class::Locked => &mut survey.locked,
        Class::Due => &mut survey.due,
    };
    *counter += 1;
}

/// What of an item is whose: disposed of by the journal, kept or failed by the reading.
fn parts_of(
    seen: &ItemSeen<'_>,
    owners: &HashMap<String, usize>,
    (planned, book): (&RequestPlan, &HoldBook),
    (touched, reading, failure): (
        Option<&TouchedKeys>,
        &Option<Result<Read, ConnectorError>>,
        Option<&'static str>,
    ),
) -> anyhow::Result<BTreeMap<usize, RequestPart>> {
    let mut parts: BTreeMap<usize, RequestPart> = BTreeMap::new();
    let action = seen::action_of(&seen.item.disposition);
    for key in touched.iter().flat_map(|touched| &touched.disposed) {
        if let Some(place) = owners.get(&key.canonical()) {
            parts.entry(*place).or_default().dispose(action, 1);
        }
    }
    let without_number = |code: &str| anyhow::Ok(Failure { code: Code::new(code)?, count: 0 });
    let concerned: BTreeSet<usize> = owners.values().copied().collect();
    match reading {
        Some(Ok(read)) => {
            for (place, one) in &read.each {
                let member =
                    planned.members.get(*place).map(|member| member.kept.as_slice()).unwrap_or_default();
                let kept = member.iter().find(|kept| kept.item == seen.item.item);
                let part = parts.entry(*place).or_default();
                part.exceptions = exceptions(seen.item, one, kept, book)?;
                part.failures = failures(one, failure)?;
            }
            for key in touched.iter().flat_map(|touched| &touched.absent) {
                if let Some(place) = owners.get(&key.canonical()) {
                    parts.entry(*place).or_default().already_absent += 1;
                }
            }
            // Given up: nobody's records there are known to be done with.
            if let Some(code) = failure {
                for place in &concerned {
                    let part = parts.entry(*place).or_default();
                    if part.failures.is_empty() {
                        part.failures.push(without_number(code)?);
                    }
                }
            }
        }
        Some(Err(error)) => {
            for place in concerned {
                parts.entry(place).or_default().failures.push(without_number(error_code(error))?);
            }
        }
        None if seen.item.counts.due > 0 => {
            for place in concerned {
                parts.entry(place).or_default().failures.push(without_number("run_closed")?);
            }
        }
        None => {}
    }
    Ok(parts)
}

/// What was kept on purpose.
fn exceptions(
    item: &PlanItem,
    reading: &ItemReading,
    kept: Option<&KeptByDuty>,
    book: &HoldBook,
) -> anyhow::Result<Vec<Exception>> {
    let survey = &reading.survey;
    let mut exceptions = seen::exceptions(survey, book)?;
    let days = kept.and_then(KeptByDuty::days);
    let mut add = |code: &str, count: u64| -> anyhow::Result<()> {
        if count > 0 {
            exceptions.push(Exception::new(Code::new(code)?, count).until(days));
        }
        Ok(())
    };
    let duty = kept.map_or("legal_obligation", |kept| kept.exception.as_str());
    add(seen::alias("exception", duty)?.as_str(), survey.not_yet_due)?;
    add(reading.kept_because, survey.referenced.saturating_sub(reading.by_others))?;
    debug_assert!(item.cutoff.is_some() || survey.not_yet_due == 0, "only a period keeps");
    Ok(exceptions)
}

/// What should have gone and is still there.
fn failures(reading: &ItemReading, failure: Option<&'static str>) -> anyhow::Result<Vec<Failure>> {
    let mut failures = Vec::new();
    if reading.survey.due > 0 || failure.is_some() {
        let code = Code::new(failure.unwrap_or("still_present"))?;
        failures.push(Failure { code, count: reading.survey.due });
    }
    if reading.by_others > 0 {
        failures.push(Failure { code: Code::new("referred_to_by_others")?, count: reading.by_others });
    }
    Ok(failures)
}

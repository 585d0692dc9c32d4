//! What was seen after the run of a request.
//!
//! Floor 7. Three readings: the journal's proven batches, one more survey of every item, and a search by a
//! second path that knows nothing of the first: the identities are looked for again in every column that
//! identifies a person, and in every text that the data map names for search. What that finds and nobody kept on
//! purpose is a failure.

use super::apply::Running;
use super::certify::Locks;
use super::claims::{Claim, Claims};
use super::erasing::request_of;
use super::evidence::{self as seen, codes, error_code, names, rule};
use super::requests::{GIVEN_ANEW, SHARED};
use super::suppress::StillNamed;
use super::{App, AppError};
use crate::erasure::compile::{own_of, reference_without_rule};
use crate::erasure::found::Found;
use crate::erasure::graph::Graph;
use crate::erasure::texts::naming_in_text;
use crate::erasure::walk::{Ground, Reader, naming};
use crate::evidence::{
    Action, Code, Counts, Exception, Failure, TargetEvidence, Verification, VerificationMethod,
};
use crate::execution::{RunEnd, Tuning, patience};
use crate::hold::{HoldBook, HoldRegister as _};
use crate::plan::compile::ExecutableItem;
use crate::plan::named::{Looking, without_kept};
use crate::plan::{ItemPart, KeptByDuty, Plan, PlanItem, Search, SearchedDataset};
use crate::subject::Identity;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use connectors::{ConnectorError, Field, Predicate, Survey};
use std::collections::BTreeSet;

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

impl App {
    /// One target for each item, and one for each place where the person was looked for. What is needed to
    /// know the person again is kept with it.
    pub(super) async fn targets_of_request(
        &self,
        running: &Running<'_>,
        end: &RunEnd,
        claims: &Claims,
        at: DateTime<Utc>,
    ) -> Result<(Vec<TargetEvidence>, Vec<Locks>), AppError> {
        let plan = running.approved.plan();
        let found = self.found_of(plan).await?;
        let mut still = self.still_named(&found)?;
        let book = self.ledger.book().await?;
        let world = self.world().await?;
        let graph = Graph::of(&self.catalog, &world);
        let (mut targets, mut locks) = (Vec::new(), Vec::new());
        for (place, item) in plan.items.iter().enumerate() {
            let executable = running.items.and_then(|items| items.get(place));
            let reading = match executable {
                Some(executable) => {
                    Some(self.item_reading(running, &graph, executable, &found, &book).await?)
                }
                None => None,
            };
            if let Some(Ok(reading)) = &reading {
                let (store, _) = names(&self.catalog, &item.dataset)?;
                locks.push(Locks { store, of: reading.survey.locks.values().copied().collect() });
            }
            let failure = end.failures.iter().find(|failure| failure.item == item.item);
            let failure = failure.map(|failure| error_code(&failure.error));
            let none = Claim::default();
            let claim = claims.get(&(item.item, item.dataset.clone())).unwrap_or(&none);
            let mut target = self.item_target(plan, item, claim, reading, failure, &book, at)?;
            target.residue_steps = codes(&end.residue_steps.get(&item.store).cloned().unwrap_or_default())?;
            targets.push(target);
        }
        if running.items.is_some() {
            targets.extend(self.searched_again(running, &graph, &found, at, &mut still).await?);
        }
        let certificate = (running.run.certificate_id.as_str(), at);
        self.suppress(&request_of(plan)?.request_id, &found, &still.hashes, certificate).await?;
        Ok((targets, locks))
    }

    async fn item_reading(
        &self,
        running: &Running<'_>,
        graph: &Graph<'_>,
        item: &ExecutableItem,
        found: &Found,
        book: &HoldBook,
    ) -> Result<Result<ItemReading, ConnectorError>, AppError> {
        let selection = item.with_holds(book)?;
        let store = running.stores.get(&item.item.store);
        let store = store.with_context(|| format!("store '{}' is not open", item.item.store))?;
        let attempts_max = Tuning::default().attempts_max;
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
                Err(crate::plan::keeping::KeepError::Store(error)) => return Ok(Err(error)),
                Err(crate::plan::keeping::KeepError::Hold(error)) => return Err(error.into()),
            };
        }
        let mut by_others = 0;
        if survey.referenced > 0 && item.keepers.is_empty() {
            let others = own_of(graph, &selection, found);
            match store.source.survey(&others).await {
                Ok(seen) => by_others = seen.referenced.min(survey.referenced),
                Err(error) => return Ok(Err(error)),
            }
        }
        // Whose rows name a file is not told apart.
        let kept_because = if item.keepers.is_empty() { "kept_with_retained" } else { "named_by_rows" };
        Ok(Ok(ItemReading { survey, by_others, kept_because }))
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

    /// The identities once more, in every column that identifies a person.
    async fn searched_again(
        &self,
        running: &Running<'_>,
        graph: &Graph<'_>,
        found: &Found,
        at: DateTime<Utc>,
        still: &mut StillNamed,
    ) -> Result<Vec<TargetEvidence>, AppError> {
        let plan = running.approved.plan();
        let reaches_all = self.request(&request_of(plan)?.request_id).await?.reaches_all();
        let sources = self.sources().await?;
        let ground = Ground { catalog: &self.catalog, graph, sources: &sources };
        let everyone: BTreeSet<Identity> = found.identities().cloned().collect();
        let mut reader = Reader::new(ground);
        let mut targets = Vec::new();
        for searched in &request_of(plan)?.datasets {
            if matches!(searched.search, Search::NotReached { .. }) {
                targets.push(self.searched_target(plan, searched, &Again::lost())?);
                continue;
            }
            let name = searched.dataset.as_str();
            let predicate = naming(ground, name, &everyone);
            let shared = found.shared(name);
            let anew = found.given_anew(name);
            let spoken_of = running.items.into_iter().flatten().filter(|item| item.item.dataset == name);
            let spoken_of = Predicate::or(spoken_of.map(|item| item.selection.scope.clone()));
            let mut again = Again { at: Some(at), ..Again::default() };
            let mut has_texts = false;
            // Somebody who asks for less than everything may go on to be named.
            if reaches_all {
                match naming_in_text(ground, name, &everyone, spoken_of.clone()).await {
                    Ok(texts) => {
                        has_texts = texts.is_some();
                        again.texts = texts.unwrap_or_default();
                        again.checked += again.texts;
                    }
                    Err(error) => {
                        let code = error_code(&error);
                        targets.push(self.searched_target(
                            plan,
                            searched,
                            &Again { code, ..Again::lost() },
                        )?);
                        continue;
                    }
                }
            }
            let is_searched = predicate.is_some() || !shared.is_empty() || !anew.is_empty();
            if !has_texts && (!is_searched || searched.search == Search::NotSearched) {
                continue;
            }
            if let Some(predicate) = predicate {
                let rows = reader.rows(name, predicate).await;
                still.add(name, &graph.subjects(name, &self.catalog), &rows);
                again.checked += rows.len() as u64;
                // Where everything is asked for, what no item spoke of is left over, whatever was known of it.
                let spoken_of = if reaches_all { spoken_of } else { Predicate::or([]) };
                let fields = place_fields(graph, name);
                let known = if reaches_all { Vec::new() } else { found.own(name) };
                let known = [known, shared.clone(), anew.clone()].concat();
                let left = Predicate::and([
                    naming(ground, name, &everyone).unwrap_or_else(Predicate::always),
                    spoken_of.is_not_true(),
                    Predicate::keys(&fields, &known).is_not_true(),
                ]);
                again.new = reader.rows(name, left).await.len() as u64;
            }
            again.shared = still_there(&mut reader, graph, name, &shared).await;
            again.anew = still_there(&mut reader, graph, name, &anew).await;
            again.checked += again.shared + again.anew;
            if reader.is_lost(name) {
                again = Again::lost();
            }
            targets.push(self.searched_target(plan, searched, &again)?);
        }
        Ok(targets)
    }

    fn searched_target(
        &self,
        plan: &Plan,
        searched: &SearchedDataset,
        again: &Again,
    ) -> anyhow::Result<TargetEvidence> {
        let declared = self.catalog.dataset(&searched.dataset).context("a dataset is not declared")?;
        let (store, dataset) = names(&self.catalog, &searched.dataset)?;
        let mut exceptions = Vec::new();
        for (code, count) in [(SHARED, again.shared), (GIVEN_ANEW, again.anew)] {
            if count > 0 {
                let code = Code::new(code)?;
                exceptions.push(Exception { code, count, hold_ref: None, review_on: None });
            }
        }
        let mut failures = Vec::new();
        if again.new > 0 {
            failures.push(Failure { code: Code::new("found_again")?, count: again.new });
        }
        if again.texts > 0 {
            failures.push(Failure { code: Code::new("found_in_text")?, count: again.texts });
        }
        if again.at.is_none() {
            failures.push(Failure { code: Code::new(again.code)?, count: 0 });
        }
        let failed = again.new + again.texts;
        let kept = again.shared + again.anew;
        let left = kept + failed;
        Ok(TargetEvidence {
            store,
            dataset,
            record_type: seen::alias("record-type", &declared.record_type)?,
            rule: rule(&reference_without_rule(&request_of(plan)?.ground))?,
            action: Action::Purge,
            technique: Code::new("search.identity")?,
            counts: Counts { matched: left, excepted: kept, failed, ..Counts::default() },
            verification: again.at.map(|at| Verification {
                method: VerificationMethod::ReQuery,
                checked: again.checked,
                remaining: left,
                at,
            }),
            exceptions,
            failures,
            residue_steps: Vec::new(),
            records_before: None,
            records_after: None,
        })
    }
}

/// How many of these records are there.
async fn still_there(
    reader: &mut Reader<'_>,
    graph: &Graph<'_>,
    dataset: &str,
    keys: &[connectors::RecordKey],
) -> u64 {
    if keys.is_empty() {
        return 0;
    }
    reader.rows(dataset, Predicate::keys(&place_fields(graph, dataset), keys)).await.len() as u64
}

/// The key of a dataset as fields.
fn place_fields(graph: &Graph<'_>, dataset: &str) -> Vec<Field> {
    let Some(place) = graph.datasets.get(dataset) else { return Vec::new() };
    place.shape.key.iter().filter_map(|column| graph.field(dataset, column)).collect()
}

/// What the second path found in one dataset.
#[derive(Debug, Default)]
struct Again {
    checked: u64,
    /// Other people's too, and still there.
    shared: u64,
    /// Given anew after the erasure, and kept.
    anew: u64,
    /// Nobody knew of it when the plan was drafted.
    new: u64,
    /// Named in texts of records that are not theirs, or of which nobody knew.
    texts: u64,
    /// `None`: nobody could look.
    at: Option<DateTime<Utc>>,
    /// Why nobody could.
    code: &'static str,
}

impl Again {
    fn lost() -> Self {
        Self { code: "unreachable", ..Self::default() }
    }
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
    let review_on = kept.and_then(|kept| kept.until_on);
    let mut add = |code: &str, count: u64| -> anyhow::Result<()> {
        if count > 0 {
            exceptions.push(Exception { code: Code::new(code)?, count, hold_ref: None, review_on });
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

//! The planner of requests: from what was found to a plan.
//!
//! Floor 3; holds reading ports only. Every dataset of the data map is in the plan with what looking there
//! came to. What stands in the way is a refusal before anything is done.

mod item;

pub use item::executable;

use super::compile::{
    self, Reach, RequestItem, all_subjects_of, disregarding, exactly, going_together, own_of,
    refers_to_itself, set_going,
};
use super::found::Found;
use super::graph::Graph;
use super::request::Request;
use super::returned::collected;
use super::search::{not_reached, searched};
use super::texts::naming_in_text;
use super::walk::{Bounds, Ground, Renewal, Walk, WalkError, walk};
use crate::catalog::Catalog;
use crate::hold::HoldBook;
use crate::plan::compile::{Surroundings, finding, name, with_holds};
use crate::plan::named::{Looking, without_kept};
use crate::plan::world::{Sources, World};
use crate::plan::{
    FindingCode, FindingSeverity, ItemPart, KeptByDuty, PLAN_FORMAT_VERSION, Plan, PlanFinding, PlanItem,
    PlanLeak, PolicyReference, RequestPlan, digest, leaks,
};
use crate::subject::Identity;
use chrono::{DateTime, Duration, NaiveDate, SubsecRound as _, Utc};
use connectors::{ConnectorError, Disposal, Predicate, RecordKey, RecordSource, Selection, Survey};
use item::plan_item;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Everything the plan of a request is drafted from.
#[derive(Debug)]
pub struct RequestInput<'a> {
    pub catalog: &'a Catalog,
    pub sources: &'a Sources,
    pub holds: &'a HoldBook,
    pub request: &'a Request,
    pub given: BTreeSet<Identity>,
    /// What an earlier plan of the same request found.
    pub before: Option<&'a Found>,
    /// What tells records that the person gave anew after an earlier erasure.
    pub renewal: Option<Renewal>,
    /// Random, and kept sealed with what is found.
    pub found_key: [u8; 32],
    pub now: DateTime<Utc>,
    pub valid_for: Duration,
    pub plan_id: String,
    pub author: String,
    pub tool_version: String,
    /// What speaks against the clock; a refusal if anything does.
    pub clock_doubt: Option<String>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestPlanError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("the validity of the plan is not a positive time within the calendar")]
    Validity,
    #[error("the counts of dataset '{dataset}' do not add up")]
    Miscounted { dataset: String },
}

/// Most records whose end of duty is computed one by one.
const DUTY_RECORDS_MAX: usize = 2_000;
const PAGE_RECORDS: u32 = 5_000;

/// Finds the person and drafts a plan; with it what was found, to be sealed.
///
/// # Errors
/// [`RequestPlanError`]; a store that fails is no error but makes the plan incomplete.
pub async fn draft(mut input: RequestInput<'_>) -> Result<(Plan, Found), RequestPlanError> {
    let now = input.now.trunc_subsecs(0);
    let expires_at = input
        .now
        .checked_add_signed(input.valid_for)
        .filter(|expires_at| *expires_at > input.now)
        .ok_or(RequestPlanError::Validity)?;
    let world = World::inspect(input.catalog, input.sources).await;
    let mut renewal = input.renewal.take();
    let mut graph = Graph::of(input.catalog, &world);
    if let Some(renewal) = &mut renewal {
        let collected = collected(input.catalog, &graph, now);
        let columns = collected.iter().map(|(dataset, (column, _))| (dataset.as_str(), column.as_str()));
        graph = graph.reading(columns);
        let ground = Ground { catalog: input.catalog, graph: &graph, sources: input.sources };
        renewal.look(ground, collected).await;
    }
    let ground = Ground { catalog: input.catalog, graph: &graph, sources: input.sources };
    let bounds = Bounds::of_persons(input.request.replays.len());
    let walked = walk(ground, input.given.clone(), input.before, renewal.as_ref(), bounds).await?;
    let Walk { mut found, lost } = walked;
    found.key = input.found_key;
    // What could not be read whole is left alone whole.
    found.rows.retain(|dataset, _| !lost.contains_key(dataset));
    let targets = input.catalog.targets(now);
    let around = Surroundings {
        catalog: input.catalog,
        world: &world,
        targets: &targets,
        as_of: now,
        drafted_at: input.now,
    };
    let items = compile::items(&around, &graph, &found, reach_of(input.request));
    let mut drafting = Drafting {
        input: &input,
        around,
        graph: &graph,
        found: &found,
        lost,
        items: Vec::new(),
        findings: Vec::new(),
        kept: Vec::new(),
        going: BTreeMap::new(),
        together: BTreeMap::new(),
    };
    drafting.count_all(&items).await?;
    drafting.add_findings();
    drafting.look_into_texts(&items).await;
    let whole = Found { together: std::mem::take(&mut drafting.together), ..found.clone() };
    let leaks = drafting.look_for_leaks().await;
    let plan = drafting.into_plan(now, expires_at, (whole.digest(), leaks));
    Ok((plan, whole))
}

/// Which records a request reaches.
#[must_use]
pub fn reach_of(request: &Request) -> Reach<'_> {
    Reach { kind: request.kind, record_types: &request.record_types, ground: request.ground.code() }
}

struct Drafting<'a> {
    input: &'a RequestInput<'a>,
    around: Surroundings<'a>,
    graph: &'a Graph<'a>,
    found: &'a Found,
    lost: BTreeMap<String, String>,
    items: Vec<PlanItem>,
    findings: Vec<PlanFinding>,
    kept: Vec<KeptByDuty>,
    /// Keys that the plan purges, by dataset.
    going: BTreeMap<String, Vec<RecordKey>>,
    /// See [`Found::together`].
    together: BTreeMap<String, Vec<RecordKey>>,
}

/// What was read for one item.
#[derive(Default)]
struct Counted {
    survey: Survey,
    /// Referred to by rows that are not the person's.
    by_others: u64,
    until_on: Option<NaiveDate>,
}

impl<'a> Drafting<'a> {
    async fn count_all(&mut self, items: &[RequestItem<'a>]) -> Result<(), RequestPlanError> {
        for item in items {
            let counted = match self.count(item, items).await {
                Ok(counted) => counted,
                Err(reason) => {
                    self.lost.insert(item.dataset.to_owned(), reason);
                    Counted::default()
                }
            };
            self.add(item, &counted)?;
        }
        Ok(())
    }

    /// The survey of one item as if what goes before it were gone.
    async fn count(&mut self, item: &RequestItem<'a>, all: &[RequestItem<'a>]) -> Result<Counted, String> {
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
            let own = self.held(&own_of(self.graph, &item.selection, self.found))?;
            by_others = source.survey(&own).await.map_err(said)?.referenced;
        }
        let lets_go = item.selection.disposal == Disposal::Purge || item.part == ItemPart::Unlinking;
        if lets_go && survey.due > 0 {
            let keys = due_keys(source, &selection).await.map_err(said)?;
            self.going.entry(item.dataset.to_owned()).or_default().extend(keys);
        }
        let until_on = if item.exception.is_some() && survey.not_yet_due > 0 {
            self.until(item, source).await.map_err(said)?
        } else {
            None
        };
        Ok(Counted { survey, by_others, until_on })
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

    /// When the last of the records that a duty keeps may go.
    async fn until(
        &self,
        item: &RequestItem<'_>,
        source: &dyn RecordSource,
    ) -> Result<Option<NaiveDate>, ConnectorError> {
        let keys = self.found.own(item.dataset);
        let Some(clock) = item.target.and_then(|target| target.rule.clock()) else { return Ok(None) };
        if keys.len() > DUTY_RECORDS_MAX {
            return Ok(None);
        }
        let mut latest: Option<DateTime<Utc>> = None;
        for key in &keys {
            let Some(facts) = source.facts(&item.selection, key).await? else { continue };
            if connectors::classify(&item.selection, &facts) != connectors::Class::NotYetDue {
                continue;
            }
            let connectors::StartCondition::Event { field, encoding, .. } = &item.selection.start else {
                continue;
            };
            let stored = facts.fields.get(&field.name).cloned().unwrap_or(connectors::Value::Null);
            let due = match connectors::classify::read_start(encoding, &stored) {
                connectors::classify::StartReading::At(start) => clock.due_at(start),
                connectors::classify::StartReading::On(day) => clock.due_at_civil(day),
                _ => None,
            };
            // One whose end nobody can tell makes the whole unknown.
            let Some(due) = due else { return Ok(None) };
            latest = latest.max(Some(due));
        }
        Ok(latest.map(|at| at.with_timezone(&clock.zone).date_naive()))
    }

    fn add(&mut self, item: &RequestItem<'a>, counted: &Counted) -> Result<(), RequestPlanError> {
        let position = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let planned = plan_item(position, item, self.input.catalog, &counted.survey);
        if !planned.counts.adds_up() {
            return Err(RequestPlanError::Miscounted { dataset: planned.dataset });
        }
        let mut found = item.findings.clone();
        let dataset = name(item.dataset);
        if counted.by_others > 0 {
            let message = format!(
                "{} records of dataset {dataset} stay because rows that are not the person's, or of which that is \
                 not declared, refer to them: declare who they belong to, or anonymize by a rule",
                counted.by_others
            );
            found.push(finding(FindingSeverity::Note, FindingCode::ReferredTo, message));
        }
        if !item.selection.shape.triggers.is_empty() && planned.counts.due > 0 {
            let message = format!("triggers of dataset {dataset} fire: what they do cannot be foreseen");
            found.push(finding(FindingSeverity::Note, FindingCode::TriggersFire, message));
        }
        if planned.backups_kept.is_none() {
            let message = format!("how long backups of store {} live is not known", name(&planned.store));
            found.push(finding(FindingSeverity::Note, FindingCode::BackupsUnknown, message));
        }
        if let Some(exception) = item.exception.filter(|_| counted.survey.not_yet_due > 0) {
            self.kept.push(KeptByDuty {
                item: position,
                exception: exception.to_owned(),
                until_on: counted.until_on,
                records: counted.survey.not_yet_due,
            });
        }
        self.findings.extend(found.into_iter().map(|one| PlanFinding { item: Some(position), ..one }));
        self.items.push(planned);
        Ok(())
    }

    /// What the reviewer must know beyond single items.
    fn add_findings(&mut self) {
        if let Some(doubt) = &self.input.clock_doubt {
            let refused = finding(FindingSeverity::Refusal, FindingCode::ClockDoubtful, doubt.clone());
            self.findings.push(refused);
        }
        for dataset in self.graph.datasets.keys() {
            let anew = self.found.given_anew(dataset).len();
            if anew > 0 {
                let message = format!(
                    "{anew} records of dataset {} were given anew after the erasure, or may have been: they are kept",
                    name(dataset)
                );
                self.findings.push(finding(FindingSeverity::Note, FindingCode::GivenAnew, message));
            }
            let shared = self.found.shared(dataset).len();
            if shared > 0 {
                let message = format!(
                    "{shared} records of dataset {} are other people's too: they are kept",
                    name(dataset)
                );
                self.findings.push(finding(FindingSeverity::Note, FindingCode::SharedWithOthers, message));
            }
        }
        let own = |dataset: &str| !self.found.own(dataset).is_empty();
        let undeclared: BTreeSet<(&str, &str)> = self
            .graph
            .edges
            .iter()
            .filter(|edge| edge.ownership.is_none() && own(edge.to))
            .map(|edge| (edge.from, edge.to))
            .collect();
        for (from, to) in undeclared {
            let message = format!(
                "rows of dataset {} refer to records of dataset {}, and the data map does not say whether they are \
                 the person's: they are left alone, and keep what they refer to; link the column with an ownership",
                name(from),
                name(to)
            );
            self.findings.push(finding(FindingSeverity::Note, FindingCode::OwnershipUndeclared, message));
        }
    }

    /// Texts that will name the person when everything of theirs is gone: the reviewer can have them cleaned first.
    async fn look_into_texts(&mut self, items: &[RequestItem<'a>]) {
        if !self.input.request.reaches_all() {
            return;
        }
        let ground = Ground { catalog: self.input.catalog, graph: self.graph, sources: self.input.sources };
        let everyone: BTreeSet<Identity> = self.found.identities().cloned().collect();
        for name in self
            .graph
            .datasets
            .keys()
            .filter(|name| !self.lost.contains_key(**name))
            .copied()
            .collect::<Vec<_>>()
        {
            let own =
                items.iter().filter(|item| item.dataset == name).map(|item| item.selection.scope.clone());
            match naming_in_text(ground, name, &everyone, Predicate::or(own)).await {
                Err(error) => {
                    self.lost.insert(name.to_owned(), error.to_string());
                }
                Ok(None | Some(0)) => {}
                Ok(Some(texts)) => {
                    let message = format!(
                        "{texts} records of dataset {} that are not the person's name them in a text: as long as they \
                         do the erasure is partial",
                        crate::plan::compile::name(name)
                    );
                    self.findings.push(finding(FindingSeverity::Note, FindingCode::NamedInText, message));
                }
            }
        }
    }

    async fn look_for_leaks(&mut self) -> Vec<PlanLeak> {
        let (leaks, findings) = leaks::look(self.input.catalog, self.input.sources, &self.items).await;
        self.findings.extend(findings);
        leaks
    }

    fn into_plan(
        mut self,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        (found_digest, leaks): (String, Vec<PlanLeak>),
    ) -> Plan {
        let unreachable = not_reached(self.input.catalog, self.around.world, &self.lost);
        for lost in &unreachable {
            let message = format!(
                "dataset {} cannot be read, so the plan is incomplete: {}",
                name(&lost.dataset),
                lost.reason
            );
            self.findings.push(finding(FindingSeverity::Note, FindingCode::DatasetUnreachable, message));
        }
        if self.items.iter().all(|item| item.counts.due == 0) {
            let message = "nothing is to be done".to_owned();
            self.findings.push(finding(FindingSeverity::Note, FindingCode::NothingDue, message));
        }
        let (input, request) = (self.input, self.input.request);
        let ground = Ground { catalog: input.catalog, graph: self.graph, sources: input.sources };
        let datasets = searched(ground, self.found, &unreachable);
        let policies = input.catalog.effective_policies(now).into_iter().map(|policy| PolicyReference {
            policy: policy.name.clone(),
            version: policy.version,
            digest: digest::of(policy),
        });
        Plan {
            format_version: PLAN_FORMAT_VERSION,
            plan_id: input.plan_id.clone(),
            tool_version: input.tool_version.clone(),
            author: input.author.clone(),
            drafted_at: input.now,
            as_of: now,
            expires_at,
            catalog_digest: digest::of_catalog(input.catalog),
            policies: policies.collect(),
            hold_revision: input.holds.revision,
            items: self.items,
            findings: self.findings,
            unreachable,
            leaks,
            simulated: false,
            request: Some(RequestPlan {
                request_id: request.request_id.clone(),
                kind: request.kind.as_str().to_owned(),
                ground: request.ground.code().to_owned(),
                received_at: request.received_at.trunc_subsecs(0),
                due_at: request.due_at(),
                found_digest,
                identities_given: self.found.given.len() as u64,
                identities_derived: self.found.derived.len() as u64,
                datasets,
                kept: self.kept,
                replays: request.replays.clone(),
            }),
        }
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

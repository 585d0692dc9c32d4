//! The retention planner: from a catalog and what the stores say to a plan.
//!
//! Floor 3. Holds reading ports only, so it cannot destroy anything. A dataset that cannot be read
//! makes the plan incomplete; a rule that cannot end well makes a refusal; neither is an error.

use super::compile::{self, Refused, Surroundings, finding, name};
use super::findings::{inventory_finding, note, partition_finding};
use super::item::{ItemInput, item_of};
use super::leaks;
use super::linkage;
use super::named::{self, Looking, NamedObjects};
use super::order::order;
use super::survey::{Slot, counting_selection, fill_keepers, waits, with_undeclared};
use super::world::{Sources, World};
use super::{
    FindingCode, FindingSeverity, PLAN_FORMAT_VERSION, Plan, PlanFinding, PlanItem, PlanLeak,
    PolicyReference, digest,
};
use crate::catalog::{Catalog, Target};
use crate::hold::HoldBook;
use crate::policy::RetainFor;
use crate::spans;
use chrono::{DateTime, Duration, SubsecRound as _, Utc};
use connectors::{Circumstance, DatasetShape, InventoryNote, Partition, Selection, Survey};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use tracing::Instrument as _;

/// Everything a plan is drafted from.
#[derive(Debug)]
pub struct DraftInput<'a> {
    pub catalog: &'a Catalog,
    pub sources: &'a Sources,
    pub holds: &'a HoldBook,
    /// Only the rules of these policies; `None` for all. The other rules still claim their records.
    pub policies: Option<&'a BTreeSet<String>>,
    /// Cut to whole seconds.
    pub as_of: DateTime<Utc>,
    pub drafted_at: DateTime<Utc>,
    pub valid_for: Duration,
    pub plan_id: String,
    pub author: String,
    pub tool_version: String,
    pub simulated: bool,
    pub clock: ClockMarks,
    /// The last plan, to notice a period that became shorter.
    pub previous: Option<&'a Plan>,
    pub depth: Depth,
}

/// How much of the stores is read for a plan, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Schemas, and how many records are due: whether a plan still holds. It cannot be approved.
    Recount,
    /// Everything but the objects that no row names.
    Survey,
    /// Everything that whoever reviews it must know. To find objects that no row names, where nothing but a row
    /// takes them along, all of them are read, and every name.
    Review,
}

/// What the local clock is compared with (invariant I6).
#[derive(Debug, Clone, Copy)]
pub struct ClockMarks {
    /// The latest instant in the ledger.
    pub last_seen_at: Option<DateTime<Utc>>,
    pub last_run_at: Option<DateTime<Utc>>,
    pub tolerance: Duration,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    #[error("a plan for an instant after now can only be simulated")]
    AsOfInFuture,
    #[error("the validity of the plan is not a positive time within the calendar")]
    Validity,
    /// A fault of the store or its connector: no plan may stand on such counts.
    #[error("the counts of dataset '{dataset}' do not add up")]
    Miscounted { dataset: String },
}

/// After a last run longer ago than this a person must look at the clock: it may have been set forward,
/// which would make everything due.
const LAST_RUN_DAYS_MAX: i64 = 35;

/// Drafts a plan. Counts every dataset of every effective rule with a period.
///
/// # Errors
/// [`PlanError`]; a store that fails is no error but makes the plan incomplete.
pub async fn draft(input: DraftInput<'_>) -> Result<Plan, PlanError> {
    let span = spans::plan(&input.plan_id);
    let drafted = draft_under_span(input).instrument(span.clone()).await;
    match &drafted {
        Ok(plan) => spans::count(&span, spans::DUE, plan.due()),
        Err(_) => spans::failed(&span),
    }
    drafted
}

async fn draft_under_span(input: DraftInput<'_>) -> Result<Plan, PlanError> {
    let as_of = input.as_of.trunc_subsecs(0);
    if as_of > input.drafted_at && !input.simulated {
        return Err(PlanError::AsOfInFuture);
    }
    let expires_at = input
        .drafted_at
        .checked_add_signed(input.valid_for)
        .filter(|expires_at| *expires_at > input.drafted_at)
        .ok_or(PlanError::Validity)?;
    let targets = input.catalog.targets(as_of);
    let world = World::inspect(input.catalog, input.sources).await;
    let mut drafting = Drafting {
        input: &input,
        around: Surroundings {
            catalog: input.catalog,
            world: &world,
            targets: &targets,
            as_of,
            drafted_at: input.drafted_at,
        },
        items: Vec::new(),
        findings: Vec::new(),
        leaks: Vec::new(),
        lost: BTreeMap::new(),
    };
    if input.depth >= Depth::Survey {
        drafting.look_at_clocks().await;
    }
    let (mut slots, refused) = drafting.compile_all();
    drafting.count_all(&mut slots).await?;
    for (target, shape, reason) in refused {
        drafting.add_refused(&target, shape, reason);
    }
    if input.depth >= Depth::Survey {
        drafting.look_for_leaks().await;
    }
    if input.depth == Depth::Review {
        drafting.look_for_orphans(&slots).await;
    }
    Ok(drafting.into_plan(as_of, expires_at))
}

struct Drafting<'a> {
    input: &'a DraftInput<'a>,
    around: Surroundings<'a>,
    items: Vec<PlanItem>,
    findings: Vec<PlanFinding>,
    leaks: Vec<PlanLeak>,
    /// Datasets that were inspected but could not be counted, with the reason.
    lost: BTreeMap<String, (String, String)>,
}

/// What was read for one item.
#[derive(Debug, Default)]
struct Counted {
    survey: Survey,
    /// Of which inventory the survey is.
    inventory: Option<InventoryNote>,
    named: Vec<NamedObjects>,
    partitions: Vec<Partition>,
    /// Rows of each child without an index; `None` when they cannot be counted.
    unindexed_rows: Vec<Option<u64>>,
    set_up: Vec<Circumstance>,
}

type RefusedTarget<'a> = (Target<'a>, &'a DatasetShape, Refused);

impl<'a> Drafting<'a> {
    async fn look_at_clocks(&mut self) {
        let now = self.input.drafted_at;
        let marks = self.input.clock;
        if marks.last_seen_at.is_some_and(|seen| seen - now > marks.tolerance) {
            self.doubt_clock("the local clock is behind the last instant in the ledger".to_owned());
        }
        for (store, source) in self.input.sources {
            if !source.capabilities().own_clock {
                continue;
            }
            match source.store_clock().await {
                Ok(Some(theirs)) if (theirs - now).abs() > marks.tolerance => {
                    self.doubt_clock(format!("the local clock and that of store {} differ", name(store)));
                }
                Ok(_) => {}
                Err(error) => {
                    self.doubt_clock(format!("the clock of store {} cannot be read: {error}", name(store)));
                }
            }
        }
        if marks.last_run_at.is_some_and(|run| now - run > Duration::days(LAST_RUN_DAYS_MAX)) {
            self.findings.push(finding(
                FindingSeverity::NeedsApproval,
                FindingCode::ClockDoubtful,
                format!("the last run is more than {LAST_RUN_DAYS_MAX} days ago: if that surprises, check the clock"),
            ));
        }
    }

    async fn look_for_leaks(&mut self) {
        let (leaks, findings) = leaks::look(self.input.catalog, self.input.sources, &self.items).await;
        self.leaks = leaks;
        self.findings.extend(findings);
    }

    async fn look_for_orphans(&mut self, slots: &[Slot<'_>]) {
        let found = linkage::orphans(&self.around, self.input.sources, slots).await;
        self.findings.extend(found);
    }

    fn doubt_clock(&mut self, message: String) {
        self.findings.push(finding(FindingSeverity::Refusal, FindingCode::ClockDoubtful, message));
    }

    /// The rules of this plan: with a period, and of the policies asked for.
    fn planned(&self) -> impl Iterator<Item = Target<'a>> + use<'a> {
        let policies = self.input.policies;
        self.around.targets.iter().copied().filter(move |target| {
            matches!(target.rule.retain_for, RetainFor::Period(_))
                && policies.is_none_or(|wanted| wanted.contains(&target.policy.name))
        })
    }

    fn compile_all(&mut self) -> (Vec<Slot<'a>>, Vec<RefusedTarget<'a>>) {
        let (mut slots, mut refused) = (Vec::new(), Vec::new());
        for target in self.planned() {
            let Some(shape) = self.around.world.shape(&target.dataset.name) else { continue };
            match compile::compile(&target, shape, &self.around) {
                Ok(compiled) => slots.push(Slot { target, compiled, counted: None }),
                Err(reason) => refused.push((target, shape, reason)),
            }
        }
        (slots, refused)
    }

    async fn count_all(&mut self, slots: &mut [Slot<'a>]) -> Result<(), PlanError> {
        fill_keepers(slots);
        let (sequence, circular) = order(slots.len(), &waits(slots));
        for index in sequence {
            if let Some(slot) = slots.get_mut(index).filter(|_| circular.contains(&index)) {
                let message = format!(
                    "dataset {} stands in a circle of references with other datasets that are purged: such a circle is \
                     not supported; leave one of the rules out, or let the rows of one go along with another",
                    name(&slot.target.dataset.name)
                );
                let refusal = finding(FindingSeverity::Refusal, FindingCode::ForeignKeyBlocks, message);
                slot.compiled.findings.push(refusal);
            }
            self.count_one(slots, index).await?;
        }
        Ok(())
    }

    async fn count_one(&mut self, slots: &mut [Slot<'a>], index: usize) -> Result<(), PlanError> {
        let selection = match counting_selection(slots, index, self.input.holds) {
            Ok(Some(selection)) => selection,
            Ok(None) => return Ok(()),
            Err(error) => {
                let Some(slot) = slots.get_mut(index) else { return Ok(()) };
                let refusal =
                    finding(FindingSeverity::Refusal, FindingCode::HoldUnreadable, error.to_string());
                slot.compiled.findings.push(refusal);
                return self.add_item(slot, &Counted::default());
            }
        };
        let Some(slot) = slots.get_mut(index) else { return Ok(()) };
        let counted = with_undeclared(&selection, &slot.compiled);
        let span = spans::survey(slot.target.names(self.input.catalog));
        match self.count(slot, &selection, &counted).instrument(span.clone()).await {
            Err(reason) => {
                spans::failed(&span);
                let dataset = slot.target.dataset;
                self.lost.insert(dataset.name.clone(), (dataset.store.clone(), reason));
                Ok(())
            }
            Ok(mut counted) => {
                spans::count(&span, spans::RECORDS, counted.survey.total);
                spans::count(&span, spans::DUE, counted.survey.due);
                if self.input.depth >= Depth::Survey {
                    counted.unindexed_rows = self.sizes_of_unindexed(slot).await;
                }
                slot.counted = Some(selection);
                self.add_item(slot, &counted)
            }
        }
    }

    /// The survey of one slot, and what its rows and files mean to each other.
    async fn count(
        &self,
        slot: &Slot<'_>,
        selection: &Selection,
        counted: &Selection,
    ) -> Result<Counted, String> {
        let (mut survey, inventory) = self.count_quickly(slot, counted).await?;
        let looking = Looking { sources: self.input.sources, book: self.input.holds };
        let (mut named, mut partitions) = (Vec::new(), Vec::new());
        if let Some(source) = self.input.sources.get(&slot.target.dataset.store) {
            let source = source.as_ref();
            let keepers = &slot.compiled.keepers;
            let kept = named::without_kept(looking, source, selection, keepers, survey).await;
            survey = kept.map_err(|error| error.to_string())?;
            if self.input.depth == Depth::Recount {
                return Ok(Counted { survey, ..Counted::default() });
            }
            if survey.due > 0 && !slot.compiled.links.is_empty() {
                let found = named::named_objects(looking, source, selection, &slot.compiled.links).await;
                named = found.map_err(|error| error.to_string())?;
            }
            if survey.due > 0 {
                partitions = source.partitions(selection).await.map_err(|error| error.to_string())?;
            }
        }
        let set_up = match self.input.sources.get(&slot.target.dataset.store) {
            Some(source) => {
                source.circumstances(&selection.address).await.map_err(|error| error.to_string())?
            }
            None => Vec::new(),
        };
        Ok(Counted { survey, inventory, named, partitions, unindexed_rows: Vec::new(), set_up })
    }

    /// By an inventory where there is one and no row keeps objects: those rows are asked for each object that is due,
    /// and must speak of the same objects.
    async fn count_quickly(
        &self,
        slot: &Slot<'_>,
        counted: &Selection,
    ) -> Result<(Survey, Option<InventoryNote>), String> {
        if slot.compiled.keepers.is_empty()
            && let Some(source) = self.input.sources.get(&slot.target.dataset.store)
        {
            let found = source.survey_of_inventory(counted).await.map_err(|error| error.to_string())?;
            if let Some((survey, note)) = found {
                return Ok((survey, Some(note)));
            }
        }
        Ok((self.survey(&slot.target, counted).await?, None))
    }

    async fn survey(&self, target: &Target<'_>, selection: &Selection) -> Result<Survey, String> {
        match self.input.sources.get(&target.dataset.store) {
            None => Err("its store is not open".to_owned()),
            Some(source) => match self.input.depth {
                Depth::Survey | Depth::Review => source.survey(selection).await,
                Depth::Recount => source.due_count(selection).await.map(|due| Survey {
                    total: due,
                    in_scope: due,
                    due,
                    ..Survey::default()
                }),
            }
            .map_err(|error| error.to_string()),
        }
    }

    /// How many rows each child without an index has; `None` when it cannot be counted.
    async fn sizes_of_unindexed(&self, slot: &Slot<'_>) -> Vec<Option<u64>> {
        let mut sizes = Vec::new();
        for child in &slot.compiled.family.unindexed {
            let everything = super::item::everything_of(&child.address, &child.shape);
            sizes.push(self.survey(&slot.target, &everything).await.ok().map(|survey| survey.total));
        }
        sizes
    }

    fn add_item(&mut self, slot: &Slot<'_>, counted: &Counted) -> Result<(), PlanError> {
        let survey = &counted.survey;
        let position = self.next_position();
        let mut item = item_of(&ItemInput {
            position,
            target: &slot.target,
            compiled: &slot.compiled,
            catalog: self.input.catalog,
            survey,
            named: &counted.named,
            partitions: &counted.partitions,
        });
        item.inventory_at = counted.inventory.map(|note| note.made_at);
        if !item.counts.adds_up() || survey.changed_since_plan > 0 {
            return Err(PlanError::Miscounted { dataset: item.dataset });
        }
        let found = super::item::findings_of(
            &slot.target,
            slot,
            &item,
            survey,
            &counted.unindexed_rows,
            self.input.previous,
        );
        let mut found = found;
        found.extend(counted.inventory.map(|note| inventory_finding(&item.dataset, &note)));
        found.extend(partition_finding(&item, &counted.partitions));
        found.extend(super::findings::set_up_findings(&item.dataset, &item.store, &counted.set_up));
        self.push_findings(position, found);
        self.items.push(item);
        Ok(())
    }

    /// A rule that could not even be counted still stands in the plan, with what is against it.
    fn add_refused(&mut self, target: &Target<'_>, shape: &DatasetShape, reason: Refused) {
        let position = self.next_position();
        let item = super::item::refused_item(position, target, self.input.catalog, shape, self.around.as_of);
        self.push_findings(position, vec![reason.into()]);
        self.items.push(item);
    }

    fn next_position(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(u32::MAX)
    }

    fn push_findings(&mut self, position: u32, found: Vec<PlanFinding>) {
        self.findings.extend(found.into_iter().map(|one| PlanFinding { item: Some(position), ..one }));
    }

    fn into_plan(mut self, as_of: DateTime<Utc>, expires_at: DateTime<Utc>) -> Plan {
        let unreachable = self.unreachable();
        for lost in &unreachable {
            let message = format!(
                "dataset {} cannot be read, so the plan is incomplete: {}",
                name(&lost.dataset),
                lost.reason
            );
            self.findings.push(note(FindingCode::DatasetUnreachable, message));
        }
        if self.items.iter().all(|item| item.counts.due == 0) {
            let message = if self.planned().next().is_none() {
                "nothing is due, because no rule with a period is effective"
            } else {
                "nothing is due"
            };
            self.findings.push(note(FindingCode::NothingDue, message.to_owned()));
        }
        let policies = self.policies(as_of);
        let input = self.input;
        Plan {
            format_version: PLAN_FORMAT_VERSION,
            plan_id: input.plan_id.clone(),
            tool_version: input.tool_version.clone(),
            author: input.author.clone(),
            drafted_at: input.drafted_at,
            as_of,
            expires_at,
            catalog_digest: digest::of_catalog(input.catalog),
            policies,
            hold_revision: input.holds.revision,
            items: self.items,
            findings: self.findings,
            unreachable,
            leaks: self.leaks,
            simulated: input.simulated,
            request: None,
        }
    }

    /// Datasets of planned rules that could not be inspected or counted, by name.
    fn unreachable(&self) -> Vec<super::UnreachableDataset> {
        let wanted: BTreeSet<&str> = self.planned().map(|target| target.dataset.name.as_str()).collect();
        let mut found: BTreeMap<String, super::UnreachableDataset> = self
            .around
            .world
            .unreachable()
            .iter()
            .filter(|(dataset, _)| wanted.contains(dataset.as_str()))
            .map(|(dataset, lost)| (dataset.clone(), lost.clone()))
            .collect();
        for (dataset, (store, reason)) in &self.lost {
            let lost = super::UnreachableDataset {
                dataset: dataset.clone(),
                store: store.clone(),
                reason: reason.clone(),
            };
            found.insert(dataset.clone(), lost);
        }
        found.into_values().collect()
    }

    fn policies(&self, as_of: DateTime<Utc>) -> Vec<PolicyReference> {
        self.input
            .catalog
            .effective_policies(as_of)
            .into_iter()
            .filter(|policy| self.input.policies.is_none_or(|wanted| wanted.contains(&policy.name)))
            .map(|policy| PolicyReference {
                policy: policy.name.clone(),
                version: policy.version,
                digest: digest::of(policy),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

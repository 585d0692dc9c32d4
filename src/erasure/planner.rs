//! The planner of requests: from what was found to a plan.
//!
//! Floor 3; holds reading ports only. Every dataset of the data map is in the plan with what looking there
//! came to. What stands in the way is a refusal before anything is done.

mod beyond;
mod count;
mod gather;
mod item;

pub use item::executable;

use super::compile::{self, Reach, RequestItem};
use super::found::Found;
use super::gathered::Gathered;
use super::graph::Graph;
use super::request::Request;
use super::returned::collected;
use super::search::{not_reached, searched};
use super::texts::naming_in_text;
use super::walk::{Ground, Renewal, WalkError};
use crate::catalog::Catalog;
use crate::hold::HoldBook;
use crate::plan::compile::{Surroundings, finding, name};
use crate::plan::world::{Sources, World};
use crate::plan::{
    BeyondReach, FindingCode, FindingSeverity, KeptByDuty, MemberPlan, PLAN_FORMAT_VERSION, Plan,
    PlanFinding, PlanItem, PlanLeak, PolicyReference, RequestPlan, digest, leaks,
};
use crate::spans;
use crate::subject::Identity;
use chrono::{DateTime, Duration, SubsecRound as _, Utc};
use connectors::{Predicate, RecordKey};
use count::Counted;
use gather::{Sought, gather};
use item::plan_item;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use tracing::Instrument as _;

/// Most records of persons who are erased together: what is known of them is in memory.
pub const RECORDS_TOGETHER_MAX: usize = 2_000_000;

/// Everything the plan of a request, or of requests that are carried out together, is drafted from.
#[derive(Debug)]
pub struct RequestInput<'a> {
    pub catalog: &'a Catalog,
    pub sources: &'a Sources,
    pub holds: &'a HoldBook,
    /// One, or several that reach the same records.
    pub persons: Vec<Asking<'a>>,
    /// Random, and kept sealed with what is found.
    pub found_key: [u8; 32],
    pub now: DateTime<Utc>,
    pub valid_for: Duration,
    pub plan_id: String,
    /// The id of several requests together; that of a request alone is its own.
    pub request_id: String,
    pub author: String,
    pub tool_version: String,
    /// What speaks against the clock; a refusal if anything does.
    pub clock_doubt: Option<String>,
}

/// One request with what is known of its person.
#[derive(Debug)]
pub struct Asking<'a> {
    pub request: &'a Request,
    pub given: BTreeSet<Identity>,
    /// What an earlier plan of the same request found.
    pub before: Option<&'a Found>,
    /// What tells records that the person gave anew after an earlier erasure. Of a request alone only.
    pub renewal: Option<Renewal>,
}

/// A plan, and what it is bound to.
#[derive(Debug)]
pub struct Drafted {
    /// `None` when none of several requests can be carried out together with others.
    pub plan: Option<Plan>,
    /// To be sealed.
    pub found: Gathered,
    /// Of several requests those that have to be carried out alone, and why.
    pub left: Vec<(String, LeftOut)>,
}

/// Why a request is not carried out together with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// The person could not be found within the bounds of a walk.
    Walk(WalkError),
    /// A record of theirs alone is that of somebody before them in the list, too.
    Overlaps,
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
    #[error("there is no request to plan for")]
    NoRequest,
}

/// Finds the persons and drafts a plan; with it what was found, to be sealed.
///
/// # Errors
/// [`RequestPlanError`]; a store that fails is no error but makes the plan incomplete.
pub async fn draft(input: RequestInput<'_>) -> Result<Drafted, RequestPlanError> {
    let span = spans::draft(&input.plan_id);
    let drafted = Box::pin(draft_under_span(input)).instrument(span.clone()).await;
    match drafted.as_ref().map(|drafted| &drafted.plan) {
        Ok(Some(plan)) => spans::count(&span, spans::DUE, plan.due()),
        Ok(None) => {}
        Err(_) => spans::failed(&span),
    }
    drafted
}

async fn draft_under_span(mut input: RequestInput<'_>) -> Result<Drafted, RequestPlanError> {
    let now = input.now.trunc_subsecs(0);
    let expires_at = input
        .now
        .checked_add_signed(input.valid_for)
        .filter(|expires_at| *expires_at > input.now)
        .ok_or(RequestPlanError::Validity)?;
    let world = World::inspect(input.catalog, input.sources).await;
    let mut renewal = input.persons.iter_mut().find_map(|person| person.renewal.take());
    let mut graph = Graph::of(input.catalog, &world);
    if let Some(renewal) = &mut renewal {
        let collected = collected(input.catalog, &graph, now);
        let columns = collected.iter().map(|(dataset, (column, _))| (dataset.as_str(), column.as_str()));
        graph = graph.reading(columns);
        let ground = Ground { catalog: input.catalog, graph: &graph, sources: input.sources };
        renewal.look(ground, collected).await;
    }
    let ground = Ground { catalog: input.catalog, graph: &graph, sources: input.sources };
    let Sought { mut gathered, left, lost } = gather(ground, &input, renewal.as_ref()).await?;
    if gathered.members.is_empty() {
        return Ok(Drafted { plan: None, found: gathered, left });
    }
    let first = gathered.members.first().map(|member| &member.request_id);
    let mut requests = input.persons.iter().map(|person| person.request);
    let request = requests.find(|request| Some(&request.request_id) == first);
    let request = request.ok_or(RequestPlanError::NoRequest)?;
    let targets = input.catalog.targets(now);
    let around = Surroundings {
        catalog: input.catalog,
        world: &world,
        targets: &targets,
        as_of: now,
        drafted_at: input.now,
    };
    let mut drafting = Drafting {
        input: &input,
        request,
        around,
        graph: &graph,
        is_together: gathered.members.len() > 1,
        found: Found::default(),
        lost,
        items: Vec::new(),
        findings: Vec::new(),
        kept: Vec::new(),
        kept_of: BTreeMap::new(),
        beyond: Vec::new(),
        group_items: Vec::new(),
        texts: BTreeMap::new(),
        going: BTreeMap::new(),
        together: BTreeMap::new(),
        done: BTreeMap::new(),
    };
    for group in 0..gathered.groups() {
        drafting.found = gathered.whole(group);
        let items = compile::items(&drafting.around, &graph, &drafting.found, reach_of(request));
        drafting.count_all(&items, (&gathered, group)).await?;
        drafting.look_into_texts(&items).await;
        drafting.count_beyond().await;
        gathered.keep_together(group, &std::mem::take(&mut drafting.together));
    }
    drafting.found = gathered.all();
    drafting.leave_out_erased().await;
    drafting.add_findings();
    let leaks = drafting.look_for_leaks().await;
    let plan = drafting.into_plan(&gathered, now, expires_at, leaks);
    Ok(Drafted { plan: Some(plan), found: gathered, left })
}

/// Which records a request reaches.
#[must_use]
pub fn reach_of(request: &Request) -> Reach<'_> {
    Reach { kind: request.kind, record_types: &request.record_types, ground: request.ground.code() }
}

struct Drafting<'a> {
    input: &'a RequestInput<'a>,
    request: &'a Request,
    around: Surroundings<'a>,
    graph: &'a Graph<'a>,
    is_together: bool,
    /// Of the group that is counted.
    found: Found,
    lost: BTreeMap<String, String>,
    items: Vec<PlanItem>,
    findings: Vec<PlanFinding>,
    kept: Vec<KeptByDuty>,
    /// The same by member.
    kept_of: BTreeMap<usize, Vec<KeptByDuty>>,
    beyond: Vec<BeyondReach>,
    group_items: Vec<u32>,
    /// Records that name somebody in a text, by dataset.
    texts: BTreeMap<String, u64>,
    /// Keys that the plan purges, by dataset.
    going: BTreeMap<String, Vec<RecordKey>>,
    /// See [`Found::together`].
    together: BTreeMap<String, Vec<RecordKey>>,
    /// Records that were anonymized before, by dataset.
    done: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Drafting<'a> {
    async fn count_all(
        &mut self,
        items: &[RequestItem<'a>],
        of: (&Gathered, u32),
    ) -> Result<(), RequestPlanError> {
        self.going.clear();
        self.group_items.push(u32::try_from(items.len()).unwrap_or(u32::MAX));
        for item in items {
            let counted = match self.count(item, items).await {
                Ok(counted) => counted,
                Err(reason) => {
                    self.lost.insert(item.dataset.to_owned(), reason);
                    Counted::default()
                }
            };
            self.add(item, &counted)?;
            self.add_kept(item, &counted, of);
        }
        Ok(())
    }

    /// What a duty keeps, in all and of each person.
    fn add_kept(&mut self, item: &RequestItem<'a>, counted: &Counted, (gathered, group): (&Gathered, u32)) {
        let position = u32::try_from(self.items.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let Some(exception) = item.exception.filter(|_| counted.survey.not_yet_due > 0) else { return };
        let kept = |days, records| {
            let exception = exception.to_owned();
            KeptByDuty { item: position, exception, first_on: None, until_on: None, records }.until(days)
        };
        let days = counted.days(counted.kept.values().copied());
        self.kept.push(kept(days, counted.survey.not_yet_due));
        if !self.is_together {
            return;
        }
        let owners = gathered.owners(group, item.dataset);
        let mut by_member: BTreeMap<usize, Vec<Option<chrono::NaiveDate>>> = BTreeMap::new();
        for (key, until) in &counted.kept {
            if let Some(place) = owners.get(key) {
                by_member.entry(*place).or_default().push(*until);
            }
        }
        for (place, until) in by_member {
            let records = until.len() as u64;
            let one = kept(counted.days(until.into_iter()), records);
            self.kept_of.entry(place).or_default().push(one);
        }
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
        for (dataset, texts) in &self.texts {
            let message = format!(
                "{texts} records of dataset {} that are not the person's name them in a text: as long as they do the \
                 erasure is partial",
                name(dataset)
            );
            self.findings.push(finding(FindingSeverity::Note, FindingCode::NamedInText, message));
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
        if !self.request.reaches_all() {
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
                Ok(Some(texts)) => *self.texts.entry(name.to_owned()).or_default() += texts,
            }
        }
    }

    async fn look_for_leaks(&mut self) -> Vec<PlanLeak> {
        let (leaks, findings) = leaks::look(self.input.catalog, self.input.sources, &self.items).await;
        self.findings.extend(findings);
        leaks
    }

    /// Several requests by themselves, none for a request alone.
    fn members(&mut self, gathered: &Gathered) -> Vec<MemberPlan> {
        if !self.is_together {
            return Vec::new();
        }
        let requests: BTreeMap<&str, &Request> =
            self.input.persons.iter().map(|one| (one.request.request_id.as_str(), one.request)).collect();
        let members = gathered.members.iter().enumerate().filter_map(|(place, member)| {
            let request = requests.get(member.request_id.as_str())?;
            let rows = || member.found.rows.values().flatten();
            let own = rows().filter(|row| row.standing == super::found::Standing::Own).count();
            Some(MemberPlan {
                request_id: member.request_id.clone(),
                received_at: request.received_at.trunc_subsecs(0),
                due_at: request.due_at(),
                group: member.group,
                own: own as u64,
                shared: (rows().count() - own) as u64,
                kept: self.kept_of.remove(&place).unwrap_or_default(),
            })
        });
        members.collect()
    }

    fn into_plan(
        mut self,
        gathered: &Gathered,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        leaks: Vec<PlanLeak>,
    ) -> Plan {
        let members = self.members(gathered);
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
        let (input, request) = (self.input, self.request);
        let ground = Ground { catalog: input.catalog, graph: self.graph, sources: input.sources };
        let datasets = searched(ground, &self.found, &unreachable);
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
                request_id: if members.is_empty() { &request.request_id } else { &input.request_id }.clone(),
                kind: request.kind.as_str().to_owned(),
                ground: request.ground.code().to_owned(),
                received_at: members
                    .iter()
                    .map(|member| member.received_at)
                    .min()
                    .unwrap_or_else(|| request.received_at.trunc_subsecs(0)),
                due_at: members.iter().map(|member| member.due_at).min().unwrap_or_else(|| request.due_at()),
                found_digest: gathered.digest(),
                identities_given: self.found.given.len() as u64,
                identities_derived: self.found.derived.len() as u64,
                datasets,
                kept: self.kept,
                beyond: self.beyond,
                group_items: if members.is_empty() { Vec::new() } else { self.group_items },
                members,
                replays: request.replays.clone(),
            }),
        }
    }
}

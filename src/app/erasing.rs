//! Planning a request, and making its approved plan ready: the second planner over the one executor.
//!
//! Floor 7. What is carried out is compiled from what was found when the plan was drafted, whose keyed digest
//! is in the plan: nobody is searched again, so a run that was interrupted goes on although the rows that
//! led to others are gone.

use super::requests::argument;
use super::{App, AppError, PlanStanding};
use crate::erasure::compile;
use crate::erasure::found::Found;
use crate::erasure::gathered::{Gathered, Member};
use crate::erasure::graph::Graph;
use crate::erasure::planner::{Asking, Drafted, RequestInput, draft, executable, reach_of};
use crate::erasure::request::Request;
use crate::hold::HoldRegister as _;
use crate::ledger::RequestEvent;
use crate::plan::approval::CompileError;
use crate::plan::compile::{ExecutableItem, Surroundings};
use crate::plan::executable::ExecutablePlan;
use crate::plan::staleness::known_stale_reasons;
use crate::plan::store::PlanStore as _;
use crate::plan::world::World;
use crate::plan::{ApprovedPlan, FindingSeverity, Plan, RequestPlan, Search, digest};
use anyhow::Context as _;

impl App {
    /// Finds the person of a verified request over all stores, and drafts a plan. Reads only.
    ///
    /// # Errors
    /// When the identity is not verified, the request has ended, or what is found passes every bound.
    pub async fn erase_plan(
        &self,
        reference: &str,
        author: Option<String>,
    ) -> Result<PlanStanding, AppError> {
        self.settle_requests().await?;
        let request = self.request(reference).await?;
        request.may_be_planned()?;
        let given = self.ledger.request_identities(&request.request_id).await?;
        let mut given = given.ok_or_else(|| argument("the identities of the request are destroyed", None))?;
        let before = self.last_found(&request.request_id).await?;
        let renewal = self.renewal(&request, &mut given, before.as_ref()).await?;
        let person = Asking { request: &request, given, before: before.as_ref(), renewal };
        let drafted = self.drafted(vec![person], author).await?;
        let plan = drafted.plan.context("a request alone has a plan")?;
        self.keep_plan(&plan, &drafted.found, vec![request]).await?;
        self.standing(plan).await
    }

    /// Finds the persons and drafts one plan for all of them.
    pub(super) async fn drafted(
        &self,
        persons: Vec<Asking<'_>>,
        author: Option<String>,
    ) -> Result<Drafted, AppError> {
        let now = self.now();
        let sources = self.sources().await?;
        let book = self.ledger.book().await?;
        let mut found_key = [0; 32];
        self.environment.ids.fill(&mut found_key)?;
        let author = author.or_else(|| self.settings.author.clone());
        let clock_doubt = match self.guard_clock().await {
            Ok(()) => None,
            Err(error @ (AppError::ClockBehind { .. } | AppError::ClockDoubtful { .. })) => {
                Some(error.to_string())
            }
            Err(error) => return Err(error),
        };
        Ok(draft(RequestInput {
            catalog: &self.catalog,
            sources: &sources,
            holds: &book,
            persons,
            found_key,
            now,
            valid_for: self.validity(now)?,
            plan_id: self.environment.ids.new_id("plan")?,
            request_id: self.environment.ids.new_id("together")?,
            author: author.unwrap_or_else(|| "unnamed".to_owned()),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            clock_doubt,
        })
        .await?)
    }

    /// Keeps a plan with what it is bound to, and notes it at its requests.
    pub(super) async fn keep_plan(
        &self,
        plan: &Plan,
        found: &Gathered,
        requests: Vec<Request>,
    ) -> Result<(), AppError> {
        self.ledger.save_plan(plan, &plan.canonical(), &plan.digest()).await?;
        let found: Vec<_> =
            found.members.iter().map(|member| (member.request_id.as_str(), &member.found)).collect();
        self.ledger.keep_found(&plan.plan_id, &found).await?;
        let event = RequestEvent { at: plan.drafted_at, event: "planned".to_owned(), note: None };
        let mut planned = Vec::with_capacity(requests.len());
        for mut request in requests {
            request.plan()?;
            planned.push(request);
        }
        let planned: Vec<_> = planned.iter().map(|request| (request, &event)).collect();
        Ok(self.ledger.update_requests(&planned).await?)
    }

    /// Where nobody looked for the person although something of theirs may be there: a store was away, or a dataset
    /// knows people only by what is not known of this one.
    #[must_use]
    pub fn not_looked_at<'a>(&self, plan: &'a Plan) -> Vec<&'a str> {
        let knows_people =
            |name: &str| self.catalog.dataset(name).is_some_and(|dataset| !dataset.subject.is_empty());
        let datasets = plan.request.iter().flat_map(|request| &request.datasets);
        let left = datasets.filter(|searched| match searched.search {
            Search::NotReached { .. } => true,
            Search::NotSearched => knows_people(&searched.dataset),
            Search::Found { .. } | Search::NothingFound => false,
        });
        left.map(|searched| searched.dataset.as_str()).collect()
    }

    /// What the last plan of the request that was begun found: its values still lead on.
    pub(super) async fn last_found(&self, request_id: &str) -> Result<Option<Found>, AppError> {
        match self.last_run(request_id).await? {
            Some((plan_id, _)) => Ok(self.ledger.found(&plan_id, request_id).await?),
            None => Ok(None),
        }
    }

    /// Refuses to begin a run for a request that waits for none, or by a plan that is not its newest.
    pub(super) async fn request_may_begin(&self, plan: &Plan) -> Result<(), AppError> {
        if plan.request.is_none() {
            return Ok(());
        }
        for mut request in self.ledger.requests_of_plan(&plan.plan_id).await? {
            request.begin()?;
        }
        if self.ledger.is_newest_plan(&plan.plan_id).await? {
            return Ok(());
        }
        Err(argument(
            "a newer plan was drafted for the same request",
            Some("approve and apply that one; `oubliette requests show REQUEST` names it"),
        ))
    }

    /// Refuses the plan of a request that no longer fits, as far as its records are not bound by key.
    pub(super) async fn refuse_stale_request(&self, plan: &Plan) -> Result<(), AppError> {
        let catalog_digest = digest::of_catalog(&self.catalog);
        let revision = self.ledger.revision().await?;
        let reasons = known_stale_reasons(plan, &catalog_digest, revision, self.now());
        if reasons.is_empty() { Ok(()) } else { Err(AppError::Stale(reasons)) }
    }

    /// Notes that a run of the requests was begun; going on with one changes nothing.
    pub(super) async fn requests_begin(&self, plan: &Plan) -> Result<(), AppError> {
        let event = RequestEvent { at: self.now(), event: "running".to_owned(), note: None };
        let mut begun = Vec::new();
        for before in self.ledger.requests_of_plan(&plan.plan_id).await? {
            let mut request = before.clone();
            request.begin()?;
            if request != before {
                begun.push(request);
            }
        }
        let begun: Vec<_> = begun.iter().map(|request| (request, &event)).collect();
        Ok(self.ledger.update_requests(&begun).await?)
    }

    /// Compiles the approved plan of a request from what was found when it was drafted.
    pub(super) async fn prepare_request(&self, approved: ApprovedPlan) -> Result<ExecutablePlan, AppError> {
        let plan = approved.plan();
        if digest::of_catalog(&self.catalog) != plan.catalog_digest {
            return Err(CompileError::CatalogChanged.into());
        }
        let world = self.world().await?;
        let items = self.request_items(plan, &world, Strictness::AsApproved).await?;
        Ok(ExecutablePlan::of_request(approved, items)?)
    }

    /// The items of a request's plan, for looking at what became of a batch whatever has changed since.
    pub(super) async fn observable_request(&self, plan: &Plan) -> Result<Vec<ExecutableItem>, AppError> {
        let world = self.world().await?;
        self.request_items(plan, &world, Strictness::ForLooking).await
    }

    async fn request_items(
        &self,
        plan: &Plan,
        world: &World,
        strictness: Strictness,
    ) -> Result<Vec<ExecutableItem>, AppError> {
        let found = self.found_of(plan).await?;
        let request = self.first_request(plan).await?;
        let targets = self.catalog.targets(plan.as_of);
        let around = Surroundings {
            catalog: &self.catalog,
            world,
            targets: &targets,
            as_of: plan.as_of,
            drafted_at: plan.drafted_at,
        };
        let graph = Graph::of(&self.catalog, world);
        let mut compiled = Vec::with_capacity(plan.items.len());
        let mut counts = Vec::new();
        for group in 0..found.groups() {
            let items = compile::items(&around, &graph, &found.whole(group), reach_of(&request));
            counts.push(u32::try_from(items.len()).unwrap_or(u32::MAX));
            compiled.extend(items);
        }
        let planned = request_of(plan)?;
        let is_same_groups = planned.members.is_empty() || planned.group_items == counts;
        if compiled.len() != plan.items.len() || !is_same_groups {
            return Err(unlike(plan, world));
        }
        let mut items = Vec::with_capacity(compiled.len());
        for (planned, item) in plan.items.iter().zip(compiled) {
            let dataset = planned.dataset.clone();
            if item.dataset != planned.dataset
                || item.rule.policy != planned.rule.policy
                || item.rule.rule != planned.rule.rule
                || item.disposition != planned.disposition
                || item.part != planned.part
            {
                return Err(CompileError::CatalogChanged.into());
            }
            if strictness == Strictness::AsApproved {
                if item.schema_digest != planned.schema_digest {
                    return Err(CompileError::SchemaChanged { dataset }.into());
                }
                if item.cutoff != planned.cutoff {
                    let rule = planned.rule.rule.clone();
                    return Err(CompileError::CutoffChanged { rule, dataset }.into());
                }
                let against = item.findings.iter().find(|one| one.severity == FindingSeverity::Refusal);
                if let Some(finding) = against {
                    let (rule, reason) = (planned.rule.rule.clone(), finding.message.clone());
                    return Err(CompileError::Refused { rule, dataset, reason }.into());
                }
            }
            items.push(executable(&around, planned, item));
        }
        Ok(items)
    }

    /// What was found for the plan, if it is what was approved.
    pub(super) async fn found_of(&self, plan: &Plan) -> Result<Gathered, AppError> {
        let planned = request_of(plan)?;
        let mut found = self.ledger.found_of_plan(&plan.plan_id).await?;
        let mut take =
            |request_id: &str| found.remove(request_id).context("what was found for the plan is destroyed");
        let gathered = if planned.members.is_empty() {
            Gathered::of_one(planned.request_id.clone(), take(&planned.request_id)?)
        } else {
            let members = planned.members.iter().map(|member| {
                let (request_id, group) = (member.request_id.clone(), member.group);
                anyhow::Ok(Member { found: take(&request_id)?, request_id, group })
            });
            Gathered { members: members.collect::<Result<_, _>>()? }
        };
        if gathered.digest() == planned.found_digest {
            Ok(gathered)
        } else {
            Err(AppError::PlanDamaged { plan_id: plan.plan_id.clone() })
        }
    }

    /// The request of the plan; of several the first, which reaches what the others do.
    pub(super) async fn first_request(&self, plan: &Plan) -> Result<Request, AppError> {
        let first = request_of(plan)?.request_ids().first().map(|id| (*id).to_owned());
        self.request(&first.context("the plan is for no request")?).await
    }
}

/// Why the items cannot be those of the plan: a dataset that cannot be read has none.
fn unlike(plan: &Plan, world: &World) -> AppError {
    let lost = plan.items.iter().find(|item| world.shape(&item.dataset).is_none());
    let Some(item) = lost else { return CompileError::CatalogChanged.into() };
    let reason = world.unreachable().get(&item.dataset);
    let reason = reason.map_or("its store is not open", |lost| lost.reason.as_str()).to_owned();
    CompileError::Unreachable { dataset: item.dataset.clone(), reason }.into()
}

/// How much must be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    AsApproved,
    ForLooking,
}

pub(super) fn request_of(plan: &Plan) -> anyhow::Result<&RequestPlan> {
    plan.request.as_ref().context("the plan is for no request")
}
